//! What carries the messages: files, compression, links, fragments, TCP.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use weir_testkit::PATIENCE;
use weir_wire::{IpHeader, Packet, Tcp};

use crate::make;
use crate::run::{File, command, weir, weir_reading};

/// The destination ports of the records in a capture, which number them.
fn numbers(capture: &[u8]) -> Vec<u64> {
    let run = weir_reading(&["decode", "-"], capture);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    run.records().iter().map(|record| record["dst_port"].as_u64().unwrap()).collect()
}

#[test]
fn captures_may_be_compressed_and_come_from_anywhere() {
    let plain = make::capture(&make::mixed());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let ten: Vec<u64> = (1..=10).collect();
    assert_eq!(numbers(&plain), ten);
    assert_eq!(numbers(&gzip.finish().unwrap()), ten);
    assert_eq!(numbers(&zstd::encode_all(plain.as_slice(), 1).unwrap()), ten);
}

#[test]
fn templates_are_kept_from_file_to_file() {
    let messages = make::mixed();
    let first = File::new("first.pcap", &make::capture(&messages[..1]));
    let second = File::new("second.pcap", &make::capture(&messages[1..]));
    assert_eq!(weir(&["decode", first.path(), second.path()]).records().len(), 10);
    // Data waits for a template that comes in a later file.
    assert_eq!(weir(&["decode", second.path(), first.path()]).records().len(), 10);
    assert_eq!(weir(&["decode", second.path(), "--format", "none"]).stdout, "0\n");
}

#[test]
fn rows_out_of_a_pipe_do_not_wait_for_more() {
    let start = make::capture(&[make::ipfix(0, &[make::flow_template(), make::flows([1])])]);
    // A frame without rows, as often as it takes.
    let more = make::capture(&[b"noise".to_vec()]).split_off(24);
    let mut child = command(&["decode", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    stdin.write_all(&start).unwrap();
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map(|_| line)
    });
    let begun = Instant::now();
    while !reader.is_finished() && begun.elapsed() < PATIENCE {
        stdin.write_all(&more).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(reader.is_finished(), "no row while the pipe is open");
    drop(stdin);
    let line = reader.join().unwrap().unwrap();
    assert!(line.contains("10.0.0.1") && child.wait().unwrap().success(), "{line}");
}

#[test]
fn every_link_layer_is_taken_off() {
    let message = make::ipfix(0, &[make::flow_template(), make::flows([1])]);
    let packet = make::udp(&message).into_bytes();
    let sll = [&[0; 14][..], &[8, 0], &packet].concat();
    let sll2 = [&[8, 0][..], &[0; 18], &packet].concat();
    let ppp = [&[0xff, 3, 0, 0x21][..], &packet].concat();
    let null = [&[2, 0, 0, 0][..], &packet].concat();
    let big_loop = [&[0, 0, 0, 2][..], &packet].concat();
    let links = [
        (1, make::ethernet(make::udp(&message))),
        (1, make::ethernet(make::udp(&message).vlan(5))),
        (101, packet),
        (113, sll),
        (276, sll2),
        (9, ppp),
        (0, null),
        (108, big_loop),
    ];
    for (link_type, frame) in links {
        assert_eq!(numbers(&make::pcap(link_type, &[frame])), [1], "link type {link_type}");
    }
    let unknown = weir_reading(&["decode", "-", "--stats"], &make::pcap(105, &[vec![0; 60]]));
    assert!(unknown.code == 0 && unknown.stderr.contains("1 frames have link type 105"), "{}", unknown.stderr);
}

#[test]
fn fragments_are_put_together() {
    let message = make::ipfix(0, &[make::flow_template(), make::flows(1..=200)]);
    let header = IpHeader { id: 77, ..IpHeader::new(make::EXPORTER, make::COLLECTOR) };
    let fragments = Packet::payload(&message).udp(50_000, 2055).fragments(&header, 1500);
    let mut frames: Vec<Vec<u8>> = fragments.into_iter().map(make::ethernet).collect();
    assert_eq!(frames.len(), 3);
    frames.reverse();
    assert_eq!(numbers(&make::pcap(1, &frames)).len(), 200);
    frames.pop();
    let run = weir_reading(&["decode", "-", "--stats"], &make::pcap(1, &frames));
    assert_eq!((&run.stats()["datagrams"], &run.stats()["faults"]), (&json!(0), &json!({ "incomplete_datagram": 1 })));
}

#[test]
fn ipfix_files_need_no_capture_around_them() {
    assert_eq!(numbers(&make::mixed().concat()), (1..=10).collect::<Vec<_>>());
}

/// The frames of a TCP stream that begins with a SYN, in segments of this length.
fn segments(stream: &[u8], length: usize) -> Vec<Vec<u8>> {
    let syn = make::tcp(99, Tcp::SYN, &[]);
    let rest = stream.chunks(length).enumerate().map(|(index, part)| make::tcp(100 + (index * length) as u32, 0, part));
    std::iter::once(syn).chain(rest).map(make::ethernet).collect()
}

#[test]
fn ipfix_over_tcp_is_cut_into_messages() {
    let ten: Vec<u64> = (1..=10).collect();
    let stream = make::mixed().concat();
    for length in [1, 7, 100, 1400] {
        assert_eq!(numbers(&make::pcap(1, &segments(&stream, length))), ten, "segments of {length} octets");
    }
    let mut disordered = segments(&stream, 20);
    disordered[2..].reverse();
    disordered.push(disordered[3].clone());
    assert_eq!(numbers(&make::pcap(1, &disordered)), ten);
}

#[test]
fn a_tcp_capture_may_begin_in_the_middle_of_a_message() {
    let messages: Vec<_> = (0..5).map(|index| make::ipfix(index, &[make::flow_template(), make::flows([index as u8])])).collect();
    let mut frames = segments(&messages.concat(), 50);
    frames.drain(..2);
    assert_eq!(numbers(&make::pcap(1, &frames)), [1, 2, 3, 4]);
}

#[test]
fn a_gap_in_a_tcp_stream_costs_what_is_in_it() {
    let messages: Vec<_> = (0..5).map(|index| make::ipfix(index, &[make::flow_template(), make::flows([index as u8])])).collect();
    let length = messages[0].len();
    let mut frames = segments(&messages.concat(), length);
    frames.remove(3);
    let run = weir_reading(&["decode", "-", "--stats"], &make::pcap(1, &frames));
    let ports: Vec<_> = run.records().iter().map(|record| record["dst_port"].as_u64().unwrap()).collect();
    assert_eq!((ports, &run.stats()["faults"]), (vec![0, 1, 3, 4], &json!({ "truncated": 1 })));
}

#[test]
fn other_tcp_streams_are_nobodys_fault() {
    let web = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(10_000);
    for from in [0, 3] {
        let run = weir_reading(&["decode", "-", "--stats"], &make::pcap(1, &segments(&web, 1400)[from..]));
        assert_eq!((run.code, &run.stats()["datagrams"], &run.stats()["faults"]), (0, &json!(0), &json!({})));
    }
}

#[test]
fn a_file_that_was_cut_gives_what_is_there_and_says_so() {
    let capture = make::capture(&make::mixed());
    let run = weir_reading(&["decode", "-"], &capture[..capture.len() - 10]);
    assert_eq!((run.code, run.records().len()), (0, 5));
    assert!(run.stderr.contains("standard input: truncated file at byte"), "{}", run.stderr);
}
