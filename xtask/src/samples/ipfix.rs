//! IPFIX (RFC 7011): a firewall that reports both directions in one record (RFC 5103), translates addresses and names applications.
//!
//! The first datagram carries data whose template only comes with the second, as happens when a collector starts late.

use weir_testkit::Datagram;

use super::octets::{Octets, set};
use super::traffic::{self, Connection, MINUTE_SECONDS};

const BIFLOW_V4: u16 = 300;
const BIFLOW_V6: u16 = 301;
const NAT_EVENT: u16 = 302;
const DOMAIN: u32 = 77;
/// Length that says that each record tells its own (section 7).
const VARIABLE: u16 = 65_535;
/// Enterprise number of reverse elements (RFC 5103).
const REVERSE: u32 = 29_305;

type Field = (u32, u16, u16);
const V4: [Field; 2] = [(0, 8, 4), (0, 12, 4)];
const V6: [Field; 2] = [(0, 27, 16), (0, 28, 16)];
const REST: [Field; 15] = [
    (0, 152, 8),
    (0, 153, 8),
    (0, 7, 2),
    (0, 11, 2),
    (0, 4, 1),
    (0, 6, 2),
    (REVERSE, 6, 2),
    // Reduced-size encoding (section 6.2): counters of 4 octets.
    (0, 1, 4),
    (0, 2, 4),
    (REVERSE, 1, 4),
    (REVERSE, 2, 4),
    (0, 10, 4),
    (0, 14, 4),
    (0, 136, 1),
    (0, 96, VARIABLE),
];
const NAT: [Field; 8] = [(0, 323, 8), (0, 230, 1), (0, 4, 1), (0, 8, 4), (0, 225, 4), (0, 7, 2), (0, 227, 2), (0, 12, 4)];

/// Data that waits, then templates, then data.
pub(super) fn datagrams() -> Vec<Datagram> {
    let (v4, v6): (Vec<_>, Vec<_>) = traffic::connections().iter().partition(|connection| connection.client.contains('.'));
    let (first, second) = v4.split_at(4);
    let sets = [
        (30_000, first.len(), vec![biflows(BIFLOW_V4, first)]),
        (30_200, 0, vec![templates()]),
        (60_000, 2 + second.len() + v6.len(), vec![nat_events(), biflows(BIFLOW_V4, second), biflows(BIFLOW_V6, &v6)]),
    ];
    let mut sequence = 91_400;
    sets.into_iter()
        .map(|(now, records, sets)| {
            let sets = sets.concat();
            let header = Octets::new().u16(10).u16(sets.len() as u16 + 16).u32(MINUTE_SECONDS + now / 1000);
            let message = header.u32(sequence).u32(DOMAIN).bytes(&sets);
            sequence += records as u32;
            super::datagram("192.0.2.3", 50_300, 4739, now, message.0)
        })
        .collect()
}

fn templates() -> Vec<u8> {
    let template = |id: u16, fields: &[Field]| {
        fields
            .iter()
            .fold(Octets::new().u16(id).u16(fields.len() as u16), |octets, (pen, id, length)| match pen {
                0 => octets.u16(*id).u16(*length),
                pen => octets.u16(id | 0x8000).u16(*length).u32(*pen),
            })
            .0
    };
    let biflow_v4 = template(BIFLOW_V4, &[&V4[..], &REST].concat());
    let biflow_v6 = template(BIFLOW_V6, &[&V6[..], &REST].concat());
    set(2, Octets::new().bytes(&biflow_v4).bytes(&biflow_v6).bytes(&template(NAT_EVENT, &NAT)))
}

fn biflows(template: u16, connections: &[&Connection]) -> Vec<u8> {
    let milliseconds = |offset: u32| u64::from(MINUTE_SECONDS) * 1000 + u64::from(offset);
    let rows = connections.iter().fold(Octets::new(), |rows, connection| {
        let (start, end) = (connection.start, connection.start + connection.duration);
        let (in_if, out_if) =
            if connection.outwards() { (traffic::INSIDE, traffic::OUTSIDE) } else { (traffic::OUTSIDE, traffic::INSIDE) };
        let flags = u16::from(connection.flags());
        let (request, response) = (connection.request, connection.response);
        let back = if response.packets == 0 { 0 } else { flags };
        // Port numbers of the ICMP line are type and code, which stand in the destination port.
        let client_port = if connection.protocol == 1 { 0 } else { connection.client_port };
        // 1 idle, 3 end detected (element 136).
        let reason = if connection.flags() & 1 == 1 { 3 } else { 1 };
        let name = connection.app.0;
        let rows = rows.address(traffic::address(connection.client)).address(traffic::address(connection.server));
        let rows = rows.u64(milliseconds(start)).u64(milliseconds(end)).u16(client_port).u16(connection.server_port);
        let rows = rows.u8(connection.protocol).u16(flags).u16(back);
        let rows = rows.u32(request.bytes).u32(request.packets).u32(response.bytes).u32(response.packets);
        rows.u32(in_if).u32(out_if).u8(reason).u8(name.len() as u8).bytes(name.as_bytes())
    });
    // Padding would be shorter than a record (section 3.3.1); a varying length at the end leaves none.
    Octets::new().u16(template).u16(rows.len() as u16 + 4).bytes(&rows.0).0
}

/// A translation made and, a while later, taken away (RFC 8158: 4 NAT44 session create, 5 delete).
fn nat_events() -> Vec<u8> {
    let event = |rows: Octets, kind: u8, offset: u32| {
        let rows = rows.u64(u64::from(MINUTE_SECONDS) * 1000 + u64::from(offset)).u8(kind).u8(6);
        let rows = rows.address(traffic::address("198.51.100.23")).address(traffic::address("192.0.2.3"));
        rows.u16(51_842).u16(20_017).address(traffic::address("203.0.113.80"))
    };
    set(NAT_EVENT, event(event(Octets::new(), 4, 210), 5, 18_510))
}
