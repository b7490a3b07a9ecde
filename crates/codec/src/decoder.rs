//! Takes messages of any flow protocol, one after the other, and keeps what must be known between them.

use weir_record::Address;
use weir_record::registry::Registry;

use crate::fault::{Fault, Reason};
use crate::limits::Limits;
use crate::sequence::{Sender, Sequences};
use crate::session::{ExporterKey, SessionFacts, Sessions};
use crate::sets::Message;
use crate::template::Runner;
use crate::{Datagram, Output, Protocol, Stats, fastnetmon, ipfix, netflow5, netflow9, sflow};

/// What a decoder is told at the beginning.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What strangers can make it keep.
    pub limits: Limits,
    /// The elements that are known by name.
    pub registry: Registry,
}

/// Decodes messages of every flow protocol.
///
/// One decoder serves many exporters; state is kept apart by exporter. It reads no clock: what waits for a template expires by the
/// arrival times of later messages, or by [`Decoder::expire`].
#[derive(Debug, Default)]
pub struct Decoder {
    pub(crate) config: Config,
    pub(crate) sessions: Sessions,
    pub(crate) sequences: Sequences,
    pub(crate) runner: Runner,
    pub(crate) stats: Stats,
    /// Octets that wait for templates, in all sessions.
    pub(crate) pending_octets: usize,
    /// Counts template records, to know which was announced longest ago.
    pub(crate) announcements: u64,
    /// Counts what was learnt that [`Decoder::save`] would write otherwise: templates, names, sampling rates.
    pub(crate) changes: u64,
    /// When waiting data is looked through next, nanoseconds since 1970.
    next_expiry: i64,
}

impl Decoder {
    /// A decoder that has heard nothing yet.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Decodes a message of whatever protocol it is, and appends its rows. Its faults are in [`Decoder::stats`].
    pub fn decode(&mut self, datagram: &Datagram<'_>, out: &mut Output) {
        match Protocol::recognise(datagram.payload) {
            Some(protocol) => self.decode_as(protocol, datagram, out),
            None => self.unknown(datagram),
        }
    }

    /// Decodes a datagram from among all that a network carried: one that only begins like a flow protocol is none.
    pub fn decode_plausible(&mut self, datagram: &Datagram<'_>, out: &mut Output) {
        match Protocol::recognise(datagram.payload).filter(|protocol| protocol.is_plausible(datagram.payload)) {
            Some(protocol) => self.decode_as(protocol, datagram, out),
            None => self.unknown(datagram),
        }
    }

    /// Decodes a message that is known to be of a protocol, as where a listener is set to FastNetMon Flow.
    pub fn decode_as(&mut self, protocol: Protocol, datagram: &Datagram<'_>, out: &mut Output) {
        self.begin(datagram);
        match protocol {
            Protocol::NetFlow1 | Protocol::NetFlow5 | Protocol::NetFlow7 => {
                netflow5::decode(datagram, out, &mut self.stats, &mut self.sequences);
            }
            Protocol::NetFlow9 => netflow9::decode(self, datagram, out),
            Protocol::Ipfix => ipfix::decode(self, datagram, out),
            Protocol::SFlow => sflow::decode(datagram, out, &mut self.stats, &mut self.sequences),
            Protocol::FastNetMon => fastnetmon::decode(datagram, out, &mut self.stats),
        }
    }

    /// What was counted so far.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How often templates, names or sampling rates have changed: whoever saves the state need not save it while this stays the same.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// What is known of an exporter whose protocol has templates, over UDP or over that stream; nothing of others.
    pub fn facts(&self, from: Address, domain: u32, protocol: Protocol, stream: Option<u64>) -> Option<SessionFacts> {
        let ipfix = match protocol {
            Protocol::Ipfix => true,
            Protocol::NetFlow9 => false,
            _ => return None,
        };
        self.sessions.facts(&ExporterKey { address: from, domain, ipfix, stream })
    }

    /// Ends a stream, and with it its sessions (RFC 7011, section 8.4): templates are forgotten, and data that waits for one will never have it.
    pub fn end_stream(&mut self, stream: u64) {
        let (ended, evicted) = self.sessions.end_stream(stream);
        self.pending_octets -= evicted.pending_octets;
        self.stats.pending -= evicted.pending_sets;
        for _ in 0..evicted.pending_sets {
            self.stats.faults.add(Fault::new(Reason::UnknownTemplate, 0, 0));
        }
        for (key, port) in ended {
            // A message number means something within its connection only.
            let protocol = if key.ipfix { Protocol::Ipfix } else { Protocol::NetFlow9 };
            self.sequences.forget(&Sender { exporter: key.address, port, domain: key.domain, protocol });
        }
    }

    /// Counts a fault that was met outside: in a stream's framing, or in what carried the message.
    pub fn fault(&mut self, fault: Fault) {
        self.stats.faults.add(fault);
    }

    /// Gives up data that has waited for its template for too long; each such set is a fault.
    pub fn expire(&mut self, now: i64) {
        let before = now.saturating_sub(self.config.limits.pending_time);
        for session in self.sessions.iter_mut() {
            let octets = session.pending.octets();
            session.pending.expire(before, |set| {
                self.stats.pending -= 1;
                self.stats.faults.add(Fault::new(Reason::UnknownTemplate, set.offset, u64::from(set.template)));
            });
            self.pending_octets -= octets - session.pending.octets();
        }
    }

    /// Compares a message's sequence number with the one that was expected. `advance` is by how much it moves the counter, or
    /// nothing where that cannot be known.
    pub(crate) fn note_sequence(&mut self, message: &Message, sequence: u32, advance: Option<u32>) {
        let protocol = if message.key.ipfix { Protocol::Ipfix } else { Protocol::NetFlow9 };
        let stamp = &message.stamp;
        let sender = Sender { exporter: stamp.exporter, port: stamp.port, domain: stamp.domain, protocol };
        match advance {
            Some(advance) => self.sequences.observe(sender, sequence, advance, &mut self.stats),
            None => self.sequences.forget(&sender),
        }
    }

    fn unknown(&mut self, datagram: &Datagram<'_>) {
        self.begin(datagram);
        let seen = datagram.payload.first_chunk().map_or(0, |version| u16::from_be_bytes(*version));
        self.stats.faults.add(Fault::new(Reason::UnknownProtocol, 0, u64::from(seen)));
    }

    fn begin(&mut self, datagram: &Datagram<'_>) {
        self.stats.datagrams += 1;
        self.stats.faults.begin_message();
        // Looking through the sessions at every message would cost more than decoding it.
        if self.stats.pending > 0 && datagram.received >= self.next_expiry {
            self.next_expiry = datagram.received.saturating_add(self.config.limits.pending_time / 16);
            self.expire(datagram.received);
        }
    }
}
