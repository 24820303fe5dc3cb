//! The Mersenne twister MT19937, as numpy's `RandomState` seeds and uses it.

/// Words of state.
const N: usize = 624;
/// Distance of the word that is mixed in.
const M: usize = 397;

/// MT19937 with the classic seeding: the generator of numpy's legacy `RandomState`.
///
/// Source: Matsumoto and Nishimura (1998). Kept because the test whether calibration is needed draws its splits
/// from it; everything else draws from `ChaCha`.
#[derive(Clone, Debug)]
pub(super) struct MersenneTwister {
    state: [u32; N],
    next: usize,
}

impl MersenneTwister {
    /// The generator that `numpy.random.RandomState(seed)` starts with.
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        let mut word = seed;
        for (i, slot) in (1_u32..).zip(&mut state[1..]) {
            word = 1_812_433_253_u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(i);
            *slot = word;
        }
        Self { state, next: N }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn refill(&mut self) {
        for i in 0..N {
            let upper = self.state[i] & 0x8000_0000;
            let lower = self.state[(i + 1) % N] & 0x7fff_ffff;
            let mixed = (upper | lower) >> 1;
            let odd = if lower & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ mixed ^ odd;
        }
        self.next = 0;
    }

    /// A whole number from 0 to `greatest`, both included: draws, masked, until one fits.
    fn up_to(&mut self, greatest: u32) -> u32 {
        if greatest == 0 {
            return 0;
        }
        let mask = u32::MAX >> greatest.leading_zeros();
        loop {
            let drawn = self.next_u32() & mask;
            if drawn <= greatest {
                return drawn;
            }
        }
    }

    /// Puts the items into a random order, as `numpy.random.RandomState.permutation` does.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let greatest = u32::try_from(i).unwrap_or(u32::MAX);
            items.swap(i, self.up_to(greatest) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_generator_of_the_c_plus_plus_standard() {
        // [rand.predef]: the 10,000th output with the seed 5489 is 4123659995.
        let mut generator = MersenneTwister::new(5489);
        assert_eq!(generator.next_u32(), 3_499_211_612);
        assert_eq!((1..10_000).map(|_| generator.next_u32()).last(), Some(4_123_659_995));
    }

    #[test]
    fn it_permutes_as_numpy_does() {
        // numpy.random.RandomState(42).permutation(10)
        let mut items: Vec<usize> = (0..10).collect();
        MersenneTwister::new(42).shuffle(&mut items);
        assert_eq!(items, [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
    }
}
