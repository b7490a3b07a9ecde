//! IPFIX Information Elements: what they are called and how their octets are read (RFC 7012).
//!
//! The built-in table is generated from `data/elements.csv` and `data/elements-extra.csv` by
//! `cargo xtask generate`; users add elements in TOML. Element numbers of NetFlow v9 field types are told in
//! [`crate::flow::PEN_NETFLOW9`] and [`crate::flow::PEN_NETFLOW9_HIGH`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::table::ElementId;

mod generated;
mod user;

pub use user::UserElementError;

/// An abstract data type (RFC 7012, section 3.1; lists RFC 6313).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the standard's own names")]
pub enum DataType {
    OctetArray,
    Unsigned8,
    Unsigned16,
    Unsigned32,
    Unsigned64,
    Signed8,
    Signed16,
    Signed32,
    Signed64,
    Float32,
    Float64,
    Boolean,
    MacAddress,
    String,
    DateTimeSeconds,
    DateTimeMilliseconds,
    DateTimeMicroseconds,
    DateTimeNanoseconds,
    Ipv4Address,
    Ipv6Address,
    BasicList,
    SubTemplateList,
    SubTemplateMultiList,
}

impl DataType {
    /// Every type with the name that the standard gives it.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("octetArray", Self::OctetArray),
        ("unsigned8", Self::Unsigned8),
        ("unsigned16", Self::Unsigned16),
        ("unsigned32", Self::Unsigned32),
        ("unsigned64", Self::Unsigned64),
        ("signed8", Self::Signed8),
        ("signed16", Self::Signed16),
        ("signed32", Self::Signed32),
        ("signed64", Self::Signed64),
        ("float32", Self::Float32),
        ("float64", Self::Float64),
        ("boolean", Self::Boolean),
        ("macAddress", Self::MacAddress),
        ("string", Self::String),
        ("dateTimeSeconds", Self::DateTimeSeconds),
        ("dateTimeMilliseconds", Self::DateTimeMilliseconds),
        ("dateTimeMicroseconds", Self::DateTimeMicroseconds),
        ("dateTimeNanoseconds", Self::DateTimeNanoseconds),
        ("ipv4Address", Self::Ipv4Address),
        ("ipv6Address", Self::Ipv6Address),
        ("basicList", Self::BasicList),
        ("subTemplateList", Self::SubTemplateList),
        ("subTemplateMultiList", Self::SubTemplateMultiList),
    ];

    /// The type of that name, by any case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, data_type)| *data_type)
    }

    /// The type's name in the standard.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, data_type)| *data_type == self).map_or("", |(name, _)| name)
    }

    /// True for the types that reduced-size encoding may shorten (RFC 7011, section 6.2), floats aside.
    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            Self::Unsigned8
                | Self::Unsigned16
                | Self::Unsigned32
                | Self::Unsigned64
                | Self::Signed8
                | Self::Signed16
                | Self::Signed32
                | Self::Signed64
        )
    }

    /// Octets of a value in full size; nothing for types of varying length.
    pub const fn full_length(self) -> Option<u16> {
        match self {
            Self::Unsigned8 | Self::Signed8 | Self::Boolean => Some(1),
            Self::Unsigned16 | Self::Signed16 => Some(2),
            Self::Unsigned32 | Self::Signed32 | Self::Float32 | Self::DateTimeSeconds | Self::Ipv4Address => Some(4),
            Self::MacAddress => Some(6),
            Self::Unsigned64
            | Self::Signed64
            | Self::Float64
            | Self::DateTimeMilliseconds
            | Self::DateTimeMicroseconds
            | Self::DateTimeNanoseconds => Some(8),
            Self::Ipv6Address => Some(16),
            Self::OctetArray | Self::String | Self::BasicList | Self::SubTemplateList | Self::SubTemplateMultiList => None,
        }
    }
}

/// An Information Element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Enterprise and id.
    pub id: ElementId,
    /// The registry's name, in camel case.
    pub name: Cow<'static, str>,
    /// How its octets are read.
    pub data_type: DataType,
}

/// The built-in elements and those that users added.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    added: BTreeMap<ElementId, Element>,
}

impl Registry {
    /// The built-in elements.
    pub fn new() -> Self {
        Self::default()
    }

    /// The element of that enterprise and id. An added one hides a built-in one.
    pub fn get(&self, id: ElementId) -> Option<&Element> {
        self.added.get(&id).or_else(|| builtin(id))
    }

    /// The first element of that name: added ones first, then by enterprise number and id.
    pub fn by_name(&self, name: &str) -> Option<&Element> {
        let added = self.added.values().find(|element| element.name == name);
        added.or_else(|| generated::ELEMENTS.iter().find(|element| element.name == name))
    }

    /// The key under which a value of this element stands where no column covers it: the element's name, `reverse` and the name of
    /// the forward element (RFC 5103, section 6.1), or `pen/id`.
    pub fn key(&self, id: ElementId) -> String {
        if let Some(element) = self.get(id) {
            return element.name.clone().into_owned();
        }
        if id.pen == ElementId::REVERSE_PEN
            && let Some(forward) = self.get(ElementId::iana(id.id))
        {
            let mut letters = forward.name.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            return "reverse".chars().chain(first).chain(letters).collect();
        }
        format!("{}/{}", id.pen, id.id)
    }
}

/// Every built-in element, by enterprise number and id.
pub fn builtin_elements() -> &'static [Element] {
    generated::ELEMENTS
}

fn builtin(id: ElementId) -> Option<&'static Element> {
    let place = generated::ELEMENTS.binary_search_by_key(&id, |element| element.id).ok()?;
    generated::ELEMENTS.get(place)
}

/// Constructor of the generated table's lines.
const fn element(pen: u32, id: u16, name: &'static str, data_type: DataType) -> Element {
    Element { id: ElementId { pen, id }, name: Cow::Borrowed(name), data_type }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.id, self.data_type.name())
    }
}

#[cfg(test)]
mod tests;
