//! First inputs of the meter's fuzz targets: the first packets of captures beside the workspace, where they are.

use std::path::Path;

use weir_capture::CaptureFile;
use weir_wire::{Depth, Link, Walk, protocol};

use super::seeds::list;

/// Packets and octets taken of a capture: long inputs only take time.
const PACKETS: usize = 12;
const OCTETS: usize = 6_000;

/// Gives `put` the inputs of each capture: target, name and content.
pub(super) fn write(put: impl Fn(&str, &str, &[u8]) -> Result<(), String>) -> Result<(), String> {
    let Some(folder) = weir_testkit::shared_dir().map(|shared| shared.join("captures")) else {
        println!("skipped: no shared captures beside the workspace, so no inputs are made of them");
        return Ok(());
    };
    for (number, line) in weir_testkit::json_lines(&folder.join("truth/packets/summary.jsonl")).iter().enumerate() {
        let path = folder.join(line["file"].as_str().unwrap_or_default());
        let Some(capture) = Capture::read(&path) else { continue };
        let name = format!("capture-{number}");
        // Choices of nothing in particular; the second is the link type, among those that the target knows.
        put(
            "meter",
            &name,
            &[&[number as u8 & 1, capture.link], list(capture.frames.iter().map(Vec::as_slice)).as_slice()].concat(),
        )?;
        put(
            "export",
            &name,
            &[&[number as u8, 0, capture.link], list(capture.frames.iter().map(Vec::as_slice)).as_slice()].concat(),
        )?;
        if !capture.payloads.is_empty() {
            let target = if capture.is_stream { "meter_streams" } else { "meter_datagrams" };
            put(target, &name, &[&[0x48, 31], capture.payloads.as_slice()].concat())?;
        }
    }
    Ok(())
}

/// The beginning of a capture.
#[derive(Default)]
struct Capture {
    /// Its place among the link types of the target.
    link: u8,
    frames: Vec<Vec<u8>>,
    /// Payloads of its first connection, as a list whose heads tell the direction.
    payloads: Vec<u8>,
    is_stream: bool,
}

impl Capture {
    fn read(path: &Path) -> Option<Self> {
        let mut file = CaptureFile::open(path).ok()?;
        let mut capture = Self::default();
        let mut first = None;
        let (mut walk, mut octets) = (Walk::default(), 0);
        while let Ok(Some(frame)) = file.next() {
            let link = Link::from_pcap(frame.link_type.into())?;
            octets += frame.data.len();
            if capture.frames.len() >= PACKETS || octets > OCTETS {
                break;
            }
            // Ethernet, raw IP, Linux cooked (two versions), loopback (two).
            capture.link = [1, 101, 113, 276, 0, 108].iter().position(|number| *number == frame.link_type).unwrap_or(0) as u8;
            capture.frames.push(frame.data.to_vec());
            walk.read(link, frame.data, frame.original_len as usize, Depth::Inner);
            let (Some(ip), Some(transport)) = (walk.headers.ip, walk.headers.transport) else { continue };
            let payload = transport.payload(frame.data);
            if payload.is_empty() || !matches!(ip.protocol, protocol::TCP | protocol::UDP) {
                continue;
            }
            let ends = ((ip.src, transport.src_port), (ip.dst, transport.dst_port), ip.protocol);
            let (client, server, number) = *first.get_or_insert(ends);
            let direction = match ends {
                _ if ends == (client, server, number) => 0,
                _ if ends == (server, client, number) => 0x4000,
                _ => continue,
            };
            capture.is_stream = number == protocol::TCP;
            capture.payloads.extend((payload.len() as u16 & 0x3fff | direction).to_be_bytes());
            capture.payloads.extend(payload.get(..payload.len() & 0x3fff).unwrap_or_default());
        }
        (!capture.frames.is_empty()).then_some(capture)
    }
}
