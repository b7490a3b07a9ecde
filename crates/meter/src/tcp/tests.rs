use weir_testkit::Rng;

use super::*;
use Direction::{ToClient, ToServer};

const SYN: u16 = Tcp::SYN;
const SYN_ACK: u16 = Tcp::SYN | Tcp::ACK;
const ACK: u16 = Tcp::ACK;
const FIN: u16 = Tcp::FIN | Tcp::ACK;
const RST: u16 = Tcp::RST;

/// The next sequence numbers are 1 behind these.
const CLIENT: u32 = u32::MAX - 200;
const SERVER: u32 = 7000;

/// A connection and its clock, microseconds.
#[derive(Default)]
struct Told {
    connection: Connection,
    now: i64,
    window: u16,
    ip_id: u32,
    segments: u32,
}

impl Told {
    fn opened() -> Self {
        let mut told = Self { window: 1000, segments: 1, ..Self::default() };
        told.tell(0, ToServer, SYN, 0, 0, &[]);
        told.tell(30, ToClient, SYN_ACK, 0, 1, &[]);
        told.tell(20, ToServer, ACK, 1, 1, &[]);
        told
    }

    /// A segment so many microseconds after the last; numbers count from the SYNs.
    fn tell(&mut self, after: i64, direction: Direction, flags: u16, seq: u32, ack: u32, payload: &[u8]) -> Heard {
        self.now += after;
        let (mine, theirs) = if direction == ToServer { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let tcp = tcp(flags, mine.wrapping_add(seq), theirs.wrapping_add(ack), self.window);
        let segment = self.segment(direction, &tcp, payload);
        self.connection.push(&segment, false)
    }

    fn segment<'a>(&self, direction: Direction, tcp: &'a Tcp, payload: &'a [u8]) -> Segment<'a> {
        Segment {
            time: self.now * 1000,
            direction,
            tcp,
            frame: &[],
            payload,
            length: payload.len() as u32,
            segments: self.segments,
            ip_id: self.ip_id,
            ip_length: 40 + payload.len() as u32,
            ttl: 64,
            checksum: 0,
        }
    }

    fn begins_anew(&self, direction: Direction, flags: u16, seq: u32, ack: u32) -> bool {
        let tcp = tcp(flags, seq, ack, 0);
        self.connection.begins_anew(&self.segment(direction, &tcp, &[]))
    }

    /// Sent again and out of order, of the client.
    fn counts(&self) -> (u32, u32) {
        (self.connection.retransmissions(ToServer), self.connection.out_of_order(ToServer))
    }
}

fn tcp(flags: u16, seq: u32, ack: u32, window: u16) -> Tcp {
    Tcp { seq, ack, window, flags, options_offset: 0, options_length: 0 }
}

#[test]
fn a_connection_is_small_and_in_order_needs_nothing_else() {
    assert!(size_of::<Connection>() <= 144, "{}", size_of::<Connection>());
    let mut told = Told::opened();
    for place in 0..100 {
        told.tell(10, ToServer, ACK, 1 + place * 10, 1 + place * 5, &[b'q'; 10]);
        told.tell(10, ToClient, ACK, 1 + place * 5, 11 + place * 10, &[b'a'; 5]);
    }
    assert_eq!(told.connection.memory(), 0);
    assert_eq!(told.connection.rtt(), Some((20, 30)));
    assert_eq!(told.connection.srt().map(|samples| (samples.count, samples.sum)), Some((100, 1000)));
    assert_eq!(told.connection.first_octet(ToServer), Some(CLIENT.wrapping_add(1)));
}

#[test]
fn a_fast_retransmission_without_identification_is_no_copy() {
    let mut told = Told::opened();
    told.tell(10, ToServer, ACK, 1, 1, &[b'q'; 10]);
    told.tell(10, ToServer, ACK, 1, 1, &[b'q'; 10]);
    assert_eq!((told.counts(), told.connection.duplicates(ToServer)), ((0, 0), 1));
    // The other side asks for it between the two.
    told.tell(10, ToServer, ACK, 11, 1, &[b'r'; 10]);
    told.tell(10, ToClient, ACK, 1, 1, &[]);
    let heard = told.tell(10, ToServer, ACK, 1, 1, &[b'q'; 10]);
    assert_eq!((told.counts(), told.connection.duplicates(ToServer)), ((1, 0), 1));
    assert_eq!(heard, Heard::default());
}

#[test]
fn one_octet_sent_again_is_a_keep_alive_only_when_it_was_acknowledged() {
    let mut told = Told::opened();
    told.tell(10, ToServer, ACK, 1, 1, b"k");
    told.tell(200_000, ToServer, ACK, 1, 1, b"k");
    assert_eq!(told.counts(), (1, 0));
    told.tell(30, ToClient, ACK, 1, 2, &[]);
    told.tell(5_000_000, ToServer, ACK, 1, 1, b"k");
    assert_eq!(told.counts(), (1, 0));
}

#[test]
fn octets_seen_in_part_are_sent_again_and_new() {
    let mut told = Told::opened();
    told.tell(10, ToServer, ACK, 1, 1, &[b'q'; 100]);
    let heard = told.tell(500, ToServer, ACK, 51, 1, &[b'q'; 100]);
    assert_eq!((told.counts(), heard.fresh), ((1, 0), true));
    // Behind a hole of 100 octets: the middle of it, out of order, splits it; all of it again is sent again.
    told.tell(10, ToServer, ACK, 251, 1, &[b'q'; 10]);
    assert!(told.tell(10, ToServer, ACK, 171, 1, &[b'q'; 20]).fresh);
    assert_eq!(told.counts(), (1, 1));
    assert!(told.tell(10, ToServer, ACK, 151, 1, &[b'q'; 100]).fresh);
    assert!(!told.tell(10, ToServer, ACK, 151, 1, &[b'r'; 99]).fresh);
    assert_eq!(told.counts(), (3, 1));
}

#[test]
fn holes_are_bounded_and_the_oldest_counts_as_filled() {
    let mut told = Told::opened();
    for place in 0..=holes::MAX_HOLES as u32 {
        told.tell(10, ToServer, ACK, 11 + place * 20, 1, &[b'q'; 10]);
    }
    assert!(!told.tell(10, ToServer, ACK, 1, 1, &[b'q'; 10]).fresh);
    assert_eq!(told.counts(), (1, 0));
    assert!(told.tell(10, ToServer, ACK, 21, 1, &[b'q'; 10]).fresh);
    assert_eq!(told.counts(), (1, 1));
}

#[test]
fn far_off_numbers_begin_a_new_count() {
    let mut told = Told::opened();
    told.tell(10, ToServer, ACK, 1 + (1 << 31), 1, &[b'q'; 10]);
    told.tell(10, ToServer, ACK, 11 + (1 << 31), 1, &[b'q'; 10]);
    assert_eq!(told.counts(), (0, 0));
}

#[test]
fn super_packets_count_as_the_packets_that_they_were() {
    let mut told = Told::opened();
    told.segments = 4;
    told.tell(10, ToServer, ACK, 1, 1, &[b'q'; 4000]);
    told.tell(300_000, ToServer, ACK, 1, 1, &[b'q'; 4000]);
    assert_eq!(told.counts(), (4, 0));
}

#[test]
fn what_fills_an_older_hole_answers_no_later_request() {
    let mut told = Told::opened();
    told.tell(10, ToServer, ACK, 1, 1, b"first");
    told.tell(10, ToClient, ACK, 11, 6, b"second part");
    told.tell(10, ToServer, ACK, 6, 1, b"next");
    told.tell(10, ToClient, ACK, 1, 6, b"first part");
    assert_eq!(told.connection.srt().map(|samples| (samples.count, samples.sum)), Some((1, 10)));
    told.tell(70, ToClient, ACK, 22, 10, b"answer");
    assert_eq!(told.connection.srt().map(|samples| (samples.count, samples.sum)), Some((2, 90)));
}

#[test]
fn an_acknowledgment_that_overtakes_the_answer_does_not_hide_it() {
    let mut told = Told::opened();
    told.tell(10, ToServer, ACK, 1, 1, b"ask");
    told.tell(10, ToClient, ACK, 7, 4, &[]);
    told.tell(10, ToClient, ACK, 1, 4, b"answer");
    assert_eq!(told.connection.srt().map(|samples| (samples.count, samples.sum)), Some((1, 20)));
}

#[test]
fn in_tls_the_first_request_is_application_data() {
    let hello = [&[22, 3, 1, 0, 100][..], &[1; 100]].concat();
    let finished = [&[20, 3, 3, 0, 1, 1][..], &[22, 3, 3, 0, 2, 9, 9]].concat();
    let request = [&[23, 3, 3, 0, 50][..], &[5; 50]].concat();
    // The request comes in a segment of its own, or behind the end of the handshake.
    for parts in [vec![&finished[..], &request], vec![&[&finished[..], &request].concat()[..]]] {
        let mut told = Told::opened();
        // The hello comes in two segments.
        told.tell(10, ToServer, ACK, 1, 1, &hello[..60]);
        told.tell(10, ToServer, ACK, 61, 1, &hello[60..]);
        told.tell(900, ToClient, ACK, 1, 106, &[22, 3, 3, 0, 1, 2]);
        let mut seq = 106;
        for part in &parts {
            told.tell(10, ToServer, ACK, seq, 7, part);
            seq += part.len() as u32;
        }
        told.tell(40, ToClient, ACK, 7, seq, &[23, 3, 3, 0, 1, 2]);
        told.tell(1, ToClient, ACK, 13, seq, &[23, 3, 3, 0, 1, 2]);
        assert_eq!(told.connection.srt().map(|samples| (samples.count, samples.first)), Some((1, 40)));
    }
}

#[test]
fn the_proxy_header_asks_nothing() {
    let header = b"PROXY TCP4 192.0.2.9 10.0.0.1 4000 443\r\n";
    let length = header.len() as u32;
    // A server that speaks first answers nobody.
    let mut told = Told::opened();
    told.tell(10, ToServer, ACK, 1, 1, header);
    told.tell(900, ToClient, ACK, 1, 1 + length, b"220 mail.example\r\n");
    assert!(told.connection.srt().is_none());
    told.tell(10, ToServer, ACK, 1 + length, 19, b"EHLO a\r\n");
    told.tell(30, ToClient, ACK, 19, 9 + length, b"250 mail.example\r\n");
    assert_eq!(told.connection.srt().map(|samples| (samples.count, samples.first)), Some((1, 30)));
    // TLS behind it is set up first, be it in the same segment.
    let hello = [&[22, 3, 1, 0, 100][..], &[1; 100]].concat();
    let request = [&[23, 3, 3, 0, 50][..], &[5; 50]].concat();
    for parts in [vec![&header[..], &hello], vec![&[&header[..], &hello].concat()[..]]] {
        let mut told = Told::opened();
        let mut seq = 1;
        for part in &parts {
            told.tell(10, ToServer, ACK, seq, 1, part);
            seq += part.len() as u32;
        }
        told.tell(900, ToClient, ACK, 1, seq, &[22, 3, 3, 0, 1, 2]);
        told.tell(10, ToServer, ACK, seq, 7, &request);
        told.tell(40, ToClient, ACK, 7, seq + 55, &[23, 3, 3, 0, 1, 2]);
        assert_eq!(told.connection.srt().map(|samples| (samples.count, samples.first)), Some((1, 40)), "{}", parts.len());
    }
}

#[test]
fn a_connection_opened_by_both_sides_is_complete_and_untimed() {
    let mut told = Told { window: 1000, segments: 1, ..Told::default() };
    told.tell(0, ToServer, SYN, 0, 0, &[]);
    told.tell(10, ToClient, SYN, 0, 0, &[]);
    assert_eq!(told.connection.handshake(), HANDSHAKE_UNANSWERED);
    told.tell(10, ToServer, SYN_ACK, 0, 1, &[]);
    told.tell(10, ToClient, SYN_ACK, 0, 1, &[]);
    assert_eq!((told.connection.handshake(), told.connection.rtt()), (HANDSHAKE_COMPLETE, None));
    assert_eq!((told.counts(), told.connection.retransmissions(ToClient)), ((0, 0), 0));
}

#[test]
fn only_another_syn_begins_anew() {
    let mut told = Told::opened();
    assert!(!told.begins_anew(ToServer, SYN, CLIENT, 0));
    assert!(told.begins_anew(ToServer, SYN, CLIENT + 77, 0));
    // Of a server that keeps no state, or a host that answers a stray SYN.
    assert!(!told.begins_anew(ToClient, SYN_ACK, 1, CLIENT.wrapping_add(1)));
    assert!(!told.begins_anew(ToServer, ACK, 5, 5));
    told.tell(10, ToServer, FIN, 1, 1, &[]);
    assert!(!told.connection.is_closed());
    told.tell(10, ToClient, FIN, 1, 2, &[]);
    assert!(told.connection.is_closed());
    assert!(told.begins_anew(ToClient, SYN_ACK, 1, 1));
    // An aborted SYN is answered all the same.
    let mut told = Told { window: 1000, segments: 1, ..Told::default() };
    told.tell(0, ToServer, SYN, 0, 0, &[]);
    told.tell(10, ToServer, RST, 1, 0, &[]);
    assert!(told.connection.is_closed());
    assert!(!told.begins_anew(ToClient, SYN_ACK, 9, CLIENT.wrapping_add(1)));
    // A capture that begins in the middle of one connection sees the next.
    let mut told = Told { window: 1000, segments: 1, ..Told::default() };
    told.tell(0, ToServer, ACK, 1, 1, b"data");
    assert!(!told.begins_anew(ToServer, SYN, CLIENT, 0));
    assert!(told.begins_anew(ToServer, SYN, 5, 0));
    assert_eq!(told.connection.handshake(), HANDSHAKE_MIDSTREAM);
}

#[test]
fn counts_begin_anew_with_a_record_and_the_connection_stays() {
    let mut told = Told::opened();
    told.tell(10, ToServer, ACK, 1, 1, b"ask");
    told.tell(10, ToClient, ACK, 1, 4, b"answer");
    told.tell(300_000, ToServer, ACK, 1, 1, b"ask");
    told.window = 0;
    told.tell(10, ToServer, ACK, 4, 7, &[]);
    told.connection.begin_record();
    assert_eq!((told.counts(), told.connection.srt(), told.connection.zero_windows(ToServer)), ((0, 0), None, 0));
    told.tell(300_000, ToServer, ACK, 1, 1, b"ask");
    assert_eq!((told.counts(), told.connection.rtt()), ((1, 0), Some((20, 30))));
}

#[test]
fn times_that_go_backwards_measure_nothing() {
    let mut told = Told { window: 1000, segments: 1, ..Told::default() };
    told.tell(100, ToServer, SYN, 0, 0, &[]);
    told.tell(-50, ToClient, SYN_ACK, 0, 1, &[]);
    told.tell(20, ToServer, ACK, 1, 1, &[]);
    assert_eq!((told.connection.handshake(), told.connection.rtt()), (HANDSHAKE_COMPLETE, None));
}

/// Whatever comes, memory stays bounded and nothing panics.
#[test]
fn random_segments_are_survived() {
    let mut rng = Rng::with_seed(5);
    let payload = vec![22; 2000];
    for _ in 0..300 {
        let mut connection = Connection::default();
        for _ in 0..300 {
            let near = |rng: &mut Rng| if rng.u8(0..20) == 0 { rng.u32(..) } else { rng.u32(0..9000).wrapping_sub(4000) };
            let tcp = tcp(rng.u16(0..512), near(&mut rng), near(&mut rng), rng.u16(0..3));
            let payload = &payload[..rng.usize(0..payload.len())];
            let length = if rng.u8(0..20) == 0 { rng.u32(..) } else { payload.len() as u32 };
            let time = if rng.u8(0..20) == 0 { rng.i64(..) } else { rng.i64(0..10_000_000) };
            let direction = if rng.bool() { ToServer } else { ToClient };
            let segments = rng.u32(..);
            let mut segment = Told::default().segment(direction, &tcp, payload);
            (segment.time, segment.length, segment.segments, segment.ip_id) = (time, length, segments, rng.u32(0..3));
            connection.begins_anew(&segment);
            connection.push(&segment, true);
        }
        assert!(connection.memory() < 2048, "{}", connection.memory());
    }
}
