use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::*;
use crate::telemetry::{Readiness, Telemetry};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: vigie\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_answers_until_it_is_told_to_stop() {
    let telemetry = Telemetry::default();
    telemetry.events(3);
    let server = Server::bind(ANY).await.unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(router(&telemetry), async { drop(stopped.await) }));

    let answer = ask(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.ends_with(r#"{"status":"waiting","waiting":{"service":"it is starting"}}"#),
        "{answer}"
    );
    telemetry.readiness().done(Readiness::SERVICE);
    let answer = ask(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let answer = ask(address, "/metrics").await;
    assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("\nvigie_events_total 3\n"), "{answer}");
    assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(ask(address, "/").await.contains("href=\"/metrics\""));
    assert!(ask(address, "/nowhere").await.starts_with("HTTP/1.1 404 "));

    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
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
