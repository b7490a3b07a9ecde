//! Packets of the same network: a name is looked up, a page is fetched with a segment that gets lost on its way, TLS is opened, a database logs somebody in,
//! and a door is closed. Frames have the times that a capture at the office's side would give them.

use weir_capture::{PcapWriter, TimeUnit};
use weir_wire::{IpHeader, Packet, Tcp, TcpHeader};

use super::traffic;

const ETHERNET: u16 = 1;
const OFFICE: [u8; 6] = [2, 0, 0, 0, 0, 0x23];
const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 0x01];
const CLIENT: &str = "198.51.100.23";

/// Frames with their times, microseconds after the minute began.
#[derive(Default)]
struct Frames(Vec<(i64, Vec<u8>)>);

/// A connection of the client: what is sent next in each direction.
struct Stream {
    server: &'static str,
    ports: (u16, u16),
    next: [u32; 2],
}

/// The capture.
pub(super) fn file() -> Vec<u8> {
    let mut frames = Frames::default();
    frames.look_up(210_000);
    frames.fetch_page(232_000);
    frames.open_tls(410_000);
    frames.log_in(700_000);
    frames.knock(1_400_000);
    frames.0.sort_by_key(|(time, _)| *time);
    let write = || {
        let mut writer = PcapWriter::new(Vec::new(), ETHERNET, TimeUnit::Nanoseconds)?;
        for (time, frame) in &frames.0 {
            let start = i64::from(traffic::MINUTE_SECONDS) * 1_000_000_000;
            writer.write(start + time * 1000, frame.len() as u32, frame)?;
        }
        writer.finish()
    };
    write().unwrap_or_else(|error: std::io::Error| panic!("{error}"))
}

impl Stream {
    const fn to(server: &'static str, client_port: u16, server_port: u16) -> Self {
        Self { server, ports: (client_port, server_port), next: [7_001, 90_001] }
    }
}

impl Frames {
    /// A frame from the client to a server, or the other way.
    fn add(&mut self, time: i64, from_client: bool, server: &str, packet: Packet) {
        let (near, far) = (traffic::address(CLIENT), traffic::address(server));
        let (src, dst, macs) = if from_client { (near, far, (OFFICE, ROUTER)) } else { (far, near, (ROUTER, OFFICE)) };
        let header = IpHeader { ttl: if from_client { 64 } else { 57 }, id: self.0.len() as u32 + 1, ..IpHeader::new(src, dst) };
        self.0.push((time, packet.ip(&header).ethernet(macs.0, macs.1).into_bytes()));
    }

    fn segment(&mut self, time: i64, stream: &mut Stream, from_client: bool, flags: u16, octets: &[u8]) {
        let (mine, theirs) = if from_client { (0, 1) } else { (1, 0) };
        let (src_port, dst_port) = if from_client { stream.ports } else { (stream.ports.1, stream.ports.0) };
        let is_syn = flags & Tcp::SYN != 0;
        let header = TcpHeader {
            src_port,
            dst_port,
            seq: stream.next[mine],
            ack: if flags & Tcp::ACK == 0 { 0 } else { stream.next[theirs] },
            flags,
            window: 64_240,
            options: if is_syn { vec![2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7] } else { Vec::new() },
        };
        self.add(time, from_client, stream.server, Packet::payload(octets).tcp(&header));
        stream.next[mine] += octets.len() as u32 + u32::from(flags & (Tcp::SYN | Tcp::FIN) != 0);
    }

    /// SYN, SYN-ACK and ACK: this long to the server and back, and 0.2 ms to the client.
    fn open(&mut self, time: i64, stream: &mut Stream, way: i64) -> i64 {
        self.segment(time, stream, true, Tcp::SYN, b"");
        self.segment(time + way, stream, false, Tcp::SYN | Tcp::ACK, b"");
        self.segment(time + way + 200, stream, true, Tcp::ACK, b"");
        time + way + 300
    }

    fn close(&mut self, time: i64, stream: &mut Stream) {
        self.segment(time, stream, true, Tcp::FIN | Tcp::ACK, b"");
        self.segment(time + 12_000, stream, false, Tcp::FIN | Tcp::ACK, b"");
        self.segment(time + 12_200, stream, true, Tcp::ACK, b"");
    }

    fn look_up(&mut self, time: i64) {
        let question = b"\x03www\x07example\x03net\x00\x00\x01\x00\x01";
        let query = [&b"\x1b\x2c\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"[..], question].concat();
        let record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xcb\x00\x71\x0a";
        let answer = [&b"\x1b\x2c\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"[..], question, record].concat();
        self.add(time, true, "203.0.113.53", Packet::payload(&query).udp(40_213, 53));
        self.add(time + 18_400, false, "203.0.113.53", Packet::payload(&answer).udp(53, 40_213));
    }

    /// The page comes in four segments after 85 ms of thought; the second was lost before the office and comes again.
    fn fetch_page(&mut self, time: i64) {
        let mut stream = Stream::to("203.0.113.10", 51_810, 80);
        let time = self.open(time, &mut stream, 11_800);
        let request =
            b"GET /offers?customer=4711 HTTP/1.1\r\nHost: www.example.net\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";
        self.segment(time, &mut stream, true, Tcp::PSH | Tcp::ACK, request);
        self.segment(time + 12_000, &mut stream, false, Tcp::ACK, b"");
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5764\r\n\r\n";
        let page = [&head[..], &[b'.'; 5764]].concat();
        let answered = time + 97_000;
        let first = stream.next[1];
        for ((piece, sent), place) in page.chunks(1_458).zip([0, 30_200, 300, 400]).zip((first..).step_by(1_458)) {
            stream.next[1] = place;
            self.segment(answered + sent, &mut stream, false, Tcp::ACK, piece);
        }
        stream.next[1] = first + page.len() as u32;
        self.segment(answered + 30_400, &mut stream, true, Tcp::ACK, b"");
        self.close(answered + 31_000, &mut stream);
    }

    fn open_tls(&mut self, time: i64) {
        let mut stream = Stream::to("203.0.113.80", 51_842, 443);
        let time = self.open(time, &mut stream, 24_000);
        let name = b"\x00\x00\x00\x15\x00\x13\x00\x00\x10shop.example.net";
        let rest = b"\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1\x00\x2b\x00\x03\x02\x03\x04\x00\x0a\x00\x04\x00\x02\x00\x1d\x00\x0d\x00\x04\x00\x02\x04\x03";
        let extensions = [&name[..], rest].concat();
        let body = [
            &b"\x03\x03"[..],
            &[0x5a; 32],
            b"\x00\x00\x06\x13\x01\x13\x02\x13\x03\x01\x00",
            &(extensions.len() as u16).to_be_bytes(),
            &extensions,
        ]
        .concat();
        let message = [&b"\x01\x00"[..], &(body.len() as u16).to_be_bytes(), &body].concat();
        let record = [&b"\x16\x03\x01"[..], &(message.len() as u16).to_be_bytes(), &message].concat();
        self.segment(time, &mut stream, true, Tcp::PSH | Tcp::ACK, &record);
        let chosen = [&b"\x03\x03"[..], &[0xa5; 32], b"\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"].concat();
        let message = [&b"\x02\x00"[..], &(chosen.len() as u16).to_be_bytes(), &chosen].concat();
        let record = [&b"\x16\x03\x03"[..], &(message.len() as u16).to_be_bytes(), &message].concat();
        let sealed = |length: usize| [&b"\x17\x03\x03"[..], &(length as u16).to_be_bytes(), &vec![0x77; length]].concat();
        self.segment(time + 26_000, &mut stream, false, Tcp::PSH | Tcp::ACK, &[record, sealed(900)].concat());
        self.segment(time + 26_900, &mut stream, true, Tcp::PSH | Tcp::ACK, &sealed(53));
        self.segment(time + 27_100, &mut stream, true, Tcp::PSH | Tcp::ACK, &sealed(240));
        self.segment(time + 66_000, &mut stream, false, Tcp::PSH | Tcp::ACK, &sealed(1_200));
        self.close(time + 70_000, &mut stream);
    }

    fn log_in(&mut self, time: i64) {
        let mut stream = Stream::to("198.51.100.9", 51_850, 5432);
        let time = self.open(time, &mut stream, 350);
        let startup = b"\x00\x00\x00\x25\x00\x03\x00\x00user\x00reports\x00database\x00sales\x00\x00";
        self.segment(time, &mut stream, true, Tcp::PSH | Tcp::ACK, startup);
        let refusal = b"E\x00\x00\x00\x30SFATAL\x00C28P01\x00Mpassword authentication\x00\x00\x00\x00\x00\x00";
        self.segment(time + 3_100, &mut stream, false, Tcp::PSH | Tcp::ACK, refusal);
        self.close(time + 3_900, &mut stream);
    }

    /// Nobody listens on the port.
    fn knock(&mut self, time: i64) {
        let mut stream = Stream::to("203.0.113.25", 51_900, 25);
        self.segment(time, &mut stream, true, Tcp::SYN, b"");
        self.segment(time + 15_000, &mut stream, false, Tcp::RST | Tcp::ACK, b"");
    }
}
