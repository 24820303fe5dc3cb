//! Holds figure against figure: what is equal, what departs on purpose, what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::departures::{DEPARTURES, REFUSALS};
use crate::figures::{Both, Key, Theirs};

/// How far two figures of the same may be apart by rounding alone, relative to the greater one.
const TOLERANCE: f64 = 1e-9;

/// A figure that both have, with all that lies around it.
pub(crate) struct Pair<'a> {
    pub(crate) key: &'a Key,
    pub(crate) ours: &'a Value,
    /// Theirs, or the right one where that is known.
    pub(crate) expected: &'a Value,
    pub(crate) both: &'a Both,
}

impl Pair<'_> {
    /// Another field of ours.
    pub(crate) fn our(&self, field: &str) -> Option<f64> {
        self.both.ours.get(&self.key.sibling(field))?.as_f64()
    }

    /// Another field, as it is expected.
    pub(crate) fn expected(&self, field: &str) -> Option<f64> {
        expected(self.both.theirs.get(&self.key.sibling(field))?).as_f64()
    }
}

/// What ours should be.
fn expected(theirs: &Theirs) -> &Value {
    theirs.mended.as_ref().map_or(&theirs.figure, |(_, right)| right)
}

/// How far apart they are: infinitely where only one of them is there, or they are no numbers and differ.
fn distance(one: &Value, other: &Value) -> f64 {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) if one == other => 0.0,
        (Some(one), Some(other)) => (one - other).abs() / one.abs().max(other.abs()),
        _ if one == other => 0.0,
        _ => f64::INFINITY,
    }
}

/// Differences of one method, or under one departure.
#[derive(Default)]
struct Tally {
    figures: usize,
    largest: f64,
    at: String,
}

impl Tally {
    fn add(&mut self, pair: &Pair<'_>, there: &Value, distance: f64) {
        self.figures += 1;
        if distance > self.largest {
            self.largest = distance;
            let Pair { key, ours, both, .. } = pair;
            self.at = format!("{}: {key}: {ours}, there {there}", both.case);
        }
    }
}

/// What came of all cases.
#[derive(Default)]
pub(crate) struct Outcome {
    methods: BTreeMap<(String, String), Tally>,
    departures: BTreeMap<String, Tally>,
    refusals: BTreeMap<&'static str, usize>,
    /// The ids of `mended.py` that were looked at, needed or not.
    mended: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Outcome {
    /// Compares one case.
    pub(crate) fn add(&mut self, both: &Both) {
        for (calculator, error) in &both.failed {
            match REFUSALS.iter().find(|refusal| (refusal.meets)(calculator, error)) {
                Some(refusal) => *self.refusals.entry(refusal.id).or_default() += 1,
                None => self
                    .wrong
                    .push(format!("{}: the peer's {calculator} failed: {error}", both.case)),
            }
        }
        for (key, theirs) in &both.theirs {
            self.mended.extend(theirs.mended.as_ref().map(|(id, _)| id.clone()));
            let Some(ours) = both.ours.get(key) else {
                match &theirs.mended {
                    // It should not be there.
                    Some((id, Value::Null)) => {
                        let pair = Pair { key, ours: &Value::Null, expected: &Value::Null, both };
                        self.depart(id, &pair, &theirs.figure);
                    }
                    _ => self
                        .wrong
                        .push(format!("{}: {key}: absent, there {}", both.case, theirs.figure)),
                }
                continue;
            };
            let pair = Pair { key, ours, expected: expected(theirs), both };
            let apart = distance(ours, pair.expected);
            let known = (apart > TOLERANCE)
                .then(|| DEPARTURES.iter().find(|known| (known.meets)(&pair)))
                .flatten();
            let mended = theirs
                .mended
                .as_ref()
                .filter(|(_, right)| distance(right, &theirs.figure) > TOLERANCE);
            match (known, mended) {
                (Some(known), _) => self.depart(known.id, &pair, pair.expected),
                (None, Some((id, _))) if apart <= TOLERANCE => {
                    self.depart(id, &pair, &theirs.figure);
                }
                _ => {
                    let method = (key.kind.clone(), key.metric.clone());
                    self.methods.entry(method).or_default().add(&pair, pair.expected, apart);
                    if apart > TOLERANCE {
                        let (right, theirs) = (pair.expected, &theirs.figure);
                        self.wrong.push(format!(
                            "{}: {key}: {ours}, there {theirs}, right {right}",
                            both.case
                        ));
                    }
                }
            }
        }
    }

    fn depart(&mut self, id: &str, pair: &Pair<'_>, there: &Value) {
        let apart = distance(pair.ours, there);
        self.departures.entry(id.to_owned()).or_default().add(pair, there, apart);
    }

    /// How many figures were held against each other.
    pub(crate) fn figures(&self) -> usize {
        self.methods.values().chain(self.departures.values()).map(|tally| tally.figures).sum()
    }

    /// One line a method, then one a departure.
    pub(crate) fn table(&self) -> String {
        let mut text =
            String::from("\n kind      method                         figures  largest  where\n");
        let mut line = |names: &str, tally: &Tally| {
            let Tally { figures, largest, at } = tally;
            writeln!(text, " {names:38} {figures:9}  {largest:7.1e}  {at}")
                .expect("a text takes all");
        };
        // Cells of several classes are many; one line is enough.
        let mut methods: BTreeMap<String, Tally> = BTreeMap::new();
        for ((kind, metric), tally) in &self.methods {
            let metric = if metric.starts_with("true_") && metric.contains("_pred_") {
                "true_*_pred_*"
            } else {
                metric
            };
            let all = methods.entry(format!("{kind:9} {metric}")).or_default();
            all.figures += tally.figures;
            if tally.largest > all.largest {
                (all.largest, all.at) = (tally.largest, tally.at.clone());
            }
        }
        for (names, tally) in &methods {
            line(names, tally);
        }
        text += " departures\n";
        let mut line = |id: &str, tally: &Tally| {
            let Tally { figures, largest, at } = tally;
            writeln!(text, " {figures:7}  {largest:7.1e}  {id}\n                   {at}")
                .expect("a text takes all");
        };
        for (id, tally) in &self.departures {
            line(id, tally);
        }
        for (id, times) in &self.refusals {
            writeln!(text, " {times:7}  no value  {id}").expect("a text takes all");
        }
        for id in self.mended.iter().filter(|id| !self.departures.contains_key(*id)) {
            writeln!(text, "       0  not met   {id}").expect("a text takes all");
        }
        text
    }

    /// Departures that no figure needed.
    pub(crate) fn idle(&self) -> Vec<&'static str> {
        let departures =
            DEPARTURES.iter().map(|known| known.id).filter(|id| !self.departures.contains_key(*id));
        let refusals =
            REFUSALS.iter().map(|known| known.id).filter(|id| !self.refusals.contains_key(id));
        departures.chain(refusals).collect()
    }

    /// What is neither equal nor a departure.
    pub(crate) fn wrong(&self) -> &[String] {
        &self.wrong
    }
}
