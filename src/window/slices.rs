//! Where the model does badly in a window, without targets: the slices whose expected loss is greatest.

use crate::metric::{Kind, Measure, Metric};
use crate::profile::{
    Cells, FoundSlice, KeyedRows, Outputs, Profile, Regression, RowOutputs, Sample, SliceChange,
    SliceLoss, SlicesReading, SlicesSearched, in_words,
};
use crate::stats::{
    CellRange, Found, LEVEL, Loss, Searched, Sliced, Undefined, normal_tail, worst_slices,
};
use crate::window::result::{Figure, Method};

/// With fewer rows of a slice in the reference's sample nothing is said of what it was.
const LEAST_IN_REFERENCE: u64 = 30;

/// How the slices of a model's windows are told and what they were in the reference.
#[derive(Clone, Debug)]
pub(super) struct SlicesPlan {
    loss: SliceLoss,
    /// At most so many are named.
    most: usize,
    cells: Cells,
    /// The reference's sample, with the losses that are expected of its rows.
    reference: Sliced,
}

impl SlicesPlan {
    /// `None` where nothing is asked for, or where nothing says what loss to expect of a row.
    pub(super) fn new(profile: &Profile, most: u64) -> Option<Self> {
        let sample = profile.sample.as_ref().filter(|_| most > 0 && profile.can_estimate())?;
        sample.carried.as_ref()?;
        let loss = SliceLoss::of(profile)?;
        if let Outputs::Regression(regression) = &profile.outputs {
            absolute(regression)?;
        }
        let cells = Cells::of(sample);
        let reference = sliced(profile, sample, &cells, loss, &sample.rows);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Some(Self { loss, most, cells, reference })
    }

    /// The worst slices of a window's sample; `none` is why there is nothing to look at.
    pub(super) fn read(
        &self,
        profile: &Profile,
        rows: &KeyedRows,
        none: Option<Undefined>,
    ) -> Option<SlicesReading> {
        let sample = profile.sample.as_ref()?;
        let window = sliced(profile, sample, &self.cells, self.loss, rows);
        let searched = match none {
            Some(reason) => Err(reason),
            None if window.is_empty() && !rows.is_empty() => Err(Undefined::AllMissing),
            None => worst_slices(&window, self.most),
        };
        let columns = window.fields.len();
        let looked = |searched: &Searched| SlicesSearched {
            looked_at: searched.looked_at,
            columns,
            paired: searched.paired,
        };
        let found = searched.iter().flat_map(|searched| {
            searched.found.iter().filter_map(|found| {
                let condition =
                    |range: &CellRange| self.cells.condition(sample, &profile.columns, *range);
                let conditions: Vec<_> =
                    found.ranges.iter().map(condition).collect::<Option<_>>()?;
                Some(FoundSlice {
                    name: in_words(&conditions),
                    found: found.clone(),
                    share: found.of.rows as f64 / searched.rows as f64,
                    change: self.change(found),
                })
            })
        });
        Some(SlicesReading {
            loss: self.loss,
            found: found.collect(),
            searched: searched.as_ref().map(looked).map_err(|reason| *reason),
        })
    }

    /// What became of a slice since the reference.
    ///
    /// As it was chosen for its loss, its change is held to the level of all slices that were looked at.
    fn change(&self, found: &Found) -> Result<SliceChange, Undefined> {
        let was = self.reference.spread(&found.ranges).ok_or(Undefined::TooFew)?;
        if was.rows < LEAST_IN_REFERENCE {
            return Err(Undefined::TooFew);
        }
        let (value, error) = found.of.above(&was);
        if error <= 0.0 {
            return Err(Undefined::Constant);
        }
        // Either way, and half of the level for slices of either kind.
        let p_value = (4.0 * found.among as f64 * normal_tail(value.abs() / error)).min(1.0);
        Ok(SliceChange { value, error, p_value })
    }
}

/// Which of the expected losses of a regression is the absolute one.
fn absolute(regression: &Regression) -> Option<usize> {
    regression.expects().position(|(loss, _)| loss == Loss::Absolute)
}

/// The rows of a sample that have an expected loss, in cells.
fn sliced(
    profile: &Profile,
    sample: &Sample,
    cells: &Cells,
    loss: SliceLoss,
    rows: &KeyedRows,
) -> Sliced {
    let mut chosen = Vec::with_capacity(rows.len());
    let mut losses = Vec::with_capacity(rows.len());
    let mut scores = Vec::new();
    for row in 0..rows.len() {
        let outputs = sample.outputs(rows, row);
        if let Some(expected) = expected(profile, loss, &outputs, &mut scores) {
            chosen.push(row);
            losses.push(expected);
        }
    }
    Sliced { fields: cells.fields(), cells: cells.cells(rows, &chosen), losses }
}

/// The loss that is expected of a row; `None` where nothing says it.
///
/// Of a classifier by its calibrated probabilities: that of a wrong prediction, or without predictions the log loss, which is
/// their entropy. Of a regression by the trees that expect its absolute error.
fn expected(
    profile: &Profile,
    loss: SliceLoss,
    row: &RowOutputs<'_>,
    likely: &mut Vec<f64>,
) -> Option<f64> {
    likely.clear();
    likely.extend_from_slice(row.numbers);
    if likely.is_empty() || likely.iter().any(|number| number.is_nan()) {
        return None;
    }
    match &profile.outputs {
        Outputs::None => return None,
        Outputs::Regression(regression) => {
            let expected = row.losses.get(absolute(regression)?).copied();
            return expected.filter(|loss| loss.is_finite());
        }
        Outputs::Binary(binary) => {
            let score = likely[0];
            let calibration = binary.calibration.as_ref();
            let positive = calibration.map_or(score, |of| of.probability(score)).clamp(0.0, 1.0);
            *likely = vec![1.0 - positive, positive];
        }
        Outputs::Multiclass(several) => several.probabilities(likely),
    }
    match loss {
        // A class that is none of the model's is wrong.
        SliceLoss::ZeroOne => Some(1.0 - likely.get(row.predicted?).copied().unwrap_or(0.0)),
        SliceLoss::Log | SliceLoss::Absolute => {
            let of = likely.iter().filter(|likely| **likely > 0.0);
            Some(of.map(|likely| -likely * libm::log(*likely)).sum())
        }
    }
}

/// Slices as figures, one after the other: of each its excess first, which ranks it, its loss, its share, and how far that is
/// above what it was in the reference, which is a breach where the window has rows enough to be `judged`.
pub(super) fn figures(reading: &SlicesReading, judged: bool) -> Vec<Figure> {
    let of: Measure = reading.loss.measure();
    let method = match reading.loss {
        SliceLoss::ZeroOne | SliceLoss::Log => Method::Cbpe,
        SliceLoss::Absolute => Method::Dle,
    };
    let figure = |metric: Metric, name: Option<&str>| Figure {
        method: Some(method),
        column_name: name.map(str::to_owned),
        of: Some(of.clone()),
        ..Figure::bare(Kind::Diagnosis, metric)
    };
    let searched = match reading.searched {
        Ok(searched) => searched,
        Err(reason) => {
            let status = reason.into();
            return vec![Figure { status, ..figure(Metric::SlicesExamined, None) }];
        }
    };
    let count = |metric: Metric, count: f64| Figure { value: Some(count), ..figure(metric, None) };
    let mut figures = vec![count(Metric::SlicesExamined, searched.looked_at as f64)];
    if searched.paired < searched.columns {
        let unpaired = searched.columns - searched.paired;
        figures.push(count(Metric::SliceColumnsUnpaired, unpaired as f64));
    }
    for slice in &reading.found {
        let found = &slice.found;
        let of_slice = |metric| figure(metric, Some(&slice.name));
        let measured = |metric, value: f64, error: f64, p_value: f64| Figure {
            value: Some(value),
            sampling_error: Some(error),
            lower_confidence: Some(value - found.reach * error),
            upper_confidence: Some(value + found.reach * error),
            p_value: Some(p_value),
            ..of_slice(metric)
        };
        figures.push(measured(Metric::SliceExcess, found.excess, found.error, found.p_value));
        figures.push(Figure { value: Some(found.of.mean), ..of_slice(Metric::SliceLoss) });
        figures.push(Figure { value: Some(slice.share), ..of_slice(Metric::SliceShare) });
        figures.push(match slice.change {
            Ok(change) => Figure {
                breach: judged.then_some(change.value > 0.0 && change.p_value <= LEVEL),
                ..measured(Metric::SliceChange, change.value, change.error, change.p_value)
            },
            Err(reason) => Figure { status: reason.into(), ..of_slice(Metric::SliceChange) },
        });
    }
    figures
}
