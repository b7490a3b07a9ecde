//! First inputs of the fuzz targets, made from the samples.
//!
//! A target with state takes a list of messages: each has its length in front, 2 octets in network order.

use std::fs;
use std::path::Path;

use weir_codec::{Decoder, Output};
use weir_testkit::{Datagram, ethernet_frame, pcap_of};

use super::{captured, fastnetmon, samples};

/// Filters of every form.
const FILTERS: [&str; 10] = [
    "any",
    "src ip 192.0.2.1 and not dst port 53",
    "net 10.0.0.0/8 or ip in [192.0.2.0/24 2001:db8::/32]",
    "proto tcp and flags S and not flags A",
    "bytes > 1.5M or packets >= 10Ki",
    "duration > 10s and bps > 1k",
    "(in if 3 || out if 7) && ! as 64500",
    "sni contains \"shop\" or dns.name ends \".example\"",
    "extra.queueDepth > 3 and tls_version >= 0x0304",
    "port in [80 443 8000] and portrange 1-1023 and format ipfix",
];

/// Filters in BPF text, of every form.
const BPF_FILTERS: [&str; 6] = [
    "udp and dst port 4739",
    "ip host 192.0.2.1 or ip6 net 2001:db8::/32",
    "vlan 10 and tcp[13] & 2 != 0",
    "mpls 1000 or pppoes",
    "ether[12:2] = 0x0800 and ip[2:2] > 100 and greater 64",
    "not (portrange 1-1023 or icmp) and ip6 protochain 17",
];

/// What load balancers say in front of streams and in requests, and an answer.
const PROXIED: [&[u8]; 5] = [
    b"PROXY TCP4 192.0.2.9 198.51.100.1 4000 443\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x09\xc6\x33\x64\x01\x0f\xa0\x01\xbb\x04\0\0",
    b"GET / HTTP/1.1\r\nX-Forwarded-For: unknown, 192.0.2.9\r\nX-Forwarded-For: 2001:db8::1\r\nForwarded: for=192.0.2.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nForwarded: by=_a;For=\"[2001:db8::1]:4000\", for=192.0.2.2\r\n\r\n",
];

const ELEMENTS: &str = "[[element]]\npen = 64512\nid = 1\nname = \"queueDepth\"\ntype = \"unsigned32\"\n";

/// Writes `FOLDER/TARGET/NAME` for each target.
pub(super) fn write(folder: &Path) -> Result<(), String> {
    let put = |target: &str, name: &str, content: &[u8]| {
        let place = folder.join(target);
        let written = fs::create_dir_all(&place).and_then(|()| fs::write(place.join(name), content));
        written.map_err(|error| format!("{}: {error}", place.display()))
    };
    for (protocol, datagrams) in samples() {
        put(protocol, "sample", &list(datagrams.iter().map(|datagram| datagram.payload.as_slice())))?;
        put("datagrams", protocol, &list(datagrams.iter().map(|datagram| datagram.payload.as_slice())))?;
        put("state", protocol, &list(datagrams.iter().map(|datagram| datagram.payload.as_slice())))?;
        put("state", &format!("{protocol}.json"), &state(&datagrams))?;
        put("capture", &format!("{protocol}.pcap"), &pcap_of(&datagrams))?;
        let frames: Vec<_> = datagrams.iter().map(frame).collect();
        // The first octet chooses the link type: 0 is Ethernet.
        put("packets", protocol, &[&[0], list(frames.iter().map(Vec::as_slice)).as_slice()].concat())?;
    }
    let ipfix =
        samples().into_iter().find(|(protocol, _)| *protocol == "ipfix").map(|(_, datagrams)| datagrams).unwrap_or_default();
    let frames: Vec<_> = ipfix.iter().map(frame).collect();
    put("capture", "pcapng", &pcapng(&frames))?;
    put("capture", "ipfix-file", &ipfix.iter().flat_map(|datagram| datagram.payload.clone()).collect::<Vec<_>>())?;
    put("capture", "pcap.gz", &gzip(&pcap_of(&ipfix)))?;
    put("capture", "pcap.zst", &zstd(&pcap_of(&ipfix)))?;
    // The first octet is the size of the pieces; each message of a stream stands behind its length, 8 octets.
    let messages = fastnetmon::datagrams();
    let stream =
        messages.iter().flat_map(|message| [&(message.payload.len() as u64).to_le_bytes(), message.payload.as_slice()].concat());
    put("framing", "stream", &[50].into_iter().chain(stream).collect::<Vec<u8>>())?;
    for (number, filter) in FILTERS.iter().enumerate() {
        put("filter", &number.to_string(), filter.as_bytes())?;
    }
    for (number, filter) in BPF_FILTERS.iter().enumerate() {
        let frame = frames.first().map_or(&[][..], Vec::as_slice);
        put("bpf", &number.to_string(), &[&[0], filter.as_bytes(), b"\n", frame].concat())?;
    }
    for (number, head) in PROXIED.iter().enumerate() {
        // Before all of them. The first octets choose what the meter keeps, and the port.
        let messages = list([*head].into_iter().chain(PROXIED));
        put("meter_streams", &format!("proxied-{number}"), &[&[0x48, 31], messages.as_slice()].concat())?;
    }
    captured::write(put)?;
    put("elements", "one", ELEMENTS.as_bytes())
}

fn frame(datagram: &Datagram) -> Vec<u8> {
    ethernet_frame(datagram.source, datagram.destination, &datagram.payload)
}

/// What a decoder knows after these datagrams.
fn state(datagrams: &[Datagram]) -> Vec<u8> {
    let mut decoder = Decoder::default();
    let mut out = Output::default();
    for Datagram { payload, source, time_ns, .. } in datagrams {
        let datagram =
            weir_codec::Datagram { payload, from: source.ip().into(), port: source.port(), stream: None, received: *time_ns };
        decoder.decode(&datagram, &mut out);
    }
    decoder.save()
}

/// Frames in a pcapng file: section header, interface description, enhanced packets.
fn pcapng(frames: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, content: &[u8]| {
        let length = (content.len().next_multiple_of(4) + 12) as u32;
        let mut padded = content.to_vec();
        padded.resize(content.len().next_multiple_of(4), 0);
        [&kind.to_le_bytes(), &length.to_le_bytes(), padded.as_slice(), &length.to_le_bytes()].concat()
    };
    // Byte-order magic, version 1.0, length of the section unknown; Ethernet, no snap length.
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let interface = [1, 0, 0, 0, 0, 0, 0, 0];
    let packets = frames.iter().flat_map(|frame| {
        let length = (frame.len() as u32).to_le_bytes();
        block(6, &[&[0; 12][..], &length, &length, frame].concat())
    });
    [block(0x0a0d_0d0a, &section), block(1, &interface), packets.collect()].concat()
}

/// A gzip file (RFC 1952) of one stored block (RFC 1951, section 3.2.4).
fn gzip(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    let checksum = !content.iter().fold(u32::MAX, |sum, octet| {
        (0..8).fold(sum ^ u32::from(*octet), |sum, _| sum >> 1 ^ (0xedb8_8320 & 0_u32.wrapping_sub(sum & 1)))
    });
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    [
        &head[..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        content,
        &checksum.to_le_bytes(),
        &u32::from(length).to_le_bytes(),
    ]
    .concat()
}

/// A Zstandard frame (RFC 8878) of one raw block; the content is longer than 256 octets.
fn zstd(content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u16).wrapping_sub(256).to_le_bytes();
    let [low, middle, high, _] = ((content.len() as u32) << 3 | 1).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, 0x60], &size[..], &[low, middle, high], content].concat()
}

pub(super) fn list<'a>(messages: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    messages.fold(Vec::new(), |mut list, message| {
        list.extend((message.len() as u16).to_be_bytes());
        list.extend(message);
        list
    })
}
