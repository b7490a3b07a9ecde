//! One direction of a stream, put in order as far as decoders need it: what waits for its turn, and what a decoder passed over.

use super::StreamOctets;

/// Octets that wait for a decoder to go on, of one direction.
const MAX_WAITING: usize = 16 << 10;
/// Octets that came ahead of others, of one direction.
const MAX_AHEAD: usize = 16 << 10;
/// Segments that came ahead of others.
const MAX_SEGMENTS_AHEAD: usize = 16;
/// Segments that are tried further on where a stream was joined in its middle.
const MAX_TRIES: u8 = 3;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Octets in order that the decoder has not taken; what it is shown next.
    waiting: Vec<u8>,
    /// Sequence number behind `waiting` and what is missing behind it.
    next: u32,
    started: bool,
    enough: bool,
    /// The stream's start was not seen.
    joined: bool,
    tries: u8,
    /// Octets to pass over.
    skip: u64,
    /// Octets missing behind `waiting`: lost, or cut by the capture.
    gap: u32,
    /// Segments that came ahead. Few directions have any, so they take no room in the others.
    ahead: Option<Box<Ahead>>,
    /// Octets shown to the decoder that came behind what it knows already.
    fresh: bool,
}

/// Segments that came ahead, in their order: sequence number, octets at hand, octets on the wire.
#[derive(Debug, Default)]
struct Ahead(Vec<(u32, Vec<u8>, usize)>);

impl Side {
    /// Takes a segment in. True where there is something new to show.
    pub(super) fn accept(&mut self, segment: &StreamOctets<'_>) -> bool {
        if self.enough || segment.length == 0 {
            return false;
        }
        if !self.started {
            (self.started, self.joined) = (true, segment.first.is_none());
            self.next = segment.first.unwrap_or(segment.seq);
        }
        let distance = segment.seq.wrapping_sub(self.next) as i32;
        if distance > 0 {
            self.hold(segment);
            return self.fresh;
        }
        self.append(segment.seq, segment.octets, segment.length);
        self.drain();
        self.fresh
    }

    /// What can be shown: octets in order, and how many are missing behind them. None where nothing new is there.
    pub(super) fn ready(&mut self) -> Option<(&[u8], u64)> {
        if self.enough || !self.fresh {
            return None;
        }
        if self.waiting.is_empty() && self.gap == 0 {
            return None;
        }
        Some((&self.waiting, self.gap.into()))
    }

    /// The decoder wants more than there is.
    pub(super) fn keep(&mut self) {
        self.fresh = false;
        if self.waiting.len() >= MAX_WAITING {
            self.enough();
        }
    }

    /// The decoder goes on so many octets behind the start of what waits.
    pub(super) fn take(&mut self, count: u64) {
        let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.waiting.len());
        if here == self.waiting.len() {
            // Most of the time of most connections nothing waits, and then nothing is kept.
            self.waiting = Vec::new();
        } else {
            self.waiting.drain(..here);
        }
        let beyond = count - here as u64;
        if self.waiting.is_empty() {
            self.skip = beyond.saturating_sub(self.gap.into());
            self.gap = self.gap.saturating_sub(u32::try_from(beyond).unwrap_or(u32::MAX));
        }
        self.fresh = !self.waiting.is_empty() || self.gap > 0;
    }

    /// The decoder goes on so many octets behind the start of the gap; 0 for its end.
    pub(super) fn pass_gap(&mut self, count: u64) {
        self.skip = count.saturating_sub(self.gap.into());
        self.gap = 0;
        self.fresh = false;
        self.drain();
    }

    /// What waits is of no use; the gap behind it is next.
    pub(super) fn drop_waiting(&mut self) {
        self.waiting = Vec::new();
    }

    /// No protocol begins here. Where the stream was joined in its middle that may be the rest of a message: true where the next segment is to be tried.
    pub(super) fn try_next(&mut self) -> bool {
        let is_left = self.joined && self.tries < MAX_TRIES;
        if is_left {
            self.tries += 1;
            self.waiting = Vec::new();
            self.pass_gap(0);
        }
        is_left
    }

    /// The other direction was recognised: what comes next in this one, if it was joined in its middle and given up, is wanted after all.
    pub(super) fn rejoin(&mut self) {
        if self.enough && self.joined {
            *self = Self::default();
        }
    }

    /// Nothing more is wanted.
    pub(super) fn enough(&mut self) {
        *self = Self { enough: true, started: self.started, joined: self.joined, ..Self::default() };
    }

    pub(super) fn is_enough(&self) -> bool {
        self.enough
    }

    pub(super) fn is_enough_or_new(&self) -> bool {
        self.enough || !self.started
    }

    /// Octets kept.
    pub(super) fn held(&self) -> usize {
        self.waiting.capacity() + self.ahead().iter().map(|(_, octets, _)| octets.capacity()).sum::<usize>()
    }

    /// Appends a segment that begins at `next` or before it.
    fn append(&mut self, seq: u32, octets: &[u8], length: usize) {
        let known = self.next.wrapping_sub(seq) as usize;
        if known >= length {
            return;
        }
        self.next = seq.wrapping_add(length as u32);
        let mut octets = octets.get(known..).unwrap_or_default();
        let mut length = (length - known) as u64;
        let passed = self.skip.min(length);
        self.skip -= passed;
        length -= passed;
        octets = octets.get(usize::try_from(passed).unwrap_or(usize::MAX).min(octets.len())..).unwrap_or_default();
        if length == 0 {
            return;
        }
        self.fresh = true;
        let missing = length - octets.len() as u64;
        if self.gap > 0 {
            // Behind octets that the decoder has not learnt to be missing yet.
            self.miss(length);
            return;
        }
        self.waiting.extend_from_slice(octets);
        self.miss(missing);
    }

    /// Keeps a segment that came ahead, or gives up those before it.
    fn hold(&mut self, segment: &StreamOctets<'_>) {
        let octets: usize = self.ahead().iter().map(|(_, octets, _)| octets.len()).sum();
        let is_room = self.ahead().len() < MAX_SEGMENTS_AHEAD && octets + segment.octets.len() <= MAX_AHEAD;
        if is_room {
            let Ahead(ahead) = &mut **self.ahead.get_or_insert_default();
            let place = ahead.partition_point(|(seq, ..)| (seq.wrapping_sub(segment.seq) as i32) < 0);
            ahead.insert(place, (segment.seq, segment.octets.to_vec(), segment.length));
            return;
        }
        // What is missing was lost before the meter.
        let first = self.ahead().first().map_or(segment.seq, |(seq, ..)| *seq);
        let missing = u64::from(first.wrapping_sub(self.next));
        let passed = self.skip.min(missing);
        self.skip -= passed;
        self.next = first;
        if missing > passed {
            self.miss(missing - passed);
            self.fresh = true;
        }
        if self.gap == 0 {
            self.drain();
        }
    }

    /// Appends what came ahead and is next now.
    fn drain(&mut self) {
        while self.gap == 0
            && let Some(Ahead(ahead)) = self.ahead.as_deref_mut()
            && let Some((seq, ..)) = ahead.first()
            && (seq.wrapping_sub(self.next) as i32) <= 0
        {
            let (seq, octets, length) = ahead.remove(0);
            if ahead.is_empty() {
                self.ahead = None;
            }
            self.append(seq, &octets, length);
        }
    }

    /// Segments that came ahead.
    fn ahead(&self) -> &[(u32, Vec<u8>, usize)] {
        self.ahead.as_ref().map_or(&[], |ahead| &ahead.0)
    }

    /// So many octets more are missing.
    fn miss(&mut self, octets: u64) {
        self.gap = self.gap.saturating_add(u32::try_from(octets).unwrap_or(u32::MAX));
    }
}
