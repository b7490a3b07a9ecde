//! Where fields stand in records of NetFlow v1, v5 and v7, and one pass per column over the records of a datagram.

use weir_record::{FlowBatch, names};
use weir_wire::protocol;

use super::{Header, RECORD_1_7, RECORD_5};

/// Octet offsets in a record. The same in all three versions, unless said.
pub(super) const SRC_ADDR: usize = 0;
pub(super) const DST_ADDR: usize = 4;
pub(super) const NEXT_HOP: usize = 8;
pub(super) const IN_IF: usize = 12;
pub(super) const OUT_IF: usize = 14;
pub(super) const PACKETS: usize = 16;
pub(super) const BYTES: usize = 20;
pub(super) const FIRST: usize = 24;
pub(super) const LAST: usize = 28;
pub(super) const SRC_PORT: usize = 32;
pub(super) const DST_PORT: usize = 34;
/// Versions 5 and 7.
pub(super) const FLAGS: usize = 37;
pub(super) const PROTOCOL: usize = 38;
pub(super) const TOS: usize = 39;
/// Version 1.
pub(super) const FLAGS_1: usize = 40;
/// Versions 5 and 7, as are the masks.
pub(super) const SRC_AS: usize = 40;
pub(super) const DST_AS: usize = 42;
pub(super) const SRC_MASK: usize = 44;
pub(super) const DST_MASK: usize = 45;
/// Version 7: which fields are not valid, in two parts, and the router that was by-passed.
pub(super) const FIELD_FLAGS: usize = 36;
pub(super) const MORE_FIELD_FLAGS: usize = 46;
pub(super) const ROUTER_SC: usize = 48;

/// Writes the columns of version 1.
pub(super) fn write_1(records: &[[u8; RECORD_1_7]], header: &Header, flows: &mut FlowBatch, row: usize) {
    write_common(records, header, flows, row);
    flows.tcp_flags.extend(row, records.iter().map(|r| u16::from(u8_at::<FLAGS_1, _>(r))));
}

/// Writes the columns of version 5.
pub(super) fn write_5(records: &[[u8; RECORD_5]], header: &Header, flows: &mut FlowBatch, row: usize) {
    write_common(records, header, flows, row);
    write_routes(records, flows, row);
    if header.sampling != 0 {
        flows.sampling_rate.fill(row, records.len(), u32::from(header.sampling));
    }
}

/// Writes the columns of version 7.
pub(super) fn write_7(records: &[[u8; RECORD_1_7]], header: &Header, flows: &mut FlowBatch, row: usize) {
    write_common(records, header, flows, row);
    write_routes(records, flows, row);
    let mut extra = String::new();
    for (index, record) in records.iter().enumerate() {
        let flags = u32::from(u8_at::<FIELD_FLAGS, _>(record)) << 16 | u32::from(u16_at::<MORE_FIELD_FLAGS, _>(record));
        let router = std::net::Ipv4Addr::from_bits(u32_at::<ROUTER_SC, _>(record));
        extra.clear();
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut extra, format_args!("{{\"flags\":{flags},\"router_sc\":\"{router}\"}}"));
        flows.extra.push(row + index, &extra);
    }
}

/// Writes what all versions have.
#[inline]
fn write_common<const N: usize>(records: &[[u8; N]], header: &Header, flows: &mut FlowBatch, row: usize) {
    let count = records.len();
    flows.record_kind.fill(row, count, names::FLOW);
    flows.ip_version.fill(row, count, 4);
    flows.src_addr.extend_v4(row, records.iter().map(u32_at::<SRC_ADDR, N>));
    flows.dst_addr.extend_v4(row, records.iter().map(u32_at::<DST_ADDR, N>));
    flows.next_hop.extend_v4(row, records.iter().map(u32_at::<NEXT_HOP, N>));
    flows.in_if.extend(row, records.iter().map(|r| u32::from(u16_at::<IN_IF, N>(r))));
    flows.out_if.extend(row, records.iter().map(|r| u32::from(u16_at::<OUT_IF, N>(r))));
    flows.packets.extend(row, records.iter().map(|r| u64::from(u32_at::<PACKETS, N>(r))));
    flows.bytes.extend(row, records.iter().map(|r| u64::from(u32_at::<BYTES, N>(r))));
    flows.time_start.extend(row, records.iter().map(|r| header.time_at(u32_at::<FIRST, N>(r))));
    flows.time_end.extend(row, records.iter().map(|r| header.time_at(u32_at::<LAST, N>(r))));
    flows.src_port.extend(row, records.iter().map(u16_at::<SRC_PORT, N>));
    flows.dst_port.extend(row, records.iter().map(u16_at::<DST_PORT, N>));
    flows.protocol.extend(row, records.iter().map(u8_at::<PROTOCOL, N>));
    flows.tos.extend(row, records.iter().map(u8_at::<TOS, N>));
    // The destination port of ICMP is type * 256 + code.
    let is_icmp = |record: &&[u8; N]| u8_at::<PROTOCOL, N>(record) == protocol::ICMP;
    if records.iter().any(|record| is_icmp(&record)) {
        for (index, record) in records.iter().enumerate().filter(|(_, record)| is_icmp(record)) {
            let [kind, code] = u16_at::<DST_PORT, N>(record).to_be_bytes();
            flows.icmp_type.push(row + index, kind);
            flows.icmp_code.push(row + index, code);
        }
    }
}

/// Writes what versions 5 and 7 share besides.
#[inline]
fn write_routes<const N: usize>(records: &[[u8; N]], flows: &mut FlowBatch, row: usize) {
    flows.tcp_flags.extend(row, records.iter().map(|r| u16::from(u8_at::<FLAGS, N>(r))));
    flows.src_as.extend(row, records.iter().map(|r| u32::from(u16_at::<SRC_AS, N>(r))));
    flows.dst_as.extend(row, records.iter().map(|r| u32::from(u16_at::<DST_AS, N>(r))));
    flows.src_mask.extend(row, records.iter().map(u8_at::<SRC_MASK, N>));
    flows.dst_mask.extend(row, records.iter().map(u8_at::<DST_MASK, N>));
}

/// The octet at `AT`, which the compiler proves to lie in the record.
#[inline]
const fn u8_at<const AT: usize, const N: usize>(record: &[u8; N]) -> u8 {
    const { assert!(AT < N) };
    record[AT]
}

/// Two octets from `AT` on.
#[inline]
const fn u16_at<const AT: usize, const N: usize>(record: &[u8; N]) -> u16 {
    const { assert!(AT + 2 <= N) };
    u16::from_be_bytes([record[AT], record[AT + 1]])
}

/// Four octets from `AT` on.
#[inline]
const fn u32_at<const AT: usize, const N: usize>(record: &[u8; N]) -> u32 {
    const { assert!(AT + 4 <= N) };
    u32::from_be_bytes([record[AT], record[AT + 1], record[AT + 2], record[AT + 3]])
}
