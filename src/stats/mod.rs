//! Numbers in, numbers out.
//!
//! Every statistic of vigie as a pure function or a small state with `add`, `merge` and a way to read it. Each
//! states its formula, its source and the tool whose figures it equals.
//!
//! Invariants: no I/O, no clock, no names of columns or models, no global state, no unseeded randomness; NaN
//! never leaves: what has no value is [`Undefined`] with its reason (a missing score alone goes through
//! [`Calibrator::calibrate`] as it came); transcendental functions come from `libm`, so the same bytes come out
//! on every machine.
//!
//! Where a figure departs from `NannyML` 0.13.1 on purpose, its doc comment says so.

mod betting;
mod calibration;
mod classification;
mod classifier;
pub(crate) mod codec;
mod comparison;
mod components;
mod correlation;
mod decile;
mod distance;
mod doane;
#[cfg(test)]
mod draws;
mod equal_width;
mod exact_sum;
mod grid;
mod histogram;
mod moments;
mod normal;
mod regression;
mod sampling;
mod slices;
mod split;
mod strata;
mod threshold;
mod trees;
mod undefined;

pub use self::betting::{CallBets, Calls, CellBets};
pub use self::calibration::{
    Calibrator, InvalidKnots, ShuffleSplit, Split, expected_calibration_error, needs_calibration,
};
pub use self::classification::{
    Basis, Cell, Cells, Confusion, Normalization, OfOnePrediction, PostStratifiedCells,
    PostStratifiedConfusion, PostStratifiedRanking, ScoreBin, ValueNormalization, Weighed,
    average_precision, mean_average_precision, mean_roc_auc, roc_auc,
};
pub use self::classifier::{
    CODES, Coded, Lesson, MOST_ROWS, Separation, Wanted, density_ratio, relearn, separation,
};
pub use self::comparison::{
    CellSlopes, DECISIVE, Difference, Influence, Learned, Rate, confusion_of, learning_variance,
};
pub use self::components::{
    Eigen, LANES, LEADING, Products, Residual, Standardized, symmetric_eigen,
};
pub use self::correlation::{Correlation, FEWEST_PAIRS, pearson};
pub use self::decile::decile_cuts;
pub use self::distance::{
    Bounded, Chi2, DistinctValues, NewCategories, NotDistinct, Tails, chi2, hellinger,
    jensen_shannon, kolmogorov_smirnov, kolmogorov_smirnov_binned, l_infinity, psi, wasserstein,
    wasserstein_binned, wasserstein_from_gaps,
};
pub use self::doane::doane_edges;
pub use self::equal_width::{equal_width_edges, widened};
pub use self::exact_sum::{ExactSum, Scale};
pub use self::grid::Grid;
pub use self::histogram::{Histogram, Weight};
pub use self::moments::{
    fourth_central_moment, mean, median_of_sorted, pairwise_sum, population_deviation,
    sample_deviation,
};
pub use self::normal::{normal_quantile, normal_tail, two_sided};
pub use self::regression::{Loss, PostStratifiedLosses, StratumLosses, mean_loss};
pub use self::sampling::{SamplingError, confidence};
pub use self::slices::{
    CELLS, Field, Found, LEVEL, MOST_PAIRED, Range as CellRange, Searched, Sliced, Spread, Worst,
    WorstPart, chance, worst_parts, worst_slices,
};
pub use self::split::{Baseline, Effect};
pub use self::strata::StratifiedErrors;
pub use self::threshold::{Limits, Range, Threshold};
pub use self::trees::{
    Binned, Forest, ForestError, Growth, Input, MISSING_BIN, Node, Tree, boost, cuts,
};
pub use self::undefined::Undefined;
