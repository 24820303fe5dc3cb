//! A small filter in memory: it says at once of nearly every key that is not there that it is not.

use std::array;

use xxhash_rust::xxh3::xxh3_64;

/// Eight words of 32 bits, with one bit of each row in each of them: one line of the processor's cache a question.
type Block = [u32; 8];

/// Bits a row: one in some three hundred that are not there is looked for in vain.
const BITS: usize = 13;

/// A Bloom filter in blocks.
#[derive(Debug)]
pub(super) struct Filter {
    blocks: Vec<Block>,
}

impl Filter {
    pub(super) fn with_room_for(keys: usize) -> Self {
        Self { blocks: vec![[0; 8]; (keys * BITS).div_ceil(256).max(1)] }
    }

    pub(super) fn add(&mut self, fingerprint: u32) {
        let hash = xxh3_64(&fingerprint.to_le_bytes());
        let block = self.block(hash);
        for (word, bit) in self.blocks[block].iter_mut().zip(bits(hash)) {
            *word |= bit;
        }
    }

    pub(super) fn may_hold(&self, fingerprint: u32) -> bool {
        let hash = xxh3_64(&fingerprint.to_le_bytes());
        let mut words = self.blocks[self.block(hash)].iter().zip(bits(hash));
        words.all(|(word, bit)| word & bit != 0)
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

    fn block(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }
}

fn bits(hash: u64) -> impl Iterator<Item = u32> {
    (0..8).map(move |word| 1 << ((hash >> (5 * word)) & 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_denies_what_is_there_and_seldom_claims_what_is_not() {
        let mut filter = Filter::with_room_for(100_000);
        for fingerprint in 0..100_000 {
            filter.add(fingerprint);
        }
        let mut bytes = Vec::new();
        filter.write(&mut bytes);
        assert_eq!(bytes.len(), filter.bytes());
        assert!(bytes.len() <= 165_000, "{} bytes", bytes.len());
        let filter = Filter::read(&bytes);
        assert!((0..100_000).all(|fingerprint| filter.may_hold(fingerprint)));
        let claimed = (100_000..200_000).filter(|other| filter.may_hold(*other)).count();
        assert!((20..800).contains(&claimed), "{claimed} of 100,000");
    }
}
