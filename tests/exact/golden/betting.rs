//! What bets against a reference win, against numpy and scipy.

use serde_json::Value;
use vigie::stats::{CallBets, Calls, CellBets};

use super::agreement::{golden, present, size};

const WITHIN: f64 = 1e-9;

fn agrees(found: f64, case: &Value) {
    let wanted = case["logarithm"].as_f64().unwrap();
    assert!((found - wanted).abs() <= WITHIN * wanted.abs().max(1.0), "{found} there {wanted}");
}

fn counts(of: &Value) -> Vec<u64> {
    of.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

#[test]
fn bets_win_what_they_win_row_by_row() {
    let cases = golden("betting.json");
    for case in cases["ordered"].as_array().unwrap() {
        let tolerance = case["tolerance"].as_f64().unwrap();
        let missing = case["missing"].as_u64();
        let bets = CellBets::ordered(&counts(&case["counts"]), missing, tolerance).unwrap();
        agrees(bets.evidence(&counts(&case["window"])), case);
    }
    for case in cases["unordered"].as_array().unwrap() {
        let tolerance = case["tolerance"].as_f64().unwrap();
        let bets = CellBets::unordered(&counts(&case["counts"]), tolerance).unwrap();
        agrees(bets.evidence(&counts(&case["window"])), case);
    }
    for case in cases["calls"].as_array().unwrap() {
        let tolerance = case["tolerance"].as_f64().unwrap();
        let (hits, rows) = (size(&case["hits"]) as f64, size(&case["rows"]) as f64);
        let bets = CallBets::new(hits, rows, tolerance).unwrap();
        let mut calls = Calls::default();
        for (probability, came) in
            present(&case["probabilities"]).into_iter().zip(counts(&case["came"]))
        {
            bets.add(&mut calls, came == 1, probability);
        }
        agrees(CallBets::evidence(&calls), case);
    }
}
