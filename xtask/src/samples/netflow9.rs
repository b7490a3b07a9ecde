//! NetFlow version 9 (RFC 3954): a router that samples 1 packet in 10 and says in options what its interfaces and applications are called.

use weir_testkit::Datagram;

use super::octets::{Octets, set};
use super::traffic::{self, Flow, INSIDE, MINUTE_SECONDS, OUTSIDE, UPTIME};

const V4_TEMPLATE: u16 = 256;
const V6_TEMPLATE: u16 = 257;
const INTERFACES: u16 = 258;
const SAMPLERS: u16 = 259;
const APPLICATIONS: u16 = 260;
const SOURCE_ID: u32 = 512;

/// Field types and lengths in front of and behind the addresses.
const BEFORE: [(u16, u16); 6] = [(22, 4), (21, 4), (2, 4), (1, 4), (10, 4), (14, 4)];
const V4: [(u16, u16); 3] = [(8, 4), (12, 4), (15, 4)];
const V6: [(u16, u16); 3] = [(27, 16), (28, 16), (62, 16)];
const BEHIND: [(u16, u16); 11] = [(7, 2), (11, 2), (4, 1), (6, 1), (5, 1), (61, 1), (16, 4), (17, 4), (48, 1), (95, 4), (89, 1)];

/// Templates and options, then the flows of half a minute each.
pub(super) fn datagrams() -> Vec<Datagram> {
    // Of one packet in ten, most short flows show nothing; the answers of the name server stand for those that do.
    let seen = traffic::flows().into_iter().filter(|flow| flow.packets >= 10 || flow.src_port == 53);
    let (v4, v6): (Vec<_>, Vec<_>) = seen.partition(|flow| flow.src.is_ipv4());
    let (first, second) = v4.split_at(v4.len() / 2);
    let sets: [(u32, usize, Vec<Vec<u8>>); 3] = [
        (59_000, 12, vec![templates(), options_templates(), interfaces(), samplers(), applications()]),
        (60_000, first.len(), vec![data(V4_TEMPLATE, first)]),
        (61_000, second.len() + v6.len(), vec![data(V4_TEMPLATE, second), data(V6_TEMPLATE, &v6)]),
    ];
    sets.into_iter()
        .zip(7_740_u32..)
        .map(|((now, count, sets), sequence)| {
            let header = Octets::new().u16(9).u16(count as u16).u32(UPTIME + now).u32(MINUTE_SECONDS + now / 1000);
            let message = header.u32(sequence).u32(SOURCE_ID).bytes(&sets.concat());
            super::datagram("192.0.2.2", 50_200, 2055, now, message.0)
        })
        .collect()
}

fn templates() -> Vec<u8> {
    let template = |id: u16, addresses: &[(u16, u16)]| {
        let fields = [&BEFORE[..], addresses, &BEHIND].concat();
        fields
            .iter()
            .fold(Octets::new().u16(id).u16(fields.len() as u16), |octets, (kind, length)| octets.u16(*kind).u16(*length))
            .0
    };
    set(0, Octets::new().bytes(&template(V4_TEMPLATE, &V4)).bytes(&template(V6_TEMPLATE, &V6)))
}

/// Scope type and length, then the fields.
fn options_templates() -> Vec<u8> {
    let template = |id: u16, scope: (u16, u16), fields: &[(u16, u16)]| {
        let head = Octets::new().u16(id).u16(4).u16(fields.len() as u16 * 4).u16(scope.0).u16(scope.1);
        fields.iter().fold(head, |octets, (kind, length)| octets.u16(*kind).u16(*length)).0
    };
    // Scopes of RFC 3954, section 6.1: 1 System, 2 Interface.
    let interfaces = template(INTERFACES, (2, 4), &[(82, 16), (83, 32)]);
    let samplers = template(SAMPLERS, (1, 4), &[(48, 1), (49, 1), (50, 4), (84, 16)]);
    let applications = template(APPLICATIONS, (1, 4), &[(95, 4), (96, 24), (94, 40)]);
    set(1, Octets::new().bytes(&interfaces).bytes(&samplers).bytes(&applications))
}

fn interfaces() -> Vec<u8> {
    let uplink = Octets::new().u32(OUTSIDE).text("Gi0/0/1", 16).text("uplink to the provider", 32);
    set(INTERFACES, uplink.u32(INSIDE).text("Gi0/0/2", 16).text("office network", 32))
}

/// Sampler 1, random (2), 1 in 10.
fn samplers() -> Vec<u8> {
    set(SAMPLERS, Octets::new().address(traffic::address("192.0.2.2")).u8(1).u8(2).u32(10).text("edge-1-in-10", 16))
}

fn applications() -> Vec<u8> {
    let router = traffic::address("192.0.2.2");
    let names =
        [("dns", 53, "Domain Name System"), ("https", 443, "HTTP over TLS"), ("ssh", 22, "Secure Shell"), ("smtp", 25, "Mail")];
    let rows = names
        .iter()
        .fold(Octets::new(), |rows, (name, port, words)| rows.address(router).u32(3 << 24 | port).text(name, 24).text(words, 40));
    set(APPLICATIONS, rows)
}

/// What one packet in ten gives: a tenth of the packets, of average size.
fn data(template: u16, flows: &[Flow]) -> Vec<u8> {
    let rows = flows.iter().fold(Octets::new(), |rows, flow| {
        let sampled = flow.packets.div_ceil(10);
        let bytes = (u64::from(flow.bytes) * u64::from(sampled) / u64::from(flow.packets)) as u32;
        let next_hop = match (flow.out_if == OUTSIDE, flow.src.is_ipv4()) {
            (true, true) => "192.0.2.254",
            (false, true) => "0.0.0.0",
            (true, false) => "2001:db8:ffff::254",
            (false, false) => "::",
        };
        let times = rows.u32(UPTIME + flow.start).u32(UPTIME + flow.end).u32(sampled).u32(bytes).u32(flow.in_if).u32(flow.out_if);
        let addresses = times.address(flow.src).address(flow.dst).address(traffic::address(next_hop));
        let ports = addresses.u16(flow.src_port).u16(flow.dst_port).u8(flow.protocol).u8(flow.flags).u8(0).u8(0);
        // Sampler 1; application of engine 3; status 64: forwarded.
        ports.u32(flow.src_as).u32(flow.dst_as).u8(1).u32(3 << 24 | flow.app).u8(64)
    });
    set(template, rows)
}
