//! Sample captures, one a protocol and one of packets, and a database of their countries, for the demo, the manual and as seeds of the fuzz targets.
//!
//! One small network is watched for a minute ([`traffic`]), and every protocol tells of it in its own way. The octets are put together here and not by
//! `weir-codec`, so that reading a sample checks the decoders against something that does not share their mistakes. Addresses are those set aside for
//! documentation (RFC 5737, RFC 3849), AS numbers likewise (RFC 5398). The same source gives the same octets.

mod octets;
mod traffic;

mod captured;
mod countries;
mod fastnetmon;
mod ipfix;
mod netflow5;
mod netflow9;
mod packets;
mod seeds;
mod sflow;

use std::net::SocketAddr;
use std::path::Path;

use weir_testkit::{Datagram, pcap_of};

use crate::generate::Derived;

/// Where the samples lie.
const FOLDER: &str = "crates/weir/samples";

/// Name of a sample, and its datagrams.
fn samples() -> Vec<(&'static str, Vec<Datagram>)> {
    vec![
        ("netflow5", netflow5::datagrams()),
        ("netflow9", netflow9::datagrams()),
        ("ipfix", ipfix::datagrams()),
        ("sflow", sflow::datagrams()),
        ("fastnetmon", fastnetmon::datagrams()),
    ]
}

/// The capture files.
pub(crate) fn files() -> Vec<Derived> {
    let file = |(name, datagrams): (&str, Vec<Datagram>)| Derived {
        path: format!("{FOLDER}/{name}.pcap"),
        content: pcap_of(&datagrams),
    };
    let packets = Derived { path: format!("{FOLDER}/packets.pcap"), content: packets::file() };
    let countries = Derived { path: format!("{FOLDER}/countries.mmdb"), content: countries::file() };
    samples().into_iter().map(file).chain([packets, countries]).collect()
}

/// Writes inputs from which the fuzz targets start, a folder a target.
pub(crate) fn write_seeds(folder: &Path) -> Result<(), String> {
    seeds::write(folder)
}

/// A datagram from an exporter to the collector, `milliseconds` after the minute began.
fn datagram(exporter: &str, port: u16, collector_port: u16, milliseconds: u32, payload: Vec<u8>) -> Datagram {
    let address = |text: &str, port| SocketAddr::new(traffic::address(text), port);
    Datagram {
        frame: 0,
        time_ns: (i64::from(traffic::MINUTE_SECONDS) * 1000 + i64::from(milliseconds)) * 1_000_000,
        source: address(exporter, port),
        destination: address("192.0.2.200", collector_port),
        payload,
    }
}
