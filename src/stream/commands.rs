//! What persons ask of windows and alerts: sent to the tally log, where whoever works it off obeys.
//!
//! A producer of its own: a command speaks for no lane, so it needs no owner and moves no position. Sent twice, it is
//! obeyed once.

use std::slice;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::batch::{Act, Body, Command, Content, Record};
use crate::epoch::Epochs;
use crate::stream::clients::Clients;
use crate::stream::control;
use crate::stream::error::StreamError;
use crate::stream::read::{ReadRecord, Reading, read_all_to_end};
use crate::stream::sender::Sender;
use crate::stream::topics::describe;
use crate::tally::JOINED;
use crate::window::WindowResult;

/// What a person asks of a window.
#[derive(Debug)]
pub struct Request {
    /// The window's newest result.
    pub seen: WindowResult,
    /// Why.
    pub reason: String,
    /// Rows that take the place of the window's own, in parts that fit into a message; `None` to leave it out.
    pub rows: Option<Vec<Content>>,
}

/// The newest results of a model's window, one a version; `version` for one alone.
///
/// # Errors
/// A cluster that does not answer.
pub fn newest(
    clients: &Clients,
    model: &str,
    version: Option<&str>,
    window: u64,
) -> Result<Vec<WindowResult>, StreamError> {
    let topic = clients.kafka().topics.results.clone();
    let described = describe(clients, slice::from_ref(&topic))?;
    let partitions = described.get(&topic).map_or(0, |described| described.partitions);
    let mut newest: Vec<WindowResult> = Vec::new();
    read_all_to_end(clients, &topic, partitions, Reading::Committed, |_, record| {
        if record.key.is_some_and(|key| key != model.as_bytes()) {
            return Ok(());
        }
        let result = record.value.and_then(|value| serde_json::from_slice(value).ok());
        let Some(result): Option<WindowResult> = result else { return Ok(()) };
        let asked = result.model == model
            && result.window_index == window
            && result.segment == "all"
            && version.is_none_or(|version| result.version == version);
        if asked {
            match newest.iter_mut().find(|known| known.version == result.version) {
                Some(known) if known.revision > result.revision => {}
                Some(known) => *known = result,
                None => newest.push(result),
            }
        }
        Ok(())
    })?;
    Ok(newest)
}

/// Gives every committed record of a topic to `take`, partition by partition as they come.
///
/// # Errors
/// A cluster that does not answer.
pub fn read_topic(
    clients: &Clients,
    topic: &str,
    mut take: impl FnMut(ReadRecord<'_>),
) -> Result<(), StreamError> {
    let described = describe(clients, &[topic.to_owned()])?;
    let partitions = described.get(topic).map_or(0, |described| described.partitions);
    read_all_to_end(clients, topic, partitions, Reading::Committed, |_, record| {
        take(record);
        Ok(())
    })
}

/// What was ever put in force, to make rows by.
///
/// # Errors
/// A cluster that does not answer, or records that cannot be understood.
pub fn ever_in_force(clients: &Clients) -> Result<Epochs, StreamError> {
    control::read(clients)?.compile()
}

/// Sends a command, and waits until the log has it.
///
/// # Errors
/// Where nothing was ever put in force, or the log does not take it.
pub fn send(clients: &Clients, request: &Request) -> Result<(), StreamError> {
    append(clients, &request.seen.model, records(request))
}

/// Sends what is asked of an alert, or of all alerts of a model, and waits until the log has it.
///
/// # Errors
/// Where nothing was ever put in force, or the log does not take it.
pub fn ask(clients: &Clients, model: &str, reason: &str, act: Act) -> Result<(), StreamError> {
    let command = Command {
        id: String::new(),
        model: model.to_owned(),
        version: String::new(),
        window: 0,
        seen: String::new(),
        reason: reason.to_owned(),
        act,
    };
    append(clients, model, named(vec![Record::command(JOINED, command, Content::default())]))
}

/// Puts records into the log of a model.
fn append(clients: &Clients, model: &str, records: Vec<Record>) -> Result<(), StreamError> {
    let layout = control::read(clients)?.layout();
    let layout = layout.ok_or_else(|| {
        StreamError::Control("nothing was ever put in force here, so there is no window".to_owned())
    })?;
    let partition = xxh3_64(model.as_bytes()) % u64::from(layout.tally.max(1));
    let sender = Sender::new(clients, &clients.kafka().topic("tally"))?;
    for record in records {
        // In their order, and each there before the next.
        sender.send(partition, None, &record.to_bytes())?;
        sender.flush()?;
    }
    Ok(())
}

/// The records of a command.
fn records(request: &Request) -> Vec<Record> {
    let Request { seen, reason, rows } = request;
    let bare = WindowResult { figures: Vec::new(), distributions: Vec::new(), ..seen.clone() };
    let seen = serde_json::to_string(&bare).unwrap_or_default();
    let none = [Content::default()];
    let contents = rows.as_deref().unwrap_or(&none);
    let acts: Vec<Act> = match rows {
        None => vec![Act::Exclude],
        Some(parts) => (0..parts.len() as u32)
            .map(|part| Act::Restate { part, parts: parts.len() as u32 })
            .collect(),
    };
    let made: Vec<Record> = acts
        .into_iter()
        .zip(contents)
        .map(|(act, content)| {
            let command = Command {
                id: String::new(),
                model: bare.model.clone(),
                version: bare.version.clone(),
                window: bare.window_index,
                seen: seen.clone(),
                reason: reason.clone(),
                act,
            };
            Record::command(JOINED, command, content.clone())
        })
        .collect();
    named(made)
}

/// Gives the records of a command its id: made of all of them.
fn named(made: Vec<Record>) -> Vec<Record> {
    let mut hasher = Xxh3::new();
    for record in &made {
        hasher.update(&record.to_bytes());
    }
    let id = format!("{:032x}", hasher.digest128());
    let named = |mut record: Record| {
        if let Body::Command(command, _) = &mut record.body {
            command.id.clone_from(&id);
        }
        record
    };
    made.into_iter().map(named).collect()
}
