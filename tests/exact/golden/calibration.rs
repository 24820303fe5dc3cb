//! Isotonic regression, splits, calibration error and the decision to calibrate.

use serde_json::Value;
use vigie::stats::{Calibrator, ShuffleSplit, expected_calibration_error, needs_calibration};

use super::agreement::{Agreement, drawn, draws, golden, present, size};

fn targets(list: &Value) -> Vec<bool> {
    present(list).into_iter().map(|target| target == 1.0).collect()
}

#[test]
fn the_peers_calibration_is_ours() {
    let binary = &golden("vectors.json")["binary"];
    let scores = present(&binary["reference"]["p"]);
    let targets = targets(&binary["reference"]["y_true"]);
    let calibrator = Calibrator::fit(&scores, &targets).unwrap();
    let (x, y): (Vec<f64>, Vec<f64>) = calibrator.knots().unzip();
    assert_eq!(x, present(&binary["isotonic"]["x"]));
    let mut levels = Agreement::within(1e-15, "NannyML isotonic levels");
    for (&ours, theirs) in y.iter().zip(present(&binary["isotonic"]["y"])) {
        levels.check(ours, theirs);
    }
    let mut calibrated = Agreement::within(1e-15, "NannyML calibrated scores");
    let asked = present(&binary["analysis"]["p"]);
    for (score, theirs) in asked.into_iter().zip(present(&binary["calibrated_analysis"])) {
        calibrated.check(calibrator.calibrate(score), theirs);
    }
    let mut error = Agreement::within(1e-13, "NannyML calibration error");
    let ours = expected_calibration_error(&scores, &targets, 10).unwrap();
    error.check(ours, binary["calibration_error"].as_f64().unwrap());
    let needed = binary["needs_calibration"].as_bool().unwrap();
    assert_eq!(needs_calibration(&scores, &targets), Ok(needed));
}

#[test]
fn isotonic_regression_is_that_of_scikit_learn() {
    let independent = golden("independent.json");
    let mut agreement = Agreement::within(1e-14, "scikit-learn isotonic regression");
    for case in independent["isotonic"].as_array().unwrap() {
        let scores = drawn(case);
        let greatest = scores.iter().copied().fold(0.0, f64::max);
        let n = scores.len();
        let outcomes = draws(case["target_seed"].as_u64().unwrap(), n, "uniform");
        let targets: Vec<bool> =
            outcomes.iter().zip(&scores).map(|(&u, score)| u < score / greatest).collect();
        let calibrator = Calibrator::fit(&scores, &targets).unwrap();
        assert_eq!(
            calibrator.knots().map(|knot| knot.0).collect::<Vec<f64>>(),
            present(&case["scores"])
        );
        for (knot, theirs) in calibrator.knots().zip(present(&case["probabilities"])) {
            agreement.check(knot.1, theirs);
        }
        let asked = draws(case["asked_seed"].as_u64().unwrap(), 40, "uniform");
        for (u, theirs) in asked.into_iter().zip(present(&case["calibrated"])) {
            agreement.check(calibrator.calibrate(u * 1.5 * greatest - 0.2), theirs);
        }
    }
}

#[test]
fn splits_are_those_of_scikit_learn_row_for_row() {
    let rows = |list: &Value| list.as_array().unwrap().iter().map(size).collect::<Vec<usize>>();
    let independent = golden("independent.json");
    for case in independent["splits"].as_array().unwrap() {
        let (n, positives) = (size(&case["n"]), size(&case["positives"]));
        let targets: Vec<bool> = (0..n).map(|row| row * 17 % n < positives).collect();
        let seed = u32::try_from(case["seed"].as_u64().unwrap()).unwrap();
        let splits: Vec<_> = ShuffleSplit::try_new(&targets, seed).unwrap().take(10).collect();
        let tests = case["tests"].as_array().unwrap();
        for (split, theirs) in splits.iter().zip(tests) {
            assert_eq!(split.test, rows(theirs), "{n} rows");
        }
        assert_eq!(splits[0].train, rows(&case["first_train"]));
        assert_eq!(splits[9].train, rows(&case["last_train"]));
    }
}

#[test]
fn the_decision_to_calibrate_is_that_of_the_peer() {
    let vectors = golden("vectors.json");
    for case in vectors["calibration_decisions"].as_array().unwrap() {
        let n = size(&case["n"]);
        let seed = |i: usize| case["seeds"][i].as_u64().unwrap();
        let (us, outcomes) = (draws(seed(0), n, "uniform"), draws(seed(1), n, "uniform"));
        let kind = case["kind"].as_str().unwrap();
        let (scores, targets): (Vec<f64>, Vec<bool>) = us
            .iter()
            .zip(outcomes)
            .map(|(&u, outcome)| match kind {
                "cubed" => (u * u * u, outcome < u),
                "true" => (u, outcome < u),
                "halved" => (u / 2.0 + 0.25, outcome < u),
                "separated" => (u, u > 0.5),
                other => panic!("no kind `{other}`"),
            })
            .unzip();
        let theirs = case["needed"].as_bool().unwrap();
        assert_eq!(needs_calibration(&scores, &targets), Ok(theirs), "{n} rows, {kind}");
    }
}
