//! Blocks to batches.

use std::mem::take;

use weir_record::AnyColumnMut;
use weir_record::column::{Fixed, IpColumn, ListColumn, TextColumn, Validity};

use super::directory::{Entry, GAPS, SAME, SHORT, storage};
use super::encode::MAX_REPEATED;
use super::number::{Number, Packed};
use super::{BlockError, BlockTable, HEADER, Header};

/// A block whose checksums match.
pub(crate) struct Block<'a> {
    header: Header,
    body: &'a [u8],
}

impl<'a> Block<'a> {
    /// The block at the begin of these octets; more may follow.
    pub(crate) fn open(octets: &'a [u8]) -> Result<Self, BlockError> {
        let header = Header::read(octets)?;
        let body = octets.get(HEADER..HEADER + header.body()).ok_or(BlockError::Cut)?;
        if crc32c::crc32c(body) != header.checksum {
            return Err(BlockError::Checksum);
        }
        Ok(Self { header, body })
    }

    /// Writes the rows into a batch, whose earlier rows are forgotten and whose memory is used again. With `columns`, places in `T::COLUMNS`, only these.
    /// Columns that this program does not know are left out. After an error the batch is empty.
    pub(crate) fn read<T: BlockTable>(&self, columns: Option<&[usize]>, batch: &mut T) -> Result<(), BlockError> {
        batch.clear();
        let read = self.read_columns(columns, batch);
        if read.is_err() {
            batch.clear();
        }
        read
    }

    fn read_columns<T: BlockTable>(&self, columns: Option<&[usize]>, batch: &mut T) -> Result<(), BlockError> {
        if self.header.kind != T::KIND {
            return Err(BlockError::OtherTable);
        }
        let (values, directory) = self.body.split_at(self.header.values as usize);
        let mut entry = Entry { directory, values };
        let mut next = 0;
        for _ in 0..self.header.columns {
            let name = entry.name()?;
            let place = place_of::<T>(name, next);
            next = place.map_or(next, |place| place + 1);
            let asked = place.filter(|place| columns.is_none_or(|columns| columns.contains(place)));
            let column = Column::take(&mut entry, self.header.rows as usize)?;
            if let Some(place) = asked {
                column.write_to(batch.any_mut(place))?;
            }
        }
        if !entry.is_empty() || !entry.values.is_empty() {
            return Err(BlockError::Directory("more than its columns"));
        }
        batch.advance(self.header.rows as usize);
        batch.finish();
        Ok(())
    }
}

/// The place of a column; entries mostly stand in the order of the table, so the search begins after the last one found.
fn place_of<T: BlockTable>(name: &[u8], next: usize) -> Option<usize> {
    let later = (next..T::COLUMNS.len()).find(|place| T::COLUMNS[*place].name.as_bytes() == name);
    later.or_else(|| (0..next.min(T::COLUMNS.len())).find(|place| T::COLUMNS[*place].name.as_bytes() == name))
}

/// A column as it lies in a block.
struct Column<'a> {
    told: usize,
    /// Validity words, where some row is absent.
    words: Option<&'a [u8]>,
    values: Values<'a>,
}

enum Values<'a> {
    /// Numbers of a storage type.
    Numbers(u8, Packed<'a>),
    Addresses(Packed<'a>, Packed<'a>),
    Texts(Packed<'a>, &'a [u8]),
    SameText(&'a [u8]),
    Lists(Packed<'a>, Packed<'a>),
}

impl<'a> Column<'a> {
    fn take(entry: &mut Entry<'a>, rows: usize) -> Result<Self, BlockError> {
        let form = entry.octet()?;
        let told = if form & SHORT == 0 { rows } else { entry.length()? };
        if told > rows || told == 0 {
            return Err(BlockError::Directory("rows of a column"));
        }
        let words = if form & GAPS == 0 { None } else { Some(entry.data(told.div_ceil(64) * 8)?) };
        let values = match (form & 0x0f, form & SAME != 0) {
            (number @ storage::U8..=storage::TIME, false) => Values::Numbers(number, Packed::take(entry, told)?),
            (storage::IP, false) => Values::Addresses(Packed::take(entry, told)?, Packed::take(entry, told)?),
            (storage::TEXT, false) => {
                let offsets = Packed::take(entry, told + 1)?;
                let length = entry.length()?;
                Values::Texts(offsets, entry.data(length)?)
            }
            (storage::TEXT, true) => {
                let length = entry.length()?;
                if length.checked_mul(told).is_none_or(|octets| octets > MAX_REPEATED) {
                    return Err(BlockError::Directory("length of a repeated text"));
                }
                Values::SameText(entry.data(length)?)
            }
            (storage::LIST, false) => {
                let offsets = Packed::take(entry, told + 1)?;
                let count = entry.length()?;
                let values = Packed::take(entry, count)?;
                if values.is_constant() {
                    return Err(BlockError::Directory("numbers of lists"));
                }
                Values::Lists(offsets, values)
            }
            _ => return Err(BlockError::Directory("type of a column")),
        };
        Ok(Self { told, words, values })
    }

    fn write_to(&self, column: AnyColumnMut<'_>) -> Result<(), BlockError> {
        match (&self.values, column) {
            (Values::Numbers(storage::U8, packed), AnyColumnMut::U8(column)) => self.write_numbers(packed, column),
            (Values::Numbers(storage::U8..=storage::U16, packed), AnyColumnMut::U16(column)) => {
                self.write_numbers(packed, column)
            }
            (Values::Numbers(storage::U8..=storage::U32, packed), AnyColumnMut::U32(column)) => {
                self.write_numbers(packed, column)
            }
            (Values::Numbers(storage::U8..=storage::U64, packed), AnyColumnMut::U64(column)) => {
                self.write_numbers(packed, column)
            }
            (Values::Numbers(storage::TIME, packed), AnyColumnMut::Time(column)) => self.write_numbers(packed, column),
            (Values::Addresses(high, low), AnyColumnMut::Ip(column)) => {
                let (mut highs, mut lows, _) = take(column).into_parts();
                refill(high, &mut highs);
                refill(low, &mut lows);
                *column = IpColumn::from_parts(highs, lows, self.validity());
            }
            (Values::Texts(packed, text), AnyColumnMut::Text(column)) => {
                let (mut offsets, mut octets, _) = take(column).into_parts();
                refill(packed, &mut offsets);
                octets.clear();
                octets.extend_from_slice(text);
                *column = TextColumn::from_parts(offsets, octets, self.validity()).ok_or(BlockError::Directory("texts"))?;
            }
            (Values::SameText(text), AnyColumnMut::Text(column)) => {
                let (mut offsets, mut octets, _) = take(column).into_parts();
                offsets.clear();
                octets.clear();
                offsets.extend((0..=self.told).map(|row| (row * text.len()) as i32));
                (0..self.told).for_each(|_| octets.extend_from_slice(text));
                *column = TextColumn::from_parts(offsets, octets, self.validity()).ok_or(BlockError::Directory("a text"))?;
            }
            (Values::Lists(packed, numbers), AnyColumnMut::List(column)) => {
                let (mut offsets, mut values, _) = take(column).into_parts();
                refill(packed, &mut offsets);
                refill(numbers, &mut values);
                *column = ListColumn::from_parts(offsets, values, self.validity()).ok_or(BlockError::Directory("lists"))?;
            }
            _ => return Err(BlockError::Directory("another type of column than this program has")),
        }
        Ok(())
    }

    fn write_numbers<T: Number>(&self, packed: &Packed<'_>, column: &mut Fixed<T>) {
        let (mut values, _) = take(column).into_parts();
        refill(packed, &mut values);
        *column = Fixed::from_parts(values, self.validity());
    }

    fn validity(&self) -> Validity {
        let words = self.words.map(|octets| octets.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect());
        Validity::from_words(self.told, words)
    }
}

fn refill<T: Number>(packed: &Packed<'_>, values: &mut Vec<T>) {
    values.clear();
    packed.append_to(values);
}
