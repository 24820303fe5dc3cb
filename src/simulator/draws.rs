//! Random numbers that anybody can find again: those of event `i` depend on seed, stream and `i` alone.
//!
//! `ChaCha` in counter mode gives that for nothing: each event owns a fixed stretch of the key stream, so a slice of
//! a world costs one seek. Eight rounds are ample for a simulation.

use std::f64::consts::PI;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Numbers that must not depend on each other although seed and event are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Cases of the reference period.
    Reference = 1,
    /// Cases in production.
    Production = 2,
    /// When and how targets come.
    Outcomes = 3,
    /// The generic wide world.
    Wide = 4,
    /// In which order targets are sent.
    Dispatches = 5,
}

/// A reader of one stream; cheap from one event to the next, one seek otherwise.
#[derive(Debug)]
pub(super) struct Draws {
    rng: ChaCha8Rng,
    values: Vec<u64>,
    next: u64,
}

impl Draws {
    /// `reserve` is how many numbers an event owns; a multiple of eight starts every event on a block of the cipher.
    pub(super) fn new(seed: u64, stream: Stream, reserve: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream as u64);
        Self { rng, values: vec![0; reserve], next: 0 }
    }

    /// The numbers of an event.
    pub(super) fn of(&mut self, event: u64) -> Rolls<'_> {
        if event != self.next {
            let words = 2 * self.values.len() as u128;
            self.rng.set_word_pos(u128::from(event) * words);
        }
        for value in &mut self.values {
            *value = self.rng.next_u64();
        }
        self.next = event.wrapping_add(1);
        Rolls(&self.values)
    }
}

/// The numbers of one event, taken one after the other.
#[derive(Debug)]
pub(super) struct Rolls<'a>(&'a [u64]);

impl Rolls<'_> {
    fn next(&mut self) -> u64 {
        let (first, rest) =
            self.0.split_first().expect("a world reserves as many numbers as an event may take");
        self.0 = rest;
        *first
    }

    /// Uniform between 0 and 1, never either: 52 bits and a half, so logarithms are safe.
    pub(super) fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 52) as f64;
        ((self.next() >> 12) as f64 + 0.5) * STEP
    }

    /// Uniform among the whole numbers below `end`; 0 where there are none.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        u64::try_from(product >> 64).expect("half of a product of two u64 is a u64")
    }

    /// True with probability `p`; always takes a number, so what follows does not depend on `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Two independent standard normal deviates (Box and Muller 1958).
    pub(super) fn normals(&mut self) -> (f64, f64) {
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        let (sine, cosine) = libm::sincos(2.0 * PI * self.uniform());
        (radius * cosine, radius * sine)
    }

    /// One of the items, by their shares; the last one takes what the shares leave of 1.
    pub(super) fn among<T: Copy, const N: usize>(&mut self, items: &[(T, f64); N]) -> T {
        const { assert!(N > 0, "nothing to choose from") };
        let mut left = self.uniform();
        for (item, share) in &items[..N - 1] {
            left -= share;
            if left < 0.0 {
                return *item;
            }
        }
        items[N - 1].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_finds_its_numbers_from_anywhere() {
        let mut onward = Draws::new(7, Stream::Production, 16);
        let all: Vec<Vec<u64>> = (0..100).map(|event| onward.of(event).0.to_vec()).collect();
        let mut jumping = Draws::new(7, Stream::Production, 16);
        for event in [99, 3, 4, 5, 50, 0, 98, 3] {
            assert_eq!(jumping.of(event).0, all[usize::try_from(event).unwrap()]);
        }
    }

    #[test]
    fn seeds_and_streams_are_unrelated() {
        let first = |seed, stream| Draws::new(seed, stream, 8).of(0).next();
        assert_ne!(first(1, Stream::Production), first(2, Stream::Production));
        assert_ne!(first(1, Stream::Production), first(1, Stream::Outcomes));
    }

    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let mut draws = Draws::new(1, Stream::Wide, 8);
        let n = 200_000_u64;
        let mut sums = [0.0; 5];
        for event in 0..n {
            let (x, y) = draws.of(event).normals();
            for (sum, term) in sums.iter_mut().zip([x, y, x * x, y * y, x * y]) {
                *sum += term / n as f64;
            }
        }
        // Five standard errors: 1/sqrt(n) of a mean, sqrt(2/n) of a square's.
        for (sum, (want, error)) in
            sums.iter().zip([(0.0, 1.0), (0.0, 1.0), (1.0, 1.5), (1.0, 1.5), (0.0, 1.0)])
        {
            assert!((sum - want).abs() < 5.0 * error / (n as f64).sqrt(), "{sums:?}");
        }
    }

    #[test]
    fn items_come_by_their_shares() {
        let mut draws = Draws::new(1, Stream::Wide, 8);
        let mut counts = [0_u32; 3];
        for event in 0..100_000 {
            counts[draws.of(event).among(&[(0_usize, 0.5), (1, 0.3), (2, 0.2)])] += 1;
        }
        for (count, share) in counts.iter().zip([0.5, 0.3, 0.2]) {
            assert!((f64::from(*count) / 1e5 - share).abs() < 0.008, "{counts:?}");
        }
    }
}
