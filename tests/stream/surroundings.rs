//! What an instance stands in goes wrong: others come and go all the time, the disk is full, the broker or the network
//! gives no answer. In the end it is what `vigie check` says, each result once, and every record is accounted for.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use vigie::simulator::{Conditions, Schedule, World};

use crate::broker::Broker;
use crate::instance::Instance;
use crate::patience;
use crate::site::Site;
use crate::storm::{WAIT, send};
use crate::targets::{assert_settles, site};
use crate::tools::{not_allowed, skip};
use crate::wire::Wire;

#[test]
fn instances_come_and_go_all_the_time() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, WAIT);
    // More of them than the topic has partitions, one of which comes or goes every two seconds.
    let names = ["a", "b", "c", "d", "e"];
    let mut there: Vec<Option<Instance>> = names.iter().map(|_| None).collect();
    let rounds = 15;
    for round in 0..rounds {
        let which = (round * 3 % 5) as usize;
        there[which] = match there[which].take() {
            Some(instance) => {
                instance.stop();
                None
            }
            None => Some(site.start(names[which])),
        };
        send(broker, &site, &outcomes, round, rounds);
        thread::sleep(Duration::from_secs(2));
    }
    // All leave, and one comes back.
    there.into_iter().flatten().for_each(Instance::stop);
    let instance = site.start("a").ready();
    assert_settles(broker, &site);
    instance.stop();
}

/// A disk of its own in memory; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this process may not mount one.
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
            .arg(path)
            .output()
            .is_ok_and(|output| output.status.success());
        if mounted {
            Some(Self(path.to_owned()))
        } else {
            not_allowed("no right to mount a small disk")
        }
    }

    /// Lets nothing be written to it, or lets it again.
    fn can_be_written(&self, can: bool) {
        let options = if can { "remount,rw" } else { "remount,ro" };
        let done = Command::new("mount").args(["-o", options]).arg(&self.0).status();
        assert!(done.unwrap().success(), "{options}");
    }

    /// Leaves no byte on it; the file that took them.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("full");
        let mut file = File::create(&path).unwrap();
        for bytes in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![0; bytes]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).output());
    }
}

#[test]
fn a_full_disk_holds_it_up_and_loses_nothing() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, WAIT);
    let Some(disk) = SmallDisk::mount(&site.path("a")) else {
        return;
    };
    let instance = site.start("a").ready();
    send(broker, &site, &outcomes, 0, 3);
    let waits = || fs::read_dir(&disk.0).unwrap().next().is_some();
    patience::until(|| waits().then_some(())).expect("it keeps what waits");
    let full = disk.fill();
    send(broker, &site, &outcomes, 1, 3);
    // It says so, and goes on trying.
    println!("{}", instance.waits_for("No space left on device"));
    fs::remove_file(full).unwrap();
    send(broker, &site, &outcomes, 2, 3);
    assert_settles(broker, &site);
    let instance = instance.ready();
    instance.stop();
    // What lies there can be opened again.
    let instance = site.start("a").ready();
    assert_settles(broker, &site);
    assert!(!instance.log().contains("what was kept cannot be used"), "{}", instance.log());
    instance.kill();
}

#[test]
fn a_disk_that_can_only_be_read_is_waited_for() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, WAIT);
    let Some(disk) = SmallDisk::mount(&site.path("a")) else {
        return;
    };
    let instance = site.start("a").ready();
    send(broker, &site, &outcomes, 0, 2);
    patience::until(|| fs::read_dir(&disk.0).unwrap().next().map(drop))
        .expect("it keeps what waits");
    instance.stop();
    disk.can_be_written(false);
    let instance = site.start("a");
    send(broker, &site, &outcomes, 1, 2);
    println!("{}", instance.waits_for("Read-only file system"));
    disk.can_be_written(true);
    let instance = instance.ready();
    assert_settles(broker, &site);
    instance.kill();
}

#[test]
fn an_alert_that_its_topic_does_not_take_holds_its_result_back_until_it_does() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    // Incomes are lost from the beginning: an alert opens with the first window.
    let broken = Conditions { fault: 0.6, ..Conditions::STEADY };
    let world = World::new(5).with_schedule(Schedule::constant(broken));
    let site = Site::new(broker, &world, 1, "window = { size = 600 }");
    site.well(&["topics", "create"]);
    let most = |bytes| broker.set_up_topic(&site.topic("alerts"), &[("max.message.bytes", bytes)]);
    most("200");
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..700);
    let said = instance.says("tally begins anew from what is committed");
    assert!(said.contains("Message size too large"), "{said}");
    assert_eq!(site.json(broker, "results"), Vec::<Value>::new(), "all or nothing");
    most("1048588");
    let results = site.results(broker, 1);
    assert_eq!(results.len(), 1, "{results:?}");
    let alerts = site.json(broker, "alerts");
    let alerts: Vec<_> = alerts.iter().map(|alert| &alert["event"]).collect();
    assert_eq!(alerts, ["opened"]);
    site.verify();
    instance.stop();
}

#[test]
fn a_topic_that_takes_no_large_message_holds_it_up_until_it_does() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, WAIT);
    let mut instance = site.start("a").ready();
    let topics = ["tally", "join", "state", "results"];
    let parts = topics.len() as u64;
    for (part, name) in (0..).zip(topics) {
        let topic = site.topic(name);
        let most = |bytes| broker.set_up_topic(&topic, &[("max.message.bytes", bytes)]);
        most("300");
        send(broker, &site, &outcomes, part, parts);
        println!("{name}: {}", instance.waits_for("size too large"));
        most("10485760");
        instance = instance.ready();
    }
    assert_settles(broker, &site);
    instance.stop();
}

#[test]
fn who_is_thrown_out_of_its_groups_joins_them_again() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, WAIT);
    let instance = site.start("a").ready();
    send(broker, &site, &outcomes, 0, 2);
    for group in ["intake", "tally", "join"] {
        // Another that says it is the same member: the older one is fenced, and its client will never do anything again.
        let usurper: BaseConsumer = broker
            .client()
            .set("group.id", site.topic(group))
            .set("group.instance.id", format!("a-{group}"))
            .set("partition.assignment.strategy", "roundrobin")
            .create()
            .unwrap();
        let topic = if group == "intake" { site.predictions() } else { &site.topic(group) };
        usurper.subscribe(&[topic]).unwrap();
        let joined = || {
            drop(usurper.poll(Duration::from_millis(100)));
            let fatal = instance.log().contains(&format!(r#""group":"{group}","reason""#));
            fatal.then_some(())
        };
        patience::until(joined).expect("one of the two is thrown out");
    }
    send(broker, &site, &outcomes, 1, 2);
    assert_settles(broker, &site);
    instance.ready().stop();
}

#[test]
fn a_broker_that_gives_no_answer_is_waited_for() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let (site, outcomes) = site(&broker, WAIT);
    let instances = ["a", "b"].map(|name| site.start(name).ready());
    send(&broker, &site, &outcomes, 0, 3);
    broker.freeze();
    // Past the sessions of the group's members; connections stay half-open meanwhile.
    thread::sleep(Duration::from_secs(45));
    for instance in &instances {
        let (status, text) = instance.readiness();
        assert!(status == 503 && text.contains("\"cluster\""), "{status} {text}");
    }
    broker.thaw();
    send(&broker, &site, &outcomes, 1, 3);
    broker.freeze();
    thread::sleep(Duration::from_secs(3));
    broker.thaw();
    send(&broker, &site, &outcomes, 2, 3);
    assert_settles(&broker, &site);
    for instance in instances.into_iter().map(Instance::ready) {
        // No client has a voice of its own.
        let other = instance.log().lines().find(|line| !line.starts_with('{')).map(str::to_owned);
        assert_eq!(other, None);
        instance.stop();
    }
}

/// An instance that reaches the broker by a wire.
fn start_by_wire(site: &Site, name: &str, broker: &Broker, wire: &Wire) -> Instance {
    let text = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let wired = text.replacen(broker.address(), &wire.address(), 1);
    assert_ne!(wired, text);
    let path = site.path("wired.toml");
    fs::write(&path, wired).unwrap();
    site.start_by(name, &path)
}

#[test]
fn an_instance_that_is_cut_off_is_replaced_and_comes_back() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let wire = Wire::to(&broker);
    let (site, outcomes) = site(&broker, WAIT);
    let a = start_by_wire(&site, "a", &broker, &wire).ready();
    let b = site.start("b").ready();
    send(&broker, &site, &outcomes, 0, 3);
    wire.fall_silent();
    // It runs on and waits for answers, past its sessions; the other takes its partitions.
    thread::sleep(Duration::from_secs(45));
    send(&broker, &site, &outcomes, 1, 3);
    thread::sleep(Duration::from_secs(5));
    wire.come_back();
    send(&broker, &site, &outcomes, 2, 3);
    assert_settles(&broker, &site);
    a.ready().stop();
    b.ready().stop();
}

#[test]
fn a_network_that_is_slow_and_breaks_loses_nothing() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let wire = Wire::to(&broker);
    let (site, outcomes) = site(&broker, WAIT);
    let instance = start_by_wire(&site, "a", &broker, &wire).ready();
    wire.slow_down(Duration::from_millis(30));
    let rounds = 10;
    for round in 0..rounds {
        send(&broker, &site, &outcomes, round, rounds);
        // In the middle of answers and of transactions.
        thread::sleep(Duration::from_millis(700 + 130 * round));
        wire.cut();
    }
    assert_settles(&broker, &site);
    instance.ready().stop();
}

/// Where Debian has the library that gives a process another clock.
fn faketime() -> Option<PathBuf> {
    let triple = format!("{}-linux-gnu", env::consts::ARCH);
    let path = Path::new("/usr/lib").join(triple).join("faketime/libfaketimeMT.so.1");
    path.exists().then_some(path).or_else(|| skip("libfaketime is missing"))
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let (Some(broker), Some(library)) = (Broker::shared(), faketime()) else {
        return;
    };
    let (site, outcomes) = site(broker, WAIT);
    let clock = site.path("clock");
    let set = |offset: &str| fs::write(&clock, offset).unwrap();
    set("+0");
    // The wall clock of the instance alone: time that runs is the kernel's, and the broker has its own.
    let variables = [
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()),
        "FAKETIME_NO_CACHE=1".to_owned(),
        "DONT_FAKE_MONOTONIC=1".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ];
    let a = site.start_with("a", &variables).ready();
    let b = site.start("b").ready();
    let jumps = ["+0", "+15s", "-3d", "+3d", "+12y"];
    let rounds = jumps.len() as u64;
    for (round, jump) in (0..).zip(jumps) {
        set(jump);
        send(broker, &site, &outcomes, round, rounds);
        thread::sleep(Duration::from_secs(3));
    }
    assert_settles(broker, &site);
    // librdkafka's waits by the wall clock are the kernel's, which has not jumped: they may last for years, so it cannot end
    // in order.
    a.kill();
    let a = site.start("a").ready();
    assert_settles(broker, &site);
    a.stop();
    b.stop();
}
