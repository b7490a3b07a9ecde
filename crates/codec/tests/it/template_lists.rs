//! Structured data (RFC 6313): lists that become nested values in `extra`, and lists that contradict themselves.

use serde_json::{Value, json};
use weir_codec::Reason;

use crate::template_messages::*;

const BASIC: u16 = 291;
const TEMPLATES: u16 = 292;
const MULTI: u16 = 293;

/// Decodes a record with one list of varying length beside a protocol number; templates 300 and 301 are known. Gives what `extra` has
/// under the list's name.
fn list(element: u16, octets: &str) -> (Value, Vec<(Reason, usize, u64)>) {
    let mut collector = Collector::new();
    let templates = [
        template(300, &[ie(7, 2), ie(4, 1)]),
        template(301, &[ie(7, 2), ie(96, VARIES)]),
        template(302, &[(4000, 0, 0), ie(7, 2), (4000, 0, 0)]),
        template(256, &[ie(element, VARIES), ie(4, 1)]),
    ];
    let octets = hex(octets);
    let data = [&[255][..], &(octets.len() as u16).to_be_bytes(), &octets, &[6]].concat();
    let mut rows = collector.rows(&ipfix(7, &[set(2, &templates.concat()), set(256, &data)]));
    assert_eq!(rows.len(), 1);
    // The rest of the record stands whatever the list is.
    assert_eq!(rows[0]["protocol"], 6);
    let name = ["basicList", "subTemplateList", "subTemplateMultiList"][usize::from(element - BASIC)];
    (rows[0]["extra"][name].take(), collector.faults())
}

fn good(element: u16, octets: &str, expected: Value) {
    assert_eq!(list(element, octets), (expected, vec![]), "{octets}");
}

/// A list that contradicts itself is shown as octets, and told at the body of its set.
fn bad(element: u16, octets: &str) {
    let shown = octets.replace(' ', "");
    let body = 16 + 4 + 12 + 12 + 16 + 12 + 4;
    assert_eq!(list(element, octets), (json!(shown), vec![(Reason::BadList, body, hex(octets).len() as u64)]), "{octets}");
}

#[test]
fn basic_lists_hold_values_of_one_element() {
    good(BASIC, "03 0007 0002 0050 01bb", json!({ "semantic": "allOf", "element": "sourceTransportPort", "values": [80, 443] }));
    good(
        BASIC,
        "04 0060 ffff 02 6162 00 01 63",
        json!({ "semantic": "ordered", "element": "applicationName", "values": ["ab", "", "c"] }),
    );
    good(BASIC, "ff 0060 ffff ff0002 6162", json!({ "semantic": "undefined", "element": "applicationName", "values": ["ab"] }));
    good(BASIC, "00 8007 0002 0040bbf8 abcd", json!({ "semantic": "noneOf", "element": "4242424/7", "values": ["abcd"] }));
    good(BASIC, "01 0007 0002", json!({ "semantic": "exactlyOneOf", "element": "sourceTransportPort", "values": [] }));
    good(
        BASIC,
        "02 0008 0004 0a000001",
        json!({ "semantic": "oneOrMoreOf", "element": "sourceIPv4Address", "values": ["10.0.0.1"] }),
    );
    good(BASIC, "05 0007 0002", json!({ "semantic": 5, "element": "sourceTransportPort", "values": [] }));
    good(BASIC, "03 0007 0000", json!({ "semantic": "allOf", "element": "sourceTransportPort", "values": [] }));
}

#[test]
fn basic_lists_that_do_not_add_up_are_octets() {
    for octets in [
        "",
        "03",
        "03 00",
        "03 0007",
        "03 0007 00",
        "03 8007 0002 0040bb",
        "03 0007 0000 00",
        "03 0007 0002 0050 01",
        "03 0007 0003 0050",
    ] {
        bad(BASIC, octets);
    }
    // The length of a value of varying length: 0 leaves an octet that is a length again, one more or the maximum is too much.
    good(BASIC, "03 0060 ffff 01 61", json!({ "semantic": "allOf", "element": "applicationName", "values": ["a"] }));
    bad(BASIC, "03 0060 ffff 00 61");
    bad(BASIC, "03 0060 ffff 02 61");
    bad(BASIC, "03 0060 ffff fe 61");
    bad(BASIC, "03 0060 ffff ff 61");
    bad(BASIC, "03 0060 ffff ff0002 61");
    bad(BASIC, "03 0060 ffff ffffff 61");
    // The length of a value of one length, at its maximum but one.
    bad(BASIC, "03 0060 fffe 01 61");
}

#[test]
fn lists_of_templates_hold_records() {
    let records =
        json!([{ "sourceTransportPort": 80, "protocolIdentifier": 6 }, { "sourceTransportPort": 53, "protocolIdentifier": 17 }]);
    good(TEMPLATES, "03 012c 0050 06 0035 11", json!({ "semantic": "allOf", "records": records }));
    let records = json!([{ "sourceTransportPort": 80, "applicationName": "http" }]);
    good(TEMPLATES, "03 012d 0050 04 68747470", json!({ "semantic": "allOf", "records": records }));
    good(TEMPLATES, "03 012c", json!({ "semantic": "allOf", "records": [] }));
    // Without records the template need not be known.
    good(TEMPLATES, "03 03e7", json!({ "semantic": "allOf", "records": [] }));
    // Fields without octets are not shown.
    good(TEMPLATES, "03 012e 0050", json!({ "semantic": "allOf", "records": [{ "sourceTransportPort": 80 }] }));
}

#[test]
fn lists_of_templates_that_do_not_add_up_are_octets() {
    for octets in
        ["", "03", "03 01", "03 03e7 0050 06", "03 012c 0050", "03 012c 0050 06 0035", "03 012d 0050 05 68747470", "03 012d 0050"]
    {
        bad(TEMPLATES, octets);
    }
}

#[test]
fn lists_of_many_templates_hold_the_records_of_all() {
    let records = json!([
        { "sourceTransportPort": 80, "protocolIdentifier": 6 },
        { "sourceTransportPort": 53, "protocolIdentifier": 17 },
        { "sourceTransportPort": 443, "applicationName": "a" },
    ]);
    good(MULTI, "03 012c 000a 0050 06 0035 11 012d 0008 01bb 01 61", json!({ "semantic": "allOf", "records": records }));
    good(MULTI, "03", json!({ "semantic": "allOf", "records": [] }));
    good(MULTI, "03 012c 0004", json!({ "semantic": "allOf", "records": [] }));
}

#[test]
fn lists_of_many_templates_whose_lengths_are_wrong_are_octets() {
    // A part of 7 octets: its length at 0, below its own head, minus 1, plus 1, at the maximum.
    for length in ["0000", "0003", "0006", "0008", "ffff"] {
        bad(MULTI, &format!("03 012c {length} 0050 06"));
    }
    bad(MULTI, "");
    bad(MULTI, "03 01");
    bad(MULTI, "03 012c 00");
    bad(MULTI, "03 03e7 0007 0050 06");
}

/// A basic list of basic lists, so many deep, the innermost of ports; and what it becomes.
fn nested(depth: usize) -> (Vec<u8>, Value) {
    let mut octets = hex("03 0007 0002 0050");
    let mut value = json!({ "semantic": "allOf", "element": "sourceTransportPort", "values": [80] });
    for _ in 1..depth {
        octets = [hex("03 0123 ffff"), short(&octets)].concat();
        value = json!({ "semantic": "allOf", "element": "basicList", "values": [value] });
    }
    (octets, value)
}

#[test]
fn lists_nest_eight_deep() {
    let text = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    for depth in [1, 2, 7, 8] {
        let (octets, value) = nested(depth);
        good(BASIC, &text(&octets), value);
    }
    // The ninth is shown as octets, without a fault.
    let (octets, _) = nested(9);
    let (mut value, faults) = list(BASIC, &text(&octets));
    assert_eq!(faults, []);
    for _ in 0..8 {
        assert_eq!(value["element"], "basicList");
        value = value["values"][0].take();
    }
    assert_eq!(value, "03000700020050");
    // A fault in the innermost is one of the whole.
    let (mut octets, _) = nested(5);
    octets.pop();
    bad(BASIC, &text(&octets));
}

#[test]
fn a_template_may_hold_lists_that_refer_to_itself() {
    let mut collector = Collector::new();
    let template = template(256, &[ie(TEMPLATES, VARIES)]);
    // Each record is a list of its own template, 100 deep.
    let mut record = vec![0];
    for _ in 0..100 {
        let inner = [&hex("03 0100")[..], &record].concat();
        record = [&[255][..], &(inner.len() as u16).to_be_bytes(), &inner].concat();
    }
    let rows = collector.rows(&ipfix(7, &[set(2, &template), set(256, &record)]));
    assert_eq!(rows.len(), 1);
    let mut value = &rows[0]["extra"];
    for _ in 0..8 {
        value = &value["subTemplateList"]["records"][0];
    }
    assert!(value["subTemplateList"].as_str().is_some_and(|octets| octets.starts_with("030100ff")), "{value}");
}

#[test]
fn lists_of_fixed_length_are_read_alike() {
    let row = row(&[ie(BASIC, 7), ie(4, 1)], "03 0007 0002 0050 06");
    assert_eq!(row["extra"]["basicList"]["values"], json!([80]));
}

#[test]
fn lists_stand_in_options_records_too() {
    let mut collector = Collector::new();
    let options = options(256, 1, &[ie(10, 4), ie(BASIC, VARIES)]);
    collector.feed(&ipfix(7, &[set(3, &options), set(256, &hex("00000003 07 03 0007 0002 0050"))]));
    let list = json!({ "semantic": "allOf", "element": "sourceTransportPort", "values": [80] });
    assert_eq!(collector.options(), [(json!({ "ingressInterface": 3 }), json!({ "basicList": list }))]);
    collector.feed(&ipfix(7, &[set(256, &hex("00000003 06 03 0007 0002 00"))]));
    assert_eq!(collector.options()[0].1, json!({ "basicList": "030007000200" }));
    assert_eq!(collector.faults(), [(Reason::BadList, 20, 6)]);
}
