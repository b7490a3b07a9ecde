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

    /// Takes a SYN or SYN-ACK. False where it is no part of this connection.
    #[cold]
    pub(super) fn synchronise(&mut self, segment: &Segment<'_>) -> bool {
        let tcp = segment.tcp;
        let first = tcp.seq.wrapping_add(1);
        let has_ack = tcp.flags & Tcp::ACK != 0;
        let is_to_client = segment.direction == Direction::ToClient;
        let is_complete = self.is(Self::COMPLETE);
        let side = &mut self.sides[segment.direction as usize];
        let is_again = side.is(Side::SYN);
        if is_again && side.first != first {
            if is_complete {
                return false;
            }
            // A server that keeps no state answers a repeated SYN with another number (RFC 4987, section 3.6).
            side.flags &= !Side::KNOWN;
        }
        if !is_again {
            note_syn(side, segment);
        }
        side.first = first;
        side.flags |= Side::SYN;
        self.flags |= Self::OPENED;
        match (is_to_client, has_ack) {
            _ if is_again => self.ambiguous(),
            (false, false) => self.since = segment.time,
            (true, true) if self.is_answer(segment) => {
                self.rtt_server = microseconds(segment.time.saturating_sub(self.since));
                self.since = segment.time;
                self.flags |= Self::ANSWERED;
            }
            (true, true) => {}
            // Both sides open it at once, or roles that we took wrongly.
            (true, false) | (false, true) => self.ambiguous(),
        }
        if has_ack {
            self.confirm_both_open(segment);
        }
        true
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
            self.rtt_client = microseconds(segment.time.saturating_sub(self.since));
            self.flags |= Self::MEASURED;
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
            // Before the end, a server without state may answer twice; after it, the SYN was lost on its way to us.
            return is_unknown && self.is_closed();
        }
        if side.is(Side::SYN | Side::KNOWN) {
            return is_unknown;
        }
        let peer = self.peer(segment.direction);
        self.is_closed() || (peer.is(Side::KNOWN) && !peer.is(Side::SYN))
    }

    /// When the client asked. Its SYN may have brought the request, and then `since` is in use for the handshake.
    pub(super) fn request_time(&self) -> i64 {
        let is_server_timed = self.is_opening() && self.is(Self::ANSWERED);
        if is_server_timed { self.since.saturating_sub(i64::from(self.rtt_server) * 1000) } else { self.since }
    }

    /// A SYN-ACK that answers the other side's SYN after both had sent one.
    fn confirm_both_open(&mut self, segment: &Segment<'_>) {
        let had_sent_syn = self.sides[segment.direction as usize].is(Side::KNOWN);
        if had_sent_syn && !self.is(Self::ANSWERED) && self.is_answer(segment) {
            self.flags |= Self::COMPLETE;
        }
    }

    /// Whether the segment acknowledges the other side's SYN.
    fn is_answer(&self, segment: &Segment<'_>) -> bool {
        let peer = self.peer(segment.direction);
        peer.is(Side::SYN) && distance(peer.first, segment.tcp.ack) >= 0
    }

    fn ambiguous(&mut self) {
        if !self.is(Self::COMPLETE) {
            self.flags |= Self::AMBIGUOUS;
        }
    }
}

fn note_syn(side: &mut Side, segment: &Segment<'_>) {
    let options = segment.tcp.options(segment.frame);
    side.syn_options = options.kinds;
    side.syn_size = u16::try_from(segment.ip_length).unwrap_or(u16::MAX);
    side.syn_window = segment.tcp.window;
    side.syn_mss = options.mss.unwrap_or(0);
    side.syn_ttl = segment.ttl;
}
