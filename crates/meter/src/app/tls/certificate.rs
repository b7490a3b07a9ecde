//! The names in a certificate: as much DER (X.690) as leads to the common names of issuer and subject (RFC 5280 section 4.1).
//!
//! A certificate may be cut at its end; lengths are taken as far as there are octets.

use weir_record::Column;
use weir_wire::Reader;

use crate::facts::Facts;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const UNIVERSAL_STRING: u8 = 0x1c;
/// The explicit tag of the version.
const VERSION: u8 = 0xa0;
/// 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Says the names in the first certificate of a Certificate message (RFC 5246 section 7.4.2).
pub(super) fn tell(body: &[u8], facts: &mut Facts) {
    // The length of the list, then that of the first certificate.
    let Some((SEQUENCE, certificate)) = body.get(6..).and_then(|der| element(&mut Reader::new(der))) else {
        return;
    };
    let Some((SEQUENCE, signed)) = element(&mut Reader::new(certificate)) else {
        return;
    };
    let _ = names(signed, facts);
}

/// Issuer and subject of a TBSCertificate.
fn names(signed: &[u8], facts: &mut Facts) -> Option<()> {
    let mut reader = Reader::new(signed);
    let (first, _) = element(&mut reader)?;
    if first == VERSION {
        let _serial = element(&mut reader)?;
    }
    let _signature = element(&mut reader)?;
    let (_, issuer) = element(&mut reader)?;
    tell_common_name(issuer, Column::tls_issuer, facts);
    let _validity = element(&mut reader)?;
    let (_, subject) = element(&mut reader)?;
    tell_common_name(subject, Column::tls_subject, facts);
    Some(())
}

/// The first common name in a Name.
fn tell_common_name(name: &[u8], column: Column, facts: &mut Facts) {
    let mut parts = Reader::new(name);
    while let Some((SET, part)) = element(&mut parts) {
        let mut attributes = Reader::new(part);
        while let Some((SEQUENCE, attribute)) = element(&mut attributes) {
            let mut attribute = Reader::new(attribute);
            if element(&mut attribute) == Some((OBJECT_IDENTIFIER, COMMON_NAME)) {
                // A name that is cut would be another name.
                if let Some((kind, length)) = element_head(&mut attribute)
                    && let Ok(value) = attribute.bytes(length)
                {
                    tell_string(kind, value, column, facts);
                }
                return;
            }
        }
    }
}

fn tell_string(kind: u8, value: &[u8], column: Column, facts: &mut Facts) {
    match kind {
        BMP_STRING => {
            let units = value.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
            let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            facts.text(column, text.as_bytes());
        }
        UNIVERSAL_STRING => {
            let units = value.as_chunks::<4>().0.iter().map(|unit| u32::from_be_bytes(*unit));
            let text: String = units.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            facts.text(column, text.as_bytes());
        }
        _ => facts.text(column, value),
    }
}

/// The next element: its tag, and its content as far as it is there.
fn element<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let (tag, length) = element_head(reader)?;
    Some((tag, reader.bytes(length.min(reader.left())).ok()?))
}

/// Tag and length of the next element. Names need no tags of several octets, and no lengths of more than four.
fn element_head(reader: &mut Reader<'_>) -> Option<(u8, usize)> {
    let tag = reader.u8().ok()?;
    let short = reader.u8().ok()?;
    let length = match short {
        0..=0x7f => usize::from(short),
        0x81 => reader.u8().ok()?.into(),
        0x82 => reader.u16().ok()?.into(),
        0x83 => reader.u24().ok()? as usize,
        0x84 => reader.u32().ok()? as usize,
        _ => return None,
    };
    Some((tag, length))
}
