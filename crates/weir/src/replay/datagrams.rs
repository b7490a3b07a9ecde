//! Captured datagrams on their way to a collector, as they are but for their times.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use weir_capture::CaptureFile;
use weir_codec::{Datagram, Protocol};
use weir_record::Address;
use weir_transport::{Counters, Sender, SenderOptions, State, Url};

use super::pace::Pace;
use super::shift::Shifter;
use super::{Clock, now, tell};
use crate::args::ReplayArgs;
use crate::exit::{Failure, Outcome};
use crate::pipeline::messages::{Carried, Messages};
use crate::progress::Progress;
use crate::report::Report;
use crate::stop::Stop;

/// Exporters that are told apart; those beyond leave as the last one.
const MAX_EXPORTERS: usize = 4_096;

/// How long the last messages may take to leave.
const LAST: Duration = Duration::from_secs(10);

pub(super) fn run(typed: &ReplayArgs, pace: Pace, stop: &Stop) -> Result<Outcome, Failure> {
    let url = typed.to.export.targets().next().cloned();
    let url = url.ok_or_else(|| Failure::Misuse("--to: names no collector".into()))?;
    let mut replay = Replay {
        line: Line { url, senders: HashMap::new(), others: None },
        shifter: Shifter::default(),
        clock: Clock::new(typed.original_time),
        pace,
        counts: Counts::default(),
        payload: Vec::new(),
    };
    let mut report = Report::new(false, true);
    loop {
        replay.pace.begin();
        let before = replay.counts.datagrams;
        for file in &typed.files {
            replay.read(file, &mut report, stop)?;
        }
        // A capture without datagrams would go round for ever.
        if !typed.again || stop.is_due() || replay.counts.datagrams == before {
            break;
        }
    }
    let Counts { datagrams, others, faults } = replay.counts;
    let Counters { messages, octets, errors, dropped, .. } = replay.line.close();
    tell(
        typed.stats,
        &[
            ("datagrams", messages),
            ("octets", octets),
            ("errors", errors),
            ("dropped", dropped),
            ("other_datagrams", others),
            ("incomplete_datagrams", faults),
        ],
    );
    let lost = dropped > 0 || datagrams > 0 && messages == 0;
    Ok(match report.failed_files() {
        0 if lost => Outcome::PartlyFailed,
        0 if datagrams == 0 => Outcome::NothingMatched,
        0 => Outcome::Done,
        _ => Outcome::PartlyFailed,
    })
}

struct Replay {
    line: Line,
    shifter: Shifter,
    clock: Clock,
    pace: Pace,
    counts: Counts,
    /// The datagram that is sent next.
    payload: Vec<u8>,
}

#[derive(Default)]
struct Counts {
    /// Datagrams of flow protocols.
    datagrams: u64,
    /// Datagrams that are none.
    others: u64,
    /// What could not be put together.
    faults: u64,
}

impl Replay {
    fn read(&mut self, file: &Path, report: &mut Report, stop: &Stop) -> Result<(), Failure> {
        let Some(mut capture) = report.begin(file, CaptureFile::open(file)) else {
            return Ok(());
        };
        let mut messages = Messages::default();
        let mut progress = Progress::new(file, capture.size());
        let mut sent = Ok(());
        while !stop.is_due()
            && sent.is_ok()
            && let Some(frame) = report.next(capture.next())
        {
            if !messages.read(&frame, |carried| self.take(&carried, stop, &mut sent)) {
                report.unreadable_link(frame.link_type);
            }
            progress.show(capture.position());
        }
        messages.finish(|carried| self.take(&carried, stop, &mut sent));
        report.end(capture.stats());
        sent
    }

    fn take(&mut self, carried: &Carried<'_>, stop: &Stop, sent: &mut Result<(), Failure>) {
        let is_export = |datagram: &Datagram<'_>| {
            Protocol::recognise(datagram.payload).is_some_and(|protocol| protocol.is_plausible(datagram.payload))
        };
        match carried {
            Carried::Message(datagram) => self.send(datagram, stop, sent),
            Carried::Candidate(datagram) if is_export(datagram) => self.send(datagram, stop, sent),
            Carried::Candidate(_) => self.counts.others += 1,
            Carried::Fault(_) => self.counts.faults += 1,
        }
    }

    fn send(&mut self, datagram: &Datagram<'_>, stop: &Stop, sent: &mut Result<(), Failure>) {
        if sent.is_err() || !self.pace.wait(datagram.received, 1, stop) {
            return;
        }
        self.counts.datagrams += 1;
        self.payload.clear();
        self.payload.extend_from_slice(datagram.payload);
        let seconds = self.clock.seconds(datagram.received, now());
        self.shifter.shift(datagram.from, &mut self.payload, seconds);
        match self.line.sender(datagram.from) {
            Ok(sender) => {
                // What the collector's host says of earlier datagrams is heard here; UDP is always ready.
                sender.state();
                sender.send(&self.payload);
            }
            Err(failure) => *sent = Err(failure),
        }
    }
}

/// The ways to the collector, one for each exporter, so that it tells them apart.
struct Line {
    url: Url,
    senders: HashMap<Address, Sender>,
    /// For exporters past the limit.
    others: Option<Box<Sender>>,
}

impl Line {
    fn sender(&mut self, from: Address) -> Result<&mut Sender, Failure> {
        let Self { url, senders, others } = self;
        let number = senders.len();
        if number >= MAX_EXPORTERS && !senders.contains_key(&from) {
            let sender = match others.take() {
                Some(sender) => sender,
                None => Box::new(open(url, number)?),
            };
            return Ok(others.insert(sender));
        }
        Ok(match senders.entry(from) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => place.insert(open(url, number)?),
        })
    }

    /// Lets the last messages go; what became of all.
    fn close(self) -> Counters {
        let mut sum = Counters::default();
        for sender in self.senders.into_values().chain(self.others.map(|sender| *sender)) {
            let counters = sender.close(LAST);
            sum.messages += counters.messages;
            sum.octets += counters.octets;
            sum.errors += counters.errors;
            sum.dropped += counters.dropped;
        }
        sum
    }
}

/// A way to the collector for the exporter of this number. On this machine each exporter has an address of its own, the first the usual one.
fn open(url: &Url, number: usize) -> Result<Sender, Failure> {
    let is_loopback = url.host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let own = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits().saturating_add(number));
    let source = (is_loopback && number > 0).then_some(IpAddr::V4(own));
    let opened = Sender::open(url, SenderOptions { source, ..SenderOptions::default() });
    let mut sender = opened.map_err(|error| Failure::Misuse(error.to_string()))?;
    // A name is being looked up.
    let end = Instant::now() + LAST;
    while sender.state() == State::Waiting && sender.counters().errors == 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(sender)
}
