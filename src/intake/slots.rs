//! What an event held at the places asked for: one slot a path, reused from event to event.

use std::fmt;

/// What stands at one path of one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slot<'a> {
    /// Nothing: a key on the way, or the element, is absent.
    Missing,
    /// An explicit null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number, written without fraction or exponent.
    Int(i64),
    /// Any other finite number, whole ones beyond 64 bits among them: the nearest double.
    Float(f64),
    /// A text, unescaped; or a scalar as it was written, see [`Read::Text`](super::json::Read::Text).
    Text(&'a str),
    /// An object or array, where a scalar was wanted.
    Other(Nested),
    /// An array, where a list of numbers was wanted: what is no number in it is NaN.
    Numbers(&'a [f64]),
}

/// What is not a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nested {
    /// An object.
    Object,
    /// An array.
    Array,
}

impl Slot<'_> {
    /// Whether there is no value: missing or null.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Missing | Self::Null)
    }

    /// The number in the slot; `None` for all else, numbers in quotes among it.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            _ => None,
        }
    }
}

/// The slots of one event; made by the decoder that fills them and handed to it again for the next event, so that
/// an event costs no allocation.
#[derive(Clone, Default)]
pub struct Slots {
    cells: Vec<Cell>,
    text: String,
    numbers: Vec<f64>,
}

/// A slot whose text or numbers lie in the common buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    Missing,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text { start: u32, end: u32 },
    Other(Nested),
    Numbers { start: u32, end: u32 },
}

impl Slots {
    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The slot at a position that the plan gave out; `Missing` beyond the last.
    pub fn get(&self, slot: usize) -> Slot<'_> {
        match self.cells.get(slot) {
            None | Some(Cell::Missing) => Slot::Missing,
            Some(Cell::Null) => Slot::Null,
            Some(&Cell::Bool(value)) => Slot::Bool(value),
            Some(&Cell::Int(value)) => Slot::Int(value),
            Some(&Cell::Float(value)) => Slot::Float(value),
            Some(&Cell::Text { start, end }) => {
                Slot::Text(self.text.get(start as usize..end as usize).unwrap_or_default())
            }
            Some(&Cell::Other(nested)) => Slot::Other(nested),
            Some(&Cell::Numbers { start, end }) => {
                Slot::Numbers(self.numbers.get(start as usize..end as usize).unwrap_or_default())
            }
        }
    }

    /// All slots, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Slot<'_>> {
        (0..self.len()).map(|slot| self.get(slot))
    }

    /// Empties all slots; keeps the memory.
    pub(super) fn reset(&mut self, count: usize) {
        self.text.clear();
        self.numbers.clear();
        self.cells.clear();
        self.cells.resize(count, Cell::Missing);
    }

    #[inline]
    pub(super) fn set(&mut self, slot: u32, cell: Cell) {
        if let Some(place) = self.cells.get_mut(slot as usize) {
            *place = cell;
        }
    }

    #[inline]
    pub(super) fn set_text(&mut self, slot: u32, text: &str) {
        let start = self.text_end();
        self.text.push_str(text);
        self.set(slot, Cell::Text { start, end: self.text_end() });
    }

    /// Sets a text that `write` appends piece by piece.
    pub(super) fn write_text<E>(
        &mut self,
        slot: u32,
        write: impl FnOnce(&mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.text_end();
        write(&mut self.text)?;
        self.set(slot, Cell::Text { start, end: self.text_end() });
        Ok(())
    }

    /// Sets a list of numbers: those that were added since there were so many.
    pub(super) fn set_numbers(&mut self, slot: u32, start: usize) {
        let (start, end) = (start as u32, self.numbers.len() as u32);
        self.set(slot, Cell::Numbers { start, end });
    }

    /// How many numbers there are in all lists so far.
    pub(super) fn numbers(&self) -> usize {
        self.numbers.len()
    }

    #[inline]
    pub(super) fn add_number(&mut self, number: f64) {
        self.numbers.push(number);
    }

    fn text_end(&self) -> u32 {
        u32::try_from(self.text.len())
            .expect("all text of a record, at most 3 GiB: 1 of value and 2 of key and headers")
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Nested, Slot, Slots};

    #[test]
    fn slots_hold_one_event_and_then_the_next() {
        let mut slots = Slots::default();
        slots.reset(4);
        slots.set(0, Cell::Int(1));
        slots.set_text(1, "first");
        slots.set_text(2, "");
        slots.set(3, Cell::Other(Nested::Object));
        let seen: Vec<Slot<'_>> = slots.iter().collect();
        let object = Slot::Other(Nested::Object);
        assert_eq!(seen, [Slot::Int(1), Slot::Text("first"), Slot::Text(""), object]);
        slots.reset(4);
        slots.set_text(3, "second");
        assert_eq!(slots.get(1), Slot::Missing);
        assert_eq!(slots.get(3), Slot::Text("second"));
        assert_eq!(slots.get(4), Slot::Missing);
        assert_eq!(slots.len(), 4);
    }

    #[test]
    fn only_numbers_are_numbers() {
        assert_eq!(Slot::Int(2).number(), Some(2.0));
        assert_eq!(Slot::Float(2.5).number(), Some(2.5));
        assert_eq!(Slot::Text("2.5").number(), None);
        assert!(Slot::Null.is_empty() && Slot::Missing.is_empty() && !Slot::Text("").is_empty());
    }
}
