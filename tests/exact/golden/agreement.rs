//! Reads a golden file, compares numbers, and remembers the greatest difference.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// A golden file.
pub(crate) fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden").join(name);
    serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap()
}

/// The numbers of a list; missing ones are `None`.
pub(crate) fn numbers(list: &Value) -> Vec<Option<f64>> {
    list.as_array().unwrap().iter().map(Value::as_f64).collect()
}

/// The numbers of a list without the missing ones.
pub(crate) fn present(list: &Value) -> Vec<f64> {
    numbers(list).into_iter().flatten().collect()
}

/// The whole numbers of a list.
pub(crate) fn counts(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

/// A whole number.
pub(crate) fn size(number: &Value) -> usize {
    usize::try_from(number.as_u64().unwrap()).unwrap()
}

/// The draws have 53 bits.
const TWO_TO_53: f64 = 9_007_199_254_740_992.0;

/// The draws that `make_independent.py` makes: Knuth's MMIX generator, then shaped.
pub(crate) fn draws(seed: u64, n: usize, shape: &str) -> Vec<f64> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let u = (state >> 11) as f64 / TWO_TO_53;
            match shape {
                "uniform" => u,
                "cube" => u * u * u,
                "offset" => 1e6 + u,
                "coarse" => (u * 40.0).floor() / 4.0,
                other => panic!("no shape `{other}`"),
            }
        })
        .collect()
}

/// The draws of a case that names seed, size and shape.
pub(crate) fn drawn(case: &Value) -> Vec<f64> {
    draws(case["seed"].as_u64().unwrap(), size(&case["n"]), case["shape"].as_str().unwrap())
}

/// Differences of smaller figures are taken relative to this, unless a test says otherwise.
const FLOOR: f64 = 1e-3;

/// The greatest difference between our figures of one kind and another tool's, relative to theirs.
///
/// Printed when dropped: `cargo test -- --nocapture` shows it.
pub(crate) struct Agreement {
    name: String,
    tolerance: f64,
    floor: f64,
    compared: usize,
    greatest: f64,
}

impl Agreement {
    pub(crate) fn within(tolerance: f64, name: impl Into<String>) -> Self {
        Self { name: name.into(), tolerance, floor: FLOOR, compared: 0, greatest: 0.0 }
    }

    /// Differences count relative to figures as small as this; smaller ones are taken for it.
    pub(crate) fn down_to(mut self, floor: f64) -> Self {
        self.floor = floor;
        self
    }

    pub(crate) fn check(&mut self, ours: f64, theirs: f64) {
        let difference = (ours - theirs).abs() / theirs.abs().max(self.floor);
        assert!(
            difference <= self.tolerance,
            "{}: ours is {ours}, theirs {theirs}, {difference:.1e} apart",
            self.name
        );
        self.compared += 1;
        self.greatest = self.greatest.max(difference);
    }

    /// A figure that both may lack.
    pub(crate) fn check_optional(&mut self, ours: Option<f64>, theirs: Option<f64>) {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => self.check(ours, theirs),
            (ours, theirs) => assert_eq!(ours, theirs, "{}", self.name),
        }
    }
}

impl Drop for Agreement {
    fn drop(&mut self) {
        println!(
            "{:<44} {:>5} figures, greatest difference {:.1e}",
            self.name, self.compared, self.greatest
        );
    }
}
