//! A column chunk that is being read: pages taken apart, the dictionary kept.

use std::cell::RefCell;
use std::ops::Range;

use bytes::Bytes;
use parquet::basic::Encoding;
use weir_record::column::Validity;

use super::buffers;
use super::head::{DATA_PAGE_V2, DICTIONARY_PAGE, Head};
use crate::layout::{Kind, hybrid};

/// What is wrong with a chunk.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// What zstd says.
    #[error("zstd: {0}")]
    Zstd(#[from] std::io::Error),
    /// Not how this program lays values down.
    #[error("encoding {0}")]
    Encoding(Encoding),
    /// Pages, rows or octets are fewer or more than they have to be.
    #[error("{0}")]
    Count(&'static str),
    /// The column has another type.
    #[error("its type is not that of the table")]
    Type,
    /// A text that is none.
    #[error("a text that is not UTF-8")]
    Text,
}

thread_local! {
    /// Memory of zstd, which is made once a thread.
    static UNZIP: RefCell<std::io::Result<zstd::bulk::Decompressor<'static>>> = RefCell::new(zstd::bulk::Decompressor::new());
}

/// A chunk of one column.
pub(super) struct Chunk {
    pub(super) kind: Kind,
    /// The words of a column of words.
    pub(super) words: &'static [&'static str],
    octets: Bytes,
    /// The dictionary's head, and where it lies.
    dictionary_at: Option<(Head, Range<usize>)>,
    /// The same of each page.
    pages: Vec<(Head, Range<usize>)>,
    /// The page that was read last.
    current: Option<(usize, Data)>,
    pub(super) dictionary: Dictionary,
    /// Memory for the codes of a page.
    pub(super) codes: Vec<u32>,
    /// Memory for the values of a page where some rows are absent.
    pub(super) words_of_validity: Vec<u64>,
}

/// The entries of a dictionary, decoded once.
pub(super) enum Dictionary {
    None,
    Numbers(Vec<u64>),
    /// Ends of the texts, and their octets.
    Texts {
        ends: Vec<usize>,
        octets: Vec<u8>,
        codes: Vec<Option<u8>>,
    },
}

/// Values that are compared at a time.
const BLOCK: usize = 256;

/// Which entries of a dictionary a question is about.
pub(crate) enum Wanted {
    /// None: nothing of the chunk can be selected.
    Nothing,
    /// The one at this place.
    One(u32),
    /// Those that are marked.
    Many(Vec<bool>),
}

impl Wanted {
    /// The entries that are in one of the ranges, both ends included.
    fn of(entries: &[u64], ranges: &[(u64, u64)]) -> Self {
        let is_wanted = |entry: &u64| ranges.iter().any(|(first, last)| first <= entry && entry <= last);
        let mut places = entries.iter().enumerate().filter(|(_, entry)| is_wanted(entry)).map(|(place, _)| place);
        match (places.next(), places.next()) {
            (None, _) => Self::Nothing,
            (Some(one), None) => Self::One(one as u32),
            _ => Self::Many(entries.iter().map(is_wanted).collect()),
        }
    }

    /// Adds the places of codes that are wanted.
    fn find(&self, codes: &[u32], places: &mut Vec<usize>) {
        match self {
            Self::Nothing => {}
            Self::One(one) => {
                for (block, codes) in codes.chunks(BLOCK).enumerate() {
                    if codes.iter().fold(false, |found, code| found | (code == one)) {
                        let found = codes.iter().enumerate().filter(|(_, code)| *code == one);
                        places.extend(found.map(|(place, _)| block * BLOCK + place));
                    }
                }
            }
            Self::Many(wanted) => {
                let found = codes.iter().enumerate().filter(|(_, code)| wanted.get(**code as usize) == Some(&true));
                places.extend(found.map(|(place, _)| place));
            }
        }
    }
}

/// Adds the places of a value among `count` whose octets lie split by significance.
fn find_split(octets: &[u8], count: usize, value: u64, places: &mut Vec<usize>) {
    for first in (0..count).step_by(BLOCK) {
        let length = BLOCK.min(count - first);
        let mut differs = [0_u8; BLOCK];
        for (stream, wanted) in octets.chunks_exact(count).zip(value.to_le_bytes()) {
            let octets = stream.get(first..first + length).unwrap_or_default();
            differs.iter_mut().zip(octets).for_each(|(differs, octet)| *differs |= octet ^ wanted);
        }
        let differs = differs.get(..length).unwrap_or_default();
        if differs.iter().fold(u8::MAX, |least, differs| least.min(*differs)) == 0 {
            let found = differs.iter().enumerate().filter(|(_, differs)| **differs == 0);
            places.extend(found.map(|(place, _)| first + place));
        }
    }
}

/// A data page.
#[derive(Clone)]
pub(super) struct Data {
    levels: Bytes,
    body: Bytes,
    pub(super) encoding: Encoding,
    /// Values, absent ones too.
    pub(super) values: usize,
    /// Values that are there.
    pub(super) present: usize,
    repetition: usize,
}

impl Data {
    pub(super) fn repetition(&self) -> &[u8] {
        self.levels.get(..self.repetition).unwrap_or_default()
    }

    pub(super) fn definition(&self) -> &[u8] {
        self.levels.get(self.repetition..).unwrap_or_default()
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

impl Chunk {
    /// A chunk in its octets. The heads of its pages are read, the pages are not.
    pub(super) fn new(octets: Bytes, kind: Kind, words: &'static [&'static str]) -> Result<Self, Fault> {
        let (mut dictionary_at, mut pages) = (None, Vec::new());
        let mut rest: &[u8] = &octets;
        while !rest.is_empty() {
            let head = Head::read(&mut rest).ok_or(Fault::Count("the head of a page"))?;
            let begin = octets.len() - rest.len();
            rest = rest.get(head.compressed..).ok_or(Fault::Count("octets of a page"))?;
            let place = begin..begin + head.compressed;
            match head.page_type {
                DICTIONARY_PAGE if pages.is_empty() => dictionary_at = Some((head, place)),
                DATA_PAGE_V2 => pages.push((head, place)),
                _ => return Err(Fault::Count("a page of a kind that is not written here")),
            }
        }
        let (dictionary, codes, words_of_validity) = (Dictionary::None, Vec::new(), Vec::new());
        Ok(Self { kind, words, octets, dictionary_at, pages, current: None, dictionary, codes, words_of_validity })
    }

    /// The page of that number, of `rows` rows.
    pub(super) fn page(&mut self, number: usize, rows: usize) -> Result<Data, Fault> {
        if let Some((_, data)) = self.current.as_ref().filter(|(current, _)| *current == number) {
            return Ok(data.clone());
        }
        if let Some((head, place)) = self.dictionary_at.take() {
            let octets = unzip(&self.octets.slice(place), head.uncompressed)?;
            self.read_dictionary(&octets, head.values)?;
        }
        if let Some((_, before)) = self.current.take() {
            buffers::give_back(before.body);
        }
        let (head, place) = self.pages.get(number).cloned().ok_or(Fault::Count("pages are missing"))?;
        let encoding = head.encoding().ok_or(Fault::Count("an encoding that is not written here"))?;
        let is_plausible = head.rows == rows && (self.kind == Kind::List || head.values == rows);
        let (true, Some(present)) = (is_plausible, head.values.checked_sub(head.absent)) else {
            return Err(Fault::Count("a page has not the rows that it should have"));
        };
        let levels = head.definition.saturating_add(head.repetition);
        let Some(length) = head.uncompressed.checked_sub(levels).filter(|_| levels <= head.compressed) else {
            return Err(Fault::Count("levels of a page"));
        };
        let (begin, body) = (place.start, self.octets.slice(place.start + levels..place.end));
        let body = if head.is_plain || body.is_empty() { body } else { unzip(&body, length)? };
        let levels = self.octets.slice(begin..begin + levels);
        let data = Data { levels, body, encoding, values: head.values, present, repetition: head.repetition };
        self.current = Some((number, data.clone()));
        Ok(data)
    }

    /// Adds to `places` those of a page's values that are in one of the ranges, in no order and perhaps twice; false where each of them may be.
    pub(super) fn find(
        &mut self,
        page: usize,
        rows: usize,
        ranges: &[(u64, u64)],
        wanted: &mut Option<Wanted>,
        places: &mut Vec<usize>,
    ) -> Result<bool, Fault> {
        let data = self.page(page, rows)?;
        if data.present != data.values {
            return Ok(false);
        }
        match data.encoding {
            Encoding::RLE_DICTIONARY => {
                self.decode_codes(&data)?;
                let Dictionary::Numbers(entries) = &self.dictionary else {
                    return Ok(false);
                };
                wanted.get_or_insert_with(|| Wanted::of(entries, ranges)).find(&self.codes, places);
                Ok(true)
            }
            Encoding::BYTE_STREAM_SPLIT if self.kind == Kind::Wide && data.body().len() == 8 * data.present => {
                for (first, last) in ranges {
                    if first != last {
                        return Ok(false);
                    }
                    find_split(data.body(), data.present, *first, places);
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn read_dictionary(&mut self, octets: &[u8], count: usize) -> Result<(), Fault> {
        self.dictionary = match self.kind {
            Kind::Narrow => {
                Dictionary::Numbers(octets.as_chunks().0.iter().map(|octets| u64::from(u32::from_le_bytes(*octets))).collect())
            }
            Kind::Wide => Dictionary::Numbers(octets.as_chunks().0.iter().map(|octets| u64::from_le_bytes(*octets)).collect()),
            Kind::Time(divisor) => {
                let time = |octets: &[u8; 8]| i64::from_le_bytes(*octets).wrapping_mul(divisor.nanoseconds()) as u64;
                Dictionary::Numbers(octets.as_chunks().0.iter().map(time).collect())
            }
            Kind::Text => super::text::read_dictionary(octets, count, self.words)?,
            Kind::Bool | Kind::List => return Err(Fault::Encoding(Encoding::RLE_DICTIONARY)),
        };
        let entries = match &self.dictionary {
            Dictionary::None => 0,
            Dictionary::Numbers(numbers) => numbers.len(),
            Dictionary::Texts { ends, .. } => ends.len(),
        };
        if entries == count { Ok(()) } else { Err(Fault::Count("entries of the dictionary")) }
    }

    /// Decodes the places in the dictionary of a page into `codes`, and makes sure that each has an entry.
    pub(super) fn decode_codes(&mut self, data: &Data) -> Result<(), Fault> {
        let entries = match &self.dictionary {
            Dictionary::None => 0,
            Dictionary::Numbers(numbers) => numbers.len(),
            Dictionary::Texts { ends, .. } => ends.len(),
        };
        self.codes.clear();
        let Some((width, octets)) = data.body().split_first() else {
            return if data.present == 0 { Ok(()) } else { Err(Fault::Count("octets of a page")) };
        };
        if !hybrid::decode(octets, u32::from(*width), data.present, &mut self.codes) {
            return Err(Fault::Count("octets of a page"));
        }
        let max = self.codes.iter().copied().max();
        if max.is_some_and(|max| max as usize >= entries) {
            Err(Fault::Count("a place past the dictionary's end"))
        } else {
            Ok(())
        }
    }

    /// Which of `rows` rows have a value.
    pub(super) fn validity(&mut self, data: &Data, rows: usize) -> Result<Validity, Fault> {
        if data.present == data.values {
            return Ok(Validity::from_words(rows, None));
        }
        if data.present == 0 {
            return Ok(Validity::from_words(rows, Some(Vec::new())));
        }
        let mut levels = std::mem::take(&mut self.codes);
        levels.clear();
        let is_read = hybrid::decode(data.definition(), 1, rows, &mut levels);
        let mut words = std::mem::take(&mut self.words_of_validity);
        words.clear();
        words.extend(
            levels.chunks(64).map(|levels| levels.iter().rev().fold(0_u64, |word, level| word << 1 | u64::from(*level & 1))),
        );
        self.codes = levels;
        let validity = Validity::from_words(rows, Some(words));
        let is_sound = is_read && rows - validity.absent() == data.present;
        if is_sound { Ok(validity) } else { Err(Fault::Count("levels of a page")) }
    }
}

impl Drop for Chunk {
    /// The memory is used again for the next chunk.
    fn drop(&mut self) {
        if let Some((_, data)) = self.current.take() {
            buffers::give_back(data.body);
        }
        buffers::give_back(std::mem::take(&mut self.octets));
    }
}

/// Undoes the compression of `octets`, which were that many before.
fn unzip(octets: &[u8], length: usize) -> Result<Bytes, Fault> {
    let mut buffer = buffers::take(length);
    let unzipped = UNZIP.with_borrow_mut(|unzip| match unzip {
        Ok(unzip) => unzip.decompress_to_buffer(octets, buffer.as_mut_slice()),
        Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
    })?;
    if unzipped == length { Ok(buffer.into()) } else { Err(Fault::Count("octets of a page")) }
}
