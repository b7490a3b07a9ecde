//! Rows to NetFlow v1, v5 and v7 datagrams.
//!
//! These versions carry IPv4 alone, one sampling rate a datagram, and numbers of 16 or 32 bits. What does not fit is written as the formats have it:
//! counters at their maximum, AS numbers as AS_TRANS (RFC 6793), interface numbers as 0 (unknown),
//! sampling rates above 16383 as 0 (not told). Rows of IPv6 and such rates are left out and counted.

use std::net::Ipv4Addr;
use std::ops::Range;

use weir_record::{Address, FlowBatch};

use super::fields::*;
use super::{HEADER_1, HEADER_5_7, MAX_RECORDS_1, MAX_RECORDS_5, MAX_RECORDS_7, RECORD_1_7, RECORD_5, SAMPLING_INTERVAL};
use crate::members::number_in;

/// The AS number that stands for those above 65535 (RFC 6793, section 9).
const AS_TRANS: u16 = 23456;
/// Nanoseconds of a millisecond.
const MILLISECOND: i64 = 1_000_000;
/// The longest uptime that is told, nanoseconds: a little less than 32 bits of milliseconds.
const LONGEST_UPTIME: i64 = ((1 << 32) - 1000) * MILLISECOND;
/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// A version of NetFlow with fixed records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Version 1: no AS numbers, no sequence.
    V1,
    /// Version 5.
    V5,
    /// Version 7: no sampling.
    V7,
}

/// What an exporter says of itself.
#[derive(Clone, Copy, Debug)]
pub struct EncodeOptions {
    /// The version.
    pub version: Version,
    /// When the exporter started, nanoseconds since 1970; uptimes count from it.
    pub boot_time: i64,
    /// Engine type * 256 + engine id, in version 5.
    pub engine: u16,
    /// Most octets of a datagram's payload.
    pub payload_limit: usize,
}

impl EncodeOptions {
    /// Payload that fits in an Ethernet frame with room for tunnels, octets.
    pub const DEFAULT_PAYLOAD_LIMIT: usize = 1400;

    /// An exporter of engine 0 that started at this time.
    pub const fn new(version: Version, boot_time: i64) -> Self {
        Self { version, boot_time, engine: 0, payload_limit: Self::DEFAULT_PAYLOAD_LIMIT }
    }
}

/// Makes datagrams. It holds what lasts from one to the next.
#[derive(Clone, Debug)]
pub struct Encoder {
    options: EncodeOptions,
    /// Flows exported so far.
    sequence: u32,
    /// The datagram in the making.
    buffer: Vec<u8>,
    /// Records in it.
    count: usize,
    /// Sampling rate of its records.
    sampling: u16,
    /// The boot time that datagrams tell, nanoseconds since 1970: uptimes are unsigned and last 49 days, so it goes back to flows that began
    /// before the exporter did, and forward when the uptime would not fit.
    boot: i64,
}

impl Encoder {
    /// An encoder that begins at sequence number 0.
    pub const fn new(options: EncodeOptions) -> Self {
        Self { options, sequence: 0, buffer: Vec::new(), count: 0, sampling: 0, boot: options.boot_time }
    }

    /// Hands the datagrams that carry these rows to `sink`. `now` is the time of export, nanoseconds since 1970.
    ///
    /// Returns how much is left out: rows without an IPv4 source and destination address, and, in version 5, sampling rates above 16383, for which
    /// its field of 14 bits has no room. Such a row goes out as one that does not tell its rate, and a collector counts it too low.
    pub fn encode(&mut self, flows: &FlowBatch, rows: Range<usize>, now: i64, sink: &mut impl FnMut(&[u8])) -> usize {
        let mut left_out = 0;
        for row in rows {
            let (Some(src), Some(dst)) = (v4(flows.src_addr.get(row)), v4(flows.dst_addr.get(row))) else {
                left_out += 1;
                continue;
            };
            let rate = flows.sampling_rate.get(row).unwrap_or(0);
            let sampling = sampling(rate);
            left_out += usize::from(self.options.version == Version::V5 && rate > SAMPLING_INTERVAL.into());
            if self.count == self.room() || self.count > 0 && sampling != self.sampling {
                self.flush(now, sink);
            }
            self.sampling = sampling;
            let times = flows.time_start.get(row).into_iter().chain(flows.time_end.get(row));
            self.place_boot(times.min(), now, sink);
            self.record(flows, row, src, dst, now);
        }
        self.flush(now, sink);
        left_out
    }

    /// Sees that the boot time lies before the flow and not too far before now. A datagram tells one, so another begins another datagram.
    fn place_boot(&mut self, flow: Option<i64>, now: i64, sink: &mut impl FnMut(&[u8])) {
        let earliest = now.saturating_sub(LONGEST_UPTIME);
        let needed = flow.unwrap_or(now).min(now).max(earliest);
        if earliest <= self.boot && self.boot <= needed {
            return;
        }
        self.flush(now, sink);
        let wanted = needed.min(now.saturating_sub(LONGEST_UPTIME / 2));
        let wanted = if self.boot > needed { needed } else { wanted };
        // Whole milliseconds from the exporter's start, so that times stay what they are.
        let start = self.options.boot_time;
        self.boot = start.saturating_add(wanted.saturating_sub(start).div_euclid(MILLISECOND) * MILLISECOND);
    }

    /// Records that fit in a datagram, at least one.
    fn room(&self) -> usize {
        let (header, record, limit) = self.sizes();
        (self.options.payload_limit.saturating_sub(header) / record).clamp(1, limit)
    }

    /// Octets of a header, octets of a record, most records.
    const fn sizes(&self) -> (usize, usize, usize) {
        match self.options.version {
            Version::V1 => (HEADER_1, RECORD_1_7, MAX_RECORDS_1),
            Version::V5 => (HEADER_5_7, RECORD_5, MAX_RECORDS_5),
            Version::V7 => (HEADER_5_7, RECORD_1_7, MAX_RECORDS_7),
        }
    }

    /// Adds a record behind room for the header.
    fn record(&mut self, flows: &FlowBatch, row: usize, src: u32, dst: u32, now: i64) {
        let (header, size, _) = self.sizes();
        if self.count == 0 {
            self.buffer.clear();
            self.buffer.resize(header, 0);
        }
        let uptime = |time: Option<i64>| self.uptime(time.unwrap_or(now)).to_be_bytes();
        let mut record = [0; RECORD_1_7];
        put(&mut record, SRC_ADDR, src.to_be_bytes());
        put(&mut record, DST_ADDR, dst.to_be_bytes());
        put(&mut record, NEXT_HOP, v4(flows.next_hop.get(row)).unwrap_or(0).to_be_bytes());
        put(&mut record, IN_IF, interface(flows.in_if.get(row)).to_be_bytes());
        put(&mut record, OUT_IF, interface(flows.out_if.get(row)).to_be_bytes());
        put(&mut record, PACKETS, counter(flows.packets.get(row)).to_be_bytes());
        put(&mut record, BYTES, counter(flows.bytes.get(row)).to_be_bytes());
        put(&mut record, FIRST, uptime(flows.time_start.get(row)));
        put(&mut record, LAST, uptime(flows.time_end.get(row).or(flows.time_start.get(row))));
        let icmp = |kind: u8| u16::from_be_bytes([kind, flows.icmp_code.get(row).unwrap_or(0)]);
        let dst_port = flows.dst_port.get(row).or_else(|| flows.icmp_type.get(row).map(icmp));
        put(&mut record, SRC_PORT, flows.src_port.get(row).unwrap_or(0).to_be_bytes());
        put(&mut record, DST_PORT, dst_port.unwrap_or(0).to_be_bytes());
        put(&mut record, PROTOCOL, [flows.protocol.get(row).unwrap_or(0)]);
        put(&mut record, TOS, [flows.tos.get(row).unwrap_or(0)]);
        let [_, flags] = flows.tcp_flags.get(row).unwrap_or(0).to_be_bytes();
        if self.options.version == Version::V1 {
            put(&mut record, FLAGS_1, [flags]);
        } else {
            put(&mut record, FLAGS, [flags]);
            put(&mut record, SRC_AS, autonomous_system(flows.src_as.get(row)).to_be_bytes());
            put(&mut record, DST_AS, autonomous_system(flows.dst_as.get(row)).to_be_bytes());
            put(&mut record, SRC_MASK, [flows.src_mask.get(row).unwrap_or(0)]);
            put(&mut record, DST_MASK, [flows.dst_mask.get(row).unwrap_or(0)]);
        }
        if self.options.version == Version::V7 {
            let (flags, router) = flows.extra.get(row).map_or((0, 0), router_of);
            let [_, first, rest @ ..] = flags.to_be_bytes();
            put(&mut record, FIELD_FLAGS, [first]);
            put(&mut record, MORE_FIELD_FLAGS, rest);
            put(&mut record, ROUTER_SC, router.to_be_bytes());
        }
        self.buffer.extend(record.iter().take(size));
        self.count += 1;
    }

    /// Hands over the datagram in the making.
    fn flush(&mut self, now: i64, sink: &mut impl FnMut(&[u8])) {
        if self.count == 0 {
            return;
        }
        let count = self.count as u16;
        let version: u16 = match self.options.version {
            Version::V1 => 1,
            Version::V5 => 5,
            Version::V7 => 7,
        };
        let mut header = [0; HEADER_5_7];
        put(&mut header, 0, version.to_be_bytes());
        put(&mut header, 2, count.to_be_bytes());
        put(&mut header, 4, self.uptime(now).to_be_bytes());
        put(&mut header, 8, (now.div_euclid(SECOND) as u32).to_be_bytes());
        put(&mut header, 12, (now.rem_euclid(SECOND) as u32).to_be_bytes());
        if self.options.version != Version::V1 {
            put(&mut header, 16, self.sequence.to_be_bytes());
        }
        if self.options.version == Version::V5 {
            put(&mut header, 20, self.options.engine.to_be_bytes());
            put(&mut header, 22, self.sampling.to_be_bytes());
        }
        let (octets, _, _) = self.sizes();
        self.buffer.iter_mut().zip(header).take(octets).for_each(|(place, octet)| *place = octet);
        sink(&self.buffer);
        self.sequence = self.sequence.wrapping_add(u32::from(count));
        self.count = 0;
    }

    /// Milliseconds from the boot time that is told to this time, as far as they fit.
    fn uptime(&self, time: i64) -> u32 {
        let milliseconds = time.saturating_sub(self.boot).div_euclid(MILLISECOND).max(0);
        u32::try_from(milliseconds).unwrap_or(u32::MAX)
    }
}

fn put<const N: usize>(record: &mut [u8], at: usize, octets: [u8; N]) {
    if let Some(place) = record.get_mut(at..at + N) {
        place.copy_from_slice(&octets);
    }
}

fn v4(address: Option<Address>) -> Option<u32> {
    address.filter(|address| address.is_v4()).map(|address| address.halves().1 as u32)
}

fn interface(number: Option<u32>) -> u16 {
    number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0)
}

fn counter(number: Option<u64>) -> u32 {
    number.map_or(0, |number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn autonomous_system(number: Option<u32>) -> u16 {
    number.map_or(0, |number| u16::try_from(number).unwrap_or(AS_TRANS))
}

/// The interval that the field has room for; 0 where it is not known or too large to be told truthfully.
fn sampling(rate: u32) -> u16 {
    u16::try_from(rate).ok().filter(|rate| *rate <= SAMPLING_INTERVAL).unwrap_or(0)
}

/// The flags and the by-passed router that a decoder of version 7 left in `extra`.
fn router_of(extra: &str) -> (u32, u32) {
    let flags = number_in(extra, "flags").and_then(|flags| u32::try_from(flags).ok());
    let router = extra.split_once("\"router_sc\":\"").and_then(|(_, value)| value.split('"').next()?.parse::<Ipv4Addr>().ok());
    (flags.unwrap_or(0), router.map_or(0, |router| router.to_bits()))
}
