//! From figures to what is published.

use jiff::Timestamp;

use crate::profile::Reading;
use crate::window::plan::Plan;
use crate::window::realized::Outcome;
use crate::window::result::{ClosedBy, Dataset, Figure, LaneInput, SCHEMA, Status, WindowResult};
use crate::window::segments::SegmentPlan;

/// The version of vigie.
pub const ENGINE: &str = env!("CARGO_PKG_VERSION");

/// What is known of a window beside its figures.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Reference or analysis.
    pub dataset: Dataset,
    /// From 0 in each data set.
    pub index: u64,
    /// Start and end in microseconds since 1970 UTC, end exclusive.
    pub span: Option<(i64, i64)>,
    /// First and last row in a file.
    pub row_span: Option<(u64, u64)>,
    /// Rows.
    pub rows: u64,
    /// What ended it.
    pub closed_by: ClosedBy,
    /// Rows that came too late for their window, met meanwhile.
    pub late: u64,
    /// Records that could not be read, met meanwhile.
    pub rejected: u64,
    /// Rows from the future, met meanwhile.
    pub quarantined: u64,
    /// Lanes that were not waited for.
    pub lanes_left_out: Vec<String>,
    /// Its records by lane.
    pub inputs: Vec<LaneInput>,
    /// The epoch that last changed the model.
    pub epoch: u64,
    /// Hash of the profile.
    pub profile: String,
    /// Hash of the model's settings.
    pub settings: String,
}

/// The segment that is everything.
pub const ALL: &str = "all";

impl Heading {
    /// That of some rows of a model version, of which nothing else is known.
    pub fn of_rows(model: &str, version: &str, rows: u64) -> Self {
        Self {
            model: model.to_owned(),
            version: version.to_owned(),
            dataset: Dataset::Analysis,
            index: 0,
            span: None,
            row_span: None,
            rows,
            closed_by: ClosedBy::End,
            late: 0,
            rejected: 0,
            quarantined: 0,
            lanes_left_out: Vec::new(),
            inputs: Vec::new(),
            epoch: 0,
            profile: String::new(),
            settings: String::new(),
        }
    }

    /// The result without what is measured.
    pub fn bare(self) -> WindowResult {
        self.with(Vec::new())
    }

    /// The result of a window that a profile serves.
    pub fn result(self, plan: &Plan, reading: &Reading, outcome: Option<&Outcome>) -> WindowResult {
        self.with(Vec::new()).with_figures(plan, reading, outcome)
    }

    /// The result of a window that no profile serves: how many rows it had.
    pub fn result_without_profile(self) -> WindowResult {
        let rows = self.rows as f64;
        self.with(vec![Figure::count(rows, Status::NoProfile)])
    }

    fn with(self, figures: Vec<Figure>) -> WindowResult {
        WindowResult {
            schema: SCHEMA,
            engine: ENGINE.to_owned(),
            id: String::new(),
            segment: ALL.to_owned(),
            dataset: self.dataset,
            window_index: self.index,
            window_start: self.span.map(|(start, _)| utc(start)),
            window_end: self.span.map(|(_, end)| utc(end)),
            window_start_row: self.row_span.map(|(start, _)| start),
            window_end_row: self.row_span.map(|(_, end)| end),
            window_rows: self.rows,
            closed_by: self.closed_by,
            late_rows: self.late,
            rejected_rows: self.rejected,
            quarantined_rows: self.quarantined,
            lanes_left_out: self.lanes_left_out,
            revision: 0,
            revision_cause: None,
            reason: None,
            is_final: true,
            coverage: None,
            targets: None,
            inputs: self.inputs,
            epoch: self.epoch,
            profile: self.profile,
            settings: self.settings,
            model: self.model,
            version: self.version,
            figures,
            distributions: Vec::new(),
        }
        .with_id()
    }
}

impl WindowResult {
    /// What the result of a segment of the window begins as, which has so many rows. What concerns the whole alone stays
    /// there: records that are in no window, and where the rows lie.
    #[must_use]
    pub fn of_segment(&self, segment: &str, rows: u64) -> Self {
        Self {
            segment: segment.to_owned(),
            window_rows: rows,
            late_rows: 0,
            rejected_rows: 0,
            quarantined_rows: 0,
            coverage: None,
            targets: None,
            inputs: Vec::new(),
            figures: Vec::new(),
            distributions: Vec::new(),
            ..self.clone()
        }
        .with_id()
    }

    /// The result of a segment that has nothing to be judged: no rows, or none in the reference to hold them against.
    /// `None` where it has neither.
    pub fn counted(self, segment: &SegmentPlan) -> Option<Self> {
        let status = match (self.window_rows, segment.plan()) {
            (0, None) => return None,
            (0, Some(_)) => Status::Empty,
            (1.., _) => Status::NoReference,
        };
        let figures = vec![Figure::count(self.window_rows as f64, status)];
        Some(Self { figures, ..self })
    }

    /// With what was measured of its rows.
    #[must_use]
    pub fn with_figures(self, plan: &Plan, reading: &Reading, outcome: Option<&Outcome>) -> Self {
        let coverage = match (outcome, &reading.realized) {
            (Some(outcome), _) => Some(outcome.coverage()),
            (None, Some(realized)) => Some(match reading.rows {
                0 => 0.0,
                rows => realized.usable() as f64 / rows as f64,
            }),
            (None, None) => None,
        };
        Self { coverage, figures: plan.figures(reading, outcome), ..self }
    }

    /// With the id that follows from what it is.
    #[must_use]
    pub fn with_id(mut self) -> Self {
        let dataset = match self.dataset {
            Dataset::Reference => "reference/",
            Dataset::Analysis => "",
        };
        let Self { model, version, epoch, window_index, segment, revision, .. } = &self;
        self.id = format!("{model}/{version}/{dataset}{epoch}/{window_index}/{segment}/{revision}");
        self
    }
}

/// Microseconds since 1970 as RFC 3339 in UTC; what lies outside of the years -9999 to 9999 as its nearest end.
pub fn utc(microseconds: i64) -> String {
    let clamped =
        microseconds.clamp(Timestamp::MIN.as_microsecond() + 1, Timestamp::MAX.as_microsecond());
    match Timestamp::from_microsecond(clamped) {
        Ok(time) => time.to_string(),
        Err(_) => Timestamp::UNIX_EPOCH.to_string(),
    }
}
