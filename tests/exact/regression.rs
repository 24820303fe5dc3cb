//! A model that predicts a number: its losses expected, measured, merged, corrected, and undefined.

use std::f64::consts::TAU;
use std::sync::Arc;

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{Predicts, SegmentSpec, Spec, fit};
use vigie::metric::{ColumnKind, Kind, Measure, Metric};
use vigie::profile::{
    Beside, Outputs, Placer, Profile, Provenance, Role, Slice, SliceLoss, Split, WindowRule,
};
use vigie::stats::{Loss, Threshold};
use vigie::window::{
    Awaited, Criteria, Figure, Labels, Method, Outcome, Plan, Repeated, Status, WindowState,
};

use crate::world::uniform;

/// One car.
#[derive(Clone, Debug, PartialEq)]
struct Car {
    age: Option<f64>,
    fuel: Option<&'static str>,
    prediction: Option<f64>,
    target: Option<f64>,
    /// What its price scatters around, and how far: of a normal distribution.
    truth: (f64, f64),
}

const METRICS: [Metric; 6] =
    [Metric::Mae, Metric::Mape, Metric::Mse, Metric::Msle, Metric::Rmse, Metric::Rmsle];

/// A normal deviate.
fn normal(seed: u64, index: u64) -> f64 {
    let (a, b) = (uniform(seed, 2 * index), uniform(seed, 2 * index + 1));
    (-2.0 * libm::log(1.0 - a)).sqrt() * libm::cos(TAU * b)
}

/// The `index`-th car; older ones are harder to price, and so are electric ones. `old` moves ages within their range.
fn car(seed: u64, index: u64, old: f64) -> Car {
    let draw = |n: u64| uniform(seed.wrapping_mul(31).wrapping_add(n), index);
    let age = 20.0 * libm::pow(draw(1), 1.0 / (1.0 + old));
    let fuel = ["gas", "diesel", "electric"][(draw(2) * 3.0) as usize];
    let price = 30_000.0 - 1_200.0 * age;
    let spread = 200.0 + 30.0 * age + if fuel == "electric" { 250.0 } else { 0.0 };
    let target = (price + spread * normal(seed + 77, index)).max(100.0);
    Car {
        age: (draw(3) > 0.03).then_some(age),
        fuel: (draw(4) > 0.02).then_some(fuel),
        prediction: Some(price.max(100.0)),
        target: Some(target),
        truth: (price, spread),
    }
}

fn cars(seed: u64, count: u64, old: f64) -> Vec<Car> {
    (0..count).map(|index| car(seed, index, old)).collect()
}

fn rows_of(cars: &[Car]) -> Rows {
    let numbers = |of: &dyn Fn(&Car) -> Option<f64>| {
        Column::new(Values::Numbers(cars.iter().map(of).collect::<Float64Array>()))
    };
    let fuels: DictionaryArray<Int32Type> = cars.iter().map(|car| car.fuel).collect();
    Rows {
        offsets: (0..cars.len() as i64).collect(),
        times: None,
        columns: vec![
            numbers(&|car| car.age),
            Column::new(Values::Labels(fuels)),
            numbers(&|car| car.prediction),
            numbers(&|car| car.target),
        ],
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

fn served(profile: &Profile, cars: &[Car]) -> Rows {
    let mut rows = rows_of(cars);
    rows.expected = profile.expected(&rows.columns);
    rows.terms = profile.terms(&rows.columns, cars.len());
    rows
}

fn profile_of(cars: &[Car], size: u64) -> Profile {
    fit(spec(size), vec![rows_of(cars)]).unwrap()
}

fn spec(size: u64) -> Spec {
    let column = |name: &str, role, kind| (name.to_owned(), role, kind);
    Spec {
        model: "cars".to_owned(),
        version: String::new(),
        predicts: Predicts::Number,
        rule: WindowRule::Size(size),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns: vec![
            column("age", Role::Feature, ColumnKind::Continuous),
            column("fuel", Role::Feature, ColumnKind::Categorical),
            column("prediction", Role::Prediction, ColumnKind::Continuous),
            column("target", Role::Target, ColumnKind::Continuous),
        ],
        whole: Vec::new(),
        sampled: false,
        concept: false,
        segments: None,
        metrics: vec![("own_error".to_owned(), "abs(prediction - target)".to_owned())],
        provenance: Provenance::default(),
    }
}

fn criteria() -> Criteria {
    Criteria {
        performance: METRICS.to_vec(),
        rowwise: [("own_error".to_owned(), Threshold::THREE_SIGMA)].into(),
        min_rows: 1,
        ..Criteria::default()
    }
}

fn plan_of(profile: Profile) -> Plan {
    let criteria = criteria();
    Plan::new(Arc::new(profile), criteria)
}

fn plan() -> Plan {
    plan_of(profile_of(&cars(1, 1500, 0.0), 300))
}

fn folded(plan: &Plan, cars: &[Car]) -> WindowState {
    let mut state = WindowState::new(plan);
    let rows = served(plan.profile(), cars);
    state.fold(plan, &plan.prepare(&rows), 0, rows.len());
    state
}

fn bytes(state: &WindowState) -> Vec<u8> {
    minicbor::to_vec(state).unwrap()
}

fn figures(plan: &Plan, cars: &[Car]) -> Vec<Figure> {
    let mut state = folded(plan, cars);
    let reading = state.evaluate(plan);
    let outcome = state.outcome(plan, &Repeated::default()).map(|(outcome, _)| outcome);
    plan.figures(&reading, outcome.as_ref())
}

fn figure(figures: &[Figure], kind: Kind, metric: Metric) -> &Figure {
    let of = |figure: &&Figure| {
        figure.kind == kind
            && figure.metric == metric
            && figure.method != Some(Method::PostStratified)
    };
    figures.iter().find(of).unwrap()
}

#[test]
fn realized_figures_are_means_of_losses() {
    let plan = plan();
    let mut window = cars(2, 400, 0.3);
    window[3].prediction = None;
    window[4].target = None;
    let found = figures(&plan, &window);
    let pairs: Vec<(f64, f64)> =
        window.iter().filter_map(|car| Some((car.target?, car.prediction?))).collect();
    let n = pairs.len() as f64;
    let mean = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|&(y, p)| of(y, p)).sum::<f64>() / n;
    let log = |y: f64, p: f64| libm::log1p(y) - libm::log1p(p);
    let (mse, msle) = (mean(&|y, p| (y - p) * (y - p)), mean(&|y, p| log(y, p) * log(y, p)));
    for (metric, expected) in [
        (Metric::Mae, mean(&|y, p| (y - p).abs())),
        (Metric::Mape, mean(&|y, p| (y - p).abs() / y.abs())),
        (Metric::Mse, mse),
        (Metric::Msle, msle),
        (Metric::Rmse, mse.sqrt()),
        (Metric::Rmsle, msle.sqrt()),
    ] {
        let figure = figure(&found, Kind::Realized, metric);
        let value = figure.value.unwrap();
        assert!((value / expected - 1.0).abs() < 1e-13, "{metric}: {value}, not {expected}");
        assert!(figure.sampling_error.unwrap() > 0.0 && figure.status == Status::Ok);
        let estimated = self::figure(&found, Kind::Estimated, metric);
        assert_eq!(estimated.method, Some(Method::Dle));
        assert_eq!(
            (estimated.lower_threshold, estimated.upper_threshold),
            (figure.lower_threshold, figure.upper_threshold)
        );
    }
}

#[test]
fn parts_merged_are_the_whole_to_the_bit() {
    let plan = plan();
    let window = cars(3, 500, 0.5);
    let whole = folded(&plan, &window);
    let mut shuffled = window.clone();
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, (uniform(9, at as u64) * (at + 1) as f64) as usize);
    }
    for (cars, cuts) in [(&window, [0, 1, 77, 500]), (&shuffled, [0, 250, 250, 500])] {
        let mut merged = WindowState::new(&plan);
        for part in cuts.windows(2).rev() {
            merged.merge(&folded(&plan, &cars[part[0]..part[1]]), &plan);
        }
        assert!(merged.clone().evaluate(&plan) == whole.clone().evaluate(&plan));
        let back: WindowState = minicbor::decode(&bytes(&merged)).unwrap();
        assert!(back == merged);
    }
    let mut merged = folded(&plan, &window[..200]);
    merged.merge(&folded(&plan, &window[200..]), &plan);
    let mut other = folded(&plan, &window[200..]);
    other.merge(&folded(&plan, &window[..200]), &plan);
    assert_eq!(bytes(&merged), bytes(&other));
}

#[test]
fn a_profile_is_the_same_each_time_and_comes_back_from_its_file() {
    let cars = cars(1, 600, 0.0);
    let profile = profile_of(&cars, 200);
    let text = profile.to_text();
    assert_eq!(text, profile_of(&cars, 200).to_text());
    let back = Profile::from_text("cars.vigie", &text).unwrap();
    assert!(back == profile);
    let (ours, theirs) = (served(&profile, &cars), served(&back, &cars));
    let losses = |rows: &Rows| match &rows.expected {
        Expected::Losses(losses) => losses.clone(),
        _ => panic!("losses are expected"),
    };
    assert_eq!(losses(&ours), losses(&theirs));
    // Four losses, and a metric over rows.
    assert_eq!(losses(&ours).len(), 5);
}

#[test]
fn what_is_broken_is_undefined_and_says_why() {
    use Kind::{Estimated, Realized};
    let plan = plan();
    let good = cars(5, 300, 0.0);
    let with = |change: &dyn Fn(&mut Car)| {
        let mut cars = good.clone();
        change(&mut cars[10]);
        figures(&plan, &cars)
    };
    let status = |found: &[Figure], kind, metric| {
        let figure = figure(found, kind, metric);
        assert_eq!(figure.value.is_some(), figure.status == Status::Ok, "{metric}");
        assert!(figure.breach.is_some() == (figure.status == Status::Ok), "{metric}");
        figure.status
    };
    let found = with(&|car| car.target = Some(-1.0));
    for metric in [Metric::Msle, Metric::Rmsle] {
        assert_eq!(status(&found, Realized, metric), Status::Negative);
        assert_eq!(status(&found, Estimated, metric), Status::Ok, "no target is looked at");
    }
    assert_eq!(status(&found, Realized, Metric::Mae), Status::Ok);
    let found = with(&|car| car.prediction = Some(-1.0));
    assert_eq!(status(&found, Estimated, Metric::Msle), Status::Negative);
    assert_eq!(status(&found, Realized, Metric::Rmsle), Status::Negative);
    assert_eq!(status(&found, Estimated, Metric::Rmse), Status::Ok);
    let found = with(&|car| car.target = Some(f64::INFINITY));
    for metric in METRICS {
        assert_eq!(status(&found, Realized, metric), Status::Infinite);
        assert_eq!(status(&found, Estimated, metric), Status::Ok);
    }
    let found = with(&|car| car.prediction = Some(f64::NEG_INFINITY));
    for metric in METRICS {
        assert_eq!(status(&found, Realized, metric), Status::Infinite);
        assert_eq!(status(&found, Estimated, metric), Status::Infinite);
    }
    // A square beyond the doubles.
    let found = with(&|car| car.target = Some(1e200));
    assert_eq!(status(&found, Realized, Metric::Mse), Status::Infinite);
    assert_eq!(status(&found, Realized, Metric::Mae), Status::Ok);
    // Without predictions nothing, without targets only what is expected.
    let none: Vec<Car> = good.iter().map(|car| Car { prediction: None, ..car.clone() }).collect();
    let found = figures(&plan, &none);
    assert_eq!(status(&found, Estimated, Metric::Mae), Status::AllMissing);
    assert_eq!(status(&found, Realized, Metric::Mae), Status::AllMissing);
    let none: Vec<Car> = good.iter().map(|car| Car { target: None, ..car.clone() }).collect();
    let found = figures(&plan, &none);
    assert_eq!(status(&found, Estimated, Metric::Mae), Status::Ok);
    assert_eq!(status(&found, Realized, Metric::Mae), Status::NoTargets);
    assert_eq!(status(&figures(&plan, &[]), Estimated, Metric::Mae), Status::Empty);
}

#[test]
fn a_reference_with_negative_targets_has_no_logarithms_and_all_else() {
    let mut reference = cars(1, 600, 0.0);
    reference[5].target = Some(-20.0);
    reference[6].target = Some(f64::INFINITY);
    let profile = profile_of(&reference, 200);
    let Outputs::Regression(regression) = &profile.outputs else { panic!("a number") };
    assert_eq!(regression.expects().count(), 3);
    assert!(profile.provenance.notes.iter().any(|note| note.contains("msle and rmsle")));
    let plan = plan_of(profile);
    let found = figures(&plan, &cars(2, 300, 0.0));
    assert_eq!(figure(&found, Kind::Estimated, Metric::Msle).status, Status::Negative);
    assert_eq!(figure(&found, Kind::Realized, Metric::Msle).status, Status::Ok);
    assert_eq!(figure(&found, Kind::Estimated, Metric::Rmse).status, Status::Ok);
}

/// Realized figures of the rows that have a target, and of all.
fn realized(plan: &Plan, outcome: &Outcome) -> Vec<Figure> {
    plan.realized_figures(400, outcome, &[])
}

#[test]
fn targets_that_come_late_in_any_order_and_are_corrected_leave_what_counts() {
    let plan = plan();
    let window = cars(6, 400, 0.0);
    // Every third target never comes.
    let labelled: Vec<Car> = (0..)
        .zip(&window)
        .map(|(at, car)| Car { target: car.target.filter(|_| at % 3 > 0), ..car.clone() })
        .collect();
    let mut state = folded(&plan, &labelled);
    let expected = realized(&plan, &state.outcome(&plan, &Repeated::default()).unwrap().0);
    let unlabelled: Vec<Car> =
        window.iter().map(|car| Car { target: None, ..car.clone() }).collect();
    let mut awaited = Awaited::default();
    let text = |target: Option<f64>| target.map(|target| target.to_string());
    let learn = |awaited: &mut Awaited, car: &Car, before: Option<f64>, after: Option<f64>| {
        let (before, after) = (text(before), text(after));
        let news = Labels {
            score: car.prediction,
            scores: &[],
            predicted: None,
            before: before.as_deref(),
            after: after.as_deref(),
            lag: 5,
            segments: &[],
            terms: &[car.prediction],
            sample: None,
        };
        awaited.learn(&plan, news);
    };
    for car in labelled.iter().rev() {
        // Some are wrong at first, some come before the window is sealed.
        let wrong = car.target.map(|target| target * 3.0 + 0.1);
        learn(&mut awaited, car, None, wrong);
        learn(&mut awaited, car, wrong, car.target);
    }
    for car in &labelled[..50] {
        learn(&mut awaited, car, car.target, Some(1e9));
        learn(&mut awaited, car, Some(1e9), None);
        learn(&mut awaited, car, None, car.target);
    }
    awaited.seal(&mut folded(&plan, &unlabelled), &plan);
    assert_eq!(awaited.targets(), 266);
    let awaited: Awaited = minicbor::decode(&minicbor::to_vec(&awaited).unwrap()).unwrap();
    let outcome = awaited.clone().measure(&plan).unwrap();
    assert_eq!(realized(&plan, &outcome), expected);
    assert_eq!(outcome.coverage(), 266.0 / 400.0);
    let stratified = expected.iter().filter(|of| of.method == Some(Method::PostStratified));
    assert!(stratified.clone().count() >= 6 && stratified.clone().all(|of| of.value.is_some()));
    // What is no number is no target.
    let mut odd = awaited.clone();
    let news = Labels {
        score: Some(1.0),
        scores: &[],
        predicted: None,
        before: None,
        after: Some("many"),
        lag: 0,
        segments: &[],
        terms: &[Some(1.0)],
        sample: None,
    };
    odd.learn(&plan, news);
    assert_eq!(odd.targets(), awaited.targets());
}

/// The mean losses that these cars have in truth, whatever they were sold for: by quadrature.
fn truth(cars: &[Car]) -> [f64; METRICS.len()] {
    let mut sums = [0.0; Loss::ALL.len()];
    let mut rows = 0.0;
    for car in cars {
        let (price, spread) = car.truth;
        for step in -30..=30 {
            let z = f64::from(step) / 5.0;
            let weight = 0.2 / TAU.sqrt() * libm::exp(-0.5 * z * z);
            let target = (price + spread * z).max(100.0);
            for (sum, loss) in sums.iter_mut().zip(Loss::ALL) {
                *sum += weight * loss.of(target, car.prediction.unwrap()).unwrap();
            }
        }
        rows += 1.0;
    }
    let [mae, mape, mse, msle] = sums.map(|sum| sum / rows);
    [mae, mape, mse, msle, mse.sqrt(), msle.sqrt()]
}

#[test]
fn the_band_of_the_estimate_covers_the_truth() {
    const ROWS: u64 = 400;
    const WINDOWS: u64 = 100;
    let plan = plan_of(profile_of(&cars(11, 10_000, 0.0), 500));
    for (what, old) in [("no shift", 0.0), ("older cars", 1.5)] {
        let (mut covered, mut realized) = ([0; METRICS.len()], [0; METRICS.len()]);
        for window in 0..WINDOWS {
            let seed = 1_000 + window + if old > 0.0 { 500 } else { 0 };
            let window = cars(seed, ROWS, old);
            let found = figures(&plan, &window);
            for ((at, metric), truth) in METRICS.into_iter().enumerate().zip(truth(&window)) {
                let estimated = figure(&found, Kind::Estimated, metric);
                let band =
                    estimated.lower_confidence.unwrap()..=estimated.upper_confidence.unwrap();
                covered[at] += u64::from(band.contains(&truth));
                let came = figure(&found, Kind::Realized, metric).value.unwrap();
                realized[at] += u64::from(band.contains(&came));
            }
        }
        println!(
            "{what}, {WINDOWS} windows of {ROWS}: {METRICS:?} the band covers the truth {covered:?}, what came to pass \
             {realized:?} times"
        );
        assert!(covered.iter().all(|&of| of * 100 >= WINDOWS * 99), "{what}: {covered:?}");
    }
}

#[test]
fn a_segment_of_numbers_strays_as_its_rows_do_and_expects_what_the_whole_expects() {
    let segments = SegmentSpec {
        splits: vec![Split::Columns(vec!["fuel".to_owned()])],
        min_rows: 100,
        max: 10,
        distributions: true,
        ..SegmentSpec::default()
    };
    let reference = cars(1, 1500, 0.0);
    let spec = Spec { segments: Some(segments), ..spec(300) };
    let profile = fit(spec, vec![rows_of(&reference)]).unwrap();
    let electric = |cars: &[Car]| -> Vec<Car> {
        cars.iter().filter(|car| car.fuel == Some("electric")).cloned().collect()
    };
    let all = &profile.segments.as_deref().unwrap().all;
    let at = all.iter().position(|segment| segment.name == "fuel=electric").unwrap();
    let of_segment = &all[at].reference.as_deref().unwrap().profile;
    let mut alone = profile_of(&electric(&reference), 300);
    assert!(of_segment.columns == alone.columns);
    let strays = |profile: &Profile| match &profile.outputs {
        Outputs::Regression(found) => {
            found.losses.each_ref().map(|loss| (loss.greatest, loss.error, loss.root_error))
        }
        _ => panic!("it predicts a number"),
    };
    assert_eq!(strays(of_segment), strays(&alone));
    alone.windows.clone_from(&of_segment.windows);

    let window = cars(2, 900, 0.0);
    let whole = Arc::new(profile);
    let plan = Plan::new(Arc::clone(&whole), criteria());
    let mut rows = served(&whole, &window);
    let placer = Placer::of(&whole).unwrap();
    rows.segments = placer.place(window.len(), &rows.columns, &Beside::default());
    let mut state = WindowState::new(&plan);
    state.fold(&plan, &plan.prepare(&rows), 0, rows.len());
    let of = plan.segments()[at].plan().unwrap();
    let reading = state.segment(at).unwrap().evaluate(of);
    // Alone, but for what is expected of each row.
    let part = electric(&window);
    let alone = plan_of(alone);
    let mut rows = rows_of(&part);
    rows.expected = whole.expected(&rows.columns);
    rows.terms = whole.terms(&rows.columns, rows.len());
    let mut state = WindowState::new(&alone);
    state.fold(&alone, &alone.prepare(&rows), 0, rows.len());
    let theirs = state.evaluate(&alone);
    assert!(reading == theirs);
    assert!(reading.estimated.is_some());
    let values = |figures: Vec<Figure>| -> Vec<_> {
        figures.into_iter().map(|of| (of.metric, of.value, of.sampling_error)).collect()
    };
    let ours = values(of.figures(&reading, None));
    assert!(ours.iter().any(|(metric, value, _)| *metric == Metric::Mae && value.is_some()));
    assert_eq!(ours, values(alone.figures(&theirs, None)));
}

#[test]
fn slices_of_a_regression_are_where_it_is_expected_to_be_far_off() {
    let profile =
        fit(Spec { sampled: true, ..spec(1000) }, vec![rows_of(&cars(1, 4000, 0.0))]).unwrap();
    // By targets in the reference...
    let slices = profile.slices.as_deref().unwrap();
    assert_eq!(slices.loss, SliceLoss::Absolute);
    // Old cars and electric ones stray most.
    let names: Vec<String> = slices.all.iter().map(Slice::name).collect();
    let any = |part: &str| names.iter().any(|name| name.contains(part));
    assert!(any("age >= 1") && any("fuel = electric"), "{names:?}");
    // ...and without in a window.
    let criteria =
        Criteria { worst_slices: 3, performance: METRICS.to_vec(), ..Criteria::default() };
    let plan = Plan::new(Arc::new(profile), criteria);
    let window: Vec<Car> =
        cars(2, 3000, 0.0).into_iter().map(|car| Car { target: None, ..car }).collect();
    let figures = figures(&plan, &window);
    let mut excess = figures.iter().filter(|figure| figure.metric == Metric::SliceExcess);
    let is_electric = |figure: &&Figure| figure.column_name.as_deref() == Some("fuel = electric");
    let excess = excess.find(is_electric).unwrap_or_else(|| panic!("{figures:?}"));
    assert_eq!(excess.method, Some(Method::Dle));
    assert!(excess.of.as_ref().unwrap() == &Metric::Mae);
    // Electric cars stray by 250 more, a third of all: the mean of what is expected is in the target's unit.
    assert!((80.0..300.0).contains(&excess.value.unwrap()), "{excess:?}");
    for change in figures.iter().filter(|figure| figure.metric == Metric::SliceChange) {
        assert!(change.p_value.unwrap() > 0.05, "nothing has changed: {change:?}");
    }
}

#[test]
fn losses_that_are_learnt_again_say_where_the_concept_has_moved() {
    let profile = fit(Spec { concept: true, ..spec(150) }, vec![rows_of(&cars(1, 1500, 0.0))]);
    let criteria = Criteria {
        concept: true,
        min_rows: 100,
        performance: METRICS.to_vec(),
        ..Criteria::default()
    };
    let plan = Plan::new(Arc::new(profile.unwrap()), criteria);
    let said = |cars: &[Car]| -> Vec<Figure> {
        let outcome = folded(&plan, cars).outcome(&plan, &Repeated::default()).unwrap().0;
        let reading = folded(&plan, cars).evaluate(&plan);
        let figures = plan.figures(&reading, Some(&outcome));
        figures.into_iter().filter(|of| of.metric == Metric::ConceptDriftMagnitude).collect()
    };
    let steady = said(&cars(2, 150, 0.0));
    assert_eq!(steady.len(), 1 + METRICS.len());
    assert!(steady.iter().all(|of| of.breach == Some(false)), "{steady:?}");
    // Cars on gas are three times as hard to price as they were.
    let harder = cars(2, 150, 0.0).into_iter().map(|car| match car {
        Car { fuel: Some("gas"), truth: (price, _), target: Some(target), .. } => {
            Car { target: Some((price + 3.0 * (target - price)).max(100.0)), ..car }
        }
        car => car,
    });
    let moved = said(&harder.collect::<Vec<_>>());
    let of = |metric: Option<Metric>| {
        let is = |figure: &&Figure| figure.of.as_ref().map(Measure::metric) == metric;
        moved.iter().find(is).unwrap_or_else(|| panic!("{moved:?}"))
    };
    for metric in [None, Some(Metric::Mae)] {
        let figure = of(metric);
        assert_eq!(figure.breach, Some(true), "{figure:?}");
        // A third of all, by two thirds of their spread of 500, of which the mean is four fifths: 270.
        assert!((130.0..450.0).contains(&figure.value.unwrap()), "{figure:?}");
    }
}
