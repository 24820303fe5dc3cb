//! A comparison as people read it: the verdict first.

use std::fmt::Write as _;

use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};

use crate::app::compare::Found;
use crate::app::terminal::{count, figure};
use crate::app::{Outcome, is_watched};
use crate::diagnosis::{Answer, Compared, Gate, Question, Verdict};
use crate::metric::Better;
use crate::stats::{Undefined, normal_quantile};

/// Who scored what, as the command line has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Told {
    /// Both models scored the same predictions.
    Paired,
    /// Each scored its own.
    Split,
}

/// How a comparison ends without a gate.
pub(super) fn outcome(deciding: &[&Compared], sure: f64) -> Outcome {
    let verdicts = || deciding.iter().map(|one| one.verdict(sure));
    if verdicts().any(|verdict| verdict == Verdict::Worse) {
        return Outcome::NotWell;
    }
    if verdicts().all(|verdict| matches!(verdict, Verdict::Unjudged(_))) {
        return Outcome::NothingJudged;
    }
    Outcome::Fine
}

/// The verdict, what is behind it, and all figures.
pub(super) fn text(found: &Found, deciding: &[&Compared], gate: Option<Gate>, sure: f64) -> String {
    let (champion, challenger) = &found.names;
    let mut text = String::new();
    let title = if champion == challenger { "challenger".to_owned() } else { challenger.clone() };
    match deciding.first() {
        Some(first) => {
            let _ok = writeln!(text, "{title}  {}  ({})", headline(first, sure), found.over);
        }
        None => {
            let _ok =
                writeln!(text, "{title}  CANNOT JUDGE  no figure of performance that both have");
        }
    }
    let mut line = |key: &str, words: &str| {
        let _ok = writeln!(text, "  {key:<9} {words}");
    };
    for one in deciding.iter().skip(1) {
        line("also", &headline(one, sure));
    }
    if let Some(gate) = gate {
        let answer = gate.of_all(deciding);
        let each: Vec<String> = deciding.iter().map(|one| gate_said(one, gate)).collect();
        line("gate", &format!("{}  {}", answer.as_str(), each.join("; ")));
    }
    let worse = found.segments.iter().filter(|(_, figures)| {
        let is = |one: &&Compared| {
            deciding.iter().any(|d| d.kind == one.kind && d.measure == one.measure)
        };
        figures.iter().filter(is).any(|one| one.verdict(sure) == Verdict::Worse)
    });
    let worse: Vec<&str> = worse.map(|(name, _)| name.as_str()).collect();
    if !worse.is_empty() {
        line("segments", &format!("worse in {}", worse.join(", ")));
    }
    for (key, words) in &found.said {
        line(key, words);
    }
    text += &table(&found.figures, sure);
    if !found.segments.is_empty() {
        text += &by_segment(found, deciding, sure);
    }
    text
}

/// `BETTER  realized roc_auc 0.93 against 0.91, +0.02 +-0.004`.
fn headline(one: &Compared, sure: f64) -> String {
    let verdict = one.verdict(sure);
    let what = format!("{} {}", one.kind.as_str(), one.measure);
    match (&one.found, verdict) {
        (Err(reason), _) => format!("CANNOT JUDGE  {what}: {}", why(*reason)),
        (Ok(found), _) => {
            let mut said = format!(
                "{}  {what} {} against {}, {} +-{}",
                verdict.as_str().to_uppercase(),
                figure(found.challenger),
                figure(found.champion),
                signed(found.value()),
                figure(found.error)
            );
            if let Verdict::Open { needed } = verdict {
                let _ok = match needed {
                    Some(rows) => write!(
                        said,
                        "; a difference of this size would show with some {} rows",
                        count(rounded(rows))
                    ),
                    None => {
                        write!(said, "; no number of rows would show a difference of this size")
                    }
                };
            }
            said
        }
    }
}

/// Two digits are all that is known of it.
fn rounded(rows: u64) -> u64 {
    let mut unit = 1;
    while rows / unit >= 100 {
        unit *= 10;
    }
    rows.div_ceil(unit) * unit
}

fn gate_said(one: &Compared, gate: Gate) -> String {
    let (Ok(found), Some(gain)) = (&one.found, one.gain()) else {
        return format!("{} {}: no figure", one.kind.as_str(), one.measure);
    };
    let bar = gate.bar(found.champion);
    let reach = normal_quantile(gate.confidence) * found.error;
    let asked = match gate.question {
        Question::NoWorse => format!("no worse by {}", figure(-bar)),
        Question::Better if bar == 0.0 => "better".to_owned(),
        Question::Better => format!("better by {}", figure(bar)),
    };
    let surely = match gate.answer(one) {
        Answer::No => format!("at most {}", signed(gain + reach)),
        Answer::Yes => format!("at least {}", signed(gain - reach)),
        Answer::Unknown => format!("between {} and {}", signed(gain - reach), signed(gain + reach)),
    };
    let mut said =
        format!("{asked} in {} {}: the gain is surely {surely}", one.kind.as_str(), one.measure);
    if gate.answer(one) == Answer::Unknown
        && let Some(needed) = one.needed(gate.confidence, (gain - bar).abs().max(bar.abs()))
    {
        let _ok = write!(said, "; some {} rows would tell", count(rounded(needed)));
    }
    said
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", figure(value)) } else { figure(value) }
}

/// Why there is no figure.
fn why(reason: Undefined) -> &'static str {
    match reason {
        Undefined::Empty | Undefined::AllMissing => "no row has what it needs",
        Undefined::NoTargets => "no row of both has a target",
        Undefined::OneClass => "the rows are of one class, or one class is predicted",
        Undefined::TooFew => "too few rows, or a handful of them outweighs all others",
        Undefined::Infinite => "a value is infinite or too great",
        Undefined::Negative => "a value is below zero where its logarithm is wanted",
        Undefined::NotInData => "the profile expects nothing of it",
        _ => reason.as_str(),
    }
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if !is_watched() {
        // Nobody's terminal breaks the lines.
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Every figure of both.
fn table(figures: &[Compared], sure: f64) -> String {
    let mut table = plain();
    let header = [
        "  ",
        "metric",
        "champion",
        "challenger",
        "difference",
        "+-",
        "p",
        "rows",
        "challenger is",
    ];
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    for one in figures {
        let mut cells =
            vec![Cell::new(format!("  {}", one.kind.as_str())), Cell::new(one.measure.as_str())];
        match &one.found {
            Ok(found) => cells.extend([
                right(figure(found.champion)),
                right(figure(found.challenger)),
                right(signed(found.value())),
                right(figure(found.error)),
                right(one.p_value().map_or(String::new(), probability)),
            ]),
            Err(_) => cells.extend((0..5).map(|_| Cell::new(""))),
        }
        let rows = if one.rows.0 == one.rows.1 {
            count(one.rows.0)
        } else {
            format!("{}, {}", count(one.rows.0), count(one.rows.1))
        };
        cells.push(right(rows));
        cells.push(Cell::new(word(one, sure)));
        table.add_row(cells);
    }
    format!("\n{}\n", table.trim_fmt())
}

fn word(one: &Compared, sure: f64) -> String {
    let verdict = one.verdict(sure);
    match (verdict, &one.found) {
        (Verdict::Unjudged(reason), _) => format!("not judged: {}", why(reason)),
        (Verdict::Apart, Ok(found)) => {
            (if found.value() > 0.0 { "more" } else { "less" }).to_owned()
        }
        (Verdict::Open { needed: Some(rows) }, _) if one.better != Better::Neither => {
            format!("not distinguishable (needs {} rows)", count(rounded(rows)))
        }
        _ => verdict.as_str().to_owned(),
    }
}

fn probability(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// What decides, by segment.
fn by_segment(found: &Found, deciding: &[&Compared], sure: f64) -> String {
    let mut table = plain();
    let header =
        ["  segment", "", "champion", "challenger", "difference", "+-", "rows", "challenger is"];
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    for (name, figures) in &found.segments {
        for one in figures {
            if !deciding.iter().any(|d| d.kind == one.kind && d.measure == one.measure) {
                continue;
            }
            let mut cells = vec![
                Cell::new(format!("  {name}")),
                Cell::new(format!("{} {}", one.kind.as_str(), one.measure)),
            ];
            match &one.found {
                Ok(found) => cells.extend([
                    right(figure(found.champion)),
                    right(figure(found.challenger)),
                    right(signed(found.value())),
                    right(figure(found.error)),
                ]),
                Err(_) => cells.extend((0..4).map(|_| Cell::new(""))),
            }
            cells.push(right(count(one.rows.0.min(one.rows.1))));
            cells.push(Cell::new(word(one, sure)));
            table.add_row(cells);
        }
    }
    format!("\n{}\n", table.trim_fmt())
}
