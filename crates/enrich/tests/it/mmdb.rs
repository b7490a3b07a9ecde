//! Databases of a test, as those of MaxMind are.

use weir_testkit::Mmdb;
pub(crate) use weir_testkit::MmdbValue as Value;

pub(crate) fn text(text: &str) -> Value {
    Value::text(text)
}

/// As GeoLite2-Country has it.
pub(crate) fn country(code: &str) -> Value {
    Value::Map(vec![
        ("continent", Value::Map(vec![("code", text("EU"))])),
        ("country", Value::Map(vec![("iso_code", text(code))])),
    ])
}

/// As GeoLite2-ASN has it.
pub(crate) fn system(number: u32, name: &str) -> Value {
    Value::Map(vec![("autonomous_system_number", Value::U32(number)), ("autonomous_system_organization", text(name))])
}

/// Networks and what is known of them; later ones lie over earlier ones.
pub(crate) fn database(database_type: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    Mmdb { database_type, description: "made by a test", build_epoch: 1_767_225_600 }.octets(networks)
}
