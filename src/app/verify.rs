//! `vigie verify`: is every input offset accounted for exactly once?

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Table};

use crate::app::terminal::{count, print};
use crate::app::{ConfigFile, Outcome, load};
use crate::stream::{Clients, Finding, audit};

/// What `vigie verify` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie verify
  vigie verify --config vigie.toml --patience 120

Exit codes: 0 exact, 1 not exact or not to be judged, 2 an error.")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// How long to wait until all partitions of the tally log are equally far, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
}

/// Runs `vigie verify`.
pub(super) fn run(args: &VerifyArgs) -> Result<Outcome> {
    let settings = load::settings(&args.file.config)?;
    let clients = Clients::new(&settings.kafka, "verify");
    let audit = audit(&clients, args.patience)?;
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "lane",
        "offsets",
        "sealed",
        "open",
        "late",
        "rejected",
        "quarantined",
        "filtered",
        "targets",
        "lost",
        "excluded",
        "",
    ]);
    for lane in &audit.lanes {
        let fates = &lane.fates;
        let number = |number: u64| Cell::new(count(number)).set_alignment(CellAlignment::Right);
        let finding = match &lane.finding {
            Finding::Exact => "exact".to_owned(),
            Finding::Differs { input, ledgers } => format!(
                "NOT EXACT: the topic holds {} records ({input}), the ledgers count {} ({ledgers})",
                count(input.count),
                count(ledgers.count)
            ),
            Finding::Published { results, ledgers } => format!(
                "NOT EXACT: the results are made of {} records ({results}), the ledgers count {} as published ({ledgers})",
                count(results.count),
                count(ledgers.count)
            ),
            Finding::Moving { between: (least, greatest) } => format!(
                "NOT JUDGED: partitions of the tally log stand between {least} and {greatest}; is an instance missing, or are events still coming?"
            ),
            Finding::Unjoined { partition, at } => format!(
                "NOT JUDGED: partition {partition} of the join log has come to {}; is an instance missing, or are targets still on their way?",
                at.map_or_else(|| "nothing of it".to_owned(), |at| at.to_string())
            ),
            Finding::Expired { first } => format!(
                "NOT JUDGED: the topic has been deleted up to offset {first}; verify before its retention does"
            ),
            Finding::Gone => "NOT JUDGED: the topic is gone, or was made again".to_owned(),
        };
        table.add_row(vec![
            Cell::new(format!("{}/{}", lane.topic, lane.partition)),
            Cell::new(format!("{} to {}", lane.span.0, lane.span.1)),
            number(fates.sealed.count),
            number(fates.open.count),
            number(fates.late.count),
            number(fates.rejected.count),
            number(fates.quarantined.count),
            number(fates.filtered.count),
            number(fates.truths.count),
            number(fates.lost),
            number(fates.excluded.count),
            Cell::new(finding),
        ]);
    }
    let mut text = format!("{table}\n");
    for id in &audit.doubled {
        let _ok = writeln!(
            text,
            "result {id} stands on {} more than once",
            settings.kafka.topics.results
        );
    }
    if audit.unreadable > 0 {
        let _ok = writeln!(
            text,
            "{} messages on {} are no window results",
            count(audit.unreadable),
            settings.kafka.topics.results
        );
    }
    let _ok = writeln!(
        text,
        "{}: {} lanes, {} results",
        if audit.is_exact() {
            "every input offset is accounted for exactly once"
        } else {
            "NOT VERIFIED"
        },
        audit.lanes.len(),
        count(audit.results)
    );
    print(&text)?;
    Ok(if audit.is_exact() { Outcome::Fine } else { Outcome::NotWell })
}
