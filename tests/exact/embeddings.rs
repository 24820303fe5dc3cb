//! Lists of numbers as features: one drift figure each, and what is no vector is counted.

use std::sync::Arc;

use proptest::prelude::{Strategy, prop, prop_assert_eq, prop_oneof, proptest};
use vigie::batch::{Body, Content, Header, Lane, Record, Rows, Section, Stretch};
use vigie::fit::{FitError, Predicts, SegmentSpec, Spec, fit};
use vigie::metric::{ColumnKind, Kind, Metric};
use vigie::profile::{Beside, Placer, Profile, Role, Split, Values, WindowRule};
use vigie::window::{Criteria, Figure, Plan, Status, WindowState};

use crate::features::{Feature, fold, plan, profile, rows};
use crate::world::spec;

const METRIC: Metric = Metric::ReconstructionError;

/// Numbers that look like noise and are always the same.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }
}

/// Vectors of six numbers that lie near a plane.
fn texts(count: usize, seed: u64) -> Vec<Option<Vec<f64>>> {
    let mut next = noise(seed);
    let vector = |_| {
        let (a, b) = (next() * 4.0, next() * 3.0);
        let on_plane = [a, b, a + b, a - b, 2.0 * b, -a];
        Some(on_plane.iter().map(|number| number + next() * 0.2).collect())
    };
    (0..count).map(vector).collect()
}

fn only(texts: Vec<Option<Vec<f64>>>) -> Vec<(String, Feature)> {
    vec![("text".to_owned(), Feature::Vectors(texts))]
}

fn of(features: &[(String, Feature)], reference: usize) -> Plan {
    plan(profile(features, METRIC, reference, 100), METRIC)
}

fn figures(plan: &Plan, state: &mut WindowState) -> Vec<Figure> {
    plan.figures(&state.evaluate(plan), None)
}

fn figure(plan: &Plan, state: &mut WindowState, metric: Metric) -> Figure {
    let figures = figures(plan, state);
    let named =
        |figure: &&Figure| figure.metric == metric && figure.column_name.as_deref() == Some("text");
    figures.iter().find(named).unwrap_or_else(|| panic!("no {metric} in {figures:?}")).clone()
}

fn bytes(state: &WindowState) -> Vec<u8> {
    minicbor::to_vec(state).unwrap()
}

fn list() -> impl Strategy<Value = Option<Vec<f64>>> {
    let number = prop_oneof![
        8 => -5.0..5.0_f64,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, 1e300, -1e-300, 0.0]),
    ];
    prop_oneof![
        8 => prop::collection::vec(-5.0..5.0_f64, 6).prop_map(Some),
        2 => prop::collection::vec(number.clone(), 6).prop_map(Some),
        2 => prop::collection::vec(number, 0..9).prop_map(Some),
        1 => prop::strategy::Just(None),
    ]
}

proptest! {
    #![proptest_config(prop::test_runner::Config::with_cases(48))]
    #[test]
    fn parts_in_any_order_are_the_whole(
        odd in prop::collection::vec(list(), 1..40),
        cut in 0..40usize,
    ) {
        let plan = of(&only(texts(400, 1)), 400);
        let features = only(odd.clone());
        let cut = cut.min(odd.len());
        let mut whole = fold(&plan, &features, 0, odd.len());
        let mut parts = fold(&plan, &features, cut, odd.len());
        parts.merge(&fold(&plan, &features, 0, cut), &plan);
        prop_assert_eq!(bytes(&parts), bytes(&whole));
        let mut one_by_one = WindowState::new(&plan);
        for row in 0..odd.len() {
            one_by_one.merge(&fold(&plan, &features, row, row + 1), &plan);
        }
        prop_assert_eq!(bytes(&one_by_one), bytes(&whole));
        let back: WindowState = minicbor::decode(&bytes(&whole)).unwrap();
        prop_assert_eq!(&back, &whole);
        prop_assert_eq!(figures(&plan, &mut parts), figures(&plan, &mut whole));
        // Every row is one of three.
        let is_vector = |list: &Vec<f64>| list.len() == 6 && list.iter().all(|x| x.is_finite());
        let missing = odd.iter().filter(|list| list.is_none()).count();
        let malformed = odd.iter().flatten().filter(|list| !is_vector(list)).count();
        let rate = |count: usize| Some(count as f64 / odd.len() as f64);
        let found = |metric| figure(&plan, &mut whole.clone(), metric).value;
        prop_assert_eq!(found(Metric::MissingRate), rate(missing));
        prop_assert_eq!(found(Metric::OutOfRangeRate), rate(malformed));
    }
}

#[test]
fn a_model_of_an_embedding_alone_has_one_drift_figure() {
    let mut all = texts(1000, 2);
    // Each number is one that it could be, but they go together no more.
    for row in 800..1000 {
        let other = all[row - 200].clone().unwrap();
        all[row].as_mut().unwrap()[2] = other[2];
    }
    let plan = of(&only(all.clone()), 400);
    let features = only(all);
    let mut steady = fold(&plan, &features, 500, 700);
    let drift: Vec<Figure> =
        figures(&plan, &mut steady).into_iter().filter(|f| f.kind == Kind::Drift).collect();
    assert_eq!(drift.len(), 1, "{drift:?}");
    assert_eq!((drift[0].metric.clone(), drift[0].breach), (METRIC.into(), Some(false)));
    assert!(drift[0].sampling_error.is_some() && drift[0].upper_confidence.is_some());
    let torn = figure(&plan, &mut fold(&plan, &features, 800, 1000), METRIC);
    assert_eq!(torn.breach, Some(true), "{torn:?} {drift:?}");
}

/// Many dimensions and few rows: components follow the rows that they are made of.
#[test]
fn what_came_after_is_no_further_than_the_reference_says() {
    let mut next = noise(7);
    let mut vectors = || (0..1_000).map(|_| Some((0..40).map(|_| next()).collect())).collect();
    let reference: Vec<Option<Vec<f64>>> = vectors();
    let later: Vec<Option<Vec<f64>>> = vectors();
    let all = [&reference[..200], &later[..]].concat();
    let plan = of(&only(all.clone()), 200);
    let found = figure(&plan, &mut fold(&plan, &only(all), 200, 1200), METRIC);
    let own = plan
        .profile()
        .windows
        .iter()
        .map(|window| window.reading.columns[0].get(METRIC).unwrap().value.0.unwrap());
    let own: f64 = own.sum::<f64>() / 2.0;
    let Values::Embedding(embedding) = &plan.profile().columns[0].values else { unreachable!() };
    let error = found.sampling_error.unwrap() * 5.0_f64.sqrt();
    let value = found.value.unwrap();
    assert!((own - value).abs() < 5.0 * error, "{own} {value} {error}");
    // Measured by components that they had a part in, they would lie nearer than any that comes later.
    assert!(embedding.typical.unwrap() < value - 3.0 * error, "{embedding:?}");
}

#[test]
fn what_is_no_vector_is_counted_and_no_wrong_number() {
    let clean = texts(600, 3);
    let plan = of(&only(clean.clone()), 400);
    let before = figure(&plan, &mut fold(&plan, &only(clean.clone()), 400, 500), METRIC);
    let mut odd = clean;
    odd.splice(
        500..500,
        [
            None,
            Some(vec![]),
            Some(vec![1.0; 5]),
            Some(vec![1.0; 7]),
            Some(vec![1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0]),
            Some(vec![1.0, 1.0, f64::INFINITY, 1.0, 1.0, 1.0]),
        ],
    );
    let features = only(odd);
    let mut state = fold(&plan, &features, 400, 506);
    let after = figure(&plan, &mut state, METRIC);
    assert_eq!((after.value, after.sampling_error), (before.value, before.sampling_error));
    let missing = figure(&plan, &mut state, Metric::MissingRate);
    let malformed = figure(&plan, &mut state, Metric::OutOfRangeRate);
    assert_eq!((missing.value, malformed.value), (Some(1.0 / 106.0), Some(5.0 / 106.0)));
    assert_eq!(malformed.breach, Some(true), "any is one too many");
    for (from, status) in [(500, Status::AllMissing), (502, Status::AllMissing)] {
        let found = figure(&plan, &mut fold(&plan, &features, from, from + 2), METRIC);
        assert_eq!((found.value, found.breach, found.status), (None, None, status));
    }
    let none = figure(&plan, &mut WindowState::new(&plan), METRIC);
    assert_eq!((none.value, none.status), (None, Status::Empty));
}

#[test]
fn vectors_without_anything_in_common_say_so() {
    let constant = only(vec![Some(vec![2.5; 4]); 400]);
    let plan = of(&constant, 400);
    let found = figure(&plan, &mut fold(&plan, &constant, 0, 100), METRIC);
    assert_eq!((found.value, found.breach, found.status), (None, None, Status::Constant));
    assert!(
        plan.profile().provenance.notes[0].contains("`text`"),
        "{:?}",
        plan.profile().provenance
    );
}

fn refused(lists: Vec<Option<Vec<f64>>>) -> FitError {
    let count = lists.len();
    let features = only(lists);
    let spec = Spec {
        predicts: Predicts::Nothing,
        columns: vec![("text".to_owned(), Role::Feature, ColumnKind::Embedding)],
        ..spec(WindowRule::Size(10))
    };
    fit(spec, vec![rows(&features, 0, count)]).unwrap_err()
}

#[test]
fn lists_that_are_no_vectors_are_refused_by_name() {
    let error = refused(vec![None; 20]);
    assert!(matches!(error, FitError::NoValues { .. }), "{error}");
    assert!(error.to_string().contains("`text`"));
    let error = refused(vec![Some(vec![f64::NAN; 3]); 20]);
    assert!(matches!(error, FitError::NoValues { .. }), "{error}");
    for length in [0, 1, 4097] {
        let error = refused(vec![Some(vec![1.0; length]); 20]);
        assert!(matches!(error, FitError::Dimensions { .. }), "{error}");
        assert!(error.to_string().contains("`text`") && error.to_string().contains("4096"));
    }
}

#[test]
fn the_profile_comes_back_from_its_file() {
    let made = profile(&only(texts(300, 4)), Metric::DomainClassifier, 300, 100);
    let text = made.to_text();
    assert_eq!(Profile::from_text("p", &text).unwrap(), made);
    // What holds no vectors is read by versions that know of none.
    let amounts = Feature::Numbers((0..300).map(|row| Some(f64::from(row))).collect());
    let plain = profile(&[("amount".to_owned(), amounts)], METRIC, 300, 100);
    // Nor those of rows that carry what the model put out.
    let without_rows = profile(&only(texts(300, 4)), METRIC, 300, 100);
    let forms = [text, without_rows.to_text(), plain.to_text()];
    let of = |text: &String| text.chars().find(char::is_ascii_digit);
    assert_eq!(forms.each_ref().map(of), [Some('3'), Some('2'), Some('1')]);
    assert_eq!(Profile::from_text("p", &forms[2]).unwrap(), plain);
}

#[test]
fn what_gives_a_window_away_is_the_column_and_not_its_dimensions() {
    let mut next = noise(9);
    let amounts: Vec<Option<f64>> = (0..3_000).map(|_| Some(next())).collect();
    let mut vectors = texts(3_000, 5);
    for vector in vectors[2_000..].iter_mut().flatten() {
        vector[0] += 1.0;
        vector[2] += 1.0;
    }
    let features = vec![
        ("amount".to_owned(), Feature::Numbers(amounts)),
        ("text".to_owned(), Feature::Vectors(vectors)),
    ];
    let whole = Metric::DomainClassifier;
    let profile = profile(&features, whole, 2_000, 500);
    let Values::Embedding(embedding) = &profile.columns[1].values else { unreachable!() };
    let leading = &embedding.space.as_ref().unwrap().leading;
    assert!((1..=8).contains(&leading.len()), "{leading:?}");
    let criteria = Criteria { whole: [whole].into(), min_rows: 1, ..Criteria::default() };
    let plan = Plan::new(Arc::new(profile), criteria);
    let mut parts = fold(&plan, &features, 2_400, 3_000);
    parts.merge(&fold(&plan, &features, 2_000, 2_400), &plan);
    let mut moved = fold(&plan, &features, 2_000, 3_000);
    assert_eq!(bytes(&parts), bytes(&moved));
    let figures = figures(&plan, &mut moved);
    let told: Vec<&Figure> = figures.iter().filter(|figure| figure.metric == whole).collect();
    assert_eq!(told[0].breach, Some(true), "{told:?}");
    assert_eq!(told[1].column_name.as_deref(), Some("text"), "{told:?}");
    assert!(told[1].value.unwrap() > 0.5, "{told:?}");
    assert!(told.len() <= 3, "a figure a column: {told:?}");
}

#[test]
fn what_travels_is_how_far_vectors_lie() {
    let plan = of(&only(texts(400, 1)), 400);
    let mut odd = texts(20, 6);
    odd[3] = None;
    odd[4] = Some(vec![1.0]);
    let features = only(odd);
    let mut sent = rows(&features, 0, 20);
    plan.profile().measure_vectors(&mut sent.columns);
    let section =
        |rows| Section { model: "m".to_owned(), version: String::new(), rows, profiled: true };
    let lane = Lane { topic: 1, partition: 0 };
    let record = |rows| Record {
        header: Header {
            lane,
            topic: "t".to_owned(),
            partitions: 1,
            owner: 1,
            epoch: 1,
            policy: 1,
            stretch: Stretch { from: 0, to: 20 },
        },
        body: Body::Rows(Content { sections: vec![section(rows)], ..Content::default() }),
    };
    let bytes_sent = record(sent.clone()).to_bytes();
    let back = Record::<Content>::from_bytes(&bytes_sent).unwrap();
    let Body::Rows(content) = back.body else { unreachable!() };
    let folded = |rows: &Rows| {
        let mut state = WindowState::new(&plan);
        state.fold(&plan, &plan.prepare(rows), 0, rows.len());
        bytes(&state)
    };
    assert_eq!(folded(&content.sections[0].rows), folded(&sent));
    assert_eq!(folded(&sent.slice(2, 5)), folded(&sent.pick(&[2, 3, 4, 5, 6])));
    // As they came they never travel.
    let raw = record(rows(&features, 0, 20)).to_bytes();
    assert!(Record::<Content>::from_bytes(&raw).is_err());
}

#[test]
fn in_a_segment_vectors_are_measured_by_the_components_of_the_whole() {
    let regions = |count: usize, of: fn(usize) -> &'static str| {
        Feature::Labels((0..count).map(|row| Some(of(row).to_owned())).collect())
    };
    let mixed = |row: usize| if row.is_multiple_of(3) { "a" } else { "b" };
    let of = |texts: Vec<Option<Vec<f64>>>, regions: Feature| {
        vec![("region".to_owned(), regions), ("text".to_owned(), Feature::Vectors(texts))]
    };
    let reference = of(texts(1200, 1), regions(1200, mixed));
    let spec = Spec {
        predicts: Predicts::Nothing,
        columns: vec![
            ("region".to_owned(), Role::Feature, ColumnKind::Categorical),
            ("text".to_owned(), Role::Feature, ColumnKind::Embedding),
        ],
        segments: Some(SegmentSpec {
            splits: vec![Split::Columns(vec!["region".to_owned()])],
            min_rows: 10,
            max: 10,
            ..SegmentSpec::default()
        }),
        ..spec(WindowRule::Size(300))
    };
    let profile = fit(spec.clone(), vec![rows(&reference, 0, 1200)]).unwrap();
    let plan =
        Plan::new(Arc::new(profile), Criteria { segment_min_rows: 10, ..Criteria::default() });
    let first = &plan.profile().segments.as_ref().unwrap().all[0];
    let own = &first.reference.as_ref().unwrap().profile.columns[1];
    let Values::Embedding(embedding) = &own.values else { unreachable!() };
    assert_eq!((own.rows, own.missing, embedding.space.is_none()), (400, 0, true));

    let later = of(texts(300, 8), regions(300, |_| "a"));
    let mut sent = rows(&later, 0, 300);
    plan.profile().measure_vectors(&mut sent.columns);
    let placer = Placer::of(plan.profile()).unwrap();
    sent.segments = placer.place(300, &sent.columns, &Beside::default());
    let mut state = WindowState::new(&plan);
    state.fold(&plan, &plan.prepare(&sent), 0, 300);
    let whole = figure(&plan, &mut state, METRIC);
    let part = figure(plan.segments()[0].plan().unwrap(), state.segment(0).unwrap(), METRIC);
    assert_eq!((part.value, part.sampling_error), (whole.value, whole.sampling_error));
    assert!(part.value.is_some() && part.upper_threshold != whole.upper_threshold);

    let by_vectors = Some(SegmentSpec {
        splits: vec![Split::Columns(vec!["text".to_owned()])],
        ..spec.segments.clone().unwrap()
    });
    let refused = fit(Spec { segments: by_vectors, ..spec }, vec![rows(&reference, 0, 1200)]);
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("`text`") && error.contains("lists of numbers"), "{error}");
}
