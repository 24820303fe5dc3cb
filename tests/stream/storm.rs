//! Killed over and over, at random and at every named point, with late targets under way: what stands on the topics in
//! the end is what `vigie check` says, each result once, and every record is accounted for.
//!
//! In CI a short storm; a long one by `VIGIE_STORM_KILLS=200 cargo test --test stream storm -- --nocapture`.

use std::env;
use std::fs;
use std::thread;
use std::time::Duration;

use vigie::stream::CRASH_POINTS;

use crate::broker::Broker;
use crate::instance::Instance;
use crate::site::Site;
use crate::targets::{EVENTS, assert_settles, site, tell, world};

/// Kills of a storm in CI.
const KILLS: u64 = 12;
/// Longer than any storm: a prediction must not give up its target meanwhile.
pub(crate) const WAIT: &str = "2h";

/// Sends a part of the predictions, and of the targets.
pub(crate) fn send(broker: &Broker, site: &Site, outcomes: &str, part: u64, of: u64) {
    site.send(broker, &world(), part * EVENTS / of..(part + 1) * EVENTS / of);
    tell(broker, outcomes, part as usize, of as usize);
    if part + 1 == of {
        site.send_later(broker, &world(), EVENTS);
    }
}

#[test]
fn it_dies_once_at_every_named_point() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, WAIT);
    let points = CRASH_POINTS.len() as u64;
    for (part, point) in (0..).zip(CRASH_POINTS) {
        let instance = site.start_to_crash("a", point);
        send(broker, &site, &outcomes, part, points);
        instance.crashed();
        println!("died at {point}");
    }
    let instance = site.start("a").ready();
    assert_settles(broker, &site);
    instance.stop();
}

#[test]
fn local_files_and_groups_are_lost() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, WAIT);
    for part in 0..4 {
        let instance = site.start("a").ready();
        send(broker, &site, &outcomes, part, 4);
        instance.stop();
        match part {
            0 => fs::remove_dir_all(site.path("a")).unwrap(),
            1 => broker.delete_groups(&["intake", "join", "tally"].map(|name| site.topic(name))),
            _ => {}
        }
    }
    let instance = site.start("b").ready();
    assert_settles(broker, &site);
    instance.stop();
}

/// What happens next, of a sequence that a seed determines.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[test]
fn a_storm_of_kills_changes_nothing() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let kills: u64 = number("VIGIE_STORM_KILLS").unwrap_or(KILLS);
    let seed: u64 = number("VIGIE_STORM_SEED").unwrap_or(1);
    println!("a storm of {kills} kills, seed {seed}");
    let mut chance = Chance(seed);
    let (site, outcomes) = site(&broker, WAIT);
    let names = ["a", "b", "c"];
    let mut instances: Vec<Instance> = names.iter().map(|name| site.start(name)).collect();
    let (mut of_instances, mut of_broker, mut frozen, mut orderly) = (0, 0, 0, 0);
    let mut sent = 0;
    while of_instances + of_broker < kills {
        let part = of_instances + of_broker;
        if part == sent {
            send(&broker, &site, &outcomes, part, kills);
            sent += 1;
        }
        let which = chance.below(3) as usize;
        match chance.below(40) {
            0 => {
                broker.kill();
                broker.restart();
                of_broker += 1;
            }
            1..6 => {
                instances[which].freeze();
                // Now and then longer than the group waits for it: a zombie when it comes back.
                let seconds = if chance.below(10) == 0 { 40 } else { chance.below(3) };
                thread::sleep(Duration::from_secs(seconds));
                instances[which].thaw();
                frozen += 1;
            }
            6..9 => {
                instances.remove(which).stop();
                instances.insert(which, site.start(names[which]));
                orderly += 1;
            }
            _ => {
                instances.remove(which).kill();
                instances.insert(which, site.start(names[which]));
                of_instances += 1;
            }
        }
        thread::sleep(Duration::from_millis(400 + chance.below(1_200)));
    }
    let instances: Vec<Instance> = instances.into_iter().map(Instance::ready).collect();
    assert_settles(&broker, &site);
    let results = site.json(&broker, "results").len();
    println!(
        "kill -9 of instances: {of_instances}, of the broker: {of_broker}; frozen: {frozen}; orderly ends: {orderly}; \
         {EVENTS} predictions, {results} results, 0 differences"
    );
    instances.into_iter().for_each(Instance::stop);
}
