//! What persons ask of alerts.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;

use crate::alert::{AlertEvent, Event};
use crate::app::terminal::print;
use crate::app::{ConfigFile, Outcome, load};
use crate::batch::Act;
use crate::stream::{Clients, ask, read_topic};
use crate::telemetry::Clock;

/// What `vigie alerts list` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie alerts list
  vigie alerts list --model car-loan")]
pub(in crate::app) struct ListArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Of this model alone.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

/// What `vigie alerts ack` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie alerts ack car-loan/7/1/12 --reason \"Ada looks at it\"")]
pub(in crate::app) struct AckArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The alert's id, as its events have it.
    #[arg(value_name = "ID")]
    id: String,
    /// Who has taken it up, or why: stands in the events that follow.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// How long to wait for the answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

/// What `vigie alerts mute` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie alerts mute car-loan --until 2026-01-31T08:00:00Z --reason \"the feed is being moved\"")]
pub(in crate::app) struct MuteArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The model.
    #[arg(value_name = "MODEL")]
    model: String,
    /// Until when, in RFC 3339 (`2026-01-31T08:00:00Z`); a time that is past ends the quiet.
    #[arg(long, value_name = "TIME")]
    until: Timestamp,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// The newest event of every alert, by its id.
fn newest(clients: &Clients) -> Result<BTreeMap<String, AlertEvent>> {
    let mut newest: BTreeMap<String, AlertEvent> = BTreeMap::new();
    read_topic(clients, &clients.kafka().topics.alerts, |record| {
        let event = record.value.and_then(|value| serde_json::from_slice(value).ok());
        let Some(event): Option<AlertEvent> = event else { return };
        let known = newest.get(&event.id).map(|known| known.sequence);
        if known.is_none_or(|known| known <= event.sequence) {
            newest.insert(event.id.clone(), event);
        }
    })?;
    Ok(newest)
}

impl ListArgs {
    pub(super) fn run(&self) -> Result<Outcome> {
        let settings = load::settings(&self.file.config)?;
        let clients = Clients::new(&settings.kafka, "alerts");
        let all = newest(&clients)?;
        let open = all.values().filter(|event| {
            event.event != Event::Resolved
                && self.model.as_ref().is_none_or(|model| *model == event.model)
        });
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(["id", "severity", "since", "taken up", "muted until", "what"]);
        let mut count = 0;
        for event in open {
            count += 1;
            let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
            table.add_row([
                event.id.clone(),
                event.severity.as_str().to_owned(),
                or_none(&event.since),
                or_none(&event.acknowledged),
                or_none(&event.muted_until),
                event.summary.clone(),
            ]);
        }
        if count == 0 {
            print("no alert is open\n")?;
            return Ok(Outcome::Fine);
        }
        print(&format!("{}\n", table.trim_fmt()))?;
        Ok(Outcome::NotWell)
    }
}

impl AckArgs {
    pub(super) fn run(&self) -> Result<Outcome> {
        let settings = load::settings(&self.file.config)?;
        let clients = Clients::new(&settings.kafka, "alerts");
        if self.reason.trim().is_empty() {
            bail!("--reason: say who or why; it stands in the events that follow");
        }
        let clock = Clock::machine();
        let mut asked = false;
        loop {
            let all = newest(&clients)?;
            let Some(event) = all.get(&self.id) else {
                bail!(
                    "no alert `{}` on {}; `vigie alerts list` names those that are open",
                    self.id,
                    clients.kafka().topics.alerts
                );
            };
            if event.event == Event::Resolved {
                bail!("alert `{}` is over", self.id);
            }
            if let Some(reason) = &event.acknowledged {
                print(&format!("alert {} is taken up: {reason}\n", self.id))?;
                return Ok(Outcome::Fine);
            }
            if !asked {
                let act = Act::Acknowledge { alert: self.id.clone() };
                ask(&clients, &event.model, &self.reason, act)?;
                asked = true;
            } else if clock.running() > Duration::from_secs(self.patience) {
                bail!(
                    "the command stands in the log, but no event has come in {} s: is `vigie run` running? It is obeyed once \
                     the service comes to it; the same command again does no harm",
                    self.patience
                );
            }
            thread::sleep(Duration::from_millis(300));
        }
    }
}

impl MuteArgs {
    pub(super) fn run(&self) -> Result<Outcome> {
        let settings = load::settings(&self.file.config)?;
        let model = load::model(&settings, Some(&self.model))?;
        if self.reason.trim().is_empty() {
            bail!("--reason: say why; it stands in the log for whoever asks later");
        }
        let clients = Clients::new(&settings.kafka, "alerts");
        let act = Act::Mute { until: self.until.as_millisecond() };
        ask(&clients, &model.name, &self.reason, act)?;
        print(&format!(
            "asked: alerts of `{}` say `muted_until` {} from now on, and those that are open then are told again\n",
            model.name, self.until
        ))?;
        Ok(Outcome::Fine)
    }
}
