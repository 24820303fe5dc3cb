use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::history::About;
use crate::metric::{Currencies, Metric, Problem};
use crate::profile::{Form, Shape};
use crate::telemetry::{Readiness, Telemetry};
use crate::window::WindowResult;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A server, and what it shows.
struct Served {
    address: SocketAddr,
    telemetry: Telemetry,
    page: Page,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), WebError>>,
}

impl Served {
    async fn start() -> Self {
        let telemetry = Telemetry::default();
        let page = Page::new("here");
        let server = Server::bind(ANY).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let shown = page.clone();
        let until = async move {
            drop(stopped.await);
            shown.close();
        };
        let serving = tokio::spawn(server.serve(router(&telemetry, &page), until));
        Self { address, telemetry, page, stop, serving }
    }

    /// With a window of a model whose profile is known.
    async fn with_a_window() -> Self {
        let served = Self::start().await;
        served.page.write(|history| {
            let about = About {
                epoch: 4,
                problem: Problem::Binary,
                primary: Some(Metric::F1.into()),
                currencies: Currencies::default(),
                profile: "abc".to_owned(),
                settings: "def".to_owned(),
                silent_after: None,
                reference: Vec::new(),
                shapes: vec![Shape {
                    column: "in/come".to_owned(),
                    rows: 4,
                    missing: 0,
                    form: Form::Bins(vec![0.0, 1.0, 2.0]),
                    counts: vec![1, 3],
                    other: 0,
                }],
            };
            history.about("car-loan", "7", about);
            history.take(&window(), Some(1_767_229_200_000_000));
            let bare = WindowResult { model: "<b>".to_owned(), version: String::new(), ..window() };
            history.take(&bare, None);
        });
        served
    }

    async fn ask(&self, path: &str) -> Answer {
        self.ask_with(path, "").await
    }

    async fn ask_with(&self, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: vigie\r\n{headers}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::of(&bytes)
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(self.address).await.is_err());
    }
}

/// What was answered.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }
}

fn window() -> WindowResult {
    let figure = |kind: &str,
                  metric: &str,
                  method: Option<&str>,
                  column: Option<&str>,
                  value: f64| {
        json!({
            "kind": kind, "metric": metric, "method": method, "column_name": column, "of": null,
            "value": value, "sampling_error": null, "lower_confidence": null, "upper_confidence": null,
            "lower_threshold": null, "upper_threshold": 0.5, "p_value": null,
            "breach": value > 0.5, "status": "ok",
        })
    };
    let window = json!({
        "schema": 1, "engine": "0", "id": "car-loan/7/4/2/all/0", "model": "car-loan", "version": "7",
        "segment": "all", "dataset": "analysis", "window_index": 2,
        "window_start": "2026-01-01T00:00:00Z", "window_end": "2026-01-01T01:00:00Z",
        "window_rows": 5, "closed_by": "period", "late_rows": 0, "rejected_rows": 0,
        "quarantined_rows": 0, "lanes_left_out": [], "revision": 0, "revision_cause": null,
        "final": true, "coverage": null, "epoch": 4, "profile": "abc", "settings": "def",
        "figures": [
            figure("estimated", "f1", Some("cbpe"), None, 0.75),
            figure("drift", "jensen_shannon", None, Some("in/come"), 0.625),
        ],
        "distributions": [{ "column_name": "in/come", "counts": [2, 2], "above": 1 }],
    });
    serde_json::from_value(window).unwrap()
}

#[tokio::test]
async fn it_answers_until_it_is_told_to_stop() {
    let served = Served::start().await;
    served.telemetry.events(3);
    let answer = served.ask("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.text(), r#"{"status":"waiting","waiting":{"service":"it is starting"}}"#);
    served.telemetry.readiness().done(Readiness::SERVICE);
    assert_eq!(served.ask("/readyz").await.status, 200);

    let answer = served.ask("/metrics").await;
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    assert!(answer.text().contains("\nvigie_events_total 3\n"));
    assert_eq!(served.ask("/healthz").await.status, 200);
    served.end().await;
}

#[tokio::test]
async fn the_page_and_its_files_are_served_whole_and_guarded() {
    let served = Served::with_a_window().await;
    for path in ["/", "/service", "/m/car-loan/7", "/m/%3Cb%3E/-?window=2"] {
        let answer = served.ask(path).await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{path}");
        assert!(text.contains("<html") && !text.contains(FIRST_PAINT), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    }
    let text = served.ask("/").await.text();
    assert!(text.contains("<a href=\"/m/car-loan/7\">car-loan 7</a>"), "{text}");
    assert!(text.contains("<a href=\"/m/%3Cb%3E/-\">&lt;b&gt;</a>"), "{text}");
    let one = served.ask("/m/car-loan/7").await.text();
    assert!(one.contains("car-loan 7") && !one.contains("&lt;b&gt;"), "{one}");
    for (path, whole) in [("/assets/vigie.js", SCRIPT), ("/assets/vigie.css", STYLE)] {
        let plain = served.ask(path).await;
        assert_eq!(plain.text(), whole);
        let packed = served.ask_with(path, "accept-encoding: br, gzip\r\n").await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        let mut unpacked = String::new();
        GzDecoder::new(&*packed.body).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, whole);
        let tag = plain.header("etag").unwrap();
        let same = served.ask_with(path, &format!("if-none-match: {tag}\r\n")).await;
        assert_eq!((same.status, same.body.len()), (304, 0));
        let refused = served.ask_with(path, "accept-encoding: gzip;q=0\r\n").await;
        assert_eq!(refused.header("content-encoding"), None);
    }
    served.end().await;
}

#[tokio::test]
async fn the_api_shows_what_was_taken() {
    let served = Served::with_a_window().await;
    let overview = served.ask("/api/overview").await.json();
    assert_eq!(overview["instance"], "here");
    assert_eq!(overview["ready"], false);
    assert_eq!(overview["waiting"]["history"], "results are not read yet");
    let row = overview["models"].as_array().unwrap().iter().find(|row| row["version"] == "7");
    let row = row.unwrap();
    // An F1 of 0.75 above 0.5, which an alert would be about.
    assert_eq!((&row["state"], &row["problem"]), (&json!("watch"), &json!("binary")));
    assert_eq!(row["primary"]["estimated"], json!([0.75]));
    assert_eq!(row["window"]["sealed_at"], json!("2026-01-01T01:00:00Z"));

    let answer = served.ask_with("/api/models/car-loan/7", "accept-encoding: gzip\r\n").await;
    let mut text = String::new();
    GzDecoder::new(&*answer.body).read_to_string(&mut text).unwrap();
    let model: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(model["windows"]["index"], json!([2]));
    let drift = model["series"].as_array().unwrap().iter().find(|of| of["kind"] == "drift");
    assert_eq!(drift.unwrap()["value"], json!([0.625]));
    let tag = answer.header("etag").unwrap();
    let again = format!("if-none-match: {tag}\r\n");
    assert_eq!(served.ask_with("/api/models/car-loan/7", &again).await.status, 304);
    assert_eq!(served.ask("/api/models/%3Cb%3E/-").await.status, 200);

    let path = "/api/models/car-loan/7/columns/in%2Fcome?window=2";
    let column = served.ask(path).await.json();
    assert_eq!(column["reference"], json!([0.25, 0.75]));
    assert_eq!(column["observed"], json!([0.4, 0.4]));
    assert_eq!(column["outside"], json!([0.0, 0.2]));
    assert_eq!(served.ask("/api/alerts").await.json(), json!({ "alerts": [] }));
    let service = served.ask("/api/service").await.json();
    assert_eq!(service["epochs"][0]["epoch"], json!(4));
    assert_eq!(service["events"], json!(0.0));
    served.end().await;
}

#[tokio::test]
async fn refusals_are_json_and_say_what_to_do() {
    let served = Served::with_a_window().await;
    for (path, status, words) in [
        ("/nowhere", 404, "/api/overview lists the models"),
        ("/api/nothing", 404, "`/` is the page"),
        ("/assets/other.js", 404, "`/` is the page"),
        ("/api/models/car-loan/8", 404, "no model `car-loan` of version `8`"),
        ("/api/models/car-loan/7?segments=some", 400, "only `all`"),
        ("/api/models/car-loan/7?windows=-1", 400, "how many of the newest"),
        ("/api/models/car-loan/7?windows=1&window=x", 400, "a whole number"),
        ("/api/models/car-loan/7/columns/age", 404, "it tells of in/come"),
        ("/api/models/car-loan/7/columns/in%2Fcome?window=9", 404, "the newest windows, 2"),
        ("/api/models/car-loan/7/columns/in%2Fcome?window=x", 400, "a whole number"),
    ] {
        let answer = served.ask(path).await;
        assert_eq!(answer.status, status, "{path}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(words), "{path}: {error}");
    }
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = "POST /api/overview HTTP/1.1\r\nhost: vigie\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let answer = Answer::of(&bytes);
    assert_eq!(answer.status, 405);
    assert!(answer.json()["error"].as_str().unwrap().contains("only GET"));
    served.end().await;
}

#[tokio::test]
async fn browsers_are_told_of_what_is_new_and_let_go_at_the_end() {
    let served = Served::start().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: vigie\r\n\r\n").await.unwrap();
    let mut heard = String::new();
    let mut until = async |words: &str| {
        let mut part = [0; 4096];
        while !heard.contains(words) {
            let read = timeout(Duration::from_secs(5), stream.read(&mut part)).await;
            let read = read.unwrap_or_else(|_| panic!("`{words}` is not in {heard}")).unwrap();
            assert!(read > 0, "`{words}` is not in {heard}");
            heard.push_str(&String::from_utf8_lossy(&part[..read]));
        }
    };
    until("event: ready\ndata: {\"ready\":false").await;
    served.page.tell(Event::Window {
        model: "car-loan".to_owned(),
        version: "7".to_owned(),
        index: 2,
        segment: "all".to_owned(),
    });
    until("event: window\ndata: {\"model\":\"car-loan\",\"version\":\"7\",\"index\":2,\"segment\":\"all\"}").await;
    served.telemetry.readiness().done(Readiness::SERVICE);
    served.page.reading(None);
    until("event: ready\ndata: {\"ready\":true,\"waiting\":{}}").await;
    // It does not wait for browsers that listen.
    timeout(Duration::from_secs(3), served.end()).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_way_out() {
    let first = Server::bind(ANY).await.unwrap();
    let error = Server::bind(first.address()).await.unwrap_err();
    let port = first.address().port();
    let text = error.to_string();
    assert!(text.starts_with(&format!("port {port} on 127.0.0.1 is taken: ")), "{text}");
    assert!(text.contains("--listen 127.0.0.1:"), "{text}");
}
