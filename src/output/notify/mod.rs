//! Alerts as messages to people and their tools: one request an event.
//!
//! Knows what a request says; who sends it, and when again, is told elsewhere.

mod form;
mod send;
#[cfg(test)]
mod tests;

pub use self::form::{Message, message};
pub use self::send::{Answer, Messenger};
