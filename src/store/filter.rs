//! A small filter in memory: it says at once of nearly every key that is not there that it is not.

use std::array;

use xxhash_rust::xxh3::xxh3_64;

/// Eight words of 32 bits, with one bit of each row in each of them: one line of the processor's cache a question.
type Block = [u32; 8];

/// Bits a row: one in some three hundred that are not there is looked for in vain.
const BITS: usize = 13;

/// A Bloom filter in blocks, which lie in the order of the fingerprints: who asks for keys in their order goes through
/// memory in its order.
#[derive(Debug)]
pub(super) struct Filter {
    blocks: Vec<Block>,
}

/// What filters are asked for: the same for all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) fingerprint: u32,
    /// The bit of each word of a block.
    bits: Block,
}

impl Probe {
    pub(super) fn of(fingerprint: u32) -> Self {
        let hash = xxh3_64(&fingerprint.to_le_bytes());
        Self { fingerprint, bits: array::from_fn(|word| 1 << ((hash >> (5 * word)) & 31)) }
    }
}

impl Filter {
    pub(super) fn with_room_for(keys: usize) -> Self {
        Self { blocks: vec![[0; 8]; (keys * BITS).div_ceil(256).max(1)] }
    }

    pub(super) fn add(&mut self, probe: Probe) {
        let block = self.block(probe);
        for (word, bit) in self.blocks[block].iter_mut().zip(probe.bits) {
            *word |= bit;
        }
    }

    pub(super) fn may_hold(&self, probe: Probe) -> bool {
        let words = self.blocks[self.block(probe)].iter().zip(probe.bits);
        // All of them at once, in place of a branch a word.
        words.fold(0, |missing, (word, bit)| missing | (bit & !word)) == 0
    }

    /// Which of these it does not deny, by their places: one pass, in which what one asks does not wait for another.
    pub(super) fn may_hold_of(&self, probes: impl Iterator<Item = Probe>, places: &mut Vec<usize>) {
        places.clear();
        places.extend(
            probes.enumerate().filter(|(_, probe)| self.may_hold(*probe)).map(|(at, _)| at),
        );
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<Block>()
    }

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()));
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        let words = |block: &[u8; 32]| {
            let (words, _) = block.as_chunks();
            array::from_fn(|at| u32::from_le_bytes(words[at]))
        };
        let (blocks, _) = bytes.as_chunks();
        Self { blocks: blocks.iter().map(words).collect() }
    }

    fn block(&self, probe: Probe) -> usize {
        ((u64::from(probe.fingerprint) * self.blocks.len() as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_denies_what_is_there_and_seldom_claims_what_is_not() {
        let key = |id: u32| Probe::of(id.wrapping_mul(0x9E37_79B1));
        let mut filter = Filter::with_room_for(100_000);
        for id in 0..100_000 {
            filter.add(key(id));
        }
        let mut bytes = Vec::new();
        filter.write(&mut bytes);
        assert_eq!(bytes.len(), filter.bytes());
        assert!(bytes.len() <= 165_000, "{} bytes", bytes.len());
        let filter = Filter::read(&bytes);
        assert!((0..100_000).all(|id| filter.may_hold(key(id))));
        let claimed = (100_000..200_000).filter(|id| filter.may_hold(key(*id))).count();
        assert!((20..800).contains(&claimed), "{claimed} of 100,000");
    }
}
