//! Segments: parts of the rows with a reference of their own. What is said of one is what would be said of its rows alone.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};
use proptest::test_runner::Config;
use vigie::batch::NO_SEGMENT;
use vigie::fit::{FitError, SegmentSpec, Spec, fit};
use vigie::metric::{Measure, Metric};
use vigie::profile::{
    Binary, Outputs, Profile, Reading, RowReading, Segment, Segments, Split, WindowRule,
};
use vigie::stats::Threshold;
use vigie::window::{Criteria, Figure, Plan, Repeated, Status, WindowState};

use crate::world::{
    Row, SMALL, all_criteria, batch, own_loss, profile_of, row, rows, segments, served, spec,
    uniform,
};

/// A thousand seconds, of which the world has a row each.
const PERIOD: WindowRule = WindowRule::Period(Duration::from_secs(1000));

fn try_fit(rows: &[Row], rule: WindowRule, segments: SegmentSpec) -> Result<Profile, FitError> {
    fit(Spec { segments: Some(segments), metrics: own_loss(), ..spec(rule) }, vec![batch(rows, 0)])
}

/// Rows whose regions differ in all that can be measured, and some without a region.
fn uneven(seed: u64, count: u64) -> Vec<Row> {
    let made = (0..count).map(|index| {
        let mut row = row(seed, index);
        let draw = uniform(seed + 100, index);
        let region = match draw {
            _ if draw < 0.5 => "north",
            _ if draw < 0.8 => "south",
            _ if draw < 0.97 => "east",
            _ => "islands",
        };
        row.region = (draw < 0.99).then(|| region.to_owned());
        // In the south scores say less than they seem to.
        if region == "south" && uniform(seed + 200, index) < 0.4 {
            row.target = row.target.map(|_| uniform(seed + 300, index) < 0.5);
        }
        if region == "east" {
            row.amount = row.amount.map(|amount| amount * 3.0);
        }
        row
    });
    made.collect()
}

fn found(profile: &Profile) -> &Segments {
    profile.segments.as_deref().unwrap()
}

fn names(profile: &Profile) -> Vec<&str> {
    found(profile).all.iter().map(|segment| segment.name.as_str()).collect()
}

fn named<'p>(profile: &'p Profile, name: &str) -> (usize, &'p Segment) {
    found(profile).all.iter().enumerate().find(|(_, segment)| segment.name == name).unwrap()
}

/// Without what is estimated, or what all features have in common, where a segment knows it otherwise.
fn bare(reading: &Reading, estimated: bool, whole: bool) -> Reading {
    let metrics = reading.metrics.iter();
    let metrics =
        metrics.map(|of| RowReading { estimated: of.estimated.filter(|_| estimated), ..*of });
    let metrics = metrics.collect();
    let estimated = reading.estimated.clone().filter(|_| estimated);
    let whole = if whole { reading.whole.clone() } else { Vec::new() };
    Reading { whole, estimated, metrics, ..reading.clone() }
}

fn calibrated_as(whole: &Outputs, alone: &Outputs) -> Outputs {
    let (Outputs::Binary(whole), Outputs::Binary(alone)) = (whole, alone) else {
        panic!("both are binary");
    };
    let calibration = whole.calibration.clone();
    Outputs::Binary(Box::new(Binary { calibration, ..(**alone).clone() }))
}

fn without_bets(figures: Vec<Figure>) -> Vec<Figure> {
    // Segments do not bet.
    let bets = |figure: &Figure| {
        matches!(figure.metric.metric(), Metric::DriftEvidence | Metric::TargetEvidence)
    };
    figures.into_iter().filter(|figure| !bets(figure)).collect()
}

/// All rows of a window, and those of a segment alone, folded and read.
fn both(
    plan: &Plan,
    segment: usize,
    alone: &Plan,
    window: &[Row],
    is_in: impl Fn(&Row) -> bool,
) -> [Vec<Figure>; 2] {
    let mut state = WindowState::new(plan);
    let rows = served(plan.profile(), window, 0);
    state.fold(plan, &plan.prepare(&rows), 0, window.len());
    let of_segment = plan.segments()[segment].plan().unwrap();
    let rows_of_segment = state.segment_rows(segment);
    let inner = state.segment(segment).unwrap();
    assert_eq!(rows_of_segment, inner.rows());
    let reading = inner.evaluate(of_segment);
    let outcome = inner.outcome(of_segment, &Repeated::default()).map(|(outcome, _)| outcome);
    let ours = of_segment.figures(&reading, outcome.as_ref());

    let part: Vec<Row> = window.iter().filter(|row| is_in(row)).cloned().collect();
    let mut state = WindowState::new(alone);
    let rows = served(alone.profile(), &part, 0);
    state.fold(alone, &alone.prepare(&rows), 0, part.len());
    let reading = state.evaluate(alone);
    let outcome = state.outcome(alone, &Repeated::default()).map(|(outcome, _)| outcome);
    let theirs = alone.figures(&reading, outcome.as_ref());
    [ours, theirs].map(without_bets)
}

/// A segment, and which rows are in it.
type Case<'c> = (&'c str, &'c dyn Fn(&Row) -> bool);

#[test]
fn a_segment_is_told_as_its_rows_alone_would_be() {
    // With many rows and with few: then its scores are calibrated as the whole's are.
    for (count, own) in [(8000, true), (2000, false)] {
        let reference = uneven(3, count);
        let profile = try_fit(&reference, PERIOD, segments(&reference, 30, 100)).unwrap();
        let criteria = Criteria { segment_min_rows: 1, ..all_criteria() };
        let plan = Plan::new(Arc::new(profile.clone()), criteria);
        let analysis = uneven(4, 1500);
        let south = |row: &Row| row.region.as_deref() == Some("south");
        let small = |row: &Row| row.amount.is_some_and(|amount| amount < SMALL);
        let crossed = |row: &Row| south(row) && row.prediction == Some(true);
        let other = |row: &Row| row.region.is_none();
        let cases: [Case<'_>; 4] = [
            ("region=south", &south),
            ("small", &small),
            ("region=south,prediction=1", &crossed),
            ("region=other", &other),
        ];
        for (name, is_in) in cases {
            let part: Vec<Row> = reference.iter().filter(|row| is_in(row)).cloned().collect();
            let (at, segment) = named(&profile, name);
            assert_eq!(segment.rows, part.len() as u64, "{name}");
            if part.len() < 30 {
                assert!(segment.reference.is_none(), "{name}");
                continue;
            }
            let reference = segment.reference.as_deref().unwrap();
            let mut alone = fit_alone(&part, reference.columns.len());
            let ours = &reference.profile;
            // Too long to be shown.
            assert!(ours.columns == alone.columns, "{name}");
            let has_own = own && part.len() >= 1000;
            assert_eq!(reference.own_calibration, has_own, "{name}");
            let readings = |profile: &Profile| -> Vec<Reading> {
                let enough = profile.windows.iter().filter(|window| window.reading.rows >= 30);
                // With one feature nothing is in common, and the whole's components measure.
                let whole = alone.columns.len() == 5;
                enough.map(|window| bare(&window.reading, has_own, whole)).collect()
            };
            assert!(readings(ours) == readings(&alone), "{name}");
            assert!(readings(ours).len() >= 2 || name == "region=other", "{name}");
            if has_own {
                assert!(ours.outputs == alone.outputs, "{name}");
            } else {
                // Scores mean what they mean in the whole, in the segment's reference too.
                alone.outputs = calibrated_as(&profile.outputs, &alone.outputs);
                alone.windows.clone_from(&ours.windows);
            }
            if alone.columns.len() < 5 {
                continue;
            }
            // Windows of too few rows set no threshold in either.
            let criteria = Criteria { min_rows: 30, ..all_criteria() };
            let alone = Plan::new(Arc::new(alone), criteria);
            let criteria = Criteria { segment_min_rows: 30, ..all_criteria() };
            let plan = Plan::new(Arc::clone(plan.profile()), criteria);
            let [ours, theirs] = both(&plan, at, &alone, &analysis, is_in);
            assert_eq!(ours, theirs, "{name}");
            assert!(ours.iter().filter(|figure| figure.breach.is_some()).count() > 20, "{name}");
            let measured = |figure: &&Figure| figure.metric == Metric::ReconstructionError;
            assert!(ours.iter().find(measured).unwrap().status != Status::TooFew, "{name}");
        }
    }
}

/// The profile of rows alone. Where the segment lacks a column that has no value in it, so must they.
fn fit_alone(part: &[Row], columns: usize) -> Profile {
    if columns == 5 {
        return profile_of(part, PERIOD).unwrap();
    }
    // The region: of the rows without one.
    let spec = spec(PERIOD);
    let kept = |name: &str| name != "region";
    let columns = spec.columns.iter().filter(|(name, ..)| kept(name)).cloned().collect();
    let mut rows = batch(part, 0);
    rows.columns.remove(1);
    fit(Spec { columns, metrics: own_loss(), ..spec }, vec![rows]).unwrap()
}

/// Segments by region alone, told apart from their references by a classifier.
fn told_apart(rows: &[Row], min_rows: u64) -> Profile {
    let splits = vec![Split::Columns(vec!["region".to_owned()])];
    let segments = SegmentSpec { splits, ..segments(rows, min_rows, 100) };
    let whole = vec![Metric::DomainClassifier];
    let spec = Spec { whole, segments: Some(segments), ..spec(PERIOD) };
    fit(spec, vec![batch(rows, 0)]).unwrap()
}

#[test]
fn a_segment_is_told_apart_from_its_own_reference_as_its_rows_alone_would_be() {
    let reference = uneven(3, 900);
    let profile = told_apart(&reference, 200);
    let whole = vec![Metric::DomainClassifier];
    let criteria = Criteria { segment_min_rows: 100, whole, ..Criteria::default() };
    let plan = Plan::new(Arc::new(profile), criteria);
    // What is lent in the north has moved.
    let moved = |row: Row| match row.region.as_deref() {
        Some("north") => Row { amount: row.amount.map(|amount| amount * 9.0), ..row },
        _ => row,
    };
    let analysis: Vec<Row> = uneven(4, 700).into_iter().map(moved).collect();
    for (name, region, breaches) in
        [("region=north", "north", true), ("region=south", "south", false)]
    {
        let is_in = |row: &Row| row.region.as_deref() == Some(region);
        let part: Vec<Row> = reference.iter().filter(|row| is_in(row)).cloned().collect();
        let whole = vec![Metric::DomainClassifier];
        let alone = fit(Spec { whole, ..spec(PERIOD) }, vec![batch(&part, 0)]).unwrap();
        let criteria = Criteria { min_rows: 100, ..plan.criteria().clone() };
        let alone = Plan::new(Arc::new(alone), criteria);
        let (at, _) = named(plan.profile(), name);
        let of_whole = |figures: Vec<Figure>| -> Vec<Figure> {
            let about = |figure: &Figure| {
                figure.metric == Metric::DomainClassifier
                    || figure.of.as_ref().is_some_and(|of| *of == Metric::DomainClassifier)
            };
            figures.into_iter().filter(about).collect()
        };
        let [ours, theirs] = both(&plan, at, &alone, &analysis, is_in).map(of_whole);
        assert_eq!(ours, theirs, "{name}");
        assert_eq!(ours[0].breach, Some(breaches), "{name} {:?}", ours[0]);
        assert_eq!(ours.len() > 1, breaches, "the columns that give it away");
    }
    // Whatever parts the rows come in.
    let (one, other) = analysis.split_at(300);
    let mut merged = folded(&plan, other, &[7, 90]);
    merged.merge(&folded(&plan, one, &[]), &plan);
    let whole = folded(&plan, &analysis, &[]);
    assert_eq!(minicbor::to_vec(&merged).unwrap(), minicbor::to_vec(&whole).unwrap());
}

#[test]
fn the_twenty_largest_segments_have_a_sample() {
    let region = |index: usize, row: Row| Row { region: Some(format!("r{}", index % 25)), ..row };
    let mut reference: Vec<Row> =
        rows(3, 1000).into_iter().enumerate().map(|(index, row)| region(index, row)).collect();
    reference.truncate(995);
    let profile = told_apart(&reference, 30);
    let sampled = |segment: &&Segment| {
        segment.reference.as_ref().is_some_and(|own| own.profile.sample.is_some())
    };
    let all = &found(&profile).all;
    // The last five of the regions have a row less than the others.
    let least = ["region=r20", "region=r21", "region=r22", "region=r23", "region=r24"];
    assert_eq!(all.iter().filter(sampled).count(), 20);
    assert!(all.iter().filter(sampled).all(|of| !least.contains(&of.name.as_str())));
    let of_segment = |segment: &Segment| segment.reference.as_ref()?.profile.sample.clone();
    let sample = all.iter().find_map(of_segment).unwrap();
    assert!(sample.carried.is_none() && sample.rows.len() == 40);
    assert!(Profile::from_text("p", &profile.to_text()).unwrap() == profile);
}

#[test]
fn every_row_is_in_one_segment_of_a_split_and_rare_values_in_other() {
    let reference = uneven(3, 4000);
    let profile = try_fit(&reference, PERIOD, segments(&reference, 30, 9)).unwrap();
    // Nine less three that are always there leaves the six most frequent.
    assert_eq!(
        names(&profile),
        [
            "region=east",
            "region=north",
            "region=south",
            "region=other",
            "small",
            "region=north,prediction=0",
            "region=north,prediction=1",
            "region=south,prediction=1",
            "region=other,prediction=other",
        ]
    );
    let all = &found(&profile).all;
    for split in [0, 2] {
        let rows: u64 = all.iter().filter(|of| of.split == split).map(|of| of.rows).sum();
        assert_eq!(rows, 4000);
    }
    let others = reference
        .iter()
        .filter(|row| !matches!(row.region.as_deref(), Some("north" | "south" | "east")));
    assert_eq!(named(&profile, "region=other").1.rows, others.count() as u64);
    // What the reference has never seen, and what is missing.
    let mut strange = reference[..3].to_vec();
    strange[0].region = Some("moon".to_owned());
    strange[1].region = None;
    strange[2].prediction = None;
    let placed = served(&profile, &strange, 0).segments;
    let other = |name: &str| u16::try_from(named(&profile, name).0).unwrap();
    assert_eq!(placed[0][..2], [other("region=other"); 2]);
    assert_eq!(placed[2][..3], [other("region=other,prediction=other"); 3]);
    for (row, &segment) in reference.iter().zip(served(&profile, &reference, 0).segments[1].iter())
    {
        let small = row.amount.is_some_and(|amount| amount < SMALL);
        assert_eq!(segment != NO_SEGMENT, small);
    }
}

#[test]
fn a_value_that_is_called_other_is_in_other() {
    let mut reference = rows(1, 2000);
    for row in &mut reference {
        if row.region.as_deref() == Some("east") {
            row.region = Some("other".to_owned());
        }
    }
    let profile = try_fit(&reference, PERIOD, segments(&reference, 30, 100)).unwrap();
    let of_region = &names(&profile)[..3];
    assert_eq!(of_region, ["region=north", "region=south", "region=other"]);
    let others = reference.iter().filter(|row| row.region.as_deref() == Some("other")).count();
    assert_eq!(named(&profile, "region=other").1.rows, others as u64);
}

#[test]
fn segments_that_make_no_sense_are_refused() {
    let reference = rows(1, 600);
    let columns = |names: &[&str]| SegmentSpec {
        splits: vec![Split::Columns(names.iter().map(|&name| name.to_owned()).collect())],
        told: Vec::new(),
        ..segments(&reference, 100, 100)
    };
    let refused =
        |names: &[&str]| try_fit(&reference, PERIOD, columns(names)).unwrap_err().to_string();
    assert_eq!(
        refused(&["amount"]),
        "reference of model `loans`: of the segments by amount the largest has 1 rows, and `segment_min_rows` asks for \
         100; take columns with fewer different values, or lower it"
    );
    assert_eq!(
        refused(&["target"]),
        "reference of model `loans`: no segments can be made by `target`: it is the target, which predictions do not \
         have yet; mend `segments` in `[model.loans]`"
    );
    assert_eq!(
        refused(&["region", "channel"]),
        "reference of model `loans`: no segments can be made by `channel`: the data have no such column; mend `segments` \
         in `[model.loans]`"
    );
}

#[test]
fn the_file_of_a_profile_with_segments_reads_back_and_without_them_says_nothing_of_them() {
    let reference = uneven(3, 2000);
    let profile = try_fit(&reference, PERIOD, segments(&reference, 30, 100)).unwrap();
    let text = profile.to_text();
    assert!(Profile::from_text("p", &text).unwrap() == profile);
    let plain = profile_of(&reference, PERIOD).unwrap();
    assert!(!plain.to_text().contains("segments"));
    assert_eq!(Profile { segments: None, ..profile.clone() }.hash(), plain.hash());
    assert_ne!(profile.hash(), plain.hash());
}

#[test]
fn a_segment_with_few_rows_is_not_judged_and_one_without_a_reference_is_counted() {
    let reference = uneven(3, 4000);
    let profile = try_fit(&reference, PERIOD, segments(&reference, 300, 100)).unwrap();
    let (islands, segment) = named(&profile, "region=islands");
    assert!(segment.reference.is_none() && segment.rows > 30);
    let plan = Plan::new(Arc::new(profile), Criteria { min_rows: 1, ..all_criteria() });
    let window = uneven(5, 1000);
    let mut state = WindowState::new(&plan);
    let rows = served(plan.profile(), &window, 0);
    state.fold(&plan, &plan.prepare(&rows), 0, window.len());
    assert!(state.segment_rows(islands) > 0);
    assert!(state.segment(islands).is_none());
    let judged = |name: &str, state: &mut WindowState| {
        let (at, _) = named(plan.profile(), name);
        let of = plan.segments()[at].plan().unwrap();
        let reading = state.segment(at).unwrap().evaluate(of);
        let figures = of.figures(&reading, None);
        (reading.rows, figures.iter().filter(|figure| figure.breach.is_some()).count())
    };
    let (many, judged_many) = judged("region=north", &mut state);
    let (few, judged_few) = judged("region=east", &mut state);
    assert!(many >= 300 && judged_many > 0 && few < 300 && judged_few == 0);
}

#[test]
fn a_segment_that_grew_is_not_held_against_thresholds_that_it_never_had() {
    // In the reference about 80 rows, 20 a window; then every row is one of them.
    let reference = uneven(3, 4000);
    let limits = Threshold::Constant { lower: Some(0.99), upper: None };
    let criteria = Criteria {
        segment_min_rows: 60,
        thresholds: BTreeMap::from([((None, Metric::Accuracy), limits)]),
        ..all_criteria()
    };
    let profile = try_fit(&reference, PERIOD, segments(&reference, 60, 100)).unwrap();
    let plan = Plan::new(Arc::new(profile), criteria);
    let (islands, _) = named(plan.profile(), "region=islands");
    let all = uneven(6, 1000).into_iter();
    let window: Vec<Row> =
        all.map(|row| Row { region: Some("islands".to_owned()), ..row }).collect();
    let mut state = WindowState::new(&plan);
    let rows = served(plan.profile(), &window, 0);
    state.fold(&plan, &plan.prepare(&rows), 0, window.len());
    let of = plan.segments()[islands].plan().unwrap();
    let reading = state.segment(islands).unwrap().evaluate(of);
    assert_eq!(reading.rows, 1000);
    for figure in of.figures(&reading, None) {
        let set = figure.metric == Metric::Accuracy || figure.metric == Metric::Chi2;
        let constant = figure.metric.metric().spec().threshold.is_from_reference();
        if figure.value.is_some() && constant && !set {
            assert_eq!((figure.breach, figure.status), (None, Status::TooFew), "{figure:?}");
            assert_eq!((figure.lower_threshold, figure.upper_threshold), (None, None));
        } else if figure.metric == Metric::Accuracy {
            assert_eq!((figure.breach, figure.status), (Some(true), Status::Ok), "{figure:?}");
        }
    }
}

fn small_plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let reference = uneven(3, 4000);
        let profile = try_fit(&reference, PERIOD, segments(&reference, 300, 100)).unwrap();
        Plan::new(Arc::new(profile), all_criteria())
    })
}

/// Rows of every kind.
fn odd_rows() -> impl Strategy<Value = Vec<Row>> {
    let regions = prop::sample::select(vec!["north", "south", "east", "islands", "other", "moon"]);
    let row = (any::<u16>(), prop::option::of(regions), prop::option::of(any::<bool>())).prop_map(
        |(index, region, prediction)| Row {
            region: region.map(str::to_owned),
            prediction,
            ..row(9, u64::from(index))
        },
    );
    prop::collection::vec(row, 0..80)
}

fn folded(plan: &Plan, rows: &[Row], runs: &[usize]) -> WindowState {
    let rows = served(plan.profile(), rows, 0);
    let prepared = plan.prepare(&rows);
    let mut state = WindowState::new(plan);
    let mut start = 0;
    for &run in runs {
        let length = run.min(rows.len() - start);
        state.fold(plan, &prepared, start, length);
        start += length;
    }
    state.fold(plan, &prepared, start, rows.len() - start);
    state
}

/// What is said of each segment, to the bit.
type Said = BTreeMap<String, Vec<(Measure, u64)>>;

fn bytes(mut state: WindowState, plan: &Plan) -> (Vec<u8>, Said) {
    // Sorted first: what waits in buffers is the same rows in another order.
    let mut figures = BTreeMap::new();
    for (at, segment) in plan.segments().iter().enumerate() {
        let Some((state, plan)) = state.segment(at).zip(segment.plan()) else { continue };
        let reading = state.evaluate(plan);
        let of = plan.figures(&reading, None).into_iter();
        let of = of.map(|figure| (figure.metric, figure.value.unwrap_or(-1.0).to_bits())).collect();
        figures.insert(segment.name().to_owned(), of);
    }
    drop(state.evaluate(plan));
    (minicbor::to_vec(&state).unwrap(), figures)
}

proptest! {
    #![proptest_config(Config { cases: 48, ..Config::default() })]

    #[test]
    fn parts_merged_are_the_whole_and_the_bytes_say_it(
        rows in odd_rows(),
        cut in any::<prop::sample::Index>(),
        runs in prop::collection::vec(0..9_usize, 0..20),
    ) {
        let plan = small_plan();
        let whole = folded(plan, &rows, &[]);
        let (one, other) = rows.split_at(cut.index(rows.len() + 1));
        let mut merged = folded(plan, one, &runs);
        merged.merge(&folded(plan, other, &[]), plan);
        let mut turned = folded(plan, other, &runs);
        turned.merge(&folded(plan, one, &[]), plan);
        let whole = bytes(whole, plan);
        prop_assert_eq!(&bytes(merged, plan), &whole);
        prop_assert_eq!(&bytes(turned, plan), &whole);
        prop_assert_eq!(bytes(folded(plan, &rows, &runs), plan), whole);
    }
}
