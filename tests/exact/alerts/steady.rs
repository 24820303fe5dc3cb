//! In a steady world hardly anybody is woken, and a fault of known size is told soon.

use std::f64::consts::TAU;

use libm::{cos, log, sqrt};
use vigie::alert::{Event, Level, Policy, Watch};
use vigie::metric::{Kind, Metric};
use vigie::stats::{Range, Threshold};
use vigie::window::Figure;

use super::{figure, held, result, take};
use crate::world::uniform;

const FEATURES: usize = 50;
const METRICS: [Metric; 7] = [
    Metric::RocAuc,
    Metric::AveragePrecision,
    Metric::F1,
    Metric::Precision,
    Metric::Recall,
    Metric::Specificity,
    Metric::Accuracy,
];
/// Rows of a window.
const ROWS: f64 = 1000.0;
/// The scatter of a metric from window to window.
const ERROR: f64 = 0.01;

/// Numbers that look random.
struct Draws {
    seed: u64,
    next: u64,
}

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.next += 1;
        uniform(self.seed, self.next)
    }

    fn normal(&mut self) -> f64 {
        let radius = sqrt(-2.0 * log(1.0 - self.uniform()));
        radius * cos(TAU * self.uniform())
    }

    /// So many of many rows, each by a small chance.
    fn count(&mut self, expected: f64) -> f64 {
        let (mut left, mut count) = (libm::exp(-expected), 0.0);
        let mut drawn = self.uniform();
        while drawn > left && count < ROWS {
            drawn *= self.uniform();
            count += 1.0;
            if left == 0.0 {
                left = f64::MIN_POSITIVE;
            }
        }
        count
    }
}

/// What a window of a steady world has by chance: metrics that go together, estimated and realized, by normal scatter; faults
/// of the data by counts; the distances of the columns from the reference, of ten bins each.
struct Window {
    performance: Vec<f64>,
    missing: Vec<f64>,
    beyond: Vec<f64>,
    drift: Vec<f64>,
}

fn window(draws: &mut Draws) -> Window {
    let together = draws.normal();
    let scatter = |draws: &mut Draws| sqrt(0.5) * (together + draws.normal());
    Window {
        performance: (0..2 * METRICS.len()).map(|_| 0.8 + ERROR * scatter(draws)).collect(),
        missing: (0..FEATURES).map(|_| draws.count(20.0) / ROWS).collect(),
        beyond: (0..FEATURES).map(|_| draws.count(0.1) / ROWS).collect(),
        drift: (0..FEATURES)
            .map(|_| {
                let squares: f64 = (0..9).map(|_| draws.normal()).map(|z| z * z).sum();
                sqrt(squares / ROWS)
            })
            .collect(),
    }
}

/// The windows of a reference, as thresholds of three standard deviations see them.
struct Reference(Vec<Window>);

impl Reference {
    fn of(draws: &mut Draws, windows: usize) -> Self {
        Self((0..windows).map(|_| window(draws)).collect())
    }

    /// A window held against it.
    fn figures(&self, window: &Window) -> Vec<Figure> {
        let limits = |threshold: Threshold, of: &dyn Fn(&Window) -> f64, range| {
            let limits = threshold.limits(&self.0.iter().map(of).collect::<Vec<_>>(), range);
            (limits.lower, limits.upper)
        };
        let mut figures = Vec::new();
        for (at, value) in window.performance.iter().enumerate() {
            let kind = if at < METRICS.len() { Kind::Estimated } else { Kind::Realized };
            let (lower, upper) =
                limits(Threshold::THREE_SIGMA, &|of| of.performance[at], Range::UNIT);
            let found = figure(kind, METRICS[at % METRICS.len()], None, *value);
            figures.push(Figure { sampling_error: Some(ERROR), ..held(found, lower, upper) });
        }
        for at in 0..FEATURES {
            let column = format!("feature {at}");
            let of = |kind, metric, value| figure(kind, metric, Some(&column), value);
            let (lower, upper) = limits(Threshold::THREE_SIGMA, &|of| of.missing[at], Range::UNIT);
            let missing = of(Kind::Quality, Metric::MissingRate, window.missing[at]);
            figures.push(held(missing, lower, upper));
            let beyond = of(Kind::Quality, Metric::OutOfRangeRate, window.beyond[at]);
            figures.push(held(beyond, None, Some(0.0)));
            let range = Range::POSITIVE;
            let (lower, upper) = limits(Threshold::THREE_SIGMA_ABOVE, &|of| of.drift[at], range);
            let drift = of(Kind::Drift, Metric::JensenShannon, window.drift[at]);
            figures.push(held(drift, lower, upper));
        }
        figures
    }
}

/// How many alerts open in so many windows, over deployments with a reference of their own.
fn opened(policies: &[Policy], windows: usize) -> (Vec<usize>, usize) {
    const EACH: usize = 100;
    let mut opened = vec![0; policies.len()];
    let mut breaching = 0;
    for seed in 0..(windows / EACH) as u64 {
        let mut draws = Draws { seed, next: 0 };
        let reference = Reference::of(&mut draws, 20);
        let mut watches = vec![Watch::default(); policies.len()];
        for index in 0..EACH as u64 {
            let result = result(index, reference.figures(&window(&mut draws)));
            breaching += usize::from(Policy::default().deciding(&result).is_some());
            for ((policy, watch), opened) in policies.iter().zip(&mut watches).zip(&mut opened) {
                let told = take(watch, policy, &result);
                *opened += told.iter().filter(|of| of.event == Event::Opened).count();
            }
        }
    }
    (opened, breaching)
}

#[test]
fn in_ten_thousand_steady_windows_of_fifty_features_fewer_than_one_in_a_thousand_pages() {
    let first = Policy {
        open_after: 1,
        open_of: 1,
        at_once: None,
        margin: 0.0,
        false_discovery: None,
        ..Policy::default()
    };
    let drift = Policy { drift: Level::Warning, ..Policy::default() };
    let (found, breaching) = opened(&[Policy::default(), drift, first], 10_000);
    println!(
        "10,000 steady windows: {breaching} breach something that alerts; opened by default {}, with drift {}, by the \
         first breach {}",
        found[0], found[1], found[2]
    );
    assert!(found[0] < 10, "{found:?}");
    assert!(found[2] > 20 * found[0].max(1), "and not because nothing ever breaches: {found:?}");
}

#[test]
fn a_fault_is_told_the_sooner_the_greater_it_is() {
    let policy = Policy::default();
    let mut delays = Vec::new();
    println!(
        "drop in sampling errors: windows until it is told, mean of 40, and how many were not within 100"
    );
    for drop in [2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0] {
        let (mut sum, mut missed) = (0, 0);
        for seed in 0..40 {
            let mut draws = Draws { seed: 1_000 + seed, next: 0 };
            let reference = Reference::of(&mut draws, 20);
            let mut watch = Watch::default();
            let told = (0..100u64).find(|&index| {
                let mut window = window(&mut draws);
                for value in &mut window.performance {
                    *value -= drop * ERROR;
                }
                let result = result(index, reference.figures(&window));
                !take(&mut watch, &policy, &result).is_empty()
            });
            match told {
                Some(window) => sum += window + 1,
                None => missed += 1,
            }
        }
        let found = f64::from(u32::try_from(sum).unwrap()) / f64::from((40 - missed).max(1));
        println!("{drop:>4}: {found:.1}, {missed}");
        delays.push((missed, found));
    }
    assert!(delays.is_sorted_by(|a, b| a.0 >= b.0), "{delays:?}");
    let (missed, last) = delays[delays.len() - 1];
    assert_eq!((missed, last), (0, 1.0), "what is far out is told at once");
    assert!(delays[3].0 == 0 && delays[3].1 < 4.0, "five errors in less than four windows");
}
