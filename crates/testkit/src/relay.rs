//! A packet relay between two interfaces that delays and loses packets, for kernels that have no such queue (netem).
//!
//! It needs the right to open packet sockets. The interfaces are ends of veth pairs whose other ends talk to each other through it; those should send no
//! super-packets (`ip link set dev NAME gso_max_segs 1`). Checksums that the sending kernel left to the interface are filled in.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrLike, bind, recvfrom, send, setsockopt, socket,
    sockopt,
};

use crate::Rng;
use crate::datagrams::checksum;

/// A relay that runs until it is stopped or dropped.
pub struct Relay {
    stop: Arc<AtomicBool>,
    directions: Vec<JoinHandle<Relayed>>,
}

/// What became of the frames of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Frames sent on.
    pub passed: u64,
    /// Frames lost on purpose.
    pub lost: u64,
}

/// What the relay does to each direction.
#[derive(Debug, Clone, Copy)]
pub struct Impairment {
    /// How long each frame is held.
    pub delay: Duration,
    /// The chance that an IP packet is lost, 0 to 1.
    pub loss: f64,
    /// Seed of the choice.
    pub seed: u64,
}

/// Octets that may wait for the relay.
const RECEIVE_BUFFER: usize = 64 << 20;

/// How often the relay looks for frames: an addition to the delay.
const LOOK: Duration = Duration::from_micros(100);

impl Relay {
    /// Relays between these two interfaces, both ways.
    pub fn start(one: &str, other: &str, impairment: Impairment) -> io::Result<Self> {
        let (one, other) = (Arc::new(open(one)?), Arc::new(open(other)?));
        let stop = Arc::new(AtomicBool::new(false));
        let direction = |from: &Arc<OwnedFd>, to: &Arc<OwnedFd>, seed| {
            let (from, to, stop) = (Arc::clone(from), Arc::clone(to), Arc::clone(&stop));
            thread::spawn(move || relay(&from, &to, Impairment { seed, ..impairment }, &stop))
        };
        let directions = vec![direction(&one, &other, impairment.seed), direction(&other, &one, impairment.seed + 1)];
        Ok(Self { stop, directions })
    }

    /// Stops, and says what became of the frames: of those from the first interface to the second, then back.
    pub fn stop(mut self) -> Vec<Relayed> {
        self.stop.store(true, Ordering::Relaxed);
        self.directions.drain(..).map(|direction| direction.join().expect("a direction does not panic")).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A packet socket on this interface.
fn open(name: &str) -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_NONBLOCK, SockProtocol::EthAll)?;
    let address = getifaddrs()?.filter(|found| found.interface_name == name).find_map(|found| {
        let address = found.address?;
        (address.family() == Some(AddressFamily::Packet)).then(|| *address.as_link_addr().expect("it is of this family"))
    });
    let address = address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no interface {name}")))?;
    // Bursts come faster than a thread is woken; what the relay loses, it loses on purpose.
    setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)?;
    bind(socket.as_raw_fd(), &address)?;
    Ok(socket)
}

fn relay(from: &OwnedFd, to: &OwnedFd, impairment: Impairment, stop: &AtomicBool) -> Relayed {
    let mut rng = Rng::with_seed(impairment.seed);
    let mut held: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut done = Relayed::default();
    let mut buffer = vec![0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        while let Some((due, frame)) = held.front()
            && *due <= Instant::now()
        {
            // A peer that is gone loses what comes for it.
            let _ = send(to.as_raw_fd(), frame, MsgFlags::empty());
            done.passed += 1;
            held.pop_front();
        }
        match recvfrom::<LinkAddr>(from.as_raw_fd(), &mut buffer) {
            Ok((length, _)) => {
                let mut frame = buffer[..length].to_vec();
                let is_ip = frame.get(12..14) == Some(&[0x08, 0x00]);
                if is_ip && rng.f64() < impairment.loss {
                    done.lost += 1;
                    continue;
                }
                fill_checksum(&mut frame);
                held.push_back((Instant::now() + impairment.delay, frame));
            }
            Err(Errno::EAGAIN) => thread::sleep(LOOK),
            Err(_) => break,
        }
    }
    done
}

/// Fills in the checksum of TCP or UDP over IPv4 in an Ethernet frame.
fn fill_checksum(frame: &mut [u8]) {
    let Some(([ether @ .., 0x08, 0x00], ip)) = frame.split_at_mut_checked(14) else { return };
    debug_assert_eq!(ether.len(), 12);
    let header = usize::from(ip.first().map_or(0, |first| first & 0x0f)) * 4;
    let total = ip.get(2..4).map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
    let place = match ip.get(9) {
        Some(6) => 16,
        Some(17) => 6,
        _ => return,
    };
    if header < 20 || total < header + place + 2 || ip.len() < total {
        return;
    }
    let mut pseudo_header = ip[12..20].to_vec();
    pseudo_header.extend([0, ip[9]]);
    pseudo_header.extend(((total - header) as u16).to_be_bytes());
    ip[header + place..header + place + 2].fill(0);
    let sum = match checksum(&[&pseudo_header, &ip[header..total]]) {
        0 => 0xffff_u16,
        sum => sum,
    };
    ip[header + place..header + place + 2].copy_from_slice(&sum.to_be_bytes());
}
