//! The way to the other unit: the first one listens, the second one connects, as long as there is a pair.

mod listening;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::Timespec;

use super::base::Base;
use super::channel::{Channel, Message};
use super::identity::{Identity, Part, Pending, Token, hex, joining};
use super::session::{Around, Held, Seen, run};
use super::unit::{Peer, Unit};
use super::watch::is_woken;
use crate::collect::Complaints;
use listening::{bind, serve};

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(3);

/// How long to wait before a unit that could not be reached is tried again.
const AGAIN: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A pair as one of its units has it.
pub(super) struct Link {
    shared: Arc<Shared>,
    /// Closed, it ends the thread.
    wake: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    folder: PathBuf,
    unit: Weak<Unit>,
    held: Weak<dyn Held>,
    identity: Mutex<Identity>,
    pending: Mutex<Option<Pending>>,
    seen: Arc<Mutex<Seen>>,
    base: Arc<Mutex<Base>>,
    settles: Arc<AtomicBool>,
    /// Ends the session that there is.
    session: Mutex<Arc<AtomicBool>>,
    /// Held while one lasts: they take turns.
    speaking: Mutex<()>,
    stop: AtomicBool,
    /// Since when the other unit cannot be spoken with.
    lost: Mutex<Option<Instant>>,
    /// Those who are not known yet, in the order in which they came.
    strangers: Mutex<BTreeMap<u64, TcpStream>>,
    refused: AtomicU64,
    complaints: Complaints,
}

impl Link {
    /// Goes on with the pair that is kept in this folder; none where there is none. The error is a sentence.
    pub(super) fn load(
        folder: &Path,
        listen: SocketAddr,
        unit: Weak<Unit>,
        held: Weak<dyn Held>,
    ) -> Result<Option<Self>, String> {
        let Some(identity) = Identity::load(folder)? else { return Ok(None) };
        // A port that is taken now may be free later.
        let listener = (identity.part == Part::First).then(|| bind(listen)).and_then(Result::ok);
        Self::start(folder, listen, listener, identity, unit, held).map(Some)
    }

    /// Begins a pair. The error is a sentence.
    pub(super) fn init(folder: &Path, listen: SocketAddr, unit: Weak<Unit>, held: Weak<dyn Held>) -> Result<Self, String> {
        let listener = bind(listen)?;
        let identity = Identity::new(Part::First)?;
        identity.save(folder)?;
        Self::start(folder, listen, Some(listener), identity, unit, held)
    }

    /// Joins the pair of the unit at this address. The error is a sentence.
    pub(super) fn join(
        folder: &Path,
        listen: SocketAddr,
        address: &str,
        token: &str,
        unit: Weak<Unit>,
        held: Weak<dyn Held>,
    ) -> Result<Self, String> {
        let token: Token = token.parse()?;
        let mut identity = Identity::new(Part::Second)?;
        let config = joining(&token)?;
        let asked = connect(address).and_then(|tcp| {
            let (mut channel, shown) = Channel::connect(tcp, config)?;
            let (secret, certificate) = (hex(&token.secret), hex(identity.certificate()));
            channel.say(&Message::Join { secret, certificate })?;
            Ok((channel.wait::<Message>()?, shown))
        });
        let (answer, shown) = asked.map_err(|error| format!("{address} cannot be joined: {error}"))?;
        match answer {
            Message::Joined { .. } => {}
            Message::Refused { why } => return Err(format!("{address} refuses: {why}")),
            _ => return Err(format!("{address} answers what this program does not know")),
        }
        identity.set_peer(shown);
        identity.address = Some(address.to_owned());
        identity.save(folder)?;
        Base::load(folder).begin();
        Self::start(folder, listen, None, identity, unit, held)
    }

    fn start(
        folder: &Path,
        listen: SocketAddr,
        listener: Option<TcpListener>,
        identity: Identity,
        unit: Weak<Unit>,
        held: Weak<dyn Held>,
    ) -> Result<Self, String> {
        let part = identity.part;
        let address = identity.address.clone().unwrap_or_default();
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            unit,
            held,
            identity: Mutex::new(identity),
            pending: Mutex::default(),
            seen: Arc::new(Mutex::new(Seen { address: address.clone(), ..Seen::default() })),
            base: Arc::new(Mutex::new(Base::load(folder))),
            settles: Arc::default(),
            session: Mutex::default(),
            speaking: Mutex::default(),
            stop: AtomicBool::new(false),
            lost: Mutex::new(Some(Instant::now())),
            strangers: Mutex::default(),
            refused: AtomicU64::new(0),
            complaints: Complaints::default(),
        });
        let (wake, woken) = UnixStream::pair().map_err(|error| error.to_string())?;
        let theirs = Arc::clone(&shared);
        let builder = thread::Builder::new().name("weir-pair".into());
        let thread = match part {
            Part::First => builder.spawn(move || serve(&theirs, listen, listener, &woken)),
            Part::Second => builder.spawn(move || follow(&theirs, &address, &woken)),
        };
        Ok(Self { shared, wake: Some(wake), thread: Some(thread.map_err(|error| format!("cannot start a thread: {error}"))?) })
    }

    /// Where this unit stands.
    pub(super) fn part(&self) -> Part {
        lock(&self.shared.identity).part
    }

    /// What is known of the other unit.
    pub(super) fn seen(&self) -> Seen {
        lock(&self.shared.seen).clone()
    }

    /// Connections of others that were refused.
    pub(super) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// A token for another unit; the one before is worth nothing then. The error is a sentence.
    pub(super) fn token(&self) -> Result<String, String> {
        let token = Token::new(lock(&self.shared.identity).certificate())?;
        *lock(&self.shared.pending) = Some(Pending::new(&token));
        Ok(token.to_string())
    }

    /// Our values count where both units have changed a key, until both are the same.
    pub(super) fn settle(&self) {
        self.shared.settles.store(true, Ordering::Relaxed);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        lock(&self.shared.session).store(true, Ordering::Relaxed);
        self.wake = None;
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            // One that panicked has told why.
            let _ = thread.join();
        }
        // A change that has begun is made.
        drop(lock(&self.shared.speaking));
    }
}

impl Shared {
    /// Speaks with the other unit; a session that there is ends first.
    fn speak(&self, channel: Channel) {
        let (Some(unit), Some(held)) = (self.unit.upgrade(), self.held.upgrade()) else { return };
        let stop: Arc<AtomicBool> = Arc::default();
        std::mem::replace(&mut *lock(&self.session), Arc::clone(&stop)).store(true, Ordering::Relaxed);
        let part = lock(&self.identity).part;
        let around = Around {
            part,
            unit,
            held,
            seen: Arc::clone(&self.seen),
            base: Arc::clone(&self.base),
            settles: Arc::clone(&self.settles),
            stop: Arc::clone(&stop),
        };
        let _turn = lock(&self.speaking);
        // Another one has come, or nobody is to speak any more.
        if self.stop.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed) {
            return;
        }
        *lock(&self.lost) = None;
        let ended = run(&around, channel);
        *lock(&self.lost) = Some(Instant::now());
        if let Err(error) = ended
            && !stop.load(Ordering::Relaxed)
        {
            self.lose(&explain(&error));
        }
    }

    /// The other unit cannot be spoken with, for this reason.
    fn lose(&self, trouble: &str) {
        {
            let mut seen = lock(&self.seen);
            if seen.is_up || seen.trouble.as_deref() != Some(trouble) {
                tracing::warn!(peer = seen.address, error = trouble, "the other unit cannot be spoken with");
            }
            (seen.is_up, seen.role, seen.trouble) = (false, None, Some(trouble.to_owned()));
        }
        self.look_after();
    }

    /// To be called now and then while the other unit is away: for how long that is so counts.
    fn look_after(&self) {
        let (part, has_peer) = {
            let identity = lock(&self.identity);
            (identity.part, identity.has_peer())
        };
        let lost = *lock(&self.lost);
        if let (Some(unit), Some(since)) = (self.unit.upgrade(), lost.filter(|_| has_peer)) {
            unit.look_at_peer(Peer::Lost(since), part);
        }
    }
}

/// The thread of the second one.
fn follow(shared: &Arc<Shared>, address: &str, woken: &UnixStream) {
    while !shared.stop.load(Ordering::Relaxed) {
        let config = lock(&shared.identity).client().map_err(io::Error::other);
        let channel = config.and_then(|config| Channel::connect(connect(address)?, config));
        match channel {
            Ok((channel, _)) => shared.speak(channel),
            Err(error) => shared.lose(&explain(&error)),
        }
        if is_woken(woken, None, Some(&AGAIN)) {
            return;
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECTING) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it has ended the connection".into(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "it does not answer".into(),
        _ => error.to_string(),
    }
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
