//! A batch of records of the join log: joined, and what comes of it.

use std::collections::BTreeMap;

use crate::batch::{Admission, Body, Content, Keyed, Lane, Record};
use crate::epoch::Epochs;
use crate::intake::Feed;
use crate::join::{Join, Keep, Wait, Waits, Working};

/// A record of the join log.
pub(super) struct Read {
    pub(super) offset: i64,
    /// When it was appended, in milliseconds since 1970.
    pub(super) appended: i64,
    pub(super) record: Record<Keyed>,
}

/// What comes of a batch.
#[derive(Default)]
pub(super) struct Joined {
    /// For the tally log, by its partition.
    pub(super) content: BTreeMap<u32, Content>,
    /// What stands under keys from now on.
    pub(super) working: Working,
    /// Lanes of which records were left out, as something before them is missing: from where on.
    pub(super) gaps: BTreeMap<Lane, i64>,
}

/// The keys of a batch, so that all of them can be looked up at once.
fn keys(records: &[Read]) -> impl Iterator<Item = u128> {
    let contents = records.iter().filter_map(|read| match &read.record.body {
        Body::Rows(keyed) => Some(keyed),
        _ => None,
    });
    contents.flat_map(|keyed| {
        let predictions = keyed.predictions.iter().map(|prediction| prediction.key);
        predictions.chain(keyed.targets.iter().map(|target| target.key))
    })
}

/// Joins a batch, record by record.
pub(super) fn join<K: Keep + ?Sized>(
    join: &mut Join,
    keep: &mut K,
    records: Vec<Read>,
    epochs: &Epochs,
    feed: &Feed,
) -> Result<Joined, K::Error> {
    let working = Working::fetch(keep, keys(&records))?;
    let mut joined = Joined { working, ..Joined::default() };
    let mut waits = waits(epochs, join.epoch());
    for Read { offset, appended, record } in records {
        let epoch = join.epoch();
        let lane = record.header.lane;
        let (admission, admitted) = join.admit(offset, appended, record);
        if let Admission::Gap { missing } = admission {
            joined.gaps.insert(lane, missing);
        }
        if join.epoch() != epoch {
            waits = self::waits(epochs, join.epoch());
        }
        if let Some(admitted) = admitted {
            for realized in join.apply(admitted, &mut joined.working, &waits) {
                let output = feed.output(Some(&realized.model));
                joined.content.entry(output).or_default().realized.push(realized);
            }
        }
        for settled in join.announce(&waits) {
            let output = feed.output(Some(&settled.model));
            joined.content.entry(output).or_default().settled.push(settled);
        }
    }
    Ok(joined)
}

/// How targets are waited for under the settings of an epoch.
pub(super) fn waits(epochs: &Epochs, epoch: u64) -> Waits {
    let models = epochs.epochs.get(&epoch).into_iter().flat_map(|epoch| &epoch.models);
    models
        .filter_map(|(name, model)| {
            let truth = model.settings.ground_truth.as_ref()?;
            let millis = i64::try_from(truth.wait.as_millis()).unwrap_or(i64::MAX);
            let topics = truth.topics.clone().unwrap_or_default();
            Some((name.clone(), Wait { millis, topics }))
        })
        .collect()
}
