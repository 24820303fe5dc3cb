//! What an installation cannot work with is refused at the start, with the thing named and a way out.

use std::fs;

use vigie::simulator::World;

use crate::broker::Broker;
use crate::instance::Instance;
use crate::patience::PATIENCE;
use crate::site::Site;

/// Starts the service by the site's settings; it must end with code 2 and a line that has all of these.
fn is_refused(site: &Site, words: &[&str]) {
    let config = ["--config".to_owned(), site.path("vigie.toml").display().to_string()];
    let leash = Instance::leashed("127.0.0.1:0", &config);
    let said = leash.line_with("error: ", PATIENCE).unwrap();
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert_eq!(leash.exit_code(PATIENCE), Ok(2));
}

#[test]
fn topics_that_it_cannot_count_on() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let site = Site::new(broker, &World::new(3), 1, "window = { size = 600 }");
    site.edit("vigie.toml", site.predictions(), "nowhere");
    is_refused(&site, &["`nowhere` does not exist", "kafka.topics.predictions"]);
    let compacted = format!("{}.compacted", site.predictions());
    broker.create_topic(&compacted, 1, &[("cleanup.policy", "compact")]);
    site.edit("vigie.toml", "nowhere", &compacted);
    is_refused(&site, &["compacted`", "cleanup.policy=delete"]);
}

#[test]
fn profiles_that_are_not_what_they_should_be() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let site = Site::new(broker, &World::new(3), 1, "window = { size = 600 }");
    let good = fs::read(site.path("loans.vigie")).unwrap();
    site.edit("loans.vigie", r#""vigie_profile":1"#, r#""vigie_profile":999"#);
    is_refused(&site, &["loans.vigie: its format is 999", "vigie profile build"]);
    fs::write(site.path("loans.vigie"), &good).unwrap();
    site.edit("loans.vigie", r#""profile":{"#, r#""profile":{ "#);
    site.well(&["profile", "show", "loans.vigie"]);
    site.edit("loans.vigie", "6000", "6001");
    is_refused(&site, &["loans.vigie: its content does not match its hash"]);
    fs::write(site.path("loans.vigie"), &good[..good.len() / 2]).unwrap();
    is_refused(&site, &["loans.vigie", "ends too early"]);
    fs::remove_file(site.path("loans.vigie")).unwrap();
    is_refused(&site, &["loans.vigie", "does not exist", "vigie profile build"]);
    fs::write(site.path("loans.vigie"), &good).unwrap();
    site.edit("vigie.toml", "size = 600", "size = 601");
    is_refused(&site, &["reference windows are of", "build the profile again"]);
    site.edit("vigie.toml", "size = 601", "size = 600");
    let right = fs::read_to_string(site.path("vigie.toml")).unwrap();
    let other = right.replace("[model.loans", "[model.cards");
    fs::write(site.path("vigie.toml"), other).unwrap();
    is_refused(&site, &["made for model `loans`", "mend `model.cards.profile`"]);
    // None of it is in force, nor in the way of what is right.
    fs::write(site.path("vigie.toml"), right).unwrap();
    assert!(site.well(&["apply"]).contains("number 1, in force from now on"));
}
