//! Small settings in force.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use vigie::epoch::{Epoch, Epochs, Model, Policies, Timing, Version};
use vigie::metric::{Metric, Problem};
use vigie::profile::WindowRule;
use vigie::settings::Model as Settings;
use vigie::window::{Criteria, Plan};

use crate::world::{profile_of, rows};

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
        let profile = profile_of(&rows(number as u64 + 1, 60), WindowRule::Size(20)).unwrap();
        let criteria = Criteria {
            performance: vec![Metric::Accuracy],
            continuous: Vec::new(),
            categorical: vec![Metric::LInfinity],
            min_rows: 3,
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
