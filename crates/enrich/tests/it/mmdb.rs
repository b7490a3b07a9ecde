//! A writer of small MaxMind databases, by the MaxMind DB File Format Specification, version 2.0.

use weir_enrich::Prefix;

/// A value of the data section.
#[derive(Clone)]
pub(crate) enum Value {
    Map(Vec<(&'static str, Value)>),
    Text(String),
    U16(u16),
    U32(u32),
    U64(u64),
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
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

/// A database of 24-bit records and both families. Later networks lie over earlier ones.
pub(crate) fn database(database_type: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut tree = Tree { nodes: vec![[Child::Nothing, Child::Nothing]] };
    let mut data = Vec::new();
    for (network, value) in networks {
        let prefix: Prefix = network.parse().unwrap();
        let (bits, length) = match prefix.address() {
            std::net::IpAddr::V4(v4) => (u128::from(v4.to_bits()), 96 + prefix.length()),
            std::net::IpAddr::V6(v6) => (v6.to_bits(), prefix.length()),
        };
        tree.insert(bits, length, data.len());
        value.write(&mut data);
    }
    let mut file = tree.write();
    let node_count = tree.nodes.len() as u32;
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    Value::Map(vec![
        ("binary_format_major_version", Value::U16(2)),
        ("binary_format_minor_version", Value::U16(0)),
        ("build_epoch", Value::U64(1_767_225_600)),
        ("database_type", text(database_type)),
        ("description", Value::Map(vec![("en", text("made by a test"))])),
        ("ip_version", Value::U16(6)),
        ("languages", Value::Map(Vec::new())),
        ("node_count", Value::U32(node_count)),
        ("record_size", Value::U16(24)),
    ])
    .write_metadata(&mut file);
    file
}

#[derive(Clone, Copy)]
enum Child {
    Nothing,
    Node(usize),
    Data(usize),
}

struct Tree {
    nodes: Vec<[Child; 2]>,
}

impl Tree {
    fn insert(&mut self, bits: u128, length: u8, offset: usize) {
        let mut node = 0;
        for depth in 0..length {
            let side = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                self.nodes[node][side] = Child::Data(offset);
                return;
            }
            node = match self.nodes[node][side] {
                Child::Node(next) => next,
                above => {
                    self.nodes.push([above, above]);
                    self.nodes[node][side] = Child::Node(self.nodes.len() - 1);
                    self.nodes.len() - 1
                }
            };
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        for child in self.nodes.iter().flatten() {
            let number = match child {
                Child::Nothing => self.nodes.len(),
                Child::Node(node) => *node,
                Child::Data(offset) => self.nodes.len() + 16 + offset,
            };
            octets.extend(&(number as u32).to_be_bytes()[1..]);
        }
        octets
    }
}

impl Value {
    fn write(&self, octets: &mut Vec<u8>) {
        match self {
            Self::Map(members) => {
                control(7, members.len(), octets);
                for (name, value) in members {
                    text(name).write(octets);
                    value.write(octets);
                }
            }
            Self::Text(text) => {
                control(2, text.len(), octets);
                octets.extend(text.as_bytes());
            }
            Self::U16(number) => {
                control(5, 2, octets);
                octets.extend(number.to_be_bytes());
            }
            Self::U32(number) => {
                control(6, 4, octets);
                octets.extend(number.to_be_bytes());
            }
            Self::U64(number) => {
                control(9, 8, octets);
                octets.extend(number.to_be_bytes());
            }
        }
    }

    /// The same, but `languages` is an array, which is all that a test needs of arrays.
    fn write_metadata(&self, octets: &mut Vec<u8>) {
        let Self::Map(members) = self else { panic!("metadata is a map") };
        control(7, members.len(), octets);
        for (name, value) in members {
            text(name).write(octets);
            if *name == "languages" {
                control(11, 0, octets);
            } else {
                value.write(octets);
            }
        }
    }
}

/// The control octet, the extended type after it, and the size.
fn control(kind: u8, size: usize, octets: &mut Vec<u8>) {
    let (first, rest) = match size {
        0..29 => (size as u8, None),
        _ => (29, Some(u8::try_from(size - 29).unwrap())),
    };
    if kind < 8 {
        octets.push(kind << 5 | first);
    } else {
        octets.extend([first, kind - 7]);
    }
    octets.extend(rest);
}
