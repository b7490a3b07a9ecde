//! Which rows of a batch are selected.

/// One bit a row, least significant first, as validity bits lie. Kept and used again for batch after batch, it allocates
/// only when a batch is larger than any before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// Bits past `rows` are zero.
    words: Vec<u64>,
    rows: usize,
}

impl Mask {
    /// A mask of no rows.
    pub const fn new() -> Self {
        Self { words: Vec::new(), rows: 0 }
    }

    /// Number of rows, selected or not.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// True where there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// True where the row is selected; rows past the end are not.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Number of selected rows.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Numbers of the selected rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| Bits(*word).map(move |bit| index * 64 + bit))
    }

    /// The bits. Row `n` is bit `n % 64` of word `n / 64`; bits past the last row are zero.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Selects every one of `rows` rows.
    pub fn select_all(&mut self, rows: usize) {
        self.rows = rows;
        self.words.clear();
        self.words.resize(rows.div_ceil(64), u64::MAX);
        if let (Some(last), true) = (self.words.last_mut(), !rows.is_multiple_of(64)) {
            *last = (1 << (rows % 64)) - 1;
        }
    }

    /// Clears the selected rows for which `keep` is false, asking only for these.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        for (index, word) in self.words.iter_mut().enumerate() {
            *word = Bits(*word).filter(|bit| keep(index * 64 + bit)).fold(0, |kept, bit| kept | 1 << bit);
        }
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }
}

/// The places of the bits that are set in a word, ascending.
pub(crate) struct Bits(pub(crate) u64);

impl Iterator for Bits {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}
