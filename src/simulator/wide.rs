//! A generic world for benches: any number of features and models, events of a given size.
//!
//! Steady and plain: numbers share one factor, categories come by fixed shares, and the target is drawn from the
//! score itself, so the score is calibrated exactly.

use serde::ser::SerializeMap;

use super::draws::{Draws, Stream};
use super::event::{Features, Layout, Prediction};
use super::world::Timeline;

/// How a wide world is shaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WideShape {
    /// Features that are numbers: `f00`, `f01`...; four digits, every fourth one skewed.
    pub numbers: usize,
    /// Features that are one of eight categories: `c00`, `c01`...
    pub categories: usize,
    /// Models, `model-0`, `model-1`..., that predict in turn; at least one.
    pub models: usize,
    /// A typical event is padded to this many bytes as nested JSON, by a text that is no feature; without a
    /// padding it has about 125 and 14 a feature.
    pub event_bytes: usize,
}

impl Default for WideShape {
    /// Twenty features of one model in about 400 bytes.
    fn default() -> Self {
        Self {
            numbers: 16,
            categories: 4,
            models: 1,
            event_bytes: 400,
        }
    }
}

static CATEGORIES: [(&str, f64); 8] = [
    ("v0", 0.3),
    ("v1", 0.2),
    ("v2", 0.15),
    ("v3", 0.12),
    ("v4", 0.1),
    ("v5", 0.06),
    ("v6", 0.05),
    ("v7", 0.02),
];

/// The seeded generic world; event `i` is a pure function of seed, shape and `i`.
#[derive(Clone, Debug)]
pub struct WideWorld {
    seed: u64,
    shape: WideShape,
    timeline: Timeline,
    names: Vec<String>,
    models: Vec<String>,
    weights: Vec<f64>,
    trace: Option<String>,
}

impl WideWorld {
    /// A world of that shape.
    pub fn new(seed: u64, shape: WideShape, timeline: Timeline) -> Self {
        let numbers = (0..shape.numbers).map(|k| format!("f{k:02}"));
        let categories = (0..shape.categories).map(|k| format!("c{k:02}"));
        let mut weights: Vec<f64> = (0..shape.numbers).map(|k| 1.0 / (k + 1) as f64).collect();
        let norm = weights
            .iter()
            .map(|weight| weight * weight)
            .sum::<f64>()
            .sqrt();
        for weight in &mut weights {
            *weight *= 1.5 / norm;
        }
        let mut world = Self {
            seed,
            shape,
            timeline,
            names: numbers.chain(categories).collect(),
            models: (0..shape.models.max(1))
                .map(|k| format!("model-{k}"))
                .collect(),
            weights,
            trace: None,
        };
        world.trace = world.padding();
        world
    }

    /// What an event lacks to its size.
    fn padding(&self) -> Option<String> {
        const KEY: usize = r#","trace":"""#.len();
        let some = 0..32;
        let bytes: usize = self
            .rows(some.clone())
            .map(|row| row.prediction.to_json(Layout::Nested).len())
            .sum();
        let without = bytes / some.count();
        let missing = self.shape.event_bytes.checked_sub(without + KEY)?;
        (missing > 0).then(|| "x".repeat(missing))
    }

    /// The names of the features: numbers first, then categories.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Rows by number; numbers that follow each other are cheapest.
    pub fn rows<I>(&self, events: I) -> impl Iterator<Item = WideRow<'_>> + use<'_, I>
    where
        I: IntoIterator<Item = u64>,
    {
        // Jitter, target, two for the shared factor, two a pair of numbers, one a category.
        let reserve = 4 + self.shape.numbers.next_multiple_of(2) + self.shape.categories;
        let mut draws = Draws::new(self.seed, Stream::Wide, reserve.next_multiple_of(8));
        events
            .into_iter()
            .map(move |event| self.made(event, &mut draws))
    }

    fn made(&self, event: u64, draws: &mut Draws) -> WideRow<'_> {
        let mut rolls = draws.of(event);
        let place = event.saturating_mul(self.timeline.spacing);
        let time = place.saturating_add(rolls.below(self.timeline.jitter));
        let luck = rolls.uniform();
        let (shared, _) = rolls.normals();
        let mut numbers = Vec::with_capacity(self.shape.numbers + 1);
        while numbers.len() < self.shape.numbers {
            let (a, b) = rolls.normals();
            for own in [a, b] {
                let value = 0.5 * shared + 0.75_f64.sqrt() * own;
                let skewed = numbers.len() % 4 == 3;
                numbers.push(digits(if skewed { value * value } else { value }, 1e4));
            }
        }
        numbers.truncate(self.shape.numbers);
        let categories: Vec<_> = (0..self.shape.categories)
            .map(|_| rolls.among(&CATEGORIES))
            .collect();
        let merit: f64 = numbers
            .iter()
            .zip(&self.weights)
            .map(|(x, weight)| x * weight)
            .sum();
        let favour = if categories.first() == Some(&"v0") {
            0.5
        } else {
            0.0
        };
        let score = digits(1.0 / (1.0 + libm::exp(-merit - favour)), 1e6);
        let turn = event % self.models.len() as u64;
        let model = &self.models[usize::try_from(turn).expect("less than a length")];
        WideRow {
            prediction: Prediction {
                id: format!("w-{event}"),
                time: self.timeline.start.saturating_add_unsigned(time),
                model,
                version: "1",
                features: WideFeatures {
                    names: &self.names,
                    numbers,
                    categories,
                },
                score,
                prediction: score >= 0.5,
                trace: self.trace.as_deref(),
            },
            target: luck < score,
        }
    }
}

fn digits(value: f64, per_unit: f64) -> f64 {
    (value * per_unit).round() / per_unit
}

/// A prediction of a wide world and its target.
#[derive(Clone, Debug, PartialEq)]
pub struct WideRow<'a> {
    /// What the model publishes.
    pub prediction: Prediction<'a, WideFeatures<'a>>,
    /// What comes of it: drawn from the score.
    pub target: bool,
}

/// The features of a wide world.
#[derive(Clone, Debug, PartialEq)]
pub struct WideFeatures<'a> {
    /// Names of the numbers, then of the categories.
    pub names: &'a [String],
    /// The numbers.
    pub numbers: Vec<f64>,
    /// The categories, `v0` to `v7`.
    pub categories: Vec<&'static str>,
}

impl Features for WideFeatures<'_> {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let (numbers, categories) = self.names.split_at(self.numbers.len());
        for (name, value) in numbers.iter().zip(&self.numbers) {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in categories.iter().zip(&self.categories) {
            map.serialize_entry(name, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn world(shape: WideShape) -> WideWorld {
        WideWorld::new(7, shape, Timeline::default())
    }

    #[test]
    fn an_event_has_its_features_and_about_its_size() {
        let shape = WideShape {
            numbers: 7,
            categories: 3,
            models: 3,
            event_bytes: 1_000,
        };
        let world = world(shape);
        for (index, row) in world.rows(0..300).enumerate() {
            let bytes = row.prediction.to_json(Layout::Nested);
            assert!((970..1_030).contains(&bytes.len()), "{}", bytes.len());
            let event: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(event["model"]["name"], format!("model-{}", index % 3));
            let features = event["features"].as_object().unwrap();
            assert_eq!(features.len(), 10);
            assert_eq!(
                features["f06"].as_f64(),
                Some(row.prediction.features.numbers[6])
            );
            assert_eq!(features["c02"], row.prediction.features.categories[2]);
        }
    }

    #[test]
    fn twenty_features_take_about_400_bytes() {
        for row in world(WideShape::default()).rows(1_000_000..1_000_100) {
            let bytes = row.prediction.to_json(Layout::Nested).len();
            assert!((380..430).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn the_score_is_calibrated() {
        let world = world(WideShape::default());
        let mut strata = [(0.0, 0.0, 0.0); 10];
        for row in world.rows(0..100_000) {
            let score = row.prediction.score;
            let stratum = (0..10)
                .rev()
                .find(|k| score * 10.0 >= f64::from(*k))
                .unwrap();
            let (n, sum, positive) = &mut strata[usize::try_from(stratum).unwrap()];
            *n += 1.0;
            *sum += score;
            *positive += f64::from(row.target);
        }
        for (n, sum, positive) in strata {
            let p: f64 = sum / n;
            assert!(
                (positive / n - p).abs() < 4.0 * (p * (1.0 - p) / n).sqrt(),
                "{strata:?}"
            );
        }
    }

    #[test]
    fn slices_equal_the_whole() {
        let world = world(WideShape {
            numbers: 5,
            categories: 0,
            models: 2,
            event_bytes: 0,
        });
        let whole: Vec<_> = world.rows(0..200).collect();
        let mut parts: Vec<_> = (0..4)
            .flat_map(|k| world.rows((k..200).step_by(4)))
            .collect();
        parts.sort_by_key(|row| row.prediction.time);
        assert_eq!(whole, parts);
    }

    #[test]
    fn a_world_may_lack_features_and_models() {
        let shape = WideShape {
            numbers: 0,
            categories: 0,
            models: 0,
            event_bytes: 0,
        };
        let row = world(shape)
            .rows(5..6)
            .next()
            .map(|row| row.prediction.score);
        assert_eq!(row, Some(0.5));
    }
}
