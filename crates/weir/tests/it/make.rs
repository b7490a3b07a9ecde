//! Messages and captures, small enough to be checked by hand.

use std::net::{IpAddr, Ipv4Addr};

use weir_capture::{PcapWriter, TimeUnit};
use weir_wire::{IpHeader, Packet, Tcp, TcpHeader};

/// 2026-01-01T00:00:00Z, seconds.
pub(crate) const NOW: u32 = 1_767_225_600;

pub(crate) const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(crate) const COLLECTOR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));

/// An IPFIX message of these sets (RFC 7011, section 3.1).
pub(crate) fn ipfix(sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let mut message = [10, (16 + body.len()) as u16].map(u16::to_be_bytes).concat();
    message.extend([NOW, sequence, 7].map(u32::to_be_bytes).as_flattened());
    message.extend(body);
    message
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [&[id, (4 + body.len()) as u16].map(u16::to_be_bytes).concat(), body].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Template 256: source, destination, ports, protocol, octets, packets.
pub(crate) fn flow_template() -> Vec<u8> {
    set(2, &words(&[256, 7, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 2, 4]))
}

/// Records of template 256: 10.0.0.N to 10.0.1.N, TCP 50000 to N, 1000 N octets in N packets.
pub(crate) fn flows(numbers: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let record = |n: u8| {
        let mut record = vec![10, 0, 0, n, 10, 0, 1, n, 0xc3, 0x50, 0, n, 6];
        record.extend((u32::from(n) * 1000).to_be_bytes());
        record.extend(u32::from(n).to_be_bytes());
        record
    };
    set(256, &numbers.into_iter().flat_map(record).collect::<Vec<u8>>())
}

/// Template 257 and a record of it: a firewall event (233), a flow from 10.0.0.200 created.
pub(crate) fn event() -> [Vec<u8>; 2] {
    [set(2, &words(&[257, 3, 8, 4, 12, 4, 233, 1])), set(257, &[10, 0, 0, 200, 10, 0, 1, 200, 1])]
}

/// Options template 258 and a record of it: interface 3 is named "eth3" (scope 10, element 82).
pub(crate) fn interface_name() -> [Vec<u8>; 2] {
    [set(3, &words(&[258, 2, 1, 10, 4, 82, 4])), set(258, &[0, 0, 0, 3, b'e', b't', b'h', b'3'])]
}

/// Ten flows and all that they need, one event, one options record; 12 rows in 3 datagrams.
pub(crate) fn mixed() -> Vec<Vec<u8>> {
    let [event_template, event] = event();
    let [name_template, name] = interface_name();
    vec![
        ipfix(0, &[flow_template(), event_template, name_template]),
        ipfix(0, &[flows(1..=5), event]),
        ipfix(6, &[flows(6..=10), name]),
    ]
}

/// A packet from the exporter to the collector in an Ethernet frame.
pub(crate) fn ethernet(packet: Packet) -> Vec<u8> {
    packet.ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).into_bytes()
}

/// A UDP datagram from the exporter.
pub(crate) fn udp(payload: &[u8]) -> Packet {
    Packet::payload(payload).udp(50_000, 9_999).ip(&IpHeader::new(EXPORTER, COLLECTOR))
}

/// A TCP segment from the exporter.
pub(crate) fn tcp(seq: u32, flags: u16, payload: &[u8]) -> Packet {
    let header = TcpHeader { src_port: 40_000, dst_port: 9_999, seq, flags: flags | Tcp::ACK, ..TcpHeader::default() };
    Packet::payload(payload).tcp(&header).ip(&IpHeader::new(EXPORTER, COLLECTOR))
}

/// A pcap file of these frames, a millisecond apart, the first at [`NOW`].
pub(crate) fn pcap(link_type: u16, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), link_type, TimeUnit::Nanoseconds).unwrap();
    for (index, frame) in frames.iter().enumerate() {
        let time_ns = i64::from(NOW) * 1_000_000_000 + index as i64 * 1_000_000;
        writer.write(time_ns, frame.len() as u32, frame).unwrap();
    }
    writer.finish().unwrap()
}

/// A pcap file of messages in UDP over Ethernet.
pub(crate) fn capture(messages: &[Vec<u8>]) -> Vec<u8> {
    let frames: Vec<Vec<u8>> = messages.iter().map(|message| ethernet(udp(message))).collect();
    pcap(1, &frames)
}

/// A message with a template and a record of one element that no registry has: 64512/1 is 9.
pub(crate) fn private_element() -> Vec<u8> {
    ipfix(0, &[set(2, &words(&[259, 2, 8, 4, 0x8001, 4, 0, 64_512])), set(259, &[10, 0, 0, 1, 0, 0, 0, 9])])
}
