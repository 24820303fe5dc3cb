//! A real Chromium without a window, driven by two pipes over the protocol of its developer tools.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use serde_json::{Value, json};

use crate::patience::{self, PATIENCE};
use crate::tools;

const MISSING: &str = "`chromium` is missing";

/// The shell gives the browser its pipes as the descriptors 3 and 4, where it wants them. It ends when they close, so
/// it cannot outlive us.
const PIPES: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// A running browser.
#[derive(Debug)]
pub(crate) struct Browser {
    wire: Arc<Wire>,
    _process: Child,
}

/// What is under way between us and the browser.
#[derive(Debug)]
struct Wire {
    to: Mutex<ChildStdin>,
    number: AtomicU64,
    answers: Mutex<BTreeMap<u64, Sender<Value>>>,
    events: Mutex<BTreeMap<String, Sender<Value>>>,
}

impl Browser {
    /// The one that all tests share, each with tabs of its own. None, after it was said why, where there is none.
    pub(crate) fn shared() -> Option<&'static Self> {
        static BROWSER: OnceLock<Option<Browser>> = OnceLock::new();
        let found = BROWSER.get_or_init(Self::start).as_ref();
        if found.is_none() {
            tools::skip::<()>(MISSING);
        }
        found
    }

    fn start() -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let program = names.into_iter().find(|name| tools::found(name))?;
        let profile = folder().join("browser");
        // What an earlier run left: a browser that is shared has nobody who clears up after it.
        fs::remove_dir_all(&profile).or_else(not_there).unwrap();
        let mut process = Command::new("sh")
            .args(["-c", PIPES, "pipes", program])
            .args(["--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"])
            .args(["--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let from = process.stdout.take().expect("it is piped");
        let wire = Arc::new(Wire {
            to: Mutex::new(process.stdin.take().expect("it is piped")),
            number: AtomicU64::new(1),
            answers: Mutex::default(),
            events: Mutex::default(),
        });
        let heard = Arc::clone(&wire);
        thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(Result::ok) {
                heard.sort(serde_json::from_slice(&message).expect("the browser speaks JSON"));
            }
        });
        Some(Self { wire, _process: process })
    }

    /// A new tab, so many pixels wide, that prefers light or dark.
    pub(crate) fn tab(&self, width: u32, scheme: &str) -> Tab {
        let made = self.wire.ask(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let target = made["targetId"].clone();
        let attach = json!({ "targetId": target, "flatten": true });
        let attached = self.wire.ask(None, "Target.attachToTarget", &attach);
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let (tell, events) = channel();
        self.wire.events.lock().unwrap().insert(session.clone(), tell);
        let tab = Tab {
            wire: Arc::clone(&self.wire),
            session,
            target,
            events,
            heard: RefCell::default(),
            width,
        };
        for part in ["Page", "Runtime", "Log", "Network"] {
            tab.call(&format!("{part}.enable"), &json!({}));
        }
        // Each tab is a first visit.
        tab.call("Network.setCacheDisabled", &json!({ "cacheDisabled": true }));
        let screen =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        tab.call("Emulation.setDeviceMetricsOverride", &screen);
        let prefers = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        tab.call("Emulation.setEmulatedMedia", &prefers);
        tab
    }
}

impl Wire {
    fn sort(&self, message: Value) {
        if let Some(number) = message["id"].as_u64() {
            if let Some(asker) = self.answers.lock().unwrap().remove(&number) {
                // Who asked may have given up.
                asker.send(message).unwrap_or(());
            }
        } else if let Some(session) = message["sessionId"].as_str()
            && let Some(tab) = self.events.lock().unwrap().get(session)
        {
            tab.send(message).unwrap_or(());
        }
    }

    fn ask(&self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = channel();
        self.answers.lock().unwrap().insert(number, tell);
        let mut message = json!({ "id": number, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        write!(self.to.lock().unwrap(), "{message}\0").expect("the browser runs");
        let answer = told.recv_timeout(PATIENCE);
        let mut answer = answer.unwrap_or_else(|_| panic!("the browser does not answer {method}"));
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }
}

/// A tab.
#[derive(Debug)]
pub(crate) struct Tab {
    wire: Arc<Wire>,
    session: String,
    target: Value,
    events: Receiver<Value>,
    heard: RefCell<Vec<Value>>,
    width: u32,
}

impl Tab {
    fn call(&self, method: &str, parameters: &Value) -> Value {
        self.wire.ask(Some(&self.session), method, parameters)
    }

    /// How many pixels wide it is.
    pub(crate) fn width(&self) -> u32 {
        self.width
    }

    /// Goes to an address, until the document and what it names are there.
    pub(crate) fn open(&self, address: &str) {
        let loaded = || self.heard("Page.loadEventFired").len();
        let before = loaded();
        self.call("Page.navigate", &json!({ "url": address }));
        patience::until(|| (loaded() > before).then_some(()))
            .unwrap_or_else(|| panic!("{address} does not load"));
    }

    /// What a script's last value is; it may be a promise.
    pub(crate) fn run(&self, script: &str) -> Value {
        let asked = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &asked);
        let fault = &answer["exceptionDetails"];
        assert!(fault.is_null(), "{script}: {fault}");
        answer["result"]["value"].take()
    }

    /// Waits until a script's value is one that counts as true, and gives it.
    pub(crate) fn until(&self, script: &str) -> Value {
        let found = patience::until(|| {
            let value = self.run(script);
            let nothing =
                matches!(value, Value::Null | Value::Bool(false)) || value == "" || value == 0;
            (!nothing).then_some(value)
        });
        found.unwrap_or_else(|| {
            panic!("`{script}` does not come true; the page says: {}", self.text("body"))
        })
    }

    /// The text of the first element that a selector finds.
    pub(crate) fn text(&self, selector: &str) -> String {
        let script = format!("document.querySelector({})?.innerText ?? ''", json!(selector));
        self.run(&script).as_str().expect("a text").to_owned()
    }

    /// Presses a key where the focus is.
    pub(crate) fn press(&self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut stroke = json!({ "type": kind, "key": key, "code": key });
            if key == "Enter" {
                stroke["text"] = "\r".into();
            }
            if key == "Tab" {
                stroke["windowsVirtualKeyCode"] = 9.into();
            }
            self.call("Input.dispatchKeyEvent", &stroke);
        }
    }

    /// From now on requests of this form get no answer, or all do again.
    pub(crate) fn deaf(&self, pattern: Option<&str>) {
        let blocked: Vec<&str> = pattern.into_iter().collect();
        self.call("Network.setBlockedURLs", &json!({ "urls": blocked }));
    }

    /// Writes the whole page as a picture into a folder of the build, for a person to look at.
    pub(crate) fn picture(&self, name: &str) {
        let height = self.run("document.documentElement.scrollHeight");
        let clip = json!({ "x": 0, "y": 0, "width": self.width, "height": height, "scale": 1 });
        let asked = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", &asked);
        let text = picture["data"].as_str().expect("base64");
        fs::create_dir_all(folder()).unwrap();
        fs::write(folder().join(format!("{name}.png")), bytes_of(text)).unwrap();
    }

    /// Everything that was heard so far, of one method.
    fn heard(&self, method: &str) -> Vec<Value> {
        self.heard.borrow_mut().extend(self.events.try_iter());
        let heard = self.heard.borrow();
        heard
            .iter()
            .filter(|event| event["method"] == method)
            .map(|event| event["params"].clone())
            .collect()
    }

    /// What went wrong by the browser's own words: exceptions, errors on the console, files that did not come.
    pub(crate) fn faults(&self) -> Vec<String> {
        let thrown = self.heard("Runtime.exceptionThrown");
        let said = self.heard("Runtime.consoleAPICalled").into_iter();
        let said = said.filter(|call| call["type"] == "error" || call["type"] == "warning");
        let logged = self.heard("Log.entryAdded").into_iter();
        let logged = logged.filter(|log| log["entry"]["level"] == "error");
        thrown.into_iter().chain(said).chain(logged).map(|fault| fault.to_string()).collect()
    }

    /// Where requests went.
    pub(crate) fn requests(&self) -> Vec<String> {
        let sent = self.heard("Network.requestWillBeSent").into_iter();
        sent.filter_map(|sent| Some(sent["request"]["url"].as_str()?.to_owned())).collect()
    }

    /// Bytes that came over the network for the first visit, heads of answers too. What is asked for again as windows
    /// are sealed counts once.
    pub(crate) fn bytes(&self) -> f64 {
        let mut first = BTreeMap::new();
        for sent in self.heard("Network.requestWillBeSent") {
            let [url, id] = [&sent["request"]["url"], &sent["requestId"]];
            first.entry(url.to_string()).or_insert_with(|| id.clone());
        }
        let done = self.heard("Network.loadingFinished").into_iter();
        done.filter(|done| first.values().any(|id| *id == done["requestId"]))
            .filter_map(|done| done["encodedDataLength"].as_f64())
            .sum()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.wire.ask(None, "Target.closeTarget", &json!({ "targetId": self.target }));
        }
    }
}

/// Where pictures are written.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page")
}

fn not_there(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Base64 without line breaks.
fn bytes_of(text: &str) -> Vec<u8> {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, sign| {
            let value = SIGNS.iter().position(|known| known == sign).expect("base64");
            (bits << 6) | value as u32
        });
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

#[test]
fn base64_is_read() {
    assert_eq!(bytes_of("dmlnaWU="), b"vigie");
    assert_eq!(bytes_of("dmln"), b"vig");
    assert_eq!(bytes_of("dg=="), b"v");
}
