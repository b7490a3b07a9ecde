//! Decodes random and mutated NetFlow v9 and IPFIX messages, so many MiB of each (1024 if not told), and says what it took.
//!
//! `cargo run --release -p weir-codec --example message_soak -- 1024`
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures")]

use std::time::Instant;

use weir_codec::{Config, Datagram, Decoder, Output};
use weir_record::Address;
use weir_testkit::Rng;

#[path = "../tests/it/template_mutations.rs"]
mod template_mutations;
use template_mutations::{captured, mutate, random};

/// Rows after which a batch is handed on, as the program does.
const BATCH: usize = 8192;

fn main() {
    let mebibytes = std::env::args().nth(1).map_or(1024, |word| word.parse().expect("a number of MiB"));
    let mut rng = Rng::with_seed(1);
    soak("random", mebibytes, |message| random(&mut rng, message));
    let seeds = captured();
    if !seeds.is_empty() {
        soak("mutated", mebibytes, |message| mutate(&mut rng, &seeds, message));
    }
}

/// Decodes messages as they are made, from ever new exporters.
fn soak(kind: &str, mebibytes: usize, mut make: impl FnMut(&mut Vec<u8>)) {
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let mut rng = Rng::with_seed(2);
    let (mut message, mut octets, mut largest, mut rows) = (Vec::new(), 0_usize, 0, 0);
    let start = Instant::now();
    while octets < mebibytes << 20 {
        make(&mut message);
        // Half from a few exporters, half from any address.
        let from = Address::v4(if rng.bool() { rng.u32(..100) } else { rng.u32(..) });
        let datagram = Datagram { payload: &message, from, port: rng.u16(..4), stream: None, received: octets as i64 * 1000 };
        decoder.decode(&datagram, &mut out);
        octets += message.len();
        rows += out.flows.rows() + out.options.rows();
        if out.flows.rows() >= BATCH || out.options.rows() >= BATCH {
            out.finish();
        }
        largest = largest.max(out.flows.memory());
        out.clear();
    }
    let stats = decoder.stats();
    let faults: Vec<_> = stats.faults.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    println!("{kind}: {mebibytes} MiB, {} messages, {rows} rows, {:.0} s", stats.datagrams, start.elapsed().as_secs_f64());
    println!("  largest batch {} MiB, peak resident memory {}", largest >> 20, peak_memory());
    println!("  faults: {}", faults.join(", "));
}

/// Of the whole run, as Linux tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown".into(), |peak| peak.trim().to_owned())
}
