//! How answers are written: packed where the browser can unpack, and not at all where it has the same.

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use xxhash_rust::xxh3::xxh3_128;

/// Less is not worth packing.
const WORTH: usize = 1024;

/// A text that is the same for everybody, packed and unpacked.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    kind: &'static str,
    plain: Bytes,
    packed: Bytes,
    tag: HeaderValue,
}

impl Fixed {
    pub(super) fn new(kind: &'static str, text: String) -> Self {
        let packed = packed(text.as_bytes(), Compression::best());
        Self { kind, tag: tag(text.as_bytes()), plain: text.into(), packed: packed.into() }
    }

    /// The answer to whoever sends these headers.
    pub(super) fn answer(&self, asked: &HeaderMap) -> Response {
        if has(asked, &self.tag) {
            return same(&self.tag);
        }
        let body = if unpacks(asked) { self.packed.clone() } else { self.plain.clone() };
        written(self.kind, body, unpacks(asked), &self.tag)
    }
}

/// An answer that may take a while to make, as JSON or as another kind of text: it keeps nobody else waiting.
pub(super) async fn made(
    kind: &'static str,
    asked: HeaderMap,
    make: impl FnOnce() -> Result<Vec<u8>, (StatusCode, String)> + Send + 'static,
) -> Response {
    let answer = spawn_blocking(move || {
        let body = match make() {
            Ok(body) => body,
            Err((status, words)) => return refusal(status, &words),
        };
        let tag = tag(&body);
        if has(&asked, &tag) {
            return same(&tag);
        }
        if unpacks(&asked) && body.len() >= WORTH {
            return written(kind, packed(&body, Compression::fast()).into(), true, &tag);
        }
        written(kind, body.into(), false, &tag)
    });
    answer.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an answer of the page failed");
        refusal(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made: the log says why")
    })
}

/// Why something cannot be answered, and what to do.
pub(super) fn refusal(status: StatusCode, words: &str) -> Response {
    let body: Json<Value> = Json(json!({ "error": words }));
    (status, [(header::CACHE_CONTROL, "no-store")], body).into_response()
}

fn written(kind: &'static str, body: Bytes, packed: bool, tag: &HeaderValue) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    asked_again(headers, tag);
    response
}

/// That the browser has it already.
fn same(tag: &HeaderValue) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    asked_again(response.headers_mut(), tag);
    response
}

/// It may be kept, but is asked for each time: what has not changed is not sent again.
fn asked_again(headers: &mut HeaderMap, tag: &HeaderValue) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, tag.clone());
}

/// Weak, since packed and unpacked have the same.
fn tag(body: &[u8]) -> HeaderValue {
    let tag = format!("W/\"{:032x}\"", xxh3_128(body));
    HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("W/\"\""))
}

fn has(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let (Some(known), Ok(tag)) = (text(asked, header::IF_NONE_MATCH), tag.to_str()) else {
        return false;
    };
    known.split(',').any(|known| bare(known) == bare(tag))
}

fn unpacks(asked: &HeaderMap) -> bool {
    let Some(accepted) = text(asked, header::ACCEPT_ENCODING) else { return false };
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let refused = |part: &str| matches!(part, "q=0" | "q=0.0");
        parts.next() == Some("gzip") && !parts.any(refused)
    })
}

fn text(asked: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    asked.get(name)?.to_str().ok()
}

fn packed(body: &[u8], how: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), how);
    // Writing into memory does not fail.
    encoder.write_all(body).and_then(|()| encoder.finish()).unwrap_or_default()
}
