//! What the join log carries: predictions and targets, by the hash of the id that brings them together.

use std::fmt;
use std::hash::Hasher;

use minicbor::{Decode, Encode};
use siphasher::sip128::{Hasher128, SipHasher24};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::batch::{Carried, Label};

/// What was read of a stretch that has to be joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keyed {
    /// Model and version of the predictions, each pair once.
    pub models: Vec<(String, String)>,
    /// Predictions, by offset.
    pub predictions: Vec<Pending>,
    /// Targets, by offset.
    pub targets: Vec<Target>,
}

/// A prediction that waits for its target. None of its numbers is NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// The hash of its id.
    pub key: u128,
    /// Where it stands in its lane.
    pub offset: i64,
    /// Which of [`Keyed::models`].
    pub model: u32,
    /// Event time in microseconds since 1970, UTC.
    pub time: i64,
    /// The score, or the number that was predicted; `None` where it is missing.
    pub score: Option<f64>,
    /// What the model decided; `None` where it is missing.
    pub predicted: Option<Label>,
    /// What more there is of it.
    pub more: Option<Box<More>>,
}

/// What is known of a prediction beside its score, of most nothing: they are many, and lie close together.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct More {
    /// The scores of several classes, in their order; empty where one is missing, and for other models.
    #[n(0)]
    pub scores: Vec<f64>,
    /// Which segments it is in, one for each way of splitting rows; `None` where there are none.
    #[n(1)]
    pub segments: Option<Vec<u16>>,
    /// What the formulas of the profile's metrics over rows read of it; `None` where there are none.
    #[n(2)]
    pub terms: Option<Vec<Option<f64>>>,
    /// What chooses it for samples; `None` where nobody asks for targets there.
    #[n(3)]
    pub sample: Option<u64>,
}

impl More {
    /// Nothing more.
    pub const NOTHING: &Self =
        &Self { scores: Vec::new(), segments: None, terms: None, sample: None };

    /// As it is kept, where there is anything.
    pub fn kept(self) -> Option<Box<Self>> {
        (self != *Self::NOTHING).then(|| Box::new(self))
    }
}

/// A target that was made known.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Target {
    /// The hash of the id of its prediction.
    #[cbor(n(0), with = "crate::stats::codec::uint128")]
    pub key: u128,
    /// Where it stands in its lane.
    #[n(1)]
    pub offset: i64,
    /// The model that it is for; `None` for all that predicted this id.
    #[n(2)]
    pub model: Option<String>,
    /// The version that it is for; `None` for all.
    #[n(3)]
    pub version: Option<String>,
    /// When it was known, in microseconds since 1970, UTC: of several the latest counts, and then the last to come.
    /// `i64::MIN` where events do not say.
    #[n(4)]
    pub decided_at: i64,
    /// The target; `None` takes back what was said before.
    #[n(5)]
    pub label: Option<Label>,
}

impl Carried for Keyed {
    fn cut(&mut self, offset: i64) {
        self.predictions.retain(|prediction| prediction.offset >= offset);
        self.targets.retain(|target| target.offset >= offset);
    }
}

impl Keyed {
    /// Whether there is nothing to join.
    pub fn is_empty(&self) -> bool {
        self.predictions.is_empty() && self.targets.is_empty()
    }
}

/// How ids are hashed.
#[derive(Clone, Default)]
pub enum IdHash {
    /// As [`key_of`] does.
    #[default]
    Plain,
    /// By a secret: SipHash-2-4 with 128 bits (Aumasson and Bernstein 2012), whose key is the secret's own hash.
    Keyed([u8; 16]),
}

impl fmt::Debug for IdHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Keyed(_) => "Keyed(***)",
        })
    }
}

impl IdHash {
    /// By this secret.
    pub fn by_secret(secret: &str) -> Self {
        let mut hasher = SipHasher24::new_with_key(b"vigie id secret.");
        hasher.write(secret.as_bytes());
        Self::Keyed(hasher.finish128().as_bytes())
    }

    /// The hash of an id.
    pub fn key_of<'p>(&self, parts: impl IntoIterator<Item = &'p str>) -> u128 {
        match self {
            Self::Plain => key_of(parts),
            Self::Keyed(key) => {
                let mut hasher = SipHasher24::new_with_key(key);
                for part in parts {
                    let part = whole(part);
                    hasher.write(&(part.len() as u64).to_le_bytes());
                    hasher.write(part.as_bytes());
                }
                hasher.finish128().as_u128()
            }
        }
    }

    /// What tells two secrets apart and gives neither away; empty without one.
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Plain => String::new(),
            Self::Keyed(_) => format!("{:032x}", self.key_of(["fingerprint of this secret"])),
        }
    }
}

/// The hash of an id that may have several parts: XXH3-128.
///
/// The parts are told apart by their lengths: `["ab", "c"]` is another id than `["a", "bc"]`. Numbers come as the text
/// that they are written as, so that no digit is lost; a whole one counts the same with a fraction of zeros, as tools
/// write it that know no whole numbers.
pub fn key_of<'p>(parts: impl IntoIterator<Item = &'p str>) -> u128 {
    // Mostly one short part: hashed in one go from memory that costs nothing.
    let mut short = [0; 128];
    let mut used = 0;
    let mut long: Option<Xxh3> = None;
    for part in parts {
        let part = whole(part);
        let length = (part.len() as u64).to_le_bytes();
        let end = used + length.len() + part.len();
        if let Some(hasher) = &mut long {
            hasher.update(&length);
            hasher.update(part.as_bytes());
        } else if let Some(place) = short.get_mut(used..end) {
            let (head, tail) = place.split_at_mut(length.len());
            head.copy_from_slice(&length);
            tail.copy_from_slice(part.as_bytes());
            used = end;
        } else {
            let mut hasher = Xxh3::new();
            hasher.update(&short[..used]);
            hasher.update(&length);
            hasher.update(part.as_bytes());
            long = Some(hasher);
        }
    }
    long.map_or_else(|| xxh3_128(&short[..used]), |hasher| hasher.digest128())
}

/// A whole number without its fraction of zeros; anything else as it is.
fn whole(part: &str) -> &str {
    let Some((digits, fraction)) = part.split_once('.') else { return part };
    let number = digits.strip_prefix('-').unwrap_or(digits);
    let all = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|b| is(&b));
    if all(number, u8::is_ascii_digit) && all(fraction, |&digit| digit == b'0') {
        digits
    } else {
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_parts() {
        let keys = [key_of(["ab", "c"]), key_of(["a", "bc"]), key_of(["abc"]), key_of(["", "abc"])];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
        assert_eq!(keys[0], key_of(["ab", "c"]));
        let long = "x".repeat(200);
        assert_eq!(key_of(["a", &long]), key_of(["a", long.as_str()]));
        assert_ne!(key_of(["a", &long]), key_of([&long, "a"]));
        let [one, other] = ["one secret of ours", "another of theirs"].map(IdHash::by_secret);
        assert_eq!(one.key_of(["17"]), IdHash::by_secret("one secret of ours").key_of(["17.0"]));
        assert_ne!(one.key_of(["17"]), other.key_of(["17"]));
        assert_ne!(one.key_of(["17"]), key_of(["17"]));
        assert_ne!(one.key_of(["ab", "c"]), one.key_of(["a", "bc"]));
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!(format!("{one:?}"), "Keyed(***)");
        assert_eq!(key_of(["17"]), key_of(["17.00"]));
        for (one, other) in
            [("17", "17.5"), ("17", "17."), ("v1", "v1.0"), ("1", "1.0.0"), ("0", ".0")]
        {
            assert_ne!(key_of([one]), key_of([other]), "{one} {other}");
        }
    }
}
