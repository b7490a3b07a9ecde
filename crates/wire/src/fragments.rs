//! IP fragments put together again (RFC 791, section 3.2; RFC 8200, section 4.5).
//!
//! Everything a stranger can grow has a limit: datagrams in progress, bytes held, pieces of one datagram, time. Bytes are held as
//! they come, never reserved for an offset. Overlaps that agree are taken for what they mostly are, frames captured twice; one that
//! disagrees drops the whole datagram (as RFC 5722 demands of IPv6), and its later fragments with it.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use crate::Ip;

/// How much the reassembly may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentLimits {
    /// Datagrams in progress, dropped ones that are still remembered included. Default 4096.
    pub datagrams: usize,
    /// Bytes of payload held. Default 16 MiB.
    pub bytes: usize,
    /// Pieces of one datagram; 64 KiB in pieces of the smallest packet that IPv4 hosts must take are 120. Default 256.
    pub pieces: usize,
    /// Time from the first fragment of a datagram to its last, in nanoseconds. Default 30 s.
    pub timeout_ns: i64,
}

impl Default for FragmentLimits {
    fn default() -> Self {
        Self { datagrams: 4096, bytes: 16 << 20, pieces: 256, timeout_ns: 30_000_000_000 }
    }
}

/// What became of fragments. Datagrams in progress are in none of the datagram counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentCounters {
    /// Fragments handed in.
    pub fragments: u64,
    /// Datagrams completed.
    pub reassembled: u64,
    /// Datagrams that ran out of time.
    pub timed_out: u64,
    /// Datagrams dropped, oldest first, because there were too many.
    pub over_datagrams: u64,
    /// Datagrams dropped, oldest first, because they held too many bytes.
    pub over_bytes: u64,
    /// Datagrams dropped for too many pieces.
    pub over_pieces: u64,
    /// Datagrams dropped because fragments disagree on bytes or length.
    pub inconsistent: u64,
    /// Datagrams dropped because they would be longer than 65535 bytes.
    pub oversized: u64,
    /// Fragments without payload, or in the middle with a length that is no multiple of 8.
    pub malformed: u64,
    /// Fragments cut by the capture.
    pub cut: u64,
    /// Fragments that brought nothing new.
    pub duplicates: u64,
    /// Fragments of a datagram that was dropped before.
    pub late: u64,
}

/// A whole IP payload. [`crate::Walk::read_reassembled`] walks over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The IP header of the first fragment, with protocol and total length of the whole and no fragment offset or flag. Its offsets
    /// are those in the frame that brought it.
    pub ip: Ip,
    /// The payload from the end of the IPv4 header or of the IPv6 fragment header on.
    pub payload: Vec<u8>,
}

/// Datagrams in progress.
#[derive(Debug, Default)]
pub struct Fragments {
    limits: FragmentLimits,
    datagrams: HashMap<Key, Pieces>,
    /// Keys in the order of their first fragments.
    order: BTreeMap<u64, Key>,
    /// Number of the next entry of `order`.
    next: u64,
    bytes: usize,
    counters: FragmentCounters,
}

/// What tells datagrams apart. IPv6 leaves out the protocol, which fragments may disagree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    protocol: u8,
}

/// One datagram in progress.
#[derive(Debug)]
struct Pieces {
    order: u64,
    since_ns: i64,
    /// Dropped; kept so that its later fragments are not taken for a new one.
    dropped: bool,
    /// Length of the whole, once the last fragment was seen.
    total: Option<usize>,
    /// Header of the first fragment.
    first: Option<Ip>,
    /// Bytes by their offset, without overlap.
    pieces: BTreeMap<usize, Vec<u8>>,
    /// Sum of the lengths of the pieces.
    bytes: usize,
}

/// Why a datagram is given up.
enum Fault {
    Inconsistent,
    OverPieces,
}

/// Longest payload of an IP datagram.
const MAX_PAYLOAD: usize = 65_535;

impl Fragments {
    /// Starts with nothing in progress.
    pub fn new(limits: FragmentLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// What became of the fragments so far.
    pub const fn counters(&self) -> &FragmentCounters {
        &self.counters
    }

    /// Datagrams in progress.
    pub fn in_progress(&self) -> usize {
        self.datagrams.values().filter(|pieces| !pieces.dropped).count()
    }

    /// Takes a fragment (see [`Ip::is_fragment`]) from the frame in which its header was found, at this time; returns the datagram that it
    /// completes. Times come from one clock, in nanoseconds.
    pub fn push(&mut self, ip: &Ip, frame: &[u8], now_ns: i64) -> Option<Datagram> {
        self.expire(now_ns);
        self.counters.fragments += 1;
        let bytes = self.data(ip, frame)?;
        let key = Key::of(ip);
        let offset = usize::from(ip.fragment_offset) * 8;
        let last = ip.fragment_flags & crate::FRAGMENT_MF == 0;
        self.open(key, now_ns);
        let pieces = self.datagrams.get_mut(&key)?;
        if pieces.dropped {
            self.counters.late += 1;
            return None;
        }
        if offset + bytes.len() > MAX_PAYLOAD {
            self.counters.oversized += 1;
            self.drop_datagram(&key);
            return None;
        }
        if offset == 0 {
            pieces.first.get_or_insert(*ip);
        }
        match pieces.add(offset, bytes, last, self.limits.pieces) {
            Ok(0) => self.counters.duplicates += 1,
            Ok(added) => self.bytes += added,
            Err(fault) => {
                match fault {
                    Fault::Inconsistent => self.counters.inconsistent += 1,
                    Fault::OverPieces => self.counters.over_pieces += 1,
                }
                self.drop_datagram(&key);
                return None;
            }
        }
        if pieces.is_whole() {
            return self.complete(&key);
        }
        self.make_room();
        None
    }

    /// Forgets datagrams whose time is over.
    pub fn expire(&mut self, now_ns: i64) {
        while let Some((_, key)) = self.order.first_key_value() {
            let since_ns = self.datagrams.get(key).map_or(i64::MIN, |pieces| pieces.since_ns);
            if now_ns.saturating_sub(since_ns) <= self.limits.timeout_ns {
                break;
            }
            let unfinished = self.remove_oldest().is_some_and(|pieces| !pieces.dropped);
            self.counters.timed_out += u64::from(unfinished);
        }
    }

    /// The part of the datagram that this fragment carries.
    fn data<'a>(&mut self, ip: &Ip, frame: &'a [u8]) -> Option<&'a [u8]> {
        let end = ip.header_offset.saturating_add(ip.total_length as usize);
        let length = end.saturating_sub(ip.fragment_data_offset);
        let more = ip.fragment_flags & crate::FRAGMENT_MF != 0;
        if length == 0 || more && !length.is_multiple_of(8) {
            self.counters.malformed += 1;
            return None;
        }
        let bytes = frame.get(ip.fragment_data_offset..end);
        self.counters.cut += u64::from(bytes.is_none());
        bytes
    }

    /// Makes sure that there is an entry for this key.
    fn open(&mut self, key: Key, now_ns: i64) {
        if self.datagrams.contains_key(&key) {
            return;
        }
        while self.datagrams.len() >= self.limits.datagrams.max(1) {
            let Some(pieces) = self.remove_oldest() else { break };
            self.counters.over_datagrams += u64::from(!pieces.dropped);
        }
        self.order.insert(self.next, key);
        self.datagrams.insert(key, Pieces::new(self.next, now_ns));
        self.next += 1;
    }

    fn make_room(&mut self) {
        while self.bytes > self.limits.bytes {
            let Some(pieces) = self.remove_oldest() else { break };
            self.counters.over_bytes += u64::from(!pieces.dropped);
        }
    }

    /// Gives a datagram up but remembers it.
    fn drop_datagram(&mut self, key: &Key) {
        if let Some(pieces) = self.datagrams.get_mut(key) {
            self.bytes -= pieces.bytes;
            *pieces = Pieces { dropped: true, ..Pieces::new(pieces.order, pieces.since_ns) };
        }
    }

    fn complete(&mut self, key: &Key) -> Option<Datagram> {
        let pieces = self.remove(key)?;
        let first = pieces.first?;
        self.counters.reassembled += 1;
        let payload = pieces.pieces.into_values().flatten().collect::<Vec<u8>>();
        let fragment_header = if first.fragment_header { 8 } else { 0 };
        let header_length = first.fragment_data_offset - first.header_offset - fragment_header;
        let ip = Ip {
            protocol: first.fragment_protocol,
            total_length: (header_length + payload.len()) as u32,
            fragment_offset: 0,
            fragment_flags: 0,
            ..first
        };
        Some(Datagram { ip, payload })
    }

    fn remove_oldest(&mut self) -> Option<Pieces> {
        let (_, key) = self.order.pop_first()?;
        self.remove(&key)
    }

    fn remove(&mut self, key: &Key) -> Option<Pieces> {
        let pieces = self.datagrams.remove(key)?;
        self.order.remove(&pieces.order);
        self.bytes -= pieces.bytes;
        Some(pieces)
    }
}

impl Key {
    fn of(ip: &Ip) -> Self {
        let protocol = if ip.version == 4 { ip.fragment_protocol } else { 0 };
        Self { src: ip.src, dst: ip.dst, id: ip.id, protocol }
    }
}

impl Pieces {
    fn new(order: u64, since_ns: i64) -> Self {
        Self { order, since_ns, dropped: false, total: None, first: None, pieces: BTreeMap::new(), bytes: 0 }
    }

    fn is_whole(&self) -> bool {
        self.total == Some(self.bytes) && self.first.is_some()
    }

    /// Adds what is new of a fragment, and says how many bytes that was.
    fn add(&mut self, offset: usize, bytes: &[u8], last: bool, limit: usize) -> Result<usize, Fault> {
        let end = offset + bytes.len();
        let known_end = self.pieces.last_key_value().map_or(0, |(start, piece)| start + piece.len());
        if last {
            if *self.total.get_or_insert(end) != end || known_end > end {
                return Err(Fault::Inconsistent);
            }
        } else if self.total.is_some_and(|total| end > total) {
            return Err(Fault::Inconsistent);
        }
        let mut gaps = Vec::new();
        let mut at = offset;
        // Pieces do not overlap, so only the last one that begins in front of the fragment can reach into it.
        let before = self.pieces.range(..=offset).next_back().map_or(offset, |(start, _)| *start);
        for (start, piece) in self.pieces.range(before..end) {
            let (from, to) = (at.max(*start), end.min(start + piece.len()));
            if from >= to {
                continue;
            }
            if piece.get(from - start..to - start) != bytes.get(from - offset..to - offset) {
                return Err(Fault::Inconsistent);
            }
            if at < from {
                gaps.push((at, from));
            }
            at = to;
        }
        if at < end {
            gaps.push((at, end));
        }
        if self.pieces.len() + gaps.len() > limit {
            return Err(Fault::OverPieces);
        }
        let mut added = 0;
        for (from, to) in gaps {
            let new = bytes.get(from - offset..to - offset).unwrap_or_default();
            added += new.len();
            self.pieces.insert(from, new.to_vec());
        }
        self.bytes += added;
        Ok(added)
    }
}

#[cfg(test)]
mod tests;
