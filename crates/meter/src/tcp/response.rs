//! Server response times: from the client's last segment with new payload to the first of the server's with new payload behind it.
//!
//! What the server says unasked (a greeting) answers nothing. TLS is set up by an exchange of its own: there the first request is the client's
//! first application data (RFC 8446, section 5.1). The header of the PROXY protocol asks nothing either.

use weir_wire::Tcp;

use super::{Connection, Segment, distance};
use crate::packet::Direction;
use crate::proxy::{self, Start};

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// Content type, version, length.
const RECORD_HEADER: u32 = 5;

impl Connection {
    /// A segment with new payload. `hole_since`: it came late, into a hole of that time.
    #[inline]
    pub(super) fn exchange(&mut self, segment: &Segment<'_>, hole_since: Option<i64>, histograms: bool) {
        match segment.direction {
            Direction::ToServer => self.ask(segment),
            Direction::ToClient => self.answer(segment, hole_since, histograms),
        }
    }

    fn ask(&mut self, segment: &Segment<'_>) {
        let is_asking = self.is(Self::LOOKED_AT) && !self.is(Self::TLS_SETUP) || self.look(segment);
        if !is_asking || self.is(Self::TLS_SETUP) {
            return;
        }
        self.flags |= Self::REQUEST;
        if !self.is_opening() {
            self.since = segment.time;
        }
    }

    fn answer(&mut self, segment: &Segment<'_>, hole_since: Option<i64>, histograms: bool) {
        if !self.is(Self::REQUEST) {
            return;
        }
        let asked = self.request_time();
        // What fills an older hole belongs to an earlier answer.
        if hole_since.is_some_and(|since| since < asked) {
            return;
        }
        self.response_times.add(segment.time.saturating_sub(asked), histograms);
        self.flags &= !Self::REQUEST;
    }

    /// Looks whether the client begins TLS, and follows its records until application data. False where a load balancer speaks for the client, who has not
    /// said anything yet.
    #[cold]
    fn look(&mut self, segment: &Segment<'_>) -> bool {
        let mut start = segment.tcp.seq.wrapping_add(u32::from(segment.tcp.flags & Tcp::SYN != 0));
        let mut payload = segment.payload;
        if !self.is(Self::LOOKED_AT)
            && let Start::Header { length, .. } = proxy::start(payload)
        {
            if length >= segment.length as usize {
                return false;
            }
            start = start.wrapping_add(length as u32);
            payload = payload.get(length..).unwrap_or_default();
        }
        let record_type = |at: usize| match payload.get(at..)? {
            [kind @ CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, _, high, low, ..] => {
                Some((*kind, u16::from_be_bytes([*high, *low])))
            }
            _ => None,
        };
        if !self.is(Self::LOOKED_AT) {
            self.flags |= Self::LOOKED_AT;
            if !matches!(record_type(0), Some((HANDSHAKE, _))) {
                return true;
            }
            self.flags |= Self::TLS_SETUP;
            self.tls_next = start;
        }
        // After a loss, or a header cut in two, the records are found again where a segment begins with one.
        if distance(start, self.tls_next) < 0 && record_type(0).is_some() {
            self.tls_next = start;
        }
        while let Ok(at) = usize::try_from(distance(start, self.tls_next))
            && let Some((kind, length)) = record_type(at)
        {
            if kind == APPLICATION_DATA {
                self.flags &= !Self::TLS_SETUP;
                break;
            }
            self.tls_next = self.tls_next.wrapping_add(RECORD_HEADER + u32::from(length));
        }
        true
    }
}
