//! The service killed in the middle of its work: nothing that was durable is lost, nothing stands twice.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::messages::netflow5;
use super::service::{Folder, Service, Stored};

/// Received so long before the end, a record is durable: a quarter of a second to gather a batch, and the commit interval.
const DURABLE_AFTER: Duration = Duration::from_millis(1000);

#[test]
fn killed_at_random_moments_it_loses_nothing_durable_and_doubles_nothing() {
    // A long run says so in the environment.
    let rounds = std::env::var("WEIR_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(6);
    let (folder, mut rng, mut sent) = (Folder::new(), weir_testkit::Rng::with_seed(11), HashMap::new());
    let mut must = Vec::new();
    for round in 0..rounds {
        // Small segments, so that files are made while it is killed.
        let mut service = Service::start(&folder, "", "segment_age = \"1s\"\n[collector]\ncommit_interval = \"200ms\"\n");
        let (done, address) = (AtomicBool::new(false), service.address);
        let life = Duration::from_millis(rng.u64(1200..2200));
        let times = std::thread::scope(|scope| {
            let sender = scope.spawn(|| send_until(&done, address, sent.len() as u32));
            std::thread::sleep(life);
            service.kill();
            let killed = Instant::now();
            done.store(true, Ordering::Relaxed);
            let times = sender.join().unwrap();
            must.extend(times.iter().filter(|(_, at)| killed.duration_since(*at) > DURABLE_AFTER).map(|(number, _)| *number));
            times
        });
        sent.extend(times.into_iter().map(|(number, _)| (number, round)));
    }
    // It starts once more, and ends in order.
    Service::start(&folder, "", "").stop();
    let stored = Stored::read(&folder.store());
    let mut seen: HashMap<u32, u32> = HashMap::new();
    for row in 0..stored.flows.rows() {
        *seen.entry(stored.flows.bytes.get(row).unwrap() as u32).or_default() += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{} records stand more than once: {:?}", twice.len(), &twice[..twice.len().min(10)]);
    let missing: Vec<_> = must.iter().filter(|number| !seen.contains_key(number)).map(|number| (number, sent[number])).collect();
    assert!(
        missing.is_empty(),
        "{} of {} durable records are missing, as (record, round): {:?}",
        missing.len(),
        must.len(),
        &missing[..missing.len().min(10)]
    );
    assert!(must.len() > rounds as usize * 100, "only {} records were durable", must.len());
    println!("{rounds} rounds, {} records sent, {} durable, {} stored", sent.len(), must.len(), seen.len());
}

/// Sends records, each with a number of its own for its bytes, and says when each was sent.
fn send_until(done: &AtomicBool, to: std::net::SocketAddr, first: u32) -> Vec<(u32, Instant)> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut times = Vec::new();
    for number in first.. {
        if done.load(Ordering::Relaxed) {
            break;
        }
        // Refused once the service is gone; that is known by its time.
        let _ = socket.send_to(&netflow5(number, number), to);
        times.push((number, Instant::now()));
        std::thread::sleep(Duration::from_micros(500));
    }
    times
}
