//! What vigie says of itself: its metrics, its log, and the only clock.
//!
//! [`MEASURES`] is the table of every metric; [`Telemetry`] has a method for each thing that happens, so the names,
//! labels and units of metrics stand in this module alone. What vigie says of *models* comes from window results:
//! see [`output::prometheus`](crate::output::prometheus), which registers here.
//!
//! Knows nothing of HTTP, Kafka and files.

mod clock;
mod log;
mod measures;
mod readiness;
mod sight;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::Collector;
#[cfg(target_os = "linux")]
use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

use self::measures::Measures;
use crate::alert::{AlertEvent, Event};
use crate::intake::Reason;
use crate::join::Counts;
use crate::window::{ALL, ClosedBy, ENGINE, WindowResult};

pub use self::clock::{Clock, Hand};
pub use self::log::{LogError, LogFormat, start_log};
pub use self::measures::{MEASURES, Measure};
pub use self::readiness::Readiness;
pub use self::sight::{LaneSight, Sight};

/// What vigie says of itself. Clones speak for the same process.
///
/// ```
/// use std::time::Duration;
/// use vigie::telemetry::{Stage, Telemetry};
///
/// let telemetry = Telemetry::default();
/// telemetry.events(4_096);
/// telemetry.lag(Stage::Intake, "predictions", 3, 17);
/// telemetry.committed(Duration::from_millis(8));
/// let text = telemetry.exposition()?;
/// assert!(text.contains("vigie_events_total 4096"));
/// # Ok::<(), vigie::telemetry::ExpositionError>(())
/// ```
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    clock: Clock,
    measures: Measures,
    readiness: Readiness,
}

/// A part of the flow that reads a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Events to rows.
    Intake,
    /// Predictions and targets to realized rows.
    Join,
    /// Rows to results.
    Tally,
    /// Results and alerts to files.
    Archive,
}

impl Stage {
    /// The name used as label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Join => "join",
            Self::Tally => "tally",
            Self::Archive => "archive",
        }
    }
}

/// Why metrics cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be written: {0}")]
pub struct ExpositionError(#[from] prometheus::Error);

impl Telemetry {
    /// Telemetry that goes by this clock, with everything at zero.
    #[expect(clippy::missing_panics_doc, reason = "the table is registered in tests")]
    pub fn new(clock: Clock) -> Self {
        let registry = Registry::new();
        let measures =
            Measures::register(&registry).expect("a test registers every row of the table");
        #[cfg(target_os = "linux")]
        {
            // CPU, memory, descriptors and threads, under the names that every dashboard knows.
            let process = ProcessCollector::for_self();
            registry.register(Box::new(process)).expect("its names do not begin with `vigie_`");
        }
        measures.build_info.with_label_values(&[ENGINE]).set(1);
        // A series that begins with its first event hides that event from `rate`.
        for reason in Reason::NAMES {
            measures.dead_letters.with_label_values(&[reason]);
        }
        for (outcome, _) in outcomes(Counts::default()) {
            measures.joined.with_label_values(&[outcome]);
        }
        for closed_by in ClosedBy::ALL {
            measures.windows.with_label_values(&[closed_by.as_str()]);
        }
        for event in Event::ALL {
            measures.alert_events.with_label_values(&[event.as_str()]);
        }
        let readiness = Readiness::starting();
        Self { inner: Arc::new(Inner { registry, clock, measures, readiness }) }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Whether the process does yet what it is there for.
    pub fn readiness(&self) -> &Readiness {
        &self.inner.readiness
    }

    // === What intake says

    /// Records were read.
    pub fn events(&self, records: u64) {
        self.measures().events.inc_by(records);
    }

    /// The filter of their model left records out.
    pub fn filtered(&self, records: u64) {
        self.measures().filtered_events.inc_by(records);
    }

    /// Predictions have no id, where targets are waited for.
    pub fn without_id(&self, records: u64) {
        self.measures().without_id.inc_by(records);
    }

    /// A record could not be read.
    pub fn dead_letter(&self, reason: &Reason) {
        self.measures().dead_letters.with_label_values(&[reason.name()]).inc();
    }

    /// So many lanes are read by this instance.
    pub fn lanes(&self, open: usize) {
        self.measures().lanes.set(number(open));
    }

    /// So many records of a partition have not been taken; a lane that is read is not stopped.
    pub fn lag(&self, stage: Stage, topic: &str, partition: i32, records: i64) {
        let labels = [stage.as_str(), topic, &partition.to_string()];
        self.measures().lag.with_label_values(&labels).set(records.max(0));
        if stage == Stage::Intake {
            forget(self.measures().lane_stopped.remove_label_values(&[topic, labels[2]]));
        }
    }

    /// A lane is stopped and needs a hand: its lag is not known any more.
    pub fn lane_stopped(&self, topic: &str, partition: i32) {
        self.lane_released(topic, partition);
        let labels = [topic, &partition.to_string()];
        self.measures().lane_stopped.with_label_values(&labels).set(1);
    }

    /// Intake begins anew from what is committed.
    pub fn intake_restarted(&self) {
        self.measures().intake_restarts.inc();
    }

    /// A lane cannot be read now, for this reason.
    pub fn lane_waits(&self, topic: &str, partition: i32, reason: &str) {
        self.readiness().wait_for(&lane_part(topic, partition), reason);
    }

    /// A lane can be read again.
    pub fn lane_reads(&self, topic: &str, partition: i32) {
        self.readiness().done(&lane_part(topic, partition));
    }

    /// A lane is another instance's now.
    pub fn lane_released(&self, topic: &str, partition: i32) {
        self.lane_reads(topic, partition);
        let partition = &partition.to_string();
        let labels = [Stage::Intake.as_str(), topic, partition];
        forget(self.measures().lag.remove_label_values(&labels));
        forget(self.measures().lane_stopped.remove_label_values(&[topic, partition]));
    }

    // === What the join says

    /// A join partition has what waits.
    pub fn join_ready(&self, partition: i32) {
        self.readiness().done(&join_part(partition));
        forget(self.measures().join_stopped.remove_label_values(&[&partition.to_string()]));
    }

    /// A join partition does not have it yet, for this reason.
    pub fn join_waits(&self, partition: i32, reason: &str) {
        self.readiness().wait_for(&join_part(partition), reason);
    }

    /// A join partition begins anew from what is kept.
    pub fn join_restarted(&self, partition: i32) {
        self.measures().join_restarts.with_label_values(&[&partition.to_string()]).inc();
    }

    /// A join partition is stopped and needs a hand.
    pub fn join_stopped(&self, partition: i32) {
        self.measures().join_stopped.with_label_values(&[&partition.to_string()]).set(1);
    }

    /// A join partition is another instance's now. `log` is the topic that it reads.
    pub fn join_released(&self, log: &str, partition: i32) {
        self.readiness().done(&join_part(partition));
        let partition = &partition.to_string();
        let measures = self.measures();
        for of_partition in [&measures.join_stopped, &measures.pending] {
            forget(of_partition.remove_label_values(&[partition]));
        }
        forget(measures.lag.remove_label_values(&[Stage::Join.as_str(), log, partition]));
    }

    /// So many rows of a join partition are kept: of ids that have predictions or targets that wait.
    pub fn pending(&self, partition: i32, rows: u64) {
        let partition = &partition.to_string();
        self.measures()
            .pending
            .with_label_values(&[partition])
            .set(i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// A batch was joined: what had become of predictions and targets before and after it.
    pub fn joined(&self, before: Counts, after: Counts) {
        for ((outcome, before), (_, after)) in outcomes(before).into_iter().zip(outcomes(after)) {
            let counter = self.measures().joined.with_label_values(&[outcome]);
            counter.inc_by(after.saturating_sub(before));
        }
    }

    // === What tally says

    /// A tally partition has its state (`true`), or has to read it back first.
    pub fn tally_ready(&self, partition: i32, ready: bool) {
        let part = tally_part(partition);
        if ready {
            self.readiness().done(&part);
        } else {
            self.readiness().wait_for(&part, "its state is read back");
        }
        let partition = &partition.to_string();
        self.measures().tally_ready.with_label_values(&[partition]).set(i64::from(ready));
        forget(self.measures().tally_stopped.remove_label_values(&[partition]));
    }

    /// A tally partition begins anew from what is committed, for this reason.
    pub fn restarted(&self, partition: i32, reason: &str) {
        self.readiness().wait_for(&tally_part(partition), reason);
        self.measures().tally_restarts.with_label_values(&[&partition.to_string()]).inc();
    }

    /// A tally partition is stopped and needs a hand.
    pub fn tally_stopped(&self, partition: i32) {
        self.readiness().wait_for(&tally_part(partition), "it is stopped; the log says why");
        let partition = &partition.to_string();
        self.measures().tally_ready.with_label_values(&[partition]).set(0);
        self.measures().tally_stopped.with_label_values(&[partition]).set(1);
    }

    /// A tally partition is another instance's now. `log` is the topic that it reads.
    pub fn tally_released(&self, log: &str, partition: i32) {
        self.readiness().done(&tally_part(partition));
        let partition = &partition.to_string();
        let measures = self.measures();
        for of_partition in [
            &measures.tally_ready,
            &measures.tally_stopped,
            &measures.open_windows,
            &measures.open_windows_bytes,
        ] {
            forget(of_partition.remove_label_values(&[partition]));
        }
        forget(measures.lag.remove_label_values(&[Stage::Tally.as_str(), log, partition]));
    }

    /// So many windows of a tally partition are open, and hold so many bytes.
    pub fn open_windows(&self, partition: i32, windows: usize, bytes: usize) {
        let partition = &partition.to_string();
        self.measures().open_windows.with_label_values(&[partition]).set(number(windows));
        self.measures().open_windows_bytes.with_label_values(&[partition]).set(number(bytes));
    }

    /// Results, alerts and state were committed; it took so long.
    pub fn committed(&self, took: Duration) {
        self.measures().commit_duration.observe(took.as_secs_f64());
    }

    /// A result was committed for the first time, so long after the record that completed its window was appended.
    ///
    /// What is read back after a take-over was counted by whoever published it.
    /// Those of segments come with it and are counted nowhere.
    pub fn sealed(&self, result: &WindowResult, delay: Duration) {
        if result.segment != ALL {
            return;
        }
        let measures = self.measures();
        measures.windows.with_label_values(&[result.closed_by.as_str()]).inc();
        measures.seal_delay.observe(delay.as_secs_f64());
        if result.revision == 0 {
            measures.late_events.inc_by(result.late_rows);
            measures.quarantined_events.inc_by(result.quarantined_rows);
        }
    }

    /// An alert event was committed.
    pub fn alerted(&self, event: &AlertEvent) {
        self.measures().alert_events.with_label_values(&[event.event.as_str()]).inc();
    }

    // === What the archive says

    /// A file was written to the archive.
    pub fn archived(&self) {
        self.measures().archive_files.inc();
    }

    /// The archive could not be written, or its topics not be read.
    pub fn archive_failed(&self) {
        self.measures().archive_failures.inc();
    }

    /// So many offsets are missing from the archive for good.
    pub fn archive_lost(&self, offsets: u64) {
        self.measures().archive_lost.inc_by(offsets);
    }

    /// A partition is archived by another instance now.
    pub fn archive_released(&self, topic: &str, partition: i32) {
        let labels = [Stage::Archive.as_str(), topic, &partition.to_string()];
        forget(self.measures().lag.remove_label_values(&labels));
    }

    // === What shows it

    /// Series were not shown, being beyond the limit.
    pub fn series_dropped(&self, series: u64) {
        self.measures().series_dropped.inc_by(series);
    }

    /// Has a collector's families exposed with the others.
    ///
    /// # Errors
    /// Where a family has a name that is none, or that another has.
    pub fn register(&self, collector: Box<dyn Collector>) -> Result<(), ExpositionError> {
        Ok(self.inner.registry.register(collector)?)
    }

    /// Every metric in Prometheus' text format, families by name. Takes about 2 us a series: not for async code.
    ///
    /// # Errors
    /// Where a collector gives what cannot be written.
    pub fn exposition(&self) -> Result<String, ExpositionError> {
        Ok(TextEncoder::new().encode_to_string(&self.inner.registry.gather())?)
    }

    fn measures(&self) -> &Measures {
        &self.inner.measures
    }
}

impl Default for Telemetry {
    /// By the machine's clock.
    fn default() -> Self {
        Self::new(Clock::machine())
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("clock", &self.inner.clock).finish_non_exhaustive()
    }
}

/// What became of predictions and targets, by the label of its series.
fn outcomes(counts: Counts) -> [(&'static str, u64); 6] {
    [
        ("prediction", counts.predictions),
        ("repeated", counts.repeated),
        ("target", counts.targets),
        ("without_effect", counts.without_effect),
        ("unmatched", counts.unmatched),
        ("expired", counts.expired),
    ]
}

fn lane_part(topic: &str, partition: i32) -> String {
    format!("lane {topic}/{partition}")
}

fn join_part(partition: i32) -> String {
    format!("join partition {partition}")
}

fn tally_part(partition: i32) -> String {
    format!("tally partition {partition}")
}

fn number(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

/// That there was no such series is as good.
fn forget(removed: prometheus::Result<()>) {
    drop(removed);
}
