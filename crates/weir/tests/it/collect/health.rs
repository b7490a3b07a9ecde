//! What is missing is known: gaps in sequence numbers, late datagrams, restarts, clocks, and times without the service.

use std::net::IpAddr;
use std::time::{Duration, Instant};
use weir_testkit::wait_until;

use super::messages::{ipfix, netflow5, netflow9, sflow};
use super::service::{Exporter, Folder, Service, Stored};

fn address(number: u8) -> Option<IpAddr> {
    Some(IpAddr::from([127, 0, 0, number]))
}

/// Numbers: in order, three missing, one late, one that began anew.
const GAP: [u32; 4] = [50_000, 50_001, 50_005, 50_006];
const LATE: [u32; 5] = [50_000, 50_001, 50_003, 50_002, 50_004];
const ANEW: [u32; 4] = [50_000, 50_001, 0, 1];

type Message = fn(u32) -> Vec<u8>;

#[test]
fn gaps_late_datagrams_and_restarts_are_told_apart() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", "");
    let protocols: [(Message, bool); 4] = [
        (|sequence| netflow5(sequence, 10), true),
        (|sequence| netflow9(sequence, true, Some(10)), false),
        (|sequence| ipfix(sequence, true, Some(10)), true),
        // The agent is the exporter; the address that sends does not count.
        (|sequence| sflow(0x7f00_0000 + 40 + sequence / 1_000_000, sequence % 1_000_000), false),
    ];
    for (number, (message, _)) in (0..).zip(&protocols) {
        for (place, numbers) in (0..).zip([&GAP[..], &LATE[..], &ANEW[..]]) {
            let is_sflow = number == 3;
            let messages = numbers.iter().map(|sequence| message(sequence + if is_sflow { place * 1_000_000 } else { 0 }));
            let messages: Vec<_> = messages.collect();
            Exporter::new((10 * (number + 1) + place) as u8).send(&service, messages.iter().map(Vec::as_slice));
        }
    }
    let ended = service.stop();
    ended.check_identity();
    let stored = Stored::read(&folder.store());
    for (number, (_, counts_records)) in (0..).zip(&protocols) {
        for (place, expected) in (0..).zip([[3, 0, 0], [0, 1, 0], [0, 0, 1]]) {
            let exporter = address(10 * (number + 1) + place);
            let records = stored.health(exporter, |health, row| health.lost_records.get(row));
            let datagrams = stored.health(exporter, |health, row| health.lost_datagrams.get(row));
            let reordered = stored.health(exporter, |health, row| health.reordered.get(row));
            let restarts = stored.health(exporter, |health, row| health.restarts.get(row));
            let (lost, other) = if *counts_records { (records, datagrams) } else { (datagrams, records) };
            assert_eq!(([lost, reordered, restarts], other), (expected, 0), "protocol {number}, {exporter:?}");
        }
    }
}

#[test]
fn two_devices_behind_one_address_are_no_loss() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", "");
    let exporter = Exporter::new(1);
    let turns: Vec<_> = (0..40).flat_map(|turn| [netflow5(turn, 10), netflow5(500_000 + turn, 10)]).collect();
    exporter.send(&service, turns.iter().map(Vec::as_slice));
    service.stop().check_identity();
    let stored = Stored::read(&folder.store());
    assert_eq!(stored.flows.rows(), 80);
    assert_eq!(stored.health(address(1), |health, row| health.lost_records.get(row)), 0);
    assert_eq!(stored.health(address(1), |health, row| health.sequence_unknown.get(row).map(u64::from)), 1);
}

#[test]
fn what_was_lost_while_the_service_was_stopped_in_order_is_known() {
    let folder = Folder::new();
    let exporter = Exporter::new(1);
    for sequences in [[0, 1], [7, 8]] {
        let service = Service::start(&folder, "", "");
        let messages = sequences.map(|sequence| netflow9(sequence, true, Some(1)));
        exporter.send(&service, messages.iter().map(Vec::as_slice));
        service.stop().check_identity();
    }
    let stored = Stored::read(&folder.store());
    assert_eq!(stored.health(address(1), |health, row| health.lost_datagrams.get(row)), 5);
}

#[test]
fn time_without_the_service_is_known() {
    let (folder, mut up) = (Folder::new(), Duration::ZERO);
    let begun = Instant::now();
    for _ in 0..2 {
        let service = Service::start(&folder, "", "");
        let listening = Instant::now();
        std::thread::sleep(Duration::from_secs(2));
        up += listening.elapsed();
        service.stop().check_identity();
        std::thread::sleep(Duration::from_secs(2));
    }
    let whole = begun.elapsed();
    let told = Duration::from_micros(Stored::read(&folder.store()).health(None, |health, row| health.up.get(row)));
    // Not less than it was, and not what it was not: the pauses, and the time to start and to end.
    assert!(
        told >= up - Duration::from_millis(100) && told <= whole - Duration::from_secs(4),
        "{told:?}, up {up:?} of {whole:?}"
    );
}

#[test]
fn rows_of_health_come_while_the_service_runs() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", "");
    let exporter = Exporter::new(1);
    exporter.send(&service, [&netflow5(0, 10)[..]]);
    let datagrams = || Stored::read(&folder.store()).health(address(1), |health, row| health.datagrams.get(row));
    wait_until("a row", || datagrams() > 0);
    service.stop().check_identity();
    let stored = Stored::read(&folder.store());
    assert_eq!(stored.health(address(1), |health, row| health.datagrams.get(row)), 1, "each datagram once, however many rows");
}
