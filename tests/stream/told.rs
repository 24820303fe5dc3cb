//! Whoever is to be told of alerts is told, at least once and in order, though they fail and we are killed.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use vigie::simulator::{Conditions, Phase, Schedule, World};

use crate::broker::Broker;
use crate::patience;
use crate::site::Site;

/// A request: its head, and its body.
type Asked = (String, Value);

/// Somebody who takes what is posted, and at first fails at times.
struct Listener {
    address: String,
    /// What was asked, and whether it was taken.
    asked: Arc<Mutex<Vec<(Asked, bool)>>>,
}

impl Listener {
    /// Fails whenever `fails` says so of the number of the request.
    fn start(fails: fn(usize) -> bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<(Asked, bool)>>> = Arc::default();
        let known = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let Some(request) = read(&mut stream) else { continue };
                let mut known = known.lock().unwrap();
                let taken = !fails(known.len());
                known.push((request, taken));
                let status = if taken { "202 Accepted" } else { "503 Service Unavailable" };
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<(Asked, bool)> {
        self.asked.lock().unwrap().clone()
    }

    /// What was taken, once there is so much.
    fn taken(&self, count: usize) -> Vec<Asked> {
        let taken = || {
            let all = self.asked().into_iter().filter(|(_, taken)| *taken);
            let all: Vec<Asked> = all.map(|(asked, _)| asked).collect();
            (all.len() >= count).then_some(all)
        };
        patience::until(taken).unwrap_or_else(|| panic!("{:?}", self.asked()))
    }
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            if bytes.len() >= end + 4 + length.trim().parse::<usize>().ok()? {
                return Some((head, serde_json::from_slice(&bytes[end + 4..]).ok()?));
            }
        }
        match stream.read(&mut part).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&part[..read]),
        }
    }
}

const WINDOW: u64 = 1_000;

#[test]
fn whoever_is_to_be_told_is_told_in_order_though_they_fail_and_we_are_killed() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let shifted = Conditions { shift: 0.9, ..Conditions::STEADY };
    let world = World::new(7).with_schedule(Schedule::new(vec![
        Phase::new("steady", WINDOW, Conditions::STEADY),
        Phase::new("shifted", 2 * WINDOW, shifted),
        Phase::new("steady again", 3 * WINDOW, Conditions::STEADY),
    ]));
    // Two of three requests fail; the other one takes all.
    let hook = Listener::start(|number| number % 3 != 2);
    let pager = Listener::start(|_| false);
    let settings = format!(
        "
window = {{ size = 1000 }}
performance = {{ metrics = ['roc_auc'] }}
alerts = {{ quality = 'off' }}
[[notify]]
name = 'hook'
to = 'webhook'
url = 'http://{}/alerts'
secret = '0123456789abcdef'
[[notify]]
name = 'pager'
to = 'pagerduty'
url = 'http://{}/enqueue'
severity = 'critical'
secret = 'a-routing-key-of-pagerduty'
",
        hook.address, pager.address
    );
    let site = Site::new(broker, &world, 1, &settings);
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..3 * WINDOW);
    site.results(broker, 3);
    let told = hook.taken(1);
    let (head, opened) = &told[0];
    assert!(head.starts_with("post /alerts http/1.1"), "{head}");
    assert!(head.contains("x-vigie-signature: sha256="), "{head}");
    let alerts = site.json(broker, "alerts");
    assert_eq!(*opened, alerts[0]);
    let id = opened["id"].as_str().unwrap();
    assert!(head.contains(&format!("idempotency-key: {id}/0")), "{head}");
    let triggered = pager.taken(1)[0].1.clone();
    assert_eq!(
        (&triggered["event_action"], &triggered["dedup_key"]),
        (&"trigger".into(), &opened["id"])
    );
    instance.kill();
    let instance = site.start("a").ready();
    site.send(broker, &world, 3 * WINDOW..6 * WINDOW);
    site.results(broker, 6);
    // At least once, and nothing that was taken and kept comes again for ever.
    let resolved = || {
        let all = hook.asked();
        let over = all.iter().any(|((_, event), taken)| *taken && event["event"] == "resolved");
        over.then_some(all)
    };
    let all = patience::until(resolved).unwrap();
    let order: Vec<u64> =
        all.iter().map(|((_, event), _)| event["sequence"].as_u64().unwrap()).collect();
    let last = order.iter().max().unwrap();
    assert_eq!(order.last(), Some(last), "{order:?}");
    let actions = || {
        let all = pager.asked();
        let of: Vec<Value> =
            all.iter().map(|((_, said), _)| said["event_action"].clone()).collect();
        of.contains(&"resolve".into()).then_some(of)
    };
    let actions = patience::until(actions).unwrap();
    assert_eq!(actions.last(), Some(&"resolve".into()), "{actions:?}");
    let count = hook.asked().len();
    instance.stop();
    // What was told is not told again by who comes next.
    let instance = site.start("a").ready();
    thread::sleep(Duration::from_secs(3));
    assert_eq!(hook.asked().len(), count);
    instance.stop();
}
