//! `vigie status` and `vigie config infer`: what a service says of itself, and what lies in a topic.

use std::fmt::Write as _;
use std::fs;

use vigie::simulator::{Layout, World};

use crate::broker::Broker;
use crate::patience;
use crate::site::{Site, run};

#[test]
fn a_service_says_how_it_stands_and_a_topic_what_to_begin_with() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(3);
    let site = Site::new(broker, &world, 2, "window = { size = 600 }");
    let instance = site.start("a");
    let url = format!("http://{}", instance.address());
    let instance = instance.ready();
    site.send(broker, &world, 0..1_500);
    site.results(broker, 2);
    let sealed = || {
        let ended = site.run(&["status", "--url", &url]);
        let line =
            ended.said.lines().find(|line| line.contains("loans") && line.contains("roc_auc"));
        line.map(|line| (ended.code, line.to_owned(), ended.said.clone()))
    };
    let (code, line, said) = patience::until(sealed).unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("  ready"), "{said}");
    assert!(said.contains("2 read by this instance") && said.contains("1,500 events"), "{said}");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(words.contains(&"600"), "{line}");
    for (stage, topic) in
        [("intake", site.predictions().to_owned()), ("tally", site.topic("tally"))]
    {
        let of = |line: &&str| line.contains(stage) && line.contains(&topic);
        assert!(said.lines().any(|line| of(&line)), "{stage} in\n{said}");
    }

    // What was sent is read back, and what it says is enough to make a profile and to run by.
    let ended = site.run(&[
        "config",
        "infer",
        "--topic",
        site.predictions(),
        "--bootstrap-servers",
        broker.address(),
        "--model",
        "loans",
        "--rows",
        "500",
        "--output",
        site.path("found.toml").to_str().unwrap(),
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let found = fs::read_to_string(site.path("found.toml")).unwrap();
    for line in [
        "problem = \"binary\" # assumed: binary (there is one probability)",
        "id = \"id\"",
        "timestamp = \"timestamp\"",
        "probability = \"y_pred_proba\"",
        "prediction = \"y_pred\"",
        "#key = \"id\"",
    ] {
        assert!(found.lines().any(|found| found == line), "{line} in\n{found}");
    }
    assert!(found.contains(&format!("predictions = [\"{}\"]", site.predictions())), "{found}");
    // Somebody has to say where the reference has the target.
    let with =
        found.replace("prediction = \"y_pred\"", "prediction = \"y_pred\"\ntarget = \"repaid\"");
    fs::write(site.path("found.toml"), with).unwrap();
    for command in [
        &["profile", "build", "--reference", "reference.jsonl", "--config", "found.toml"][..],
        &["config", "check", "--config", "found.toml"],
    ] {
        let ended = site.run(command);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
    }
    instance.stop();
    let ended = site.run(&["status", "--url", &url]);
    assert_eq!(ended.code, Some(2), "{}", ended.said);
    assert!(ended.said.contains("nobody answers on"), "{}", ended.said);
    let ended = site.run(&[
        "config",
        "infer",
        "--topic",
        "no-such-topic",
        "--bootstrap-servers",
        broker.address(),
    ]);
    assert_eq!(ended.code, Some(2), "{}", ended.said);
    assert!(ended.said.contains("no-such-topic"), "{}", ended.said);
}

#[test]
fn who_is_not_ready_says_what_for() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let world = World::new(3);
    let site = Site::new(&broker, &world, 1, "window = { size = 600 }");
    broker.stop();
    let instance = site.start("a");
    instance.says("waiting to reach the cluster");
    let ended = site.run(&["status", "--listen", instance.address()]);
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("NOT READY"), "{}", ended.said);
    assert!(ended.said.contains("waiting to reach the cluster"), "{}", ended.said);
    instance.kill();
}

#[test]
fn a_file_says_what_to_begin_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let world = World::new(3).reference(3_000);
    let mut rows = Vec::new();
    for case in world.cases(0..3_000) {
        world.prediction(&case).write_json_with(
            ("outcome", case.repaid),
            Layout::Nested,
            &mut rows,
        );
        rows.push(b'\n');
    }
    let rows = String::from_utf8(rows).unwrap();
    let rows = rows.replace("\"outcome\":1", "\"outcome\":\"yes\"");
    let rows = rows.replace("\"outcome\":0", "\"outcome\":\"no\"");
    fs::write(path.join("reference.jsonl"), rows).unwrap();
    let (code, said) = run(path, &["config", "infer", "reference.jsonl", "--model", "car loan"]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "[model.\"car loan\".columns]",
        "target = \"outcome\"",
        "# positive = ...: which of \"no\" and \"yes\" is the probability of?",
        "# version = \"model.version\": where one topic has several",
    ] {
        assert!(said.lines().any(|found| found == line), "{line} in\n{said}");
    }
    assert!(
        said.contains("features, every other column: ") && said.contains("features.age"),
        "{said}"
    );
    // What it wrote once it does not write over.
    let arguments = ["config", "infer", "reference.jsonl", "--output", "reference.jsonl"];
    let (code, said) = run(path, &arguments);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is there already"), "{said}");
    // Numbers are predicted where no probability is.
    let mut text = String::new();
    for row in 0..400 {
        let (price, predicted, age) = (row * 7 % 391, row * 7 % 389, row % 90);
        writeln!(text, r#"{{"price": {price}.5, "prediction": {predicted}.25, "age": {age}}}"#)
            .unwrap();
    }
    fs::write(path.join("prices.jsonl"), text).unwrap();
    let (code, said) = run(path, &["config", "infer", "prices.jsonl"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(
            "problem = \"regression\" # assumed: regression (the prediction is a number)"
        ),
        "{said}"
    );
}
