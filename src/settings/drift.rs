//! How columns are compared with the reference, and how faults are counted.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{ColumnKind, Family, Metric};
use crate::settings::at::At;
use crate::settings::columns::unique;
use crate::settings::mistake::{Mistakes, suggest};
use crate::settings::typed;
use crate::stats::FEWEST_PAIRS;
use crate::window::RankBy;

/// How columns are compared with the reference. Empty lists compare nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Methods for columns of numbers, in the order of the registry.
    pub continuous: Vec<Metric>,
    /// Methods for columns of categories, in the order of the registry.
    pub categorical: Vec<Metric>,
    /// Methods over all columns at once.
    pub multivariate: Vec<Multivariate>,
    /// Columns are ranked over so many of the last windows; not at all where it is 0.
    pub rank_windows: u64,
    /// What they are ranked by, in the order in which it was asked for.
    #[serde(default = "by_drift", skip_serializing_if = "is_by_drift")]
    pub rank_by: Vec<RankBy>,
}

fn by_drift() -> Vec<RankBy> {
    vec![RankBy::Drift]
}

fn is_by_drift(rank_by: &[RankBy]) -> bool {
    rank_by == [RankBy::Drift]
}

/// A drift method over all columns at once.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Multivariate {
    /// How badly the reference's principal components describe the rows.
    ReconstructionError,
    /// How well a classifier tells the window from the reference.
    DomainClassifier,
}

impl Multivariate {
    /// The metric that it makes.
    pub const fn metric(self) -> Metric {
        match self {
            Self::ReconstructionError => Metric::ReconstructionError,
            Self::DomainClassifier => Metric::DomainClassifier,
        }
    }
}

impl Drift {
    pub(crate) fn meant(typed: &typed::Drift, at: &At<'_>, mistakes: &mut Mistakes) -> Self {
        let multivariate = at.key("multivariate");
        unique(&typed.multivariate, (0..).map(|index| multivariate.item(index)), mistakes);
        let [continuous, categorical] = [
            (ColumnKind::Continuous, &typed.continuous),
            (ColumnKind::Categorical, &typed.categorical),
        ]
        .map(|(kind, names)| methods(names, kind, &at.key(kind.as_str()), mistakes));
        let each: BTreeSet<_> = typed.multivariate.iter().copied().collect();
        let rank_windows = typed.rank_windows;
        if !matches!(rank_windows, 0 | FEWEST_RANKED..=MOST_RANKED) {
            mistakes.add_found(
                &at.key("rank_windows"),
                rank_windows.to_string(),
                format!("0, or {FEWEST_RANKED} to {MOST_RANKED}"),
                "over fewer windows nothing can be ranked; 0 ranks nothing",
            );
        }
        let rank_by = ranked_by(&typed.rank_by, [&continuous, &categorical], at, mistakes);
        let multivariate = each.into_iter().collect();
        Self { continuous, categorical, multivariate, rank_windows, rank_by }
    }
}

/// Any two windows lie on a line.
const FEWEST_RANKED: u64 = FEWEST_PAIRS as u64;
/// They are kept with the state of the model.
const MOST_RANKED: u64 = 200;

fn methods(
    names: &[String],
    kind: ColumnKind,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Metric> {
    let known = typed::methods(kind).map(Metric::as_str).collect::<Vec<_>>();
    let mut methods = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        if known.contains(&name.as_str()) {
            methods.extend(Metric::from_name(name));
        } else {
            let wanted = format!("a drift method for {kind} columns", kind = kind.as_str());
            mistakes.add(&at.item(index), wanted, suggest(name, known.iter().copied()));
        }
    }
    unique(names, (0..).map(|index| at.item(index)), mistakes);
    methods.into_iter().collect()
}

/// What columns are ranked by; drift methods only where they are asked for.
fn ranked_by(
    names: &[String],
    methods: [&[Metric]; 2],
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Vec<RankBy> {
    let at = at.key("rank_by");
    let known: Vec<&str> = RankBy::all().map(RankBy::as_str).collect();
    let mut found = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let place = at.item(index);
        match RankBy::from_name(name) {
            Some(RankBy::Metric(metric))
                if metric.spec().family == Family::Drift
                    && !methods.iter().any(|asked| asked.contains(&metric)) =>
            {
                mistakes.add(
                    &place,
                    "a drift method that is asked for".to_owned(),
                    format!("name `{name}` in `continuous` or `categorical`, too"),
                );
            }
            Some(by) => found.push(by),
            None => mistakes.add(
                &place,
                "`drift`, a drift method, or a metric of quality or summary".to_owned(),
                suggest(name, known.iter().copied()),
            ),
        }
    }
    unique(names, (0..).map(|index| at.item(index)), mistakes);
    found
}

/// How faults of the data are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Shares of the rows; else numbers of rows.
    pub normalize: bool,
}
