//! A model that is watched: all that its settings mean.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::Problem;
use crate::settings::alerts::Alerts;
use crate::settings::at::At;
use crate::settings::columns::{Columns, one_path};
use crate::settings::drift::{Drift, Multivariate, Quality};
use crate::settings::early::EarlyWarning;
use crate::settings::ground_truth::GroundTruth;
use crate::settings::mistake::Mistakes;
use crate::settings::performance::Performance;
use crate::settings::thresholds::Thresholds;
use crate::settings::typed;
use crate::settings::window::{Window, at_least_one};

/// A model that is watched.
///
/// Serialised it is what travels with an epoch; see [`Model::canonical`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name: the key of its section, in results and series.
    pub name: String,
    /// What it predicts.
    pub problem: Problem,
    /// Where its profiles lie, as a template; see [`Model::profile_for`].
    pub profile: Option<String>,
    /// What happens to predictions of a version without a profile.
    pub unknown_version: UnknownVersion,
    /// Parts of the rows that get figures of their own.
    pub segments: Vec<Segment>,
    /// A segment with fewer rows in a window is not judged.
    pub segment_min_rows: u64,
    /// At most so many segments.
    pub segment_max: u64,
    /// At most so many of a window's worst slices are named; none are looked for where it is 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub worst_slices: u64,
    /// SQL condition: which rows count. Not parsed yet.
    pub filter: Option<String>,
    /// Columns made of others, as SQL expressions by name. Not parsed yet.
    pub derived: BTreeMap<String, String>,
    /// Where everything lies.
    pub columns: Columns,
    /// Where targets come from that arrive later.
    pub ground_truth: Option<GroundTruth>,
    /// How predictions are cut into windows.
    pub window: Window,
    /// Which performance is estimated and measured.
    pub performance: Performance,
    /// How columns are compared with the reference.
    pub drift: Drift,
    /// How faults of the data are counted.
    pub quality: Quality,
    /// When a figure is a breach.
    pub thresholds: Thresholds,
    /// What a window warns of while it is open; `None`: of nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_warning: Option<EarlyWarning>,
    /// Which breaches become alerts, and when.
    pub alerts: Alerts,
}

/// What happens to predictions of a version that has no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum UnknownVersion {
    /// They are counted, and their windows say `no_profile`.
    Observe,
    /// They go to the dead letters.
    DeadLetter,
}

/// A part of the rows that gets figures of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// The slices of the reference where the model does worst.
    Auto,
    /// One segment a value of the column, or a combination of values of several.
    Columns(Vec<String>),
    /// The rows that fulfil a condition.
    Where {
        /// What the segment is called.
        name: String,
        /// SQL condition. Not parsed here.
        condition: String,
    },
}

impl Model {
    /// Whether rows of the reference and of windows are needed, beside what is folded of them.
    pub fn samples(&self) -> bool {
        let tells_apart = self.drift.multivariate.contains(&Multivariate::DomainClassifier);
        tells_apart
            || self.worst_slices > 0
            || self.performance.robust
            || self.performance.concept_drift
    }

    /// A model with all defaults, as for an empty section of a file.
    pub fn new(name: &str, problem: Problem) -> Self {
        let typed = typed::Model { problem: Some(problem), ..typed::Model::default() };
        Self::meant(name, typed, &At::nowhere("model"), &mut Mistakes::default())
    }

    /// Where the profile of a version lies; without a template `profiles/{model}/{version}.vigie`, or
    /// `profiles/{model}.vigie` for a version without a name.
    ///
    /// `None` for a version that would lead elsewhere (`../x`, `a/b`): versions come from events, so from anybody.
    pub fn profile_for(&self, version: &str) -> Option<String> {
        let elsewhere = version.contains(['/', '\\', '\0']) || matches!(version, "." | "..");
        let template = match &self.profile {
            Some(template) => template.as_str(),
            None if version.is_empty() => "profiles/{model}.vigie",
            None => "profiles/{model}/{version}.vigie",
        };
        // In this order: a model's name may hold braces, a version must not be read as a template again.
        let fill = || {
            template
                .split("{version}")
                .map(|part| part.replace("{model}", &self.name))
                .collect::<Vec<_>>()
                .join(version)
        };
        (!elsewhere).then(fill)
    }

    pub(crate) fn meant(
        name: &str,
        typed: typed::Model,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let problem = typed.problem;
        if problem.is_none() && !mistakes.within(&at.key("problem")) {
            mistakes.add(
                &at.key("problem"),
                "what the model predicts",
                "add `problem = \"binary\"` (or \"multiclass\", \"regression\", \"none\")",
            );
        }
        if name.trim() != name || name.is_empty() || name.chars().any(char::is_control) {
            mistakes.add_found(
                at,
                format!("the name {name:?}"),
                "a name without spaces around it",
                "rename the section",
            );
        }
        if let Some(template) = &typed.profile {
            template_of(template, &at.key("profile"), mistakes);
        }
        if typed.filter.as_ref().is_some_and(|filter| filter.trim().is_empty()) {
            mistakes.add(&at.key("filter"), "an SQL condition", "write one, or remove the key");
        }
        for (column, expression) in &typed.derived {
            let at = at.keys(&["derived", column]);
            one_path(column.clone(), &at, mistakes);
            if expression.trim().is_empty() {
                mistakes.add(&at, "an SQL expression", "write one, or remove the column");
            }
        }
        at_least_one(typed.segment_min_rows, &at.key("segment_min_rows"), mistakes);
        segment_max(&typed, &at.key("segment_max"), mistakes);
        let columns = Columns::meant(typed.columns, problem, &at.key("columns"), mistakes);
        let performance =
            Performance::meant(typed.performance, problem, &at.key("performance"), mistakes);
        let ground_truth = at.key("ground_truth");
        let thresholds = at.key("thresholds");
        Self {
            name: name.to_owned(),
            problem: problem.unwrap_or(Problem::None),
            profile: typed.profile,
            unknown_version: typed.unknown_version,
            segments: segments(typed.segments, &at.key("segments"), mistakes),
            segment_min_rows: typed.segment_min_rows,
            segment_max: typed.segment_max,
            worst_slices: worst_slices(typed.worst_slices, &at.key("worst_slices"), mistakes),
            filter: typed.filter,
            derived: typed.derived,
            ground_truth: typed
                .ground_truth
                .map(|typed| GroundTruth::meant(typed, &ground_truth, mistakes)),
            window: Window::meant(&typed.window, &at.key("window"), mistakes),
            drift: Drift::meant(&typed.drift, &at.key("drift"), mistakes),
            quality: Quality { normalize: typed.quality.normalize },
            thresholds: Thresholds::meant(
                &typed.thresholds,
                problem,
                &columns,
                &performance.custom,
                &thresholds,
                mistakes,
            ),
            performance,
            early_warning: EarlyWarning::meant(
                &typed.early_warning,
                &at.key("early_warning"),
                mistakes,
            ),
            alerts: Alerts::meant(&typed.alerts, &at.key("alerts"), mistakes),
            columns,
        }
    }
}

fn template_of(template: &str, at: &At<'_>, mistakes: &mut Mistakes) {
    let plain = template.replace("{model}", "").replace("{version}", "");
    if template.trim().is_empty() {
        mistakes.add(at, "where the profile lies", "write a path, or remove the key");
    } else if plain.contains(['{', '}']) {
        mistakes.add(
            at,
            "a path with no other braces than `{model}` and `{version}`",
            "these two are filled in, nothing else",
        );
    }
}

/// More slices than this are none that anybody looks at.
const MOST_NAMED: u64 = 20;

fn worst_slices(most: u64, at: &At<'_>, mistakes: &mut Mistakes) -> u64 {
    if most > MOST_NAMED {
        let mend = "a window names the few slices that hold most of the loss";
        mistakes.add_found(at, most.to_string(), format!("0 to {MOST_NAMED}"), mend);
    }
    most
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// More segments than this are none that anybody looks at.
const MOST_SEGMENTS: u64 = 10_000;
/// What stands for the slices where the model does worst; a column of that name is `["auto"]`.
const AUTO: &str = "auto";
/// As many as `fit` makes at most.
const MOST_SLICES: u64 = 5;
/// More columns are not crossed.
const MOST_CROSSED: usize = 8;

fn segment_max(typed: &typed::Model, at: &At<'_>, mistakes: &mut Mistakes) {
    let most = typed.segment_max;
    // Columns make two at least: a value, and `other`.
    let least = typed.segments.iter().map(|segment| match segment {
        typed::Segment::Where(_) => 1,
        typed::Segment::Column(name) if name == AUTO => MOST_SLICES,
        typed::Segment::Column(_) | typed::Segment::Crossing(_) => 2,
    });
    let least: u64 = least.sum::<u64>().max(1);
    if most < least || most > MOST_SEGMENTS {
        let wanted = format!("{least} to {MOST_SEGMENTS}");
        let mend = "columns make two segments at least, a value and `other`, a condition one, and `auto` up to five";
        mistakes.add_found(at, most.to_string(), wanted, mend);
    }
}

fn segments(typed: Vec<typed::Segment>, at: &At<'_>, mistakes: &mut Mistakes) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, segment) in typed.into_iter().enumerate() {
        let at = at.item(index);
        let segment = match segment {
            typed::Segment::Column(column) if column == AUTO => Segment::Auto,
            typed::Segment::Column(column) => Segment::Columns(vec![column]),
            typed::Segment::Crossing(columns) => Segment::Columns(columns),
            typed::Segment::Where(typed) => {
                Segment::Where { name: typed.name, condition: typed.condition }
            }
        };
        let key = match &segment {
            // No path can be empty.
            Segment::Auto => vec![String::new()],
            Segment::Columns(columns) => {
                // Crossed the other way round it is the same segment.
                let mut each = columns.clone();
                each.sort();
                let named = columns.len();
                each.dedup();
                let fine = !each.is_empty() && each.len() == named && named <= MOST_CROSSED;
                if !fine && !mistakes.within(&at) {
                    let mend = "name each column once";
                    mistakes.add(&at, "one column, or two to eight different ones", mend);
                }
                for column in columns {
                    one_path(column.clone(), &at, mistakes);
                }
                each
            }
            Segment::Where { name, condition } => {
                if name.trim().is_empty() || name == "all" {
                    let found = format!("the name {name:?}");
                    let mend = "rename it; `all` is the whole model";
                    mistakes.add_found(&at, found, "a name of its own", mend);
                } else if name.contains('=') || name.chars().any(char::is_control) {
                    let found = format!("the name {name:?}");
                    let mend = "rename it; segments by columns are called `column=value`";
                    mistakes.add_found(&at, found, "a name without `=`", mend);
                }
                if condition.trim().is_empty() {
                    mistakes.add(&at.key("where"), "an SQL condition", "write one");
                }
                // No path can begin with a space.
                vec![format!(" {name}")]
            }
        };
        if !seen.insert(key) && !mistakes.within(&at) {
            let mend = "remove one of the two";
            mistakes.add_found(&at, "a segment a second time", "each only once", mend);
        }
        segments.push(segment);
    }
    segments
}
