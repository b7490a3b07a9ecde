//! The listeners that are open: opened together or not at all, and changed while they run.
//!
//! Going over to another configuration loses nothing: new ports are opened before anything else happens, and nothing changes if one of them cannot be had.
//! A listener whose port stays goes on with the same socket, with its connections where the protocol stays too.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;
use weir_transport::{GuardCounters, ReceiveCounters, Scheme, Shards, StreamCounters, StreamListener, StreamRules, Streams};

use super::associations::DtlsRules;
use super::health::Dropped;
use super::receive::{Receiver, Receiving};
use super::refusals::Refused;
use super::streams::{self, Connections};
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
    /// What those dropped that are closed.
    gone: Dropped,
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
        let opened = listen.iter().map(|(name, new)| Opened::new(name, new, &mut numbers, is_v6_only(new, listen)));
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
        let mut kept = Vec::new();
        let mut opened = Vec::new();
        let mut numbers = self.numbers(&inside.open);
        for (name, listen) in new {
            let v6_only = is_v6_only(listen, new);
            let same_port = inside.open.iter().position(|old| old.has_port_of(listen, v6_only));
            match same_port {
                Some(place) if inside.open[place].name == *name && inside.open[place].listen.is_same_listener(listen) => {
                    kept.push((place, listen, Rules::new(name, listen)?));
                }
                Some(place) => opened.push(inside.open[place].hand_on(name, listen, &mut numbers)?),
                None => opened.push(Opened::new(name, listen, &mut numbers, v6_only)?),
            }
        }
        // From here on nothing can fail that a user could have avoided.
        let stays: BTreeSet<usize> = kept.iter().map(|(place, ..)| *place).collect();
        for (place, listen, rules) in kept {
            if let Some(listener) = inside.open.get_mut(place) {
                listener.change(listen, rules);
            }
        }
        self.introduce(&opened);
        let mut number = 0;
        let (stay, leave): (Vec<_>, Vec<_>) = std::mem::take(&mut inside.open).into_iter().partition(|_| {
            number += 1;
            stays.contains(&(number - 1))
        });
        inside.open = stay;
        for opened in opened {
            let listener = self.start_one(&mut inside, opened)?;
            inside.open.push(listener);
        }
        inside.open.sort_by(|one, other| one.name.cmp(&other.name));
        for listener in leave {
            let listened = listener.listened();
            tracing::info!(listener = listener.name, "listening no more");
            listener.end(inside.runtime.as_ref());
            inside.gone += listened.dropped();
        }
        Ok(())
    }

    /// After the stop: waits until all that was received is with the workers.
    pub(crate) fn close(&self) {
        let mut inside = self.lock();
        let Inside { open, runtime, .. } = &mut *inside;
        for listener in open.iter() {
            listener.stop();
        }
        for listener in open.iter_mut() {
            listener.join(runtime.as_ref());
        }
    }

    /// What each has counted so far, by name.
    pub(crate) fn listened(&self) -> Vec<(String, Listened)> {
        self.lock().open.iter().map(|listener| (listener.name.clone(), listener.listened())).collect()
    }

    /// What was dropped before anybody decoded it, the queues aside.
    pub(crate) fn dropped(&self) -> Dropped {
        let inside = self.lock();
        inside.open.iter().map(|listener| listener.listened().dropped()).fold(inside.gone, |sum, dropped| sum + dropped)
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

impl Opened {
    fn new(name: &str, listen: &Listen, numbers: &mut impl Iterator<Item = u16>, v6_only: bool) -> Result<Self, String> {
        let number = next(numbers)?;
        let port = if listen.is_stream() {
            // What is wrong with a certificate is said before a port is taken.
            let rules = streams::rules(name, listen)?;
            let listener = streams::open(name, listen, number, v6_only)?;
            tracing::info!(listener = name, address = %listener.local_address(), scheme = listen.scheme().name(), "listening");
            Port::Streams(listener, rules)
        } else {
            Port::Datagrams(Box::new(Receiver::open(name, listen, number, v6_only)?))
        };
        Ok(Self { name: name.to_owned(), listen: listen.clone(), number, v6_only, port })
    }
}

impl Listener {
    /// Whether this is the port of that listener, opened in the same way.
    fn has_port_of(&self, listen: &Listen, v6_only: bool) -> bool {
        let address = |listen: &Listen| (listen.is_stream(), listen.url.0.host.clone(), listen.url.0.port);
        address(&self.listen) == address(listen) && self.v6_only == v6_only
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
    fn join(&mut self, runtime: Option<&Runtime>) {
        match (&mut self.work, runtime) {
            (Work::Datagrams(receiving, _), _) => receiving.join(),
            (Work::Streams(streams, _), Some(runtime)) => runtime.block_on(streams.join()),
            (Work::Streams(..), None) => {}
        }
    }

    fn end(mut self, runtime: Option<&Runtime>) {
        self.stop();
        self.join(runtime);
    }
}

impl Listened {
    fn dropped(&self) -> Dropped {
        Dropped { kernel: self.received.kernel_dropped, queue: 0, guard: self.guard.not_allowed + self.guard.over_rate }
    }
}

fn next(numbers: &mut impl Iterator<Item = u16>) -> Result<u16, String> {
    numbers.next().ok_or_else(|| "there are 65,536 listeners already".to_owned())
}

/// Whether IPv4 comes to a listener of its own.
fn is_v6_only(listen: &Listen, all: &BTreeMap<String, Listen>) -> bool {
    let is_rival =
        |other: &Listen| is_v4(other) && (other.is_stream(), other.url.0.port) == (listen.is_stream(), listen.url.0.port);
    !is_v4(listen) && all.values().any(is_rival)
}

fn is_v4(listen: &Listen) -> bool {
    listen.url.0.host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4())
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).thread_name("weir-stream").enable_all().build()
}
