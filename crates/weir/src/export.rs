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
mod health;
mod pace;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    running: Mutex<BTreeMap<String, Running>>,
}

/// What a collector is told besides records.
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

/// An endpoint while it runs.
struct Running {
    export: Export,
    lanes: Vec<LaneHandle>,
}

/// A hand on the thread of a lane.
struct LaneHandle {
    shared: Arc<Shared>,
    /// Where its records wait on disk.
    folder: Option<PathBuf>,
    thread: Option<JoinHandle<Lane>>,
}

impl Exports {
    /// No endpoint yet. Live, what comes is more urgent than a collector that is slow; otherwise whoever makes records waits for it.
    pub(crate) fn new(is_live: bool) -> Self {
        Self { is_live, about: Arc::default(), running: Mutex::default() }
    }

    /// Goes over to the exports of a configuration: those that are the same go on undisturbed, a changed one keeps what waits for its collector. After an error
    /// nothing has changed. The error is a sentence.
    pub(crate) fn apply(&self, new: &Config) -> Result<(), String> {
        self.go_over(&new.export)
    }

    /// The same for endpoints without a configuration around them.
    pub(crate) fn go_over(&self, new: &BTreeMap<String, Export>) -> Result<(), String> {
        let mut running = self.lock();
        let is_same = |name: &str, export: &Export| running.get(name).is_some_and(|old| old.export == *export);
        let begun = new.iter().filter(|(name, export)| !is_same(name, export));
        let begun: Vec<_> = begun
            .map(|(name, export)| match self.lanes(name, export, running.get(name)) {
                Ok(lanes) => Ok((name.clone(), export.clone(), lanes)),
                Err(error) => Err(format!("export.{name}.{error}")),
            })
            .collect::<Result<_, _>>()?;
        let gone: Vec<String> =
            running.keys().filter(|name| new.get(*name).is_none_or(|export| !is_same(name, export))).cloned().collect();
        let mut changed: Vec<(String, Running)> = Vec::new();
        for (name, old) in gone.into_iter().filter_map(|name| running.remove_entry(&name)) {
            let ending = if new.contains_key(&name) { Ending::HandedOver } else { Ending::Sent(Instant::now() + REMOVED) };
            old.lanes.iter().for_each(|lane| lane.end(ending));
            // One that is removed ends by itself.
            if new.contains_key(&name) {
                changed.push((name, old));
            }
        }
        let join = |(name, old): (String, Running)| (name, old.lanes.into_iter().filter_map(|mut lane| lane.join()).collect());
        let mut ended: BTreeMap<String, Vec<Lane>> = changed.into_iter().map(join).collect();
        for (name, export, mut lanes) in begun {
            let mut before = ended.remove(&name).unwrap_or_default();
            for lane in &mut lanes {
                // What waited goes to the same collector, or to whoever takes over.
                let is_same = |old: &Lane| old.targets.iter().any(|old| lane.targets.iter().any(|new| new.url == old.url));
                let same = before.iter().position(|old| is_same(old) || old.folder.is_some() && old.folder == lane.folder);
                if let Some(place) = same.or((before.len() == 1).then_some(0)) {
                    lane.take_over(before.swap_remove(place), export.buffer());
                }
            }
            let lanes = lanes.into_iter().map(LaneHandle::start).collect::<Result<_, _>>();
            let lanes = lanes.map_err(|error| format!("export.{name}: cannot start a thread: {error}"))?;
            running.insert(name, Running { export, lanes });
        }
        Ok(())
    }

    /// Tells collectors of the meter from now on.
    pub(crate) fn set_about(&self, about: Arc<About>) {
        self.about.store(about);
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
        // A collector that is waited for must not keep others from being changed.
        let wanting: Vec<Arc<Shared>> = {
            let running = self.lock();
            let wanting = running.values().filter(|endpoint| endpoint.export.from == origin);
            wanting.flat_map(|endpoint| &endpoint.lanes).map(|lane| Arc::clone(&lane.shared)).collect()
        };
        for shared in wanting {
            let mut piece = Box::new(Piece(Some(Arc::clone(&flows))));
            if self.is_live {
                shared.queue.push_or_drop(&mut piece);
            } else {
                shared.queue.push(&mut piece);
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
        let running = std::mem::take(&mut *self.lock());
        running.values().flat_map(|endpoint| &endpoint.lanes).for_each(|lane| lane.end(Ending::Sent(until)));
        let end = |(name, mut endpoint): (String, Running)| {
            for lane in &mut endpoint.lanes {
                lane.join();
            }
            Sent { name, counted: endpoint.counted() }
        };
        running.into_iter().map(end).collect()
    }

    /// The lanes of an endpoint before they run. The error is a sentence that begins with the key.
    fn lanes(&self, name: &str, export: &Export, before: Option<&Running>) -> Result<Vec<Lane>, String> {
        let targets: Vec<&Url> = export.targets().collect();
        let groups: Vec<Vec<&Url>> = match export.mode {
            Mode::FailOver => vec![targets],
            Mode::Duplicate => targets.into_iter().map(|target| vec![target]).collect(),
        };
        groups.into_iter().map(|targets| self.lane(name, export, &targets, before)).collect()
    }

    fn lane(&self, name: &str, export: &Export, urls: &[&Url], before: Option<&Running>) -> Result<Lane, String> {
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
            |folder: &PathBuf| before.is_some_and(|old| old.lanes.iter().any(|lane| lane.folder.as_ref() == Some(folder)));
        let buffer = match &folder {
            Some(folder) if !is_held(folder) => {
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
            encoding: Encoding::new(export, first, Arc::clone(&self.about)),
            targets,
            current: None,
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
    fn start(lane: Lane) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Queue::new(QUEUE_BATCHES, 1),
            counted: Mutex::new(lane.counted.clone()),
            // Until somebody says otherwise.
            ending: Mutex::new(Ending::HandedOver),
        });
        let (theirs, folder) = (Arc::clone(&shared), lane.folder.clone());
        let thread = thread::Builder::new().name("weir-export".into()).spawn(move || lane.run(&theirs))?;
        Ok(Self { shared, folder, thread: Some(thread) })
    }

    /// Nothing comes any more.
    fn end(&self, ending: Ending) {
        *self.shared.ending.lock().unwrap_or_else(PoisonError::into_inner) = ending;
        self.shared.queue.leave();
    }

    /// Waits until it has ended. One that panicked has told why.
    fn join(&mut self) -> Option<Lane> {
        self.thread.take()?.join().ok()
    }

    fn counted(&self) -> Counted {
        self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
