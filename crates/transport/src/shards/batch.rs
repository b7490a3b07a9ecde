//! Datagrams in one piece of memory, one after the other.

use std::net::IpAddr;

use crate::Datagram;

/// Octets of a batch for each datagram it can hold, so that floods of short datagrams are bounded as well.
const OCTETS_EACH: usize = 128;

/// Datagrams that a worker takes at once.
#[derive(Debug, Default)]
pub struct DatagramBatch {
    octets: Vec<u8>,
    index: Vec<Entry>,
}

/// A datagram without its octets, which begin where those of the one before end.
#[derive(Debug)]
struct Entry {
    end: u32,
    port: u16,
    listener: u16,
    received: i64,
    /// 0 for none.
    stream: u64,
    from: IpAddr,
}

impl DatagramBatch {
    /// Number of datagrams.
    pub const fn len(&self) -> usize {
        self.index.len()
    }

    /// True if there is no datagram.
    pub const fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Octets of all payloads.
    pub const fn octets(&self) -> usize {
        self.octets.len()
    }

    /// The datagrams in the order in which they were received.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        let mut begin = 0;
        self.index.iter().map(move |entry| {
            let payload = self.octets.get(begin..entry.end as usize).unwrap_or_default();
            begin = entry.end as usize;
            let &Entry { port, listener, received, stream, from, .. } = entry;
            Datagram { payload, from, port, received, listener, stream: Some(stream).filter(|stream| *stream != 0) }
        })
    }

    /// Sees that there is memory for so many octets, and as many datagrams as belong to them.
    pub(super) fn lay_out(&mut self, octets: usize) {
        self.octets.reserve_exact(octets);
        self.index.reserve_exact(octets / OCTETS_EACH);
    }

    /// Whether a datagram of so many octets fits into memory that is there.
    pub(super) const fn has_room(&self, octets: usize) -> bool {
        self.index.len() < self.index.capacity() && self.octets.len() + octets <= self.octets.capacity()
    }

    pub(super) fn push(&mut self, datagram: &Datagram<'_>) {
        self.octets.extend_from_slice(datagram.payload);
        let &Datagram { port, listener, received, stream, from, .. } = datagram;
        let stream = stream.unwrap_or(0);
        self.index.push(Entry { end: self.octets.len() as u32, port, listener, received, stream, from });
    }

    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.index.clear();
    }
}
