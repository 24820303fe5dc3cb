//! Whole worlds without Kafka: senders with their producers' queues, a broker that keeps what landed, readers with
//! their transactions; and everything that can go wrong between them.

mod broker; // what is kept: input, logs, commits, tally's state
mod oracle; // what must have come of it, whatever went wrong
mod points; // one fault, at every point of a calm day
mod reader; // the tally of one output, transaction by transaction
mod sender; // the owner of a lane, or who still believes to be
mod storms; // many faults, in any order
mod world; // all of them, step by step
