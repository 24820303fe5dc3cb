//! What a browser, a scraper and an orchestrator ask the service: the page and what it shows (`/`, `/api`, `/events`),
//! `/metrics`, `/healthz`, `/readyz`.
//!
//! Knows telemetry and history, and nothing of Kafka or of where the figures come from. Nothing can be changed over HTTP.

mod answer;
mod api;
mod asset;
mod error;
mod live;
mod page;
mod paint;
mod routes;
mod server;
#[cfg(test)]
mod tests;

pub use self::asset::{DOCUMENT, FIRST_PAINT, SCRIPT, STYLE};
pub use self::error::WebError;
pub use self::page::{Event, Page};
pub use self::routes::router;
pub use self::server::Server;
