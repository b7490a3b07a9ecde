//! Structures described by a list of their fields, which is all that is needed to put them into `extra`, and to check their length.

use weir_record::Address;
use weir_wire::Reader;

use super::{bad_structure, xdr};
use crate::Fault;
use crate::members::Members;
use crate::sampled_frame::mac_number;

/// What a field is on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 32 bits.
    I32,
    /// IEEE 754, 32 bits.
    F32,
    /// Text with its length in front.
    Text,
    /// 4 octets of IPv4 address.
    Ip4,
    /// 16 octets of IPv6 address.
    Ip6,
    /// A MAC address in 8 octets.
    Mac,
    /// 16 octets of UUID, as hexadecimal digits.
    Uuid,
    /// Numbers of 32 bits with their count in front.
    Numbers,
    /// MAC addresses with their count in front.
    Macs,
    /// Structures with their count in front. Each has at least one field of fixed size.
    Items(&'static [Field]),
}

/// A field: its name in the specification, and what it is.
pub(super) type Field = (&'static str, Kind);

/// A registered structure of enterprise 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structure {
    pub(super) format: u32,
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
}

/// The structure of that format in a list that is sorted by format.
pub(super) fn find(list: &'static [Structure], format: u32) -> Option<&'static Structure> {
    let place = list.binary_search_by_key(&format, |structure| structure.format).ok()?;
    list.get(place)
}

impl Structure {
    /// Adds the structure as an object; the `repetition`-th of its kind in a sample gets that as a suffix. Nothing is added of one that is at fault.
    pub(super) fn write(&self, body: &mut Reader<'_>, repetition: usize, extra: &mut Members) -> Result<(), Fault> {
        let before = extra.len();
        match repetition {
            1 => extra.begin_object(self.name),
            _ => extra.begin_object(&format!("{}_{repetition}", self.name)),
        }
        let written = write_fields(self.fields, body, extra);
        match written {
            Ok(()) => extra.end_object(),
            Err(_) => extra.truncate(before),
        }
        written
    }
}

fn write_fields(fields: &[Field], body: &mut Reader<'_>, extra: &mut Members) -> Result<(), Fault> {
    for (name, kind) in fields {
        match kind {
            Kind::U32 => extra.number(name, body.u32().map_err(bad_structure)?),
            Kind::U64 => extra.number(name, body.u64().map_err(bad_structure)?),
            Kind::I32 => extra.signed(name, body.u32().map_err(bad_structure)?.cast_signed()),
            Kind::F32 => extra.float(name, f32::from_bits(body.u32().map_err(bad_structure)?)),
            Kind::Text => extra.text(name, xdr::opaque(body)?),
            Kind::Ip4 => extra.address(name, Address::v4(body.u32().map_err(bad_structure)?)),
            Kind::Ip6 => extra.address(name, Address::v6(body.array().map_err(bad_structure)?)),
            Kind::Mac => extra.mac(name, mac_number(xdr::mac(body).map_err(bad_structure)?)),
            Kind::Uuid => extra.hex(name, &body.array::<16>().map_err(bad_structure)?),
            Kind::Numbers => {
                let (octets, _) = list(body, 4)?.as_chunks();
                extra.numbers(name, octets.iter().map(|octets| u32::from_be_bytes(*octets)));
            }
            Kind::Macs => {
                let (octets, _) = list(body, 8)?.as_chunks();
                extra.begin_list(name);
                for [a, b, c, d, e, f, _, _] in octets {
                    extra.item_mac(mac_number([*a, *b, *c, *d, *e, *f]));
                }
                extra.end_list();
            }
            Kind::Items(fields) => {
                let count = body.u32().map_err(bad_structure)?;
                extra.begin_list(name);
                for _ in 0..count {
                    extra.begin_item();
                    write_fields(fields, body, extra)?;
                    extra.end_object();
                }
                extra.end_list();
            }
        }
    }
    Ok(())
}

/// The octets of a list of items of fixed size with their count in front.
pub(super) fn list<'a>(body: &mut Reader<'a>, item: usize) -> Result<&'a [u8], Fault> {
    let count_offset = body.offset();
    let count = body.u32().map_err(bad_structure)?;
    let too_many = || Fault::new(crate::Reason::BadStructure, count_offset, u64::from(count));
    let octets = usize::try_from(count).ok().and_then(|count| count.checked_mul(item)).ok_or_else(too_many)?;
    body.bytes(octets).map_err(|_| too_many())
}
