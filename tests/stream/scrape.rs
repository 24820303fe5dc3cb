//! A real Prometheus sees what was published, and nothing before it is true.

use std::net::TcpListener;

use vigie::simulator::World;

use crate::broker::Broker;
use crate::http;
use crate::instance::Instance;
use crate::patience::PATIENCE;
use crate::prometheus::Prometheus;
use crate::published::{estimated, figures_of};
use crate::site::{MODEL, Site};

#[test]
fn the_newest_window_is_scraped_and_outlives_a_kill() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(3);
    let site = Site::new(broker, &world, 1, "window = { size = 600 }");
    let instance = site.start("a").ready();
    let Some(prometheus) = Prometheus::scraping(instance.address(), None) else {
        return;
    };
    site.send(broker, &world, 0..1_500);
    let results = site.results(broker, 2);
    let newest = &figures_of(&results[1])[&estimated("roc_auc")];
    let [value, .., lower, upper, _] = newest.0[..] else { panic!("seven numbers") };

    let of_model = format!("{{model='{MODEL}', kind='estimated', metric='roc_auc'}}");
    // Until the second window shows there may be the first: an event a second, 600 rows each.
    let begun = world.timeline().start / 1_000_000;
    let end = format!("vigie_window_end_timestamp_seconds{{model='{MODEL}'}}");
    prometheus.eventually(&format!("{end} > {}", begun + 1_100));
    let bits = |family: &str| {
        let found = prometheus.eventually(&format!("{family}{of_model}"));
        assert_eq!(found.len(), 1, "{family}: {found:?}");
        Some(found[0].value.to_bits())
    };
    assert_eq!(bits("vigie_performance"), value);
    assert_eq!(bits("vigie_performance_lower_threshold"), lower);
    assert_eq!(bits("vigie_performance_upper_threshold"), upper);
    let labels = &prometheus.query(&format!("vigie_performance{of_model}"))[0].labels;
    assert_eq!((labels["segment"].as_str(), labels["method"].as_str()), ("all", "cbpe"));

    // What was shown is shown again before anybody is told that we are ready.
    instance.kill();
    let instance = site.start("a").ready();
    let metrics = http::get(instance.address(), "/metrics").1;
    let shown = metrics.lines().find(|line| {
        line.starts_with("vigie_performance{")
            && line.contains("\"estimated\"")
            && line.contains("roc_auc")
    });
    let shown = shown.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    assert_eq!(shown.map(f64::to_bits), value, "{metrics}");
    site.verify();
    instance.stop();
}

#[test]
fn it_is_not_ready_while_the_cluster_is_not_there_and_says_so() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let world = World::new(3);
    let site = Site::new(&broker, &world, 1, "window = { size = 600 }");
    broker.stop();
    let instance = site.start("a");
    let line = instance.says("waiting to reach the cluster");
    assert!(line.contains(broker.address()), "{line}");
    let (status, body) = instance.readiness();
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("waiting to reach the cluster"), "{body}");
    assert_eq!(http::get(instance.address(), "/healthz").0, 200);
    broker.restart();
    let instance = instance.ready();
    assert!(instance.log().contains("tally has taken the partition over"));
    instance.stop();
}

#[test]
fn a_port_in_use_is_named() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(3);
    let site = Site::new(broker, &world, 1, "window = { size = 600 }");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = ["--config".to_owned(), site.path("vigie.toml").display().to_string()];
    let leash = Instance::leashed(&address.to_string(), &config);
    let said = leash.line_with("error: ", PATIENCE).unwrap();
    assert!(said.contains(&format!("port {} on 127.0.0.1 is taken", address.port())), "{said}");
    assert!(said.contains("--listen"), "{said}");
    assert_eq!(leash.exit_code(PATIENCE), Ok(2));
}
