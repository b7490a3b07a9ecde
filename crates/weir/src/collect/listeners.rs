//! The listeners that are open: opened together or not at all, and changed while they run.
//!
//! Going over to another configuration loses nothing: new ports are opened before anything else happens, and nothing changes if one of them cannot be had.
//! A listener whose port stays goes on with the same socket, with its connections where the protocol stays too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::runtime::{Handle, Runtime};
use tokio::task;
use weir_transport::{GuardCounters, ReceiveCounters, Scheme, Shards, StreamCounters, StreamListener, StreamRules, Streams};

use super::associations::DtlsRules;
use super::health::Dropped;
use super::receive::{Receiver, Receiving};
use super::refusals::Refused;
use super::streams::{self, Connections};
use super::troubles::Trouble;
use super::worker::{Common, Way};
use crate::config::{Listen, ListenFormat};
use crate::replicate::Replications;
use crate::stop::Stop;

/// Threads that all connections share.
const THREADS: usize = 2;

/// All listeners.
pub(crate) struct Listeners {
    common: Arc<Common>,
    shards: Shards,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    /// Opened, and waiting for [`Listeners::start`].
    waiting: Vec<Opened>,
    open: Vec<Listener>,
    /// From here on; set when they start.
    stop: Option<Stop>,
    /// Who is sent copies of datagrams.
    replications: Arc<Replications>,
    /// Where connections are served; made for the first of them.
    runtime: Option<Runtime>,
    /// Told to end; they hand over what has come.
    leaving: Vec<Listener>,
    /// What those have counted that have ended, by transport and format.
    ended: Vec<Listened>,
}

/// A listener at work.
struct Listener {
    name: String,
    listen: Listen,
    number: u16,
    v6_only: bool,
    work: Work,
}

enum Work {
    Datagrams(Receiving, Arc<Connections>),
    Streams(Streams, Arc<Connections>),
}

/// A listener whose port is open.
struct Opened {
    name: String,
    listen: Listen,
    number: u16,
    v6_only: bool,
    port: Port,
}

enum Port {
    Datagrams(Box<Receiver>),
    Streams(StreamListener, StreamRules),
}

/// What a listener is opened as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) number: u16,
    pub(crate) v6_only: bool,
    /// Its port overlaps with that of a listener that is about to end.
    pub(crate) is_successor: bool,
}

/// What is over when a listener has ended.
enum Ending {
    Thread(thread::JoinHandle<()>),
    Task(task::JoinHandle<()>),
}

impl Ending {
    fn join(self, runtime: Option<&Handle>) {
        // Whoever panicked has told why.
        match (self, runtime) {
            (Self::Thread(thread), _) => drop(thread.join()),
            (Self::Task(task), Some(runtime)) => drop(runtime.block_on(task)),
            (Self::Task(_), None) => {}
        }
    }
}

/// What a listener that stays is told.
enum Rules {
    Datagrams(Option<DtlsRules>),
    Streams(StreamRules),
}

impl Rules {
    fn new(name: &str, listen: &Listen) -> Result<Self, String> {
        Ok(if listen.is_stream() {
            Self::Streams(streams::rules(name, listen)?)
        } else {
            Self::Datagrams(DtlsRules::new(name, listen)?)
        })
    }
}

/// A listener that stays: its place, what the configuration says, and what it is told.
type Kept<'n> = (usize, &'n Listen, Rules);

/// What a listener has counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listened {
    pub(crate) scheme: Scheme,
    pub(crate) format: ListenFormat,
    /// Datagrams, or messages of streams.
    pub(crate) received: ReceiveCounters,
    pub(crate) guard: GuardCounters,
    pub(crate) streams: Option<StreamCounters>,
}

impl Listeners {
    /// Opens what is to be listened on, or nothing.
    pub(crate) fn open(listen: &BTreeMap<String, Listen>, common: &Arc<Common>, shards: &Shards) -> Result<Self, String> {
        let listeners = Self { common: Arc::clone(common), shards: shards.clone(), inside: Mutex::default() };
        let mut numbers = listeners.numbers(&[]);
        let opened = listen.iter().map(|(name, new)| Opened::new(name, new, &mut numbers, is_v6_only(new, listen), false));
        let opened: Vec<_> = opened.collect::<Result<_, _>>()?;
        listeners.introduce(&opened);
        listeners.lock().waiting = opened;
        Ok(listeners)
    }

    /// Begins to receive, until `stop`; gives how many there are.
    pub(crate) fn start(&self, replications: &Arc<Replications>, stop: &Stop) -> Result<usize, String> {
        let mut inside = self.lock();
        inside.replications = Arc::clone(replications);
        inside.stop = Some(stop.clone());
        for opened in std::mem::take(&mut inside.waiting) {
            let listener = self.start_one(&mut inside, opened)?;
            inside.open.push(listener);
        }
        Ok(inside.open.len())
    }

    /// Goes over to these listeners. An error, which is a sentence, changes nothing.
    pub(crate) fn apply(&self, new: &BTreeMap<String, Listen>) -> Result<(), String> {
        let mut inside = self.lock();
        let (kept, opened) = self.prepare(&inside.open, new)?;
        // From here on nothing can fail that a user could have avoided.
        let stays: BTreeSet<usize> = kept.iter().map(|(place, ..)| *place).collect();
        for (place, listen, rules) in kept {
            if let Some(listener) = inside.open.get_mut(place) {
                listener.change(listen, rules);
            }
        }
        self.introduce(&opened);
        let (mut stay, mut leave) = (Vec::new(), Vec::new());
        for (place, listener) in std::mem::take(&mut inside.open).into_iter().enumerate() {
            if stays.contains(&place) { stay.push(listener) } else { leave.push(listener) }
        }
        inside.open = stay;
        for opened in opened {
            let listener = self.start_one(&mut inside, opened)?;
            inside.open.push(listener);
        }
        inside.open.sort_by(|one, other| one.name.cmp(&other.name));
        for listener in &leave {
            tracing::info!(listener = listener.name, "listening no more");
        }
        let left: Vec<u16> = leave.iter().map(|listener| listener.number).collect();
        let endings = stop(&mut leave);
        inside.leaving.extend(leave);
        let runtime = inside.handle();
        // It may take a while until workers have room for all that has come; others can look at what is counted meanwhile.
        drop(inside);
        endings.into_iter().for_each(|ending| ending.join(runtime.as_ref()));
        let mut inside = self.lock();
        let over: Vec<Listener> = inside.leaving.extract_if(.., |listener| left.contains(&listener.number)).collect();
        for listener in over {
            add(&mut inside.ended, listener.listened());
        }
        Ok(())
    }

    /// Opens what is to be opened, or nothing, and says which of those that are open stay, with what they are told.
    fn prepare<'n>(&self, open: &[Listener], new: &'n BTreeMap<String, Listen>) -> Result<(Vec<Kept<'n>>, Vec<Opened>), String> {
        let place_of = |listen: &Listen, v6_only| open.iter().position(|old| old.has_port_of(listen, v6_only));
        let v6_only = |listen: &Listen| is_v6_only(listen, new);
        let claimed: BTreeSet<usize> = new.values().filter_map(|listen| place_of(listen, v6_only(listen))).collect();
        let unclaimed = || open.iter().enumerate().filter(|(place, _)| !claimed.contains(place)).map(|(_, listener)| listener);
        // Where the port of one that ends is wanted for an address that overlaps, both have it for a moment.
        unclaimed().for_each(|listener| listener.share_port(true));
        let (mut kept, mut opened, mut numbers) = (Vec::new(), Vec::new(), self.numbers(open));
        let mut prepare = || {
            for (name, listen) in new {
                let v6_only = v6_only(listen);
                match place_of(listen, v6_only).and_then(|place| Some((place, open.get(place)?))) {
                    Some((place, old)) if old.name == *name && old.listen.is_same_listener(listen) => {
                        kept.push((place, listen, Rules::new(name, listen)?));
                    }
                    Some((_, old)) => opened.push(old.hand_on(name, listen, &mut numbers)?),
                    None => {
                        // The kernel does not tell any more where two of the new ones overlap.
                        let is_alone = !new.values().any(|other| !std::ptr::eq(other, listen) && overlap(other, listen));
                        let is_successor = is_alone && unclaimed().any(|old| port_of(&old.listen) == port_of(listen));
                        opened.push(Opened::new(name, listen, &mut numbers, v6_only, is_successor)?);
                    }
                }
            }
            Ok(())
        };
        let prepared = prepare();
        unclaimed().for_each(|listener| listener.share_port(false));
        prepared.map(|()| (kept, opened))
    }

    /// After the stop: waits until all that was received is with the workers.
    pub(crate) fn close(&self) {
        let mut inside = self.lock();
        let endings = stop(&mut inside.open);
        let runtime = inside.handle();
        drop(inside);
        endings.into_iter().for_each(|ending| ending.join(runtime.as_ref()));
    }

    /// What each has counted so far, by name.
    pub(crate) fn listened(&self) -> Vec<(String, Listened)> {
        self.lock().open.iter().map(|listener| (listener.name.clone(), listener.listened())).collect()
    }

    /// What those have counted that have ended, or are about to, by transport and format.
    pub(crate) fn ended(&self) -> Vec<Listened> {
        let inside = self.lock();
        let mut ended = inside.ended.clone();
        inside.leaving.iter().for_each(|listener| add(&mut ended, listener.listened()));
        ended
    }

    /// What was dropped before anybody decoded it, the queues aside.
    pub(crate) fn dropped(&self) -> Dropped {
        let inside = self.lock();
        let at_work = inside.open.iter().chain(&inside.leaving).map(Listener::listened);
        at_work
            .chain(inside.ended.iter().copied())
            .map(|listened| listened.dropped())
            .fold(Dropped::default(), |sum, one| sum + one)
    }

    /// Whose connections ended otherwise than they should, and the number of a listener where they did.
    pub(crate) fn troubles(&self) -> HashMap<IpAddr, (u16, Trouble)> {
        let (inside, mut all) = (self.lock(), HashMap::<IpAddr, (u16, Trouble)>::new());
        for listener in &inside.open {
            let (Work::Datagrams(_, connections) | Work::Streams(_, connections)) = &listener.work;
            for (from, trouble) in connections.troubles().all() {
                match all.get_mut(&from) {
                    Some((_, known)) => known.add(trouble),
                    None => drop(all.insert(from, (listener.number, trouble.clone()))),
                }
            }
        }
        all
    }

    /// Who was refused, and by the listener with which number.
    pub(crate) fn refused(&self) -> Vec<(IpAddr, (u16, Refused))> {
        let inside = self.lock();
        let of = |listener: &Listener| -> Vec<_> {
            let refused = match &listener.work {
                Work::Datagrams(receiving, connections) => [receiving.refused(), connections.refusals().all()].concat(),
                Work::Streams(_, connections) => connections.refusals().all(),
            };
            refused.into_iter().map(|(from, refused)| (from, (listener.number, refused))).collect()
        };
        inside.open.iter().flat_map(of).collect()
    }

    fn start_one(&self, inside: &mut Inside, opened: Opened) -> Result<Listener, String> {
        let Opened { name, listen, number, v6_only, port } = opened;
        let no_thread = |error: std::io::Error| format!("listen.{name}: cannot begin to receive: {error}");
        let connections = Arc::new(Connections::new(&name, &listen, &self.common));
        let work = match port {
            Port::Datagrams(receiver) => {
                let started = receiver.start(&connections, &listen, &self.shards, &inside.replications, inside.stop.as_ref());
                Work::Datagrams(started.map_err(no_thread)?, connections)
            }
            Port::Streams(listener, rules) => {
                if inside.runtime.is_none() {
                    inside.runtime = Some(runtime().map_err(no_thread)?);
                }
                let handler: Arc<Connections> = Arc::clone(&connections);
                let started = match &inside.runtime {
                    Some(runtime) => listener.start(runtime.handle(), &rules, &self.shards, handler).map_err(no_thread)?,
                    None => return Err(format!("listen.{name}: there are no threads for connections")),
                };
                Work::Streams(started, connections)
            }
        };
        Ok(Listener { name, listen, number, v6_only, work })
    }

    /// Lets workers know who new listeners are, before anything of them comes.
    fn introduce(&self, opened: &[Opened]) {
        let mut ways = (**self.common.ways.load()).clone();
        for Opened { name, listen, number, .. } in opened {
            let place = usize::from(*number);
            if ways.len() <= place {
                ways.resize(place + 1, Way::default());
            }
            if let Some(way) = ways.get_mut(place) {
                *way = Way { name: name.clone(), format: listen.format };
            }
        }
        self.common.ways.store(Arc::new(ways));
    }

    /// Numbers that nobody has. One that was used before is used again as late as can be, since what its listener has received may still wait for a worker.
    fn numbers(&self, open: &[Listener]) -> impl Iterator<Item = u16> + use<> {
        let taken: BTreeSet<u16> = open.iter().map(|listener| listener.number).collect();
        let fresh = u16::try_from(self.common.ways.load().len()).unwrap_or(u16::MAX);
        (fresh..=u16::MAX).chain(0..fresh).filter(move |number| !taken.contains(number))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn handle(&self) -> Option<Handle> {
        self.runtime.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Opened {
    fn new(
        name: &str,
        listen: &Listen,
        numbers: &mut impl Iterator<Item = u16>,
        v6_only: bool,
        is_successor: bool,
    ) -> Result<Self, String> {
        let number = next(numbers)?;
        let place = Place { number, v6_only, is_successor };
        let port = if listen.is_stream() {
            // What is wrong with a certificate is said before a port is taken.
            let rules = streams::rules(name, listen)?;
            let listener = streams::open(name, listen, place)?;
            tracing::info!(listener = name, address = %listener.local_address(), scheme = listen.scheme().name(), "listening");
            Port::Streams(listener, rules)
        } else {
            Port::Datagrams(Box::new(Receiver::open(name, listen, place)?))
        };
        Ok(Self { name: name.to_owned(), listen: listen.clone(), number, v6_only, port })
    }
}

impl Listener {
    /// Whether this is the port of that listener, opened in the same way.
    fn has_port_of(&self, listen: &Listen, v6_only: bool) -> bool {
        let address = |listen: &Listen| (port_of(listen), listen.url.0.host.clone());
        address(&self.listen) == address(listen) && self.v6_only == v6_only
    }

    /// Lets another socket have the port as well, or not any more.
    fn share_port(&self, is_shared: bool) {
        let shared = match &self.work {
            Work::Datagrams(receiving, _) => receiving.share_port(is_shared),
            Work::Streams(streams, _) => streams.share_port(is_shared),
        };
        if let Err(error) = shared {
            tracing::warn!(listener = self.name, %error, "its port cannot be shared while listeners change");
        }
    }

    /// The same port for a listener that reads it in another way.
    fn hand_on(&self, name: &str, listen: &Listen, numbers: &mut impl Iterator<Item = u16>) -> Result<Opened, String> {
        let failed = |error: std::io::Error| format!("listen.{name}: cannot take the port over: {error}");
        let number = next(numbers)?;
        let port = match &self.work {
            Work::Datagrams(receiving, _) => Port::Datagrams(Box::new(receiving.hand_on(name, listen, number)?)),
            Work::Streams(streams, _) => {
                Port::Streams(StreamListener::take_over(streams, number).map_err(failed)?, streams::rules(name, listen)?)
            }
        };
        Ok(Opened { name: name.to_owned(), listen: listen.clone(), number, v6_only: self.v6_only, port })
    }

    /// Goes over to other rules.
    fn change(&mut self, listen: &Listen, rules: Rules) {
        match (&self.work, rules) {
            (Work::Datagrams(receiving, _), Rules::Datagrams(dtls)) => receiving.change(listen, dtls),
            (Work::Streams(streams, _), Rules::Streams(rules)) => streams.set_rules(&rules),
            // The port says which of them it is.
            _ => {}
        }
        self.listen = listen.clone();
    }

    fn listened(&self) -> Listened {
        let (scheme, format) = (self.listen.scheme(), self.listen.format);
        match &self.work {
            Work::Datagrams(receiving, _) => {
                let (mut received, guard, streams) = receiving.counters();
                if let Some(streams) = &streams {
                    // What comes out of DTLS counts, and not what it is wrapped in.
                    received.datagrams = streams.messages + guard.not_allowed + guard.over_rate;
                    received.octets = streams.octets;
                }
                Listened { scheme, format, received, guard, streams }
            }
            Work::Streams(streams, _) => {
                let counters = streams.counters();
                let received =
                    ReceiveCounters { datagrams: counters.messages, octets: counters.octets, ..ReceiveCounters::default() };
                Listened { scheme, format, received, guard: GuardCounters::default(), streams: Some(counters) }
            }
        }
    }

    fn stop(&self) {
        match &self.work {
            Work::Datagrams(receiving, _) => receiving.stop(),
            Work::Streams(streams, _) => streams.stop(),
        }
    }

    /// After [`Self::stop`].
    fn ending(&mut self) -> Option<Ending> {
        match &mut self.work {
            Work::Datagrams(receiving, _) => receiving.ending().map(Ending::Thread),
            Work::Streams(streams, _) => streams.ending().map(Ending::Task),
        }
    }
}

impl AddAssign for Listened {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.guard += other.guard;
        if let Some(streams) = other.streams {
            *self.streams.get_or_insert_default() += streams;
        }
    }
}

impl Listened {
    fn dropped(&self) -> Dropped {
        Dropped { kernel: self.received.kernel_dropped, queue: 0, guard: self.guard.not_allowed + self.guard.over_rate }
    }
}

/// Tells them to end, and gives what is over when they have.
fn stop(listeners: &mut [Listener]) -> Vec<Ending> {
    listeners.iter().for_each(Listener::stop);
    listeners.iter_mut().filter_map(Listener::ending).collect()
}

/// Adds what one has counted to what others of its kind have.
fn add(ended: &mut Vec<Listened>, listened: Listened) {
    let kind = |one: &Listened| (one.scheme, one.format);
    match ended.iter_mut().find(|known| kind(known) == kind(&listened)) {
        Some(known) => *known += listened,
        None => ended.push(listened),
    }
}

fn next(numbers: &mut impl Iterator<Item = u16>) -> Result<u16, String> {
    numbers.next().ok_or_else(|| "there are 65,536 listeners already".to_owned())
}

/// Whether IPv4 comes to a listener of its own.
fn is_v6_only(listen: &Listen, all: &BTreeMap<String, Listen>) -> bool {
    !is_v4(listen) && all.values().any(|other| is_v4(other) && port_of(other) == port_of(listen))
}

/// Whether two listeners cannot both be, as far as their addresses tell.
fn overlap(one: &Listen, other: &Listen) -> bool {
    let address = |listen: &Listen| listen.url.0.host.parse::<IpAddr>();
    port_of(one) == port_of(other)
        && match (address(one), address(other)) {
            (Ok(one), Ok(other)) => {
                one == other || one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified())
            }
            _ => true,
        }
}

/// What two sockets of one address cannot both have.
const fn port_of(listen: &Listen) -> (bool, u16) {
    (listen.is_stream(), listen.url.0.port)
}

fn is_v4(listen: &Listen) -> bool {
    listen.url.0.host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4())
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).thread_name("weir-stream").enable_all().build()
}
