//! Which worker a datagram belongs to: all that one exporter's domain sends must meet the same decoder.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use weir_record::Address;

use crate::Protocol;
use crate::envelope::{sub_agent, word_at};

/// A number that is the same for all datagrams of an exporter's address and observation domain, and spread evenly over others.
///
/// The source port is left out, because exporters change it. A datagram too short to tell its domain, or of no known protocol, goes by its address alone.
pub fn shard_key(payload: &[u8], from: Address) -> u64 {
    let domain = match Protocol::recognise(payload) {
        // Source id (RFC 3954, section 5.1), observation domain (RFC 7011, section 3.1), engine, sub-agent.
        Some(Protocol::NetFlow9) => word_at(payload, 16),
        Some(Protocol::Ipfix) => word_at(payload, 12),
        Some(Protocol::NetFlow5) => word_at(payload, 20) >> 16,
        Some(Protocol::SFlow) => sub_agent(payload),
        Some(Protocol::NetFlow1 | Protocol::NetFlow7 | Protocol::FastNetMon) | None => 0,
    };
    shard_of(from, domain)
}

/// The same number, of a transport source and the domain in its datagrams.
pub fn shard_of(from: Address, domain: u32) -> u64 {
    FixedState::default().hash_one((from, domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_domain_of_one_exporter_has_one_key() {
        let ipfix = |domain: u8| [0, 10, 0, 16, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, domain];
        let (one, other) = (Address::v4(1), Address::v4(2));
        assert_eq!(shard_key(&ipfix(1), one), shard_of(one, 1));
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
