//! The records that a window was made of, read again.

use std::collections::BTreeSet;

use crate::batch::Rows;
use crate::epoch::Epochs;
use crate::intake::json::Limits;
use crate::intake::{Reader, RecordView};
use crate::stream::clients::Clients;
use crate::stream::error::StreamError;
use crate::stream::expressions::ExpressionMaker;
use crate::stream::read::read_range;
use crate::stream::topics::{lanes, watermarks};
use crate::window::WindowResult;

/// Rows that are given on at once, at most.
const ROWS: usize = 4_096;

/// Reads the stretches that a result names again, as its epoch says, and gives what they hold of its model version to
/// `take`, with the place of the stretch in the result's inputs: the rows of the window among others that lie between.
///
/// # Errors
/// A cluster that does not answer, records that are gone, an epoch that is not there.
pub fn rows_again(
    clients: &Clients,
    epochs: &Epochs,
    result: &WindowResult,
    expressions: &ExpressionMaker,
    mut take: impl FnMut(usize, &Rows),
) -> Result<(), StreamError> {
    let unknown = |what: String| StreamError::Control(format!("window {}: {what}", result.id));
    let epoch = epochs.epochs.get(&result.epoch);
    let epoch = epoch.ok_or_else(|| unknown(format!("epoch {} is not there", result.epoch)))?;
    let mut reader = Reader::new(epoch, Limits::default(), &|profile| expressions.make(profile))
        .map_err(|error| unknown(error.to_string()))?;
    let topics: BTreeSet<String> = result.inputs.iter().map(|input| input.topic.clone()).collect();
    let existing = lanes(clients, &topics.into_iter().collect::<Vec<_>>())?;
    let client = clients.reader_to_end("again", true)?;
    for (at, input) in result.inputs.iter().enumerate() {
        let (topic, partition) = (&input.topic, input.partition);
        let lane = input.read().map(|(lane, _)| lane);
        if !existing.iter().any(|(known, _, _)| Some(*known) == lane) {
            return Err(unknown(format!(
                "topic `{topic}` is gone, or was made again since: its records cannot be read any more"
            )));
        }
        let (first, _) = watermarks(&client, topic, partition)?;
        if first > input.from {
            return Err(unknown(format!(
                "offsets {} to {first} of {topic}/{partition} have been deleted since (retention?)",
                input.from
            )));
        }
        let mut give = |reader: &mut Reader| -> Result<(), StreamError> {
            let taken = reader.take(|_| 0, |_| 0).map_err(|error| unknown(error.to_string()))?;
            let sections = taken.content.values().flat_map(|content| &content.sections);
            for section in sections {
                if section.model == result.model && section.version == result.version {
                    take(at, &section.rows);
                }
            }
            Ok(())
        };
        read_range(&client, topic, partition, input.from, input.to + 1, |record| {
            let view = RecordView {
                value: record.value,
                key: record.key,
                headers: &record,
                timestamp_ms: record.timestamp,
                topic,
            };
            // What is rejected is in no window: what becomes of it was counted when it was read first.
            drop(reader.read(record.offset, &view));
            if reader.len() >= ROWS { give(&mut reader) } else { Ok(()) }
        })?;
        give(&mut reader)?;
    }
    Ok(())
}
