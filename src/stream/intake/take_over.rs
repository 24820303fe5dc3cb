//! Taking a lane over: where it stands, and that its old owner is heard no more.

use std::collections::BTreeMap;
use std::mem;
use std::slice;

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use super::lane::{OpenLane, from_lane_metadata, lane_metadata};
use super::{Intake, LOOK_AGAIN, RETRY};
use crate::batch::Lane;
use crate::intake::{Committed, Feed};
use crate::settings::Start;
use crate::stream::clients::PATIENCE;
use crate::stream::crash;
use crate::stream::error::{Disposition, StreamError, chain};
use crate::stream::membership::Partition;
use crate::stream::state_topic::{self, lane_in_ledgers};
use crate::stream::topics::{describe, watermarks};
use crate::tally::Ledger;

impl Intake {
    /// Takes over what waits to be; what cannot be yet waits on, what never can is stopped.
    pub(super) fn open_waiting(&mut self) {
        let now = self.now();
        let (due, later): (Vec<_>, Vec<_>) =
            mem::take(&mut self.waiting).into_iter().partition(|&(_, at)| at <= now);
        self.waiting = later;
        // Read once for all lanes that nobody has committed yet.
        let mut ledgers = None;
        for (partition, _) in due {
            let Err(error) = self.open_lane(&partition, &mut ledgers) else { continue };
            let (topic, number, text) = (&partition.0, partition.1, chain(&error));
            match error.disposition() {
                Disposition::Retry => {
                    tracing::warn!(
                        topic,
                        partition = number,
                        error = &text,
                        "taking a lane over; trying again"
                    );
                    self.books.telemetry.lane_waits(topic, number, &text);
                    self.waiting.push((partition, now + RETRY));
                }
                Disposition::GiveUp => {
                    tracing::info!(topic, partition = number, "the lane went to another instance");
                }
                Disposition::Stop => {
                    tracing::error!(topic, partition = number, error = text, "the lane is stopped");
                    self.books.telemetry.lane_stopped(topic, number);
                    // An operator may give up what is gone.
                    if matches!(error, StreamError::Gone { .. }) {
                        self.waiting.push((partition, now + LOOK_AGAIN));
                    }
                }
            }
        }
    }

    /// Takes a lane over: raises the number of its owner, and tells every output.
    fn open_lane(
        &mut self,
        partition: &Partition,
        ledgers: &mut Option<BTreeMap<u32, Ledger>>,
    ) -> Result<(), StreamError> {
        let (topic, number) = partition;
        let described = describe(&self.clients, slice::from_ref(topic))?;
        let Some(described) = described.get(topic) else {
            return Err(StreamError::NoTopic {
                topic: topic.clone(),
                hint: "it was there a moment ago: was it deleted?".to_owned(),
            });
        };
        let lane = Lane { topic: described.id, partition: *number };
        let (first, _) = watermarks(self.reader.consumer(), topic, *number)?;
        let (found, of) =
            self.find_commit(partition, lane, described.partitions, first, ledgers)?;
        let lost = self.books.in_force.now().lost.get(&lane).copied();
        let lost = lost.filter(|&to| found.offset < to);
        if found.offset < first && lost.is_none_or(|to| to < first) {
            let (from, to) = (found.offset, first);
            return Err(StreamError::Gone { topic: topic.clone(), partition: *number, from, to });
        }
        let policy = self.books.in_force.now().policy;
        let outputs = self.books.outputs;
        let mut feed =
            Feed::take_over(lane, topic.clone(), described.partitions, outputs, policy, found);
        let commit =
            (partition.clone(), feed.position(), lane_metadata(of, lane.topic, feed.committed()));
        self.membership.commit(&[commit], true)?;
        crash::point(crash::INTAKE_OWNER_COMMITTED);
        tracing::info!(topic, partition = number, offset = feed.position(), "lane taken over");
        self.next_lane += 1;
        let opening = feed.open();
        let has_truth = self.truths.contains(topic);
        let mut open =
            OpenLane::new(self.next_lane, partition.clone(), of, feed, outputs, has_truth);
        open.lost = lost;
        self.outbox.stretch(open.number, open.turn, &opening)?;
        self.lanes.push(open);
        self.books.telemetry.lane_released(topic, *number);
        self.books.telemetry.lanes(self.lanes.len());
        Ok(())
    }

    /// What the group, or failing that tally's ledgers, or failing that nobody knows of a lane; and how many partitions
    /// its topic had when it began.
    fn find_commit(
        &self,
        partition: &Partition,
        lane: Lane,
        partitions: i32,
        first: i64,
        ledgers: &mut Option<BTreeMap<u32, Ledger>>,
    ) -> Result<(Committed, i32), StreamError> {
        let (topic, number) = partition;
        let ours = |found: Option<(i64, String)>| {
            let (at, metadata) = found?;
            from_lane_metadata(lane.topic, at, &metadata)
        };
        let found = self.membership.committed(slice::from_ref(partition))?;
        if let Some(found) = found.into_iter().next().and_then(ours) {
            return Ok(found);
        }
        let ledgers = match ledgers {
            Some(known) => known,
            None => ledgers.insert(state_topic::ledgers(&self.clients, self.books.outputs.tally)?),
        };
        let join_log = self.clients.kafka().topic("join");
        if let Some(committed) = lane_in_ledgers(ledgers, self.books.outputs, &join_log, lane) {
            let offset = committed.offset;
            tracing::warn!(
                topic,
                partition = number,
                offset,
                "the group lost the lane's offset; the ledgers know it"
            );
            return Ok((committed, partitions));
        }
        // Where other lanes of the topic began when it had fewer partitions, this one was added since: whatever it
        // holds was sent to us.
        let others: Vec<Partition> = (0..*number).map(|other| (topic.clone(), other)).collect();
        let mut others = self.membership.committed(&others)?.into_iter().filter_map(ours);
        let mut before = ledgers.values().flat_map(|ledger| &ledger.lanes);
        let added = others.any(|(_, of)| of <= *number)
            || before.any(|(its, state)| its.topic == lane.topic && state.partitions <= *number);
        let beginning = if added { first } else { self.beginning(partition, first)? };
        Ok((Committed::beginning_at(beginning, self.books.in_force.now().epoch), partitions))
    }

    /// Where a lane begins that nobody knows.
    fn beginning(&self, (topic, partition): &Partition, first: i64) -> Result<i64, StreamError> {
        let next = || Ok(watermarks(self.reader.consumer(), topic, *partition)?.1);
        let time = match self.clients.kafka().topics.start {
            Start::Earliest => return Ok(first),
            Start::Latest => return next(),
            Start::At(time) => time,
        };
        let what = || format!("find the first record of {topic}/{partition} at {time}");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, *partition, Offset::Offset(time.as_millisecond()))
            .map_err(StreamError::cluster(what()))?;
        let found = self
            .reader
            .consumer()
            .offsets_for_times(list, PATIENCE)
            .map_err(StreamError::cluster(what()))?;
        match found.find_partition(topic, *partition).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => Ok(offset),
            _ => next(),
        }
    }
}
