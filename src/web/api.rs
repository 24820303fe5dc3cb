//! What the page asks for, as JSON.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Error;

use crate::history::{Asked, Digits, Epoch, History, NoColumn, Overview};
use crate::telemetry::Sight;
use crate::web::answer::{made, refusal};
use crate::web::page::Page;
use crate::web::routes::Site;
use crate::window::ENGINE;

const JSON: &str = "application/json";

/// How an empty version is written in a path.
const NO_VERSION: &str = "-";

/// Whether the service is ready, and what it waits for.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    ready: bool,
    waiting: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct OverviewAnswer<'p> {
    instance: &'p str,
    #[serde(flatten)]
    ready: Ready,
    #[serde(flatten)]
    overview: Overview,
}

#[derive(Serialize)]
struct ServiceAnswer<'p> {
    instance: &'p str,
    engine: &'static str,
    #[serde(flatten)]
    ready: Ready,
    #[serde(flatten)]
    sight: Sight,
    epochs: Vec<Epoch>,
}

impl Site {
    /// What is waited for; history is what the page alone waits for.
    pub(super) fn ready(&self) -> Ready {
        let mut waiting = self.telemetry.readiness().waiting();
        let ready = waiting.is_empty();
        if let Some(reason) = self.page.waits_for() {
            waiting.insert(Page::PART.to_owned(), reason);
        }
        Ready { ready, waiting }
    }

    /// Microseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.telemetry.clock().now().saturating_mul(1000)
    }
}

fn json<T: Serialize>(answer: &T) -> Result<Vec<u8>, (StatusCode, String)> {
    serde_json::to_vec(answer).map_err(|error: Error| {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("the answer cannot be written: {error}"))
    })
}

pub(super) async fn overview(State(site): State<Site>, asked: HeaderMap) -> Response {
    made(JSON, asked, move || {
        let overview = site.page.read(|history| history.overview(site.now()));
        let instance = site.page.instance();
        json(&OverviewAnswer { instance, ready: site.ready(), overview })
    })
    .await
}

pub(super) async fn alerts(State(site): State<Site>, asked: HeaderMap) -> Response {
    made(JSON, asked, move || site.page.read(|history| json(&history.alerts()))).await
}

pub(super) async fn service(State(site): State<Site>, asked: HeaderMap) -> Response {
    made(JSON, asked, move || {
        let (ready, sight) = (site.ready(), site.telemetry.sight());
        let epochs = site.page.read(History::epochs);
        let instance = site.page.instance();
        json(&ServiceAnswer { instance, engine: ENGINE, ready, sight, epochs })
    })
    .await
}

/// What stands behind the question mark.
#[derive(Debug, Deserialize)]
pub(super) struct Asks {
    segments: Option<String>,
    window: Option<String>,
    windows: Option<String>,
}

impl Asks {
    /// The window that is named.
    fn window(&self) -> Result<Option<u64>, &'static str> {
        self.window.as_deref().map(str::parse).transpose().map_err(|_| {
            "window: write the index of a window, a whole number; without one the newest is shown"
        })
    }

    /// What is asked of a model.
    fn of_model(&self) -> Result<Asked, String> {
        let segments = match self.segments.as_deref() {
            Some("all") => true,
            None | Some("") => false,
            Some(other) => {
                return Err(format!(
                    "segments={other}: only `all` can be asked for, for those of every segment"
                ));
            }
        };
        let windows = self.windows.as_deref().map(str::parse).transpose().map_err(|_| {
            "windows: write how many of the newest are asked for, a whole number; without it come all"
        })?;
        Ok(Asked { segments, windows, since: self.window()? })
    }
}

pub(super) async fn model(
    State(site): State<Site>,
    Path((model, version)): Path<(String, String)>,
    Query(query): Query<Asks>,
    asked: HeaderMap,
) -> Response {
    let of_model = match query.of_model() {
        Ok(of_model) => of_model,
        Err(words) => return refusal(StatusCode::BAD_REQUEST, &words),
    };
    made(JSON, asked, move || {
        let (version, now) = (named(&version), site.now());
        site.page.read(|history| {
            let view = history.model(&model, version, of_model, Digits::Kept, now);
            let Some(view) = view else {
                let (model, version) = (model.clone(), version.to_owned());
                return Err((
                    StatusCode::NOT_FOUND,
                    NoColumn::Model { model, version }.to_string(),
                ));
            };
            json(&view)
        })
    })
    .await
}

pub(super) async fn column(
    State(site): State<Site>,
    Path((model, version, column)): Path<(String, String, String)>,
    Query(query): Query<Asks>,
    asked: HeaderMap,
) -> Response {
    let window = match query.window() {
        Ok(window) => window,
        Err(words) => return refusal(StatusCode::BAD_REQUEST, words),
    };
    made(JSON, asked, move || {
        let found =
            site.page.read(|history| history.column(&model, named(&version), &column, window));
        match found {
            Ok(view) => json(&view),
            Err(reason) => Err((StatusCode::NOT_FOUND, reason.to_string())),
        }
    })
    .await
}

fn named(version: &str) -> &str {
    if version == NO_VERSION { "" } else { version }
}
