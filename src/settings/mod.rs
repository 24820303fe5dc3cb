//! What was written in vigie.toml -> what it means.
//!
//! Two sets of types, as in every program that takes its settings seriously: what can be *typed* (`typed`, shapes
//! and docs, from which the JSON Schema and the example file are made) and what it *means* ([`Settings`] and all
//! below it, checked, with every default in place). Only the second travels.
//!
//! ```text
//! text -> tree (tree.rs: values with their lines, ${NAME} filled in)
//!      -> defaults laid under every model (tree.rs)
//!      -> typed (read.rs: every wrong shape, unknown key and unknown word)
//!      -> meant (columns.rs, window.rs ...: every contradiction), minus what is to come (later.rs)
//! ```
//!
//! Every mistake is reported at once, with its key, its line, what was found, what is wanted and how to mend it.
//!
//! Knows nothing of files, the environment and clocks (they come in as closures), nor of SQL, Kafka's answers or
//! whether a path exists in any event.

mod alerts;
mod archive;
mod at;
mod canonical;
mod columns;
mod compile;
mod drift;
mod duration;
mod early;
mod environment;
mod example;
mod fault;
mod ground_truth;
mod kafka;
mod later;
mod mistake;
mod model;
mod named;
mod notify;
mod path;
mod performance;
mod properties;
mod read;
mod schema;
mod secret;
mod service;
mod thresholds;
mod tree;
mod typed;
mod window;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use self::at::At;
use self::mistake::Mistakes;

pub use self::alerts::{Alerts, Export, OpenRule, Prometheus, Silence};
pub use self::archive::Archive;
pub use self::canonical::{ModelPolicy, Policy};
pub use self::columns::{Columns, Label, Prediction, Probability, TimeUnit, Timestamp};
pub use self::drift::{Drift, Multivariate, Quality};
pub use self::duration::{DurationError, format_duration, parse_duration};
pub use self::early::EarlyWarning;
pub use self::example::example;
pub use self::ground_truth::GroundTruth;
pub use self::kafka::{Kafka, Start, Topics};
pub use self::mistake::{Mistake, SettingsError};
pub use self::model::{Model, Segment, UnknownVersion};
pub use self::notify::{Notify, NotifyForm};
pub use self::performance::{Calibration, Calibrator, Custom, Performance};
pub use self::properties::Property;
pub use self::schema::schema;
pub use self::secret::Secret;
pub use self::service::Service;
pub use self::thresholds::Thresholds;
pub use self::window::{Cut, Window};

/// All settings, checked, with every default in place.
///
/// `Debug` and `Serialize` show no secret.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// The cluster that events come from and results go to.
    pub kafka: Kafka,
    /// This instance of the service.
    pub service: Service,
    /// Where results and alerts are kept as files; `None`: nowhere.
    pub archive: Option<Archive>,
    /// The models by name; at least one.
    pub models: BTreeMap<String, Model>,
    /// What is exported as Prometheus series.
    pub prometheus: Prometheus,
    /// Whom to tell of alerts beside the alert topic.
    pub notify: Vec<Notify>,
}

/// The world outside, as far as settings ask for it.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// What a file holds, or why it cannot be read. Relative names are the caller's to resolve: best from where the
    /// settings lie.
    pub file: &'a dyn Fn(&str) -> Result<String, String>,
}

impl Outside<'_> {
    /// No variables, no files.
    pub const NOTHING: Self =
        Outside { variable: &|_| None, file: &|_| Err("not here".to_owned()) };
}

impl fmt::Debug for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

/// Keys of which one takes the others' defaults away.
const ALTERNATIVES: &[(&str, &[&str])] = &[("window", &["size", "period", "number"])];

impl Settings {
    /// Reads settings; `file` is what messages call them.
    ///
    /// ```
    /// # use vigie::settings::{Outside, Settings};
    /// let text = r#"
    ///     [model.car-loan]
    ///     problem = "binary"
    ///     [model.car-loan.window]
    ///     period = "1h"
    /// "#;
    /// let settings = Settings::read(text, "vigie.toml", &Outside::NOTHING)?;
    /// assert_eq!(settings.models["car-loan"].performance.metrics.len(), 7);
    ///
    /// let error = Settings::read("[model.a]\nproblem = 'binray'", "vigie.toml", &Outside::NOTHING);
    /// assert_eq!(
    ///     error.unwrap_err().to_string().lines().nth(1).unwrap(),
    ///     "  line 2: `model.a.problem`: found \"binray\", wanted one of \"binary\", \"multiclass\", \
    ///      \"regression\", \"none\"; did you mean \"binary\"?",
    /// );
    /// # Ok::<(), vigie::settings::SettingsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Every mistake of the file at once; where it is no TOML, mistakes of meaning wait until it is.
    pub fn read(text: &str, file: &str, outside: &Outside<'_>) -> Result<Self, SettingsError> {
        let mut mistakes = Mistakes::default();
        let mut root = tree::parse(text, outside.variable, &mut mistakes);
        let broken = mistakes.broken();
        inherit(&mut root, &mut mistakes);
        let typed = read::read(&mut root, &mut mistakes);
        if broken {
            return Err(mistakes.refuse(file));
        }
        let settings = Self::meant(typed, outside, &At::root(&root), &mut mistakes);
        if mistakes.is_empty() { Ok(settings) } else { Err(mistakes.refuse(file)) }
    }

    /// What only `vigie run` needs: windows that can be cut without knowing the number of rows, a time where they
    /// go by time, models that can be told apart, and targets that can be found.
    ///
    /// # Errors
    ///
    /// All that is missing, at once; `file` is what messages call the settings.
    pub fn ready_to_run(&self, file: &str) -> Result<(), SettingsError> {
        let mut mistakes = Mistakes::default();
        for (name, model) in &self.models {
            let at = At::nowhere("model").key(name);
            let nothing = "nothing";
            match model.window.cut {
                Some(Cut::Number(_)) => mistakes.add_found(
                    &at.keys(&["window", "number"]),
                    "a number of windows",
                    "`size` or `period`: a stream has no end that could be divided",
                    "`number` is for `vigie check`",
                ),
                Some(Cut::Period(_)) if model.columns.timestamp.is_none() => mistakes.add_found(
                    &at.keys(&["columns", "timestamp"]),
                    nothing,
                    "the time of a prediction, as its windows go by time",
                    "add `timestamp = \"..\"`, or `\"$timestamp\"` for the record's own",
                ),
                _ => {}
            }
            if let Some(truth) = &model.ground_truth {
                truth.ready_to_run(&model.columns, &at, &mut mistakes);
            }
            if self.models.len() > 1 && model.columns.model.is_none() {
                mistakes.add_found(
                    &at.keys(&["columns", "model"]),
                    nothing,
                    "where an event names its model, as there are several",
                    "add `model = \"..\"` under `[defaults.columns]`",
                );
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes.refuse(file)) }
    }

    /// The topics that events are read from, each with what it is needed for.
    pub fn read_topics(&self) -> Vec<(String, String)> {
        let of = |topic: &String, what: &str| (topic.clone(), what.to_owned());
        let predictions = "predictions are to be read from it: make it, or mend \
                           `kafka.topics.predictions`";
        let mut topics: Vec<(String, String)> =
            self.kafka.topics.predictions.iter().map(|topic| of(topic, predictions)).collect();
        for (name, model) in &self.models {
            let named = model.ground_truth.iter().flat_map(|truth| truth.topics.iter().flatten());
            for topic in named {
                if !topics.iter().any(|(known, _)| known == topic) {
                    let what = format!(
                        "targets are to be read from it: make it, or mend \
                         `model.{name}.ground_truth.topics`"
                    );
                    topics.push((topic.clone(), what));
                }
            }
        }
        topics
    }

    /// How long predictions wait for their targets at most; zero where none do.
    pub fn longest_wait(&self) -> Duration {
        let waits =
            self.models.values().filter_map(|model| Some(model.ground_truth.as_ref()?.wait));
        waits.max().unwrap_or_default()
    }

    fn meant(
        typed: typed::File,
        outside: &Outside<'_>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        if typed.model.is_empty() && !mistakes.within(&at.key("model")) {
            mistakes.add_found(
                &at.key("model"),
                "no model",
                "at least one",
                "add a section `[model.<name>]` with `problem = \"binary\"`",
            );
        }
        let prometheus = Prometheus::meant(&typed.prometheus, &at.key("prometheus"), mistakes);
        let kafka = Kafka::meant(typed.kafka, outside, &at.key("kafka"), mistakes);
        let service = Service::meant(typed.service, outside, &at.key("service"), mistakes);
        let archive = Archive::meant(typed.archive, &at.key("archive"), mistakes);
        let mut models = BTreeMap::new();
        for (name, typed) in typed.model {
            let at = at.keys(&["model", &name]);
            let mut model = Model::meant(&name, typed, &at, mistakes);
            if let Some(truth) = &mut model.ground_truth {
                let everywhere = || kafka.topics.ground_truth.clone();
                truth.topics.get_or_insert_with(everywhere);
            }
            later::refuse_of_model(&model, &at, mistakes);
            models.insert(name, model);
        }
        let notify = Notify::meant(typed.notify, outside, &at.key("notify"), mistakes);
        Self { kafka, service, archive, models, prometheus, notify }
    }
}

/// Lays `[defaults]` under every model.
///
/// They are read on their own first: what is wrong with them is told once, under their own key.
fn inherit(root: &mut tree::Node, mistakes: &mut Mistakes) {
    let tree::Value::Table(sections) = &mut root.value else {
        return;
    };
    let Some(mut defaults) = sections.remove("defaults") else {
        return;
    };
    read::read::<typed::Model>(&mut defaults, mistakes);
    let models = sections.get_mut("model").map(|models| &mut models.value);
    if let Some(tree::Value::Table(models)) = models {
        for model in models.values_mut() {
            model.inherit(&defaults, ALTERNATIVES);
        }
    }
}
