//! From settings and profiles to what is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::epoch::{Model, Timing, Version};
use crate::metric::{Measure, Metric};
use crate::profile::{Profile, Role, Split, WindowRule, in_words};
use crate::settings::{
    Calibration, Cut, Model as Settings, Multivariate, Prediction, Probability, Segment, Window,
};
use crate::window::Plan;

/// Why a profile cannot serve a model under its settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// It is of another model.
    #[error(
        "profile {profile}: it was made for model `{found}`, not for `{wanted}`; mend `model.{wanted}.profile`"
    )]
    Model {
        /// The profile's name.
        profile: String,
        /// The model that it was made for.
        found: String,
        /// The model that it should serve.
        wanted: String,
    },
    /// Its windows were cut otherwise.
    #[error(
        "profile {profile}: its reference windows are of {found}, `model.{model}.window` says {wanted}; thresholds come \
         from windows of the same kind: build the profile again with these settings"
    )]
    Windows {
        /// The profile's name.
        profile: String,
        /// The model.
        model: String,
        /// How the profile was cut.
        found: WindowRule,
        /// How the settings cut.
        wanted: WindowRule,
    },
    /// It was not asked for something that the settings want.
    #[error(
        "profile {profile}: it was made without `{method}`, which `model.{model}.drift.multivariate` asks for; build it \
         again with these settings, or leave it out there"
    )]
    Without {
        /// The profile's name.
        profile: String,
        /// The model.
        model: String,
        /// What is asked for.
        method: Metric,
    },
    /// It was not asked to keep rows.
    #[error(
        "profile {profile}: it was made without the rows that `model.{model}.performance.robust` needs; build it again with \
         these settings, or set `robust = false`"
    )]
    WithoutSample {
        /// The profile's name.
        profile: String,
        /// The model.
        model: String,
    },
    /// It was not asked to keep what a method needs of segments.
    #[error(
        "profile {profile}: it was made without what `{method}` needs of segments, and `model.{model}.drift.continuous` \
         asks for it; build it again with these settings, or leave it out there"
    )]
    WithoutDistributions {
        /// The profile's name.
        profile: String,
        /// The model.
        model: String,
        /// What is asked for.
        method: Metric,
    },
    /// The model is said to predict something else.
    #[error(
        "profile {profile}: it was made with another `{key}` than `model.{model}` has now ({found}, now {wanted}); build \
         it again with these settings"
    )]
    Differs {
        /// The profile's name.
        profile: String,
        /// The model.
        model: String,
        /// Which key of the settings.
        key: &'static str,
        /// What the profile was made with.
        found: String,
        /// What the settings say.
        wanted: String,
    },
}

/// The window rule that the settings name; `otherwise` where they name none.
pub fn rule(window: &Window, otherwise: WindowRule) -> WindowRule {
    window.cut.map_or(otherwise, WindowRule::from)
}

/// How long windows wait.
pub fn timing(window: &Window, rule: WindowRule) -> Timing {
    let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timing {
        rule,
        lateness: milliseconds(window.lateness),
        idle: milliseconds(window.idle),
        max_wait: milliseconds(window.max_wait),
        skew: milliseconds(window.skew),
    }
}

/// A model as it is in force, with the profiles of its versions; the profile of the version `""` serves every version
/// that has none of its own.
///
/// # Errors
/// Where a profile was made for something else.
pub fn compile(
    model: &Arc<Settings>,
    profiles: &BTreeMap<String, Arc<Profile>>,
    since: u64,
) -> Result<Model, CompileError> {
    let rule = rule(&model.window, Cut::FOR_RUN.into());
    let mut versions = BTreeMap::new();
    for (version, profile) in profiles {
        check(model, profile, rule)?;
        let plan = Plan::new(Arc::clone(profile), model.criteria());
        let served = Arc::new(Version { plan, profile: profile.hash() });
        versions.insert(version.clone(), served);
    }
    Ok(Model {
        since,
        settings_hash: format!("{:032x}", model.figures_hash()),
        settings: Arc::clone(model),
        timing: timing(&model.window, rule),
        any_version: versions.remove(""),
        versions,
    })
}

/// Whether a profile was made with the settings that it is to be used with.
///
/// # Errors
/// Where it was not: the first difference.
pub fn check(model: &Settings, profile: &Profile, rule: WindowRule) -> Result<(), CompileError> {
    let name = || {
        let version = &profile.version;
        if version.is_empty() {
            profile.model.clone()
        } else {
            format!("{}/{version}", profile.model)
        }
    };
    if profile.model != model.name {
        let (found, wanted) = (profile.model.clone(), model.name.clone());
        return Err(CompileError::Model { profile: name(), found, wanted });
    }
    if profile.rule != rule {
        return Err(CompileError::Windows {
            profile: name(),
            model: model.name.clone(),
            found: profile.rule,
            wanted: rule,
        });
    }
    let differs = |key, found: String, wanted: String| CompileError::Differs {
        profile: name(),
        model: model.name.clone(),
        key,
        found,
        wanted,
    };
    if profile.problem != model.problem {
        let (found, wanted) = (profile.problem, model.problem);
        return Err(differs("problem", format!("{found:?}"), format!("{wanted:?}")));
    }
    check_classes(model, profile)?;
    let threshold = match model.columns.prediction {
        Some(Prediction::Threshold(threshold)) => Some(threshold),
        _ => None,
    };
    let made_with = profile.two_classes().and_then(|classes| classes.threshold);
    if made_with != threshold {
        let shown = |threshold: Option<f64>| threshold.map_or("none".to_owned(), |t| t.to_string());
        return Err(differs("columns.prediction.threshold", shown(made_with), shown(threshold)));
    }
    if profile.filter != model.filter {
        let shown = |filter: &Option<String>| filter.clone().unwrap_or_else(|| "none".to_owned());
        return Err(differs("filter", shown(&profile.filter), shown(&model.filter)));
    }
    check_segments(model, profile, &name())?;
    let made: BTreeMap<&str, &str> =
        profile.metrics.iter().map(|made| (made.name.as_str(), made.sql.as_str())).collect();
    let wanted: BTreeMap<&str, &str> = model.row_metrics().collect();
    if made != wanted {
        return Err(differs("performance.custom", format!("{made:?}"), format!("{wanted:?}")));
    }
    let features = profile.columns.iter().filter(|column| column.role == Role::Feature).count();
    let without = |method: &&Multivariate| match method {
        Multivariate::ReconstructionError => features > 1 && profile.reconstruction.is_none(),
        Multivariate::DomainClassifier => features > 0 && profile.sample.is_none(),
    };
    if let Some(method) = model.drift.multivariate.iter().find(without) {
        return Err(CompileError::Without {
            profile: name(),
            model: model.name.clone(),
            method: method.metric(),
        });
    }
    let carries = profile.sample.as_ref().is_some_and(|sample| sample.carried.is_some());
    if model.worst_slices > 0 && features > 0 && !carries {
        return Err(differs("worst_slices", "0".to_owned(), model.worst_slices.to_string()));
    }
    if model.performance.robust && features > 0 && !carries {
        return Err(CompileError::WithoutSample { profile: name(), model: model.name.clone() });
    }
    let derived: BTreeMap<&str, &str> =
        profile.derived.iter().map(|made| (made.name.as_str(), made.sql.as_str())).collect();
    let wanted: BTreeMap<&str, &str> =
        model.derived.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
    if derived != wanted {
        return Err(differs("derived", format!("{derived:?}"), format!("{wanted:?}")));
    }
    Ok(())
}

/// How the settings tell rows apart.
pub fn splits(model: &Settings) -> Vec<Split> {
    let split = |segment: &Segment| match segment {
        Segment::Auto => None,
        Segment::Columns(columns) => Some(Split::Columns(columns.clone())),
        Segment::Where { name, condition } => {
            Some(Split::Where { name: name.clone(), sql: condition.clone() })
        }
    };
    model.segments.iter().filter_map(split).collect()
}

/// Whether the slices where the model does worst in the reference are segments.
pub fn slices(model: &Settings) -> bool {
    model.segments.contains(&Segment::Auto)
}

/// The methods for columns that need whole distributions.
pub fn distributions(model: &Settings) -> Option<Metric> {
    let needs =
        |method: &&Metric| matches!(method, Metric::KolmogorovSmirnov | Metric::Wasserstein);
    model.drift.continuous.iter().find(needs).copied()
}

/// Whether a profile's segments are those of the settings.
fn check_segments(model: &Settings, profile: &Profile, name: &str) -> Result<(), CompileError> {
    let differs = |key, found, wanted| CompileError::Differs {
        profile: name.to_owned(),
        model: model.name.clone(),
        key,
        found,
        wanted,
    };
    let shown = |splits: &[Split], auto: bool| {
        let of = |split: &Split| match split {
            Split::Columns(columns) => format!("[{}]", columns.join(", ")),
            Split::Where { name, sql } => format!("{name} where {sql}"),
            Split::Slice(conditions) => in_words(conditions),
        };
        let auto = auto.then(|| "auto".to_owned());
        let all: Vec<String> = splits.iter().map(of).chain(auto).collect();
        if all.is_empty() { "none".to_owned() } else { all.join("; ") }
    };
    let wanted = splits(model);
    let found = profile.segments.as_deref();
    // Which slices there are follows from the reference.
    let of_settings = |split: &&Split| !matches!(split, Split::Slice(_));
    let found_splits = found.map(|found| found.splits.as_slice()).unwrap_or_default();
    let found_splits: Vec<Split> = found_splits.iter().filter(of_settings).cloned().collect();
    let auto = found.is_some_and(|found| found.slices);
    if found_splits != wanted || auto != slices(model) {
        return Err(differs("segments", shown(&found_splits, auto), shown(&wanted, slices(model))));
    }
    let Some(found) = found else { return Ok(()) };
    if found.min_rows != model.segment_min_rows {
        let (found, wanted) = (found.min_rows.to_string(), model.segment_min_rows.to_string());
        return Err(differs("segment_min_rows", found, wanted));
    }
    if found.max != model.segment_max {
        let (found, wanted) = (found.max.to_string(), model.segment_max.to_string());
        return Err(differs("segment_max", found, wanted));
    }
    match distributions(model).filter(|_| !found.distributions) {
        Some(method) => Err(CompileError::WithoutDistributions {
            profile: name.to_owned(),
            model: model.name.clone(),
            method,
        }),
        None => Ok(()),
    }
}

/// Whether what the settings say of classes is of those of a profile.
///
/// # Errors
/// Where it is not: the first difference.
pub fn check_classes(model: &Settings, profile: &Profile) -> Result<(), CompileError> {
    let Some(several) = profile.several_classes() else { return Ok(()) };
    let differs = |key, wanted: String| CompileError::Differs {
        profile: profile.model.clone(),
        model: model.name.clone(),
        key,
        found: listed(several.classes.iter().map(|class| class.label.as_str())),
        wanted,
    };
    if let Some(Probability::PerClass(paths)) = &model.columns.probability {
        let known = paths.keys().filter(|class| several.class(class).is_some()).count();
        if known < paths.len() || known < several.classes.len() {
            let classes = listed(paths.keys().map(String::as_str));
            return Err(differs("columns.probability", classes));
        }
    }
    if let Calibration::PerClass(of) = &model.performance.calibration
        && let Some(class) = of.keys().find(|class| several.class(class).is_none())
    {
        return Err(differs("performance.calibration", class.clone()));
    }
    let cells: BTreeSet<String> = several
        .classes
        .iter()
        .flat_map(|truth| several.classes.iter().map(move |at| (truth, at)))
        .map(|(truth, at)| Measure::cell(&truth.label, &at.label).to_string())
        .collect();
    for custom in model.criteria().custom {
        let names = || custom.formula.names().iter();
        if let Some(name) = names().find(|name| Measure::is_cell(name) && !cells.contains(*name)) {
            let wanted = format!("`{name}` in the formula of `{}`", custom.name);
            return Err(differs("performance.custom", wanted));
        }
    }
    match &model.performance.business_value {
        Some(worth) if worth.len() != several.classes.len() => {
            Err(differs("performance.business_value", format!("{} rows", worth.len())))
        }
        _ => Ok(()),
    }
}

fn listed<'l>(labels: impl Iterator<Item = &'l str>) -> String {
    labels.collect::<Vec<_>>().join(", ")
}
