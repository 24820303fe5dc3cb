//! The stages under every crash and interleaving.
//!
//! First one rule after the other, with a log written by hand; then whole worlds without Kafka, in which what should
//! never happen is tried at every point.

mod desk; // a log written by hand, and the tally of it
mod events; // what lies in the input, and what intake makes of it
mod rules; // small settings in force

mod checkpoints; // a tally stops and goes on
mod commands; // what persons ask of windows
mod counting; // every record in one place: ledgers, strays, ids
mod delays; // targets whose delay depends on the score
mod early; // windows that warn before they can be judged
mod epochs; // settings and profiles change
mod feeding; // the sending side of a lane
mod lateness; // which rows are late
mod quiet; // models of which nothing is heard, or nobody wants to hear
mod ranking; // columns ranked over the last windows
mod reading; // which records are taken
mod refusing; // what a tally does not go on with
mod sealing; // when a window is complete
mod segments; // parts of windows: sealed, restated, left out
mod silence; // who is not waited for
mod targets; // what comes of ground truth

mod storm; // everything at once
