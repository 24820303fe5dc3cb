//! `vigie exclude` and `vigie restate`: a window that was poisoned is left out, another one gets mended rows.

use serde_json::Value;
use vigie::simulator::{Conditions, Schedule, World};

use crate::broker::Broker;
use crate::published::figures_of;
use crate::site::Site;

#[test]
fn a_window_is_left_out_and_another_gets_mended_rows() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let broken = Conditions { fault: 0.6, ..Conditions::STEADY };
    let world = World::new(17).with_schedule(Schedule::constant(broken));
    let site = Site::new(broker, &world, 2, "window = { size = 600 }");
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..1_800);
    let before = site.results(broker, 3);
    let opened = site.json(broker, "alerts");
    assert_eq!(opened[0]["event"], "opened", "the fault shows");
    let said = site.well(&["exclude", "loans", "0", "--reason", "the export ran twice"]);
    assert!(said.contains("window 0 of `loans` is left out"), "{said}");
    // The same people, with their incomes.
    let steady = World::new(17);
    let file = site.file(&steady, 600..1_200);
    let said =
        site.well(&["restate", "loans", "1", "--rows", &file, "--reason", "incomes came back"]);
    assert!(said.contains("is restated by 600 rows"), "{said}");
    let after = site.results(broker, 5);
    let newest = |window: u64| {
        let of = after.iter().filter(|result| result["window_index"] == window);
        of.max_by_key(|result| result["revision"].as_u64()).unwrap()
    };
    let excluded = newest(0);
    assert_eq!(excluded["revision_cause"], "excluded");
    assert_eq!(excluded["reason"], "the export ran twice");
    assert_eq!(excluded["inputs"], before[0]["inputs"]);
    assert!(figures_of(excluded).is_empty());
    let restated = newest(1);
    assert_eq!(
        (&restated["revision_cause"], &restated["revision"]),
        (&"replaced".into(), &1.into())
    );
    let missing = |result: &Value| {
        let figures = result["figures"].as_array().unwrap();
        let of = |figure: &&Value| {
            figure["metric"] == "missing_rate" && figure["column_name"] == "income"
        };
        figures.iter().find(of).unwrap()["value"].as_f64().unwrap()
    };
    assert!(missing(&before[1]) > 0.4, "the incomes were lost");
    assert!(missing(restated) < 0.1, "and are there again");
    // Nobody is left to restate.
    let refused = site.run(&["exclude", "loans", "7", "--reason", "none"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.said.contains("has no result of window 7"), "{}", refused.said);
    let verified = site.well(&["verify"]);
    assert!(verified.contains("every input offset is accounted for exactly once"), "{verified}");
    assert!(verified.contains("excluded"), "{verified}");
    // Who takes over finds the same.
    instance.stop();
    let again = site.start("b").ready();
    site.send(broker, &world, 1_800..2_400);
    assert_eq!(site.results(broker, 6).len(), 6);
    site.verify();
    again.stop();
}
