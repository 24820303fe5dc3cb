//! A log written by hand, and the tally of it.

use std::collections::BTreeMap;

use vigie::alert::AlertEvent;
use vigie::batch::{Admission, Body, Header, Heartbeat, Lane, Record, Stretch};
use vigie::epoch::Epochs;
use vigie::tally::{Halt, LaneState, Output, Tally};
use vigie::window::ALL;
use vigie::window::WindowResult;

use super::events::{Event, contents};
use super::rules::TOPIC;

/// A log written by hand: whatever is said goes to the tally as bytes at once.
pub(crate) struct Desk {
    pub(crate) epochs: Epochs,
    pub(crate) tally: Tally,
    pub(crate) out: Vec<Output>,
    /// What will be the append time of the next record, in seconds.
    pub(crate) now: i64,
    /// Who speaks, and how.
    pub(crate) owner: u64,
    pub(crate) epoch: u64,
    pub(crate) policy: u64,
    pub(crate) partitions: i32,
    /// How far each lane has been sent.
    sent: BTreeMap<Lane, i64>,
    pub(crate) log: Vec<(i64, Vec<u8>)>,
}

/// Partition `partition` of [`TOPIC`].
pub(crate) const fn lane(partition: i32) -> Lane {
    Lane { topic: 7, partition }
}

impl Desk {
    pub(crate) fn new(epochs: Epochs, partitions: i32) -> Self {
        Self {
            epochs,
            tally: Tally::default(),
            out: Vec::new(),
            now: 1_000,
            owner: 1,
            epoch: 1,
            policy: 0,
            partitions,
            sent: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// With all lanes of [`TOPIC`] open.
    pub(crate) fn open(epochs: Epochs, partitions: i32) -> Self {
        let mut desk = Self::new(epochs, partitions);
        for partition in 0..partitions {
            desk.open_lane(lane(partition), 0);
        }
        desk
    }

    pub(crate) fn record(&self, lane: Lane, stretch: Stretch, body: Body) -> Record {
        let header = Header {
            lane,
            topic: TOPIC.to_owned(),
            partitions: self.partitions,
            owner: self.owner,
            epoch: self.epoch,
            policy: self.policy,
            stretch,
        };
        Record { header, body }
    }

    pub(crate) fn try_say(&mut self, record: &Record) -> Result<Admission, Halt> {
        let bytes = record.to_bytes();
        let offset = i64::try_from(self.log.len()).unwrap();
        let record = Record::from_bytes(&bytes).unwrap();
        let appended = self.now * 1000;
        let taken = self.tally.apply(offset, appended, record, &self.epochs, &mut self.out)?;
        self.log.push((appended, bytes));
        Ok(taken)
    }

    pub(crate) fn say(&mut self, record: &Record) -> Admission {
        self.try_say(record).unwrap()
    }

    pub(crate) fn open_lane(&mut self, lane: Lane, beginning: i64) -> Admission {
        let at = *self.sent.entry(lane).or_insert(beginning);
        self.say(&self.record(lane, Stretch { from: at, to: at }, Body::Open { beginning }))
    }

    /// A stretch of a lane with these events, from an offset on.
    pub(crate) fn stretch(&self, lane: Lane, from: i64, events: &[Event]) -> Record {
        let to = from + i64::try_from(events.len()).unwrap();
        let epoch = &self.epochs.epochs[&self.epoch];
        let content = contents((from..).zip(events), epoch, |_| 0).remove(&0).unwrap_or_default();
        self.record(lane, Stretch { from, to }, Body::Rows(content))
    }

    /// The next events of a lane, in one stretch.
    pub(crate) fn send(&mut self, lane: Lane, events: &[Event]) -> Admission {
        let from = self.sent[&lane];
        let record = self.stretch(lane, from, events);
        self.sent.insert(lane, record.header.stretch.to);
        self.say(&record)
    }

    /// A heartbeat at the lane's end, which it reached at this second.
    pub(crate) fn beat(&mut self, lane: Lane, reached: i64) {
        self.beat_at(lane, self.sent[&lane], reached);
    }

    /// A heartbeat with this high watermark.
    pub(crate) fn beat_at(&mut self, lane: Lane, high_watermark: i64, reached: i64) {
        let at = self.sent[&lane];
        let beat = Heartbeat { high_watermark, reached: reached * 1000 };
        self.say(&self.record(lane, Stretch { from: at, to: at }, Body::Heartbeat(beat)));
    }

    /// What was published so far of whole windows.
    pub(crate) fn results(&self) -> Vec<&WindowResult> {
        let results = self.out.iter().filter_map(|output| match output {
            Output::Result(result) => Some(&**result),
            Output::Alert(_) => None,
        });
        results.filter(|result| result.segment == ALL).collect()
    }

    pub(crate) fn alerts(&self) -> Vec<&AlertEvent> {
        let alerts = self.out.iter().filter_map(|output| match output {
            Output::Alert(alert) => Some(&**alert),
            Output::Result(_) => None,
        });
        alerts.collect()
    }

    /// In few words: start in seconds, rows, what closed it.
    pub(crate) fn brief(&self) -> Vec<String> {
        self.results().into_iter().map(brief).collect()
    }

    pub(crate) fn state(&self, lane: Lane) -> &LaneState {
        &self.tally.lanes()[&lane]
    }
}

/// A result in few words.
pub(crate) fn brief(result: &WindowResult) -> String {
    let start = result.window_start.iter().map(|start| start.trim_start_matches("1970-01-01T"));
    let model = [result.model.as_str(), &result.version].into_iter().filter(|it| !it.is_empty());
    let (index, epoch) = (result.window_index, result.epoch);
    let (rows, closed_by) = (result.window_rows, result.closed_by);
    let window = format!("#{index} epoch {epoch}: {rows} rows, {closed_by:?}");
    let named: Vec<&str> = start.chain(model).chain([window.as_str()]).collect();
    let counts = [
        (result.late_rows, "late"),
        (result.rejected_rows, "rejected"),
        (result.quarantined_rows, "quarantined"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts = counts.map(|(count, of)| format!("{count} {of}"));
    let left_out = &result.lanes_left_out;
    let without = (!left_out.is_empty()).then(|| format!("without {}", left_out.join(" ")));
    let parts: Vec<String> = [named.join(" ")].into_iter().chain(counts).chain(without).collect();
    parts.join(", ")
}
