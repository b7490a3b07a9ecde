//! Counter samples.

use serde_json::{Map, Value};
use weir_record::CounterBatch;

use super::Encoder;
use super::fields::{framed, number, opaque, put, registered, u32, u64};
use crate::sflow::counter_sample::{ADMIN_UP, OPER_UP, TRUE, format};
use crate::sflow::{registered as lists, sample_format};

/// Data sources from here on need the expanded form.
const EXPANDED_FROM: u32 = 1 << 24;
/// The TruthValue of false (RFC 2579).
const FALSE: u32 = 2;

/// Writes the sample of a row to `encoder.sample`.
pub(super) fn sample(encoder: &mut Encoder, counters: &CounterBatch, row: usize) {
    let mut out = std::mem::take(&mut encoder.sample);
    out.clear();
    let extra: Map<String, Value> =
        counters.extra.get(row).and_then(|extra| serde_json::from_str(extra).ok()).unwrap_or_default();
    let (source_type, source) = match extra.get("source_type") {
        Some(source_type) => (number(source_type), extra.get("source_index").map_or(0, number)),
        None => (0, counters.if_index.get(row).unwrap_or(0)),
    };
    let is_expanded = source >= EXPANDED_FROM || source_type > 0xff;
    let sample_format = if is_expanded { sample_format::EXPANDED_COUNTERS } else { sample_format::COUNTERS };
    framed(&mut out, sample_format, |out| {
        u32(out, encoder.counter_samples);
        if is_expanded {
            u32(out, source_type);
            u32(out, source);
        } else {
            u32(out, source_type << 24 | source);
        }
        let place = out.len();
        u32(out, 0);
        let mut count = 0;
        if has_interface(counters, row) {
            framed(out, format::GENERIC_INTERFACE, |out| generic_interface(out, counters, row));
            count += 1;
        }
        if let Some(name) = counters.if_name.get(row) {
            framed(out, format::PORT_NAME, |out| opaque(out, name.as_bytes()));
            count += 1;
        }
        count += registered(out, lists::COUNTER_STRUCTURES, &extra);
        put(out, place, count);
    });
    encoder.counter_samples = encoder.counter_samples.wrapping_add(1);
    encoder.sample = out;
}

/// True where a column of the generic interface counters has a value, the index aside.
fn has_interface(counters: &CounterBatch, row: usize) -> bool {
    counters.if_type.get(row).is_some()
        || counters.if_speed.get(row).is_some()
        || counters.if_oper_up.get(row).is_some()
        || counters.in_octets.get(row).is_some()
        || counters.out_octets.get(row).is_some()
}

/// Structure 1, if_counters. A counter that is absent is all ones.
fn generic_interface(out: &mut Vec<u8>, counters: &CounterBatch, row: usize) {
    let flag = |value: Option<u8>, bit: u32| if value.unwrap_or(0) == 0 { 0 } else { bit };
    u32(out, counters.if_index.get(row).unwrap_or(0));
    u32(out, counters.if_type.get(row).unwrap_or(0));
    u64(out, counters.if_speed.get(row).unwrap_or(0));
    u32(out, counters.if_direction.get(row).unwrap_or(0));
    u32(out, flag(counters.if_admin_up.get(row), ADMIN_UP) | flag(counters.if_oper_up.get(row), OPER_UP));
    u64(out, counters.in_octets.get(row).unwrap_or(u64::MAX));
    for column in [
        &counters.in_unicast,
        &counters.in_multicast,
        &counters.in_broadcast,
        &counters.in_discards,
        &counters.in_errors,
        &counters.in_unknown,
    ] {
        count32(out, column.get(row));
    }
    u64(out, counters.out_octets.get(row).unwrap_or(u64::MAX));
    for column in
        [&counters.out_unicast, &counters.out_multicast, &counters.out_broadcast, &counters.out_discards, &counters.out_errors]
    {
        count32(out, column.get(row));
    }
    u32(out, if counters.promiscuous.get(row) == Some(1) { TRUE } else { FALSE });
}

/// A counter of 32 bits; larger ones are told modulo 2^32, as counters of that size are.
fn count32(out: &mut Vec<u8>, count: Option<u64>) {
    u32(out, count.map_or(u32::MAX, |count| count as u32));
}
