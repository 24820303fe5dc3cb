//! Results and alerts as files, while the service runs.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::slice;

use serde::{Deserialize, Serialize};

use crate::output::archive::{
    Cutter, Made, Published, Source, Topic, files, profile_file, settings_file,
};
use crate::query::{Place, parquet_bytes};
use crate::stream::{
    Archive, ArchiveError, ArchivedPartition, Clients, ControlLog, MakeArchive, Step, control_log,
    lanes, read_on,
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
    /// Where profiles and settings are to be had; without it, they are not kept.
    clients: Option<Clients>,
    /// What was ever in force, as far as it was asked for.
    control: ControlLog,
    partitions: BTreeMap<ArchivedPartition, Gathered>,
}

/// What is at hand of a partition.
#[derive(Default)]
struct Gathered {
    cutter: Cutter,
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
}

impl Keeper {
    /// Keeps files in a place, with the profiles and settings that they name where there are clients to ask for them.
    fn new(place: Place, clients: Option<Clients>) -> Self {
        let (control, partitions) = (ControlLog::default(), BTreeMap::new());
        Self { place, clients, control, partitions }
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

    /// The files of records. How far they go is last: what stands there rests on all before.
    fn make(
        &mut self,
        of: &ArchivedPartition,
        records: &[Published],
    ) -> Result<Files, ArchiveError> {
        let source = source(of);
        let made = files(&source, records)?;
        let mut ready = VecDeque::new();
        self.add_named(&made, &mut ready)?;
        for table in &made.tables {
            ready.push_back((table.path.clone(), parquet_bytes(&table.rows)?));
        }
        let position = Position { position: records.last().map_or(0, |last| last.offset + 1) };
        ready.push_back((source.position_file(), serde_json::to_vec(&position)?));
        Ok((ready, made.unreadable))
    }

    /// Adds the profiles and settings that records name and that are not there yet.
    fn add_named(&mut self, made: &Made, ready: &mut VecDeque<File>) -> Result<(), ArchiveError> {
        let profiles = made.profiles.iter().map(|hash| (hash, profile_file(hash), true));
        let settings = made.settings.iter().map(|hash| (hash, settings_file(hash), false));
        for (hash, file, is_profile) in profiles.chain(settings) {
            let Some(clients) = &self.clients else { return Ok(()) };
            if self.place.has(&file)? {
                continue;
            }
            let text = |log: &ControlLog| {
                if is_profile { log.profile_text(hash).ok() } else { log.settings_text(hash) }
            };
            let mut found = text(&self.control);
            if found.is_none() {
                self.control = control_log(clients)?;
                found = text(&self.control);
            }
            if let Some(text) = found {
                ready.push_back((file, text.into_bytes()));
            } else {
                tracing::error!(
                    hash,
                    file,
                    "results name what the control topic does not hold: it is not archived"
                );
            }
        }
        Ok(())
    }
}

/// What of results and alerts is not in the archive yet, kept in a place of its own; all of them where there is none.
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
    for (alerts, topic) in [(false, &topics.results), (true, &topics.alerts)] {
        for (lane, _, _) in lanes(clients, slice::from_ref(topic))? {
            let of = ArchivedPartition { alerts, id: lane.topic, partition: lane.partition };
            let from = match archive {
                Some(place) => position_in(place, &of)?,
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
        if position_in(archive, of)? != position {
            return Ok(true);
        }
    }
    Ok(false)
}

fn position_in(place: &Place, of: &ArchivedPartition) -> Result<Option<i64>, ArchiveError> {
    let Some(bytes) = place.read(&source(of).position_file())? else { return Ok(None) };
    let position: Position = serde_json::from_slice(&bytes)?;
    Ok(Some(position.position))
}

/// Files that are made, and how many records are in none.
type Files = (VecDeque<File>, u64);

impl Archive for Keeper {
    fn position(&mut self, of: &ArchivedPartition) -> Result<Option<i64>, ArchiveError> {
        self.partitions.remove(of);
        position_in(&self.place, of)
    }

    fn take(&mut self, of: &ArchivedPartition, offset: i64, timestamp: i64, value: &[u8]) -> bool {
        let gathered = self.partitions.entry(*of).or_default();
        let record = Published { offset, timestamp, value: value.to_vec() };
        let complete = gathered.cutter.take(record);
        let any = complete.is_some();
        gathered.complete.extend(complete.into_iter().flatten());
        any
    }

    fn step(&mut self, of: &ArchivedPartition) -> Result<Step, ArchiveError> {
        let gathered = self.partitions.entry(*of).or_default();
        let records = mem::take(&mut gathered.complete);
        if !records.is_empty() {
            let (ready, unreadable) = self.make(of, &records)?;
            let gathered = self.partitions.entry(*of).or_default();
            (gathered.ready, gathered.unreadable) = (ready, unreadable);
        }
        let gathered = self.partitions.entry(*of).or_default();
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
    let topic = if of.alerts { Topic::Alerts } else { Topic::Results };
    Source { topic, id: of.id, partition: of.partition }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::tempdir;

    use super::*;
    use crate::output::made_up::{alert, result};
    use crate::window::WindowResult;

    const HOUR: i64 = 3_600_000;

    /// A partition, and all that stands on it.
    type Topic = (ArchivedPartition, Vec<Published>);

    /// Results of two models over four hours, with holes and a record that is none, and their alerts.
    fn topics() -> Vec<Topic> {
        let results = (0..40).map(|at: i64| {
            let of = WindowResult {
                model: if at % 3 == 0 { "a" } else { "b c" }.to_owned(),
                window_index: at as u64,
                ..result()
            };
            let value =
                if at == 17 { b"?".to_vec() } else { serde_json::to_vec(&of).unwrap_or_default() };
            Published { offset: at * 2, timestamp: at * HOUR / 10, value }
        });
        let alerts = (0..6).map(|at| Published {
            offset: at,
            timestamp: at * HOUR / 2,
            value: serde_json::to_vec(&alert()).unwrap_or_default(),
        });
        let of = |alerts| ArchivedPartition {
            alerts,
            id: (5 + u128::from(alerts)) << 100,
            partition: 0,
        };
        vec![(of(false), results.collect()), (of(true), alerts.collect())]
    }

    /// Reads topics as the service does, from where the archive stands, until so many files are written; how many were.
    fn archive(folder: &Path, topics: &[Topic], mut most: usize) -> usize {
        let place = Place::open(folder.to_str().unwrap()).unwrap();
        let mut keeper = Keeper::new(place, None);
        let mut wrote = 0;
        for (of, records) in topics {
            let from = keeper.position(of).unwrap().unwrap_or(0);
            for record in records.iter().filter(|record| record.offset >= from) {
                if !keeper.take(of, record.offset, record.timestamp, &record.value) {
                    continue;
                }
                loop {
                    if most == 0 {
                        return wrote;
                    }
                    match keeper.step(of).unwrap() {
                        Step::Wrote => (wrote, most) = (wrote + 1, most - 1),
                        Step::Done(unreadable) => {
                            let has = records.iter().any(|record| record.value == b"?");
                            assert!(unreadable == 0 || has);
                            break;
                        }
                    }
                }
            }
        }
        wrote
    }

    /// All files below a folder with what they hold.
    fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).unwrap().display().to_string();
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    #[test]
    fn cut_off_after_any_file_and_begun_anew_it_is_the_same_to_the_byte() {
        let topics = topics();
        let calm = tempdir().unwrap();
        let files = archive(calm.path(), &topics, usize::MAX);
        let calm = tree(calm.path());
        // Three hours are complete, of two models in two tables; five half hours of alerts, two to a file; positions.
        assert_eq!(files, 3 * 2 * 2 + 3 + 2 + 2);
        assert_eq!(calm.len(), 3 * 2 * 2 + 2 + 2);
        for most in 0..=files {
            let folder = tempdir().unwrap();
            archive(folder.path(), &topics, most);
            // What is there already is right, whatever is still missing.
            for (name, bytes) in tree(folder.path()) {
                assert!(
                    calm.get(&name) == Some(&bytes) || name.starts_with("positions/"),
                    "{name}"
                );
            }
            archive(folder.path(), &topics, usize::MAX);
            assert!(tree(folder.path()) == calm, "cut off after {most} files");
        }
    }

    #[test]
    fn two_at_once_and_one_that_was_asleep_write_the_same() {
        let topics = topics();
        let calm = tempdir().unwrap();
        archive(calm.path(), &topics, usize::MAX);
        let folder = tempdir().unwrap();
        // One that has read its position, and writes when the other is through.
        let place = Place::open(folder.path().to_str().unwrap()).unwrap();
        let mut asleep = Keeper::new(place, None);
        let (of, records) = &topics[0];
        assert_eq!(asleep.position(of).unwrap(), None);
        archive(folder.path(), &topics, usize::MAX);
        let cut = records
            .iter()
            .find(|record| asleep.take(of, record.offset, record.timestamp, &record.value));
        assert!(cut.is_some());
        while asleep.step(of).unwrap() == Step::Wrote {}
        // Its position lies before the other's: whoever comes next does again what is there.
        archive(folder.path(), &topics, usize::MAX);
        assert!(tree(folder.path()) == tree(calm.path()));
    }

    #[test]
    fn a_disk_that_refuses_is_an_error_and_nothing_half_written() {
        let topics = topics();
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("results"), "a file where a folder is to be").unwrap();
        let place = Place::open(folder.path().to_str().unwrap()).unwrap();
        let mut keeper = Keeper::new(place, None);
        let (of, records) = &topics[0];
        let cut = records
            .iter()
            .find(|record| keeper.take(of, record.offset, record.timestamp, &record.value));
        assert!(cut.is_some());
        // The messages can be written, the results cannot.
        let mut step = || keeper.step(of);
        assert!(matches!(step(), Ok(Step::Wrote)) && matches!(step(), Ok(Step::Wrote)));
        let error = step().unwrap_err().to_string();
        assert!(
            error.contains("results/model=a") && error.contains("cannot be written"),
            "{error}"
        );
        assert_eq!(keeper.position(of).unwrap(), None);
        assert_eq!(fs::read_dir(folder.path().join(".partial")).unwrap().count(), 0);
    }
}
