//! Where targets come from that arrive later.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::settings::at::At;
use crate::settings::columns::{Columns, Timestamp, one_path, paths};
use crate::settings::duration;
use crate::settings::kafka::topic_names;
use crate::settings::mistake::Mistakes;
use crate::settings::typed::{self, OneOrMany};
use crate::settings::window::positive_duration;

/// Where targets come from that arrive after the prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroundTruth {
    /// Topics with this model's targets; those of the whole installation where it names none itself.
    pub topics: Option<Vec<String>>,
    /// Where a ground-truth event says which prediction it is of; `None`: as [`Columns::id`](crate::settings::Columns::id).
    pub key: Option<Vec<String>>,
    /// Where the prediction has the same; `None`: as [`Columns::id`](crate::settings::Columns::id).
    pub matches: Option<Vec<String>>,
    /// Where the target lies; `None`: as [`Columns::target`](crate::settings::Columns::target).
    pub target: Option<String>,
    /// When the target was known.
    pub timestamp: Option<Timestamp>,
    /// How long a prediction waits for its target, from its arrival.
    #[serde(with = "duration::milliseconds")]
    pub wait: Duration,
    /// Realized figures are restated at most this often; shorter than `wait`.
    #[serde(with = "duration::milliseconds")]
    pub every: Duration,
    /// Below this share of rows with a target realized figures breach nothing; from 0 to 1.
    pub min_coverage: f64,
}

impl GroundTruth {
    /// Where targets could not be joined: everything that nobody says where to find.
    pub(crate) fn ready_to_run(&self, columns: &Columns, model: &At<'_>, mistakes: &mut Mistakes) {
        let mut miss = |key: &str, missing: bool, wanted: &str, mend: &str| {
            if missing {
                mistakes.add_found(&model.keys(&["ground_truth", key]), "nothing", wanted, mend);
            }
        };
        let id = columns.id.is_empty();
        let mend = "add `id = \"..\"` under the model's `columns`";
        let of = "where a ground-truth event says which prediction it is of";
        miss("key", id && self.key.is_none(), of, mend);
        let of = "where a prediction has the id by which its target finds it";
        miss("matches", id && self.matches.is_none(), of, mend);
        let none = self.target.is_none() && columns.target.is_none();
        miss("target", none, "where a ground-truth event has the target", "add `target = \"..\"`");
        let none = self.topics.as_ref().is_none_or(Vec::is_empty);
        miss("topics", none, "a topic that targets come by", "name one");
    }

    pub(crate) fn meant(typed: typed::GroundTruth, at: &At<'_>, mistakes: &mut Mistakes) -> Self {
        let mut list = |key: &str, typed: Option<OneOrMany>| {
            typed.map(|typed| paths(typed.into_vec(), &at.key(key), mistakes))
        };
        let (key, matches) = (list("key", typed.key), list("matches", typed.matches));
        if let (Some(key), Some(matches)) = (&key, &matches)
            && key.len() != matches.len()
            && !mistakes.within(&at.key("key"))
            && !mistakes.within(&at.key("matches"))
        {
            mistakes.add_found(
                at,
                format!("{} paths in `key` and {} in `matches`", key.len(), matches.len()),
                "as many in one as in the other, in the same order",
                "name the missing ones",
            );
        }
        let wait = positive_duration(&typed.wait, &at.key("wait"), mistakes);
        let every = positive_duration(&typed.every, &at.key("every"), mistakes);
        if let (Some(wait), Some(every)) = (wait, every)
            && every >= wait
        {
            mistakes.add_found(
                at,
                format!("`every = {:?}` with `wait = {:?}`", typed.every.0, typed.wait.0),
                "an `every` shorter than `wait`, else nothing is restated before the end",
                "lower `every` or raise `wait`",
            );
        }
        if !(0.0..=1.0).contains(&typed.min_coverage) {
            mistakes.add(&at.key("min_coverage"), "a share between 0 and 1", "0.2 is the default");
        }
        if let Some(topics) = &typed.topics {
            topic_names(topics, &at.key("topics"), mistakes);
        }
        Self {
            topics: typed.topics,
            key,
            matches,
            target: typed.target.map(|path| one_path(path, &at.key("target"), mistakes)),
            timestamp: typed.timestamp.map(|t| Timestamp::meant(t, &at.key("timestamp"), mistakes)),
            wait: wait.unwrap_or_default(),
            every: every.unwrap_or_default(),
            min_coverage: typed.min_coverage,
        }
    }
}
