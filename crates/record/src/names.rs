//! The closed sets of words that enumerated columns hold as numbers.

/// Makes constants of the numbers of words, and the list of the words.
macro_rules! words {
    ($(#[$doc:meta])* $list:ident; $($(#[$word_doc:meta])* $name:ident = $number:literal $word:literal),* $(,)?) => {
        $(#[$doc])*
        pub const $list: &[&str] = &[$($word),*];
        $( $(#[$word_doc])* pub const $name: u8 = $number; )*
    };
}

words! {
    /// What a row is (`record_kind`).
    RECORD_KIND;
    /// A flow: many packets of one direction.
    FLOW = 0 "flow",
    /// One sampled packet (sFlow, packet samples, frame sections).
    SAMPLE = 1 "sample",
    /// Something that happened (NSEL create and deny, NAT events); outside flow and volume counts.
    EVENT = 2 "event",
    /// A packet that the exporter dropped and reported (sFlow drop notifications); outside flow and volume counts.
    DROP = 3 "drop",
}

words! {
    /// The protocol that brought the record (`format`).
    FORMAT;
    /// NetFlow version 1.
    NETFLOW1 = 0 "netflow1",
    /// NetFlow version 5.
    NETFLOW5 = 1 "netflow5",
    /// NetFlow version 7.
    NETFLOW7 = 2 "netflow7",
    /// NetFlow version 9.
    NETFLOW9 = 3 "netflow9",
    /// IPFIX.
    IPFIX = 4 "ipfix",
    /// sFlow version 5.
    SFLOW = 5 "sflow",
    /// FastNetMon Flow.
    FASTNETMON = 6 "fastnetmon",
    /// Our own meter.
    PACKET = 7 "packet",
}

words! {
    /// Where a FastNetMon sender had the record from (`origin`), by its `source` field.
    ORIGIN;
    /// Not told.
    ORIGIN_UNKNOWN = 0 "unknown",
    /// Mirrored packets.
    ORIGIN_MIRROR = 1 "mirror",
    /// sFlow samples.
    ORIGIN_SFLOW = 2 "sflow",
    /// NetFlow or IPFIX.
    ORIGIN_NETFLOW = 3 "netflow",
    /// Another FastNetMon Flow stream.
    ORIGIN_FASTNETMON = 4 "fastnetmon",
}

words! {
    /// Which half of a two-way record the row is (`biflow`).
    BIFLOW;
    /// From the side that opened the connection.
    INITIATOR = 0 "initiator",
    /// From the side that was asked.
    RESPONDER = 1 "responder",
}

words! {
    /// Why an interface number is absent (`in_if_kind`, `out_if_kind`).
    INTERFACE_KIND;
    /// The packet was dropped.
    IF_DISCARDED = 0 "discarded",
    /// Sent to several interfaces.
    IF_MULTIPLE = 1 "multiple",
    /// The exporter does not know.
    IF_UNKNOWN = 2 "unknown",
    /// The exporter itself.
    IF_LOCAL = 3 "local",
}

words! {
    /// How far a TCP handshake came (`tcp_handshake`).
    TCP_HANDSHAKE;
    /// SYN, SYN-ACK and ACK seen.
    HANDSHAKE_COMPLETE = 0 "complete",
    /// A SYN that nobody answered.
    HANDSHAKE_UNANSWERED = 1 "unanswered",
    /// A SYN answered by a reset.
    HANDSHAKE_REFUSED = 2 "refused",
    /// The connection was open before the meter saw it.
    HANDSHAKE_MIDSTREAM = 3 "midstream",
}

words! {
    /// How the application was recognised (`app_source`).
    APP_SOURCE;
    /// By what the packets say.
    APP_BY_CONTENT = 0 "content",
    /// By the port alone.
    APP_BY_PORT = 1 "port",
}

words! {
    /// Which side of the network an interface faces (`in_boundary`, `out_boundary`) or an address is on (`src_boundary`, `dst_boundary`).
    BOUNDARY;
    /// Inside.
    INTERNAL = 0 "internal",
    /// Outside.
    EXTERNAL = 1 "external",
}

words! {
    /// The encapsulation that was taken off (`tunnel_type`).
    TUNNEL_TYPE;
    /// Generic routing encapsulation.
    TUNNEL_GRE = 0 "gre",
    /// VXLAN.
    TUNNEL_VXLAN = 1 "vxlan",
    /// GTP user plane.
    TUNNEL_GTP = 2 "gtp",
    /// IP in IP.
    TUNNEL_IPIP = 3 "ipip",
    /// ERSPAN.
    TUNNEL_ERSPAN = 4 "erspan",
    /// Geneve.
    TUNNEL_GENEVE = 5 "geneve",
    /// Ethernet behind an IP header (EtherIP, SRv6).
    TUNNEL_ETHERNET = 6 "ethernet",
    /// MPLS behind an IP or UDP header.
    TUNNEL_MPLS = 7 "mpls",
    /// PPP in GRE version 1.
    TUNNEL_PPTP = 8 "pptp",
    /// NVGRE.
    TUNNEL_NVGRE = 9 "nvgre",
    /// L2TP version 2.
    TUNNEL_L2TP = 10 "l2tp",
    /// Teredo.
    TUNNEL_TEREDO = 11 "teredo",
}

words! {
    /// Where a counter record comes from (`source` of counter records).
    COUNTER_SOURCE;
    /// sFlow counter samples.
    COUNTERS_SFLOW = 0 "sflow",
    /// SNMP.
    COUNTERS_SNMP = 1 "snmp",
    /// Options data of NetFlow or IPFIX.
    COUNTERS_OPTIONS = 2 "options",
}

words! {
    /// What the rows of continuous series are summed by (`dimension`).
    SERIES_DIMENSION;
    /// Everything of the source.
    BY_SOURCE = 0 "source",
    /// The ingress interface.
    BY_IN_IF = 1 "in_if",
    /// The egress interface.
    BY_OUT_IF = 2 "out_if",
    /// The IP protocol.
    BY_PROTOCOL = 3 "protocol",
    /// The application: as recognised, else as the exporter names it.
    BY_APP = 4 "app",
    /// The autonomous system of the source address.
    BY_SRC_AS = 5 "src_as",
    /// The autonomous system of the destination address.
    BY_DST_AS = 6 "dst_as",
    /// The country of the source address.
    BY_SRC_COUNTRY = 7 "src_country",
    /// The country of the destination address.
    BY_DST_COUNTRY = 8 "dst_country",
    /// The server of connections: its address, and its port as the number.
    BY_SERVER = 9 "server",
    /// Addresses that sent most; a bounded sketch.
    TOP_SRC_ADDR = 10 "src_addr",
    /// Addresses that received most; a bounded sketch.
    TOP_DST_ADDR = 11 "dst_addr",
    /// Records that do not stand where they were, counted in each hour of which that is true.
    DISPLACED = 12 "displaced",
    /// A filter of which sums are kept; the number is that of its channel.
    BY_CHANNEL = 13 "channel",
}

/// True for dimensions of which the largest values alone are kept.
pub const fn is_sketch(dimension: u8) -> bool {
    matches!(dimension, TOP_SRC_ADDR | TOP_DST_ADDR)
}
