//! How loans are repaid, and the model that predicts it.
//!
//! The true probability is the logistic function of merit times how well merit shows, less the cost of a burden that
//! nobody declares. The model knows all of it but the burden, which it averages over. So in the reference world its
//! score is the exact probability given the features: calibrated by construction, in every corner of the features.

use super::applicant::{Applicant, Channel, Region};

/// Share of the applicants with a burden that they do not declare; independent of all features.
pub(super) const UNDECLARED_SHARE: f64 = 0.25;
/// What such a burden takes off the log-odds of repayment.
const UNDECLARED_COST: f64 = 1.2;

/// What stands in for an income that is not stated. In the truth too: who states none repays like somebody with
/// this one. Where the income was stated and got lost upstream, the truth keeps the true one and only the model errs.
const STAND_IN_INCOME: f64 = 36_000.0;
/// The same for the years of employment.
const STAND_IN_EMPLOYMENT: f64 = 4.0;

/// The probability of repayment given the features.
///
/// `concept` 0 is the reference world and 1 the drifted one; see [`Conditions::concept`](super::Conditions).
pub(super) fn repayment_probability(applicant: &Applicant, concept: f64, undeclared: bool) -> f64 {
    let cost = if undeclared { UNDECLARED_COST } else { 0.0 };
    logistic(log_odds(applicant, concept) - cost)
}

/// The same where nobody knows of the undeclared burden: its average.
pub(super) fn expected_probability(applicant: &Applicant, concept: f64) -> f64 {
    let log_odds = log_odds(applicant, concept);
    (1.0 - UNDECLARED_SHARE) * logistic(log_odds)
        + UNDECLARED_SHARE * logistic(log_odds - UNDECLARED_COST)
}

fn log_odds(applicant: &Applicant, concept: f64) -> f64 {
    let income = applicant.income.unwrap_or(STAND_IN_INCOME);
    let employment = applicant.employment_years.unwrap_or(STAND_IN_EMPLOYMENT);
    let instalments = 12.0 * applicant.loan_amount / f64::from(applicant.loan_length);
    // 0 for a typical burden: yearly instalments and interest on older debt are 15 % of the income.
    let ease = -libm::log((instalments + 0.25 * applicant.debt) / income / 0.15);
    let steadiness = libm::log1p(employment) - libm::log1p(STAND_IN_EMPLOYMENT);
    let maturity = (f64::from(applicant.age) - 44.0) / 12.0;
    let place = match applicant.region {
        Region::North => 0.2,
        Region::South => -0.2,
        Region::East | Region::West => 0.0,
        Region::Islands => -0.4,
    };
    // The interaction that makes some applicants harder: without a repaid loan, and even more with a broker who
    // dresses the application up, the same merit says far less.
    let evidence = if applicant.previously_repaid {
        2.2
    } else {
        0.6
    };
    let clarity = if applicant.channel == Channel::Broker {
        0.6 * evidence
    } else {
        evidence
    };
    let merit = 1.2 * ease + 0.7 * steadiness + 0.3 * maturity + place;
    let reference = 0.9 + clarity * merit;
    if concept == 0.0 {
        return reference;
    }
    // A downturn: old jobs go first, so a long employment no longer protects; age and a light burden help less.
    let merit = 0.8 * ease + 0.1 * maturity + place;
    let drifted = 0.4 + clarity * merit;
    reference + (drifted - reference) * concept
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// A deployed model: its score is the probability of repayment given the features, as it was when it was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name in events.
    pub name: String,
    /// Its version in events.
    pub version: String,
    /// The concept that it was trained under, see [`Conditions::concept`](super::Conditions); 0 is the reference
    /// world. A challenger trained on the drifted world is well calibrated there.
    pub concept: f64,
    /// The least score at which it predicts repayment.
    pub threshold: f64,
}

impl Default for Model {
    /// `car-loan`, version `1`, trained on the reference world, threshold 0.5.
    fn default() -> Self {
        Self {
            name: "car-loan".to_owned(),
            version: "1".to_owned(),
            concept: 0.0,
            threshold: 0.5,
        }
    }
}

impl Model {
    /// The probability that the model states for these features.
    pub fn score(&self, features: &Applicant) -> f64 {
        expected_probability(features, self.concept)
    }

    /// What the model predicts at this score: repaid or not.
    pub fn predicts(&self, score: f64) -> bool {
        score >= self.threshold
    }
}
