//! STUN and TURN (RFC 8489, 3489, 8656), and what they open a way for on the same ports (RFC 7983): DTLS and RTP.
//!
//! The name becomes that of what follows; the media is measured as elsewhere.

use super::{u16_at, u32_at, yes_if};
use crate::app::protocol::{Context, Decoder, Probe, Step};
use crate::app::rtp::Rtp;
use crate::facts::Facts;

const STUN_HEADER: usize = 20;
/// In every message since RFC 5389.
const STUN_COOKIE: u32 = 0x2112_a442;

/// A type with two leading zero bits, a length of whole words, the cookie.
fn is_stun(octets: &[u8]) -> Option<usize> {
    let (kind, length) = (u16_at(octets, 0)?, u16_at(octets, 2)?);
    (kind >> 14 == 0 && length & 3 == 0 && u32_at(octets, 4)? == STUN_COOKIE).then_some(usize::from(length) + STUN_HEADER)
}

/// The first kind (RFC 3489) has no cookie: the length must be all of it, and attributes fill it.
fn is_classic_stun(octets: &[u8], wire_length: usize) -> bool {
    let (Some(1 | 2 | 0x101 | 0x102 | 0x111 | 0x112 | 3 | 0x103), Some(length)) = (u16_at(octets, 0), u16_at(octets, 2)) else {
        return false;
    };
    let mut attributes = octets.get(STUN_HEADER..).unwrap_or_default();
    while let [high, low, size_high, size_low, ..] = attributes {
        let (kind, size) = (u16::from_be_bytes([*high, *low]), u16::from_be_bytes([*size_high, *size_low]));
        let is_known = matches!(kind, 1..=0x30 | 0x8000..=0x80ff | 0xc000..);
        let behind = 4 + usize::from(size).next_multiple_of(4);
        if !is_known || behind > attributes.len() {
            return false;
        }
        attributes = attributes.get(behind..).unwrap_or_default();
    }
    attributes.is_empty() && usize::from(length) + STUN_HEADER == wire_length && octets.len() == wire_length
}

/// A message, or data on a channel of TURN.
pub(super) fn probe_datagram(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_modern = is_stun(octets).is_some_and(|length| length <= context.wire_length);
    // Data on a channel of TURN: its number and length.
    let is_channel = || {
        let (number, length) = (u16_at(octets, 0).unwrap_or(0), u16_at(octets, 2).unwrap_or(0));
        context.has_port(3478)
            && (0x4000..0x5000).contains(&number)
            && usize::from(length).next_multiple_of(4) + 4 >= context.wire_length
    };
    yes_if(is_modern || is_classic_stun(octets, context.wire_length) || is_channel())
}

/// As it is, or with its length before it (RFC 4571).
pub(super) fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    if octets.len() < 10 {
        let may_be = matches!(octets, [] | [0..=0x3f] | [0..=1, ..]);
        return if may_be { Probe::More } else { Probe::No };
    }
    let framed = || octets.get(2..).and_then(is_stun).is_some_and(|length| u16_at(octets, 0).map(usize::from) == Some(length));
    yes_if(is_stun(octets).is_some() || framed())
}

/// Datagrams in which something else may begin.
const MAX_DATAGRAMS: u32 = 512;

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Stun {
    datagrams: u32,
    security: Following<Option<Box<dyn Decoder>>>,
    media: Following<Rtp>,
}

/// What follows, unless it turned out to be nothing, or to have no more to tell.
#[derive(Debug)]
struct Following<T>(Option<T>);

impl<T: Default> Default for Following<T> {
    fn default() -> Self {
        Self(Some(T::default()))
    }
}

impl Decoder for Stun {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        // A channel is a number and a length, and what they are for.
        let octets = if let [0x40..=0x4f, ..] = octets { octets.get(4..).unwrap_or_default() } else { octets };
        match octets {
            [20..=63, ..] => self.security(octets, context, facts),
            [128..=191, ..] => self.media(octets, context, facts),
            _ => {}
        }
        self.datagrams = self.datagrams.saturating_add(1);
        let is_media = facts.app.is_some_and(|app| app == crate::app::rtp::NAME);
        if self.datagrams >= MAX_DATAGRAMS && !is_media { Step::Done } else { Step::Take(0) }
    }
}

impl Stun {
    fn security(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) {
        let Some(decoder) = &mut self.security.0 else {
            return;
        };
        let step = decoder.get_or_insert_with(crate::app::tls::datagrams).read(octets, context, facts);
        if step != Step::Refuse {
            facts.app.get_or_insert("dtls");
        }
        if matches!(step, Step::Done | Step::Refuse) {
            self.security.0 = None;
        }
    }

    fn media(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) {
        if let Some(media) = &mut self.media.0
            && media.read(octets, context, facts) == Step::Refuse
        {
            self.media.0 = None;
        }
    }
}
