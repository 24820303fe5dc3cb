//! Which columns of a reference are what: as the settings say, and by the usual names where they say nothing.

use arrow::datatypes::{DataType, Schema};

use crate::intake::{EventPath, Step};
use crate::metric::{ColumnKind, Problem};
use crate::profile::{Role, sort_classes};
use crate::query::error::QueryError;
use crate::query::path::{ColumnPath, Step as PathStep};
use crate::query::schema::in_words;
use crate::query::typing::{Kind, kind};
use crate::settings::{Columns, Prediction, Probability, TimeUnit};

/// A column of the reference, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Its name in results.
    pub name: String,
    /// What it is to the model.
    pub role: Role,
    /// Whether it holds numbers, labels or lists of numbers.
    pub kind: ColumnKind,
    /// Where it lies in the file.
    pub path: ColumnPath,
    /// Where it lies in an event.
    pub event: String,
}

/// Which columns are what.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Features in alphabetical order, then scores in the order of the classes, prediction and target.
    pub columns: Vec<Chosen>,
    /// Each of several classes and the column of its score.
    pub classes: Vec<(String, String)>,
    /// The score from which on a prediction is positive, where there is no column for it.
    pub threshold: Option<f64>,
    /// The event time.
    pub time: Option<(ColumnPath, Option<TimeUnit>)>,
    /// What tells one prediction from another.
    pub id: Vec<ColumnPath>,
    /// What the model predicts.
    pub problem: Problem,
    /// What was assumed, as key and value.
    pub assumed: Vec<(&'static str, String)>,
    /// Columns that are no features although nobody said so, and why.
    pub ignored: Vec<(String, &'static str)>,
    /// Whether features were named; if not, ids among them are still to be found by their values.
    pub named_features: bool,
}

/// How freely to go by names.
#[derive(Clone, Copy, Debug)]
pub struct Hints<'a> {
    /// Whether what the settings do not say may be inferred.
    pub infer: bool,
    /// The columns of the data to be scored, where they are there: a target is what they lack.
    pub analysis: Option<&'a Schema>,
    /// The columns of a file of targets.
    pub targets: Option<&'a Schema>,
    /// Columns that are none of the model's.
    pub ignored: &'a [String],
}

const PREDICTIONS: &[&str] =
    &["y_pred", "prediction", "pred", "predicted", "predicted_label", "predicted_class", "y_hat"];
const PROBABILITIES: &[&str] = &[
    "y_pred_proba",
    "probability",
    "proba",
    "score",
    "y_score",
    "y_proba",
    "predicted_probability",
    "prediction_probability",
    "prediction_score",
];
const IDS: &[&str] =
    &["id", "identifier", "uuid", "request_id", "prediction_id", "event_id", "row_id", "key"];
const TIMES: &[&str] =
    &["timestamp", "ts", "time", "datetime", "event_time", "created_at", "date", "@timestamp"];
const TARGETS: &[&str] = &["target", "y_true", "label", "actual", "ground_truth", "outcome", "y"];

/// Which columns of a reference are what.
///
/// `problem` is `None` where it is to be told by the target.
///
/// # Errors
/// A column that the settings name and the file has not; several that could be meant; types that cannot serve.
pub fn choose(
    model: &str,
    problem: Option<Problem>,
    columns: &Columns,
    schema: &Schema,
    hints: Hints<'_>,
) -> Result<Choice, QueryError> {
    let ignored = hints.ignored.iter().filter_map(|name| ColumnPath::resolve(name, schema).ok());
    let taken: Vec<ColumnPath> = ignored.collect();
    let mut chooser = Chooser { model, columns, schema, hints, taken, assumed: Vec::new() };
    let id = match columns.id.as_slice() {
        [] => chooser.guess("id", IDS, |_| true)?.into_iter().collect(),
        paths => {
            let in_file = paths.iter().filter(|path| !is_of_record(path));
            in_file.map(|path| chooser.find(path)).collect::<Result<Vec<_>, _>>()?
        }
    };
    let time = match &columns.timestamp {
        Some(time) if is_of_record(&time.path) => None,
        Some(time) => Some((chooser.find(&time.path)?, time.unit)),
        None => chooser.guess("timestamp", TIMES, could_be_time)?.map(|path| (path, None)),
    };
    let (mut classes, score) = chooser.probabilities(problem)?;
    sort_classes(&mut classes, |(class, _)| class);
    let (prediction, threshold) = match &columns.prediction {
        Some(Prediction::Path(path)) => (Some((chooser.find(path)?, path.clone())), None),
        Some(Prediction::Threshold(threshold)) => (None, Some(*threshold)),
        None => (chooser.guess("prediction", PREDICTIONS, |_| true)?.map(with_name), None),
    };
    let target = match &columns.target {
        Some(path) => Some((chooser.find(path)?, path.clone())),
        None => chooser.guess_target()?.map(with_name),
    };
    for path in [&columns.model, &columns.version].into_iter().flatten() {
        if let Ok(path) = ColumnPath::resolve(path, schema) {
            chooser.taken.push(path);
        }
    }
    let problem = match (problem, &target, &score) {
        (Some(problem), _, _) => problem,
        (None, Some(_), _) if !classes.is_empty() => {
            chooser.assumed.push(("problem", "multiclass".to_owned()));
            Problem::Multiclass
        }
        (None, Some(_), _) => Problem::Binary,
        (None, None, _) => {
            chooser.assumed.push(("problem", "none (no target in the reference)".to_owned()));
            Problem::None
        }
    };
    let mut ignored = Vec::new();
    let mut chosen = chooser.features(&mut ignored)?;
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    let mut add = |role, kind, found: Option<(ColumnPath, String)>| {
        if let Some((path, name)) = found {
            let event = name.clone();
            chosen.push(Chosen { path: path.named(&name), name, role, kind, event });
        }
    };
    check_scores(classes.iter().map(|(_, found)| found).chain(&score), schema)?;
    let mut of_classes = Vec::with_capacity(classes.len());
    for (class, found) in classes {
        of_classes.push((class, found.1.clone()));
        add(Role::Score, ColumnKind::Continuous, Some(found));
    }
    add(Role::Score, ColumnKind::Continuous, score);
    let outcome = match problem {
        Problem::Regression => ColumnKind::Continuous,
        _ => ColumnKind::Categorical,
    };
    if problem == Problem::Regression {
        numbers("predicted numbers", prediction.as_ref(), schema)?;
        numbers("target numbers", target.as_ref(), schema)?;
    }
    add(Role::Prediction, outcome, prediction);
    if threshold.is_some() {
        // Made of the score; where the score lies is where it lies.
        if let Some(score) = chosen.iter().find(|column| column.role == Role::Score).cloned() {
            let name = "prediction".to_owned();
            let kind = ColumnKind::Categorical;
            chosen.push(Chosen { name, role: Role::Prediction, kind, ..score });
        }
    }
    let mut add = |role, kind, found: Option<(ColumnPath, String)>| {
        if let Some((path, name)) = found {
            let event = name.clone();
            chosen.push(Chosen { path: path.named(&name), name, role, kind, event });
        }
    };
    add(Role::Target, outcome, target);
    let assumed = chooser.assumed;
    let named_features = columns.features.is_some();
    Ok(Choice {
        columns: chosen,
        classes: of_classes,
        threshold,
        time,
        id,
        problem,
        assumed,
        ignored,
        named_features,
    })
}

/// A column, and the name that it goes by.
type Named = (ColumnPath, String);

/// Whether probabilities are numbers.
fn check_scores<'f>(
    scores: impl Iterator<Item = &'f Named>,
    schema: &Schema,
) -> Result<(), QueryError> {
    for (path, name) in scores {
        let data_type = path.data_type(schema).unwrap_or(DataType::Null);
        if kind(&data_type) != Kind::Continuous {
            return Err(QueryError::ColumnUse {
                column: name.clone(),
                found: in_words(&data_type),
                wanted: "probabilities".to_owned(),
            });
        }
    }
    Ok(())
}

fn with_name(path: ColumnPath) -> Named {
    let name = path.name().to_owned();
    (path, name)
}

/// Refuses a column that is to hold numbers and does not.
fn numbers(wanted: &str, found: Option<&Named>, schema: &Schema) -> Result<(), QueryError> {
    let Some((path, name)) = found else { return Ok(()) };
    let data_type = path.data_type(schema).unwrap_or(DataType::Null);
    if kind(&data_type) == Kind::Continuous {
        return Ok(());
    }
    let (column, wanted) = (name.clone(), wanted.to_owned());
    Err(QueryError::ColumnUse { column, found: in_words(&data_type), wanted })
}

/// Whether a path is of the Kafka record itself, which a file has not.
fn is_of_record(path: &str) -> bool {
    path.starts_with('$')
}

fn is_number(data_type: &DataType) -> bool {
    kind(data_type) == Kind::Continuous
}

fn could_be_time(data_type: &DataType) -> bool {
    kind(data_type) == Kind::Time
        || is_number(data_type)
        || matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

struct Chooser<'a> {
    model: &'a str,
    columns: &'a Columns,
    schema: &'a Schema,
    hints: Hints<'a>,
    /// Columns that are something already.
    taken: Vec<ColumnPath>,
    assumed: Vec<(&'static str, String)>,
}

impl Chooser<'_> {
    /// Where the model's probabilities lie: of several classes, or of one.
    #[expect(clippy::type_complexity, reason = "each class with its column, and the one score")]
    fn probabilities(
        &mut self,
        problem: Option<Problem>,
    ) -> Result<(Vec<(String, Named)>, Option<Named>), QueryError> {
        let columns = self.columns;
        let mut classes: Vec<(String, Named)> = Vec::new();
        let mut score = None;
        if problem == Some(Problem::Regression) {
            return Ok((classes, score));
        }
        match &columns.probability {
            Some(Probability::Positive(path)) => score = Some((self.find(path)?, path.clone())),
            Some(Probability::PerClass(paths)) => {
                for (class, path) in paths {
                    classes.push((class.clone(), (self.find(path)?, path.clone())));
                }
            }
            None if problem.is_none_or(|problem| problem == Problem::Multiclass) => {
                classes = self.guess_classes();
            }
            None => {}
        }
        if columns.probability.is_none()
            && classes.is_empty()
            && problem != Some(Problem::Multiclass)
        {
            score = self.guess("probability", PROBABILITIES, is_number)?.map(with_name);
        }
        Ok((classes, score))
    }

    /// A column that the settings name.
    fn find(&mut self, path: &str) -> Result<ColumnPath, QueryError> {
        let found = ColumnPath::resolve(path, self.schema)?;
        self.taken.push(found.clone());
        Ok(found)
    }

    fn is_free(&self, path: &ColumnPath) -> bool {
        !self.taken.iter().any(|taken| taken.is_same_place(path))
    }

    /// The column of one of the usual names; several are for the user to tell apart.
    fn guess(
        &mut self,
        key: &'static str,
        names: &[&str],
        fits: impl Fn(&DataType) -> bool,
    ) -> Result<Option<ColumnPath>, QueryError> {
        if !self.hints.infer {
            return Ok(None);
        }
        let leaves = ColumnPath::leaves(self.schema);
        let named = |leaf: &ColumnPath| {
            let name = leaf.name().to_lowercase();
            let data_type = leaf.data_type(self.schema).unwrap_or(DataType::Null);
            names.contains(&name.as_str()) && fits(&data_type) && self.is_free(leaf)
        };
        let found: Vec<ColumnPath> = leaves.into_iter().filter(named).collect();
        match found.as_slice() {
            [] => Ok(None),
            [one] => {
                self.assumed.push((key, one.name().to_owned()));
                self.taken.push(one.clone());
                Ok(Some(one.clone()))
            }
            several => Err(self.ambiguous(key, several, "")),
        }
    }

    /// Numbers that are named as a probability and a class (`y_pred_proba_<class>`), if there are at least two.
    fn guess_classes(&mut self) -> Vec<(String, (ColumnPath, String))> {
        if !self.hints.infer {
            return Vec::new();
        }
        let class = |name: &str| {
            let lower = name.to_lowercase();
            let of_word = |word: &&str| {
                let rest = lower.strip_prefix(*word)?;
                let rest = rest.strip_prefix(['_', '.'])?;
                (!rest.is_empty()).then(|| name.get(name.len() - rest.len()..)).flatten()
            };
            // `score_of_something` may be anything.
            let words = PROBABILITIES.iter().filter(|word| **word != "score");
            words.filter_map(of_word).min_by_key(|rest| rest.len()).map(str::to_owned)
        };
        let found: Vec<(String, ColumnPath)> = ColumnPath::leaves(self.schema)
            .into_iter()
            .filter(|leaf| leaf.data_type(self.schema).is_some_and(|of| is_number(&of)))
            .filter(|leaf| self.is_free(leaf))
            .filter_map(|leaf| Some((class(leaf.name())?, leaf)))
            .collect();
        if found.len() < 2 {
            return Vec::new();
        }
        let names: Vec<&str> = found.iter().map(|(_, path)| path.name()).collect();
        self.assumed.push(("probability", names.join(" ")));
        self.taken.extend(found.iter().map(|(_, path)| path.clone()));
        found.into_iter().map(|(class, path)| (class, with_name(path))).collect()
    }

    fn ambiguous(
        &self,
        key: &'static str,
        several: &[ColumnPath],
        why: &'static str,
    ) -> QueryError {
        QueryError::Ambiguous {
            why,
            model: self.model.to_owned(),
            key,
            candidates: several.iter().map(|path| path.name().to_owned()).collect(),
        }
    }

    /// The target: what a file of targets has beside ids, else what the data to be scored lack, else the usual names.
    fn guess_target(&mut self) -> Result<Option<ColumnPath>, QueryError> {
        if !self.hints.infer {
            return Ok(None);
        }
        let leaves = ColumnPath::leaves(self.schema);
        let free: Vec<ColumnPath> = leaves.into_iter().filter(|leaf| self.is_free(leaf)).collect();
        let by_targets = self.hints.targets.map(|targets| {
            let there = ColumnPath::leaves(targets);
            let is_there =
                |path: &&ColumnPath| there.iter().any(|other| other.name() == path.name());
            free.iter().filter(is_there).cloned().collect::<Vec<_>>()
        });
        let by_lack = self.hints.analysis.map(|analysis| {
            let there = ColumnPath::leaves(analysis);
            let lacks = |path: &&ColumnPath| !there.iter().any(|other| other.name() == path.name());
            free.iter().filter(lacks).cloned().collect::<Vec<_>>()
        });
        let usual = |path: &ColumnPath| TARGETS.contains(&path.name().to_lowercase().as_str());
        for (candidates, by_lack) in [(by_targets, false), (by_lack, true)] {
            match candidates.as_deref().unwrap_or_default() {
                [] => {}
                // What is lacking is a feature that got lost, where another column is called as targets are.
                [one] if by_lack && !usual(one) && free.iter().any(usual) => {}
                [one] => {
                    self.assumed.push(("target", one.name().to_owned()));
                    self.taken.push(one.clone());
                    return Ok(Some(one.clone()));
                }
                several => {
                    // A feature that got lost is told from the target where that has a usual name.
                    let mut called = several.iter().filter(|path| usual(path));
                    let (Some(one), None) = (called.next(), called.next()) else {
                        let why = if by_lack {
                            "which the data to be judged lack; features must be there; "
                        } else {
                            ""
                        };
                        return Err(self.ambiguous("target", several, why));
                    };
                    self.assumed.push(("target", one.name().to_owned()));
                    self.taken.push(one.clone());
                    return Ok(Some(one.clone()));
                }
            }
        }
        self.guess("target", TARGETS, |_| true)
    }

    fn features(
        &mut self,
        ignored: &mut Vec<(String, &'static str)>,
    ) -> Result<Vec<Chosen>, QueryError> {
        let mut chosen: Vec<Chosen> = Vec::new();
        let Some(patterns) = self.columns.features.clone() else {
            for leaf in ColumnPath::leaves(self.schema) {
                if self.is_free(&leaf) {
                    let event = leaf.event_path().to_string();
                    self.feature(leaf, event, false, ignored, &mut chosen)?;
                }
            }
            return Ok(chosen);
        };
        for pattern in patterns {
            let parsed: Option<EventPath> = pattern.parse().ok();
            let Some(wildcard) = parsed.filter(EventPath::is_wildcard) else {
                let found = ColumnPath::resolve(&pattern, self.schema)?.named(&pattern);
                self.feature(found, pattern.clone(), true, ignored, &mut chosen)?;
                continue;
            };
            let prefix = pattern.trim_end_matches('*');
            let leaves = ColumnPath::leaves(self.schema);
            let nested: Vec<ColumnPath> =
                leaves.iter().filter(|leaf| leaf.name().starts_with(prefix)).cloned().collect();
            // A flat file for nested events: every other column is one of the features.
            let found = if nested.is_empty() {
                leaves.into_iter().filter(|leaf| self.is_free(leaf)).collect()
            } else {
                nested
            };
            for leaf in found {
                let name = leaf.name().strip_prefix(prefix).unwrap_or(leaf.name()).to_owned();
                let event = wildcard.under(&name).map_or_else(|| name.clone(), |p| p.to_string());
                if self.is_free(&leaf) {
                    self.feature(leaf.named(&name), event, false, ignored, &mut chosen)?;
                }
            }
        }
        Ok(chosen)
    }

    /// Adds a feature; one that nobody named is passed over where its type cannot serve.
    fn feature(
        &mut self,
        path: ColumnPath,
        event: String,
        named: bool,
        ignored: &mut Vec<(String, &'static str)>,
        chosen: &mut Vec<Chosen>,
    ) -> Result<(), QueryError> {
        let name = path.name().to_owned();
        let data_type = path.data_type(self.schema).unwrap_or(DataType::Null);
        let listed =
            |list: &[String]| list.iter().any(|column| *column == name || *column == event);
        let kind = if listed(&self.columns.categorical) {
            ColumnKind::Categorical
        } else if listed(&self.columns.continuous) {
            ColumnKind::Continuous
        } else {
            let why = match kind(&data_type) {
                Kind::Continuous => None,
                Kind::Categorical => {
                    self.taken.push(path.clone());
                    chosen.push(Chosen {
                        name,
                        role: Role::Feature,
                        kind: ColumnKind::Categorical,
                        path,
                        event,
                    });
                    return Ok(());
                }
                Kind::Time => Some("a time"),
                Kind::Empty => Some("nothing but missing values"),
                Kind::Vector => {
                    self.taken.push(path.clone());
                    let (role, kind) = (Role::Feature, ColumnKind::Embedding);
                    chosen.push(Chosen { name, role, kind, path, event });
                    return Ok(());
                }
                Kind::Other => Some("neither numbers nor labels"),
            };
            match why {
                None => ColumnKind::Continuous,
                Some(_) if named => {
                    return Err(QueryError::ColumnUse {
                        column: name,
                        found: in_words(&data_type),
                        wanted: "a feature: numbers, labels or lists of numbers".to_owned(),
                    });
                }
                Some(why) => {
                    ignored.push((name, why));
                    return Ok(());
                }
            }
        };
        self.taken.push(path.clone());
        chosen.push(Chosen { name, role: Role::Feature, kind, path, event });
        Ok(())
    }
}

impl ColumnPath {
    /// The same place in an event.
    pub fn event_path(&self) -> EventPath {
        EventPath::Value(
            self.steps()
                .iter()
                .map(|step| match step {
                    PathStep::Field(key) => Step::Key(key.as_str().into()),
                    PathStep::Item(index) => Step::Index(*index),
                })
                .collect(),
        )
    }
}
