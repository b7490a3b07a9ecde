//! What was wrong with connections, by the address that they came from; bounded, whatever addresses strangers connect from.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use weir_codec::Reason;
use weir_transport::StreamEnd;

/// Senders that are remembered; connections of further ones are counted and told in the log only.
const TROUBLED: usize = 4096;

/// A sender whose connections ended otherwise than they should.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// Nanoseconds since 1970.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) faults: BTreeMap<Reason, u64>,
    /// How the latest one ended, a sentence.
    pub(crate) what: String,
}

/// The senders that a listener has had trouble with.
#[derive(Debug, Default)]
pub(crate) struct Troubles(HashMap<IpAddr, Trouble>);

impl Troubles {
    /// Notes the end of a connection at that time, nanoseconds since 1970.
    pub(crate) fn note(&mut self, from: IpAddr, end: &StreamEnd, fault: Option<Reason>, now: i64) {
        let is_full = self.0.len() >= TROUBLED;
        if is_full && !self.0.contains_key(&from) {
            return;
        }
        let new = || Trouble { first: now, last: now, faults: BTreeMap::new(), what: String::new() };
        let trouble = self.0.entry(from).or_insert_with(new);
        trouble.last = now;
        trouble.what = end.to_string();
        if let Some(reason) = fault {
            *trouble.faults.entry(reason).or_default() += 1;
        }
    }

    /// All that are remembered.
    pub(crate) fn all(&self) -> impl Iterator<Item = (IpAddr, &Trouble)> {
        self.0.iter().map(|(from, trouble)| (*from, trouble))
    }
}

impl Trouble {
    /// Adds what the same sender did at another listener.
    pub(crate) fn add(&mut self, other: &Self) {
        if other.last > self.last {
            self.what.clone_from(&other.what);
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for (reason, count) in &other.faults {
            *self.faults.entry(*reason).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_the_limit_is_not_remembered() {
        let mut troubles = Troubles::default();
        for last in 0..=TROUBLED as u32 {
            troubles.note(std::net::Ipv4Addr::from_bits(last).into(), &StreamEnd::Closed, None, 1);
        }
        assert_eq!(troubles.all().count(), TROUBLED);
        troubles.note([0, 0, 0, 0].into(), &StreamEnd::MadeRoom, Some(Reason::BadFrame), 2);
        let (_, known) = troubles.all().find(|(from, _)| from.is_unspecified()).unwrap();
        assert_eq!(
            (known.last, known.faults[&Reason::BadFrame], known.what.as_str()),
            (2, 1, StreamEnd::MadeRoom.to_string().as_str())
        );
    }
}
