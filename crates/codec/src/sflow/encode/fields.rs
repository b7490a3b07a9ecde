//! How numbers, texts, addresses and structures are written in XDR, and structures of a list of fields from the JSON of `extra`.

use std::net::IpAddr;

use serde_json::{Map, Value};
use weir_record::Address;

use crate::sflow::schema::{Field, Kind, Structure};
use crate::sflow::xdr::padding;

/// A number that says "not known" where 0 means something.
pub(super) const NOT_KNOWN: u32 = u32::MAX;

pub(super) fn u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn opaque(out: &mut Vec<u8>, octets: &[u8]) {
    u32(out, octets.len() as u32);
    out.extend_from_slice(octets);
    out.extend(std::iter::repeat_n(0, padding(octets.len())));
}

/// An address with its type in front; none is type 0.
pub(super) fn address(out: &mut Vec<u8>, address: Option<Address>) {
    match address.map(Address::to_ip) {
        None => u32(out, 0),
        Some(IpAddr::V4(ip)) => {
            u32(out, 1);
            out.extend(ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            u32(out, 2);
            out.extend(ip.octets());
        }
    }
}

/// A MAC address in the low 48 bits, in 8 octets.
pub(super) fn mac(out: &mut Vec<u8>, value: u64) {
    u64(out, value << 16);
}

pub(super) fn numbers(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = u32>) {
    u32(out, values.len() as u32);
    values.for_each(|value| u32(out, value));
}

/// Writes a number at a place written before.
pub(super) fn put(out: &mut [u8], at: usize, value: u32) {
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// A sample or structure: its format, its length, and what `content` writes.
pub(super) fn framed(out: &mut Vec<u8>, format: u32, content: impl FnOnce(&mut Vec<u8>)) {
    u32(out, format);
    let place = out.len();
    u32(out, 0);
    content(out);
    let length = out.len() - place - 4;
    put(out, place, length as u32);
}

/// The structures of a list that an `extra` has under their names, repetitions included; gives their number.
pub(super) fn registered(out: &mut Vec<u8>, list: &[Structure], extra: &Map<String, Value>) -> u32 {
    let mut count = 0;
    for structure in list {
        for repetition in 1.. {
            let member = match repetition {
                1 => extra.get(structure.name),
                _ => extra.get(&format!("{}_{repetition}", structure.name)),
            };
            let Some(Value::Object(member)) = member else {
                break;
            };
            framed(out, structure.format, |out| write_fields(out, structure.fields, member));
            count += 1;
        }
    }
    count
}

/// Writes fields from the members of an object; what it lacks is zero or empty.
fn write_fields(out: &mut Vec<u8>, fields: &[Field], object: &Map<String, Value>) {
    for (name, kind) in fields {
        let value = object.get(*name).unwrap_or(&Value::Null);
        match kind {
            Kind::U32 => u32(out, number(value)),
            Kind::U64 => u64(out, value.as_u64().unwrap_or(0)),
            Kind::I32 => u32(out, value.as_i64().and_then(|value| i32::try_from(value).ok()).unwrap_or(0).cast_unsigned()),
            Kind::F32 => u32(out, value.as_f64().map_or(f32::NAN, |value| value as f32).to_bits()),
            Kind::Text => opaque(out, text(value).as_bytes()),
            Kind::Ip4 => match ip(value) {
                Some(IpAddr::V4(ip)) => out.extend(ip.octets()),
                _ => u32(out, 0),
            },
            Kind::Ip6 => match ip(value) {
                Some(IpAddr::V6(ip)) => out.extend(ip.octets()),
                Some(IpAddr::V4(ip)) => out.extend(ip.to_ipv6_mapped().octets()),
                None => out.extend([0; 16]),
            },
            Kind::Mac => mac(out, hex(text(value)).iter().take(6).fold(0, |mac, octet| mac << 8 | u64::from(*octet))),
            Kind::Uuid => {
                let mut octets = hex(text(value));
                octets.resize(16, 0);
                out.extend(octets);
            }
            Kind::Numbers => numbers(out, items(value).iter().map(number)),
            Kind::Macs => {
                u32(out, items(value).len() as u32);
                for item in items(value) {
                    mac(out, hex(text(item)).iter().take(6).fold(0, |mac, octet| mac << 8 | u64::from(*octet)));
                }
            }
            Kind::Items(fields) => {
                u32(out, items(value).len() as u32);
                for item in items(value) {
                    write_fields(out, fields, item.as_object().unwrap_or(&Map::new()));
                }
            }
        }
    }
}

/// A number of 32 bits; 0 for anything else.
pub(super) fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn ip(value: &Value) -> Option<IpAddr> {
    text(value).parse().ok()
}

/// The octets of hexadecimal digits, with or without colons between them.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}
