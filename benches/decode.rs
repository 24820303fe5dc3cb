//! What decoding an event costs, beside a `serde_json` visitor that does the same work and a tree of values.
//!
//! One event an iteration; a thousand different ones in turn, so that no branch is learned by heart.
#![expect(clippy::unwrap_used, reason = "it reads what it wrote itself")]

use std::fmt::{self, Write as _};
use std::hint::black_box;
use std::str;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use vigie::intake::json::{Extractor, Limits, Plan, Read};
use vigie::intake::{EventPath, NoHeaders, RecordView, Slots, Step};

const EVENTS: usize = 1_000;

/// How the events of one scenario are written.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    features: usize,
    /// Doubles with all their digits, as most languages print them; else four to six digits.
    long: bool,
    /// White space after `,` and `:`, as Python puts it.
    spaced: bool,
}

const SCENARIOS: [Scenario; 5] = [
    Scenario { name: "20_short", features: 20, long: false, spaced: false },
    Scenario { name: "20_long", features: 20, long: true, spaced: false },
    Scenario { name: "20_long_spaced", features: 20, long: true, spaced: true },
    Scenario { name: "100_short", features: 100, long: false, spaced: false },
    Scenario { name: "100_long", features: 100, long: true, spaced: false },
];

/// A fixed sequence of numbers in `[0, 1)`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn events(scenario: Scenario) -> Vec<Vec<u8>> {
    let mut dice = Dice(1);
    (0..EVENTS).map(|number| event(scenario, number, &mut dice).into_bytes()).collect()
}

fn event(scenario: Scenario, number: usize, dice: &mut Dice) -> String {
    let mut text = format!(
        r#"{{"id":"prediction-{number:08}","timestamp":"2024-03-{:02}T12:{:02}:00Z","model":{{"name":"car-loan","version":"3"}},"features":{{"#,
        number % 28 + 1,
        number % 60,
    );
    for feature in 0..scenario.features {
        let value = (dice.roll() - 0.3) * [1.0, 10.0, 100.0, 1_000.0][feature % 4];
        let comma = if feature > 0 { "," } else { "" };
        let digits = 4 - feature % 4;
        let written = if scenario.long { value.to_string() } else { format!("{value:.digits$}") };
        write!(text, "{comma}\"f{feature:02}\":{written}").unwrap();
    }
    let score = dice.roll();
    let score = if scenario.long { score.to_string() } else { format!("{score:.4}") };
    write!(text, "}},\"y_pred_proba\":{score},\"y_pred\":{}}}", number % 2).unwrap();
    if scenario.spaced {
        // The colons of the time stay as they are: no quote stands before them.
        text = text.replace("\":", "\": ").replace(',', ", ");
    }
    text
}

fn paths(scenario: Scenario) -> Vec<EventPath> {
    let fixed = ["id", "timestamp", "model.name", "model.version", "y_pred_proba", "y_pred"];
    let features = (0..scenario.features).map(|feature| format!("features.f{feature:02}"));
    fixed.into_iter().map(str::to_owned).chain(features).map(|path| path.parse().unwrap()).collect()
}

fn extractor(paths: &[EventPath]) -> Extractor {
    let mut plan = Plan::new(Limits::default());
    for path in paths {
        plan.add(path, Read::Value).unwrap();
    }
    Extractor::new(plan)
}

fn decode(criterion: &mut Criterion) {
    for scenario in SCENARIOS {
        let events = events(scenario);
        let paths = paths(scenario);
        let bytes = events.iter().map(Vec::len).sum::<usize>() / EVENTS;
        let mut group =
            criterion.benchmark_group(format!("decode/{}_{bytes}_bytes", scenario.name));
        group.throughput(Throughput::Elements(1));
        let mut turn = 0;
        let mut next = || {
            turn = (turn + 1) % EVENTS;
            turn
        };

        let mut slots = Slots::default();
        for (name, mut extractor) in
            [("slots", extractor(&paths)), ("slots_of_4_paths", extractor(&paths[..4]))]
        {
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let record = RecordView {
                        value: Some(&events[next()]),
                        key: None,
                        headers: &NoHeaders,
                        timestamp_ms: None,
                        topic: "predictions",
                    };
                    extractor.extract(&record, &mut slots).unwrap();
                    black_box(&slots);
                });
            });
        }

        let tree = Tree::new(&paths);
        let mut filled = Filled { cells: vec![Cell::Missing; paths.len()], text: String::new() };
        group.bench_function("serde_json_visitor", |bencher| {
            bencher.iter(|| {
                filled.cells.fill(Cell::Missing);
                filled.text.clear();
                let text = str::from_utf8(&events[next()]).unwrap();
                let mut json = serde_json::Deserializer::from_str(text);
                Place { tree: &tree, filled: &mut filled }.deserialize(&mut json).unwrap();
                json.end().unwrap();
                black_box(&filled);
            });
        });
        group.bench_function("serde_json_value", |bencher| {
            bencher.iter(|| black_box(serde_json::from_slice::<Value>(&events[next()]).unwrap()));
        });
        group.finish();
    }
}

/// What the visitor fills: the same as `Slots`.
struct Filled {
    cells: Vec<Cell>,
    text: String,
}

#[derive(Clone, Copy)]
#[expect(dead_code, reason = "written as the decoder writes them, and read by nobody")]
enum Cell {
    Missing,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(usize, usize),
    Other,
}

#[derive(Default)]
struct Tree {
    keys: Vec<(Box<str>, Self)>,
    slot: Option<usize>,
}

impl Tree {
    fn new(paths: &[EventPath]) -> Self {
        let mut root = Self::default();
        for (slot, path) in paths.iter().enumerate() {
            let EventPath::Value(steps) = path else { continue };
            let mut at = &mut root;
            for step in steps {
                let Step::Key(key) = step else { continue };
                let place = at.keys.iter().position(|(its, _)| its == key);
                let place = place.unwrap_or_else(|| {
                    at.keys.push((key.clone(), Self::default()));
                    at.keys.len() - 1
                });
                at = &mut at.keys[place].1;
            }
            at.slot = Some(slot);
        }
        root
    }
}

struct Place<'a> {
    tree: &'a Tree,
    filled: &'a mut Filled,
}

impl Place<'_> {
    fn put(self, cell: Cell) {
        if let Some(slot) = self.tree.slot {
            self.filled.cells[slot] = cell;
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(Cell::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(Cell::Int(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(i64::try_from(value).map_or(Cell::Float(value as f64), Cell::Int));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(Cell::Float(value));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(Cell::Null);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        let start = self.filled.text.len();
        self.filled.text.push_str(value);
        self.put(Cell::Text(start, start + value.len()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        self.put(Cell::Other);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut expected = 0;
        while let Some(key) =
            members.next_key_seed(Key { tree: self.tree, expected: &mut expected })?
        {
            match key {
                Some(tree) => members.next_value_seed(Place { tree, filled: &mut *self.filled })?,
                None => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        self.put(Cell::Other);
        Ok(())
    }
}

/// Finds a key where it stood last time, or by search.
struct Key<'a> {
    tree: &'a Tree,
    expected: &'a mut usize,
}

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<&'a Tree>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Option<&'a Tree>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let keys = &self.tree.keys;
        let is_it = |(its, _): &(Box<str>, Tree)| **its == *key;
        let expected =
            keys.get(*self.expected).filter(|entry| is_it(entry)).map(|_| *self.expected);
        let found = expected.or_else(|| keys.iter().position(is_it));
        Ok(found.map(|place| {
            *self.expected = place + 1;
            &keys[place].1
        }))
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
