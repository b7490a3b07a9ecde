//! Connections: who may connect, for how long a request may take to arrive, how all of them end.
//!
//! The listener is bounded in every direction that a client could grow: connections at a time, time for the head of a request, octets of its body and time between them,
//! and time in which it takes nothing of its answer.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use utoipa::OpenApi as _;

use crate::backend::Backend;
use crate::limits::Limits;
use crate::live::Live;
use crate::openapi::Document;
use crate::patient::Patient;
use crate::people::access::AccessTable;
use crate::people::guard::{Counts, Guard};
use crate::people::{Edge, Peer, People};
use crate::queries::Queries;
use crate::routes::{self, Shared};
use crate::unread::Unread;

/// Threads that wait for sockets; queries have threads of their own.
const THREADS: usize = 2;

/// How long to wait after a connection could not be accepted, for want of file descriptors mostly.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What a server is made of.
#[derive(Clone)]
pub struct Parts {
    /// The service behind it.
    pub backend: Arc<dyn Backend>,
    /// Who may ask.
    pub people: Arc<People>,
    /// How it meets the network.
    pub edge: Edge,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("people", &self.people).field("edge", &self.edge).finish_non_exhaustive()
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    runtime: Runtime,
    accepting: JoinHandle<()>,
    queries: Arc<Queries>,
    stop: watch::Sender<bool>,
}

/// Answers HTTP/1.1 requests on this listener, on threads of its own, until the server is closed.
///
/// # Errors
/// Where the listener cannot be used or threads cannot be started.
pub fn serve(listener: TcpListener, parts: Parts, limits: Limits) -> io::Result<Server> {
    let Parts { backend, people, edge } = parts;
    let tls = edge.tls.clone().map(TlsAcceptor::from);
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    // Each running query holds a thread, and so does each scrape of counters.
    let blocking = limits.queries + limits.connections;
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(blocking)
        .thread_name("http")
        .enable_all()
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let queries = Arc::new(Queries::new(&limits));
    let (stop, stopped) = watch::channel(false);
    let live = Live::new(limits.live, stopped.clone());
    let unread = Arc::new(Unread::new(limits.unread_bytes));
    let library = backend.library();
    let access = AccessTable::of(&Document::openapi());
    let guard = Arc::new(Guard { people, edge, access, counts: Counts::default() });
    let router = routes::router(Shared::new(backend, library, guard, Arc::clone(&queries), unread, live), &limits);
    let accepting = runtime.spawn(accept(listener, Doorstep { router, tls, limits }, stopped));
    Ok(Server { address, runtime, accepting, queries, stop })
}

impl Server {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, cancels the queries that run, and waits for what is being answered, for no longer than `patience`.
    pub fn close(self, patience: Duration) {
        let Self { runtime, accepting, queries, stop, .. } = self;
        // Fails only where nobody listens any more.
        let _ = stop.send(true);
        queries.cancel_all();
        // Late answers are lost with their connections, which is what the limit is for.
        let _ = runtime.block_on(async { tokio::time::timeout(patience, accepting).await });
        runtime.shutdown_timeout(Duration::from_millis(100));
    }
}

/// What every connection meets.
#[derive(Clone)]
struct Doorstep {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

async fn accept(listener: tokio::net::TcpListener, doorstep: Doorstep, mut stopped: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(doorstep.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        // With no room left, further clients wait in the kernel's queue.
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        let (accepted, permit) = tokio::select! {
            _ = stopped.changed() => break,
            Some(next) = next => next,
            else => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, address)) => {
                connections.spawn(meet(stream, address, doorstep.clone(), stopped.clone(), permit));
            }
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Takes a connection, with TLS where that is spoken here.
async fn meet(
    stream: TcpStream,
    address: SocketAddr,
    doorstep: Doorstep,
    mut stopped: watch::Receiver<bool>,
    _room: OwnedSemaphorePermit,
) {
    // Small answers go at once; where that cannot be set they go a little later.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let Doorstep { router, tls, limits } = doorstep;
    let peer = Peer { address: address.ip().to_canonical(), local, is_tls: tls.is_some() };
    let service = WithPeer { inner: TowerToHyperService::new(router), peer };
    let Some(tls) = tls else { return answer(TokioIo::new(stream), service, limits, stopped).await };
    // Whoever does not come to terms in the time for a head has none to send.
    let handshake = tokio::time::timeout(limits.header_time, tls.accept(stream));
    let stream = tokio::select! {
        _ = stopped.changed() => return,
        Ok(Ok(stream)) = handshake => stream,
        else => return,
    };
    answer(TokioIo::new(stream), service, limits, stopped).await;
}

/// Answers the requests of one connection.
async fn answer(stream: impl Read + Write + Unpin, service: WithPeer, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_time);
    let connection = http.serve_connection(Patient::new(stream, limits.client_time), service);
    tokio::pin!(connection);
    tokio::select! {
        // A connection that ended badly is the client's affair.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The routes, told who is at the other end.
#[derive(Clone)]
struct WithPeer {
    inner: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.inner.call(request)
    }
}
