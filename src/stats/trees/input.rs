//! What a forest sees of a column: in which bin a value lies.

use serde::{Deserialize, Serialize};

/// The bin of a missing number; each split says on which side it goes on.
pub const MISSING_BIN: u16 = u16::MAX;

/// What a forest sees of a column: how many of the cuts that its trees use lie at or below a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Of numbers.
    Numbers {
        /// Ascending.
        cuts: Vec<f64>,
    },
    /// Of labels, which stand in an order of their own.
    Labels {
        /// The bin of each of the reference's labels.
        bins: Vec<u16>,
        /// That of a missing label.
        missing: u16,
        /// That of a label which the reference does not have.
        unseen: u16,
    },
}

impl Input {
    /// The bin of a number; of NaN it is [`MISSING_BIN`]. O(log cuts).
    #[inline]
    pub fn bin_of_number(&self, value: f64) -> u16 {
        match self {
            _ if value.is_nan() => MISSING_BIN,
            // A forest has fewer splits than a bin number can count.
            Self::Numbers { cuts } => cuts.partition_point(|&cut| cut <= value) as u16,
            Self::Labels { unseen, .. } => *unseen,
        }
    }

    /// The bin of a label by its position among the reference's; `None` for any other label.
    pub fn bin_of_label(&self, position: Option<usize>) -> u16 {
        match self {
            Self::Numbers { .. } => MISSING_BIN,
            Self::Labels { bins, unseen, .. } => {
                position.and_then(|at| bins.get(at)).copied().unwrap_or(*unseen)
            }
        }
    }

    /// The bin where there is no value.
    pub fn bin_of_missing(&self) -> u16 {
        match self {
            Self::Numbers { .. } => MISSING_BIN,
            Self::Labels { missing, .. } => *missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_counts_the_cuts_at_or_below() {
        let input = Input::Numbers { cuts: vec![1.0, 2.0] };
        let values = [f64::NEG_INFINITY, 0.9, 1.0, 1.5, 2.0, f64::INFINITY, f64::NAN];
        assert_eq!(values.map(|value| input.bin_of_number(value)), [0, 0, 1, 1, 2, 2, MISSING_BIN]);
        assert_eq!(input.bin_of_missing(), MISSING_BIN);
    }

    #[test]
    fn labels_have_bins_of_their_own() {
        let input = Input::Labels { bins: vec![2, 0], missing: 3, unseen: 1 };
        assert_eq!([Some(0), Some(1), None].map(|at| input.bin_of_label(at)), [2, 0, 1]);
        assert_eq!(input.bin_of_missing(), 3);
    }
}
