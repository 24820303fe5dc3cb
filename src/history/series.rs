//! One figure over the windows of a table.

use crate::history::numbers::{Numbers, put};
use crate::metric::{Kind, Measure};
use crate::window::{Figure, Method, Status};

/// What tells figures of a window apart, in the order in which they are shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) metric: Measure,
    pub(super) of: Option<Measure>,
    pub(super) method: Option<Method>,
    pub(super) column: Option<String>,
}

impl Key {
    pub(super) fn of(figure: &Figure) -> Self {
        Self {
            kind: figure.kind,
            metric: figure.metric.clone(),
            of: figure.of.clone(),
            method: figure.method,
            column: figure.column_name.clone(),
        }
    }

    /// Whether a figure is one of these.
    pub(super) fn is_of(&self, figure: &Figure) -> bool {
        self.kind == figure.kind
            && self.column == figure.column_name
            && self.metric == figure.metric
            && self.method == figure.method
            && self.of == figure.of
    }

    /// Whether targets restate it.
    pub(super) fn is_restated(&self) -> bool {
        is_restated(self.kind, &self.metric)
    }

    /// Whether seven digits are enough: of what is not performance.
    fn is_short(&self) -> bool {
        !matches!(self.kind, Kind::Estimated | Kind::Realized | Kind::Diagnosis)
    }
}

/// Whether targets restate such a figure.
pub(super) fn is_restated(kind: Kind, metric: &Measure) -> bool {
    kind == Kind::Realized || metric.metric().rests_on_targets()
}

/// A figure over windows.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) key: Key,
    pub(super) value: Numbers,
    pub(super) sampling_error: Numbers,
    /// Of performance alone: it follows from value and error.
    pub(super) lower_confidence: Numbers,
    pub(super) upper_confidence: Numbers,
    pub(super) lower_threshold: Numbers,
    pub(super) upper_threshold: Numbers,
    pub(super) p_value: Numbers,
    /// Whether there is one in a window, its breach and its status.
    marks: Vec<u8>,
    /// In how many windows there is one.
    present: usize,
}

/// No such figure in a window.
const NONE: u8 = 0;

/// Every status, in the order of the enum: marks hold their numbers.
const STATUSES: [Status; 15] = [
    Status::Ok,
    Status::Empty,
    Status::AllMissing,
    Status::Constant,
    Status::OneClass,
    Status::TooFew,
    Status::Infinite,
    Status::Negative,
    Status::LowCoverage,
    Status::NoTargets,
    Status::StratumWithoutTargets,
    Status::NoProfile,
    Status::NotInData,
    Status::NoReference,
    Status::OutsideSupport,
];

fn mark(figure: &Figure) -> u8 {
    let status = figure.status as u8;
    let breach = match figure.breach {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    };
    1 + 3 * status + breach
}

impl Series {
    pub(super) fn new(key: Key) -> Self {
        let none = || Numbers::Same(None);
        Self {
            key,
            value: none(),
            sampling_error: none(),
            lower_confidence: none(),
            upper_confidence: none(),
            lower_threshold: none(),
            upper_threshold: none(),
            p_value: none(),
            marks: Vec::new(),
            present: 0,
        }
    }

    /// Whether there is one in a window.
    pub(super) fn has(&self, place: usize) -> bool {
        self.marks.get(place).is_some_and(|&mark| mark != NONE)
    }

    /// In how many windows there is one.
    pub(super) fn present(&self) -> usize {
        self.present
    }

    pub(super) fn breach(&self, place: usize) -> Option<bool> {
        match (self.marks.get(place)?.checked_sub(1)?) % 3 {
            0 => None,
            breach => Some(breach == 2),
        }
    }

    pub(super) fn status(&self, place: usize) -> Option<Status> {
        STATUSES.get(usize::from(self.marks.get(place)?.checked_sub(1)? / 3)).copied()
    }

    /// Takes the figure of a window.
    pub(super) fn set(&mut self, place: usize, figure: &Figure) {
        let others = self.present - usize::from(self.has(place));
        let (short, alone) = (self.key.is_short(), others == 0);
        let length = self.marks.len().max(place + 1);
        let performance = !short;
        let set = |numbers: &mut Numbers, number: Option<f64>| {
            numbers.set(place, length, number, short, alone);
        };
        set(&mut self.value, figure.value);
        set(&mut self.sampling_error, figure.sampling_error);
        if performance {
            set(&mut self.lower_confidence, figure.lower_confidence);
            set(&mut self.upper_confidence, figure.upper_confidence);
        }
        set(&mut self.lower_threshold, figure.lower_threshold);
        set(&mut self.upper_threshold, figure.upper_threshold);
        set(&mut self.p_value, figure.p_value);
        put(&mut self.marks, place, mark(figure), NONE);
        self.present = others + 1;
    }

    /// There is none in a window any more.
    pub(super) fn clear(&mut self, place: usize) {
        if self.has(place) {
            self.marks[place] = NONE;
            self.present -= 1;
        }
    }

    /// The figure of a window, as far as it was kept.
    pub(super) fn figure(&self, place: usize) -> Option<Figure> {
        Some(Figure {
            kind: self.key.kind,
            metric: self.key.metric.clone(),
            method: self.key.method,
            column_name: self.key.column.clone(),
            of: self.key.of.clone(),
            // Ranks are kept by themselves.
            ranked_by: None,
            status: self.status(place)?,
            breach: self.breach(place),
            value: self.value.get(place),
            sampling_error: self.sampling_error.get(place),
            lower_confidence: self.lower_confidence.get(place),
            upper_confidence: self.upper_confidence.get(place),
            lower_threshold: self.lower_threshold.get(place),
            upper_threshold: self.upper_threshold.get(place),
            p_value: self.p_value.get(place),
        })
    }

    fn numbers(&mut self) -> [&mut Numbers; 7] {
        [
            &mut self.value,
            &mut self.sampling_error,
            &mut self.lower_confidence,
            &mut self.upper_confidence,
            &mut self.lower_threshold,
            &mut self.upper_threshold,
            &mut self.p_value,
        ]
    }

    /// Makes room for another window at a place.
    pub(super) fn insert(&mut self, place: usize) {
        if place < self.marks.len() {
            self.marks.insert(place, NONE);
        }
        for numbers in self.numbers() {
            numbers.insert(place);
        }
    }

    /// Forgets the first windows.
    pub(super) fn forget(&mut self, windows: usize) {
        let gone = self.marks.drain(..windows.min(self.marks.len()));
        self.present -= gone.filter(|&mark| mark != NONE).count();
        for numbers in self.numbers() {
            numbers.forget(windows);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let numbers = [
            &self.value,
            &self.sampling_error,
            &self.lower_confidence,
            &self.upper_confidence,
            &self.lower_threshold,
            &self.upper_threshold,
            &self.p_value,
        ];
        let column = self.key.column.as_ref().map_or(0, String::capacity);
        size_of::<Self>()
            + column
            + self.marks.capacity()
            + numbers.map(Numbers::bytes).iter().sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    #[test]
    fn marks_hold_every_status_and_breach() {
        let mut series = Series::new(Key::of(&Figure::bare(Kind::Drift, Metric::Psi)));
        for status in STATUSES {
            // Whoever adds a status adds it to the table above, too.
            match status {
                Status::Ok
                | Status::Empty
                | Status::AllMissing
                | Status::Constant
                | Status::OneClass
                | Status::TooFew
                | Status::Infinite
                | Status::Negative
                | Status::LowCoverage
                | Status::NoTargets
                | Status::StratumWithoutTargets
                | Status::NoProfile
                | Status::NotInData
                | Status::NoReference
                | Status::OutsideSupport => {}
            }
            for breach in [None, Some(false), Some(true)] {
                let bare = Figure::bare(Kind::Drift, Metric::Psi);
                series.set(3, &Figure { breach, status, ..bare });
                assert_eq!((series.status(3), series.breach(3)), (Some(status), breach));
            }
        }
        assert_eq!((series.status(2), series.has(2), series.present()), (None, false, 1));
        series.clear(3);
        assert_eq!((series.figure(3), series.present()), (None, 0));
    }
}
