//! What becomes of records: which columns are filled, and which are left alone.

use weir_enrich::{Boundary, Database, Group, InterfaceSettings, Parts, Scratch, SourceSettings, Tables, TablesError};
use weir_record::{Address, FlowBatch, names};

use crate::mmdb::{country, database, system};

fn tables() -> Tables {
    let octets = |name: &str, octets: Vec<u8>| Database { name: name.to_owned(), octets };
    let interface = |index: u32, name: &str, speed: Option<u64>, boundary| InterfaceSettings {
        index,
        name: Some(name.to_owned()),
        alias: speed.map(|_| "uplink".to_owned()),
        speed,
        boundary: Some(boundary),
    };
    Tables::new(&Parts {
        databases: vec![
            octets("country", database("C", &[("10.0.0.0/8", country("CZ"))])),
            octets("asn", database("A", &[("10.0.0.0/8", system(64_500, "Alpha")), ("11.0.0.0/8", system(64_501, "Beta"))])),
        ],
        groups: vec![Group { prefix: "10.1.0.0/16".parse().unwrap(), name: "office".to_owned() }],
        sources: vec![
            SourceSettings {
                prefixes: vec!["192.0.2.1".parse().unwrap()],
                name: Some("core1".to_owned()),
                group: Some("core".to_owned()),
                interfaces: vec![
                    interface(7, "et-0/0/7", Some(100_000_000_000), Boundary::External),
                    interface(3, "et-0/0/3", None, Boundary::Internal),
                ],
            },
            SourceSettings {
                prefixes: vec!["192.0.2.0/24".parse().unwrap()],
                name: Some("edge".to_owned()),
                ..SourceSettings::default()
            },
        ],
        ..Parts::default()
    })
    .unwrap()
}

/// A record from 10.1.0.1 to 11.0.0.1 by 192.0.2.1, in by 3, out by 7.
fn record(batch: &mut FlowBatch) {
    let row = batch.rows();
    batch.exporter.push(row, Address::v4(0xc000_0201));
    batch.src_addr.push(row, Address::v4(0x0a01_0001));
    batch.dst_addr.push(row, Address::v4(0x0b00_0001));
    batch.in_if.push(row, 3);
    batch.out_if.push(row, 7);
    batch.bytes.push(row, 1000);
    batch.advance(1);
}

#[test]
fn addresses_are_internal_or_external_where_somebody_says_which() {
    let mut batch = FlowBatch::new();
    (0..3).for_each(|_| record(&mut batch));
    batch.src_addr.push(1, Address::v4(0x0b00_0001));
    batch.src_addr.unset(2);
    let internal = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let groups = vec![Group { prefix: "10.1.0.0/16".parse().unwrap(), name: "office".to_owned() }];
    Tables::new(&Parts { internal, groups, ..Parts::default() }).unwrap().enrich(&mut batch, 0..3, &mut Scratch::default());
    let (inside, outside) = (Some(names::INTERNAL), Some(names::EXTERNAL));
    assert_eq!([0, 1, 2].map(|row| batch.src_boundary.get(row)), [inside, outside, None]);
    assert_eq!([0, 1, 2].map(|row| batch.dst_boundary.get(row)), [outside; 3]);
    assert_eq!(batch.src_group.get(0), Some("office"), "a prefix may be both");
    let mut batch = FlowBatch::new();
    record(&mut batch);
    tables().enrich(&mut batch, 0..1, &mut Scratch::default());
    assert!(batch.src_boundary.is_empty() && batch.dst_boundary.is_empty(), "nobody said what is internal");
}

#[test]
fn a_record_is_filled() {
    let mut batch = FlowBatch::new();
    record(&mut batch);
    tables().enrich(&mut batch, 0..1, &mut Scratch::default());
    assert_eq!((batch.src_country.get(0), batch.dst_country.get(0)), (Some("CZ"), None));
    assert_eq!((batch.src_as.get(0), batch.dst_as.get(0)), (Some(64_500), Some(64_501)));
    assert_eq!((batch.src_as_name.get(0), batch.dst_as_name.get(0)), (Some("Alpha"), Some("Beta")));
    assert_eq!((batch.src_group.get(0), batch.dst_group.get(0)), (Some("office"), None));
    assert_eq!((batch.exporter_name.get(0), batch.source_group.get(0)), (Some("core1"), Some("core")));
    assert_eq!((batch.in_if_name.get(0), batch.out_if_name.get(0)), (Some("et-0/0/3"), Some("et-0/0/7")));
    assert_eq!((batch.in_if_alias.get(0), batch.out_if_alias.get(0)), (None, Some("uplink")));
    assert_eq!((batch.in_if_speed.get(0), batch.out_if_speed.get(0)), (None, Some(100_000_000_000)));
    assert_eq!((batch.in_boundary.get(0), batch.out_boundary.get(0)), (Some(names::INTERNAL), Some(names::EXTERNAL)));
}

#[test]
fn what_the_exporter_said_stays() {
    let mut batch = FlowBatch::new();
    for _ in 0..3 {
        record(&mut batch);
    }
    batch.src_as.push(0, 64_999);
    batch.src_as.push(1, 0);
    batch.dst_as.push(0, 64_500);
    batch.in_if_name.push(1, "Gi0/1");
    batch.in_if_speed.push(1, 5);
    batch.exporter_name.push(2, "said");
    tables().enrich(&mut batch, 0..3, &mut Scratch::default());
    assert_eq!([0, 1, 2].map(|row| batch.src_as.get(row)), [Some(64_999), Some(64_500), Some(64_500)]);
    // The name is that of the number that stands there: none is known for 64999, and 64500 is Alpha wherever it stands.
    assert_eq!([0, 1, 2].map(|row| batch.src_as_name.get(row)), [None, Some("Alpha"), Some("Alpha")]);
    assert_eq!(batch.dst_as_name.get(0), Some("Alpha"));
    assert_eq!([0, 1, 2].map(|row| batch.in_if_name.get(row)), [Some("et-0/0/3"), Some("Gi0/1"), Some("et-0/0/3")]);
    assert_eq!(batch.in_if_speed.get(1), Some(5));
    assert_eq!([0, 1, 2].map(|row| batch.exporter_name.get(row)), [Some("core1"), Some("core1"), Some("said")]);
}

#[test]
fn rows_outside_the_range_are_left_alone() {
    let mut batch = FlowBatch::new();
    for _ in 0..5 {
        record(&mut batch);
    }
    batch.in_if_name.push(0, "zero");
    batch.in_if_name.push(3, "three");
    batch.in_if_name.push(4, "four");
    batch.src_country.push(4, "XX");
    tables().enrich(&mut batch, 1..3, &mut Scratch::default());
    let column = |column: &weir_record::column::TextColumn| [0, 1, 2, 3, 4].map(|row| column.get(row).map(str::to_owned));
    let texts = |texts: [Option<&str>; 5]| texts.map(|text| text.map(str::to_owned));
    assert_eq!(column(&batch.in_if_name), texts([Some("zero"), Some("et-0/0/3"), Some("et-0/0/3"), Some("three"), Some("four")]));
    assert_eq!(column(&batch.src_country), texts([None, Some("CZ"), Some("CZ"), None, Some("XX")]));
    assert_eq!(batch.src_as.get(0), None);
    assert_eq!(batch.src_as.get(3), None);
}

#[test]
fn records_of_which_nothing_is_known_stay_as_they_are() {
    let mut batch = FlowBatch::new();
    batch.bytes.push(0, 5);
    batch.advance(1);
    batch.exporter.push(1, Address::v4(0x0808_0808));
    batch.src_addr.push(1, Address::v6([0x20; 16]));
    batch.src_as.push(1, 0);
    batch.in_if.push(1, 3);
    batch.advance(1);
    let before = batch.clone();
    tables().enrich(&mut batch, 0..2, &mut Scratch::default());
    assert_eq!(batch, before);
    // No tables, and rows that are not there.
    record(&mut batch);
    let before = batch.clone();
    Tables::default().enrich(&mut batch, 0..3, &mut Scratch::default());
    tables().enrich(&mut batch, 3..9, &mut Scratch::default());
    assert_eq!(batch, before);
}

#[test]
fn the_longer_prefix_of_a_source_counts() {
    let mut batch = FlowBatch::new();
    for (row, exporter) in [0xc000_0201, 0xc000_0202, 0xc000_0301].into_iter().enumerate() {
        batch.exporter.push(row, Address::v4(exporter));
    }
    batch.advance(3);
    tables().enrich(&mut batch, 0..3, &mut Scratch::default());
    assert_eq!([0, 1, 2].map(|row| batch.exporter_name.get(row)), [Some("core1"), Some("edge"), None]);
}

#[test]
fn sources_told_twice_are_refused() {
    let source = |prefix: &str| SourceSettings { prefixes: vec![prefix.parse().unwrap()], ..SourceSettings::default() };
    let parts = Parts { sources: vec![source("10.0.0.1/8"), source("10.0.0.0/8")], ..Parts::default() };
    assert_eq!(Tables::new(&parts).unwrap_err().to_string(), "10.0.0.0/8 stands for two sources; an exporter has one");
    let mut one = source("10.0.0.1");
    one.interfaces = [4, 5, 4].map(|index| InterfaceSettings { index, ..InterfaceSettings::default() }).into();
    let error = Tables::new(&Parts { sources: vec![one], ..Parts::default() }).unwrap_err();
    assert!(matches!(error, TablesError::TwoInterfaces { index: 4, .. }), "{error}");
}

#[test]
fn a_swap_takes_effect_whole() {
    let mut scratch = Scratch::default();
    let mut batch = FlowBatch::new();
    record(&mut batch);
    tables().enrich(&mut batch, 0..1, &mut scratch);
    record(&mut batch);
    let groups = vec![Group { prefix: "10.0.0.0/8".parse().unwrap(), name: "moved".to_owned() }];
    Tables::new(&Parts { groups, ..Parts::default() }).unwrap().enrich(&mut batch, 1..2, &mut scratch);
    assert_eq!((batch.src_group.get(0), batch.src_group.get(1)), (Some("office"), Some("moved")));
    assert_eq!((batch.src_country.get(0), batch.src_country.get(1)), (Some("CZ"), None));
    assert_eq!((batch.exporter_name.get(0), batch.exporter_name.get(1)), (Some("core1"), None));
}

#[test]
fn nothing_is_allocated_once_memory_has_grown() {
    let tables = tables();
    let mut scratch = Scratch::default();
    let mut batch = FlowBatch::new();
    let mut round = || {
        batch.clear();
        for _ in 0..500 {
            record(&mut batch);
        }
        batch.in_if_name.push(450, "said");
        tables.enrich(&mut batch, 0..500, &mut scratch);
    };
    round();
    let (_, made) = crate::ALLOCATOR.count(round);
    assert_eq!(made.count, 0);
}
