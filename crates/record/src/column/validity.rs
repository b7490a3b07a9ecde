//! Which rows of a column have a value.

/// One bit a row, least significant first, made only when the first absent row comes.
#[derive(Clone, Debug, Default)]
pub struct Validity {
    /// Empty while every row has a value. Bits past `len` are zero.
    words: Vec<u64>,
    len: usize,
    absent: usize,
}

impl Validity {
    /// The validity of `len` rows from bits as [`Validity::words`] gives them; nothing where every row has a value. Bits that are missing are absent rows.
    pub fn from_words(len: usize, words: Option<Vec<u64>>) -> Self {
        let mut validity = Self { words: Vec::new(), len, absent: 0 };
        let Some(mut words) = words else {
            return validity;
        };
        words.resize(len.div_ceil(64), 0);
        if let (Some(last), false) = (words.last_mut(), len.is_multiple_of(64)) {
            *last &= (1 << (len % 64)) - 1;
        }
        let present: usize = words.iter().map(|word| word.count_ones() as usize).sum();
        if present < len {
            validity.absent = len - present;
            validity.words = words;
        }
        validity
    }

    /// Number of rows told of. Rows past it are absent.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True where no row is told of.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of absent rows below [`Validity::len`].
    pub const fn absent(&self) -> usize {
        self.absent
    }

    /// True where the row has a value.
    #[inline]
    pub fn is_valid(&self, row: usize) -> bool {
        if self.words.is_empty() {
            return row < self.len;
        }
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The bits, or nothing while every row below [`Validity::len`] has a value. Row `n` is bit `n % 64` of word `n / 64`.
    pub fn words(&self) -> Option<&[u64]> {
        (!self.words.is_empty()).then_some(self.words.as_slice())
    }

    /// The bits of 64 rows, from row `64 * index` on; rows past the end are absent.
    #[inline]
    pub fn word(&self, index: usize) -> u64 {
        if let Some(word) = self.words.get(index) {
            return *word;
        }
        if !self.words.is_empty() {
            return 0;
        }
        match self.len.saturating_sub(index * 64) {
            0 => 0,
            rows @ 1..64 => (1 << rows) - 1,
            _ => u64::MAX,
        }
    }

    /// Appends rows with a value.
    #[inline]
    pub fn extend_valid(&mut self, count: usize) {
        if self.words.is_empty() {
            self.len += count;
        } else if count == 1 {
            self.push_bit(true);
        } else {
            self.extend_bits(count, true);
        }
    }

    /// Appends absent rows.
    pub fn extend_absent(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        if count == 1 && !self.words.is_empty() {
            self.push_bit(false);
            self.absent += 1;
            return;
        }
        if self.words.is_empty() {
            let len = std::mem::take(&mut self.len);
            self.extend_bits(len, true);
        }
        self.extend_bits(count, false);
        self.absent += count;
    }

    /// Says of a row that it is told of already whether it has a value.
    pub fn set(&mut self, row: usize, valid: bool) {
        if row >= self.len || self.is_valid(row) == valid {
            return;
        }
        if self.words.is_empty() {
            let len = std::mem::take(&mut self.len);
            self.extend_bits(len, true);
        }
        if let Some(word) = self.words.get_mut(row / 64) {
            *word ^= 1 << (row % 64);
        }
        self.absent = if valid { self.absent - 1 } else { self.absent + 1 };
    }

    /// Forgets the rows from `len` on.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.len = len;
        if self.words.is_empty() {
            return;
        }
        self.words.truncate(len.div_ceil(64));
        if let (Some(last), true) = (self.words.last_mut(), !len.is_multiple_of(64)) {
            *last &= (1 << (len % 64)) - 1;
        }
        let valid: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        self.absent = len - valid as usize;
        if self.absent == 0 {
            self.words.clear();
        }
    }

    /// Forgets every row and keeps the memory.
    pub fn clear(&mut self) {
        self.words.clear();
        self.len = 0;
        self.absent = 0;
    }

    /// Octets of memory, spare room included.
    pub fn memory(&self) -> usize {
        self.words.capacity() * 8
    }

    /// Appends one row where bits are kept; most rows come one at a time.
    #[inline]
    fn push_bit(&mut self, valid: bool) {
        let place = self.len % 64;
        match self.words.last_mut() {
            Some(word) if place != 0 => *word |= u64::from(valid) << place,
            _ => self.words.push(u64::from(valid)),
        }
        self.len += 1;
    }

    #[inline(never)]
    fn extend_bits(&mut self, count: usize, valid: bool) {
        let end = self.len + count;
        let old_words = self.words.len();
        self.words.resize(end.div_ceil(64), if valid { u64::MAX } else { 0 });
        if valid {
            if let (Some(word), true) =
                (old_words.checked_sub(1).and_then(|i| self.words.get_mut(i)), !self.len.is_multiple_of(64))
            {
                *word |= u64::MAX << (self.len % 64);
            }
            if let (Some(last), true) = (self.words.last_mut(), !end.is_multiple_of(64)) {
                *last &= (1 << (end % 64)) - 1;
            }
        }
        self.len = end;
    }
}

/// Two are equal when the same rows have a value, however they hold it.
impl PartialEq for Validity {
    fn eq(&self, other: &Self) -> bool {
        let words = self.len.max(other.len).div_ceil(64);
        (0..words).all(|index| self.word(index) == other.word(index))
    }
}
