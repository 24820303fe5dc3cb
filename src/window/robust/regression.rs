//! Of a number: how far what is expected of a loss is off where the window lies.

use crate::profile::{Measured, Regression, RegressionPerformance, RowOutputs};

/// `known` is what is expected of all rows. To it comes by how much the reference's losses are greater than what is
/// expected of them where the window lies than they are on average: in weighed means over its rows.
///
/// Source: Robins, Rotnitzky and Zhao 1994 (augmented inverse weighting: right where either the expectation or the
/// weights are); that what is left over on average is taken away makes it no worse where nothing has moved.
pub(super) fn estimate(
    outputs: &Regression,
    labelled: &[(RowOutputs<'_>, f64)],
    known: &RegressionPerformance,
) -> RegressionPerformance {
    let mut losses = known.losses;
    for (at, (loss, _)) in outputs.expects().enumerate() {
        let place = &mut losses[loss as usize];
        let Measured(Ok(expected)) = *place else { continue };
        let (mut rows, mut sum, mut weights, mut weighed) = (0.0, 0.0, 0.0, 0.0);
        for (row, weight) in labelled {
            let (Some(&prediction), Some(&expected)) = (row.numbers.first(), row.losses.get(at))
            else {
                continue;
            };
            let lost = row.target.and_then(|target| loss.of(target, prediction).ok());
            let Some(over) = lost.map(|lost| lost - expected).filter(|over| over.is_finite())
            else {
                continue;
            };
            rows += 1.0;
            sum += over;
            weights += weight;
            weighed += weight * over;
        }
        if rows > 0.0 && weights > 0.0 {
            *place = Measured(Ok((expected + (weighed / weights - sum / rows)).max(0.0)));
        }
    }
    RegressionPerformance { losses, ..*known }
}
