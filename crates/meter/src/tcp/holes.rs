//! Octets of one direction that were passed over: they may still come, out of order or sent again.

use super::distance;

/// Most holes remembered; when there are more, the oldest counts as filled.
pub(super) const MAX_HOLES: usize = 16;

/// The holes of one direction, oldest and lowest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Holes(Vec<Hole>);

#[derive(Clone, Copy, Debug)]
struct Hole {
    start: u32,
    /// Behind its last octet.
    end: u32,
    /// When a segment jumped over it, nanoseconds.
    since: i64,
}

/// What came of some holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filled {
    /// Octets that had been missing.
    pub(super) octets: u32,
    /// When the lowest of the holes was jumped over, nanoseconds.
    pub(super) since: i64,
}

impl Holes {
    /// Notes that a segment jumped over these octets.
    pub(super) fn open(&mut self, start: u32, end: u32, since: i64) {
        if self.0.len() >= MAX_HOLES {
            self.0.remove(0);
        }
        self.0.push(Hole { start, end, since });
    }

    /// Takes these octets as come. None where none of them was missing.
    pub(super) fn fill(&mut self, start: u32, end: u32) -> Option<Filled> {
        let mut filled: Option<Filled> = None;
        let mut place = 0;
        while let Some(hole) = self.0.get(place).copied() {
            let from = if distance(start, hole.start) > 0 { hole.start } else { start };
            let to = if distance(end, hole.end) < 0 { hole.end } else { end };
            if distance(from, to) <= 0 {
                place += 1;
                continue;
            }
            let before = filled.map_or(0, |filled| filled.octets);
            let since = filled.map_or(hole.since, |filled| filled.since);
            filled = Some(Filled { octets: before.wrapping_add(to.wrapping_sub(from)), since });
            self.0.remove(place);
            let rest = [(hole.start, from), (to, hole.end)];
            for (start, end) in rest.into_iter().filter(|(start, end)| start != end) {
                self.0.insert(place, Hole { start, end, ..hole });
                place += 1;
            }
        }
        if self.0.len() > MAX_HOLES {
            self.0.remove(0);
        }
        filled
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Octets of memory beside the struct.
    pub(super) fn memory(&self) -> usize {
        self.0.capacity() * size_of::<Hole>()
    }
}
