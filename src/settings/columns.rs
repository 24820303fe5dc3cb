//! Where in an event, or in which column of a file, everything lies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::Problem;
use crate::settings::at::At;
use crate::settings::mistake::Mistakes;
use crate::settings::path::check_path;
use crate::settings::typed::{self, TextOr, TimestampTable};

/// Where everything lies. Paths are checked for their syntax; `None` and empty lists mean that nobody said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// What tells one prediction from another; several paths together make one id.
    pub id: Vec<String>,
    /// When the prediction was made.
    pub timestamp: Option<Timestamp>,
    /// The score.
    pub probability: Option<Probability>,
    /// What the model decided.
    pub prediction: Option<Prediction>,
    /// What turned out to be true.
    pub target: Option<String>,
    /// What the model saw; may hold wildcards, `features.*`.
    pub features: Option<Vec<String>>,
    /// Which class the probability is of; only for binary models.
    pub positive: Option<Label>,
    /// Columns that hold categories whatever their type.
    pub categorical: Vec<String>,
    /// Columns that hold numbers whatever their type.
    pub continuous: Vec<String>,
    /// Which model the event is of.
    pub model: Option<String>,
    /// Which version of the model the event is of.
    pub version: Option<String>,
}

/// Where a time lies and how it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// Where it lies.
    pub path: String,
    /// What a number counts since 1970; `None`: told from its size.
    pub unit: Option<TimeUnit>,
}

/// What an epoch number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum TimeUnit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
}

/// Where the model's probabilities lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probability {
    /// One, of the positive class.
    Positive(String),
    /// One for each of several classes.
    PerClass(BTreeMap<String, String>),
}

/// Where the model's decision comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// It lies there.
    Path(String),
    /// Positive where the probability is at least this, between 0 and 1.
    Threshold(f64),
}

/// A class as it was typed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a class: a number, a text, `true` or `false`")]
#[schemars(inline)]
pub enum Label {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Anything else.
    Text(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(switch) => switch.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Columns {
    pub(crate) fn meant(
        typed: typed::Columns,
        problem: Option<Problem>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut columns = Self {
            id: typed
                .id
                .map(|id| paths(id.into_vec(), &at.key("id"), mistakes))
                .unwrap_or_default(),
            timestamp: typed.timestamp.map(|t| Timestamp::meant(t, &at.key("timestamp"), mistakes)),
            probability: typed
                .probability
                .map(|p| probability(p, &at.key("probability"), mistakes)),
            prediction: typed.prediction.map(|p| prediction(p, &at.key("prediction"), mistakes)),
            target: typed.target.map(|path| one_path(path, &at.key("target"), mistakes)),
            features: typed
                .features
                .map(|features| features_of(features, &at.key("features"), mistakes)),
            positive: typed.positive,
            categorical: paths(typed.categorical, &at.key("categorical"), mistakes),
            continuous: paths(typed.continuous, &at.key("continuous"), mistakes),
            model: typed.model.map(|path| one_path(path, &at.key("model"), mistakes)),
            version: typed.version.map(|path| one_path(path, &at.key("version"), mistakes)),
        };
        let id = at.key("id");
        if id.is_written() && columns.id.is_empty() && !mistakes.within(&id) {
            mistakes.add(&at.key("id"), "at least one path", "name one, or remove the key");
        }
        for (index, column) in columns.continuous.iter().enumerate() {
            if columns.categorical.contains(column) {
                mistakes.add_found(
                    &at.key("continuous").item(index),
                    format!("`{column}`, which is also under `categorical`"),
                    "a column in one of the two lists",
                    "remove it from the other",
                );
            }
        }
        if let Some(problem) = problem {
            columns.fit(problem, at, mistakes);
        }
        columns
    }

    /// What only some problems have: refused where the others have it, but not where it comes from the defaults of
    /// all models.
    fn fit(&mut self, problem: Problem, at: &At<'_>, mistakes: &mut Mistakes) {
        let probability = at.key("probability");
        match (&self.probability, problem) {
            (Some(Probability::PerClass(_)), Problem::Binary) => mistakes.add(
                &probability,
                "one path for `problem = \"binary\"`",
                "name the probability of the positive class, or set `problem = \"multiclass\"`",
            ),
            (Some(Probability::Positive(_)), Problem::Multiclass) => mistakes.add(
                &probability,
                "a path for each class for `problem = \"multiclass\"`",
                "write `{ class = \"path\", .. }`, or set `problem = \"binary\"`",
            ),
            (Some(_), Problem::Regression) => mistakes.add(
                &probability,
                "no probability for `problem = \"regression\"`",
                "remove it; the predicted number is `prediction`",
            ),
            _ => {}
        }
        if problem == Problem::Binary {
            return;
        }
        if at.key("prediction").is_inherited() {
            self.prediction.take_if(|prediction| matches!(prediction, Prediction::Threshold(_)));
        } else if matches!(self.prediction, Some(Prediction::Threshold(_))) {
            mistakes.add_found(
                &at.key("prediction"),
                "a threshold",
                "a path, as only binary predictions follow from a threshold",
                "name where the prediction lies",
            );
        }
        if at.key("positive").is_inherited() {
            self.positive = None;
        } else if self.positive.is_some() {
            mistakes.add(
                &at.key("positive"),
                "a positive class only with `problem = \"binary\"`",
                "remove it",
            );
        }
    }
}

impl Timestamp {
    pub(crate) fn meant(
        typed: TextOr<TimestampTable>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        match typed {
            TextOr::Text(path) => Self { path: one_path(path, at, mistakes), unit: None },
            TextOr::Table(TimestampTable { path, unit }) => {
                Self { path: one_path(path, &at.key("path"), mistakes), unit }
            }
        }
    }
}

fn probability(
    typed: TextOr<BTreeMap<String, String>>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Probability {
    match typed {
        TextOr::Text(path) => Probability::Positive(one_path(path, at, mistakes)),
        TextOr::Table(classes) => {
            if classes.len() < 2 && !mistakes.within(at) {
                mistakes.add_found(
                    at,
                    format!("a table of {} classes", classes.len()),
                    "a path, or a table with at least two classes",
                    "name every class of the model",
                );
            }
            for (class, path) in &classes {
                check(path, false, &at.key(class), mistakes);
            }
            let places = classes.keys().map(|class| at.key(class));
            unique(classes.values(), places, mistakes);
            Probability::PerClass(classes)
        }
    }
}

fn prediction(
    typed: TextOr<typed::PredictionTable>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Prediction {
    match typed {
        TextOr::Text(path) => Prediction::Path(one_path(path, at, mistakes)),
        TextOr::Table(typed::PredictionTable { threshold }) => {
            if !(0.0..=1.0).contains(&threshold) {
                let mend = "a probability decides; write for example 0.5";
                mistakes.add(&at.key("threshold"), "a number between 0 and 1", mend);
            }
            Prediction::Threshold(threshold)
        }
    }
}

fn features_of(features: Vec<String>, at: &At<'_>, mistakes: &mut Mistakes) -> Vec<String> {
    if features.is_empty() && !mistakes.within(at) {
        mistakes.add(
            at,
            "at least one path",
            "name some, or remove the key: then the profile decides",
        );
    }
    for (index, path) in features.iter().enumerate() {
        check(path, true, &at.item(index), mistakes);
    }
    unique(&features, (0..).map(|index| at.item(index)), mistakes);
    features
}

/// Several paths, each once.
pub(crate) fn paths(paths: Vec<String>, at: &At<'_>, mistakes: &mut Mistakes) -> Vec<String> {
    for (index, path) in paths.iter().enumerate() {
        check(path, false, &at.item(index), mistakes);
    }
    unique(&paths, (0..).map(|index| at.item(index)), mistakes);
    paths
}

/// One path, no wildcard.
pub(crate) fn one_path(path: String, at: &At<'_>, mistakes: &mut Mistakes) -> String {
    check(&path, false, at, mistakes);
    path
}

fn check(path: &str, wildcard: bool, at: &At<'_>, mistakes: &mut Mistakes) {
    if let Err(mend) = check_path(path) {
        mistakes.add(at, "a path such as `request.id`, `outputs[0].score` or `$key`", mend);
    } else if !wildcard && (path == "*" || path.ends_with(".*")) {
        mistakes.add(at, "the path of one value", "name it; only `features` may hold a `*`");
    }
}

/// Reports what is listed twice.
pub(crate) fn unique<'a, 'b, T: Ord + fmt::Debug + 'a>(
    items: impl IntoIterator<Item = &'a T>,
    places: impl IntoIterator<Item = At<'b>>,
    mistakes: &mut Mistakes,
) {
    let mut seen = BTreeSet::new();
    for (item, place) in items.into_iter().zip(places) {
        if !seen.insert(item) {
            let found = format!("{} a second time", place.found());
            mistakes.add_found(&place, found, "each only once", "remove one of the two");
        }
    }
}
