//! A cluster that gives nobody more rights than it was told to: those that docs/operations.md asks for are enough, and where
//! one is taken away what needs it says so, waits, and goes on once it is back.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::broker::Broker;
use crate::http;
use crate::patience::PATIENCE;
use crate::site::Site;
use crate::storm::{WAIT, send};
use crate::targets::{assert_settles, site};

/// What a right is to, by Kafka's numbers.
#[derive(Clone, Copy)]
enum To {
    Topic = 2,
    Group = 3,
    TransactionalId = 5,
}

/// What it lets one do, by Kafka's numbers.
#[derive(Clone, Copy)]
enum Act {
    Read = 3,
    Write = 4,
    Create = 5,
    DescribeConfigs = 10,
}

/// A right of the guest: to what, its name or how it begins, to do what.
#[derive(Clone, Copy)]
struct Right<'n>(To, Name<'n>, Act);

#[derive(Clone, Copy)]
enum Name<'n> {
    Is(&'n str),
    BeginsWith(&'n str),
}

/// Whether a right is given, or taken away whatever else is given.
#[derive(Clone, Copy)]
enum Said {
    Denied = 2,
    Given = 3,
}

/// What Kafka calls a number of two bytes and text behind it.
fn text(text: &str) -> Vec<u8> {
    let length = i16::try_from(text.len()).unwrap().to_be_bytes();
    [&length[..], text.as_bytes()].concat()
}

impl Right<'_> {
    /// One of `CreateAcls`, or of `DeleteAcls`: they are written alike.
    fn bytes(&self, said: Said) -> Vec<u8> {
        let Self(to, name, act) = *self;
        let (name, pattern) = match name {
            Name::Is(name) => (name, 3),
            Name::BeginsWith(name) => (name, 4),
        };
        let who = [text("User:guest"), text("*")].concat();
        [&[to as u8], &text(name)[..], &[pattern], &who, &[act as u8, said as u8]].concat()
    }

    fn say(&self, broker: &Broker, said: Said) {
        ask(broker, 30, &self.bytes(said));
    }

    fn unsay(&self, broker: &Broker, said: Said) {
        ask(broker, 31, &self.bytes(said));
    }
}

/// Asks for one thing by a request that librdkafka has no call for in Rust: `CreateAcls` (key 30) or `DeleteAcls` (31), both
/// of version 1. Source: Apache Kafka's protocol guide.
fn ask(broker: &Broker, key: u8, what: &[u8]) {
    let header = [&[0, key, 0, 1, 0, 0, 0, 7][..], &text("tests"), &1_i32.to_be_bytes()].concat();
    let request = [header, what.to_vec()].concat();
    let mut to = TcpStream::connect(broker.address()).unwrap();
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    to.write_all(&i32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    to.write_all(&request).unwrap();
    // Its size, the number of the request, how long to wait, how many answers, and the first one's error.
    let mut answer = [0; 18];
    to.read_exact(&mut answer).unwrap();
    assert_eq!(answer[12..], [0, 0, 0, 1, 0, 0], "{answer:?}");
}

/// An installation that comes to the cluster as its guest, who has no rights yet, and the topic that targets come by.
fn guest(broker: &Broker) -> (Site, String) {
    let (site, outcomes) = site(broker, WAIT);
    site.edit("vigie.toml", broker.address(), &broker.guest());
    let properties = r#"properties = { "security.protocol" = "sasl_plaintext", "sasl.mechanism" = "PLAIN", "sasl.username" = "guest", "sasl.password" = "guest" }"#;
    site.edit("vigie.toml", "[kafka.topics]", &format!("{properties}\n[kafka.topics]"));
    (site, outcomes)
}

/// Gives it what docs/operations.md says that it must have.
fn give(broker: &Broker, site: &Site, outcomes: &str) {
    let own = site.topic("");
    let own = Name::BeginsWith(&own);
    for right in [
        Right(To::Topic, Name::Is(site.predictions()), Act::Read),
        Right(To::Topic, Name::Is(outcomes), Act::Read),
        Right(To::Topic, own, Act::Read),
        Right(To::Topic, own, Act::Write),
        Right(To::Topic, own, Act::Create),
        Right(To::Topic, own, Act::DescribeConfigs),
        Right(To::Group, own, Act::Read),
        Right(To::TransactionalId, own, Act::Write),
    ] {
        right.say(broker, Said::Given);
    }
}

/// What an instance says that lacks a right.
const LACKING: &str = "uthorization failed";

#[test]
fn a_right_that_is_taken_away_is_said_and_nothing_is_lost_until_it_is_back() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = guest(broker);
    let [tally, join, results, state, control] =
        ["tally", "join", "results", "state", "control"].map(|name| site.topic(name));
    let own = site.topic("");
    give(broker, &site, &outcomes);
    let rights = [
        Right(To::Topic, Name::Is(site.predictions()), Act::Read),
        Right(To::Topic, Name::Is(&outcomes), Act::Read),
        Right(To::Topic, Name::Is(&tally), Act::Write),
        Right(To::Topic, Name::Is(&tally), Act::Read),
        Right(To::Topic, Name::Is(&join), Act::Write),
        Right(To::Topic, Name::Is(&join), Act::Read),
        Right(To::Topic, Name::Is(&results), Act::Write),
        Right(To::Topic, Name::Is(&state), Act::Write),
        Right(To::Topic, Name::Is(&control), Act::Read),
        Right(To::TransactionalId, Name::BeginsWith(&own), Act::Write),
    ];
    let mut instance = site.start("a").ready();
    let parts = rights.len() as u64;
    for (part, right) in (0..).zip(rights) {
        right.say(broker, Said::Denied);
        send(broker, &site, &outcomes, part, parts);
        println!("{}", instance.waits_for(LACKING));
        right.unsay(broker, Said::Denied);
        instance = instance.ready();
    }
    assert_settles(broker, &site);
    instance.stop();
}

#[test]
fn who_has_no_rights_yet_waits_for_them() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = guest(broker);
    let instance = site.start("a");
    println!("{}", instance.waits_for(LACKING));
    give(broker, &site, &outcomes);
    let instance = instance.ready();
    send(broker, &site, &outcomes, 0, 1);
    assert_settles(broker, &site);
    instance.stop();
}

#[test]
fn who_is_not_let_in_is_told_why_and_gives_nothing_away() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, _) = guest(broker);
    let canary = "a-canary-of-a-password";
    site.edit(
        "vigie.toml",
        r#""sasl.password" = "guest""#,
        r#""sasl.password" = { env = "CANARY" }"#,
    );
    let instance = site.start_with("a", &[format!("CANARY={canary}")]);
    let said = instance.waits_for("uthentication failed");
    let metrics = http::get(instance.address(), "/metrics").1;
    for text in [said, instance.log(), metrics] {
        assert!(!text.contains(canary), "{text}");
    }
    instance.stop();
}
