//! Templates of NetFlow v9 (RFC 3954, section 5.2) and IPFIX (RFC 7011, section 3.4): what a data record consists of.

use weir_record::ElementId;
use weir_record::flow::{PEN_NETFLOW9, PEN_NETFLOW9_HIGH};
use weir_record::registry::Registry;

pub(crate) mod cells;
mod compile;
mod parse;
mod program;
pub(crate) mod rate;
mod run;
pub(crate) mod text;
mod values;

pub(crate) use parse::{Event, Parser};
pub(crate) use program::Program;
pub(crate) use run::{Context, Runner, fill_kinds};
pub(crate) use text::TemplateLookup;

/// Length in a template that means: each record tells the length of this field (RFC 7011, section 7).
pub const VARIABLE_LENGTH: u16 = u16::MAX;

/// Marks the scope types of NetFlow v9 options templates (RFC 3954, section 6.1); the id is the scope type.
pub const PEN_NETFLOW9_SCOPE: u32 = 4_294_967_293;

/// Enterprise number of CERT, whose elements are reversed by bit 14 of their id.
pub(crate) const PEN_CERT: u32 = 6871;
const CERT_REVERSE: u16 = 0x4000;

/// A field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// What it holds.
    pub element: ElementId,
    /// Octets in a record, or [`VARIABLE_LENGTH`].
    pub length: u16,
}

/// A template or options template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Id, 256 or more.
    pub id: u16,
    /// Number of scope fields, which come first; nothing for a template of flow records.
    pub scope: Option<u16>,
    /// The fields in the order of a record.
    pub fields: Vec<Field>,
}

impl Template {
    /// Octets of the shortest record.
    pub fn min_length(&self) -> usize {
        self.fields.iter().map(|field| if field.length == VARIABLE_LENGTH { 1 } else { usize::from(field.length) }).sum()
    }

    /// Whether a template can be used: its id is none of a set's, its records have an octet, and its scope lies in it.
    pub(crate) fn is_sound(&self, max_fields: usize) -> bool {
        let scope = self.scope.map_or(0, usize::from);
        self.id >= 256 && self.min_length() > 0 && self.fields.len() <= max_fields && scope <= self.fields.len()
    }

    /// Octets of each record, where no field varies.
    pub fn fixed_length(&self) -> Option<usize> {
        self.fields.iter().all(|field| field.length != VARIABLE_LENGTH).then(|| self.min_length())
    }
}

/// The element of a NetFlow v9 field type.
pub(crate) fn netflow9_element(registry: &Registry, field_type: u16) -> ElementId {
    if field_type >= 0x8000 {
        return ElementId::enterprise(PEN_NETFLOW9_HIGH, field_type - 0x8000);
    }
    let iana = ElementId::iana(field_type);
    let own = ElementId::enterprise(PEN_NETFLOW9, field_type);
    if registry.get(iana).is_none() && registry.get(own).is_some() { own } else { iana }
}

/// The forward element of a reverse one: RFC 5103's own enterprise number, or an enterprise's bit.
pub(crate) const fn forward_of(element: ElementId) -> Option<ElementId> {
    match element.pen {
        ElementId::REVERSE_PEN => Some(ElementId::iana(element.id)),
        PEN_CERT if element.id & CERT_REVERSE != 0 => Some(ElementId::enterprise(PEN_CERT, element.id & !CERT_REVERSE)),
        _ => None,
    }
}

/// The reverse element of a forward one, where the enterprise has any.
pub(crate) const fn reverse_of(element: ElementId) -> Option<ElementId> {
    match element.pen {
        0 => Some(ElementId::enterprise(ElementId::REVERSE_PEN, element.id)),
        PEN_CERT => Some(ElementId::enterprise(PEN_CERT, element.id | CERT_REVERSE)),
        _ => None,
    }
}
