//! Input that somebody made to do harm. Whatever comes, every packet is counted once, and memory and the work for a packet have limits.

// What packets say of themselves.
mod mutations;
mod times;

// More of something than there is room for.
mod applications;
mod floods;
mod fragments;
mod segments;

use std::net::{IpAddr, Ipv4Addr};

use weir_meter::{Config, Meter, Packet, Stats};
use weir_record::FlowBatch;
use weir_wire::{IpHeader, Link, TcpHeader};

/// Rows after which a batch is added up and emptied, as the program does.
const BATCH: usize = 8192;
/// Where the clocks of these tests begin, nanoseconds since 1970.
const BEGIN: i64 = 1_772_442_000_000_000_000;
const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/// A meter under attack, and the sums of what it wrote.
struct Attack {
    meter: Meter,
    flows: FlowBatch,
    rows: u64,
    packets: u64,
    bytes: u64,
}

impl Attack {
    fn new(config: Config) -> Self {
        Self { meter: Meter::new(config), flows: FlowBatch::new(), rows: 0, packets: 0, bytes: 0 }
    }

    /// An IP packet, captured as a whole.
    fn ip(&mut self, time: i64, data: &[u8]) {
        self.push(&Packet { time, link: Link::Ip, data, original_len: data.len(), interface: 0, segment_size: 0 });
    }

    fn push(&mut self, packet: &Packet<'_>) {
        self.meter.push(packet, &mut self.flows);
        if self.flows.rows() >= BATCH {
            self.add_up();
        }
    }

    fn add_up(&mut self) {
        self.flows.finish();
        for row in 0..self.flows.rows() {
            self.packets += self.flows.packets.get(row).unwrap();
            self.bytes += self.flows.bytes.get(row).unwrap();
        }
        self.rows += self.flows.rows() as u64;
        self.flows.clear();
    }

    /// Ends all flows: what went in came out.
    fn end(mut self) -> Stats {
        while self.meter.finish(&mut self.flows) {
            self.add_up();
        }
        self.add_up();
        let stats = self.meter.stats();
        assert_eq!(stats.active, 0, "every flow has ended");
        assert_eq!(stats.flows, self.rows, "every record counted is a row");
        assert_eq!(stats.bytes, self.bytes, "octets of rows are those counted");
        assert_eq!(
            stats.packets,
            self.packets + stats.packets_unparsed + stats.packets_unsampled,
            "packets are in rows, or counted as in none"
        );
        stats
    }
}

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// A segment from the client.
fn segment(seq: u32, flags: u16, payload: &[u8]) -> Vec<u8> {
    let header = TcpHeader { src_port: 50_000, dst_port: 443, seq, ack: 1, flags, window: 1000, options: Vec::new() };
    weir_wire::Packet::of_protocol(6, payload).tcp(&header).ip(&IpHeader::new(CLIENT, SERVER)).into_bytes()
}

/// Makes a packet come from another address and port; checksums are left as they were.
fn from(packet: &mut [u8], host: u32, port: u16) {
    packet[12..16].copy_from_slice(&host.to_be_bytes());
    packet[20..22].copy_from_slice(&port.to_be_bytes());
}
