//! What is remembered beside alerts.

use vigie::alert::{
    Action, AlertEvent, Cause, Changed, Event, Newer, Policy, Published, Resolution, Watch,
};
use vigie::metric::{Kind, Metric};
use vigie::window::{Figure, Method, WindowResult};

use super::{below, figure, held, result, take};

/// Realized ROC AUC, and how the estimate differed from it.
fn realized(window: u64, value: f64, differs: f64) -> WindowResult {
    let error = Some(0.01);
    let weighed = figure(Kind::Realized, Metric::RocAuc, None, value);
    let weighed = Figure {
        method: Some(Method::PostStratified),
        sampling_error: error,
        lower_confidence: Some(value - 0.03),
        upper_confidence: Some(value + 0.03),
        ..held(weighed, Some(0.75), None)
    };
    let difference = Figure {
        method: Some(Method::PostStratified),
        of: Some(Metric::RocAuc.into()),
        sampling_error: error,
        lower_confidence: Some(differs - 0.03),
        upper_confidence: Some(differs + 0.03),
        breach: None,
        ..figure(Kind::Diagnosis, Metric::EstimatedMinusRealized, None, differs)
    };
    WindowResult { coverage: Some(1.0), revision: 1, ..result(window, vec![weighed, difference]) }
}

fn revise(watch: &mut Watch, result: &WindowResult) -> Option<AlertEvent> {
    let seen = Published { result, segments: &[], muted_until: None };
    watch.revise(&Policy::default(), &seen)
}

#[test]
fn an_alert_says_how_well_the_estimate_did_before() {
    let mut watch = Watch::default();
    for window in 0..40 {
        // One in ten is off, by more than three standard errors.
        let differs = if window % 10 == 9 { 0.05 } else { 0.01 };
        assert!(revise(&mut watch, &realized(window, 0.8, differs)).is_none());
        // Said again it counts once.
        assert!(revise(&mut watch, &realized(window, 0.8, differs)).is_none());
    }
    let told = take(&mut watch, &Policy::default(), &result(40, vec![below(9.0)])).pop().unwrap();
    let so_far = told.evidence.estimator.unwrap();
    assert_eq!((so_far.windows, so_far.within), (32, 28));
    assert!((so_far.mean_difference - (28.0 * 0.01 + 4.0 * 0.05) / 32.0).abs() < 1e-12);
    assert!(told.summary.ends_with("the estimate was right in 28 of 32 windows before"));
    assert_eq!(told.evidence.cause, Some(Cause::CovariateShift));
    assert_eq!((told.action, told.distance), (Action::Confirm, Some(9.0)));
}

#[test]
fn shift_and_concept_are_told_apart_by_whether_the_estimate_has_moved() {
    let told = revise(&mut Watch::default(), &realized(0, 0.6, 0.2)).unwrap();
    assert_eq!(told.evidence.cause, Some(Cause::ConceptDrift));
    assert!(told.summary.contains("the pattern itself has"), "{}", told.summary);
    assert_eq!(told.action, Action::Retrain);
    let told = revise(&mut Watch::default(), &realized(0, 0.6, 0.01)).unwrap();
    assert_eq!(told.evidence.cause, Some(Cause::CovariateShift));
    let told = revise(&mut Watch::default(), &realized(0, 0.4, 0.01)).unwrap();
    assert_eq!(told.action, Action::SwitchOff, "worse than chance");
}

#[test]
fn the_last_change_before_it_is_named() {
    let mut watch = Watch::default();
    let policy = Policy::default();
    let mut step = |window: u64, profile: &str, settings: &str, errors: f64| {
        let (profile, settings) = (profile.to_owned(), settings.to_owned());
        let epoch = u64::from(settings == "t") + 1;
        let result =
            WindowResult { profile, settings, epoch, ..result(window, vec![below(errors)]) };
        take(&mut watch, &policy, &result).pop()
    };
    let first = step(3, "p", "s", 9.0).unwrap().evidence.change.unwrap();
    assert_eq!((first.what, first.window, first.epoch), (Changed::Version, 3, 1));
    for window in 4..6 {
        step(window, "p", "s", -3.0);
    }
    assert!(step(6, "p", "t", 1.5).is_none());
    assert!(step(7, "q", "t", -3.0).is_none());
    // It began with the sixth: what came after that is no cause.
    let told = step(8, "q", "t", 1.5).unwrap();
    assert_eq!(told.event, Event::Opened);
    let change = told.evidence.change.unwrap();
    assert_eq!((change.what, change.window, change.epoch), (Changed::Settings, 6, 2));
    assert_eq!(change.at.as_deref(), Some("2026-01-01T06:00:00Z"));
}

#[test]
fn of_a_version_that_is_retired_nothing_opens_until_it_serves_again() {
    let mut watch = Watch::default();
    let opened = revise(&mut watch, &realized(0, 0.5, 0.0)).unwrap();
    assert_eq!(opened.event, Event::Opened);
    let of_newer = result(9, Vec::new());
    let newer = Newer { result: &of_newer, recent: (0, 3) };
    let told = watch.retire("vigie", "a newer one serves", newer);
    assert_eq!(told[0].resolution, Some(Resolution::Superseded));
    // Targets of its old windows go on coming.
    for window in 1..6 {
        assert_eq!(revise(&mut watch, &realized(window, 0.5, 0.0)), None);
    }
    let told = watch.seal(
        &Policy::default(),
        &Published { result: &realized(10, 0.5, 0.0), segments: &[], muted_until: None },
        true,
    );
    assert_eq!(told[0].event, Event::Opened);
}

#[test]
fn slices_that_have_become_worse_are_named() {
    let change = |name: &str, by: f64, p: f64| Figure {
        p_value: Some(p),
        ..figure(Kind::Diagnosis, Metric::SliceChange, Some(name), by)
    };
    let slices = [
        change("age < 25 and region = north", 0.2, 1e-6),
        change("age >= 60", 0.1, 0.4),
        change("channel = web", -0.2, 1e-6),
    ];
    let figures = [below(9.0)].into_iter().chain(slices).collect();
    let told = take(&mut Watch::default(), &Policy::default(), &result(0, figures)).pop().unwrap();
    let [slice] = told.evidence.slices.as_slice() else { panic!("{:?}", told.evidence) };
    assert_eq!(slice.column_name.as_deref(), Some("age < 25 and region = north"));
    let words = "expected to do worse than before where age < 25 and region = north";
    assert!(told.summary.contains(words), "{}", told.summary);
}
