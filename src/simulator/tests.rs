//! What the world promises, checked on large samples of fixed seeds.

use xxhash_rust::xxh3::xxh3_64;

use super::*;

const SHIFT: Conditions = Conditions {
    shift: 0.9,
    ..Conditions::STEADY
};
const FAULT: Conditions = Conditions {
    fault: 0.6,
    ..Conditions::STEADY
};
const CONCEPT: Conditions = Conditions {
    concept: 0.6,
    ..Conditions::STEADY
};

fn world_under(conditions: Conditions) -> World {
    World::new(7).with_schedule(Schedule::constant(conditions))
}

/// The greatest distance of the targets from the scores among groups of cases, in standard errors.
fn worst_calibration(world: &World, events: u64, group: fn(&Case, f64) -> usize) -> f64 {
    let mut groups = [(0.0, 0.0); 32];
    for case in world.cases(0..events) {
        let score = world.model().score(&case.seen);
        let (excess, variance) = &mut groups[group(&case, score)];
        *excess += f64::from(case.repaid) - score;
        *variance += score * (1.0 - score);
    }
    let errors = groups.iter().filter(|(_, variance)| *variance > 0.0);
    errors
        .map(|(excess, variance)| excess.abs() / variance.sqrt())
        .fold(0.0, f64::max)
}

/// Which twentieth the score lies in.
fn by_score(_: &Case, score: f64) -> usize {
    (1..20).filter(|k| score >= f64::from(*k) / 20.0).count()
}

/// Corners of the features.
fn by_kind(case: &Case, _: f64) -> usize {
    let seen = &case.seen;
    let channel = match seen.channel {
        Channel::Branch => 0,
        Channel::Web => 1,
        Channel::Phone => 2,
        Channel::Broker => 3,
    };
    channel
        + 4 * usize::from(seen.previously_repaid)
        + 8 * usize::from(seen.income.is_none())
        + 16 * usize::from(seen.age > 40)
}

#[test]
fn the_score_is_calibrated_in_the_reference_world() {
    let reference = World::new(7).reference(200_000);
    // Of 20 and 32 groups, the worst lies beyond four standard errors once in 500 seeds.
    assert!(worst_calibration(&reference, 200_000, by_score) < 4.0);
    assert!(worst_calibration(&reference, 25_000, by_kind) < 4.0);
}

#[test]
fn covariate_shift_lowers_the_truth_and_keeps_the_score_calibrated() {
    let steady = World::new(7).truth(0..25_000);
    let world = world_under(SHIFT);
    let shifted = world.truth(0..25_000);
    assert!(worst_calibration(&world, 25_000, by_score) < 4.0);
    assert!(worst_calibration(&world, 25_000, by_kind) < 4.0);
    for of in [
        |truth: &Truth| truth.expected,
        |truth: &Truth| truth.realized,
        |truth: &Truth| truth.claimed,
    ] {
        let drop = of(&steady).roc_auc.unwrap() - of(&shifted).roc_auc.unwrap();
        assert!((0.11..0.15).contains(&drop), "{drop}");
        let drop = of(&steady).accuracy().unwrap() - of(&shifted).accuracy().unwrap();
        assert!((0.09..0.13).contains(&drop), "{drop}");
    }
}

#[test]
fn every_shifted_window_of_1000_rows_lies_outside_three_standard_deviations() {
    let windows = |world: &World| -> Vec<f64> {
        (0..40_u64)
            .map(|k| {
                world
                    .truth(k * 1_000..(k + 1) * 1_000)
                    .realized
                    .roc_auc
                    .unwrap()
            })
            .collect()
    };
    let reference = windows(&World::new(7).reference(40_000));
    let mean = reference.iter().sum::<f64>() / 40.0;
    let deviation = (reference
        .iter()
        .map(|v| (v - mean) * (v - mean))
        .sum::<f64>()
        / 40.0)
        .sqrt();
    assert!(deviation < 0.016, "{deviation}");
    let greatest = windows(&world_under(SHIFT)).into_iter().fold(0.0, f64::max);
    assert!(
        greatest < mean - 3.0 * deviation,
        "{greatest} against {mean} - 3 {deviation}"
    );
}

#[test]
fn a_fault_raises_the_missing_rate_and_spoils_the_score_but_not_the_cases() {
    let steady = World::new(7);
    let faulty = world_under(FAULT);
    let missing = |world: &World| {
        let seen = world
            .cases(0..20_000)
            .map(|case| case.seen.income.is_none());
        seen.map(f64::from).sum::<f64>() / 20_000.0
    };
    assert!((missing(&steady) - 0.02).abs() < 0.004);
    assert!((missing(&faulty) - (0.6 + 0.4 * 0.02)).abs() < 0.015);
    for (before, after) in steady.cases(0..2_000).zip(faulty.cases(0..2_000)) {
        assert_eq!(
            Case {
                seen: before.seen,
                ..after
            },
            before
        );
    }
    let (before, after) = (steady.truth(0..25_000), faulty.truth(0..25_000));
    let auc = |performance: Performance| performance.roc_auc.unwrap();
    assert!(auc(before.expected) - auc(after.expected) > 0.025);
    assert!(auc(after.claimed) - auc(after.expected) > 0.015);
    assert!(worst_calibration(&faulty, 25_000, by_score) > 5.0);
}

#[test]
fn concept_drift_shows_in_targets_alone() {
    let steady = World::new(7);
    let drifted = world_under(CONCEPT);
    assert!(
        steady
            .predictions(0..2_000)
            .eq(drifted.predictions(0..2_000))
    );
    let (before, after) = (steady.truth(0..25_000), drifted.truth(0..25_000));
    assert_eq!(before.claimed, after.claimed);
    for of in [
        |truth: &Truth| truth.expected,
        |truth: &Truth| truth.realized,
    ] {
        assert!(of(&before).roc_auc.unwrap() - of(&after).roc_auc.unwrap() > 0.07);
        assert!(of(&before).accuracy().unwrap() - of(&after).accuracy().unwrap() > 0.07);
    }
    assert!(worst_calibration(&drifted, 25_000, by_score) > 12.0);
}

#[test]
fn a_challenger_trained_on_the_drifted_world_is_calibrated_there() {
    let challenger = Model {
        version: "2".to_owned(),
        concept: CONCEPT.concept,
        ..Model::default()
    };
    let champion = world_under(CONCEPT);
    let world = champion.clone().with_model(challenger);
    assert!(worst_calibration(&world, 25_000, by_score) < 4.0);
    let (old, new) = (champion.truth(0..25_000), world.truth(0..25_000));
    // Most of what was lost is gone for good: the drifted world is harder to tell apart. The rest comes back, and
    // the claims of the new model are the truth again.
    let auc = |performance: Performance| performance.roc_auc.unwrap();
    assert!(auc(new.expected) > auc(old.expected) + 0.008);
    assert!(new.expected.accuracy().unwrap() > old.expected.accuracy().unwrap() + 0.008);
    assert!((auc(new.claimed) - auc(new.expected)).abs() < 1e-12);
    assert!(auc(old.claimed) > auc(old.expected) + 0.07);
    assert_eq!(champion.case(5), world.case(5));
}

#[test]
fn the_expected_performance_is_what_is_realized_but_for_luck() {
    for conditions in [Conditions::STEADY, SHIFT, FAULT, CONCEPT] {
        let truth = world_under(conditions).truth(0..20_000);
        let gap = truth.expected.roc_auc.unwrap() - truth.realized.roc_auc.unwrap();
        // Four standard errors of a ROC AUC near 0.75 on 20,000 rows.
        assert!(gap.abs() < 0.014, "{conditions:?}: {gap}");
        let gap = truth.expected.accuracy().unwrap() - truth.realized.accuracy().unwrap();
        assert!(gap.abs() < 0.013, "{conditions:?}: {gap}");
    }
}

#[test]
fn the_demo_falls_and_recovers_phase_by_phase() {
    let schedule = Schedule::demo(4_000);
    let world = World::new(11).with_schedule(schedule.clone());
    let auc: Vec<f64> = schedule
        .phases()
        .map(|(phase, events)| {
            let settled = events.start + phase.transition..events.end;
            world.truth(settled).expected.roc_auc.unwrap()
        })
        .collect();
    for well in [0, 2, 4, 6] {
        assert!((auc[well] - 0.861).abs() < 0.012, "{auc:?}");
    }
    assert!(auc[1] < 0.75 && auc[3] < 0.84 && auc[5] < 0.79, "{auc:?}");
}

#[test]
fn slices_equal_the_whole() {
    let world = World::new(3).with_schedule(Schedule::demo(100).repeating());
    let whole: Vec<Case> = world.cases(0..1_000).collect();
    for lane in 0..4 {
        let cases = world.cases((0..1_000).skip(lane).step_by(4));
        assert!(cases.eq(whole.iter().copied().skip(lane).step_by(4)));
    }
    assert!(
        world
            .cases((0..1_000).rev())
            .eq(whole.iter().rev().copied())
    );
    assert_eq!(world.case(777), whole[777]);
    assert!(world.case(u64::MAX).probability > 0.0);
}

/// Holds the same bytes on every machine; whoever changes the world on purpose changes these digests.
#[test]
fn the_world_is_the_same_to_the_byte() {
    let world = World::new(42).with_schedule(Schedule::demo(200));
    let plan = OutcomePlan {
        corrected: 0.1,
        duplicated: 0.1,
        ..OutcomePlan::default()
    };
    let (mut predictions, mut outcomes, mut wide) = (Vec::new(), Vec::new(), Vec::new());
    for prediction in world.predictions(0..2_000) {
        prediction.write_json(Layout::Nested, &mut predictions);
    }
    for outcome in plan.deliveries(&world, 0..2_000) {
        outcome.write_json(&mut outcomes);
    }
    for row in WideWorld::new(42, WideShape::default(), Timeline::default()).rows(0..2_000) {
        row.prediction
            .write_json_with(("target", row.target), Layout::Nested, &mut wide);
    }
    let digests = [predictions, outcomes, wide].map(|bytes| xxh3_64(&bytes));
    assert_eq!(
        digests,
        [
            1_034_105_212_191_854_699,
            12_962_388_429_684_362_541,
            3_938_672_641_728_010_425
        ]
    );
    let other = World::new(43)
        .prediction(&World::new(43).case(0))
        .to_json(Layout::Nested);
    assert_ne!(
        other,
        world.prediction(&world.case(0)).to_json(Layout::Nested)
    );
}

#[test]
fn features_go_together_and_some_are_missing() {
    let cases: Vec<Case> = World::new(7).cases(0..20_000).collect();
    let correlation = |of: fn(&Applicant) -> Option<(f64, f64)>| {
        let pairs: Vec<_> = cases
            .iter()
            .filter_map(|case| of(&case.applicant))
            .collect();
        let n = pairs.len() as f64;
        let (x, y) = pairs
            .iter()
            .fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        let moment = |f: fn(f64, f64) -> f64| -> f64 {
            pairs
                .iter()
                .map(|pair| f(pair.0 - x / n, pair.1 - y / n))
                .sum()
        };
        moment(|a, b| a * b) / (moment(|a, _| a * a) * moment(|_, b| b * b)).sqrt()
    };
    assert!(correlation(|a| Some((f64::from(a.age), a.employment_years?))) > 0.3);
    assert!(correlation(|a| Some((f64::from(a.age), a.income?))) > 0.1);
    assert!(correlation(|a| Some((a.income?, a.loan_amount))) > 0.2);
    assert!(correlation(|a| Some((a.income?, a.debt_to_income?))) < -0.1);
    let share = |is: fn(&Applicant) -> bool| {
        cases.iter().filter(|case| is(&case.applicant)).count() as f64 / 20_000.0
    };
    assert!((share(|a| a.income.is_none()) - 0.02).abs() < 0.004);
    assert!((share(|a| a.employment_years.is_none()) - 0.03).abs() < 0.005);
    assert!((share(|a| a.debt == 0.0) - 0.16).abs() < 0.012);
    assert_eq!(
        share(|a| a.income.is_none() != a.debt_to_income.is_none()),
        0.0
    );
    assert_eq!(share(|a| a.age < 18 || a.loan_length % 12 != 0), 0.0);
}

#[test]
fn the_reference_lies_before_the_world_and_shares_nothing_with_it() {
    let world = World::new(7);
    let reference = world.reference(500);
    assert!(reference.case(499).time < world.timeline().start);
    assert!(reference.case(500).time >= world.timeline().start);
    assert_ne!(reference.id(0), world.id(0));
    assert_ne!(reference.case(0).applicant, world.case(0).applicant);
    assert_eq!(
        reference.with_schedule(Schedule::constant(SHIFT)).model(),
        world.model()
    );
}

#[test]
fn jitter_beyond_the_spacing_puts_events_out_of_order() {
    let times = |jitter| -> Vec<i64> {
        let timeline = Timeline {
            jitter,
            ..Timeline::default()
        };
        World::new(7)
            .with_timeline(timeline)
            .cases(0..2_000)
            .map(|case| case.time)
            .collect()
    };
    assert!(
        times(0)
            .windows(2)
            .all(|pair| pair[1] - pair[0] == 1_000_000)
    );
    assert!(times(1_000_000).is_sorted());
    let disordered = times(10_000_000);
    assert!(!disordered.is_sorted());
    let mut latest = i64::MIN;
    for time in disordered {
        latest = latest.max(time);
        assert!(latest - time < 9_000_000);
    }
}
