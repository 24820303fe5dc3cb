//! The profile's file: JSON with a format number and a hash of what it says.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use xxhash_rust::xxh3::xxh3_128;

use crate::metric::ColumnKind;
use crate::profile::{Profile, Provenance, SegmentReference};

/// The version of the file's form. A file of a later form is refused.
///
/// 2 has embeddings; 3 a sample whose rows carry the model's outputs, or segments that are slices; 4 metrics over rows; 5
/// segments with components or samples of their own. A profile is written in the earliest form that holds it, and so is read by versions that know no later one.
pub const FORMAT: u32 = 5;
/// The earliest form that is read.
const EARLIEST: u32 = 1;

/// Why a profile cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Not JSON, or cut off.
    #[error(
        "profile {name}: not a profile, or damaged: {message}; build it again with `vigie profile build`"
    )]
    Damaged {
        /// The file.
        name: String,
        /// What the parser said.
        message: String,
    },
    /// Written in another form.
    #[error(
        "profile {name}: its format is {found}, this version of vigie reads {EARLIEST} to {FORMAT}; build it again with \
         `vigie profile build`, or use vigie {engine}"
    )]
    Format {
        /// The file.
        name: String,
        /// The format that it names.
        found: u32,
        /// The version of vigie that wrote it.
        engine: String,
    },
    /// Changed after it was written.
    #[error(
        "profile {name}: its content does not match its hash {hash}; it was changed by hand or damaged, build it again \
         with `vigie profile build`"
    )]
    Hash {
        /// The file.
        name: String,
        /// The hash that it names.
        hash: String,
    },
}

#[derive(Serialize, Deserialize)]
struct File<P> {
    vigie_profile: u32,
    hash: String,
    profile: P,
}

/// What can be read of a file of any form.
#[derive(Deserialize)]
struct AnyFile {
    vigie_profile: u32,
    #[serde(default)]
    profile: AnyProfile,
}

#[derive(Default, Deserialize)]
struct AnyProfile {
    #[serde(default)]
    provenance: Provenance,
}

/// Whether a form is read.
fn is_read(format: u32) -> bool {
    (EARLIEST..=FORMAT).contains(&format)
}

impl Profile {
    /// What identifies the profile: a hash of all that scoring reads, in 32 hexadecimal digits.
    pub fn hash(&self) -> String {
        let content = Self { provenance: Provenance::default(), slices: None, ..self.clone() };
        // Field order is that of the types and all maps are sorted, so equal profiles have equal texts.
        let text = serde_json::to_vec(&content).unwrap_or_default();
        let mut hash = String::with_capacity(32);
        let _infallible = write!(hash, "{:032x}", xxh3_128(&text));
        hash
    }

    /// The text of the profile's file.
    pub fn to_text(&self) -> String {
        let embeds = self.columns.iter().any(|column| column.kind() == ColumnKind::Embedding);
        let carries = self.sample.as_ref().is_some_and(|sample| sample.carried.is_some());
        let slices = self.segments.as_ref().is_some_and(|segments| segments.slices);
        let segments = self.segments.iter().flat_map(|segments| &segments.all);
        let mut references = segments.filter_map(|segment| segment.reference.as_deref());
        let own = references.any(|of: &SegmentReference| {
            of.profile.reconstruction.is_some() || of.profile.sample.is_some()
        });
        let vigie_profile = match () {
            () if own => FORMAT,
            () if !self.metrics.is_empty() => 4,
            () if carries || slices => 3,
            () if embeds => 2,
            () => EARLIEST,
        };
        let file = File { vigie_profile, hash: self.hash(), profile: self };
        // Every map of a profile has strings for keys, and every number is finite.
        let mut text = serde_json::to_string(&file).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads the text of a profile's file; `name` is for errors.
    ///
    /// # Errors
    /// Where it is damaged, of another form, or changed since it was written.
    pub fn from_text(name: &str, text: &str) -> Result<Self, ProfileError> {
        let damaged = |error: &serde_json::Error| ProfileError::Damaged {
            name: name.to_owned(),
            message: match error.classify() {
                Category::Eof => "the file ends too early".to_owned(),
                _ => error.to_string(),
            },
        };
        let file: File<Self> = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                return Err(match serde_json::from_str::<AnyFile>(text) {
                    Ok(any) if !is_read(any.vigie_profile) => ProfileError::Format {
                        name: name.to_owned(),
                        found: any.vigie_profile,
                        engine: any.profile.provenance.engine,
                    },
                    _ => damaged(&error),
                });
            }
        };
        if !is_read(file.vigie_profile) {
            return Err(ProfileError::Format {
                name: name.to_owned(),
                found: file.vigie_profile,
                engine: file.profile.provenance.engine,
            });
        }
        if file.profile.hash() != file.hash {
            return Err(ProfileError::Hash { name: name.to_owned(), hash: file.hash });
        }
        Ok(file.profile)
    }
}
