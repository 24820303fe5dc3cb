//! What can be asked.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::telemetry::{ExpositionError, Telemetry};
use crate::web::answer::{made, refusal};
use crate::web::asset::asset;
use crate::web::page::Page;
use crate::web::paint::document;
use crate::web::{api, live};

/// The text format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

const HTML: &str = "text/html; charset=utf-8";

/// Nothing is loaded from anywhere else, and nobody puts the page into his own. Charts place themselves by inline style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What answers are made of.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) telemetry: Telemetry,
    pub(super) page: Page,
}

/// Everything that can be asked of a process.
pub fn router(telemetry: &Telemetry, page: &Page) -> Router {
    let site = Site { telemetry: telemetry.clone(), page: page.clone() };
    Router::new()
        .route("/", get(all))
        .route("/service", get(all))
        .route("/m/{model}/{version}", get(one))
        .route("/assets/{name}", get(file))
        .route("/api/overview", get(api::overview))
        .route("/api/models/{model}/{version}", get(api::model))
        .route("/api/models/{model}/{version}/columns/{column}", get(api::column))
        .route("/api/alerts", get(api::alerts))
        .route("/api/service", get(api::service))
        .route("/events", get(live::events))
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(nowhere)
        .method_not_allowed_fallback(|| async {
            refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET is answered here: nothing can be changed over HTTP",
            )
        })
        .layer(map_response(guarded))
        .with_state(site)
}

/// What every answer says to a browser.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn nowhere() -> Response {
    let words = "there is nothing here: `/` is the page, /api/overview lists the models, /metrics is for Prometheus, \
                 /readyz says what is waited for";
    refusal(StatusCode::NOT_FOUND, words)
}

async fn all(State(site): State<Site>, asked: HeaderMap) -> Response {
    made(HTML, asked, move || Ok(painted(&site, None))).await
}

async fn one(
    State(site): State<Site>,
    Path((model, version)): Path<(String, String)>,
    asked: HeaderMap,
) -> Response {
    let version = if version == "-" { String::new() } else { version };
    made(HTML, asked, move || Ok(painted(&site, Some((&model, &version))))).await
}

fn painted(site: &Site, only: Option<(&str, &str)>) -> Vec<u8> {
    site.page.read(|history| document(history, only, site.now())).into_bytes()
}

async fn file(Path(name): Path<String>, asked: HeaderMap) -> Response {
    match asset(&name) {
        Some(fixed) => fixed.answer(&asked),
        None => nowhere().await,
    }
}

/// 200 when every part is ready; else 503 and, by part, what it waits for.
async fn ready(State(site): State<Site>) -> Response {
    let waiting = site.telemetry.readiness().waiting();
    let (code, status) = if waiting.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "waiting")
    };
    (code, Json(json!({ "status": status, "waiting": waiting }))).into_response()
}

async fn metrics(State(site): State<Site>) -> Response {
    // Tens of thousands of series take tens of milliseconds, in which nobody else would be answered.
    match spawn_blocking(move || site.telemetry.exposition()).await {
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
