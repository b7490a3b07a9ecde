//! Single values as text, appended to a buffer without allocating.

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
    let (high, low) = address.halves();
    if address.is_v4() {
        return write_quad(out, low as u32);
    }
    // RFC 5952, section 5: a mapped address shows the one it maps.
    if high == 0 && low >> 32 == 0xffff {
        out.extend_from_slice(b"::ffff:");
        return write_quad(out, low as u32);
    }
    let bits = (u128::from(high) << 64) | u128::from(low);
    let mut groups = [0u16; 8];
    for (index, group) in groups.iter_mut().enumerate() {
        *group = (bits >> (112 - 16 * index)) as u16;
    }
    let (zeros_at, zeros) = longest_zeros(&groups);
    let mut index = 0;
    while index < 8 {
        if index == zeros_at && zeros > 1 {
            out.extend_from_slice(b"::");
            index += zeros;
            continue;
        }
        if index > 0 && (index != zeros_at + zeros || zeros <= 1) {
            out.push(b':');
        }
        write_hex(out, u64::from(groups[index]), 1);
        index += 1;
    }
}

fn write_quad(out: &mut Vec<u8>, bits: u32) {
    for (index, octet) in bits.to_be_bytes().into_iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        write_number(out, octet);
    }
}

/// Start and length of the first longest run of zero groups (RFC 5952, section 4.2).
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let (mut best_at, mut best) = (8, 0);
    let mut run = 0;
    for (index, group) in groups.iter().enumerate() {
        run = if *group == 0 { run + 1 } else { 0 };
        if run > best {
            (best_at, best) = (index + 1 - run, run);
        }
    }
    (best_at, best)
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
    for (index, octet) in mac.to_be_bytes()[2..].iter().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        write_hex(out, u64::from(*octet), 2);
    }
}

/// Appends a time, nanoseconds since 1970, as RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction.
pub fn write_time(out: &mut Vec<u8>, nanoseconds: i64) {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let fraction = nanoseconds.rem_euclid(1_000_000_000) as u32;
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400) as u32;
    write_padded::<4>(out, year);
    out.push(b'-');
    write_padded::<2>(out, month);
    out.push(b'-');
    write_padded::<2>(out, day);
    out.push(b'T');
    write_padded::<2>(out, second / 3600);
    out.push(b':');
    write_padded::<2>(out, second / 60 % 60);
    out.push(b':');
    write_padded::<2>(out, second % 60);
    if fraction != 0 {
        out.push(b'.');
        if fraction.is_multiple_of(1_000_000) {
            write_padded::<3>(out, fraction / 1_000_000);
        } else if fraction.is_multiple_of(1_000) {
            write_padded::<6>(out, fraction / 1_000);
        } else {
            write_padded::<9>(out, fraction);
        }
    }
    out.push(b'Z');
}

/// Year, month and day of a day counted from 1970-01-01; every `i64` of nanoseconds lies between the years 1677 and 2262.
fn civil_from_days(days: i64) -> (u32, u32, u32) {
    // Years begin in March here, so that the leap day comes last; eras are 400 years of 146 097 days.
    let days = (days + 719_468) as u64;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

fn write_padded<const DIGITS: usize>(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [b'0'; DIGITS];
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

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
