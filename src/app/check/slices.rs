//! The worst slices of an analysis, as a table.

use std::collections::BTreeMap;

use comfy_table::{Attribute, Cell};

use crate::app::check::table::plain;
use crate::app::terminal::{count, figure};
use crate::history::{SliceView, SlicesView};
use crate::metric::{Measure, Metric};
use crate::window::WindowResult;

/// How many slices are named.
const MOST: usize = 5;
/// A change is told where its probability by chance is at most this.
const LEVEL: f64 = 0.05;

/// A slice over the windows that name it.
struct Told {
    windows: usize,
    /// Excess times share, over the windows.
    held: f64,
    worst: SliceView,
}

/// The slices that hold most of the expected loss that is too much, over all windows of the analysis; nothing where nobody
/// asks for them, and a line where none stands out.
pub(super) fn table(analysis: &[WindowResult]) -> String {
    let found: Vec<SlicesView> = analysis.iter().filter_map(SlicesView::of).collect();
    let looked = found.iter().filter(|window| window.examined.is_some()).count();
    if looked == 0 {
        return String::new();
    }
    let mut slices: BTreeMap<&str, Told> = BTreeMap::new();
    for slice in found.iter().flat_map(|window| &window.slices) {
        let held = held(slice);
        let told = slices.entry(&slice.name).or_insert_with(|| Told {
            windows: 0,
            held: 0.0,
            worst: slice.clone(),
        });
        told.windows += 1;
        told.held += held;
        if held > self::held(&told.worst) {
            told.worst = slice.clone();
        }
    }
    if slices.is_empty() {
        return format!(
            "\n  no slice is expected to do worse than chance explains, in any of {looked} windows\n"
        );
    }
    let of = found.iter().find_map(|window| window.of.clone());
    let (loss, unit) = match &of {
        Some(Measure::Metric(Metric::Accuracy)) => ("wrong predictions", true),
        Some(Measure::Metric(Metric::Mae)) => ("absolute error", false),
        _ => ("log loss", false),
    };
    let written = |value: Option<f64>| match value {
        Some(value) if unit => format!("{} %", figure(100.0 * value)),
        Some(value) => figure(value),
        None => String::new(),
    };
    let mut all: Vec<(&str, Told)> = slices.into_iter().collect();
    all.sort_by(|a, b| b.1.held.total_cmp(&a.1.held).then_with(|| a.0.cmp(b.0)));
    let mut table = plain();
    let expected = format!("expected {loss}");
    let header =
        ["worst slices", "windows", "share of rows", &expected, "above all", "since the reference"];
    table.set_header(header.map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    for (name, told) in all.iter().take(MOST) {
        let worst = &told.worst;
        let change = match (worst.change, worst.change_p_value) {
            (None, _) => "too few rows there".to_owned(),
            (Some(change), Some(p)) if p <= LEVEL && change > 0.0 => {
                format!("worse by {}", written(Some(change)))
            }
            (Some(change), Some(p)) if p <= LEVEL => {
                format!("better by {}", written(Some(-change)))
            }
            _ => "as it was".to_owned(),
        };
        let share = worst.share.map_or_else(String::new, |of| format!("{} %", figure(100.0 * of)));
        table.add_row([
            (*name).to_owned(),
            format!("{} of {looked}", told.windows),
            share,
            written(worst.loss),
            written(worst.excess),
            change,
        ]);
    }
    let more = all.len().saturating_sub(MOST);
    let more = if more > 0 {
        format!("  and {} slices more\n", count(more as u64))
    } else {
        String::new()
    };
    format!("\n{table}\n{more}")
}

/// How much of all loss is too much for it.
fn held(slice: &SliceView) -> f64 {
    slice.excess.unwrap_or(0.0) * slice.share.unwrap_or(0.0)
}
