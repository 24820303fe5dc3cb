//! `[model.<name>.alerts]` and `[prometheus]`: what is told to whom.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use crate::alert::{Level, Severity};
use crate::settings::Export;
use crate::settings::typed::{DurationText, TextOr};

/// Which breaches become alerts, and when.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Alerts {
    /// Performance, estimated or realized, outside its thresholds. Default: `critical`, it is what vigie is for.
    pub(crate) performance: Level,
    /// Faults of the data. Default: `critical`, as an estimate cannot see that a column went null.
    pub(crate) quality: Level,
    /// Drift. Default: `evidence`, as with many columns something always drifts; `warning` for models without
    /// probabilities, where drift is all there is to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = Level::Evidence)]
    pub(crate) drift: Option<Level>,
    /// An alert opens when so many of the last windows breach: `2 of 3` lets one unlucky window pass. Default: `1 of
    /// 1`, the first window outside its thresholds, as thresholds of three standard deviations are seldom unlucky.
    pub(crate) open_after: OpenAfter,
    /// An alert is resolved after so many windows in a row without a breach; more than 1 where it flutters.
    /// Default: 1.
    #[schemars(range(min = 1))]
    pub(crate) resolve_after: u32,
    /// No events for so long is an alert too; `"off"` for models that rest. Not in this version yet. Default: `"off"`.
    pub(crate) silence: TextOr<Silence, Off>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            performance: Level::Critical,
            quality: Level::Critical,
            drift: None,
            open_after: OpenAfter::Text("1 of 1".to_owned()),
            resolve_after: 1,
            silence: TextOr::Text(Off::Off),
        }
    }
}

/// `"2 of 3"`, or a number `n` for `n of n`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum OpenAfter {
    Text(#[schemars(regex(pattern = r"^\s*[0-9]+\s+of\s+[0-9]+\s*$|\$\{"))] String),
    InARow(#[schemars(range(min = 1))] u32),
}

impl<'de> Deserialize<'de> for OpenAfter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = OpenAfter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text such as \"2 of 3\", or a number of windows in a row")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OpenAfter, E> {
                Ok(OpenAfter::Text(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<OpenAfter, E> {
                // What is out of range becomes 0, which no policy may have.
                Ok(OpenAfter::InARow(u32::try_from(number).unwrap_or(0)))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// When silence is an alert.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Silence {
    /// So long without an event of the model.
    pub(crate) after: DurationText,
    /// How bad that is.
    pub(crate) severity: Severity,
}

impl Default for Silence {
    fn default() -> Self {
        Self { after: DurationText::of("30m"), severity: Severity::Critical }
    }
}

/// Silence is no alert.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Off {
    /// Silence is no alert.
    Off,
}

/// What is exported as Prometheus series.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Prometheus {
    /// Which families of figures. Default: all.
    pub(crate) families: Vec<Export>,
    /// Which segments, by name: `all` is the whole model, and a `*` at the end stands for any rest (`region=*`).
    /// Default: `all` alone, as segments multiply series.
    pub(crate) segments: Vec<String>,
    /// At most so many series; what is beyond is dropped, counted and said. Default: 20,000, a second of scraping
    /// and a few megabytes.
    #[schemars(range(min = 1))]
    pub(crate) max_series: u64,
}

impl Default for Prometheus {
    fn default() -> Self {
        Self {
            families: vec![Export::Performance, Export::Drift, Export::Quality],
            segments: vec!["all".to_owned()],
            max_series: 20_000,
        }
    }
}
