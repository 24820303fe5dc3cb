//! Which performance is estimated and measured.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formula::Formula;
use crate::metric::{Currencies, Measure, Metric, Problem};
use crate::settings::at::At;
use crate::settings::columns::unique;
use crate::settings::later;
use crate::settings::mistake::{Mistakes, suggest};
use crate::settings::named::{CELLS, performance_metrics, wanted};
use crate::settings::typed::{self, CustomTable, TextOr};
use crate::stats::{Normalization, ValueNormalization};

/// Which performance is estimated and measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    /// How scores become probabilities.
    pub calibration: Calibration,
    /// Which metrics, in the order of the registry, each once; all serve the model's problem.
    pub metrics: Vec<Metric>,
    /// What each cell is worth, `[true class][predicted class]` in ascending order of the classes; square, of finite
    /// numbers. There where `metrics` holds the business value.
    pub business_value: Option<Vec<Vec<f64>>>,
    /// What the cells of the confusion matrix are divided by.
    pub normalize_confusion_matrix: Normalization,
    /// What the business value is divided by.
    pub normalize_business_value: ValueNormalization,
    /// What the business value counts, for reading only.
    pub currency: Option<String>,
    /// What metrics of the user's own count, by name, for reading only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_currency: BTreeMap<String, String>,
    /// Whether the concept is learnt again.
    #[serde(default)]
    pub concept_drift: bool,
    /// Metrics of the user's own, by name.
    pub custom: BTreeMap<String, Custom>,
    /// Whether performance is also estimated robust to covariate shift.
    #[serde(default, skip_serializing_if = "is_off")]
    pub robust: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_off(on: &bool) -> bool {
    !on
}

/// How scores become probabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// The same way for every class.
    All(Calibrator),
    /// By class; a class that is not named goes by [`Calibrator::Auto`].
    PerClass(BTreeMap<String, Calibrator>),
}

/// How a score becomes a probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Calibrator {
    /// Isotonic where that lowers the calibration error on the reference, else none.
    Auto,
    /// Isotonic regression on the reference.
    Isotonic,
    /// The score is the probability.
    None,
}

/// A metric of the user's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Custom {
    /// An expression over the cells of the confusion matrix and `rows`.
    Cells(String),
    /// A formula over the columns of a row, averaged over the rows.
    Row(String),
}

/// What is measured where nothing is said: all but what depends on the window's size or needs prices.
const DEFAULT: [Metric; 10] = [
    Metric::RocAuc,
    Metric::AveragePrecision,
    Metric::F1,
    Metric::Precision,
    Metric::Recall,
    Metric::Specificity,
    Metric::Accuracy,
    Metric::Mae,
    Metric::Rmse,
    Metric::Mape,
];

impl Performance {
    /// What its metrics count money in.
    pub fn currencies(&self) -> Currencies {
        Currencies::new(self.currency.as_deref(), &self.custom_currency)
    }

    pub(crate) fn meant(
        typed: typed::Performance,
        problem: Option<Problem>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let default =
            DEFAULT.into_iter().chain(typed.business_value.as_ref().map(|_| Metric::BusinessValue));
        let default =
            default.filter(|metric| problem.is_some_and(|problem| metric.serves(problem)));
        let metrics = match &typed.metrics {
            Some(names) => metrics(names, problem, &at.key("metrics"), mistakes),
            None => default.collect(),
        };
        business_value(&typed, metrics.contains(&Metric::BusinessValue), problem, at, mistakes);
        named(typed.currency.as_deref(), at, mistakes);
        let custom = custom(typed.custom, problem, &at.key("custom"), mistakes);
        let currencies = custom.iter().filter_map(|(name, (_, currency))| {
            currency.as_ref().map(|currency| (name.clone(), currency.clone()))
        });
        Self {
            calibration: calibration(typed.calibration, problem, &at.key("calibration"), mistakes),
            metrics: metrics.into_iter().collect(),
            business_value: typed.business_value,
            normalize_confusion_matrix: typed.normalize.confusion_matrix,
            normalize_business_value: typed.normalize.business_value,
            currency: typed.currency,
            robust: typed.robust,
            concept_drift: typed.concept_drift,
            custom_currency: currencies.collect(),
            custom: custom.into_iter().map(|(name, (custom, _))| (name, custom)).collect(),
        }
    }
}

/// A currency must have a name.
fn named(currency: Option<&str>, at: &At<'_>, mistakes: &mut Mistakes) {
    if currency.is_some_and(|currency| currency.trim().is_empty()) {
        let wanted = "a currency such as `EUR`";
        mistakes.add(&at.key("currency"), wanted, "name one, or remove the key");
    }
}

fn metrics(
    names: &[String],
    problem: Option<Problem>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> BTreeSet<Metric> {
    let mut metrics = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        // Defaults are for all models, so for those too that have another problem.
        let asked = if at.is_inherited() { None } else { problem };
        match performance_metrics(name, asked) {
            Ok(found) => {
                let has = |metric: &Metric| problem.is_none_or(|p| metric.serves(p));
                metrics.extend(found.into_iter().filter(has));
            }
            Err(mend) => mistakes.add(&at.item(index), wanted(asked), mend),
        }
    }
    unique(names, (0..).map(|index| at.item(index)), mistakes);
    metrics
}

fn business_value(
    typed: &typed::Performance,
    listed: bool,
    problem: Option<Problem>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) {
    let at_matrix = at.key("business_value");
    let Some(matrix) = &typed.business_value else {
        if listed {
            mistakes.add_found(
                &at.key("metrics"),
                "`business_value`",
                "what each cell of the confusion matrix is worth",
                "add `business_value = [[true negative, false positive], [false negative, true positive]]`",
            );
        }
        return;
    };
    if typed.metrics.is_some() && !listed && !at_matrix.is_inherited() {
        mistakes.add_found(
            &at_matrix,
            "a matrix that no metric uses",
            "`business_value` among `metrics`",
            "add it there, or remove the matrix",
        );
    }
    let classes = if problem == Some(Problem::Binary) { 2 } else { matrix.len() };
    let square = matrix.len() == classes && matrix.iter().all(|row| row.len() == classes);
    if mistakes.within(&at_matrix) {
        // Its shape is known to be wrong.
    } else if !square || matrix.len() < 2 {
        let widths = matrix.iter().map(|row| row.len().to_string()).collect::<Vec<_>>().join(", ");
        mistakes.add_found(
            &at_matrix,
            format!("{} rows of {widths} numbers", matrix.len()),
            if problem == Some(Problem::Binary) {
                "2 rows of 2 numbers"
            } else {
                "a row and a column for each class"
            },
            "write `[[true negative, false positive], [false negative, true positive]]`",
        );
    } else if matrix.iter().flatten().any(|value| !value.is_finite()) {
        mistakes.add_found(
            &at_matrix,
            "`inf` or `nan`",
            "finite numbers",
            "write what one such row is worth",
        );
    }
}

fn calibration(
    typed: TextOr<BTreeMap<String, Calibrator>, Calibrator>,
    problem: Option<Problem>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Calibration {
    match typed {
        TextOr::Text(calibrator) => Calibration::All(calibrator),
        TextOr::Table(classes) => {
            if problem.is_some_and(|problem| problem != Problem::Multiclass) {
                mistakes.add(
                    at,
                    "one of \"auto\", \"isotonic\", \"none\"",
                    "only models with several classes calibrate class by class",
                );
            }
            Calibration::PerClass(classes)
        }
    }
}

fn custom(
    typed: BTreeMap<String, TextOr<CustomTable>>,
    problem: Option<Problem>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> BTreeMap<String, (Custom, Option<String>)> {
    let mut custom = BTreeMap::new();
    for (name, typed) in typed {
        let at = at.key(&name);
        if !Measure::may_be_custom(&name) {
            mistakes.add_found(
                &at,
                format!("the name `{name}`"),
                "a name of small letters, digits and `_`",
                "it becomes a label of series and a value in SQL; rename it",
            );
        }
        let taken = Metric::from_name(&name).is_some() || Measure::is_cell(&name);
        if taken || later::METRICS.iter().any(|metric| metric.name == name) {
            mistakes.add_found(
                &at,
                format!("the name `{name}`"),
                "a name that no metric has",
                "rename it",
            );
        }
        let table = match typed {
            TextOr::Text(expression) => CustomTable::cells(expression),
            TextOr::Table(table) => table,
        };
        named(table.currency.as_deref(), &at, mistakes);
        let metric = match (table.cells, table.row) {
            (Some(expression), None) => {
                // Defaults are for all models, so for those too that have no cells.
                let has_cells = problem.is_none_or(|p| Metric::BusinessValue.serves(p));
                if !has_cells && at.is_inherited() {
                    continue;
                }
                over_cells(&expression, problem, has_cells, &at, mistakes);
                Custom::Cells(expression)
            }
            (None, Some(row)) => {
                let measured = problem.is_none_or(|problem| problem != Problem::None);
                if !measured && at.is_inherited() {
                    continue;
                }
                over_row(&row, measured, &at, mistakes);
                Custom::Row(row)
            }
            (cells, _) => {
                mistakes.add_found(
                    &at,
                    if cells.is_some() { "`cells` and `row`" } else { "neither `cells` nor `row`" },
                    "a formula over the cells of the confusion matrix or over the columns of a row",
                    "write `cells = \"..\"` or `row = \"..\"`",
                );
                continue;
            }
        };
        custom.insert(name, (metric, table.currency));
    }
    custom
}

fn over_row(text: &str, measured: bool, at: &At<'_>, mistakes: &mut Mistakes) {
    if !measured {
        let wanted = "a model that predicts something";
        mistakes.add_found(at, "a metric over rows", wanted, "remove it, or say the `problem`");
    } else if let Err(error) = Formula::parse_row(text) {
        let wanted = "a formula over the columns of a row, such as `abs(y_pred - y_true) * price`";
        mistakes.add_found(&at.key("row"), format!("`{text}`"), wanted, error.to_string());
    }
}

fn over_cells(
    text: &str,
    problem: Option<Problem>,
    has_cells: bool,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) {
    if !has_cells {
        mistakes.add_found(
            at,
            "a formula over the cells of the confusion matrix",
            "a model with classes",
            "remove it",
        );
        return;
    }
    let formula = match Formula::parse(text) {
        Ok(formula) => formula,
        Err(error) => {
            let wanted = "a formula such as `(10 * false_positive + 500 * false_negative) / rows`";
            mistakes.add_found(at, format!("`{text}`"), wanted, error.to_string());
            return;
        }
    };
    for name in formula.names() {
        let of_two = CELLS.iter().any(|cell| cell.as_str() == name);
        let known = match problem {
            _ if name == Metric::Rows.as_str() => true,
            Some(Problem::Binary) => of_two,
            Some(_) => Measure::is_cell(name),
            None => of_two || Measure::is_cell(name),
        };
        if known {
            continue;
        }
        let (wanted, mend) = if problem == Some(Problem::Multiclass) {
            let wanted =
                "`rows`, or a cell such as `\"true_a_pred_b\"`, by the names of its classes";
            (wanted, "write the name of a cell in double quotes".to_owned())
        } else {
            let cells = CELLS.iter().map(|cell| cell.as_str()).chain([Metric::Rows.as_str()]);
            ("`rows`, or a cell of the confusion matrix", suggest(name, cells))
        };
        mistakes.add_found(at, format!("`{name}` in the formula"), wanted, mend);
    }
}
