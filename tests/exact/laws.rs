//! Laws that hold for any counts: distances lie in their range, and nothing is far from itself.

use std::f64::consts::LN_2;

use proptest::prelude::*;
use vigie::stats::{
    Basis, Cell, Cells, NewCategories, Normalization, SamplingError, ScoreBin, Undefined,
    ValueNormalization, chi2, hellinger, jensen_shannon, kolmogorov_smirnov_binned, l_infinity,
    psi, roc_auc,
};

/// Counts of the same bins in two samples, and what the second has outside of them.
fn tables() -> impl Strategy<Value = (Vec<u64>, Vec<u64>, u64)> {
    let cells = prop::collection::vec((0_u64..2_000, 0_u64..2_000), 1..30);
    (cells, 0_u64..100).prop_map(|(cells, outside)| {
        let (reference, window) = cells.into_iter().unzip();
        (reference, window, outside)
    })
}

fn new(rows: u64) -> NewCategories {
    NewCategories { distinct: rows.min(1), rows, largest: rows }
}

/// All distances from counts that lie between 0 and 1.
fn bounded(reference: &[u64], window: &[u64], outside: u64) -> [Result<f64, Undefined>; 4] {
    [
        jensen_shannon(reference, window, outside),
        hellinger(reference, window, outside),
        l_infinity(reference, window, new(outside)),
        kolmogorov_smirnov_binned(reference, window, outside, 0),
    ]
}

proptest! {
    #[test]
    fn distances_lie_in_their_range_or_say_why_not((reference, window, outside) in tables()) {
        for found in bounded(&reference, &window, outside) {
            match found {
                Ok(distance) => prop_assert!((0.0..=1.0).contains(&distance), "{}", distance),
                Err(why) => prop_assert!(matches!(why, Undefined::Empty | Undefined::TooFew)),
            }
        }
        if let Ok(found) = chi2(&reference, &window, new(outside)) {
            prop_assert!(found.statistic >= 0.0 && (0.0..=1.0).contains(&found.p_value));
        }
        if let Ok(index) = psi(&reference, &window) {
            prop_assert!(index >= 0.0 && index.is_finite());
        }
    }

    #[test]
    fn a_sample_any_times_over_is_at_zero((reference, _, _) in tables(), times in 1_u64..1_000) {
        prop_assume!(reference.iter().any(|&count| count > 0));
        let window: Vec<u64> = reference.iter().map(|count| count * times).collect();
        for found in bounded(&reference, &window, 0) {
            prop_assert_eq!(found, Ok(0.0));
        }
        prop_assert_eq!(psi(&reference, &window), Ok(0.0));
        let same = chi2(&reference, &window, NewCategories::default()).unwrap();
        prop_assert_eq!((same.statistic, same.p_value), (0.0, 1.0));
    }

    #[test]
    fn symmetric_distances_do_not_care_who_is_the_reference((reference, window, _) in tables()) {
        prop_assume!(reference.iter().any(|&count| count > 0));
        prop_assume!(window.iter().any(|&count| count > 0));
        for (there, back) in bounded(&reference, &window, 0).into_iter().zip(bounded(&window, &reference, 0)) {
            prop_assert!((there.unwrap() - back.unwrap()).abs() < 1e-14);
        }
        let (there, back) = (psi(&reference, &window).unwrap(), psi(&window, &reference).unwrap());
        prop_assert!((there - back).abs() <= 1e-12 * there.max(1.0));
        let (there, back) = (
            chi2(&reference, &window, NewCategories::default()).unwrap(),
            chi2(&window, &reference, NewCategories::default()).unwrap(),
        );
        prop_assert!((there.statistic - back.statistic).abs() <= 1e-12 * there.statistic.max(1.0));
    }

    #[test]
    fn hellinger_and_jensen_shannon_bound_each_other((reference, window, outside) in tables()) {
        // Bin by bin: H^2 <= JS^2 <= H^2 / ln 2.
        let js = jensen_shannon(&reference, &window, outside);
        if let (Ok(js), Ok(h)) = (js, hellinger(&reference, &window, outside)) {
            prop_assert!(h * h <= js * js + 1e-14);
            prop_assert!(js * js <= h * h / LN_2 + 1e-14);
        }
    }

    #[test]
    fn what_is_read_from_cells_lies_in_its_range(
        counts in prop::array::uniform4(0_u32..500),
        worth in prop::array::uniform4(-10.0_f64..10.0),
    ) {
        let [tp, fp, fn_, tn] = counts.map(f64::from);
        let cells =
            Cells { true_positive: tp, false_positive: fp, false_negative: fn_, true_negative: tn };
        for basis in [Basis::Estimated, Basis::Realized] {
            let rates = [
                cells.f1(basis),
                cells.precision(basis),
                cells.recall(basis),
                cells.specificity(basis),
                cells.accuracy(),
            ];
            for rate in rates.into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&rate));
            }
            if cells.rows() > 0.0 && basis == Basis::Estimated {
                prop_assert!(rates.iter().all(Result::is_ok));
            }
        }
        let [a, b, c, d] = worth;
        let matrix = [[a, b], [c, d]];
        let mean = cells.business_value(matrix, ValueNormalization::PerPrediction);
        if let Ok(mean) = mean {
            let least = worth.into_iter().fold(f64::INFINITY, f64::min);
            let greatest = worth.into_iter().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(mean >= least - 1e-12 && mean <= greatest + 1e-12);
        }
        for by in [Normalization::All, Normalization::True, Normalization::Pred] {
            for cell in Cell::ALL {
                let error = SamplingError::cell(&cells, cell, by);
                prop_assert_eq!(error.is_ok(), cells.normalized(cell, by).is_ok());
                if let Ok(error) = error {
                    prop_assert!(error.for_rows(7).unwrap() >= 0.0);
                }
            }
        }
    }

    #[test]
    fn finer_bins_move_the_area_by_no_more_than_its_bound(
        counts in prop::collection::vec((0_u32..50, 0_u32..50), 2..60),
    ) {
        let fine: Vec<ScoreBin> = counts
            .iter()
            .map(|&(p, n)| ScoreBin { positives: f64::from(p), negatives: f64::from(n) })
            .collect();
        let coarse: Vec<ScoreBin> = fine
            .chunks(3)
            .map(|bins| ScoreBin {
                positives: bins.iter().map(|bin| bin.positives).sum(),
                negatives: bins.iter().map(|bin| bin.negatives).sum(),
            })
            .collect();
        if let (Ok(exact), Ok(binned)) = (roc_auc(fine.iter().copied()), roc_auc(coarse.iter().copied())) {
            let positives: f64 = fine.iter().map(|bin| bin.positives).sum();
            let negatives: f64 = fine.iter().map(|bin| bin.negatives).sum();
            let pairs: f64 = coarse.iter().map(|bin| bin.positives * bin.negatives).sum();
            let bound = pairs / (2.0 * positives * negatives);
            prop_assert!((exact - binned).abs() <= bound + 1e-12);
        }
    }
}
