//! The UDP datagrams of a capture, and captures of given datagrams.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use weir_capture::{CaptureFile, PcapWriter, TimeUnit};
use weir_wire::{Depth, Link, Walk, protocol};

/// LINKTYPE_ETHERNET.
const ETHERNET: u16 = 1;

/// Length of a UDP header (RFC 768), octets.
const UDP_HEADER: usize = 8;

/// One UDP datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Number of the frame that holds it, from 1.
    pub frame: u64,
    /// When the frame was captured, nanoseconds since 1970.
    pub time_ns: i64,
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
    /// What UDP carries, as far as it was captured.
    pub payload: Vec<u8>,
}

/// The UDP datagrams of a capture file, by the outermost IP header. Later fragments hold none; datagrams are not
/// put together from fragments.
pub fn datagrams(path: &Path) -> Vec<Datagram> {
    let capture = CaptureFile::open(path).unwrap_or_else(|error| panic!("{error}"));
    datagrams_in(capture)
}

/// The same of a capture that is open.
pub fn datagrams_in(mut capture: CaptureFile) -> Vec<Datagram> {
    let mut walk = Walk::default();
    let mut found = Vec::new();
    while let Some(frame) = capture.next().unwrap_or_else(|error| panic!("{error}")) {
        let Some(link) = Link::from_pcap(frame.link_type.into()) else { continue };
        walk.read(link, frame.data, frame.original_len as usize, Depth::Outer);
        let (Some(ip), Some(transport)) = (walk.headers.ip, walk.headers.transport) else { continue };
        if ip.protocol != protocol::UDP {
            continue;
        }
        found.push(Datagram {
            frame: frame.number,
            time_ns: frame.time_ns,
            source: SocketAddr::new(ip.src, transport.src_port),
            destination: SocketAddr::new(ip.dst, transport.dst_port),
            payload: transport.payload(frame.data).to_vec(),
        });
    }
    found
}

/// A pcap file, in memory, of these datagrams; their frame numbers are those of the order given.
pub fn pcap_of<'a>(datagrams: impl IntoIterator<Item = &'a Datagram>) -> Vec<u8> {
    let write = || {
        let mut writer = PcapWriter::new(Vec::new(), ETHERNET, TimeUnit::Nanoseconds)?;
        for datagram in datagrams {
            let frame = ethernet_frame(datagram.source, datagram.destination, &datagram.payload);
            writer.write(datagram.time_ns, frame.len() as u32, &frame)?;
        }
        writer.finish()
    };
    write().unwrap_or_else(|error| panic!("{error}"))
}

/// An Ethernet frame with a UDP datagram over IPv4 (RFC 791) or IPv6 (RFC 8200), checksums included.
pub fn ethernet_frame(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let udp = udp_datagram(source, destination, payload);
    let length = udp.len() as u16;
    let (ethertype, ip) = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, 0];
            header.extend((length + 20).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, protocol::UDP, 0, 0]);
            header.extend([from.octets(), to.octets()].as_flattened());
            let [high, low] = checksum(&[&header]).to_be_bytes();
            header.splice(10..12, [high, low]);
            ([0x08, 0x00], header)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length.to_be_bytes());
            header.extend([protocol::UDP, 64]);
            header.extend([from.octets(), to.octets()].as_flattened());
            ([0x86, 0xdd], header)
        }
        _ => panic!("{source} and {destination} are of different families"),
    };
    let macs = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    [&macs, &ethertype[..], &ip, &udp].concat()
}

fn udp_datagram(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    // So that an IPv4 header still finds room in the 16 bits of its length.
    assert!(payload.len() <= 65_507, "{} octets do not fit into one datagram", payload.len());
    let length = (UDP_HEADER + payload.len()) as u16;
    let mut udp = [source.port(), destination.port(), length, 0].map(u16::to_be_bytes).concat();
    udp.extend_from_slice(payload);
    let addresses = [source.ip(), destination.ip()].map(|address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    });
    let pseudo_header = [&addresses.concat()[..], &[0, protocol::UDP], &length.to_be_bytes()].concat();
    // Zero says that there is no checksum (RFC 768), so its other form stands for a sum of zero.
    let sum = match checksum(&[&pseudo_header, &udp]) {
        0 => 0xffff,
        sum => sum,
    };
    udp.splice(6..8, sum.to_be_bytes());
    udp
}

/// The Internet checksum (RFC 1071); all parts but the last have an even length.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u64 = words.map(|word| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0))).sum();
    let folded = (0..4).fold(sum, |sum, _| (sum & 0xffff) + (sum >> 16));
    !(folded as u16)
}
