//! What is in force: numbered settings with their profiles, compiled to what the stages need.
//!
//! An *epoch* is a set of settings that change figures; its number rises. A lane changes its epoch at an offset that
//! is committed beforehand, so every row has one epoch for ever. Knows nothing of how epochs are agreed on.

mod compile;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::compile::{
    CompileError, check, check_classes, compile, distributions, rule, slices, splits, timing,
};
use crate::alert::{Policy, Quiet};
use crate::profile::WindowRule;
use crate::settings::Model as Settings;
use crate::window::Plan;

/// All epochs that rows may still come from, and all policies that are known.
#[derive(Clone, Debug, Default)]
pub struct Epochs {
    /// By number.
    pub epochs: BTreeMap<u64, Arc<Epoch>>,
    /// Settings that change no figure, by number.
    pub policies: BTreeMap<u64, Arc<Policies>>,
}

/// The settings of one epoch.
#[derive(Clone, Debug, Default)]
pub struct Epoch {
    /// The topics that predictions come from.
    pub topics: Vec<String>,
    /// The models by name.
    pub models: BTreeMap<String, Arc<Model>>,
}

/// Settings that change no figure.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// When a model alerts.
    pub alerts: BTreeMap<String, Policy>,
}

/// What is in force for one model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The last epoch that changed this model: the one that its windows carry.
    pub since: u64,
    /// Hash of the settings that change its figures.
    pub settings_hash: String,
    /// Those settings.
    pub settings: Arc<Settings>,
    /// How rows are cut into windows.
    pub timing: Timing,
    /// What serves each version.
    pub versions: BTreeMap<String, Arc<Version>>,
    /// What serves all other versions, if anything does.
    pub any_version: Option<Arc<Version>>,
}

/// What serves one version of a model.
#[derive(Clone, Debug)]
pub struct Version {
    /// How its windows are folded and judged.
    pub plan: Plan,
    /// Hash of its profile.
    pub profile: String,
}

/// How rows are cut into windows, and how long a window waits. All in milliseconds but for the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// By size or by period.
    pub rule: WindowRule,
    /// How far beyond a window's end a lane must be before the window is sealed.
    pub lateness: i64,
    /// A lane that has nothing of the model for so long is not waited for.
    pub idle: i64,
    /// No window waits longer than this once the first lane has passed it.
    pub max_wait: i64,
    /// An event further ahead of the log than this is quarantined.
    pub skew: i64,
}

impl Timing {
    /// Whether an event time has passed a window's end (both in microseconds) and its lateness.
    pub fn passed(self, end: i64, mark: i64) -> bool {
        end.saturating_add(self.lateness.saturating_mul(1000)) <= mark
    }
}

impl Model {
    /// What serves a version.
    pub fn version(&self, version: &str) -> Option<&Arc<Version>> {
        self.versions.get(version).or(self.any_version.as_ref())
    }
}

impl Epochs {
    /// What is in force for a model in an epoch.
    pub fn model(&self, epoch: u64, model: &str) -> Option<&Arc<Model>> {
        self.epochs.get(&epoch)?.models.get(model)
    }

    /// Whether a model ever had ground truth to wait for.
    pub fn have_ground_truth(&self) -> bool {
        let mut models = self.epochs.values().flat_map(|epoch| epoch.models.values());
        models.any(|model| model.settings.ground_truth.is_some())
    }

    /// When a model alerts under a policy; the default where it says nothing.
    pub fn policy(&self, number: u64, model: &str) -> Policy {
        let policies = self.policies.get(&number);
        policies.and_then(|found| found.alerts.get(model)).cloned().unwrap_or_default()
    }

    /// When silence of a model is an alert, under a policy.
    pub fn silence(&self, number: u64, model: &str) -> Option<&Quiet> {
        self.policies.get(&number)?.alerts.get(model)?.silence.as_ref()
    }
}
