//! The page shows what was published: of all models, on every instance, soon after it was committed, and again after a
//! restart.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

use serde_json::Value;
use vigie::simulator::{Conditions, Schedule, World};
use vigie::web::Page;

use crate::broker::Broker;
use crate::http;
use crate::instance::Instance;
use crate::patience;
use crate::published::{estimated, figures_of};
use crate::site::{MODEL, Site};

/// What the API of an instance says.
fn asked(instance: &Instance, path: &str) -> Value {
    let (status, body) = http::get(instance.address(), path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// The model's view, once it has these windows of the analysis.
fn view(instance: &Instance, version: &str, windows: &[u64]) -> Value {
    let path = format!("/api/models/{MODEL}/{version}?segments=all");
    let found = patience::until(|| {
        let (status, body) = http::get(instance.address(), &path);
        let view: Value = serde_json::from_str(&body).ok().filter(|_| status == 200)?;
        (analysed(&view) == windows).then_some(view)
    });
    found.unwrap_or_else(|| {
        panic!("no windows {windows:?}: {}", http::get(instance.address(), &path).1)
    })
}

/// Waits until it has read all that was published; it is ready for its other work before.
fn reads_all(instance: &Instance) {
    let read = patience::until(|| {
        let overview = asked(instance, "/api/overview");
        overview["waiting"].as_object().unwrap().get(Page::PART).is_none().then_some(())
    });
    assert!(read.is_some(), "{}", asked(instance, "/api/overview"));
}

/// The windows of the analysis in a view.
fn analysed(view: &Value) -> Vec<u64> {
    let windows = &view["windows"];
    let data_sets = windows["dataset"].as_array().unwrap().iter();
    let index = windows["index"].as_array().unwrap().iter();
    let found = data_sets.zip(index).filter(|(of, _)| *of == "analysis");
    found.filter_map(|(_, index)| index.as_u64()).collect()
}

/// Events as they come, from an instance: the lines that have each of these words, in whichever order they came.
fn listen(instance: &Instance) -> impl FnMut(&[&str]) -> Vec<String> + use<> {
    let mut stream = TcpStream::connect(instance.address()).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", instance.address()).unwrap();
    let (tell, told) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(stream).lines();
        lines.map_while(Result::ok).all(|line| tell.send(line).is_ok())
    });
    let mut lines: Vec<String> = Vec::new();
    move |wanted| {
        let found = patience::until(|| {
            lines.extend(told.try_iter());
            let line = |word: &&str| lines.iter().find(|line| line.contains(word)).cloned();
            wanted.iter().map(line).collect::<Option<Vec<String>>>()
        });
        found.unwrap_or_else(|| panic!("not all of {wanted:?} in {lines:?}"))
    }
}

#[test]
fn every_instance_shows_what_was_published_and_again_after_a_restart() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    // Incomes are lost from the beginning: an alert opens with the first window.
    let broken = Conditions { fault: 0.6, ..Conditions::STEADY };
    let world = World::new(5).with_schedule(Schedule::constant(broken));
    let site = Site::new(broker, &world, 2, "window = { size = 600 }");
    let instance = site.start("a").ready();
    let beside = site.start_stages("b", "intake").ready();
    let (mut heard, mut heard_beside) = (listen(&instance), listen(&beside));
    heard(&["event: ready"]);
    heard_beside(&["event: ready"]);
    site.send(broker, &world, 0..1_500);
    let results = site.results(broker, 2);
    let version = results[0]["version"].as_str().filter(|version| !version.is_empty());
    let version = version.unwrap_or("-").to_owned();

    for heard in [&mut heard, &mut heard_beside] {
        // Results and alerts are two topics: which is read first is chance.
        let lines = heard(&["\"index\":0", "\"event\":\"opened\""]);
        assert!(lines[0].contains("\"segment\":\"all\""), "{lines:?}");
    }
    let shown = [&instance, &beside].map(|instance| {
        let view = view(instance, &version, &[0, 1]);
        let series = view["series"].as_array().unwrap();
        let of = |kind: &str, metric: &str, column: Option<&str>| {
            let found = series.iter().find(|series| {
                series["kind"] == kind
                    && series["metric"] == metric
                    && series["column"].as_str() == column
            });
            found.unwrap_or_else(|| panic!("{kind} {metric} {column:?} is shown"))
        };
        let windows = view["windows"]["index"].as_array().unwrap().len();
        assert!(windows > 2, "the reference's windows are shown, too");
        let last = |series: &Value| series["value"][windows - 1].as_f64().unwrap();
        let published = |key: &[String; 5]| figures_of(&results[1])[key].0[0].map(f64::from_bits);
        let roc_auc = of("estimated", "roc_auc", None);
        assert_eq!(Some(last(roc_auc)), published(&estimated("roc_auc")), "to the bit");
        let missing = of("quality", "missing_rate", Some("income"));
        assert!(last(missing) > 0.4, "{missing}");
        assert!(missing["value"][0].as_f64().unwrap() < 0.1, "not in the reference: {missing}");
        view
    });
    assert_eq!(shown[0]["series"], shown[1]["series"]);
    assert_eq!(shown[0]["state"], "degraded");
    assert_eq!(shown[0]["alerts"], Value::from(site.json(broker, "alerts")));

    let column = format!("/api/models/{MODEL}/{version}/columns/income?window=1");
    let column = asked(&instance, &column);
    let sum =
        |of: &str| column[of].as_array().unwrap().iter().filter_map(Value::as_f64).sum::<f64>();
    let outside: f64 = column["outside"].as_array().unwrap().iter().filter_map(Value::as_f64).sum();
    assert!((sum("observed") + outside - 1.0).abs() < 1e-9, "{column}");
    assert!((sum("reference") - 1.0).abs() < 1e-9, "{column}");
    assert!(column["missing"][1].as_f64().unwrap() > 0.4, "{column}");
    let overview = asked(&beside, "/api/overview");
    assert_eq!(
        (&overview["ready"], &overview["models"][0]["model"]),
        (&true.into(), &MODEL.into())
    );
    let service = asked(&instance, "/api/service");
    let lanes = service["lanes"].as_array().unwrap();
    // Heartbeats go on.
    let keeps_up = |lane: &Value| lane["stage"] == "tally" && lane["lag"].as_f64() < Some(100.0);
    assert!(lanes.iter().any(keeps_up), "{service}");

    // All of it is read back.
    instance.kill();
    let again = site.start("a").ready();
    reads_all(&again);
    let reread = view(&again, &version, &[0, 1]);
    assert_eq!(reread["series"], shown[0]["series"]);
    assert_eq!(reread["alerts"], shown[0]["alerts"]);
    // What is left out is a gap.
    site.well(&["exclude", MODEL, "0", "--reason", "the export ran twice"]);
    let excluded = patience::until(|| {
        let view = view(&beside, &version, &[0, 1]);
        let reasons = view["windows"]["reason"].as_array().unwrap().clone();
        reasons.contains(&"the export ran twice".into()).then_some(())
    });
    assert!(excluded.is_some(), "the instance beside hears of it");
    again.stop();
    beside.stop();
}
