use super::*;
use crate::table::Table;
use crate::{ColumnType, FlowBatch};

#[test]
fn the_table_is_sorted_and_its_names_are_written_plainly() {
    let elements = builtin_elements();
    assert!(elements.len() > 1500, "{}", elements.len());
    assert!(elements.windows(2).all(|pair| pair[0].id < pair[1].id));
    // Names become JSON keys without escaping.
    assert!(
        elements.iter().all(|e| { !e.name.is_empty() && e.name.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\') })
    );
}

#[test]
fn elements_are_found() {
    let registry = Registry::new();
    assert_eq!(registry.get(ElementId::iana(8)).unwrap().to_string(), "sourceIPv4Address (8, ipv4Address)");
    assert_eq!(registry.get(ElementId::enterprise(8057, 809)).unwrap().data_type, DataType::String);
    assert_eq!(registry.by_name("octetDeltaCount").unwrap().id, ElementId::iana(1));
    assert_eq!(registry.key(ElementId::enterprise(29305, 1)), "reverseOctetDeltaCount");
    assert_eq!(registry.key(ElementId::enterprise(64512, 7)), "64512/7");
    assert_eq!(registry.key(ElementId::iana(32_000)), "0/32000");
}

/// Every element that the column table names exists, so that a mistyped number is found.
#[test]
fn the_elements_of_columns_are_known() {
    let registry = Registry::new();
    for info in FlowBatch::COLUMNS {
        for id in info.elements {
            let element = registry.get(*id).unwrap_or_else(|| panic!("{}: {id}", info.name));
            let addresses = matches!(element.data_type, DataType::Ipv4Address | DataType::Ipv6Address);
            assert_eq!(addresses, info.column_type == ColumnType::Ip, "{}: {element}", info.name);
        }
    }
}

#[test]
fn users_add_elements() {
    let mut registry = Registry::new();
    let text = "[[element]]\npen = 64512\nid = 1\nname = \"queueDepth\"\ntype = \"unsigned32\"\n";
    assert_eq!(registry.add_toml(text), Ok(1));
    assert_eq!(registry.key(ElementId::enterprise(64512, 1)), "queueDepth");
    assert_eq!(registry.by_name("queueDepth").unwrap().data_type, DataType::Unsigned32);
}

#[test]
fn errors_of_users_are_told() {
    let mut registry = Registry::new();
    let mut refused = |text: &str| registry.add_toml(text).unwrap_err().to_string();
    let syntax = refused("[[element]]\nid = 1\nnam = \"x\"\ntype = \"string\"\n");
    assert!(syntax.contains("line 3") && syntax.contains("nam"), "{syntax}");
    assert!(
        refused("[[element]]\nid = 1\nname = \"x\"\ntype = \"int\"\n")
            .starts_with("element x: type \"int\" is unknown, expected one of octetArray")
    );
    assert_eq!(
        refused("[[element]]\nid = 1\nname = \"a b\"\ntype = \"string\"\n"),
        "element name \"a b\": expected letters, digits, '_', '-' or '.', at least one"
    );
    assert_eq!(
        refused("[[element]]\nid = 40000\nname = \"x\"\ntype = \"string\"\n"),
        "element x: id 40000 is out of range, expected 1 to 32767"
    );
    assert!(registry.by_name("x").is_none());
}
