//! Strangers that make up exporters: what they can make grow has its limits and is counted, and the real exporters lose nothing.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use serde_json::Value;
use weir_testkit::wait_until;

use super::messages::{ipfix, netflow5, netflow9};
use super::service::{Exporter, Folder, Service, Stored};

/// Exporters that do not exist, one datagram each.
const FAKES: u32 = 100_000;

/// Real exporters, which send a record for each so many fakes.
const REAL: [u8; 3] = [1, 2, 3];
const FAKES_A_RECORD: u32 = 50;

/// Octets of memory that the service had at most.
fn most_memory(service: &Service) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn a_hundred_thousand_made_up_exporters_are_bounded_and_counted() {
    let folder = Folder::new();
    let console = weir_testkit::free_address();
    let more = format!("[collector]\nmax_sources = 1000\nworkers = 2\n\n[console]\nlisten = \"{console}\"\n");
    let service = Service::start(&folder, "", &more);
    let real = REAL.map(Exporter::new);
    // Templates are told once, at the beginning: who is forgotten for others would not be understood any more.
    let send_real = |sequence: u32| {
        real[0].send(&service, [&netflow9(sequence, sequence == 0, Some(1000 + sequence))[..]]);
        real[1].send(&service, [&ipfix(sequence, sequence == 0, Some(1000 + sequence))[..]]);
        real[2].send(&service, [&netflow5(sequence, 1000 + sequence)[..]]);
    };
    for number in 0..FAKES {
        if number % FAKES_A_RECORD == 0 {
            send_real(number / FAKES_A_RECORD);
        }
        // 127.1.0.0 and on.
        let fake = UdpSocket::bind((IpAddr::from((0x7f01_0000 + number).to_be_bytes()), 0)).unwrap();
        let message = match number % 4 {
            0 => netflow5(number, 7),
            1 => netflow9(number, true, Some(7)),
            2 => ipfix(number, true, Some(7)),
            // Data whose template never comes.
            _ => netflow9(number, false, Some(7)),
        };
        fake.send_to(&message, service.address).unwrap();
        if number % 64 == 63 {
            let port = service.address.port();
            wait_until("room for more", || weir_testkit::udp_backlog(port).is_none_or(|octets| octets < 100_000));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let records = FAKES / FAKES_A_RECORD;
    let datagrams = u64::from(FAKES + records * REAL.len() as u32);
    service.wait_for_counter("weir_decode_datagrams_total", datagrams);
    service.wait_for_counter("weir_source_known", 1000);
    let crowded = || service.counter("weir_source_crowded_datagrams_total");
    wait_until("all others are crowded", || crowded() >= u64::from(FAKES) - 1000);
    assert!(crowded() <= u64::from(FAKES), "{}", crowded());
    let of_real = |row: &Value| row["records"].as_u64() == Some(records.into());
    wait_until("all records of the real ones", || service.sources().iter().filter(|row| of_real(row)).count() == REAL.len());
    let sources = service.sources();
    assert_eq!(sources.len(), 1001, "a row each, and one of all others");
    let of = |exporter: &str| -> &Value { sources.iter().find(|row| row["exporter"] == exporter).unwrap() };
    for (number, protocol) in REAL.iter().zip(["netflow9", "ipfix", "netflow5"]) {
        let row = of(&format!("127.0.0.{number}"));
        assert_eq!((row["records"].as_u64(), &row["protocols"][0]), (Some(records.into()), &protocol.into()), "{row}");
    }
    let memory = most_memory(&service);
    assert!(memory < 1 << 30, "{} MiB", memory >> 20);
    let ended = service.stop();
    ended.check_identity();
    assert_eq!(
        (ended.count("datagrams"), ended.count("kernel_dropped"), ended.count("queue_dropped")),
        (datagrams, 0, 0),
        "nothing was lost on the way"
    );
    let stored = Stored::read(&folder.store());
    for number in REAL {
        let of_real =
            |row: &usize| stored.flows.exporter.get(*row).map(|from| from.to_ip()) == Some(IpAddr::from([127, 0, 0, number]));
        let mut bytes: Vec<_> =
            (0..stored.flows.rows()).filter(of_real).map(|row| stored.flows.bytes.get(row).unwrap()).collect();
        bytes.sort_unstable();
        let expected: Vec<_> = (0..records).map(|sequence| u64::from(1000 + sequence)).collect();
        assert!(bytes == expected, "127.0.0.{number}: {} of {records} records", bytes.len());
    }
    // Three of four fakes are understood.
    assert_eq!(stored.flows.rows() as u64, u64::from(FAKES / 4 * 3 + records * REAL.len() as u32));
    println!("{} MiB at most", memory >> 20);
}
