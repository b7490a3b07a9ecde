//! Sets of numbers, and columns of numbers compared with them.
//!
//! Whatever compares a number comes down to "lies in one of these ranges". Signed times are compared as unsigned numbers
//! with the sign turned over, which keeps their order.

use weir_record::AnyColumn;
use weir_record::column::Fixed;

use super::Block;
use super::leaf::{for_words, gather, sixty_four};

/// Turns the sign of a signed number over.
pub(crate) const fn ordered(number: i64) -> u64 {
    number as u64 ^ 1 << 63
}

/// Ranges of numbers, both ends included, ascending and apart from each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NumberSet {
    lows: Vec<u64>,
    highs: Vec<u64>,
}

impl NumberSet {
    /// Of ranges in any order; those that end before they begin are empty.
    pub(crate) fn new(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.retain(|(low, high)| low <= high);
        ranges.sort_unstable();
        let mut set = Self::default();
        for (low, high) in ranges {
            match set.highs.last_mut() {
                Some(last) if low <= last.saturating_add(1) => *last = high.max(*last),
                _ => {
                    set.lows.push(low);
                    set.highs.push(high);
                }
            }
        }
        set
    }

    #[inline]
    pub(crate) fn contains(&self, number: u64) -> bool {
        let past = self.lows.partition_point(|low| *low <= number);
        past.checked_sub(1).and_then(|place| self.highs.get(place)).is_some_and(|high| number <= *high)
    }

    /// The range if it is one alone.
    pub(super) fn only(&self) -> Option<(u64, u64)> {
        match (&*self.lows, &*self.highs) {
            ([low], [high]) => Some((*low, *high)),
            _ => None,
        }
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.lows.iter().copied().zip(self.highs.iter().copied())
    }
}

/// What is asked of each number of a column.
#[derive(Clone, Debug)]
pub(super) enum NumberTest {
    /// It lies in the first range or in the second.
    Ranges([(u64, u64); 2]),
    /// Its bit is set; for columns of 8 and 16 bits.
    Bits(Box<[u64]>),
    /// It is in the set.
    Set(NumberSet),
    /// All of these bits are set in it.
    AllOf(u64),
}

impl NumberTest {
    /// The cheapest test for a column whose numbers go up to `max`.
    pub(super) fn new(set: NumberSet, max: u64) -> Self {
        let within: Vec<_> = set.ranges().filter(|(low, _)| *low <= max).map(|(low, high)| (low, high.min(max))).collect();
        match *within {
            [] => Self::Set(NumberSet::default()),
            [only] => Self::Ranges([only, only]),
            [first, second] => Self::Ranges([first, second]),
            _ if max <= u16::MAX.into() => {
                let mut bits = vec![0u64; max as usize / 64 + 1];
                for number in within.into_iter().flat_map(|(low, high)| low..=high) {
                    if let Some(word) = bits.get_mut(number as usize / 64) {
                        *word |= 1 << (number % 64);
                    }
                }
                Self::Bits(bits.into())
            }
            _ => Self::Set(set),
        }
    }

    fn holds(&self, number: u64) -> bool {
        match self {
            Self::Ranges(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&number)),
            Self::Bits(bits) => {
                let word = bits.get((number / 64) as usize);
                word.is_some_and(|word| word >> (number % 64) & 1 == 1)
            }
            Self::Set(set) => set.contains(number),
            Self::AllOf(flags) => number & flags == *flags,
        }
    }
}

/// Clears the bits of rows whose number does not pass. With `absent_is_zero`, a row without a value has the value 0.
pub(super) fn restrict(
    column: AnyColumn<'_>,
    test: &NumberTest,
    negated: bool,
    absent_is_zero: bool,
    first: usize,
    block: &mut Block,
) {
    let run = Run { test, negated, absent: absent_is_zero && test.holds(0) != negated, first };
    match column {
        AnyColumn::U8(column) => run.over(column, block),
        AnyColumn::U16(column) => run.over(column, block),
        AnyColumn::U32(column) => run.over(column, block),
        AnyColumn::U64(column) => run.over(column, block),
        AnyColumn::Time(column) => run.over(column, block),
        AnyColumn::Ip(_) | AnyColumn::Text(_) | AnyColumn::List(_) => block.fill(0),
    }
}

struct Run<'a> {
    test: &'a NumberTest,
    negated: bool,
    /// Whether rows without a value pass.
    absent: bool,
    first: usize,
}

impl Run<'_> {
    fn over<T: Lane>(&self, column: &Fixed<T>, block: &mut Block) {
        if column.is_empty() && !self.absent {
            block.fill(0);
            return;
        }
        match self.test {
            NumberTest::Ranges([(low, high), second]) if (*low, *high) == *second => {
                let (low, width) = (T::cut(*low), T::cut(high - low));
                self.each(column, block, |value| value.lies_in(low, width));
            }
            NumberTest::Ranges([(low, high), (second_low, second_high)]) => {
                let (low, width) = (T::cut(*low), T::cut(high - low));
                let (second_low, second_width) = (T::cut(*second_low), T::cut(second_high - second_low));
                self.each(column, block, |value| value.lies_in(low, width) | value.lies_in(second_low, second_width));
            }
            NumberTest::AllOf(flags) => {
                let flags = T::cut(*flags);
                self.each(column, block, |value| value.has_all(flags));
            }
            NumberTest::Bits(_) | NumberTest::Set(_) => {
                self.each(column, block, |value| self.test.holds(value.ordered()));
            }
        }
    }

    #[inline]
    fn each<T: Lane>(&self, column: &Fixed<T>, block: &mut Block, holds: impl Fn(T) -> bool) {
        let validity = column.validity();
        for_words(block, self.first, |index, word| {
            let values = sixty_four(column.values(), index);
            let mut octets = [0u8; 64];
            for (octet, value) in octets.iter_mut().zip(values.iter()) {
                *octet = u8::from(holds(*value));
            }
            let held = gather(&octets) ^ if self.negated { u64::MAX } else { 0 };
            let valid = validity.word(index);
            let absent = if self.absent { !valid } else { 0 };
            word & (held & valid | absent)
        });
    }
}

/// A number as it lies in a column, compared in its own width so that as many as possible are compared at once.
trait Lane: Copy + Default {
    /// The low bits of a number that fits; of a time, the number that [`ordered`] gave.
    fn cut(number: u64) -> Self;
    /// True for the numbers from `low` to `low + width`.
    fn lies_in(self, low: Self, width: Self) -> bool;
    fn has_all(self, flags: Self) -> bool;
    /// As numbers of sets are.
    fn ordered(self) -> u64;
}

macro_rules! unsigned_lane {
    ($($number:ty),*) => { $(
        impl Lane for $number {
            #[inline]
            fn cut(number: u64) -> Self {
                number as Self
            }
            #[inline]
            fn lies_in(self, low: Self, width: Self) -> bool {
                self.wrapping_sub(low) <= width
            }
            #[inline]
            fn has_all(self, flags: Self) -> bool {
                self & flags == flags
            }
            #[inline]
            fn ordered(self) -> u64 {
                self.into()
            }
        }
    )* };
}

unsigned_lane!(u8, u16, u32, u64);

impl Lane for i64 {
    #[inline]
    fn cut(number: u64) -> Self {
        number as Self
    }
    #[inline]
    fn lies_in(self, low: Self, width: Self) -> bool {
        (self.ordered()).wrapping_sub(low as u64) <= width as u64
    }
    #[inline]
    fn has_all(self, flags: Self) -> bool {
        self & flags == flags
    }
    #[inline]
    fn ordered(self) -> u64 {
        ordered(self)
    }
}
