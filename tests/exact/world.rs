//! Small made-up data for tests of windows and stages.

use std::sync::{Arc, OnceLock};

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{FitError, Predicts, SegmentSpec, Spec, TwoClasses, fit};
use vigie::formula::Formula;
use vigie::metric::{ColumnKind, Family, Metric, Problem};
use vigie::profile::{Beside, Placer, Profile, Provenance, Role, Split, WindowRule};
use vigie::stats::Threshold;
use vigie::window::{Criteria, CustomMetric, Early, Plan};

/// One row of the made-up model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) time: i64,
    pub(crate) amount: Option<f64>,
    pub(crate) region: Option<String>,
    pub(crate) score: Option<f64>,
    pub(crate) prediction: Option<bool>,
    pub(crate) target: Option<bool>,
}

/// The columns of the made-up model, in their order.
pub(crate) const COLUMNS: [(&str, Role, ColumnKind); 5] = [
    ("amount", Role::Feature, ColumnKind::Continuous),
    ("region", Role::Feature, ColumnKind::Categorical),
    ("score", Role::Score, ColumnKind::Continuous),
    ("prediction", Role::Prediction, ColumnKind::Categorical),
    ("target", Role::Target, ColumnKind::Categorical),
];

/// Numbers that look random and are always the same, in `[0, 1)`.
pub(crate) fn uniform(seed: u64, index: u64) -> f64 {
    let mut z = (seed << 32).wrapping_add(index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The `index`-th row of a steady world with a calibrated score; one a second.
pub(crate) fn row(seed: u64, index: u64) -> Row {
    let draw = |n: u64| uniform(seed.wrapping_mul(31).wrapping_add(n), index);
    let score = (draw(1) * 100.0).round() / 100.0;
    let region = ["east", "north", "south"][(draw(2) * 3.0) as usize];
    Row {
        time: i64::try_from(index).unwrap() * 1_000_000,
        amount: (draw(3) > 0.05).then(|| -100.0 * libm::log(1.0 - draw(4))),
        region: Some(region.to_owned()),
        score: Some(score),
        prediction: Some(score >= 0.5),
        target: Some(draw(5) < score),
    }
}

pub(crate) fn rows(seed: u64, count: u64) -> Vec<Row> {
    (0..count).map(|index| row(seed, index)).collect()
}

/// Rows as the stages see them, with offsets from `first` on.
pub(crate) fn batch(rows: &[Row], first: i64) -> Rows {
    let labels = |of: &dyn Fn(&Row) -> Option<String>| {
        let texts: Vec<Option<String>> = rows.iter().map(of).collect();
        let array: DictionaryArray<Int32Type> = texts.iter().map(Option::as_deref).collect();
        Column::new(Values::Labels(array))
    };
    let numbers = |of: &dyn Fn(&Row) -> Option<f64>| {
        Column::new(Values::Numbers(rows.iter().map(of).collect::<Float64Array>()))
    };
    let class = |class: bool| if class { "1" } else { "0" }.to_owned();
    Rows {
        offsets: (first..first + i64::try_from(rows.len()).unwrap()).collect(),
        times: Some(rows.iter().map(|row| row.time).collect()),
        columns: vec![
            numbers(&|row| row.amount),
            labels(&|row| row.region.clone()),
            numbers(&|row| row.score),
            labels(&|row| row.prediction.map(class)),
            labels(&|row| row.target.map(class)),
        ],
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

/// A batch with what the profile adds to each row.
pub(crate) fn served(profile: &Profile, rows: &[Row], first: i64) -> Rows {
    let mut batch = batch(rows, first);
    batch.expected = profile.expected(&batch.columns);
    batch.reconstruction = profile.reconstruction_errors(&batch.columns);
    if let Some(placer) = Placer::of(profile) {
        batch.segments = placer.place(rows.len(), &batch.columns, &beside(rows));
    }
    // Rows have the same key in whatever part they come.
    batch.terms = profile.terms(&batch.columns, rows.len());
    batch.keys = Some(profile.keys(rows.iter().map(|row| Some(row.time as u128)), &batch.columns));
    batch
}

/// What tells segments beside the columns: whether an amount is small.
pub(crate) fn beside(rows: &[Row]) -> Beside {
    let small = rows.iter().map(|row| row.amount.map(|amount| amount < SMALL));
    Beside { columns: Vec::new(), conditions: vec![small.collect()] }
}

/// Amounts below are small.
pub(crate) const SMALL: f64 = 50.0;

/// Segments by region, by region and prediction, and of small amounts.
pub(crate) fn segments(rows: &[Row], min_rows: u64, max: u64) -> SegmentSpec {
    let columns =
        |names: &[&str]| Split::Columns(names.iter().map(|&name| name.to_owned()).collect());
    let small = Split::Where { name: "small".to_owned(), sql: format!("amount < {SMALL}") };
    SegmentSpec {
        splits: vec![columns(&["region"]), small, columns(&["region", "prediction"])],
        slices: false,
        beside: Vec::new(),
        told: vec![beside(rows)],
        min_rows,
        max,
        distributions: true,
    }
}

pub(crate) fn spec(rule: WindowRule) -> Spec {
    Spec {
        model: "loans".to_owned(),
        version: String::new(),
        predicts: Predicts::Binary(TwoClasses::default()),
        rule,
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns: COLUMNS.map(|(name, role, kind)| (name.to_owned(), role, kind)).into(),
        // The trees of a classifier take long where nothing is optimized; it has tests of its own.
        whole: vec![Metric::ReconstructionError],
        sampled: false,
        concept: false,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    }
}

pub(crate) fn profile_of(rows: &[Row], rule: WindowRule) -> Result<Profile, FitError> {
    fit(Spec { metrics: own_loss(), ..spec(rule) }, vec![batch(rows, 0)])
}

/// A metric of the user's own over rows.
pub(crate) fn own_loss() -> Vec<(String, String)> {
    vec![(OWN_LOSS.0.to_owned(), OWN_LOSS.1.to_owned())]
}

/// Metrics of the user's own.
pub(crate) const OWN: &[(&str, &str)] = &[
    ("own_accuracy", "(true_positive + true_negative) / rows"),
    ("own_cost", "(10 * false_positive + 500 * false_negative) / rows"),
    ("own_f1", "2 * true_positive / (2 * true_positive + false_positive + false_negative)"),
    ("own_precision", "true_positive / nullif(true_positive + false_positive, 0)"),
];

/// A metric of the user's own over rows: the amounts that were lent and not paid back, of those rows that have one.
pub(crate) const OWN_LOSS: (&str, &str) =
    ("own_loss", "case when prediction = 1 and target = 0 then amount else 0 * amount end");

/// Everything that can be asked.
pub(crate) fn all_criteria() -> Criteria {
    let drift: Vec<Metric> =
        Metric::all().filter(|metric| metric.spec().family == Family::Drift).collect();
    let performance = Metric::all().filter(|metric| metric.spec().family == Family::Performance);
    let performance = performance.filter(|metric| metric.serves(Problem::Binary)).collect();
    Criteria {
        performance,
        continuous: drift.clone(),
        categorical: drift,
        whole: Metric::all().filter(|metric| metric.spec().family == Family::Whole).collect(),
        business_value: Some(vec![vec![0.0, -1.0], vec![-5.0, 3.0]]),
        custom: OWN
            .iter()
            .map(|(name, text)| CustomMetric {
                name: (*name).into(),
                formula: Formula::parse(text).unwrap(),
                threshold: Threshold::THREE_SIGMA,
            })
            .collect(),
        early: Some(Early {
            columns: Some(COLUMNS.map(|(name, ..)| name.to_owned()).into()),
            targets: true,
            false_alarms: 0.01,
            tolerance: 0.05,
        }),
        rowwise: [(OWN_LOSS.0.to_owned(), Threshold::THREE_SIGMA)].into(),
        min_rows: 1,
        ..Criteria::default()
    }
}

/// The plan for a profile of a steady world, made once.
pub(crate) fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let profile = profile_of(&rows(1, 2000), WindowRule::Size(500)).unwrap();
        Plan::new(Arc::new(profile), all_criteria())
    })
}
