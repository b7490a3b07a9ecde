//! A receiver of FastNetMon Flow over TCP that is told to go away in the middle of a message, and to come back.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, sockopt};
use weir_testkit::PATIENCE;

use crate::asking::service::Asked;
use crate::collect::messages;
use crate::collect::service::{Exporter, Service};

/// Sends NetFlow v5 datagrams whose records have these bytes.
pub(super) fn send(service: &Service, exporter: &Exporter, bytes: std::ops::Range<u32>) {
    let datagrams: Vec<Vec<u8>> = bytes.map(|bytes| messages::netflow5(bytes, bytes)).collect();
    exporter.send(service, datagrams.iter().map(Vec::as_slice));
}

/// The same with as many records in a datagram as it can hold, which is faster.
pub(super) fn send_rows(service: &Service, exporter: &Exporter, bytes: std::ops::Range<u32>) {
    let firsts = bytes.clone().step_by(30);
    let datagrams: Vec<Vec<u8>> =
        firsts.map(|first| messages::netflow5_rows(first, first, (bytes.end - first).min(30))).collect();
    exporter.send(service, datagrams.iter().map(Vec::as_slice));
}

/// An address that nobody listens on now.
pub(super) fn free() -> String {
    weir_testkit::free_address().to_string()
}

/// Waits until the counters of all exports add up to this; what is sent is counted a moment later.
pub(super) fn wait_for_counters(asked: &Asked, what: &str, wanted: impl Fn([u64; 5]) -> bool) -> [u64; 5] {
    let begun = Instant::now();
    loop {
        let seen = add_up(asked);
        if wanted(seen) {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}: {seen:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The counters of all exports: records, sent, sent again, waiting, dropped.
pub(super) fn add_up(asked: &Asked) -> [u64; 5] {
    let rows = asked.ask(&["counters", "--format", "json", "--grep", "weir_export_"]).records();
    let value = |name: &str| -> u64 {
        let named = rows.iter().filter(|row| row["name"].as_str().unwrap().starts_with(&format!("weir_export_{name}{{")));
        named.map(|row| row["value"].as_u64().unwrap()).sum()
    };
    ["records_total", "sent_records_total", "resent_records_total", "waiting_records", "dropped_records_total"].map(value)
}

/// Each of so many records came once at least, and never twice in one connection.
pub(super) fn check(seen: &Seen, records: u32) {
    let all = seen.all();
    let missing: Vec<u32> = (1..=records).filter(|bytes| !all.contains_key(&u64::from(*bytes))).collect();
    assert!(missing.is_empty() && all.len() == records as usize, "of {}: missing {missing:?}", all.len());
    for (number, connection) in seen.connections().iter().enumerate() {
        assert!(connection.values().all(|times| *times == 1), "twice in connection {number}");
    }
}

/// How often each record came, told by its bytes.
pub(super) type Times = BTreeMap<u64, u32>;

/// What a receiver has read, connection by connection.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<Times>>>);

impl Seen {
    /// How often each record came in all connections together.
    pub(super) fn all(&self) -> Times {
        let mut all = Times::new();
        for connection in self.0.lock().unwrap().iter() {
            for (bytes, times) in connection {
                *all.entry(*bytes).or_default() += times;
            }
        }
        all
    }

    pub(super) fn connections(&self) -> Vec<Times> {
        self.0.lock().unwrap().clone()
    }
}

/// A receiver that listens.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    pub(super) seen: Seen,
    thread: JoinHandle<()>,
}

impl Receiver {
    /// Listens there. Of each connection it reads so many octets and breaks it off then, without reading what else has come; the last one it reads to its end.
    pub(super) fn at(address: &str, seen: Seen, cut_after: Vec<usize>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let theirs = seen.clone();
        let thread = thread::spawn(move || {
            for cut in cut_after.into_iter().map(Some).chain([None]) {
                let (stream, _) = listener.accept().unwrap();
                theirs.0.lock().unwrap().push(Times::new());
                read(stream, cut, &theirs);
            }
        });
        Self { address, seen, thread }
    }

    /// A listener whose connections keep few octets that nobody reads.
    pub(super) fn small(address: &str) -> TcpListener {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
        rustix::net::bind(&socket, &address.parse::<SocketAddr>().unwrap()).unwrap();
        rustix::net::listen(&socket, 1).unwrap();
        socket.into()
    }

    /// Waits until the last connection has ended.
    pub(super) fn join(self) -> Seen {
        self.thread.join().unwrap();
        self.seen
    }
}

/// Reads messages behind their lengths; every one that begins is whole, or the connection ends in it.
fn read(mut stream: TcpStream, cut: Option<usize>, seen: &Seen) {
    let (mut octets, mut read, mut buffer) = (Vec::new(), 0, [0; 4096]);
    loop {
        let most = cut.map_or(buffer.len(), |cut| (cut - read).min(buffer.len()));
        if most == 0 {
            return;
        }
        // One that is broken off ends with an error.
        let Ok(count @ 1..) = stream.read(&mut buffer[..most]) else { return };
        read += count;
        octets.extend_from_slice(&buffer[..count]);
        while let Some(length) = octets.first_chunk::<8>().map(|prefix| u64::from_le_bytes(*prefix) as usize) {
            assert!(matches!(length, 160 | 192), "{length} is no length: a message was not whole");
            if octets.len() < 8 + length {
                break;
            }
            let message: Vec<u8> = octets.drain(..8 + length).skip(8).collect();
            assert_eq!(message[..4], [0; 4], "one segment");
            // The field `length`, at octet 40 of the data behind both heads.
            let bytes = u64::from_le_bytes(*message[16 + 40..].first_chunk().unwrap());
            *seen.0.lock().unwrap().last_mut().unwrap().entry(bytes).or_default() += 1;
        }
    }
}
