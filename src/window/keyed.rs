//! Rows of samples as bytes of a checkpoint: keys, codes, outputs, targets.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};

use crate::profile::KeyedRows;

pub(super) fn encode<C, W: Write>(
    rows: &KeyedRows,
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), EncodeError<W::Error>> {
    let keys: Vec<u8> = rows.keys.iter().flat_map(|key| key.to_le_bytes()).collect();
    let bytes = |numbers: &[f64]| -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    };
    e.array(4)?.bytes(&keys)?.bytes(&rows.codes)?;
    e.bytes(&bytes(&rows.outputs))?.bytes(&bytes(&rows.targets))?;
    Ok(())
}

pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<KeyedRows, DecodeError> {
    let position = d.position();
    let wrong =
        || DecodeError::message("rows of a sample: keys, codes, outputs, targets").at(position);
    if d.array()? != Some(4) {
        return Err(wrong());
    }
    let (keys, rest) = d.bytes()?.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    let keys: Vec<u64> = keys.iter().map(|key| u64::from_le_bytes(*key)).collect();
    let codes = d.bytes()?.to_vec();
    let mut numbers = || {
        let (numbers, rest) = d.bytes()?.as_chunks::<8>();
        let numbers = numbers.iter().map(|number| f64::from_le_bytes(*number)).collect();
        if rest.is_empty() { Ok(numbers) } else { Err(wrong()) }
    };
    let (outputs, targets): (Vec<f64>, Vec<f64>) = (numbers()?, numbers()?);
    // As many of a row as of any other.
    let fits = |of: usize| if keys.is_empty() { of == 0 } else { of.is_multiple_of(keys.len()) };
    let few = targets.is_empty() || targets.len() == keys.len();
    if !fits(codes.len()) || !fits(outputs.len()) || !few {
        return Err(wrong());
    }
    Ok(KeyedRows { keys, codes, outputs, targets })
}
