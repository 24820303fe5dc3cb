//! The tools of these tests do what they say: broker, leash, Prometheus.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::broker::Broker;
use crate::leash::Leash;
use crate::patience::{self, PATIENCE};
use crate::prometheus::{self, Prometheus};
use crate::topics;

fn texts(broker: &Broker, topic: &str) -> Vec<String> {
    let records = broker.read_committed(topic);
    let text = |payload: &[u8]| String::from_utf8(payload.to_vec()).unwrap();
    records.iter().map(|record| text(record.payload().unwrap())).collect()
}

#[test]
fn what_is_committed_outlives_kill_and_what_is_not_stays_hidden() {
    let Some(broker) = Broker::start() else {
        return;
    };
    broker.create_topic("numbers", 2, &[("retention.ms", "-1")]);
    let producer: BaseProducer =
        broker.client().set("transactional.id", "writer").create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    let send = |partition, text: &str| {
        let record: BaseRecord<'_, (), str> = BaseRecord::to("numbers");
        producer.send(record.partition(partition).payload(text)).unwrap();
    };

    producer.begin_transaction().unwrap();
    send(1, "committed in 1");
    send(0, "committed in 0");
    producer.commit_transaction(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    send(0, "aborted");
    producer.flush(PATIENCE).unwrap();
    producer.abort_transaction(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    send(1, "still open");
    producer.flush(PATIENCE).unwrap();

    let before = broker.address().to_owned();
    broker.kill();
    broker.restart();
    assert_eq!(broker.address(), before);
    assert_eq!(texts(&broker, "numbers"), ["committed in 0", "committed in 1"]);

    producer.commit_transaction(PATIENCE).unwrap();
    // The broker says that it is committed before every partition's reader is told.
    let all = ["committed in 0", "committed in 1", "still open"];
    assert!(patience::until(|| (texts(&broker, "numbers") == all).then_some(())).is_some());
}

#[test]
fn a_producer_loses_nothing_while_the_broker_is_killed_and_comes_back() {
    let Some(broker) = Broker::start() else {
        return;
    };
    broker.create_topic("numbers", 1, &[]);
    let numbers: Vec<String> = (0..20_000).map(|number| format!("{number:05}")).collect();
    thread::scope(|scope| {
        let producing = scope.spawn(|| {
            broker.produce(numbers.iter().map(|number| {
                BaseRecord::<(), String>::to("numbers").partition(0).payload(number)
            }));
        });
        broker.kill();
        broker.restart();
        producing.join().unwrap();
    });
    let mut read = texts(&broker, "numbers");
    read.dedup();
    assert_eq!(read.len(), numbers.len());
    assert_eq!(read, numbers);
}

#[test]
fn a_frozen_broker_says_nothing_and_goes_on_when_thawed() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let client: BaseConsumer = broker.client().create().unwrap();
    let brokers = |patience| Some(client.fetch_metadata(None, patience).ok()?.brokers().len());
    assert_eq!(brokers(PATIENCE), Some(1));
    broker.freeze();
    // On a busy machine it takes a moment until all of its threads stand still.
    let silent = || brokers(Duration::from_millis(300)).is_none().then_some(());
    assert!(patience::until(silent).is_some());
    broker.thaw();
    assert_eq!(brokers(PATIENCE), Some(1));
    broker.stop();
    assert_eq!(brokers(Duration::from_millis(300)), None);
    broker.restart();
    assert_eq!(brokers(PATIENCE), Some(1));
}

#[test]
fn tests_that_share_a_broker_have_topics_of_their_own() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (mine, other) = (topics::unique("shared"), topics::unique("shared"));
    broker.create_topic(&mine, 3, &[("cleanup.policy", "compact")]);
    broker.create_topic(&other, 1, &[]);
    let keys = ["a", "b", "c", "d"];
    broker.produce(keys.iter().map(|key| BaseRecord::to(&mine).key(*key).payload("1")));
    assert_eq!(texts(broker, &mine), ["1"; 4]);
    assert_eq!(texts(broker, &other), [""; 0]);
}

#[test]
fn a_leashed_program_obeys_signals_and_tells_its_exit_code() {
    // No child that outlives it: that would hold its output open.
    let script = "trap 'echo heard; exit 7' TERM; echo up; while :; do sleep 0.1; done";
    let mut program = Leash::spawn("sh", &["-c", script]);
    program.line_with("up", PATIENCE).unwrap();
    program.signal("TERM");
    program.line_with("heard", PATIENCE).unwrap();
    assert_eq!(program.exit_code(PATIENCE), Ok(7));
}

#[test]
fn a_dropped_leash_has_killed_its_program() {
    let program = Leash::spawn("sh", &["-c", "echo pid $$ up; exec sleep 600"]);
    let line = program.line_with("up", PATIENCE).unwrap();
    let pid = line.split(' ').nth(1).unwrap().to_owned();
    // The shell's own `kill`: the program of that name is not everywhere.
    let alive = || {
        let asked = Command::new("sh").args(["-c", &format!("kill -0 {pid}")]).output();
        asked.unwrap().status.success()
    };
    assert!(alive());
    drop(program);
    assert!(!alive());
}

#[test]
fn prometheus_answers_for_what_it_scraped() {
    let Some(scraped) = Prometheus::scraping("127.0.0.1:1", None) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yml");
    fs::write(&rules, "groups: [{name: a, rules: [{record: twice_up, expr: 'up + up'}]}]").unwrap();
    let scraper = Prometheus::scraping(scraped.address(), Some(&rules)).unwrap();

    let version = &scraper.eventually("prometheus_build_info{job='vigie'}")[0];
    assert_eq!(version.labels["instance"], scraped.address());
    assert_eq!(version.value, 1.0);
    assert_eq!(scraper.eventually("twice_up")[0].value, 2.0);
    assert_eq!(scraper.query("no_such_family"), []);
    assert_eq!(scraped.eventually("up")[0].value, 0.0, "nobody listens on port 1");
}

#[test]
fn promtool_tells_good_rules_from_bad() {
    let folder = tempfile::tempdir().unwrap();
    let verdict = |expression: &str| {
        let file = folder.path().join("rules.yml");
        let rule = format!("groups: [{{name: a, rules: [{{alert: A, expr: '{expression}'}}]}}]");
        fs::write(&file, rule).unwrap();
        prometheus::check_rules(&file)
    };
    let Some(good) = verdict("vigie_breach > 0") else {
        return;
    };
    assert_eq!(good, Ok(()));
    let bad = verdict("vigie_breach >").unwrap().unwrap_err();
    assert!(bad.contains("unexpected end of input"), "{bad}");
}
