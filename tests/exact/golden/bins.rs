//! Doane edges, sums and deciles against numpy.

use serde_json::Value;
use vigie::stats;

use super::agreement::{drawn, golden, present};

#[test]
fn doane_edges_and_pairwise_sums_are_those_of_numpy_to_the_bit() {
    let independent = golden("independent.json");
    for case in independent["doane"].as_array().unwrap() {
        let values = drawn(case);
        let named = |name: &str| case[name].as_f64().unwrap();
        let (n, shape) = (&case["n"], &case["shape"]);
        assert_eq!(stats::pairwise_sum(&values), named("sum"), "sum of {n} {shape}");
        assert_eq!(stats::population_deviation(&values), Ok(named("deviation")), "{n} {shape}");
        assert_eq!(stats::doane_edges(&values).unwrap(), present(&case["edges"]), "{n} {shape}");
    }
}

#[test]
fn doane_edges_are_those_of_the_peer_to_the_bit() {
    let column = &golden("vectors.json")["univariate_continuous"];
    let edges = stats::doane_edges(&present(&column["reference"])).unwrap();
    assert_eq!(edges, present(&column["methods"]["jensen_shannon"]["bins"]));
}

#[test]
fn decile_cuts_are_those_of_numpy() {
    let independent = golden("independent.json");
    for case in independent["deciles"].as_array().unwrap() {
        let cuts = stats::decile_cuts(&drawn(case)).unwrap();
        assert_eq!(cuts, present(&case["cuts"]), "{}", Value::clone(&case["shape"]));
    }
}
