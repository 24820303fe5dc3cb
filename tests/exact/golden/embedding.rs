//! Reconstruction error of vectors against scikit-learn.

use serde_json::Value;
use vigie::metric::Metric;
use vigie::profile::Values;
use vigie::window::Figure;

use super::agreement::{Agreement, golden, numbers, size};
use crate::features::{Feature, fold, length, plan, profile};

#[test]
fn distances_of_vectors_are_those_of_scikit_learn() {
    let case = golden("embedding.json");
    let rows = case["rows"].as_array().unwrap().iter();
    let list = |row: &Value| {
        let numbers = row.as_array().map(|_| numbers(row))?;
        Some(numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect())
    };
    let features = vec![("text".to_owned(), Feature::Vectors(rows.map(list).collect()))];
    let (reference, window) = (size(&case["reference_rows"]), size(&case["window_rows"]));
    let whole = Metric::ReconstructionError;
    let plan = plan(profile(&features, whole, reference, window), whole);
    let Values::Embedding(found) = &plan.profile().columns[0].values else { unreachable!() };
    let residual = found.space.as_ref().unwrap().residual.as_ref().unwrap();
    assert_eq!(residual.components, size(&case["components"]));
    assert_eq!((found.dimensions, found.malformed), (12, 3));
    let mut agreement = Agreement::within(1e-11, "scikit-learn PCA of vectors");
    for (index, from) in (0..length(&features)).step_by(window).enumerate() {
        let reading = if from < reference {
            plan.profile().windows[index].reading.clone()
        } else {
            fold(&plan, &features, from, from + window).evaluate(&plan)
        };
        let figures = plan.figures(&reading, None);
        let of = |metric: Metric| {
            let of = |figure: &&Figure| figure.metric == metric;
            let mut found = figures.iter().filter(of);
            let one = found.next().unwrap();
            assert!(found.next().is_none(), "one figure an embedding: {figures:?}");
            assert_eq!(one.column_name.as_deref(), Some("text"));
            one
        };
        let wanted = &case["windows"][index];
        let drift = of(Metric::ReconstructionError);
        for (ours, theirs) in [
            (drift.value, &wanted["value"]),
            (drift.sampling_error, &wanted["sampling_error"]),
            (drift.lower_threshold, &case["lower_threshold"]),
            (drift.upper_threshold, &case["upper_threshold"]),
            (of(Metric::MissingRate).value, &wanted["missing_rate"]),
            (of(Metric::OutOfRangeRate).value, &wanted["out_of_range_rate"]),
        ] {
            agreement.check_optional(ours, theirs.as_f64());
        }
        assert_eq!(drift.breach, Some(index == 7), "{drift:?}");
    }
}
