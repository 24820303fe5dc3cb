//! What a person asks of windows and alerts that were published.

use minicbor::{Decode, Encode};

/// A command, as a record of the tally log: so whoever runs the log again obeys it in its place.
///
/// The same command has the same id, however often it is sent, and is obeyed once.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Command {
    /// Made of all the rest, in hexadecimal digits.
    #[n(0)]
    pub id: String,
    /// The model.
    #[n(1)]
    pub model: String,
    /// Its version.
    #[n(2)]
    pub version: String,
    /// The window's index; 0 where it is not of a window.
    #[n(3)]
    pub window: u64,
    /// Its newest result, as the person saw it: without figures, as JSON. Empty where it is not of a window.
    #[n(4)]
    pub seen: String,
    /// Why.
    #[n(5)]
    pub reason: String,
    /// What.
    #[n(6)]
    pub act: Act,
}

/// What is to be done with a window, an alert, or all alerts of a model.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Act {
    /// It is left out.
    #[n(0)]
    Exclude,
    /// The rows of the record take the place of its own; obeyed with the last part.
    #[n(1)]
    Restate {
        /// Which part of the rows, from 0.
        #[n(0)]
        part: u32,
        /// Of how many.
        #[n(1)]
        parts: u32,
    },
    /// Somebody has taken an alert up.
    #[n(2)]
    Acknowledge {
        /// The alert's id.
        #[n(0)]
        alert: String,
    },
    /// Nobody is to be woken by alerts of the model.
    #[n(3)]
    Mute {
        /// Until then, in milliseconds since 1970 of the log's time.
        #[n(0)]
        until: i64,
    },
}
