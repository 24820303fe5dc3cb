//! Everything that needs no daemon: figures of other tools, laws, stages under every interleaving.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy does not take the helpers of a test executable for tests"
)]

mod alerts; // from results to alerts: laws, steady worlds, delays
mod canonical; // settings as bytes: they travel and come back, and tell one epoch from another
mod classifier; // how well trees tell two samples apart, and what a window keeps for it
mod comparison; // simulated truth: verdicts and errors of two models that are compared
mod concept; // simulated truth: how far a concept has moved, learnt again from targets
mod coverage; // simulated truth: how often the band around an estimate holds it
mod custom; // metrics of one's own
mod data; // files that tests read, and files that a test keeps current
mod diagnosis; // why performance changed: orders of columns
mod edges; // what a window says that is empty, broken or strange
mod embeddings; // lists of numbers: laws of their state, and what is no vector
mod features; // features alone, as rows of a model that predicts nothing
mod golden; // agreement with the figures of other tools in tests/data/golden
mod laws; // what holds for any counts and cells
mod layers; // who may know whom
mod outward; // the schemas of what travels on topics
mod reconstruction; // rows against the principal components of the reference
mod refusals; // settings that are refused: every mistake at once
mod regression; // a number that is predicted: its losses, expected and realized
mod robust; // estimates robust to covariate shift: laws, and when there are none
mod rowwise; // metrics of one's own over single rows
mod schemas; // the schemas of what others read and write
mod segments; // parts of the rows: laws, and the same figures as of these rows alone
mod settings; // what was written in vigie.toml, and what it means
mod several; // several classes: laws of their states, strange windows and references
mod slices; // the worst slices: what is found of planted ones, and what by chance
mod sources; // what every file under src names
mod split; // a change of performance told apart: inputs, concept
mod stages; // the stages under every crash and interleaving
mod window; // the laws of the window state, bit for bit
mod within; // simulated truth: which parts of a data set are still worth training on
mod world; // made-up data for the others
