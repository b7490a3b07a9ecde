//! How a connection can end.

use std::time::Duration;

/// Why a connection has ended, or was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamEnd {
    /// The peer closed it behind a whole message.
    #[error("the peer has closed the connection")]
    Closed,
    /// The peer closed it inside of a message.
    #[error("the peer has closed the connection inside of a message, {held} octets after its beginning")]
    CutShort {
        /// Octets of the stream before that message.
        offset: u64,
        /// Octets of the message that came.
        held: usize,
    },
    /// What came cannot be read.
    #[error(
        "what came is no message (octet {offset}, seen {seen}), so the connection is closed: nothing behind it can be trusted"
    )]
    BadFrame {
        /// Octets of the stream before it.
        offset: u64,
        /// What was seen where a length or a version belongs.
        seen: u64,
    },
    /// A message took too long.
    #[error("a message did not come whole within {} s, so the connection is closed", limit.as_secs_f64())]
    Slow {
        /// How long it may take.
        limit: Duration,
    },
    /// Nothing came.
    #[error("nothing came for {} s, so the connection is closed", limit.as_secs_f64())]
    Idle {
        /// How long it may be silent.
        limit: Duration,
    },
    /// The connection broke.
    #[error("the connection broke: {reason}")]
    Lost {
        /// What the system or TLS says.
        reason: String,
    },
    /// TLS did not come about.
    #[error("no TLS: {reason}")]
    Handshake {
        /// Why, and what to do about it.
        reason: String,
    },
    /// The sender is in no allowed prefix.
    #[error("the sender is not allowed")]
    NotAllowed,
    /// The listener has as many connections as it may have.
    #[error("not taken: the listener has {limit} connections already")]
    TooMany {
        /// As many.
        limit: usize,
    },
    /// The sender's address has as many connections as it may have.
    #[error("not taken: the sender has {limit} connections already")]
    TooManyOfOne {
        /// As many.
        limit: usize,
    },
    /// It had sent no message when all places were taken and another one came.
    #[error("it had sent no message yet when another connection wanted its place")]
    MadeRoom,
    /// We have closed it, since the listener ends.
    #[error("the listener has ended")]
    Stopped,
}

impl StreamEnd {
    /// The names of all ends, as they stand in counters.
    pub const NAMES: [&'static str; 12] = [
        "closed",
        "cut_short",
        "bad_frame",
        "slow",
        "idle",
        "lost",
        "handshake",
        "not_allowed",
        "too_many",
        "too_many_of_one",
        "made_room",
        "stopped",
    ];

    /// Its place among [`Self::NAMES`].
    pub const fn number(&self) -> usize {
        match self {
            Self::Closed => 0,
            Self::CutShort { .. } => 1,
            Self::BadFrame { .. } => 2,
            Self::Slow { .. } => 3,
            Self::Idle { .. } => 4,
            Self::Lost { .. } => 5,
            Self::Handshake { .. } => 6,
            Self::NotAllowed => 7,
            Self::TooMany { .. } => 8,
            Self::TooManyOfOne { .. } => 9,
            Self::MadeRoom => 10,
            Self::Stopped => 11,
        }
    }
}
