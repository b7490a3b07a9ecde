//! The hours of which series do not hold exactly what was there: some of their records stand elsewhere.
//!
//! Two limits move records: one that lasted for longer than is spread stands in its last hours alone, and what finds no room for its source and minute goes
//! to the nearest that has some. Who reads of such an hour is told.

use std::collections::BTreeMap;

use weir_query::time::Placed;
use weir_record::Address;

use crate::cells::Key;
use crate::parts::HOUR;

/// Sources and hours that are told apart; past it hours are told without their source, which stands for every source.
const MOST: usize = 4096;

/// Hours that one record marks at most. Times further from their arrival are not believed in the first place.
const REACH: i64 = 26;

/// How often each source and hour was noted.
#[derive(Debug, Default)]
pub(crate) struct Displaced {
    hours: BTreeMap<Key, u64>,
}

impl Displaced {
    /// Notes the hour in which a time lies.
    pub(crate) fn note(&mut self, exporter: Option<Address>, time: i64) {
        let hour = time.saturating_sub(time.rem_euclid(HOUR));
        let is_known = self.hours.contains_key(&(exporter, hour));
        let exporter = if is_known || self.hours.len() < MOST { exporter } else { None };
        *self.hours.entry((exporter, hour)).or_default() += 1;
    }

    /// Notes each hour of an interval, the last ones where there are too many.
    pub(crate) fn note_all(&mut self, exporter: Option<Address>, placed: Placed) {
        let earliest = placed.end.saturating_sub(REACH * HOUR);
        let mut time = placed.start.max(earliest);
        while time < placed.end {
            self.note(exporter, time);
            time = time.saturating_add(HOUR);
        }
        self.note(exporter, placed.end);
    }

    /// Source, begin of the hour, and how often it was noted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, u64)> {
        self.hours.iter().map(|(key, count)| (*key, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_more_than_the_limit_is_every_source() {
        let mut displaced = Displaced::default();
        for source in 0..=MOST as u32 {
            displaced.note(Some(Address::v4(source)), HOUR + 5);
        }
        assert_eq!(displaced.iter().count(), MOST + 1);
        assert_eq!(displaced.iter().next(), Some(((None, HOUR), 1)));
        displaced.note(Some(Address::v4(7)), HOUR + 6);
        assert!(displaced.iter().any(|found| found == ((Some(Address::v4(7)), HOUR), 2)), "who is known stays known");
    }

    #[test]
    fn every_hour_of_a_record_is_noted_up_to_its_reach() {
        let hours = |start: i64, end: i64| {
            let mut displaced = Displaced::default();
            displaced.note_all(None, Placed { start, end });
            displaced.iter().map(|((_, hour), _)| hour / HOUR).collect::<Vec<_>>()
        };
        assert_eq!(hours(HOUR - 1, 3 * HOUR), [0, 1, 2, 3]);
        assert_eq!(hours(HOUR, 3 * HOUR - 1), [1, 2]);
        assert_eq!(hours(0, i64::MAX).len() as i64, REACH + 1);
        assert_eq!(hours(i64::MIN, i64::MIN).len(), 1);
    }
}
