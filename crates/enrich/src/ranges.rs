//! Longest-prefix look-up: prefixes flattened into ranges of addresses that have one answer.

use weir_record::Address;

use crate::Prefix;

/// The ranges of one family while tables are built: where each begins and its number, ascending, the first at 0. Number 0 is nothing.
pub(crate) type Layer = Vec<(u128, u32)>;

/// Appends a range that begins where the last one ends; ranges of one number become one.
pub(crate) fn push_range(layer: &mut Layer, start: u128, number: u32) {
    match layer.last() {
        Some((last, _)) if *last == start => {
            layer.pop();
            push_range(layer, start, number);
        }
        Some((_, last)) if *last == number => {}
        _ => layer.push((start, number)),
    }
}

/// Flattens prefixes of one family, where the longest counts. The last of several equal ones wins.
pub(crate) fn flatten(prefixes: impl IntoIterator<Item = (Prefix, u32)>) -> Layer {
    let mut prefixes: Vec<(Prefix, u32)> = prefixes.into_iter().collect();
    // By first address, the shorter first: each comes after all that hold it.
    prefixes.sort_by_key(|(prefix, _)| (prefix.bounds().0, prefix.length()));
    let mut layer = vec![(0, 0)];
    // Those that hold the place reached: their last address and number.
    let mut open: Vec<(u128, u32)> = Vec::new();
    for (prefix, number) in prefixes {
        let (first, last) = prefix.bounds();
        close_before(&mut layer, &mut open, first);
        push_range(&mut layer, first, number);
        open.push((last, number));
    }
    while let Some((last, _)) = open.pop() {
        end_range(&mut layer, &open, last);
    }
    layer
}

/// Ends the open prefixes that do not reach `place`.
fn close_before(layer: &mut Layer, open: &mut Vec<(u128, u32)>, place: u128) {
    while let Some((last, _)) = open.last().copied().filter(|(last, _)| *last < place) {
        open.pop();
        end_range(layer, open, last);
    }
}

/// After a prefix ends, the one that holds it goes on.
fn end_range(layer: &mut Layer, open: &[(u128, u32)], last: u128) {
    let outer = open.last().map_or(0, |(_, number)| *number);
    if let Some(next) = last.checked_add(1) {
        push_range(layer, next, outer);
    }
}

/// Lays one layer over another: every range of the result has what `join` makes of the numbers of both.
pub(crate) fn overlay(one: &Layer, other: &Layer, mut join: impl FnMut(u32, u32) -> u32) -> Layer {
    let (mut at_one, mut at_other) = (one.iter().peekable(), other.iter().peekable());
    let (mut first, mut second) = (0, 0);
    let mut joined = Layer::new();
    loop {
        let start = match (at_one.peek(), at_other.peek()) {
            (None, None) => return joined,
            (Some((start, _)), None) | (None, Some((start, _))) => *start,
            (Some((one, _)), Some((other, _))) => *one.min(other),
        };
        first = at_one.next_if(|(next, _)| *next == start).map_or(first, |(_, number)| *number);
        second = at_other.next_if(|(next, _)| *next == start).map_or(second, |(_, number)| *number);
        push_range(&mut joined, start, join(first, second));
    }
}

/// Ranges of one family, ready for look-ups: a step by the upper 16 bits, then a binary search among those that begin alike.
#[derive(Clone, Debug, Default)]
struct Ranges<K> {
    starts: Vec<K>,
    numbers: Vec<u32>,
    /// How many ranges begin below each value of the upper 16 bits; one more at the end.
    steps: Vec<u32>,
}

impl<K: Copy + Ord> Ranges<K> {
    /// `narrow` makes a key of a start, or nothing past the family's last address; `step` gives the upper 16 bits of a key.
    fn new(layer: &Layer, narrow: impl Fn(u128) -> Option<K>, step: impl Fn(K) -> u16) -> Self {
        if layer.iter().all(|(_, number)| *number == 0) {
            return Self { starts: Vec::new(), numbers: Vec::new(), steps: Vec::new() };
        }
        let starts: Vec<K> = layer.iter().map_while(|(start, _)| narrow(*start)).collect();
        let mut steps = Vec::with_capacity(1 << 16 | 1);
        let mut below = 0;
        for value in 0..=u16::MAX {
            while starts.get(below).is_some_and(|start| step(*start) < value) {
                below += 1;
            }
            steps.push(below as u32);
        }
        steps.push(starts.len() as u32);
        Self { numbers: layer.iter().map(|(_, number)| *number).collect(), starts, steps }
    }

    #[inline]
    fn get(&self, key: K, step: u16) -> u32 {
        let step = usize::from(step);
        let (Some(from), Some(to)) = (self.steps.get(step), self.steps.get(step + 1)) else {
            return 0;
        };
        let from = *from as usize;
        let Some(starts) = self.starts.get(from..*to as usize) else {
            return 0;
        };
        let place = from + starts.partition_point(|start| *start <= key);
        place.checked_sub(1).and_then(|place| self.numbers.get(place)).copied().unwrap_or(0)
    }
}

/// Numbers by address, both families.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Places {
    pub(crate) fn new(v4: &Layer, v6: &Layer) -> Self {
        Self {
            v4: Ranges::new(v4, |start| u32::try_from(start).ok(), |key| (key >> 16) as u16),
            v6: Ranges::new(v6, Some, |key| (key >> 112) as u16),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.v4.starts.is_empty() && self.v6.starts.is_empty()
    }

    /// The number of the address; 0 where there is none.
    #[inline]
    pub(crate) fn get(&self, address: Address) -> u32 {
        let (high, low) = address.halves();
        if address.is_v4() {
            self.v4.get(low as u32, (low >> 16) as u16)
        } else {
            self.v6.get(u128::from(high) << 64 | u128::from(low), (high >> 48) as u16)
        }
    }

    /// How many ranges there are.
    pub(crate) const fn ranges(&self) -> usize {
        self.v4.starts.len() + self.v6.starts.len()
    }
}

/// Numbers by prefix, the longest that holds an address counts. For what is told by prefix: sources, who may send, groups.
#[derive(Clone, Debug, Default)]
pub struct PrefixMap {
    places: Places,
}

impl PrefixMap {
    /// From prefixes and a number below `u32::MAX` for each; the last of several equal prefixes wins.
    pub fn new(prefixes: &[(Prefix, u32)]) -> Self {
        let family = |is_v4: bool| {
            let of_family = prefixes.iter().filter(move |(prefix, _)| prefix.is_v4() == is_v4);
            flatten(of_family.map(|(prefix, number)| (*prefix, number.saturating_add(1))))
        };
        Self { places: Places::new(&family(true), &family(false)) }
    }

    /// True where it holds no prefix.
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The number of the longest prefix that holds the address.
    #[inline]
    pub fn get(&self, address: Address) -> Option<u32> {
        self.places.get(address).checked_sub(1)
    }
}

#[cfg(test)]
mod tests;
