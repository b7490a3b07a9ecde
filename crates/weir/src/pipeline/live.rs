//! Packets of interfaces: a thread for each worker captures and meters its share of the connections, of all interfaces; one thread, the caller's,
//! prints and exports.

mod changes;

use std::io::{self, IsTerminal};
use std::num::NonZeroU8;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use weir_capture::{LiveCapture, LiveConfig, LiveError, LiveStats};
use weir_record::FlowBatch;

pub(crate) use changes::Changes;

use super::front::Front;
use super::meter::{BATCH_ROWS, ROWS_WAIT};
use super::outlet::Outlet;
use super::queue::{Queue, Taken};
use crate::collect::now;
use crate::config::{Meter, Origin, Sample};
use crate::exit::{Failure, say, tell};
use crate::export::{About, Metered};
use crate::report::meter::{Kernel, Totals};
use crate::stop::Stop;
use changes::Change;

/// Batches that may wait for the exporting thread, for each worker: past it the oldest is given up and counted.
const QUEUE_BATCHES: usize = 64;

/// How long a worker waits for packets before it looks at the clock.
const PACKETS_WAIT: Duration = Duration::from_millis(50);

/// Frames that are taken before a worker looks at the clock.
const FRAMES_A_ROUND: usize = 1 << 14;

/// How often the kernel is asked what it counted; its counters are narrow.
const KERNEL_ASKED: Duration = Duration::from_secs(10);

/// Listens until it is time to stop, and reports every flow.
pub(super) fn listen(
    config: &Meter,
    captures: Option<Captures>,
    front: impl Fn(usize) -> Front,
    outlet: &mut Outlet,
    stop: &Stop,
    about: &About,
    changes: &Changes,
) -> Result<Totals, Failure> {
    let workers = captures.map_or_else(|| open(config), Ok)?;
    say(&format!("listening on {}", config.interfaces.join(", ")));
    if io::stderr().is_terminal() && outlet.prints() {
        say(&format!("flows appear when they end, at the latest after {}; Ctrl-C stops", config.active_timeout));
    }
    let queue = Queue::new(QUEUE_BATCHES * workers.len(), workers.len());
    let workers: Vec<Worker<'_>> = workers
        .into_iter()
        .enumerate()
        .map(|(number, captures)| Worker::new(number, front(number), captures, Around { queue: &queue, stop, about, changes }))
        .collect();
    let (written, fronts, kernel) = thread::scope(|scope| {
        let threads: Vec<_> = workers.into_iter().map(|worker| scope.spawn(|| worker.run())).collect();
        let written = hand_out(Around { queue: &queue, stop, about, changes }, outlet);
        let ended: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
        let kernel = ended.iter().fold(Kernel::default(), |sum, worker| sum.and(worker.kernel));
        (written, ended.into_iter().map(|worker| (worker.front, worker.retired)).collect::<Vec<_>>(), kernel)
    });
    written?;
    let failures = kernel.gone;
    Ok(Totals {
        kernel: Some(kernel),
        queue_dropped: queue.dropped(),
        failures,
        ..Totals::of(fronts.into_iter().flat_map(|(front, retired)| [(front.meter.stats(), front.unreadable), (retired, 0)]))
    })
}

/// The captures of each worker, one an interface: the kernel gives both directions of a connection to the worker of one number on all of them.
pub(crate) type Captures = Vec<Vec<LiveCapture>>;

/// Begins to capture on the interfaces of a meter; what comes waits to be taken.
pub(crate) fn open(config: &Meter) -> Result<Captures, Failure> {
    let count = NonZeroU8::new(config.workers).unwrap_or(NonZeroU8::MIN);
    let mut workers: Captures = (0..count.get()).map(|_| Vec::new()).collect();
    for interface in &config.interfaces {
        let live = LiveConfig {
            filter: config.bpf.clone(),
            snap_length: config.snap_length,
            promiscuous: config.promiscuous,
            ring_bytes: config.ring.0,
            ..LiveConfig::new(interface.as_str())
        };
        let opened = match count.get() {
            1 => LiveCapture::open(&live).map(|capture| vec![capture]),
            _ => LiveCapture::open_workers(&live, count),
        };
        let opened = opened.map_err(|error| Failure::Failed(error.to_string()))?;
        workers.iter_mut().zip(opened).for_each(|(worker, capture)| worker.push(capture));
    }
    Ok(workers)
}

/// What collectors are told of a meter.
pub(super) fn metered(meter: &Meter) -> Result<Metered, Failure> {
    let random = matches!(meter.sample, Sample::Random(_));
    Ok(Metered { sampling: meter.rate(), random, interfaces: find(&meter.interfaces)? })
}

/// Numbers and names of these interfaces.
fn find(names: &[String]) -> Result<Vec<(u32, String)>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = weir_capture::interfaces().map_err(|error| Failure::Failed(format!("cannot list interfaces: {error}")))?;
    // One that is not there is refused when it is opened.
    let found = found.into_iter().filter(|interface| names.contains(&interface.name));
    Ok(found.map(|interface| (interface.index, interface.name)).collect())
}

/// Takes batches from the queue to the outlet until all workers have ended. After an error batches are taken all the same, so that no worker waits.
fn hand_out(around: Around<'_>, outlet: &mut Outlet) -> Result<(), Failure> {
    let Around { queue, stop, about, changes } = around;
    let mut result = Ok(());
    let mut flushed = Instant::now();
    // Exports follow the role of this unit behind so many batches.
    let mut turn: Option<usize> = None;
    loop {
        if changes.turned() {
            turn = Some(queue.len());
        }
        if turn.take_if(|batches| *batches == 0).is_some() {
            outlet.exports.gate().follow(Origin::Meter);
        }
        let taken = queue.take(ROWS_WAIT);
        let now = now();
        about.lost_records.store(queue.dropped(), Ordering::Relaxed);
        if let Some(filter) = changes.filter() {
            outlet.set_filter(&filter);
        }
        if result.is_ok() && flushed.elapsed() > ROWS_WAIT {
            result = outlet.flush(now).map_err(Failure::from);
            flushed = Instant::now();
        }
        match taken {
            Taken::Batch(batch) => {
                if result.is_ok() && !batch.is_empty() {
                    result = outlet.take(&batch, now).map_err(Failure::from);
                }
                queue.give_back(batch);
                turn.iter_mut().for_each(|batches| *batches = batches.saturating_sub(1));
            }
            Taken::Nothing => {}
            Taken::End => {
                if changes.turned() || turn.is_some() {
                    outlet.exports.gate().follow(Origin::Meter);
                }
                return result;
            }
        }
        if result.is_err() || outlet.is_full() {
            stop.now();
        }
    }
}

/// What workers and the one who takes their flows share.
#[derive(Clone, Copy)]
struct Around<'a> {
    queue: &'a Queue,
    stop: &'a Stop,
    about: &'a About,
    changes: &'a Changes,
}

/// Captures and meters its share.
struct Worker<'a> {
    number: usize,
    front: Front,
    captures: Vec<LiveCapture>,
    around: Around<'a>,
    /// The last change of roles that it has come to.
    turn: u64,
    /// What meters before this one counted.
    retired: weir_meter::Stats,
    flows: Box<FlowBatch>,
    kernel: Kernel,
    /// The part of interfaces that went away.
    gone: Kernel,
}

impl<'a> Worker<'a> {
    fn new(number: usize, front: Front, captures: Vec<LiveCapture>, around: Around<'a>) -> Self {
        Self {
            number,
            front,
            captures,
            around,
            turn: 0,
            retired: weir_meter::Stats::default(),
            flows: Box::default(),
            kernel: Kernel::default(),
            gone: Kernel::default(),
        }
    }

    fn run(mut self) -> Self {
        let (mut handed_over, mut asked) = (Instant::now(), Instant::now());
        let mut is_busy = false;
        while !self.around.stop.is_due() && !self.captures.is_empty() {
            self.take_change();
            if let Some((number, cut)) = self.around.changes.turn_after(self.turn) {
                self.turn(number, cut);
            }
            let wait = if is_busy { Duration::ZERO } else { PACKETS_WAIT / self.captures.len().max(1) as u32 };
            is_busy = self.round(wait, false);
            if !is_busy {
                // All that came before this was seen, so time goes on without packets.
                while self.front.meter.advance(oldest_to_come(), &mut self.flows) {
                    self.around.queue.push_or_drop(&mut self.flows);
                }
            }
            let is_time = handed_over.elapsed() > ROWS_WAIT;
            if is_time && !self.flows.is_empty() {
                self.around.queue.push_or_drop(&mut self.flows);
            }
            if is_time {
                handed_over = Instant::now();
            }
            if asked.elapsed() > KERNEL_ASKED {
                self.ask_kernel();
                asked = Instant::now();
            }
        }
        // An interface that came just before the end has packets already.
        self.take_change();
        self.drain();
        self.finish();
        self
    }

    /// Does otherwise what it is to do otherwise.
    fn take_change(&mut self) {
        if let Some(change) = self.around.changes.of_worker(self.number) {
            self.change(change);
            self.around.changes.done(self.number);
        }
    }

    /// Takes what the interfaces have at hand, in the order of time over all of them. False where nothing was taken.
    ///
    /// Where one has nothing, a frame of it may still come that is older than those of the others: they wait for as long as the kernel may keep it,
    /// unless it is the `last` round.
    fn round(&mut self, wait: Duration, last: bool) -> bool {
        let Self { front, captures, around: Around { queue, changes, .. }, flows, gone, .. } = self;
        captures.retain_mut(|capture| {
            let ready = capture.ready(wait);
            ready.map_err(|error| gone.lose(capture, &error)).inspect_err(|()| changes.lose(&capture.interface().name)).is_ok()
        });
        let horizon = if last { i64::MAX } else { oldest_to_come() };
        let mut taken = 0;
        while let Some((place, limit)) = next(captures, horizon)
            && taken < FRAMES_A_ROUND
        {
            let Some(capture) = captures.get_mut(place) else { break };
            // The kernel filters, and interfaces of other link types are refused when they are opened.
            let frames = capture.next_group(limit);
            taken += frames.len();
            let _ = front.push(&frames, flows, |_| {});
            if flows.rows() >= BATCH_ROWS {
                queue.push_or_drop(flows);
            }
            // What fails now fails in the next round too, and is told there.
            if capture.next_time().is_none() && !capture.ready(Duration::ZERO).unwrap_or(false) && captures.len() > 1 {
                break;
            }
        }
        taken > 0
    }

    /// Captures on other interfaces, and makes flows otherwise; what was captured before is in flows of the old kind.
    fn change(&mut self, change: Change) {
        let Change { add, keep, front } = change;
        self.captures.extend(add);
        if let Some(front) = front {
            self.round(Duration::ZERO, false);
            self.report_open();
            let before = std::mem::replace(&mut self.front, front);
            let retired = std::mem::take(&mut self.retired);
            self.retired = Totals::of([(retired, 0), (before.meter.stats(), before.unreadable)]).stats;
        }
        let gone = &mut self.gone;
        self.captures.retain_mut(|capture| {
            let stays = keep.contains(&capture.interface().name);
            if !stays {
                gone.add(capture.stats());
            }
            stays
        });
    }

    /// Hands over what it has, with records of open flows where these are to go on.
    fn turn(&mut self, number: u64, cut: bool) {
        self.turn = number;
        let Self { front, around: Around { queue, changes, .. }, flows, .. } = self;
        while cut && front.meter.cut(flows) {
            queue.push(flows);
        }
        if !flows.is_empty() {
            queue.push(flows);
        }
        changes.has_turned(self.number, number);
        // Whoever takes batches may be waiting for one.
        queue.push(flows);
    }

    /// Takes what the kernel still keeps.
    fn drain(&mut self) {
        let until = Instant::now() + LiveCapture::MAX_DELAY;
        while Instant::now() < until && !self.captures.is_empty() {
            self.round(PACKETS_WAIT / 10, false);
        }
        // One round may not be enough for what waits where it was not read for a while. What came after that is not waited for.
        let ended = now();
        while self.round(Duration::ZERO, true) {
            if self.captures.iter_mut().filter_map(LiveCapture::next_time).min().is_some_and(|oldest| oldest > ended) {
                return;
            }
        }
    }

    /// Reports the flows that are still open, waiting for room: no packet is lost by it any more.
    fn finish(&mut self) {
        self.report_open();
        self.ask_kernel();
        self.around.changes.ends(self.number);
        self.around.queue.leave();
    }

    /// Reports the flows that are open.
    fn report_open(&mut self) {
        while self.front.meter.finish(&mut self.flows) {
            self.around.queue.push(&mut self.flows);
        }
        if !self.flows.is_empty() {
            self.around.queue.push(&mut self.flows);
        }
    }

    /// What the kernel counted, of the interfaces that are there and of those that went away.
    fn ask_kernel(&mut self) {
        let mut counted = self.gone;
        self.captures.iter_mut().for_each(|capture| counted.add(capture.stats()));
        self.around.about.lost_packets.fetch_add(counted.dropped - self.kernel.dropped, Ordering::Relaxed);
        self.kernel = counted;
    }
}

/// Which of several captures has the oldest frame, and how far it may go on alone; none where nothing may be taken.
fn next(captures: &mut [LiveCapture], horizon: i64) -> Option<(usize, i64)> {
    if let [only] = captures {
        return only.next_time().map(|_| (0, i64::MAX));
    }
    let (mut first, mut limit): (Option<(usize, i64)>, i64) = (None, i64::MAX);
    for (place, capture) in captures.iter_mut().enumerate() {
        match (capture.next_time(), first) {
            (None, _) => limit = limit.min(horizon),
            (Some(time), Some((_, oldest))) if time >= oldest => limit = limit.min(time),
            (Some(time), before) => {
                limit = limit.min(before.map_or(i64::MAX, |(_, oldest)| oldest));
                first = Some((place, time));
            }
        }
    }
    first.filter(|(_, time)| *time <= limit).map(|(place, _)| (place, limit))
}

/// Frames older than this have all been handed over by the kernel, nanoseconds since 1970.
fn oldest_to_come() -> i64 {
    now().saturating_sub(LiveCapture::MAX_DELAY.as_nanos() as i64)
}

impl Kernel {
    /// An interface is captured on no more; its counters are kept.
    fn lose(&mut self, capture: &mut LiveCapture, error: &LiveError) {
        tell(&error.to_string());
        self.gone += 1;
        self.add(capture.stats());
    }

    fn add(&mut self, counted: Result<LiveStats, LiveError>) {
        if let Ok(counted) = counted {
            self.received += counted.received;
            self.dropped += counted.dropped;
        }
    }
}
