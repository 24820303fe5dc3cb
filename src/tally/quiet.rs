//! Models of which nothing is heard, and models of which nobody wants to hear.

use std::collections::BTreeSet;

use jiff::Timestamp;
use minicbor::{Decode, Encode};

use crate::batch::{Act, Command, Content};
use crate::epoch::Epochs;
use crate::tally::waited::Lanes;
use crate::tally::{Output, Tally};

/// Until when nobody is to be woken by alerts of a model.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Muted {
    /// In milliseconds of the log's time.
    #[n(0)]
    until: Option<i64>,
    /// The commands that were obeyed.
    #[n(1)]
    obeyed: BTreeSet<String>,
}

impl Muted {
    /// Until when, where that is not over; RFC 3339 in UTC.
    pub(super) fn until(&self, now: i64) -> Option<String> {
        let until = self.until.filter(|&until| until > now)?;
        Some(Timestamp::from_millisecond(until).ok()?.to_string())
    }
}

impl Tally {
    /// Notes that something came of a model.
    pub(super) fn hear(&mut self, name: &str, content: &Content, out: &mut Vec<Output>) {
        let of_rows = content.sections.iter().rev().find(|section| section.model == name);
        let of_rejects = || {
            let named = content.rejects.iter().rev().filter_map(|reject| reject.model.as_ref());
            named.filter(|(model, _)| model == name).map(|(_, version)| version.as_str()).next()
        };
        let version = of_rows.map(|section| section.version.as_str()).or_else(of_rejects);
        let model = self.models.entry(name.to_owned()).or_default();
        let muted = model.muted.until(self.time);
        let version = version.unwrap_or_default();
        let told = model.silence.hear(name, version, self.time, muted.as_deref());
        self.tell(told, out);
    }

    /// Looks which models are silent; called after each record that was taken. How long it is that nothing came is what all
    /// lanes of the model's topics have reached by their heartbeats: a lane that nobody reads says nothing, so a
    /// stand-still of our own is no silence.
    pub(super) fn listen(&mut self, epochs: &Epochs, out: &mut Vec<Output>) {
        let newest = self.lanes.values().map(|lane| lane.epoch).max();
        let Some(newest) = newest.and_then(|number| epochs.epochs.get(&number)) else { return };
        let now = self.time;
        let mut told = Vec::new();
        for (name, model) in &mut self.models {
            let rules = newest.models.get(name);
            let policy = epochs.silence(self.policy, name).filter(|_| rules.is_some());
            let muted = model.muted.until(now);
            if !model.silence.may_change(policy, now, muted.is_some()) {
                continue;
            }
            let reached = rules.and_then(|rules| {
                let since = rules.since;
                Lanes::of(&self.lanes, &newest.topics, model, name, since, epochs).reached()
            });
            let Some(reached) = reached.or(policy.is_none().then_some(now)) else { continue };
            told.extend(model.silence.quiet(name, policy, reached, muted.as_deref()));
        }
        self.tell(told, out);
    }

    /// Does what a person asks of alerts. What does not fit changes nothing.
    pub(super) fn heed(&mut self, command: &Command, epochs: &Epochs, out: &mut Vec<Output>) {
        let name = &command.model;
        let newest = self.lanes.values().map(|lane| lane.epoch).max();
        if newest.is_none_or(|newest| epochs.model(newest, name).is_none()) {
            return;
        }
        let now = self.time;
        let model = self.models.entry(name.clone()).or_default();
        if !model.muted.obeyed.insert(command.id.clone()) {
            return;
        }
        let Act::Acknowledge { alert } = &command.act else {
            if let Act::Mute { until } = command.act {
                model.muted.until = Some(until);
            }
            return;
        };
        let (reason, muted) = (&command.reason, model.muted.until(now));
        let muted = muted.as_deref();
        let mut versions = model.versions.values_mut();
        let told = versions.find_map(|version| version.watch.acknowledge(alert, reason, muted));
        let silence = &mut model.silence;
        let told = told.or_else(|| silence.acknowledge(name, alert, reason, now, muted));
        self.tell(told, out);
    }
}
