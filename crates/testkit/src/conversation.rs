//! Made TCP conversations whose answers are known: what a capture between two hosts sees, and what must be measured of it.
//!
//! The expectations come from what was done to each segment (lost on this side of the capture or behind it, overtaken, doubled), never from
//! sequence numbers that are looked at afterwards. Times are whole microseconds. A seed gives the same conversation again.

use std::net::SocketAddr;

use fastrand::Rng;
use weir_capture::{PcapWriter, TimeUnit};
use weir_wire::{IpHeader, Packet, Tcp, TcpHeader};

mod script;

/// One microsecond, in nanoseconds.
const MICROSECOND: i64 = 1000;
/// One millisecond, in nanoseconds.
const MILLISECOND: i64 = 1_000_000;
/// How long a host waits before it sends a segment again.
const TIMEOUT: i64 = 400 * MILLISECOND;

/// A conversation as a capture saw it.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Who opened it.
    pub client: SocketAddr,
    /// Whom it was opened to.
    pub server: SocketAddr,
    /// Ethernet frames in the order of the capture, with times in nanoseconds since 1970.
    pub frames: Vec<(i64, Vec<u8>)>,
    /// What is to be measured.
    pub expected: Expected,
}

/// What is to be measured of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// `complete`, `unanswered`, `refused` or `midstream`.
    pub handshake: &'static str,
    /// Client and server part of the round-trip time, nanoseconds.
    pub rtt: Option<(i64, i64)>,
    /// Response times, nanoseconds.
    pub response_times: Vec<i64>,
    /// Of the client's packets, and of the server's.
    pub sides: [ExpectedSide; 2],
}

/// What is to be counted of the packets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectedSide {
    /// Packets, copies included.
    pub packets: u64,
    /// Packets sent again.
    pub retransmissions: u32,
    /// Packets that were overtaken.
    pub out_of_order: u32,
    /// Packets that the capture saw twice.
    pub duplicates: u32,
    /// Packets that closed the window.
    pub zero_windows: u32,
    /// Resets.
    pub resets: u32,
}

impl Conversation {
    /// The conversation of this seed.
    pub fn with_seed(seed: u64) -> Self {
        script::play(Rng::with_seed(seed))
    }

    /// The frames as a pcap file.
    pub fn pcap(&self) -> Vec<u8> {
        let write = || {
            let mut writer = PcapWriter::new(Vec::new(), 1, TimeUnit::Nanoseconds)?;
            for (time, frame) in &self.frames {
                writer.write(*time, frame.len() as u32, frame)?;
            }
            writer.finish()
        };
        write().unwrap_or_else(|error: std::io::Error| panic!("{error}"))
    }
}

/// The side of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Client = 0,
    Server = 1,
}

impl From {
    fn other(self) -> Self {
        if self == Self::Client { Self::Server } else { Self::Client }
    }
}

/// A host at one end.
#[derive(Clone, Copy, Debug)]
struct Host {
    address: SocketAddr,
    /// Sequence number that it sends next.
    next: u32,
    /// IP identification of its last packet; stays 0 where it sets none.
    ip_id: u32,
    window: u16,
    /// From the capture to the host and back, nanoseconds.
    away: i64,
}

/// A segment, as it is sent once or more often.
#[derive(Clone, Copy, Debug)]
struct Segment {
    from: From,
    seq: u32,
    ack: u32,
    flags: u16,
    length: usize,
}

/// A frame that the capture saw.
#[derive(Debug)]
struct Shown {
    time: i64,
    from: From,
    frame: Vec<u8>,
    /// Number of the exchange whose payload it shows for the first time.
    exchange: Option<u32>,
}

/// The conversation in the making.
#[derive(Debug)]
struct Wire {
    rng: Rng,
    now: i64,
    hosts: [Host; 2],
    /// Hosts that set an identification.
    has_ip_ids: bool,
    has_timestamps: bool,
    /// Only packets of this side are captured.
    only: Option<From>,
    /// The round-trip time, where the capture can tell it.
    rtt: Option<(i64, i64)>,
    shown: Vec<Shown>,
    sides: [ExpectedSide; 2],
}

impl Wire {
    fn host(&self, from: From) -> &Host {
        &self.hosts[from as usize]
    }

    fn host_mut(&mut self, from: From) -> &mut Host {
        &mut self.hosts[from as usize]
    }

    fn side(&mut self, from: From) -> &mut ExpectedSide {
        &mut self.sides[from as usize]
    }

    /// The next segment of a host, which moves its sequence number on.
    fn segment(&mut self, from: From, flags: u16, length: usize) -> Segment {
        let ack = if flags & Tcp::ACK != 0 { self.host(from.other()).next } else { 0 };
        let host = self.host_mut(from);
        let seq = host.next;
        let controls = u32::from(flags & Tcp::SYN != 0) + u32::from(flags & Tcp::FIN != 0);
        host.next = seq.wrapping_add(length as u32 + controls);
        Segment { from, seq, ack, flags, length }
    }

    /// Sends the segment past the capture. `exchange`: it shows payload of that exchange for the first time. Gives the frame.
    fn show(&mut self, time: i64, segment: Segment, exchange: Option<u32>) -> Vec<u8> {
        let has_ip_ids = self.has_ip_ids;
        let host = self.host_mut(segment.from);
        if has_ip_ids {
            host.ip_id = host.ip_id % 65_535 + 1;
        }
        let (host, peer) = (*self.host(segment.from), *self.host(segment.from.other()));
        let header = TcpHeader {
            src_port: host.address.port(),
            dst_port: peer.address.port(),
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            window: host.window,
            options: self.options(segment.flags, time),
        };
        let ip = IpHeader { ttl: 64, id: host.ip_id, ..IpHeader::new(host.address.ip(), peer.address.ip()) };
        let payload = vec![b'x'; segment.length];
        let frame = Packet::payload(&payload).tcp(&header).ip(&ip).ethernet([2; 6], [4; 6]).into_bytes();
        self.record(time, segment.from, frame.clone(), exchange);
        let is_measured = self.only.is_none_or(|only| only == segment.from);
        if is_measured && host.window == 0 && segment.flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) == 0 {
            self.side(segment.from).zero_windows += 1;
        }
        frame
    }

    /// The capture sees a frame once more, as it was or on another VLAN.
    fn show_twice(&mut self, time: i64, from: From, frame: &[u8]) {
        let (addresses, rest) = frame.split_at(12);
        let tag: &[u8] = if self.rng.bool() { &[0x81, 0, 0, 100] } else { &[] };
        self.record(time, from, [addresses, tag, rest].concat(), None);
        self.count(from, |side| &mut side.duplicates);
    }

    fn record(&mut self, time: i64, from: From, frame: Vec<u8>, exchange: Option<u32>) {
        if self.only.is_none_or(|only| only == from) {
            self.shown.push(Shown { time, from, frame, exchange });
            self.side(from).packets += 1;
        }
    }

    /// Expects one more, where the capture sees this side.
    fn count(&mut self, from: From, counter: impl FnOnce(&mut ExpectedSide) -> &mut u32) {
        if self.only.is_none_or(|only| only == from) {
            *counter(self.side(from)) += 1;
        }
    }

    /// A moment of so many microseconds at least, and less than that many more.
    fn moment(&mut self, least: i64, more: i64) -> i64 {
        (least + self.rng.i64(0..more)) * MICROSECOND
    }

    fn options(&self, flags: u16, time: i64) -> Vec<u8> {
        let mut options = Vec::new();
        if flags & Tcp::SYN != 0 {
            options.extend([2, 4, 0x05, 0xb4, 1, 3, 3, 7]);
        }
        if self.has_timestamps {
            options.extend([1, 1, 8, 10]);
            options.extend(((time / MILLISECOND) as u32).to_be_bytes());
            options.extend([0; 4]);
        }
        options
    }

    /// What the capture saw, in its order, and what is to be measured of it.
    fn finish(mut self, handshake: &'static str) -> Conversation {
        self.shown.sort_by_key(|shown| shown.time);
        let mut asked: Option<(i64, u32)> = None;
        let mut response_times = Vec::new();
        for shown in self.shown.iter().filter(|_| self.only.is_none()) {
            match (shown.from, shown.exchange, asked) {
                (From::Client, Some(exchange), _) => asked = Some((shown.time, exchange)),
                (From::Server, Some(exchange), Some((time, asked_in))) if asked_in == exchange => {
                    response_times.push(shown.time - time);
                    asked = None;
                }
                _ => {}
            }
        }
        Conversation {
            client: self.hosts[0].address,
            server: self.hosts[1].address,
            expected: Expected { handshake, rtt: self.rtt, response_times, sides: self.sides },
            frames: self.shown.into_iter().map(|shown| (shown.time, shown.frame)).collect(),
        }
    }
}
