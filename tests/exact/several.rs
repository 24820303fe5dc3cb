//! Several classes: the laws of their states, and windows and references that are strange.

use std::collections::BTreeMap;
use std::slice;
use std::sync::{Arc, OnceLock};

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};
use proptest::test_runner::Config;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{FitError, Predicts, SegmentSpec, SeveralClasses, Spec, fit};
use vigie::metric::{ColumnKind, Kind, Metric, Problem};
use vigie::profile::{Beside, Placer, Profile, Provenance, Role, Split, WindowRule};
use vigie::stats::Threshold;
use vigie::window::{
    Awaited, Criteria, Figure, Labels, Method, Plan, Repeated, Status, WindowState,
};

use crate::world::uniform;

/// One row: the scores of the classes, what is predicted, what came to pass.
#[derive(Clone, Debug)]
struct Row {
    scores: Vec<Option<f64>>,
    predicted: Option<String>,
    target: Option<String>,
}

const CLASSES: [&str; 3] = ["10", "9", "100"];

/// A row of a steady world whose scores are calibrated.
fn row(index: u64) -> Row {
    let draw = |seed| uniform(seed, index);
    let a = (draw(1) * 60.0).round() / 100.0;
    let b = (draw(2) * (1.0 - a) * 100.0).round() / 100.0;
    let scores = [a, b, (1.0 - a - b).max(0.0)];
    let chance = draw(3);
    let target = if chance < a { 0 } else { 1 + usize::from(chance >= a + b) };
    let most = (0..3).max_by(|&i, &j| scores[i].total_cmp(&scores[j])).unwrap();
    Row {
        scores: scores.map(Some).into(),
        predicted: Some(CLASSES[most].to_owned()),
        target: Some(CLASSES[target].to_owned()),
    }
}

fn rows(count: u64) -> Vec<Row> {
    (0..count).map(row).collect()
}

fn batch(rows: &[Row]) -> Rows {
    let labels = |of: fn(&Row) -> Option<&str>| {
        let array: DictionaryArray<Int32Type> = rows.iter().map(of).collect();
        Column::new(Values::Labels(array))
    };
    let mut columns: Vec<Column> = (0..3)
        .map(|class| {
            let scores = rows.iter().map(|row| row.scores[class]);
            Column::new(Values::Numbers(scores.collect::<Float64Array>()))
        })
        .collect();
    columns.push(labels(|row| row.predicted.as_deref()));
    columns.push(labels(|row| row.target.as_deref()));
    Rows {
        offsets: (0..rows.len() as i64).collect(),
        times: None,
        columns,
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

fn try_fit(rows: &[Row], scores: &[&str]) -> Result<Profile, FitError> {
    fit(spec(scores), vec![batch(rows)])
}

fn spec(scores: &[&str]) -> Spec {
    let column = |name: &str, role, kind| (name.to_owned(), role, kind);
    let mut columns: Vec<_> =
        ["p0", "p1", "p2"].map(|name| column(name, Role::Score, ColumnKind::Continuous)).into();
    columns.push(column("prediction", Role::Prediction, ColumnKind::Categorical));
    columns.push(column("target", Role::Target, ColumnKind::Categorical));
    let scores = scores.iter().enumerate();
    Spec {
        model: "cards".to_owned(),
        version: String::new(),
        predicts: Predicts::Multiclass(SeveralClasses {
            scores: scores.map(|(at, class)| ((*class).to_owned(), format!("p{at}"))).collect(),
            ..SeveralClasses::default()
        }),
        rule: WindowRule::Size(500),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns,
        whole: Vec::new(),
        sampled: false,
        concept: false,
        segments: None,
        metrics: vec![("own_right".to_owned(), RIGHT.to_owned())],
        provenance: Provenance::default(),
    }
}

/// The same with a segment of the rows that are marked so.
fn fit_marked(rows: &[Row], marked: &[bool]) -> Profile {
    let marks = marked.iter().map(|&marked| Some(if marked { "yes" } else { "no" }));
    let marks = Column::new(Values::Labels(marks.collect()));
    let segments = SegmentSpec {
        splits: vec![Split::Columns(vec!["mark".to_owned()])],
        slices: false,
        beside: vec!["mark".to_owned()],
        told: vec![Beside { columns: vec![marks], conditions: Vec::new() }],
        min_rows: 100,
        max: 10,
        distributions: true,
    };
    fit(Spec { segments: Some(segments), ..spec(&CLASSES) }, vec![batch(rows)]).unwrap()
}

/// Whether a prediction is right.
const RIGHT: &str = "case when prediction = target then 1 else 0 end";

fn plan_of(profile: Profile) -> Plan {
    let performance = Metric::all()
        .filter(|metric| metric.serves(Problem::Multiclass) && !metric.serves(Problem::None));
    let criteria = Criteria {
        performance: performance.collect(),
        business_value: Some(vec![vec![1.0, -1.0, 0.0], vec![0.0, 2.0, -3.0], vec![-1.0; 3]]),
        rowwise: [("own_right".to_owned(), Threshold::THREE_SIGMA)].into(),
        min_rows: 1,
        whole: Vec::new(),
        ..Criteria::default()
    };
    Plan::new(Arc::new(profile), criteria)
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| plan_of(try_fit(&rows(2000), &CLASSES).unwrap()))
}

fn fold(plan: &Plan, rows: &[Row]) -> WindowState {
    let mut batch = batch(rows);
    batch.expected = plan.profile().expected(&batch.columns);
    batch.terms = plan.terms(&batch.columns, rows.len());
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&batch), 0, rows.len());
    state
}

fn bytes(state: &WindowState) -> Vec<u8> {
    minicbor::to_vec(state).unwrap()
}

/// The figures of a window by kind and name.
fn figures(rows: &[Row]) -> BTreeMap<(Kind, String), Figure> {
    let plan = plan();
    let found = plan.figures(&fold(plan, rows).evaluate(plan), None);
    let outputs = found.into_iter().filter(|figure| figure.column_name.is_none());
    outputs.map(|figure| ((figure.kind, figure.metric.to_string()), figure)).collect()
}

/// Rows of every kind: unknown classes, scores that are missing.
fn odd_rows() -> impl Strategy<Value = Vec<Row>> {
    let label = || prop::option::of(prop::sample::select(vec!["9", "10", "100", "strange"]));
    let row = (any::<[u16; 3]>(), prop::option::of(0..3usize), label(), label()).prop_map(
        |(shares, lost, predicted, target)| {
            let sum: f64 = shares.iter().map(|&share| f64::from(share)).sum::<f64>().max(1.0);
            let mut scores: Vec<Option<f64>> =
                shares.iter().map(|&share| Some(f64::from(share) / sum)).collect();
            if let Some(lost) = lost.filter(|_| shares[0] % 4 == 0) {
                scores[lost] = if shares[0] % 8 == 0 { None } else { Some(f64::NAN) };
            }
            let owned = |label: Option<&str>| label.map(str::to_owned);
            Row { scores, predicted: owned(predicted), target: owned(target) }
        },
    );
    prop::collection::vec(row, 0..60)
}

proptest! {
    #![proptest_config(Config::with_cases(100))]

    #[test]
    fn parts_merged_in_any_order_are_the_whole(mut rows in odd_rows(), cut in 0..60usize) {
        let plan = plan();
        let whole = fold(plan, &rows);
        let cut = cut.min(rows.len());
        let mut merged = fold(plan, &rows[cut..]);
        merged.merge(&fold(plan, &rows[..cut]), plan);
        prop_assert_eq!(bytes(&merged), bytes(&whole));
        rows.reverse();
        prop_assert_eq!(bytes(&fold(plan, &rows)), bytes(&whole));
        let text = |mut state: WindowState| {
            let reading = state.evaluate(plan);
            serde_json::to_string(&(&reading, plan.figures(&reading, None))).unwrap()
        };
        let again: WindowState = minicbor::decode(&bytes(&whole)).unwrap();
        prop_assert_eq!(&again, &whole);
        prop_assert_eq!(text(again), text(whole.clone()));
        prop_assert_eq!(text(merged), text(whole));
    }
}

#[test]
fn large_windows_are_the_same_whole_and_in_parts() {
    // More distinct scores than are kept apart.
    let plan = plan();
    let spread = |index| {
        let plain = row(index);
        let [a, b] = [uniform(7, index), uniform(8, index)].map(|draw| draw / 2.0);
        Row { scores: vec![Some(a), Some(b), Some(1.0 - a - b)], ..plain }
    };
    let rows: Vec<Row> = (0..40_000).map(spread).collect();
    let whole = fold(plan, &rows);
    let mut merged = WindowState::new(plan);
    for part in rows.chunks(rows.len() / 3 + 1).rev() {
        merged.merge(&fold(plan, part), plan);
    }
    assert_eq!(bytes(&merged), bytes(&whole));
    assert!(whole.bytes() < 16 << 20, "{} bytes", whole.bytes());
}

#[test]
fn classes_are_in_the_order_of_their_numbers() {
    let profile = plan().profile();
    let classes = &profile.several_classes().unwrap().classes;
    assert_eq!(
        classes.iter().map(|class| class.label.as_str()).collect::<Vec<_>>(),
        ["9", "10", "100"]
    );
    assert_eq!(classes[1].score.as_deref(), Some("p0"));
    let found = figures(&rows(500));
    let cells = found.keys().filter(|(kind, name)| {
        *kind == Kind::Estimated && name.starts_with("true_") && name.contains("_pred_")
    });
    assert_eq!(cells.count(), 9);
    assert!(found.values().all(|figure| figure.status == Status::Ok), "{found:?}");
}

#[test]
fn probabilities_are_calibrated_and_add_up_to_one() {
    let distorted = |index| {
        let plain = row(index);
        let squared: Vec<f64> =
            plain.scores.iter().map(|score| score.unwrap() * score.unwrap()).collect();
        let sum: f64 = squared.iter().sum();
        Row { scores: squared.iter().map(|score| Some(score / sum)).collect(), ..plain }
    };
    let rows: Vec<Row> = (0..4000).map(distorted).collect();
    let profile = try_fit(&rows, &CLASSES).unwrap();
    let classes = &profile.several_classes().unwrap().classes;
    assert!(classes.iter().any(|class| class.calibration.as_ref().unwrap().calibrator.is_some()));
    let Expected::Probabilities(expected) = profile.expected(&batch(&rows).columns) else {
        panic!("there are scores")
    };
    for row in 0..rows.len() {
        let sum: u64 = expected.iter().map(|class| class[row]).sum();
        assert!(sum.abs_diff(1 << 52) <= 3, "{sum}");
    }
    let [expected, realized] = [Kind::Estimated, Kind::Realized].map(|kind| {
        let plan = plan_of(profile.clone());
        let found = plan.figures(&fold(&plan, &rows).evaluate(&plan), None);
        let of = |figure: &&Figure| figure.kind == kind && figure.metric == Metric::Accuracy;
        found.iter().find(of).unwrap().value.unwrap()
    });
    assert!((expected - realized).abs() < 0.02, "{expected} {realized}");
}

#[test]
fn a_class_that_is_missing_in_a_window_has_no_curve_but_the_others_do() {
    let all = rows(900);
    let without: Vec<Row> =
        all.iter().filter(|row| row.target.as_deref() != Some("9")).cloned().collect();
    let found = figures(&without);
    let of = |kind, name: &str| &found[&(kind, name.to_owned())];
    assert_eq!(of(Kind::Realized, "roc_auc").status, Status::OneClass);
    for name in ["average_precision", "f1", "recall", "accuracy", "true_9_pred_9"] {
        assert_eq!(of(Kind::Realized, name).status, Status::Ok, "{name}");
    }
    assert_eq!(of(Kind::Realized, "true_9_pred_9").value, Some(0.0));
    assert_eq!(of(Kind::Estimated, "roc_auc").status, Status::Ok);
    let only: Vec<Row> =
        all.iter().filter(|row| row.target.as_deref() == Some("9")).cloned().collect();
    let found = figures(&only);
    let of = |name: &str| &found[&(Kind::Realized, name.to_owned())];
    for name in ["roc_auc", "average_precision", "f1", "specificity", "true_9_pred_9"] {
        assert_eq!(of(name).status, Status::OneClass, "{name}");
    }
    for name in ["accuracy", "business_value"] {
        assert_eq!(of(name).status, Status::Ok, "{name}");
    }
}

#[test]
fn strange_predictions_are_wrong_and_strange_targets_are_none() {
    let strange = Some("strange".to_owned());
    let mut some = rows(600);
    for row in &mut some[..200] {
        row.predicted.clone_from(&strange);
    }
    for row in &mut some[200..300] {
        row.target.clone_from(&strange);
    }
    let plain = figures(&rows(600)[300..]);
    let found = figures(&some);
    let value = |found: &BTreeMap<(Kind, String), Figure>, kind, name: &str| {
        found[&(kind, name.to_owned())].value.unwrap()
    };
    // Of 500 rows with a target 200 are predicted as no class, so they are wrong.
    let right = value(&plain, Kind::Realized, "accuracy") * 300.0;
    assert!((value(&found, Kind::Realized, "accuracy") - right / 500.0).abs() < 1e-12);
    assert!(
        value(&found, Kind::Estimated, "accuracy") < value(&plain, Kind::Estimated, "accuracy")
    );
    let cells: f64 = found
        .iter()
        .filter(|((kind, name), _)| *kind == Kind::Realized && name.starts_with("true_"))
        .map(|(_, figure)| figure.value.unwrap())
        .sum();
    assert_eq!(cells, 300.0);
    assert!(found.values().all(|figure| figure.value.is_none_or(f64::is_finite)));
}

#[test]
fn rows_without_all_scores_are_left_out_of_what_needs_them() {
    let mut some = rows(600);
    for row in &mut some[..100] {
        row.scores[1] = Some(f64::NAN);
    }
    for row in &mut some[100..200] {
        row.scores[2] = None;
    }
    let (found, rest) = (figures(&some), figures(&rows(600)[200..]));
    for name in ["roc_auc", "average_precision", "f1", "accuracy", "true_9_pred_10"] {
        let of = |found: &BTreeMap<(Kind, String), Figure>| {
            found[&(Kind::Estimated, name.to_owned())].value.map(f64::to_bits)
        };
        assert_eq!(of(&found), of(&rest), "{name}");
    }
    let empty = figures(&[]);
    assert!(empty.values().filter(|figure| figure.metric != Metric::Rows).all(|figure| {
        matches!(figure.status, Status::Empty | Status::NoTargets) && figure.breach.is_none()
    }));
}

#[test]
fn targets_that_come_late_count_as_those_that_came_with_the_rows() {
    let plan = plan();
    let all = rows(700);
    let without: Vec<Row> = all.iter().map(|row| Row { target: None, ..row.clone() }).collect();
    let mut state = fold(plan, &without);
    let mut awaited = Awaited::default();
    awaited.seal(&mut state, plan);
    let tell = |awaited: &mut Awaited, row: &Row, before: Option<&str>, after: Option<&str>| {
        // In the order of the classes: 9, 10, 100.
        let scores = [1, 0, 2].map(|class| row.scores[class].unwrap());
        let of_row = batch(slice::from_ref(row));
        let terms = plan.terms(&of_row.columns, 1);
        let terms: Vec<Option<f64>> = terms.iter().map(|term| Some(term[0])).collect();
        awaited.learn(
            plan,
            Labels {
                score: None,
                scores: &scores,
                predicted: row.predicted.as_deref(),
                before,
                after,
                lag: 5,
                segments: &[],
                terms: &terms,
                sample: None,
            },
        );
    };
    for (at, row) in all.iter().enumerate().rev() {
        let target = row.target.as_deref();
        if at % 7 == 0 {
            // Corrected, and taken back in between.
            tell(&mut awaited, row, None, Some("9"));
            tell(&mut awaited, row, Some("9"), None);
        }
        tell(&mut awaited, row, None, target);
        if at % 5 == 0 {
            tell(&mut awaited, row, target, None);
        }
    }
    let labelled = all.iter().enumerate();
    let known: Vec<Row> =
        labelled.filter(|(at, _)| at % 5 != 0).map(|(_, row)| row.clone()).collect();
    assert_eq!(awaited.targets(), known.len() as u64);
    let predicted = |rows: &[Row], class: Option<&str>| {
        rows.iter().filter(|row| row.predicted.as_deref() == class).count()
    };
    let told = awaited.told(plan).coverage_by_class;
    assert_eq!(told.keys().collect::<Vec<_>>(), ["10", "100", "9"]);
    for (class, coverage) in told {
        let of = |rows: &[Row]| predicted(rows, Some(&class)) as f64;
        assert_eq!(coverage, of(&known) / of(&all), "{class}");
    }
    let mut with_rows: Vec<Row> = all.clone();
    with_rows.iter_mut().step_by(5).for_each(|row| row.target = None);
    let mut with_rows = fold(plan, &with_rows);
    let (_, told) = with_rows.outcome(plan, &Repeated::default()).unwrap();
    assert_eq!(told.coverage_by_class, awaited.told(plan).coverage_by_class);
    let outcome = awaited.measure(plan).unwrap();
    let again: Awaited = minicbor::decode(&minicbor::to_vec(&awaited).unwrap()).unwrap();
    assert_eq!(again, awaited);
    let late = plan.realized_figures(700, &outcome, &awaited.estimated());
    let with = figures(&known);
    let is_by = |figure: &&Figure, method| figure.method == Some(method);
    let labelled = |figure: &&Figure| is_by(figure, Method::Labelled);
    assert!(late.iter().filter(labelled).count() >= 17);
    for figure in late.iter().filter(labelled) {
        let there = &with[&(Kind::Realized, figure.metric.to_string())];
        let bits = |figure: &Figure| (figure.value.map(f64::to_bits), figure.breach, figure.status);
        assert_eq!(bits(figure), bits(there), "{}", figure.metric);
    }
    // Those that have a target stand for all, by predicted class and score: with an error while some are missing...
    let stratified =
        |figure: &&Figure| is_by(figure, Method::PostStratified) && figure.kind == Kind::Realized;
    for figure in late.iter().filter(stratified) {
        assert!(figure.value.is_some() && figure.sampling_error > Some(0.0), "{figure:?}");
    }
    // ...and none once all are there: then it is their own value.
    for row in all.iter().step_by(5) {
        tell(&mut awaited, row, None, row.target.as_deref());
    }
    let outcome = awaited.measure(plan).unwrap();
    let whole = plan.realized_figures(700, &outcome, &awaited.estimated());
    let complete = whole.iter().filter(stratified);
    assert!(complete.clone().count() >= 17);
    for figure in complete {
        let own = whole.iter().filter(labelled).find(|own| own.metric == figure.metric).unwrap();
        let (found, own) = (figure.value.unwrap(), own.value.unwrap());
        assert!((found - own).abs() < 1e-12, "{}: {found} {own}", figure.metric);
        assert!(figure.sampling_error.unwrap() < 1e-12, "{figure:?}");
    }
}

#[test]
fn references_that_cannot_serve_say_why() {
    let refused = |rows: &[Row], scores: &[&str]| try_fit(rows, scores).unwrap_err().to_string();
    let good = rows(300);
    assert_eq!(
        refused(&good, &["a", "9", "100"]),
        "reference of model `cards`: `target` has `10`, but the classes with a probability are `100`, `9`, `a`; name them \
         alike in `[model.cards.columns] probability = { class = \"path\", .. }`, or leave the other rows out with `filter`"
    );
    assert_eq!(
        refused(&good, &["1", "true", "9"]),
        "reference of model `cards`: `1` and `true` are the same class; name it once in `probability`"
    );
    let mut not_whole = good.clone();
    not_whole[7].scores[0] = Some(0.9);
    not_whole[7].scores[1] = Some(0.9);
    let message = refused(&not_whole, &CLASSES);
    assert!(message.contains("the probabilities of row 7 add up to "), "{message}");
    let mut outside = good.clone();
    outside[3].scores[2] = Some(1.5);
    assert!(refused(&outside, &CLASSES).contains("row 3 has the probability 1.5 in `p2`"));
    // A class that is nobody's target is no fault, but said; its area cannot be told.
    let two: Vec<Row> =
        rows(900).into_iter().filter(|row| row.target.as_deref() != Some("100")).collect();
    let profile = try_fit(&two, &CLASSES).unwrap();
    let notes = profile.provenance.notes.join("; ");
    assert!(notes.contains("class 100 is no row's target in the reference"), "{notes}");
    let several = profile.several_classes().unwrap();
    assert_eq!(several.performance.as_ref().unwrap().roc_auc, None);
}

#[test]
fn a_segment_of_several_classes_is_told_as_its_rows_alone_would_be() {
    let marked = |index: usize| uniform(7, index as u64) < 0.4;
    // Where they are marked, scores say less than they seem to: a calibration of their own is another one.
    let row = |index: u64| {
        let mut row = row(index);
        if marked(index as usize) && uniform(8, index) < 0.5 {
            row.target = Some(CLASSES[(uniform(9, index) * 3.0) as usize].to_owned());
        }
        row
    };
    let all: Vec<Row> = (0..4000).map(row).collect();
    let marks: Vec<bool> = (0..4000).map(marked).collect();
    let part = |rows: &[Row], marks: &[bool]| -> Vec<Row> {
        rows.iter().zip(marks).filter(|(_, marked)| **marked).map(|(row, _)| row.clone()).collect()
    };
    let profile = fit_marked(&all, &marks);
    let segments = profile.segments.as_deref().unwrap();
    let at = segments.all.iter().position(|segment| segment.name == "mark=yes").unwrap();
    let reference = segments.all[at].reference.as_deref().unwrap();
    let mut alone = try_fit(&part(&all, &marks), &CLASSES).unwrap();
    assert!(reference.own_calibration && reference.profile.outputs == alone.outputs);
    assert!(reference.profile.columns == alone.columns);
    assert!(reference.profile.outputs != profile.outputs);
    // By size: the windows of the whole are others than those of its rows alone.
    alone.windows.clone_from(&reference.profile.windows);

    let window: Vec<Row> = (4000..5000).map(row).collect();
    let marks: Vec<bool> = (4000..5000).map(marked).collect();
    let texts = marks.iter().map(|&marked| Some(if marked { "yes" } else { "no" }));
    let beside = Beside {
        columns: vec![Column::new(Values::Labels(texts.collect()))],
        conditions: Vec::new(),
    };
    let plan = plan_of(profile);
    let mut rows = batch(&window);
    rows.expected = plan.profile().expected(&rows.columns);
    rows.terms = plan.terms(&rows.columns, rows.len());
    rows.segments = Placer::of(plan.profile()).unwrap().place(window.len(), &rows.columns, &beside);
    let mut state = WindowState::new(&plan);
    state.fold(&plan, &plan.prepare(&rows), 0, window.len());
    let of = plan.segments()[at].plan().unwrap();
    let reading = state.segment(at).unwrap().evaluate(of);
    let alone = plan_of(alone);
    let theirs = fold(&alone, &part(&window, &marks)).evaluate(&alone);
    assert!(reading == theirs);
    assert!(reading.estimated.is_some() && reading.realized.is_some());
    let values = |figures: Vec<Figure>| -> Vec<_> {
        figures.into_iter().map(|of| (of.metric, of.value, of.sampling_error)).collect()
    };
    assert_eq!(values(of.figures(&reading, None)), values(alone.figures(&theirs, None)));
}

#[test]
fn chances_of_several_classes_are_learnt_again() {
    // A feature that says nothing: without one there is no sample.
    let with_feature = |rows: &[Row]| -> Rows {
        let mut batch = batch(rows);
        let numbers = (0..rows.len()).map(|at| Some((at % 7) as f64));
        batch.columns.push(Column::new(Values::Numbers(numbers.collect())));
        batch
    };
    let mut spec =
        Spec { concept: true, metrics: Vec::new(), rule: WindowRule::Size(150), ..spec(&CLASSES) };
    spec.columns.push(("day".to_owned(), Role::Feature, ColumnKind::Continuous));
    let profile = fit(spec, vec![with_feature(&rows(1500))]).unwrap();
    let criteria = Criteria {
        concept: true,
        min_rows: 100,
        performance: vec![Metric::Accuracy, Metric::RocAuc],
        ..Criteria::default()
    };
    let plan = Plan::new(Arc::new(profile), criteria);
    let said = |rows: &[Row]| -> Vec<Figure> {
        let mut batch = with_feature(rows);
        batch.expected = plan.profile().expected(&batch.columns);
        let mut state = WindowState::new(&plan);
        state.fold(&plan, &plan.prepare(&batch), 0, rows.len());
        let reading = state.evaluate(&plan);
        let outcome = state.outcome(&plan, &Repeated::default()).unwrap().0;
        let figures = plan.figures(&reading, Some(&outcome));
        figures.into_iter().filter(|of| of.metric == Metric::ConceptDriftMagnitude).collect()
    };
    let window: Vec<Row> = (10_000..10_150).map(row).collect();
    let steady = said(&window);
    assert_eq!(steady.len(), 3);
    assert!(steady.iter().all(|of| of.breach == Some(false)), "{steady:?}");
    // Two of the classes change places.
    let turned = window.iter().map(|row| {
        let target = row.target.as_deref().map(|of| match of {
            "9" => "10",
            "10" => "9",
            other => other,
        });
        Row { target: target.map(str::to_owned), ..row.clone() }
    });
    let moved = said(&turned.collect::<Vec<_>>());
    assert!(moved.iter().all(|of| of.breach == Some(true)), "{moved:?}");
    assert!(moved[0].value.unwrap() > 0.15 && moved[1].value.unwrap() < -0.1, "{moved:?}");
}
