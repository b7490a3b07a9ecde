//! Writes the record of a row as its program says.

use serde_json::Value;
use weir_record::{AnyColumn, Column, ElementId, FlowBatch};

use super::application::application_id;
use super::pattern::{Rows, TimeForm, biflow_direction, mapped, time_of_pair};
use super::program::{Entry, Form, Program};
use super::value::{Target, base_name, element_of_name, ntp, ntp_microseconds, padded_length, write_address, write_length};
use super::{EncodeOptions, TemplateProtocol};
use crate::template::text::{SIP_METHODS, data_type};
use crate::template::{Field, VARIABLE_LENGTH};
use weir_record::registry::DataType;

const MILLISECOND: i64 = 1_000_000;

/// One record in the making; reused for every row.
#[derive(Debug, Default)]
pub(super) struct RowWriter {
    pub(super) octets: Vec<u8>,
    /// The fields of this record, where it has others than its program.
    pub(super) fields: Vec<Field>,
}

impl RowWriter {
    /// Writes the record of a row. With `has_own_fields`, its fields are told too.
    pub(super) fn write(
        &mut self,
        program: &Program,
        rows: &Rows<'_>,
        row: usize,
        options: &EncodeOptions,
        has_own_fields: bool,
    ) {
        self.octets.clear();
        if !has_own_fields {
            for entry in &program.entries {
                self.entry(entry, rows, row, options);
            }
            return;
        }
        self.fields.clear();
        for (entry, field) in program.entries.iter().zip(&program.fields) {
            let start = self.octets.len();
            self.entry(entry, rows, row, options);
            let written = self.octets.len() - start;
            let mut field = *field;
            if field.length == VARIABLE_LENGTH && options.protocol == TemplateProtocol::NetFlow9 {
                let is_text = data_type(&options.registry, field.element) == DataType::String;
                let length = if is_text { padded_length(written) } else { written };
                self.octets.resize(start + length, 0);
                field.length = length as u16;
            }
            self.fields.push(field);
        }
    }

    #[inline]
    fn entry(&mut self, entry: &Entry, rows: &Rows<'_>, row: usize, options: &EncodeOptions) {
        let Some(source) = rows.sources.get(entry.column as usize) else { return };
        let row = row + usize::from(entry.responder);
        match (entry.form, source) {
            (Form::Own32 { largest }, AnyColumn::U32(numbers)) => {
                let number = numbers.get(row).map_or(u32::MAX, |number| number.min(largest));
                self.octets.extend_from_slice(&number.to_be_bytes());
            }
            (Form::Own16 { largest }, AnyColumn::U16(numbers)) => {
                let number = numbers.get(row).map_or(u16::MAX, |number| number.min(largest));
                self.octets.extend_from_slice(&number.to_be_bytes());
            }
            (Form::Own8 { largest }, AnyColumn::U8(numbers)) => {
                self.octets.push(numbers.get(row).map_or(u8::MAX, |number| number.min(largest)));
            }
            (Form::Own64 { largest }, AnyColumn::U64(numbers)) => {
                let number = numbers.get(row).map_or(u64::MAX, |number| number.min(largest));
                self.octets.extend_from_slice(&number.to_be_bytes());
            }
            (Form::Number { octets, largest, absent }, _) => {
                let value = number(source, row).map_or(absent, |value| value.min(largest));
                self.number(octets, value);
            }
            (Form::Text, AnyColumn::Text(text)) => {
                self.sized(options, text.octets(row).unwrap_or_default());
            }
            (Form::Time(form), AnyColumn::Time(times)) => self.time(times.get(row).unwrap_or(0), form, options),
            (Form::TimeOfPair(form), _) => self.time(time_of_pair(source, entry.column, row).unwrap_or(0), form, options),
            (Form::Address4, AnyColumn::Ip(addresses)) => {
                let (_, low) = addresses.get(row).unwrap_or_default().halves();
                self.octets.extend_from_slice(&(low as u32).to_be_bytes());
            }
            (Form::Address6, AnyColumn::Ip(addresses)) => write_address(&mut self.octets, addresses.get(row).unwrap_or_default()),
            (Form::MappedAddress, AnyColumn::Ip(addresses)) => {
                self.octets.extend_from_slice(&addresses.get(row).map_or([0; 16], mapped));
            }
            (Form::TextNumber { octets, largest, absent }, AnyColumn::Text(text)) => {
                let value = text.get(row).and_then(|text| text.parse().ok()).map_or(absent, |value: u64| value.min(largest));
                self.number(octets, value);
            }
            (Form::SipMethod { octets, largest }, AnyColumn::Text(text)) => {
                self.number(octets, text.get(row).and_then(sip_method).map_or(0, |code| code.min(largest)));
            }
            (Form::Hex, AnyColumn::Text(text)) => {
                let mut octets = [0; 64];
                let length = from_hex(text.get(row).unwrap_or_default(), &mut octets).unwrap_or(0);
                self.sized(options, octets.get(..length).unwrap_or_default());
            }
            (Form::ApplicationId, AnyColumn::Text(text)) => match text.get(row).and_then(engine_and_selector) {
                Some((engine, selector)) => {
                    let mut octets = [engine, 0, 0, 0, 0, 0, 0, 0, 0];
                    let [_, long @ ..] = &mut octets;
                    *long = selector.to_be_bytes();
                    // Three octets of selector are what exporters send (RFC 6759, section 4.1).
                    let [_, _, _, _, _, high, middle, low] = selector.to_be_bytes();
                    let short = [engine, high, middle, low];
                    self.sized(options, if selector < 1 << 24 { &short } else { &octets });
                }
                None => self.sized(options, &[]),
            },
            (Form::ApplicationIdOfName, AnyColumn::Text(text)) => match text.octets(row).and_then(application_id) {
                Some(octets) => self.sized(options, &octets),
                None => self.sized(options, &[]),
            },
            (Form::Label(place), AnyColumn::List(labels)) => {
                let label = labels.get(row).and_then(|labels| labels.get(usize::from(place))).copied().unwrap_or(0);
                let [_, label @ ..] = label.to_be_bytes();
                self.octets.extend_from_slice(&label);
            }
            (Form::List(item), AnyColumn::List(numbers)) => self.list(numbers.get(row).unwrap_or_default(), item),
            (Form::BiflowDirection, AnyColumn::U8(halves)) => {
                self.octets.push(biflow_direction(halves.get(row).unwrap_or(0)));
            }
            // A program is made from the same table that the columns are.
            _ => {}
        }
    }

    #[inline]
    fn number(&mut self, octets: u8, value: u64) {
        match octets {
            1 => self.octets.push(value as u8),
            2 => self.octets.extend_from_slice(&(value as u16).to_be_bytes()),
            4 => self.octets.extend_from_slice(&(value as u32).to_be_bytes()),
            8 => self.octets.extend_from_slice(&value.to_be_bytes()),
            octets => self.octets.extend(value.to_be_bytes().iter().skip(8 - usize::from(octets))),
        }
    }

    /// Octets of varying length: the length in front of them, where the protocol has that.
    #[inline]
    fn sized(&mut self, options: &EncodeOptions, octets: &[u8]) {
        // What is cut here is too long for a message, which the message says.
        let octets = octets.get(..octets.len().min(u16::MAX.into())).unwrap_or_default();
        if options.protocol == TemplateProtocol::Ipfix {
            write_length(&mut self.octets, octets.len());
        }
        self.octets.extend_from_slice(octets);
    }

    fn time(&mut self, time: i64, form: TimeForm, options: &EncodeOptions) {
        // All forms round down, so that no flow ends before it starts.
        match form {
            TimeForm::Uptime => {
                let uptime = (time - options.boot_time).div_euclid(MILLISECOND) as u32;
                self.octets.extend_from_slice(&uptime.to_be_bytes());
            }
            TimeForm::Milliseconds => self.octets.extend_from_slice(&time.div_euclid(MILLISECOND).to_be_bytes()),
            TimeForm::Microseconds => self.octets.extend_from_slice(&ntp_microseconds(time).unwrap_or(0).to_be_bytes()),
            TimeForm::Nanoseconds => self.octets.extend_from_slice(&ntp(time).unwrap_or(0).to_be_bytes()),
        }
    }

    /// RFC 6313, section 4.5.1: an ordered list of numbers.
    fn list(&mut self, numbers: &[u32], item: ElementId) {
        const HEADER: usize = 9;
        // What is longer than a length can say is cut; no list of ours is.
        let numbers = numbers.get(..numbers.len().min((usize::from(u16::MAX) - HEADER) / 4)).unwrap_or_default();
        write_length(&mut self.octets, HEADER + 4 * numbers.len());
        // Semantic "ordered".
        self.octets.push(4);
        self.octets.extend_from_slice(&(item.id | 0x8000).to_be_bytes());
        self.octets.extend_from_slice(&4u16.to_be_bytes());
        self.octets.extend_from_slice(&item.pen.to_be_bytes());
        for number in numbers {
            self.octets.extend_from_slice(&number.to_be_bytes());
        }
    }

    /// What no column covers, under the names that decoding gives. The halves of a pair have the same. Gives the number of values left out.
    pub(super) fn extra(&mut self, extra: &str, target: &mut Target<'_>) -> u64 {
        let mut left_out = 0;
        let object = serde_json::from_str::<Value>(extra).ok();
        for (name, value) in object.as_ref().and_then(Value::as_object).into_iter().flatten() {
            let element = element_of_extra(target, name, value);
            let written = element.is_some_and(|element| target.write_field(&mut self.fields, &mut self.octets, element, value));
            left_out += u64::from(!written);
        }
        left_out
    }
}

/// The number of a row, whatever its width.
#[inline]
fn number(source: &AnyColumn<'_>, row: usize) -> Option<u64> {
    match source {
        AnyColumn::U8(numbers) => numbers.get(row).map(u64::from),
        AnyColumn::U16(numbers) => numbers.get(row).map(u64::from),
        AnyColumn::U32(numbers) => numbers.get(row).map(u64::from),
        AnyColumn::U64(numbers) => numbers.get(row),
        AnyColumn::Time(_) | AnyColumn::Ip(_) | AnyColumn::Text(_) | AnyColumn::List(_) => None,
    }
}

/// Whether the element of a column can hold this text. `engine` is that of the database columns.
pub(super) fn text_is_usable(flows: &FlowBatch, row: usize, column: Column, engine: Option<u8>) -> bool {
    let AnyColumn::Text(texts) = flows.column(column) else { return false };
    let Some(text) = texts.get(row) else { return false };
    match (column, engine) {
        (Column::app_id, _) => engine_and_selector(text).is_some(),
        (Column::tls_ja3, _) => from_hex(text, &mut [0; 64]).is_some(),
        (Column::sip_method, _) => sip_method(text).is_some(),
        (_, None) => false,
        // The error of PostgreSQL is a text, that of the others a number.
        (Column::sql_error, Some(0 | 2)) => text.parse::<u64>().is_ok(),
        (_, Some(_)) => true,
    }
}

fn engine_and_selector(text: &str) -> Option<(u8, u64)> {
    let (engine, selector) = text.split_once(':')?;
    Some((engine.parse().ok()?, selector.parse().ok()?))
}

fn sip_method(text: &str) -> Option<u64> {
    let code = SIP_METHODS.iter().position(|method| !method.is_empty() && *method == text);
    code.map_or_else(|| text.parse().ok(), |code| Some(code as u64))
}

/// Octets of a text in hexadecimal, and their number.
fn from_hex(text: &str, out: &mut [u8; 64]) -> Option<usize> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 2 * out.len() {
        return None;
    }
    let digit = |octet: &u8| char::from(*octet).to_digit(16);
    for (place, pair) in out.iter_mut().zip(digits.chunks(2)) {
        *place = (digit(pair.first()?)? << 4 | digit(pair.last()?)?) as u8;
    }
    Some(digits.len() / 2)
}

/// The element of a name in `extra`: that of a column behind `inner_`, or a registered one.
fn element_of_extra(target: &Target<'_>, name: &str, value: &Value) -> Option<ElementId> {
    let base = base_name(name);
    if let Some(column) =
        name.strip_prefix("inner_").and_then(|inner| Column::by_name(inner).or_else(|| Column::by_name(base_name(inner))))
    {
        let v6 = value.as_str().is_some_and(|text| text.contains(':'));
        let wanted = |element: &&ElementId| match data_type(target.registry, **element) {
            DataType::Ipv4Address => !v6,
            DataType::Ipv6Address => v6,
            _ => true,
        };
        return column.info().elements.iter().find(wanted).copied();
    }
    element_of_name(target.registry, name).or_else(|| element_of_name(target.registry, base))
}
