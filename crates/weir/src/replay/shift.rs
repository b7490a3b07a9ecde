//! Times in export datagrams moved by whole seconds: those of the header, and absolute times of records.
//!
//! Times that NetFlow tells as uptime move with the header. Absolute times of NetFlow v9 and IPFIX records (elements 150 to 157, 258, 322 to 325) are found by
//! the templates that were seen before. Lengths are claims here too: what does not fit is left as it is.

use std::collections::HashMap;

use weir_codec::Protocol;
use weir_record::Address;

/// Templates that are remembered; a capture with more of them keeps some times as they were.
const MAX_TEMPLATES: usize = 65_536;

/// Moves times, and remembers templates.
#[derive(Debug, Default)]
pub(super) struct Shifter {
    templates: HashMap<Key, Vec<Field>>,
}

/// Exporter, version, observation domain, template.
type Key = (Address, u16, u32, u16);

#[derive(Clone, Copy, Debug)]
struct Field {
    length: u16,
    time: Option<Time>,
}

/// How an element tells a time.
#[derive(Clone, Copy, Debug)]
enum Time {
    /// Seconds since 1970 in four octets, or since 1900 in the first four of eight (RFC 7011, sections 6.1.7 to 6.1.10).
    Seconds,
    /// Milliseconds since 1970 in eight octets.
    Milliseconds,
}

/// The length of a field that tells its own.
const VARIABLE: u16 = 65_535;

impl Shifter {
    /// Moves the times in a datagram of this exporter.
    pub(super) fn shift(&mut self, from: Address, payload: &mut [u8], seconds: i64) {
        match Protocol::recognise(payload) {
            Some(Protocol::NetFlow1 | Protocol::NetFlow5 | Protocol::NetFlow7) => add_seconds(payload, 8, seconds),
            Some(Protocol::NetFlow9) => {
                add_seconds(payload, 8, seconds);
                let domain = u32_at(payload, 16).unwrap_or_default();
                self.sets(payload, 20, (from, 9, domain), seconds);
            }
            Some(Protocol::Ipfix) => {
                add_seconds(payload, 4, seconds);
                let domain = u32_at(payload, 12).unwrap_or_default();
                self.sets(payload, 16, (from, 10, domain), seconds);
            }
            // sFlow tells uptime alone; what FastNetMon tells is taken at its arrival.
            Some(Protocol::SFlow | Protocol::FastNetMon) | None => {}
        }
    }

    fn sets(&mut self, payload: &mut [u8], header: usize, session: (Address, u16, u32), seconds: i64) {
        let mut at = header;
        while let (Some(id), Some(length)) = (u16_at(payload, at), u16_at(payload, at + 2)) {
            let Some(body) = payload.get_mut(at + 4..at + usize::from(length)) else { return };
            match (session.1, id) {
                (9, 0) | (10, 2) => self.learn(body, session),
                (_, 256..) => self.records(body, (session.0, session.1, session.2, id), seconds),
                _ => {}
            }
            at += usize::from(length);
        }
    }

    fn learn(&mut self, body: &[u8], (from, version, domain): (Address, u16, u32)) {
        let mut at = 0;
        while let (Some(id), Some(count)) = (u16_at(body, at), u16_at(body, at + 2)) {
            at += 4;
            let mut fields = Vec::new();
            for _ in 0..count {
                let (Some(element), Some(length)) = (u16_at(body, at), u16_at(body, at + 2)) else { return };
                let enterprise = version == 10 && element & 0x8000 != 0;
                fields.push(Field { length, time: if enterprise { None } else { time(element, length) } });
                at += if enterprise { 8 } else { 4 };
            }
            let key = (from, version, domain, id);
            if fields.iter().all(|field| field.time.is_none()) {
                self.templates.remove(&key);
            } else if self.templates.len() < MAX_TEMPLATES || self.templates.contains_key(&key) {
                self.templates.insert(key, fields);
            }
        }
    }

    fn records(&self, body: &mut [u8], key: Key, seconds: i64) {
        let Some(fields) = self.templates.get(&key) else { return };
        let mut at = 0;
        while at < body.len() {
            let begun = at;
            for field in fields {
                let (start, length) = match (field.length, body.get(at), u16_at(body, at + 1)) {
                    (VARIABLE, Some(255), Some(length)) => (at + 3, usize::from(length)),
                    (VARIABLE, Some(length), _) => (at + 1, usize::from(*length)),
                    (length, ..) => (at, usize::from(length)),
                };
                if start + length > body.len() {
                    // Padding, or a record that is cut.
                    return;
                }
                match field.time {
                    Some(Time::Seconds) => add_seconds(body, start, seconds),
                    Some(Time::Milliseconds) => add_milliseconds(body, start, seconds),
                    None => {}
                }
                at = start + length;
            }
            if at == begun {
                return;
            }
        }
    }
}

/// How this element of IANA tells a time, if it does, in a field of this length.
const fn time(element: u16, length: u16) -> Option<Time> {
    match (element, length) {
        (150 | 151 | 322, 4) | (154..=157 | 324 | 325, 8) => Some(Time::Seconds),
        (152 | 153 | 258 | 323, 8) => Some(Time::Milliseconds),
        _ => None,
    }
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|octets| u16::from_be_bytes(*octets))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}

fn add_seconds(octets: &mut [u8], at: usize, seconds: i64) {
    if let Some(place) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        // Sequence space of 32 bits, as the exporter's own clock.
        *place = u32::from_be_bytes(*place).wrapping_add(seconds as u32).to_be_bytes();
    }
}

fn add_milliseconds(octets: &mut [u8], at: usize, seconds: i64) {
    if let Some(place) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = u64::from_be_bytes(*place).wrapping_add_signed(seconds.wrapping_mul(1000)).to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Address = Address::v4(0xc000_0201);

    fn words(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// A template of a text of variable length, milliseconds and NTP seconds, and two records of it, with two octets of padding.
    fn message() -> Vec<u8> {
        let template = [&[2, 20, 256, 3][..], &[82, VARIABLE, 152, 8, 154, 8]].concat();
        let mut data = Vec::new();
        for text in ["", "eth0"] {
            data.push(text.len() as u8);
            data.extend_from_slice(text.as_bytes());
            data.extend_from_slice(&5_000_u64.to_be_bytes());
            data.extend_from_slice(&(7_u64 << 32 | 9).to_be_bytes());
        }
        data.extend_from_slice(&[0, 0]);
        let body = [words(&template), words(&[256, (4 + data.len()) as u16]), data].concat();
        let mut message = words(&[10, (16 + body.len()) as u16]);
        message.extend([1_000_u32, 0, 7].map(u32::to_be_bytes).as_flattened());
        message.extend(body);
        message
    }

    #[test]
    fn times_of_an_ipfix_message_are_moved_and_nothing_else() {
        let before = message();
        let mut after = before.clone();
        Shifter::default().shift(FROM, &mut after, 60);
        let mut expected = before;
        expected[4..8].copy_from_slice(&1_060_u32.to_be_bytes());
        let data = 16 + 20 + 4;
        for (milliseconds, ntp) in [(data + 1, data + 9), (data + 17 + 5, data + 17 + 13)] {
            expected[milliseconds..milliseconds + 8].copy_from_slice(&65_000_u64.to_be_bytes());
            expected[ntp..ntp + 4].copy_from_slice(&67_u32.to_be_bytes());
        }
        assert_eq!(after, expected);
    }

    #[test]
    fn headers_of_netflow_are_moved() {
        for version in [1_u16, 5, 7, 9] {
            let mut message = vec![0; 24];
            message[..2].copy_from_slice(&version.to_be_bytes());
            message[8..12].copy_from_slice(&100_u32.to_be_bytes());
            let mut expected = message.clone();
            expected[8..12].copy_from_slice(&90_u32.to_be_bytes());
            Shifter::default().shift(FROM, &mut message, -10);
            assert_eq!(message, expected, "version {version}");
        }
    }

    #[test]
    fn a_cut_message_is_moved_as_far_as_it_goes() {
        let whole = message();
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            Shifter::default().shift(FROM, &mut cut, 60);
            // The template stays what it was.
            let template = 8..length.clamp(8, 36);
            assert_eq!(cut.get(template.clone()), whole.get(template).filter(|_| length >= 8), "{length} octets");
        }
    }
}
