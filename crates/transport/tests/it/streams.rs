//! Streams of real connections: cut in whatever pieces they come, bounded, closed when they cannot be read, and never dropped from.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use weir_transport::{
    Cut, DatagramBatch, Inbox, ShardOptions, Shards, StreamCounters, StreamEnd, StreamHandler, StreamLimits, StreamListener,
    StreamOptions, StreamRules, Streams, Taken, Url,
};

use crate::PATIENCE;

/// Messages behind their length in 4 octets, most significant first; 0 and more than 64 KiB are none. The key is the first octet.
#[derive(Default)]
struct Handler {
    ended: Mutex<Vec<(SocketAddr, StreamEnd)>>,
}

impl StreamHandler for Handler {
    fn cut(&self, octets: &[u8]) -> Cut {
        let Some(prefix) = octets.first_chunk::<4>() else { return Cut::More };
        match u32::from_be_bytes(*prefix) {
            length @ 1..=65_536 => Cut::Message { skip: 4, length: length as usize },
            seen => Cut::Bad { seen: u64::from(seen) },
        }
    }

    fn key(&self, message: &[u8], _from: IpAddr) -> u64 {
        u64::from(message[0])
    }

    fn has_sessions(&self) -> bool {
        true
    }

    fn ended(&self, from: SocketAddr, end: &StreamEnd) {
        self.ended.lock().unwrap().push((from, end.clone()));
    }
}

/// A listener with its workers' inboxes.
pub(crate) struct Lab {
    pub(crate) runtime: Runtime,
    pub(crate) streams: Streams,
    pub(crate) address: SocketAddr,
    handler: Arc<Handler>,
    shards: Shards,
    inboxes: Vec<Inbox>,
}

/// A message as a worker gets it: its stream, and its octets.
type Taking = (u64, Vec<u8>);

impl Lab {
    pub(crate) fn new(rules: &StreamRules) -> Self {
        Self::with(rules, ShardOptions { workers: 2, ..ShardOptions::default() })
    }

    fn with(rules: &StreamRules, options: ShardOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (shards, inboxes) = Shards::new(options);
        let handler = Arc::new(Handler::default());
        let url = Url::parse("tcp://127.0.0.1", 0).unwrap();
        let listener = StreamListener::open(&url, StreamOptions { v6_only: false, listener: 9 }).unwrap();
        let address = listener.local_address();
        let streams = listener.start(runtime.handle(), rules, &shards, Arc::clone(&handler) as Arc<dyn StreamHandler>).unwrap();
        Self { runtime, streams, address, handler, shards, inboxes }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Waits until a worker has had so many messages, ends included.
    fn take(&mut self, worker: usize, count: usize) -> Vec<Taking> {
        let (mut batch, mut taken, begun) = (DatagramBatch::default(), Vec::new(), Instant::now());
        while taken.len() < count {
            assert!(begun.elapsed() < PATIENCE, "{} of {count}: {:?}", taken.len(), self.streams.counters());
            if self.inboxes[worker].take(&mut batch, Duration::from_millis(50)) == Taken::Batch {
                taken.extend(batch.iter().map(|message| {
                    assert_eq!((message.listener, message.from), (9, IpAddr::from([127, 0, 0, 1])));
                    (message.stream.unwrap(), message.payload.to_vec())
                }));
            }
        }
        taken
    }

    /// Waits until the counters are so.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&StreamCounters) -> bool) -> StreamCounters {
        let begun = Instant::now();
        loop {
            let counters = self.streams.counters();
            if wanted(&counters) {
                return counters;
            }
            assert!(begun.elapsed() < PATIENCE, "{counters:?} {:?}", self.handler.ended.lock().unwrap());
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn ends(&self) -> Vec<StreamEnd> {
        self.handler.ended.lock().unwrap().iter().map(|(_, end)| end.clone()).collect()
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes(), message].concat()
}

/// `count` messages for worker 0, of lengths that vary, each beginning with 0 and then its number.
fn messages(count: u32) -> Vec<Vec<u8>> {
    let length = |number: u32| 5 + (number as usize * 7919) % 300 + if number.is_multiple_of(97) { 60_000 } else { 0 };
    (0..count).map(|number| [&[0][..], &number.to_be_bytes(), &vec![1; length(number) - 5]].concat()).collect()
}

/// The number of an end among the names.
fn number(name: &str) -> usize {
    StreamEnd::NAMES.iter().position(|known| *known == name).unwrap()
}

fn rules(limits: StreamLimits) -> StreamRules {
    StreamRules { limits, ..StreamRules::default() }
}

/// Whether the peer has closed this connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(0) => true,
        Ok(_) => panic!("the listener has said something"),
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
    }
}

#[test]
fn messages_are_the_same_in_whatever_pieces_they_come() {
    let mut lab = Lab::new(&StreamRules::default());
    let sent = messages(1000);
    let octets: Vec<u8> = sent.iter().flat_map(|message| framed(message)).collect();
    for piece in [3, 168, 70_000, octets.len()] {
        let mut stream = lab.connect();
        stream.set_nodelay(true).unwrap();
        let rest = octets.len().min(if piece == 3 { 3000 } else { usize::MAX });
        for octets in octets[..rest].chunks(piece) {
            stream.write_all(octets).unwrap();
        }
        stream.write_all(&octets[rest..]).unwrap();
        drop(stream);
        let taken = lab.take(0, 1001);
        assert!(taken.iter().map(|(_, message)| message).eq(sent.iter().chain([&Vec::new()])), "pieces of {piece}");
        assert!(taken.iter().all(|(stream, _)| *stream == taken[0].0), "one stream");
    }
    let counters = lab.wait_for(|counters| counters.open == 0);
    assert_eq!((counters.connections, counters.messages, counters.ended[number("closed")]), (4, 4000, 4));
    assert_eq!(counters.octets, 4 * sent.iter().map(|message| message.len() as u64).sum::<u64>());
}

#[test]
fn one_octet_at_a_time_gives_the_same() {
    let mut lab = Lab::new(&StreamRules::default());
    let sent = messages(5);
    let mut stream = lab.connect();
    stream.set_nodelay(true).unwrap();
    for message in &sent[1..] {
        for octet in framed(message) {
            stream.write_all(&[octet]).unwrap();
        }
    }
    drop(stream);
    let taken: Vec<_> = lab.take(0, 5).into_iter().map(|(_, message)| message).collect();
    assert_eq!(taken[..4], sent[1..]);
}

#[test]
fn what_cannot_be_read_ends_its_own_connection() {
    let mut lab = Lab::new(&StreamRules::default());
    let mut good = lab.connect();
    good.write_all(&framed(&[0, 1])).unwrap();
    let first = lab.take(0, 1);
    for length in [0_u32, 65_537, 1 << 31, u32::MAX] {
        let mut bad = lab.connect();
        bad.write_all(&[framed(&[0, 2]), length.to_be_bytes().to_vec(), vec![7; 1000]].concat()).unwrap();
        assert!(is_closed(&mut bad), "{length}");
        let end = StreamEnd::BadFrame { offset: 6, seen: u64::from(length) };
        lab.wait_for(|_| lab.ends().last() == Some(&end));
    }
    let mut cut = lab.connect();
    cut.write_all(&framed(&[0, 3])).unwrap();
    cut.write_all(&[0, 0, 0, 9, 0]).unwrap();
    drop(cut);
    lab.wait_for(|_| lab.ends().last() == Some(&StreamEnd::CutShort { offset: 6, held: 5 }));
    good.write_all(&framed(&[0, 4])).unwrap();
    let taken = [first, lab.take(0, 11)].concat();
    assert_eq!(taken.iter().filter(|(_, message)| message.is_empty()).count(), 5, "ends of streams");
    let of_good: Vec<_> = taken.iter().filter(|(stream, _)| *stream == taken[0].0).map(|(_, message)| message.clone()).collect();
    assert_eq!(of_good, [[0, 1], [0, 4]]);
    let counters = lab.streams.counters();
    assert_eq!((counters.open, counters.ended[number("bad_frame")], counters.ended[number("cut_short")]), (1, 4, 1));
}

#[test]
fn a_worker_without_room_slows_its_senders_down_and_nothing_is_dropped() {
    let mut lab = Lab::with(&StreamRules::default(), ShardOptions { workers: 2, batch_octets: 65_536, batches: 4 });
    let sent = messages(20_000);
    let octets: Vec<u8> = sent.iter().flat_map(|message| framed(message)).collect();
    assert!(octets.len() > 12 << 20);
    let mut stream = lab.connect();
    let sender = thread::spawn(move || stream.write_all(&octets).map(|()| stream));
    // It stands still, with half of the queue left to datagrams.
    let mut before = lab.wait_for(|counters| counters.messages > 0).messages;
    loop {
        thread::sleep(Duration::from_millis(100));
        let now = lab.streams.counters().messages;
        if now == before {
            break;
        }
        before = now;
    }
    assert!(!sender.is_finished());
    assert!(lab.shards.counters().map(|queue| queue.waiting).sum::<u64>() > 0);
    let datagram = weir_transport::Datagram {
        payload: &[0, 9],
        from: [127, 0, 0, 1].into(),
        port: 1,
        received: 0,
        listener: 9,
        stream: Some(u64::MAX),
    };
    assert!(lab.shards.push(0, &datagram), "room for datagrams");
    // Streams of other workers go on.
    let mut other = lab.connect();
    other.write_all(&framed(&[1, 1])).unwrap();
    assert_eq!(lab.take(1, 1)[0].1, [1, 1]);

    let taken = lab.take(0, 20_001);
    let of_stream = taken.iter().filter(|(stream, _)| *stream != u64::MAX).map(|(_, message)| message);
    assert!(of_stream.eq(&sent), "all of them, in order");
    drop(sender.join().unwrap().unwrap());
    let counters = lab.wait_for(|counters| counters.open == 1);
    assert_eq!((counters.messages, lab.shards.counters().map(|queue| queue.dropped).sum::<u64>()), (20_001, 0));
    assert!(counters.waits > 0);
}

#[test]
fn slow_and_silent_connections_end() {
    let limits = StreamLimits {
        message_time: Duration::from_millis(300),
        idle_time: Some(Duration::from_millis(800)),
        ..StreamLimits::default()
    };
    let lab = Lab::new(&rules(limits));
    let (mut slow, mut silent) = (lab.connect(), lab.connect());
    silent.write_all(&framed(&[0, 1])).unwrap();
    slow.write_all(&framed(&[0, 2])).unwrap();
    let begun = Instant::now();
    slow.write_all(&[0, 0, 0, 200]).unwrap();
    // One octet now and then does not help.
    while slow.write_all(&[0]).is_ok() && begun.elapsed() < Duration::from_millis(250) {
        thread::sleep(Duration::from_millis(60));
    }
    slow.write_all(&[0]).unwrap_or_default();
    lab.wait_for(|counters| counters.open == 1);
    assert_eq!(lab.ends(), [StreamEnd::Slow { limit: limits.message_time }]);
    assert!(is_closed(&mut silent));
    lab.wait_for(|counters| counters.open == 0);
    assert_eq!(lab.ends()[1], StreamEnd::Idle { limit: Duration::from_millis(800) });
}

#[test]
fn connections_are_bounded_and_counted() {
    let limits = StreamLimits { connections: 5, connections_of_one: 4, ..StreamLimits::default() };
    let mut lab = Lab::new(&rules(limits));
    let mut open: Vec<TcpStream> = (0..4).map(|_| lab.connect()).collect();
    lab.wait_for(|counters| counters.open == 4);
    assert!(is_closed(&mut lab.connect()));
    // From another address there is one more.
    let from = |last: u8| {
        let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        rustix::net::connect(&socket, &lab.address).unwrap();
        TcpStream::from(socket)
    };
    let other = from(2);
    lab.wait_for(|counters| counters.open == 5);
    assert!(is_closed(&mut from(3)));
    assert_eq!(lab.ends(), [StreamEnd::TooManyOfOne { limit: 4 }, StreamEnd::TooMany { limit: 5 }]);
    // A place that is free is taken again.
    drop((other, open.pop()));
    lab.wait_for(|counters| counters.open == 3);
    let mut again = lab.connect();
    again.write_all(&framed(&[0, 1])).unwrap();
    assert_eq!(lab.take(0, 1)[0].1, [0, 1]);
    let counters = lab.wait_for(|counters| counters.open == 4);
    assert_eq!(counters.connections, counters.open + counters.ended.iter().sum::<u64>());
}

#[test]
fn rules_change_while_connections_go_on() {
    let mut lab = Lab::new(&StreamRules::default());
    let mut stream = lab.connect();
    stream.write_all(&framed(&[0, 1])).unwrap();
    lab.take(0, 1);
    let allowed = |text: &str| StreamRules { allowed: vec![(text.parse().unwrap(), 8)], ..StreamRules::default() };
    lab.streams.set_rules(&allowed("127.0.0.0"));
    stream.write_all(&framed(&[0, 2])).unwrap();
    assert_eq!(lab.take(0, 1)[0].1, [0, 2]);
    lab.streams.set_rules(&allowed("10.0.0.0"));
    assert!(is_closed(&mut stream));
    assert!(is_closed(&mut lab.connect()));
    let counters = lab.wait_for(|counters| counters.ended[number("not_allowed")] == 2);
    assert_eq!((counters.connections, counters.open), (2, 0));
}

#[test]
fn what_has_come_is_handed_over_when_the_listener_ends() {
    let mut lab = Lab::new(&StreamRules::default());
    let sent = messages(2000);
    let octets: Vec<u8> = sent.iter().flat_map(|message| framed(message)).collect();
    let mut stream = lab.connect();
    stream.write_all(&octets[..1 << 20]).unwrap();
    lab.wait_for(|counters| counters.messages > 0);
    let silent = lab.connect();
    lab.wait_for(|counters| counters.open == 2);
    lab.streams.stop();
    let Lab { runtime, streams, .. } = &mut lab;
    runtime.block_on(streams.join());
    let whole = {
        let (mut at, mut whole) = (0, 0);
        while at + framed(&sent[whole]).len() <= 1 << 20 {
            at += framed(&sent[whole]).len();
            whole += 1;
        }
        whole
    };
    assert_eq!(lab.streams.counters().messages, whole as u64);
    assert_eq!(lab.ends(), [StreamEnd::Stopped, StreamEnd::Stopped]);
    assert!(TcpStream::connect(lab.address).is_ok(), "the port is there as long as the listener");
    drop((silent, stream));
    let address = lab.address;
    drop(lab);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_listener_takes_over_the_port_of_another() {
    let mut lab = Lab::new(&StreamRules::default());
    let mut first = lab.connect();
    first.write_all(&framed(&[0, 1])).unwrap();
    lab.take(0, 1);
    let handler = Arc::clone(&lab.handler) as Arc<dyn StreamHandler>;
    let second = StreamListener::take_over(&lab.streams, 9).unwrap();
    assert_eq!(second.local_address(), lab.address);
    let second = second.start(lab.runtime.handle(), &StreamRules::default(), &lab.shards, handler).unwrap();
    lab.streams.stop();
    let Lab { runtime, streams, .. } = &mut lab;
    runtime.block_on(streams.join());
    assert!(is_closed(&mut first));
    lab.streams = second;
    let mut stream = lab.connect();
    stream.write_all(&framed(&[0, 2])).unwrap();
    let taken = lab.take(0, 2);
    assert_eq!([&taken[0].1[..], &taken[1].1], [&[][..], &[0, 2]]);
}

#[test]
fn ports_are_shared_by_families_where_they_are_told_to() {
    let open = |url: String, v6_only| StreamListener::open(&Url::parse(&url, 0).unwrap(), StreamOptions { v6_only, listener: 0 });
    let v4 = open("tcp://0.0.0.0".into(), false).unwrap();
    let port = v4.local_address().port();
    assert!(open(format!("tcp://[::]:{port}"), true).is_ok());
    let clash = open(format!("tls://[::]:{port}"), false).unwrap_err().to_string();
    assert!(clash.starts_with(&format!("tls://[::]:{port}: cannot listen on [::]:{port}: ")), "{clash}");
    assert!(clash.ends_with("another socket has this port, `ss -tlpn` shows whose"), "{clash}");
    assert_eq!(open("udp://[::]:1".into(), false).unwrap_err().to_string(), "udp://[::]:1: expected tcp:// or tls://");
}
