//! What a datagram says of its sender before anything in it is decoded: protocol, exporter, domain, time of export.

use weir_record::Address;

use crate::{Datagram, Protocol, fastnetmon, sflow};

/// Who sent a datagram, and when, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The protocol that was recognised, or told.
    pub protocol: Protocol,
    /// The device that made the records: sFlow's agent, FastNetMon's agent where there is one, else the transport source.
    pub exporter: Address,
    /// Source id, observation domain, engine or sub-agent; nothing for protocols without.
    pub domain: Option<u32>,
    /// Time of export by the exporter's clock, nanoseconds since 1970; nothing where the header has none.
    pub exported: Option<i64>,
}

impl Envelope {
    /// Reads the header of a datagram of that protocol; what a cut header does not tell is zero.
    pub fn read(protocol: Protocol, datagram: &Datagram<'_>) -> Self {
        let payload = datagram.payload;
        let word = |at: usize| word_at(payload, at);
        let seconds = |at: usize| i64::from(word(at)) * 1_000_000_000;
        let (domain, exported) = match protocol {
            Protocol::NetFlow1 | Protocol::NetFlow7 => (None, Some(seconds(8).saturating_add(i64::from(word(12))))),
            Protocol::NetFlow5 => (Some(word(20) >> 16), Some(seconds(8).saturating_add(i64::from(word(12))))),
            Protocol::NetFlow9 => (Some(word(16)), Some(seconds(8))),
            Protocol::Ipfix => (Some(word(12)), Some(seconds(4))),
            Protocol::SFlow => (Some(sub_agent(payload)), None),
            Protocol::FastNetMon => (None, None),
        };
        let exporter = match protocol {
            Protocol::SFlow => sflow::agent(payload),
            Protocol::FastNetMon => fastnetmon::agent(payload),
            _ => None,
        };
        Self { protocol, exporter: exporter.unwrap_or(datagram.from), domain, exported }
    }
}

/// The sub-agent of an sFlow datagram: it stands behind the agent's address, whose length depends on its type.
pub(crate) fn sub_agent(payload: &[u8]) -> u32 {
    let behind_address = match word_at(payload, 4) {
        1 => 12,
        2 => 24,
        _ => 8,
    };
    word_at(payload, behind_address)
}

/// Four octets as a number; zero where they are not there.
pub(crate) fn word_at(payload: &[u8], at: usize) -> u32 {
    payload.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u32::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Address = Address::v4(0xc000_0201);

    fn read(payload: &[u8]) -> Envelope {
        let protocol = Protocol::recognise(payload).unwrap();
        Envelope::read(protocol, &Datagram { payload, from: FROM, port: 1, stream: None, received: 0 })
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn headers_tell_domain_and_time() {
        let second = 1_000_000_000;
        let netflow9 = read(&words(&[9 << 16, 1, 100, 7, 42]));
        assert_eq!((netflow9.domain, netflow9.exported, netflow9.exporter), (Some(42), Some(100 * second), FROM));
        let ipfix = read(&words(&[10 << 16 | 16, 100, 7, 42]));
        assert_eq!((ipfix.domain, ipfix.exported), (Some(42), Some(100 * second)));
        let netflow5 = read(&words(&[5 << 16, 1, 100, 7, 9, 0x0102_0000]));
        assert_eq!((netflow5.domain, netflow5.exported), (Some(0x0102), Some(100 * second + 7)));
        let netflow1 = read(&words(&[1 << 16, 1, 100, 7]));
        assert_eq!((netflow1.domain, netflow1.exported), (None, Some(100 * second + 7)));
    }

    #[test]
    fn the_agent_of_sflow_is_the_exporter() {
        let version4 = read(&words(&[5, 1, 0x0a00_0001, 3, 1, 1, 0]));
        assert_eq!((version4.exporter, version4.domain, version4.exported), (Address::v4(0x0a00_0001), Some(3), None));
        let version6 = read(&words(&[5, 2, 0x2001_0db8, 0, 0, 1, 3, 1, 1, 0]));
        let agent: std::net::Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!((version6.exporter, version6.domain), (agent.into(), Some(3)));
        assert_eq!((read(&words(&[5, 0, 3, 1, 1, 0])).exporter, read(&words(&[5, 0, 3])).domain), (FROM, Some(3)));
    }

    #[test]
    fn cut_headers_tell_zero() {
        for payload in [words(&[9 << 16, 0, 0, 0, 1]), words(&[5, 2, 1, 2, 3, 4, 5]), words(&[10 << 16, 0, 0, 1])] {
            for length in 4..payload.len() {
                assert_eq!(read(&payload[..length]).domain, Some(0), "{length}");
            }
        }
    }
}
