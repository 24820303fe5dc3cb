//! Estimates that are robust to covariate shift, in simulated worlds whose truth is known: how far they and the plain ones
//! are from what came of the windows, how often three sampling errors hold it, and what they cost a sealed window.
//!
//! ```text
//! cargo bench --no-default-features --bench robust                # two classes, three, and a number: ten minutes
//! cargo bench --no-default-features --bench robust -- three 10    # three classes alone, ten seeds in place of forty
//! ```
//!
//! In every world the score is calibrated on average over the reference, and wrong in parts of it: the inputs tell the
//! parts, the score does not. The window moves into such a part. In regressions what tells the parts is an embedding's
//! place, which no expected loss sees, or a number, which it does see.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod cpu;

use std::env;
use std::f64::consts::TAU;
use std::sync::Arc;

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{Predicts, SeveralClasses, Spec, TwoClasses, fit};
use vigie::metric::{ColumnKind, Kind, Metric};
use vigie::profile::{Provenance, Role, WindowRule};
use vigie::window::{Criteria, Figure, Method, Plan, WindowState};

const REFERENCE: usize = 30_000;
const WINDOW: usize = 3_000;
const FEATURES: usize = 6;

/// Numbers that look random and are always the same.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * libm::log(a)).sqrt() * libm::cos(TAU * b)
    }
}

/// What moves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moves {
    /// The mean of a number.
    Number,
    /// The share of a category, from 15 % on.
    Category,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Two,
    Three,
    Number,
}

struct Made {
    features: Vec<Vec<f64>>,
    part: Vec<bool>,
    /// A row's scores, or its prediction.
    scores: Vec<Vec<f64>>,
    predicted: Vec<f64>,
    targets: Vec<f64>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn make(seed: u64, rows: usize, shift: f64, moves: Moves, model: Model) -> Made {
    let mut draws = Draws(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut made = Made {
        features: vec![Vec::new(); FEATURES],
        part: Vec::with_capacity(rows),
        scores: Vec::with_capacity(rows),
        predicted: Vec::with_capacity(rows),
        targets: Vec::with_capacity(rows),
    };
    for _ in 0..rows {
        let mut x: Vec<f64> = (0..FEATURES).map(|_| draws.normal()).collect();
        let share = if moves == Moves::Category { 0.15 + 0.55 * shift } else { 0.5 };
        let part = draws.uniform() < share;
        if moves == Moves::Number {
            x[0] += shift;
        }
        let z = 1.2 * x[1] - 0.8 * x[2];
        // What the model does not know.
        let (steep, more) = match moves {
            Moves::Number => (libm::exp(-0.35 * x[0]), 0.6 * x[0]),
            Moves::Category if part => (0.3, 0.9),
            Moves::Category => (1.3, -0.2),
        };
        let coin = draws.uniform();
        match model {
            Model::Two => {
                let score = sigmoid(z);
                made.scores.push(vec![score]);
                made.predicted.push(f64::from(u8::from(score >= 0.5)));
                made.targets.push(f64::from(u8::from(coin < sigmoid(steep * z + more))));
            }
            Model::Three => {
                let softmax = |of: [f64; 3]| {
                    let all = of.map(libm::exp);
                    let sum: f64 = all.iter().sum();
                    all.map(|of| of / sum)
                };
                let y = 0.9 * x[3];
                let scores = softmax([z, y, 0.0]);
                let truth = softmax([steep * z + more, steep * y, 0.0]);
                let best = |of: [f64; 3]| {
                    (0..3).max_by(|&a, &b| of[a].total_cmp(&of[b])).unwrap_or(0) as f64
                };
                made.scores.push(scores.into());
                made.predicted.push(best(scores));
                let class = if coin < truth[0] {
                    0.0
                } else if coin < truth[0] + truth[1] {
                    1.0
                } else {
                    2.0
                };
                made.targets.push(class);
            }
            Model::Number => {
                let prediction = 10.0 + z;
                let spread = if moves == Moves::Number {
                    libm::exp(0.5 * x[0])
                } else if part {
                    2.5
                } else {
                    0.8
                };
                made.scores.push(Vec::new());
                made.predicted.push(prediction);
                made.targets.push(prediction + spread * draws.normal());
            }
        }
        for (column, x) in made.features.iter_mut().zip(x) {
            column.push(x);
        }
        made.part.push(part);
    }
    made
}

impl Made {
    fn rows(&self) -> Rows {
        let numbers = |of: Vec<f64>| Column::new(Values::Numbers(Float64Array::from(of)));
        let labels = |of: &[f64]| {
            let texts: Vec<String> = of.iter().map(f64::to_string).collect();
            let array: DictionaryArray<Int32Type> =
                texts.iter().map(|text| Some(text.as_str())).collect();
            Column::new(Values::Labels(array))
        };
        let mut columns: Vec<Column> = self.features.iter().cloned().map(numbers).collect();
        columns.push(labels(
            &self.part.iter().map(|&part| f64::from(u8::from(part))).collect::<Vec<_>>(),
        ));
        let classes = self.scores.first().map_or(0, Vec::len);
        for class in 0..classes {
            columns.push(numbers(self.scores.iter().map(|row| row[class]).collect()));
        }
        if classes == 0 {
            columns.push(numbers(self.predicted.clone()));
            columns.push(numbers(self.targets.clone()));
        } else {
            columns.push(labels(&self.predicted));
            columns.push(labels(&self.targets));
        }
        Rows {
            offsets: (0..self.part.len() as i64).collect(),
            times: None,
            columns,
            expected: Expected::Nothing,
            reconstruction: None,
            segments: Vec::new(),
            keys: None,
            terms: Vec::new(),
        }
    }
}

fn spec(model: Model) -> Spec {
    let mut columns: Vec<(String, Role, ColumnKind)> =
        (0..FEATURES).map(|at| (format!("x{at}"), Role::Feature, ColumnKind::Continuous)).collect();
    columns.push(("part".to_owned(), Role::Feature, ColumnKind::Categorical));
    let (predicts, scores, kind) = match model {
        Model::Two => (Predicts::Binary(TwoClasses::default()), 1, ColumnKind::Categorical),
        Model::Three => {
            let scores = (0..3).map(|class| (class.to_string(), format!("p{class}"))).collect();
            let several = SeveralClasses { scores, ..SeveralClasses::default() };
            (Predicts::Multiclass(several), 3, ColumnKind::Categorical)
        }
        Model::Number => (Predicts::Number, 0, ColumnKind::Continuous),
    };
    columns.extend((0..scores).map(|at| (format!("p{at}"), Role::Score, ColumnKind::Continuous)));
    columns.push(("prediction".to_owned(), Role::Prediction, kind));
    columns.push(("target".to_owned(), Role::Target, kind));
    Spec {
        model: "made-up".to_owned(),
        version: String::new(),
        predicts,
        rule: WindowRule::Size(WINDOW as u64),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns,
        whole: Vec::new(),
        sampled: true,
        concept: false,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    }
}

/// How far an estimate is off.
#[derive(Default)]
struct Off {
    absolute: f64,
    signed: f64,
    within: usize,
    of: usize,
    error: f64,
}

impl Off {
    fn add(&mut self, figure: &Figure, truth: f64) {
        let (Some(value), Some(error)) = (figure.value, figure.sampling_error) else { return };
        self.absolute += (value - truth).abs();
        self.signed += value - truth;
        self.within += usize::from((value - truth).abs() <= 3.0 * error);
        self.error += error;
        self.of += 1;
    }

    fn say(&self) -> String {
        let n = self.of.max(1) as f64;
        format!(
            "{:.4} ({:+.4}, error {:.4}, held {:3.0} %, of {})",
            self.absolute / n,
            self.signed / n,
            self.error / n,
            100.0 * self.within as f64 / n,
            self.of
        )
    }
}

fn main() {
    let seeds: u64 = env::args().find_map(|arg| arg.parse().ok()).unwrap_or(40);
    println!(
        "mean absolute error (bias, mean sampling error, share held by three of them), {seeds} seeds"
    );
    let all = [(Model::Two, "two"), (Model::Three, "three"), (Model::Number, "number")];
    let is_asked = |name: &str| env::args().any(|argument| argument == name);
    let any = all.iter().any(|(_, name)| is_asked(name));
    for (model, _) in all.into_iter().filter(|(_, name)| !any || is_asked(name)) {
        let metrics: &[Metric] = match model {
            Model::Number => &[Metric::Mae, Metric::Rmse],
            _ => &[Metric::RocAuc, Metric::F1, Metric::Accuracy],
        };
        for moves in [Moves::Number, Moves::Category] {
            for shift in [0.0, 0.5, 1.0, 1.5] {
                if moves == Moves::Category && shift > 1.0 {
                    continue;
                }
                let mut off: Vec<[Off; 2]> = metrics.iter().map(|_| Default::default()).collect();
                let mut outside = 0.0;
                let (mut with, mut without) = (0.0, 0.0);
                for seed in 0..seeds {
                    let reference = make(2 * seed + 1, REFERENCE, 0.0, moves, model);
                    let Ok(profile) = fit(spec(model), vec![reference.rows()]) else { continue };
                    let profile = Arc::new(profile);
                    let criteria = Criteria {
                        performance: metrics.to_vec(),
                        continuous: Vec::new(),
                        categorical: Vec::new(),
                        whole: Vec::new(),
                        robust: true,
                        ..Criteria::default()
                    };
                    let plain = Criteria { robust: false, sampled: true, ..criteria.clone() };
                    let plan = Plan::new(Arc::clone(&profile), criteria);
                    let plain = Plan::new(Arc::clone(&profile), plain);
                    let mut rows = make(2 * seed + 2, WINDOW, shift, moves, model).rows();
                    rows.expected = profile.expected(&rows.columns);
                    let mut state = WindowState::new(&plan);
                    state.fold(&plan, &plan.prepare(&rows), 0, WINDOW);
                    let began = cpu::seconds("self");
                    let reading = state.evaluate(&plan);
                    with += cpu::seconds("self") - began;
                    let began = cpu::seconds("self");
                    let _other = state.evaluate(&plain);
                    without += cpu::seconds("self") - began;
                    let figures = plan.figures(&reading, None);
                    for (metric, off) in metrics.iter().zip(&mut off) {
                        let of = |kind, method| {
                            figures.iter().find(|figure| {
                                figure.kind == kind
                                    && figure.metric == *metric
                                    && (figure.method == Some(Method::Pape)) == method
                            })
                        };
                        let Some(truth) = of(Kind::Realized, false).and_then(|of| of.value) else {
                            continue;
                        };
                        for (off, robust) in off.iter_mut().zip([false, true]) {
                            if let Some(figure) = of(Kind::Estimated, robust) {
                                off.add(figure, truth);
                            }
                        }
                    }
                    let of = figures.iter().find(|f| f.metric == Metric::SupportViolationRate);
                    outside += of.and_then(|of| of.value).unwrap_or(0.0);
                }
                let n = seeds as f64;
                println!(
                    "\n{model:?}, {moves:?} moves by {shift}: outside {:.4}; seconds a window {:.4} without, {:.4} with",
                    outside / n,
                    without / n,
                    with / n
                );
                for (metric, [plain, robust]) in metrics.iter().zip(&off) {
                    println!("  {:10} plain  {}", metric.as_str(), plain.say());
                    println!("  {:10} robust {}", "", robust.say());
                }
            }
        }
    }
}
