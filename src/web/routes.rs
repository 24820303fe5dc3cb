//! What can be asked.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::telemetry::{ExpositionError, Telemetry};

/// The text format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

const INDEX: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>vigie</title>
<h1>vigie</h1>
<ul>
<li><a href=\"/metrics\">/metrics</a> the latest window of each model, and the service itself, for Prometheus
<li><a href=\"/readyz\">/readyz</a> whether every part has what it needs, and what it waits for
<li><a href=\"/healthz\">/healthz</a> whether the process answers
</ul>
</html>
";

/// Everything that can be asked of a process.
pub fn router(telemetry: &Telemetry) -> Router {
    Router::new()
        .route("/", get(|| async { Html(INDEX) }))
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "not here; `/` lists what is\n") })
        .with_state(telemetry.clone())
}

/// 200 when every part is ready; else 503 and, by part, what it waits for.
async fn ready(State(telemetry): State<Telemetry>) -> Response {
    let waiting = telemetry.readiness().waiting();
    let (code, status) = if waiting.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "waiting")
    };
    (code, Json(json!({ "status": status, "waiting": waiting }))).into_response()
}

async fn metrics(State(telemetry): State<Telemetry>) -> Response {
    // Tens of thousands of series take tens of milliseconds, in which nobody else would be answered.
    match spawn_blocking(move || telemetry.exposition()).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, EXPOSITION)], text).into_response(),
        Ok(Err(error)) => unwritten(&error),
        Err(error) => {
            let text = format!("the metrics cannot be written: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

fn unwritten(error: &ExpositionError) -> Response {
    tracing::error!(%error, "a scrape failed");
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}
