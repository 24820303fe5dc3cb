//! vigie, the lookout for machine-learning models in production.
//!
//! It reads the predictions of a deployed model as they pass by on Kafka (or lie in files), cuts them into
//! windows, scores every window against a frozen reference profile, and says whether the model is still good:
//! estimated performance where no ground truth has come yet, realized performance where it has, drift and data
//! quality as the evidence beside it.
//!
//! # The one idea: a window is a monoid
//!
//! A window's whole state is a bounded value that can be *folded* from rows, *merged* with another and
//! *evaluated* against a profile. Merging is associative and commutative to the bit, so one process, twenty
//! instances, a backfill over Parquet and a notebook give the same bytes.
//!
//! # The map
//!
//! ```text
//! settings/   what was written in vigie.toml -> what it means
//! stats/      numbers in, numbers out: no time, no names, no files, no Kafka
//! formula/    formulas of the user's own over named quantities
//! profile/    the reference, frozen: columns, calibration, reference windows; its file format
//! window/     WindowState: fold, merge, evaluate; the metric registry
//! fit/        reference rows -> profile
//! batch/      what travels between stages: rows with their positions; lanes, stretches, tiling
//! intake/     bytes -> rows and rejects -> what the profile adds -> batches
//! join/       predictions waiting for their targets
//! tally/      which window a row belongs to, when it is sealed; results
//! diagnosis/  why performance changed: columns by what their drift has to do with it
//! alert/      results -> alert events: policy, a pure state machine
//! history/    what was published of models, as people look at it
//! report/     history -> one HTML file
//! engine/     the stages joined by queues in memory
//! simulator/  a seeded world with a model, drift and faults, that knows the truth
//! ```
//!
//! Everything above is pure: no files, no clock, no network, no async. What follows sits behind the default
//! feature `daemon`:
//!
//! ```text
//! stream/     drives the stages over Kafka: assignment, delivery, the transaction, topics
//! store/      local files: what the join keeps between batches
//! output/     from the results topic to Prometheus and files
//! query/      DataFusion: reading files, SQL expressions on rows
//! web/        the page and what it asks for, /metrics, /healthz, /readyz
//! telemetry   every metric of vigie itself; the clock
//! app/        one file a command; wiring only
//! ```

pub mod alert;
#[cfg(feature = "daemon")]
pub mod app;
pub mod batch;
pub mod diagnosis;
pub mod engine;
pub mod epoch;
pub mod fit;
pub mod formula;
pub mod history;
pub mod intake;
pub mod join;
pub mod metric;
#[cfg(feature = "daemon")]
pub mod output;
pub mod profile;
#[cfg(feature = "daemon")]
pub mod query;
pub mod report;
pub mod settings;
pub mod simulator;
pub mod stats;
#[cfg(feature = "daemon")]
pub mod store;
#[cfg(feature = "daemon")]
pub mod stream;
pub mod tally;
#[cfg(feature = "daemon")]
pub mod telemetry;
#[cfg(feature = "daemon")]
pub mod web;
pub mod window;
