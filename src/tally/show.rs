//! What is shown of models: what was published, and what holds between two windows.

use std::collections::BTreeMap;

use crate::alert::Severity;
use crate::epoch::Epochs;
use crate::tally::Tally;
use crate::tally::open::{OpenWindow, WindowId};
use crate::window::{Figure, WindowResult};

/// What shows the models of one partition of the tally log, once everything it is told is committed.
pub trait Show: Send {
    /// A result, after it was committed or read back.
    fn result(&mut self, result: &WindowResult);
    /// Where all model versions of the partition stand, after each commit and take-over: there are no others any more.
    fn standings(&mut self, all: &[Standing<'_>]);
    /// Estimated performance of the windows that are filling, now and then: there are no others.
    fn filling(&mut self, all: &[Filling<'_>]);
    /// The partition has its state, and shows what it should.
    fn ready(&mut self, ready: bool);
    /// The partition is not ours any more.
    fn clear(&mut self);
}

/// Where a model version stands, whatever its windows say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'t> {
    /// The model.
    pub model: &'t str,
    /// Its version.
    pub version: &'t str,
    /// Whether a profile in force serves it.
    pub served: bool,
    /// The alert that is open, if one is.
    pub alert: Option<Severity>,
    /// Event time of the newest row in a window, in microseconds since 1970; `None` without timestamps.
    pub last_event: Option<i64>,
    /// Rows of the newest window that is open.
    pub open_rows: Option<u64>,
}

/// What is seen of a window before it is sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Filling<'t> {
    /// The model.
    pub model: &'t str,
    /// Its version.
    pub version: &'t str,
    /// Estimated performance of the rows so far.
    pub figures: Vec<Figure>,
}

impl Tally {
    /// Estimated performance of the newest open window of every version that is served. It costs about what a tenth of
    /// sealing does.
    pub fn filling<'t>(&'t self, epochs: &Epochs) -> Vec<Filling<'t>> {
        let mut filling = Vec::new();
        for (name, model) in &self.models {
            // The windows lie in the order in which they are sealed: the last of a version is its newest.
            let newest: BTreeMap<&str, (&WindowId, &OpenWindow)> = model
                .windows
                .iter()
                .map(|(id, window)| (id.version.as_str(), (id, window)))
                .collect();
            for (version, (id, window)) in newest {
                let rules = self.in_force(epochs, name, id.epoch).map(|(rules, _)| rules);
                let served = rules.and_then(|rules| rules.version(version));
                if let (Some(state), Some(served)) = (&window.state, served) {
                    let figures = state.estimated_so_far(&served.plan);
                    filling.push(Filling { model: name, version, figures });
                }
            }
        }
        filling
    }

    /// Where every version stands of the models that are in force.
    pub fn standings<'t>(&'t self, epochs: &Epochs) -> Vec<Standing<'t>> {
        let newest = epochs.epochs.last_key_value().map(|(_, epoch)| epoch);
        let mut standings = Vec::new();
        for (name, model) in &self.models {
            let Some(rules) = newest.and_then(|epoch| epoch.models.get(name)) else { continue };
            // The windows lie in the order in which they are sealed: the last of a version is its newest.
            let open: BTreeMap<&str, u64> = model
                .windows
                .iter()
                .map(|(id, window)| (id.version.as_str(), window.rows))
                .collect();
            standings.extend(model.versions.iter().map(|(version, state)| Standing {
                model: name,
                version,
                served: rules.version(version).is_some(),
                alert: state.severity().max(model.silence.severity_of(version)),
                last_event: state.last_event,
                open_rows: open.get(version.as_str()).copied(),
            }));
        }
        standings
    }
}
