//! What a change of performance comes from, read from the figures of a window.

use crate::metric::{Kind, Measure, Metric};
use crate::window::{Figure, Status};

/// An effect so many standard errors from 0 is told from it.
const ERRORS: f64 = 3.0;

/// A change of performance and its two parts.
#[derive(Clone, Copy, Debug)]
pub struct Split<'r> {
    /// What came to pass, less what did in the reference.
    pub total: &'r Figure,
    /// What the inputs explain.
    pub shift: &'r Figure,
    /// What they do not.
    pub concept: &'r Figure,
}

/// Whether a part of a change can be told from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// It can.
    Told,
    /// It may be chance.
    Chance,
    /// Too little is known.
    Unknown,
}

/// What a change comes from, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The inputs.
    Shift,
    /// The relation of inputs and target.
    Concept,
    /// Both, in the same direction.
    Both,
}

impl<'r> Split<'r> {
    /// That of a metric, where the figures have it.
    pub fn of(figures: &'r [Figure], metric: &Measure) -> Option<Self> {
        let find = |what: Metric| {
            figures.iter().find(|figure| {
                figure.kind == Kind::Diagnosis
                    && figure.metric == what
                    && figure.of.as_ref() == Some(metric)
            })
        };
        Some(Self {
            total: find(Metric::PerformanceChange)?,
            shift: find(Metric::CovariateShiftEffect)?,
            concept: find(Metric::ConceptDriftEffect)?,
        })
    }

    /// What can be told of the effect of the inputs.
    pub fn told_of_shift(&self) -> Share {
        told(self.shift)
    }

    /// What can be told of the rest.
    pub fn told_of_concept(&self) -> Share {
        told(self.concept)
    }

    /// What the change comes from: the parts that can be told from 0, and go the way that performance went.
    pub fn origin(&self) -> Option<Origin> {
        let way = self.total.value?.signum();
        let adds = |figure: &Figure| {
            told(figure) == Share::Told && figure.value.is_some_and(|value| value.signum() == way)
        };
        match (adds(self.shift), adds(self.concept)) {
            (true, true) => Some(Origin::Both),
            (true, false) => Some(Origin::Shift),
            (false, true) => Some(Origin::Concept),
            (false, false) => None,
        }
    }

    /// In words, numbers as `show` writes them, with three standard errors; `None` while nothing is known of targets.
    pub fn words(&self, show: impl Fn(f64) -> String) -> Option<String> {
        let total = self.total.value?;
        let part = |figure: &Figure| {
            let value = figure.value?;
            let error = figure.sampling_error;
            let error = error.map_or(String::new(), |e| format!(" +-{}", show(ERRORS * e)));
            let sign = if value > 0.0 { "+" } else { "" };
            let said = match told(figure) {
                Share::Told => "",
                Share::Chance => " (not distinguishable from zero)",
                Share::Unknown => " (too little is known to judge)",
            };
            Some(format!("{sign}{}{error}{said}", show(value)))
        };
        let (shift, concept) = (part(self.shift)?, part(self.concept)?);
        let size = show(total.abs());
        let moved = match told(self.total) {
            Share::Told if total > 0.0 => format!("up by {size} from the reference"),
            Share::Told => format!("down by {size} from the reference"),
            Share::Chance | Share::Unknown => "not distinguishable from the reference".to_owned(),
        };
        let metric = self.total.of.as_ref()?;
        Some(format!(
            "realized {metric} is {moved}: covariate shift {shift}, concept drift {concept}"
        ))
    }
}

/// Whether an effect can be told from 0.
fn told(figure: &Figure) -> Share {
    match (figure.value, figure.sampling_error, figure.status) {
        (Some(value), Some(error), Status::Ok) if error > 0.0 => {
            if value.abs() > ERRORS * error {
                Share::Told
            } else {
                Share::Chance
            }
        }
        _ => Share::Unknown,
    }
}
