//! From events to rows on the tally log.

mod feed;

pub use self::feed::{Committed, Feed, Sending};
