//! DTLS at a listener of datagrams: what comes is opened, and answers go out by the same socket.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_codec::shard::shard_key;
use weir_transport::dtls::{DtlsAct, DtlsServer, DtlsSessions};
use weir_transport::tls::TlsError;
use weir_transport::{Datagram, Shards, StreamCounters, StreamHandler, StreamLimits};

use super::streams::Connections;
use crate::config::Listen;

/// How often associations are looked after.
const LOOK: Duration = Duration::from_millis(50);

/// Ends of associations that wait until workers have room for them; of further ones their decoders hear nothing, and forget them when they need room.
const ENDS: usize = 4096;

/// What associations are made with.
pub(crate) struct DtlsRules {
    server: DtlsServer,
    limits: StreamLimits,
}

/// The associations of one listener.
pub(crate) struct Associations {
    sessions: DtlsSessions,
    socket: UdpSocket,
    /// The socket takes both families, and wants IPv4 addresses mapped.
    is_ipv6: bool,
    connections: Arc<Connections>,
    shards: Shards,
    /// Ends that workers are still to be told of.
    ends: VecDeque<(usize, Datagram<'static>)>,
    looked: Instant,
}

impl DtlsRules {
    /// Reads the files of a listener; nothing where there is no DTLS.
    pub(crate) fn new(name: &str, listen: &Listen) -> Result<Option<Self>, String> {
        let Some(options) = listen.dtls() else { return Ok(None) };
        let server = DtlsServer::load(&options).map_err(|error: TlsError| format!("listen.{name}: {error}"))?;
        Ok(Some(Self { server, limits: listen.limits() }))
    }
}

impl Associations {
    pub(crate) fn new(rules: DtlsRules, socket: UdpSocket, connections: &Arc<Connections>, shards: &Shards) -> Self {
        let is_ipv6 = socket.local_addr().is_ok_and(|address| address.is_ipv6());
        let sessions = DtlsSessions::new(rules.server, rules.limits);
        Self {
            sessions,
            socket,
            is_ipv6,
            connections: Arc::clone(connections),
            shards: shards.clone(),
            ends: VecDeque::new(),
            looked: Instant::now(),
        }
    }

    /// Takes a datagram that came.
    pub(crate) fn take(&mut self, datagram: &Datagram<'_>) {
        self.with(|sessions, act| sessions.take(datagram, Instant::now(), act));
    }

    /// Sends again what was lost, and ends what is over; `now` is in nanoseconds since 1970.
    pub(crate) fn look_after(&mut self, now: i64, listener: u16) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        self.ends.retain(|(worker, end)| !tell(&self.shards, *worker, end));
        self.with(|sessions, act| sessions.pass(Instant::now(), &at(now, listener), act));
        self.shards.flush();
    }

    /// Goes over to other rules; associations of addresses that are not allowed any more end.
    pub(crate) fn change(&mut self, rules: DtlsRules, is_allowed: impl Fn(std::net::IpAddr) -> bool, now: i64, listener: u16) {
        self.sessions.set_rules(rules.server, rules.limits);
        self.with(|sessions, act| sessions.retain(is_allowed, &at(now, listener), act));
    }

    /// Says farewell to all.
    pub(crate) fn close(&mut self, now: i64, listener: u16) {
        self.with(|sessions, act| sessions.close(&at(now, listener), act));
        self.shards.flush();
    }

    /// What was counted so far.
    pub(crate) fn counters(&self) -> StreamCounters {
        self.sessions.counters()
    }

    fn with(&mut self, work: impl FnOnce(&mut DtlsSessions, &mut dyn FnMut(DtlsAct<'_>))) {
        let Self { sessions, socket, is_ipv6, connections, shards, ends, .. } = self;
        work(sessions, &mut |act| match act {
            DtlsAct::Send(to, datagram) => {
                let to = match to {
                    SocketAddr::V4(v4) if *is_ipv6 => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
                    to => to,
                };
                // What is lost here is as if it were lost on its way: it is sent again.
                let _ = socket.send_to(datagram, to);
            }
            // Which of them have had messages depends on the domains in those, so all are told.
            DtlsAct::Message(Datagram { payload: [], from, port, received, listener, stream }) => {
                let end = Datagram { payload: &[], from, port, received, listener, stream };
                for worker in 0..shards.workers() {
                    if !tell(shards, worker, &end) && ends.len() < ENDS {
                        ends.push_back((worker, end));
                    }
                }
            }
            DtlsAct::Message(message) => {
                shards.push(shard_key(message.payload, message.from.into()), &message);
            }
            DtlsAct::Ended(from, end) => connections.ended(from, &end),
        });
    }
}

/// Tells a worker that an association has ended; false if it has no room now.
fn tell(shards: &Shards, worker: usize, end: &Datagram<'_>) -> bool {
    shards.filler().push(worker as u64, end)
}

/// Where and when something happens that no datagram brought.
const fn at(now: i64, listener: u16) -> Datagram<'static> {
    let nobody = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    Datagram { payload: &[], from: nobody, port: 0, received: now, listener, stream: None }
}
