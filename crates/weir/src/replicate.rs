//! Replication: datagrams copied unchanged to other collectors, on wish with the address of the exporter.
//!
//! datagram that the guard let pass -> *bounded queue* of the section -> each of its targets, many in one call. A copy costs the receiver one piece of memory that is
//! copied; what finds no room in the queue is dropped and counted, so that nobody waits. Each section has a thread, which also remembers templates
//! ([`TemplateMemory`]), and says them again to a target that has just come up.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use weir_codec::replay::{Heard, MemoryLimits, Speaker, TemplateMemory};
use weir_transport::{CopyCounters, CopySender, Datagram, DatagramBatch, Inbox, ShardOptions, Shards, State, Taken, Url};

use crate::config::{Config, Replicate, Units};
use crate::exit::tell;

/// Octets of a batch of datagrams on their way to a thread.
const BATCH_OCTETS: usize = 256 << 10;
/// How long a thread waits for datagrams before it looks after its targets.
const PATIENCE: Duration = Duration::from_millis(100);
/// Octets of IP and UDP headers, of a message of templates at the most.
const HEADERS: usize = 48;
/// Datagrams of a batch whose payloads are looked through before they are copied.
const TOGETHER: usize = 64;

/// All sections, and the way to them.
#[derive(Default)]
pub(crate) struct Replications {
    table: ArcSwap<Table>,
    /// The same while this unit stands by.
    standby: ArcSwap<Table>,
    stands_by: AtomicBool,
    running: Mutex<BTreeMap<String, Running>>,
}

/// How long receivers may take to hear of another table; they ask for it about ten times a second.
const HEARD: Duration = Duration::from_secs(2);

/// The queues of the sections that copy what a listener receives.
#[derive(Clone)]
pub(crate) struct Copies(Arc<[Shards]>);

/// What the thread of a section is handed by the one before it.
type Inheritance = Arc<Mutex<Option<TemplateMemory>>>;

/// Who copies what.
#[derive(Default)]
struct Table {
    /// By name of the listener, those of all listeners included.
    named: HashMap<String, Arc<[Shards]>>,
    /// What is copied of every other listener.
    others: Arc<[Shards]>,
}

/// What became of the datagrams of a section.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replicated {
    pub(crate) name: String,
    /// Datagrams that were put into the queue, and those that found no room in it.
    pub(crate) queued: u64,
    pub(crate) dropped: u64,
    pub(crate) targets: Vec<(Url, CopyCounters)>,
    /// Messages of templates that were said again.
    pub(crate) templates: u64,
}

/// A section while it runs.
struct Running {
    section: Replicate,
    shards: Shards,
    counted: Arc<Mutex<Replicated>>,
    /// What sections of this name have counted before.
    before: Replicated,
    inheritance: Inheritance,
    thread: JoinHandle<TemplateMemory>,
}

/// The thread of a section.
struct Copier {
    name: String,
    inbox: Inbox,
    targets: Vec<Target>,
    memory: TemplateMemory,
    longest: usize,
    counted: Arc<Mutex<Replicated>>,
    inheritance: Inheritance,
    templates: u64,
}

/// A collector that gets copies.
struct Target {
    url: Url,
    sender: CopySender,
    /// Who has spoken to it since it came up, or since templates were said again.
    told: HashSet<Speaker>,
    refreshed: Instant,
    refresh: Duration,
    is_up: bool,
    /// What was said to be wrong.
    has_complained: bool,
}

impl Replicated {
    /// Adds what was counted before, of targets that are still there.
    fn go_on_from(&mut self, before: &Self) {
        self.queued += before.queued;
        self.dropped += before.dropped;
        self.templates += before.templates;
        for (url, counters) in &mut self.targets {
            if let Some((_, old)) = before.targets.iter().find(|(old, _)| old == url) {
                *counters += *old;
            }
        }
    }
}

impl Replications {
    /// Goes over to the sections of a configuration: those that are the same go on undisturbed. After an error nothing has changed. The error
    /// is a sentence.
    pub(crate) fn apply(&self, new: &Config) -> Result<(), String> {
        let mut running = self.lock();
        let is_same = |name: &str, section: &Replicate| running.get(name).is_some_and(|old| old.section == *section);
        let mut begun = Vec::new();
        for (name, section) in new.replicate.iter().filter(|(name, section)| !is_same(name, section)) {
            let open = |url: &Url| Target::open(url, section).map_err(|error| format!("replicate.{name}: {error}"));
            begun.push((name.clone(), section.clone(), section.targets().map(open).collect::<Result<Vec<_>, _>>()?));
        }
        let gone: Vec<String> = running
            .keys()
            .filter(|name| !new.replicate.get(*name).is_some_and(|section| is_same(name, section)))
            .cloned()
            .collect();
        // The new ones copy before the old ones end, so that no datagram passes in between.
        let mut ended: BTreeMap<String, Running> = gone.into_iter().filter_map(|name| running.remove_entry(&name)).collect();
        let mut started = Vec::new();
        for (name, section, targets) in begun {
            match Running::start(&name, section, targets) {
                Ok(section) => started.push((name, section)),
                Err(error) => {
                    started.into_iter().for_each(|(_, section)| drop(section.end()));
                    running.append(&mut ended);
                    return Err(format!("replicate.{name}: cannot start a thread: {error}"));
                }
            }
        }
        running.extend(started);
        let tables = [
            self.table.swap(Arc::new(Table::new(&running, new, |_| true))),
            self.standby.swap(Arc::new(Table::new(&running, new, |section| section.units == Units::Both))),
        ];
        tables.into_iter().for_each(|old| old.wait_until_left(HEARD));
        for (name, section) in ended {
            let (counted, memory) = section.end();
            if let Some(heir) = running.get_mut(&name) {
                heir.before = counted;
                *heir.inheritance.lock().unwrap_or_else(PoisonError::into_inner) = memory;
            }
        }
        Ok(())
    }

    /// Where to copy what this listener receives. Ask again for each batch: it may change.
    pub(crate) fn of(&self, listener: &str) -> Copies {
        let table = if self.stands_by.load(Ordering::Acquire) { self.standby.load() } else { self.table.load() };
        Copies(Arc::clone(table.named.get(listener).unwrap_or(&table.others)))
    }

    /// From now on this unit copies nothing but what both are to copy; or all again.
    pub(crate) fn stand_by(&self, stands_by: bool) {
        self.stands_by.store(stands_by, Ordering::Release);
    }

    /// What was counted so far.
    pub(crate) fn counted(&self) -> Vec<Replicated> {
        self.lock().values().map(Running::counted).collect()
    }

    /// After the last receiver: waits until all that waits is copied.
    pub(crate) fn close(&self) {
        for (_, section) in std::mem::take(&mut *self.lock()) {
            section.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copies {
    /// Copies a datagram, or drops and counts it.
    pub(crate) fn push(&self, datagram: &Datagram<'_>) {
        for shards in self.0.iter() {
            shards.push(0, datagram);
        }
    }

    /// For the end of each batch.
    pub(crate) fn flush(&self) {
        self.0.iter().for_each(Shards::flush);
    }
}

impl Table {
    fn new(running: &BTreeMap<String, Running>, config: &Config, copies: impl Fn(&Replicate) -> bool) -> Self {
        let wanting = |listener: Option<&String>| -> Arc<[Shards]> {
            let wants = |section: &Replicate| section.from.is_empty() || listener.is_some_and(|name| section.from.contains(name));
            running
                .values()
                .filter(|section| copies(&section.section) && wants(&section.section))
                .map(|section| section.shards.clone())
                .collect()
        };
        let named = config.listen.keys().map(|name| (name.clone(), wanting(Some(name)))).collect();
        Self { named, others: wanting(None) }
    }

    /// Waits until no receiver copies by this table any more, at most so long.
    fn wait_until_left(self: Arc<Self>, patience: Duration) {
        let end = Instant::now() + patience;
        // Who copies to nobody is not waited for. An empty slice may also be one that all of the program share.
        let is_held = |copies: &Arc<[Shards]>| !copies.is_empty() && Arc::strong_count(copies) > 1;
        let is_used = || Arc::strong_count(&self) > 1 || self.named.values().chain([&self.others]).any(is_held);
        while is_used() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Running {
    fn start(name: &str, section: Replicate, targets: Vec<Target>) -> std::io::Result<Self> {
        let batches = (section.queue.0 / BATCH_OCTETS).max(1);
        let (shards, inboxes) = Shards::new(ShardOptions { workers: 1, batch_octets: BATCH_OCTETS, batches });
        let counted = Arc::new(Mutex::new(Replicated { name: name.to_owned(), ..Replicated::default() }));
        let inbox = inboxes.into_iter().next().ok_or_else(|| std::io::Error::other("no queue"))?;
        let longest = usize::from(section.mtu).saturating_sub(HEADERS);
        let inheritance = Inheritance::default();
        let copier = Copier {
            name: name.to_owned(),
            inbox,
            targets,
            memory: TemplateMemory::default(),
            longest,
            counted: Arc::clone(&counted),
            inheritance: Arc::clone(&inheritance),
            templates: 0,
        };
        let thread = thread::Builder::new().name("weir-replicate".into()).spawn(move || copier.run())?;
        Ok(Self { section, shards, counted, before: Replicated::default(), inheritance, thread })
    }

    fn counted(&self) -> Replicated {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(queue) = self.shards.counters().next() {
            (counted.queued, counted.dropped) = (queue.datagrams, queue.dropped);
        }
        counted.go_on_from(&self.before);
        counted
    }

    /// Copies what waits, and ends. Gives what was counted and what is known of templates.
    fn end(self) -> (Replicated, Option<TemplateMemory>) {
        self.shards.close();
        let Self { shards, counted, before, thread, .. } = self;
        // A thread that panicked has told why.
        let memory = thread.join().ok();
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(queue) = shards.counters().next() {
            (counted.queued, counted.dropped) = (queue.datagrams, queue.dropped);
        }
        counted.go_on_from(&before);
        (counted, memory)
    }
}

impl Copier {
    fn run(mut self) -> TemplateMemory {
        let mut batch = DatagramBatch::default();
        loop {
            let taken = self.inbox.take(&mut batch, PATIENCE);
            for target in &mut self.targets {
                target.look_after(&self.name);
            }
            if let Some(memory) = self.inheritance.lock().unwrap_or_else(PoisonError::into_inner).take() {
                self.memory.inherit(memory);
            }
            if taken == Taken::Batch {
                self.copy(&batch);
            }
            self.publish();
            if taken == Taken::Closed {
                return self.memory;
            }
        }
    }

    /// Sends a batch to each target; where one has to be told templates first, they stand before the first datagram of their exporter.
    fn copy(&mut self, batch: &DatagramBatch) {
        let Self { targets, memory, longest, templates, .. } = self;
        let mut heard: [Option<(Datagram<'_>, Option<Heard>)>; TOGETHER] = [const { None }; TOGETHER];
        let mut datagrams = batch.iter().peekable();
        while datagrams.peek().is_some() {
            let mut count = 0;
            for (place, datagram) in heard.iter_mut().zip(datagrams.by_ref()) {
                *place = Some((datagram, memory.hear(datagram.payload, datagram.from.into(), datagram.port)));
                count += 1;
            }
            let heard: &[_] = heard.get(..count).unwrap_or_default();
            for target in targets.iter_mut() {
                *templates += target.say_again(heard.iter().flatten(), memory, *longest);
                target.sender.send(heard.iter().flatten().map(|(datagram, _)| *datagram));
            }
        }
    }

    fn publish(&self) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.targets.clear();
        counted.targets.extend(self.targets.iter().map(|target| (target.url.clone(), *target.sender.counters())));
        counted.templates = self.templates;
    }
}

impl Target {
    fn open(url: &Url, section: &Replicate) -> Result<Self, String> {
        let sender = CopySender::open(url, section.options()).map_err(|error| error.to_string())?;
        Ok(Self {
            url: url.clone(),
            sender,
            told: HashSet::new(),
            refreshed: Instant::now(),
            refresh: section.template_refresh.of(),
            is_up: false,
            has_complained: false,
        })
    }

    /// Sees whether it has come up, and says when it has gone.
    fn look_after(&mut self, name: &str) {
        let state = self.sender.state();
        self.is_up = state != State::Waiting;
        if state == State::Began || self.refreshed.elapsed() >= self.refresh {
            self.told.clear();
            self.refreshed = Instant::now();
        }
        let is_well = self.is_up && !self.sender.is_refused();
        let complains = !is_well && self.sender.trouble().is_some();
        if complains && !self.has_complained {
            let trouble = self.sender.trouble().unwrap_or_default();
            tell(&format!("{name}: {} does not take copies: {trouble}", self.url));
        } else if is_well && self.has_complained {
            tell(&format!("{name}: {} takes copies again", self.url));
        }
        self.has_complained = complains;
    }

    /// Says the templates of those again whose data comes next, and who have not spoken to it yet. Gives the number of messages.
    fn say_again<'a, 'd: 'a>(
        &mut self,
        heard: impl Iterator<Item = &'a (Datagram<'d>, Option<Heard>)>,
        memory: &TemplateMemory,
        longest: usize,
    ) -> u64 {
        let Self { sender, told, is_up, .. } = self;
        let mut messages = 0;
        for (datagram, heard) in heard.filter(|_| *is_up) {
            let Some(Heard { speaker, was_known }) = heard.filter(|heard| !told.contains(&heard.speaker)) else { continue };
            // Those that were forgotten meanwhile are told again, which does no harm.
            if told.len() >= 2 * MemoryLimits::default().sessions {
                told.clear();
            }
            told.insert(speaker);
            // The datagram itself says all that is known.
            if !was_known {
                continue;
            }
            memory.say_again(speaker, datagram.payload, longest, &mut |payload| {
                sender.send(std::iter::once(Datagram { payload, ..*datagram }));
                messages += 1;
            });
        }
        messages
    }
}

#[cfg(test)]
mod tests;
