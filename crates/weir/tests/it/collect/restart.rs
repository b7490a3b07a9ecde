//! The service killed in the middle of its work: nothing that could be read is lost, nothing stands twice.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weir_testkit::PATIENCE;

use super::messages::netflow5;
use super::service::{Folder, Service, Stored};

/// So many records at the least stand in the store before a service is killed.
const STORED: usize = 100;

#[test]
fn killed_at_random_moments_it_loses_nothing_stored_and_doubles_nothing() {
    // A long run says so in the environment.
    let rounds = std::env::var("WEIR_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(6);
    let (folder, mut rng, mut sent) = (Folder::new(), weir_testkit::Rng::with_seed(11), 0);
    // What could be read in one of the rounds, with the round.
    let mut must: HashMap<u32, usize> = HashMap::new();
    for round in 0..rounds {
        // Small segments, so that files are made while it is killed.
        let mut service = Service::start(&folder, "", "segment_age = \"1s\"\n[collector]\ncommit_interval = \"200ms\"\n");
        let (done, address) = (AtomicBool::new(false), service.address);
        let (begun, life) = (Instant::now(), Duration::from_millis(rng.u64(1200..2200)));
        let wanted = must.len() + STORED;
        sent = std::thread::scope(|scope| {
            let sender = scope.spawn(|| send_until(&done, address, sent));
            // How soon records can be read is another question.
            while begun.elapsed() < life || must.len() < wanted {
                assert!(begun.elapsed() < PATIENCE, "{} of {wanted} records can be read in round {round}", must.len());
                for number in numbers(&Stored::read(&folder.store())) {
                    must.entry(number).or_insert(round);
                }
            }
            service.kill();
            done.store(true, Ordering::Relaxed);
            sender.join().unwrap()
        });
    }
    // It starts once more, and ends in order.
    Service::start(&folder, "", "").stop();
    let stored = Stored::read(&folder.store());
    let mut seen: HashMap<u32, u32> = HashMap::new();
    numbers(&stored).for_each(|number| *seen.entry(number).or_default() += 1);
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{} records stand more than once: {:?}", twice.len(), &twice[..twice.len().min(10)]);
    let missing: Vec<_> = must.iter().filter(|(number, _)| !seen.contains_key(number)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} records that could be read are missing, as (record, round): {:?}",
        missing.len(),
        must.len(),
        &missing[..missing.len().min(10)]
    );
    println!("{rounds} rounds, {sent} records sent, {} could be read before a kill, {} are stored", must.len(), seen.len());
}

/// The numbers of the records that are stored.
fn numbers(stored: &Stored) -> impl Iterator<Item = u32> + '_ {
    (0..stored.flows.rows()).map(|row| stored.flows.bytes.get(row).unwrap() as u32)
}

/// Sends records, each with a number of its own for its bytes; gives the number of the next one.
fn send_until(done: &AtomicBool, to: std::net::SocketAddr, first: u32) -> u32 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut number = first;
    while !done.load(Ordering::Relaxed) {
        // Refused once the service is gone.
        let _ = socket.send_to(&netflow5(number, number), to);
        number += 1;
        std::thread::sleep(Duration::from_micros(500));
    }
    number
}
