//! Flows on their way to a collector: filter, sample, encode, send; for each endpoint by itself.

mod encoding;
mod health;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use weir_query::{Filter, Mask};
use weir_record::{FlowBatch, names};
use weir_transport::{Counters, Scheme, Sender, SenderOptions, State};

use crate::config::Export;
use crate::exit::tell;
use encoding::Encoding;
use health::Health;

/// Sends flows to one endpoint.
pub(crate) struct Exporter {
    name: String,
    /// None where every record is wanted.
    filter: Option<Filter>,
    sampling: Sampling,
    encoding: Encoding,
    wire: Wire,
    mask: Mask,
    chosen: FlowBatch,
    records: u64,
    health: Health,
}

/// What a collector is told besides flows.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// 1 in so many packets, or of their connections, is metered.
    pub(crate) sampling: u32,
    /// They are chosen by chance.
    pub(crate) random: bool,
    /// Numbers and names of interfaces; empty where packets come from files.
    pub(crate) interfaces: Vec<(u32, String)>,
    /// Packets lost before the meter, as far as that is known.
    pub(crate) lost_packets: AtomicU64,
    /// Records lost between the meter and the exporters.
    pub(crate) lost_records: AtomicU64,
}

/// What became of the records for an endpoint.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) name: String,
    /// Records that were to be sent.
    records: u64,
    /// Values, and records of another family, for which the protocol has no place.
    left_out: u64,
    counters: Counters,
}

/// Chooses 1 in N connections, both directions together.
struct Sampling {
    every: u32,
    /// Connections until the next that is chosen.
    skip: u32,
}

/// The sender, with a hand on the tap.
pub(super) struct Wire {
    sender: Sender,
    /// Waits for a peer that is slow; else messages for which there is no room are dropped and counted.
    is_patient: bool,
    datagrams: bool,
    burst: u32,
    burst_began: Instant,
    /// Messages handed to the sender.
    handed: u64,
    /// There is a session.
    is_up: bool,
}

/// Datagrams that leave at once: so many find room in the socket of a collector with the default buffer of Linux.
const BURST: u32 = 32;
/// The least time for a burst.
const BURST_TIME: Duration = Duration::from_millis(1);
/// How long a collector is waited for where nobody loses anything by it: to answer, to read on, to take the rest.
const PATIENCE: Duration = Duration::from_secs(10);

impl Exporter {
    /// An exporter to this endpoint; nothing is sent yet. Live, packets are more urgent than a collector that is slow.
    /// The error is a sentence.
    pub(crate) fn open(name: &str, export: &Export, is_live: bool, about: &Arc<About>) -> Result<Self, String> {
        let options = SenderOptions { source: export.source, ..SenderOptions::default() };
        let sender = Sender::open(&export.url.0, options).map_err(|error| error.to_string())?;
        Ok(Self {
            name: name.to_owned(),
            filter: Some(export.filter.0.clone()).filter(|filter| *filter != Filter::any()),
            sampling: Sampling { every: export.sampling.0, skip: 0 },
            encoding: Encoding::new(export, Arc::clone(about)),
            wire: Wire {
                sender,
                is_patient: !is_live,
                datagrams: export.url.0.scheme == Scheme::Udp,
                burst: 0,
                burst_began: Instant::now(),
                handed: 0,
                is_up: false,
            },
            mask: Mask::new(),
            chosen: FlowBatch::new(),
            records: 0,
            health: Health::new(export.url.0.scheme == Scheme::Udp),
        })
    }

    /// Sends the rows of a batch that this endpoint wants. `now` is the time of export, nanoseconds since 1970.
    pub(crate) fn send(&mut self, batch: &FlowBatch, now: i64) {
        let Self { filter, sampling, encoding, wire, mask, chosen, records, .. } = self;
        if batch.is_empty() {
            return;
        }
        let batch = if filter.is_none() && sampling.every == 1 {
            batch
        } else {
            match filter {
                Some(filter) => filter.evaluate(batch, mask),
                None => mask.select_all(batch.rows()),
            }
            sampling.choose(batch, mask, chosen);
            chosen
        };
        *records += batch.rows() as u64;
        wire.prepare(encoding);
        encoding.encode(batch, now, wire);
        wire.sender.flush();
        self.tell_changes();
    }

    /// To be called now and then while nothing is to be sent: connections are built up, and what was said is said again.
    pub(crate) fn idle(&mut self, now: i64) {
        self.wire.prepare(&mut self.encoding);
        self.encoding.refresh(now, &mut self.wire);
        self.wire.sender.flush();
        self.tell_changes();
    }

    /// Says that the collector has gone, or has come back.
    fn tell_changes(&mut self) {
        if let Some(said) = self.health.look(self.wire.is_up, self.wire.sender.counters(), Instant::now()) {
            tell(&format!("{}: {said}", self.name));
        }
    }

    /// Lets the last messages go out, until then at the latest, and says what became of all.
    pub(crate) fn close(self, until: Instant) -> Sent {
        let Self { name, encoding, wire, records, .. } = self;
        let patience = until.saturating_duration_since(Instant::now());
        Sent { name, records, left_out: encoding.left_out(), counters: wire.sender.close(patience) }
    }
}

impl Sent {
    /// Whether the endpoint lacks what it was to be sent; said in words.
    pub(crate) fn tell_failure(&self) -> bool {
        let Counters { messages, errors, dropped, .. } = self.counters;
        if dropped > 0 {
            let what = if messages == 0 { "nothing was sent, " } else { "" };
            tell(&format!("{}: {what}{dropped} messages were dropped", self.name));
        } else if messages == 0 && errors > 0 {
            tell(&format!("{}: nothing was sent", self.name));
        }
        dropped > 0 || messages == 0 && errors > 0
    }

    /// By name.
    pub(crate) fn counters(&self) -> [(&'static str, u64); 6] {
        let Counters { messages, octets, errors, dropped, .. } = self.counters;
        [
            ("records", self.records),
            ("messages", messages),
            ("octets", octets),
            ("dropped_messages", dropped),
            ("errors", errors),
            ("left_out", self.left_out),
        ]
    }
}

impl Sampling {
    /// Takes 1 in N of the connections with rows in `mask` into `chosen`, and says so in their sampling rate.
    fn choose(&mut self, batch: &FlowBatch, mask: &Mask, chosen: &mut FlowBatch) {
        chosen.clear();
        if self.every == 1 {
            chosen.append_where(batch, |row| mask.get(row));
            return;
        }
        let mut rows = Vec::with_capacity(mask.count() / self.every as usize + 2);
        let (mut before, mut takes) = (None, false);
        for row in mask.iter() {
            let is_second = before.is_some_and(|before| is_pair(batch, before, row));
            before = Some(row);
            if !is_second {
                takes = self.skip == 0;
                self.skip = if takes { self.every - 1 } else { self.skip - 1 };
            }
            if takes {
                rows.push(row);
            }
        }
        chosen.append_where(batch, |row| rows.binary_search(&row).is_ok());
        let rates = std::mem::take(&mut chosen.sampling_rate);
        for row in 0..chosen.rows() {
            chosen.sampling_rate.push(row, rates.get(row).unwrap_or(1).saturating_mul(self.every));
        }
    }
}

/// True where the second row is the responder's half of the first: it stands behind it, and goes the other way.
fn is_pair(batch: &FlowBatch, first: usize, second: usize) -> bool {
    let halves = [first, second].map(|row| batch.biflow.get(row));
    second == first + 1
        && halves == [Some(names::INITIATOR), Some(names::RESPONDER)]
        && batch.src_addr.get(first) == batch.dst_addr.get(second)
        && batch.src_port.get(first) == batch.dst_port.get(second)
}

impl Wire {
    /// Waits for the peer where that is allowed, and tells the encoding of a new session.
    fn prepare(&mut self, encoding: &mut Encoding) {
        let begun = Instant::now();
        loop {
            let state = self.sender.state();
            self.is_up = state != State::Waiting;
            match state {
                State::Began => return encoding.begin_session(),
                State::Ready => return,
                State::Waiting if self.is_patient && begun.elapsed() < PATIENCE => thread::sleep(BURST_TIME),
                State::Waiting => {
                    // Once is enough for a peer that is not there.
                    self.is_patient = false;
                    return;
                }
            }
        }
    }

    /// Octets sent so far.
    const fn octets(&self) -> u64 {
        self.sender.counters().octets
    }

    /// Sends a message.
    pub(super) fn send(&mut self, message: &[u8]) {
        self.sender.send(message);
        self.handed += 1;
        if self.datagrams {
            self.pace();
        } else if self.is_patient {
            self.wait_for_room();
        }
    }

    /// A collector on a fast link loses what comes faster than it reads: no more than a burst leaves in its time.
    fn pace(&mut self) {
        self.burst += 1;
        if self.burst < BURST {
            return;
        }
        if let Some(rest) = BURST_TIME.checked_sub(self.burst_began.elapsed()) {
            thread::sleep(rest);
        }
        self.burst = 0;
        self.burst_began = Instant::now();
    }

    /// Waits until the peer has read what was sent, since more might be dropped.
    fn wait_for_room(&mut self) {
        let begun = Instant::now();
        loop {
            self.sender.flush();
            let Counters { messages, dropped, .. } = *self.sender.counters();
            let waiting = self.handed.saturating_sub(messages + dropped);
            if waiting < u64::from(BURST) {
                return;
            }
            if begun.elapsed() > PATIENCE {
                self.is_patient = false;
                return;
            }
            thread::sleep(BURST_TIME);
        }
    }
}
