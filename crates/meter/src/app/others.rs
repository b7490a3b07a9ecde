//! Protocols of which the name is what counts: one line each, with what recognises them beside.
//!
//! A probe looks at several octets that no other protocol has in their places, or at a customary port and the structure that belongs to it.

use super::protocol::{Carrier, Context, Probe, Protocol, by_port_alone as port};

// What recognises them.
mod control;
mod encrypted;
mod messages;
mod peers;
mod remote;
mod stores;
mod stun;

pub(super) const PROTOCOLS: &[Protocol] = &[
    // Remote work.
    stream("ssh", &[22], remote::ssh),
    with_tls(stream("rdp", &[3389], remote::rdp)),
    datagram("rdp", &[3389], remote::rdp_datagram),
    stream("vnc", &[5900, 5901], remote::vnc),
    stream("telnet", &[23], remote::telnet),
    stream("dcerpc", &[135], remote::dcerpc),
    stream("nfs", &[2049], remote::nfs),
    datagram("nfs", &[2049], remote::nfs_datagram),
    stream("rpc", &[111], remote::rpc),
    datagram("rpc", &[111], remote::rpc_datagram),
    datagram("tftp", &[69], remote::tftp),
    stream("rsync", &[873], remote::rsync),
    stream("x11", &[6000], port),
    // Who may, and who is who.
    stream("kerberos", &[88], control::kerberos),
    datagram("kerberos", &[88], control::kerberos_datagram),
    with_tls(stream("ldap", &[389], control::ldap)),
    stream("ldap", &[636, 3268, 3269], port),
    datagram("cldap", &[389], control::ldap),
    datagram("radius", &[1812, 1813, 1645, 1646, 3799], control::radius),
    stream("tacacs", &[49], port),
    stream("diameter", &[3868], control::diameter),
    // What keeps networks running.
    datagram("ntp", &[123], control::ntp),
    datagram("snmp", &[161, 162], control::snmp),
    stream("snmp", &[161, 162], port),
    datagram("syslog", &[514], control::syslog),
    stream("syslog", &[601, 6514], control::syslog),
    stream("bgp", &[179], control::bgp),
    datagram("bfd", &[3784, 3785, 4784], port),
    datagram("rip", &[520, 521], port),
    datagram("hsrp", &[1985, 2029], port),
    datagram("ptp", &[319, 320], port),
    datagram("netflow", &[2055], control::netflow),
    datagram("ipfix", &[4739], control::ipfix),
    datagram("sflow", &[6343], control::sflow),
    datagram("ssdp", &[1900], control::ssdp),
    datagram("coap", &[5683], control::coap),
    stream("modbus", &[502], control::modbus),
    stream("dnp3", &[20000], control::dnp3),
    stream("iec104", &[2404], control::iec104),
    // Tunnels and encryption.
    datagram("wireguard", &[51820], encrypted::wireguard),
    datagram("openvpn", &[1194], encrypted::openvpn_datagram),
    stream("openvpn", &[1194], encrypted::openvpn),
    datagram("ipsec", &[500, 4500], encrypted::ipsec),
    datagram("l2tp", &[1701], encrypted::l2tp),
    stream("pptp", &[1723], encrypted::pptp),
    datagram("vxlan", &[4789], encrypted::vxlan),
    datagram("geneve", &[6081], encrypted::geneve),
    datagram("gtp", &[2152, 2123], encrypted::gtp),
    datagram("teredo", &[3544], encrypted::teredo),
    with_tls(stream("socks", &[1080], encrypted::socks)),
    // Peers.
    Protocol { decoder: Some(|| Box::new(stun::Stun::default())), ..datagram("stun", &[3478], stun::probe_datagram) },
    stream("stun", &[3478], stun::probe),
    stream("bittorrent", &[6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889], peers::bittorrent),
    datagram("bittorrent", &[6881], peers::bittorrent_datagram),
    // Messages and media.
    stream("mqtt", &[1883, 8883], messages::mqtt),
    Protocol { decoder: Some(|| Box::new(messages::Pings::default())), ..stream("mqtt", &[], messages::mqtt_pings) },
    stream("amqp", &[5672, 5671], messages::amqp),
    stream("kafka", &[9092], messages::kafka),
    stream("nats", &[4222], messages::nats),
    stream("stomp", &[61613], messages::stomp),
    stream("irc", &[6667, 6697], messages::irc),
    with_tls(stream("xmpp", &[5222, 5269], messages::xmpp)),
    stream("rtsp", &[554], messages::rtsp),
    // Stores.
    stream("redis", &[6379], stores::redis),
    stream("memcached", &[11211], stores::memcached),
    datagram("memcached", &[11211], stores::memcached_datagram),
    stream("mongodb", &[27017], stores::mongodb),
    stream("cassandra", &[9042], stores::cassandra),
    stream("zookeeper", &[2181], stores::zookeeper),
];

const fn stream(name: &'static str, ports: &'static [u16], probe: fn(&[u8], &Context<'_>) -> Probe) -> Protocol {
    Protocol { name, carrier: Carrier::Stream, ports, probe, decoder: None }
}

const fn datagram(name: &'static str, ports: &'static [u16], probe: fn(&[u8], &Context<'_>) -> Probe) -> Protocol {
    Protocol { name, carrier: Carrier::Datagram, ports, probe, decoder: None }
}

/// A protocol in which both ends may agree to go on in TLS.
const fn with_tls(protocol: Protocol) -> Protocol {
    Protocol { decoder: Some(super::tls::later::decoder), ..protocol }
}

/// Yes or no.
fn yes_if(is_it: bool) -> Probe {
    if is_it { Probe::Yes } else { Probe::No }
}

/// Whether a stream begins with one of these.
fn begins_with(octets: &[u8], any: &[&[u8]]) -> Probe {
    if any.iter().any(|start| octets.starts_with(start)) {
        Probe::Yes
    } else if any.iter().any(|start| start.starts_with(octets)) {
        Probe::More
    } else {
        Probe::No
    }
}

/// What too few octets are: more is wanted when they may be the start of what begins so.
fn too_few(octets: &[u8], start: &[u8]) -> Probe {
    if octets.starts_with(start) || start.starts_with(octets) { Probe::More } else { Probe::No }
}

/// The 2 octets at a place, in network order.
fn u16_at(octets: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*octets.get(place..)?.first_chunk()?))
}

/// The 4 octets at a place, in network order.
fn u32_at(octets: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*octets.get(place..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;
