//! The octets of one field in consecutive records.

use std::ops::Range;

use weir_wire::Reader;

use super::{Template, VARIABLE_LENGTH};
use crate::fault::{Fault, Faults, Reason};

/// Consecutive records of one template.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Records<'a> {
    data: &'a [u8],
    count: usize,
    layout: Layout<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Layout<'a> {
    /// Every record has this many octets.
    Fixed(usize),
    /// Start and length of each field that has octets, of each record, in `fields` steps.
    Spans { spans: &'a [(u32, u32)], fields: usize },
}

/// The octets of one field in consecutive records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    records: Records<'a>,
    offset: usize,
    /// Length in the template.
    pub(crate) length: u16,
}

/// Where each field lies, and what the records of a template look like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Offset of each field in a record, and its length. In records with fields of varying length, the place of its span.
    fields: Vec<(usize, u16)>,
    /// Place and length of the fields that have octets: the others say nothing, and any number of them would fit into one record.
    filled: Vec<(usize, u16)>,
    record_length: Option<usize>,
    min_length: usize,
}

impl Shape {
    pub(crate) fn new(template: &Template) -> Self {
        let record_length = template.fixed_length();
        let mut offset = 0;
        let place = |field: &super::Field| {
            let place = (offset, field.length);
            offset += if record_length.is_some() { usize::from(field.length) } else { usize::from(field.length > 0) };
            place
        };
        let lengths = template.fields.iter().map(|field| field.length).enumerate();
        Self {
            fields: template.fields.iter().map(place).collect(),
            filled: lengths.filter(|(_, length)| *length > 0).collect(),
            record_length,
            min_length: template.min_length(),
        }
    }

    /// Splits the body of a set into records. Octets at the end that are neither a record nor zero are a fault, and so is a
    /// field that goes past the set; the records before it stand.
    pub(crate) fn split<'a>(&self, mut body: Reader<'a>, spans: &'a mut Vec<(u32, u32)>, faults: &mut Faults) -> Records<'a> {
        let data = body.rest();
        let (count, layout, used) = match self.record_length {
            Some(length) => (data.len() / length.max(1), Layout::Fixed(length), data.len() - data.len() % length.max(1)),
            None => {
                spans.clear();
                let start = body.offset();
                let mut count = 0;
                let mut good = body;
                while body.left() >= self.min_length && !is_padding(body.rest()) {
                    if let Err(fault) = self.walk(&mut body, start, spans) {
                        faults.add(fault);
                        spans.truncate(count * self.filled.len());
                        // What follows cannot be told apart any more; it has been reported.
                        good = body;
                        let _ = good.skip(good.left());
                        break;
                    }
                    count += 1;
                    good = body;
                }
                (count, Layout::Spans { spans, fields: self.filled.len() }, good.offset() - start)
            }
        };
        let rest = data.get(used..).unwrap_or_default();
        // Padding is to be zero, but exporters (nProbe, ipfixcol, Cisco WLC) pad to a multiple of four with whatever their memory holds.
        let is_alignment = rest.len() < 4 && data.len().is_multiple_of(4);
        if !is_alignment && rest.iter().any(|octet| *octet != 0) {
            faults.add(Fault::new(Reason::ShortRecord, body_offset(&body, data, used), rest.len() as u64));
        }
        Records { data, count, layout }
    }

    /// Notes where the fields of one record lie.
    fn walk(&self, body: &mut Reader<'_>, start: usize, spans: &mut Vec<(u32, u32)>) -> Result<(), Fault> {
        for (_, length) in &self.filled {
            let length_at = body.offset();
            let length = match *length {
                VARIABLE_LENGTH => match body.u8().map_err(Fault::truncated)? {
                    // RFC 7011, section 7: three octets where one is not enough.
                    255 => usize::from(body.u16().map_err(Fault::truncated)?),
                    short => usize::from(short),
                },
                fixed => usize::from(fixed),
            };
            let at = body.offset() - start;
            if body.skip(length).is_err() {
                return Err(Fault::new(Reason::BadFieldLength, length_at, length as u64));
            }
            spans.push((at as u32, length as u32));
        }
        Ok(())
    }

    /// Offset of a field in records of one length, and its length in the template.
    #[inline]
    pub(crate) fn place(&self, field: usize) -> (usize, u16) {
        self.fields.get(field).copied().unwrap_or_default()
    }

    /// The octets of a field in each record.
    pub(crate) fn cells<'a>(&self, records: Records<'a>, field: usize) -> Cells<'a> {
        let (offset, length) = self.place(field);
        Cells { records, offset, length }
    }

    /// The places of the fields that have octets, of a part of the template.
    pub(crate) fn filled(&self, part: Range<usize>) -> impl Iterator<Item = usize> {
        let from = self.filled.partition_point(|(place, _)| *place < part.start);
        let filled = self.filled.get(from..).unwrap_or_default();
        filled.iter().map(|(place, _)| *place).take_while(move |place| *place < part.end)
    }
}

/// True for what can only fill a set up to a multiple of four octets.
fn is_padding(rest: &[u8]) -> bool {
    rest.len() < 4 && rest.iter().all(|octet| *octet == 0)
}

/// Offset in the message of the octet at `used` of a body, whatever the reader has read of it since.
fn body_offset(body: &Reader<'_>, data: &[u8], used: usize) -> usize {
    body.offset() + body.left() - data.len() + used
}

/// Records of one length: a grid of octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid<'a> {
    data: &'a [u8],
    count: usize,
    stride: usize,
}

impl<'a> Grid<'a> {
    /// The octets at an offset of each record.
    #[inline]
    pub(crate) fn cells<const N: usize>(self, offset: usize) -> impl ExactSizeIterator<Item = [u8; N]> + Clone {
        (0..self.count).map(move |record| {
            let cell = self.data.get(offset + record * self.stride..).and_then(|rest| rest.first_chunk());
            cell.copied().unwrap_or([0; N])
        })
    }
}

impl<'a> Records<'a> {
    /// The records as a grid, where all have one length.
    pub(crate) const fn grid(&self) -> Option<Grid<'a>> {
        match self.layout {
            Layout::Fixed(stride) => Some(Grid { data: self.data, count: self.count, stride }),
            Layout::Spans { .. } => None,
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }
}

impl<'a> Cells<'a> {
    /// The octets of the field in a record.
    #[inline]
    pub(crate) fn get(&self, record: usize) -> &'a [u8] {
        let (start, length) = match self.records.layout {
            Layout::Fixed(stride) => (record * stride + self.offset, usize::from(self.length)),
            Layout::Spans { .. } if self.length == 0 => (0, 0),
            Layout::Spans { spans, fields } => {
                let (start, length) = spans.get(record * fields + self.offset).copied().unwrap_or_default();
                (start as usize, length as usize)
            }
        };
        self.records.data.get(start..start + length).unwrap_or_default()
    }

    /// The octets of the field in each record.
    #[inline]
    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        (0..self.records.count).map(move |record| self.get(record))
    }
}

/// An unsigned number in network order; of more than 8 octets the last 8.
#[inline]
pub(crate) fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

#[cfg(test)]
mod tests {
    use weir_record::ElementId;

    use super::*;
    use crate::template::Field;

    /// A template of fields of these lengths.
    fn template(lengths: &[u16]) -> Template {
        let field = |length: &u16| Field { element: ElementId::iana(82), length: *length };
        Template { id: 256, scope: None, fields: lengths.iter().map(field).collect() }
    }

    #[test]
    fn fields_without_octets_take_no_room() {
        let mut lengths = vec![0; 1000];
        lengths.extend([VARIABLE_LENGTH, 0, 2]);
        let shape = Shape::new(&template(&lengths));
        let (mut spans, mut faults) = (Vec::new(), Faults::default());
        let records = shape.split(Reader::new(&[1, b'a', 1, 2, 0, 3, 4]), &mut spans, &mut faults);
        let cells = |field| shape.cells(records, field).iter().collect::<Vec<_>>();
        assert_eq!(cells(1000), [&b"a"[..], b""]);
        assert_eq!(cells(1002), [[1, 2], [3, 4]]);
        assert_eq!((cells(999), cells(1001)), (vec![&b""[..]; 2], vec![&b""[..]; 2]));
        assert_eq!((spans.len(), faults.total()), (4, 0));
        assert_eq!(shape.filled(0..1003).collect::<Vec<_>>(), [1000, 1002]);
        assert_eq!(shape.filled(1001..1002).count(), 0);
    }

    #[test]
    fn fields_of_one_length_lie_behind_each_other() {
        let shape = Shape::new(&template(&[2, 0, 1]));
        let (mut spans, mut faults) = (Vec::new(), Faults::default());
        let records = shape.split(Reader::new(&[1, 2, 3, 4, 5, 6]), &mut spans, &mut faults);
        assert_eq!(shape.cells(records, 0).iter().collect::<Vec<_>>(), [[1, 2], [4, 5]]);
        assert_eq!(shape.cells(records, 2).iter().collect::<Vec<_>>(), [[3], [6]]);
        assert!(spans.is_empty());
    }
}
