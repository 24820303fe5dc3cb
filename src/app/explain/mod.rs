//! `vigie explain`: why an alert was raised.

mod again;
mod words;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use self::again::{Again, recompute};
use crate::alert::AlertEvent;
use crate::app::Outcome;
use crate::app::query::{Past, Whence};
use crate::app::terminal::print;
use crate::output::archive::{profile_file, settings_file};
use crate::output::rows::json_rows;
use crate::query::Database;
use crate::stream::{ControlLog, control_log};
use crate::window::WindowResult;

/// What `vigie explain` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie explain car-loan/7
  vigie explain car-loan/7 --recompute")]
pub(super) struct ExplainArgs {
    /// The alert's id, or of its beginning enough to tell it from others.
    #[arg(value_name = "ALERT")]
    alert: String,
    #[command(flatten)]
    whence: Whence,
    /// Reads the rows again that decided, computes the result again and compares it to the byte.
    #[arg(long)]
    recompute: bool,
}

/// Runs `vigie explain`.
pub(super) async fn run(args: ExplainArgs) -> Result<Outcome> {
    let past = args.whence.open().await?;
    let database = past.database().await?;
    let events = events(&database, &args.alert).await?;
    let Some(last) = events.last() else { bail!("{}", unknown(&database, &args.alert).await?) };
    if last.result.is_empty() {
        print(&words::without_result(&events))?;
        return Ok(Outcome::Fine);
    }
    let text = message(&database, &last.model, &last.result).await?;
    let text = text.with_context(|| {
        format!(
            "result {} is neither in the archive nor on the results topic any more",
            last.result
        )
    })?;
    let result: WindowResult = serde_json::from_str(&text)
        .with_context(|| format!("result {} cannot be read", last.result))?;
    let named = named(&past, &result).await?;
    print(&words::explain(&events, &result, &named))?;
    if !args.recompute {
        return Ok(Outcome::Fine);
    }
    let again = recomputed(&past, &database, result, text).await?;
    print(&words::recomputed(&again))?;
    Ok(if again.is_same() { Outcome::Fine } else { Outcome::NotWell })
}

/// What a result names by its hash.
pub(super) struct Named {
    /// The settings in canonical form, where they are to be had.
    pub(super) settings: Option<String>,
    /// Whether the profile is to be had.
    pub(super) has_profile: bool,
}

/// What a result names: from the archive, or from what was ever in force.
async fn named(past: &Past, result: &WindowResult) -> Result<Named> {
    let settings = past.file(settings_file(&result.settings)).await?;
    let profile = past.file(profile_file(&result.profile)).await?;
    let mut named = Named {
        settings: settings.and_then(|bytes| String::from_utf8(bytes).ok()),
        has_profile: profile.is_some(),
    };
    if let (Some(live), false) = (&past.live, named.settings.is_some() && named.has_profile) {
        let clients = live.clients.clone();
        let control: ControlLog =
            spawn_blocking(move || control_log(&clients)).await.context("ended early")??;
        named.settings = named.settings.or_else(|| control.settings_text(&result.settings));
        named.has_profile |= control.profile_text(&result.profile).is_ok();
    }
    Ok(named)
}

/// The events of the alert of that id, in their order.
async fn events(database: &Database, alert: &str) -> Result<Vec<AlertEvent>> {
    let alert = quoted(alert);
    let ids = rows(
        database,
        &format!(
            "SELECT DISTINCT id FROM alerts WHERE id = {alert} OR starts_with(id, {alert}) ORDER BY id LIMIT 50"
        ),
    )
    .await?;
    let ids: Vec<&str> = ids.iter().filter_map(|row| row["id"].as_str()).collect();
    let exact = ids.iter().find(|id| quoted(id) == alert).or(ids.first());
    let Some(id) = exact else { return Ok(Vec::new()) };
    if ids.len() > 1 && quoted(id) != alert {
        bail!("several alerts begin so: `{}`", ids.join("`, `"));
    }
    let sql = format!("SELECT * FROM alerts WHERE id = {} ORDER BY sequence", quoted(id));
    let mut events: Vec<AlertEvent> = Vec::new();
    for row in rows(database, &sql).await? {
        let event = event(row).context("an alert of the archive cannot be read")?;
        // One that was sent twice stands there twice.
        if events.last().is_none_or(|last| last.sequence < event.sequence) {
            events.push(event);
        }
    }
    Ok(events)
}

/// A row as the event that it was.
fn event(mut row: Map<String, Value>) -> Result<AlertEvent> {
    let evidence = row.get("evidence").and_then(Value::as_str).unwrap_or("{}");
    let evidence = serde_json::from_str(evidence)?;
    row.insert("evidence".to_owned(), evidence);
    Ok(serde_json::from_value(Value::Object(row))?)
}

/// That there is no such alert, and which there are.
async fn unknown(database: &Database, alert: &str) -> Result<String> {
    let newest = rows(
        database,
        "SELECT id, max(published) AS at FROM alerts GROUP BY id ORDER BY at DESC LIMIT 5",
    )
    .await?;
    let newest: Vec<&str> = newest.iter().filter_map(|row| row["id"].as_str()).collect();
    Ok(if newest.is_empty() {
        format!("there is no alert `{alert}`, nor any other")
    } else {
        format!("there is no alert `{alert}`; the newest are `{}`", newest.join("`, `"))
    })
}

/// A window result as it was published.
async fn message(database: &Database, model: &str, id: &str) -> Result<Option<String>> {
    let (model, id) = (quoted(model), quoted(id));
    let found = rows(
        database,
        &format!("SELECT message FROM messages WHERE model = {model} AND id = {id} LIMIT 1"),
    )
    .await?;
    Ok(found.first().and_then(|row| row["message"].as_str()).map(str::to_owned))
}

/// Does the result again, or what it restates.
async fn recomputed(
    past: &Past,
    database: &Database,
    result: WindowResult,
    text: String,
) -> Result<Again> {
    let Some(live) = &past.live else {
        bail!(
            "--recompute reads the rows from their topics: name the settings with --config in place of --archive"
        );
    };
    let (result, text, restated) = if result.revision == 0 {
        (result, text, None)
    } else {
        // Its rows were judged when it was sealed; what restated it since were targets or persons.
        let sealed = WindowResult { revision: 0, ..result.clone() }.with_id().id;
        let text = message(database, &result.model, &sealed).await?;
        let text = text
            .with_context(|| format!("result {sealed}, which {} restates, is gone", result.id))?;
        (serde_json::from_str(&text)?, text, Some(result))
    };
    // The windows before it, over which its columns were ranked, with what persons made of them.
    let before = rows(
        database,
        &format!(
            "SELECT message FROM messages WHERE model = {} AND version = {} AND segment = 'all' ORDER BY \"offset\"",
            quoted(&result.model),
            quoted(&result.version)
        ),
    )
    .await?;
    let before = before.iter().filter_map(|row| row["message"].as_str());
    let before = before.map(serde_json::from_str).collect::<Result<Vec<WindowResult>, _>>()?;
    let clients = live.clients.clone();
    let again = move || recompute(&clients, &before, result, text, restated);
    spawn_blocking(again).await.context("ended early")?
}

async fn rows(database: &Database, sql: &str) -> Result<Vec<Map<String, Value>>> {
    let mut answer = database.query(sql).await?;
    let mut all = Vec::new();
    while let Some(batch) = answer.next().await? {
        all.extend(json_rows(&batch)?);
    }
    Ok(all)
}

/// A text as SQL has it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
