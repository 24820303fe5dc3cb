//! The domain classifier against that of `NannyML`.

use vigie::metric::{Kind, Metric};

use super::agreement::{golden, present, size};
use super::reconstruction::features;
use crate::features::{fold, length, plan, profile};

/// Other trees on other folds give another curve: within 0.02 for windows of 1,000 rows beside 4,000. With 500 rows
/// beside 1,000, as the reference's own windows have here, the curve's own error is half as much again.
const WITHIN: f64 = 0.03;

#[test]
fn windows_are_told_apart_as_well_as_the_peer_does() {
    let case = golden("classifier.json");
    let features = features(&case);
    let (reference, window) = (size(&case["reference_rows"]), size(&case["window_rows"]));
    let of = Metric::DomainClassifier;
    let plan = plan(profile(&features, of, reference, window), of);
    let areas = present(&case["roc_auc"]);
    let breaches = case["breach"].as_array().unwrap();
    let names = case["windows"].as_array().unwrap();
    let mut named = Vec::new();
    for (index, from) in (0..length(&features)).step_by(window).enumerate() {
        let reading = if from < reference {
            plan.profile().windows[index].reading.clone()
        } else {
            fold(&plan, &features, from, from + window).evaluate(&plan)
        };
        let figures = plan.figures(&reading, None);
        let (drift, diagnosis): (Vec<_>, Vec<_>) = figures
            .iter()
            .filter(|figure| figure.metric == of)
            .partition(|figure| figure.kind == Kind::Drift);
        let apart = (drift[0].value.unwrap() - areas[index]).abs();
        println!("{}: {:?} there {}", names[index], drift[0].value, areas[index]);
        assert!(apart < WITHIN, "{}: {apart}", names[index]);
        assert_eq!(drift[0].breach, breaches[index].as_bool(), "{}", names[index]);
        if let Some(first) = diagnosis.first() {
            named.push((names[index].as_str().unwrap(), first.column_name.clone().unwrap()));
        }
    }
    // What was done to each of them.
    let wanted = [("moved", "first"), ("new label, more missing", "first")];
    for (window, column) in wanted {
        assert!(named.contains(&(window, column.to_owned())), "{named:?}");
    }
    assert_eq!(named.len(), 3, "{named:?}");
}
