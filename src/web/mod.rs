//! What a browser, a scraper and an orchestrator ask the service: `/metrics`, `/healthz`, `/readyz`, and `/` with a
//! list of these.
//!
//! Knows telemetry, and nothing of Kafka or of where the figures come from.

mod error;
mod routes;
mod server;
#[cfg(test)]
mod tests;

pub use self::error::WebError;
pub use self::routes::router;
pub use self::server::Server;
