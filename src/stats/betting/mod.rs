//! Tests that may be looked at at any time: bets against the reference, whose wealth grows where something has changed.
//!
//! Whoever bets `1 + stake * payoff` on each row, with a payoff that under the reference is not above zero in the mean, has a
//! wealth that in the mean does not grow: an e-process. By Ville's inequality the chance that it ever reaches `1 / alpha` is
//! at most `alpha`, however often and whenever one looks (Ville 1939; Shafer 2021; Waudby-Smith and Ramdas 2024; Ramdas et
//! al. 2023). The stakes are a fixed grid, of both signs, and the wealth is their mean; so its logarithm for one stake is a
//! sum over rows, which does not depend on their order, and parts are merged.
//!
//! What the reference knows only so well is allowed for: each bet pays a slack, see [`slack`].

mod calls;
mod cells;

pub use self::calls::{CallBets, Calls};
pub use self::cells::CellBets;

/// What is staked of the wealth, on either side: a factor of two between them loses less than a fifth of the growth that the
/// best stake would have.
const STAKES: [f64; 5] = [0.05, 0.1, 0.2, 0.4, 0.8];
/// The reference's mean is known to so many of its standard errors.
const ERRORS: f64 = 3.0;

/// What a bet pays for not knowing the mean of a payoff exactly: three standard errors of the reference (with the term of
/// Bernstein's inequality where it is rare), and a share of the payoff's standard deviation within which nobody wants to
/// hear of it.
fn slack(deviation: f64, rows: f64, tolerance: f64) -> f64 {
    ERRORS * deviation / rows.sqrt() + ERRORS * ERRORS / rows + tolerance * deviation
}

/// The stakes of both sides. They are so small that no wealth is ever lost entirely: payoffs are at most 1, and so is what
/// `1 + slack` times the greatest stake takes away.
fn stakes(slack: f64) -> impl Iterator<Item = f64> {
    STAKES.into_iter().flat_map(move |stake| {
        let stake = stake / (1.0 + slack);
        [stake, -stake]
    })
}

/// The logarithm of what a bet leaves of a wealth of 1.
fn bet(stake: f64, payoff: f64, slack: f64) -> f64 {
    libm::log1p(stake * payoff - stake.abs() * slack)
}

/// The logarithm of the mean of wealths, from their logarithms; 0 of none: nobody bets.
fn mean_wealth(logarithms: &[f64]) -> f64 {
    let Some(greatest) = logarithms.iter().copied().max_by(f64::total_cmp) else { return 0.0 };
    let sum: f64 = logarithms.iter().map(|of| libm::exp(of - greatest)).sum();
    greatest + libm::log(sum / logarithms.len() as f64)
}

#[cfg(test)]
mod simulation;
