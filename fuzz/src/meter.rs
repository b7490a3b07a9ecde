//! What the fuzz targets of the meter share: how an input chooses the configuration, a fresh meter, and what has to hold when it has ended.

use std::net::{IpAddr, Ipv4Addr};

use weir_meter::{Applications, Config, Meter, Packet};
use weir_record::FlowBatch;
use weir_wire::{IpHeader, Link, Tcp, TcpHeader};

use super::{BEGIN, SECOND, check, filter, messages};

/// Link types of captures: Ethernet, raw IP, Linux cooked (two versions), loopback.
const LINKS: [u32; 6] = [1, 101, 113, 276, 0, 108];
/// Ports on which protocols are looked for, or told by.
const PORTS: [u16; 32] = [
    80, 443, 53, 5353, 137, 67, 25, 110, 143, 21, 23, 5060, 5004, 445, 139, 3306, 5432, 1433, 22, 123, 161, 3389, 6379, 1883,
    51820, 6881, 3478, 1812, 88, 389, 8080, 40_000,
];
const MILLISECOND: i64 = 1_000_000;

/// A meter and what came out of it.
struct Run {
    meter: Meter,
    flows: FlowBatch,
    now: i64,
}

/// Frames of any link type in an order and at times that the input chooses. The first octet is the configuration, the second the link type and limits; of each
/// frame the upper two bits of its head are what the clock does before it. Gives the rows.
pub fn frames(input: &[u8]) -> FlowBatch {
    let Some(([choice, limits], list)) = input.split_first_chunk::<2>().map(|(head, rest)| (*head, rest)) else {
        return FlowBatch::new();
    };
    let max_flows = [1, 2, 8, 64].get(usize::from(limits >> 3 & 3)).copied().unwrap_or(1);
    let link = LINKS.get(usize::from(limits & 7) % LINKS.len()).and_then(|number| Link::from_pcap(*number));
    let config = Config {
        max_flows,
        sample_connections: if limits & 32 == 0 { 1 } else { 2 },
        sampled_packets: if limits & 64 == 0 { 1 } else { 10 },
        ..config(choice)
    };
    let segment_size = u16::from(limits & 128 != 0);
    let mut run = Run::new(config);
    for (clock, frame) in messages(list) {
        let (mut frame, cut) = (frame, usize::from(clock & 1) * 100);
        match clock {
            0 => run.now = run.now.saturating_add(MILLISECOND),
            1 => run.now = run.now.saturating_add(20 * SECOND),
            2 => run.now = run.now.saturating_sub(SECOND),
            _ => {
                let Some((time, rest)) = frame.split_first_chunk::<8>() else { continue };
                (run.now, frame) = (i64::from_be_bytes(*time), rest);
            }
        }
        run.push(link.unwrap_or(Link::Ethernet), frame, frame.len() + cut, segment_size);
    }
    run.ended()
}

/// A TCP connection: each message of the list is the payload of a segment. The upper two bits of its head are the direction, and whether it comes where it
/// should; then its first octet says how far off it is.
pub fn streams(input: &[u8]) {
    let Some(([choice, port], list)) = input.split_first_chunk::<2>().map(|(head, rest)| (*head, rest)) else { return };
    let mut run = Run::new(Config { applications: Some(KEEP_ALL), ..config(choice) });
    let ends = [(address(1), 50_000), (address(2), server_port(port))];
    let mut next = [u32::MAX - 100, 7];
    let mut send = |run: &mut Run, from: usize, offset: i8, flags: u16, payload: &[u8]| {
        let ((src, src_port), (dst, dst_port)) = if from == 0 { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
        let seq = next[from].wrapping_add_signed(offset.into());
        let end = seq.wrapping_add(payload.len() as u32).wrapping_add(u32::from(flags & Tcp::SYN != 0));
        let header = TcpHeader { src_port, dst_port, seq, ack: next[1 - from], flags, window: 1000, options: Vec::new() };
        if end.wrapping_sub(next[from]) < 1 << 31 {
            next[from] = end;
        }
        let frame = weir_wire::Packet::of_protocol(6, payload).tcp(&header).ip(&IpHeader::new(src, dst)).into_bytes();
        run.now += MILLISECOND;
        run.push(Link::Ip, &frame, frame.len(), 0);
    };
    // Joined in its middle where the port says so.
    if port & 128 == 0 {
        send(&mut run, 0, 0, Tcp::SYN, &[]);
        send(&mut run, 1, 0, Tcp::SYN | Tcp::ACK, &[]);
        send(&mut run, 0, 0, Tcp::ACK, &[]);
    }
    for (kind, payload) in messages(list) {
        let from = usize::from(kind & 1);
        let (offset, payload) = match payload.split_first() {
            Some((offset, rest)) if kind & 2 != 0 => (*offset as i8, rest),
            _ => (0, payload),
        };
        send(&mut run, from, offset, Tcp::ACK, payload);
    }
    run.ended();
}

/// Datagrams between two ends: the upper bits of their heads are the direction, and which of two clients it is.
pub fn datagrams(input: &[u8]) {
    let Some(([choice, port], list)) = input.split_first_chunk::<2>().map(|(head, rest)| (*head, rest)) else { return };
    let mut run = Run::new(Config { applications: Some(KEEP_ALL), ..config(choice) });
    let server = (address(2), server_port(port));
    for (kind, payload) in messages(list) {
        let client = (address(1), 50_000 + u16::from(kind & 2));
        let ((src, src_port), (dst, dst_port)) = if kind & 1 == 0 { (client, server) } else { (server, client) };
        let frame = weir_wire::Packet::of_protocol(17, payload).udp(src_port, dst_port).ip(&IpHeader::new(src, dst)).into_bytes();
        run.now += MILLISECOND;
        run.push(Link::Ip, &frame, frame.len(), 0);
    }
    run.ended();
}

const KEEP_ALL: Applications = Applications { url_queries: true, sql_text: true, mail_addresses: true };

fn config(choice: u8) -> Config {
    let has = |bit: u8| choice >> bit & 1 == 1;
    let (active_timeout, inactive_timeout) = if has(7) { (SECOND, SECOND / 2) } else { (60 * SECOND, 30 * SECOND) };
    Config {
        active_timeout,
        inactive_timeout,
        key_vlan: has(1),
        key_interface: has(2),
        decapsulate: has(0),
        performance: !has(4),
        histograms: has(3),
        applications: (!has(5)).then_some(if has(6) { KEEP_ALL } else { Applications::default() }),
        ..Config::default()
    }
}

fn server_port(choice: u8) -> u16 {
    PORTS.get(usize::from(choice) % PORTS.len()).copied().unwrap_or(80)
}

const fn address(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, host))
}

impl Run {
    fn new(config: Config) -> Self {
        Self { meter: Meter::new(config), flows: FlowBatch::new(), now: BEGIN }
    }

    fn push(&mut self, link: Link, data: &[u8], original_len: usize, segment_size: u16) {
        let packet = Packet { time: self.now, link, data, original_len, interface: 0, segment_size };
        self.meter.push(&packet, &mut self.flows);
    }

    /// Ends all flows. What went in came out.
    fn ended(mut self) -> FlowBatch {
        while self.meter.finish(&mut self.flows) {}
        self.flows.finish();
        let (flows, stats) = (self.flows, self.meter.stats());
        let sum =
            |value: fn(&FlowBatch, usize) -> Option<u64>| (0..flows.rows()).filter_map(|row| value(&flows, row)).sum::<u64>();
        assert_eq!(stats.active, 0, "every flow has ended");
        assert_eq!(stats.flows, flows.rows() as u64, "every record counted is a row");
        assert_eq!(sum(|flows, row| flows.bytes.get(row)), stats.bytes, "octets of rows are those counted");
        let packets = sum(|flows, row| flows.packets.get(row)) + stats.packets_unparsed + stats.packets_unsampled;
        assert_eq!(packets, stats.packets, "every packet is in a row, or counted as in none");
        check(&flows);
        filter(&flows);
        flows
    }
}
