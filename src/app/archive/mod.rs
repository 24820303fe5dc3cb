//! Results, alerts and scored rows as files, while the service runs.

mod in_force;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::slice;

use serde::{Deserialize, Serialize};

use self::in_force::InForce;
use crate::output::archive::{Cutter, Lanes, Made, Published, Source, Topic, files};
use crate::query::{Place, parquet_bytes};
use crate::stream::{
    Archive, ArchiveError, Archived, ArchivedPartition, Clients, MakeArchive, Step, lanes, read_on,
};

/// Keeps files in this place.
pub(super) fn in_place(place: Place) -> MakeArchive {
    Box::new(move |clients| {
        place.tidy()?;
        Ok(Box::new(Keeper::new(place.clone(), Some(clients.clone()))))
    })
}

/// Keeps files in a place.
struct Keeper {
    place: Place,
    in_force: InForce,
    partitions: BTreeMap<ArchivedPartition, Gathered>,
}

/// What is at hand of a partition.
struct Gathered {
    cutter: Cutter,
    /// Of the tally log: how far its lanes are archived, up to the next file.
    lanes: Lanes,
    /// The records of the next files, which are not made yet.
    complete: Vec<Published>,
    /// Files that are made, in the order in which they are written.
    ready: VecDeque<File>,
    /// Records that are in none of them.
    unreadable: u64,
}

/// A file that is made: its path, and what it holds.
type File = (String, Vec<u8>);

/// How far a partition is archived, as it stands in the archive.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// The first offset that is not.
    position: i64,
    /// Of the tally log: how far its lanes are.
    #[serde(default, skip_serializing_if = "Lanes::is_empty")]
    lanes: Lanes,
}

impl Gathered {
    /// Nothing of a partition whose lanes are archived so far.
    fn nothing(of: &ArchivedPartition, lanes: Lanes) -> Self {
        Self {
            cutter: Cutter::of(topic(of)),
            lanes,
            complete: Vec::new(),
            ready: VecDeque::new(),
            unreadable: 0,
        }
    }
}

impl Keeper {
    /// Keeps files in a place, with the profiles and settings that they name where there are clients to ask for them.
    fn new(place: Place, clients: Option<Clients>) -> Self {
        Self { place, in_force: InForce::new(clients), partitions: BTreeMap::new() }
    }

    fn gathered(&mut self, of: &ArchivedPartition) -> &mut Gathered {
        let nothing = || Gathered::nothing(of, Lanes::default());
        self.partitions.entry(*of).or_insert_with(nothing)
    }

    /// Makes files of what was taken of a partition, though the record after it has not come.
    fn complete(&mut self, of: &ArchivedPartition) {
        if let Some(gathered) = self.partitions.get_mut(of) {
            gathered.complete = gathered.cutter.rest();
        }
    }

    /// Writes the files that are complete.
    fn write(&mut self, of: &ArchivedPartition) -> Result<(), ArchiveError> {
        while self.step(of)? == Step::Wrote {}
        Ok(())
    }

    /// Makes the files of records. How far they go is last: what stands there rests on all before.
    fn make(&mut self, of: &ArchivedPartition, records: &[Published]) -> Result<(), ArchiveError> {
        let source = source(of);
        let lanes = mem::take(&mut self.gathered(of).lanes);
        let (made, lanes) = match source.topic {
            Topic::Results | Topic::Alerts => (files(&source, records)?, lanes),
            Topic::Tally => {
                let logged = self.in_force.log_files(&source, records, lanes)?;
                (logged.made, logged.lanes)
            }
        };
        let mut ready = VecDeque::new();
        self.in_force.add_named(&self.place, &made, &mut ready)?;
        let Made { tables, unreadable, .. } = made;
        for table in tables {
            ready.push_back((table.path, parquet_bytes(&table.rows)?));
        }
        let position = records.last().map_or(0, |last| last.offset + 1);
        let position = Position { position, lanes };
        ready.push_back((source.position_file(), serde_json::to_vec(&position)?));
        let gathered = self.gathered(of);
        gathered.lanes = position.lanes;
        (gathered.ready, gathered.unreadable) = (ready, unreadable);
        Ok(())
    }
}

/// What of results and alerts is not in the archive yet, kept in a place of its own; all of them where there is none.
/// Rows are not among it: an hour of them may be more than anyone waits for.
///
/// # Errors
/// A cluster that does not answer, a place that cannot be read or written.
pub(super) fn rest(
    clients: &Clients,
    archive: Option<&Place>,
    into: &Place,
) -> Result<Positions, ArchiveError> {
    let mut positions = Positions::new();
    let mut keeper = Keeper::new(into.clone(), None);
    let topics = &clients.kafka().topics;
    for (holds, topic) in [(Archived::Results, &topics.results), (Archived::Alerts, &topics.alerts)]
    {
        for (lane, _, _) in lanes(clients, slice::from_ref(topic))? {
            let of = ArchivedPartition { holds, id: lane.topic, partition: lane.partition };
            let from = match archive {
                Some(place) => position_in(place, &of)?.map(|at| at.position),
                None => None,
            };
            let mut failed = None;
            read_on(clients, topic, lane.partition, from, |record| {
                let (time, value) = (record.timestamp.unwrap_or(0), record.value);
                if failed.is_none()
                    && keeper.take(&of, record.offset, time, value.unwrap_or_default())
                {
                    failed = keeper.write(&of).err();
                }
                Ok(())
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            keeper.complete(&of);
            keeper.write(&of)?;
            positions.insert(of, from);
        }
    }
    Ok(positions)
}

/// Up to where each partition is archived.
pub(super) type Positions = BTreeMap<ArchivedPartition, Option<i64>>;

/// Whether the archive has gone on since these positions were read.
pub(super) fn has_gone_on(archive: &Place, since: &Positions) -> Result<bool, ArchiveError> {
    for (of, &position) in since {
        if position_in(archive, of)?.map(|at| at.position) != position {
            return Ok(true);
        }
    }
    Ok(false)
}

fn position_in(place: &Place, of: &ArchivedPartition) -> Result<Option<Position>, ArchiveError> {
    let Some(bytes) = place.read(&source(of).position_file())? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&bytes)?))
}

impl Archive for Keeper {
    fn position(&mut self, of: &ArchivedPartition) -> Result<Option<i64>, ArchiveError> {
        let found = position_in(&self.place, of)?;
        let (position, lanes) = found.map(|at| (at.position, at.lanes)).unzip();
        let gathered = Gathered::nothing(of, lanes.unwrap_or_default());
        self.partitions.insert(*of, gathered);
        Ok(position)
    }

    fn lose(&mut self, of: &ArchivedPartition) {
        self.gathered(of).lanes.tear();
    }

    fn take(&mut self, of: &ArchivedPartition, offset: i64, timestamp: i64, value: &[u8]) -> bool {
        let gathered = self.gathered(of);
        let record = Published { offset, timestamp, value: value.to_vec() };
        let complete = gathered.cutter.take(record);
        let any = complete.is_some();
        gathered.complete.extend(complete.into_iter().flatten());
        any
    }

    fn step(&mut self, of: &ArchivedPartition) -> Result<Step, ArchiveError> {
        let records = mem::take(&mut self.gathered(of).complete);
        if !records.is_empty() {
            self.make(of, &records)?;
        }
        let gathered = self.gathered(of);
        match gathered.ready.pop_front() {
            Some((name, bytes)) => {
                self.place.write(&name, bytes)?;
                Ok(Step::Wrote)
            }
            None => Ok(Step::Done(mem::take(&mut gathered.unreadable))),
        }
    }

    fn release(&mut self, of: &ArchivedPartition) {
        self.partitions.remove(of);
    }
}

fn source(of: &ArchivedPartition) -> Source {
    Source { topic: topic(of), id: of.id, partition: of.partition }
}

fn topic(of: &ArchivedPartition) -> Topic {
    match of.holds {
        Archived::Results => Topic::Results,
        Archived::Alerts => Topic::Alerts,
        Archived::Tally => Topic::Tally,
    }
}
