//! The side that is connected to: it finds out who somebody is, takes whoever has the token for the other unit, and refuses the rest.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use super::super::channel::{Channel, Message};
use super::super::identity::{Pending, unhex};
use super::super::watch::is_woken;
use super::{AGAIN, Shared, explain, lock};

/// Connections of somebody who is not known yet, at a time.
const STRANGERS: usize = 8;

/// The thread of the first one.
pub(super) fn serve(shared: &Arc<Shared>, listen: SocketAddr, mut listener: Option<TcpListener>, woken: &UnixStream) {
    let mut number = 0;
    loop {
        let bound = listener.take().map_or_else(|| bind(listen), Ok);
        match bound {
            Ok(bound) => accept(shared, &bound, woken, &mut number),
            Err(error) => shared.lose(&error),
        }
        if is_woken(woken, None, Some(&AGAIN)) {
            return;
        }
    }
}

/// The error is a sentence.
pub(super) fn bind(listen: SocketAddr) -> Result<TcpListener, String> {
    let refuse = |error| format!("ha.listen: {listen}: {error}");
    let listener = TcpListener::bind(listen).map_err(refuse)?;
    listener.set_nonblocking(true).map_err(refuse)?;
    let address = listener.local_addr().map_err(refuse)?;
    tracing::info!(%address, "waiting for the other unit");
    Ok(listener)
}

/// Answers until it is woken.
fn accept(shared: &Arc<Shared>, listener: &TcpListener, woken: &UnixStream, number: &mut u64) {
    loop {
        let has_peer = lock(&shared.identity).has_peer();
        if is_woken(woken, Some(listener.as_fd()), has_peer.then_some(&AGAIN)) {
            return;
        }
        shared.look_after();
        let (tcp, from) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            // As without file descriptors: a while later there may be some.
            Err(_) if is_woken(woken, None, Some(&AGAIN)) => return,
            Err(_) => continue,
        };
        *number += 1;
        let Some(place) = Place::new(shared, *number, &tcp) else { continue };
        let spawned = thread::Builder::new().name("weir-pair".into()).spawn(move || {
            let shared = Arc::clone(&place.shared);
            if let Err(error) = answer(place, tcp, from) {
                shared.refuse(from, &explain(&error));
            }
        });
        // The place is free again with what was to run.
        drop(spawned);
    }
}

/// The place of somebody who is not known yet, free again when that ends.
struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Place {
    /// Where there is no room the one who came first has had enough time.
    fn new(shared: &Arc<Shared>, number: u64, tcp: &TcpStream) -> Option<Self> {
        let tcp = tcp.try_clone().ok()?;
        let mut strangers = lock(&shared.strangers);
        if strangers.len() >= STRANGERS
            && let Some((_, first)) = strangers.pop_first()
        {
            let _ = first.shutdown(Shutdown::Both);
        }
        strangers.insert(number, tcp);
        Some(Self { shared: Arc::clone(shared), number })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.shared.strangers).remove(&self.number);
    }
}

/// Finds out who somebody is, and speaks with the other unit. The error says why it is nobody to speak with.
fn answer(place: Place, tcp: TcpStream, from: SocketAddr) -> io::Result<()> {
    let shared = Arc::clone(&place.shared);
    let identity = lock(&shared.identity).clone();
    let (mut channel, shown) = Channel::accept(tcp, identity.server().map_err(io::Error::other)?)?;
    if identity.is_peer(&shown) {
        drop(place);
        lock(&shared.seen).address = from.ip().to_canonical().to_string();
        shared.speak(channel);
        return Ok(());
    }
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned()));
    let (true, Message::Join { secret, certificate }) = (shown.is_empty(), channel.wait()?) else {
        return refuse("it has another certificate than the other unit, and no token");
    };
    match shared.join(&secret, &certificate) {
        Ok(()) => channel.say(&Message::Joined { version: env!("CARGO_PKG_VERSION").into() }),
        Err(why) => {
            channel.say(&Message::Refused { why: why.clone() })?;
            refuse(&why)
        }
    }
}

impl Shared {
    /// Somebody came who is not the other unit.
    fn refuse(&self, from: SocketAddr, why: &str) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if let Some(suppressed) = self.complaints.is_due("stranger") {
            tracing::warn!(%from, error = why, suppressed, "somebody who wanted to be the other unit is refused");
        }
    }

    /// Takes somebody who knows the token for the other unit. The error is a sentence.
    fn join(&self, secret: &str, certificate: &str) -> Result<(), String> {
        if !Pending::take(&mut lock(&self.pending), secret) {
            return Err("the token is wrong, was used, or its hour is over: `weir ha init` makes another".into());
        }
        let mut identity = lock(&self.identity);
        let mut new = identity.clone();
        new.set_peer(unhex(certificate).unwrap_or_default());
        new.server()?;
        new.save(&self.folder)?;
        *identity = new;
        drop(identity);
        // Who was the other unit is that no more; who joins takes over what is here.
        lock(&self.session).store(true, Ordering::Relaxed);
        let _turn = lock(&self.speaking);
        lock(&self.base).begin();
        self.settles.store(true, Ordering::Relaxed);
        tracing::info!("another unit has joined");
        Ok(())
    }
}
