//! Where a segment stands in the sequence space of its direction (RFC 9293, section 3.4), and what that says of it.
//!
//! - In order: it begins where the last one ended.
//! - Ahead: what it jumped over is a hole: it may come out of order, or was lost on its way to the capture.
//! - Behind, and fills a hole soon: out of order. Later: what was lost before the capture is sent again.
//! - Behind, and was seen: sent again. Keep-alives (section 3.8.4) and probes of a closed window (section 3.8.6.1) send the last octet again, or one
//!   octet too many; these are told apart by the other side's acknowledgment and window.

use weir_wire::Tcp;

use super::{Connection, Segment, Side, distance};
use crate::packet::Direction;

/// A segment that fills a hole sooner than this, or than the round-trip time where that is longer, came out of order. Nanoseconds.
const OUT_OF_ORDER_WITHIN: i64 = 3_000_000;
/// No window is larger (RFC 7323, section 2.3): a segment further off belongs to a stream that was not followed in between.
const MAX_WINDOW: u32 = 1 << 30;

/// What became of a segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Placed {
    /// It has octets that were not seen before.
    pub(super) is_new: bool,
    /// When the hole that it filled was jumped over; none where it goes on behind all that was seen.
    pub(super) hole_since: Option<i64>,
}

impl Connection {
    /// Finds the segment's place, and counts it where it was sent again or came out of order.
    #[inline]
    pub(super) fn place(&mut self, segment: &Segment<'_>) -> Placed {
        let side = &mut self.sides[segment.direction as usize];
        let start = segment.tcp.seq;
        let end = start.wrapping_add(span(segment));
        if side.is(Side::KNOWN) && start != side.next {
            return self.place_elsewhere(segment, start, end);
        }
        if !side.is(Side::KNOWN) {
            side.flags |= Side::KNOWN;
            if !side.is(Side::SYN) {
                side.first = start;
            }
        }
        side.next = end;
        Placed { is_new: true, hole_since: None }
    }

    #[cold]
    fn place_elsewhere(&mut self, segment: &Segment<'_>, start: u32, end: u32) -> Placed {
        let direction = segment.direction;
        let side = &mut self.sides[direction as usize];
        let next = side.next;
        let ahead = distance(next, start);
        if ahead.unsigned_abs() > MAX_WINDOW {
            side.next = end;
            self.rare().holes[direction as usize].clear();
            return Placed { is_new: true, hole_since: None };
        }
        if ahead > 0 {
            side.next = end;
            self.rare().holes[direction as usize].open(next, start, segment.time);
            return Placed { is_new: true, hole_since: None };
        }
        if start == end || self.is_kept_alive(segment) || self.is_first_syn_ack(segment) {
            return Placed::default();
        }
        let goes_on = distance(next, end) > 0;
        let side = &mut self.sides[direction as usize];
        let seen_end = if goes_on { next } else { end };
        if goes_on {
            side.next = end;
        }
        let filled = self.rare.as_mut().and_then(|rare| rare.holes[direction as usize].fill(start, seen_end));
        let is_all_new = filled.is_some_and(|filled| filled.octets == seen_end.wrapping_sub(start));
        let is_soon = filled.is_some_and(|filled| segment.time.saturating_sub(filled.since) <= self.out_of_order_within());
        if is_all_new && is_soon {
            self.count(direction, |counts| &mut counts.out_of_order, segment.segments);
        } else if !(goes_on && is_after_probe(segment, next)) {
            self.count(direction, |counts| &mut counts.retransmissions, segment.segments);
        }
        let hole_since = if goes_on { None } else { filled.map(|filled| filled.since) };
        Placed { is_new: goes_on || filled.is_some(), hole_since }
    }

    /// The last octet again, which the other side has acknowledged or has no room for: a question whether it is still there.
    fn is_kept_alive(&self, segment: &Segment<'_>) -> bool {
        let peer = self.peer(segment.direction);
        let next = self.sides[segment.direction as usize].next;
        let is_last_octet = segment.length == 1 && span(segment) == 1 && distance(segment.tcp.seq, next) == 1;
        is_last_octet && (!peer.is(Side::ACK) || peer.is(Side::ZERO_WINDOW) || distance(next, peer.ack) >= 0)
    }

    /// Where both sides opened the connection at once, each sends its SYN again with an acknowledgment (RFC 9293, figure 7).
    fn is_first_syn_ack(&self, segment: &Segment<'_>) -> bool {
        let is_syn_ack = segment.tcp.flags & (Tcp::SYN | Tcp::ACK) == Tcp::SYN | Tcp::ACK;
        is_syn_ack && !self.sides[segment.direction as usize].is(Side::SYN_ACK)
    }

    fn out_of_order_within(&self) -> i64 {
        let rtt = self.rtt().map_or(0, |(client, server)| i64::from(client) + i64::from(server));
        OUT_OF_ORDER_WITHIN.max(rtt * 1000)
    }

    pub(super) fn peer(&self, direction: Direction) -> &Side {
        &self.sides[direction.reverse() as usize]
    }
}

/// Sequence numbers that the segment takes: SYN and FIN take one each.
#[inline]
fn span(segment: &Segment<'_>) -> u32 {
    let flags = segment.tcp.flags;
    segment.length.wrapping_add(u32::from(flags & Tcp::SYN != 0)).wrapping_add(u32::from(flags & Tcp::FIN != 0))
}

/// The octet that had probed a closed window again, with others behind it.
fn is_after_probe(segment: &Segment<'_>, next: u32) -> bool {
    distance(segment.tcp.seq, next) == 1 && segment.length > 1
}
