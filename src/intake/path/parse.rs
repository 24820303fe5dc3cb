//! The text of a path, read step by step.

use std::str::FromStr;

use super::{EventPath, Step};

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Nothing was written.
    #[error("a path is empty; write a key such as `request.id`, or `$key`")]
    Empty,
    /// Two points in a row, or one at the beginning or end.
    #[error(
        "path `{path}`: no key at character {at}; a key that is really empty is written `\"\"`"
    )]
    NoKey {
        /// What was written.
        path: String,
        /// Which character, from 1.
        at: usize,
    },
    /// A `$` name that does not exist.
    #[error(
        "path `{path}`: the record has no `{name}`; it has `$key`, `$timestamp`, `$topic` and `$header.<name>` \
         (a key of the event that begins with `$` is quoted: `\"{name}\"`)"
    )]
    NoSuchPart {
        /// What was written.
        path: String,
        /// The part asked for, with its `$`.
        name: String,
    },
    /// A character that only a quoted key may hold, or something behind a step.
    #[error(
        "path `{path}`: unexpected `{found}` at character {at}; a `.` parts two steps, and a key with such characters \
         in it is quoted, as in `a.\"b.c\"`"
    )]
    Unexpected {
        /// What was written.
        path: String,
        /// Which character, from 1.
        at: usize,
        /// The character.
        found: char,
    },
    /// A quoted key without its closing quote, or with an unknown escape.
    #[error(
        "path `{path}`: the quoted key at character {at} does not end; inside quotes write `\\\"` for a quote and `\\\\` for a backslash"
    )]
    OpenQuote {
        /// What was written.
        path: String,
        /// Which character, from 1.
        at: usize,
    },
    /// Brackets that do not hold a position.
    #[error(
        "path `{path}`: the brackets at character {at} hold no position; write `[0]` for the first element"
    )]
    BadIndex {
        /// What was written.
        path: String,
        /// Which character, from 1.
        at: usize,
    },
    /// An array where an event, always an object, begins.
    #[error("path `{path}` begins with an index; an event is an object, so begin with a key")]
    BeginsWithIndex {
        /// What was written.
        path: String,
    },
    /// A wildcard before the last step.
    #[error(
        "path `{path}`: `*` at character {at} is not the last step; it stands for every key of one object"
    )]
    EveryNotLast {
        /// What was written.
        path: String,
        /// Which character, from 1.
        at: usize,
    },
    /// Space around a path or key, nearly always a slip.
    #[error(
        "path `{path}`: space at character {at} beside a key; leave it out, or quote the key if it belongs to it"
    )]
    StraySpace {
        /// What was written.
        path: String,
        /// Which character, from 1.
        at: usize,
    },
}

impl FromStr for EventPath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        match path {
            "" => Err(PathError::Empty),
            "$key" => Ok(Self::Key),
            "$timestamp" => Ok(Self::Timestamp),
            "$topic" => Ok(Self::Topic),
            _ if path.starts_with('$') => header(path),
            _ => Reader::new(path).steps().map(Self::Value),
        }
    }
}

fn header(path: &str) -> Result<EventPath, PathError> {
    let unknown = || PathError::NoSuchPart {
        path: path.to_owned(),
        name: path.split(['.', '[']).next().unwrap_or(path).to_owned(),
    };
    let name = path.strip_prefix("$header.").ok_or_else(unknown)?;
    let mut reader = Reader::new(path);
    for _ in "$header.".chars() {
        reader.take();
    }
    let name = match reader.peek() {
        None => return Err(reader.no_key()),
        Some('"') => {
            let name = reader.quoted()?;
            match reader.peek() {
                None => name,
                Some(found) => return Err(reader.unexpected(found)),
            }
        }
        Some(_) if name.trim() != name => {
            return Err(PathError::StraySpace { path: path.to_owned(), at: reader.at() });
        }
        Some(_) => name.into(),
    };
    Ok(EventPath::Header(name))
}

struct Reader<'a> {
    path: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn new(path: &'a str) -> Self {
        Self { path, rest: path }
    }

    fn steps(mut self) -> Result<Vec<Step>, PathError> {
        let mut steps = Vec::new();
        loop {
            match self.peek() {
                Some('[') if steps.is_empty() => {
                    return Err(PathError::BeginsWithIndex { path: self.path.to_owned() });
                }
                Some('*') => {
                    let at = self.at();
                    self.take();
                    steps.push(Step::Every);
                    return match self.peek() {
                        None => Ok(steps),
                        Some('.' | '[') => {
                            Err(PathError::EveryNotLast { path: self.path.to_owned(), at })
                        }
                        Some(_) => Err(PathError::Unexpected {
                            path: self.path.to_owned(),
                            at,
                            found: '*',
                        }),
                    };
                }
                Some('"') => steps.push(Step::Key(self.quoted()?)),
                _ => steps.push(Step::Key(self.bare()?)),
            }
            while self.peek() == Some('[') {
                steps.push(Step::Index(self.index()?));
            }
            match self.take() {
                None => return Ok(steps),
                Some('.') => {}
                Some(found) => {
                    let at = self.at() - 1;
                    return Err(PathError::Unexpected { path: self.path.to_owned(), at, found });
                }
            }
        }
    }

    fn bare(&mut self) -> Result<Box<str>, PathError> {
        let at = self.at();
        let end = self.rest.find(['.', '[', ']', '"']).unwrap_or(self.rest.len());
        let (key, rest) = self.rest.split_at(end);
        if key.is_empty() {
            return Err(match self.peek() {
                Some(found @ (']' | '"')) => self.unexpected(found),
                _ => self.no_key(),
            });
        }
        if key.trim() != key {
            return Err(PathError::StraySpace { path: self.path.to_owned(), at });
        }
        if key.starts_with('$') {
            return Err(self.unexpected('$'));
        }
        self.rest = rest;
        Ok(key.into())
    }

    fn quoted(&mut self) -> Result<Box<str>, PathError> {
        let open = PathError::OpenQuote { path: self.path.to_owned(), at: self.at() };
        self.take();
        let mut key = String::new();
        loop {
            match self.take() {
                Some('"') => return Ok(key.into()),
                Some('\\') => match self.take() {
                    Some(escaped @ ('"' | '\\')) => key.push(escaped),
                    _ => return Err(open),
                },
                Some(other) => key.push(other),
                None => return Err(open),
            }
        }
    }

    fn index(&mut self) -> Result<usize, PathError> {
        let bad = PathError::BadIndex { path: self.path.to_owned(), at: self.at() };
        let inside = self.rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let Some((digits, rest)) = inside else {
            return Err(bad);
        };
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(bad);
        }
        let index = digits.parse().map_err(|_| bad)?;
        self.rest = rest;
        Ok(index)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let taken = rest.next();
        self.rest = rest.as_str();
        taken
    }

    /// The number of the next character, from 1.
    fn at(&self) -> usize {
        self.path.chars().count() - self.rest.chars().count() + 1
    }

    fn no_key(&self) -> PathError {
        PathError::NoKey { path: self.path.to_owned(), at: self.at() }
    }

    fn unexpected(&self, found: char) -> PathError {
        PathError::Unexpected { path: self.path.to_owned(), at: self.at(), found }
    }
}
