//! Ports for programs that tests start, which nobody else takes meanwhile, and what waits at a port.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to whoever does not care which: nobody else takes one of these between the moment a test learns of it and the moment its
/// program listens there.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// An address of this machine, 127.0.0.1, whose port nobody has, for TCP nor for UDP, and nobody gets before somebody asks for just this one. Each call gives
/// another.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Several test programs may run side by side, mostly with numbers close to one another.
    let start = (std::process::id() % u32::from(COUNT)) * 7919 % u32::from(COUNT);
    for _ in 0..COUNT {
        let place = (start + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % u32::from(COUNT);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + place as u16));
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port from {FIRST} to {} is free", FIRST + COUNT - 1)
}

/// Octets, with what the kernel adds for each, that wait for whoever is bound to this UDP port of this machine (this network namespace); none where nobody is. To
/// try whether the port is free would take it from a program that is about to bind.
pub fn udp_backlog(port: u16) -> Option<u64> {
    // "sl local_address rem_address st tx_queue:rx_queue ...", numbers in hexadecimal (proc(5)).
    let of_line = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next()?.rsplit(':').next()?;
        let queues = words.nth(2)?.rsplit(':').next()?;
        (u16::from_str_radix(local, 16) == Ok(port)).then(|| u64::from_str_radix(queues, 16).ok())?
    };
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(of_line).reduce(|all, more| all + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_free_port_is_another_and_can_be_bound() {
        let (one, two) = (free_address(), free_address());
        assert_ne!(one, two);
        assert_eq!(udp_backlog(one.port()), None);
        let held = UdpSocket::bind(one).unwrap();
        assert_eq!(udp_backlog(one.port()), Some(0));
        held.send_to(&[0; 100], one).unwrap();
        assert!(udp_backlog(one.port()) > Some(99));
        TcpListener::bind(two).unwrap();
    }
}
