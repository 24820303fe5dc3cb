//! The table of columns.

use crate::metric::{Measure, Metric};
use crate::window::{Figure, Method, RevisionCause, WindowResult};

/// What a row has in a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'r> {
    Text(Option<&'r str>),
    Texts(&'r [String]),
    /// RFC 3339.
    Time(Option<&'r str>),
    Whole(Option<u64>),
    Number(Option<f64>),
    Truth(Option<bool>),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Texts,
    Time,
    Whole,
    Number,
    Truth,
}

/// A column: its name, its type, and what a figure of a window has in it.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) cell: for<'r> fn(&'r WindowResult, &'r Figure) -> Cell<'r>,
}

macro_rules! columns {
    ($($name:literal $form:ident |$window:tt, $figure:tt| $cell:expr;)*) => {
        /// All columns, in the order in which they are written.
        pub(super) const COLUMNS: &[Column] = &[$(Column {
            name: $name,
            form: Form::$form,
            cell: |$window, $figure| Cell::$form($cell),
        },)*];
    };
}

columns! {
    "schema" Whole |w, _| Some(u64::from(w.schema));
    "engine" Text |w, _| Some(&w.engine);
    "id" Text |w, _| Some(&w.id);
    "model" Text |w, _| Some(&w.model);
    "version" Text |w, _| Some(&w.version);
    "segment" Text |w, _| Some(&w.segment);
    "dataset" Text |w, _| Some(w.dataset.as_str());
    "window_index" Whole |w, _| Some(w.window_index);
    "window_start" Time |w, _| w.window_start.as_deref();
    "window_end" Time |w, _| w.window_end.as_deref();
    "window_start_row" Whole |w, _| w.window_start_row;
    "window_end_row" Whole |w, _| w.window_end_row;
    "window_rows" Whole |w, _| Some(w.window_rows);
    "closed_by" Text |w, _| Some(w.closed_by.as_str());
    "late_rows" Whole |w, _| Some(w.late_rows);
    "rejected_rows" Whole |w, _| Some(w.rejected_rows);
    "quarantined_rows" Whole |w, _| Some(w.quarantined_rows);
    "lanes_left_out" Texts |w, _| &w.lanes_left_out;
    "revision" Whole |w, _| Some(w.revision);
    "revision_cause" Text |w, _| w.revision_cause.map(RevisionCause::as_str);
    "reason" Text |w, _| w.reason.as_deref();
    "final" Truth |w, _| Some(w.is_final);
    "coverage" Number |w, _| w.coverage;
    "target_rows" Whole |w, _| w.targets.as_ref().map(|targets| targets.rows);
    "repeated_rows" Whole |w, _| w.targets.as_ref().map(|targets| targets.repeated);
    "coverage_of_negative" Number |w, _| w.targets.as_ref().and_then(|targets| targets.coverage_of_negative);
    "coverage_of_positive" Number |w, _| w.targets.as_ref().and_then(|targets| targets.coverage_of_positive);
    "kind" Text |_, f| Some(f.kind.as_str());
    "metric" Text |_, f| Some(f.metric.as_str());
    "method" Text |_, f| f.method.map(Method::as_str);
    "column_name" Text |_, f| f.column_name.as_deref();
    "of" Text |_, f| f.of.as_ref().map(Measure::as_str);
    "ranked_by" Text |_, f| f.ranked_by.map(Metric::as_str);
    "value" Number |_, f| f.value;
    "sampling_error" Number |_, f| f.sampling_error;
    "lower_confidence" Number |_, f| f.lower_confidence;
    "upper_confidence" Number |_, f| f.upper_confidence;
    "lower_threshold" Number |_, f| f.lower_threshold;
    "upper_threshold" Number |_, f| f.upper_threshold;
    "p_value" Number |_, f| f.p_value;
    "breach" Truth |_, f| f.breach;
    "status" Text |_, f| Some(f.status.as_str());
    "epoch" Whole |w, _| Some(w.epoch);
    "profile" Text |w, _| Some(&w.profile);
    "settings" Text |w, _| Some(&w.settings);
}
