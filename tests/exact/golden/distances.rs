//! Distances of counts and of distributions against scipy and numpy.

use serde_json::Value;
use vigie::stats::{self, DistinctValues, NewCategories};

use super::agreement::{Agreement, counts, drawn, draws, golden, size};
use super::counting::{around, on_grid};

#[test]
fn distances_of_counts_are_those_of_scipy() {
    let independent = golden("independent.json");
    // Near 0 against 60 digits, to 1e-16: there scipy itself has only noise (register B33).
    let mut jensen_shannon = Agreement::within(1e-12, "jensen_shannon").down_to(1e-4);
    let mut hellinger = Agreement::within(1e-12, "hellinger");
    let mut l_infinity = Agreement::within(1e-15, "l_infinity");
    let mut chi2 = Agreement::within(1e-12, "chi2");
    let mut p_value = Agreement::within(1e-10, "chi2 p-value").down_to(1e-300);
    let mut psi = Agreement::within(1e-12, "psi");
    for case in independent["counts"].as_array().unwrap() {
        let (reference, window) = (counts(&case["reference"]), counts(&case["window"]));
        let new = counts(&case["new"]);
        let new = NewCategories {
            distinct: new.len() as u64,
            rows: new.iter().sum(),
            largest: new.iter().copied().max().unwrap_or(0),
        };
        let theirs = |name: &str| case[name].as_f64().unwrap();
        let ours = stats::jensen_shannon(&reference, &window, new.rows).unwrap();
        jensen_shannon.check(ours, theirs("jensen_shannon"));
        let ours = stats::hellinger(&reference, &window, new.rows).unwrap();
        hellinger.check(ours, theirs("hellinger"));
        let ours = stats::l_infinity(&reference, &window, new).unwrap();
        l_infinity.check(ours, theirs("l_infinity"));
        let ours = stats::chi2(&reference, &window, new).unwrap();
        chi2.check(ours.statistic, theirs("chi2"));
        p_value.check(ours.p_value, theirs("p_value"));
        assert_eq!(ours.degrees_of_freedom as f64, theirs("degrees_of_freedom"));
        let other = |counts: &[u64], rows: u64| [counts, &[rows]].concat();
        let ours = stats::psi(&other(&reference, 0), &other(&window, new.rows)).unwrap();
        psi.check(ours, theirs("psi"));
    }
}

fn of_distributions(case: &Value) -> (Vec<f64>, Vec<f64>) {
    let given = &case["window"];
    let (seed, shape) = (given["seed"].as_u64().unwrap(), given["shape"].as_str().unwrap());
    let shift = case["shift"].as_f64().unwrap();
    let window = draws(seed, size(&given["n"]), shape).into_iter().map(|value| value + shift);
    (drawn(&case["reference"]), window.collect())
}

#[test]
fn exact_distances_of_distributions_are_those_of_scipy() {
    let independent = golden("independent.json");
    let mut kolmogorov_smirnov = Agreement::within(1e-15, "kolmogorov_smirnov");
    let mut wasserstein = Agreement::within(1e-12, "wasserstein");
    for case in independent["distributions"].as_array().unwrap() {
        let (reference, window) = of_distributions(case);
        let reference = DistinctValues::from_values(&reference).unwrap();
        let (cells, sums) = around(&window, &reference);
        let ours = stats::kolmogorov_smirnov(&reference, &cells).unwrap();
        kolmogorov_smirnov.check(ours, case["kolmogorov_smirnov"].as_f64().unwrap());
        let theirs = case["wasserstein"].as_f64().unwrap();
        let own = DistinctValues::from_values(&window).unwrap();
        let pairs = own.values().iter().copied().zip(own.counts().iter().copied());
        wasserstein.check(stats::wasserstein(&reference, pairs).unwrap(), theirs);
        let bounded = stats::wasserstein_from_gaps(&reference, &cells, &sums).unwrap();
        assert!((bounded.value - theirs).abs() <= bounded.bound + 1e-12, "{bounded:?} {theirs}");
    }
}

#[test]
fn distances_on_a_grid_are_those_of_the_peer_without_its_slips() {
    let independent = golden("independent.json");
    let mut kolmogorov_smirnov = Agreement::within(1e-12, "kolmogorov_smirnov on a grid (B29)");
    let mut wasserstein = Agreement::within(1e-12, "wasserstein on a grid (B31)");
    for case in independent["distributions"].as_array().unwrap() {
        let (reference, window) = of_distributions(case);
        let least = reference.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = reference.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let ends = stats::widened(least, greatest);
        let edges = stats::equal_width_edges(ends.0, ends.1, 25).unwrap();
        let (reference, _) = on_grid(&reference, &edges);
        let (inside, tails) = on_grid(&window, &edges);
        let ours = stats::kolmogorov_smirnov_binned(&reference, &inside, tails.below, tails.above)
            .unwrap();
        kolmogorov_smirnov.check(ours, case["kolmogorov_smirnov_25"].as_f64().unwrap());
        let ours = stats::wasserstein_binned(ends, &reference, &inside, tails).unwrap();
        wasserstein.check(ours, case["wasserstein_25"].as_f64().unwrap());
    }
}
