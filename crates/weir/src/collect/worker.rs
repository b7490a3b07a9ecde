//! A worker: datagrams of its share of the exporters become rows, and rows become batches for the journal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use weir_codec::{Datagram, Decoder, Envelope, Faults, Protocol, Stats};
use weir_enrich::Scratch;
use weir_transport::{DatagramBatch, Inbox, Taken};

use super::batch::Batch;
use super::complaints::Complaints;
use super::now;
use super::settings::Settings;
use super::source::{Gained, Heard};
use super::sources::Sources;
use super::state::KeeperHandle;
use crate::config::ListenFormat;
use crate::pipeline::queue::{Load, Queue};
use crate::service::SharedTables;

/// Rows gathered before they go to the journal: enough to make a block of them small, few enough for memory.
pub(super) const BATCH_ROWS: usize = 16_384;
/// How long rows wait for others.
pub(super) const ROWS_WAIT: Duration = Duration::from_millis(250);
/// How often sources are looked after, and their state saved where it has changed.
pub(super) const LOOKED_AFTER: Duration = Duration::from_secs(1);
/// How often rows of health are written.
pub(super) const HEALTH_WRITTEN: Duration = Duration::from_secs(10);
/// Saving takes at most this part of a worker's time.
const SAVING_SHARE: u32 = 20;

/// What all workers share.
pub(crate) struct Common {
    /// The `[source.NAME]` sections.
    pub(crate) settings: ArcSwap<Settings>,
    /// What is added to rows.
    pub(crate) tables: SharedTables,
    pub(crate) complaints: Complaints,
    /// Listeners by their number, those that are closed included.
    pub(crate) ways: ArcSwap<Vec<Way>>,
    /// What was wrong with streams as such.
    pub(crate) stream_faults: Mutex<Faults>,
}

/// By which way a datagram came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way {
    /// The listener's name.
    pub(crate) name: String,
    pub(crate) format: ListenFormat,
}

impl Common {
    /// What was wrong with streams as such.
    pub(crate) fn stream_faults(&self) -> MutexGuard<'_, Faults> {
        self.stream_faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What others may see of a worker.
pub(crate) struct Desk {
    sources: Mutex<Sources>,
    stats: Mutex<Stats>,
}

/// Decodes what is in its inbox.
pub(crate) struct Worker {
    number: usize,
    inbox: Inbox,
    decoder: Decoder,
    scratch: Scratch,
    batch: Box<Batch>,
    queue: Arc<Queue<Batch>>,
    common: Arc<Common>,
    desk: Arc<Desk>,
    keeper: KeeperHandle,
    /// When the first row of the batch came.
    begun: Option<Instant>,
    looked_after: Instant,
    health_written: Instant,
    /// Changes of the decoder's state that were handed to the keeper.
    saved_changes: u64,
    save_again: Instant,
}

impl Desk {
    /// Room for so many sources.
    pub(crate) fn new(sources: usize) -> Self {
        Self { sources: Mutex::new(Sources::new(sources)), stats: Mutex::default() }
    }

    /// The sources of this worker; it waits while they are looked at.
    pub(crate) fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its decoder has counted, at most a quarter of a second ago.
    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    pub(crate) fn new(
        number: usize,
        inbox: Inbox,
        decoder: Decoder,
        queue: &Arc<Queue<Batch>>,
        common: &Arc<Common>,
        desk: &Arc<Desk>,
        keeper: KeeperHandle,
    ) -> Self {
        let now = Instant::now();
        Self {
            number,
            inbox,
            saved_changes: decoder.changes(),
            decoder,
            scratch: Scratch::default(),
            batch: Box::default(),
            queue: Arc::clone(queue),
            common: Arc::clone(common),
            desk: Arc::clone(desk),
            keeper,
            begun: None,
            looked_after: now,
            health_written: now,
            save_again: now,
        }
    }

    /// Works until the inbox is closed and empty.
    pub(crate) fn run(mut self) {
        let mut datagrams = DatagramBatch::default();
        loop {
            match self.inbox.take(&mut datagrams, self.patience()) {
                Taken::Batch => self.decode(&datagrams),
                Taken::Nothing => {}
                Taken::Closed => break,
            }
            self.look_after();
            let is_due = self.begun.is_some_and(|begun| begun.elapsed() >= ROWS_WAIT);
            if is_due || self.batch.rows() >= BATCH_ROWS {
                self.hand_over();
            }
        }
        self.finish();
    }

    /// How long it may wait for datagrams.
    fn patience(&self) -> Duration {
        self.begun.map_or(ROWS_WAIT, |begun| ROWS_WAIT.saturating_sub(begun.elapsed()))
    }

    /// Decodes datagrams, completes their rows, and notes them with their sources.
    fn decode(&mut self, datagrams: &DatagramBatch) {
        let Self { decoder, scratch, batch, common, desk, .. } = self;
        let Batch { output, health } = &mut **batch;
        let (settings, tables, ways) = (common.settings.load(), common.tables.load(), common.ways.load());
        let mut sources = desk.sources();
        let before_all = output.flows.rows();
        for lent in datagrams.iter() {
            if let Some(ended) = lent.stream.filter(|_| lent.payload.is_empty()) {
                decoder.end_stream(ended);
                continue;
            }
            let datagram = Datagram {
                payload: lent.payload,
                from: lent.from.into(),
                port: lent.port,
                stream: lent.stream,
                received: lent.received,
            };
            let forced = ways.get(usize::from(lent.listener)).is_some_and(|way| way.format == ListenFormat::FastNetMon);
            let protocol = if forced { Some(Protocol::FastNetMon) } else { Protocol::recognise(lent.payload) };
            let envelope = protocol.map(|protocol| Envelope::read(protocol, &datagram));
            let (first, before) = (output.flows.rows(), Gained::so_far(decoder.stats()));
            match protocol {
                Some(protocol) => decoder.decode_as(protocol, &datagram, output),
                None => decoder.decode(&datagram, output),
            }
            let known = settings.of(envelope.map_or(datagram.from, |envelope| envelope.exporter));
            if let Some(known) = known {
                known.apply(&mut output.flows, first);
            }
            let rows = output.flows.rows();
            let heard = Heard {
                from: datagram.from,
                stream: lent.stream,
                listener: lent.listener,
                received: lent.received,
                octets: lent.payload.len(),
                group: known.and_then(|known| known.group.as_deref()),
                envelope,
                gained: Gained::so_far(decoder.stats()).since(before),
                faults: decoder.stats().faults.recent(),
                sampling: rows.checked_sub(1).filter(|last| *last >= first).and_then(|last| output.flows.sampling_rate.get(last)),
            };
            sources.hear(&heard, health);
            if !heard.faults.is_empty() {
                common.complaints.note(lent.from, heard.faults);
            }
        }
        drop(sources);
        // What options records tell is in the decoder's state.
        output.options.clear();
        let rows = before_all..output.flows.rows();
        tables.enrich(&mut output.flows, rows, scratch);
        if batch.rows() > 0 {
            self.begun.get_or_insert_with(Instant::now);
        }
    }

    /// What is to be done now and then.
    fn look_after(&mut self) {
        let passed = self.looked_after.elapsed();
        if passed < LOOKED_AFTER {
            return;
        }
        self.looked_after = Instant::now();
        let now = now();
        if self.decoder.stats().pending > 0 {
            self.decoder.expire(now);
        }
        let mut sources = self.desk.sources();
        sources.pass(passed.as_secs_f64(), now, &self.decoder);
        if self.health_written.elapsed() >= HEALTH_WRITTEN {
            self.health_written = Instant::now();
            sources.turn(now, false, &mut self.batch.health);
        }
        drop(sources);
        if self.batch.rows() > 0 {
            self.begun.get_or_insert_with(Instant::now);
        }
        self.publish();
        if self.decoder.changes() != self.saved_changes && Instant::now() >= self.save_again {
            self.save();
        }
    }

    /// Gives the batch to the journal, as soon as that has room.
    fn hand_over(&mut self) {
        self.batch.finish();
        if self.batch.rows() > 0 {
            self.queue.push(&mut self.batch);
        }
        self.begun = None;
        self.publish();
    }

    /// Lets others see what was counted.
    fn publish(&self) {
        let mut stats = self.desk.stats();
        *stats = Stats::default();
        *stats += self.decoder.stats();
    }

    /// Hands templates and names over to be kept.
    fn save(&mut self) {
        let begun = Instant::now();
        self.keeper.keep(self.number, self.decoder.save());
        self.saved_changes = self.decoder.changes();
        self.save_again = Instant::now() + begun.elapsed() * SAVING_SHARE;
    }

    /// Nothing more will come.
    fn finish(mut self) {
        self.desk.sources().turn(now(), true, &mut self.batch.health);
        self.hand_over();
        self.save();
    }
}

/// However a worker ends, the journal does not wait for it any more.
impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.leave();
    }
}
