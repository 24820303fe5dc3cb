//! What lies in the input, and what intake makes of it.

use std::collections::BTreeMap;

use arrow::buffer::ScalarBuffer;
use vigie::batch::{Content, Expected, Reject, Rows, Section};
use vigie::epoch::Epoch;

use super::rules::{CARDS, LOANS};
use crate::world::{self, Row};

/// What lies at an offset of an input topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A prediction, at this second.
    Row { model: &'static str, version: &'static str, second: i64 },
    /// A record that cannot be read, and the model version that it names.
    Reject(Option<(&'static str, &'static str)>),
    /// A prediction that the filter leaves out.
    Filtered(&'static str),
    /// No record: a transaction marker, or what compaction took.
    Hole,
}

/// A prediction of the model that is served.
pub(crate) const fn at(second: i64) -> Event {
    Event::Row { model: LOANS, version: "", second }
}

/// One of a version of it.
pub(crate) const fn of(version: &'static str, second: i64) -> Event {
    Event::Row { model: LOANS, version, second }
}

/// One of the model that is not served.
pub(crate) const fn card(version: &'static str, second: i64) -> Event {
    Event::Row { model: CARDS, version, second }
}

/// A record that cannot be read, of the model that is served.
pub(crate) const REJECT: Event = Event::Reject(Some((LOANS, "")));

impl Event {
    /// The model that it is of.
    pub(crate) fn model(&self) -> Option<&'static str> {
        match self {
            Self::Row { model, .. } | Self::Filtered(model) => Some(model),
            Self::Reject(named) => named.map(|(model, _)| model),
            Self::Hole => None,
        }
    }
}

/// What intake makes of a stretch, by output.
pub(crate) fn contents<'e>(
    events: impl IntoIterator<Item = (i64, &'e Event)>,
    epoch: &Epoch,
    output: impl Fn(Option<&str>) -> u32,
) -> BTreeMap<u32, Content> {
    let mut contents: BTreeMap<u32, Content> = BTreeMap::new();
    let mut rows: BTreeMap<(&str, &str), Vec<(i64, i64)>> = BTreeMap::new();
    for (offset, event) in events {
        let content = || output(event.model());
        match *event {
            Event::Row { model, version, second } => {
                rows.entry((model, version)).or_default().push((offset, second));
            }
            Event::Reject(named) => {
                let model = named.map(|(model, version)| (model.to_owned(), version.to_owned()));
                let reject = Reject { offset, model, reason: "made up".to_owned() };
                contents.entry(content()).or_default().rejects.push(reject);
            }
            Event::Filtered(_) => contents.entry(content()).or_default().filtered.push(offset),
            Event::Hole => {}
        }
    }
    for ((model, version), rows) in rows {
        let served = epoch.models[model].version(version);
        let mut made = match served {
            Some(served) => {
                let made: Vec<Row> = rows
                    .iter()
                    .map(|&(offset, second)| {
                        world::row(second.unsigned_abs(), offset.unsigned_abs())
                    })
                    .collect();
                world::served(served.plan.profile(), &made, 0)
            }
            None => Rows {
                offsets: Vec::new().into(),
                times: None,
                columns: Vec::new(),
                expected: Expected::Nothing,
                reconstruction: None,
                segments: Vec::new(),
                keys: None,
                terms: Vec::new(),
            },
        };
        made.offsets = rows.iter().map(|&(offset, _)| offset).collect::<ScalarBuffer<i64>>();
        made.times = Some(rows.iter().map(|&(_, second)| second * 1_000_000).collect());
        let section = Section {
            model: model.to_owned(),
            version: version.to_owned(),
            rows: made,
            profiled: served.is_some(),
        };
        contents.entry(output(Some(model))).or_default().sections.push(section);
    }
    contents
}
