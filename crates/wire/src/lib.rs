//! Octets in, checked views out: the forward-only [`Reader`] that every decoder of the workspace uses, and the [`Walk`] over the
//! headers of a packet.
//!
//! Never: imports another room, opens a file or socket, reads a clock, spawns, or panics on any input.

// The reader, for everything that nests.
mod reader;
mod window;

// A walk, from the outside in.
mod headers;
mod ip;
mod layer2;
mod link;
mod tcp_options;
mod transport;
mod tunnel;

// What was taken apart on the way, put together again.
mod fragments;
mod stream;
mod streams;

// The way back: packets for tests and samples.
mod packet;

// What a walk says.
mod end;
mod few;

pub use end::{End, Fault, Unknown};
pub use few::Few;
pub use fragments::{Datagram, FragmentCounters, FragmentLimits, Fragments};
pub use headers::{Depth, Headers, MAX_MPLS, MAX_TUNNELS, MAX_VLANS, Vlan, Walk};
pub use ip::{FRAGMENT_DF, FRAGMENT_MF, Ip, MAX_EXTENSION_HEADERS, protocol};
pub use layer2::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS, ETHERTYPE_PPPOE, ETHERTYPE_QINQ, ETHERTYPE_VLAN};
pub use link::Link;
pub use packet::{IpHeader, Packet, TcpHeader};
pub use reader::{Reader, Short};
pub use stream::{StreamCounters, StreamEnd, StreamEvent};
pub use streams::{StreamKey, StreamLimits, Streams};
pub use tcp_options::{MAX_SACK_BLOCKS, TcpOptions};
pub use transport::{Tcp, Transport};
pub use tunnel::{Tunnel, TunnelKind};
