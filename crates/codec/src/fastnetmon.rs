//! FastNetMon Flow: one Cap'n Proto message a record, alone in a datagram or behind its length in a stream.
//!
//! The message is the struct SimplePacketType, not packed, and without defaults, so a field that a shorter message lacks is zero. It has no magic number and no
//! version. Only the fields wanted are followed, each pointer is checked (the encoding is that of capnproto.org/encoding.html), so no
//! generated code and no traversal limit are needed.
//!
//! Reading order: here (fields to columns), [`message`] (segments and pointers), [`encode`]. Streams are cut into messages by [`crate::framing`].

mod encode;
mod fields;
mod message;
#[cfg(test)]
mod tests;

pub use encode::Encoder;

use weir_record::{Address, FlowBatch, names};

use crate::members::write_number_member;
use crate::stamp::{Stamp, mark_suspect_times};
use crate::{Datagram, Fault, Output, Reason, Stats};
use fields::{bit, data, pointer, source};
use message::{Record, Trailing};

/// Octets of an IPv6 address.
const IPV6_OCTETS: usize = 16;
/// Octets of a MAC address.
const MAC_OCTETS: usize = 6;

/// Decodes a message.
pub(crate) fn decode(datagram: &Datagram<'_>, out: &mut Output, stats: &mut Stats) {
    let (record, trailing) = match Record::read(datagram.payload) {
        Ok(read) => read,
        Err(fault) => return stats.faults.add(fault),
    };
    if let Some(Trailing { offset, octets }) = trailing {
        stats.faults.add(Fault::new(Reason::TrailingOctets, offset, octets as u64));
    }
    let flows = &mut out.flows;
    let row = flows.rows();
    if let Err(fault) = write(&record, datagram, flows, row) {
        flows.discard_unfinished();
        return stats.faults.add(fault);
    }
    mark_suspect_times(flows, row, datagram.received);
    flows.advance(1);
    stats.records += 1;
    let is_corrected = record.u32(data::SAMPLE_RATIO) == 0 || record.u64(data::PACKETS) == 0;
    stats.corrected += u64::from(is_corrected);
}

/// The agent of a message, where it tells one.
pub(crate) fn agent(payload: &[u8]) -> Option<Address> {
    let (record, _) = Record::read(payload).ok()?;
    known(record.u32(data::AGENT)).map(ipv4)
}

/// Writes the columns. Zero is "not known" wherever a value of zero could not be meant.
fn write(record: &Record<'_>, datagram: &Datagram<'_>, flows: &mut FlowBatch, row: usize) -> Result<(), Fault> {
    write_addresses(record, flows, row)?;
    let agent = record.u32(data::AGENT);
    Stamp {
        received: datagram.received,
        from: datagram.from,
        port: datagram.port,
        exporter: if agent == 0 { datagram.from } else { ipv4(agent) },
        domain: 0,
        format: names::FASTNETMON,
    }
    .write(flows, row, 1);
    flows.obs_domain.truncate(row);

    let origin = record.u8(data::SOURCE);
    let is_sample = matches!(origin, source::MIRROR | source::SFLOW);
    flows.record_kind.push(row, if is_sample { names::SAMPLE } else { names::FLOW });
    if origin <= names::ORIGIN_FASTNETMON {
        flows.origin.push(row, origin);
    }
    let time = time(record).unwrap_or(datagram.received);
    flows.time_start.push(row, time);
    flows.time_end.push(row, time);

    let length = record.u64(data::LENGTH);
    flows.bytes.push(row, known(record.u64(data::IP_LENGTH)).unwrap_or(length));
    if is_sample {
        flows.frame_bytes.push_some(row, known(length));
    }
    flows.packets.push(row, record.u64(data::PACKETS).max(1));
    flows.sampling_rate.push_some(row, known(record.u32(data::SAMPLE_RATIO)));
    flows.src_as.push_some(row, known(record.u32(data::SRC_AS)));
    flows.dst_as.push_some(row, known(record.u32(data::DST_AS)));
    flows.in_if.push_some(row, known(record.u32(data::IN_IF)));
    flows.out_if.push_some(row, known(record.u32(data::OUT_IF)));
    flows.ttl_min.push_some(row, known(record.u8(data::TTL)));
    flows.ttl_max.push_some(row, known(record.u8(data::TTL)));
    let ports = (record.u16(data::SRC_PORT), record.u16(data::DST_PORT));
    if ports != (0, 0) {
        flows.src_port.push(row, ports.0);
        flows.dst_port.push(row, ports.1);
    }
    let protocol = u8::try_from(record.u32(data::PROTOCOL)).ok();
    flows.protocol.push_some(row, protocol);
    let flags = record.u8(data::TCP_FLAGS);
    if flags != 0 || protocol == Some(weir_wire::protocol::TCP) {
        flows.tcp_flags.push(row, u16::from(flags));
    }
    if record.u8(data::FRAGMENT_BITS) & bit::DONT_FRAGMENT != 0 {
        flows.fragment_flags.push(row, weir_wire::FRAGMENT_DF);
    }
    for (column, slot) in [(&mut flows.src_mac, pointer::SRC_MAC), (&mut flows.dst_mac, pointer::DST_MAC)] {
        let octets = record.blob(slot)?;
        if let Ok([a, b, c, d, e, f]) = <[u8; MAC_OCTETS]>::try_from(octets) {
            column.push_some(row, known(u64::from_be_bytes([0, 0, a, b, c, d, e, f])));
        }
    }
    write_extra(record, flows, row);
    Ok(())
}

fn write_addresses(record: &Record<'_>, flows: &mut FlowBatch, row: usize) -> Result<(), Fault> {
    // Read also where they are not wanted: a message with a pointer that leads nowhere is not to be trusted.
    let blobs = [record.blob(pointer::SRC_IPV6)?, record.blob(pointer::DST_IPV6)?];
    let version = record.u8(data::IP_VERSION);
    match version {
        4 => {
            flows.src_addr.push(row, ipv4(record.u32(data::SRC_IP)));
            flows.dst_addr.push(row, ipv4(record.u32(data::DST_IP)));
        }
        6 => {
            let columns = [(&mut flows.src_addr, pointer::SRC_IPV6), (&mut flows.dst_addr, pointer::DST_IPV6)];
            for ((column, slot), octets) in columns.into_iter().zip(blobs) {
                let wrong = |_| Fault::new(Reason::BadAddressLength, record.pointer_offset(slot), octets.len() as u64);
                let octets: [u8; IPV6_OCTETS] = octets.try_into().map_err(wrong)?;
                column.push(row, Address::v6(octets));
            }
        }
        other => return Err(Fault::new(Reason::BadIpVersion, record.data_offset(data::IP_VERSION), u64::from(other))),
    }
    flows.ip_version.push(row, version);
    Ok(())
}

/// What has no column, under the names of the schema; zeros are left out.
fn write_extra(record: &Record<'_>, flows: &mut FlowBatch, row: usize) {
    let is_fragment = record.u8(data::FRAGMENT_BITS) & bit::FRAGMENTED != 0;
    let numbers = [
        ("packetPayloadLength", u64::from(record.u32(data::CAPTURED_LENGTH))),
        ("packetPayloadFullLength", u64::from(record.u32(data::FULL_LENGTH))),
        ("packetDirection", u64::from(record.u8(data::DIRECTION))),
    ];
    if !is_fragment && numbers.iter().all(|(_, value)| *value == 0) {
        return;
    }
    flows.extra.push_with(row, |text| {
        text.push(b'{');
        if is_fragment {
            text.extend_from_slice(b"\"ipFragmented\":true,");
        }
        for (name, value) in numbers.iter().filter(|(_, value)| *value != 0) {
            write_number_member(text, name, *value);
        }
        text.pop();
        text.push(b'}');
    });
}

/// The record's own time, nanoseconds since 1970. The part below a second is microseconds by the schema's use, nanoseconds from NetFlow v5.
fn time(record: &Record<'_>) -> Option<i64> {
    let seconds = known(record.u64(data::SECONDS))?.cast_signed();
    let fraction = match record.u64(data::FRACTION) {
        microseconds @ 0..1_000_000 => microseconds * 1000,
        nanoseconds @ 1_000_000..1_000_000_000 => nanoseconds,
        _ => 0,
    };
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(fraction.cast_signed()))
}

/// An IPv4 address: its octets stand in reading order in a number that is otherwise least significant octet first.
const fn ipv4(field: u32) -> Address {
    Address::v4(u32::from_be_bytes(field.to_le_bytes()))
}

fn known<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}
