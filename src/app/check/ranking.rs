//! The columns of an analysis by what their drift has to do with its performance, as a table.

use std::collections::BTreeMap;

use comfy_table::{Attribute, Cell};

use crate::app::check::table::plain;
use crate::app::check::verdict::kind;
use crate::app::terminal::figure;
use crate::diagnosis::{Correlated, FEWEST, Order, Ranking, Seen};
use crate::metric::Kind;
use crate::window::{Plan, RankBy};

/// How many columns are named.
const MOST: usize = 5;

/// The columns that drifted, over all windows of the analysis: by correlation with realized performance where there is
/// any, else with estimated performance, else by breaches; then those that are out by all else that is ranked by. Nothing
/// where none has drifted, or where there are too few windows to say.
pub(super) fn tables(plan: &Plan, seen: &[Seen]) -> String {
    if plan.criteria().rank_windows == 0 || seen.len() < FEWEST {
        return String::new();
    }
    let ranking = Ranking::over(plan, seen);
    ranking.orders.iter().map(|order| table(&ranking, order)).collect()
}

fn table(ranking: &Ranking<'_>, order: &Order<'_>) -> String {
    let breaches: BTreeMap<&str, u64> = order.breaches.iter().copied().collect();
    let out = |column: &str| breaches.get(column).is_some_and(|&breaches| breaches > 0);
    let correlations = [(Kind::Estimated, &order.estimated), (Kind::Realized, &order.realized)];
    let of: Vec<(Kind, &Vec<Correlated<'_>>)> =
        correlations.into_iter().filter(|(_, ranked)| !ranked.is_empty()).collect();
    let sequence: Vec<&str> = match of.last() {
        Some((_, ranked)) => ranked.iter().map(|ranked| ranked.column).collect(),
        None => order.breaches.iter().map(|(column, _)| *column).collect(),
    };
    let named: Vec<&str> = sequence.into_iter().filter(|column| out(column)).collect();
    if named.is_empty() {
        return String::new();
    }
    let (first, verb) = match order.by {
        RankBy::Drift => ("drifted", "drifted"),
        RankBy::Metric(_) => ("out", "were out"),
    };
    let mut table = plain();
    let mut header = vec![first.to_owned(), "by".to_owned(), format!("out of {}", ranking.windows)];
    let metric = ranking.of.map_or("", |of| of.as_str());
    header.extend(
        of.iter().flat_map(|(of, _)| [format!("goes with {} {metric}", kind(*of)), "p".to_owned()]),
    );
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    for column in named.iter().take(MOST) {
        let by = order.metric_of(column).map_or("", |metric| metric.as_str());
        let out = breaches.get(column).copied().unwrap_or(0);
        let mut cells = vec![(*column).to_owned(), by.to_owned(), out.to_string()];
        for (_, ranked) in &of {
            let found = ranked.iter().find(|ranked| ranked.column == *column);
            cells.extend(match found.map(|ranked| ranked.found) {
                Some(Ok(found)) => [format!("{:.3}", found.r), figure(found.p_value)],
                Some(Err(reason)) => [reason.to_string(), String::new()],
                None => [String::new(), String::new()],
            });
        }
        table.add_row(cells);
    }
    let more = named.len().saturating_sub(MOST);
    let more = if more > 0 { format!("  and {more} more that {verb}\n") } else { String::new() };
    format!("\n{table}\n{more}")
}
