//! What sFlow is built from: formats with lengths, addresses, strings, in XDR (RFC 4506).

use weir_record::Address;
use weir_wire::{Reader, Short};

use crate::{Fault, Reason};

/// Octets that fill up a field of this length to a multiple of 4.
pub(super) const fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

/// So many numbers; where not all of them are there, the first that is missing is the one wanted.
#[inline]
pub(super) fn words<const N: usize>(reader: &mut Reader<'_>) -> Result<[u32; N], Short> {
    let (words, _) = reader.rest().as_chunks();
    match words.first_chunk::<N>() {
        Some(words) => {
            reader.skip(N * 4)?;
            Ok(words.map(u32::from_be_bytes))
        }
        None => {
            let mut ahead = *reader;
            ahead.skip(words.len() * 4)?;
            ahead.u32()?;
            Err(Short { offset: ahead.offset(), wanted: 4, left: 0 })
        }
    }
}

/// The format (enterprise in the upper 20 bits) of a sample or structure, the offset of its length, and the length.
#[inline]
pub(super) fn head(reader: &mut Reader<'_>) -> Result<(u32, usize, u32), Short> {
    let length_offset = reader.offset().wrapping_add(4);
    let [format, length] = words(reader)?;
    Ok((format, length_offset, length))
}

/// The next `length` octets alone; the padding behind them is passed over as far as there is any.
#[inline]
pub(super) fn body<'a>(reader: &mut Reader<'a>, length: u32) -> Option<Reader<'a>> {
    let length = usize::try_from(length).ok()?;
    let body = reader.sub(length).ok()?;
    pass_padding(reader, length);
    Some(body)
}

/// An opaque field or string with its length in front. A length that goes too far is the fault, not the octets behind it.
#[inline]
pub(super) fn opaque<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    let length_offset = reader.offset();
    let length = reader.u32().map_err(super::bad_structure)?;
    let too_long = || Fault::new(Reason::BadStructure, length_offset, u64::from(length));
    let size = usize::try_from(length).map_err(|_| too_long())?;
    let octets = reader.bytes(size).map_err(|_| too_long())?;
    pass_padding(reader, size);
    Ok(octets)
}

/// An address with its type in front: 1 IPv4, 2 IPv6, 0 not known. `short` says what an end that comes too early means here.
pub(super) fn address(reader: &mut Reader<'_>, short: fn(Short) -> Fault) -> Result<Option<Address>, Fault> {
    let type_offset = reader.offset();
    match reader.u32().map_err(short)? {
        0 => Ok(None),
        1 => reader.u32().map(|bits| Some(Address::v4(bits))).map_err(short),
        2 => reader.array().map(|octets| Some(Address::v6(octets))).map_err(short),
        other => Err(Fault::new(Reason::BadAddressType, type_offset, u64::from(other))),
    }
}

/// A MAC address: 6 octets and 2 of padding.
pub(super) fn mac(reader: &mut Reader<'_>) -> Result<[u8; 6], Short> {
    let [a, b, c, d, e, f, _, _] = reader.array()?;
    Ok([a, b, c, d, e, f])
}

#[inline]
fn pass_padding(reader: &mut Reader<'_>, length: usize) {
    if !length.is_multiple_of(4) {
        // As many are left.
        let _ = reader.skip(padding(length).min(reader.left()));
    }
}
