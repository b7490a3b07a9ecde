//! The examples of RFC 9001 (appendix A) and RFC 9369 (appendix A), and conversations made of packets that are protected here the same way.

use proptest::collection::vec;
use proptest::prelude::*;
use weir_record::Column;

use super::super::tests::Talk;
use super::super::tls::tests::{browser_hello, chooses_tls13, server_hello};
use super::protection::tests::seal;
use super::*;

const V1: u32 = 1;
const V2: u32 = 0x6b33_43cf;
/// The first destination of the examples.
const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

pub(super) fn octets(hexadecimal: &str) -> Vec<u8> {
    hexadecimal.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A CRYPTO frame.
fn crypto(offset: usize, content: &[u8]) -> Vec<u8> {
    let varint = |value: usize| (value as u16 | 0x4000).to_be_bytes();
    [&[6][..], &varint(offset), &varint(content.len()), content].concat()
}

/// An Initial packet of this version to or from an end, with keys by this id.
fn initial(version: u32, keys: &[u8], direction: Direction, destination: &[u8], number: u8, frames: &[u8]) -> Vec<u8> {
    let padded = [frames, &vec![0; 1100_usize.saturating_sub(frames.len())]].concat();
    let first = if version == V2 { 0xd0 } else { 0xc0 };
    let length = (0x4000 | (padded.len() + 17) as u16).to_be_bytes();
    let head =
        [&[first][..], &version.to_be_bytes(), &[destination.len() as u8], destination, &[0, 0], &length, &[number]].concat();
    seal(Version(version), keys, direction, &head, 1, &padded)
}

fn client_packet(frames: &[u8]) -> Vec<u8> {
    initial(V1, &ID, Direction::ToServer, &ID, 0, frames)
}

fn server_packet(version: u32, keys: &[u8]) -> Vec<u8> {
    // An acknowledgement goes before.
    let frames = [&[2, 0, 0, 0, 0][..], &crypto(0, &server_hello(0x1302, &[chooses_tls13()]))].concat();
    initial(version, keys, Direction::ToClient, &[], 0, &frames)
}

#[track_caller]
fn assert_browser(talk: &Talk, version: u32) {
    assert_eq!(talk.app.name(), Some("quic"));
    assert_eq!(talk.text(Column::tls_sni), Some("www.example.org"));
    assert_eq!(talk.text(Column::tls_ja4), Some("q13d1516h2_8daaf6152771_e5627efa2ab1"));
    assert_eq!(talk.text(Column::tls_ja3), Some("c000e2caf3a25423f9de6c8a4b12a975"));
    assert_eq!(talk.number(Column::quic_version), Some(version.into()));
    assert_eq!(talk.number(Column::tls_version), Some(0x0304));
}

#[track_caller]
fn assert_closed(talk: &Talk, cipher: Option<u64>) {
    assert_eq!(talk.number(Column::tls_cipher), cipher);
    assert!(!talk.app.wants(Direction::ToServer) && !talk.app.wants(Direction::ToClient));
}

#[test]
fn the_example_of_rfc_9001_is_read() {
    let hello = octets(concat!(
        "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578",
        "616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47fba",
        "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c0002400100",
        "3900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff",
    ));
    let padded = [hello.as_slice(), &vec![0; 1162 - hello.len()]].concat();
    let head = octets("c300000001088394c8f03e5157080000449e00000002");
    let client = seal(Version(V1), &ID, Direction::ToServer, &head, 4, &padded);
    assert!(client.starts_with(&octets("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b")));
    assert!(client.ends_with(&octets("e221af44860018ab0856972e194cd934")));
    let server = octets(concat!(
        "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3",
        "dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4",
        "2158407dd074ee",
    ));
    let talk = Talk::datagrams(443).client(&client).server(&server);
    assert_eq!(talk.text(Column::tls_sni), Some("example.com"));
    assert_eq!(talk.text(Column::tls_alpn), Some("alpn"));
    assert_closed(&talk, Some(0x1301));
}

#[test]
fn the_example_of_rfc_9369_opens() {
    let server = octets(concat!(
        "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17",
        "f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8",
        "4bed8521e2e140",
    ));
    // The server goes over from version 1.
    let talk = Talk::datagrams(443).client(&client_packet(&crypto(0, &browser_hello()))).server(&server);
    assert_browser(&talk, V2);
    assert_closed(&talk, Some(0x1301));
}

#[test]
fn a_hello_in_pieces_over_packets_and_datagrams_is_put_together() {
    let hello = browser_hello();
    let (first, second) = (&hello[..200], &hello[150..]);
    // Out of order, overlapping, between padding and pings, the end before the beginning.
    let end = [crypto(300, &hello[300..]), vec![1, 0, 0], crypto(180, &hello[180..310])].concat();
    let beginning = [crypto(90, &hello[90..200]), vec![1], crypto(0, &hello[..100])].concat();
    for datagrams in [
        vec![client_packet(&crypto(0, &hello))],
        vec![client_packet(&crypto(0, first)), client_packet(&crypto(150, second))],
        vec![client_packet(&crypto(150, second)), client_packet(&crypto(0, first))],
        vec![client_packet(&end), client_packet(&beginning)],
        vec![[client_packet(&end), client_packet(&beginning)].concat()],
    ] {
        let talk = datagrams.iter().fold(Talk::datagrams(443), |talk, datagram| talk.client(datagram));
        assert_browser(&talk, V1);
        assert_closed(&talk.server(&server_packet(V1, &ID)), Some(0x1302));
    }
}

#[test]
fn version_2_has_its_own_keys_and_types() {
    let client = initial(V2, &ID, Direction::ToServer, &ID, 0, &crypto(0, &browser_hello()));
    let talk = Talk::datagrams(4433).client(&client).server(&server_packet(V2, &ID));
    assert_browser(&talk, V2);
    assert_closed(&talk, Some(0x1302));
}

#[test]
fn the_keys_change_with_a_retry() {
    let retry = [&[0xf0][..], &V1.to_be_bytes(), &[0, 4], b"next", &[7; 40]].concat();
    let again = initial(V1, b"next", Direction::ToServer, b"next", 1, &crypto(0, &browser_hello()));
    let talk =
        Talk::datagrams(443).client(&client_packet(&[1])).server(&retry).client(&again).server(&server_packet(V1, b"next"));
    assert_browser(&talk, V1);
    assert_closed(&talk, Some(0x1302));
    // The Retry was not captured.
    let talk = Talk::datagrams(443).client(&client_packet(&[1])).client(&again).server(&server_packet(V1, b"next"));
    assert_browser(&talk, V1);
    assert_closed(&talk, Some(0x1302));
}

#[test]
fn later_packets_go_to_the_servers_id_and_keep_the_keys() {
    let hello = browser_hello();
    let later = initial(V1, &ID, Direction::ToServer, b"server", 1, &crypto(200, &hello[200..]));
    assert_browser(&Talk::datagrams(443).client(&client_packet(&crypto(0, &hello[..200]))).client(&later), V1);
}

#[test]
fn a_version_is_negotiated() {
    let unknown = [&[0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8][..], &ID, &[0], &[0x55; 1200]].concat();
    let negotiation = [&[0x80, 0, 0, 0, 0, 0, 8][..], &ID, &[0, 0, 0, 1], &[0x4a; 4]].concat();
    let talk = Talk::datagrams(443).client(&unknown).server(&negotiation).client(&client_packet(&crypto(0, &browser_hello())));
    assert_browser(&talk, V1);
}

#[test]
fn a_packet_that_was_changed_does_not_open() {
    let mut packet = client_packet(&crypto(0, &browser_hello()));
    packet[700] ^= 1;
    let talk = Talk::datagrams(443).client(&packet);
    assert_eq!((talk.app.name(), talk.text(Column::tls_sni)), (Some("quic"), None));
}

#[test]
fn a_hello_that_misses_its_end_tells_what_there_is() {
    let talk = (0..24).fold(Talk::datagrams(443).client(&client_packet(&crypto(0, &browser_hello()[..300]))), |talk, _| {
        talk.client(&[0x40; 60])
    });
    assert_eq!((talk.text(Column::tls_sni), talk.text(Column::tls_ja4)), (Some("www.example.org"), None));
    assert_closed(&talk, None);
}

#[test]
fn googles_quic_has_its_name_and_version() {
    let q043 = [&[0x09][..], &ID, b"Q043", &[1; 30]].concat();
    let q046 = [&[0xc3][..], b"Q046", &[0x50], &ID, &[1; 30]].concat();
    for datagram in [q043, q046] {
        let talk = Talk::datagrams(443).client(&datagram);
        assert_eq!(talk.app.name(), Some("quic"));
        assert!(talk.number(Column::quic_version).is_some_and(|version| version.to_be_bytes()[4] == b'Q'));
        assert_closed(&talk, None);
    }
}

#[test]
fn what_is_kept_of_a_hello_is_bounded() {
    let mut stream = Crypto::default();
    for offset in (1..20_000).step_by(100).rev() {
        stream.read(&crypto(offset, &[0; 90]));
    }
    assert!(stream.held() <= 8 << 10);
    stream.read(&crypto(0, &[1; 10]));
    assert!(stream.message().is_some_and(|message| !message.whole));
}

#[test]
fn integers_of_variable_length() {
    // RFC 9000 appendix A.1.
    for (text, value) in
        [("c2197c5eff14e88c", 151_288_809_941_952_652), ("9d7f3e7d", 494_878_333), ("7bbd", 15_293), ("4025", 37), ("25", 37)]
    {
        assert_eq!(varint(&mut Reader::new(&octets(text))), Some(value));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_frames_and_packets_are_taken(frames in vec(any::<u8>(), 0..1200), pieces in vec((0..9000_usize, 1..400_usize), 0..40)) {
        let crypto = pieces.iter().flat_map(|(offset, length)| crypto(*offset, &vec![1; *length])).collect::<Vec<u8>>();
        let datagrams = [client_packet(&frames), client_packet(&crypto), [&[0xc0, 0, 0, 0, 1][..], &frames].concat(), frames];
        let talk = datagrams.iter().fold(Talk::datagrams(443), |talk, datagram| talk.client(datagram).server(datagram));
        let _ = talk.server(&initial(V1, &ID, Direction::ToClient, &[], 0, &crypto));
        let mut stream = Crypto::default();
        stream.read(&crypto);
        assert!(stream.held() <= 16 << 10);
    }

    #[test]
    fn changed_packets_are_taken(changes in vec((0..60_usize, any::<u8>()), 1..6), cut in 0..1300_usize) {
        let mut packet = client_packet(&crypto(0, &browser_hello()));
        for (at, value) in changes {
            packet[at] = value;
        }
        let _ = Talk::datagrams(443).client(&packet[..cut.min(packet.len())]).client(&packet).server(&packet);
    }

    #[test]
    fn a_hello_in_any_order_of_pieces_is_read(order in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let hello = browser_hello();
        let size = hello.len().div_ceil(20);
        let frames = order.iter().flat_map(|place| {
            let piece = &hello[(place * size).min(hello.len())..((place + 1) * size).min(hello.len())];
            crypto(place * size, piece)
        });
        assert_browser(&Talk::datagrams(443).client(&client_packet(&frames.collect::<Vec<u8>>())), V1);
    }
}
