//! The sources of one worker: bounded, whatever addresses a stranger makes up.
//!
//! Whoever comes when all places are taken counts in one place for all others. A source that was silent for an hour gives up its place when one is wanted.

use std::collections::HashMap;

use weir_codec::Decoder;
use weir_record::HealthBatch;

use super::source::{Heard, Source, SourceKey};

/// A source that is silent for longer makes room; nanoseconds.
const MAKES_ROOM: i64 = 3_600_000_000_000;

/// The sources that one worker decodes.
#[derive(Default)]
pub(crate) struct Sources {
    limit: usize,
    places: HashMap<SourceKey, Source>,
    /// All that found no place.
    others: Option<Box<Source>>,
    /// Datagrams of those since room was looked for.
    crowded: bool,
}

impl Sources {
    /// At most so many.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Takes in a datagram; rows of minutes that are over go to `health`.
    pub(crate) fn hear(&mut self, heard: &Heard<'_>, health: &mut HealthBatch) {
        let (exporter, domain) = heard.envelope.map_or((heard.from, None), |envelope| (envelope.exporter, envelope.domain));
        let key = SourceKey { exporter, domain };
        if let Some(source) = self.places.get_mut(&key) {
            return source.hear((Some(exporter), domain), heard, health);
        }
        if self.places.len() < self.limit {
            let source = self.places.entry(key).or_insert_with(|| Source::new(heard));
            return source.hear((Some(exporter), domain), heard, health);
        }
        self.crowded = true;
        let others = self.others.get_or_insert_with(|| Box::new(Source::new(heard)));
        // Their numbers are of many counters, so nothing follows from them.
        others.hear((None, None), &Heard { envelope: None, group: None, ..*heard }, health);
    }

    /// Works out rates after so many seconds, asks the decoder what it knows, and makes room where it is wanted.
    pub(crate) fn pass(&mut self, seconds: f64, now: i64, decoder: &Decoder) {
        for (key, source) in &mut self.places {
            source.pass(seconds);
            // Nothing that the decoder knows changes while nothing comes, but that data is given up.
            if now - source.last_seen > RECENT && source.facts.pending == 0 {
                continue;
            }
            let facts = source.protocols().find_map(|protocol| decoder.facts(source.from, key.domain?, protocol, source.stream));
            source.facts = facts.unwrap_or_default();
        }
        if let Some(others) = &mut self.others {
            others.pass(seconds);
        }
        if std::mem::take(&mut self.crowded) {
            self.places.retain(|_, source| now - source.last_seen < MAKES_ROOM);
        }
    }

    /// Works out rates after so many seconds, of sources that no decoder knows.
    pub(crate) fn pass_alone(&mut self, seconds: f64) {
        self.places.values_mut().for_each(|source| source.pass(seconds));
    }

    /// Writes what came since as rows. `is_end`: nothing more will come.
    pub(crate) fn turn(&mut self, now: i64, is_end: bool, health: &mut HealthBatch) {
        let places = self.places.iter_mut().map(|(key, source)| ((Some(key.exporter), key.domain), source));
        let others = self.others.iter_mut().map(|others| ((None, None), &mut **others));
        for (key, source) in places.chain(others) {
            match is_end {
                true => source.end(key, now, health),
                false => source.turn(key, now, health),
            }
        }
    }

    /// Every source that has a place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SourceKey, &Source)> {
        self.places.iter().map(|(key, source)| (*key, source))
    }

    /// All that found no place.
    pub(crate) fn others(&self) -> Option<&Source> {
        self.others.as_deref()
    }
}

/// What was heard since the last time that it was looked at, with room to spare; nanoseconds.
const RECENT: i64 = 5_000_000_000;

#[cfg(test)]
mod tests {
    use weir_record::Address;

    use super::*;
    use crate::collect::source::Gained;

    fn heard(from: u32, received: i64) -> Heard<'static> {
        let gained = Gained { records: 2, ..Gained::default() };
        Heard {
            from: Address::v4(from),
            stream: None,
            listener: 0,
            received,
            octets: 10,
            group: None,
            envelope: None,
            gained,
            faults: &[],
            sampling: None,
        }
    }

    #[test]
    fn one_more_than_the_limit_counts_with_all_others() {
        let (mut sources, mut health) = (Sources::new(100), HealthBatch::new());
        for from in 0..100_000 {
            sources.hear(&heard(from, 1), &mut health);
        }
        assert_eq!(sources.iter().count(), 100);
        assert_eq!(sources.others().map(|others| (others.datagrams, others.records)), Some((99_900, 199_800)));
        sources.turn(1, false, &mut health);
        health.finish();
        // A row of each, and one without an address.
        assert_eq!(health.rows(), 101);
        assert_eq!(health.datagrams.values().iter().sum::<u64>(), 100_000);
        assert_eq!((0..101).filter(|row| health.exporter.get(*row).is_none()).count(), 1);
        // What is missing of those cannot be told; of the others nothing is.
        let is_unknown = |row| health.sequence_unknown.get(row) == Some(1);
        assert!((0..101).all(|row| is_unknown(row) == health.exporter.get(row).is_none()));
    }

    #[test]
    fn the_silent_make_room() {
        let (mut sources, mut health) = (Sources::new(2), HealthBatch::new());
        let decoder = Decoder::default();
        sources.hear(&heard(1, 0), &mut health);
        sources.hear(&heard(2, MAKES_ROOM), &mut health);
        sources.pass(1.0, MAKES_ROOM + 1, &decoder);
        assert_eq!(sources.iter().count(), 2, "nobody wants room");
        sources.hear(&heard(3, MAKES_ROOM + 1), &mut health);
        sources.pass(1.0, MAKES_ROOM + 1, &decoder);
        sources.hear(&heard(3, MAKES_ROOM + 2), &mut health);
        let mut kept: Vec<_> = sources.iter().map(|(key, _)| key.exporter).collect();
        kept.sort();
        assert_eq!(kept, [Address::v4(2), Address::v4(3)]);
    }
}
