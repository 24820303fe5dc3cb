//! Where partitions begin, and what happens when what Kafka knows of them is lost.

use futures::executor;
use jiff::Timestamp;
use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;
use vigie::simulator::World;

use crate::broker::Broker;
use crate::patience::{self, PATIENCE};
use crate::site::Site;
use crate::{http, storm, targets};

const BY_SIZE: &str = "window = { size = 600 }";

fn admin(broker: &Broker) -> (AdminClient<DefaultClientContext>, AdminOptions) {
    let admin = broker.client().create().unwrap();
    (admin, AdminOptions::new().operation_timeout(Some(PATIENCE)))
}

/// Partition and offsets of the parts of a result.
fn inputs(result: &Value) -> Vec<(i64, i64, i64)> {
    let number = |input: &Value, name: &str| input[name].as_i64().unwrap();
    let inputs = result["inputs"].as_array().unwrap().iter();
    inputs.map(|it| (number(it, "partition"), number(it, "from"), number(it, "to"))).collect()
}

/// Has new partitions begin elsewhere than at their first record.
fn begin(site: &Site, start: &str) {
    site.edit("vigie.toml", "predictions = ", &format!("start = \"{start}\"\npredictions = "));
}

#[test]
fn a_lane_begins_where_the_settings_say_and_one_that_was_added_at_its_first_record() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(31);
    let site = Site::new(broker, &world, 1, BY_SIZE);
    site.send(broker, &world, 0..600);
    begin(&site, "latest");
    // It asks for new partitions as often as librdkafka lets it.
    site.edit(
        "vigie.toml",
        "[kafka.topics]",
        "properties = { \"topic.metadata.refresh.interval.ms\" = \"500\" }\n[kafka.topics]",
    );
    let instance = site.start("a").ready();
    instance.says("lane taken over");
    site.send(broker, &world, 600..1_200);
    let results = site.results(broker, 1);
    assert_eq!(inputs(&results[0]), [(0, 600, 1_199)], "what was there before is not read");

    let (admin, options) = admin(broker);
    let more = NewPartitions::new(site.predictions(), 2);
    let made = executor::block_on(admin.create_partitions([&more], &options)).unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    patience::until(|| (broker.partitions(site.predictions()) == 2).then_some(())).unwrap();
    // Whoever sends hears of it before we do.
    site.send(broker, &world, 1_200..2_400);
    let results = site.results(broker, 3);
    let added = results.iter().flat_map(inputs).filter(|(partition, ..)| *partition == 1);
    assert_eq!(added.map(|(_, from, _)| from).min(), Some(0), "nothing of it is passed over");
    site.verify();
    instance.stop();
}

#[test]
fn a_lane_may_begin_at_a_time() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(31);
    let site = Site::new(broker, &world, 1, BY_SIZE);
    site.send(broker, &world, 0..500);
    let now = Timestamp::now();
    // The broker stamps by milliseconds.
    patience::until(|| {
        (Timestamp::now().as_millisecond() > now.as_millisecond() + 2).then_some(())
    });
    site.send(broker, &world, 500..1_100);
    begin(&site, &now.to_string());
    let instance = site.start("a").ready();
    assert_eq!(inputs(&site.results(broker, 1)[0]), [(0, 500, 1_099)]);
    site.verify();
    instance.stop();
}

#[test]
fn a_group_that_was_deleted_is_recovered_from_the_ledgers() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(31);
    let site = Site::new(broker, &world, 2, BY_SIZE);
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..1_500);
    site.results(broker, 2);
    site.verify();
    instance.stop();
    let (admin, options) = admin(broker);
    let group = site.topic("intake");
    patience::until(|| {
        let deleted = executor::block_on(admin.delete_groups(&[&group], &options)).ok()?;
        deleted.iter().all(Result::is_ok).then_some(())
    })
    .expect("the group can be deleted");
    // Another start would be another beginning, were the lane not known.
    begin(&site, "latest");
    site.send(broker, &world, 1_500..2_400);
    let instance = site.start("a").ready();
    instance.says("the ledgers know it");
    let results = site.results(broker, 4);
    let rows: u64 = results.iter().map(|result| result["window_rows"].as_u64().unwrap()).sum();
    assert_eq!(rows, 2_400);
    site.verify();
    instance.stop();
}

#[test]
fn a_range_that_is_gone_stops_its_lane_until_an_operator_gives_it_up() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(31);
    let site = Site::new(broker, &world, 2, BY_SIZE);
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..1_200);
    site.results(broker, 2);
    instance.stop();
    site.send(broker, &world, 1_200..2_400);
    broker.delete_records(site.predictions(), 0, 900);

    let instance = site.start("a").ready();
    let said = instance.says("are gone");
    let lane = format!("{}/0", site.predictions());
    for word in ["offsets 600 to 900", &format!("vigie apply --lost {lane}")] {
        assert!(said.contains(word), "no `{word}` in {said}");
    }
    // The other lane goes on.
    let results = site.results(broker, 3);
    assert_eq!(inputs(&results[2]), [(1, 600, 1_199)]);
    let audit = site.run(&["verify"]);
    assert_eq!(audit.code, Some(1), "{}", audit.said);

    let said = site.well(&["apply", "--lost", &lane]);
    assert!(said.contains("goes on at offset 900"), "{said}");
    site.send(broker, &world, 2_400..3_000);
    let results = site.results(broker, 4);
    assert!(inputs(&results[3]).iter().any(|&(partition, from, _)| (partition, from) == (0, 900)));
    let audit = site.run(&["verify"]);
    assert!(audit.said.contains("has been deleted up to offset 900"), "{}", audit.said);
    instance.stop();
}

#[test]
fn a_log_that_was_cut_before_it_was_read_stops_its_partition_alone() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = targets::site(broker, storm::WAIT);
    let instance = site.start("a").ready();
    storm::send(broker, &site, &outcomes, 0, 3);
    site.verify();
    instance.stop();
    // Read on, and neither joined nor counted: as if those stages had been down for longer than their logs are kept.
    let intake = site.start_stages("a", "intake").ready();
    let [tally, join] = ["tally", "join"].map(|log| site.topic(log));
    let of = |topic: &str, partition| {
        let mut log = broker.read_committed(topic);
        log.retain(|record| record.partition() == partition);
        log
    };
    let bytes = |topic: &str, partition| {
        let log = of(topic, partition);
        log.iter().map(|record| record.payload().unwrap().len()).sum::<usize>()
    };
    // All partitions hear how far it has come, one has the rows.
    let model = (0..2).max_by_key(|&partition| bytes(&tally, partition)).unwrap();
    let before = [bytes(&tally, model), bytes(&join, 0)];
    storm::send(broker, &site, &outcomes, 1, 3);
    patience::until(|| {
        let now = [bytes(&tally, model), bytes(&join, 0)];
        (2 * now[0] > 3 * before[0] && 2 * now[1] > 3 * before[1]).then_some(())
    })
    .expect("both logs grow by what was sent");
    intake.stop();
    for (log, partition) in [(&tally, model), (&join, 0)] {
        let last = of(log, partition).last().unwrap().offset();
        broker.delete_records(log, partition, last + 1);
    }

    let instance = site.start("a");
    for (log, partition) in [(&tally, model), (&join, 0)] {
        let said = instance.says(&format!("topic `{log}` partition {partition}: offsets"));
        for word in ["are gone", "Nothing can make up for", "begin a new `kafka.namespace`"] {
            assert!(said.contains(word), "no `{word}` in {said}");
        }
        let given_up = site.run(&["apply", "--lost", &format!("{log}/{partition}")]);
        assert_eq!(given_up.code, Some(2), "{}", given_up.said);
        assert!(given_up.said.contains("it is a log of vigie's own"), "{}", given_up.said);
    }
    // The others go on, and it is not ready.
    instance.says("\"message\":\"the join has the partition\",\"partition\":1");
    let stopped = |family: &str, partition: i32| {
        let line = format!("{family}{{partition=\"{partition}\"}} 1");
        let metrics = http::get(instance.address(), "/metrics").1;
        metrics.lines().any(|found| found == line).then_some(())
    };
    for (family, partition) in [("vigie_tally_stopped", model), ("vigie_join_stopped", 0)] {
        assert!(patience::until(|| stopped(family, partition)).is_some(), "{family}");
    }
    assert_eq!(instance.readiness().0, 503);
    instance.stop();
}

#[test]
fn a_topic_that_is_made_again_is_read_from_its_beginning() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(31);
    let site = Site::new(broker, &world, 1, BY_SIZE);
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..700);
    assert_eq!(inputs(&site.results(broker, 1)[0]), [(0, 0, 599)]);
    let (admin, options) = admin(broker);
    let deleted = executor::block_on(admin.delete_topics(&[site.predictions()], &options)).unwrap();
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    patience::until(|| (broker.partitions(site.predictions()) == 0).then_some(())).unwrap();
    // Longer than where the old one stood.
    broker.create_topic(site.predictions(), 1, &[("retention.ms", "-1")]);
    site.send(broker, &world, 700..2_100);
    let results = site.results(broker, 3);
    let mut again: Vec<_> = results[1..].iter().flat_map(inputs).collect();
    again.sort_unstable();
    assert_eq!(
        again,
        [(0, 0, 499), (0, 500, 1_099), (0, 600, 699)],
        "nothing of it is passed over"
    );
    let audit = site.run(&["verify"]);
    assert!(audit.said.contains("the topic is gone, or was made again"), "{}", audit.said);
    instance.stop();
}

#[test]
fn the_number_of_partitions_of_the_log_stays() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(31);
    let site = Site::new(broker, &world, 1, BY_SIZE);
    site.well(&["topics", "create"]);
    site.well(&["apply"]);
    site.edit("vigie.toml", "tally_partitions = 2", "tally_partitions = 3");
    for command in [&["apply"][..], &["topics", "check"], &["run", "--listen", "127.0.0.1:0"]] {
        let ended = site.run(command);
        assert!(matches!(ended.code, Some(1 | 2)), "{command:?}: {}", ended.said);
        for word in ["`kafka.tally_partitions` is 3", "made with 2", "kafka.namespace"] {
            assert!(ended.said.contains(word), "{command:?}: no `{word}` in {}", ended.said);
        }
    }
}
