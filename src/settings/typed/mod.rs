//! What can be typed in vigie.toml: its shape and its documentation.
//!
//! These types are the file: their names are its keys, their doc comments become the JSON Schema and the example
//! file, their `Default` is what holds where nothing is typed. They know shapes only; whether the values make sense
//! is for the types of the parent module, and only those travel through the program.
//!
//! None of them prints itself: they may hold secrets.

mod alerts;
mod archive;
mod columns;
mod early;
mod figures;
mod ground_truth;
mod kafka;
mod model;
mod notify;
mod shapes;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::alerts::{Alerts, Cooldown, CriticalAbove, Off, OpenAfter, OrOff, Prometheus};
pub(crate) use self::archive::Archive;
pub(crate) use self::columns::{Columns, PredictionTable, TimestampTable};
pub(crate) use self::early::EarlyWarning;
pub(crate) use self::figures::{
    CustomTable, Drift, NoThreshold, Normalize, Performance, Quality, ThresholdTable, methods,
};
pub(crate) use self::ground_truth::GroundTruth;
pub(crate) use self::kafka::{Kafka, Property, Service, StartText, Topics};
pub(crate) use self::model::{Model, Segment, Window};
pub(crate) use self::notify::Notify;
pub(crate) use self::shapes::{DURATION, DurationText, OneOrMany, TextOr};

/// The settings of vigie: where events come from, which models they are of, and what counts as trouble.
///
/// In any text `${NAME}` stands for an environment variable and `${NAME:-text}` for one that may be missing;
/// `$${` is a plain `${`.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "vigie.toml")]
pub(crate) struct File {
    /// The Kafka cluster that events come from and results go to.
    pub(crate) kafka: Kafka,
    /// This instance of the service.
    pub(crate) service: Service,
    /// What is kept of results and alerts beside their topics: Parquet files.
    pub(crate) archive: Archive,
    /// What holds for every model that does not say otherwise: any key of a model can stand here. Sections are
    /// merged key by key; a value of the model replaces the whole value given here.
    pub(crate) defaults: Model,
    /// The models that are watched, by name.
    pub(crate) model: BTreeMap<String, Model>,
    /// What is exported as Prometheus series.
    pub(crate) prometheus: Prometheus,
    /// Whom to tell of alerts beside the alert topic.
    pub(crate) notify: Vec<Notify>,
}
