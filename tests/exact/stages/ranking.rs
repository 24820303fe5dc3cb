//! Columns ranked over the last windows: a function of what was published, whoever runs the log and wherever it stops.

use std::sync::Arc;
use std::time::Duration;

use vigie::diagnosis::{FEWEST, Ranking, Seen};
use vigie::metric::{Kind, Metric};
use vigie::profile::WindowRule;
use vigie::window::{ALL, Criteria, Figure, Method, Plan, RevisionCause, WindowResult};

use super::commands::{self, SIZE, exclude, mended, newest, restate, works};
use super::targets::{Prediction, Run, Works, run};
use crate::world::{self, profile_of};

/// Columns are ranked over so many windows.
const LAST: usize = 4;

fn plan() -> Plan {
    let profile = profile_of(&world::rows(1, 600), WindowRule::Size(100)).unwrap();
    let criteria = Criteria {
        performance: vec![Metric::Accuracy],
        continuous: vec![Metric::JensenShannon],
        categorical: vec![Metric::LInfinity],
        min_rows: 3,
        rank_windows: LAST as u64,
        ..Criteria::default()
    };
    Plan::new(Arc::new(profile), criteria)
}

fn ranks(result: &WindowResult) -> Vec<Figure> {
    let is_rank = |figure: &&Figure| {
        figure.metric == Metric::DriftCorrelation || figure.metric == Metric::BreachCount
    };
    result.figures.iter().filter(is_rank).cloned().collect()
}

/// The results of the whole as they were first published.
fn sealed(works: &Works) -> Vec<&WindowResult> {
    let whole = works.results().filter(|result| result.segment == ALL);
    whole.filter(|result| result.revision == 0).collect()
}

/// What is ranked over the last of these windows.
fn over(plan: &Plan, seen: &[Seen]) -> Vec<Figure> {
    Ranking::over(plan, &seen[seen.len().saturating_sub(LAST)..]).figures()
}

#[test]
fn a_window_ranks_by_what_was_published_of_the_last_ones() {
    let plan = plan();
    let mut correlated = 0;
    for (seed, rule) in (0..4).flat_map(|seed| {
        [WindowRule::Size(15), WindowRule::Period(Duration::from_secs(20))].map(|rule| (seed, rule))
    }) {
        let (works, ..): Run = run(seed, rule, &plan);
        let mut seen = Vec::new();
        for result in sealed(&works) {
            seen.push(Seen::of(&plan, result));
            let found = ranks(result);
            assert_eq!(found, over(&plan, &seen), "seed {seed} {rule} {}", result.id);
            assert!(seen.len() >= FEWEST || found.is_empty());
            correlated += found.iter().filter(|of| of.value.is_some()).count();
            // Targets are still to come.
            assert!(found.iter().all(|of| of.method != Some(Method::Labelled)));
        }
        for result in works.results().filter(|of| of.revision > 0 || of.segment != ALL) {
            assert_eq!(ranks(result), [], "{}", result.id);
        }
    }
    assert!(correlated > 100, "{correlated}");
}

#[test]
fn whoever_runs_the_log_and_wherever_it_stops_ranks_are_the_same() {
    let plan = plan();
    let (works, ..) = run(3, WindowRule::Size(15), &plan);
    assert!(sealed(&works).iter().filter(|result| !ranks(result).is_empty()).count() > 5);
    assert_eq!(commands::run(&works, &works.log, || true), works.out, "at every record");
    for stop in 0..works.log.len() {
        let mut record = 0..;
        let again = commands::run(&works, &works.log, || record.next() == Some(stop));
        assert!(again == works.out, "stopped at record {stop}");
    }
}

#[test]
fn a_window_of_a_person_counts_as_it_is_now_from_the_next_one_on() {
    let plan = plan();
    let mut works = works(&plan);
    let [second, third] = [1, 2].map(|window| newest(&works, window).clone());
    let mut seen: Vec<Seen> =
        sealed(&works).into_iter().map(|result| Seen::of(&plan, result)).collect();
    works.tell(&exclude("1", &second));
    for record in restate("2", &third, &plan, &mended(0), 2) {
        works.tell(&record);
    }
    let replaced = newest(&works, 2).clone();
    assert_eq!(replaced.revision_cause, Some(RevisionCause::Replaced));
    assert!(replaced.figures.iter().any(|figure| figure.kind == Kind::Drift));
    assert_eq!(ranks(&replaced), []);
    seen[2] = Seen::of(&plan, &replaced);
    seen.remove(1);
    let next: Vec<Prediction> =
        (4 * SIZE..5 * SIZE).map(|id| Prediction { id, row: world::row(9, id) }).collect();
    works.predict(&plan, 0, &next);
    let result = newest(&works, 4);
    seen.push(Seen::of(&plan, result));
    let found = ranks(result);
    assert!(!found.is_empty());
    assert_eq!(found, over(&plan, &seen));
    assert_eq!(commands::run(&works, &works.log, || true), works.out);
}
