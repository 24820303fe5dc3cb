//! The reference's own windows as results: what those of an analysis are shown beside.

use crate::profile::ReferenceWindow;
use crate::window::assemble::Heading;
use crate::window::plan::Plan;
use crate::window::result::{Dataset, WindowResult};

/// The results of the reference's windows, and those of its segments; `heading` says what is known beside of a window of
/// that index.
pub fn reference_results(
    plan: &Plan,
    heading: impl Fn(u64, &ReferenceWindow) -> Heading,
) -> (Vec<WindowResult>, Vec<WindowResult>) {
    let mut of_segments = Vec::new();
    let whole = plan.profile().windows.iter().enumerate().map(|(index, window)| {
        let heading = Heading { dataset: Dataset::Reference, ..heading(index as u64, window) };
        of_segments.extend(segments(plan, &heading.clone().bare(), index));
        heading.result(plan, &window.reading, None)
    });
    (whole.collect(), of_segments)
}

/// Those of the segments of a window, for those that have a reference of their own.
fn segments(plan: &Plan, bare: &WindowResult, index: usize) -> Vec<WindowResult> {
    let result = plan.segments().iter().filter_map(|segment| {
        let of_segment = segment.plan()?;
        let reading = &of_segment.profile().windows.get(index)?.reading;
        let result = bare.of_segment(segment.name(), reading.rows);
        match reading.rows {
            0 => result.counted(segment),
            _ => Some(result.with_figures(of_segment, reading, None)),
        }
    });
    result.collect()
}
