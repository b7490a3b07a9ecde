//! A datagram, or a message of a stream, with who sent it and when it came.

use std::net::IpAddr;

/// A datagram, or a message of a stream, lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// What the sender wrote; may be empty.
    pub payload: &'a [u8],
    /// The sender's address. An IPv4 sender has an IPv4 address, whatever the socket's family.
    pub from: IpAddr,
    /// The sender's port.
    pub port: u16,
    /// When it was received, in nanoseconds since 1970.
    pub received: i64,
    /// The number of the listener that received it ([`ReceiverOptions::listener`](crate::ReceiverOptions::listener)).
    pub listener: u16,
    /// The number of the stream that brought it, never 0 and never used twice while the program runs; none for a datagram. An empty message of a stream says that
    /// the stream has ended.
    pub stream: Option<u64>,
}
