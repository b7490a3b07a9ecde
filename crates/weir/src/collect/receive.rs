//! The thread at a listener: takes datagrams from the kernel, asks the guard, hands them to workers.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use weir_codec::shard::shard_key;
use weir_transport::{
    Guard, GuardCounters, GuardOptions, ReceiveCounters, ReceiverOptions, Shards, SharedSocket, StreamCounters, UdpReceiver,
    Verdict,
};

use super::associations::{Associations, DtlsRules};
use super::listeners::Place;
use super::now;
use super::refusals::{Refusals, Refused};
use super::streams::Connections;
use crate::config::Listen;
use crate::replicate::{Copies, Replications};
use crate::stop::Stop;

/// How long it waits for datagrams before it looks whether to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long what still comes is taken at the end; what the kernel has by then is taken in any case.
const DRAINING: Duration = Duration::from_millis(500);

/// Octets that a datagram takes of a receive buffer, at the least.
const SMALLEST: usize = 512;

/// A listener at work.
pub(crate) struct Receiving {
    shared: Arc<Mutex<Shared>>,
    /// The socket again, for whoever takes it over.
    socket: SharedSocket,
    thread: Option<JoinHandle<()>>,
}

/// What others may know of a listener, and what it is to know.
#[derive(Default)]
struct Shared {
    counters: ReceiveCounters,
    guard: GuardCounters,
    refusals: Refusals,
    /// Of DTLS.
    streams: Option<StreamCounters>,
    changes: Option<Changes>,
    is_over: bool,
}

/// Other rules.
struct Changes {
    guard: GuardOptions,
    receive_buffer: usize,
    dtls: Option<DtlsRules>,
}

/// A socket that waits for its thread.
pub(crate) struct Receiver {
    receiver: UdpReceiver,
    number: u16,
    dtls: Option<DtlsRules>,
}

impl Receiver {
    /// Opens the socket of a listener.
    pub(crate) fn open(name: &str, listen: &Listen, place: Place) -> Result<Self, String> {
        let dtls = DtlsRules::new(name, listen)?;
        let Place { number, v6_only, is_successor } = place;
        let receive_buffer = listen.receive_buffer.0;
        let options = ReceiverOptions { receive_buffer, v6_only, is_successor, listener: number, ..ReceiverOptions::default() };
        let receiver = UdpReceiver::open(&listen.url.0, options).map_err(|error| format!("listen.{name}: {error}"))?;
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
        Ok(Self { receiver, number, dtls })
    }

    /// Begins to receive.
    pub(crate) fn start(
        self,
        connections: &Arc<Connections>,
        listen: &Listen,
        shards: &Shards,
        replications: &Arc<Replications>,
        stop: Option<&Stop>,
    ) -> io::Result<Receiving> {
        let Self { receiver, number, dtls } = self;
        let (shared, socket) = (Arc::<Mutex<Shared>>::default(), receiver.share()?);
        let mut door = Door { receiver, number, guard: Guard::new(&listen.guard()), dtls: None, shards: shards.clone() };
        if let Some(rules) = dtls {
            door.dtls = Some(Associations::new(rules, socket.socket()?, connections, shards));
        }
        let (connections, theirs, stop) = (Arc::clone(connections), Arc::clone(&shared), stop.cloned());
        let replications = Arc::clone(replications);
        let work = move || receive(connections.name(), &mut door, &theirs, &replications, stop.as_ref());
        let thread = thread::Builder::new().name("weir-receive".into()).spawn(work)?;
        Ok(Receiving { shared, socket, thread: Some(thread) })
    }
}

impl Receiving {
    /// Goes over to other rules.
    pub(crate) fn change(&self, listen: &Listen, dtls: Option<DtlsRules>) {
        lock(&self.shared).changes = Some(Changes { guard: listen.guard(), receive_buffer: listen.receive_buffer.0, dtls });
    }

    /// The same socket for another listener; both receive until this one is stopped.
    pub(crate) fn hand_on(&self, name: &str, listen: &Listen, number: u16) -> Result<Receiver, String> {
        let dtls = DtlsRules::new(name, listen)?;
        let options = ReceiverOptions { receive_buffer: listen.receive_buffer.0, listener: number, ..ReceiverOptions::default() };
        let receiver = UdpReceiver::take_over(&self.socket, options);
        let receiver = receiver.map_err(|error| format!("listen.{name}: cannot take the port over: {error}"))?;
        Ok(Receiver { receiver, number, dtls })
    }

    /// What was counted so far.
    pub(crate) fn counters(&self) -> (ReceiveCounters, GuardCounters, Option<StreamCounters>) {
        let shared = lock(&self.shared);
        (shared.counters, shared.guard, shared.streams)
    }

    /// Who was refused.
    pub(crate) fn refused(&self) -> Vec<(IpAddr, Refused)> {
        lock(&self.shared).refusals.all()
    }

    /// Lets a socket that takes this one's place have its port beside it, or not any more.
    pub(crate) fn share_port(&self, is_shared: bool) -> io::Result<()> {
        self.socket.share_port(is_shared)
    }

    /// Takes what still comes, and ends; see [`Self::ending`].
    pub(crate) fn stop(&self) {
        lock(&self.shared).is_over = true;
    }

    /// After [`Self::stop`]: what ends with it; nothing when it was asked for before.
    pub(crate) const fn ending(&mut self) -> Option<JoinHandle<()>> {
        self.thread.take()
    }
}

/// What the thread works with.
struct Door {
    receiver: UdpReceiver,
    number: u16,
    guard: Guard,
    dtls: Option<Associations>,
    shards: Shards,
}

fn receive(name: &str, door: &mut Door, shared: &Mutex<Shared>, replications: &Replications, stop: Option<&Stop>) {
    let mut refusals: Vec<(IpAddr, Verdict)> = Vec::new();
    let (mut until, mut more, mut left) = (None, false, 0_usize);
    loop {
        let is_over = lock(shared).is_over || stop.is_some_and(Stop::is_due);
        if is_over && until.is_none() {
            (until, left) = (Some(Instant::now() + DRAINING), door.receiver.receive_buffer() / SMALLEST);
        }
        let round = door.round(more, &replications.of(name), shared, &mut refusals);
        door.publish(&mut refusals, shared);
        match round {
            // What waited was taken, and nothing more is wanted.
            Ok(0) if until.is_some() => break,
            Ok(count) => (more, left) = (count >= UdpReceiver::BATCH, left.saturating_sub(count)),
            Err(error) => {
                tracing::error!(listener = name, %error, "cannot receive");
                thread::sleep(PATIENCE);
                more = false;
            }
        }
        let has_waiting = more && left > 0;
        if !has_waiting && until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
    }
    if let Some(dtls) = &mut door.dtls {
        dtls.close(now(), door.number);
        door.publish(&mut refusals, shared);
    }
}

impl Door {
    /// Takes what waits, in one call; waits where it is not known that there is `more`. Gives how many packets it were.
    fn round(
        &mut self,
        more: bool,
        copies: &Copies,
        shared: &Mutex<Shared>,
        refusals: &mut Vec<(IpAddr, Verdict)>,
    ) -> io::Result<usize> {
        let is_ready = more || self.receiver.wait(PATIENCE)?;
        // Before anything is received that came after the change.
        self.change(shared);
        if !is_ready {
            return Ok(0);
        }
        let Self { receiver, guard, dtls, shards, .. } = self;
        let now = now();
        let count = receiver.receive(now, |datagram| match (guard.check(datagram.from, now), &mut *dtls) {
            (Verdict::Pass, None) => {
                shards.push(shard_key(datagram.payload, datagram.from.into()), &datagram);
                copies.push(&datagram);
            }
            (Verdict::Pass, Some(dtls)) => dtls.take(&datagram),
            (verdict, _) => refusals.push((datagram.from, verdict)),
        })?;
        shards.flush();
        copies.flush();
        Ok(count)
    }

    /// Lets others see what was counted, and looks after associations.
    fn publish(&mut self, refusals: &mut Vec<(IpAddr, Verdict)>, shared: &Mutex<Shared>) {
        let Self { receiver, number, guard, dtls, .. } = self;
        let now = now();
        if let Some(dtls) = dtls.as_mut() {
            dtls.look_after(now, *number);
        }
        let mut shared = lock(shared);
        shared.counters = receiver.counters();
        shared.guard = guard.counters();
        shared.streams = dtls.as_ref().map(Associations::counters);
        for (from, verdict) in refusals.drain(..) {
            shared.refusals.note(from, verdict, now);
        }
    }

    /// Goes over to other rules where there are any.
    fn change(&mut self, shared: &Mutex<Shared>) {
        let Some(changes) = lock(shared).changes.take() else { return };
        let Self { receiver, number, guard, dtls, .. } = self;
        guard.configure(&changes.guard);
        receiver.set_receive_buffer(changes.receive_buffer);
        if let (Some(dtls), Some(rules)) = (dtls, changes.dtls) {
            dtls.change(rules, |from| guard.allows(from), now(), *number);
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
