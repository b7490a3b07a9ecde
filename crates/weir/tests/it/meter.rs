//! `weir meter` of files: totals, forms of output, what is refused.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use weir_testkit::wait_until;
use weir_wire::{IpHeader, Packet, Tcp, TcpHeader};

use crate::make;
use crate::run::{File, command, weir, weir_reading};

/// A connection of six packets over 20 ms: handshake, request, answer, two segments that close it.
pub(crate) fn connection(port: u16) -> Vec<Vec<u8>> {
    let request = b"GET /path?secret=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (asked, answered) = (1001 + request.len() as u32, 5001 + answer.len() as u32);
    let to_server = |seq, ack, flags, payload: &[u8]| segment(true, port, seq, ack, flags, payload);
    let to_client = |seq, ack, flags, payload: &[u8]| segment(false, port, seq, ack, flags, payload);
    vec![
        to_server(1000, 0, Tcp::SYN, b""),
        to_client(5000, 1001, Tcp::SYN | Tcp::ACK, b""),
        to_server(1001, 5001, Tcp::ACK, b""),
        to_server(1001, 5001, Tcp::ACK, request),
        to_client(5001, asked, Tcp::ACK | Tcp::FIN, answer),
        to_server(asked, answered + 1, Tcp::ACK | Tcp::FIN, b""),
    ]
}

fn segment(to_server: bool, port: u16, seq: u32, ack: u32, flags: u16, payload: &[u8]) -> Vec<u8> {
    let (client, server) = (make::EXPORTER, make::COLLECTOR);
    let (ports, ends) = if to_server { ((port, 80), (client, server)) } else { ((80, port), (server, client)) };
    let header = TcpHeader { src_port: ports.0, dst_port: ports.1, seq, ack, flags, ..TcpHeader::default() };
    make::ethernet(Packet::payload(payload).tcp(&header).ip(&IpHeader::new(ends.0, ends.1)))
}

/// Layer-3 octets of frames.
pub(crate) fn layer3(frames: &[Vec<u8>]) -> u64 {
    frames.iter().map(|frame| frame.len() as u64 - 14).sum()
}

#[test]
fn a_connection_becomes_two_records_with_performance_and_application() {
    let frames = connection(50_000);
    let run = weir_reading(&["meter", "-r", "-", "--stats"], &make::pcap(1, &frames));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = json!({
        "packets": 6, "packets_unparsed": 0, "bytes": layer3(&frames), "flows": 2, "flows_evicted": 0, "fragments": 0, "faults": {}
    });
    assert_eq!(run.stats(), expected);
    let records = run.records();
    assert_eq!(records.len(), 2);
    let [client, server] = [&records[0], &records[1]];
    assert_eq!((&client["biflow"], &server["biflow"]), (&json!("initiator"), &json!("responder")));
    assert_eq!((&client["packets"], &server["packets"]), (&json!(4), &json!(2)));
    assert_eq!(client["bytes"].as_u64().unwrap() + server["bytes"].as_u64().unwrap(), layer3(&frames));
    assert_eq!(client["src_addr"], server["dst_addr"]);
    // Frames are a millisecond apart.
    for record in &records {
        let expected =
            [("rtt", json!(2000)), ("srt", json!(1000)), ("http_host", json!("shop.example")), ("http_status", json!(200))];
        for (name, value) in expected {
            assert_eq!(record[name], value, "{name}");
        }
        assert_eq!(record["http_path"], "/path", "what people asked for is kept only when it is switched on");
    }
}

#[test]
fn what_is_kept_and_measured_can_be_chosen() {
    let capture = File::new("chosen.pcap", &make::pcap(1, &connection(50_000)));
    let first = |flags: &[&str]| {
        let run = weir(&[&["meter", "-r", capture.path()], flags].concat());
        assert_eq!(run.code, 0, "{flags:?}: {}", run.stderr);
        run.records()[0].clone()
    };
    assert_eq!(first(&["--keep", "url-queries"])["http_path"], "/path?secret=1");
    let bare = first(&["--no-performance", "--no-applications"]);
    assert_eq!((&bare["rtt"], &bare["http_host"]), (&Value::Null, &Value::Null));
    assert!(first(&["--histograms"])["srt_hist"].is_array());
    assert_eq!(first(&["--sample", "connections:1/1"])["packets"], 4);
    let sampled = weir(&["meter", "-r", capture.path(), "--sample", "1/2", "--stats"]);
    assert_eq!((&sampled.stats()["packets"], &sampled.records()[0]["sampling_rate"]), (&json!(3), &json!(2)));
    assert_eq!(sampled.records()[0]["rtt"], Value::Null);
}

#[test]
fn files_are_one_stream_of_time() {
    let frames = connection(50_000);
    let (first, second) =
        (File::new("one.pcap", &make::pcap(1, &frames[..3])), File::new("two.pcap", &make::pcap(1, &frames[3..])));
    for files in [&["-r", first.path(), "-r", second.path()][..], &["-r", first.path(), second.path()]] {
        let run = weir(&[&["meter"], files, &["--format", "none"]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (0, "2\n"), "{}", run.stderr);
    }
}

#[test]
fn forms_of_output_hold_the_same_flows() {
    let frames: Vec<_> = (0..10).flat_map(|index| connection(50_000 + index)).collect();
    let capture = File::new("forms.pcap", &make::pcap(1, &frames));
    let text = |flags: &[&str]| weir(&[&["meter", "-r", capture.path()], flags].concat()).stdout;
    assert_eq!(text(&["--format", "none"]), "20\n");
    assert_eq!(text(&["--format", "json"]).lines().count(), 20);
    let csv = text(&["--format", "csv", "--columns", "src_port,dst_port,bytes"]);
    assert_eq!((csv.lines().next(), csv.lines().count()), (Some("src_port,dst_port,bytes"), 21));
    assert!(text(&["--format", "table"]).lines().next().unwrap().starts_with("Start "));
    assert_eq!(text(&["--filter", "src port 80", "--format", "none"]), "10\n");
    assert_eq!(text(&["--limit", "3", "--format", "none"]), "3\n");
}

#[test]
fn frames_are_chosen_by_a_packet_filter() {
    let mut frames = connection(50_000);
    frames.extend(connection(50_001));
    let capture = File::new("bpf.pcap", &make::pcap(1, &frames));
    let run = weir(&["meter", "-r", capture.path(), "--bpf", "port 50001", "--stats"]);
    if run.stderr.contains("libpcap") {
        println!("skipped: no libpcap");
        return;
    }
    assert_eq!((run.code, &run.stats()["packets"]), (0, &json!(6)));
    let refused = weir(&["meter", "-r", capture.path(), "--bpf", "prot 1"]);
    assert!(refused.code == 2 && refused.stderr.contains("prot 1"), "{}", refused.stderr);
}

#[test]
fn exit_codes_tell_how_it_ended() {
    let file = File::new("metered.pcap", &make::pcap(1, &connection(50_000)));
    let codes: [(&[&str], i32, &str); 15] = [
        (&["meter", "-r", file.path(), "--filter", "port 80"], 0, ""),
        (&["meter", "-r", file.path(), "--filter", "port 99"], 1, ""),
        (&["meter", "-r", "/no/such/file"], 3, "/no/such/file: cannot open the file"),
        (&["meter", "-r", "/no/such/file", "-r", file.path()], 3, "cannot open"),
        (&["meter"], 2, "--read <FILE>..."),
        (&["meter", "-r", "-", "-r", "-"], 2, "read once"),
        (&["meter", "-r", file.path(), "-i", "lo"], 2, "cannot be used with"),
        (&["meter", "-r", file.path(), "--filter", "src_adr = 1"], 2, "did you mean `src_addr`?"),
        (&["meter", "-r", file.path(), "--active-timeout", "60"], 2, "as in 500ms, 30s, 5m"),
        (&["meter", "-r", file.path(), "--sample", "half"], 2, "connections:1/N"),
        (&["meter", "-r", file.path(), "--max-flows", "0"], 2, "--max-flows: 0, expected 1 or more"),
        (&["meter", "-r", file.path(), "--max-flows", "18446744073709551615"], 2, "at most 2147483648"),
        // Enough is enough: the file behind is not opened.
        (&["meter", "-r", file.path(), "-r", "/no/such/file", "--limit", "0"], 0, ""),
        (&["meter", "-r", file.path(), "--no-applications", "--keep", "sql-text"], 2, "--keep: "),
        (&["meter", "-i", "no-such-if"], 3, "no interface `no-such-if`"),
    ];
    for (arguments, code, said) in codes {
        let run = weir(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{arguments:?}: {}", run.stderr);
    }
}

/// A pipe that has brought a whole connection and a packet of later, and is silent since.
#[test]
fn a_silent_pipe_holds_back_neither_flows_nor_the_end() {
    let frames = connection(50_000);
    let mut input = make::pcap(1, &frames);
    // Long after the connection has ended: the same again, a minute later by the clock of the capture.
    let again = make::pcap(1, &connection(50_001));
    let mut later = again[24..].to_vec();
    let record = 16 + frames[0].len();
    let seconds = u32::from_le_bytes(later[..4].try_into().unwrap()) + 60;
    later[..4].copy_from_slice(&seconds.to_le_bytes());
    input.extend_from_slice(&later[..record]);

    let mut child = command(&["meter", "-r", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&input).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Would never come if the pipe had to speak first.
    assert!(lines.next().unwrap().unwrap().contains("50000"));
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!((code, lines.count()), (Some(0), 2), "the other half, and the flow that was open");
    drop(stdin);
}

#[test]
fn a_pipe_that_says_nothing_can_be_stopped() {
    let mut child = command(&["meter", "-r", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    wait_until("it takes signals", || takes_signals(child.id()));
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

/// Whether this process catches SIGINT, which it does once it catches SIGTERM as well: before, a signal ends it without a word.
fn takes_signals(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    // Signal 2.
    u64::from_str_radix(caught.trim(), 16).unwrap() & 0b10 != 0
}

#[test]
fn an_export_in_vain_is_said_and_ends_with_failure() {
    let file = File::new("vain.pcap", &make::pcap(1, &connection(50_000)));
    let closed = weir_testkit::free_address();
    let urls =
        ["udp://nonexist.invalid:4739".to_owned(), format!("tcp://{closed}"), "udp://127.0.0.1:9?source=192.0.2.77".to_owned()];
    let runs = std::thread::scope(|scope| {
        urls.each_ref()
            .map(|url| scope.spawn(|| weir(&["meter", "-r", file.path(), "--export", url])))
            .map(|run| run.join().unwrap())
    });
    for run in runs {
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert_eq!(run.stderr.matches("cannot be reached").count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains("nothing was sent, ") && run.stderr.contains("records were dropped"), "{}", run.stderr);
    }
}

#[test]
fn refused_datagrams_are_said_and_no_failure() {
    let frames: Vec<_> = (0..100).flat_map(|index| connection(50_000 + index)).collect();
    let file = File::new("nobody-listens.pcap", &make::pcap(1, &frames));
    let closed = weir_testkit::free_address();
    let run = weir(&["meter", "-r", file.path(), "--export", &format!("udp://{closed}")]);
    assert_eq!((run.code, run.stderr.matches("refuses datagrams").count()), (0, 1), "{}", run.stderr);
}

#[test]
fn interfaces_are_listed() {
    let run = weir(&["meter", "--list-interfaces"]);
    assert!(run.code == 0 && run.stdout.lines().any(|line| line.starts_with("lo ")), "{}{}", run.stdout, run.stderr);
}

#[test]
fn every_shared_packet_capture_is_metered_to_its_end() {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: no shared captures");
        return;
    };
    let mut read = 0;
    for folder in std::fs::read_dir(shared.join("captures/packets")).unwrap().map(|entry| entry.unwrap().path()) {
        for path in std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            let run = weir(&["meter", "-r", path.to_str().unwrap(), "--stats"]);
            let broken = folder.ends_with("malformed");
            assert!(run.code == 0 || broken && run.code == 3, "{}: {}", path.display(), run.stderr);
            let (stats, records) = (run.stats(), run.records());
            let sum = |name: &str| records.iter().filter_map(|record| record[name].as_u64()).sum::<u64>();
            let counted = |name: &str| stats[name].as_u64().unwrap();
            assert_eq!(counted("flows"), records.len() as u64, "{}", path.display());
            assert_eq!(counted("packets") - counted("packets_unparsed"), sum("packets"), "{}", path.display());
            assert_eq!(counted("bytes"), sum("bytes"), "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 100, "{read} captures");
}
