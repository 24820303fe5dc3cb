//! Walking over JSON text: white space, strings, literals, and whole values to be skipped.
//!
//! It takes exactly the JSON of RFC 8259. Text is looked at eight bytes at a time, in plain integer arithmetic.

use super::number;

/// What ends the reading of an event; a `Reason` is made of it where the paths are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The text ended within the event.
    Truncated,
    /// Something else was wanted.
    Syntax(&'static str),
    /// One of the three tokens that are no JSON.
    Nan(&'static str),
    /// Deeper than allowed.
    TooDeep,
    /// More keys than allowed.
    TooManyKeys,
    /// The key of this node stands twice.
    Duplicate(u32),
    /// The number of this node, which ends here, is beyond the doubles.
    Range(u32, usize),
    /// JSON, but of this kind.
    NotAnObject(&'static str),
    /// The text of this node has half a surrogate pair at this byte.
    Surrogate(u32, usize),
}

/// The event ends here: a [`Flaw`] lies in the [`Scan`]. Without content of its own, so that the results of the inner
/// loops stay in registers (measured: a third faster).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop;

/// How deep values may lie within each other, whatever the limits say: one bit each of [`Scan::skip`]'s memory.
pub(super) const DEEPEST: usize = 128;

/// The text of one event. The place in it is an argument of each function and its result, so that it stays in a
/// register from value to value.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    keys_left: usize,
    deepest: usize,
    flaw: (usize, Flaw),
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str, keys: usize, deepest: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            keys_left: keys,
            deepest: deepest.min(DEEPEST),
            flaw: (0, Flaw::Truncated),
        }
    }

    #[inline]
    pub(super) fn peek(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Past white space.
    #[inline]
    pub(super) fn space(&self, mut at: usize) -> usize {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek(at) {
            at += 1;
        }
        at
    }

    #[cold]
    pub(super) fn stop(&mut self, at: usize, flaw: Flaw) -> Stop {
        self.flaw = (at, flaw);
        Stop
    }

    /// Something else was found at `at`, or nothing.
    #[cold]
    pub(super) fn wanted(&mut self, at: usize, what: &'static str) -> Stop {
        let over = at >= self.bytes.len();
        self.stop(at, if over { Flaw::Truncated } else { Flaw::Syntax(what) })
    }

    /// Why the reading stopped, and where.
    pub(super) fn flaw(&self) -> (usize, Flaw) {
        self.flaw
    }

    /// Text between two places that lie beside ASCII characters.
    #[inline]
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).expect("both ends lie beside a quote, a digit or a bracket")
    }

    /// Past the opening quote of a key.
    #[inline]
    pub(super) fn key_begins(&mut self, at: usize) -> Result<usize, Stop> {
        if self.peek(at) != Some(b'"') {
            return Err(self.wanted(at, "a key in quotes"));
        }
        let Some(left) = self.keys_left.checked_sub(1) else {
            return Err(self.stop(at, Flaw::TooManyKeys));
        };
        self.keys_left = left;
        Ok(at + 1)
    }

    /// From behind a key to its value.
    #[inline]
    pub(super) fn colon(&mut self, at: usize) -> Result<usize, Stop> {
        let at = self.space(at);
        if self.peek(at) != Some(b':') {
            return Err(self.wanted(at, "`:`"));
        }
        Ok(self.space(at + 1))
    }

    /// Past the opening bracket; `true` where anything follows, else past the closing bracket.
    #[inline]
    pub(super) fn opens(
        &mut self,
        at: usize,
        depth: usize,
        close: u8,
    ) -> Result<(usize, bool), Stop> {
        if depth > self.deepest {
            return Err(self.stop(at, Flaw::TooDeep));
        }
        let at = self.space(at + 1);
        let closes = self.peek(at) == Some(close);
        Ok((at + usize::from(closes), !closes))
    }

    /// After a value: past the comma to what follows, `true`; or past the closing bracket, `false`.
    #[inline]
    pub(super) fn continues(&mut self, at: usize, close: u8) -> Result<(usize, bool), Stop> {
        let at = self.space(at);
        match self.peek(at) {
            Some(b',') => Ok((self.space(at + 1), true)),
            Some(byte) if byte == close => Ok((at + 1, false)),
            _ => Err(self.wanted(at, if close == b'}' { "`,` or `}`" } else { "`,` or `]`" })),
        }
    }

    /// The closing quote of the string whose text begins at `at`, and whether there are escapes before it.
    #[inline]
    pub(super) fn string(&mut self, mut at: usize) -> Result<(usize, bool), Stop> {
        let mut escaped = false;
        loop {
            at += plain(self.bytes.get(at..).unwrap_or_default());
            match self.peek(at) {
                Some(b'"') => return Ok((at, escaped)),
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at + 1)?;
                }
                _ => return Err(self.wanted(at, "a control character to be escaped")),
            }
        }
    }

    fn escape(&mut self, at: usize) -> Result<usize, Stop> {
        match self.peek(at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
            Some(b'u') => {
                for at in at + 1..at + 5 {
                    if !self.peek(at).is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.wanted(at, "four hexadecimal digits"));
                    }
                }
                Ok(at + 5)
            }
            _ => Err(self.wanted(at, "an escape such as `\\n`")),
        }
    }

    /// Past a literal whose first byte stands at `at`.
    #[inline]
    pub(super) fn literal(&mut self, at: usize, word: &'static str) -> Result<usize, Stop> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        if rest.starts_with(word.as_bytes()) {
            return Ok(at + word.len());
        }
        let over = word.as_bytes().starts_with(rest);
        Err(self.stop(at, if over { Flaw::Truncated } else { Flaw::Syntax("a value") }))
    }

    /// What stands at `at` begins like no value.
    #[cold]
    pub(super) fn no_value(&mut self, at: usize) -> Stop {
        let rest = self.bytes.get(at..).unwrap_or_default();
        for token in ["NaN", "Infinity", "-Infinity"] {
            if rest.starts_with(token.as_bytes()) {
                return self.stop(at, Flaw::Nan(token));
            }
            if token.as_bytes().starts_with(rest) {
                return self.stop(at, Flaw::Truncated);
            }
        }
        self.stop(at, Flaw::Syntax("a value"))
    }

    /// Past the value at `at`, whatever it is; `depth` is that of the values around it.
    ///
    /// Without recursion: a bit a level says whether it is an object.
    pub(super) fn skip(&mut self, mut at: usize, depth: usize) -> Result<usize, Stop> {
        let mut objects = 0u128;
        let mut inside = 0;
        loop {
            let mut opened = false;
            match self.peek(at) {
                Some(b'"') => at = self.string(at + 1)?.0 + 1,
                Some(b'-' | b'0'..=b'9') => at = number::skip(self, at)?,
                Some(byte @ (b'{' | b'[')) => {
                    let object = byte == b'{';
                    let close = if object { b'}' } else { b']' };
                    (at, opened) = self.opens(at, depth + inside + 1, close)?;
                    if opened {
                        objects = objects << 1 | u128::from(object);
                        inside += 1;
                    }
                }
                Some(b't') => at = self.literal(at, "true")?,
                Some(b'f') => at = self.literal(at, "false")?,
                Some(b'n') => at = self.literal(at, "null")?,
                _ => return Err(self.no_value(at)),
            }
            // A value that did not open ends here, and with it perhaps those around it.
            while !opened {
                if inside == 0 {
                    return Ok(at);
                }
                (at, opened) = self.continues(at, if objects & 1 == 1 { b'}' } else { b']' })?;
                if !opened {
                    objects >>= 1;
                    inside -= 1;
                }
            }
            if objects & 1 == 1 {
                at = self.key_begins(at)?;
                at = self.string(at)?.0 + 1;
                at = self.colon(at)?;
            }
        }
    }
}

/// Appends a string's text; the offset of the flaw where an escape is half a surrogate pair.
///
/// The escapes themselves were checked by [`Scan::string`].
pub(super) fn unescape(raw: &str, text: &mut String) -> Result<(), usize> {
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        let at = raw.len() - after.len() - 1;
        text.push_str(before);
        let mut following = after.chars();
        let character = match following.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (unit, behind) = hex(following.as_str()).ok_or(at)?;
                following = behind.chars();
                if let 0xd800..=0xdbff = unit {
                    let low = behind.strip_prefix("\\u").and_then(hex);
                    let (low, behind) = low.ok_or(at)?;
                    following = behind.chars();
                    char::decode_utf16([unit, low]).next().and_then(Result::ok).ok_or(at)?
                } else {
                    char::from_u32(u32::from(unit)).ok_or(at)?
                }
            }
            Some(itself) => itself,
            None => return Err(at),
        };
        text.push(character);
        rest = following.as_str();
    }
    text.push_str(rest);
    Ok(())
}

fn hex(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}

/// How many bytes come before the first quote, backslash or control character.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (position, word) in words.iter().enumerate() {
        let marks = special(u64::from_le_bytes(*word));
        if marks != 0 {
            return position * 8 + first(marks);
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=31);
    words.len() * 8 + tail.iter().position(special).unwrap_or(tail.len())
}

/// The same byte eight times.
pub(super) const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Marks the first quote, backslash or control character with its highest bit; bytes behind it may be marked wrongly.
#[inline]
fn special(word: u64) -> u64 {
    // A byte borrows from the next only when it is marked itself, so the lowest mark is right.
    let below = |word: u64, limit: u8| word.wrapping_sub(eight(limit)) & !word;
    let marks = below(word ^ eight(b'"'), 1) | below(word ^ eight(b'\\'), 1) | below(word, 32);
    marks & eight(0x80)
}

/// Which byte has the lowest mark; 8 where none has.
#[inline]
pub(super) fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}
