//! Connections: who may connect, for how long a request may take to arrive, how all of them end.
//!
//! The listener is bounded in every direction that a client could grow: connections at a time, time for the head of a request, octets of its body and time between them,
//! and time in which it takes nothing of its answer.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::backend::Backend;
use crate::limits::Limits;
use crate::live::Live;
use crate::patient::Patient;
use crate::queries::Queries;
use crate::routes::{self, Shared};
use crate::unread::Unread;

/// Threads that wait for sockets; queries have threads of their own.
const THREADS: usize = 2;

/// How long to wait after a connection could not be accepted, for want of file descriptors mostly.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

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
pub fn serve(listener: TcpListener, backend: Arc<dyn Backend>, limits: Limits) -> io::Result<Server> {
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
    let router = routes::router(Shared { backend, library, queries: Arc::clone(&queries), unread, live }, &limits);
    let accepting = runtime.spawn(accept(listener, router, limits, stopped));
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

async fn accept(listener: tokio::net::TcpListener, router: Router, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(limits.connections));
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
            Ok((stream, _)) => {
                connections.spawn(answer(stream, router.clone(), limits, stopped.clone(), permit));
            }
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Answers the requests of one connection.
async fn answer(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    _room: OwnedSemaphorePermit,
) {
    // Small answers go at once; where that cannot be set they go a little later.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
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
