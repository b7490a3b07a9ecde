//! Records on their way to collectors: those of the meter, and those that the store has taken.
//!
//! Each endpoint has a thread of its own (two that are sent everything have two), so that none waits for another. Whoever makes records lends them to all:
//! [`Exports::offer`] costs a lock and a pointer for each endpoint.

mod lane;

mod buffer;
mod choice;
mod encoding;
mod waiting;

mod counted;
mod gate;
mod health;
mod pace;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use weir_record::FlowBatch;
use weir_transport::{Scheme, Sender, SenderOptions, Url};

pub(crate) use counted::{Counted, Sent, TargetCounted};

use crate::config::{Config, Export, Mode, Origin};
use crate::pipeline::queue::Queue;
use buffer::Buffer;
use choice::Choice;
use encoding::Encoding;
use gate::Gate;
use health::Health;
use lane::{Ending, Lane, Piece, Session, Shared, Target};
use pace::Pace;

/// Batches that may wait for an endpoint's thread: past it the oldest is given up and counted.
const QUEUE_BATCHES: usize = 64;
/// Octets that may wait in a sender: a step of the longest messages.
const SENDER_BUFFER: usize = 64 << 20;
/// How long a collector that is not sent anything any more may take what waits.
const REMOVED: Duration = Duration::from_secs(2);

/// All endpoints, and the way to them.
pub(crate) struct Exports {
    is_live: bool,
    about: Arc<ArcSwap<About>>,
    gate: Arc<Gate>,
    running: Mutex<BTreeMap<String, Running>>,
    /// Lanes of exports that are gone, while they end. Held while exports change.
    removed: Mutex<Vec<LaneHandle>>,
}

/// What a collector is told besides records.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// How the meter is set now.
    pub(crate) metered: ArcSwap<Metered>,
    /// Packets lost before the meter, as far as that is known.
    pub(crate) lost_packets: AtomicU64,
    /// Records lost between the meter and the exporters.
    pub(crate) lost_records: AtomicU64,
}

/// How packets are metered.
#[derive(Debug, Default)]
pub(crate) struct Metered {
    /// 1 in so many packets, or of their connections, is metered.
    pub(crate) sampling: u32,
    /// They are chosen by chance.
    pub(crate) random: bool,
    /// Numbers and names of interfaces; empty where packets come from files.
    pub(crate) interfaces: Vec<(u32, String)>,
}

/// An endpoint while it runs.
struct Running {
    export: Export,
    lanes: Vec<LaneHandle>,
}

/// A hand on the thread of a lane.
struct LaneHandle {
    name: String,
    shared: Arc<Shared>,
    /// Where its records wait on disk.
    folder: Option<PathBuf>,
    thread: Option<JoinHandle<Option<Lane>>>,
}

impl Exports {
    /// No endpoint yet. Live, what comes is more urgent than a collector that is slow; otherwise whoever makes records waits for it.
    pub(crate) fn new(is_live: bool) -> Self {
        Self { is_live, about: Arc::default(), gate: Arc::default(), running: Mutex::default(), removed: Mutex::default() }
    }

    /// Goes over to the exports of a configuration: those that are the same go on undisturbed, a changed one keeps what waits for its collector. After an error
    /// nothing has changed. The error is a sentence.
    pub(crate) fn apply(&self, new: &Config) -> Result<(), String> {
        self.go_over(&new.export)
    }

    /// The same for endpoints without a configuration around them.
    pub(crate) fn go_over(&self, new: &BTreeMap<String, Export>) -> Result<(), String> {
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        removed.extract_if(.., |lane| lane.is_finished()).for_each(LaneHandle::conclude);
        let mut begun = Vec::new();
        for (name, export) in new.iter().filter(|(name, export)| !self.is_running(name, export)) {
            let failed = |error| format!("export.{name}.{error}");
            let lanes = self.lanes(name, export).map_err(failed)?;
            let handles = lanes.iter().map(LaneHandle::start).collect::<std::io::Result<Vec<_>>>();
            let handles = handles.map_err(|error| format!("export.{name}: cannot start a thread: {error}"))?;
            let (handles, starts): (Vec<_>, Vec<_>) = handles.into_iter().unzip();
            begun.push((name.clone(), export.clone(), lanes, handles, starts));
        }
        // From here on what comes waits for the new lanes, and whoever brings it is not kept waiting while the old ones end.
        let mut running = self.lock();
        let is_gone = |name: &String, old: &mut Running| new.get(name).is_none_or(|export| *export != old.export);
        let gone: BTreeMap<String, Running> = running.extract_if(.., is_gone).collect();
        let mut begun: Vec<_> = begun
            .into_iter()
            .map(|(name, export, lanes, handles, starts)| {
                if let (Some(old), Some(first)) = (gone.get(&name), handles.first()) {
                    first.publish(old.counted());
                }
                running.insert(name.clone(), Running { export, lanes: handles });
                (name, lanes, starts)
            })
            .collect();
        drop(running);
        let mut changed: Vec<(String, LaneHandle)> = Vec::new();
        for (name, old) in gone {
            for lane in old.lanes {
                // What waits on disk stays there, and the folder is free for whoever comes next.
                if new.contains_key(&name) || lane.folder.is_some() {
                    lane.end(Ending::HandedOver);
                    changed.push((name.clone(), lane));
                } else {
                    lane.end(Ending::Sent(Instant::now() + REMOVED));
                    removed.push(lane);
                }
            }
        }
        let mut ended: BTreeMap<String, Vec<Lane>> = BTreeMap::new();
        for (name, mut lane) in changed {
            ended.entry(name).or_default().extend(lane.join());
        }
        for (name, lanes, starts) in &mut begun {
            hand_over(ended.remove(name).unwrap_or_default(), lanes, new.get(name).map_or(0, Export::buffer));
            for (lane, start) in lanes.drain(..).zip(starts) {
                // The thread waits for it.
                let _ = start.send(lane);
            }
        }
        Ok(())
    }

    fn is_running(&self, name: &str, export: &Export) -> bool {
        self.lock().get(name).is_some_and(|old| old.export == *export)
    }

    /// Tells collectors of the meter from now on.
    pub(crate) fn set_about(&self, about: Arc<About>) {
        self.about.store(about);
    }

    /// Whether records are sent at all.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Whether somebody wants records of this origin.
    pub(crate) fn wants(&self, origin: Origin) -> bool {
        self.lock().values().any(|endpoint| endpoint.export.from == origin)
    }

    /// Takes the rows of a batch, which is empty afterwards, to all who want records of this origin.
    pub(crate) fn offer(&self, origin: Origin, flows: &mut FlowBatch) {
        if flows.is_empty() || !self.wants(origin) {
            return;
        }
        self.lend(origin, std::mem::take(flows));
    }

    /// The same with a copy of the rows.
    pub(crate) fn offer_copy(&self, origin: Origin, flows: &FlowBatch) {
        if !flows.is_empty() && self.wants(origin) {
            self.lend(origin, flows.clone());
        }
    }

    fn lend(&self, origin: Origin, mut flows: FlowBatch) {
        flows.finish();
        let flows = Arc::new(flows);
        // Under the lock, so that no lane ends in between; live nobody waits here, and files change no exports.
        let running = self.lock();
        let wanting = running.values().filter(|endpoint| endpoint.export.from == origin);
        let (open, closed): (Vec<_>, Vec<_>) = wanting.partition(|endpoint| self.gate.is_open(&endpoint.export));
        if !closed.is_empty() {
            self.gate.withhold(flows.rows() as u64);
        }
        for lane in open.into_iter().flat_map(|endpoint| &endpoint.lanes) {
            let mut piece = Box::new(Piece(Some(Arc::clone(&flows))));
            if self.is_live {
                lane.shared.queue.push_or_drop(&mut piece);
            } else {
                lane.shared.queue.push(&mut piece);
            }
        }
    }

    /// What was counted so far, by name.
    pub(crate) fn counted(&self) -> Vec<Sent> {
        let running = self.lock();
        running.iter().map(|(name, endpoint)| Sent { name: name.clone(), counted: endpoint.counted() }).collect()
    }

    /// Lets the last records go out, until then at the latest, and says what became of all.
    pub(crate) fn close(&self, until: Instant) -> Vec<Sent> {
        let removed = std::mem::take(&mut *self.removed.lock().unwrap_or_else(PoisonError::into_inner));
        let running = std::mem::take(&mut *self.lock());
        running.values().flat_map(|endpoint| &endpoint.lanes).for_each(|lane| lane.end(Ending::Sent(until)));
        removed.into_iter().for_each(LaneHandle::conclude);
        let end = |(name, mut endpoint): (String, Running)| {
            for lane in &mut endpoint.lanes {
                lane.join();
            }
            Sent { name, counted: endpoint.counted() }
        };
        running.into_iter().map(end).collect()
    }

    /// The lanes of an endpoint before they run. The error is a sentence that begins with the key.
    fn lanes(&self, name: &str, export: &Export) -> Result<Vec<Lane>, String> {
        let targets: Vec<&Url> = export.targets().collect();
        let groups: Vec<Vec<&Url>> = match export.mode {
            Mode::FailOver => vec![targets],
            Mode::Duplicate => targets.into_iter().map(|target| vec![target]).collect(),
        };
        groups.into_iter().map(|targets| self.lane(name, export, &targets)).collect()
    }

    fn lane(&self, name: &str, export: &Export, urls: &[&Url]) -> Result<Lane, String> {
        let first = urls.first().copied().ok_or("targets: is empty")?;
        let open = |url: &&Url| {
            let options = SenderOptions {
                source: export.source,
                buffer: SENDER_BUFFER,
                gives_way: urls.len() > 1,
                tls: export.tls(url),
                ..SenderOptions::default()
            };
            let sender = Sender::open(url, options).map_err(|error| format!("url: {error}"))?;
            Ok::<Target, String>(Target { url: (*url).clone(), sender })
        };
        let targets = urls.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let folder = folder(name, export, first);
        let is_held =
            folder.is_some() && self.lock().get(name).is_some_and(|old| old.lanes.iter().any(|lane| lane.folder == folder));
        let buffer = match &folder {
            Some(folder) if !is_held => {
                Buffer::on_disk(folder, export.buffer()).map_err(|error| format!("buffer_path: {error}"))?
            }
            // One that is on disk already is taken over.
            _ => Buffer::in_memory(export.buffer()),
        };
        let counted =
            Counted { restored: buffer.rows(), targets: vec![TargetCounted::default(); targets.len()], ..Counted::default() };
        Ok(Lane {
            name: if export.mode == Mode::Duplicate { format!("{name} ({first})") } else { name.to_owned() },
            choice: Choice::new(export),
            session: Session::begin(buffer.position()),
            buffer,
            folder,
            gate: Arc::clone(&self.gate),
            was_open: true,
            encoding: Encoding::new(export, first, Arc::clone(&self.about)),
            targets,
            current: None,
            is_taking: false,
            pace: Pace::new(),
            health: Health::new(matches!(first.scheme, Scheme::Udp | Scheme::Dtls)),
            is_patient: !self.is_live,
            counted,
            progressed: Instant::now(),
            has_warned: false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives new lanes of an export what its old ones have left: to the same collector, or to whoever takes over.
fn hand_over(mut old: Vec<Lane>, new: &mut [Lane], capacity: usize) {
    for lane in &mut *new {
        let has_folder = |old: &Lane| old.folder.is_some() && old.folder == lane.folder;
        let is_same = |old: &Lane| old.targets.iter().any(|old| lane.targets.iter().any(|new| new.url == old.url));
        let same = old.iter().position(has_folder).or_else(|| old.iter().position(is_same));
        if let Some(place) = same.or((old.len() == 1).then_some(0)) {
            lane.take_over(old.swap_remove(place), capacity);
        }
    }
    if let Some(lane) = new.first_mut() {
        old.into_iter().for_each(|old| lane.count_for(old));
    }
}

/// Where the records for a collector wait on disk: each export has a folder of its own, and in it each target that is sent everything.
fn folder(name: &str, export: &Export, target: &Url) -> Option<PathBuf> {
    let plain = |text: &str| -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
    };
    // Neither this folder nor the one above.
    let mut folder = export.buffer_path.as_ref()?.join(format!("export-{}", plain(name)));
    if export.mode == Mode::Duplicate {
        folder.push(plain(&target.to_string()));
    }
    Some(folder)
}

impl Running {
    fn counted(&self) -> Counted {
        let mut sum = Counted::default();
        self.lanes.iter().for_each(|lane| sum += lane.counted());
        sum
    }
}

impl LaneHandle {
    /// Starts the thread of a lane, which waits for it.
    fn start(lane: &Lane) -> std::io::Result<(Self, mpsc::Sender<Lane>)> {
        let shared = Arc::new(Shared {
            queue: Queue::new(QUEUE_BATCHES, 1),
            counted: Mutex::new(lane.counted.clone()),
            // Until somebody says otherwise.
            ending: Mutex::new(Ending::HandedOver),
        });
        let theirs = Arc::clone(&shared);
        let (start, lane_comes) = mpsc::channel::<Lane>();
        let run = move || lane_comes.recv().ok().map(|lane| lane.run(&theirs));
        let thread = thread::Builder::new().name("weir-export".into()).spawn(run)?;
        Ok((Self { name: lane.name.clone(), shared, folder: lane.folder.clone(), thread: Some(thread) }, start))
    }

    /// Nothing comes any more.
    fn end(&self, ending: Ending) {
        *self.shared.ending.lock().unwrap_or_else(PoisonError::into_inner) = ending;
        self.shared.queue.leave();
    }

    fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until it has ended. One that panicked has told why.
    fn join(&mut self) -> Option<Lane> {
        self.thread.take()?.join().ok().flatten()
    }

    /// The end of one whose export is gone: says what it could not send.
    fn conclude(mut self) {
        self.join();
        Sent { counted: self.counted(), name: self.name }.tell_failure();
    }

    fn publish(&self, counted: Counted) {
        *self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
    }

    fn counted(&self) -> Counted {
        self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
