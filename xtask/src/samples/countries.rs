//! Countries for the addresses of the samples, as a database in MaxMind's format (MaxMind DB File Format Specification, version 2.0).
//!
//! Addresses set aside for documentation are in no country, so no database knows them, and the maps of a demo would be empty. This one places the network of the
//! samples in one country and what it talks to in sixteen others, a /28 each.

use std::net::Ipv4Addr;

use weir_testkit::{Mmdb, MmdbValue};

/// The network that is watched.
const OWN: (&str, &str) = ("198.51.100.0/24", "CZ");

/// What it talks to, in as many parts as there are countries.
const OTHERS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 0);
const COUNTRIES: [&str; 16] = ["DE", "AU", "NL", "CA", "US", "FR", "ZA", "BR", "JP", "GB", "IN", "SE", "SG", "PL", "KE", "AR"];
const PART: u32 = 28;

/// The database.
pub(super) fn file() -> Vec<u8> {
    let part = |part: u32| format!("{}/{PART}", Ipv4Addr::from_bits(OTHERS.to_bits() | part << (32 - PART)));
    let parts = (0..).map(part).zip(COUNTRIES);
    let networks: Vec<_> = parts.chain([(OWN.0.to_owned(), OWN.1)]).map(|(network, code)| (network, country(code))).collect();
    let build_epoch = u64::from(super::traffic::MINUTE_SECONDS);
    Mmdb { database_type: "Weir-Samples-Country", description: "countries of the samples", build_epoch }.octets(&networks)
}

fn country(code: &str) -> MmdbValue {
    MmdbValue::Map(vec![("country", MmdbValue::Map(vec![("iso_code", MmdbValue::text(code))]))])
}
