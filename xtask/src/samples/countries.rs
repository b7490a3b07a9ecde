//! Countries for the addresses of the samples, as a database in MaxMind's format (MaxMind DB File Format Specification, version 2.0).
//!
//! Addresses set aside for documentation are in no country, so no database knows them, and the maps of a demo would be empty. This one places the network of the
//! samples in one country and what it talks to in sixteen others, a /28 each.

use std::net::Ipv4Addr;

/// The network that is watched.
const OWN: (Ipv4Addr, u32, &str) = (Ipv4Addr::new(198, 51, 100, 0), 24, "CZ");

/// What it talks to, in as many parts as there are countries.
const OTHERS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 0);
const COUNTRIES: [&str; 16] = ["DE", "AU", "NL", "CA", "US", "FR", "ZA", "BR", "JP", "GB", "IN", "SE", "SG", "PL", "KE", "AR"];
const PART: u32 = 28;

/// IPv4 lies at `::/96` of a tree for both families.
const ABOVE_IPV4: u32 = 96;

/// The database.
pub(super) fn file() -> Vec<u8> {
    let parts =
        (0..).zip(COUNTRIES).map(|(part, code)| (Ipv4Addr::from_bits(OTHERS.to_bits() | part << (32 - PART)), PART, code));
    let (mut tree, mut data) = (Tree { nodes: vec![[Child::Nothing; 2]] }, Vec::new());
    for (address, length, code) in parts.chain([OWN]) {
        tree.insert(u128::from(address.to_bits()), ABOVE_IPV4 + length, data.len());
        map(1, &mut data);
        text("country", &mut data);
        map(1, &mut data);
        text("iso_code", &mut data);
        text(code, &mut data);
    }
    let nodes = tree.nodes.len() as u32;
    let mut file = tree.octets();
    file.extend([0; SEPARATOR]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    metadata(nodes, &mut file);
    file
}

/// What every reader wants to know first.
fn metadata(nodes: u32, out: &mut Vec<u8>) {
    map(9, out);
    text("binary_format_major_version", out);
    number(5, &2u16.to_be_bytes(), out);
    text("binary_format_minor_version", out);
    number(5, &0u16.to_be_bytes(), out);
    text("build_epoch", out);
    number(9, &u64::from(super::traffic::MINUTE_SECONDS).to_be_bytes(), out);
    text("database_type", out);
    text("Weir-Samples-Country", out);
    text("description", out);
    map(1, out);
    text("en", out);
    text("countries of the samples", out);
    text("ip_version", out);
    number(5, &6u16.to_be_bytes(), out);
    text("languages", out);
    number(11, &[], out);
    text("node_count", out);
    number(6, &nodes.to_be_bytes(), out);
    text("record_size", out);
    number(5, &24u16.to_be_bytes(), out);
}

/// Zeros between the tree and the data.
const SEPARATOR: usize = 16;

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

fn map(members: u8, out: &mut Vec<u8>) {
    out.push(7 << 5 | members);
}

/// A text; those of 29 octets and more have the rest of their length behind the control octet.
fn text(text: &str, out: &mut Vec<u8>) {
    let length = text.len() as u8;
    match length {
        0..29 => out.push(2 << 5 | length),
        _ => out.extend([2 << 5 | 29, length - 29]),
    }
    out.extend(text.as_bytes());
}

/// A number, or an array of nothing; kinds beyond 7 stand in an octet of their own.
fn number(kind: u8, octets: &[u8], out: &mut Vec<u8>) {
    let length = octets.len() as u8;
    match kind {
        0..8 => out.push(kind << 5 | length),
        _ => out.extend([length, kind - 7]),
    }
    out.extend(octets);
}
