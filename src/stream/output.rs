//! Which partition of the tally log something goes to.

use xxhash_rust::xxh3::xxh3_64;

/// The output of a model; what names none goes by the lane's partition.
pub(super) fn output_of(model: Option<&str>, lane: i32, outputs: u32) -> u32 {
    let number = match model {
        Some(model) => xxh3_64(model.as_bytes()),
        None => u64::from(lane.unsigned_abs()),
    };
    (number % u64::from(outputs.max(1))) as u32
}
