//! Single values as text, appended to a buffer without allocating.

use super::slots;
use crate::column::AnyColumn;
use crate::table::ColumnType;
use crate::value::Address;

/// Appends a number.
#[inline]
pub fn write_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends an address: dotted quad, or RFC 5952 text.
pub fn write_address(out: &mut Vec<u8>, address: Address) {
    let mut slot = [0; slots::ADDRESS];
    let length = slots::address(&mut slot, address);
    out.extend_from_slice(&slot[..length]);
}

/// Appends a number in lower-case hexadecimal with at least `digits` digits.
pub fn write_hex(out: &mut Vec<u8>, number: u64, digits: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let needed = (64 - number.leading_zeros() as usize).div_ceil(4).max(digits);
    for place in (0..needed).rev() {
        out.push(DIGITS[(number >> (4 * place) & 15) as usize]);
    }
}

/// Appends octets in lower-case hexadecimal.
pub fn write_hex_octets(out: &mut Vec<u8>, octets: &[u8]) {
    for octet in octets {
        write_hex(out, u64::from(*octet), 2);
    }
}

/// Appends a MAC address as six pairs of digits.
pub fn write_mac(out: &mut Vec<u8>, mac: u64) {
    let mut slot = [0; slots::MAC];
    let length = slots::mac(&mut slot, mac);
    out.extend_from_slice(&slot[..length]);
}

/// Appends a time, nanoseconds since 1970, as RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction.
pub fn write_time(out: &mut Vec<u8>, nanoseconds: i64) {
    let mut slot = [0; slots::TIME];
    let length = slots::time(&mut slot, nanoseconds, &mut slots::Date::default());
    out.extend_from_slice(&slot[..length]);
}

/// Appends TCP flags as letters from the highest bit down, as tcpdump and nfdump users know them: `...AP.S.`.
pub fn write_flags(out: &mut Vec<u8>, flags: u16) {
    let letters = b"CEUAPRSF".iter().enumerate();
    out.extend(letters.map(|(place, letter)| if flags >> (7 - place) & 1 == 1 { *letter } else { b'.' }));
}

/// Appends the name of a well-known IP protocol, or the number of another.
pub fn write_protocol(out: &mut Vec<u8>, protocol: u8) {
    match PROTOCOLS.iter().find(|(number, _)| *number == protocol) {
        Some((_, name)) => out.extend_from_slice(name.as_bytes()),
        None => write_number(out, protocol),
    }
}

/// Protocols that are shown by name (IANA protocol numbers).
const PROTOCOLS: [(u8, &str); 14] = [
    (1, "ICMP"),
    (2, "IGMP"),
    (4, "IPIP"),
    (6, "TCP"),
    (17, "UDP"),
    (41, "IPv6"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (58, "ICMP6"),
    (88, "EIGRP"),
    (89, "OSPF"),
    (112, "VRRP"),
    (132, "SCTP"),
];

/// Appends the value of a row as people read it: no quotes, lists joined by spaces. Nothing where absent.
pub fn write_plain(out: &mut Vec<u8>, column_type: ColumnType, column: AnyColumn<'_>, row: usize) {
    match column {
        AnyColumn::U8(c) => {
            if let Some(value) = c.get(row) {
                match column_type {
                    ColumnType::Bool => out.extend_from_slice(if value == 0 { b"false" } else { b"true" }),
                    ColumnType::Enum(words) => out.extend_from_slice(words.get(usize::from(value)).unwrap_or(&"?").as_bytes()),
                    _ => write_number(out, value),
                }
            }
        }
        AnyColumn::U16(c) => c.get(row).into_iter().for_each(|value| write_number(out, value)),
        AnyColumn::U32(c) => c.get(row).into_iter().for_each(|value| write_number(out, value)),
        AnyColumn::U64(c) => {
            if let Some(value) = c.get(row) {
                if column_type == ColumnType::Mac { write_mac(out, value) } else { write_number(out, value) }
            }
        }
        AnyColumn::Time(c) => c.get(row).into_iter().for_each(|value| write_time(out, value)),
        AnyColumn::Ip(c) => c.get(row).into_iter().for_each(|value| write_address(out, value)),
        AnyColumn::Text(c) => c.octets(row).into_iter().for_each(|value| out.extend_from_slice(value)),
        AnyColumn::List(c) => {
            for (index, value) in c.get(row).into_iter().flatten().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                write_number(out, *value);
            }
        }
    }
}
