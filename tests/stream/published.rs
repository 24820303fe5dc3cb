//! What a site has published, as whoever reads its topics sees it.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::Message;
use rdkafka::message::OwnedMessage;
use serde_json::Value;

use crate::broker::Broker;
use crate::patience;
use crate::site::Site;

/// The figures of a window, each by kind, metric, column, method and what it explains: the bits of its numbers, its judgement, its status.
pub(crate) type Figures = BTreeMap<[String; 5], (Vec<Option<u64>>, Value, Value)>;

const NUMBERS: [&str; 7] = [
    "value",
    "sampling_error",
    "lower_confidence",
    "upper_confidence",
    "lower_threshold",
    "upper_threshold",
    "p_value",
];

impl Site {
    /// Waits until at least so many results are committed; all that are then, in the order of their windows.
    pub(crate) fn results(&self, broker: &Broker, at_least: usize) -> Vec<Value> {
        let mut found = Vec::new();
        let enough = || {
            found = self.json(broker, "results");
            (found.len() >= at_least).then_some(())
        };
        let enough = patience::until(enough);
        assert!(enough.is_some(), "{} of {at_least} results came", found.len());
        found.sort_by_key(|result| {
            (result["epoch"].as_u64(), result["window_index"].as_u64(), result["id"].to_string())
        });
        found
    }

    /// What is committed in one of its topics now, as JSON.
    pub(crate) fn json(&self, broker: &Broker, topic: &str) -> Vec<Value> {
        let records = self.records(broker, topic);
        let read = |record: &OwnedMessage| serde_json::from_slice(record.payload().unwrap());
        records.iter().map(|record| read(record).unwrap()).collect()
    }

    /// The records that are committed in one of its topics now; none while there is no such topic.
    pub(crate) fn records(&self, broker: &Broker, topic: &str) -> Vec<OwnedMessage> {
        let topic = self.topic(topic);
        if broker.partitions(&topic) == 0 { Vec::new() } else { broker.read_committed(&topic) }
    }

    /// Every input offset is accounted for exactly once.
    pub(crate) fn verify(&self) {
        let said = self.well(&["verify"]);
        assert!(said.contains("every input offset is accounted for exactly once"), "{said}");
    }
}

/// The figures of a result, or of rows of a file that are of one window.
pub(crate) fn figures<'v>(figures: impl IntoIterator<Item = &'v Value>) -> Figures {
    let mut found = BTreeMap::new();
    for figure in figures {
        let key =
            ["kind", "metric", "column_name", "method", "of"].map(|name| figure[name].to_string());
        let bits = |name| figure[name].as_f64().map(f64::to_bits);
        let numbers = NUMBERS.into_iter().map(bits).collect();
        let known =
            found.insert(key, (numbers, figure["breach"].clone(), figure["status"].clone()));
        assert!(known.is_none(), "a figure stands twice: {figure}");
    }
    found
}

/// The figures of a result.
pub(crate) fn figures_of(result: &Value) -> Figures {
    figures(result["figures"].as_array().expect("a result has figures"))
}

/// The key of an estimated figure.
pub(crate) fn estimated(metric: &str) -> [String; 5] {
    let metric = format!("\"{metric}\"");
    ["\"estimated\"", &metric, "null", "\"cbpe\"", "null"].map(str::to_owned)
}

/// Where two sets of figures are not the same, in words.
pub(crate) fn differences(left: &Figures, right: &Figures) -> Vec<String> {
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let differing = keys.into_iter().filter(|key| left.get(*key) != right.get(*key));
    differing
        .map(|key| format!("{key:?}: {:?} against {:?}", left.get(key), right.get(key)))
        .collect()
}
