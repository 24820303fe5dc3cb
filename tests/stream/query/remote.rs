//! Reading through an object store: a small web server that answers ranges.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use insta::assert_snapshot;
use tokio::net::TcpListener;

use super::{data, open, opened, rows};

/// Bytes that were sent.
type Sent = Arc<AtomicU64>;

async fn serve() -> (SocketAddr, Sent) {
    let sent = Sent::default();
    let app = Router::new().route("/{*path}", get(answer)).with_state(Arc::clone(&sent));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, sent)
}

async fn answer(
    State(sent): State<Sent>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let Ok(bytes) = fs::read(data(&path)) else {
        return Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty()).unwrap();
    };
    let whole = bytes.len();
    let range = headers.get(header::RANGE).map(|range| {
        let (start, end) =
            range.to_str().unwrap().strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        (start.parse().unwrap(), end.parse::<usize>().unwrap() + 1)
    });
    let (start, end) = range.unwrap_or((0, whole));
    sent.fetch_add((end - start) as u64, Ordering::Relaxed);
    Response::builder()
        .status(if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
        .header(header::CONTENT_LENGTH, end - start)
        .header(header::CONTENT_RANGE, format!("bytes {start}-{}/{whole}", end - 1))
        .header(header::LAST_MODIFIED, "Mon, 01 Jan 2024 00:00:00 GMT")
        .body(Body::from(bytes[start..end].to_vec()))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_reads_from_a_server_as_from_disk() {
    let (address, _) = serve().await;
    for name in ["loans.parquet", "loans.csv", "loans.csv.gz", "loans.json"] {
        let far = opened(&[&format!("http://{address}/{name}")]).await;
        let near = opened(&[&data(name)]).await;
        assert_eq!(far.schema(), near.schema(), "{name}");
        assert_eq!(far.rows(), near.rows());
        let columns = ["id", "region", "income", "grade", "ts"];
        assert_eq!(rows(&far, &columns).await, rows(&near, &columns).await, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_cannot_do_is_said() {
    let (address, _) = serve().await;
    let said = async |path: &str| {
        let error = open(&[&format!("http://{address}/{path}")]).await.unwrap_err();
        error.to_string().replace(&address.to_string(), "host")
    };
    assert_snapshot!(said("gone.parquet").await, @"file `http://host/gone.parquet` does not exist");
    assert_snapshot!(said("*.parquet").await, @"`http://host/*.parquet` is not a usable path: a web server cannot be listed; name each file");
    assert_snapshot!(said("loans.parquet?key=1").await, @"`http://host/loans.parquet?key=1` is not a usable path: a query string cannot be passed on; download the file first");
    let error = open(&["ftp://host/a.csv"]).await.unwrap_err().to_string();
    assert_snapshot!(error, @r#"`ftp://host/a.csv`: Generic URL error: Unable to recognise URL "ftp://host/a.csv""#);
}
