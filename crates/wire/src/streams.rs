//! Streams in progress: TCP payload put in order for many one-way 4-tuples at once.
//!
//! The number of streams, the bytes that wait for missing ones and the time that they wait are bounded. A stream that ended is
//! remembered until its time or place is over, so that a late retransmission does not look like a new one.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use crate::{
    Headers,
    stream::{Stream, StreamCounters, StreamEnd, StreamEvent},
};

/// One direction of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    /// Address of the sender.
    pub src: IpAddr,
    /// Port of the sender.
    pub src_port: u16,
    /// Address of the receiver.
    pub dst: IpAddr,
    /// Port of the receiver.
    pub dst_port: u16,
}

/// How much the streams may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Streams in progress or remembered; the one longest without a packet goes. Default 4096.
    pub streams: usize,
    /// Bytes that may wait in one stream before a gap is given up. Default 1 MiB.
    pub stream_bytes: usize,
    /// Bytes that may wait in all streams; the stream that goes beyond it gives up its gaps. Default 64 MiB.
    pub bytes: usize,
    /// How long bytes wait for missing ones in front of them, in nanoseconds. Default 10 s.
    pub wait_ns: i64,
    /// How long a stream may be without a packet, in nanoseconds. Default 600 s.
    pub idle_ns: i64,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { streams: 4096, stream_bytes: 1 << 20, bytes: 64 << 20, wait_ns: 10_000_000_000, idle_ns: 600_000_000_000 }
    }
}

/// Streams in progress.
#[derive(Debug, Default)]
pub struct Streams {
    limits: StreamLimits,
    streams: HashMap<StreamKey, Entry>,
    /// Keys by their last packet, the longest silent first.
    order: BTreeMap<u64, StreamKey>,
    /// Number of the next entry of `order`.
    next: u64,
    /// Bytes that wait in all streams.
    held: usize,
    counters: StreamCounters,
}

#[derive(Debug, Default)]
struct Entry {
    stream: Stream,
    order: u64,
    last_ns: i64,
}

impl StreamKey {
    /// The key of a packet; `None` when it is not TCP.
    pub fn of(headers: &Headers) -> Option<Self> {
        let (ip, transport) = (headers.ip?, headers.transport?);
        transport.tcp?;
        Some(Self { src: ip.src, src_port: transport.src_port, dst: ip.dst, dst_port: transport.dst_port })
    }
}

impl Streams {
    /// Starts with no streams.
    pub fn new(limits: StreamLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// What became of the segments so far.
    pub const fn counters(&self) -> &StreamCounters {
        &self.counters
    }

    /// Takes a packet with the frame in which its headers were found, at this time, and tells what happens in its stream, and in others
    /// whose time or place is over. What is not TCP is passed over. Times come from one clock, in nanoseconds.
    pub fn push(&mut self, headers: &Headers, frame: &[u8], now_ns: i64, mut tell: impl FnMut(&StreamKey, StreamEvent<'_>)) {
        self.expire(now_ns, &mut tell);
        let (Some(key), Some(transport)) = (StreamKey::of(headers), headers.transport) else { return };
        let Some(tcp) = transport.tcp else { return };
        if !self.streams.contains_key(&key) {
            while self.streams.len() >= self.limits.streams.max(1) && self.end_oldest(StreamEnd::Evicted, &mut tell) {}
        }
        let entry = self.streams.entry(key).or_default();
        self.order.remove(&entry.order);
        self.next += 1;
        (entry.order, entry.last_ns) = (self.next, now_ns);
        self.order.insert(self.next, key);
        let stream = &mut entry.stream;
        let mut tell = |event: StreamEvent<'_>| tell(&key, event);
        self.held -= stream.held();
        let payload = transport.payload(frame);
        stream.push(&transport, &tcp, payload, now_ns, &mut self.counters, &mut tell);
        let room = self.limits.bytes.saturating_sub(self.held);
        let older_than_ns = now_ns.saturating_sub(self.limits.wait_ns);
        stream.give_up(older_than_ns, self.limits.stream_bytes.min(room), &mut self.counters, &mut tell);
        self.held += stream.held();
    }

    /// Ends streams without a packet for too long.
    pub fn expire(&mut self, now_ns: i64, mut tell: impl FnMut(&StreamKey, StreamEvent<'_>)) {
        while let Some((_, key)) = self.order.first_key_value() {
            let last_ns = self.streams.get(key).map_or(i64::MIN, |entry| entry.last_ns);
            if now_ns.saturating_sub(last_ns) <= self.limits.idle_ns {
                break;
            }
            self.end_oldest(StreamEnd::Idle, &mut tell);
        }
    }

    /// Ends all streams; what waits is handed out with its gaps.
    pub fn finish(&mut self, mut tell: impl FnMut(&StreamKey, StreamEvent<'_>)) {
        while self.end_oldest(StreamEnd::Finished, &mut tell) {}
    }

    /// Ends the stream longest without a packet; false when there is none.
    fn end_oldest(&mut self, why: StreamEnd, tell: &mut impl FnMut(&StreamKey, StreamEvent<'_>)) -> bool {
        let Some((_, key)) = self.order.pop_first() else { return false };
        if let Some(mut entry) = self.streams.remove(&key) {
            self.held -= entry.stream.held();
            entry.stream.end(why, &mut self.counters, &mut |event| tell(&key, event));
        }
        true
    }
}

#[cfg(test)]
mod tests;
