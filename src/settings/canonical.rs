//! Settings as bytes that are always the same: what epochs are made of, and what travels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::metric::{Currencies, Metric, Problem};
use crate::settings::alerts::{Alerts, Prometheus};
use crate::settings::columns::Columns;
use crate::settings::drift::{Drift, Quality};
use crate::settings::early::EarlyWarning;
use crate::settings::ground_truth::GroundTruth;
use crate::settings::model::{Model, Segment, UnknownVersion, is_zero};
use crate::settings::performance::{Calibration, Custom};
use crate::settings::thresholds::Thresholds;
use crate::settings::window::Window;
use crate::settings::{Settings, SettingsError};
use crate::stats::{Normalization, ValueNormalization};

/// What changes no figure: alerts and exports. It has a number of its own and seals no window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// By model.
    pub models: BTreeMap<String, ModelPolicy>,
    /// What is exported.
    pub prometheus: Prometheus,
}

/// What changes no figure of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPolicy {
    /// Which breaches become alerts, and when.
    pub alerts: Alerts,
    /// What its business value counts.
    pub currency: Option<String>,
    /// What metrics of the user's own count money in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_currency: BTreeMap<String, String>,
}

impl ModelPolicy {
    /// What its metrics count money in.
    pub fn currencies(&self) -> Currencies {
        Currencies::new(self.currency.as_deref(), &self.custom_currency)
    }
}

/// What changes a model's figures, or which rows they are of.
#[derive(Serialize)]
struct Figures<'a> {
    name: &'a str,
    problem: Problem,
    unknown_version: UnknownVersion,
    segments: &'a [Segment],
    segment_min_rows: u64,
    segment_max: u64,
    #[serde(skip_serializing_if = "is_zero")]
    worst_slices: u64,
    filter: &'a Option<String>,
    derived: &'a BTreeMap<String, String>,
    columns: &'a Columns,
    ground_truth: &'a Option<GroundTruth>,
    window: &'a Window,
    calibration: &'a Calibration,
    metrics: &'a [Metric],
    business_value: &'a Option<Vec<Vec<f64>>>,
    normalize_confusion_matrix: Normalization,
    normalize_business_value: ValueNormalization,
    /// Left out where it is not asked for: then figures are what they were.
    #[serde(skip_serializing_if = "is_not_asked")]
    concept_drift: bool,
    custom: &'a BTreeMap<String, Custom>,
    drift: &'a Drift,
    quality: &'a Quality,
    thresholds: &'a Thresholds,
    #[serde(skip_serializing_if = "Option::is_none")]
    early_warning: Option<&'a EarlyWarning>,
}

impl Model {
    /// The model as compact JSON with sorted keys: one value, one text.
    pub fn canonical(&self) -> String {
        canonical(self)
    }

    /// Reads a model back from its canonical form.
    ///
    /// # Errors
    ///
    /// A text that another version of vigie wrote, or nobody.
    pub fn from_canonical(text: &str) -> Result<Self, SettingsError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The settings that change this model's figures, as a number: XXH3-128 of their canonical form.
    ///
    /// Not in it: alerts and currencies, which are [`Policy`], and where the profile lies, as the profile has a hash
    /// of its own. Comments, order and formatting of the file do not reach it, nor what Kafka and the service are
    /// set to.
    pub fn figures_hash(&self) -> u128 {
        // Without `..`: who adds a field must decide where it belongs.
        let Self {
            name,
            problem,
            profile: _,
            unknown_version,
            segments,
            segment_min_rows,
            segment_max,
            worst_slices,
            filter,
            derived,
            columns,
            ground_truth,
            window,
            performance,
            drift,
            quality,
            thresholds,
            early_warning,
            alerts: _,
        } = self;
        hash(&Figures {
            name,
            problem: *problem,
            unknown_version: *unknown_version,
            segments,
            segment_min_rows: *segment_min_rows,
            segment_max: *segment_max,
            worst_slices: *worst_slices,
            filter,
            derived,
            columns,
            ground_truth,
            window,
            calibration: &performance.calibration,
            metrics: &performance.metrics,
            business_value: &performance.business_value,
            normalize_confusion_matrix: performance.normalize_confusion_matrix,
            normalize_business_value: performance.normalize_business_value,
            concept_drift: performance.concept_drift,
            custom: &performance.custom,
            drift,
            quality,
            thresholds,
            early_warning: early_warning.as_ref(),
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_not_asked(asked: &bool) -> bool {
    !asked
}

impl Settings {
    /// The settings that change figures of any model, as a number; see [`Model::figures_hash`].
    pub fn figures_hash(&self) -> u128 {
        let by_model = self.models.iter();
        hash(
            &by_model
                .map(|(name, model)| (name, format!("{:032x}", model.figures_hash())))
                .collect::<BTreeMap<_, _>>(),
        )
    }

    /// What changes no figure.
    pub fn policy(&self) -> Policy {
        let of = |model: &Model| {
            // What drift leads to is settled here: it must not change under a policy when the model does.
            let estimates =
                model.columns.probability.is_some() || model.problem == Problem::Regression;
            let drift = model.alerts.drift_level(estimates);
            ModelPolicy {
                alerts: Alerts { drift: Some(drift), ..model.alerts.clone() },
                currency: model.performance.currency.clone(),
                custom_currency: model.performance.custom_currency.clone(),
            }
        };
        Policy {
            models: self.models.iter().map(|(name, model)| (name.clone(), of(model))).collect(),
            prometheus: self.prometheus.clone(),
        }
    }
}

impl Policy {
    /// The policy as compact JSON with sorted keys.
    pub fn canonical(&self) -> String {
        canonical(self)
    }

    /// Reads a policy back from its canonical form.
    ///
    /// # Errors
    ///
    /// A text that another version of vigie wrote, or nobody.
    pub fn from_canonical(text: &str) -> Result<Self, SettingsError> {
        Ok(serde_json::from_str(text)?)
    }

    /// XXH3-128 of the canonical form.
    pub fn hash(&self) -> u128 {
        hash(self)
    }
}

fn hash(value: &impl Serialize) -> u128 {
    xxh3_128(canonical(value).as_bytes())
}

fn canonical(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("settings have texts for keys");
    sorted(&value).to_string()
}

/// The same value with the keys of every object in order, whichever order `serde_json` was built to keep.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), sorted(value)));
            entries.collect::<BTreeMap<_, _>>().into_iter().collect()
        }
        other => other.clone(),
    }
}
