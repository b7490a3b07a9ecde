//! Every protocol that the meter knows, by family, in the order in which they are asked: the strict before the lenient.

use super::protocol::Protocol;

/// The families.
pub(super) const PROTOCOLS: &[&[Protocol]] = &[
    super::tls::PROTOCOLS,
    super::quic::PROTOCOLS,
    super::http::PROTOCOLS,
    super::mail::PROTOCOLS,
    super::sip::PROTOCOLS,
    super::smb::PROTOCOLS,
    super::sql::PROTOCOLS,
    super::dns::PROTOCOLS,
    super::dhcp::PROTOCOLS,
    super::others::PROTOCOLS,
    super::rtp::PROTOCOLS,
];

/// Each has a bit where a connection remembers who refused.
const _: () = assert!(count() <= u128::BITS as usize);

const fn count() -> usize {
    let (mut all, mut family) = (0, 0);
    while family < PROTOCOLS.len() {
        all += PROTOCOLS[family].len();
        family += 1;
    }
    all
}
