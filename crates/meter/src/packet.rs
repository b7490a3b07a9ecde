//! What the meter is given: one packet with its time, and which way it goes.

use weir_wire::Link;

/// A captured packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was captured, nanoseconds since 1970.
    pub time: i64,
    /// What its first octets are.
    pub link: Link,
    /// The octets that were captured.
    pub data: &'a [u8],
    /// Octets on the wire; more than `data` where the capture cut it.
    pub original_len: usize,
    /// The interface that it was captured on (`ifIndex`); 0 where it is not known.
    pub interface: u32,
    /// Where the kernel or the interface had put segments together (GRO, GSO): the payload octets of each segment that was on the wire.
    /// 0 for an ordinary packet.
    pub segment_size: u16,
}

/// Which way a packet goes in its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the initiator, the client.
    ToServer = 0,
    /// From the responder, the server.
    ToClient = 1,
}

impl Direction {
    /// The other way.
    pub const fn reverse(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}
