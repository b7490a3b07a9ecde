//! sFlow version 5 (sflow.org, "sFlow Version 5", July 2004, section 5, and the structures registered since).
//!
//! A datagram holds samples, a sample holds structures, each with its format and length in front, in XDR (RFC 4506). Flow samples and drop
//! notifications become rows of flows, counter samples rows of counters. What the registry of formats does not have, or an enterprise
//! defined for itself, is passed over by its length and is no fault.
//!
//! Reading order: here (datagram and samples), [`flow_sample`], [`frame_records`] (what nearly every sample has), [`extended`], [`counter_sample`],
//! then [`schema`] and [`registered`] (everything else, by table), [`encode`] (the way back).

mod counter_sample;
mod encode;
mod extended;
mod flow_sample;
mod frame_records;
mod registered;
mod schema;
#[cfg(test)]
mod tests;
mod xdr;

pub use encode::{EncodeOptions, Encoder, RawHeader};

use weir_record::{Address, names};
use weir_wire::{Reader, Short, Walk};

use crate::members::Members;
use crate::sequence::{Sender, Sequences};
use crate::stamp::Stamp;
use crate::{Datagram, Fault, Output, Protocol, Reason, Stats};

/// Formats of samples, enterprise 0.
mod sample_format {
    pub(super) const FLOW: u32 = 1;
    pub(super) const COUNTERS: u32 = 2;
    pub(super) const EXPANDED_FLOW: u32 = 3;
    pub(super) const EXPANDED_COUNTERS: u32 = 4;
    pub(super) const DISCARDED_PACKET: u32 = 5;
}

/// Decodes a datagram.
pub(crate) fn decode(datagram: &Datagram<'_>, out: &mut Output, stats: &mut Stats, sequences: &mut Sequences) {
    let mut reader = Reader::new(datagram.payload);
    let header = match Header::read(&mut reader, datagram.from) {
        Ok(header) => header,
        Err(fault) => return stats.faults.add(fault),
    };
    let sender = Sender { exporter: header.agent, port: datagram.port, domain: header.sub_agent, protocol: Protocol::SFlow };
    sequences.observe(sender, header.sequence, 1, stats);

    let (first_flow, first_counter) = (out.flows.rows(), out.counters.rows());
    let mut scratch = Scratch::default();
    samples(&mut reader, header.samples, out, &mut scratch, stats);
    scratch.staged.write(&mut out.flows);
    let flows = out.flows.rows() - first_flow;
    if flows > 0 {
        stamp(datagram, &header).write(&mut out.flows, first_flow, flows);
        out.flows.time_start.fill(first_flow, flows, datagram.received);
        out.flows.time_end.fill(first_flow, flows, datagram.received);
        out.flows.packets.fill(first_flow, flows, 1);
        stats.records += flows as u64;
    }
    let counters = out.counters.rows() - first_counter;
    if counters > 0 {
        out.counters.time_received.fill(first_counter, counters, datagram.received);
        out.counters.exporter.fill(first_counter, counters, header.agent);
        out.counters.received_from.fill(first_counter, counters, datagram.from);
        out.counters.obs_domain.fill(first_counter, counters, header.sub_agent);
        out.counters.source.fill(first_counter, counters, names::COUNTERS_SFLOW);
        stats.counter_samples += counters as u64;
    }
}

/// The agent of a datagram, where its header tells one.
pub(crate) fn agent(payload: &[u8]) -> Option<Address> {
    let mut reader = Reader::new(payload);
    reader.skip(4).ok()?;
    xdr::address(&mut reader, Fault::truncated).ok()?
}

/// What a datagram says of itself.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// Address of the agent; where it is not told, the transport source.
    agent: Address,
    sub_agent: u32,
    sequence: u32,
    /// Samples, as claimed.
    samples: u32,
}

impl Header {
    fn read(reader: &mut Reader<'_>, from: Address) -> Result<Self, Fault> {
        reader.skip(4).map_err(Fault::truncated)?;
        let agent = xdr::address(reader, Fault::truncated)?.unwrap_or(from);
        let mut fields = || -> Result<Self, Short> {
            let (sub_agent, sequence) = (reader.u32()?, reader.u32()?);
            let _uptime = reader.u32()?;
            Ok(Self { agent, sub_agent, sequence, samples: reader.u32()? })
        };
        fields().map_err(Fault::truncated)
    }
}

/// Decodes as many samples as the datagram claims and holds.
fn samples(reader: &mut Reader<'_>, count: u32, out: &mut Output, scratch: &mut Scratch, stats: &mut Stats) {
    for _ in 0..count {
        let (format, length_offset, length) = match xdr::head(reader) {
            Ok(head) => head,
            Err(short) => return stats.faults.add(Fault::truncated(short)),
        };
        let Some(mut body) = xdr::body(reader, length) else {
            return stats.faults.add(Fault::new(Reason::BadSample, length_offset, u64::from(length)));
        };
        let sample = &mut body;
        let decoded = match format {
            sample_format::FLOW => flow_sample::compact(sample, out, scratch, stats),
            sample_format::EXPANDED_FLOW => flow_sample::expanded(sample, out, scratch, stats),
            sample_format::DISCARDED_PACKET => flow_sample::discarded(sample, out, scratch, stats),
            sample_format::COUNTERS => counter_sample::decode(sample, false, out, scratch, stats),
            sample_format::EXPANDED_COUNTERS => counter_sample::decode(sample, true, out, scratch, stats),
            _ => continue,
        };
        match decoded {
            Err(short) => stats.faults.add(Fault::new(Reason::BadSample, short.offset, short.wanted as u64)),
            Ok(()) if !body.is_empty() => stats.faults.add(Fault::new(Reason::BadSample, length_offset, u64::from(length))),
            Ok(()) => {}
        }
    }
    if !reader.is_empty() {
        stats.faults.add(Fault::new(Reason::TrailingOctets, reader.offset(), reader.left() as u64));
    }
}

/// Memory that the samples of a datagram use one after the other.
#[derive(Debug, Default)]
struct Scratch {
    staged: flow_sample::Staged,
    /// Made for the first frame that is not plain; it is large.
    walk: Option<Walk>,
    extra: Members,
    seen: extended::Seen,
}

/// Goes over the structures of a sample: as many as it claims and holds. `take` gets the format and the content; what is wrong inside a
/// structure costs that structure alone. An error means that the sample ends before the count, and `take` was not called.
#[inline]
fn structures<'a>(
    sample: &mut Reader<'a>,
    stats: &mut Stats,
    mut take: impl FnMut(u32, &mut Reader<'a>) -> Result<(), Fault>,
) -> Result<(), Short> {
    let count_offset = sample.offset();
    let count = sample.u32()?;
    for _ in 0..count {
        if sample.is_empty() {
            stats.faults.add(Fault::new(Reason::BadCount, count_offset, u64::from(count)));
            break;
        }
        let taken = match xdr::head(sample) {
            Ok((format, length_offset, length)) => match xdr::body(sample, length) {
                Some(mut body) => take(format, &mut body),
                None => Err(end(sample, Fault::new(Reason::BadStructure, length_offset, u64::from(length)))),
            },
            Err(short) => Err(end(sample, bad_structure(short))),
        };
        if let Err(fault) = taken {
            stats.faults.add(fault);
            if sample.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

/// Gives up what is left of a sample, for nothing can be found in it any more.
#[cold]
const fn end(sample: &mut Reader<'_>, fault: Fault) -> Fault {
    *sample = Reader::at(&[], sample.offset());
    fault
}

/// A structure that ends before what it must hold.
const fn bad_structure(short: Short) -> Fault {
    Fault::new(Reason::BadStructure, short.offset, short.wanted as u64)
}

const fn stamp(datagram: &Datagram<'_>, header: &Header) -> Stamp {
    Stamp {
        received: datagram.received,
        from: datagram.from,
        port: datagram.port,
        exporter: header.agent,
        domain: header.sub_agent,
        format: names::SFLOW,
    }
}
