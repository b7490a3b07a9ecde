//! A flow record from its row: for each column the element that carries it, and its octets.

use serde_json::Value;
use weir_record::flow::PEN_FLOWMON;
use weir_record::registry::DataType;
use weir_record::{Address, AnyColumn, Column, ColumnType, ElementId, FlowBatch, Scope};

use super::TemplateProtocol;
use super::message::can_carry;
use super::value::{Target, base_name, element_of_name, ntp, write_address, write_hex};
use crate::template::text::{SIP_METHODS, data_type};
use crate::template::{Field, reverse_of};

const MILLISECOND: i64 = 1_000_000;

/// One record in the making; reused for every row.
#[derive(Debug, Default)]
pub(super) struct RowWriter {
    pub(super) fields: Vec<Field>,
    pub(super) octets: Vec<u8>,
    left_out: u64,
}

/// The times of a message that a record's times may refer to, nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Clock {
    exported: i64,
    boot: i64,
}

impl RowWriter {
    /// Writes the record of a row, and of the responder's row behind it where both make a pair. Gives the number of values that were left out.
    pub(super) fn write(
        &mut self,
        flows: &FlowBatch,
        row: usize,
        pair: bool,
        exported: i64,
        boot: i64,
        target: &mut Target<'_>,
    ) -> u64 {
        self.left_out = 0;
        self.fields.clear();
        self.octets.clear();
        let clock = Clock { exported, boot };
        for column in flows.filled().filter(|column| is_carried(*column)) {
            if flows.column(column).is_present(row) {
                self.column(flows, row, column, false, clock, target);
            }
            if pair && column.info().scope == Scope::Direction && flows.column(column).is_present(row + 1) {
                self.column(flows, row + 1, column, true, clock, target);
            }
        }
        self.extra(flows, row, target);
        self.left_out
    }

    /// The value of one column.
    fn column(&mut self, flows: &FlowBatch, row: usize, column: Column, reverse: bool, clock: Clock, target: &mut Target<'_>) {
        let choose = |wanted: &dyn Fn(DataType) -> bool| {
            let elements = column.info().elements.iter().copied();
            let elements = elements.filter_map(|element| if reverse { reverse_of(element) } else { Some(element) });
            let usable =
                |element: &ElementId| can_carry(target.protocol, *element) && wanted(data_type(target.registry, *element));
            elements.clone().find(usable)
        };
        let any = |_: DataType| true;
        let written = match (column, flows.column(column)) {
            // Element 352 says it, and the rest follows.
            (Column::bytes, _) if flows.bytes_estimated.get(row) == Some(1) => Some(()),
            (Column::icmp_type | Column::icmp_code, _) => self.icmp(flows, row, column, target),
            (Column::mpls_labels, AnyColumn::List(labels)) => self.mpls(labels.get(row)),
            (Column::sql_user | Column::sql_database | Column::sql_statement | Column::sql_error, AnyColumn::Text(text)) => {
                let element = sql_element(flows, row, column);
                element.and_then(|element| self.text(element, column, text.get(row)?, target))
            }
            (Column::sql_engine, _) => Some(()),
            (Column::time_start | Column::time_end | Column::event_time, AnyColumn::Time(times)) => {
                times.get(row).and_then(|time| self.time(column, time, clock, target))
            }
            (_, AnyColumn::Ip(addresses)) => addresses.get(row).and_then(|address| {
                let wanted = if address.is_v4() { DataType::Ipv4Address } else { DataType::Ipv6Address };
                self.address(choose(&|data_type| data_type == wanted)?, address, target)
            }),
            (_, AnyColumn::Text(text)) => text.get(row).and_then(|text| self.text(choose(&any)?, column, text, target)),
            (_, AnyColumn::U8(numbers)) => {
                numbers.get(row).and_then(|number| self.number(choose(&any)?, column, number.into(), target))
            }
            (_, AnyColumn::U16(numbers)) => {
                numbers.get(row).and_then(|number| self.number(choose(&any)?, column, number.into(), target))
            }
            (_, AnyColumn::U32(numbers)) => {
                numbers.get(row).and_then(|number| self.number(choose(&any)?, column, number.into(), target))
            }
            (_, AnyColumn::U64(numbers)) => {
                numbers.get(row).and_then(|number| self.number(choose(&any)?, column, number, target))
            }
            (_, AnyColumn::List(_) | AnyColumn::Time(_)) => None,
        };
        self.left_out += u64::from(written.is_none());
    }

    /// An unsigned number, in the octets of the element or of the column, whichever are fewer; what is too large saturates.
    fn number(&mut self, element: ElementId, column: Column, number: u64, target: &Target<'_>) -> Option<()> {
        let data_type = data_type(target.registry, element);
        let of_column: usize = match column.info().column_type {
            ColumnType::U8 | ColumnType::Bool | ColumnType::Enum(_) => 1,
            ColumnType::U16 => 2,
            ColumnType::U32 => 4,
            ColumnType::Mac => 6,
            _ => 8,
        };
        let octets = data_type.full_length().map_or(of_column, |full| of_column.min(full.into()));
        let largest = u64::MAX >> (64 - 8 * octets as u32);
        // All bits set mean absent there.
        let largest = if element.pen == PEN_FLOWMON { largest - 1 } else { largest };
        self.octets.extend_from_slice(number.min(largest).to_be_bytes().get(8 - octets..)?);
        self.fields.push(Field { element, length: octets as u16 });
        Some(())
    }

    fn address(&mut self, element: ElementId, address: Address, target: &Target<'_>) -> Option<()> {
        let start = self.octets.len();
        write_address(&mut self.octets, address);
        target.end_field(&mut self.fields, &mut self.octets, start, element, data_type(target.registry, element));
        Some(())
    }

    fn text(&mut self, element: ElementId, column: Column, text: &str, target: &Target<'_>) -> Option<()> {
        let data_type = data_type(target.registry, element);
        let start = self.octets.len();
        match column {
            Column::tls_ja3 => write_hex(&mut self.octets, text)?,
            Column::app_id => {
                let (engine, selector) = text.split_once(':')?;
                let (engine, selector): (u8, u64) = (engine.parse().ok()?, selector.parse().ok()?);
                // Three octets of selector are what exporters send (RFC 6759, section 4.1).
                let octets = if selector < 1 << 24 { 3 } else { 8 };
                self.octets.push(engine);
                self.octets.extend_from_slice(selector.to_be_bytes().get(8 - octets..)?);
            }
            Column::sip_method => {
                let code = SIP_METHODS.iter().position(|method| !method.is_empty() && *method == text);
                return self.number(element, column, code.map_or_else(|| text.parse().ok(), |code| Some(code as u64))?, target);
            }
            _ if data_type.is_integer() => return self.number(element, column, text.parse().ok()?, target),
            _ => self.octets.extend_from_slice(text.as_bytes()),
        }
        target.end_field(&mut self.fields, &mut self.octets, start, element, data_type);
        Some(())
    }

    /// A time: in milliseconds where that is exact, as most collectors read best, else in nanoseconds.
    fn time(&mut self, column: Column, time: i64, clock: Clock, target: &Target<'_>) -> Option<()> {
        let exact = time.rem_euclid(MILLISECOND) == 0 && time >= 0;
        let (uptime, milliseconds, nanoseconds) = match column {
            Column::time_start => (Some(22), 152, 156),
            Column::time_end => (Some(21), 153, 157),
            _ => (None, 323, 325),
        };
        let header = clock.exported.div_euclid(1_000_000_000) * 1_000_000_000;
        let near = i32::try_from((header - time) / MILLISECOND).is_ok() && clock.boot.rem_euclid(MILLISECOND) == 0;
        match (target.protocol, uptime) {
            (TemplateProtocol::NetFlow9, Some(id)) if exact && near => {
                self.fixed(id, &(((time - clock.boot) / MILLISECOND) as u32).to_be_bytes());
            }
            _ if exact => self.fixed(milliseconds, &(time / MILLISECOND).to_be_bytes()),
            _ => self.fixed(nanoseconds, &ntp(time)?.to_be_bytes()),
        }
        Some(())
    }

    fn fixed(&mut self, id: u16, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
        self.fields.push(Field { element: ElementId::iana(id), length: octets.len() as u16 });
    }

    fn icmp(&mut self, flows: &FlowBatch, row: usize, column: Column, target: &Target<'_>) -> Option<()> {
        let version6 =
            flows.protocol.get(row) == Some(58) || (flows.protocol.get(row).is_none() && flows.ip_version.get(row) == Some(6));
        let (numbers, id) = if column == Column::icmp_type { (&flows.icmp_type, 176) } else { (&flows.icmp_code, 177) };
        let element = ElementId::iana(if version6 { id + 2 } else { id });
        self.number(element, column, numbers.get(row)?.into(), target)
    }

    fn mpls(&mut self, labels: Option<&[u32]>) -> Option<()> {
        let labels = labels?;
        for (label, element) in labels.iter().zip(Column::mpls_labels.info().elements) {
            self.octets.extend_from_slice(label.to_be_bytes().get(1..)?);
            self.fields.push(Field { element: *element, length: 3 });
        }
        (labels.len() <= Column::mpls_labels.info().elements.len()).then_some(())
    }

    /// What no column covers, under the names that decoding gives. The halves of a pair have the same.
    fn extra(&mut self, flows: &FlowBatch, row: usize, target: &mut Target<'_>) {
        let object = flows.extra.get(row).and_then(|text| serde_json::from_str::<Value>(text).ok());
        for (name, value) in object.as_ref().and_then(Value::as_object).into_iter().flatten() {
            let element = element_of_extra(target, name, value);
            let written = element.is_some_and(|element| target.write_field(&mut self.fields, &mut self.octets, element, value));
            self.left_out += u64::from(!written);
        }
    }
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

/// The element of a database column, by the engine of the row.
fn sql_element(flows: &FlowBatch, row: usize, column: Column) -> Option<ElementId> {
    let place = match flows.sql_engine.get(row)? {
        "mysql" => 0,
        "postgresql" => 1,
        "mssql" => 2,
        _ => return None,
    };
    column.info().elements.get(place).copied()
}

/// Columns that a record carries: not those that the transport, the header or the collector tells.
fn is_carried(column: Column) -> bool {
    !matches!(
        column,
        Column::time_received
            | Column::time_suspect
            | Column::record_kind
            | Column::format
            | Column::origin
            | Column::exporter
            | Column::received_from
            | Column::received_port
            | Column::obs_domain
            | Column::biflow
            | Column::bytes_estimated
            | Column::in_if_name
            | Column::out_if_name
            | Column::in_if_alias
            | Column::out_if_alias
            | Column::vrf_in_name
            | Column::vrf_out_name
            | Column::extra
    )
}
