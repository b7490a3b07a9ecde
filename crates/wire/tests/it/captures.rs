//! Captures beside the workspace: where they are, and their packets.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use pcap_parser::{Block, PcapBlockOwned, PcapNGSlice, traits::PcapNGPacketBlock};
use weir_wire::Link;

/// The shared folder with captures and truth; `None`, with a word on it, when this machine has none.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()))
        .join("../../../shared");
    let folder = std::env::var_os("WEIR_SHARED").map_or(beside, PathBuf::from).join("captures");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no captures at {}", folder.display());
    None
}

/// Reads a truth file, which may be compressed.
pub(crate) fn truth(path: &Path) -> Vec<u8> {
    if let Ok(plain) = fs::read(path) {
        return plain;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    let mut text = Vec::new();
    GzDecoder::new(&*fs::read(name).unwrap()).read_to_end(&mut text).unwrap();
    text
}

/// One captured frame.
pub(crate) struct Frame {
    /// `None` for a link type that is not supported.
    pub(crate) link: Option<Link>,
    pub(crate) original_len: usize,
    pub(crate) bytes: Vec<u8>,
}

/// Reads the frames of a pcap or pcapng file, up to the first error.
pub(crate) fn frames(path: &Path) -> Vec<Frame> {
    let bytes = fs::read(path).unwrap();
    if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) { pcapng(&bytes) } else { pcap(&bytes) }
}

fn pcap(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let Ok((mut rest, header)) = pcap_parser::parse_pcap_header(bytes) else {
        return frames;
    };
    let link = Link::from_pcap(header.network.0 as u32);
    let next = if header.is_bigendian() { pcap_parser::parse_pcap_frame_be } else { pcap_parser::parse_pcap_frame };
    while let Ok((after, block)) = next(rest) {
        frames.push(Frame { link, original_len: block.origlen as usize, bytes: block.data.to_vec() });
        rest = after;
    }
    frames
}

fn pcapng(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut links = Vec::new();
    let Ok(blocks) = PcapNGSlice::from_slice(bytes) else {
        return frames;
    };
    for block in blocks {
        let Ok(block) = block else { break };
        match block {
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                links.clear();
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                links.push(Link::from_pcap(interface.linktype.0 as u32));
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => frames.push(Frame {
                link: links.get(packet.if_id as usize).copied().flatten(),
                original_len: packet.origlen as usize,
                bytes: packet.packet_data().to_vec(),
            }),
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => frames.push(Frame {
                link: links.first().copied().flatten(),
                original_len: packet.origlen as usize,
                bytes: packet.packet_data().to_vec(),
            }),
            _ => {}
        }
    }
    frames
}
