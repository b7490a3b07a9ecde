//! Elements of our own, for columns that no known element carries (RFC 7011, section 3.2; types announced as in RFC 5610).
//!
//! Their numbers are fixed here and nowhere else; the enterprise number is the user's, who names it to the exporter and to the collector. A number
//! with all bits set, an empty text, the address `::` and an empty list mean absent. IPv4 addresses stand as `::ffff:a.b.c.d`.
//!
//! The collector's side is more general than that: an element that is known under the name of a column fills this column, if nothing else
//! does, whoever made it.

use std::fmt::Write;

use weir_record::registry::{DataType, Registry, builtin_elements};
use weir_record::{Column, ColumnType, ElementId};

/// Id and column. An id is never given to another column; new ones are added at the end.
const COLUMNS: &[(u16, Column)] = &[
    (1, Column::app),
    (2, Column::app_source),
    (3, Column::tcp_handshake),
    (4, Column::rtt_client),
    (5, Column::rtt_server),
    (6, Column::srt_min),
    (7, Column::srt_max),
    (8, Column::srt_count),
    (9, Column::srt_sum),
    (10, Column::srt_hist),
    (11, Column::capture_duplicates),
    (12, Column::zero_windows),
    (13, Column::resets),
    (14, Column::http_count),
    (15, Column::http_forwarded_for),
    (16, Column::smtp_status),
    (17, Column::client_addr),
    (18, Column::tunnel_type),
    (19, Column::tunnel_id),
    (20, Column::tunnel_src),
    (21, Column::tunnel_dst),
    (22, Column::drop_reason),
    (23, Column::as_path),
    (24, Column::communities),
    (25, Column::in_if_kind),
    (26, Column::out_if_kind),
    (27, Column::dns_unanswered),
    (28, Column::http_other_clients),
];

/// The element that lists consist of (RFC 6313, section 4.5.1), and its name.
const ITEM: (u16, &str) = (100, "list_item");

/// Whether our elements can have this enterprise number: one that no known element has.
pub fn is_usable(pen: u32) -> bool {
    let known = |element: &weir_record::registry::Element| element.id.pen == pen;
    pen != 0
        && pen != ElementId::REVERSE_PEN
        && pen < weir_record::flow::PEN_NETFLOW9 - 1
        && !builtin_elements().iter().any(known)
}

/// Makes our elements known under this enterprise number. False where it is not usable; then nothing is changed.
pub fn register(registry: &mut Registry, pen: u32) -> bool {
    let mut text = String::new();
    for element in elements() {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "[[element]]\npen = {pen}\nid = {}\nname = {:?}\ntype = {:?}",
            element.id,
            element.name,
            element.data_type.name()
        );
    }
    is_usable(pen) && registry.add_toml(&text).is_ok()
}

/// One of our elements, without its enterprise.
pub(crate) struct Element {
    pub(crate) id: u16,
    pub(crate) name: &'static str,
    pub(crate) data_type: DataType,
}

/// All of our elements.
pub(crate) fn elements() -> impl Iterator<Item = Element> {
    let of_column =
        |(id, column): &(u16, Column)| Element { id: *id, name: column.name(), data_type: data_type(column.info().column_type) };
    let item = Element { id: ITEM.0, name: ITEM.1, data_type: DataType::Unsigned32 };
    COLUMNS.iter().map(of_column).chain([item])
}

/// The element of ours that carries a column.
pub(crate) fn element(pen: u32, column: Column) -> Option<ElementId> {
    let (id, _) = COLUMNS.iter().find(|(_, own)| *own == column)?;
    Some(ElementId::enterprise(pen, *id))
}

/// The element that lists consist of.
pub(crate) const fn item(pen: u32) -> ElementId {
    ElementId::enterprise(pen, ITEM.0)
}

/// How the values of a column are written.
const fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Bool | ColumnType::U8 | ColumnType::Enum(_) => DataType::Unsigned8,
        ColumnType::U16 => DataType::Unsigned16,
        ColumnType::U32 => DataType::Unsigned32,
        ColumnType::U64 => DataType::Unsigned64,
        ColumnType::Time => DataType::DateTimeNanoseconds,
        ColumnType::Ip => DataType::Ipv6Address,
        ColumnType::Mac => DataType::MacAddress,
        ColumnType::Text | ColumnType::Json => DataType::String,
        ColumnType::List => DataType::BasicList,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_columns_stand_once_and_have_no_other_element() {
        let mut ids: Vec<u16> = elements().map(|element| element.id).collect();
        ids.dedup();
        assert!(ids.is_sorted());
        assert_eq!(ids.len(), elements().count());
        for element in elements() {
            let same = elements().filter(|other| other.name == element.name).count();
            assert_eq!(same, 1, "{}", element.name);
            let column = Column::by_name(element.name);
            assert!(column.is_none_or(|column| column.info().elements.is_empty()), "{}", element.name);
        }
    }

    #[test]
    fn elements_are_known_once_registered() {
        let mut registry = Registry::new();
        assert!(register(&mut registry, 64_512));
        for own in elements() {
            let known = registry.get(ElementId::enterprise(64_512, own.id)).unwrap();
            assert_eq!((known.name.as_ref(), known.data_type), (own.name, own.data_type));
        }
        for taken in [0, 9, 39_499, 29_305, u32::MAX] {
            assert!(!register(&mut Registry::new(), taken), "{taken}");
        }
    }

    #[test]
    fn the_manual_lists_them_all() {
        let manual = include_str!("../../../docs/elements.md");
        for element in elements().filter(|element| element.name != ITEM.1) {
            let line = format!("| {} | {} | {} |", element.id, element.name, element.data_type.name());
            assert!(manual.contains(&line), "{line}");
        }
        assert!(manual.contains(&format!("of element {}, `{}`, unsigned32", ITEM.0, ITEM.1)));
    }

    #[test]
    fn no_built_in_element_has_the_name_of_a_column() {
        for element in builtin_elements() {
            assert_eq!(Column::by_name(&element.name), None, "{element}");
        }
    }
}
