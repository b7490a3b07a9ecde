//! Flow samples (formats 1 and 3) and drop notifications (format 5, sFlow Dropped Packet Notification Structures): one row each.

use weir_record::{FlowBatch, names};
use weir_wire::{Reader, Short};

use super::frame_records::FrameRecords;
use super::{Scratch, extended, structures, xdr};
use crate::sampled_frame::{Sampled, write_labels};
use crate::{Output, Stats};

/// The interface number for packets that begin or end in the device itself.
pub(super) const LOCAL_INTERFACE: u32 = 0x3fff_ffff;
/// The same in formats with whole numbers of 32 bits, as some agents have it.
const LOCAL_INTERFACE_EXPANDED: u32 = u32::MAX;

/// Samples that are written together; a datagram of 1400 octets holds about seven.
const STAGED_LIMIT: usize = 8;

/// An interface: what kind of value it is, and the value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    /// 0 a number, 1 discarded with a reason, 2 several, 3 not defined.
    pub(super) format: u32,
    pub(super) value: u32,
}

/// What a sample says in front of its structures.
#[derive(Clone, Copy, Debug)]
struct SampleHeader {
    kind: u8,
    /// 0 where there is none.
    sampling_rate: u32,
    input: Interface,
    output: Interface,
    drop_reason: Option<u32>,
}

/// A flow sample in the compact form.
#[inline]
pub(super) fn compact(sample: &mut Reader<'_>, out: &mut Output, scratch: &mut Scratch, stats: &mut Stats) -> Result<(), Short> {
    let [_sequence, _source, sampling_rate, _pool, _drops, input, output] = xdr::words(sample)?;
    let (input, output) = (Interface::compact(input), Interface::compact(output));
    let header = SampleHeader { kind: names::SAMPLE, sampling_rate, input, output, drop_reason: None };
    header.row(sample, out, scratch, stats)
}

/// A flow sample in the expanded form, for interface numbers above 2^24.
#[inline]
pub(super) fn expanded(sample: &mut Reader<'_>, out: &mut Output, scratch: &mut Scratch, stats: &mut Stats) -> Result<(), Short> {
    let [_sequence, _source_type, _source_index, sampling_rate, _pool, _drops, in_format, input, out_format, output] =
        xdr::words(sample)?;
    let input = Interface { format: in_format, value: input };
    let output = Interface { format: out_format, value: output };
    let header = SampleHeader { kind: names::SAMPLE, sampling_rate, input, output, drop_reason: None };
    header.row(sample, out, scratch, stats)
}

/// A notification of a packet that the device dropped.
pub(super) fn discarded(
    sample: &mut Reader<'_>,
    out: &mut Output,
    scratch: &mut Scratch,
    stats: &mut Stats,
) -> Result<(), Short> {
    let [_sequence, _source_type, _source_index, _not_sent, input, output, reason] = xdr::words(sample)?;
    let (input, output) = (Interface { format: 0, value: input }, Interface { format: 0, value: output });
    let drop_reason = Some(reason);
    let header = SampleHeader { kind: names::DROP, sampling_rate: 0, input, output, drop_reason };
    header.row(sample, out, scratch, stats)
}

impl SampleHeader {
    /// Makes a row, structures included.
    #[inline]
    fn row(&self, sample: &mut Reader<'_>, out: &mut Output, scratch: &mut Scratch, stats: &mut Stats) -> Result<(), Short> {
        let flows = &mut out.flows;
        let row = flows.rows() + scratch.staged.len();
        let mut frame_records = FrameRecords::default();
        let extra = &mut scratch.extra;
        let seen = &mut scratch.seen;
        seen.clear();
        structures(sample, stats, |format, body| {
            if frame_records.take(format, body)? { Ok(()) } else { extended::write(format, body, flows, row, extra, seen) }
        })?;
        let sampled = scratch.staged.next();
        sampled.record_kind(self.kind);
        if self.sampling_rate != 0 {
            sampled.sampling_rate(self.sampling_rate);
        }
        self.set_interfaces(sampled);
        if frame_records.set(sampled, &mut scratch.walk, extra)
            && let Some(walk) = &scratch.walk
        {
            write_labels(walk, flows, row);
        }
        if extra.len() > 0 {
            extra.write(&mut flows.extra, row);
        }
        if scratch.staged.is_full() {
            scratch.staged.write(flows);
        }
        Ok(())
    }

    #[inline]
    fn set_interfaces(&self, sampled: &mut Sampled) {
        match self.input.number() {
            Ok(number) => sampled.in_if(number),
            Err(kind) => sampled.in_if_kind(kind),
        }
        match self.output.number() {
            Ok(number) => sampled.out_if(number),
            Err(kind) => sampled.out_if_kind(kind),
        }
        let reason = self.drop_reason.or((self.output.format == Interface::DISCARDED).then_some(self.output.value));
        if let Some(reason) = reason.and_then(|reason| u16::try_from(reason).ok()) {
            sampled.drop_reason(reason);
        }
    }
}

/// Samples that were read and wait to be written together, a column at a time.
#[derive(Debug)]
pub(super) struct Staged {
    samples: [Sampled; STAGED_LIMIT],
    len: usize,
}

impl Default for Staged {
    #[inline]
    fn default() -> Self {
        Self { samples: [Sampled::EMPTY; STAGED_LIMIT], len: 0 }
    }
}

impl Staged {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    const fn is_full(&self) -> bool {
        self.len == STAGED_LIMIT
    }

    /// A new sample with no column set.
    #[inline]
    fn next(&mut self) -> &mut Sampled {
        // A full one is written before the next sample comes, so the last place is never taken twice.
        let place = self.len.min(STAGED_LIMIT - 1);
        self.len = place + 1;
        let sampled = &mut self.samples[place];
        sampled.clear();
        sampled
    }

    /// Writes the rows and ends them.
    pub(super) fn write(&mut self, flows: &mut FlowBatch) {
        let samples = self.samples.get(..self.len).unwrap_or_default();
        Sampled::write_all(samples, flows, flows.rows());
        flows.advance(samples.len());
        self.len = 0;
    }
}

impl Interface {
    pub(super) const DISCARDED: u32 = 1;
    pub(super) const MULTIPLE: u32 = 2;

    /// The upper two bits are the format.
    const fn compact(field: u32) -> Self {
        Self { format: field >> 30, value: field & 0x3fff_ffff }
    }

    /// The interface's number, or the word for why there is none.
    #[inline]
    const fn number(self) -> Result<u32, u8> {
        match (self.format, self.value) {
            (0, 0) => Err(names::IF_UNKNOWN),
            (0, LOCAL_INTERFACE | LOCAL_INTERFACE_EXPANDED) => Err(names::IF_LOCAL),
            (0, number) => Ok(number),
            (Self::DISCARDED, _) => Err(names::IF_DISCARDED),
            (Self::MULTIPLE, _) => Err(names::IF_MULTIPLE),
            _ => Err(names::IF_UNKNOWN),
        }
    }
}
