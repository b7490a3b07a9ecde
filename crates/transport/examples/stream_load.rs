//! Many connections that send FastNetMon Flow at a steady rate, for load tests of listeners.
//!
//! `stream_load HOST:PORT CONNECTIONS MESSAGES_A_SECOND_EACH SECONDS`
//!
//! Each connection is an exporter of its own by `agentIpAddress`: 10.0.0.1 and on. What a connection cannot take at its time is sent later, and how far behind the
//! slowest of them was is told at the end, in one JSON object. Needs the standard library alone: `rustc -O --edition 2024 stream_load.rs`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for measurements")]

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// How often each connection sends.
const TICK: Duration = Duration::from_millis(10);

struct Connection {
    stream: TcpStream,
    agent: [u8; 4],
    /// Messages that were made so far.
    made: u64,
    /// Octets that the kernel has not taken yet.
    waiting: Vec<u8>,
}

impl Connection {
    fn open(to: &str, number: u32) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, agent: (0x0a00_0001 + number).to_be_bytes(), made: 0, waiting: Vec::new() }
    }

    /// Makes messages up to so many in all, and sends what the kernel takes; gives how many octets it did not.
    fn send(&mut self, wanted: u64) -> usize {
        while self.made < wanted {
            self.waiting.extend_from_slice(&message(self.agent, self.made));
            self.made += 1;
        }
        let mut taken = 0;
        while taken < self.waiting.len() {
            match self.stream.write(&self.waiting[taken..]) {
                Ok(count) => taken += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.waiting.drain(..taken);
        self.waiting.len()
    }
}

/// A flow of IPv4 behind its length: segment table, root pointer, 12 words of data, 4 pointers that are null.
fn message(agent: [u8; 4], number: u64) -> [u8; 152] {
    let mut octets = [0; 152];
    octets[..8].copy_from_slice(&144_u64.to_le_bytes());
    octets[12..16].copy_from_slice(&17_u32.to_le_bytes());
    (octets[20], octets[22]) = (12, 4);
    let data = &mut octets[24..];
    (data[0], data[1], data[4], data[36], data[48]) = (3, 4, 1, 17, 1);
    data[8..12].copy_from_slice(&(0xc633_6400_u32 + number as u32 % 256).to_be_bytes());
    data[12..16].copy_from_slice(&[192, 0, 2, number as u8]);
    data[32..34].copy_from_slice(&(1024 + number as u16 % 30_000).to_le_bytes());
    data[34..36].copy_from_slice(&443_u16.to_le_bytes());
    data[40..48].copy_from_slice(&(100 + number % 1400).to_le_bytes());
    data[84..88].copy_from_slice(&agent);
    octets
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, numbers @ ..] = &arguments[..] else { panic!("HOST:PORT CONNECTIONS MESSAGES_A_SECOND_EACH SECONDS") };
    let number = |index: usize| -> u64 { numbers[index].parse().unwrap() };
    let (count, rate, seconds) = (number(0), number(1), number(2));
    let mut connections: Vec<_> = (0..count as u32).map(|number| Connection::open(to, number)).collect();
    let (begun, all) = (Instant::now(), rate * seconds);
    let mut behind = 0;
    loop {
        let wanted = (begun.elapsed().as_millis() as u64 * rate / 1000).min(all);
        let waiting = connections.iter_mut().map(|connection| connection.send(wanted)).max().unwrap();
        behind = behind.max(waiting);
        if wanted == all && waiting == 0 {
            break;
        }
        thread::sleep(TICK);
    }
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{{\"connections\":{count},\"messages\":{},\"seconds\":{took:.2},\"most_behind\":{}}}",
        count * all,
        behind / message([0; 4], 0).len()
    );
}
