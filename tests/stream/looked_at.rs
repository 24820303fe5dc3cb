//! The page in a real browser: every view, wide and narrow, light and dark, with figures, without, and without a service.
//!
//! Pictures of all of them lie in `target/tmp/page` afterwards: how it looks is for a person to judge.

use std::env;
use std::fs;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use vigie::telemetry::Telemetry;
use vigie::web::{Page, Server, router};
use vigie::window::WindowResult;

use crate::browser::{Browser, Tab};
use crate::http;
use crate::leash::Leash;
use crate::patience::{self, PATIENCE};
use crate::tools::{self, program};

const WIDE: u32 = 1280;
const PHONE: u32 = 390;

/// All that a first visit may cost while a model has some dozens of windows, in bytes over the network.
const FIRST_VISIT: f64 = 300_000.0;

/// A `vigie demo` that every test looks at: a window a second, and after some windows something happens.
struct Demo {
    address: String,
    process: Leash,
}

impl Demo {
    fn shared() -> &'static Self {
        static DEMO: OnceLock<Demo> = OnceLock::new();
        DEMO.get_or_init(|| {
            let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page-demo");
            let folder = folder.to_str().expect("a readable path");
            let pace = ["--rate", "600", "--window", "600"];
            let start = ["demo", "--listen", "127.0.0.1:0", "--folder", folder];
            let process = Leash::spawn(program(), &[&start[..], &pace[..]].concat());
            let line = process.line_with("open http://", PATIENCE).expect("the demo starts");
            let address = line.split("http://").nth(1).expect("it was looked for");
            let address = address.trim_end().trim_end_matches('/').to_owned();
            // The profile is made first: 30,000 rows, by a build that is not optimized.
            process.line_with("what happens", 5 * PATIENCE).expect("a window is sealed");
            let demo = Self { address, process };
            // The third is sealed: there is something to see, and more comes.
            patience::until(|| (demo.sealed("1").len() > 2).then_some(()))
                .unwrap_or_else(|| panic!("no windows: {}", demo.process.said()));
            demo
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The version that goes on having windows for a while: the second one takes over after the first one's 36.
    fn living(&self) -> &'static str {
        let first = self.sealed("1").len();
        if first < 24 {
            return "1";
        }
        patience::until(|| (self.sealed("2").len() > 1).then_some("2"))
            .unwrap_or_else(|| panic!("no second version: {}", self.process.said()))
    }

    /// The windows of the analysis by their number, and when each was heard of, in milliseconds since 1970.
    fn sealed(&self, version: &str) -> Vec<(u64, f64)> {
        let path = format!("/api/models/car-loan/{version}");
        let Some((200, body)) = http::ask(&self.address, &path) else {
            return Vec::new();
        };
        let view: Value = serde_json::from_str(&body).expect("JSON");
        let column = |name: &str| view["windows"][name].as_array().expect("a column").clone();
        let numbers = column("index").into_iter().zip(column("dataset"));
        numbers
            .zip(column("sealed_at"))
            .filter(|((_, set), _)| set == "analysis")
            .filter_map(|((index, _), at)| {
                let at: jiff::Timestamp = at.as_str()?.parse().ok()?;
                Some((index.as_u64()?, at.as_microsecond() as f64 / 1000.0))
            })
            .collect()
    }
}

/// A page in this process, which shows what it is given.
struct Own {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Own {
    fn showing(models: u64) -> Self {
        let of = |model| (0..20).map(move |window| result(model, window));
        Self::of((0..models).flat_map(of))
    }

    fn of(results: impl Iterator<Item = WindowResult>) -> Self {
        let page = Page::new("here");
        page.reading(None);
        page.write(|history| {
            for result in results {
                history.take(&result, None);
            }
        });
        let runtime = Runtime::new().unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = runtime.block_on(Server::bind(any)).unwrap();
        let address = server.address();
        let serving = router(&Telemetry::default(), &page);
        runtime.spawn(server.serve(serving, pending()));
        Self { address, _runtime: runtime }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A window of a model that is well, or, of the first one, outside its thresholds.
fn result(model: u64, window: u64) -> WindowResult {
    serde_json::from_value(told(model, window)).expect("a result")
}

/// The same as it is published.
fn told(model: u64, window: u64) -> Value {
    let value = if model == 0 && window > 15 { 0.7 } else { 0.86 };
    let figure = json!({
        "kind": "estimated", "metric": "roc_auc", "method": "cbpe", "column_name": null, "of": null,
        "value": value, "sampling_error": 0.007, "lower_confidence": value - 0.021, "upper_confidence": value + 0.021,
        "lower_threshold": 0.82, "upper_threshold": 0.9, "p_value": null, "breach": value < 0.82, "status": "ok",
    });
    json!({
        "schema": 1, "engine": "0.1.0", "id": format!("m{model}/1/1/{window}/all/0"), "model": format!("model-{model:02}"),
        "version": "1", "segment": "all", "dataset": "analysis", "window_index": window,
        "window_start": format!("2026-03-01T{window:02}:00:00Z"), "window_end": format!("2026-03-01T{:02}:00:00Z", window + 1),
        "window_rows": 1500, "closed_by": "period", "late_rows": 0, "rejected_rows": 0, "quarantined_rows": 0,
        "lanes_left_out": [], "revision": 0, "revision_cause": null, "final": true, "coverage": null, "targets": null,
        "inputs": [], "epoch": 1, "profile": "p", "settings": "s", "figures": [figure],
    })
}

/// A window in which targets say what a change comes from: the concept, in the newest of them.
fn split(window: u64) -> WindowResult {
    let mut told = told(0, window);
    let figure = told["figures"][0].clone();
    let drifted = window > 15;
    let with = |fields: Value| {
        let mut figure = figure.as_object().expect("an object").clone();
        figure.extend(fields.as_object().expect("an object").clone());
        Value::Object(figure)
    };
    let part = |metric: &str, method: &str, value: f64, error: f64| {
        with(json!({
            "kind": "diagnosis", "metric": metric, "method": method, "of": "roc_auc", "value": value,
            "sampling_error": error, "lower_confidence": value - 3.0 * error, "upper_confidence": value + 3.0 * error,
            "lower_threshold": null, "upper_threshold": null, "breach": null,
        }))
    };
    let concept = if drifted { -0.152 } else { 0.004 };
    told["coverage"] = json!(1.0);
    told["figures"] = json!([
        with(json!({ "value": 0.858, "breach": false })),
        with(
            json!({ "kind": "realized", "method": "labelled", "value": 0.86 + concept, "breach": drifted })
        ),
        part("performance_change", "post_stratified", concept - 0.004, 0.0125),
        part("covariate_shift_effect", "cbpe", -0.004, 0.0034),
        part("concept_drift_effect", "post_stratified", concept, 0.012),
    ]);
    serde_json::from_value(told).expect("a result")
}

/// axe-core, as `tests/setup` fetched it.
fn checker() -> Option<String> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    let file = cache.join("vigie/axe-core-4.10.3/axe.min.js");
    fs::read_to_string(&file)
        .ok()
        .or_else(|| tools::skip(&format!("`{}` is missing", file.display())))
}

/// What axe finds that is serious.
fn barriers(tab: &Tab, checker: &str) -> Vec<String> {
    tab.run(&format!("{checker}; 0"));
    let found = tab.run(
        "axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations
            .filter(one => one.impact === 'serious' || one.impact === 'critical')
            .map(one => `${one.id}: ${one.nodes.map(node => node.html.slice(0, 160)).slice(0, 3).join(' ; ')}`))",
    );
    serde_json::from_value(found).expect("a list")
}

/// That a view is whole: nothing went wrong, nothing was asked of others, nothing hangs over the edge.
fn whole(tab: &Tab, origin: &str, checker: &str, name: &str) {
    assert_eq!(tab.faults(), [""; 0], "{name}");
    for url in tab.requests() {
        let near = ["data:", "blob:", "about:"].iter().any(|near| url.starts_with(near));
        assert!(near || url.starts_with(origin), "{name}: asks {url}");
    }
    let wide = tab.run("document.documentElement.scrollWidth");
    assert!(wide.as_u64() <= Some(tab.width().into()), "{name}: {wide} pixels wide");
    tab.picture(name);
    assert_eq!(barriers(tab, checker), [""; 0], "{name}");
}

#[test]
fn every_view_is_whole_in_both_widths_and_themes() {
    let (Some(browser), Some(checker)) = (Browser::shared(), checker()) else {
        return;
    };
    let demo = Demo::shared();
    let views = [
        ("overview", "/", "document.querySelector('.model-row')"),
        (
            "model",
            "/m/car-loan/1",
            "document.querySelector('[data-key=chart-performance] canvas') && document.querySelector('[data-key=heat] canvas')?.height",
        ),
        ("column", "/m/car-loan/1?column=income", "document.querySelector('.column .steps')"),
        ("service", "/service", "document.querySelector('[data-key=lanes] table')"),
    ];
    for (width, shape) in [(WIDE, "wide"), (PHONE, "phone")] {
        for scheme in ["light", "dark"] {
            for (view, path, shown) in views {
                let tab = browser.tab(width, scheme);
                tab.open(&demo.url(path));
                tab.until(&format!("Boolean({shown})"));
                let name = format!("{view}-{shape}-{scheme}");
                whole(&tab, &demo.url("/"), &checker, &name);
                // Later there are more windows, and with them more figures.
                let first = (width, scheme) == (WIDE, "light");
                let bytes = tab.bytes();
                assert!(bytes > 10_000.0 && (!first || bytes < FIRST_VISIT), "{name}: {bytes}");
            }
        }
    }
}

#[test]
fn a_change_is_two_bars_with_their_errors_and_in_words() {
    let (Some(browser), Some(checker)) = (Browser::shared(), checker()) else {
        return;
    };
    let own = Own::of((0..20).map(split));
    for (width, scheme) in [(WIDE, "light"), (PHONE, "dark")] {
        let tab = browser.tab(width, scheme);
        tab.open(&own.url("/m/model-00/1"));
        tab.until("document.querySelectorAll('.effects .bar-part').length === 2");
        let said = tab.text(".effects");
        for words in ["down by 0.156", "Concept drift", "0.152", "not distinguishable from zero"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        // As long as they are large, and the one that may be chance is told apart.
        let size = "Math.round(document.querySelector('.bar-part.concept').offsetWidth / document.querySelector('.bar-part.shift').offsetWidth)";
        let ratio = tab.run(size).as_f64().expect("a number");
        assert!((20.0..=76.0).contains(&ratio), "{ratio}");
        assert_eq!(tab.run("document.querySelectorAll('.effects .unsure').length"), 1);
        whole(&tab, &own.url("/"), &checker, &format!("split-{scheme}"));
    }
}

#[test]
fn what_checks_for_barriers_finds_one() {
    let (Some(browser), Some(checker)) = (Browser::shared(), checker()) else {
        return;
    };
    let own = Own::showing(1);
    let tab = browser.tab(WIDE, "light");
    tab.open(&own.url("/"));
    tab.until("Boolean(document.querySelector('.model-row'))");
    tab.run("document.body.insertAdjacentHTML('beforeend', '<button></button>')");
    assert_eq!(barriers(&tab, &checker).len(), 1);
}

#[test]
fn a_sealed_window_is_on_the_page_within_two_seconds() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let demo = Demo::shared();
    let version = demo.living();
    let tab = browser.tab(WIDE, "light");
    tab.open(&demo.url(&format!("/m/car-loan/{version}")));
    tab.until("Boolean(document.querySelector('[data-key=numbers] h2'))");
    // When a number was first seen, by the same clock.
    tab.run(
        "window.seen = {};
        const look = () => {
            const number = document.querySelector('[data-key=numbers] h2').innerText.match(/\\d+/)[0];
            window.seen[number] ??= Date.now();
        };
        look();
        new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
        0",
    );
    tab.until("Object.keys(window.seen).length > 5");
    let seen = tab.run("window.seen");
    let seen = seen.as_object().expect("an object");
    // The first was there before anybody looked.
    let first = seen.keys().filter_map(|number| number.parse::<u64>().ok()).min();
    let mut late: Vec<f64> = demo
        .sealed(version)
        .into_iter()
        .filter(|(number, _)| Some(*number) > first)
        .filter_map(|(number, at)| Some(seen.get(&number.to_string())?.as_f64()? - at))
        .collect();
    late.sort_by(f64::total_cmp);
    // The quickest: dozens of other tests share two processors, and this is a build that is not optimized.
    assert!(late.len() >= 4 && late[0] < 2_000.0, "milliseconds: {late:?}");
    assert_eq!(tab.faults(), [""; 0]);
}

#[test]
fn the_keyboard_goes_through_windows_and_the_address_says_where_it_is() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let demo = Demo::shared();
    let tab = browser.tab(WIDE, "light");
    tab.open(&demo.url("/m/car-loan/1"));
    tab.until("Boolean(document.querySelector('[data-key=chart-performance] canvas'))");
    tab.run("document.querySelector('[data-key=chart-performance] .plot').focus()");
    let at = "document.activeElement.getAttribute('aria-valuetext').split(',')[0]";
    tab.press("End");
    let newest = tab.run(at);
    tab.press("ArrowLeft");
    let before = tab.run(at);
    assert_ne!(newest, before);
    assert!(before.as_str().is_some_and(|text| text.starts_with("Window ")), "{before}");
    let shown = tab.text("[data-key=chart-performance] .tip");
    assert!(shown.contains("estimated") && shown.contains("UTC"), "{shown}");
    tab.press("Enter");
    let number = before.as_str().unwrap().trim_start_matches("Window ").to_owned();
    assert_eq!(tab.until("new URLSearchParams(location.search).get('window')"), number);
    tab.run("document.querySelector('[data-do=openColumn][data-column=income]').focus()");
    tab.press("Enter");
    tab.until(
        "location.search.includes('column=income') && Boolean(document.querySelector('.column'))",
    );
    // Who is sent the address sees the same.
    let address = tab.run("location.href");
    let other = browser.tab(PHONE, "dark");
    other.open(address.as_str().unwrap());
    other.until("Boolean(document.querySelector('.column'))");
    assert_eq!(other.text("[data-key=numbers] h2"), format!("Figures of window {number}"));
    assert_eq!([tab.faults(), other.faults()].concat(), [""; 0]);
}

#[test]
fn a_chart_is_a_table_too() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let demo = Demo::shared();
    let tab = browser.tab(WIDE, "light");
    tab.open(&demo.url("/m/car-loan/1"));
    tab.until("Boolean(document.querySelector('[data-table=performance]'))");
    // What would be downloaded is kept for us.
    tab.run(
        "window.saved = [];
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => { blob.text().then(text => window.saved.push(text)); return make.call(URL, blob); };
        HTMLAnchorElement.prototype.click = () => {};
        document.querySelector('[data-table=performance] summary').click(); 0",
    );
    tab.until("document.querySelectorAll('[data-table=performance] tbody tr').length > 2");
    tab.run("document.querySelector('[data-table=performance] [data-do=saveTable]').click()");
    let text = tab.until("window.saved[0]");
    let text = text.as_str().expect("a text");
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().expect("a head").split(',').collect();
    let place = |name: &str| head.iter().position(|one| *one == name).expect("a column");
    let newest: Vec<&str> = lines.next().expect("a row").split(',').collect();
    let (status, view) = http::get(&demo.address, "/api/models/car-loan/1");
    assert_eq!(status, 200);
    let view: Value = serde_json::from_str(&view).expect("JSON");
    let windows = &view["windows"];
    let indexes = windows["index"].as_array().expect("a column");
    let row = (0..indexes.len()).rfind(|row| {
        windows["dataset"][row] == "analysis"
            && indexes[*row].as_u64() == newest[place("window")].parse().ok()
    });
    let row = row.expect("the window that stands in the file");
    let series = view["series"].as_array().expect("series");
    let estimated = series.iter().find(|one| {
        one["kind"] == "estimated" && one["metric"] == view["primary"] && one["segment"] == "all"
    });
    let value = estimated.expect("an estimate")["value"][row].as_f64();
    assert_eq!(newest[place("estimated")].parse::<f64>().ok(), value, "to the bit");
}

#[test]
fn where_there_is_nothing_it_says_what_is_awaited() {
    let (Some(browser), Some(checker)) = (Browser::shared(), checker()) else {
        return;
    };
    let own = Own::showing(0);
    for (view, path, words) in [
        ("empty-overview", "/", "A model shows up here when its first window is sealed"),
        ("empty-service", "/service", "No lane yet"),
    ] {
        let tab = browser.tab(WIDE, "light");
        tab.open(&own.url(path));
        tab.until(&format!("document.body.innerText.includes({})", json!(words)));
        assert!(tab.text("main").contains("ince 20"), "since when: {}", tab.text("main"));
        whole(&tab, &own.url("/"), &checker, view);
    }
    let tab = browser.tab(PHONE, "dark");
    tab.open(&own.url("/m/nobody/1"));
    tab.until("document.body.innerText.includes('There is nothing here')");
    assert!(tab.text("main").contains("nobody"), "{}", tab.text("main"));
    tab.picture("empty-model");
    assert_eq!(barriers(&tab, &checker), [""; 0]);
}

#[test]
fn where_nobody_answers_it_says_so_and_comes_back() {
    let (Some(browser), Some(checker)) = (Browser::shared(), checker()) else {
        return;
    };
    let own = Own::showing(2);
    let tab = browser.tab(WIDE, "dark");
    tab.deaf(Some("*/api/*"));
    for (view, path) in [
        ("no-answer", "/"),
        ("no-answer-model", "/m/model-00/1"),
        ("no-answer-service", "/service"),
    ] {
        tab.open(&own.url(path));
        tab.until("document.body.innerText.includes('does not answer')");
        assert!(tab.text("main").contains("Since 20"), "{}", tab.text("main"));
        tab.picture(view);
        assert_eq!(barriers(&tab, &checker), [""; 0], "{view}");
    }
    tab.open(&own.url("/"));
    tab.until("Boolean(document.querySelector('[data-do=again]'))");
    tab.deaf(None);
    tab.run("document.querySelector('[data-do=again]').click()");
    tab.until("document.querySelectorAll('.model-row').length === 2");
    // What was there stays, and its age is said.
    tab.deaf(Some("*/api/*"));
    tab.run("document.querySelector('nav a[href=\"/\"]').click()");
    tab.until("Boolean(document.querySelector('.notice.bad'))");
    assert_eq!(tab.run("document.querySelectorAll('.model-row').length"), 2);
    tab.deaf(None);
    tab.until("!document.querySelector('.notice.bad')");
}

#[test]
fn a_report_is_the_page_in_one_file() {
    let (Some(browser), Some(checker)) = (Browser::shared(), checker()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let [results, report] = ["results.jsonl", "report.html"].map(|name| folder.path().join(name));
    let rows = (0..2).flat_map(|model| (0..20).map(move |window| told(model, window)));
    let rows = rows.map(|mut row| {
        let row = row.as_object_mut().expect("an object");
        let figures = row.remove("figures").expect("it has some");
        row.remove("inputs");
        row.extend(figures[0].as_object().expect("an object").clone());
        format!("{}\n", json!(row))
    });
    fs::write(&results, rows.collect::<String>()).unwrap();
    let made =
        Command::new(program()).arg("report").arg(&results).arg("--output").arg(&report).output();
    let made = made.expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let origin = format!("file://{}", report.display());
    for (width, scheme) in [(WIDE, "light"), (PHONE, "dark")] {
        let tab = browser.tab(width, scheme);
        tab.open(&origin);
        tab.until("document.querySelectorAll('.model-row').length === 2");
        tab.run("document.querySelector('.model-row').click()");
        tab.until("Boolean(document.querySelector('[data-key=chart-performance] canvas'))");
        assert!(tab.text("h1").contains("model-00"), "the worst first: {}", tab.text("h1"));
        assert_eq!(tab.text("[data-key=numbers] h2"), "Figures of window 19");
        whole(&tab, &origin, &checker, &format!("report-{scheme}"));
        assert_eq!(tab.requests().len(), 1, "{:?}", tab.requests());
    }
}

#[test]
fn forty_models_are_filtered_and_the_address_holds_it() {
    let (Some(browser), Some(checker)) = (Browser::shared(), checker()) else {
        return;
    };
    let own = Own::showing(40);
    let tab = browser.tab(WIDE, "light");
    tab.open(&own.url("/"));
    let rows = "document.querySelectorAll('.model-row').length";
    tab.until(&format!("{rows} === 40"));
    // Worst first.
    assert!(tab.text(".model-row").contains("model-00"), "{}", tab.text(".model-row"));
    whole(&tab, &own.url("/"), &checker, "forty-wide-light");
    tab.run("document.querySelector('#q').focus()");
    for key in ["m", "o", "d", "e", "l", "-", "1"] {
        tab.run(&format!("document.execCommand('insertText', false, {})", json!(key)));
    }
    tab.until(&format!("{rows} === 10"));
    assert_eq!(tab.run("document.activeElement.id"), "q", "focus stays where one types");
    assert_eq!(tab.run("new URLSearchParams(location.search).get('q')"), "model-1");
    let address = tab.run("location.href");
    tab.open(address.as_str().unwrap());
    tab.until(&format!("{rows} === 10"));
    tab.run("document.querySelector('#q').value = ''; document.querySelector('#q').dispatchEvent(new Event('input', { bubbles: true }))");
    tab.until(&format!("{rows} === 40"));
    tab.run("document.querySelector('.choice[data-state=watch]').click()");
    tab.until(&format!("{rows} === 1"));
    assert_eq!(tab.run("new URLSearchParams(location.search).get('state')"), "watch");
    assert_eq!(tab.faults(), [""; 0]);
}
