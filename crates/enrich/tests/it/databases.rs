//! What is read from databases, and what is refused.

use weir_enrich::{Database, DatabaseError, Group, Parts, Scratch, Tables, TablesError};
use weir_record::FlowBatch;

use crate::mmdb::{Value, country, database, system, text};

fn parts(databases: &[(&str, Vec<u8>)]) -> Parts {
    let databases =
        databases.iter().map(|(name, octets)| Database { name: (*name).to_owned(), octets: octets.clone() }).collect();
    Parts { databases, ..Parts::default() }
}

/// Country, AS number, AS name, group of an address as the source of a record.
fn known(tables: &Tables, address: &str) -> (String, u32, String, String) {
    let mut batch = FlowBatch::new();
    batch.src_addr.push(0, address.parse::<std::net::IpAddr>().unwrap());
    batch.advance(1);
    tables.enrich(&mut batch, 0..1, &mut Scratch::default());
    let text = |column: &weir_record::column::TextColumn| column.get(0).unwrap_or("").to_owned();
    (text(&batch.src_country), batch.src_as.get(0).unwrap_or(0), text(&batch.src_as_name), text(&batch.src_group))
}

fn countries() -> Vec<u8> {
    database(
        "Test-Country",
        &[
            ("192.0.0.0/16", country("CZ")),
            ("192.0.2.0/24", country("SK")),
            ("192.0.2.128/25", country("DE")),
            ("2001:db8::/32", country("AT")),
            ("2001:db8:8000::/33", country("PL")),
        ],
    )
}

#[test]
fn countries_and_systems_are_joined() {
    let systems = database("Test-ASN", &[("192.0.2.0/25", system(64_500, "Alpha")), ("2001:db8::/32", system(64_501, "Beta"))]);
    let mut parts = parts(&[("country.mmdb", countries()), ("asn.mmdb", systems)]);
    parts.groups = [("192.0.2.64/26", "office"), ("192.0.2.0/23", "site"), ("2001:db8:8000::/48", "lab")]
        .map(|(prefix, name)| group(prefix, name))
        .into();
    let tables = Tables::new(&parts).unwrap();
    let expected =
        |country: &str, number: u32, name: &str, group: &str| (country.to_owned(), number, name.to_owned(), group.to_owned());
    assert_eq!(known(&tables, "192.0.3.1"), expected("CZ", 0, "", "site"));
    assert_eq!(known(&tables, "192.0.2.1"), expected("SK", 64_500, "Alpha", "site"));
    assert_eq!(known(&tables, "192.0.2.64"), expected("SK", 64_500, "Alpha", "office"));
    assert_eq!(known(&tables, "192.0.2.127"), expected("SK", 64_500, "Alpha", "office"));
    assert_eq!(known(&tables, "192.0.2.128"), expected("DE", 0, "", "site"));
    assert_eq!(known(&tables, "192.1.0.0"), expected("", 0, "", ""));
    assert_eq!(known(&tables, "2001:db8:7fff::1"), expected("AT", 64_501, "Beta", ""));
    assert_eq!(known(&tables, "2001:db8:8000::1"), expected("PL", 64_501, "Beta", "lab"));
    assert_eq!(known(&tables, "2001:db9::"), expected("", 0, "", ""));
    // Halves of a prefix that an IPv4 address must not be taken for.
    assert_eq!(known(&tables, "::192.0.2.1"), expected("", 0, "", ""));
}

fn group(prefix: &str, name: &str) -> Group {
    Group { prefix: prefix.parse().unwrap(), name: name.to_owned() }
}

#[test]
fn every_address_agrees_with_the_reader() {
    let octets = countries();
    let reader = maxminddb::Reader::from_source(octets.as_slice()).unwrap();
    let tables = Tables::new(&parts(&[("country.mmdb", octets.clone())])).unwrap();
    let mut addresses: Vec<std::net::IpAddr> =
        (0..=0x1ffff_u32).step_by(7).map(|low| (0xbfff_8000 + low).into()).map(std::net::IpAddr::V4).collect();
    addresses.extend((0..2000_u128).map(|high| std::net::IpAddr::V6(((0x2001_0db7_ff00 + (high << 5)) << 80 | high).into())));
    let path = [maxminddb::PathElement::Key("country"), maxminddb::PathElement::Key("iso_code")];
    let mut found = 0;
    for address in addresses {
        let expected: Option<&str> = reader.lookup(address).unwrap().decode_path(&path).unwrap();
        found += usize::from(expected.is_some());
        assert_eq!(known(&tables, &address.to_string()).0, expected.unwrap_or(""), "{address}");
    }
    assert!(found > 1000, "{found}");
}

#[test]
fn the_first_database_counts() {
    let second = database("Other", &[("192.0.0.0/8", country("FR"))]);
    let tables = Tables::new(&parts(&[("one", countries()), ("two", second)])).unwrap();
    assert_eq!(known(&tables, "192.0.2.1").0, "SK");
    assert_eq!(known(&tables, "192.99.0.1").0, "FR");
    let infos: Vec<_> =
        tables.databases().iter().map(|info| (info.name.as_str(), info.database_type.as_str(), info.networks)).collect();
    // 192.0.0.0/16 is cut up by what lies in it: 192.0.0.0/23, .3/24, 192.0.4.0/22 and so on to /17.
    assert_eq!(infos, [("one", "Test-Country", 12), ("two", "Other", 1)]);
    assert_eq!(tables.databases()[0].build_epoch, 1_767_225_600);
}

#[test]
fn flat_databases_are_read() {
    let flat = |code: &str, number: &str| {
        Value::Map(vec![("asn", text(number)), ("as_name", text("Gamma")), ("country_code", text(code))])
    };
    let by_name = Value::Map(vec![("country", text("HU"))]);
    let octets = database("flat", &[("10.0.0.0/8", flat("SI", "AS64502")), ("11.0.0.0/8", by_name)]);
    let tables = Tables::new(&parts(&[("flat", octets)])).unwrap();
    assert_eq!(known(&tables, "10.1.1.1"), ("SI".to_owned(), 64_502, "Gamma".to_owned(), String::new()));
    assert_eq!(known(&tables, "11.1.1.1").0, "HU");
}

#[test]
fn what_is_no_database_is_refused_by_name() {
    let error = |octets: Vec<u8>| Tables::new(&parts(&[("/etc/geo.mmdb", octets)])).unwrap_err();
    assert!(error(Vec::new()).to_string().starts_with("/etc/geo.mmdb: "), "{}", error(Vec::new()));
    let unknown = error(database("Test-Connection", &[("10.0.0.0/8", Value::Map(vec![("connection", text("cable"))]))]));
    assert!(
        matches!(unknown, TablesError::Database { error: DatabaseError::NothingKnown(kind), .. } if kind == "Test-Connection")
    );
}

#[test]
fn damaged_databases_are_refused_or_read_and_never_panic() {
    let octets = countries();
    let mut refused = 0;
    for cut in 0..octets.len() {
        refused += usize::from(Tables::new(&parts(&[("cut", octets[..cut].to_vec())])).is_err());
    }
    assert_eq!(refused, octets.len(), "a database that is cut anywhere lacks its metadata");
    for place in 0..octets.len() {
        for value in [0, 0xff, octets[place] ^ 0x80] {
            let mut damaged = octets.clone();
            damaged[place] = value;
            if let Ok(tables) = Tables::new(&parts(&[("damaged", damaged)])) {
                known(&tables, "192.0.2.1");
            }
        }
    }
}

#[test]
fn things_told_twice_are_refused() {
    let mut parts = Parts { groups: vec![group("10.0.0.0/8", "a"), group("10.0.0.0/8", "b")], ..Parts::default() };
    assert_eq!(
        Tables::new(&parts).unwrap_err().to_string(),
        "10.0.0.0/8 is in group \"a\" and in group \"b\"; a prefix has one name"
    );
    parts.groups[1].name = "a".to_owned();
    assert_eq!(known(&Tables::new(&parts).unwrap(), "10.1.1.1").3, "a");
}
