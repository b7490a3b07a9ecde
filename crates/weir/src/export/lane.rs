//! The thread that takes records to one collector, or to the first of several that can be reached.
//!
//! batches -> those that are wanted ([`choice`](super::choice)) -> wait ([`buffer`](super::buffer)) -> messages ([`encoding`](super::encoding)) -> network. Records are let go of when the
//! sender says that the peer has them; when a session is lost before, its last ones are sent again in the next one.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use weir_record::FlowBatch;
use weir_transport::{Scheme, Sender, State, Url};

use super::buffer::Buffer;
use super::choice::{Choice, is_pair};
use super::counted::{Counted, TargetCounted};
use super::encoding::Encoding;
use super::gate::Gate;
use super::health::{Health, Seen};
use super::pace::Pace;
use crate::collect::now;
use crate::exit::tell;
use crate::pipeline::queue::{Load, Queue, Taken};

/// Rows that are made into messages at once.
const STEP: usize = 512;
/// Octets that wait in the sender, beyond which no further messages are made.
const ENOUGH: usize = 1 << 20;
/// How long to wait for a collector that has no room, and for one that is being connected to, before looking again.
const SOON: Duration = Duration::from_millis(1);
const CONNECTING: Duration = Duration::from_millis(20);
/// And where there is nothing to do.
const IDLE: Duration = Duration::from_millis(250);
/// Without progress for so long, a collector is not waited for any more where that keeps others waiting.
const PATIENCE: Duration = Duration::from_secs(10);
/// A session that was lost at the end gets so long to come back.
const LAST_TRY: Duration = Duration::from_secs(2);
/// A collector that is left has so long to take what it was sent.
const LEAVING: Duration = Duration::from_millis(200);

/// A batch on its way to a lane; several lanes share it.
#[derive(Default)]
pub(super) struct Piece(pub(super) Option<Arc<FlowBatch>>);

impl Load for Piece {
    fn rows(&self) -> usize {
        self.0.as_ref().map_or(0, |flows| flows.rows())
    }

    fn clear(&mut self) {
        self.0 = None;
    }
}

/// What a lane shares with others.
pub(super) struct Shared {
    pub(super) queue: Queue<Piece>,
    pub(super) counted: Mutex<Counted>,
    /// How to end, once nothing comes any more.
    pub(super) ending: Mutex<Ending>,
}

/// How a lane ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// When all is sent, or at this time.
    Sent(Instant),
    /// At once: another lane goes on with what waits.
    HandedOver,
}

/// Takes records to a collector.
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) choice: Choice,
    pub(super) buffer: Buffer,
    /// Where it is on disk.
    pub(super) folder: Option<PathBuf>,
    pub(super) gate: Arc<Gate>,
    /// It was open when this was looked at last.
    pub(super) was_open: bool,
    pub(super) encoding: Encoding,
    pub(super) targets: Vec<Target>,
    /// The target that has a session, and whether it takes messages now.
    pub(super) current: Option<usize>,
    pub(super) is_taking: bool,
    pub(super) session: Session,
    pub(super) pace: Pace,
    pub(super) health: Health,
    /// Whoever makes the records can wait, so a collector that is slow loses none.
    pub(super) is_patient: bool,
    pub(super) counted: Counted,
    pub(super) progressed: Instant,
    /// Sampling of flows was warned of.
    pub(super) has_warned: bool,
}

/// A collector.
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) sender: Sender,
}

/// What of the records was sent in a session.
#[derive(Default)]
pub(super) struct Session {
    /// Messages that the sender was given.
    handed: u64,
    /// Which rows the messages have told, oldest first, as far as they may have to be told again.
    marks: VecDeque<Mark>,
    /// The batch that is being sent, its number, and the next row of it.
    batch: Option<(u64, Arc<FlowBatch>, usize)>,
    /// The place of the first row that may have to be told again: number of its batch, row.
    settled: (u64, usize),
}

/// Rows up to a place are told by the messages up to a number.
struct Mark {
    messages: u64,
    place: (u64, usize),
    rows: u64,
}

impl Target {
    fn is_datagrams(&self) -> bool {
        matches!(self.url.scheme, Scheme::Udp | Scheme::Dtls)
    }
}

impl Lane {
    /// Goes on with what another lane has left, in its buffer or in one of another kind.
    pub(super) fn take_over(&mut self, mut old: Self, capacity: usize) {
        let restored = self.counted.restored + old.counted.restored;
        self.counted = Counted { restored, targets: std::mem::take(&mut self.counted.targets), ..old.counted };
        if self.folder == old.folder {
            old.buffer.set_capacity(capacity);
            (self.buffer, self.session.settled) = (old.buffer, old.session.settled);
            return;
        }
        while let Some((number, flows, first)) = old.buffer.next(&mut self.counted.dropped) {
            let flows = if first == 0 { flows } else { Arc::new(rows_from(&flows, first)) };
            self.counted.dropped += self.buffer.push(flows);
            old.buffer.release(number + 1);
        }
        old.buffer.tend(true);
    }

    /// Counts on for a lane that nobody goes on with: what it holds in memory is lost, and what is on disk stays there and counts where it is taken up again.
    pub(super) fn count_for(&mut self, old: Self) {
        if old.buffer.is_lasting() {
            return;
        }
        let left = old.buffer.rows();
        let counted =
            Counted { dropped: old.counted.dropped + left, waiting: 0, waiting_octets: 0, targets: Vec::new(), ..old.counted };
        self.counted += counted;
        if left > 0 {
            tell(&format!("{}: {left} records that waited are dropped: nobody is to be sent them any more", old.name));
        }
    }

    /// Works until nothing comes any more and what waits is sent, or as it is told to end.
    pub(super) fn run(mut self, shared: &Shared) -> Self {
        let (mut more, mut since_end) = (true, None);
        let dropped_before = self.counted.queue_dropped;
        loop {
            let has_no_room = self.is_patient && self.buffer.is_full() && self.has_rows();
            if more && !has_no_room {
                match shared.queue.take(self.pause()) {
                    Taken::Batch(mut piece) => {
                        if let Some(flows) = piece.0.take() {
                            self.accept(flows);
                        }
                        shared.queue.give_back(piece);
                    }
                    Taken::Nothing => {}
                    Taken::End => more = false,
                }
            } else {
                thread::sleep(self.pause());
            }
            self.work(now());
            self.counted.queue_dropped = dropped_before + shared.queue.dropped();
            self.publish(shared);
            let ending = *shared.ending.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(ending, Ending::Sent(until) if Instant::now() >= until) {
                self.is_patient = false;
            }
            if !more && self.is_done(ending, *since_end.get_or_insert_with(Instant::now)) {
                self.finish(ending);
                self.publish(shared);
                return self;
            }
        }
    }

    /// How long it may wait for a batch.
    fn pause(&self) -> Duration {
        let Some(target) = self.current.and_then(|place| self.targets.get(place)).filter(|_| self.is_taking) else {
            return CONNECTING;
        };
        match target.sender.waiting() {
            0 if self.has_rows() => Duration::ZERO,
            0 => IDLE,
            ..ENOUGH if self.has_rows() => Duration::ZERO,
            _ => SOON,
        }
    }

    fn has_rows(&self) -> bool {
        self.buffer.rows() > 0 || self.session.batch.is_some()
    }

    /// Takes the rows of a batch that are wanted.
    fn accept(&mut self, flows: Arc<FlowBatch>) {
        let chosen = self.choice.choose(&flows, &mut self.counted.chosen);
        if self.counted.chosen.samples_flows && !self.has_warned {
            self.has_warned = true;
            tell(&format!(
                "{}: sampling leaves out whole flows: totals of them are estimates that a few large flows may shift",
                self.name
            ));
        }
        if !self.has_rows() {
            self.progressed = Instant::now();
        }
        self.counted.dropped += self.buffer.push(chosen.map_or(flows, Arc::new));
    }

    /// Moves everything on as far as it goes without waiting for the network.
    fn work(&mut self, now: i64) {
        self.connect();
        let is_open = self.gate.is_open(self.encoding.export());
        if is_open && !self.was_open {
            self.encoding.announce();
        }
        self.was_open = is_open;
        // A unit that stands by says nothing, once all is sent that it had to say.
        if is_open || self.has_rows() {
            self.send(now);
        }
        self.settle();
        self.buffer.tend(false);
        self.count();
        self.tell_changes();
    }

    /// Sees which target has a session: the first that can be reached.
    fn connect(&mut self) {
        // What the session that may be over now has settled.
        self.settle();
        self.is_taking = false;
        let mut place = 0;
        while place < self.targets.len() && self.current.is_none_or(|current| place <= current) {
            let Some(target) = self.targets.get_mut(place) else { return };
            let is_current = self.current == Some(place);
            match target.sender.state() {
                State::Ending if is_current => return,
                State::Ending => {}
                State::Waiting if is_current => {
                    // What it has settled to the end.
                    self.settle();
                    self.current = None;
                    self.send_again();
                }
                State::Waiting => {}
                State::Ready if is_current => {
                    self.is_taking = true;
                    return;
                }
                State::Began | State::Ready => {
                    if !is_current {
                        self.leave();
                    }
                    (self.current, self.is_taking) = (Some(place), true);
                    self.send_again();
                    self.encoding.begin_session();
                    self.progressed = Instant::now();
                    // Those behind it are not wanted any more: a connection that nobody looks after would be of no use later.
                    self.targets.iter_mut().skip(place + 1).for_each(|target| target.sender.finish(Duration::ZERO));
                    return;
                }
            }
            place += 1;
        }
    }

    /// Ends the session that there is, in order. True where all that it was given is with the network at least.
    fn leave(&mut self) -> bool {
        let Some(target) = self.current.and_then(|place| self.targets.get_mut(place)) else { return true };
        target.sender.finish(LEAVING);
        let is_handed = target.sender.is_handed();
        self.settle();
        (self.current, self.is_taking) = (None, false);
        is_handed
    }

    /// What the last session has not settled waits again; what had to make room meanwhile is lost.
    fn send_again(&mut self) {
        let session = std::mem::take(&mut self.session);
        let (place, row) = session.settled;
        let sent: u64 = session.marks.iter().map(|mark| mark.rows).sum();
        let wanted = sent + session.left();
        self.counted.resent += sent;
        self.counted.dropped += wanted.saturating_sub(self.buffer.go_back(place, row));
        let position = self.buffer.position();
        self.session.settled = if position > place { (position, 0) } else { (place, row) };
    }

    /// Sends rows of the batch that is under way, or of the next one, until the sender has enough.
    fn send(&mut self, now: i64) {
        let Self { encoding, targets, session, pace, buffer, counted, .. } = self;
        if !self.is_taking {
            return;
        }
        let Some(target) = self.current.and_then(|place| targets.get_mut(place)) else { return };
        let pace = target.is_datagrams().then_some(pace);
        let mut tap = Tap { sender: &mut target.sender, pace, handed: &mut session.handed };
        encoding.refresh(now, tap.sender.counters().octets, &mut |message| tap.send(message));
        if session.batch.is_none() {
            session.batch = buffer.next(&mut counted.dropped);
        }
        if let Some((number, flows, row)) = &mut session.batch {
            while *row < flows.rows() && tap.sender.waiting() < ENOUGH {
                let end = end_of_step(flows, *row);
                encoding.encode(flows, *row..end, now, &mut |message| tap.send(message));
                let rows = (end - *row) as u64;
                counted.sent += rows;
                let place = if end < flows.rows() { (*number, end) } else { (*number + 1, 0) };
                session.marks.push_back(Mark { messages: *tap.handed, place, rows });
                *row = end;
            }
            if *row >= flows.rows() {
                session.batch = None;
            }
        }
        target.sender.flush();
    }

    /// Lets go of the rows that the collector has.
    fn settle(&mut self) {
        let Some(target) = self.current.and_then(|place| self.targets.get_mut(place)) else { return };
        let Session { marks, settled, .. } = &mut self.session;
        let messages = target.sender.settled();
        while let Some(mark) = marks.pop_front_if(|mark| mark.messages <= messages) {
            *settled = mark.place;
        }
        self.buffer.release(settled.0);
    }

    /// Counts what became of all.
    fn count(&mut self) {
        let counted = &mut self.counted;
        counted.left_out = self.encoding.left_out();
        counted.waiting = self.buffer.rows() + self.session.left();
        counted.waiting_octets = self.buffer.octets();
        let before = counted.messages();
        for (place, (target, told)) in self.targets.iter().zip(&mut counted.targets).enumerate() {
            *told = TargetCounted {
                url: target.url.to_string(),
                counters: *target.sender.counters(),
                is_up: self.current == Some(place),
            };
        }
        if counted.messages() > before {
            self.progressed = Instant::now();
        }
    }

    /// Says that the collector has gone, or has come back.
    fn tell_changes(&mut self) {
        let counted = &self.counted;
        let seen = Seen {
            is_up: self.current.is_some(),
            messages: counted.messages(),
            errors: counted.targets.iter().map(|target| target.counters.errors).sum(),
            dropped: counted.dropped + counted.queue_dropped,
        };
        let place = self.current.unwrap_or(0);
        let trouble = self.targets.get(place).and_then(|target| target.sender.trouble());
        if let Some(said) = self.health.look(seen, trouble, self.buffer.trouble(), Instant::now()) {
            tell(&format!("{}: {said}", self.name));
        }
        if self.progressed.elapsed() > PATIENCE && self.has_rows() {
            self.is_patient = false;
        }
    }

    /// Lets others see what was counted.
    fn publish(&self, shared: &Shared) {
        shared.counted.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.counted);
    }

    /// Nothing comes any more since then: whether nothing is left to do, or to hope for.
    fn is_done(&self, ending: Ending, since: Instant) -> bool {
        let Ending::Sent(until) = ending else { return true };
        let all_sent = !self.has_rows() && self.targets.iter().all(|target| target.sender.waiting() == 0);
        let patience = if self.is_patient { PATIENCE } else { LAST_TRY };
        let is_hopeless = self.current.is_none() && since.max(self.progressed).elapsed() > patience;
        all_sent || is_hopeless || Instant::now() >= until
    }

    /// Ends the session, and counts what nobody will send.
    fn finish(&mut self, ending: Ending) {
        let is_last = matches!(ending, Ending::Sent(_)) && !self.buffer.is_lasting();
        // Nobody sends again what the network has, so it counts as sent.
        if self.leave()
            && is_last
            && let Some(mark) = self.session.marks.back()
        {
            self.session.settled = mark.place;
            self.session.marks.clear();
        }
        self.send_again();
        if is_last {
            let mut lost = 0;
            while let Some((_, flows, first)) = self.buffer.next(&mut lost) {
                lost += (flows.rows() - first) as u64;
            }
            self.counted.dropped += lost;
        }
        self.buffer.tend(true);
        self.count();
    }
}

impl Session {
    /// One in which nothing before the batch of this number has to be told.
    pub(super) fn begin(batch: u64) -> Self {
        Self { settled: (batch, 0), ..Self::default() }
    }

    /// Rows of the batch under way that are still to be told.
    fn left(&self) -> u64 {
        self.batch.as_ref().map_or(0, |(_, flows, row)| (flows.rows() - row) as u64)
    }
}

/// The sender, with a hand on the tap.
struct Tap<'a> {
    sender: &'a mut Sender,
    pace: Option<&'a mut Pace>,
    handed: &'a mut u64,
}

impl Tap<'_> {
    fn send(&mut self, message: &[u8]) {
        self.sender.send(message);
        *self.handed += 1;
        if let Some(pace) = &mut self.pace {
            pace.pass(message.len());
        }
    }
}

/// The rows of a batch from this one on.
fn rows_from(flows: &FlowBatch, first: usize) -> FlowBatch {
    let mut rest = FlowBatch::new();
    rest.append_where(flows, |row| row >= first);
    rest.finish();
    rest
}

/// Where the step that begins at a row ends; both halves of a connection are in one step.
fn end_of_step(flows: &FlowBatch, row: usize) -> usize {
    let end = (row + STEP).min(flows.rows());
    if end < flows.rows() && is_pair(flows, end - 1, end) { end + 1 } else { end }
}
