use super::*;
use crate::alert::Severity;
use crate::metric::{Kind, Metric};
use crate::output::made_up::{figure, result};
use crate::settings::{Export, Prometheus};
use crate::tally::{Filling, Show, Standing};
use crate::telemetry::{Clock, Telemetry};
use crate::window::WindowResult;

fn settings(max_series: u64) -> Prometheus {
    let families = vec![Export::Performance, Export::Drift, Export::Quality];
    Prometheus { families, segments: vec!["all".to_owned()], max_series }
}

fn gauges(max_series: u64) -> (Telemetry, Gauges) {
    let telemetry = Telemetry::new(Clock::by_hand(0).0);
    let gauges = Gauges::new(&settings(max_series), &telemetry).unwrap();
    (telemetry, gauges)
}

/// The series of models, one a line.
fn shown(telemetry: &Telemetry) -> Vec<String> {
    let text = telemetry.exposition().unwrap();
    text.lines().filter(|line| line.contains("model=")).map(str::to_owned).collect()
}

fn has(telemetry: &Telemetry, series: &str) -> bool {
    let shown = shown(telemetry);
    shown.iter().any(|line| line.starts_with(series))
}

const STANDING: Standing<'_> = Standing {
    model: "car-loan",
    version: "7",
    served: true,
    alert: Some(Severity::Critical),
    last_event: Some(1_767_225_600_500_000),
    open_rows: Some(17),
};

/// A result as it is when its window is sealed.
fn sealed() -> WindowResult {
    WindowResult { revision: 0, revision_cause: None, ..result() }
}

/// How the series of a realized figure begins.
const REALIZED: &str =
    "vigie_performance{model=\"car-loan\",version=\"7\",segment=\"all\",kind=\"realized\"";

#[test]
fn a_result_is_shown_and_what_is_undefined_is_absent() {
    let (telemetry, gauges) = gauges(20_000);
    gauges.partition(0).show(&sealed());
    insta::assert_snapshot!(shown(&telemetry).join("\n"), @r#"
    vigie_breach{model="car-loan",version="7",segment="all",kind="drift",metric="jensen_shannon",column="income"} 1
    vigie_breach{model="car-loan",version="7",segment="all",kind="estimated",metric="f1",column=""} 1
    vigie_breach{model="car-loan",version="7",segment="all",kind="quality",metric="missing_rate",column="income"} 0
    vigie_breach{model="car-loan",version="7",segment="all",kind="realized",metric="f1",column=""} 0
    vigie_breach{model="car-loan",version="7",segment="all",kind="summary",metric="mean",column="income"} 0
    vigie_column_statistic{model="car-loan",version="7",segment="all",metric="mean",column="income"} 0.5
    vigie_column_statistic_upper_threshold{model="car-loan",version="7",segment="all",metric="mean",column="income"} 0.5
    vigie_drift{model="car-loan",version="7",segment="all",metric="jensen_shannon",column="income"} 0.625
    vigie_drift_upper_threshold{model="car-loan",version="7",segment="all",metric="jensen_shannon",column="income"} 0.5
    vigie_performance{model="car-loan",version="7",segment="all",kind="estimated",method="cbpe",metric="f1"} 0.75
    vigie_performance{model="car-loan",version="7",segment="all",kind="realized",method="labelled",metric="f1"} 0.25
    vigie_performance_upper_threshold{model="car-loan",version="7",segment="all",kind="estimated",method="cbpe",metric="f1"} 0.5
    vigie_performance_upper_threshold{model="car-loan",version="7",segment="all",kind="realized",method="labelled",metric="f1"} 0.5
    vigie_profile_info{model="car-loan",version="7",profile="abc",settings="def",epoch="4"} 1
    vigie_quality{model="car-loan",version="7",segment="all",metric="missing_rate",column="income"} 0.125
    vigie_quality_upper_threshold{model="car-loan",version="7",segment="all",metric="missing_rate",column="income"} 0.5
    vigie_window_coverage_ratio{model="car-loan",version="7",segment="all",kind="estimated"} 0.95
    vigie_window_coverage_ratio{model="car-loan",version="7",segment="all",kind="realized"} 0.95
    vigie_window_end_timestamp_seconds{model="car-loan",version="7",segment="all",kind="estimated"} 1767229200
    vigie_window_end_timestamp_seconds{model="car-loan",version="7",segment="all",kind="realized"} 1767229200
    vigie_window_revision{model="car-loan",version="7",segment="all",kind="estimated"} 0
    vigie_window_revision{model="car-loan",version="7",segment="all",kind="realized"} 0
    vigie_window_rows{model="car-loan",version="7",segment="all",kind="estimated"} 5000
    vigie_window_rows{model="car-loan",version="7",segment="all",kind="realized"} 5000
    "#);
}

#[test]
fn a_newer_window_takes_the_place_of_the_one_before() {
    let (telemetry, gauges) = gauges(20_000);
    let partition = gauges.partition(0);
    partition.show(&sealed());
    let newer =
        WindowResult { window_index: 3, coverage: Some(0.1), figures: Vec::new(), ..sealed() };
    partition.show(&newer);
    assert!(!has(&telemetry, "vigie_drift{"));
    // Its targets have not come: what is known of the window before stands.
    assert!(has(&telemetry, REALIZED));
    partition.show(&sealed());
    assert!(!has(&telemetry, "vigie_drift{"), "what is older changes nothing");
}

#[test]
fn alerts_are_said_when_they_are_known_and_go_with_the_version() {
    let (telemetry, gauges) = gauges(20_000);
    let mut partition = gauges.partition(0);
    partition.result(&sealed());
    assert!(!has(&telemetry, "vigie_alert_open"));
    partition.standings(&[STANDING]);
    let open = |severity, is: u8| {
        let labels = "model=\"car-loan\",version=\"7\",segment=\"all\"";
        has(&telemetry, &format!("vigie_alert_open{{{labels},severity=\"{severity}\"}} {is}"))
    };
    assert!(open("critical", 1) && open("warning", 0), "{:?}", shown(&telemetry));
    assert!(
        has(&telemetry, "vigie_open_window_rows{")
            && has(&telemetry, "vigie_last_event_timestamp_seconds{")
    );
    partition.standings(&[Standing { alert: None, ..STANDING }]);
    assert!(open("critical", 0));
    partition.standings(&[]);
    assert!(shown(&telemetry).is_empty());
}

#[test]
fn a_window_that_is_filling_is_shown_until_it_is_another() {
    let (telemetry, gauges) = gauges(20_000);
    let mut partition = gauges.partition(0);
    partition.standings(&[STANDING]);
    let filling = |value| Filling {
        model: "car-loan",
        version: "7",
        figures: vec![figure(Kind::Estimated, Metric::RocAuc, None, value)],
    };
    let series = "vigie_open_window_performance{model=\"car-loan\",version=\"7\",segment=\"all\",\
                  kind=\"estimated\",method=\"cbpe\",metric=\"roc_auc\"}";
    for value in [0.25, 0.75] {
        partition.filling(&[filling(value)]);
        assert!(has(&telemetry, &format!("{series} {value}")), "{:?}", shown(&telemetry));
    }
    gauges.partition(1).fill(&[]);
    assert!(has(&telemetry, series));
    partition.filling(&[]);
    assert!(!has(&telemetry, series));
}

#[test]
fn strangers_are_one_version() {
    let (telemetry, gauges) = gauges(20_000);
    let mut partition = gauges.partition(0);
    for version in ["x", "y", "z"] {
        let stranger = WindowResult { version: version.into(), profile: String::new(), ..sealed() };
        partition.result(&stranger);
    }
    let served = false;
    partition.standings(&["x", "y"].map(|version| Standing { version, served, ..STANDING }));
    let shown = shown(&telemetry);
    assert!(!shown.is_empty() && shown.iter().all(|line| line.contains("version=\"other\"")));
}

#[test]
fn a_partition_that_goes_takes_its_gauges_along() {
    let (telemetry, gauges) = gauges(20_000);
    let [mut first, mut second] = [0, 1].map(|partition| gauges.partition(partition));
    first.result(&sealed());
    second.result(&WindowResult { model: "other-loan".to_owned(), ..sealed() });
    first.clear();
    let left = shown(&telemetry);
    assert!(!left.is_empty() && left.iter().all(|line| line.contains("other-loan")));
    second.clear();
    assert!(shown(&telemetry).is_empty());
}

#[test]
fn too_many_series_are_counted_and_alerts_stay() {
    let (telemetry, gauges) = gauges(10);
    let mut partition = gauges.partition(0);
    partition.result(&sealed());
    assert_eq!(shown(&telemetry).len(), 10);
    partition.standings(&[STANDING]);
    assert!(has(&telemetry, "vigie_alert_open{"));
    let text = telemetry.exposition().unwrap();
    let dropped = text.lines().find(|line| line.starts_with("vigie_series_dropped_total"));
    assert!(dropped.is_some_and(|line| !line.ends_with(" 0")), "{dropped:?}");
}

#[test]
fn families_that_are_not_asked_for_are_not_shown() {
    let telemetry = Telemetry::default();
    let settings = Prometheus { families: vec![Export::Quality], ..settings(100) };
    let gauges = Gauges::new(&settings, &telemetry).unwrap();
    gauges.partition(0).show(&sealed());
    assert!(has(&telemetry, "vigie_quality{") && !has(&telemetry, "vigie_drift{"));
    assert!(!shown(&telemetry).iter().any(|line| line.contains(Metric::F1.as_str())));
    let kinds = sealed().figures.into_iter().map(|figure| figure.kind);
    assert!(kinds.into_iter().any(|kind| kind == Kind::Drift), "there was something to leave out");
}

#[test]
fn segments_that_are_named_are_shown_beside_the_whole_until_the_profile_has_them_no_more() {
    let telemetry = Telemetry::new(Clock::by_hand(0).0);
    let segments = ["all", "young", "region=*"].map(str::to_owned).into();
    let settings = Prometheus { segments, ..settings(20_000) };
    let gauges = Gauges::new(&settings, &telemetry).unwrap();
    let mut partition = gauges.partition(0);
    partition.standings(&[STANDING]);
    let names = ["young", "region=north", "region=south,channel=web", "channel=web"];
    partition.result(&sealed());
    for segment in names {
        partition.result(&WindowResult { segment: segment.to_owned(), ..sealed() });
    }
    let shows = |segment: &str| {
        has(
            &telemetry,
            &format!("vigie_drift{{model=\"car-loan\",version=\"7\",segment=\"{segment}\""),
        )
    };
    assert_eq!(names.map(shows), [true, true, true, false]);
    assert!(shows("all"));
    // What has no segment among its labels stands once.
    let of =
        |family: &str| shown(&telemetry).iter().filter(|line| line.starts_with(family)).count();
    assert_eq!((of("vigie_profile_info"), of("vigie_alert_open")), (1, 2));
    let other = |segment: &str| WindowResult {
        segment: segment.to_owned(),
        window_index: 9,
        profile: "another".to_owned(),
        ..sealed()
    };
    partition.result(&other("all"));
    assert!(!shows("young") && !shows("region=north") && shows("all"));
    partition.result(&other("young"));
    assert!(shows("young") && !shows("region=north"));
    partition.standings(&[]);
    assert!(shown(&telemetry).is_empty());
}
