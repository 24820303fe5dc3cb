//! A real Alertmanager, and whoever has the pager that it calls.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use crate::leash::Leash;
use crate::prometheus::started;
use crate::tools::{has, repository};

/// Somewhere that Alertmanager tells of alerts: its address, and what it is told.
pub(crate) fn listening() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            let mut piece = [0; 4096];
            let body = loop {
                let read = stream.read(&mut piece).unwrap();
                bytes.extend_from_slice(&piece[..read]);
                let text = String::from_utf8_lossy(&bytes);
                if let Some((_, body)) = text.split_once("\r\n\r\n")
                    && let Ok(body) = serde_json::from_str(body)
                {
                    break body;
                }
                assert!(read > 0, "{text}");
            };
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            if tell.send(body).is_err() {
                return;
            }
        }
    });
    (address, told)
}

/// An Alertmanager by the settings that we hand out, in a hurry, whose pager is at `pager`.
pub(crate) fn alertmanager(folder: &Path, pager: &str) -> Option<(String, Leash)> {
    let program = "prometheus-alertmanager"; // Debian's name
    if !has(program) {
        return None;
    }
    let text = fs::read_to_string(repository("deploy/compose/alertmanager.yml")).unwrap();
    let webhook = format!("webhook_configs: [{{ url: \"http://{pager}\" }}]");
    let ours = text
        .replace("# webhook_configs: [{ url: \"https://...\" }]", &webhook)
        .replace("group_wait: 30s", "group_wait: 1s")
        .replace("group_interval: 5m", "group_interval: 1s");
    assert!(ours.contains(&webhook) && ours.matches(": 1s").count() == 2, "{ours}");
    let config = folder.join("alertmanager.yml");
    fs::write(&config, ours).unwrap();
    Some(started(program, "Listening on", |address| {
        vec![
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", folder.join("alertmanager").display()),
            format!("--web.listen-address={address}"),
            "--cluster.listen-address=".to_owned(),
        ]
    }))
}
