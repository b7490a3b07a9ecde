//! A column chunk that is being read: pages taken apart, the dictionary kept.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use weir_record::column::Validity;

use crate::layout::{Kind, hybrid};

/// What is wrong with a chunk.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// From the Parquet reader.
    #[error("{0}")]
    Parquet(#[from] parquet::errors::ParquetError),
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

/// A chunk of one column.
pub(super) struct Chunk<'a> {
    pub(super) kind: Kind,
    /// The words of a column of words.
    pub(super) words: &'static [&'static str],
    metadata: &'a ColumnChunkMetaData,
    rows: usize,
    window: Arc<Window>,
    pages: SerializedPageReader<Window>,
    /// The page that comes next.
    next: usize,
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

    fn is_among(&self, codes: &[u32]) -> bool {
        match self {
            Self::Nothing => false,
            Self::One(one) => codes.chunks(256).any(|codes| codes.iter().fold(false, |found, code| found | (code == one))),
            Self::Many(wanted) => codes.iter().any(|code| wanted.get(*code as usize) == Some(&true)),
        }
    }
}

/// A data page.
#[derive(Clone)]
pub(super) struct Data {
    octets: Bytes,
    pub(super) encoding: Encoding,
    /// Values, absent ones too.
    pub(super) values: usize,
    /// Values that are there.
    pub(super) present: usize,
    repetition: usize,
    definition: usize,
}

impl Data {
    pub(super) fn repetition(&self) -> &[u8] {
        self.octets.get(..self.repetition).unwrap_or_default()
    }

    pub(super) fn definition(&self) -> &[u8] {
        self.octets.get(self.repetition..self.repetition + self.definition).unwrap_or_default()
    }

    pub(super) fn body(&self) -> &[u8] {
        self.octets.get(self.repetition + self.definition..).unwrap_or_default()
    }
}

impl<'a> Chunk<'a> {
    /// A chunk of `rows` rows in the octets that its metadata names.
    pub(super) fn new(
        octets: Bytes,
        metadata: &'a ColumnChunkMetaData,
        rows: usize,
        kind: Kind,
        words: &'static [&'static str],
    ) -> Result<Self, Fault> {
        let first = metadata.dictionary_page_offset().unwrap_or(metadata.data_page_offset());
        let window = Arc::new(Window { first: u64::try_from(first).unwrap_or(0), octets });
        let pages = SerializedPageReader::new(window.clone(), metadata, rows, None)?;
        let (dictionary, codes, words_of_validity) = (Dictionary::None, Vec::new(), Vec::new());
        Ok(Self { kind, words, metadata, rows, window, pages, next: 0, current: None, dictionary, codes, words_of_validity })
    }

    /// The page of that number, of `rows` rows. Pages in order are cheapest: those before are passed over, and to go back is to begin anew.
    pub(super) fn page(&mut self, number: usize, rows: usize) -> Result<Data, Fault> {
        if let Some((_, data)) = self.current.as_ref().filter(|(current, _)| *current == number) {
            return Ok(data.clone());
        }
        if number < self.next {
            self.pages = SerializedPageReader::new(self.window.clone(), self.metadata, self.rows, None)?;
            self.next = 0;
        }
        loop {
            let Some(next) = self.pages.peek_next_page()? else {
                return Err(Fault::Count("pages are missing"));
            };
            let is_known = next.is_dict && !matches!(self.dictionary, Dictionary::None);
            if is_known {
                self.pages.skip_next_page()?;
                continue;
            }
            if !next.is_dict && self.next < number {
                self.pages.skip_next_page()?;
                self.next += 1;
                continue;
            }
            match self.pages.get_next_page()? {
                Some(Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, .. }) => {
                    self.read_dictionary(&buf, num_values as usize)?
                }
                Some(Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding,
                    num_nulls,
                    num_rows,
                    def_levels_byte_len,
                    rep_levels_byte_len,
                    ..
                }) => {
                    self.next += 1;
                    let (values, absent) = (num_values as usize, num_nulls as usize);
                    let is_plausible = num_rows as usize == rows && (self.kind == Kind::List || values == rows);
                    let (true, Some(present)) = (is_plausible, values.checked_sub(absent)) else {
                        return Err(Fault::Count("a page has not the rows that it should have"));
                    };
                    let (repetition, definition) = (rep_levels_byte_len as usize, def_levels_byte_len as usize);
                    let data = Data { octets: buf, encoding, values, present, repetition, definition };
                    self.current = Some((number, data.clone()));
                    return Ok(data);
                }
                Some(page) => return Err(Fault::Encoding(page.encoding())),
                None => return Err(Fault::Count("pages are missing")),
            }
        }
    }

    /// False where no value of a page is in one of the ranges, as far as a dictionary can tell.
    pub(super) fn may_hold(
        &mut self,
        page: usize,
        rows: usize,
        ranges: &[(u64, u64)],
        wanted: &mut Option<Wanted>,
    ) -> Result<bool, Fault> {
        let data = self.page(page, rows)?;
        if data.encoding != Encoding::RLE_DICTIONARY {
            return Ok(true);
        }
        self.decode_codes(&data)?;
        let Dictionary::Numbers(entries) = &self.dictionary else {
            return Ok(true);
        };
        Ok(wanted.get_or_insert_with(|| Wanted::of(entries, ranges)).is_among(&self.codes))
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

/// The octets of a chunk, under the places that they have in the file.
struct Window {
    first: u64,
    octets: Bytes,
}

impl Window {
    fn from(&self, place: u64) -> ParquetResult<Bytes> {
        let start = place.checked_sub(self.first).and_then(|start| usize::try_from(start).ok());
        match start.filter(|start| *start <= self.octets.len()) {
            Some(start) => Ok(self.octets.slice(start..)),
            None => Err(parquet::errors::ParquetError::EOF(format!("octet {place} is outside of its column chunk"))),
        }
    }
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.first.saturating_add(self.octets.len() as u64)
    }
}

impl ChunkReader for Window {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(Cursor::new(self.from(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let octets = self.from(start)?;
        if length > octets.len() {
            return Err(parquet::errors::ParquetError::EOF(format!("{length} octets from {start} on leave their column chunk")));
        }
        Ok(octets.slice(..length))
    }
}
