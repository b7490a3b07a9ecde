//! Packets of a small network that never ends, minute by minute: visits of clients, as the sample has one, and streams that are large and steady.
//!
//! A visit is the sample once more with another client, at another time, and slower or quicker, so round-trip and response times differ. How many there are rises and
//! falls over the minutes. Nothing here is left to chance: the same minute has the same packets.

use std::f64::consts::TAU;
use std::io::{self, Cursor};

use weir_capture::CaptureFile;

const SECOND: i64 = 1_000_000_000;

/// The traffic comes in pieces of this length.
pub(super) const TURN: i64 = 60 * SECOND;

/// The client of the sample, whose address others take.
const CLIENT: [u8; 4] = [198, 51, 100, 23];

/// Clients there are: the last octets of their addresses.
const CLIENTS: [u8; 12] = [23, 24, 25, 31, 32, 40, 41, 42, 57, 60, 71, 90];

/// Visits of a minute: at least, and how many more when most is going on.
const VISITS: (f64, f64) = (14.0, 46.0);

/// Minutes from one top to the next.
const WAVE: f64 = 23.0;

/// Streams over UDP: server, its port, the last octet of the client, packets a minute when most is going on, minutes of a wave.
const STREAMS: [([u8; 4], u16, u8, f64, f64); 4] = [
    ([203, 0, 113, 10], 443, 41, 900.0, 17.0),
    ([203, 0, 113, 140], 443, 57, 520.0, 29.0),
    ([203, 0, 113, 77], 5004, 60, 300.0, 11.0),
    ([198, 51, 100, 9], 4500, 90, 420.0, 41.0),
];

/// Octets of the packets of streams, as their IP headers say: large frames, so that few packets make megabits.
const STREAM_OCTETS: u16 = 8_900;

/// Those of what asks for them.
const REQUEST_OCTETS: u16 = 1_228;

const ETHERNET: usize = 14;
const IPV4: usize = 20;

/// A packet: nanoseconds since the minute began, length on the wire, octets captured.
pub(super) type Packet = (i64, u32, Vec<u8>);

/// The sample, from which minutes are made.
pub(super) struct Traffic {
    pub(super) link_type: u16,
    sample: Vec<Packet>,
}

impl Traffic {
    /// Reads the sample.
    pub(super) fn of(sample: &'static [u8]) -> io::Result<Self> {
        let mut file = CaptureFile::from_reader(Box::new(Cursor::new(sample)), "the sample").map_err(io::Error::other)?;
        let (mut link_type, mut begin, mut packets) = (0, None, Vec::new());
        while let Some(frame) = file.next().map_err(io::Error::other)? {
            link_type = frame.link_type;
            let offset = frame.time_ns - *begin.get_or_insert(frame.time_ns);
            packets.push((offset, frame.original_len, frame.data.to_vec()));
        }
        // Whatever is longer than a minute would run into the next one.
        packets.retain(|(offset, ..)| *offset < TURN);
        Ok(Self { link_type, sample: packets })
    }

    /// The packets of a minute, in order of time. Minutes are counted from any one on.
    pub(super) fn minute(&self, turn: u64) -> Vec<Packet> {
        let visits = share(turn, WAVE).mul_add(VISITS.1, VISITS.0) as u64;
        let mut packets = self.sample.clone();
        for visit in 1..visits {
            self.visit(turn, visit, &mut packets);
        }
        for (number, stream) in STREAMS.iter().enumerate() {
            push_stream(turn, number as u64, stream, &mut packets);
        }
        packets.sort_by_key(|(offset, ..)| *offset);
        packets
    }

    fn visit(&self, turn: u64, visit: u64, packets: &mut Vec<Packet>) {
        let chance = mixed(turn ^ visit << 32);
        let client = CLIENTS[(chance % CLIENTS.len() as u64) as usize];
        // Half of the clients are near; the others up to four times as far.
        let slower = 1.0 + (chance >> 8 & 0xff) as f64 / 85.0 * f64::from(client & 1);
        let begin = (chance >> 16) as i64 % (TURN - 10 * SECOND);
        for (offset, length, data) in &self.sample {
            let mut data = data.clone();
            let time = begin + (*offset as f64 * slower) as i64;
            if time < TURN && becomes(&mut data, client, visit as u8) {
                packets.push((time, *length, data));
            }
        }
    }
}

/// Puts another client in place of that of the sample; false for packets that it has no part in.
fn becomes(data: &mut [u8], client: u8, port: u8) -> bool {
    let is_client = |at: usize| data.get(at..at + 4) == Some(&CLIENT);
    let (source, destination) = (ETHERNET + 12, ETHERNET + 16);
    let (address, of_port) = match (is_client(source), is_client(destination)) {
        (true, _) => (source, ETHERNET + IPV4),
        (_, true) => (destination, ETHERNET + IPV4 + 2),
        _ => return false,
    };
    // Each visit has ports of its own, so that none goes on with the connections of another.
    for (at, octet) in [(address + 3, client), (of_port, 0xc0 | port >> 2)] {
        if let Some(place) = data.get_mut(at) {
            *place = octet;
        }
    }
    if let Some(place) = data.get_mut(of_port + 1) {
        *place = (*place & 0x3f) | port << 6;
    }
    true
}

fn push_stream(
    turn: u64,
    number: u64,
    (server, port, client, most, wave): &([u8; 4], u16, u8, f64, f64),
    packets: &mut Vec<Packet>,
) {
    let count = (share(turn, *wave).mul_add(0.85, 0.15) * most) as i64;
    let client = [CLIENT[0], CLIENT[1], CLIENT[2], *client];
    let (server, client) = ((*server, *port), (client, 50_000_u16.saturating_add(u16::from(client[3]))));
    let begin = number as i64 * 1_000_000;
    let between = TURN / count.max(1);
    // The client asks first, so that it is known which of the two is the server.
    packets.push((begin, wire(REQUEST_OCTETS), datagram(client, server, REQUEST_OCTETS)));
    let data = datagram(server, client, STREAM_OCTETS);
    packets.extend((1..count).map(|place| (place * between + begin, wire(STREAM_OCTETS), data.clone())));
}

/// The length of a frame on the wire.
const fn wire(octets: u16) -> u32 {
    octets as u32 + ETHERNET as u32
}

/// The headers of a datagram of UDP from one end, address and port, to the other.
fn datagram(from: ([u8; 4], u16), to: ([u8; 4], u16), octets: u16) -> Vec<u8> {
    let mut data = vec![0; ETHERNET + IPV4 + 8];
    let fields: [(usize, &[u8]); 9] = [
        (12, &[0x08, 0x00]),
        (ETHERNET, &[0x45]),
        (ETHERNET + 2, &octets.to_be_bytes()),
        (ETHERNET + 8, &[64, 17]),
        (ETHERNET + 12, &from.0),
        (ETHERNET + 16, &to.0),
        (ETHERNET + IPV4, &from.1.to_be_bytes()),
        (ETHERNET + IPV4 + 2, &to.1.to_be_bytes()),
        (ETHERNET + IPV4 + 4, &octets.saturating_sub(IPV4 as u16).to_be_bytes()),
    ];
    for (at, octets) in fields {
        if let Some(place) = data.get_mut(at..at + octets.len()) {
            place.copy_from_slice(octets);
        }
    }
    data
}

/// How much is going on, between 0 and 1.
fn share(turn: u64, wave: f64) -> f64 {
    let slow = (turn as f64 / wave * TAU).sin() * 0.5 + 0.5;
    let quick = (mixed(turn ^ wave.to_bits()) & 0xff) as f64 / 255.0;
    slow.mul_add(0.7, quick * 0.3)
}

/// A number that looks as if it had nothing to do with the one it is made of (SplitMix64).
const fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_in_order_and_the_same_again() {
        let traffic = Traffic::of(super::super::PACKETS).unwrap();
        for turn in [0, 7, 29_000_000] {
            let minute = traffic.minute(turn);
            assert!(minute.is_sorted_by_key(|(offset, ..)| *offset));
            assert!(minute.iter().all(|(offset, ..)| (0..TURN).contains(offset)));
            assert_eq!(minute, traffic.minute(turn));
        }
        assert_ne!(traffic.minute(1).len(), traffic.minute(2).len());
    }

    #[test]
    fn visits_are_of_other_clients_on_ports_of_their_own() {
        let traffic = Traffic::of(super::super::PACKETS).unwrap();
        let mut ends: Vec<_> = traffic
            .minute(3)
            .into_iter()
            .filter(|(.., data)| data.get(26..29) == Some(&CLIENT[..3]) && data.get(36..38) == Some(&[0, 80]))
            .filter(|(.., data)| data.get(47) == Some(&2))
            .map(|(.., data)| (data[29], data[34], data[35]))
            .collect();
        let connections = ends.len();
        assert!(connections >= VISITS.0 as usize, "{connections}");
        ends.sort_unstable();
        ends.dedup();
        assert_eq!(ends.len(), connections, "two visits share a port");
        let mut clients: Vec<_> = ends.iter().map(|(client, ..)| *client).collect();
        clients.dedup();
        assert!(clients.len() > 3, "{clients:?}");
    }
}
