//! The columns of continuous series: sums of flow records by slot of time and one dimension, kept for longer than records.

use crate::names;

#[rustfmt::skip]
columns! {
    /// The columns of a row of a continuous series.
    enum SeriesColumn;
    /// Many rows of continuous series, by column. Rows of one slot, source, dimension and value add up: a slot may stand in several.
    struct SeriesBatch;

    slot: Time, None, Key, [], "Slot", "Begin of the slot.";
    step: U32, None, Key, [], "Step", "Length of the slot in seconds: 60 or 3600.";
    exporter: Ip, None, Key, [], "Exporter", "The source.";
    dimension: Enum(names::SERIES_DIMENSION), None, Key, [], "Dimension", "What the row is summed by.";
    number: U64, None, Key, [], "Number", "The value of the dimension where it is a number: interface, protocol, AS, port of a server. Absent for what does not fit any more.";
    address: Ip, None, Key, [], "Address", "The value of the dimension where it is an address.";
    text: Text, None, Key, [], "Text", "The value of the dimension where it is a text: application, country.";
    flows: U64, Count, Record, [], "Flows", "Flow records, counted where they end.";
    samples: U64, Count, Record, [], "Samples", "Sampled packets.";
    connections: U64, Count, Record, [], "Connections", "Rows that are not a responder's half.";
    packets: U64, Packets, Record, [], "Packets", "Packets, multiplied by the sampling rate.";
    bytes: U64, Bytes, Record, [], "Bytes", "Octets of layer 3, multiplied by the sampling rate.";
    packets_raw: U64, Packets, Record, [], "Packets unscaled", "Packets as reported.";
    bytes_raw: U64, Bytes, Record, [], "Bytes unscaled", "Octets of layer 3 as reported.";
    bytes_variance: U64, None, Record, [], "Bytes variance", "Estimated variance of bytes by sampling, in squared KiB; saturates.";
    packets_variance: U64, None, Record, [], "Packets variance", "Estimated variance of packets by sampling; saturates.";
    rate_unknown: U64, Count, Record, [], "Rate unknown", "Records without a sampling rate, which count as 1 in 1.";
    retransmissions: U64, Count, Record, [], "Retrans", "TCP packets sent again.";
    out_of_order: U64, Count, Record, [], "Out of order", "TCP packets that came out of order.";
    handshakes: U64, Count, Record, [], "Handshakes", "TCP connections that were tried.";
    handshakes_answered: U64, Count, Record, [], "Answered", "TCP connections that were tried and answered.";
    rtt_count: U64, Count, Record, [], "RTT count", "Round-trip times measured.";
    rtt_sum: U64, Microseconds, Record, [], "RTT sum", "Sum of the round-trip times.";
    rtt_hist: List, Count, Record, [], "RTT histogram", "Round-trip times by bucket.";
    srt_count: U64, Count, Record, [], "SRT count", "Server response times measured.";
    srt_sum: U64, Microseconds, Record, [], "SRT sum", "Sum of the server response times.";
    srt_hist: List, Count, Record, [], "SRT histogram", "Server response times by bucket.";
    sketch_error: U64, Bytes, Record, [], "Sketch error", "By how much bytes may be too large at most where the row is of a sketch; absent where it is exact.";
}
