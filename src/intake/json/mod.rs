//! JSON events, the format of nearly everybody: from bytes straight to slots, without a tree of values.
//!
//! A [`Plan`] says which paths are wanted; an [`Extractor`] reads one event after the other. An event is read in one
//! pass: wanted values go into their slots, all others are passed, but not unseen: whatever is not JSON is rejected,
//! wherever it stands. No allocation per event, no recursion beyond the depth of the wanted paths.
//!
//! Own code in place of a crate because it is the largest part of what an event costs: `benches/decode.rs` compares
//! it with `serde_json` through a visitor, the fastest way that a crate offers without inexact numbers or code that
//! depends on the processor. The tests hold it to `serde_json`'s answers.

mod number;
mod plan;
mod scan;
mod shape;
#[cfg(test)]
mod tests;

use std::str;

use self::number::Number;
pub use self::plan::{Plan, PlanError, Read};
use self::scan::{DEEPEST, Flaw, Scan, Stop};
use self::shape::{OPENING, Shape, UNWANTED};
use super::parts::Parts;
use super::record::RecordView;
use super::reject::{Found, Reason};
use super::slots::{Cell, Nested, Slots};
use crate::batch::LONGEST;

/// How large an event may be. Beyond it the event is rejected, not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the value; more than 1 GiB counts as 1 GiB.
    pub bytes: usize,
    /// Objects and arrays within each other, the event itself among them; more than 128 counts as 128.
    pub depth: usize,
    /// Keys of all objects together.
    pub keys: usize,
}

/// The most that `Limits::bytes` can allow, so that positions in the text of all slots fit 32 bits.
const LARGEST: usize = 1 << 30;

impl Default for Limits {
    /// 1 MiB (what a broker lets through by default), 64 deep, 10,000 keys.
    fn default() -> Self {
        Self { bytes: 1 << 20, depth: 64, keys: 10_000 }
    }
}

/// Reads events as a [`Plan`] says.
///
/// It learns the order of the keys as it goes, so give each thread its own; what it reads does not depend on that.
#[derive(Debug, Clone)]
pub struct Extractor {
    plan: Plan,
    /// Parallel to the plan's branches.
    places: Vec<Place>,
    parts: Parts,
    /// The number of the event: a place seen under the same number is seen twice.
    turn: u32,
}

/// A branch of the plan as the walk needs it.
#[derive(Debug, Clone)]
struct Place {
    value: u32,
    text: u32,
    numbers: u32,
    seen: u32,
    keys: Option<Shape>,
    elements: Vec<(usize, u32)>,
}

/// The slot of a place that has none.
const NO_SLOT: u32 = u32::MAX;

impl Place {
    #[inline]
    fn put(&self, slots: &mut Slots, cell: Cell) {
        slots.set(self.value, cell);
        slots.set(self.text, cell);
        slots.set(self.numbers, cell);
    }

    /// Sets a scalar that a text slot shows as it is written.
    #[inline]
    fn put_written<'a>(&self, slots: &mut Slots, cell: Cell, written: impl FnOnce() -> &'a str) {
        slots.set(self.value, cell);
        slots.set(self.numbers, cell);
        if self.text != NO_SLOT {
            slots.set_text(self.text, written());
        }
    }
}

impl Extractor {
    /// An extractor for the paths of a plan.
    pub fn new(plan: Plan) -> Self {
        let keys = |branch: &plan::Branch| {
            let wanted = branch.keys.iter().map(|(key, branch)| (&**key, *branch));
            (!branch.keys.is_empty()).then(|| Shape::new(wanted))
        };
        let places = plan.branches.iter().map(|branch| Place {
            value: branch.value.unwrap_or(NO_SLOT),
            text: branch.text.unwrap_or(NO_SLOT),
            numbers: branch.numbers.unwrap_or(NO_SLOT),
            seen: 0,
            keys: keys(branch),
            elements: branch.elements.clone(),
        });
        Self { places: places.collect(), parts: Parts::new(&plan.slots), turn: 0, plan }
    }

    /// The plan that it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Fills the slots with what stands in one record; what was in them is gone.
    ///
    /// # Errors
    ///
    /// With the reason why the event cannot be read. The slots of the record's own parts (`$key` and its like) are
    /// right even then, unless the reason is theirs, so that a tombstone can still say by its key whom it concerns;
    /// the others hold what came before the flaw.
    pub fn extract(&mut self, record: &RecordView<'_>, slots: &mut Slots) -> Result<(), Reason> {
        slots.reset(self.plan.slots.len());
        self.parts.read(record, slots)?;
        let value = record.value.ok_or(Reason::Tombstone)?;
        let limit = self.plan.limits.bytes.min(LARGEST);
        if value.len() > limit {
            return Err(Reason::Oversize { bytes: value.len(), limit });
        }
        let text = as_json_text(value)?;
        let mut scan = Scan::new(text, self.plan.limits.keys, self.plan.limits.depth);
        self.event(&mut scan, slots).map_err(|Stop| self.reason(&scan))
    }

    fn event(&mut self, scan: &mut Scan<'_>, slots: &mut Slots) -> Result<(), Stop> {
        self.turn = self.turn.wrapping_add(1);
        if self.turn == 0 {
            for place in &mut self.places {
                place.seen = 0;
            }
            self.turn = 1;
        }
        let begin = scan.space(0);
        let kind = match scan.peek(begin) {
            Some(b'{') => None,
            Some(b'[') => Some("an array"),
            Some(b'"') => Some("a text"),
            Some(b't' | b'f') => Some("a boolean"),
            Some(b'n') => Some("null"),
            _ => Some("a number"),
        };
        let end = match kind {
            None => self.object(0, scan, begin, slots, 1)?,
            Some(_) => scan.skip(begin, 0)?,
        };
        let end = scan.space(end);
        if end < scan.bytes.len() {
            return Err(scan.wanted(end, "the end of the event"));
        }
        kind.map_or(Ok(()), |kind| Err(scan.stop(begin, Flaw::NotAnObject(kind))))
    }

    /// Reads the object at `at` into the places below `branch`; what follows it.
    fn object(
        &mut self,
        branch: u32,
        scan: &mut Scan<'_>,
        at: usize,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<usize, Stop> {
        if self.places[branch as usize].keys.is_none() {
            return scan.skip(at, depth - 1);
        }
        let (mut at, mut more) = scan.opens(at, depth, b'}')?;
        let mut previous = OPENING;
        while more {
            let child;
            at = scan.key_begins(at)?;
            (at, child) = self.key(branch, &mut previous, scan, at)?;
            at = scan.colon(at)?;
            at = if child == UNWANTED {
                scan.skip(at, depth)?
            } else if let Some(b'-' | b'0'..=b'9') = scan.peek(at) {
                self.number(child, scan, at, slots)?
            } else {
                self.value(child, scan, at, slots, depth)?
            };
            (at, more) = scan.continues(at, b'}')?;
        }
        Ok(at)
    }

    /// The branch of the key whose text begins at `at`, and what follows its closing quote.
    #[inline]
    fn key(
        &mut self,
        branch: u32,
        previous: &mut u32,
        scan: &mut Scan<'_>,
        at: usize,
    ) -> Result<(usize, u32), Stop> {
        let rest = scan.bytes.get(at..).unwrap_or_default();
        let keys = self.places[branch as usize].keys.as_ref();
        if let Some(known) = keys.and_then(|keys| keys.expected(*previous, rest)) {
            *previous = known.entry;
            return Ok((at + known.length, known.branch));
        }
        let (end, escaped) = scan.string(at)?;
        Ok((end + 1, self.find_key(branch, previous, scan.slice(at, end), escaped)))
    }

    /// The branch of a key as it is written, which was not the expected one.
    #[inline(never)]
    fn find_key(&mut self, branch: u32, previous: &mut u32, raw: &str, escaped: bool) -> u32 {
        let Some(keys) = &mut self.places[branch as usize].keys else {
            return UNWANTED;
        };
        if let Some(known) = keys.find(*previous, raw.as_bytes()) {
            *previous = known.entry;
            return known.branch;
        }
        let wanted = &self.plan.branches[branch as usize].keys;
        let branch_of = |key: &str| {
            let place = wanted.binary_search_by(|(its, _)| (**its).cmp(key)).ok()?;
            Some(wanted[place].1)
        };
        let child = if escaped {
            // A key with half a surrogate pair is no key of the plan, whose keys are text.
            let mut key = String::new();
            scan::unescape(raw, &mut key).ok().and_then(|()| branch_of(&key))
        } else {
            branch_of(raw)
        };
        let child = child.unwrap_or(UNWANTED);
        if let Some(entry) = keys.learn(*previous, raw.as_bytes(), child) {
            *previous = entry;
        }
        child
    }

    /// The place of a branch, whose value stands at `at`.
    #[inline]
    fn place(&mut self, branch: u32, scan: &mut Scan<'_>, at: usize) -> Result<&Place, Stop> {
        let turn = self.turn;
        let place = &mut self.places[branch as usize];
        if place.seen == turn {
            return Err(scan.stop(at, Flaw::Duplicate(branch)));
        }
        place.seen = turn;
        Ok(place)
    }

    /// Reads the number at `at`; what follows it.
    fn number(
        &mut self,
        branch: u32,
        scan: &mut Scan<'_>,
        at: usize,
        slots: &mut Slots,
    ) -> Result<usize, Stop> {
        let place = self.place(branch, scan, at)?;
        let (number, end) = number::read(scan, at)?;
        let cell = match number {
            Number::Int(value) => Cell::Int(value),
            Number::Float(value) => Cell::Float(value),
            Number::Beyond if place.value == NO_SLOT && place.numbers == NO_SLOT => Cell::Missing,
            Number::Beyond => return Err(scan.stop(at, Flaw::Range(branch, end))),
        };
        place.put_written(slots, cell, || scan.slice(at, end));
        Ok(end)
    }

    /// Reads the value at `at` into the place of its branch and those below it; what follows it. `depth` is that of the
    /// values around it.
    #[inline(never)]
    fn value(
        &mut self,
        branch: u32,
        scan: &mut Scan<'_>,
        at: usize,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<usize, Stop> {
        if let Some(b'-' | b'0'..=b'9') = scan.peek(at) {
            return self.number(branch, scan, at, slots);
        }
        let place = self.place(branch, scan, at)?;
        match scan.peek(at) {
            Some(b'"') => {
                let (end, escaped) = scan.string(at + 1)?;
                let raw = scan.slice(at + 1, end);
                for slot in [place.value, place.text, place.numbers] {
                    if slot == NO_SLOT {
                        continue;
                    }
                    if escaped {
                        slots
                            .write_text(slot, |text| scan::unescape(raw, text))
                            .map_err(|offset| scan.stop(at, Flaw::Surrogate(branch, offset)))?;
                    } else {
                        slots.set_text(slot, raw);
                    }
                }
                Ok(end + 1)
            }
            Some(b'{') => {
                place.put(slots, Cell::Other(Nested::Object));
                self.object(branch, scan, at, slots, depth + 1)
            }
            Some(b'[') => {
                place.put(slots, Cell::Other(Nested::Array));
                let numbers = place.numbers;
                let end = self.array(branch, scan, at, slots, depth + 1)?;
                if numbers != NO_SLOT {
                    list(numbers, scan, at, slots, depth + 1)?;
                }
                Ok(end)
            }
            Some(b't') => {
                place.put_written(slots, Cell::Bool(true), || "true");
                scan.literal(at, "true")
            }
            Some(b'f') => {
                place.put_written(slots, Cell::Bool(false), || "false");
                scan.literal(at, "false")
            }
            Some(b'n') => {
                place.put(slots, Cell::Null);
                scan.literal(at, "null")
            }
            _ => Err(scan.no_value(at)),
        }
    }

    /// Reads the array at `at` into the places below `branch`; what follows it.
    fn array(
        &mut self,
        branch: u32,
        scan: &mut Scan<'_>,
        at: usize,
        slots: &mut Slots,
        depth: usize,
    ) -> Result<usize, Stop> {
        if self.places[branch as usize].elements.is_empty() {
            return scan.skip(at, depth - 1);
        }
        let (mut at, mut more) = scan.opens(at, depth, b']')?;
        let mut next = 0;
        let mut index = 0;
        while more {
            at = match self.places[branch as usize].elements.get(next) {
                Some(&(wanted, child)) if wanted == index => {
                    next += 1;
                    self.value(child, scan, at, slots, depth)?
                }
                _ => scan.skip(at, depth)?,
            };
            index += 1;
            (at, more) = scan.continues(at, b']')?;
        }
        Ok(at)
    }

    #[cold]
    fn reason(&self, scan: &Scan<'_>) -> Reason {
        let path = |branch: u32| self.plan.branches[branch as usize].path.clone();
        let (at, flaw) = scan.flaw();
        match flaw {
            Flaw::Truncated => Reason::Truncated { bytes: scan.bytes.len() },
            Flaw::Syntax(wanted) => not_json(scan.bytes, at, wanted),
            Flaw::Nan(found) => Reason::Nan { at, found },
            Flaw::TooDeep => Reason::TooDeep { limit: self.plan.limits.depth.min(DEEPEST) },
            Flaw::TooManyKeys => Reason::TooManyKeys { limit: self.plan.limits.keys },
            Flaw::Duplicate(branch) => Reason::DuplicateKey { path: path(branch) },
            Flaw::Range(branch, end) => Reason::NumberOutOfRange {
                path: path(branch),
                found: Found::text(scan.slice(at, end)),
            },
            Flaw::Surrogate(branch, at) => Reason::InvalidUtf8 {
                place: format!("half a surrogate pair in `{}`", path(branch)).into(),
                at,
            },
            Flaw::NotAnObject(found) => Reason::NotAnObject { found: Found::words(found) },
        }
    }
}

/// Reads the array at `at` into a slot of numbers. It has been passed before, so it is one.
fn list(
    slot: u32,
    scan: &mut Scan<'_>,
    at: usize,
    slots: &mut Slots,
    depth: usize,
) -> Result<(), Stop> {
    let start = slots.numbers();
    let (mut at, mut more) = scan.opens(at, depth, b']')?;
    while more && slots.numbers() - start <= LONGEST {
        let number;
        (number, at) = match scan.peek(at) {
            Some(b'-' | b'0'..=b'9') => {
                let (number, end) = number::read(scan, at)?;
                let number = match number {
                    Number::Int(value) => value as f64,
                    Number::Float(value) => value,
                    Number::Beyond => f64::NAN,
                };
                (number, end)
            }
            _ => (f64::NAN, scan.skip(at, depth)?),
        };
        slots.add_number(number);
        (at, more) = scan.continues(at, b']')?;
    }
    slots.set_numbers(slot, start);
    Ok(())
}

/// The value as text, if it can be the beginning of JSON at all.
fn as_json_text(value: &[u8]) -> Result<&str, Reason> {
    let begins = value.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
    let Some(begins) = begins else {
        return Err(Reason::Empty);
    };
    // Before the text is looked at: Avro, Protobuf, a compressed value are no "invalid UTF-8", they are no JSON.
    if !matches!(
        value[begins],
        b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I'
    ) {
        return Err(not_json(value, begins, "`{`"));
    }
    str::from_utf8(value).map_err(|error| match error.error_len() {
        None => Reason::Truncated { bytes: value.len() },
        Some(_) => Reason::InvalidUtf8 { place: "the value".into(), at: error.valid_up_to() },
    })
}

#[cold]
fn not_json(value: &[u8], at: usize, wanted: &'static str) -> Reason {
    Reason::NotJson { at, wanted, found: Found::bytes(value.get(at..).unwrap_or_default()) }
}
