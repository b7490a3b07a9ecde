//! The clock of a pcapng interface: from the ticks in a packet block to Unix time.
//!
//! Standard: draft-ietf-opsawg-pcapng section 4.2, options `if_tsresol` and `if_tsoffset`.

use crate::pcap::u16_of;

/// Options of an interface description.
const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

/// How the times of an interface are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    unit: Unit,
    /// Added to each time, nanoseconds.
    offset_ns: i64,
}

/// One step of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanoseconds(i64),
    /// This part of a nanosecond.
    PerNanosecond(u128),
    /// Two to the minus this, in seconds.
    PowerOfTwo(u8),
}

impl Clock {
    /// Microseconds since 1970, unless the options say otherwise. Options that are cut or of a wrong size are left out.
    pub(crate) fn from_options(big_endian: bool, mut options: &[u8]) -> Self {
        let mut clock = Clock { unit: Unit::Nanoseconds(1000), offset_ns: 0 };
        while let Some((&[c0, c1, l0, l1], rest)) = options.split_first_chunk() {
            let code = u16_of(big_endian, [c0, c1]);
            let length = usize::from(u16_of(big_endian, [l0, l1]));
            let Some(value) = rest.get(..length) else {
                break;
            };
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_TSRESOL, &[resolution]) => clock.unit = Unit::from_resolution(resolution),
                (OPTION_TSOFFSET, &[a, b, c, d, e, f, g, h]) => {
                    let octets = [a, b, c, d, e, f, g, h];
                    let seconds = if big_endian { i64::from_be_bytes(octets) } else { i64::from_le_bytes(octets) };
                    clock.offset_ns = seconds.saturating_mul(1_000_000_000);
                }
                _ => {}
            }
            options = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        clock
    }

    /// A time of this clock in nanoseconds since 1970, or the nearest that fits.
    #[inline]
    pub(crate) fn unix_ns(&self, ticks: u64) -> i64 {
        let since_offset = match self.unit {
            Unit::Nanoseconds(factor) => i64::try_from(ticks).unwrap_or(i64::MAX).saturating_mul(factor),
            Unit::PerNanosecond(divisor) => i64::try_from(u128::from(ticks) / divisor).unwrap_or(i64::MAX),
            Unit::PowerOfTwo(exponent) => i64::try_from((u128::from(ticks) * 1_000_000_000) >> exponent).unwrap_or(i64::MAX),
        };
        since_offset.saturating_add(self.offset_ns)
    }
}

impl Unit {
    /// The option `if_tsresol`: an exponent of 1/10, or of 1/2 where the highest bit is set.
    fn from_resolution(resolution: u8) -> Self {
        match resolution {
            0..=9 => Unit::Nanoseconds(10_i64.pow(9 - u32::from(resolution))),
            10..=0x7f => Unit::PerNanosecond(10_u128.checked_pow(u32::from(resolution) - 9).unwrap_or(u128::MAX)),
            0x80.. => Unit::PowerOfTwo(resolution & 0x7f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let mut octets = [code.to_be_bytes(), (value.len() as u16).to_be_bytes()].concat();
        octets.extend_from_slice(value);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    fn check(resolution: u8, ticks: u64, expected_ns: i64) {
        let clock = Clock::from_options(true, &option(OPTION_TSRESOL, &[resolution]));
        assert_eq!(clock.unix_ns(ticks), expected_ns, "resolution {resolution:#x}, {ticks} ticks");
    }

    #[test]
    fn ticks_of_every_resolution_become_nanoseconds() {
        check(0, 5, 5_000_000_000);
        check(3, 5, 5_000_000);
        check(6, 1_700_000_000_123_456, 1_700_000_000_123_456_000);
        check(9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789);
        check(12, 1_700_000_000_123_456_789, 1_700_000_000_123_456);
        check(0x7f, u64::MAX, 0);
        check(0x80, 3, 3_000_000_000);
        check(0x8a, 1024 + 512, 1_500_000_000);
        check(0xa0, 1_700_000_000 << 32 | 1 << 31, 1_700_000_000_500_000_000);
        check(0xff, u64::MAX, 0);
    }

    #[test]
    fn times_that_do_not_fit_are_the_nearest_that_do() {
        check(0, u64::MAX, i64::MAX);
        check(6, u64::MAX, i64::MAX);
        check(9, u64::MAX, i64::MAX);
        check(0x80, u64::MAX, i64::MAX);
        check(10, u64::MAX, 1_844_674_407_370_955_161);
    }

    #[test]
    fn microseconds_since_1970_without_options() {
        assert_eq!(Clock::from_options(true, &[]).unix_ns(7), 7000);
    }

    #[test]
    fn offset_is_added_in_seconds_and_may_be_negative() {
        let mut options = option(2, b"eth0");
        options.extend(option(OPTION_TSOFFSET, &(-10_i64).to_be_bytes()));
        options.extend(option(OPTION_TSRESOL, &[9]));
        assert_eq!(Clock::from_options(true, &options).unix_ns(25_000_000_000), 15_000_000_000);
        let far = option(OPTION_TSOFFSET, &i64::MIN.to_be_bytes());
        assert_eq!(Clock::from_options(true, &far).unix_ns(0), i64::MIN);
    }

    #[test]
    fn options_after_the_end_cut_or_of_wrong_size_are_left_out() {
        let default = Clock::from_options(true, &[]);
        let mut options = option(OPTION_END, &[]);
        options.extend(option(OPTION_TSRESOL, &[9]));
        assert_eq!(Clock::from_options(true, &options), default);
        assert_eq!(Clock::from_options(true, &option(OPTION_TSRESOL, &[9, 9])), default);
        assert_eq!(Clock::from_options(true, &option(OPTION_TSOFFSET, &[1; 4])), default);
        assert_eq!(Clock::from_options(true, &[0, 9, 0, 200, 9]), default);
        assert_eq!(Clock::from_options(true, &[0, 9, 0]), default);
    }
}
