//! Categories that a window has and the reference has not.

/// What a window holds of categories that the reference does not know; all zero where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewCategories {
    /// How many different ones.
    pub distinct: u64,
    /// Rows with any of them.
    pub rows: u64,
    /// Rows with the most frequent of them.
    pub largest: u64,
}
