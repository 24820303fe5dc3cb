//! What is wrong with a settings file: all of it at once.

use std::fmt;

use serde::Serialize;

use crate::settings::at::At;

/// Why settings were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// What was written cannot be meant.
    #[error("{}", list(.file, .mistakes))]
    Refused {
        /// The file, as the caller named it.
        file: String,
        /// Every mistake in it, in the order of the lines; never empty.
        mistakes: Vec<Mistake>,
    },
    /// A canonical form that this version of vigie did not write.
    #[error(
        "settings in canonical form cannot be read back; they come from another version of vigie"
    )]
    NotCanonical(#[from] serde_json::Error),
}

/// One mistake: where, what is there, what is wanted, and how to mend it.
///
/// Holds no secret: values of `kafka.properties` are never quoted, and a text with `${NAME}` is quoted as it was
/// typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Where, as a dotted key: `model.car-loan.window.size`. Empty where the file is no TOML.
    pub path: String,
    /// The line in the file, from 1; `None` for what stands nowhere in it.
    pub line: Option<u32>,
    /// What is there.
    pub found: String,
    /// What should be there.
    pub wanted: String,
    /// What to do about it.
    pub mend: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, found, wanted, mend } = self;
        if let Some(line) = line {
            write!(f, "line {line}: ")?;
        }
        if !path.is_empty() {
            write!(f, "`{path}`: ")?;
        }
        write!(f, "found {found}, wanted {wanted}; {mend}")
    }
}

fn list(file: &str, mistakes: &[Mistake]) -> String {
    use fmt::Write as _;

    let count = mistakes.len();
    let mut text = format!("{file}: {count} mistake{}", if count == 1 { "" } else { "s" });
    for mistake in mistakes {
        // Writing to a String cannot fail.
        let _ok = write!(text, "\n  {mistake}");
    }
    text
}

/// Collects mistakes while settings are read.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// What stands at a place is not what is wanted.
    pub(crate) fn add(&mut self, at: &At<'_>, wanted: impl Into<String>, mend: impl Into<String>) {
        self.add_found(at, at.found(), wanted, mend);
    }

    /// The same, where what was found needs words of its own.
    pub(crate) fn add_found(
        &mut self,
        at: &At<'_>,
        found: impl Into<String>,
        wanted: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.push(Mistake {
            path: at.path().to_owned(),
            line: at.line(),
            found: found.into(),
            wanted: wanted.into(),
            mend: mend.into(),
        });
    }

    /// Adds a mistake, once: what `[defaults]` has wrong would else be told for every model.
    pub(crate) fn push(&mut self, mistake: Mistake) {
        if !self.0.contains(&mistake) {
            self.0.push(mistake);
        }
    }

    /// Whether something is already wrong here or further in, so that what was taken out for it must not be called
    /// missing too.
    pub(crate) fn within(&self, at: &At<'_>) -> bool {
        self.0.iter().any(|mistake| {
            let inner = mistake.path.strip_prefix(at.path());
            inner.is_some_and(|inner| inner.is_empty() || inner.starts_with(['.', '[']))
        })
    }

    /// Whether the file is no TOML, so that what is missing in it says nothing.
    pub(crate) fn broken(&self) -> bool {
        self.0.iter().any(|mistake| mistake.path.is_empty())
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All mistakes as one error.
    pub(crate) fn refuse(mut self, file: &str) -> SettingsError {
        // Stable: what has no line comes first, as it concerns the whole file.
        self.0.sort_by_key(|mistake| mistake.line);
        SettingsError::Refused { file: file.to_owned(), mistakes: self.0 }
    }
}

/// The name that was probably meant: the nearest by edits, if it is near at all.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let distance = |name: &str| strsim::damerau_levenshtein(&word, &plain(name));
    let (distance, name) = names.into_iter().map(|name| (distance(name), name)).min()?;
    // A third of the letters may be wrong: `presicion`, `kolmogorov_smirnof`; two short words are never near.
    (distance <= (word.chars().count().max(3) / 3)).then_some(name)
}

/// How to mend a name that is not known: the nearest one, or all there are.
pub(crate) fn suggest<'a>(word: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> String {
    nearest(word, names.clone()).map_or_else(
        || {
            let all = names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
            format!("choose from {}", all.join(", "))
        },
        |name| format!("did you mean `{name}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_only_if_it_is_near() {
        let names = ["size", "period", "number"];
        assert_eq!(nearest("perod", names), Some("period"));
        assert_eq!(nearest("Size", names), Some("size"));
        assert_eq!(nearest("chunk", names), None);
        assert_eq!(suggest("chunk", names), "choose from `size`, `period`, `number`");
    }
}
