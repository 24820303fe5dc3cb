//! How 128-bit integers stand in CBOR: as byte strings, since CBOR's own integers end at 64 bits.

/// An `i128` as its shortest little-endian two's complement.
pub(crate) mod int128 {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    pub(crate) fn encode<C, W: Write>(
        value: &i128,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let bytes = value.to_le_bytes();
        let fill = if *value < 0 { 0xff } else { 0 };
        let mut length = bytes.len();
        // A top byte may go while the one below it tells the same sign; nothing at all is zero.
        while length > 1 && bytes[length - 1] == fill && (bytes[length - 2] ^ fill) & 0x80 == 0 {
            length -= 1;
        }
        if *value == 0 {
            length = 0;
        }
        e.bytes(&bytes[..length])?;
        Ok(())
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<i128, DecodeError> {
        let position = d.position();
        let bytes = d.bytes()?;
        if bytes.len() > 16 {
            return Err(DecodeError::message("integer wider than 128 bits").at(position));
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if negative { 0xff } else { 0 }; 16];
        whole[..bytes.len()].copy_from_slice(bytes);
        Ok(i128::from_le_bytes(whole))
    }
}

/// A `u128` that fits an `i128`.
pub(crate) mod uint128 {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    pub(crate) fn encode<C, W: Write>(
        value: &u128,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let bytes = value.to_le_bytes();
        let length = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        e.bytes(&bytes[..length])?;
        Ok(())
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<u128, DecodeError> {
        let position = d.position();
        let bytes = d.bytes()?;
        if bytes.len() > 16 {
            return Err(DecodeError::message("integer wider than 128 bits").at(position));
        }
        let mut whole = [0; 16];
        whole[..bytes.len()].copy_from_slice(bytes);
        Ok(u128::from_le_bytes(whole))
    }
}

/// A map of `i128` by small keys.
pub(crate) mod int128_map {
    use std::collections::BTreeMap;

    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    use super::int128;

    pub(crate) fn encode<C, W: Write>(
        map: &BTreeMap<i32, i128>,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.map(map.len() as u64)?;
        for (key, value) in map {
            e.i32(*key)?;
            int128::encode(value, e, ctx)?;
        }
        Ok(())
    }

    pub(crate) fn decode<C>(
        d: &mut Decoder<'_>,
        ctx: &mut C,
    ) -> Result<BTreeMap<i32, i128>, DecodeError> {
        let position = d.position();
        let length = d.map()?.ok_or_else(|| DecodeError::message("length wanted").at(position))?;
        let mut map = BTreeMap::new();
        for _ in 0..length {
            let key = d.i32()?;
            map.insert(key, int128::decode(d, ctx)?);
        }
        Ok(map)
    }
}

/// Counts of which most are zero: their number, then for each that is not its distance from the one before and its
/// value, all LEB128 in one byte string.
pub(crate) mod sparse {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    use super::leb128;

    /// More cells than any plan has.
    const MOST: usize = 1 << 24;

    #[expect(clippy::ptr_arg, reason = "the derived code asks for this signature")]
    pub(crate) fn encode<C, W: Write>(
        counts: &Vec<u64>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let mut bytes = Vec::new();
        leb128::put(&mut bytes, counts.len() as u128);
        let mut next = 0;
        for (index, &count) in counts.iter().enumerate() {
            if count > 0 {
                leb128::put(&mut bytes, (index - next) as u128);
                leb128::put(&mut bytes, u128::from(count));
                next = index + 1;
            }
        }
        e.bytes(&bytes)?;
        Ok(())
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Vec<u64>, DecodeError> {
        let position = d.position();
        let mut bytes = d.bytes()?;
        read(&mut bytes).ok_or_else(|| DecodeError::message("damaged counts").at(position))
    }

    fn read(bytes: &mut &[u8]) -> Option<Vec<u64>> {
        let length = usize::try_from(leb128::take(bytes)?).ok().filter(|&length| length <= MOST)?;
        let mut counts = vec![0; length];
        let mut next = 0usize;
        while !bytes.is_empty() {
            let index = next.checked_add(usize::try_from(leb128::take(bytes)?).ok()?)?;
            *counts.get_mut(index)? = leb128::take(bytes)?.try_into().ok()?;
            next = index + 1;
        }
        Some(counts)
    }
}

/// Numbers in as few bytes as they need, seven bits a byte, lowest first.
pub(crate) mod leb128 {
    pub(crate) fn put(bytes: &mut Vec<u8>, mut number: u128) {
        while number > 0x7f {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }

    pub(crate) fn take(bytes: &mut &[u8]) -> Option<u128> {
        let mut number = 0u128;
        for shift in (0..128).step_by(7) {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            number |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use minicbor::{Decoder, Encoder};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn integers_come_back(value in any::<i128>(), shift in 0..128u32) {
            for value in [value >> shift, value, 0, -1, 127, 128, -128, -129, i128::MIN, i128::MAX] {
                let mut bytes = Vec::new();
                int128::encode(&value, &mut Encoder::new(&mut bytes), &mut ()).unwrap();
                prop_assert_eq!(int128::decode(&mut Decoder::new(&bytes), &mut ()).unwrap(), value);
                let mut bytes = Vec::new();
                let natural = value.unsigned_abs();
                uint128::encode(&natural, &mut Encoder::new(&mut bytes), &mut ()).unwrap();
                prop_assert_eq!(uint128::decode(&mut Decoder::new(&bytes), &mut ()).unwrap(), natural);
            }
        }
    }
}
