//! The octets of an element from its value in JSON: the way back from what decoding shows in `extra` and of options.

use serde_json::Value;
use weir_record::Address;
use weir_record::ElementId;
use weir_record::registry::{DataType, Registry};

use super::TemplateProtocol;
use super::message::can_carry;
use crate::template::text::{SEMANTICS, data_type};
use crate::template::{Field, VARIABLE_LENGTH};

/// Seconds from 1900 to 1970.
const NTP_EPOCH: i64 = 2_208_988_800;

/// Where values go, and what lists of templates need.
pub(super) struct Target<'a> {
    pub(super) protocol: TemplateProtocol,
    pub(super) registry: &'a Registry,
    /// Texts are padded to a fixed length, as in options data, which some collectors read only so.
    pub(super) pads_texts: bool,
    /// The id of a template that a list refers to; it is announced if it is new.
    pub(super) template_id: &'a mut dyn FnMut(&[Field]) -> u16,
}

impl Target<'_> {
    /// Appends a field and its octets; false where the value is none of the element's.
    pub(super) fn write_field(&mut self, fields: &mut Vec<Field>, out: &mut Vec<u8>, element: ElementId, value: &Value) -> bool {
        let start = out.len();
        let data_type = data_type(self.registry, element);
        if !can_carry(self.protocol, element) || self.write_value(out, data_type, value).is_none() {
            out.truncate(start);
            return false;
        }
        self.end_field(fields, out, start, element, data_type);
        true
    }

    /// Ends a field whose octets begin at `start`: notes its length in the template, or in front of the octets where it varies.
    pub(super) fn end_field(
        &self,
        fields: &mut Vec<Field>,
        out: &mut Vec<u8>,
        start: usize,
        element: ElementId,
        data_type: DataType,
    ) {
        let octets = out.len() - start;
        let length = match (self.protocol, data_type) {
            _ if data_type.full_length().is_some() => octets,
            (TemplateProtocol::Ipfix, data_type) if !(self.pads_texts && data_type == DataType::String) => {
                let prefix = length_prefix(octets);
                out.splice(start..start, prefix);
                usize::from(VARIABLE_LENGTH)
            }
            (_, DataType::String) => {
                let length = padded_length(octets);
                out.resize(start + length, 0);
                length
            }
            (_, _) => octets,
        };
        fields.push(Field { element, length: length as u16 });
    }

    fn write_value(&mut self, out: &mut Vec<u8>, data_type: DataType, value: &Value) -> Option<()> {
        match data_type {
            DataType::BasicList if value.is_object() => self.write_basic_list(out, value),
            DataType::SubTemplateList if value.is_object() => self.write_template_list(out, value),
            DataType::SubTemplateMultiList if value.is_object() => self.write_multi_list(out, value),
            _ => write_scalar(out, data_type, value),
        }
    }

    /// RFC 6313, section 4.5.1.
    fn write_basic_list(&mut self, out: &mut Vec<u8>, list: &Value) -> Option<()> {
        let element = element_of_name(self.registry, list.get("element")?.as_str()?)?;
        let data_type = data_type(self.registry, element);
        let fixed = data_type.full_length();
        out.push(semantic(list)?);
        out.extend_from_slice(&(element.id | if element.pen == 0 { 0 } else { 0x8000 }).to_be_bytes());
        out.extend_from_slice(&fixed.unwrap_or(VARIABLE_LENGTH).to_be_bytes());
        if element.pen != 0 {
            out.extend_from_slice(&element.pen.to_be_bytes());
        }
        for value in list.get("values")?.as_array()? {
            let start = out.len();
            self.write_value(out, data_type, value)?;
            match fixed {
                Some(fixed) if out.len() - start != usize::from(fixed) => return None,
                Some(_) => {}
                None => {
                    let prefix = length_prefix(out.len() - start);
                    out.splice(start..start, prefix);
                }
            }
        }
        Some(())
    }

    /// RFC 6313, section 4.5.2.
    fn write_template_list(&mut self, out: &mut Vec<u8>, list: &Value) -> Option<()> {
        out.push(semantic(list)?);
        let runs = self.runs(list.get("records")?.as_array()?)?;
        match runs.as_slice() {
            [] => out.extend_from_slice(&[0; 2]),
            [(id, records)] => {
                out.extend_from_slice(&id.to_be_bytes());
                out.extend_from_slice(records);
            }
            _ => return None,
        }
        Some(())
    }

    /// RFC 6313, section 4.5.3.
    fn write_multi_list(&mut self, out: &mut Vec<u8>, list: &Value) -> Option<()> {
        out.push(semantic(list)?);
        for (id, records) in self.runs(list.get("records")?.as_array()?)? {
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&u16::try_from(records.len() + 4).ok()?.to_be_bytes());
            out.extend_from_slice(&records);
        }
        Some(())
    }

    /// Consecutive records of one template: its id, and their octets.
    fn runs(&mut self, records: &[Value]) -> Option<Vec<(u16, Vec<u8>)>> {
        let mut runs: Vec<(u16, Vec<u8>)> = Vec::new();
        for record in records {
            let (mut fields, mut octets) = (Vec::new(), Vec::new());
            for (name, value) in record.as_object()? {
                let element = element_of_name(self.registry, base_name(name))?;
                if !self.write_field(&mut fields, &mut octets, element, value) {
                    return None;
                }
            }
            let id = (self.template_id)(&fields);
            match runs.last_mut() {
                Some((last, run)) if *last == id => run.extend_from_slice(&octets),
                _ => runs.push((id, octets)),
            }
        }
        Some(runs)
    }
}

/// The semantics of a list (RFC 6313, section 4.4).
fn semantic(list: &Value) -> Option<u8> {
    match list.get("semantic")? {
        Value::String(name) => SEMANTICS.iter().find(|(_, known)| known == name).map(|(code, _)| *code),
        number => u8::try_from(number.as_u64()?).ok(),
    }
}

/// A name without the number that tells later fields of one name apart.
pub(super) fn base_name(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((base, number)) if number.bytes().all(|digit| digit.is_ascii_digit()) => base,
        _ => name,
    }
}

fn length_prefix(octets: usize) -> Vec<u8> {
    let mut prefix = Vec::new();
    write_length(&mut prefix, octets);
    prefix
}

/// NetFlow v9 has no varying lengths: few lengths make few templates, and NULs fill the rest of a text.
pub(super) fn padded_length(octets: usize) -> usize {
    octets.next_power_of_two().min(u16::MAX.into())
}

/// Appends the length of a field that varies (RFC 7011, section 7): one octet, or three.
#[inline]
pub(super) fn write_length(out: &mut Vec<u8>, octets: usize) {
    match u8::try_from(octets) {
        Ok(short) if short < 255 => out.push(short),
        _ => {
            out.push(255);
            out.extend_from_slice(&(octets as u16).to_be_bytes());
        }
    }
}

/// The element of a name as decoding gives it: a registered name, `reverse` and one, or `pen/id`.
pub(super) fn element_of_name(registry: &Registry, name: &str) -> Option<ElementId> {
    if let Some(element) = registry.by_name(name) {
        return Some(element.id);
    }
    if let Some((pen, id)) = name.split_once('/') {
        return Some(ElementId::enterprise(pen.parse().ok()?, id.parse().ok()?));
    }
    if let Ok(id) = name.parse() {
        return Some(ElementId::iana(id));
    }
    let forward = name.strip_prefix("reverse")?;
    let mut letters = forward.chars();
    let first = letters.next()?.to_ascii_lowercase();
    let forward: String = std::iter::once(first).chain(letters).collect();
    crate::template::reverse_of(registry.by_name(&forward)?.id)
}

/// Appends the octets of a value that is no list.
fn write_scalar(out: &mut Vec<u8>, data_type: DataType, value: &Value) -> Option<()> {
    let text = value.as_str();
    match data_type {
        DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 => {
            write_unsigned(out, value.as_u64()?, usize::from(data_type.full_length()?));
        }
        DataType::Signed8 | DataType::Signed16 | DataType::Signed32 | DataType::Signed64 => {
            let octets = value.as_i64()?.to_be_bytes();
            out.extend_from_slice(octets.get(8 - usize::from(data_type.full_length()?)..)?);
        }
        DataType::Float32 => out.extend_from_slice(&value.as_f64().map_or(f32::NAN, |number| number as f32).to_be_bytes()),
        DataType::Float64 => out.extend_from_slice(&value.as_f64().unwrap_or(f64::NAN).to_be_bytes()),
        DataType::Boolean => match value.as_bool() {
            Some(truth) => out.push(if truth { 1 } else { 2 }),
            None => write_hex(out, text?)?,
        },
        DataType::MacAddress => write_hex(out, &text?.replace(':', ""))?,
        DataType::String => out.extend_from_slice(text?.as_bytes()),
        DataType::DateTimeSeconds => {
            out.extend_from_slice(&u32::try_from(time(text?)?.div_euclid(1_000_000_000)).ok()?.to_be_bytes())
        }
        DataType::DateTimeMilliseconds => out.extend_from_slice(&time(text?)?.div_euclid(1_000_000).to_be_bytes()),
        DataType::DateTimeMicroseconds | DataType::DateTimeNanoseconds => {
            out.extend_from_slice(&ntp(time(text?)?)?.to_be_bytes())
        }
        DataType::Ipv4Address | DataType::Ipv6Address => match (data_type, text?.parse()) {
            (DataType::Ipv4Address, Ok(std::net::IpAddr::V4(ip))) => out.extend_from_slice(&ip.octets()),
            (DataType::Ipv6Address, Ok(std::net::IpAddr::V6(ip))) => out.extend_from_slice(&ip.octets()),
            _ => write_hex(out, text?)?,
        },
        DataType::OctetArray => write_hex(out, text?)?,
        // A list that could not be read was shown as octets.
        DataType::BasicList | DataType::SubTemplateList | DataType::SubTemplateMultiList => write_hex(out, text?)?,
    }
    Some(())
}

/// In the octets of the type, or in eight where the value needs more.
fn write_unsigned(out: &mut Vec<u8>, value: u64, full: usize) {
    let needed = (64 - value.leading_zeros() as usize).div_ceil(8);
    let octets = value.to_be_bytes();
    out.extend_from_slice(octets.get(8 - if needed > full { 8 } else { full }..).unwrap_or(&octets));
}

/// Appends octets written in hexadecimal.
pub(super) fn write_hex(out: &mut Vec<u8>, text: &str) -> Option<()> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    for place in (0..text.len()).step_by(2) {
        out.push(u8::from_str_radix(text.get(place..place + 2)?, 16).ok()?);
    }
    Some(())
}

fn time(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// NTP time (RFC 7011, section 6.1.10), rounded up so that decoding gives the same nanosecond.
pub(super) fn ntp(time: i64) -> Option<u64> {
    let seconds = u64::try_from(time.div_euclid(1_000_000_000) + NTP_EPOCH).ok()?;
    let fraction = ((time.rem_euclid(1_000_000_000) as u64) << 32).div_ceil(1_000_000_000);
    Some((seconds << 32) | fraction)
}

/// NTP time of which whole microseconds count (RFC 7011, section 6.1.9). The low bits that readers ignore are rounded up, so that readers that
/// round and readers that cut both get the microsecond.
pub(super) fn ntp_microseconds(time: i64) -> Option<u64> {
    const IGNORED: u64 = 0x7ff;
    Some((ntp(time.div_euclid(1000) * 1000)? + IGNORED) & !IGNORED)
}

/// Appends an address of 4 or 16 octets.
pub(super) fn write_address(out: &mut Vec<u8>, address: Address) {
    let (high, low) = address.halves();
    if address.is_v4() {
        out.extend_from_slice(&(low as u32).to_be_bytes());
    } else {
        out.extend_from_slice(&high.to_be_bytes());
        out.extend_from_slice(&low.to_be_bytes());
    }
}
