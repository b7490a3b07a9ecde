//! One connection: reads, cuts, hands over, until there is a reason to end.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::{Control, Cut, LONGEST, Place, Rules, StreamEnd, StreamHandler, StreamLimits};
use crate::tls::{Side, TlsServer, explain};
use crate::{Datagram, Shards};

/// Octets that are read at once, what was left over from the read before included: room for the longest message, and many short ones.
const SCRATCH: usize = 2 * LONGEST;

/// A read that brought fewer octets is followed by a short rest, so that a sender of single messages does not cost a wake-up for each of them.
const FEW: usize = 16 << 10;
const REST: Duration = Duration::from_millis(1);

/// How long TLS may take to come about.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a connection is still read when the listener ends, and how long it may be silent then.
const DRAINING: Duration = Duration::from_millis(500);
const SILENT: Duration = Duration::from_millis(50);
/// Octets that are read then, however long it takes: as many as the kernel may have had before.
const IN_KERNEL: u64 = 8 << 20;
/// How long what was read then waits for room at its worker.
const HANDING_OVER: Duration = Duration::from_secs(10);

/// Longer than anybody waits: a deadline for what has none.
const FOR_EVER: Duration = Duration::from_secs(86_400 * 365 * 10);

/// The number of the stream that began last.
static STREAMS: AtomicU64 = AtomicU64::new(0);

/// A number that no other stream has.
pub(crate) fn next_stream() -> u64 {
    STREAMS.fetch_add(1, Relaxed) + 1
}

thread_local! {
    /// What is read, on this thread; what is left over of it goes to the connection.
    static SCRATCH_OF_THREAD: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
}

/// A connection that was accepted.
pub(super) struct Connection {
    from: SocketAddr,
    listener: u16,
    place: Place,
    shards: Shards,
    handler: Arc<dyn StreamHandler>,
    /// What was read and is not handed over: the beginning of a message, or what a worker has no room for.
    held: Vec<u8>,
    /// Octets of the stream before `held`.
    offset: u64,
    /// When the message at the front of `held` began.
    begun: Option<Instant>,
    /// When something came last.
    heard: Instant,
    /// Where there is no room.
    blocked: Option<u64>,
    /// A message came.
    has_sent: bool,
    /// The listener ends, and nobody waits for room any more.
    is_last: bool,
    /// The workers that have had a message, where they want to know of the end.
    used: Vec<usize>,
}

impl Connection {
    pub(super) fn new(from: SocketAddr, listener: u16, place: Place, shards: &Shards, handler: &Arc<dyn StreamHandler>) -> Self {
        Self {
            from,
            listener,
            place,
            shards: shards.clone(),
            handler: Arc::clone(handler),
            held: Vec::new(),
            offset: 0,
            begun: None,
            heard: Instant::now(),
            blocked: None,
            has_sent: false,
            is_last: false,
            used: Vec::new(),
        }
    }

    /// Goes on until the connection ends.
    pub(super) async fn run(mut self, stream: TcpStream, rules: Arc<Rules>, mut control: watch::Receiver<Control>) {
        let end = match &rules.tls {
            None => self.read(stream, rules.limits, &mut control).await,
            Some(tls) => match self.shake(stream, tls, &mut control).await {
                Ok(stream) => self.read(stream, rules.limits, &mut control).await,
                Err(end) => end,
            },
        };
        self.tell_workers().await;
        self.handler.ended(self.from, &end);
        self.place.leave(&end);
    }

    async fn shake(
        &self,
        stream: TcpStream,
        tls: &TlsServer,
        control: &mut watch::Receiver<Control>,
    ) -> Result<tokio_rustls::server::TlsStream<TcpStream>, StreamEnd> {
        let acceptor = TlsAcceptor::from(Arc::clone(tls.config()));
        let lost = self.place.lost();
        let shaken = tokio::select! {
            end = told_to_end(self.from, &lost, control) => return Err(end),
            shaken = timeout(HANDSHAKE, acceptor.accept(stream)) => shaken,
        };
        let reason = match shaken {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => explain(&error, Side::Server),
            Err(_) => format!("the peer did not begin TLS within {} s", HANDSHAKE.as_secs()),
        };
        Err(StreamEnd::Handshake { reason })
    }

    async fn read(
        &mut self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        limits: StreamLimits,
        control: &mut watch::Receiver<Control>,
    ) -> StreamEnd {
        self.heard = Instant::now();
        let lost = self.place.lost();
        loop {
            let round = tokio::select! {
                biased;
                end = told_to_end(self.from, &lost, control) => match end {
                    StreamEnd::Stopped => return self.drain(stream).await,
                    end => return end,
                },
                round = self.round(&mut stream, limits) => round,
            };
            if let Err(end) = round {
                return end;
            }
        }
    }

    /// Takes what comes until the peer is silent for a moment, and hands over what was taken: TCP has told the peer that we have it.
    async fn drain(&mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> StreamEnd {
        let (until, give_up) = (Instant::now() + DRAINING, Instant::now() + HANDING_OVER);
        let (limits, most) = (StreamLimits::default(), self.taken() + IN_KERNEL);
        loop {
            let (taken, was_blocked) = (self.taken(), self.blocked.is_some());
            let patience = if self.blocked.is_some() { give_up } else { until.min(Instant::now() + SILENT) };
            match timeout_at(patience, self.round(&mut stream, limits)).await {
                Ok(Ok(())) => {
                    let has_more = (was_blocked || self.taken() - taken >= FEW as u64) && self.taken() < most;
                    if self.blocked.is_none() && !has_more && Instant::now() >= until {
                        break;
                    }
                }
                Ok(Err(end)) => return end,
                Err(_) if self.blocked.take().is_some() => {
                    self.is_last = true;
                    let held = std::mem::take(&mut self.held);
                    return self.hand_over(&held).err().unwrap_or(StreamEnd::Stopped);
                }
                Err(_) => break,
            }
        }
        StreamEnd::Stopped
    }

    /// Reads once and hands over, or waits for room.
    async fn round(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), limits: StreamLimits) -> Result<(), StreamEnd> {
        if let Some(key) = self.blocked {
            self.shards.wait_for_room(key).await;
            self.place.counts().waited();
            self.blocked = None;
            // It was us who made the peer wait.
            self.heard = Instant::now();
            let held = std::mem::take(&mut self.held);
            return self.hand_over(&held);
        }
        let (deadline, end) = self.deadline(limits);
        // A peer that always has one more octet is not to get beyond it.
        if Instant::now() >= deadline {
            return Err(end);
        }
        let read = match timeout_at(deadline, poll_fn(|context| self.poll_read(stream, context))).await {
            Ok(read) => read?,
            Err(_) => return Err(end),
        };
        if read < FEW {
            sleep(REST).await;
        }
        Ok(())
    }

    /// Octets of the stream that were read.
    fn taken(&self) -> u64 {
        self.offset + self.held.len() as u64
    }

    /// When the connection ends if nothing happens, and what it ends with.
    fn deadline(&self, limits: StreamLimits) -> (Instant, StreamEnd) {
        match (self.begun, limits.idle_time) {
            (Some(begun), _) => (begun + limits.message_time, StreamEnd::Slow { limit: limits.message_time }),
            (None, Some(limit)) => (self.heard + limit, StreamEnd::Idle { limit }),
            (None, None) => (self.heard + FOR_EVER, StreamEnd::Idle { limit: FOR_EVER }),
        }
    }

    /// Reads what is there behind what was left over, and hands it over; gives how many octets came.
    fn poll_read(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, StreamEnd>> {
        SCRATCH_OF_THREAD.with_borrow_mut(|scratch| {
            let held = self.held.len();
            let (front, room) = scratch.split_at_mut(held.min(SCRATCH));
            front.copy_from_slice(&self.held);
            let mut room = ReadBuf::new(room);
            let read = Pin::new(&mut *stream).poll_read(context, &mut room);
            // TLS answers by itself what is about TLS: new keys, or that there is no other handshake. Where that fails the next read tells.
            let _ = Pin::new(stream).poll_flush(context);
            let read = ready!(read).map(|()| room.filled().len());
            let end = match read {
                Ok(0) if held == 0 => Err(StreamEnd::Closed),
                Ok(0) => Err(StreamEnd::CutShort { offset: self.offset, held }),
                Err(error) => Err(lost(&error, self.offset, held)),
                Ok(read) => {
                    self.heard = Instant::now();
                    let handed_over = self.hand_over(scratch.get(..held + read).unwrap_or_default());
                    handed_over.map(|()| read)
                }
            };
            Poll::Ready(end)
        })
    }

    /// Hands over the messages at the front of these octets, and keeps the rest.
    fn hand_over(&mut self, octets: &[u8]) -> Result<(), StreamEnd> {
        let received = now();
        let from = self.from;
        let (mut at, mut messages, mut message_octets) = (0, 0, 0);
        let mut filler = self.shards.filler();
        let mut end = Ok(());
        let mut is_inside = false;
        while let Some(rest) = octets.get(at..).filter(|rest| !rest.is_empty()) {
            let (skip, length) = match self.handler.cut(rest) {
                Cut::Message { skip, length } => (skip, length),
                Cut::More => {
                    is_inside = true;
                    break;
                }
                Cut::Bad { seen } => {
                    end = Err(StreamEnd::BadFrame { offset: self.offset + at as u64, seen });
                    break;
                }
            };
            if skip + length > LONGEST {
                end = Err(StreamEnd::BadFrame { offset: self.offset + at as u64, seen: length as u64 });
                break;
            }
            let Some(payload) = rest.get(skip..skip + length) else {
                is_inside = true;
                break;
            };
            let key = self.handler.key(payload, from.ip());
            let message = Datagram {
                payload,
                from: from.ip(),
                port: from.port(),
                received,
                listener: self.listener,
                stream: Some(self.place.stream()),
            };
            if self.is_last {
                filler.push_anyhow(key, &message);
            } else if !filler.push(key, &message) {
                self.blocked = Some(key);
                break;
            }
            // Not by the key: a peer can make up as many as it likes.
            let worker = self.shards.worker_of(key);
            if self.handler.has_sessions() && !self.used.contains(&worker) {
                self.used.push(worker);
            }
            at += skip + length;
            messages += 1;
            message_octets += length as u64;
        }
        drop(filler);
        self.keep(octets, at, is_inside);
        // What waits for room is a message as well. Whoever is counted has the place already.
        if (messages > 0 || self.blocked.is_some()) && !self.has_sent {
            self.has_sent = true;
            self.place.keep();
        }
        self.place.counts().add_messages(messages, message_octets);
        end
    }

    /// Keeps what stands behind the first `at` octets.
    fn keep(&mut self, octets: &[u8], at: usize, is_inside: bool) {
        self.held.clear();
        // What many connections hold is the beginnings of messages, not room for the longest ones.
        self.held.shrink_to(4 * (octets.len() - at) + 64);
        self.held.extend_from_slice(octets.get(at..).unwrap_or_default());
        self.offset += at as u64;
        if !is_inside {
            self.begun = None;
        } else if at > 0 || self.begun.is_none() {
            self.begun = Some(self.heard);
        }
    }

    /// Lets the workers know that nothing more will come of this stream.
    async fn tell_workers(&mut self) {
        for worker in std::mem::take(&mut self.used) {
            let key = worker as u64;
            let (from, port) = (self.from.ip(), self.from.port());
            let end = Datagram {
                payload: &[],
                from,
                port,
                received: now(),
                listener: self.listener,
                stream: Some(self.place.stream()),
            };
            while !self.shards.filler().push(key, &end) {
                self.shards.wait_for_room(key).await;
            }
        }
    }
}

/// Waits until the listener ends, its rules turn against this address, or the place is lost.
async fn told_to_end(from: SocketAddr, lost: &Notify, control: &mut watch::Receiver<Control>) -> StreamEnd {
    let turned = tokio::select! {
        () = lost.notified() => return StreamEnd::MadeRoom,
        turned = control.wait_for(|control| control.is_over || !control.rules.allowed.contain(from.ip())) => turned,
    };
    match turned {
        Ok(control) if !control.is_over => StreamEnd::NotAllowed,
        // Without a listener there is nobody to go on for.
        _ => StreamEnd::Stopped,
    }
}

/// Waits until the listener ends.
pub(super) async fn over(control: &mut watch::Receiver<Control>) {
    let _ = control.wait_for(|control| control.is_over).await;
}

/// What a failed read means. A TLS peer that closes TCP without saying so may have been cut off by somebody else; what came until then was whole.
fn lost(error: &io::Error, offset: u64, held: usize) -> StreamEnd {
    match error.kind() {
        io::ErrorKind::UnexpectedEof if held == 0 => StreamEnd::Closed,
        io::ErrorKind::UnexpectedEof => StreamEnd::CutShort { offset, held },
        _ => StreamEnd::Lost { reason: explain(error, Side::Server) },
    }
}

/// The clock, nanoseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
