//! Which worker a datagram belongs to: all that one exporter's domain sends must meet the same decoder.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use weir_record::Address;

use crate::Protocol;

/// A number that is the same for all datagrams of an exporter's address and observation domain, and spread evenly over others.
///
/// The source port is left out, because exporters change it. A datagram too short to tell its domain, or of no known protocol, goes by its address alone.
pub fn shard_key(payload: &[u8], from: Address) -> u64 {
    let word = |at: usize| payload.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u32::from_be_bytes(*octets));
    let domain = match Protocol::recognise(payload) {
        // Source id (RFC 3954, section 5.1), observation domain (RFC 7011, section 3.1), engine.
        Some(Protocol::NetFlow9) => word(16),
        Some(Protocol::Ipfix) => word(12),
        Some(Protocol::NetFlow5) => word(20) >> 16,
        // The sub-agent stands behind the agent's address, whose length depends on its type.
        Some(Protocol::SFlow) => word(if word(4) == 2 { 24 } else { 12 }),
        Some(Protocol::NetFlow1 | Protocol::NetFlow7 | Protocol::FastNetMon) | None => 0,
    };
    FixedState::default().hash_one((from, domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_domain_of_one_exporter_has_one_key() {
        let ipfix = |domain: u8| [0, 10, 0, 16, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, domain];
        let (one, other) = (Address::v4(1), Address::v4(2));
        assert_eq!(shard_key(&ipfix(1), one), shard_key(&ipfix(1), one));
        assert_ne!(shard_key(&ipfix(1), one), shard_key(&ipfix(2), one));
        assert_ne!(shard_key(&ipfix(1), one), shard_key(&ipfix(1), other));
        for length in 0..16 {
            shard_key(&ipfix(1)[..length], one);
        }
    }

    #[test]
    fn keys_are_spread() {
        let mut workers = [0; 4];
        for address in 0..1000 {
            workers[(shard_key(&[], Address::v4(address)) % 4) as usize] += 1;
        }
        assert!(workers.iter().all(|count| (200..300).contains(count)), "{workers:?}");
    }
}
