//! Flows sent to collectors: what arrives there, read by ourselves and by nfdump.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use serde_json::Value;
use weir_testkit::{Datagram, Nfcapd, PATIENCE, pcap_of};

use crate::collect::service::Folder;
use crate::make;
use crate::meter::connection;
use crate::run::{File, Run, weir, weir_reading};

/// A collector that keeps the datagrams that come.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    done: Arc<AtomicBool>,
    came: Arc<Mutex<Vec<Datagram>>>,
    reader: JoinHandle<()>,
}

impl Collector {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        // All that a test sends has room while this process is kept from reading: more than the system grants only where we may.
        if sockopt::set_socket_recv_buffer_size_force(&socket, 16 << 20).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, 16 << 20).unwrap();
        }
        let (address, done) = (socket.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let came = Arc::new(Mutex::new(Vec::new()));
        let (stop, datagrams) = (Arc::clone(&done), Arc::clone(&came));
        let reader = thread::spawn(move || {
            let mut buffer = [0; 65_536];
            loop {
                // Before it is looked for more: what comes between the two is read in the next round.
                let is_over = stop.load(Ordering::Relaxed);
                match socket.recv_from(&mut buffer) {
                    Ok((length, source)) => datagrams.lock().unwrap().push(Datagram {
                        frame: 0,
                        time_ns: i64::from(make::NOW) * 1_000_000_000,
                        source,
                        destination: address,
                        payload: buffer[..length].to_vec(),
                    }),
                    Err(_) if is_over => return,
                    Err(_) => {}
                }
            }
        });
        Self { address, done, came, reader }
    }

    /// What came, as `weir decode` reads it.
    pub(crate) fn decoded(self, flags: &[&str]) -> Run {
        decode(&self.datagrams(), flags)
    }

    /// The same of what came so far.
    pub(crate) fn decoded_so_far(&self, flags: &[&str]) -> Run {
        let came = self.came.lock().unwrap().clone();
        decode(&came, flags)
    }

    /// What came.
    fn datagrams(self) -> Vec<Datagram> {
        self.done.store(true, Ordering::Relaxed);
        self.reader.join().unwrap();
        std::mem::take(&mut *self.came.lock().unwrap())
    }
}

fn decode(datagrams: &[Datagram], flags: &[&str]) -> Run {
    weir_reading(&[&["decode", "-", "--stats"], flags].concat(), &pcap_of(datagrams))
}

/// A hundred connections.
fn capture(name: &str) -> File {
    let frames: Vec<_> = (0..100).flat_map(|index| connection(50_000 + index)).collect();
    File::new(name, &make::pcap(1, &frames))
}

fn sum(records: &[Value], name: &str) -> u64 {
    records.iter().filter_map(|record| record[name].as_u64()).sum()
}

#[test]
fn every_format_arrives_with_the_totals_that_were_metered() {
    let file = capture("formats.pcap");
    for format in ["ipfix", "netflow9", "netflow5", "fastnetmon"] {
        let collector = Collector::new();
        let url = format!("udp://{}?format={format}", collector.address);
        let run = weir(&["meter", "-r", file.path(), "--stats", "--export", &url]);
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
        let (stats, decoded) = (run.stats(), collector.decoded(&[]));
        let records = decoded.records();
        assert_eq!(decoded.stats()["faults"], serde_json::json!({}), "{format}");
        assert_eq!(records.len(), 200, "{format}");
        assert_eq!(sum(&records, "bytes"), stats["bytes"].as_u64().unwrap(), "{format}");
        assert_eq!(sum(&records, "packets"), 600, "{format}");
    }
}

#[test]
fn ipfix_carries_performance_and_applications() {
    let (file, collector) = (capture("fields.pcap"), Collector::new());
    let metered = weir(&["meter", "-r", file.path(), "--export", &format!("udp://{}", collector.address), "--format", "json"]);
    let (metered, decoded) = (metered.records(), collector.decoded(&[]).records());
    assert_eq!((metered.len(), decoded.len()), (200, 200));
    for (metered, decoded) in metered.iter().zip(&decoded) {
        for name in
            ["src_addr", "dst_port", "rtt", "srt", "retransmissions", "jitter_avg", "http_host", "http_status", "end_reason"]
        {
            assert_eq!((name, &metered[name]), (name, &decoded[name]));
        }
    }
}

#[test]
fn what_no_known_element_carries_goes_under_a_private_number() {
    let (file, collector) = (capture("private.pcap"), Collector::new());
    let url = format!("udp://{}?private_enterprise=64512&times=us", collector.address);
    let run = weir(&["meter", "-r", file.path(), "--stats", "--format", "json", "--export", &url]);
    assert_eq!(run.stats()["exports"][format!("udp://{}", collector.address)]["left_out"], 0, "{}", run.stderr);
    let (metered, decoded) = (run.stdout, collector.decoded(&["--private-enterprise", "64512"]).records());
    assert_eq!((metered.lines().count(), decoded.len()), (200, 200));
    for (metered, decoded) in metered.lines().zip(&decoded) {
        let metered: Value = serde_json::from_str(metered).unwrap();
        for (name, value) in metered.as_object().unwrap() {
            // How it came, and when, is the collector's to say.
            if !["time_received", "format"].contains(&name.as_str()) {
                assert_eq!((name, value), (name, &decoded[name]));
            }
        }
    }
}

#[test]
fn two_way_records_carry_both_halves() {
    let file = capture("biflow.pcap");
    // The enterprise number of reverse elements (RFC 5103, section 6.1), in a template.
    let reverse = 29_305_u32.to_be_bytes();
    let mut octets = Vec::new();
    for profile in ["uniflow", "biflow"] {
        let collector = Collector::new();
        let url = format!("udp://{}?profile={profile}", collector.address);
        let run = weir(&["meter", "-r", file.path(), "--stats", "--export", &url]);
        let datagrams = collector.datagrams();
        let has_reverse = datagrams.iter().any(|datagram| datagram.payload.windows(4).any(|window| window == reverse));
        assert_eq!(has_reverse, profile == "biflow");
        octets.push(datagrams.iter().map(|datagram| datagram.payload.len()).sum::<usize>());
        let records = decode(&datagrams, &[]).records();
        let halves = ["initiator", "responder"].map(|half| records.iter().filter(|record| record["biflow"] == half).count());
        assert_eq!(halves, [100, 100], "{profile}");
        assert_eq!(sum(&records, "bytes"), run.stats()["bytes"].as_u64().unwrap(), "{profile}");
        assert_eq!(sum(&records, "packets"), run.stats()["packets"].as_u64().unwrap(), "{profile}");
    }
    assert!(octets[1] * 10 < octets[0] * 8, "{octets:?}");
}

#[test]
fn an_endpoint_has_its_own_filter_and_sampling() {
    let (file, one, other) = (capture("endpoints.pcap"), Collector::new(), Collector::new());
    let filtered = format!("udp://{}?filter=src port 80", one.address);
    let sampled = format!("udp://{}?sampling=1/10&domain=9&profile=biflow", other.address);
    let run = weir(&["meter", "-r", file.path(), "--export", &filtered, "--export", &sampled]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let filtered = one.decoded(&[]).records();
    assert!(filtered.len() == 100 && filtered.iter().all(|record| record["src_port"] == 80));
    let sampled = other.decoded(&[]).records();
    // Ten connections, both directions of each, and what they stand for.
    assert_eq!(sampled.len(), 20);
    assert!(sampled.iter().all(|record| record["sampling_rate"] == 10 && record["obs_domain"] == 9), "{:?}", sampled[0]);
    assert_eq!(sampled.iter().filter(|record| record["biflow"] == "responder").count(), 10);
}

#[test]
fn an_endpoint_may_be_named_again() {
    let (file, collector) = (capture("again.pcap"), Collector::new());
    let urls = ["src port 80", "dst port 80"].map(|filter| format!("udp://{}?domain=1&filter={filter}", collector.address));
    // One domain from two sockets: sequence numbers are each exporter's own.
    let run = weir(&["meter", "-r", file.path(), "--stats", "--export", &urls[0], "--export", &urls[1]]);
    assert_eq!(run.stats()["exports"].as_object().unwrap().len(), 2, "{}", run.stderr);
    assert_eq!(collector.decoded(&[]).records().len(), 200);
}

#[test]
fn sampling_counts_halves_alone_as_connections() {
    let (file, collector) = (capture("halves.pcap"), Collector::new());
    let url = format!("udp://{}?filter=src port 80&sampling=10", collector.address);
    assert_eq!(weir(&["meter", "-r", file.path(), "--export", &url]).code, 0);
    assert_eq!(collector.decoded(&[]).records().len(), 10);
}

#[test]
fn options_data_tells_of_the_exporter() {
    let (file, collector) = (capture("options.pcap"), Collector::new());
    let url = format!("udp://{}", collector.address);
    assert_eq!(weir(&["meter", "-r", file.path(), "--sample", "1/2", "--export", &url]).code, 0);
    let told = collector.decoded(&["--kind", "options"]).records();
    assert!(told.iter().any(|record| record["values"]["samplingInterval"] == 2), "{told:?}");
    assert!(told.iter().any(|record| record["values"]["exportedMessageTotalCount"].is_number()), "{told:?}");
}

#[test]
fn a_stream_carries_whole_messages() {
    let file = capture("stream.pcap");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let reader = thread::spawn(move || {
        let mut octets = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut octets).unwrap();
        octets
    });
    let run = weir(&["meter", "-r", file.path(), "--stats", "--export", &url]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    // Messages one after the other are an IPFIX file (RFC 5655).
    let decoded = weir_reading(&["decode", "-", "--stats"], &reader.join().unwrap());
    assert_eq!(sum(&decoded.records(), "bytes"), run.stats()["bytes"].as_u64().unwrap());
    assert_eq!(decoded.records().len(), 200);
}

#[test]
fn a_collector_that_is_not_there_is_counted_and_no_reason_to_wait_for_ever() {
    let file = capture("nobody.pcap");
    let nobody = weir_testkit::free_address();
    let begun = Instant::now();
    let url = format!("tcp://{nobody}");
    let run = weir(&["meter", "-r", file.path(), "--stats", "--export", &url]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stats()["exports"][&url]["dropped_records"].as_u64().unwrap() > 0, "{}", run.stderr);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn endpoints_that_mean_nothing_are_refused() {
    let file = capture("refused.pcap");
    let cases = [
        ("192.0.2.1:4739", "expected udp://, tcp://, tls:// or dtls://"),
        ("udp://192.0.2.1?from=all", "from: all is what a service receives"),
        ("udp://192.0.2.1?fromat=ipfix", "fromat: unknown key; did you mean format?"),
        ("tcp://192.0.2.1?format=netflow9", "NetFlow v9 does not go over tcp; write udp://, or choose format ipfix"),
        ("udp://192.0.2.1?source=::1", "of the other IP version"),
        ("udp://192.0.2.1?filter=prt 80", "filter: "),
    ];
    for (url, expected) in cases {
        let run = weir(&["meter", "-r", file.path(), "--export", url]);
        assert!(run.code == 2 && run.stderr.contains(expected), "{url}: {}", run.stderr);
    }
}

#[test]
fn nfdump_reads_the_same_totals() {
    let (Some(_), Some(_)) = (version("nfcapd"), version("nfdump")) else {
        println!("skipped: no nfcapd and nfdump");
        return;
    };
    let file = capture("nfdump.pcap");
    for format in ["ipfix", "netflow9", "netflow5"] {
        let folder = Folder::new();
        let nfcapd = Nfcapd::start(&folder.0, &[]).expect("nfcapd comes with nfdump");
        let port = nfcapd.port();
        let run = weir(&["meter", "-r", file.path(), "--stats", "--export", &format!("udp://127.0.0.1:{port}?format={format}")]);
        nfcapd.stop();
        let output = Command::new("nfdump").arg("-R").arg(&folder.0).args(["-o", "csv"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let totals = (200, run.stats()["bytes"].as_u64().unwrap(), 600);
        let summary = text.lines().skip_while(|line| !line.starts_with("Summary")).nth(2).unwrap_or_default();
        let read: Vec<u64> = summary.split(',').take(3).filter_map(|number| number.parse().ok()).collect();
        assert_eq!(read, [totals.0, totals.1, totals.2], "{format}:\n{text}");
    }
}

fn version(program: &str) -> Option<()> {
    Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().ok().map(|_| ())
}

#[test]
fn a_file_goes_through_a_buffer_that_holds_a_part_of_it() {
    const CONNECTIONS: u16 = 10_000;
    let frames: Vec<_> = (0..CONNECTIONS).flat_map(|index| connection(20_000 + index)).collect();
    let file = File::new("large.pcap", &make::pcap(1, &frames));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}?buffer=1MiB", listener.local_addr().unwrap());
    let reader = thread::spawn(move || {
        let mut octets = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut octets).unwrap();
        octets
    });
    let begun = Instant::now();
    let run = weir(&["meter", "-r", file.path(), "--stats", "--export", &url]);
    // What was sent but is not known to have been read fills the buffer too, and is not waited for: that would take more than a minute.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let decoded = weir_reading(&["decode", "-", "--format", "none"], &reader.join().unwrap());
    assert_eq!(decoded.stdout.trim(), (2 * CONNECTIONS).to_string(), "{}", run.stderr);
}
