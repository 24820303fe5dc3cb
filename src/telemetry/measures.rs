//! The table of what vigie counts and measures of itself: one row a metric.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its name; it ends in `_total` where it only rises, and in the unit where that is not a number of things.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it counts.
    pub unit: &'static str,
    /// Its labels; each has a closed set of values: the program's, or those of settings and partitions.
    pub labels: &'static [&'static str],
    /// What it says, and what to do about it.
    pub help: &'static str,
}

macro_rules! measures {
    ($($field:ident: $handle:ident $name:literal $unit:literal $labels:tt $help:literal;)*) => {
        /// What vigie counts and measures of itself; what it says of models has a table of its own.
        pub const MEASURES: &[Measure] = &[$(Measure {
            name: $name,
            kind: $handle::KIND,
            unit: $unit,
            labels: &$labels,
            help: $help,
        },)*];

        /// A handle to every row.
        #[derive(Debug)]
        pub(super) struct Measures {
            $(pub(super) $field: $handle,)*
        }

        impl Measures {
            pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
                Ok(Self { $($field: register($name, $help, &$labels, registry)?,)* })
            }
        }
    };
}

measures! {
    build_info: IntGaugeVec "vigie_build_info" "" ["version"]
        "1, with the version of vigie.";
    events: IntCounter "vigie_events_total" "records" []
        "Records read from prediction topics. Where it stands still, nobody predicts, or vigie_lag_records grows.";
    filtered_events: IntCounter "vigie_filtered_events_total" "records" []
        "Records that the filter of their model leaves out.";
    dead_letters: IntCounterVec "vigie_dead_letters_total" "records" ["reason"]
        "Records that could not be read, by reason. The dead-letter topic holds each, and says why.";
    late_events: IntCounter "vigie_late_events_total" "rows" []
        "Rows that came after their window was sealed, and are in no figure. Where there are many, raise window.lateness.";
    quarantined_events: IntCounter "vigie_quarantined_events_total" "rows" []
        "Rows whose event time lies too far ahead, and that are in no figure. The clock or the unit of a sender is wrong.";
    lag: IntGaugeVec "vigie_lag_records" "records" ["stage", "topic", "partition"]
        "Records of a partition that a stage has not taken yet. Where it grows, the stage needs more instances or cores.";
    lanes: IntGauge "vigie_lanes" "partitions" []
        "Partitions of prediction topics that this instance reads. Where no instance has one, it is not read.";
    lane_stopped: IntGaugeVec "vigie_lane_stopped" "" ["topic", "partition"]
        "1 while a partition of a prediction topic is stopped, and needs a hand. The log says why.";
    intake_restarts: IntCounter "vigie_intake_restarts_total" "restarts" []
        "How often intake began anew from what is committed. Now and then a broker goes; again and again is a fault.";
    without_id: IntCounter "vigie_predictions_without_id_total" "records" []
        "Predictions without an id, of models that wait for targets: none will be theirs. See ground_truth.matches.";
    joined: IntCounterVec "vigie_joined_total" "events" ["outcome"]
        "Predictions and targets that the join took, and how many of them were repeated, without effect, without a match yet, or came after the wait.";
    pending: IntGaugeVec "vigie_pending_predictions" "ids" ["partition"]
        "Ids whose predictions wait for targets, or whose targets wait for predictions, by join partition.";
    join_restarts: IntCounterVec "vigie_join_restarts_total" "restarts" ["partition"]
        "How often a join partition began anew from what is kept. Now and then a broker goes; again and again is a fault.";
    join_stopped: IntGaugeVec "vigie_join_stopped" "" ["partition"]
        "1 while a join partition is stopped, and needs a hand. The log says why.";
    tally_ready: IntGaugeVec "vigie_tally_ready" "" ["partition"]
        "1 when a tally partition has its state, 0 while that is read back. Until then its models are not shown.";
    tally_restarts: IntCounterVec "vigie_tally_restarts_total" "restarts" ["partition"]
        "How often a tally partition began anew from what is committed. Now and then a broker goes; again and again is a fault.";
    tally_stopped: IntGaugeVec "vigie_tally_stopped" "" ["partition"]
        "1 while a tally partition is stopped, and needs a hand. The log says why.";
    open_windows: IntGaugeVec "vigie_open_windows" "windows" ["partition"]
        "Windows that are still filling, by tally partition.";
    open_windows_bytes: IntGaugeVec "vigie_open_windows_bytes" "bytes" ["partition"]
        "Memory of the windows that are still filling, by tally partition.";
    windows: IntCounterVec "vigie_windows_total" "windows" ["closed_by"]
        "Window results published, by what ended the window. Many by max_wait: a lane is far behind the others.";
    alert_events: IntCounterVec "vigie_alert_events_total" "events" ["event"]
        "Alert events published.";
    seal_delay: Histogram "vigie_seal_delay_seconds" "seconds" []
        "From the append of the log record that completed a window to the commit of its result.";
    commit_duration: Histogram "vigie_commit_duration_seconds" "seconds" []
        "How long it takes to write and commit results, alerts and state. Where it grows, ask the brokers.";
    archive_files: IntCounter "vigie_archive_files_total" "files" []
        "Files written to the archive.";
    archive_failures: IntCounter "vigie_archive_failures_total" "failures" []
        "How often the archive could not be written or its topics not read; it begins anew from what is there. Again and again is a fault: the log says which, nothing else waits for it.";
    archive_lost: IntCounter "vigie_archive_lost_records_total" "records" []
        "Offsets of results, alerts and rows that were deleted before they were archived, or are none that vigie can read.";
    series_dropped: IntCounter "vigie_series_dropped_total" "series" []
        "Series that results had and that were not shown, being beyond prometheus.max_series. Show less, or raise it.";
}

/// Where the steps of a histogram end, in seconds: a commit takes milliseconds, a slow lane minutes.
const STEPS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

fn register<H: Handle>(
    name: &str,
    help: &str,
    labels: &[&str],
    registry: &Registry,
) -> prometheus::Result<H> {
    let handle = H::make(name, help, labels)?;
    registry.register(Box::new(handle.clone()))?;
    Ok(handle)
}

/// A type of the `prometheus` crate that a row can be.
trait Handle: Collector + Clone + 'static {
    /// Its name in the exposition.
    const KIND: &'static str;

    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self>;
}

impl Handle for IntCounter {
    const KIND: &'static str = "counter";

    fn make(name: &str, help: &str, _: &[&str]) -> prometheus::Result<Self> {
        Self::new(name, help)
    }
}

impl Handle for IntCounterVec {
    const KIND: &'static str = "counter";

    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Handle for IntGauge {
    const KIND: &'static str = "gauge";

    fn make(name: &str, help: &str, _: &[&str]) -> prometheus::Result<Self> {
        Self::new(name, help)
    }
}

impl Handle for IntGaugeVec {
    const KIND: &'static str = "gauge";

    fn make(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Handle for Histogram {
    const KIND: &'static str = "histogram";

    fn make(name: &str, help: &str, _: &[&str]) -> prometheus::Result<Self> {
        Self::with_opts(HistogramOpts::new(name, help).buckets(STEPS.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_registered() {
        Measures::register(&Registry::new()).unwrap();
    }

    #[test]
    fn names_say_what_they_are_of() {
        for row in MEASURES {
            assert!(row.name.starts_with("vigie_"), "{}", row.name);
            assert_eq!(row.kind == "counter", row.name.ends_with("_total"), "{}", row.name);
            assert!(row.help.ends_with('.'), "{}", row.name);
            if matches!(row.unit, "seconds" | "bytes") {
                assert!(row.name.ends_with(row.unit), "{}", row.name);
            }
        }
    }
}
