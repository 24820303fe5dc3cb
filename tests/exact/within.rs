//! Simulated truth: data sets with planted shifts of their inputs, of their concept, of both and of neither; what each part
//! of them is said to be.
//!
//! The quick share runs with all tests; the whole, whose figures stand in `docs/models.md`:
//! `cargo test --release --no-default-features --test exact -- --ignored within_whole --nocapture`.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use vigie::batch::{Column, Values};
use vigie::diagnosis::{Gathered, Part, Relevance, Since, Wanted, Within, since, within};
use vigie::metric::ColumnKind;

use crate::world::uniform;

/// What a part of a data set is like.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Truth {
    /// How far the inputs have moved from those of the newest part.
    shift: f64,
    /// How much of what follows from them is another.
    concept: f64,
}

const SAME: Truth = Truth { shift: 0.0, concept: 0.0 };
const SHIFTED: Truth = Truth { shift: 0.7, concept: 0.0 };
const OTHER: Truth = Truth { shift: 0.0, concept: 0.6 };
const BOTH: Truth = Truth { shift: 0.5, concept: 0.6 };

/// A data set of these parts, the last the newest; of numbers or of two classes.
fn data(parts: &[Truth], rows: u64, seed: u64, numbers: bool) -> Gathered {
    let kinds = [
        ("x".to_owned(), ColumnKind::Continuous),
        ("z".to_owned(), ColumnKind::Continuous),
        ("noise".to_owned(), ColumnKind::Continuous),
        ("region".to_owned(), ColumnKind::Categorical),
    ];
    let wanted = if numbers { Wanted::Number } else { Wanted::Class };
    let mut gathered = Gathered::new(&kinds, wanted, parts.len());
    for (part, truth) in parts.iter().enumerate() {
        let begin = part as u64 * rows;
        let draw = |n: u64, row: u64| uniform(seed.wrapping_mul(977).wrapping_add(n), begin + row);
        // Of uniform draws twelve make a normal one.
        let normal = |n: u64, row: u64| (0..12).map(|k| draw(20 * n + k, row)).sum::<f64>() - 6.0;
        let x: Vec<f64> = (0..rows).map(|row| normal(1, row) + truth.shift).collect();
        let z: Vec<f64> = (0..rows).map(|row| normal(2, row)).collect();
        let noise: Vec<f64> = (0..rows).map(|row| normal(3, row)).collect();
        let region: Vec<usize> = (0..rows).map(|row| (draw(100, row) * 4.0) as usize).collect();
        let follows = |row: usize| {
            let of = |concept: f64| {
                (1.0 - 2.0 * concept) * z[row] + x[row] + [0.5, 0.0, -0.5, 0.2][region[row]]
            };
            of(truth.concept)
        };
        let target = |row: usize| {
            let raw = follows(row);
            if numbers {
                return 10.0 * raw + 10.0 * normal(4, row as u64);
            }
            f64::from(u8::from(draw(101, row as u64) < 1.0 / (1.0 + libm::exp(-1.5 * raw))))
        };
        let targets: Vec<f64> = (0..rows as usize).map(target).collect();
        let number = |of: Vec<f64>| Column::new(Values::Numbers(Float64Array::from(of)));
        let labels = |of: &mut dyn Iterator<Item = String>| {
            let texts: Vec<String> = of.collect();
            let array: DictionaryArray<Int32Type> = texts.iter().map(String::as_str).collect();
            Column::new(Values::Labels(array))
        };
        let region = labels(&mut region.iter().map(|at| format!("r{at}")));
        let target = if numbers {
            number(targets)
        } else {
            labels(&mut targets.iter().map(|class| format!("{class}")))
        };
        let columns = [number(x), number(z), number(noise), region];
        let columns: Vec<&Column> = columns.iter().collect();
        let places = (0..rows).map(|row| (Some(part), begin + row));
        gathered.add(&columns, Some(&target), places);
    }
    gathered.finish();
    gathered
}

/// How often parts of each kind are said to be what.
#[derive(Default)]
struct Said(BTreeMap<&'static str, u32>);

impl Said {
    fn share(&self, of: Relevance) -> f64 {
        let all: u32 = self.0.values().sum();
        f64::from(self.0.get(of.as_str()).copied().unwrap_or(0)) / f64::from(all.max(1))
    }
}

const KINDS: [(&str, Truth, Relevance); 4] = [
    ("neither", SAME, Relevance::Relevant),
    ("inputs", SHIFTED, Relevance::InputsMoved),
    ("concept", OTHER, Relevance::ConceptMoved),
    ("both", BOTH, Relevance::ConceptMoved),
];

fn said(seeds: Range<u64>, rows: u64, numbers: bool) -> Vec<(&'static str, Said, Relevance)> {
    let mut all: Vec<(&str, Said, Relevance)> =
        KINDS.iter().map(|(name, _, right)| (*name, Said::default(), *right)).collect();
    for seed in seeds {
        let truths: Vec<Truth> = KINDS.iter().map(|(_, truth, _)| *truth).chain([SAME]).collect();
        let found = within(&data(&truths, rows, seed, numbers));
        for (part, (_, said, _)) in found.parts.iter().zip(&mut all) {
            *said.0.entry(part.relevance().as_str()).or_default() += 1;
        }
    }
    all
}

fn print(title: &str, all: &[(&str, Said, Relevance)]) {
    println!("{title}");
    for (name, said, _) in all {
        println!("  {name:8} {:?}", said.0);
    }
}

#[test]
fn moved_inputs_are_told_from_a_moved_concept() {
    let all = said(0..1, 2_500, false);
    print("one seed, 2,500 rows a part, two classes", &all);
    for (name, said, right) in &all {
        assert_eq!(said.share(*right), 1.0, "{name}: {:?}", said.0);
    }
}

#[test]
fn it_is_worth_training_since_the_concept_is_the_newest() {
    let found = within(&data(&[SAME, OTHER, SHIFTED, SAME], 2_000, 5, true));
    let relevance: Vec<Relevance> = found.parts.iter().map(Part::relevance).collect();
    assert_eq!(
        relevance,
        [Relevance::Relevant, Relevance::ConceptMoved, Relevance::InputsMoved],
        "{found:?}"
    );
    assert_eq!(since(&found), Since::Part(2));
    assert_eq!(since(&Within { parts: vec![found.parts[0].clone()], ..found }), Since::All);
}

#[test]
fn what_cannot_be_judged_says_why() {
    let few = within(&data(&[SAME, SAME], 500, 1, false));
    assert_eq!(few.parts[0].relevance(), Relevance::Unknown);
    assert_eq!(since(&few), Since::Unknown);
    // Nothing is like the newest rows.
    let far = Truth { shift: 9.0, concept: 0.0 };
    let apart = within(&data(&[far, SAME], 2_000, 1, false));
    assert_eq!(apart.parts[0].relevance(), Relevance::InputsMoved);
    assert!(apart.parts[0].concept.is_err());
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let parts = [OTHER, SAME];
    let (one, other) = (data(&parts, 1_000, 3, false), data(&parts, 1_000, 3, false));
    assert_eq!(within(&one), within(&other));
}

#[test]
#[ignore = "hundreds of data sets: minutes"]
fn within_whole() {
    let mut wrong = Vec::new();
    for (title, rows, numbers, seeds) in [
        ("two classes, 2,000 rows a part", 2_000, false, 100),
        ("two classes, 8,000 rows a part", 8_000, false, 40),
        ("numbers, 2,000 rows a part", 2_000, true, 100),
    ] {
        let all = said(0..seeds, rows, numbers);
        print(&format!("{title}, {seeds} seeds"), &all);
        for (name, said, right) in &all {
            if said.share(*right) < 0.9 {
                wrong.push(format!("{title}, {name}: {:?}", said.0));
            }
            let moved = said.share(Relevance::ConceptMoved);
            if *right != Relevance::ConceptMoved && moved > 0.02 {
                wrong.push(format!("{title}, {name}: a moved concept by chance {moved}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
