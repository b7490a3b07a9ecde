//! How an application protocol is described to the meter: what recognises it, and what reads it.
//!
//! Each protocol is a constant in the file of its family; [`super::protocols`] lists the families. A protocol that is known by name alone has no decoder.

use crate::config::Applications;
use crate::facts::Facts;
use crate::packet::Direction;

/// What carries the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// TCP: octets in order, in pieces of any size.
    Stream,
    /// UDP: one datagram at a time.
    Datagram,
}

/// What stands around octets that are shown to a probe or a decoder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// Which way they go. The client is who opened the connection, or spoke first.
    pub(crate) direction: Direction,
    /// When the packet was captured that brought the last of them, nanoseconds since 1970.
    pub(crate) time: i64,
    pub(crate) client_port: u16,
    pub(crate) server_port: u16,
    pub(crate) carrier: Carrier,
    /// Octets of a datagram on the wire; its octets at hand may be fewer.
    pub(crate) wire_length: usize,
    /// What may be kept of what the octets say of people.
    pub(crate) settings: &'a Applications,
    /// Keep histograms of response times.
    pub(crate) histograms: bool,
}

impl Context<'_> {
    /// From the client.
    pub(crate) fn is_from_client(&self) -> bool {
        self.direction == Direction::ToServer
    }

    /// Either end uses this port.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.server_port == port || self.client_port == port
    }
}

/// What a probe thinks of the first octets of one direction (stream), or of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It is this protocol.
    Yes,
    /// It may be; the decoder sees it and says by `facts.app` when it is sure, or refuses.
    Likely,
    /// It cannot be told from so few octets (streams).
    More,
    /// It is not.
    No,
}

/// What a decoder wants next in the direction that it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Go on so many octets behind the start of what was shown, which may be past its end: those are passed over as they come. For a datagram the number means nothing.
    Take(u64),
    /// Show this again when there is more (streams).
    Wait,
    /// So many octets behind the start of what was shown (at least one) another protocol begins, in both directions: it is recognised anew, and the facts stay
    /// (streams: the PROXY header, STARTTLS, CONNECT). A decoder that wants its name to stay says it in `facts.app`.
    Anew(u64),
    /// Nothing more of this direction.
    Enough,
    /// Nothing more of the whole connection.
    Done,
    /// It is not this protocol after all.
    Refuse,
}

/// Reads a protocol, and says what it found out in facts.
///
/// Work for a call is bounded by the octets shown; memory of a decoder is bounded by constants of its own, and small.
pub(crate) trait Decoder: Send + std::fmt::Debug {
    /// Reads octets of a stream that begin where the last step ended, or one datagram.
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step;

    /// Octets of a stream were lost or not captured where some were wanted. Unless it says otherwise, the decoder has enough of the direction.
    fn gap(&mut self, _missing: u64, _context: &Context<'_>, _facts: &mut Facts) -> Step {
        Step::Enough
    }

    /// Octets kept until more come. They count among what all connections may keep together; facts do not.
    fn held(&self) -> usize {
        0
    }
}

/// A protocol that is recognised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    /// The name in the column `app`.
    pub(crate) name: &'static str,
    pub(crate) carrier: Carrier,
    /// Server ports by custom (IANA or wide use): what the application is called where its content does not tell.
    pub(crate) ports: &'static [u16],
    /// Recognises it by content. Must be strict enough not to take what other protocols send.
    pub(crate) probe: fn(&[u8], &Context<'_>) -> Probe,
    /// Makes what reads it.
    pub(crate) decoder: Option<fn() -> Box<dyn Decoder>>,
}

/// The probe of protocols that are told by port alone.
pub(crate) fn by_port_alone(_: &[u8], _: &Context<'_>) -> Probe {
    Probe::No
}
