//! Messages out of the octets of a stream that is read from its first octet on.
//!
//! Nothing is kept here: whoever reads the stream asks what stands at the front of what has come, takes the message away, and asks again. A length that cannot be
//! is the end of the stream, because nothing behind it can be trusted: a sender may break off inside of a message and go on with a new one. (Streams out of
//! captures, which may begin anywhere and miss parts, are [`IpfixStream`](crate::ipfix::IpfixStream)'s.)

use crate::{Fault, Reason};

/// Octets of the length in front of a FastNetMon Flow message, least significant first.
const PREFIX: usize = 8;
/// Shortest and longest FastNetMon Flow message, octets; every one is a whole number of words.
const MIN_MESSAGE: u64 = 16;
const MAX_MESSAGE: u64 = 65_536;

/// What stands at the front of octets of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A message of `length` octets behind `skip` octets that are none of it. It need not have come whole.
    Message {
        /// Octets in front of the message.
        skip: usize,
        /// Octets of the message.
        length: usize,
    },
    /// The beginning of a message that does not tell its length yet.
    More,
    /// Nothing that can be read.
    Bad(Fault),
}

/// FastNetMon Flow over TCP and TLS: each message behind its length.
pub fn fastnetmon(octets: &[u8]) -> Cut {
    let Some(prefix) = octets.first_chunk::<PREFIX>() else { return Cut::More };
    match u64::from_le_bytes(*prefix) {
        length @ MIN_MESSAGE..=MAX_MESSAGE if length.is_multiple_of(8) => Cut::Message { skip: PREFIX, length: length as usize },
        claimed => Cut::Bad(Fault::new(Reason::BadFrame, 0, claimed)),
    }
}

/// IPFIX over TCP and TLS (RFC 7011, sections 3.1 and 10.4): the header of each message tells its length.
pub fn ipfix(octets: &[u8]) -> Cut {
    let version = |seen: u16| Cut::Bad(Fault::new(Reason::BadFrame, 0, u64::from(seen)));
    match *octets {
        [] | [0] | [0, 10] | [0, 10, _] => Cut::More,
        [0, 10, high, low, ..] => match u16::from_be_bytes([high, low]) {
            length if usize::from(length) >= crate::ipfix::HEADER => Cut::Message { skip: 0, length: usize::from(length) },
            length => Cut::Bad(Fault::new(Reason::BadFrame, 2, u64::from(length))),
        },
        [high, low, ..] => version(u16::from_be_bytes([high, low])),
        [high] => version(u16::from(high) << 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_ipfix_tell_their_length() {
        for length in [16_u16, 17, u16::MAX] {
            let [high, low] = length.to_be_bytes();
            assert_eq!(ipfix(&[0, 10, high, low, 9]), Cut::Message { skip: 0, length: length.into() });
        }
        for length in [0, 15] {
            assert_eq!(ipfix(&[0, 10, 0, length]), Cut::Bad(Fault::new(Reason::BadFrame, 2, length.into())));
        }
        for begun in [&[][..], &[0], &[0, 10], &[0, 10, 0]] {
            assert_eq!(ipfix(begun), Cut::More);
        }
        assert_eq!(ipfix(&[22]), Cut::Bad(Fault::new(Reason::BadFrame, 0, 22 << 8)), "TLS where there is none");
        assert_eq!(ipfix(&[0, 9, 0, 16]), Cut::Bad(Fault::new(Reason::BadFrame, 0, 9)));
    }

    #[test]
    fn messages_of_fastnetmon_have_a_length_in_front() {
        for length in [16, 24, 65_528, 65_536] {
            assert_eq!(fastnetmon(&(length as u64).to_le_bytes()), Cut::Message { skip: 8, length });
        }
        for length in [0, 7, 8, 12, 17, 65_544, 1 << 32, u64::MAX] {
            assert_eq!(fastnetmon(&length.to_le_bytes()), Cut::Bad(Fault::new(Reason::BadFrame, 0, length)));
        }
        assert_eq!(fastnetmon(&[0xff; 7]), Cut::More);
    }
}
