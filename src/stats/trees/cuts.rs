//! Where numbers are cut into bins before trees are grown over them.

/// A bin has at least so many rows, as far as equal values allow.
const LEAST: u64 = 3;

/// Cuts of numbers into at most so many bins of about as many rows each; a value that has more rows than that is a bin by
/// itself. Ascending; a value lies in the bin of as many cuts as are at or below it. Missing numbers (NaN) are in no bin.
///
/// Cuts lie midway between the values to either side, one of them at zero where there are values on both sides of it, as
/// `LightGBM` has them (Ke et al. 2017). O(n log n).
pub fn cuts(values: &[f64], bins: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let counted: Vec<(f64, u64)> =
        sorted.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as u64)).collect();
    let below = counted.partition_point(|(value, _)| *value < 0.0);
    let above = counted.partition_point(|(value, _)| *value <= 0.0);
    let rows = |counted: &[(f64, u64)]| counted.iter().map(|(_, rows)| rows).sum::<u64>();
    let (negative, positive) = (&counted[..below], &counted[above..]);
    // One bin is that of zero.
    let bins = bins.saturating_sub(1).max(1);
    let share = rows(negative) as f64 / (rows(negative) + rows(positive)).max(1) as f64;
    let of_negative = if negative.is_empty() { 0 } else { ((share * bins as f64) as usize).max(1) };
    let mut cuts = even(negative, of_negative);
    if !negative.is_empty() && below < counted.len() {
        cuts.push(0.0);
    }
    if below < above && !positive.is_empty() {
        // The least number above zero.
        cuts.push(f64::from_bits(1));
    }
    cuts.extend(even(positive, bins.saturating_sub(of_negative).max(1)));
    cuts
}

/// Cuts of ascending values with their rows.
fn even(counted: &[(f64, u64)], bins: usize) -> Vec<f64> {
    let midway = |at: usize| f64::midpoint(counted[at].0, counted[at + 1].0).next_up();
    let last = counted.len().saturating_sub(1);
    if counted.len() <= bins {
        let mut rows = 0;
        let enough = |&at: &usize| {
            rows += counted[at].1;
            let is_full = rows >= LEAST;
            rows = if is_full { 0 } else { rows };
            is_full
        };
        return (0..last).filter(enough).map(midway).collect();
    }
    let total: u64 = counted.iter().map(|(_, rows)| rows).sum();
    let bins = bins.min((total / LEAST).max(1) as usize);
    let wanted = total as f64 / bins as f64;
    let is_large = |at: usize| counted[at].1 as f64 >= wanted;
    // What is left for the bins of values that are not large.
    let large = (0..counted.len()).filter(|&at| is_large(at));
    let (mut rest, mut free) = large
        .fold((total, bins), |(rest, free), at| (rest - counted[at].1, free.saturating_sub(1)));
    let mut mean = rest as f64 / free.max(1) as f64;
    let (mut cuts, mut rows) = (Vec::new(), 0);
    for (at, (_, of_value)) in counted[..last].iter().enumerate() {
        if cuts.len() + 1 >= bins {
            break;
        }
        if !is_large(at) {
            rest -= of_value;
        }
        rows += of_value;
        let next_is_large = is_large(at + 1) && rows as f64 >= (mean * 0.5).max(1.0);
        if is_large(at) || rows as f64 >= mean || next_is_large {
            cuts.push(midway(at));
            rows = 0;
            if !is_large(at) {
                free = free.saturating_sub(1);
                mean = rest as f64 / free.max(1) as f64;
            }
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_told_apart() {
        let values = [1.0, 2.0, 3.0].repeat(5);
        let found = cuts(&values, 255);
        assert_eq!(found, [1.5_f64.next_up(), 2.5_f64.next_up()]);
        // Rare ones join their neighbour.
        assert_eq!(cuts(&[1.0, 2.0, 2.0, 3.0, 3.0, 3.0], 255), [2.5_f64.next_up()]);
        assert_eq!(cuts(&[], 255), [0.0; 0]);
        assert_eq!(cuts(&[f64::NAN, 7.0], 255), [0.0; 0]);
    }

    #[test]
    fn many_values_fill_their_bins_evenly() {
        let values: Vec<f64> = (0..10_000).map(|i| 1.0 + f64::from(i)).collect();
        let found = cuts(&values, 101);
        assert_eq!(found.len(), 99);
        for (at, cut) in (1..).zip(&found) {
            assert_eq!(*cut, (f64::from(at) * 100.0 + 0.5).next_up());
        }
    }

    #[test]
    fn a_frequent_value_is_a_bin_by_itself_and_zero_is_a_cut() {
        let mut values: Vec<f64> = (0..1_000).map(|i| f64::from(i) / 10.0 + 1.0).collect();
        values.extend([55.0; 2_000]);
        let found = cuts(&values, 11);
        let around: Vec<f64> =
            found.iter().copied().filter(|cut| (cut - 55.0).abs() < 0.1).collect();
        assert_eq!(around.len(), 2, "{found:?}");
        let both = cuts(&[-3.0, -3.0, -3.0, 0.0, 0.0, 0.0, 4.0, 4.0, 4.0], 255);
        let bin = |value: f64| both.iter().filter(|cut| **cut <= value).count();
        assert!(bin(-3.0) < bin(0.0) && bin(0.0) < bin(4.0), "{both:?}");
    }
}
