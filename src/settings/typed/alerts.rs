//! `[model.<name>.alerts]` and `[prometheus]`: what is told to whom.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
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
    /// What explains performance: a slice of the data that has become worse (`slice_change`), a concept that has drifted
    /// (`concept_drift_magnitude`), and those figures of kind `diagnosis` that `thresholds` names. Default: `off`, as what
    /// they explain alerts by itself; `evidence` is as `off`.
    pub(crate) diagnosis: Level,
    /// Windows that warn before they are sealed, where `early_warning` asks for that; `evidence` is as `off`, there being no
    /// window yet whose evidence it could be. Default: `warning`, it may be taken back.
    pub(crate) early_warning: Level,
    /// An alert opens when so many of the last windows are bad. Default: `2 of 3`, which lets one unlucky window pass: of
    /// many figures one is outside three standard deviations sooner or later.
    pub(crate) open_after: OpenAfter,
    /// An alert opens at once where a figure lies so many sampling errors beyond its threshold: no second window is needed
    /// to believe that. Default: 5; `"off"` always waits for `open_after`.
    #[schemars(schema_with = "number_or_off")]
    pub(crate) at_once: OrOff,
    /// An alert is resolved after so many good windows in a row. Default: 2.
    #[schemars(range(min = 1))]
    pub(crate) resolve_after: u32,
    /// A window is bad where a figure lies outside its threshold by more than so many sampling errors, and good where what
    /// the alert is about lies inside by as many; in between it changes nothing, so an alert does not flutter. Default: 1,
    /// as thresholds of a few reference windows may be too narrow by as much.
    #[schemars(range(min = 0))]
    pub(crate) margin: f64,
    /// After an alert is over no other opens for so many windows, or for so long in event time (`"6h"`). Default: 0.
    pub(crate) cooldown: Cooldown,
    /// A window with fewer rows opens and resolves nothing. Default: 0, as `window.min_rows` holds before it.
    pub(crate) min_rows: u64,
    /// Realized performance with a lower share of targets opens and resolves nothing. Default: 0, as
    /// `ground_truth.min_coverage` holds before it.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) min_coverage: f64,
    /// Of the faults of the data (and of the drifts, where they alert) that count in a window at most this share may be
    /// chance, over all columns, methods and segments together (Benjamini and Hochberg). Default: 0.05; `"off"` looks
    /// at each as if it were alone.
    #[schemars(schema_with = "number_or_off")]
    pub(crate) false_discovery: OrOff,
    /// What may be critical is a warning unless it lies so many sampling errors beyond its threshold, or unless
    /// `{ money = 10000 }` of the business value are missing below its threshold. Default: `"off"`, always critical.
    pub(crate) critical_above: CriticalAbove,
    /// A version is retired, and its alerts are over, once a newer one has sealed so many windows and it none. Default: 3;
    /// 0 is never.
    pub(crate) superseded_after: u32,
    /// No events for so long is an alert too; `"off"` for models that rest. Time goes by while the service reads the
    /// model's topics; a model is silent once it has been heard. Default: `"off"`.
    pub(crate) silence: TextOr<Silence, Off>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            performance: Level::Critical,
            quality: Level::Critical,
            drift: None,
            diagnosis: Level::Off,
            early_warning: Level::Warning,
            open_after: OpenAfter::Text("2 of 3".to_owned()),
            at_once: OrOff::Number(5.0),
            resolve_after: 2,
            margin: 1.0,
            cooldown: Cooldown::Windows(0),
            min_rows: 0,
            min_coverage: 0.0,
            false_discovery: OrOff::Number(0.05),
            critical_above: CriticalAbove::Off(Off::Off),
            superseded_after: 3,
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

/// A number, or `"off"`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, or \"off\"")]
pub(crate) enum OrOff {
    Off(Off),
    Number(f64),
}

fn number_or_off(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [{ "type": "number", "minimum": 0 }, { "const": "off" }],
    })
}

/// So many windows, or a length of time.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number of windows, or a duration such as \"6h\"")]
#[schemars(inline)]
pub(crate) enum Cooldown {
    Windows(u32),
    Time(DurationText),
}

/// So many sampling errors, an amount of money, or `"off"`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a number of sampling errors, a table such as `{ money = 10000 }`, or \"off\""
)]
#[schemars(inline)]
pub(crate) enum CriticalAbove {
    Off(Off),
    Errors(#[schemars(range(min = 0))] f64),
    Money(Money),
}

/// So much business value.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Money {
    /// So much of it is missing below its threshold.
    #[schemars(range(min = 0))]
    pub(crate) money: f64,
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

/// It is not done.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Off {
    /// It is not done.
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
