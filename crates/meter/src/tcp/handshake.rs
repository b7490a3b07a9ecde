//! The opening of a connection (RFC 9293, section 3.5) and the round-trip time that it tells.

use weir_wire::Tcp;

use super::{Connection, Segment, Side, distance};
use crate::packet::Direction;
use crate::samples::microseconds;

impl Connection {
    /// Whether a SYN was seen, and not yet that both sides agreed.
    #[inline]
    pub(super) fn is_opening(&self) -> bool {
        self.flags & (Self::OPENED | Self::COMPLETE) == Self::OPENED
    }

    /// Takes a SYN or SYN-ACK. False where it takes no place in the stream.
    #[cold]
    pub(super) fn synchronise(&mut self, segment: &Segment<'_>) -> bool {
        let first = segment.tcp.seq.wrapping_add(1);
        let is_complete = self.is(Self::COMPLETE);
        let side = &mut self.sides[segment.direction as usize];
        let is_again = side.is(Side::SYN);
        let is_known = side.is(Side::KNOWN) && side.first == first;
        if is_again && !is_known && is_complete {
            return false;
        }
        if !is_again {
            note_syn(side, segment);
        }
        side.first = first;
        if !is_known {
            // A server that keeps no state answers a repeated SYN with another number (RFC 4987, section 3.6); or what came before the SYN was
            // of an older connection.
            side.flags &= !Side::KNOWN;
            if let Some(rare) = &mut self.rare {
                rare.holes[segment.direction as usize].clear();
            }
        }
        self.flags |= Self::OPENED;
        if !is_complete {
            self.flags &= !Self::RESET;
            self.time_syn(segment, is_again);
        }
        // The first segment of the stream may have overtaken it.
        is_again || !is_known
    }

    /// Takes the time of a SYN or SYN-ACK for the round-trip time.
    fn time_syn(&mut self, segment: &Segment<'_>, is_again: bool) {
        let has_ack = segment.tcp.flags & Tcp::ACK != 0;
        let passed = segment.time.saturating_sub(self.since);
        match (segment.direction, has_ack) {
            _ if is_again => self.flags |= Self::AMBIGUOUS,
            (Direction::ToServer, false) => self.since = segment.time,
            (Direction::ToClient, true) if self.is_answer(segment) => {
                self.rtt_server = microseconds(passed);
                self.since = segment.time;
                self.flags |= if passed < 0 { Self::AMBIGUOUS } else { Self::ANSWERED };
            }
            // It overtook the SYN.
            (Direction::ToClient, true) => {}
            // Both sides open it at once (RFC 9293, figure 7), or roles that we took wrongly.
            (Direction::ToClient, false) | (Direction::ToServer, true) => self.flags |= Self::AMBIGUOUS,
        }
        let is_first_answer = has_ack && !self.sides[segment.direction as usize].is(Side::SYN_ACK);
        if is_again && is_first_answer && self.is_answer(segment) {
            self.flags |= Self::COMPLETE;
        }
    }

    /// A segment behind the SYNs: does it show that both sides agreed?
    #[cold]
    pub(super) fn confirm(&mut self, segment: &Segment<'_>) {
        let peer = self.peer(segment.direction);
        let is_to_server = segment.direction == Direction::ToServer;
        if segment.tcp.flags & Tcp::ACK == 0 {
            return;
        }
        let is_agreed = match peer.is(Side::SYN) {
            true => distance(peer.first, segment.tcp.ack) >= 0,
            // The other direction was not captured, or its SYN was lost on its way to us.
            false => is_to_server || !peer.is(Side::KNOWN),
        };
        // The server speaks before the client's acknowledgment where the SYN brought a request (RFC 7413).
        if !is_agreed || (!is_to_server && peer.is(Side::KNOWN)) {
            return;
        }
        let request_time = self.request_time();
        if self.flags & (Self::ANSWERED | Self::AMBIGUOUS) == Self::ANSWERED {
            let passed = segment.time.saturating_sub(self.since);
            self.rtt_client = microseconds(passed);
            self.flags |= if passed < 0 { Self::AMBIGUOUS } else { Self::MEASURED };
        }
        self.since = request_time;
        self.flags |= Self::COMPLETE;
    }

    /// Whether this SYN is none of the connection's own.
    #[cold]
    pub(super) fn is_other_syn(&self, segment: &Segment<'_>) -> bool {
        let side = &self.sides[segment.direction as usize];
        let first = segment.tcp.seq.wrapping_add(1);
        let is_unknown = !side.is(Side::SYN | Side::KNOWN) || side.first != first;
        if segment.tcp.flags & Tcp::ACK != 0 {
            // Of another connection only where that one's SYN was lost on its way to us.
            return is_unknown && self.is_closed() && (self.is(Self::COMPLETE) || !self.is_answer(segment));
        }
        if side.is(Side::SYN) {
            return is_unknown;
        }
        if side.is(Side::KNOWN) {
            // Its first segment may have overtaken the SYN, but not its last.
            return is_unknown || self.is_closed();
        }
        let peer = self.peer(segment.direction);
        self.is_closed() || (peer.is(Side::KNOWN) && !peer.is(Side::SYN))
    }

    /// When the client asked. Its SYN may have brought the request, and then `since` is in use for the handshake.
    pub(super) fn request_time(&self) -> i64 {
        let is_server_timed = self.is_opening() && self.is(Self::ANSWERED);
        if is_server_timed { self.since.saturating_sub(i64::from(self.rtt_server) * 1000) } else { self.since }
    }

    /// Whether the segment acknowledges the other side's SYN.
    fn is_answer(&self, segment: &Segment<'_>) -> bool {
        let peer = self.peer(segment.direction);
        peer.is(Side::SYN) && distance(peer.first, segment.tcp.ack) >= 0
    }
}

fn note_syn(side: &mut Side, segment: &Segment<'_>) {
    let options = segment.tcp.options(segment.frame);
    side.flags |= Side::SYN;
    side.syn_options = options.kinds;
    side.syn_size = u16::try_from(segment.ip_length).unwrap_or(u16::MAX);
    side.syn_window = segment.tcp.window;
    side.syn_mss = options.mss.unwrap_or(0);
    side.syn_ttl = segment.ttl;
}
