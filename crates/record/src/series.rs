//! The columns of continuous series: sums of flow records by slot of time and one dimension, kept for longer than records.
//!
//! Rows are partial: what belongs to one slot, source, dimension and value may stand in several rows and files, and adds up.
//! [`SeriesSums`] does so; because every column but those of the key is a sum, it may be done at any time, or never.

mod sums;

pub use sums::{MAX_TOP_ADDRESSES, MAX_VALUES, SeriesSums};

use crate::names;

#[rustfmt::skip]
columns! {
    /// The columns of a row of a continuous series.
    enum SeriesColumn;
    /// Many rows of continuous series, by column. Rows of one slot, source, dimension and value add up: a slot may stand in several.
    struct SeriesBatch;

    slot: Time, None, Key, [], "Slot", "Begin of the slot.";
    step: U32, None, Key, [], "Step", "Length of the slot in seconds: 60 or 3600.";
    exporter: Ip, None, Key, [], "Exporter", "The source. Absent where records did not tell, and for sources past the limit.";
    dimension: Enum(names::SERIES_DIMENSION), None, Key, [], "Dimension", "What the row is summed by.";
    number: U64, None, Key, [], "Number", "The value of the dimension where it is a number: interface, protocol, AS, port of a server.";
    address: Ip, None, Key, [], "Address", "The value of the dimension where it is an address. A row with neither number, address nor text has the values that no longer fitted.";
    text: Text, None, Key, [], "Text", "The value of the dimension where it is a text: application, country.";
    flows: U64, Count, Record, [], "Flows", "Flow records, counted where they end.";
    samples: U64, Count, Record, [], "Samples", "Sampled packets.";
    connections: U64, Count, Record, [], "Connections", "Rows that are not a responder's half.";
    packets: U64, Packets, Record, [], "Packets", "Packets, multiplied by the sampling rate; spread over the slots of a record.";
    bytes: U64, Bytes, Record, [], "Bytes", "Octets of layer 3, multiplied by the sampling rate; spread over the slots of a record.";
    packets_raw: U64, Packets, Record, [], "Packets unscaled", "Packets as reported.";
    bytes_raw: U64, Bytes, Record, [], "Bytes unscaled", "Octets of layer 3 as reported.";
    bytes_variance: U64, None, Record, [], "Bytes variance", "Estimated variance of bytes by sampling, in squares of KiB (1,048,576 squared octets).";
    packets_variance: U64, None, Record, [], "Packets variance", "Estimated variance of packets by sampling.";
    rate_unknown: U64, Count, Record, [], "Rate unknown", "Records without a sampling rate, which count as 1 in 1; of dimensions source and channel alone.";
    retransmissions: U64, Count, Record, [], "Retrans", "TCP packets sent again.";
    out_of_order: U64, Count, Record, [], "Out of order", "TCP packets that came out of order.";
    handshakes: U64, Count, Record, [], "Handshakes", "TCP connections that were tried.";
    handshakes_answered: U64, Count, Record, [], "Answered", "TCP connections that were tried and came about; the others were refused or not answered.";
    rtt_count: U64, Count, Record, [], "RTT count", "Round-trip times measured.";
    rtt_sum: U64, Microseconds, Record, [], "RTT sum", "Sum of the round-trip times.";
    rtt_hist: List, Count, Record, [], "RTT histogram", "Round-trip times: bucket and count in turn, buckets as docs/series.md tells.";
    srt_count: U64, Count, Record, [], "SRT count", "Server response times measured.";
    srt_sum: U64, Microseconds, Record, [], "SRT sum", "Sum of the server response times.";
    srt_hist: List, Count, Record, [], "SRT histogram", "Server response times, likewise.";
    sketch_error: U64, Bytes, Record, [], "Sketch error", "On the row of a sketch that has no address: the bytes of each address of the slot are too small by at most this, and an address without a row has at most this.";
    sampled: U64, Count, Record, [], "Sampled", "Records with a sampling rate over 1, counted where they end; of dimensions source and channel alone.";
}
