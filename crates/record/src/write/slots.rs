//! Single values put into slots: fixed places that are larger than any value of the kind.
//!
//! Every function writes from the start of its slot, may leave anything behind the value, and says how long the value is. Whole
//! words are stored where single digits are meant, which is what makes this fast; the slot's spare room takes what is too much.

use crate::value::Address;

/// Room for a number of 64 bits: 20 digits.
pub(super) const NUMBER: usize = 24;
/// Room for an address: 39 characters.
pub(super) const ADDRESS: usize = 48;
/// Room for a MAC address: 17 characters.
pub(super) const MAC: usize = 20;
/// Room for a time: 30 characters.
pub(super) const TIME: usize = 32;

/// The three digits of each number below 1000, and how many of them are not leading zeros (at least one).
static DIGITS: [[u8; 4]; 1000] = {
    let mut table = [[0; 4]; 1000];
    let mut number = 0;
    while number < 1000 {
        let needed = if number < 10 { 1 } else { 2 + (number >= 100) as u8 };
        table[number] = [b'0' + (number / 100) as u8, b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8, needed];
        number += 1;
    }
    table
};

/// The two hexadecimal digits of each octet.
static HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = [DIGITS[octet >> 4], DIGITS[octet & 15]];
        octet += 1;
    }
    table
};

/// A number in decimal.
#[inline]
pub(super) fn number(slot: &mut [u8; NUMBER], number: u64) -> usize {
    if number < 1_000 {
        return leading(slot, 0, number);
    }
    if number < 1_000_000 {
        let at = leading(slot, 0, number / 1_000);
        return trailing(slot, at, number % 1_000);
    }
    large_number(slot, number)
}

fn large_number(slot: &mut [u8; NUMBER], value: u64) -> usize {
    let (high, low) = (value / 1_000_000, value % 1_000_000);
    let at = number(slot, high);
    let at = trailing(slot, at, low / 1_000);
    trailing(slot, at, low % 1_000)
}

/// An address: dotted quad, or the text of RFC 5952.
#[inline]
pub(super) fn address(slot: &mut [u8; ADDRESS], address: Address) -> usize {
    let (high, low) = address.halves();
    if address.is_v4() {
        return quad(slot, 0, low as u32);
    }
    // RFC 5952, section 5: a mapped address shows the one it maps.
    if high == 0 && low >> 32 == 0xffff {
        put(slot, 0, *b"::ffff:");
        return quad(slot, 7, low as u32);
    }
    address_v6(slot, high, low)
}

#[inline]
fn quad(slot: &mut [u8; ADDRESS], mut at: usize, bits: u32) -> usize {
    for octet in bits.to_be_bytes() {
        at = leading(slot, at, u64::from(octet));
        put(slot, at, [b'.']);
        at += 1;
    }
    at - 1
}

fn address_v6(slot: &mut [u8; ADDRESS], high: u64, low: u64) -> usize {
    let bits = (u128::from(high) << 64) | u128::from(low);
    let mut groups = [0u16; 8];
    for (index, group) in groups.iter_mut().enumerate() {
        *group = (bits >> (112 - 16 * index)) as u16;
    }
    let (zeros_at, zeros) = longest_zeros(&groups);
    let (mut at, mut index) = (0, 0);
    while index < 8 {
        if index == zeros_at && zeros > 1 {
            put(slot, at, *b"::");
            at += 2;
            index += zeros;
            continue;
        }
        if index > 0 && (index != zeros_at + zeros || zeros <= 1) {
            put(slot, at, [b':']);
            at += 1;
        }
        at = hex_group(slot, at, groups[index]);
        index += 1;
    }
    at
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

/// A group of an IPv6 address, without leading zeros.
#[inline]
fn hex_group(slot: &mut [u8], at: usize, group: u16) -> usize {
    let [high, low] = group.to_be_bytes().map(|octet| HEX[usize::from(octet)]);
    let needed = 4 - (group | 1).leading_zeros() as usize / 4;
    let digits = u32::from_le_bytes([high[0], high[1], low[0], low[1]]) >> (8 * (4 - needed));
    put(slot, at, digits.to_le_bytes());
    at + needed
}

/// A MAC address, in the low 48 bits: six pairs of digits.
#[inline]
pub(super) fn mac(slot: &mut [u8; MAC], mac: u64) -> usize {
    for (index, octet) in mac.to_be_bytes().into_iter().skip(2).enumerate() {
        let [high, low] = HEX[usize::from(octet)];
        put(slot, 3 * index, [high, low, b':']);
    }
    17
}

/// A time, nanoseconds since 1970, as RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction. `date` is the date written last.
#[inline]
pub(super) fn time(slot: &mut [u8; TIME], nanoseconds: i64, date: &mut Date) -> usize {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let fraction = nanoseconds.rem_euclid(1_000_000_000) as u64;
    let second = seconds.rem_euclid(86_400) as u64;
    put(slot, 0, date.text(seconds.div_euclid(86_400)));
    put(slot, 11, two(second / 3600, b':'));
    put(slot, 14, two(second / 60 % 60, b':'));
    put(slot, 17, two(second % 60, b'.'));
    let mut at = 19;
    if fraction != 0 {
        at = trailing(slot, 20, fraction / 1_000_000);
        if !fraction.is_multiple_of(1_000_000) {
            at = trailing(slot, at, fraction / 1_000 % 1_000);
        }
        if !fraction.is_multiple_of(1_000) {
            at = trailing(slot, at, fraction % 1_000);
        }
    }
    put(slot, at, [b'Z']);
    at + 1
}

/// The date that was written last; most times of a capture are of one day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date {
    day: i64,
    text: [u8; 11],
}

impl Default for Date {
    fn default() -> Self {
        Self { day: 0, text: *b"1970-01-01T" }
    }
}

impl Date {
    /// The text of a day counted from 1970-01-01, with the letter that follows it.
    #[inline]
    fn text(&mut self, day: i64) -> [u8; 11] {
        if self.day != day {
            *self = Self { day, text: date(day) };
        }
        self.text
    }
}

#[cold]
fn date(day: i64) -> [u8; 11] {
    let (year, month, day) = civil_from_days(day);
    let [_, c0, c1, _] = DIGITS[year / 100 % 1_000];
    let [_, y0, y1, _] = DIGITS[year % 100];
    let [_, m0, m1, _] = DIGITS[month % 1_000];
    let [_, d0, d1, _] = DIGITS[day % 1_000];
    [c0, c1, y0, y1, b'-', m0, m1, b'-', d0, d1, b'T']
}

/// Year, month and day of a day counted from 1970-01-01; every `i64` of nanoseconds lies between the years 1677 and 2262.
fn civil_from_days(days: i64) -> (usize, usize, usize) {
    // Years begin in March here, so that the leap day comes last; eras are 400 years of 146 097 days.
    let days = (days + 719_468) as usize;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + usize::from(month <= 2), month, day)
}

/// A number below 1000 without leading zeros; says where it ends.
#[inline]
fn leading(slot: &mut [u8], at: usize, number: u64) -> usize {
    let [d0, d1, d2, needed] = DIGITS[number as usize % 1_000];
    let digits = u32::from_le_bytes([d0, d1, d2, 0]) >> (8 * (3 - u32::from(needed & 3)));
    put(slot, at, digits.to_le_bytes());
    at + usize::from(needed)
}

/// A number below 1000 with leading zeros; says where it ends.
#[inline]
fn trailing(slot: &mut [u8], at: usize, number: u64) -> usize {
    put(slot, at, DIGITS[number as usize % 1_000]);
    at + 3
}

/// The two digits of a number below 100, and what follows them.
#[inline]
fn two(number: u64, then: u8) -> [u8; 3] {
    let [_, tens, ones, _] = DIGITS[number as usize % 1_000];
    [tens, ones, then]
}

/// Stores octets at a place of the slot; every caller's slot has room for what it writes.
#[inline]
fn put<const COUNT: usize>(slot: &mut [u8], at: usize, octets: [u8; COUNT]) {
    if let Some(place) = slot.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = octets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        let powers = (0..64).map(|power| 1_u64 << power).chain((0..20).map(|power| 10_u64.pow(power)));
        for value in powers.flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX, 0]).chain(0..2_000_000) {
            let mut slot = [0; NUMBER];
            let length = number(&mut slot, value);
            assert_eq!(std::str::from_utf8(&slot[..length]), Ok(value.to_string().as_str()));
        }
    }
}
