//! Simulated truth: two models whose true difference is known, compared many times. How often equals are told apart by
//! mistake, how often a difference is found, and whether the errors that are stated are those that are found.
//!
//! The quick share runs with all tests; the whole, whose figures stand in `docs/statistics.md`:
//! `cargo test --release --no-default-features --test exact -- --ignored comparison --nocapture`.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::ops::Range;

use vigie::diagnosis::{
    Answer, Beside, Compared, Gate, Margin, Question, Scored, Side, Verdict, compare, pair,
    side_by_side,
};
use vigie::metric::{Kind, Metric};
use vigie::profile::{Profile, WindowRule};
use vigie::window::Criteria;

use crate::world::{Row, profile_of, served, uniform};

const METRICS: [Metric; 7] = [
    Metric::RocAuc,
    Metric::AveragePrecision,
    Metric::F1,
    Metric::Precision,
    Metric::Recall,
    Metric::Specificity,
    Metric::Accuracy,
];

/// A normal draw.
fn normal(seed: u64, index: u64) -> f64 {
    let (u, v) = (uniform(seed, 2 * index), uniform(seed, 2 * index + 1));
    (-2.0 * libm::log(1.0 - u)).sqrt() * libm::cos(2.0 * PI * v)
}

/// How much of what matters each model sees: both of `x`, and one each of two causes that matter as much.
#[derive(Clone, Copy)]
struct World {
    /// How much the challenger sees of its own cause; the champion sees all of its own.
    challenger: f64,
}

/// A row as both models score it.
fn scored(world: World, seed: u64, index: u64) -> [Row; 2] {
    let draw = |n: u64| normal(seed.wrapping_mul(131).wrapping_add(n), index);
    let (x, a, b) = (draw(1), draw(2), draw(3));
    let sigmoid = |z: f64| 1.0 / (1.0 + libm::exp(-z));
    let truth = sigmoid(1.2 * x + 0.7 * a + 0.7 * b - 0.5);
    let target = uniform(seed.wrapping_mul(131).wrapping_add(4), index) < truth;
    let seen = world.challenger;
    let blurred = seen * b + (1.0 - seen * seen).sqrt() * draw(5);
    let row = |raw: f64| {
        let score = (sigmoid(raw) * 1e4).round() / 1e4;
        Row {
            time: index as i64 * 1_000_000,
            amount: Some(x),
            region: Some("east".to_owned()),
            score: Some(score),
            prediction: Some(score >= 0.5),
            target: Some(target),
        }
    };
    [row(1.1 * x + 0.6 * a - 0.4), row(1.1 * x + 0.6 * blurred - 0.4)]
}

fn rows(world: World, seed: u64, count: u64) -> [Vec<Row>; 2] {
    let (first, second) = (0..count).map(|at| scored(world, seed, at)).map(|[a, b]| (a, b)).unzip();
    [first, second]
}

fn of(profile: &Profile, rows: &[Row]) -> Scored {
    let mut scored = Scored::new(profile);
    scored.add(profile, &served(profile, rows, 0), None);
    scored
}

/// Both models over rows of one seed, by profiles of references of the same seed.
fn compared(world: World, seed: u64, sizes: (u64, u64), is_split: bool) -> Vec<Compared> {
    let (reference, window) = sizes;
    let criteria = Criteria { performance: METRICS.to_vec(), ..Criteria::default() };
    let learned = rows(world, seed * 4, reference);
    let profiles =
        [0, 1].map(|side: usize| profile_of(&learned[side], WindowRule::Number(1)).unwrap());
    let mut seen = rows(world, seed * 4 + 1, window);
    if is_split {
        let [_, others] = rows(world, seed * 4 + 2, window);
        seen[1] = others;
    }
    let both = [0, 1].map(|side: usize| of(&profiles[side], &seen[side]));
    let pairing =
        if is_split { side_by_side(&both[0], &both[1]) } else { pair(&both[0], &both[1]) };
    let side = |at: usize| Side { scored: &both[at], profile: &profiles[at] };
    compare(side(0), side(1), &pairing, Beside { criteria: &criteria, same_reference: true })
}

/// What is found of one figure over many seeds.
#[derive(Default)]
struct Course {
    values: Vec<f64>,
    errors: Vec<f64>,
    better: u32,
    worse: u32,
    /// A handful of rows outweighed all others.
    unjudged: u32,
    /// How often a gate says yes to "no worse by 0.01".
    passes: u32,
}

impl Course {
    fn scatter(&self) -> f64 {
        let mean = self.mean();
        let squares = self.values.iter().map(|value| (value - mean) * (value - mean));
        (squares.sum::<f64>() / (self.values.len() - 1) as f64).sqrt()
    }

    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    fn error(&self) -> f64 {
        let squares = self.errors.iter().map(|error| error * error).sum::<f64>();
        (squares / self.errors.len() as f64).sqrt()
    }

    fn share(&self, count: u32) -> f64 {
        f64::from(count) / self.values.len() as f64
    }
}

fn courses(
    world: World,
    seeds: Range<u64>,
    sizes: (u64, u64),
    is_split: bool,
) -> BTreeMap<(Kind, String), Course> {
    let gate =
        Gate { question: Question::NoWorse, margin: Margin::Absolute(0.01), confidence: 0.95 };
    let mut courses: BTreeMap<(Kind, String), Course> = BTreeMap::new();
    for seed in seeds {
        for one in compared(world, seed, sizes, is_split) {
            let course = courses.entry((one.kind, one.measure.to_string())).or_default();
            let Ok(found) = one.found else {
                course.unjudged += 1;
                continue;
            };
            course.values.push(found.value());
            course.errors.push(found.error);
            course.better += u32::from(one.verdict(0.95) == Verdict::Better);
            course.worse += u32::from(one.verdict(0.95) == Verdict::Worse);
            course.passes += u32::from(gate.answer(&one) == Answer::Yes);
        }
    }
    courses
}

fn print(title: &str, courses: &BTreeMap<(Kind, String), Course>) {
    println!("{title}");
    for ((kind, measure), course) in courses {
        println!(
            "  {:10} {measure:18} difference {:+.4}, scatter {:.4}, stated {:.4} ({:.2}), better {:.3}, worse {:.3}, no worse by 0.01 {:.3}, not judged {}",
            kind.as_str(),
            course.mean(),
            course.scatter(),
            course.error(),
            course.error() / course.scatter(),
            course.share(course.better),
            course.share(course.worse),
            course.share(course.passes),
            course.unjudged,
        );
    }
}

const EQUAL: World = World { challenger: 1.0 };
const WORSE: World = World { challenger: 0.3 };

#[test]
fn equals_are_seldom_told_apart_and_a_worse_model_is() {
    let equal = courses(EQUAL, 0..16, (500, 400), false);
    print("equals", &equal);
    for ((kind, measure), course) in &equal {
        // Of sixteen, one by chance; six would be no chance.
        let apart = course.better + course.worse;
        assert!(apart <= 5 && course.unjudged <= 2, "{kind} {measure}: {apart} of 16");
        let stated = course.error() / course.scatter();
        assert!((0.55..1.8).contains(&stated), "{kind} {measure}: {stated}");
    }
    let worse = courses(WORSE, 0..4, (500, 2_000), false);
    print("worse", &worse);
    let area = &worse[&(Kind::Realized, "roc_auc".to_owned())];
    assert!(area.worse >= 3 && area.better == 0 && area.passes == 0, "{}", area.worse);
}

#[test]
#[ignore = "a thousand comparisons: minutes"]
fn comparison_whole() {
    let mut wrong = Vec::new();
    for (title, is_split) in [("equals, paired", false), ("equals, split traffic", true)] {
        let found = courses(EQUAL, 0..1000, (3_000, 2_000), is_split);
        print(&format!("{title}: 1,000 seeds, 3,000 reference rows, 2,000 rows"), &found);
        for ((kind, measure), course) in &found {
            let apart = course.share(course.better + course.worse);
            let stated = course.error() / course.scatter();
            // On split traffic estimates have the error of a window of either reference, which is more than they scatter.
            let is_wide = is_split && *kind == Kind::Estimated;
            let (least, most) = if is_wide { (0.0, 1.6) } else { (0.025, 1.12) };
            // Three errors of a share of 0.05 of 1,000 are 0.021.
            if !(least..=0.075).contains(&apart) || !(0.9..=most).contains(&stated) {
                wrong.push(format!("{title} {kind} {measure}: {apart} {stated}"));
            }
        }
    }
    for (title, is_split) in [("worse, paired", false), ("worse, split traffic", true)] {
        let found = courses(WORSE, 0..300, (3_000, 2_000), is_split);
        print(&format!("{title}: 300 seeds"), &found);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
