//! The thread at a listener: takes datagrams from the kernel, asks the guard, hands them to workers.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use weir_codec::shard::shard_key;
use weir_transport::{Guard, GuardCounters, GuardOptions, ReceiveCounters, ReceiverOptions, Shards, UdpReceiver, Verdict};

use super::now;
use crate::config::Listen;
use crate::exit::Failure;
use crate::replicate::{Copies, Replications};
use crate::stop::Stop;

/// How long it waits for datagrams before it looks whether to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long what still comes is taken at the end.
const DRAINING: Duration = Duration::from_millis(500);

/// Senders that were refused and are remembered by address; further ones are counted only.
const REFUSED: usize = 4096;

/// A listener that is open.
pub(crate) struct Listener {
    pub(crate) name: String,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

/// What others may know of a listener, and what it is to know.
#[derive(Default)]
struct Shared {
    counters: ReceiveCounters,
    guard: GuardCounters,
    refused: HashMap<IpAddr, Refused>,
    /// Other rules for the guard.
    rules: Option<GuardOptions>,
}

/// A sender that was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// Nanoseconds since 1970.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) not_allowed: u64,
    pub(crate) over_rate: u64,
}

/// What a listener has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listened {
    pub(crate) received: ReceiveCounters,
    pub(crate) guard: GuardCounters,
}

/// A socket that waits for its thread.
pub(crate) struct Opened {
    name: String,
    receiver: UdpReceiver,
    guard: Guard,
    shared: Arc<Mutex<Shared>>,
}

/// An eye on what a listener counts.
#[derive(Clone)]
pub(crate) struct Eye(Arc<Mutex<Shared>>);

impl Opened {
    /// Opens the socket of a listener.
    pub(crate) fn new(name: &str, listen: &Listen, number: u16, v6_only: bool) -> Result<Self, Failure> {
        let options =
            ReceiverOptions { receive_buffer: listen.receive_buffer.0, v6_only, listener: number, ..ReceiverOptions::default() };
        let receiver =
            UdpReceiver::open(&listen.url.0, options).map_err(|error| Failure::Failed(format!("listen.{name}: {error}")))?;
        let (address, granted) = (receiver.local_address(), receiver.receive_buffer());
        tracing::info!(listener = name, %address, receive_buffer = granted, "listening");
        if receiver.fell_back() {
            tracing::warn!(listener = name, "this host has no IPv6: IPv4 alone is listened to");
        }
        if granted < options.receive_buffer {
            let asked = options.receive_buffer;
            tracing::warn!(
                listener = name,
                granted,
                asked,
                "the kernel grants a smaller receive buffer: raise net.core.rmem_max"
            );
        }
        Ok(Self { name: name.to_owned(), receiver, guard: Guard::new(&listen.guard()), shared: Arc::default() })
    }

    /// Begins to receive.
    pub(crate) fn start(self, shards: &Shards, replications: &Arc<Replications>, stop: &Stop) -> io::Result<Listener> {
        let Self { name, receiver, guard, shared } = self;
        let (called, theirs, shards, stop) = (name.clone(), Arc::clone(&shared), shards.clone(), stop.clone());
        let replications = Arc::clone(replications);
        let work = move || receive(&called, receiver, guard, &theirs, &shards, &replications, &stop);
        let thread = thread::Builder::new().name("weir-receive".into()).spawn(work)?;
        Ok(Listener { name, shared, thread: Some(thread) })
    }

    /// An eye on what it counts.
    pub(crate) fn eye(&self) -> Eye {
        Eye(Arc::clone(&self.shared))
    }
}

impl Listener {
    /// Changes who may send, and how much.
    pub(crate) fn set_rules(&self, rules: GuardOptions) {
        lock(&self.shared).rules = Some(rules);
    }

    /// What was counted so far.
    pub(crate) fn listened(&self) -> Listened {
        Eye(Arc::clone(&self.shared)).listened()
    }

    /// Who was refused.
    pub(crate) fn refused(&self) -> Vec<(IpAddr, Refused)> {
        lock(&self.shared).refused.iter().map(|(from, refused)| (*from, *refused)).collect()
    }

    /// Waits until the thread has ended, after it was told to stop.
    pub(crate) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A receiver that panicked has told why.
            let _ = thread.join();
        }
    }
}

impl Eye {
    /// What was counted so far.
    pub(crate) fn listened(&self) -> Listened {
        let shared = lock(&self.0);
        Listened { received: shared.counters, guard: shared.guard }
    }
}

fn receive(
    name: &str,
    mut receiver: UdpReceiver,
    mut guard: Guard,
    shared: &Mutex<Shared>,
    shards: &Shards,
    replications: &Replications,
    stop: &Stop,
) {
    let mut refusals: Vec<(IpAddr, Verdict)> = Vec::new();
    let (mut until, mut more) = (None, false);
    while until.is_none_or(|until| Instant::now() < until) {
        if stop.is_due() && until.is_none() {
            until = Some(Instant::now() + DRAINING);
        }
        let round = round(&mut receiver, &mut guard, shards, &replications.of(name), more, &mut refusals);
        publish(&receiver, &mut guard, &mut refusals, shared);
        match round {
            // What waited was taken, and nothing more is wanted.
            Ok(0) if until.is_some() => break,
            Ok(count) => more = count >= UdpReceiver::BATCH,
            Err(error) => {
                tracing::error!(listener = name, %error, "cannot receive");
                thread::sleep(PATIENCE);
            }
        }
    }
}

/// Takes what waits, in one call; waits where it is not known that there is `more`. Gives how many packets it were.
fn round(
    receiver: &mut UdpReceiver,
    guard: &mut Guard,
    shards: &Shards,
    copies: &Copies,
    more: bool,
    refusals: &mut Vec<(IpAddr, Verdict)>,
) -> io::Result<usize> {
    if !more && !receiver.wait(PATIENCE)? {
        return Ok(0);
    }
    let now = now();
    let count = receiver.receive(now, |datagram| match guard.check(datagram.from, now) {
        Verdict::Pass => {
            shards.push(shard_key(datagram.payload, datagram.from.into()), &datagram);
            copies.push(&datagram);
        }
        verdict => refusals.push((datagram.from, verdict)),
    })?;
    shards.flush();
    copies.flush();
    Ok(count)
}

/// Lets others see what was counted, and takes other rules.
fn publish(receiver: &UdpReceiver, guard: &mut Guard, refusals: &mut Vec<(IpAddr, Verdict)>, shared: &Mutex<Shared>) {
    let mut shared = lock(shared);
    shared.counters = receiver.counters();
    shared.guard = guard.counters();
    if let Some(rules) = shared.rules.take() {
        guard.configure(&rules);
    }
    let now = now();
    for (from, verdict) in refusals.drain(..) {
        let is_full = shared.refused.len() >= REFUSED;
        let known = shared.refused.get_mut(&from);
        if known.is_none() && is_full {
            continue;
        }
        let refused = shared.refused.entry(from).or_insert(Refused { first: now, last: now, not_allowed: 0, over_rate: 0 });
        refused.last = now;
        match verdict {
            Verdict::NotAllowed => refused.not_allowed += 1,
            Verdict::OverRate => refused.over_rate += 1,
            Verdict::Pass => {}
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
