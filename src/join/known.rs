//! What is known under one key: predictions that wait, and the targets that count for them.

use minicbor::{Decode, Encode};

use crate::batch::{Label, More, Target};

/// Everything that is known of the predictions of one id. As bytes it is what a store keeps.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Known {
    /// In the order of the join log; of one model version only the first.
    #[n(0)]
    pub(super) predictions: Vec<Waiting>,
    /// For each model and version that targets name: the one that counts.
    #[n(1)]
    pub(super) targets: Vec<Latest>,
}

/// A prediction that waits for its target, or for a correction of it.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct Waiting {
    /// Its lane, by the number that the join gave it.
    #[n(0)]
    pub(super) lane: u32,
    #[n(1)]
    pub(super) position: i64,
    #[n(2)]
    pub(super) epoch: u64,
    /// Its model and version, by the number that the join gave them.
    #[n(3)]
    pub(super) model: u32,
    #[n(4)]
    pub(super) time: i64,
    #[n(5)]
    pub(super) score: Option<f64>,
    #[n(6)]
    pub(super) predicted: Option<Label>,
    /// When it came, in milliseconds of the join log's time.
    #[n(7)]
    pub(super) arrived: i64,
    #[n(8)]
    pub(super) more: Option<Box<More>>,
}

/// The target that counts, of those that name the same model and version.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Latest {
    #[n(0)]
    pub(super) model: Option<String>,
    #[n(1)]
    pub(super) version: Option<String>,
    #[n(2)]
    pub(super) decided_at: i64,
    /// Which number it had among all targets of the join log: breaks ties.
    #[n(3)]
    pub(super) turn: u64,
    #[n(4)]
    pub(super) label: Option<Label>,
    /// When it came, in milliseconds of the join log's time.
    #[n(5)]
    pub(super) arrived: i64,
}

impl Latest {
    fn names(&self, target: &Target) -> bool {
        self.model == target.model && self.version == target.version
    }

    fn is_for(&self, model: &str, version: &str) -> bool {
        self.model.as_deref().is_none_or(|named| named == model)
            && self.version.as_deref().is_none_or(|named| named == version)
    }
}

impl Known {
    /// From what a store keeps; `None` where it is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }

    /// For a store to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96);
        self.write(&mut bytes);
        bytes
    }

    /// The same, behind what is there.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        // Writing to memory cannot fail, and no encoder of ours has errors of its own.
        let written = minicbor::encode(self, bytes);
        debug_assert!(written.is_ok(), "it can be encoded");
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.predictions.is_empty() && self.targets.is_empty()
    }

    /// How many predictions wait.
    pub fn predictions(&self) -> usize {
        self.predictions.len()
    }

    /// The target that counts for a model version.
    pub(super) fn target(&self, model: &str, version: &str) -> Option<&Latest> {
        let of = self.targets.iter().filter(|known| known.is_for(model, version));
        of.max_by_key(|known| (known.decided_at, known.turn))
    }

    /// Takes a target; whether it counts: an older one changes nothing.
    pub(super) fn learn(&mut self, target: &Target, turn: u64, arrived: i64) -> bool {
        let latest = Latest {
            model: target.model.clone(),
            version: target.version.clone(),
            decided_at: target.decided_at,
            turn,
            label: target.label.clone(),
            arrived,
        };
        match self.targets.iter_mut().find(|known| known.names(target)) {
            Some(known) if known.decided_at > target.decided_at => return false,
            Some(known) => *known = latest,
            None => {
                self.targets.reserve_exact(1);
                self.targets.push(latest);
            }
        }
        true
    }
}

#[cfg(all(test, feature = "daemon"))]
impl Known {
    /// With so many predictions, the last of which came at `arrived`, each with a label; 0 for nothing.
    pub(crate) fn made_up(predictions: u32, arrived: i64, label: &str) -> Self {
        let waiting = |model| Waiting {
            lane: 3,
            position: 4_000_000,
            epoch: 1,
            model,
            time: arrived * 1000,
            score: Some(0.25),
            predicted: Some(label.into()),
            arrived,
            more: None,
        };
        Self { predictions: (0..predictions).map(waiting).collect(), targets: Vec::new() }
    }

    /// When the last prediction came.
    pub(crate) fn arrived(&self) -> i64 {
        self.predictions.iter().map(|waiting| waiting.arrived).max().unwrap_or(0)
    }
}
