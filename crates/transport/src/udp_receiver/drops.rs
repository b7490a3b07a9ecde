//! What the kernel has dropped on its way to a socket.
//!
//! The kernel counts in 32 bits. `SO_RXQ_OVFL` tells the count with each datagram, as it was when that one was queued; what is dropped after the last
//! datagram is told by nothing but the table of sockets (proc(5), `/proc/net/udp`).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause between looks when no datagram came in between.
const PAUSE: Duration = Duration::from_secs(1);

/// The kernel's count as it was seen last.
pub(super) type Seen = Arc<Mutex<u32>>;

/// The drops of one socket.
#[derive(Debug)]
pub(super) struct Drops {
    /// The socket's number in the table; 0 where it could not be found out.
    inode: u64,
    table: &'static str,
    total: u64,
    /// The kernel's count when it was seen last, by whoever receives on the socket: what one of them has counted is nobody else's.
    seen: Seen,
    looked: Option<Instant>,
}

impl Drops {
    pub(super) fn new(socket: &UdpSocket, is_ipv6: bool, seen: Seen) -> Self {
        let copy = socket.try_clone().map(|copy| File::from(std::os::fd::OwnedFd::from(copy)));
        let inode = copy.and_then(|copy| copy.metadata()).map_or(0, |metadata| metadata.ino());
        // Of this thread, since the threads of a program may be in several network namespaces.
        let table = if is_ipv6 { "/proc/thread-self/net/udp6" } else { "/proc/thread-self/net/udp" };
        Self { inode, table, total: 0, seen, looked: None }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn seen(&self) -> Seen {
        Arc::clone(&self.seen)
    }

    /// Takes the kernel's count. It wraps, and may be older than what was seen already.
    pub(super) fn told(&mut self, count: u32) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let further = count.wrapping_sub(*seen);
        let is_newer = further != 0 && further < u32::MAX / 2;
        if is_newer {
            self.total += u64::from(further);
            *seen = count;
        }
    }

    /// Something was received: the next look is worth its while at once.
    pub(super) const fn expect(&mut self) {
        self.looked = None;
    }

    /// Looks the count up in the table of sockets, unless it did so a moment ago and nothing has been received since.
    pub(super) fn look(&mut self) {
        if self.looked.is_some_and(|time| time.elapsed() < PAUSE) {
            return;
        }
        self.looked = Some(Instant::now());
        let Ok(table) = File::open(self.table) else { return };
        let lines = BufReader::new(table).lines().map_while(Result::ok);
        if let Some(count) = find(lines, self.inode) {
            self.told(count);
        }
    }
}

/// The drops in the line of that socket: inode is the tenth column, drops the last. The kernel prints its count signed in some versions.
fn find(lines: impl Iterator<Item = String>, inode: u64) -> Option<u32> {
    lines.skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let is_this = columns.nth(9)?.parse() == Ok(inode);
        let drops = columns.last().filter(|_| is_this)?;
        drops.parse::<i64>().ok().map(|drops| drops as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_wraps_and_never_goes_back() {
        let mut drops = Drops { inode: 0, table: "", total: 0, seen: Seen::default(), looked: None };
        let (gig, wrapped) = (1_000_000_000_u32, 1 << 32);
        let counts =
            [(0, 0), (5, 5), (3, 5), (2 * gig, 2e9 as u64), (4 * gig, 4e9 as u64), (2, wrapped + 2), (u32::MAX, wrapped + 2)];
        for (count, total) in counts {
            drops.told(count);
            assert_eq!(drops.total(), total, "after {count}");
        }
    }

    #[test]
    fn two_receivers_of_one_socket_count_each_drop_once() {
        let of = |seen: &Seen| Drops { inode: 0, table: "", total: 0, seen: Arc::clone(seen), looked: None };
        let mut first = of(&Seen::default());
        first.told(5);
        let mut second = of(&first.seen());
        second.told(5);
        second.told(7);
        first.told(7);
        first.told(8);
        second.told(6);
        assert_eq!((first.total(), second.total()), (6, 2));
    }

    #[test]
    fn drops_stand_in_the_line_of_the_socket() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n\
            \x20 123: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000000000000 17       \n\
            \x20 124: 0100007F:0036 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1235 2 0000000000000000 -2       \n";
        let find = |inode| find(table.lines().map(str::to_owned), inode);
        assert_eq!((find(1234), find(1235), find(7)), (Some(17), Some(u32::MAX - 1), None));
    }
}
