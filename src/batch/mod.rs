//! What travels between the stages: rows with their positions.
//!
//! Knows nothing of what the rows mean: that is `profile` and `window`.

mod command;
mod cursor;
mod keyed;
mod label;
mod lane;
mod packed;
mod record;
mod rows;
mod vectors;
mod wire;

pub use self::command::{Act, Command};
pub use self::cursor::{Admission, Cursor};
pub use self::keyed::{IdHash, Keyed, More, Pending, Target, key_of};
pub use self::label::Label;
pub use self::lane::{Digest, Lane, Stretch};
pub use self::record::{
    Body, Carried, Content, Header, Heartbeat, News, Reached, Realized, Record, Reject, Section,
    Settled,
};
pub use self::rows::{Column, Expected, NO_SEGMENT, Rows, Values, labels};
pub use self::vectors::{Distances, LONGEST, Vectors, vector};
pub use self::wire::WireError;
