//! Rows to FastNetMon Flow messages, in the layout of Advanced 2.0.355 and later: 12 data words, 4 pointers, one segment.

use std::ops::Range;

use weir_record::{Address, FlowBatch, names};
use weir_wire::{FRAGMENT_DF, FRAGMENT_MF};

use super::fields::{DATA_WORDS, POINTERS, bit, data, pointer, source};
use crate::members::number_in;

/// Octets in front of the data section: segment table and root pointer.
const HEAD: usize = 16;
/// Octets of the data section, and of what comes before the blobs.
const DATA: usize = DATA_WORDS * 8;
const FIXED: usize = HEAD + DATA + POINTERS * 8;
/// Octets of the longest message: two IPv6 addresses, two MAC addresses.
const LONGEST: usize = FIXED + 48;
/// The prefix of a stream.
const PREFIX: usize = 8;

/// Makes messages, one a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoder {
    /// Puts the length in front of every message, as streams have it.
    pub framed: bool,
}

impl Encoder {
    /// Hands a message for each row to `sink`. Returns how many rows cannot be carried: those without a source and destination address of one family.
    pub fn encode(&mut self, flows: &FlowBatch, rows: Range<usize>, sink: &mut impl FnMut(&[u8])) -> usize {
        let mut left_out = 0;
        for row in rows {
            match (flows.src_addr.get(row), flows.dst_addr.get(row)) {
                (Some(src), Some(dst)) if src.is_v4() == dst.is_v4() => self.message(flows, row, src, dst, sink),
                _ => left_out += 1,
            }
        }
        left_out
    }

    fn message(&self, flows: &FlowBatch, row: usize, src: Address, dst: Address, sink: &mut impl FnMut(&[u8])) {
        let mut buffer = [0; PREFIX + LONGEST];
        let (prefix, message) = buffer.split_at_mut(PREFIX);
        let length = write(message, flows, row, src, dst);
        put(prefix, 0, (length as u64).to_le_bytes());
        let start = if self.framed { 0 } else { PREFIX };
        sink(buffer.get(start..PREFIX + length).unwrap_or_default());
    }
}

/// Writes a message and gives its length.
fn write(message: &mut [u8], flows: &FlowBatch, row: usize, src: Address, dst: Address) -> usize {
    let mut blobs = Blobs { message, end: FIXED };
    if !src.is_v4() {
        blobs.add(pointer::SRC_IPV6, &v6(src));
        blobs.add(pointer::DST_IPV6, &v6(dst));
    }
    for (slot, column) in [(pointer::SRC_MAC, &flows.src_mac), (pointer::DST_MAC, &flows.dst_mac)] {
        let [_, _, mac @ ..] = column.get(row).unwrap_or(0).to_be_bytes();
        blobs.add(slot, &mac);
    }
    let length = blobs.end;
    put(message, 4, (((length - 8) / 8) as u32).to_le_bytes());
    // Struct pointer: the data section follows it.
    put(message, 12, (DATA_WORDS as u16).to_le_bytes());
    put(message, 14, (POINTERS as u16).to_le_bytes());
    if let Some(section) = message.get_mut(HEAD..HEAD + DATA) {
        write_data(section, flows, row, src, dst);
    }
    length
}

fn write_data(section: &mut [u8], flows: &FlowBatch, row: usize, src: Address, dst: Address) {
    let origin = origin(flows, row);
    let bytes = flows.bytes.get(row).unwrap_or(0);
    let is_sample = matches!(origin, source::MIRROR | source::SFLOW);
    let length = flows.frame_bytes.get(row).filter(|_| is_sample).unwrap_or(bytes);
    put(section, data::SOURCE, [origin]);
    put(section, data::IP_VERSION, [if src.is_v4() { 4 } else { 6 }]);
    put(section, data::TTL, [flows.ttl_min.get(row).unwrap_or(0)]);
    put(section, data::TCP_FLAGS, [flows.tcp_flags.get(row).unwrap_or(0) as u8]);
    put(section, data::SAMPLE_RATIO, flows.sampling_rate.get(row).unwrap_or(1).max(1).to_le_bytes());
    put(section, data::SRC_IP, v4(Some(src)));
    put(section, data::DST_IP, v4(Some(dst)));
    put(section, data::SRC_AS, flows.src_as.get(row).unwrap_or(0).to_le_bytes());
    put(section, data::DST_AS, flows.dst_as.get(row).unwrap_or(0).to_le_bytes());
    put(section, data::IN_IF, flows.in_if.get(row).unwrap_or(0).to_le_bytes());
    put(section, data::OUT_IF, flows.out_if.get(row).unwrap_or(0).to_le_bytes());
    put(section, data::SRC_PORT, flows.src_port.get(row).unwrap_or(0).to_le_bytes());
    put(section, data::DST_PORT, flows.dst_port.get(row).unwrap_or(0).to_le_bytes());
    put(section, data::PROTOCOL, u32::from(flows.protocol.get(row).unwrap_or(0)).to_le_bytes());
    put(section, data::LENGTH, length.to_le_bytes());
    put(section, data::IP_LENGTH, bytes.to_le_bytes());
    put(section, data::PACKETS, flows.packets.get(row).unwrap_or(1).max(1).to_le_bytes());
    put(section, data::AGENT, v4(flows.exporter.get(row)));

    let extra = flows.extra.get(row).unwrap_or_default();
    let flags = flows.fragment_flags.get(row).unwrap_or(0);
    let offset = flows.fragment_offset.get(row).unwrap_or(0);
    let is_fragment = offset != 0 || flags & FRAGMENT_MF != 0 || !extra.is_empty() && extra.contains("\"ipFragmented\":true");
    let dont_fragment = if flags & FRAGMENT_DF == 0 { 0 } else { bit::DONT_FRAGMENT };
    put(section, data::FRAGMENT_BITS, [(u8::from(is_fragment) * bit::FRAGMENTED) | dont_fragment]);
    let number = |name| number_in(extra, name).unwrap_or(0) as u32;
    put(section, data::DIRECTION, [number("packetDirection") as u8]);
    put(section, data::CAPTURED_LENGTH, number("packetPayloadLength").to_le_bytes());
    put(section, data::FULL_LENGTH, number("packetPayloadFullLength").to_le_bytes());
    if let Some(time) = flows.time_start.get(row) {
        put(section, data::SECONDS, time.div_euclid(1_000_000_000).to_le_bytes());
        put(section, data::FRACTION, (time.rem_euclid(1_000_000_000) / 1000).to_le_bytes());
    }
}

/// Blobs behind the pointer section, each padded to a whole number of words.
struct Blobs<'m> {
    message: &'m mut [u8],
    end: usize,
}

impl Blobs<'_> {
    fn add(&mut self, slot: usize, octets: &[u8]) {
        let place = HEAD + DATA + slot * 8;
        // List pointer: words between the pointer's end and the blob, then octets and their element size.
        let offset = (self.end - place - 8) / 8;
        put(self.message, place, ((offset as u32) << 2 | 1).to_le_bytes());
        put(self.message, place + 4, ((octets.len() as u32) << 3 | 2).to_le_bytes());
        if let Some(blob) = self.message.get_mut(self.end..self.end + octets.len()) {
            blob.copy_from_slice(octets);
        }
        self.end += octets.len().next_multiple_of(8);
    }
}

/// What the record was before: told by a FastNetMon sender, else by the protocol that brought it.
fn origin(flows: &FlowBatch, row: usize) -> u8 {
    flows.origin.get(row).unwrap_or_else(|| match flows.format.get(row) {
        Some(names::SFLOW) => source::SFLOW,
        Some(names::NETFLOW1 | names::NETFLOW5 | names::NETFLOW7 | names::NETFLOW9 | names::IPFIX) => source::NETFLOW,
        Some(names::PACKET) => source::MIRROR,
        _ => source::UNKNOWN,
    })
}

/// The octets of an IPv4 address in reading order; zeros for none.
fn v4(address: Option<Address>) -> [u8; 4] {
    address.filter(|address| address.is_v4()).map_or([0; 4], |address| (address.halves().1 as u32).to_be_bytes())
}

fn v6(address: Address) -> [u8; 16] {
    let (high, low) = address.halves();
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

fn put<const N: usize>(place: &mut [u8], at: usize, octets: [u8; N]) {
    if let Some(place) = place.get_mut(at..at + N) {
        place.copy_from_slice(&octets);
    }
}
