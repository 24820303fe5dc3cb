//! Small settings in force; and which test holds which rule between the stages.
//!
//! | rule | held by |
//! | --- | --- |
//! | a topic made again is another lane | `reading::the_lanes_of_two_incarnations_are_two`, `sealing::a_topic_that_was_made_again_is_another_lane_and_the_old_ones_hold_nobody_up` |
//! | beginning, owner and boundaries are committed | `feeding::any_commit_comes_back_from_its_metadata`, `reading::the_beginning_of_a_lane_that_is_known_is_ignored` |
//! | every owner has a higher number and is heard first | `feeding::every_owner_has_a_higher_number`, `feeding::an_announcement_that_was_lost_is_made_again`, `reading::a_replaced_owner_is_not_heard`, `storm::storms` |
//! | a lost commit comes from the ledgers; what is gone is named | `feeding::a_lost_commit_is_recovered_from_what_the_readers_know`, `feeding::a_range_that_is_gone_is_given_up_as_a_stretch_of_its_own`, `storm::points` |
//! | committed is what every output has acknowledged | `feeding::a_lane_is_open_when_every_output_has_heard_of_it`, `feeding::dead_letters_are_waited_for_too`, `storm::storms` |
//! | a model goes to one output | `feeding::a_model_goes_to_one_output_and_what_has_none_with_its_lane`, `storm::oracle` |
//! | stretches tile the lane | `feeding::the_stretches_tile_the_lane_in_every_output`, `reading::holes_in_the_lane_are_no_gaps` |
//! | seen, cut, beyond a gap | `reading::what_lies_below_the_position_is_dropped`, `reading::what_overlaps_is_cut_rows_rejects_and_all`, `reading::what_lies_beyond_a_gap_is_dropped_until_its_sender_comes_back_to_it`, `storm::storms` |
//! | heartbeats tell silence from delay | `silence::a_lane_that_has_not_caught_up_is_not_idle`, `silence::an_old_heartbeat_says_only_old_things`, `feeding::a_heartbeat_speaks_of_what_was_sent` |
//! | an epoch begins above all that was sent, and ends when every lane has passed it | `feeding::an_epoch_begins_above_all_that_was_sent_however_old_the_answer_of_the_broker`, `epochs::an_epoch_ends_when_every_lane_has_passed_its_boundary`, `epochs::an_epoch_that_did_not_touch_the_model_seals_nothing_of_it`, `storm::storms` |
//! | a policy is in force from the record that first carries it | `epochs::a_policy_is_in_force_from_the_record_that_first_carries_it` |
//! | ledger and checkpoint in one transaction; whoever takes over answers as before | `checkpoints::from_any_checkpoint_the_rest_is_the_same`, `counting::the_running_digest_covers_every_output_in_its_order`, `storm::points` |
//! | late by the lane's own watermark, counted where it stands | `lateness::a_row_is_late_by_its_own_lanes_watermark_row_by_row`, `lateness::a_late_row_is_counted_where_its_lanes_watermark_stands` |
//! | sealed when every lane has passed or is left out | `sealing::a_window_is_sealed_when_every_lane_has_passed_its_end_and_lateness`, `silence::a_row_after_its_lane_was_left_out_is_late`, `silence::nobody_is_waited_for_longer_than_max_wait_after_the_first_lane_passed` |
//! | events from the future; the log's time | `lateness::an_event_from_the_future_is_quarantined_and_moves_no_watermark`, `silence::the_logs_time_never_goes_back` |
//! | what is lost is told by a record | `counting::what_was_given_up_is_counted_as_lost`, `reading::what_is_given_up_is_cut_and_dropped_like_rows` |
//! | one result a window, segment and revision | `segments::the_last_revision_of_a_segment_is_the_batch_answer_of_its_rows`, `segments::whoever_runs_the_log_and_wherever_it_stops_segments_are_the_same` |
//! | ids; open windows are not published | `counting::every_result_and_alert_has_an_id_of_its_own`, `counting::an_open_window_is_never_published` |
//! | what gauges show comes from the state | `checkpoints::from_any_checkpoint_the_rest_is_the_same` |
//! | ledgers and results add up to the input | `counting::every_record_has_exactly_one_fate`, `counting::results_hold_what_the_ledger_says_is_sealed`, `storm::oracle` |

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use vigie::epoch::{Epoch, Epochs, Model, Policies, Timing, Version};
use vigie::fit::{Spec, fit};
use vigie::metric::{Metric, Problem};
use vigie::profile::WindowRule;
use vigie::settings::Model as Settings;
use vigie::stats::Threshold;
use vigie::window::{Criteria, Plan};

use crate::world::{OWN_LOSS, batch, own_loss, rows, segments, spec};

/// The model that a profile serves.
pub(crate) const LOANS: &str = "loans";
/// The model that none serves: its rows are counted only.
pub(crate) const CARDS: &str = "cards";
/// The topic that predictions come from.
pub(crate) const TOPIC: &str = "predictions";

/// Periods of ten seconds.
pub(crate) const PERIOD: WindowRule = WindowRule::Period(Duration::from_secs(10));

/// A window waits for no time at all, or for ever.
pub(crate) fn timing(rule: WindowRule) -> Timing {
    let ever = i64::MAX / 4;
    Timing { rule, lateness: 2_000, idle: ever, max_wait: ever, skew: ever }
}

/// What serves a version; every number is another profile.
pub(crate) fn served(number: usize) -> Arc<Version> {
    static MADE: [OnceLock<Arc<Version>>; 3] = [const { OnceLock::new() }; 3];
    let made = MADE[number].get_or_init(|| {
        let rows = rows(number as u64 + 1, 60);
        // One of them has segments.
        let segments = (number == 2).then(|| segments(&rows, 10, 9));
        let spec = Spec { segments, metrics: own_loss(), ..spec(WindowRule::Size(20)) };
        let profile = fit(spec, vec![batch(&rows, 0)]).unwrap();
        let criteria = Criteria {
            performance: vec![Metric::Accuracy],
            continuous: Vec::new(),
            categorical: vec![Metric::LInfinity],
            rowwise: [(OWN_LOSS.0.to_owned(), Threshold::THREE_SIGMA)].into(),
            min_rows: 3,
            segment_min_rows: 2,
            ..Criteria::default()
        };
        let hash = profile.hash();
        Arc::new(Version { plan: Plan::new(Arc::new(profile), criteria), profile: hash })
    });
    Arc::clone(made)
}

/// A model as an epoch made it: of `loans` every version is served by profile `since % 3`, of others none.
pub(crate) fn model(name: &str, since: u64, timing: Timing) -> Arc<Model> {
    let serves = name == LOANS;
    Arc::new(Model {
        since,
        settings_hash: format!("settings {since}"),
        settings: Arc::new(Settings::new(name, Problem::Binary)),
        timing,
        versions: BTreeMap::new(),
        any_version: serves.then(|| served((since % 3) as usize)),
    })
}

/// An epoch over [`TOPIC`].
pub(crate) fn epoch(models: impl IntoIterator<Item = (&'static str, u64, Timing)>) -> Arc<Epoch> {
    let models = models.into_iter();
    Arc::new(Epoch {
        topics: vec![TOPIC.to_owned()],
        models: models
            .map(|(name, since, timing)| (name.to_owned(), model(name, since, timing)))
            .collect(),
    })
}

/// Epochs by number, and policies that all say the same.
pub(crate) fn epochs(epochs: impl IntoIterator<Item = (u64, Arc<Epoch>)>) -> Epochs {
    Epochs {
        epochs: epochs.into_iter().collect(),
        policies: (0..4).map(|number| (number, Arc::new(Policies::default()))).collect(),
    }
}

/// One epoch, in which all models are cut in one way.
pub(crate) fn one_epoch(timing: Timing) -> Epochs {
    epochs([(1, epoch([(LOANS, 1, timing), (CARDS, 1, timing)]))])
}
