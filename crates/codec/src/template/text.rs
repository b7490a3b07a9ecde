//! The value of any element as JSON, structured data (RFC 6313) included, and as plain text.

use weir_record::registry::{DataType, Registry};
use weir_record::value::{write_address, write_mac, write_time};
use weir_record::write::json::write_string;
use weir_record::write::text::{write_hex_octets, write_number};
use weir_record::{Address, ElementId};
use weir_wire::Reader;

use super::cells::number;
use super::program::Program;
use super::{Field, VARIABLE_LENGTH};

/// Lists in lists that are still opened; deeper ones are shown as octets.
const LIST_DEPTH: usize = 8;

/// Seconds from 1900, where NTP time begins, to 1970.
const NTP_EPOCH: i64 = 2_208_988_800;

/// What is needed to show a value: names of elements, and the templates that lists refer to.
#[derive(Clone, Copy)]
pub(crate) struct Show<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) templates: &'a dyn TemplateLookup,
}

/// Finds the templates that structured data refers to.
pub(crate) trait TemplateLookup {
    fn program(&self, id: u16) -> Option<&Program>;
}

/// A structured value contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadList;

impl Show<'_> {
    /// Appends a value as JSON. A list that contradicts itself is shown as octets, and told.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>, data_type: DataType, octets: &[u8]) -> Result<(), BadList> {
        self.write_nested(out, data_type, octets, 0)
    }

    fn write_nested(&self, out: &mut Vec<u8>, data_type: DataType, octets: &[u8], depth: usize) -> Result<(), BadList> {
        let start = out.len();
        let list = match data_type {
            DataType::BasicList if depth < LIST_DEPTH => self.write_basic_list(out, Reader::new(octets), depth + 1),
            DataType::SubTemplateList if depth < LIST_DEPTH => self.write_template_list(out, Reader::new(octets), depth + 1),
            DataType::SubTemplateMultiList if depth < LIST_DEPTH => self.write_multi_list(out, Reader::new(octets), depth + 1),
            _ => {
                write_scalar(out, data_type, octets);
                return Ok(());
            }
        };
        if list.is_none() {
            out.truncate(start);
            write_scalar(out, DataType::OctetArray, octets);
            return Err(BadList);
        }
        Ok(())
    }

    /// RFC 6313, section 4.5.1: `{"semantic":...,"element":...,"values":[...]}`.
    fn write_basic_list(&self, out: &mut Vec<u8>, mut list: Reader<'_>, depth: usize) -> Option<()> {
        write_semantic(out, list.u8().ok()?);
        let id = list.u16().ok()?;
        let length = list.u16().ok()?;
        let element = if id & 0x8000 == 0 { ElementId::iana(id) } else { ElementId::enterprise(list.u32().ok()?, id & 0x7fff) };
        out.extend_from_slice(b",\"element\":");
        match self.registry.get(element) {
            Some(element) => write_string(out, element.name.as_bytes()),
            None => write_string(out, self.registry.key(element).as_bytes()),
        }
        out.extend_from_slice(b",\"values\":[");
        let data_type = data_type(self.registry, element);
        if length == 0 && !list.is_empty() {
            return None;
        }
        let mut first = true;
        while !list.is_empty() {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            let value = take_field(&mut list, length)?;
            self.write_nested(out, data_type, value, depth).ok()?;
        }
        out.extend_from_slice(b"]}");
        Some(())
    }

    /// RFC 6313, section 4.5.2: `{"semantic":...,"records":[{...},...]}`.
    fn write_template_list(&self, out: &mut Vec<u8>, mut list: Reader<'_>, depth: usize) -> Option<()> {
        write_semantic(out, list.u8().ok()?);
        out.extend_from_slice(b",\"records\":[");
        let template = list.u16().ok()?;
        self.write_records(out, template, list, depth, &mut true)?;
        out.extend_from_slice(b"]}");
        Some(())
    }

    /// RFC 6313, section 4.5.3: as a list of one template, with the records of all.
    fn write_multi_list(&self, out: &mut Vec<u8>, mut list: Reader<'_>, depth: usize) -> Option<()> {
        write_semantic(out, list.u8().ok()?);
        out.extend_from_slice(b",\"records\":[");
        let mut first = true;
        while !list.is_empty() {
            let template = list.u16().ok()?;
            let length = usize::from(list.u16().ok()?).checked_sub(4)?;
            self.write_records(out, template, list.sub(length).ok()?, depth, &mut first)?;
        }
        out.extend_from_slice(b"]}");
        Some(())
    }

    fn write_records(
        &self,
        out: &mut Vec<u8>,
        template: u16,
        mut records: Reader<'_>,
        depth: usize,
        first: &mut bool,
    ) -> Option<()> {
        if records.is_empty() {
            return Some(());
        }
        let program = self.templates.program(template)?;
        while !records.is_empty() {
            if !std::mem::take(first) {
                out.push(b',');
            }
            out.push(b'{');
            let mut first = true;
            for field in program.shape.filled(0..program.described.len()).filter_map(|place| program.described.get(place)) {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                out.extend_from_slice(&field.key);
                let value = take_field(&mut records, field.length)?;
                self.write_nested(out, field.data_type, value, depth).ok()?;
            }
            out.push(b'}');
        }
        Some(())
    }
}

/// A field of a template, ready to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// `"name":`, escaped.
    pub(crate) key: Vec<u8>,
    pub(crate) data_type: DataType,
    pub(crate) length: u16,
}

/// Names the fields of a record; later ones of the same name get a number, so that no member of an object stands twice.
pub(crate) fn describe(registry: &Registry, fields: &[Field], name: impl Fn(usize, &Field) -> String) -> Vec<Described> {
    let mut names: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let describe = |(place, field): (usize, &Field)| {
        let name = name(place, field);
        let times = names.entry(name.clone()).or_default();
        *times += 1;
        let name = if *times == 1 { name } else { format!("{name}_{times}") };
        Described { key: json_key(&name), data_type: data_type(registry, field.element), length: field.length }
    };
    fields.iter().enumerate().map(describe).collect()
}

/// `"name":`
pub(crate) fn json_key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    write_string(&mut key, name.as_bytes());
    key.push(b':');
    key
}

/// How the octets of an element are read; those of unknown ones are shown as they are.
pub(crate) fn data_type(registry: &Registry, element: ElementId) -> DataType {
    let known = registry.get(element).or_else(|| registry.get(super::forward_of(element)?));
    known.map_or(DataType::OctetArray, |element| element.data_type)
}

/// The octets of a field of a record that is read from front to back.
pub(crate) fn take_field<'a>(record: &mut Reader<'a>, length: u16) -> Option<&'a [u8]> {
    let length = match length {
        VARIABLE_LENGTH => match record.u8().ok()? {
            255 => usize::from(record.u16().ok()?),
            short => usize::from(short),
        },
        fixed => usize::from(fixed),
    };
    record.bytes(length).ok()
}

/// Appends a value that is no list, as JSON. Octets whose number does not fit the type are shown in hexadecimal.
pub(crate) fn write_scalar(out: &mut Vec<u8>, data_type: DataType, octets: &[u8]) {
    let short = (1..=8).contains(&octets.len());
    match (data_type, octets.len()) {
        (DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64, _) if short => {
            write_number(out, number(octets));
        }
        (DataType::Signed8 | DataType::Signed16 | DataType::Signed32 | DataType::Signed64, length) if short => {
            let unused = 64 - 8 * length as u32;
            write_number(out, (number(octets) << unused) as i64 >> unused);
        }
        (DataType::Float32 | DataType::Float64, 4) => write_float(out, f64::from(f32::from_bits(number(octets) as u32))),
        (DataType::Float64, 8) => write_float(out, f64::from_bits(number(octets))),
        // RFC 7011, section 6.1.5: 1 is true, 2 is false.
        (DataType::Boolean, 1) if octets == [1] => out.extend_from_slice(b"true"),
        (DataType::Boolean, 1) if octets == [2] => out.extend_from_slice(b"false"),
        (DataType::String, _) => write_string(out, String::from_utf8_lossy(trim_padding(octets)).as_bytes()),
        _ => {
            out.push(b'"');
            write_unquoted(out, data_type, octets);
            out.push(b'"');
        }
    }
}

/// The types whose text needs no escaping.
fn write_unquoted(out: &mut Vec<u8>, data_type: DataType, octets: &[u8]) {
    match (data_type, octets.len()) {
        (DataType::MacAddress, 6) => write_mac(out, number(octets)),
        (DataType::Ipv4Address, 4) => write_address(out, Address::v4(number(octets) as u32)),
        (DataType::Ipv6Address, 16) => {
            let octets = octets.first_chunk().copied().unwrap_or_default();
            write_address(out, Address::v6(octets));
        }
        (DataType::DateTimeSeconds, 1..=8) => write_time(out, seconds(number(octets))),
        (DataType::DateTimeMilliseconds, 1..=8) => write_time(out, milliseconds(number(octets))),
        (DataType::DateTimeMicroseconds, 8) => write_time(out, ntp_microseconds(number(octets)).unwrap_or(0)),
        (DataType::DateTimeNanoseconds, 8) => write_time(out, ntp_nanoseconds(number(octets)).unwrap_or(0)),
        _ => write_hex_octets(out, octets),
    }
}

/// JSON has no infinity and no not-a-number; they are absent.
fn write_float(out: &mut Vec<u8>, number: f64) {
    use std::io::Write;
    if number.is_finite() {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{number:?}");
    } else {
        out.extend_from_slice(b"null");
    }
}

/// The semantics of lists (RFC 6313, section 4.4).
pub(crate) const SEMANTICS: [(u8, &str); 6] =
    [(0, "noneOf"), (1, "exactlyOneOf"), (2, "oneOrMoreOf"), (3, "allOf"), (4, "ordered"), (255, "undefined")];

fn write_semantic(out: &mut Vec<u8>, semantic: u8) {
    out.extend_from_slice(b"{\"semantic\":");
    match SEMANTICS.iter().find(|(code, _)| *code == semantic) {
        Some((_, name)) => write_string(out, name.as_bytes()),
        None => write_number(out, semantic),
    }
}

/// A text without the NULs that fill fields of fixed length.
pub(crate) fn trim_padding(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    octets.get(..end).unwrap_or_default()
}

/// Seconds since 1970, in nanoseconds; saturates.
#[inline]
pub(crate) fn seconds(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

/// Milliseconds since 1970, in nanoseconds; saturates.
#[inline]
pub(crate) fn milliseconds(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}

/// NTP time with microseconds (RFC 7011, section 6.1.9): the low 11 bits of the fraction are to be ignored. Zero is absent.
#[inline]
pub(crate) fn ntp_microseconds(value: u64) -> Option<i64> {
    let fraction = value & 0xffff_f800;
    // Rounded, because a microsecond is no whole number of fractions.
    ntp(value, ((fraction * 1_000_000 + (1 << 31)) >> 32) * 1000)
}

/// NTP time with nanoseconds (RFC 7011, section 6.1.10). Zero is absent.
#[inline]
pub(crate) fn ntp_nanoseconds(value: u64) -> Option<i64> {
    ntp(value, ((value & 0xffff_ffff) * 1_000_000_000) >> 32)
}

fn ntp(value: u64, nanoseconds: u64) -> Option<i64> {
    if value == 0 {
        return None;
    }
    let mut seconds = (value >> 32) as i64;
    // Values whose first bit is not set are of the era that begins in 2036 (RFC 4330, section 3).
    if seconds < 1 << 31 {
        seconds += 1 << 32;
    }
    Some((seconds - NTP_EPOCH) * 1_000_000_000 + nanoseconds as i64)
}

/// Codes of element 8057/100, as the probe that sends it numbers them.
pub(crate) const SIP_METHODS: [&str; 14] = [
    "",
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "REGISTER",
    "OPTIONS",
    "PUBLISH",
    "NOTIFY",
    "INFO",
    "SUBSCRIBE",
    "STATUS",
    "REFER",
    "UPDATE",
];
