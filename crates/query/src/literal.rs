//! Literals: numbers, durations, times, addresses, and how they print.

use std::fmt;
use std::net::IpAddr;

use weir_record::Address;
use weir_record::value::{write_mac, write_time};

use crate::names::{FLAG_LETTERS, PROTOCOLS, ValueType};
use crate::syntax::Value;
use crate::token::write_quoted;

const SECOND: u64 = 1_000_000_000;

/// Units of durations in nanoseconds.
const DURATIONS: &[(&str, u64)] = &[
    ("d", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// Reads one word as a literal.
pub(crate) fn read(word: &str, kind: ValueType) -> Option<Value> {
    match kind {
        ValueType::Number { max, .. } | ValueType::List { max } => number_or_range(word, max),
        ValueType::Protocol => {
            let lower = word.to_lowercase();
            let known = PROTOCOLS.iter().find(|(name, _)| *name == lower);
            match known {
                Some((_, number)) => Some(Value::Number((*number).into())),
                None => number_or_range(word, u8::MAX.into()),
            }
        }
        ValueType::Flags => flags(word).or_else(|| number_or_range(word, u16::MAX.into())),
        ValueType::Duration => duration(word).map(Value::Duration),
        ValueType::Time => time(word).map(Value::Time),
        ValueType::Address => prefix(word),
        ValueType::Mac => mac(word).map(Value::Mac),
        ValueType::Text { upper: true } => Some(Value::Text(word.to_uppercase())),
        ValueType::Text { upper: false } => Some(Value::Text(word.to_owned())),
        ValueType::Word(words) => {
            let index = words.iter().position(|known| known.eq_ignore_ascii_case(word))?;
            u8::try_from(index).ok().map(Value::Word)
        }
        ValueType::Bool => boolean(word).map(Value::Bool),
        ValueType::Member => Some(
            number(word)
                .map(Value::Number)
                .or_else(|| boolean(word).map(Value::Bool))
                .unwrap_or_else(|| Value::Text(word.to_owned())),
        ),
        ValueType::Object => None,
    }
}

fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

/// A number, or two with a dash between.
fn number_or_range(word: &str, max: u64) -> Option<Value> {
    if let Some(number) = number(word) {
        return (number <= max).then_some(Value::Number(number));
    }
    let (low, high) = word.split_once('-')?;
    let (low, high) = (number(low)?, number(high)?);
    (low <= high && high <= max).then_some(Value::Range(low, high))
}

/// A whole number: decimal with an optional unit, or hexadecimal.
pub(crate) fn number(word: &str) -> Option<u64> {
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        // The standard reader would take a sign.
        let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        return plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten();
    }
    scaled(word, |unit| {
        Some(match unit.to_ascii_lowercase().as_str() {
            "" => 1,
            "k" => 1_000,
            "m" => 1_000_000,
            "g" => 1_000_000_000,
            "t" => 1_000_000_000_000,
            "ki" => 1 << 10,
            "mi" => 1 << 20,
            "gi" => 1 << 30,
            "ti" => 1 << 40,
            _ => return None,
        })
    })
}

/// A duration in nanoseconds; without a unit the number is milliseconds.
pub(crate) fn duration(word: &str) -> Option<u64> {
    scaled(word, |unit| match unit {
        "" => Some(1_000_000),
        unit => DURATIONS.iter().find(|(name, _)| *name == unit.to_lowercase()).map(|(_, nanoseconds)| *nanoseconds),
    })
}

/// A decimal number times its unit, where that is whole: `1.5k` is 1500.
fn scaled(word: &str, unit: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = word.split_at(digits(word));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => match rest.split_at(digits(rest)) {
            ("", _) => return None,
            parts => parts,
        },
        None => ("", rest),
    };
    let factor = u128::from(unit(rest)?);
    let value = u128::from(whole.parse::<u64>().ok()?) * factor;
    // Zeros at the end of a fraction mean nothing; what is left of more than 18 places is never whole.
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return u64::try_from(value).ok();
    }
    let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= 18)?;
    let parts = u128::from(fraction.parse::<u64>().ok()?) * factor;
    let divisor = 10u128.pow(places);
    let is_whole = parts.is_multiple_of(divisor);
    is_whole.then(|| u64::try_from(value + parts / divisor).ok()).flatten()
}

/// Letters of TCP flags, each at most once.
fn flags(word: &str) -> Option<Value> {
    let mut flags = 0;
    for letter in word.to_ascii_uppercase().chars() {
        let bit = 1 << FLAG_LETTERS.find(letter)?;
        if flags & bit != 0 {
            return None;
        }
        flags |= bit;
    }
    (flags != 0).then_some(Value::Number(flags))
}

/// An address with or without a prefix length; of IPv4, zero octets at the end may be left off a prefix: `172.16/12`.
fn prefix(word: &str) -> Option<Value> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(decimal(length)?)),
        None => (word, None),
    };
    let ip = match address.parse::<IpAddr>() {
        Ok(ip) => ip,
        Err(_) if length.is_some() && address.split('.').count() < 4 => {
            let missing = 4 - address.split('.').count();
            IpAddr::V4(format!("{address}{}", ".0".repeat(missing)).parse().ok()?)
        }
        Err(_) => return None,
    };
    let family_bits = if ip.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(family_bits);
    if length > family_bits {
        return None;
    }
    let address = masked(Address::from(ip), 128 - family_bits + length);
    // The block of IPv6 in which IPv4 is held has no hosts, so nobody means it.
    (address.is_v4() == ip.is_ipv4()).then_some(Value::Prefix(address, length))
}

/// An address with all but the first bits of 128 zero.
fn masked(address: Address, bits: u8) -> Address {
    let (high, low) = address.halves();
    let (high_mask, low_mask) = prefix_masks(bits);
    Address::from_halves(high & high_mask, low & low_mask)
}

/// The first bits of 128, in two halves.
pub(crate) fn prefix_masks(bits: u8) -> (u64, u64) {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
    ((mask >> 64) as u64, mask as u64)
}

/// Six octets in hexadecimal with colons or dashes.
fn mac(word: &str) -> Option<u64> {
    let mut mac = 0;
    let mut octets = 0;
    for octet in word.split([':', '-']) {
        let plain = matches!(octet.len(), 1 | 2) && octet.bytes().all(|c| c.is_ascii_hexdigit());
        if !plain || octets == 6 {
            return None;
        }
        mac = mac << 8 | u64::from_str_radix(octet, 16).ok()?;
        octets += 1;
    }
    (octets == 6).then_some(mac)
}

/// Nanoseconds of `2026-01-01`, `2026-01-01T10:00`, `2026-01-01 10:00:05.25+02:00`; UTC where no offset is told.
pub(crate) fn time(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let mut nanoseconds = i128::from(days_from_civil(year, month, day)) * 86_400 * i128::from(SECOND);
    if rest.is_empty() {
        return i64::try_from(nanoseconds).ok();
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let clock_end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'));
    let (clock, offset) = rest.split_at(clock_end.unwrap_or(rest.len()));
    nanoseconds += i128::from(clock_nanoseconds(clock)?) - i128::from(offset_seconds(offset)?) * i128::from(SECOND);
    i64::try_from(nanoseconds).ok()
}

/// `10:00`, `10:00:05` or `10:00:05.25`.
fn clock_nanoseconds(clock: &str) -> Option<u64> {
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction) = match parts.next() {
        Some(seconds) => match seconds.split_once('.') {
            Some((second, fraction)) => (digits(second, 2)?, fraction_nanoseconds(fraction)?),
            None => (digits(seconds, 2)?, 0),
        },
        None => (0, 0),
    };
    // A leap second is the first of the next minute.
    let in_range = hour < 24 && minute < 60 && second <= 60;
    in_range.then(|| (hour * 3600 + minute * 60 + second) * SECOND + fraction)
}

fn fraction_nanoseconds(fraction: &str) -> Option<u64> {
    let places = u32::try_from(fraction.len()).ok()?;
    let number = digits(fraction, fraction.len())?;
    (1..=9).contains(&places).then(|| number * 10u64.pow(9 - places))
}

/// Nothing, `Z`, or `+02:00`.
fn offset_seconds(offset: &str) -> Option<i64> {
    let sign = match offset.bytes().next() {
        None => return Some(0),
        Some(b'Z' | b'z') if offset.len() == 1 => return Some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return None,
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then(|| sign * (hours * 3600 + minutes * 60) as i64)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<u64> {
    let plain = text.len() == count && count <= 9 && text.bytes().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A decimal number of at most three digits.
fn decimal(text: &str) -> Option<u8> {
    let plain = matches!(text.len(), 1..=3) && text.bytes().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days_from_civil(year: u64, month: u64, day: u64) -> i64 {
    // Years begin in March here, so that the leap day comes last; eras are 400 years of 146 097 days.
    let year = year as i64 - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month as i64 + 9) % 12) + 2) / 5 + day as i64 - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Appends a literal so that [`read`] gives it back.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, value: &Value, kind: ValueType) -> fmt::Result {
    match (value, kind) {
        (Value::Number(number), ValueType::Protocol) => {
            let known = PROTOCOLS.iter().find(|(_, known)| u64::from(*known) == *number);
            match known {
                Some((name, _)) => f.write_str(name),
                None => write!(f, "{number}"),
            }
        }
        (Value::Number(flags @ 1..=0xff), ValueType::Flags) => FLAG_LETTERS
            .chars()
            .enumerate()
            .filter(|(bit, _)| flags >> bit & 1 == 1)
            .try_for_each(|(_, letter)| write!(f, "{letter}")),
        (Value::Number(flags), ValueType::Flags) => write!(f, "{flags:#x}"),
        (Value::Number(number), ValueType::Number { scaled: true, .. }) => {
            for (factor, unit) in [(1_000_000_000, 'G'), (1_000_000, 'M'), (1_000, 'k')] {
                if *number != 0 && number.is_multiple_of(factor) {
                    return write!(f, "{}{unit}", number / factor);
                }
            }
            write!(f, "{number}")
        }
        (Value::Number(number), _) => write!(f, "{number}"),
        (Value::Range(low, high), _) => write!(f, "{low}-{high}"),
        (Value::Duration(nanoseconds), _) => {
            let unit = DURATIONS.iter().find(|(_, unit)| nanoseconds.is_multiple_of(*unit));
            match unit {
                Some((name, unit)) if *nanoseconds != 0 => write!(f, "{}{name}", nanoseconds / unit),
                _ => write!(f, "{nanoseconds}ns"),
            }
        }
        (Value::Time(nanoseconds), _) => write_octets(f, |out| write_time(out, *nanoseconds)),
        (Value::Prefix(address, length), _) => {
            write!(f, "{address}")?;
            match (address.is_v4(), length) {
                (true, 32) | (false, 128) => Ok(()),
                _ => write!(f, "/{length}"),
            }
        }
        (Value::Mac(mac), _) => write_octets(f, |out| write_mac(out, *mac)),
        (Value::Text(text), _) => write_quoted(f, text),
        (Value::Word(index), ValueType::Word(words)) => f.write_str(words.get(usize::from(*index)).copied().unwrap_or_default()),
        (Value::Word(index), _) => write!(f, "{index}"),
        (Value::Bool(value), _) => write!(f, "{value}"),
    }
}

fn write_octets(f: &mut fmt::Formatter<'_>, write: impl FnOnce(&mut Vec<u8>)) -> fmt::Result {
    let mut out = Vec::with_capacity(40);
    write(&mut out);
    f.write_str(&String::from_utf8_lossy(&out))
}
