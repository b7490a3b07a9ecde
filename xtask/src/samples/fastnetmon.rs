//! FastNetMon Flow: a detector that passes on what a mirror port, an sFlow switch and a NetFlow router told it, a message a record.
//!
//! Messages are Cap'n Proto structs of 12 data words and 4 pointers (source IPv6, destination IPv6, the two MAC addresses), little-endian
//! throughout; addresses of IPv4 lie in reading order.

use std::net::IpAddr;

use weir_testkit::Datagram;

use super::traffic::{self, Flow};

const DATA_WORDS: usize = 12;
const POINTERS: usize = 4;

/// A message a flow, for the larger ones.
pub(super) fn datagrams() -> Vec<Datagram> {
    let flows = traffic::flows().into_iter().filter(|flow| flow.packets > 20);
    flows
        .zip(0_u32..)
        .map(|(flow, number)| super::datagram("192.0.2.5", 50_500, 8104, flow.end, message(&flow, number)))
        .collect()
}

fn message(flow: &Flow, number: u32) -> Vec<u8> {
    // 1 mirror, 2 sFlow, 3 NetFlow.
    let source = 1 + (number % 3) as u8;
    let mirrored = source < 3;
    let packets = if mirrored { 1 } else { u64::from(flow.packets) };
    let ip_length = if mirrored { flow.bytes / flow.packets } else { flow.bytes };
    let length = if mirrored { ip_length + 14 } else { ip_length };
    let mut data = [0; DATA_WORDS * 8];
    put(&mut data, 0, [source, if flow.src.is_ipv4() { 4 } else { 6 }, if mirrored { 61 } else { 0 }, flow.flags]);
    put(&mut data, 4, if mirrored { 512_u32 } else { 1 }.to_le_bytes());
    if let (IpAddr::V4(src), IpAddr::V4(dst)) = (flow.src, flow.dst) {
        put(&mut data, 8, src.octets());
        put(&mut data, 12, dst.octets());
    }
    for (at, number) in [(16, flow.src_as), (20, flow.dst_as), (24, flow.in_if), (28, flow.out_if), (36, flow.protocol.into())] {
        put(&mut data, at, number.to_le_bytes());
    }
    put(&mut data, 32, flow.src_port.to_le_bytes());
    put(&mut data, 34, flow.dst_port.to_le_bytes());
    put(&mut data, 40, u64::from(length).to_le_bytes());
    put(&mut data, 48, packets.to_le_bytes());
    if mirrored {
        put(&mut data, 60, length.min(128).to_le_bytes());
        put(&mut data, 80, length.to_le_bytes());
    } else {
        put(&mut data, 64, u64::from(traffic::MINUTE_SECONDS + flow.end / 1000).to_le_bytes());
    }
    put(&mut data, 84, [192, 0, 2, source + 1]);
    put(&mut data, 88, u64::from(ip_length).to_le_bytes());

    let mut pointers = [0; POINTERS * 8];
    let mut blobs = Vec::new();
    let addresses = match (flow.src, flow.dst) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => vec![(0, src.octets().to_vec()), (1, dst.octets().to_vec())],
        _ => Vec::new(),
    };
    let macs = [(2, vec![2, 0, 0, 0, 1, flow.in_if as u8]), (3, vec![2, 0, 0, 0, 1, flow.out_if as u8])];
    for (slot, blob) in addresses.into_iter().chain(macs) {
        // A list of octets (kind 1, element size 2), its distance counted in words from the end of the pointer.
        let distance = (POINTERS - slot - 1) + blobs.len() / 8;
        put(&mut pointers, slot * 8, (distance as u32 * 4 + 1).to_le_bytes());
        put(&mut pointers, slot * 8 + 4, (blob.len() as u32 * 8 + 2).to_le_bytes());
        blobs.extend(blob);
        blobs.resize(blobs.len().next_multiple_of(8), 0);
    }
    let words = (1 + DATA_WORDS + POINTERS + blobs.len() / 8) as u32;
    let root = [[0; 4], [DATA_WORDS as u8, 0, POINTERS as u8, 0]].concat();
    // One segment; its length in words.
    [&[0; 4], words.to_le_bytes().as_slice(), &root, &data, &pointers, &blobs].concat()
}

fn put<const N: usize>(octets: &mut [u8], at: usize, value: [u8; N]) {
    octets[at..at + N].copy_from_slice(&value);
}
