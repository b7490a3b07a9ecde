//! What goes into a decoder, and what comes out.

use weir_record::{Address, CounterBatch, FlowBatch, OptionsBatch};

/// The payload of a datagram, or one message of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Octets after the transport header.
    pub payload: &'a [u8],
    /// Transport source address.
    pub from: Address,
    /// Transport source port.
    pub port: u16,
    /// Number of the stream that brought the message, unique while the decoder lives; nothing for UDP.
    pub stream: Option<u64>,
    /// Time of arrival, nanoseconds since 1970.
    pub received: i64,
}

/// Rows that a decoder appends. Clear it between batches; its memory is kept.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Flows, samples, events and drops.
    pub flows: FlowBatch,
    /// Counter samples.
    pub counters: CounterBatch,
    /// Options records.
    pub options: OptionsBatch,
}

impl Output {
    /// Forgets every row and keeps the memory.
    pub fn clear(&mut self) {
        self.flows.clear();
        self.counters.clear();
        self.options.clear();
    }

    /// Completes the columns of every batch; call it before rows are read.
    pub fn finish(&mut self) {
        self.flows.finish();
        self.counters.finish();
        self.options.finish();
    }

    /// True where there is no row.
    pub const fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.counters.is_empty() && self.options.is_empty()
    }
}

/// A flow protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// NetFlow version 1.
    NetFlow1,
    /// NetFlow version 5.
    NetFlow5,
    /// NetFlow version 7.
    NetFlow7,
    /// NetFlow version 9 (RFC 3954).
    NetFlow9,
    /// IPFIX (RFC 7011).
    Ipfix,
    /// sFlow version 5.
    SFlow,
    /// FastNetMon Flow.
    FastNetMon,
}

impl Protocol {
    /// Recognises the protocol of a datagram by its first octets.
    ///
    /// FastNetMon Flow has no magic number, so its whole frame has to fit: one segment, as long as the datagram, with a struct of a size that
    /// senders use.
    pub fn recognise(payload: &[u8]) -> Option<Self> {
        let version = u16::from_be_bytes(*payload.first_chunk()?);
        match version {
            1 => Some(Self::NetFlow1),
            5 => Some(Self::NetFlow5),
            7 => Some(Self::NetFlow7),
            9 => Some(Self::NetFlow9),
            10 => Some(Self::Ipfix),
            0 if payload.first_chunk() == Some(&[0, 0, 0, 5]) => Some(Self::SFlow),
            0 if is_fastnetmon(payload) => Some(Self::FastNetMon),
            _ => None,
        }
    }
}

impl Protocol {
    /// Whether a datagram that [`Protocol::recognise`] takes for this protocol can really be one, by the lengths in its headers.
    ///
    /// The first octets alone are right for a port that devices export to. Among all datagrams of a network there are others that begin alike: a STUN request
    /// begins as NetFlow v1 does.
    pub fn is_plausible(self, payload: &[u8]) -> bool {
        let short =
            |at: usize| payload.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u16::from_be_bytes(*octets));
        let word =
            |at: usize| payload.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u32::from_be_bytes(*octets));
        let fixed = |header: usize, record: usize| {
            // Residual nanoseconds of the header's time are below a second.
            let counted = header + usize::from(short(2)) * record;
            short(2) > 0 && word(12) < 1_000_000_000 && payload.len() == counted
        };
        let set_fits = |at: usize, is_id: fn(u16) -> bool| {
            let length = usize::from(short(at + 2));
            is_id(short(at)) && length >= 4 && at + length <= payload.len()
        };
        match self {
            Self::NetFlow1 => fixed(16, 52),
            Self::NetFlow5 => fixed(24, 48),
            Self::NetFlow7 => fixed(24, 52),
            Self::NetFlow9 => set_fits(20, |id| matches!(id, 0 | 1 | 256..)),
            Self::Ipfix => {
                let length = usize::from(short(2));
                let empty = length == 16 && payload.len() == 16;
                length <= payload.len() && (empty || set_fits(16, |id| matches!(id, 2 | 3 | 256..)))
            }
            // Recognised by more than a version.
            Self::SFlow => matches!(word(4), 1 | 2),
            Self::FastNetMon => true,
        }
    }
}

/// True for a single-segment Cap'n Proto message of the datagram's length whose root is a struct of 11 or more data words and 2 or more pointers.
fn is_fastnetmon(payload: &[u8]) -> bool {
    let Some((head, rest)) = payload.split_first_chunk::<8>() else {
        return false;
    };
    let Some(root) = rest.first_chunk::<8>() else {
        return false;
    };
    let words = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let data_words = u16::from_le_bytes([root[4], root[5]]);
    let pointers = u16::from_le_bytes([root[6], root[7]]);
    head[..4] == [0; 4] && words.checked_mul(8) == Some(rest.len()) && root[0] & 3 == 0 && data_words >= 11 && pointers >= 2
}
