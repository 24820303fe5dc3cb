//! Numbers of one figure over windows, packed.

/// A number for each of a row of windows, or none. As long as all are the same they take no room.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    /// All the same.
    Same(Option<f64>),
    /// To seven digits; what is none is NaN.
    Short(Vec<f32>),
    /// As they are; what is none is NaN.
    Long(Vec<f64>),
}

/// Room is made for so many windows at a time.
const MORE: usize = 64;

impl Numbers {
    /// The number at a place.
    pub(super) fn get(&self, place: usize) -> Option<f64> {
        match self {
            Self::Same(number) => *number,
            Self::Short(numbers) => numbers
                .get(place)
                .filter(|number| !number.is_nan())
                .map(|&number| f64::from(number)),
            Self::Long(numbers) => numbers.get(place).copied().filter(|number| !number.is_nan()),
        }
    }

    /// Sets the number at a place of `length`; `alone` says that no other place counts. `short` numbers are kept to
    /// seven digits.
    pub(super) fn set(
        &mut self,
        place: usize,
        length: usize,
        number: Option<f64>,
        short: bool,
        alone: bool,
    ) {
        let number = if short { number.map(shortened) } else { number };
        if let Self::Same(same) = self {
            if alone {
                *same = number;
            }
            if *same == number {
                return;
            }
            let before = same.unwrap_or(f64::NAN);
            *self = if short {
                let mut numbers = Vec::with_capacity(length + MORE);
                numbers.resize(length, before as f32);
                Self::Short(numbers)
            } else {
                let mut numbers = Vec::with_capacity(length + MORE);
                numbers.resize(length, before);
                Self::Long(numbers)
            };
        }
        match self {
            Self::Same(_) => {}
            Self::Short(numbers) => {
                put(numbers, place, number.unwrap_or(f64::NAN) as f32, f32::NAN);
            }
            Self::Long(numbers) => put(numbers, place, number.unwrap_or(f64::NAN), f64::NAN),
        }
    }

    /// Makes room for another window at a place.
    pub(super) fn insert(&mut self, place: usize) {
        match self {
            Self::Short(numbers) if place < numbers.len() => numbers.insert(place, f32::NAN),
            Self::Long(numbers) if place < numbers.len() => numbers.insert(place, f64::NAN),
            _ => {}
        }
    }

    /// Forgets the first windows.
    pub(super) fn forget(&mut self, windows: usize) {
        match self {
            Self::Same(_) => {}
            Self::Short(numbers) => drop(numbers.drain(..windows.min(numbers.len()))),
            Self::Long(numbers) => drop(numbers.drain(..windows.min(numbers.len()))),
        }
    }

    /// Bytes of memory beside itself.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Same(_) => 0,
            Self::Short(numbers) => numbers.capacity() * size_of::<f32>(),
            Self::Long(numbers) => numbers.capacity() * size_of::<f64>(),
        }
    }
}

/// To seven digits; what those cannot reach stays a number.
fn shortened(number: f64) -> f64 {
    f64::from(number.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32)
}

/// Puts a value at a place; vectors are grown little by little, since there are many of them.
pub(super) fn put<T: Copy>(values: &mut Vec<T>, place: usize, value: T, none: T) {
    if place >= values.len() {
        if place >= values.capacity() {
            values.reserve_exact(place + MORE - values.len());
        }
        values.resize(place + 1, none);
    }
    values[place] = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_everywhere_takes_no_room_and_all_else_is_kept() {
        let mut numbers = Numbers::Same(None);
        numbers.set(0, 1, Some(0.5), false, true);
        numbers.set(1, 2, Some(0.5), false, false);
        assert_eq!((numbers.bytes(), numbers.get(1)), (0, Some(0.5)));
        numbers.set(2, 3, None, false, false);
        numbers.set(3, 4, Some(0.1), false, false);
        let all: Vec<_> = (0..4).map(|place| numbers.get(place)).collect();
        assert_eq!(all, [Some(0.5), Some(0.5), None, Some(0.1)]);
        numbers.insert(1);
        numbers.forget(1);
        let all: Vec<_> = (0..4).map(|place| numbers.get(place)).collect();
        assert_eq!(all, [None, Some(0.5), None, Some(0.1)]);
    }

    #[test]
    fn short_numbers_have_seven_digits() {
        let mut numbers = Numbers::Same(None);
        numbers.set(0, 1, Some(0.1), true, true);
        assert_eq!(numbers.get(0).map(|number| number as f32), Some(0.1));
        numbers.set(1, 2, Some(1e300), true, false);
        assert_eq!(numbers.get(1), Some(f64::from(f32::MAX)));
    }
}
