//! Where the fields of a FastNetMon Flow message stand.

/// Octet offsets in the data section.
pub(super) mod data {
    pub(in crate::fastnetmon) const SOURCE: usize = 0;
    pub(in crate::fastnetmon) const IP_VERSION: usize = 1;
    pub(in crate::fastnetmon) const TTL: usize = 2;
    pub(in crate::fastnetmon) const TCP_FLAGS: usize = 3;
    /// 1 packet in so many.
    pub(in crate::fastnetmon) const SAMPLE_RATIO: usize = 4;
    pub(in crate::fastnetmon) const SRC_IP: usize = 8;
    pub(in crate::fastnetmon) const DST_IP: usize = 12;
    pub(in crate::fastnetmon) const SRC_AS: usize = 16;
    pub(in crate::fastnetmon) const DST_AS: usize = 20;
    pub(in crate::fastnetmon) const IN_IF: usize = 24;
    pub(in crate::fastnetmon) const OUT_IF: usize = 28;
    pub(in crate::fastnetmon) const SRC_PORT: usize = 32;
    pub(in crate::fastnetmon) const DST_PORT: usize = 34;
    /// 32 bits.
    pub(in crate::fastnetmon) const PROTOCOL: usize = 36;
    /// Octets of the record: of frames for samples, of IP packets for flows.
    pub(in crate::fastnetmon) const LENGTH: usize = 40;
    pub(in crate::fastnetmon) const PACKETS: usize = 48;
    /// Two booleans, see [`super::bit`].
    pub(in crate::fastnetmon) const FRAGMENT_BITS: usize = 56;
    pub(in crate::fastnetmon) const DIRECTION: usize = 57;
    /// Octets of the packet that were captured.
    pub(in crate::fastnetmon) const CAPTURED_LENGTH: usize = 60;
    /// Seconds since 1970.
    pub(in crate::fastnetmon) const SECONDS: usize = 64;
    /// The part below a second.
    pub(in crate::fastnetmon) const FRACTION: usize = 72;
    /// Octets of the frame that was captured in part.
    pub(in crate::fastnetmon) const FULL_LENGTH: usize = 80;
    pub(in crate::fastnetmon) const AGENT: usize = 84;
    /// Octets of IP header and payload.
    pub(in crate::fastnetmon) const IP_LENGTH: usize = 88;
}

/// Booleans of [`data::FRAGMENT_BITS`].
pub(super) mod bit {
    pub(in crate::fastnetmon) const FRAGMENTED: u8 = 1;
    pub(in crate::fastnetmon) const DONT_FRAGMENT: u8 = 2;
}

/// Places in the pointer section.
pub(super) mod pointer {
    pub(in crate::fastnetmon) const SRC_IPV6: usize = 0;
    pub(in crate::fastnetmon) const DST_IPV6: usize = 1;
    pub(in crate::fastnetmon) const SRC_MAC: usize = 2;
    pub(in crate::fastnetmon) const DST_MAC: usize = 3;
}

/// Values of [`data::SOURCE`]; the same as those of the column `origin`.
pub(super) mod source {
    pub(in crate::fastnetmon) const UNKNOWN: u8 = 0;
    pub(in crate::fastnetmon) const MIRROR: u8 = 1;
    pub(in crate::fastnetmon) const SFLOW: u8 = 2;
    pub(in crate::fastnetmon) const NETFLOW: u8 = 3;
}

/// Words of the data section and number of pointers, since Advanced 2.0.355.
pub(super) const DATA_WORDS: usize = 12;
pub(super) const POINTERS: usize = 4;
