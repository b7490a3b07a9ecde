//! Counter samples (formats 2 and 4): one row of counters each.
//!
//! The generic interface counters (structure 1) and the port name (1005) have columns; all other structures go to `extra` under their names.
//! A counter that the agent does not support is all ones (sFlow Version 5, section 5.3) and is left absent.

use weir_record::CounterBatch;
use weir_record::column::Fixed;
use weir_wire::{Reader, Short};

use super::extended::registered_structure;
use super::{Scratch, bad_structure, registered, schema, structures, xdr};
use crate::{Fault, Output, Stats};

/// Formats of the structures with columns of their own.
pub(super) mod format {
    pub(in crate::sflow) const GENERIC_INTERFACE: u32 = 1;
    pub(in crate::sflow) const PORT_NAME: u32 = 1005;
}

/// The kind of data source whose index is that of an interface.
const SOURCE_INTERFACE: u32 = 0;
/// Bits of ifStatus.
pub(super) const ADMIN_UP: u32 = 1;
pub(super) const OPER_UP: u32 = 2;
/// ifPromiscuousMode, a TruthValue (RFC 2579).
pub(super) const TRUE: u32 = 1;

/// Decodes a counter sample, of the expanded form where the data source is two numbers.
pub(super) fn decode(
    sample: &mut Reader<'_>,
    expanded: bool,
    out: &mut Output,
    scratch: &mut Scratch,
    stats: &mut Stats,
) -> Result<(), Short> {
    // Sequence number.
    sample.skip(4)?;
    let (source_type, source_index) = if expanded {
        (sample.u32()?, sample.u32()?)
    } else {
        let source = sample.u32()?;
        (source >> 24, source & 0x00ff_ffff)
    };
    let counters = &mut out.counters;
    let row = counters.rows();
    let extra = &mut scratch.extra;
    let seen = &mut scratch.seen;
    seen.clear();
    structures(sample, stats, |format, body| match format {
        format::GENERIC_INTERFACE => generic_interface(body, counters, row).map_err(bad_structure),
        format::PORT_NAME => port_name(body, counters, row),
        _ => match schema::find(registered::COUNTER_STRUCTURES, format) {
            Some(structure) => registered_structure(structure, body, extra, seen),
            None => Ok(()),
        },
    })?;
    if source_type != SOURCE_INTERFACE {
        extra.number("source_type", source_type);
        extra.number("source_index", source_index);
    } else if counters.if_index.get(row).is_none() {
        counters.if_index.push(row, source_index);
    }
    extra.write(&mut counters.extra, row);
    counters.advance(1);
    Ok(())
}

/// Structure 1, if_counters (RFC 2233): all or nothing.
fn generic_interface(body: &mut Reader<'_>, counters: &mut CounterBatch, row: usize) -> Result<(), Short> {
    let w: [u32; 22] = xdr::words(body)?;
    let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    counters.if_index.push(row, w[0]);
    counters.if_type.push(row, w[1]);
    counters.if_speed.push(row, pair(w[2], w[3]));
    counters.if_direction.push(row, w[4]);
    counters.if_admin_up.push(row, u8::from(w[5] & ADMIN_UP != 0));
    counters.if_oper_up.push(row, u8::from(w[5] & OPER_UP != 0));
    count64(&mut counters.in_octets, row, pair(w[6], w[7]));
    count32(&mut counters.in_unicast, row, w[8]);
    count32(&mut counters.in_multicast, row, w[9]);
    count32(&mut counters.in_broadcast, row, w[10]);
    count32(&mut counters.in_discards, row, w[11]);
    count32(&mut counters.in_errors, row, w[12]);
    count32(&mut counters.in_unknown, row, w[13]);
    count64(&mut counters.out_octets, row, pair(w[14], w[15]));
    count32(&mut counters.out_unicast, row, w[16]);
    count32(&mut counters.out_multicast, row, w[17]);
    count32(&mut counters.out_broadcast, row, w[18]);
    count32(&mut counters.out_discards, row, w[19]);
    count32(&mut counters.out_errors, row, w[20]);
    counters.promiscuous.push(row, u8::from(w[21] == TRUE));
    Ok(())
}

fn port_name(body: &mut Reader<'_>, counters: &mut CounterBatch, row: usize) -> Result<(), Fault> {
    let name = xdr::opaque(body)?;
    if counters.if_name.get(row).is_none() {
        counters.if_name.push_lossy(row, name);
    }
    Ok(())
}

fn count32(column: &mut Fixed<u64>, row: usize, value: u32) {
    if value != u32::MAX {
        column.push(row, u64::from(value));
    }
}

fn count64(column: &mut Fixed<u64>, row: usize, value: u64) {
    if value != u64::MAX {
        column.push(row, value);
    }
}
