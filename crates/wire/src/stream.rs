//! The bytes of one direction of a TCP connection, in order (RFC 9293, section 3.4).
//!
//! What was handed out stands; a retransmission of it is passed over. What comes early waits, within a limit; when it has waited
//! too long or too much waits, the bytes in between are given up and told as a gap, so the reader can find its place again.

use std::collections::BTreeMap;

use crate::{Tcp, Transport};

/// What happens in a stream, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent<'a> {
    /// The stream begins; `midstream` when its SYN was not seen, so that the first byte may be in the middle of a message.
    Start {
        /// The SYN was not seen.
        midstream: bool,
    },
    /// The next bytes.
    Data(&'a [u8]),
    /// So many bytes are missing here and will not come.
    Gap {
        /// Number of bytes.
        bytes: u64,
    },
    /// The stream is over.
    End(StreamEnd),
}

/// Why a stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The sender closed it, and everything up to that was handed out.
    Fin,
    /// The sender reset it.
    Reset,
    /// A new connection began with the same addresses and ports.
    Replaced,
    /// Nothing came for too long.
    Idle,
    /// There were too many streams.
    Evicted,
    /// The caller has no more packets.
    Finished,
}

/// What became of segments with payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Segments with payload.
    pub segments: u64,
    /// Segments that brought nothing new.
    pub retransmissions: u64,
    /// Segments that came early and waited.
    pub out_of_order: u64,
    /// Gaps told.
    pub gaps: u64,
    /// Bytes in gaps.
    pub gap_bytes: u64,
    /// Segments further ahead than any window.
    pub out_of_window: u64,
    /// Segments behind the end of a stream.
    pub after_end: u64,
}

/// One direction of one connection. Positions count bytes from the first one of the stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    started: bool,
    ended: bool,
    /// Sequence number of the next byte to hand out, and its position.
    next_seq: u32,
    position: u64,
    /// Sequence number behind the SYN, to tell a repeated one from a new connection.
    initial: Option<u32>,
    /// Position of the FIN.
    fin: Option<u64>,
    /// Segments that came early, by position.
    waiting: BTreeMap<u64, Segment>,
    /// Bytes waiting, with [`SEGMENT_OVERHEAD`] for each segment.
    held: usize,
}

/// Payload of one packet.
#[derive(Debug)]
struct Segment {
    bytes: Vec<u8>,
    /// Bytes behind these that were on the wire but not captured.
    missing: u64,
    since_ns: i64,
}

/// What a waiting segment costs besides its bytes.
const SEGMENT_OVERHEAD: usize = 64;

/// A segment further ahead than any window (RFC 7323) belongs to something else.
const MAX_AHEAD: i64 = 1 << 30;

impl Stream {
    /// Bytes held for segments that wait.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Takes a segment. `payload` is what was captured of it.
    pub(crate) fn push(
        &mut self,
        transport: &Transport,
        tcp: &Tcp,
        payload: &[u8],
        now_ns: i64,
        counters: &mut StreamCounters,
        tell: &mut impl FnMut(StreamEvent<'_>),
    ) {
        counters.segments += u64::from(transport.payload_length > 0);
        let mut seq = tcp.seq;
        if tcp.flags & Tcp::SYN != 0 {
            seq = seq.wrapping_add(1);
            self.synchronise(seq, counters, tell);
        }
        if self.ended {
            counters.after_end += u64::from(transport.payload_length > 0);
            return;
        }
        if !self.started {
            self.start(seq, true, tell);
        }
        // The distance is a signed difference, because sequence numbers wrap.
        let ahead = i64::from(seq.wrapping_sub(self.next_seq) as i32);
        if ahead > MAX_AHEAD {
            counters.out_of_window += 1;
            return;
        }
        let missing = transport.payload_length.saturating_sub(payload.len()) as u64;
        if tcp.flags & Tcp::FIN != 0 {
            let end = self.position.checked_add_signed(ahead + transport.payload_length as i64);
            self.fin = self.fin.or(end);
        }
        if ahead > 0 && transport.payload_length > 0 {
            counters.out_of_order += 1;
            self.wait(self.position + ahead as u64, payload, missing, now_ns);
        } else {
            self.hand_out(ahead.unsigned_abs(), payload, missing, counters, tell);
        }
        if tcp.flags & Tcp::RST != 0 {
            self.end(StreamEnd::Reset, counters, tell);
        } else {
            self.hand_out_waiting(counters, tell);
        }
    }

    /// Gives up what is missing in front of the waiting segments when they have waited too long or hold too much.
    pub(crate) fn give_up(
        &mut self,
        older_than_ns: i64,
        limit: usize,
        counters: &mut StreamCounters,
        tell: &mut impl FnMut(StreamEvent<'_>),
    ) {
        while let Some((_, first)) = self.waiting.first_key_value()
            && (self.held > limit || first.since_ns < older_than_ns)
        {
            self.skip_gap(counters, tell);
        }
    }

    /// Hands out what waits, gaps and all, and ends the stream.
    pub(crate) fn end(&mut self, why: StreamEnd, counters: &mut StreamCounters, tell: &mut impl FnMut(StreamEvent<'_>)) {
        while !self.ended && !self.waiting.is_empty() {
            self.skip_gap(counters, tell);
        }
        if self.started && !self.ended {
            tell(StreamEvent::End(why));
        }
        self.ended = true;
    }

    /// A SYN begins the stream, or repeats its beginning, or begins another one.
    fn synchronise(&mut self, first: u32, counters: &mut StreamCounters, tell: &mut impl FnMut(StreamEvent<'_>)) {
        if self.initial == Some(first) {
            return;
        }
        self.end(StreamEnd::Replaced, counters, tell);
        *self = Self::default();
        self.initial = Some(first);
        self.start(first, false, tell);
    }

    fn start(&mut self, seq: u32, midstream: bool, tell: &mut impl FnMut(StreamEvent<'_>)) {
        self.started = true;
        self.next_seq = seq;
        tell(StreamEvent::Start { midstream });
    }

    /// Keeps a segment that came early. Of two that begin at the same byte the first stands, unless the second goes further.
    fn wait(&mut self, position: u64, payload: &[u8], missing: u64, now_ns: i64) {
        let known = self.waiting.get(&position).map_or(0, |segment| segment.bytes.len());
        if known > 0 && known >= payload.len() {
            return;
        }
        let segment = Segment { bytes: payload.to_vec(), missing, since_ns: now_ns };
        self.held += payload.len() + SEGMENT_OVERHEAD;
        if let Some(replaced) = self.waiting.insert(position, segment) {
            self.held -= replaced.bytes.len() + SEGMENT_OVERHEAD;
        }
    }

    /// Hands out a segment of which the first `old` bytes were handed out before.
    fn hand_out(
        &mut self,
        old: u64,
        payload: &[u8],
        missing: u64,
        counters: &mut StreamCounters,
        tell: &mut impl FnMut(StreamEvent<'_>),
    ) {
        let length = payload.len() as u64 + missing;
        if length <= old {
            counters.retransmissions += u64::from(length > 0);
            return;
        }
        let new = usize::try_from(old).ok().and_then(|old| payload.get(old..)).unwrap_or_default();
        if !new.is_empty() {
            self.advance(new.len() as u64);
            tell(StreamEvent::Data(new));
        }
        let gap = length - old - new.len() as u64;
        if gap > 0 {
            self.tell_gap(gap, counters, tell);
        }
    }

    /// Hands out segments that wait no longer, and ends the stream where its end is reached.
    fn hand_out_waiting(&mut self, counters: &mut StreamCounters, tell: &mut impl FnMut(StreamEvent<'_>)) {
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.position {
                break;
            }
            let (position, segment) = entry.remove_entry();
            self.held -= segment.bytes.len() + SEGMENT_OVERHEAD;
            self.hand_out(self.position - position, &segment.bytes, segment.missing, counters, tell);
        }
        if self.fin.is_some_and(|fin| fin <= self.position) {
            self.end(StreamEnd::Fin, counters, tell);
        }
    }

    /// Gives up the bytes in front of the first waiting segment.
    fn skip_gap(&mut self, counters: &mut StreamCounters, tell: &mut impl FnMut(StreamEvent<'_>)) {
        if let Some((position, _)) = self.waiting.first_key_value() {
            let bytes = position.saturating_sub(self.position);
            if bytes > 0 {
                self.tell_gap(bytes, counters, tell);
            }
        }
        self.hand_out_waiting(counters, tell);
    }

    fn tell_gap(&mut self, bytes: u64, counters: &mut StreamCounters, tell: &mut impl FnMut(StreamEvent<'_>)) {
        counters.gaps += 1;
        counters.gap_bytes += bytes;
        self.advance(bytes);
        tell(StreamEvent::Gap { bytes });
    }

    fn advance(&mut self, bytes: u64) {
        self.position += bytes;
        self.next_seq = self.next_seq.wrapping_add(bytes as u32);
    }
}
