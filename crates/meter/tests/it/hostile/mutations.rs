//! Packets of captures gone wrong: every region of their octets changed, cut anywhere, longer than they are; and octets at random.

use std::path::PathBuf;

use weir_capture::CaptureFile;
use weir_meter::{Applications, Config, Packet};
use weir_testkit::{Rng, json_lines};
use weir_wire::Link;

use super::{Attack, BEGIN, MILLISECOND, SECOND};
use crate::captures::captures_dir;

/// Frames taken of a capture.
const FRAMES: usize = 80;
/// Octets of a region, of which one is changed.
const REGION: usize = 12;
/// Changed copies of a frame; the next frame goes on with the regions behind.
const COPIES: usize = 6;

#[test]
fn packets_of_captures_gone_wrong_are_all_counted() {
    let Some(folder) = captures_dir() else { return };
    let mut rng = Rng::with_seed(3);
    let mut given = 0;
    for (number, path) in captures(&folder).enumerate() {
        let mut attack = Attack::new(config(number));
        given += mutate(&path, &mut attack, &mut rng);
        attack.end();
    }
    assert!(given > 100_000, "{given}");
}

#[test]
fn octets_at_random_are_all_counted() {
    let mut rng = Rng::with_seed(4);
    let mut octets = vec![0; 200];
    for (number, link) in [1, 101, 113, 276, 0, 108].into_iter().filter_map(Link::from_pcap).enumerate() {
        let mut attack = Attack::new(config(number));
        for time in 0..20_000 {
            rng.fill(&mut octets);
            // Most begin like packets, or little else than their first octets would be looked at.
            if rng.u8(..) < 200 {
                octets[0] = if rng.bool() { 0x45 } else { 0x60 };
                octets[9] = [1, 6, 17, 41, 47][rng.usize(..5)];
                octets[6] = [6, 17, 44, 0, 60][rng.usize(..5)];
                octets[2] = 0;
            }
            let data = &octets[..rng.usize(..=octets.len())];
            let original_len = data.len() + rng.usize(..100);
            let segment_size = if rng.u8(..) < 10 { rng.u16(..) } else { 0 };
            attack.push(&Packet { time: time * MILLISECOND, link, data, original_len, interface: rng.u32(..3), segment_size });
        }
        assert!(attack.end().packets >= 20_000);
    }
}

/// All packet captures, those of malformed datagrams too.
#[expect(clippy::disallowed_methods, reason = "a test that reads files")]
fn captures(folder: &std::path::Path) -> impl Iterator<Item = PathBuf> {
    let named = json_lines(&folder.join("truth/packets/summary.jsonl")).into_iter();
    let malformed = std::fs::read_dir(folder.join("malformed")).unwrap().map(|entry| entry.unwrap().path());
    let named: Vec<_> = named.map(|line| folder.join(line["file"].as_str().unwrap())).collect();
    named.into_iter().chain(malformed.filter(|path| path.extension().is_some_and(|extension| extension == "pcap")))
}

/// Everything is switched on in turn.
fn config(number: usize) -> Config {
    let keep_all = Applications { url_queries: true, sql_text: true, mail_addresses: true };
    Config {
        max_flows: [3, 50, 1_000_000][number % 3],
        decapsulate: number & 1 == 0,
        key_vlan: number & 2 != 0,
        key_interface: number & 4 != 0,
        histograms: number & 8 != 0,
        applications: Some(if number & 16 == 0 { keep_all } else { Applications::default() }),
        inactive_timeout: if number & 32 == 0 { SECOND } else { 30 * SECOND },
        ..Config::default()
    }
}

/// Gives the meter the first frames of a capture, each behind copies of it in which something is wrong. Gives their number.
fn mutate(path: &std::path::Path, attack: &mut Attack, rng: &mut Rng) -> usize {
    let Ok(mut file) = CaptureFile::open(path) else { return 0 };
    let (mut given, mut region) = (0, 0);
    for frame_number in 0..FRAMES {
        let Ok(Some(frame)) = file.next() else { break };
        let Some(link) = Link::from_pcap(frame.link_type.into()) else { continue };
        let time = BEGIN + frame_number as i64 * MILLISECOND;
        let original_len = frame.original_len as usize;
        let whole = Packet { time, link, data: frame.data, original_len, interface: 0, segment_size: 0 };
        attack.push(&whole);
        let mut changed = frame.data.to_vec();
        for _ in 0..COPIES.min(changed.len()) {
            region = (region + REGION) % changed.len();
            let place = (region + rng.usize(..REGION)).min(changed.len() - 1);
            let octet = changed[place];
            changed[place] = if rng.bool() { octet ^ 1 << rng.u8(..8) } else { rng.u8(..) };
            let end = if rng.u8(..4) == 0 { rng.usize(..=changed.len()) } else { changed.len() };
            attack.push(&Packet { data: &changed[..end], original_len: original_len.max(end), ..whole });
            given += 1;
            // What is wrong stays now and then, and comes together with what is wrong next.
            if rng.bool() {
                changed[place] = octet;
            }
        }
        given += 1;
    }
    given
}
