//! Figures by what they are of, as `vigie check` and as the peer wrote them.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What the two have in common: the fields of a figure.
pub(crate) const FIELDS: [&str; 7] = [
    "value",
    "sampling_error",
    "lower_confidence",
    "upper_confidence",
    "lower_threshold",
    "upper_threshold",
    "breach",
];

/// What a figure is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: String,
    pub(crate) metric: String,
    pub(crate) column: Option<String>,
    pub(crate) dataset: String,
    pub(crate) window: u64,
    pub(crate) field: String,
}

impl Key {
    /// Another field of the same.
    pub(crate) fn sibling(&self, field: &str) -> Self {
        Self { field: field.to_owned(), ..self.clone() }
    }
}

impl Display for Key {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { kind, metric, column, dataset, window, field } = self;
        let column = column.as_deref().map(|column| format!(" of {column}")).unwrap_or_default();
        write!(out, "{field} of {kind} {metric}{column}, {dataset} window {window}")
    }
}

pub(crate) type Figures = BTreeMap<Key, Value>;

/// A figure of the peer's.
pub(crate) struct Theirs {
    pub(crate) figure: Value,
    /// Where it is wrong: why, and the right figure.
    pub(crate) mended: Option<(String, Value)>,
}

/// What both say of one case.
pub(crate) struct Both {
    pub(crate) case: String,
    pub(crate) ours: Figures,
    pub(crate) theirs: BTreeMap<Key, Theirs>,
    /// Calculators of the peer's that ended in an error, and the error.
    pub(crate) failed: Vec<(String, String)>,
}

/// The figures of `vigie check`.
pub(crate) fn ours(file: &Path) -> Figures {
    let mut figures = Figures::new();
    for line in fs::read_to_string(file).expect("figures were written").lines() {
        let row: Value = serde_json::from_str(line).expect("a line is JSON");
        let name = |key: &str| row[key].as_str().map(str::to_owned);
        // The peer has nothing like it.
        if name("method").as_deref() == Some("post_stratified") {
            continue;
        }
        for field in FIELDS {
            let key = Key {
                kind: name("kind").expect("a kind"),
                metric: name("metric").expect("a metric"),
                column: name("column_name"),
                dataset: name("dataset").expect("a data set"),
                window: row["window_index"].as_u64().expect("an index"),
                field: field.to_owned(),
            };
            figures.insert(key, row[field].clone());
        }
    }
    figures
}

/// What `peer.py` wrote: figures, and what failed.
pub(crate) fn theirs(file: &Path) -> (BTreeMap<Key, Theirs>, Vec<(String, String)>) {
    let (mut figures, mut failed) = (BTreeMap::new(), Vec::new());
    for line in fs::read_to_string(file).expect("the peer wrote its figures").lines() {
        let row: Value = serde_json::from_str(line).expect("a line is JSON");
        let text = |k: usize| row[k].as_str().map(str::to_owned);
        let Some(window) = row[4].as_u64() else {
            failed.push((text(0).expect("a calculator"), text(1).expect("an error")));
            continue;
        };
        let key = Key {
            kind: text(0).expect("a kind"),
            metric: text(1).expect("a metric"),
            column: text(2),
            dataset: text(3).expect("a data set"),
            window,
            field: text(5).expect("a field"),
        };
        let mended = text(7).map(|why| (why, row[8].clone()));
        figures.insert(key, Theirs { figure: row[6].clone(), mended });
    }
    (figures, failed)
}
