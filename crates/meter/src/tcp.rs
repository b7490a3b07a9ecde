//! What TCP's own numbers tell of a connection: handshake, round-trip time, response times, retransmissions, order, windows and resets
//! (RFC 9293; the rules of the metrics are in the manual).
//!
//! [`Connection`] is fed each segment of both directions in the order of the capture. It is a state machine without a clock; a segment in order costs
//! no memory, and what is rare (holes, counts) stands in one box. Times are measured where the packets were captured: the client part of the
//! round trip reaches from there to the client and back, the server part to the server and back.

use weir_record::names::{HANDSHAKE_COMPLETE, HANDSHAKE_MIDSTREAM, HANDSHAKE_REFUSED, HANDSHAKE_UNANSWERED};
use weir_wire::Tcp;

use crate::packet::Direction;
use crate::samples::Samples;

// How segments find their place in the sequence space, and what that says of them.
mod holes;
mod sequence;

// The parts of a connection's life.
mod handshake;
mod response;

// Packets that the capture saw twice.
mod duplicates;

use duplicates::{Recent, RecentLonger};
use holes::Holes;

/// A segment as the connection is told of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// When it was captured, nanoseconds.
    pub(crate) time: i64,
    pub(crate) direction: Direction,
    pub(crate) tcp: &'a Tcp,
    /// The frame that the offsets in `tcp` count in.
    pub(crate) frame: &'a [u8],
    /// Octets of payload at hand.
    pub(crate) payload: &'a [u8],
    /// Octets of payload on the wire.
    pub(crate) length: u32,
    /// Packets on the wire that it stands for; 1 but for super-packets.
    pub(crate) segments: u32,
    /// Identification of the IP header; 0 in IPv6.
    pub(crate) ip_id: u32,
    /// Layer-3 octets.
    pub(crate) ip_length: u32,
    /// Time to live or hop limit.
    pub(crate) ttl: u8,
    /// The checksum, as it stands there.
    pub(crate) checksum: u16,
}

/// What a segment was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The capture saw this packet before: it was once on the wire.
    pub(crate) duplicate: bool,
    /// It carries octets that were not seen before.
    pub(crate) fresh: bool,
}

/// What the SYN of one side said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syn {
    /// Set of option kinds, bit n for kind n (element 209).
    pub(crate) options: u64,
    /// Layer-3 octets of the packet; saturates.
    pub(crate) size: u16,
    /// Window, as sent.
    pub(crate) window: u16,
    /// Maximum segment size, octets.
    pub(crate) mss: Option<u16>,
    /// Time to live.
    pub(crate) ttl: u8,
}

/// The TCP state of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    sides: [Side; 2],
    /// While the handshake goes on, the time of the SYN, then of the SYN-ACK; afterwards that of the last request. Nanoseconds.
    since: i64,
    /// SYN to SYN-ACK, microseconds.
    rtt_server: u32,
    /// SYN-ACK to ACK, microseconds.
    rtt_client: u32,
    response_times: Samples,
    rare: Option<Box<Rare>>,
    recent: Recent,
    /// Sequence number of the client's next TLS record while TLS is being set up.
    tls_next: u32,
    flags: u16,
    /// How often one side has spoken after the other, from the client on: odd while it is the server.
    turns: u8,
}

impl Connection {
    /// A SYN was seen, of either side.
    const OPENED: u16 = 0x001;
    /// The handshake came to its end.
    const COMPLETE: u16 = 0x002;
    /// The server reset it before that.
    const REFUSED: u16 = 0x004;
    /// SYN and SYN-ACK were seen in this order, `rtt_server` holds.
    const ANSWERED: u16 = 0x008;
    /// SYN or SYN-ACK was sent again, or both sides sent a SYN: which one was answered is not known (Karn's rule). Or times go backwards.
    const AMBIGUOUS: u16 = 0x010;
    /// `rtt_client` holds too.
    const MEASURED: u16 = 0x020;
    /// There was a reset.
    const RESET: u16 = 0x040;
    /// The client asked, and has no answer yet.
    const REQUEST: u16 = 0x080;
    /// The client's first octets were looked at.
    const LOOKED_AT: u16 = 0x100;
    /// They begin TLS, and the client has sent no application data yet.
    const TLS_SETUP: u16 = 0x200;

    /// Takes in the next segment. With `histograms`, response times are also counted in buckets.
    pub(crate) fn push(&mut self, segment: &Segment<'_>, histograms: bool) -> Heard {
        let side = &self.sides[segment.direction as usize];
        let in_order = side.is(Side::KNOWN) && segment.tcp.seq == side.next && segment.length > 0;
        let longer = self.rare.as_mut().map(|rare| &mut rare.recent);
        if self.turns & 1 != segment.direction as u8 {
            self.turns = self.turns.wrapping_add(1);
        }
        if self.recent.meet(segment, self.turns, in_order, longer) {
            self.count(segment.direction, |counts| &mut counts.duplicates, segment.segments);
            return Heard { duplicate: true, fresh: false };
        }
        let flags = segment.tcp.flags;
        if flags & Tcp::RST != 0 {
            // Its sequence number and payload (RFC 9293, section 3.5.2) are no part of the stream.
            self.reset(segment);
            return Heard::default();
        }
        if flags & Tcp::SYN != 0 {
            if !self.synchronise(segment) {
                return Heard::default();
            }
        } else if self.is_opening() {
            self.confirm(segment);
        }
        let placed = self.place(segment);
        self.hear_peer(segment);
        if placed.is_new && segment.length > 0 {
            self.exchange(segment, placed.hole_since, histograms);
            return Heard { duplicate: false, fresh: true };
        }
        Heard::default()
    }

    /// Reads something of each half, to have it at hand.
    #[inline]
    pub(crate) fn touch(&self) -> i64 {
        let [one, other] = &self.sides;
        let ends = one.next ^ other.next ^ one.resets ^ other.resets ^ self.rtt_client ^ self.tls_next;
        i64::from(ends) ^ self.since ^ i64::from(self.turns)
    }

    /// Whether the connection is over: reset, or both sides have sent a FIN.
    pub(crate) fn is_closed(&self) -> bool {
        self.is(Self::RESET) || self.sides.iter().all(|side| side.is(Side::FIN))
    }

    /// Whether the segment opens another connection between the same ports. A SYN that is sent again does not.
    #[inline]
    pub(crate) fn begins_anew(&self, segment: &Segment<'_>) -> bool {
        segment.tcp.flags & (Tcp::SYN | Tcp::RST) == Tcp::SYN && self.is_other_syn(segment)
    }

    /// Sequence number of the first octet of payload, where the SYN was seen.
    pub(crate) fn first_octet(&self, direction: Direction) -> Option<u32> {
        let side = &self.sides[direction as usize];
        side.is(Side::SYN).then_some(side.first)
    }

    /// A record was written, and the connection goes on: what a record counts begins anew.
    pub(crate) fn begin_record(&mut self) {
        self.response_times = Samples::default();
        for side in &mut self.sides {
            side.resets = 0;
        }
        if let Some(rare) = &mut self.rare {
            rare.counts = Default::default();
        }
    }

    /// How the handshake went (`HANDSHAKE_*`). A capture of one direction sees a part of it only, and takes what follows for the proof of the rest.
    pub(crate) fn handshake(&self) -> u8 {
        match self.flags {
            flags if flags & Self::COMPLETE != 0 => HANDSHAKE_COMPLETE,
            flags if flags & Self::REFUSED != 0 => HANDSHAKE_REFUSED,
            flags if flags & Self::OPENED != 0 => HANDSHAKE_UNANSWERED,
            _ => HANDSHAKE_MIDSTREAM,
        }
    }

    /// Round-trip time by the handshake, client and server part, microseconds. None where it was not seen whole, or is ambiguous.
    pub(crate) fn rtt(&self) -> Option<(u32, u32)> {
        self.is(Self::MEASURED).then_some((self.rtt_client, self.rtt_server))
    }

    /// Response times of the server. None where there are none.
    pub(crate) fn srt(&self) -> Option<&Samples> {
        (self.response_times.count > 0).then_some(&self.response_times)
    }

    /// Packets sent again.
    pub(crate) fn retransmissions(&self, direction: Direction) -> u32 {
        self.counts(direction).retransmissions
    }

    /// Packets that came out of order.
    pub(crate) fn out_of_order(&self, direction: Direction) -> u32 {
        self.counts(direction).out_of_order
    }

    /// Packets that the capture saw again.
    pub(crate) fn duplicates(&self, direction: Direction) -> u32 {
        self.counts(direction).duplicates
    }

    /// Packets that announced a window of 0.
    pub(crate) fn zero_windows(&self, direction: Direction) -> u32 {
        self.counts(direction).zero_windows
    }

    /// Resets.
    pub(crate) fn resets(&self, direction: Direction) -> u32 {
        self.sides[direction as usize].resets
    }

    /// What the SYN of this side said, where it was seen.
    pub(crate) fn syn(&self, direction: Direction) -> Option<Syn> {
        let side = &self.sides[direction as usize];
        let Side { syn_options: options, syn_size: size, syn_window: window, syn_ttl: ttl, .. } = *side;
        let mss = (side.syn_mss > 0).then_some(side.syn_mss);
        side.is(Side::SYN).then_some(Syn { options, size, window, mss, ttl })
    }

    /// Octets of memory beside the struct.
    pub(crate) fn memory(&self) -> usize {
        let histogram = self.response_times.histogram.as_ref().map_or(0, |histogram| size_of_val(&**histogram));
        let rare = self.rare.as_ref().map_or(0, |rare| size_of::<Rare>() + rare.holes.iter().map(Holes::memory).sum::<usize>());
        histogram + rare
    }

    /// What the segment says to its receiver: what has come, and how much may follow.
    fn hear_peer(&mut self, segment: &Segment<'_>) {
        let side = &mut self.sides[segment.direction as usize];
        let tcp = segment.tcp;
        if tcp.flags & Tcp::FIN != 0 {
            side.flags |= Side::FIN;
        }
        if tcp.flags & (Tcp::SYN | Tcp::ACK) == Tcp::SYN | Tcp::ACK {
            side.flags |= Side::SYN_ACK;
        }
        if tcp.flags & Tcp::ACK != 0 && (!side.is(Side::ACK) || distance(side.ack, tcp.ack) > 0) {
            side.ack = tcp.ack;
            side.flags |= Side::ACK;
        }
        if tcp.window != 0 {
            side.flags &= !Side::ZERO_WINDOW;
        } else if tcp.flags & (Tcp::SYN | Tcp::FIN) == 0 {
            side.flags |= Side::ZERO_WINDOW;
            self.count(segment.direction, |counts| &mut counts.zero_windows, segment.segments);
        }
    }

    fn reset(&mut self, segment: &Segment<'_>) {
        let side = &mut self.sides[segment.direction as usize];
        side.resets = side.resets.saturating_add(segment.segments);
        self.flags |= Self::RESET;
        if segment.direction == Direction::ToClient && self.is_opening() {
            self.flags |= Self::REFUSED;
        }
    }

    fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn counts(&self, direction: Direction) -> Counts {
        self.rare.as_ref().map_or(Counts::default(), |rare| rare.counts[direction as usize])
    }

    #[cold]
    fn count(&mut self, direction: Direction, counter: fn(&mut Counts) -> &mut u32, packets: u32) {
        let counter = counter(&mut self.rare().counts[direction as usize]);
        *counter = counter.saturating_add(packets);
    }
}

/// What is known of what one side sent.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    /// What the SYN said, see [`Syn`]; an `mss` of 0 is absent.
    syn_options: u64,
    syn_size: u16,
    syn_window: u16,
    syn_mss: u16,
    syn_ttl: u8,
    flags: u8,
    /// Sequence number behind the highest octet seen, SYN and FIN included.
    next: u32,
    /// Sequence number of the first octet of payload where the SYN was seen, else of the first segment.
    first: u32,
    /// Highest acknowledgment number.
    ack: u32,
    resets: u32,
}

impl Side {
    /// A segment was seen: `next` and `first` hold.
    const KNOWN: u8 = 0x01;
    /// Its SYN was seen.
    const SYN: u8 = 0x02;
    /// A SYN with an acknowledgment was seen.
    const SYN_ACK: u8 = 0x04;
    const FIN: u8 = 0x08;
    /// `ack` holds.
    const ACK: u8 = 0x10;
    /// The last window that it announced was 0.
    const ZERO_WINDOW: u8 = 0x20;

    fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What most connections do without.
#[derive(Clone, Debug, Default)]
struct Rare {
    counts: [Counts; 2],
    holes: [Holes; 2],
    recent: RecentLonger,
}

/// Packets of one direction, of the record in the making.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    retransmissions: u32,
    out_of_order: u32,
    duplicates: u32,
    zero_windows: u32,
}

/// How far `to` lies behind `from` in the sequence space, which wraps around (RFC 9293, section 3.4).
#[inline]
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

#[cfg(test)]
mod tests;
