//! NetFlow versions 1, 5 and 7: fixed records behind a header with a count.
//!
//! Layouts from Cisco's "NetFlow Export Datagram Formats". The three versions have the same first 36 octets of a record, so one pass per column
//! reads them all; versions 5 and 7 also share AS numbers and masks. Version 7 (Catalyst 5000) adds the router that was by-passed.
//!
//! The count is a claim: every whole record that is there is taken, whatever the header says of more.

mod encode;
mod fields;
#[cfg(test)]
mod tests;

pub use encode::{EncodeOptions, Encoder, Version};

use weir_record::names;
use weir_wire::{Reader, Short};

use crate::sequence::{Sender, Sequences};
use crate::stamp::{Stamp, mark_suspect_times};
use crate::{Datagram, Fault, Output, Protocol, Reason, Stats};

/// Most records in a datagram: as many as fit in 1500 octets.
const MAX_RECORDS_1: usize = 24;
const MAX_RECORDS_5: usize = 30;
const MAX_RECORDS_7: usize = 28;
/// Octets of headers and records.
const HEADER_1: usize = 16;
const HEADER_5_7: usize = 24;
const RECORD_5: usize = 48;
const RECORD_1_7: usize = 52;
/// Where the count stands in every header.
const COUNT_OFFSET: usize = 2;
/// Bits of the v5 sampling field that hold the interval; the upper two are the mode.
const SAMPLING_INTERVAL: u16 = 0x3fff;

/// What a header says.
#[derive(Clone, Copy, Debug)]
struct Header {
    protocol: Protocol,
    /// Records, as claimed.
    count: usize,
    /// Milliseconds since the exporter started.
    uptime: u32,
    /// Time of export, nanoseconds since 1970.
    time: i64,
    /// Flows exported before; version 1 has no count.
    sequence: Option<u32>,
    /// Engine type * 256 + engine id; version 5 only.
    engine: Option<u16>,
    /// 1 packet in so many; 0 is not told.
    sampling: u16,
}

/// Decodes a datagram of version 1, 5 or 7.
pub(crate) fn decode(datagram: &Datagram<'_>, out: &mut Output, stats: &mut Stats, sequences: &mut Sequences) {
    let mut reader = Reader::new(datagram.payload);
    let header = match Header::read(&mut reader) {
        Ok(Some(header)) => header,
        Ok(None) => return,
        Err(short) => return stats.faults.add(Fault::truncated(short)),
    };
    let (size, limit) = match header.protocol {
        Protocol::NetFlow1 => (RECORD_1_7, MAX_RECORDS_1),
        Protocol::NetFlow7 => (RECORD_1_7, MAX_RECORDS_7),
        _ => (RECORD_5, MAX_RECORDS_5),
    };
    let whole = reader.left() / size;
    if header.count > limit || header.count > whole {
        stats.faults.add(Fault::new(Reason::BadCount, COUNT_OFFSET, header.count as u64));
    }
    let count = header.count.min(whole);
    let claimed = header.count * size;
    if reader.left() > claimed {
        let extra = reader.left() - claimed;
        stats.faults.add(Fault::new(Reason::TrailingOctets, reader.offset() + claimed, extra as u64));
    }
    let records = reader.rest();

    let first = out.flows.rows();
    stamp(datagram, &header).write(&mut out.flows, first, count);
    match header.protocol {
        Protocol::NetFlow1 => fields::write_1(first_of(records, count), &header, &mut out.flows, first),
        Protocol::NetFlow7 => fields::write_7(first_of(records, count), &header, &mut out.flows, first),
        _ => fields::write_5(first_of(records, count), &header, &mut out.flows, first),
    }
    if header.engine.is_none() {
        out.flows.obs_domain.truncate(first);
    }
    mark_suspect_times(&mut out.flows, first, datagram.received);
    out.flows.advance(count);
    stats.records += count as u64;

    if let Some(sequence) = header.sequence {
        let domain = u32::from(header.engine.unwrap_or(0));
        let sender = Sender { exporter: datagram.from, port: datagram.port, domain, protocol: header.protocol };
        sequences.observe(sender, sequence, count as u32, stats);
    }
}

/// The first records, of which there are as many.
fn first_of<const N: usize>(octets: &[u8], count: usize) -> &[[u8; N]] {
    octets.as_chunks().0.get(..count).unwrap_or_default()
}

impl Header {
    /// Reads the header; nothing for another version.
    fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, Short> {
        let protocol = match reader.peek_u16()? {
            1 => Protocol::NetFlow1,
            5 => Protocol::NetFlow5,
            7 => Protocol::NetFlow7,
            _ => return Ok(None),
        };
        let mut fields = reader.sub(if protocol == Protocol::NetFlow1 { HEADER_1 } else { HEADER_5_7 })?;
        fields.skip(2)?;
        let count = usize::from(fields.u16()?);
        let uptime = fields.u32()?;
        let seconds = i64::from(fields.u32()?);
        let time = seconds * 1_000_000_000 + i64::from(fields.u32()?);
        let mut header = Self { protocol, count, uptime, time, sequence: None, engine: None, sampling: 0 };
        if protocol != Protocol::NetFlow1 {
            header.sequence = Some(fields.u32()?);
        }
        if protocol == Protocol::NetFlow5 {
            header.engine = Some(fields.u16()?);
            header.sampling = fields.u16()? & SAMPLING_INTERVAL;
        }
        Ok(Some(header))
    }

    /// The time, in nanoseconds since 1970, at which the exporter's uptime was this. The difference is signed: a flow may end after the
    /// header was filled in, and the uptime wraps every 49.7 days.
    #[inline]
    const fn time_at(&self, uptime: u32) -> i64 {
        let ago = self.uptime.wrapping_sub(uptime).cast_signed();
        self.time - ago as i64 * 1_000_000
    }
}

fn stamp(datagram: &Datagram<'_>, header: &Header) -> Stamp {
    Stamp {
        received: datagram.received,
        from: datagram.from,
        port: datagram.port,
        exporter: datagram.from,
        domain: u32::from(header.engine.unwrap_or(0)),
        format: match header.protocol {
            Protocol::NetFlow1 => names::NETFLOW1,
            Protocol::NetFlow7 => names::NETFLOW7,
            _ => names::NETFLOW5,
        },
    }
}
