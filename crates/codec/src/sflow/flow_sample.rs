//! Flow samples (formats 1 and 3) and drop notifications (format 5, sFlow Dropped Packet Notification Structures): one row each.

use weir_record::{FlowBatch, names};
use weir_wire::{Reader, Short};

use super::frame_records::FrameRecords;
use super::{Scratch, extended, structures};
use crate::{Output, Stats};

/// The interface number for packets that begin or end in the device itself.
pub(super) const LOCAL_INTERFACE: u32 = 0x3fff_ffff;
/// The same in formats with whole numbers of 32 bits, as some agents have it.
const LOCAL_INTERFACE_EXPANDED: u32 = u32::MAX;

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
    // Sequence number, data source.
    sample.skip(8)?;
    let sampling_rate = sample.u32()?;
    // Pool, drops.
    sample.skip(8)?;
    let (input, output) = (Interface::compact(sample.u32()?), Interface::compact(sample.u32()?));
    let header = SampleHeader { kind: names::SAMPLE, sampling_rate, input, output, drop_reason: None };
    header.row(sample, out, scratch, stats)
}

/// A flow sample in the expanded form, for interface numbers above 2^24.
#[inline]
pub(super) fn expanded(sample: &mut Reader<'_>, out: &mut Output, scratch: &mut Scratch, stats: &mut Stats) -> Result<(), Short> {
    // Sequence number, type and index of the data source.
    sample.skip(12)?;
    let sampling_rate = sample.u32()?;
    // Pool, drops.
    sample.skip(8)?;
    let input = Interface { format: sample.u32()?, value: sample.u32()? };
    let output = Interface { format: sample.u32()?, value: sample.u32()? };
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
    // Sequence number, type and index of the data source, notifications that were not sent.
    sample.skip(16)?;
    let input = Interface { format: 0, value: sample.u32()? };
    let output = Interface { format: 0, value: sample.u32()? };
    let drop_reason = Some(sample.u32()?);
    let header = SampleHeader { kind: names::DROP, sampling_rate: 0, input, output, drop_reason };
    header.row(sample, out, scratch, stats)
}

impl SampleHeader {
    /// Makes the row, structures included.
    #[inline]
    fn row(&self, sample: &mut Reader<'_>, out: &mut Output, scratch: &mut Scratch, stats: &mut Stats) -> Result<(), Short> {
        let flows = &mut out.flows;
        let row = flows.rows();
        let mut frame_records = FrameRecords::default();
        let extra = &mut scratch.extra;
        let mut seen = extended::Seen::default();
        structures(sample, stats, |format, body| {
            if frame_records.take(format, body)? { Ok(()) } else { extended::write(format, body, flows, row, extra, &mut seen) }
        })?;
        flows.record_kind.push(row, self.kind);
        if self.sampling_rate != 0 {
            flows.sampling_rate.push(row, self.sampling_rate);
        }
        self.write_interfaces(flows, row);
        frame_records.write(flows, row, &mut scratch.walk, extra);
        extra.write(&mut flows.extra, row);
        flows.advance(1);
        Ok(())
    }

    #[inline]
    fn write_interfaces(&self, flows: &mut FlowBatch, row: usize) {
        match self.input.number() {
            Ok(number) => flows.in_if.push(row, number),
            Err(kind) => flows.in_if_kind.push(row, kind),
        }
        match self.output.number() {
            Ok(number) => flows.out_if.push(row, number),
            Err(kind) => flows.out_if_kind.push(row, kind),
        }
        let reason = self.drop_reason.or((self.output.format == Interface::DISCARDED).then_some(self.output.value));
        if let Some(reason) = reason.and_then(|reason| u16::try_from(reason).ok()) {
            flows.drop_reason.push(row, reason);
        }
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
