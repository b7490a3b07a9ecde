//! An options record from its row: scope and values back from JSON to fields.

use serde_json::Value;
use weir_record::{ElementId, OptionsBatch};

use super::value::{Target, base_name, element_of_name};
use crate::template::{Field, PEN_NETFLOW9_SCOPE};

/// An options record, ready to be put into a message.
#[derive(Debug, Default)]
pub(super) struct OptionsRecord {
    /// Scope fields, which come first.
    pub(super) scope: u16,
    pub(super) fields: Vec<Field>,
    pub(super) octets: Vec<u8>,
    /// Values without an element that the protocol can carry.
    pub(super) left_out: u64,
}

/// The record of a row.
pub(super) fn record(rows: &OptionsBatch, row: usize, target: &mut Target<'_>) -> OptionsRecord {
    let mut record = OptionsRecord::default();
    for (column, scope) in [(&rows.scope, true), (&rows.values, false)] {
        let object: Option<Value> = column.get(row).and_then(|text| serde_json::from_str(text).ok());
        for (name, value) in object.as_ref().and_then(Value::as_object).into_iter().flatten() {
            let scope_type = if scope { scope_type(name) } else { None };
            let element = scope_type.or_else(|| element_of_name(target.registry, base_name(name)));
            let mut write = |element| target.write_field(&mut record.fields, &mut record.octets, element, value);
            let written = element.is_some_and(&mut write);
            record.left_out += u64::from(!written);
            record.scope += u16::from(written && scope);
        }
    }
    record
}

/// The NetFlow v9 scope type of a name (RFC 3954, section 6.1).
fn scope_type(name: &str) -> Option<ElementId> {
    let id = match name {
        "system" => 1,
        "interface" => 2,
        "lineCard" => 3,
        "cache" => 4,
        "template" => 5,
        _ => name.strip_prefix("scope/")?.parse().ok()?,
    };
    Some(ElementId::enterprise(PEN_NETFLOW9_SCOPE, id))
}
