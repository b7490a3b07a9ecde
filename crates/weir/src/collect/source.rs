//! What is known of one source: an exporter's address and domain, as far as its datagrams tell.

use std::collections::BTreeMap;

use weir_codec::{Envelope, Fault, Protocol, Reason, SessionFacts, Stats};
use weir_record::{Address, HealthBatch};

use super::continuity::{Continuity, Step};
use super::health::{Minute, Missing};

/// What tells sources apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SourceKey {
    pub(crate) exporter: Address,
    pub(crate) domain: Option<u32>,
}

/// What was heard of a source so far.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Where its latest datagram came from.
    pub(crate) from: Address,
    /// The stream that brought it, where there is one.
    pub(crate) stream: Option<u64>,
    /// Number of the listener that received it.
    pub(crate) listener: u16,
    /// The group of which it is a unit.
    group: Option<Box<str>>,
    /// A bit for each protocol.
    protocols: u8,
    /// Nanoseconds since 1970.
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
    pub(crate) last_record: Option<i64>,
    pub(crate) datagrams: u64,
    pub(crate) octets: u64,
    pub(crate) records: u64,
    pub(crate) options_records: u64,
    pub(crate) counter_samples: u64,
    pub(crate) lost_records: u64,
    pub(crate) lost_datagrams: u64,
    pub(crate) reordered: u64,
    pub(crate) restarts: u64,
    pub(crate) faults: BTreeMap<Reason, u64>,
    /// Nanoseconds that its clock is ahead of ours, smoothed.
    pub(crate) skew: Option<f64>,
    /// The latest sampling rate in its records.
    pub(crate) sampling: Option<u32>,
    /// Templates and what waits for them.
    pub(crate) facts: SessionFacts,
    /// A second, over the last minute.
    pub(crate) datagram_rate: Rate,
    pub(crate) record_rate: Rate,
    /// Numbers that count records, and numbers that count datagrams.
    of_records: Continuity,
    of_datagrams: Continuity,
    minute: Minute,
}

/// A datagram and what came of it.
pub(crate) struct Heard<'a> {
    pub(crate) from: Address,
    pub(crate) stream: Option<u64>,
    pub(crate) listener: u16,
    pub(crate) received: i64,
    pub(crate) octets: usize,
    /// The group into which the configuration puts it.
    pub(crate) group: Option<&'a str>,
    /// What its header says; nothing where it is of no known protocol.
    pub(crate) envelope: Option<Envelope>,
    pub(crate) gained: Gained,
    pub(crate) faults: &'a [Fault],
    pub(crate) sampling: Option<u32>,
}

/// What the decoder counted for one datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gained {
    pub(crate) records: u64,
    pub(crate) options_records: u64,
    pub(crate) counter_samples: u64,
    pub(crate) step: Step,
}

impl Gained {
    /// What a decoder has counted so far.
    pub(crate) const fn so_far(stats: &Stats) -> Self {
        let step = Step { lost: stats.lost as i64, reordered: stats.reordered, restarts: stats.sequence_restarts };
        Self { records: stats.records, options_records: stats.options_records, counter_samples: stats.counter_samples, step }
    }

    /// What came since.
    pub(crate) const fn since(self, before: Self) -> Self {
        let step = Step {
            lost: self.step.lost - before.step.lost,
            reordered: self.step.reordered - before.step.reordered,
            restarts: self.step.restarts - before.step.restarts,
        };
        Self {
            records: self.records - before.records,
            options_records: self.options_records - before.options_records,
            counter_samples: self.counter_samples - before.counter_samples,
            step,
        }
    }
}

impl Source {
    /// A source that was never heard.
    pub(crate) fn new(heard: &Heard<'_>) -> Self {
        Self {
            from: heard.from,
            stream: heard.stream,
            listener: heard.listener,
            group: None,
            protocols: 0,
            first_seen: heard.received,
            last_seen: heard.received,
            last_record: None,
            datagrams: 0,
            octets: 0,
            records: 0,
            options_records: 0,
            counter_samples: 0,
            lost_records: 0,
            lost_datagrams: 0,
            reordered: 0,
            restarts: 0,
            faults: BTreeMap::new(),
            skew: None,
            sampling: None,
            facts: SessionFacts::default(),
            datagram_rate: Rate::default(),
            record_rate: Rate::default(),
            of_records: Continuity::default(),
            of_datagrams: Continuity::default(),
            minute: Minute::default(),
        }
    }

    /// Takes in a datagram; where it begins a new minute, the row of the one before is written.
    pub(crate) fn hear(&mut self, key: (Option<Address>, Option<u32>), heard: &Heard<'_>, health: &mut HealthBatch) {
        // A unit that was silent for a while begins another row, so that each says when records came.
        let resumes = self.minute.reported.is_some_and(|(_, last)| heard.received.saturating_sub(last) > PAUSE);
        if self.minute.is_over_at(heard.received) || resumes || self.group.as_deref() != heard.group {
            self.turn(key, heard.received, health);
            if self.group.as_deref() != heard.group {
                self.group = heard.group.map(Into::into);
            }
        }
        let Gained { records, options_records, counter_samples, step } = heard.gained;
        (self.from, self.stream) = (heard.from, heard.stream);
        (self.listener, self.last_seen) = (heard.listener, heard.received);
        self.datagrams += 1;
        self.octets += heard.octets as u64;
        self.records += records;
        self.options_records += options_records;
        self.counter_samples += counter_samples;
        if records > 0 {
            self.last_record = Some(heard.received);
            let first = self.minute.reported.map_or(heard.received, |(first, _)| first);
            self.minute.reported = Some((first, heard.received));
            self.sampling = heard.sampling;
        }
        self.reordered += step.reordered;
        self.restarts += step.restarts;
        self.minute.datagrams += 1;
        self.minute.records += records;
        self.minute.reordered += step.reordered;
        self.minute.restarts += step.restarts;
        for fault in heard.faults {
            *self.faults.entry(fault.reason).or_default() += 1;
            self.minute.faults += 1;
        }
        if let Some(envelope) = heard.envelope {
            self.hear_header(&envelope, heard);
        }
    }

    fn hear_header(&mut self, envelope: &Envelope, heard: &Heard<'_>) {
        self.protocols |= 1 << envelope.protocol as u8;
        match envelope.protocol {
            Protocol::NetFlow5 | Protocol::NetFlow7 | Protocol::Ipfix => self.of_records.take(heard.gained.step),
            Protocol::NetFlow9 | Protocol::SFlow => self.of_datagrams.take(heard.gained.step),
            Protocol::NetFlow1 | Protocol::FastNetMon => {}
        }
        if let Some(exported) = envelope.exported {
            let skew = (exported - heard.received) as f64;
            // A clock that was set is seen at once; what the way adds is smoothed.
            self.skew = Some(match self.skew {
                Some(before) if (skew - before).abs() < SKEW_JUMP => before + (skew - before) / SKEW_WEIGHT,
                _ => skew,
            });
        }
    }

    /// Writes what came since as a row, and opens the minute of that time.
    pub(crate) fn turn(&mut self, key: (Option<Address>, Option<u32>), time: i64, health: &mut HealthBatch) {
        let missing = Missing {
            records: self.of_records.take_lost(),
            datagrams: self.of_datagrams.take_lost(),
            // Those who have no place of their own are many counters: what they lose cannot be told.
            is_unknown: self.is_unknown() || key.0.is_none(),
        };
        self.lost_records += missing.records;
        self.lost_datagrams += missing.datagrams;
        self.minute.turn(key, self.group.as_deref(), missing, time, health);
    }

    /// Nothing more will come.
    pub(crate) fn end(&mut self, key: (Option<Address>, Option<u32>), time: i64, health: &mut HealthBatch) {
        self.of_records.confirm();
        self.of_datagrams.confirm();
        self.turn(key, time, health);
    }

    /// True where its numbers make no sense.
    pub(crate) const fn is_unknown(&self) -> bool {
        self.of_records.is_unknown() || self.of_datagrams.is_unknown()
    }

    /// Works out the rates after so many seconds.
    pub(crate) fn pass(&mut self, seconds: f64) {
        self.datagram_rate.pass(self.datagrams, seconds);
        self.record_rate.pass(self.records, seconds);
    }

    /// The protocols that it speaks.
    pub(crate) fn protocols(&self) -> impl Iterator<Item = Protocol> {
        PROTOCOLS.into_iter().filter(|protocol| self.protocols & 1 << *protocol as u8 != 0)
    }
}

const PROTOCOLS: [Protocol; 7] = [
    Protocol::NetFlow1,
    Protocol::NetFlow5,
    Protocol::NetFlow7,
    Protocol::NetFlow9,
    Protocol::Ipfix,
    Protocol::SFlow,
    Protocol::FastNetMon,
];

/// A source that sends records after a longer time begins another row of health; nanoseconds.
const PAUSE: i64 = 5_000_000_000;
/// Nanoseconds: a difference that no way makes.
const SKEW_JUMP: f64 = 5e9;
/// Messages over which the rest is smoothed.
const SKEW_WEIGHT: f64 = 16.0;

/// How much of something comes in a second, over about the last minute.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    counted: u64,
    rate: f64,
    /// Seconds that it covers, at most a minute.
    covers: f64,
}

impl Rate {
    /// Takes in what was counted so far, so many seconds after the last time.
    fn pass(&mut self, counted: u64, seconds: f64) {
        if seconds <= 0.0 {
            return;
        }
        let now = counted.saturating_sub(self.counted) as f64 / seconds;
        self.counted = counted;
        self.covers = (self.covers + seconds).min(60.0);
        self.rate += (now - self.rate) * (seconds / self.covers).min(1.0);
    }

    /// A second.
    pub(crate) const fn get(self) -> f64 {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_right_at_once_and_follows_within_minutes() {
        let mut rate = Rate::default();
        rate.pass(100, 1.0);
        assert!((rate.get() - 100.0).abs() < 1e-9);
        let mut counted = 100;
        for _ in 0..600 {
            counted += 50;
            rate.pass(counted, 1.0);
        }
        assert!((rate.get() - 50.0).abs() < 0.01, "{}", rate.get());
        for _ in 0..600 {
            rate.pass(counted, 1.0);
        }
        assert!(rate.get() < 0.01);
    }

    #[test]
    fn the_clock_of_a_source_is_smoothed_and_a_jump_is_seen_at_once() {
        let heard = |received: i64, exported: i64| Heard {
            from: Address::v4(1),
            stream: None,
            listener: 0,
            received,
            octets: 100,
            group: None,
            envelope: Some(Envelope {
                protocol: Protocol::Ipfix,
                exporter: Address::v4(1),
                domain: Some(0),
                exported: Some(exported),
            }),
            gained: Gained::default(),
            faults: &[],
            sampling: None,
        };
        let mut source = Source::new(&heard(0, 0));
        let (mut health, key) = (HealthBatch::new(), (Some(Address::v4(1)), Some(0)));
        for second in 0..100_i64 {
            source.hear(key, &heard(second * 1_000_000_000, second * 1_000_000_000 - second % 2 * 1_000_000), &mut health);
        }
        assert!((source.skew.unwrap() + 500_000.0).abs() < 100_000.0, "{:?}", source.skew);
        source.hear(key, &heard(0, -7_200_000_000_000), &mut health);
        assert_eq!(source.skew, Some(-7_200e9));
        assert_eq!(source.protocols().collect::<Vec<_>>(), [Protocol::Ipfix]);
    }
}
