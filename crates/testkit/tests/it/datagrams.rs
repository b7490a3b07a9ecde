//! Datagrams: of the shared captures against the truth, and of captures made from datagrams.

use std::io::Cursor;
use std::net::IpAddr;

use weir_capture::CaptureFile;
use weir_testkit::{Datagram, Rng, datagrams, datagrams_in, json_lines, pcap_of, shared_dir};

#[test]
fn export_datagrams_of_the_shared_captures_are_those_of_the_truth() {
    let Some(shared) = shared_dir() else {
        println!("skipped: no shared captures");
        return;
    };
    let captures = shared.join("captures");
    let mut compared = 0;
    let mut differences = Vec::new();
    for line in json_lines(&captures.join("truth/flow/summary.jsonl")) {
        let Some(listed) = line["datagrams_file"].as_str() else { continue };
        let name = line["file"].as_str().unwrap();
        let expected: Vec<(u64, IpAddr)> = json_lines(&captures.join(listed))
            .iter()
            .map(|datagram| (datagram["pkt"].as_u64().unwrap(), datagram["exp"].as_str().unwrap().parse().unwrap()))
            .collect();
        compared += expected.len();
        let found = datagrams(&captures.join(name));
        let seen: Vec<(u64, IpAddr)> =
            found.iter().map(|datagram| (datagram.frame, datagram.source.ip())).filter(|seen| expected.contains(seen)).collect();
        if seen != expected {
            differences.push(format!("{name}: {} datagrams, expected {}", seen.len(), expected.len()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared > 3000, "{compared} datagrams compared");
}

#[test]
fn datagrams_survive_being_framed() {
    let mut random = Rng::with_seed(7);
    let made: Vec<Datagram> = (1..=200)
        .map(|frame| {
            let (source, destination) = if random.bool() {
                ("192.0.2.1:2055", "198.51.100.7:4739")
            } else {
                ("[2001:db8::1]:6343", "[2001:db8::2]:9995")
            };
            Datagram {
                frame,
                time_ns: random.i64(0..4_000_000_000_000_000_000),
                source: source.parse().unwrap(),
                destination: destination.parse().unwrap(),
                payload: (0..random.usize(0..1500)).map(|_| random.u8(..)).collect(),
            }
        })
        .collect();
    let capture = CaptureFile::from_reader(Box::new(Cursor::new(pcap_of(&made))), "made").unwrap();
    assert_eq!(datagrams_in(capture), made);
}

#[test]
fn the_largest_datagram_fits() {
    let made = Datagram {
        frame: 1,
        time_ns: 0,
        source: "192.0.2.1:2055".parse().unwrap(),
        destination: "198.51.100.7:4739".parse().unwrap(),
        payload: vec![7; 65_507],
    };
    let capture = CaptureFile::from_reader(Box::new(Cursor::new(pcap_of([&made]))), "made").unwrap();
    assert_eq!(datagrams_in(capture), [made]);
}
