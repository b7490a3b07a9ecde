//! Streams of real connections: cut in whatever pieces they come, bounded, closed when they cannot be read, and never dropped from.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
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
        Self::at("tcp://127.0.0.1", rules, options)
    }

    fn at(url: &str, rules: &StreamRules, options: ShardOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (shards, inboxes) = Shards::new(options);
        let handler = Arc::new(Handler::default());
        let url = Url::parse(url, 0).unwrap();
        let listener = StreamListener::open(&url, StreamOptions { listener: 9, ..StreamOptions::default() }).unwrap();
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
                    assert!(message.listener == 9 && message.from.is_loopback());
                    (message.stream.unwrap(), message.payload.to_vec())
                }));
            }
        }
        taken
    }

    /// What a worker has until the end of a stream.
    fn take_to_the_end(&mut self) -> Vec<Taking> {
        let mut taken = Vec::new();
        while taken.last().is_none_or(|(_, message): &Taking| !message.is_empty()) {
            taken.extend(self.take(0, 1));
        }
        taken
    }

    /// Waits until the counters are so.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&StreamCounters) -> bool) -> StreamCounters {
        self.wait_for_of(&self.streams, wanted)
    }

    fn wait_for_of(&self, streams: &Streams, wanted: impl Fn(&StreamCounters) -> bool) -> StreamCounters {
        let begun = Instant::now();
        loop {
            let counters = streams.counters();
            if wanted(&counters) {
                return counters;
            }
            assert!(begun.elapsed() < PATIENCE, "{counters:?} {:?}", self.handler.ended.lock().unwrap());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends the listener, and waits until its connections have.
    fn end(&mut self) {
        self.streams.stop();
        let ending = self.streams.ending().unwrap();
        self.runtime.block_on(ending).unwrap();
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
    let counters = lab.wait_for(|counters| counters.open == 1);
    assert_eq!((counters.ended[number("bad_frame")], counters.ended[number("cut_short")]), (4, 1));
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
    let limits = StreamLimits { message_time: Duration::from_millis(300), ..StreamLimits::default() };
    let lab = Lab::new(&rules(limits));
    let mut slow = lab.connect();
    slow.write_all(&framed(&[0, 2])).unwrap();
    let begun = Instant::now();
    slow.write_all(&[0, 0, 0, 200]).unwrap();
    // One octet now and then does not help.
    while slow.write_all(&[0]).is_ok() && begun.elapsed() < Duration::from_millis(250) {
        thread::sleep(Duration::from_millis(60));
    }
    slow.write_all(&[0]).unwrap_or_default();
    lab.wait_for(|counters| counters.connections == 1 && counters.open == 0);
    assert_eq!(lab.ends(), [StreamEnd::Slow { limit: limits.message_time }]);

    let limit = Duration::from_millis(300);
    let lab = Lab::new(&rules(StreamLimits { idle_time: Some(limit), ..StreamLimits::default() }));
    let mut silent = lab.connect();
    silent.write_all(&framed(&[0, 1])).unwrap();
    assert!(is_closed(&mut silent));
    let counters = lab.wait_for(|counters| counters.open == 0);
    assert_eq!((lab.ends(), counters.connections), (vec![StreamEnd::Idle { limit }], 1));
}

#[test]
fn connections_are_bounded_and_counted() {
    let limits = StreamLimits { connections: 5, connections_of_one: 4, ..StreamLimits::default() };
    let mut lab = Lab::new(&rules(limits));
    // Who has sent something keeps its place.
    let hello = |mut stream: TcpStream| {
        stream.write_all(&framed(&[0, 1])).unwrap();
        stream
    };
    let mut open: Vec<TcpStream> = (0..4).map(|_| hello(lab.connect())).collect();
    lab.wait_for(|counters| counters.messages == 4);
    assert!(is_closed(&mut lab.connect()));
    // From another address there is one more.
    let from = |last: u8| {
        let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        rustix::net::connect(&socket, &lab.address).unwrap();
        TcpStream::from(socket)
    };
    let other = hello(from(2));
    lab.wait_for(|counters| counters.messages == 5);
    assert!(is_closed(&mut from(3)));
    assert_eq!(lab.ends(), [StreamEnd::TooManyOfOne { limit: 4 }, StreamEnd::TooMany { limit: 5 }]);
    // A place that is free is taken again.
    drop((other, open.pop()));
    lab.wait_for(|counters| counters.open == 3);
    let _again = hello(lab.connect());
    assert_eq!(lab.take(0, 8).iter().filter(|(_, message)| message == &[0, 1]).count(), 6);
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
    lab.end();
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
    drop((silent, stream));
    assert!(TcpStream::connect(lab.address).is_err());
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
    lab.end();
    assert!(is_closed(&mut first));
    lab.streams = second;
    let mut stream = lab.connect();
    stream.write_all(&framed(&[0, 2])).unwrap();
    let taken = lab.take(0, 2);
    assert_eq!([&taken[0].1[..], &taken[1].1], [&[][..], &[0, 2]]);
}

#[test]
fn ports_are_shared_by_families_where_they_are_told_to() {
    let open_beside = |url: String, v6_only, is_successor| {
        StreamListener::open(&Url::parse(&url, 0).unwrap(), StreamOptions { v6_only, is_successor, listener: 0 })
    };
    let open = |url: String, v6_only| open_beside(url, v6_only, false);
    let port = weir_testkit::free_address().port();
    let _v4 = open(format!("tcp://0.0.0.0:{port}"), false).unwrap();
    assert!(open(format!("tcp://[::]:{port}"), true).is_ok());
    let clash = open(format!("tls://[::]:{port}"), false).unwrap_err().to_string();
    assert!(clash.starts_with(&format!("tls://[::]:{port}: cannot listen on [::]:{port}: ")), "{clash}");
    assert!(clash.ends_with("another socket has this port, `ss -tlpn` shows whose"), "{clash}");
    assert_eq!(open("udp://[::]:1".into(), false).unwrap_err().to_string(), "udp://[::]:1: expected tcp:// or tls://");
}

#[test]
fn a_listener_takes_the_place_of_one_whose_address_overlaps() {
    let mut lab = Lab::at("tcp://[::]", &StreamRules::default(), ShardOptions { workers: 2, ..ShardOptions::default() });
    let port = lab.address.port();
    let successor = |listener| StreamOptions { is_successor: true, listener, ..StreamOptions::default() };
    let url = |host: &str| Url::parse(&format!("tcp://{host}:{port}"), 0).unwrap();
    assert!(StreamListener::open(&url("0.0.0.0"), successor(1)).is_err(), "nobody has said that it may be shared");
    lab.streams.share_port(true).unwrap();
    let v4 = StreamListener::open(&url("0.0.0.0"), successor(1)).unwrap();
    let v6 = StreamListener::open(&url("[::]"), StreamOptions { v6_only: true, ..successor(2) }).unwrap();
    lab.streams.share_port(false).unwrap();
    lab.end();
    let start = |listener: StreamListener| {
        let handler = Arc::clone(&lab.handler) as Arc<dyn StreamHandler>;
        listener.start(lab.runtime.handle(), &StreamRules::default(), &lab.shards, handler).unwrap()
    };
    let (v4, v6) = (start(v4), start(v6));
    TcpStream::connect((IpAddr::from([127, 0, 0, 1]), port)).unwrap();
    lab.wait_for_of(&v4, |counters| counters.connections == 1);
    TcpStream::connect(format!("[::1]:{port}")).unwrap();
    lab.wait_for_of(&v6, |counters| counters.connections == 1);
    assert_eq!((v4.counters().connections, lab.streams.counters().connections), (1, 0));
}

#[test]
fn a_stream_has_one_end_at_each_worker_whatever_keys_it_makes_up() {
    let mut lab = Lab::new(&StreamRules::default());
    let mut stream = lab.connect();
    for key in 0..=255 {
        stream.write_all(&framed(&[key, 1])).unwrap();
    }
    drop(stream);
    for worker in 0..2 {
        let taken = lab.take(worker, 129);
        assert_eq!(taken.iter().position(|(_, message)| message.is_empty()), Some(128));
    }
    lab.wait_for(|counters| counters.open == 0);
    assert_eq!(lab.shards.counters().map(|queue| queue.datagrams).sum::<u64>(), 256 + 2);
}

#[test]
fn silent_connections_make_room_and_keep_nobody_out() {
    let limits = StreamLimits { connections: 3, connections_of_one: 3, ..StreamLimits::default() };
    let mut lab = Lab::new(&rules(limits));
    let mut good = lab.connect();
    good.write_all(&framed(&[0, 1])).unwrap();
    lab.wait_for(|counters| counters.messages == 1);
    // One says nothing at all, one begins a message.
    let (mut silent, mut begun) = (lab.connect(), lab.connect());
    begun.write_all(&[0, 0, 0, 9, 1]).unwrap();
    lab.wait_for(|counters| counters.open == 3);
    let mut new = lab.connect();
    assert!(is_closed(&mut silent));
    new.write_all(&framed(&[0, 2])).unwrap();
    lab.wait_for(|counters| counters.messages == 2);
    let mut newer = lab.connect();
    assert!(is_closed(&mut begun));
    newer.write_all(&framed(&[0, 3])).unwrap();
    lab.wait_for(|counters| counters.messages == 3);
    assert!(is_closed(&mut lab.connect()), "all have sent something");
    good.write_all(&framed(&[0, 4])).unwrap();
    let counters = lab.wait_for(|counters| counters.messages == 4);
    assert_eq!((counters.open, counters.ended[number("made_room")], counters.ended[number("too_many_of_one")]), (3, 2, 1));
    lab.wait_for(|_| lab.ends().len() == 3);
    lab.end();
}

#[test]
fn a_message_has_its_time_however_often_an_octet_of_it_comes() {
    let limits = StreamLimits { message_time: Duration::from_millis(300), ..StreamLimits::default() };
    let lab = Lab::new(&rules(limits));
    let mut slow = lab.connect();
    slow.set_nodelay(true).unwrap();
    slow.write_all(&60_000_u32.to_be_bytes()).unwrap();
    let begun = Instant::now();
    // There is an octet at any time.
    while slow.write_all(&[0]).is_ok() {
        assert!(begun.elapsed() < PATIENCE);
        thread::sleep(Duration::from_micros(300));
    }
    lab.wait_for(|_| !lab.ends().is_empty());
    assert_eq!(lab.ends(), [StreamEnd::Slow { limit: limits.message_time }]);
}

#[test]
fn each_connection_is_open_or_has_ended_at_any_moment() {
    let lab = Lab::new(&StreamRules::default());
    let address = lab.address;
    let seen = Arc::new(AtomicU64::new(0));
    let theirs = Arc::clone(&seen);
    let connecting = thread::spawn(move || {
        let mut connections = 0;
        while connections < 1000 || theirs.load(Ordering::Relaxed) <= 10 {
            TcpStream::connect(address).unwrap();
            connections += 1;
        }
        connections
    });
    let is_even = |counters: &StreamCounters| counters.connections == counters.open + counters.ended.iter().sum::<u64>();
    while !connecting.is_finished() {
        let counters = lab.streams.counters();
        assert!(is_even(&counters), "{counters:?}");
        seen.fetch_add(1, Ordering::Relaxed);
    }
    let connections: u64 = connecting.join().unwrap();
    lab.wait_for(|counters| counters.connections == connections && counters.open == 0 && is_even(counters));
}

/// A listener whose worker takes nothing, and how many messages have come until its sender stood still.
fn stuck(batches: usize) -> (Lab, u64, thread::JoinHandle<()>) {
    let lab = Lab::with(&StreamRules::default(), ShardOptions { workers: 1, batch_octets: 65_536, batches });
    let mut stream = lab.connect();
    let sender = thread::spawn(move || {
        let octets: Vec<u8> = messages(20_000).iter().flat_map(|message| framed(message)).collect();
        // The listener ends before all of it is sent.
        let _ = stream.write_all(&octets);
    });
    lab.wait_for(|counters| counters.messages > 0);
    let mut before = 0;
    loop {
        let now = lab.streams.counters().messages;
        if now == before {
            return (lab, before, sender);
        }
        before = now;
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn what_was_read_is_handed_over_at_the_end_once_there_is_room() {
    let (mut lab, before, sender) = stuck(4);
    lab.streams.stop();
    let ending = lab.streams.ending().unwrap();
    // Nobody takes anything for longer than a silent connection is waited for.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(300) {
        assert!(!ending.is_finished());
        thread::sleep(Duration::from_millis(10));
    }
    let taken = lab.take_to_the_end();
    lab.runtime.block_on(ending).unwrap();
    sender.join().unwrap();
    assert!(taken.len() as u64 > before + 1, "{before}: what was read and waited came as well");
    assert!(taken.iter().zip(messages(20_000)).all(|((_, message), sent)| message.is_empty() || *message == sent));
    assert_eq!(lab.streams.counters().messages, taken.len() as u64 - 1);
}

#[test]
fn what_finds_no_room_until_the_last_is_counted_as_dropped() {
    let (mut lab, before, sender) = stuck(1);
    lab.streams.stop();
    let ending = lab.streams.ending().unwrap();
    let begun = Instant::now();
    while lab.streams.counters().messages == before {
        assert!(begun.elapsed() < 2 * PATIENCE, "{:?}", lab.streams.counters());
        thread::sleep(Duration::from_millis(10));
    }
    let taken = lab.take_to_the_end();
    lab.runtime.block_on(ending).unwrap();
    sender.join().unwrap();
    let dropped = lab.shards.counters().map(|queue| queue.dropped).sum::<u64>();
    assert!(dropped > 0);
    assert_eq!(lab.streams.counters().messages, taken.len() as u64 - 1 + dropped, "each message is counted once");
}

#[test]
fn a_worker_that_is_gone_keeps_no_stream_waiting() {
    let (mut lab, before, sender) = stuck(4);
    lab.inboxes.clear();
    lab.wait_for(|counters| counters.open == 0);
    sender.join().unwrap();
    let dropped = lab.shards.counters().map(|queue| queue.dropped).sum::<u64>();
    let counters = lab.streams.counters();
    assert_eq!((counters.messages, counters.ended[number("closed")]), (20_000, 1));
    assert!(dropped >= 20_000 - before, "{dropped}");
}
