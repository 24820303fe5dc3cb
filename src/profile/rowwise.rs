//! Metrics of the user's own over single rows: what the reference says of them, and what their formulas read.

use arrow::buffer::ScalarBuffer;
use serde::{Deserialize, Serialize};

use crate::batch::{Column as Data, Values as DataValues, labels};
use crate::formula::{Formula, Read};
use crate::profile::losses::LossModel;
use crate::profile::{Column, Outputs, Profile, Role, Values, same_label};
use crate::stats::{SamplingError, Undefined};

/// A metric of the user's own over single rows: the mean of what a formula is worth for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowMetric {
    /// What it is called.
    pub name: String,
    /// The formula, over the columns of a row.
    pub sql: String,
    /// The greatest magnitude that it has in a row of the reference; 0 where there is none.
    pub greatest: f64,
    /// Sampling error of the mean; `None` where it has none.
    pub error: Option<SamplingError>,
    /// Of a model that predicts a number: what is expected of a row without its target, or why nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Result<LossModel, Undefined>>,
}

/// A target, as formulas see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Truth {
    /// A class, by its number.
    Class(usize),
    /// A number.
    Number(f64),
}

/// Why a formula cannot be computed from a model's columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{metric}`: {problem}")]
pub struct RowMetricError {
    /// The metric.
    pub metric: String,
    /// What is wrong, and the way out.
    pub problem: String,
}

/// What the formulas of a profile's metrics over rows read, each thing once.
///
/// All but the target is read where the rows are made, and travels with them as numbers: terms. So what a metric is worth
/// can be told when the target comes, however much later.
#[derive(Clone, Debug)]
pub struct RowTerms {
    terms: Vec<Term>,
    /// How targets are read, each way once.
    of_target: Vec<Way>,
    /// What classes give, each way after the other; none where the target is a number.
    classes: Vec<Vec<f64>>,
    metrics: Vec<(Formula, Vec<From>)>,
}

/// Something that is read of a column.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    column: usize,
    way: Way,
}

/// How a value becomes a number.
#[derive(Clone, Debug, PartialEq)]
enum Way {
    Number,
    /// The number of its class.
    Class,
    OneOf(Vec<String>),
    /// Whether it is one of these numbers.
    OneOfNumbers(Vec<f64>),
    Present,
}

/// Where a formula finds a quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Term(usize),
    Target(usize),
}

/// What a label is as a number: 1 for true, 0 for false.
fn number(label: &str) -> Option<f64> {
    match label {
        _ if same_label(label, "true") => Some(1.0),
        _ if same_label(label, "false") => Some(0.0),
        _ => label.trim().parse().ok().filter(|number: &f64| !number.is_nan()),
    }
}

impl RowTerms {
    /// Those of a profile; `None` where it has no metrics over rows.
    ///
    /// # Errors
    /// A formula that the columns of the profile cannot give.
    pub fn of(profile: &Profile) -> Result<Option<Self>, RowMetricError> {
        if profile.metrics.is_empty() {
            return Ok(None);
        }
        let mut made = Self {
            terms: Vec::new(),
            of_target: Vec::new(),
            classes: Vec::new(),
            metrics: Vec::new(),
        };
        for metric in &profile.metrics {
            let refuse = |problem| RowMetricError { metric: metric.name.clone(), problem };
            let formula = Formula::parse_row(&metric.sql).map_err(|e| refuse(e.to_string()))?;
            let from = made.bind(&formula, profile).map_err(refuse)?;
            made.metrics.push((formula, from));
        }
        let labels = classes(profile);
        made.classes = labels
            .iter()
            .enumerate()
            .map(|(class, label)| {
                let of = |way: &Way| match way {
                    Way::Class => class as f64,
                    way => way.of_label(label, &|_| Some(class)),
                };
                made.of_target.iter().map(of).collect()
            })
            .collect();
        Ok(Some(made))
    }

    /// Where a formula finds what it reads.
    fn bind(&mut self, formula: &Formula, profile: &Profile) -> Result<Vec<From>, String> {
        let mut found = Vec::new();
        let (mut by_class, mut by_number) = (None, None);
        for (name, read) in formula.names().iter().zip(formula.reads()) {
            let (index, column) = column_of(profile, name)?;
            let way = way(profile, column, name, read)?;
            if *read == Read::Alike {
                let of = if way == Way::Class { &mut by_class } else { &mut by_number };
                *of = Some(name);
            }
            found.push(if column.role == Role::Target {
                From::Target(place(&mut self.of_target, way))
            } else {
                From::Term(place(&mut self.terms, Term { column: index, way }))
            });
        }
        match (by_class, by_number) {
            (Some(class), Some(number)) => Err(format!(
                "it holds `{class}`, a class, against `{number}`, a number; hold each against its like"
            )),
            _ => Ok(found),
        }
    }

    /// How many numbers travel with a row.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// How many metrics there are.
    pub fn metrics(&self) -> usize {
        self.metrics.len()
    }

    /// The terms of rows, given their columns: one run of numbers each, NaN where there is no value.
    pub fn read(&self, profile: &Profile, columns: &[Data], rows: usize) -> Vec<ScalarBuffer<f64>> {
        let of = |term: &Term| match columns.get(term.column) {
            Some(data) => term.way.read(profile, data),
            None => ScalarBuffer::from(vec![f64::NAN; rows]),
        };
        self.terms.iter().map(of).collect()
    }

    /// What a metric is worth for a row with that target; `None` where that is no number. `at` gives the row's terms;
    /// `work` is for what lies between.
    pub fn value(
        &self,
        metric: usize,
        at: impl Fn(usize) -> f64,
        truth: Truth,
        work: &mut Vec<f64>,
    ) -> Option<f64> {
        let (formula, from) = self.metrics.get(metric)?;
        work.clear();
        for from in from {
            work.push(match (*from, truth) {
                (From::Term(term), _) => at(term),
                (From::Target(way), Truth::Class(class)) => {
                    self.classes.get(class)?.get(way).copied()?
                }
                (From::Target(way), Truth::Number(number)) => {
                    self.of_target.get(way)?.of_number(number)
                }
            });
        }
        formula.value(work)
    }
}

/// The position of something in a list, where it is put if it is not there.
fn place<T: PartialEq>(list: &mut Vec<T>, one: T) -> usize {
    list.iter().position(|known| *known == one).unwrap_or_else(|| {
        list.push(one);
        list.len() - 1
    })
}

/// The labels of the classes in their order; none of other models.
fn classes(profile: &Profile) -> Vec<String> {
    match &profile.outputs {
        Outputs::None | Outputs::Regression(_) => Vec::new(),
        Outputs::Binary(binary) => {
            let negative = binary.classes.negative.clone().unwrap_or_default();
            vec![negative, binary.classes.positive.clone()]
        }
        Outputs::Multiclass(several) => {
            several.classes.iter().map(|class| class.label.clone()).collect()
        }
    }
}

/// The column of a name; `prediction`, `target` and `probability` are those that have the role, where none is called so.
fn column_of<'p>(profile: &'p Profile, name: &str) -> Result<(usize, &'p Column), String> {
    let with = |is: &dyn Fn(&Column) -> bool| {
        profile.columns.iter().enumerate().filter(|(_, column)| is(column)).collect::<Vec<_>>()
    };
    if let [found] = with(&|column| column.name == name).as_slice() {
        return Ok(*found);
    }
    let role = match name {
        "prediction" => Some(Role::Prediction),
        "target" => Some(Role::Target),
        "probability" => Some(Role::Score),
        _ => None,
    };
    if let Some(role) = role
        && let [found] = with(&|column| column.role == role).as_slice()
    {
        return Ok(*found);
    }
    let known: Vec<&str> = profile.columns.iter().map(|column| column.name.as_str()).collect();
    Err(format!("there is no column `{name}`; it may use {}", known.join(", ")))
}

/// How a name's values become what is read of it.
fn way(profile: &Profile, column: &Column, name: &str, read: &Read) -> Result<Way, String> {
    let is_class = matches!(column.role, Role::Prediction | Role::Target)
        && matches!(profile.outputs, Outputs::Binary(_) | Outputs::Multiclass(_));
    match (read, &column.values) {
        (_, Values::Embedding(_)) => {
            Err(format!("`{name}` holds lists of numbers, which formulas cannot use"))
        }
        (Read::Present, _) => Ok(Way::Present),
        (Read::Number | Read::Alike, Values::Continuous(_)) => Ok(Way::Number),
        (Read::OneOf(texts), Values::Continuous(_)) => {
            let numbers: Option<Vec<f64>> = texts.iter().map(|text| number(text)).collect();
            let refuse = || format!("`{name}` holds numbers; hold it against numbers, not texts");
            numbers.map(Way::OneOfNumbers).ok_or_else(refuse)
        }
        (Read::OneOf(texts), Values::Categorical(_)) => Ok(Way::OneOf(texts.clone())),
        (Read::Number | Read::Alike, Values::Categorical(reference)) => {
            let classes = classes(profile);
            let all = if is_class { &classes } else { &reference.labels };
            let mut told = all.iter().filter(|label| !label.is_empty());
            let numbers = told.clone().all(|label| number(label).is_some());
            match read {
                _ if numbers && told.next().is_some() => Ok(Way::Number),
                Read::Alike if is_class => Ok(Way::Class),
                _ => Err(format!(
                    "`{name}` holds texts; hold it against texts, as in `case when {name} = '{}' then 1 else 0 end`",
                    all.first().map_or("a", String::as_str)
                )),
            }
        }
    }
}

impl Way {
    fn of_number(&self, value: f64) -> f64 {
        let flag = |is: bool| if is { 1.0 } else { 0.0 };
        match self {
            Self::Present => flag(!value.is_nan()),
            Self::OneOfNumbers(numbers) if !value.is_nan() => flag(numbers.contains(&value)),
            Self::Number => value,
            Self::OneOfNumbers(_) | Self::OneOf(_) | Self::Class => f64::NAN,
        }
    }

    /// `class` gives the number of a label's class.
    fn of_label(&self, label: &str, class: &dyn Fn(&str) -> Option<usize>) -> f64 {
        let flag = |is: bool| if is { 1.0 } else { 0.0 };
        match self {
            Self::Present => 1.0,
            Self::OneOf(texts) => flag(texts.iter().any(|text| same_label(text, label))),
            // No class is the number before the first.
            Self::Class => class(label).map_or(-1.0, |class| class as f64),
            Self::Number => number(label).unwrap_or(f64::NAN),
            Self::OneOfNumbers(numbers) => {
                number(label).map_or(f64::NAN, |value| flag(numbers.contains(&value)))
            }
        }
    }

    /// What there is where there is nothing.
    fn of_nothing(&self) -> f64 {
        if *self == Self::Present { 0.0 } else { f64::NAN }
    }

    fn read(&self, profile: &Profile, data: &Data) -> ScalarBuffer<f64> {
        match &data.values {
            DataValues::Numbers(array) => array
                .iter()
                .map(|value| match value.filter(|value| !value.is_nan()) {
                    Some(value) => self.of_number(value),
                    None => self.of_nothing(),
                })
                .collect(),
            DataValues::Labels(array) => {
                let class = |label: &str| profile.class(label);
                let known: Vec<f64> =
                    labels(array).map(|label| self.of_label(label, &class)).collect();
                let of = |position: Option<i32>| {
                    let at = position.and_then(|position| usize::try_from(position).ok());
                    at.and_then(|at| known.get(at)).copied()
                };
                array.keys().iter().map(|at| of(at).unwrap_or_else(|| self.of_nothing())).collect()
            }
            DataValues::Vectors(vectors) => vec![self.of_nothing(); vectors.len()].into(),
        }
    }
}

impl Profile {
    /// What formulas over rows read of these; nothing where there are none.
    pub fn terms(&self, columns: &[Data], rows: usize) -> Vec<ScalarBuffer<f64>> {
        let terms = RowTerms::of(self).ok().flatten();
        terms.map(|terms| terms.read(self, columns, rows)).unwrap_or_default()
    }

    /// The target of each row; `None` where there is none that is a class, or a number.
    pub fn truths(&self, data: &Data) -> Vec<Option<Truth>> {
        match &data.values {
            DataValues::Numbers(array) => {
                let of = |value: Option<f64>| Some(Truth::Number(value.filter(|v| !v.is_nan())?));
                array.iter().map(of).collect()
            }
            DataValues::Labels(array) => {
                let known: Vec<Option<usize>> = labels(array).map(|of| self.class(of)).collect();
                let of = |at: Option<i32>| {
                    let class = *known.get(usize::try_from(at?).ok()?)?;
                    class.map(Truth::Class)
                };
                array.keys().iter().map(of).collect()
            }
            DataValues::Vectors(vectors) => vec![None; vectors.len()],
        }
    }

    /// The target that a text names.
    pub fn truth(&self, label: &str) -> Option<Truth> {
        match &self.outputs {
            Outputs::None => None,
            Outputs::Regression(_) => {
                let number = label.trim().parse().ok().filter(|number: &f64| !number.is_nan());
                number.map(Truth::Number)
            }
            Outputs::Binary(_) | Outputs::Multiclass(_) => self.class(label).map(Truth::Class),
        }
    }

    /// What is expected of rows by the metrics over them; of models that predict a number alone.
    pub(super) fn expected_of_metrics<'p>(
        &'p self,
        columns: &'p [Data],
        rows: usize,
    ) -> impl Iterator<Item = ScalarBuffer<f64>> + 'p {
        let models = self.metrics.iter().filter_map(|metric| metric.model.as_ref()?.as_ref().ok());
        models.map(move |model| model.expected(&self.columns, columns, rows).into())
    }
}
