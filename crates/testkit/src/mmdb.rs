//! A writer of small databases in MaxMind's format (MaxMind DB File Format Specification, version 2.0): 24-bit records, both families.

use std::net::IpAddr;

/// Zeros between the tree and the data.
const SEPARATOR: usize = 16;

/// A database, but for its networks.
#[derive(Clone, Copy, Debug)]
pub struct Mmdb<'a> {
    /// What its metadata say of its kind, such as `GeoLite2-Country`.
    pub database_type: &'a str,
    /// What it is, in English.
    pub description: &'a str,
    /// When it was made, seconds since 1970.
    pub build_epoch: u64,
}

/// A value of the data section.
#[derive(Clone, Debug)]
pub enum MmdbValue {
    /// Members by name.
    Map(Vec<(&'static str, Self)>),
    /// Values in a row.
    Array(Vec<Self>),
    /// At most 284 octets.
    Text(String),
    /// A number of two octets.
    U16(u16),
    /// A number of four octets.
    U32(u32),
    /// A number of eight octets.
    U64(u64),
}

impl Mmdb<'_> {
    /// The file of it. Networks are such as `192.0.2.0/24`, longer than `::/0`; later ones lie over earlier ones. IPv4 lies at `::/96`.
    pub fn octets<N: AsRef<str>>(&self, networks: &[(N, MmdbValue)]) -> Vec<u8> {
        let mut tree = Tree { nodes: vec![[Child::Nothing; 2]] };
        let mut data = Vec::new();
        for (network, value) in networks {
            let (bits, length) = bits_of(network.as_ref());
            tree.insert(bits, length, data.len());
            value.write(&mut data);
        }
        let mut file = tree.octets();
        file.extend([0; SEPARATOR]);
        file.extend(data);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        self.metadata(tree.nodes.len() as u32).write(&mut file);
        file
    }

    /// What every reader wants to know first.
    fn metadata(&self, node_count: u32) -> MmdbValue {
        MmdbValue::Map(vec![
            ("binary_format_major_version", MmdbValue::U16(2)),
            ("binary_format_minor_version", MmdbValue::U16(0)),
            ("build_epoch", MmdbValue::U64(self.build_epoch)),
            ("database_type", MmdbValue::text(self.database_type)),
            ("description", MmdbValue::Map(vec![("en", MmdbValue::text(self.description))])),
            ("ip_version", MmdbValue::U16(6)),
            ("languages", MmdbValue::Array(Vec::new())),
            ("node_count", MmdbValue::U32(node_count)),
            ("record_size", MmdbValue::U16(24)),
        ])
    }
}

impl MmdbValue {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Map(members) => {
                control(7, members.len(), out);
                for (name, value) in members {
                    write_text(name, out);
                    value.write(out);
                }
            }
            Self::Array(values) => {
                control(11, values.len(), out);
                values.iter().for_each(|value| value.write(out));
            }
            Self::Text(text) => write_text(text, out),
            Self::U16(number) => write_number(5, &number.to_be_bytes(), out),
            Self::U32(number) => write_number(6, &number.to_be_bytes(), out),
            Self::U64(number) => write_number(9, &number.to_be_bytes(), out),
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    control(2, text.len(), out);
    out.extend(text.as_bytes());
}

fn write_number(kind: u8, octets: &[u8], out: &mut Vec<u8>) {
    control(kind, octets.len(), out);
    out.extend(octets);
}

/// The control octet, the kind behind it if it is beyond 7, and the rest of a size from 29 on.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (first, rest) = match size {
        0..29 => (size as u8, None),
        _ => (29, Some(u8::try_from(size - 29).expect("values of a test are shorter than 285"))),
    };
    match kind {
        0..8 => out.push(kind << 5 | first),
        _ => out.extend([first, kind - 7]),
    }
    out.extend(rest);
}

/// The bits of a network in a tree for both families, and how many of them count.
fn bits_of(network: &str) -> (u128, u32) {
    let (address, length) = network.split_once('/').expect("a network is an address, / and a length");
    let length: u32 = length.parse().expect("a length is a number");
    match address.parse().expect("an address of IPv4 or IPv6") {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 96 + length),
        IpAddr::V6(address) => (address.to_bits(), length),
    }
}

#[derive(Clone, Copy)]
enum Child {
    Nothing,
    Node(usize),
    /// Where its data begin.
    Data(usize),
}

/// Networks by their bits.
struct Tree {
    nodes: Vec<[Child; 2]>,
}

impl Tree {
    fn insert(&mut self, bits: u128, length: u32, data: usize) {
        let mut node = 0;
        for depth in 0..length {
            let side = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                self.nodes[node][side] = Child::Data(data);
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

    /// Each child as 24 bits: a node, the number of nodes for nothing, what is above it for data.
    fn octets(&self) -> Vec<u8> {
        let number = |child: &Child| match child {
            Child::Nothing => self.nodes.len(),
            Child::Node(node) => *node,
            Child::Data(data) => self.nodes.len() + SEPARATOR + data,
        };
        self.nodes.iter().flatten().flat_map(|child| (number(child) as u32).to_be_bytes().into_iter().skip(1)).collect()
    }
}
