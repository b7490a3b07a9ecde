//! The minute of traffic that every sample tells of: a small office, its web shop, the Internet, somebody who knocks on doors.

use std::net::IpAddr;

/// When the minute begins, seconds since 1970: 2 March 2026, 09:00 UTC.
pub(super) const MINUTE_SECONDS: u32 = 1_772_442_000;
/// The router's uptime then, milliseconds: 41 days.
pub(super) const UPTIME: u32 = 3_542_400_000;
/// ifIndex of the office's interface.
pub(super) const INSIDE: u32 = 2;
/// ifIndex of the interface to the provider.
pub(super) const OUTSIDE: u32 = 1;
/// The office's autonomous system.
pub(super) const OFFICE_AS: u32 = 64500;

/// What one direction of a connection sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    pub(super) packets: u32,
    pub(super) bytes: u32,
}

/// A connection of the minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) client: &'static str,
    pub(super) client_port: u16,
    pub(super) server: &'static str,
    pub(super) server_port: u16,
    pub(super) protocol: u8,
    /// Client to server.
    pub(super) request: Half,
    /// Server to client; no packets where nobody answered.
    pub(super) response: Half,
    /// First packet, milliseconds after the minute began.
    pub(super) start: u32,
    /// To the last packet, milliseconds.
    pub(super) duration: u32,
    /// AS number of the party on the Internet.
    pub(super) remote_as: u32,
    /// What is spoken, and the number of that application in Cisco's list (engine 3 is IANA layer 4).
    pub(super) app: (&'static str, u32),
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) protocol: u8,
    pub(super) flags: u8,
    pub(super) packets: u32,
    pub(super) bytes: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) in_if: u32,
    pub(super) out_if: u32,
    pub(super) src_as: u32,
    pub(super) dst_as: u32,
    pub(super) app: u32,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
/// SYN, PSH, ACK, FIN: a TCP connection from beginning to end.
const WHOLE: u8 = 0x1b;
const SYN: u8 = 0x02;

#[rustfmt::skip]
const CONNECTIONS: &[Connection] = &[
    line("198.51.100.23", 51842, "203.0.113.80", 443, TCP, (28, 3_911), (41, 52_480), 210, 18_300, 64505, ("https", 443)),
    line("198.51.100.23", 40213, "203.0.113.53", 53, UDP, (1, 71), (1, 183), 150, 21, 64502, ("dns", 53)),
    line("198.51.100.41", 33870, "203.0.113.53", 53, UDP, (1, 68), (1, 496), 1_020, 34, 64502, ("dns", 53)),
    line("198.51.100.41", 49720, "203.0.113.10", 443, TCP, (1_904, 104_960), (3_870, 5_611_500), 1_060, 42_700, 64510, ("https", 443)),
    line("198.51.100.7", 50022, "203.0.113.22", 22, TCP, (312, 29_344), (287, 61_204), 3_400, 55_100, 64505, ("ssh", 22)),
    line("203.0.113.99", 61034, "198.51.100.80", 443, TCP, (17, 2_205), (22, 24_862), 7_800, 6_450, 64511, ("https", 443)),
    line("203.0.113.140", 44410, "198.51.100.80", 443, TCP, (31, 4_120), (58, 71_990), 9_200, 12_010, 64508, ("https", 443)),
    line("198.51.100.25", 38104, "203.0.113.25", 25, TCP, (64, 81_920), (39, 3_018), 12_500, 4_900, 64505, ("smtp", 25)),
    line("198.51.100.1", 123, "203.0.113.123", 123, UDP, (1, 76), (1, 76), 15_000, 18, 64502, ("ntp", 123)),
    line("198.51.100.41", 8, "203.0.113.80", 2048, ICMP, (5, 420), (5, 420), 20_000, 4_012, 64505, ("icmp", 0)),
    line("203.0.113.66", 47711, "198.51.100.80", 22, TCP, (1, 44), (0, 0), 21_000, 0, 64496, ("ssh", 22)),
    line("203.0.113.66", 47712, "198.51.100.80", 23, TCP, (1, 44), (0, 0), 21_004, 0, 64496, ("telnet", 23)),
    line("203.0.113.66", 47713, "198.51.100.80", 3389, TCP, (1, 44), (0, 0), 21_008, 0, 64496, ("rdp", 3389)),
    line("2001:db8:1::23", 55610, "2001:db8:80::443", 443, TCP, (96, 9_880), (151, 188_410), 24_000, 20_900, 64505, ("https", 443)),
    line("2001:db8:1::41", 36502, "2001:db8:53::53", 53, UDP, (1, 98), (1, 242), 25_300, 26, 64502, ("dns", 53)),
    line("2001:db8:1::41", 51300, "2001:db8:80::443", 443, UDP, (640, 71_200), (1_822, 2_215_000), 25_400, 31_000, 64505, ("quic", 443)),
];

/// A line of the table.
#[allow(clippy::too_many_arguments, reason = "a line of a table")]
const fn line(
    client: &'static str,
    client_port: u16,
    server: &'static str,
    server_port: u16,
    protocol: u8,
    request: (u32, u32),
    response: (u32, u32),
    start: u32,
    duration: u32,
    remote_as: u32,
    app: (&'static str, u32),
) -> Connection {
    let request = Half { packets: request.0, bytes: request.1 };
    let response = Half { packets: response.0, bytes: response.1 };
    Connection { client, client_port, server, server_port, protocol, request, response, start, duration, remote_as, app }
}

/// Every connection, by the time of its first packet.
pub(super) fn connections() -> &'static [Connection] {
    CONNECTIONS
}

/// Every direction that sent something: the client's, then the server's.
pub(super) fn flows() -> Vec<Flow> {
    CONNECTIONS.iter().flat_map(Connection::flows).collect()
}

/// The address of that text.
pub(super) fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is no address"))
}

impl Connection {
    /// True where the client is in the office.
    pub(super) fn outwards(&self) -> bool {
        self.client.starts_with("198.51.100.") || self.client.starts_with("2001:db8:1:")
    }

    /// TCP flags of either direction.
    pub(super) const fn flags(&self) -> u8 {
        match (self.protocol, self.response.packets) {
            (TCP, 0) => SYN,
            (TCP, _) => WHOLE,
            _ => 0,
        }
    }

    fn flows(&self) -> Vec<Flow> {
        let (in_if, out_if) = if self.outwards() { (INSIDE, OUTSIDE) } else { (OUTSIDE, INSIDE) };
        let (client_as, server_as) = if self.outwards() { (OFFICE_AS, self.remote_as) } else { (self.remote_as, OFFICE_AS) };
        // ICMP has its type and code (type * 256 + code) as destination port, and no source port.
        let (client_port, request_port, response_port) =
            if self.protocol == ICMP { (0, self.server_port, 0) } else { (self.client_port, self.server_port, self.client_port) };
        let server_port = if self.protocol == ICMP { 0 } else { self.server_port };
        let forward = Flow {
            src: address(self.client),
            dst: address(self.server),
            src_port: client_port,
            dst_port: request_port,
            protocol: self.protocol,
            flags: self.flags(),
            packets: self.request.packets,
            bytes: self.request.bytes,
            start: self.start,
            end: self.start + self.duration,
            in_if,
            out_if,
            src_as: client_as,
            dst_as: server_as,
            app: self.app.1,
        };
        let back = Flow {
            src: forward.dst,
            dst: forward.src,
            src_port: server_port,
            dst_port: response_port,
            packets: self.response.packets,
            bytes: self.response.bytes,
            start: self.start + self.duration.min(12),
            in_if: out_if,
            out_if: in_if,
            src_as: server_as,
            dst_as: client_as,
            ..forward
        };
        [forward, back].into_iter().filter(|flow| flow.packets > 0).collect()
    }
}
