//! Is every input record accounted for exactly once? The ledgers and the results against the input itself.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::thread;
use std::time::Duration;

use crate::batch::{Digest, Lane};
use crate::stream::clients::Clients;
use crate::stream::control;
use crate::stream::error::StreamError;
use crate::stream::read::{Reading, read_all_to_end, read_range};
use crate::stream::state_topic;
use crate::stream::topics::{describe, lanes, watermarks};
use crate::stream::worker::LOG_POSITION;
use crate::tally::{Fates, Ledger};
use crate::window::{RevisionCause, WindowResult};

/// What an audit found.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Lane by lane.
    pub lanes: Vec<LaneAudit>,
    /// Results that stand on the results topic more than once.
    pub doubled: Vec<String>,
    /// Results on the results topic.
    pub results: u64,
    /// Messages on the results topic that are no results.
    pub unreadable: u64,
}

/// What an audit found of a lane.
#[derive(Clone, Debug)]
pub struct LaneAudit {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where the lane begins, and how far it has been applied.
    pub span: (i64, i64),
    /// What became of its records.
    pub fates: Fates,
    /// Whether that is right.
    pub finding: Finding,
}

/// Whether a lane is accounted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Every record once.
    Exact,
    /// The ledgers count other records than the input holds.
    Differs {
        /// The input's.
        input: Digest,
        /// The ledgers'.
        ledgers: Digest,
    },
    /// The results are made of other records than the ledgers count as published.
    Published {
        /// The results'.
        results: Digest,
        /// The ledgers'.
        ledgers: Digest,
    },
    /// The partitions of the tally log are not equally far with it.
    Moving {
        /// The least and the greatest position.
        between: (i64, i64),
    },
    /// A partition of the join log has not come as far with it.
    Unjoined {
        /// Which partition.
        partition: u32,
        /// How far it has come, as it said last; `None` where it knows nothing of the lane.
        at: Option<i64>,
    },
    /// The input has been deleted, so that only the number of its offsets could be held against the ledgers.
    Expired {
        /// The first offset that is left.
        first: i64,
    },
    /// The topic is gone, or another of its name stands in its place.
    Gone,
}

impl Audit {
    /// Whether every record is accounted for exactly once.
    pub fn is_exact(&self) -> bool {
        self.doubled.is_empty()
            && self.unreadable == 0
            && self.lanes.iter().all(|lane| lane.finding == Finding::Exact)
    }
}

/// Holds ledgers, results and inputs against each other; waits up to `patience` seconds for partitions to be equally far.
///
/// # Errors
/// A cluster that does not answer, logs without a layout, or state that cannot be read.
pub fn audit(clients: &Clients, patience: u64) -> Result<Audit, StreamError> {
    let control = control::read(clients)?;
    let layout = control.layout().ok_or_else(|| {
        StreamError::Control(
            "nothing was ever put in force here, so there is nothing to verify".to_owned(),
        )
    })?;
    let has_truth = control.compile()?.have_ground_truth();
    let join = clients.kafka().topic("join");
    let mut ledgers = state_topic::ledgers(clients, layout.tally)?;
    for _ in 0..patience {
        let joined = Joined::of(&ledgers, has_truth.then_some(layout.join), &join);
        let is_even = |(id, lane): (&Lane, &Known)| {
            let (least, greatest) = lane.positions;
            let is_joined = lane.topic == join || joined.behind(*id, greatest).is_none();
            least == greatest && lane.of == layout.tally && is_joined
        };
        if by_lane(&ledgers).iter().all(is_even) {
            break;
        }
        thread::sleep(Duration::from_secs(1));
        ledgers = state_topic::ledgers(clients, layout.tally)?;
    }
    let mut audit = Audit::default();
    let published = published(clients, &ledgers, &mut audit)?;
    let mut known = by_lane(&ledgers);
    // What the join found out is of records that are accounted for already.
    known.retain(|_, lane| lane.topic != join);
    let joined = Joined::of(&ledgers, has_truth.then_some(layout.join), &join);
    let topics: BTreeSet<String> = known.values().map(|lane| lane.topic.clone()).collect();
    let existing: BTreeSet<Lane> = lanes(clients, &topics.into_iter().collect::<Vec<_>>())?
        .into_iter()
        .map(|(lane, _, _)| lane)
        .collect();
    let reader = clients.reader_to_end("verify", true)?;
    for (lane, found) in known {
        let results = published.get(&lane).copied().unwrap_or_default();
        let (least, greatest) = found.positions;
        let finding = if least != greatest || found.of != layout.tally {
            Finding::Moving {
                between: (if found.of == layout.tally { least } else { found.beginning }, greatest),
            }
        } else if results != found.fates.sealed {
            Finding::Published { results, ledgers: found.fates.sealed }
        } else if !existing.contains(&lane) {
            Finding::Gone
        } else {
            let (first, _) = watermarks(&reader, &found.topic, lane.partition)?;
            if first > found.beginning {
                Finding::Expired { first }
            } else {
                let mut input = Digest::default();
                if greatest > found.beginning {
                    read_range(
                        &reader,
                        &found.topic,
                        lane.partition,
                        found.beginning,
                        greatest,
                        |record| {
                            input.add(record.offset);
                            Ok(())
                        },
                    )?;
                }
                let ledgers = found.fates.total();
                // What was given up was never read: its number is all that is known of it.
                let is_exact = input == ledgers
                    || (found.fates.lost > 0 && input.count <= ledgers.count + found.fates.lost);
                match joined.behind(lane, greatest) {
                    _ if !is_exact => Finding::Differs { input, ledgers },
                    Some((partition, at)) => Finding::Unjoined { partition, at },
                    None => Finding::Exact,
                }
            }
        };
        audit.lanes.push(LaneAudit {
            topic: found.topic,
            partition: lane.partition,
            span: (found.beginning, greatest),
            fates: found.fates,
            finding,
        });
    }
    Ok(audit)
}

/// A lane as all partitions of the tally log together see it.
struct Known {
    topic: String,
    beginning: i64,
    positions: (i64, i64),
    /// How many partitions know it.
    of: u32,
    fates: Fates,
}

fn by_lane(ledgers: &BTreeMap<u32, Ledger>) -> BTreeMap<Lane, Known> {
    let mut lanes: BTreeMap<Lane, Known> = BTreeMap::new();
    for (&lane, state) in ledgers.values().flat_map(|ledger| &ledger.lanes) {
        let position = state.cursor.position;
        let known = lanes.entry(lane).or_insert_with(|| Known {
            topic: state.topic.clone(),
            beginning: state.cursor.beginning,
            positions: (position, position),
            of: 0,
            fates: Fates::default(),
        });
        known.positions.0 = known.positions.0.min(position);
        known.positions.1 = known.positions.1.max(position);
        known.of += 1;
        known.fates.merge(&state.fates);
    }
    lanes
}

/// How far each partition of the join log has come with the inputs, as tally was told last.
struct Joined {
    /// None where no model ever had ground truth: then nothing waits to be joined.
    partitions: Vec<BTreeMap<Lane, i64>>,
}

impl Joined {
    fn of(ledgers: &BTreeMap<u32, Ledger>, partitions: Option<u32>, join: &str) -> Self {
        let mut partitions = vec![BTreeMap::new(); partitions.unwrap_or(0) as usize];
        for (lane, state) in ledgers.values().flat_map(|ledger| &ledger.lanes) {
            let of_join = usize::try_from(lane.partition).ok().filter(|_| state.topic == join);
            let Some(told) = of_join.and_then(|partition| partitions.get_mut(partition)) else {
                continue;
            };
            for (input, cursor) in &state.joined {
                let furthest = told.entry(*input).or_insert(cursor.position);
                *furthest = cursor.position.max(*furthest);
            }
        }
        Self { partitions }
    }

    /// A partition that has not come to a position of a lane, and how far it has.
    fn behind(&self, lane: Lane, position: i64) -> Option<(u32, Option<i64>)> {
        let mut at = (0..)
            .zip(&self.partitions)
            .map(|(partition, told)| (partition, told.get(&lane).copied()));
        at.find(|(_, at)| at.is_none_or(|at| at < position))
    }
}

/// Which records the results are made of that the ledgers count.
fn published(
    clients: &Clients,
    ledgers: &BTreeMap<u32, Ledger>,
    audit: &mut Audit,
) -> Result<BTreeMap<Lane, Digest>, StreamError> {
    let topic = clients.kafka().topics.results.clone();
    let partitions = describe(clients, slice::from_ref(&topic))?
        .get(&topic)
        .map_or(0, |described| described.partitions);
    let mut ids = BTreeSet::new();
    let mut published: BTreeMap<Lane, Digest> = BTreeMap::new();
    // Windows that persons restated.
    let mut left_out = BTreeSet::new();
    read_all_to_end(clients, &topic, partitions, Reading::Committed, |_, record| {
        let Some(value) = record.value else { return Ok(()) };
        let Ok(result) = serde_json::from_slice::<WindowResult>(value) else {
            audit.unreadable += 1;
            return Ok(());
        };
        let counted = record.header(LOG_POSITION).and_then(|at| {
            let (partition, position) = at.split_once('/')?;
            let ledger = ledgers.get(&partition.parse().ok()?)?;
            Some(position.parse::<i64>().ok()? <= ledger.position)
        });
        if counted == Some(false) {
            return Ok(());
        }
        audit.results += 1;
        if !ids.insert(result.id.clone()) {
            audit.doubled.push(result.id.clone());
        }
        // A result that targets restate is made of the same records; one that a person restates, of none any more.
        let by_person = matches!(
            result.revision_cause,
            Some(RevisionCause::Excluded | RevisionCause::Replaced)
        );
        if result.segment != "all" || (result.revision > 0 && !by_person) {
            return Ok(());
        }
        let whole = result.id.rsplit_once('/').map_or("", |(window, _)| window);
        if by_person && !left_out.insert(whole.to_owned()) {
            return Ok(());
        }
        for input in &result.inputs {
            let Some((lane, digest)) = input.read() else {
                audit.unreadable += 1;
                continue;
            };
            let published = published.entry(lane).or_default();
            if by_person {
                // Results of one partition come in order, so they were added before.
                published.count = published.count.wrapping_sub(digest.count);
                published.sum = published.sum.wrapping_sub(digest.sum);
            } else {
                published.merge(&digest);
            }
        }
        Ok(())
    })?;
    Ok(published)
}
