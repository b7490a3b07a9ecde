//! Conversations put together by hand. The hello of a browser, its JA4 and its parts are the example of the JA4 specification; the JA3 was computed apart.

use weir_record::Column;

use super::super::tests::Talk;
use super::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use super::*;

/// Certificate of a made-up host, by OpenSSL.
const CERTIFICATE: &[u8] = include_bytes!("testdata/certificate.der");

/// A list behind its length in one octet.
pub(in crate::app) fn list8(content: &[u8]) -> Vec<u8> {
    [&[content.len() as u8], content].concat()
}

/// A list behind its length in two octets.
pub(in crate::app) fn list16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes(), content].concat()
}

pub(in crate::app) fn shorts(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), list16(content)].concat()
}

/// A handshake message.
pub(in crate::app) fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&(u32::from(kind) << 24 | body.len() as u32).to_be_bytes(), body].concat()
}

pub(in crate::app) fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], list16(content).as_slice()].concat()
}

/// The body of a ClientHello; `cookie` as DTLS has it.
fn client_hello(version: u16, cookie: Option<&[u8]>, ciphers: &[u16], extensions: &[u8]) -> Vec<u8> {
    let cookie = cookie.map(list8).unwrap_or_default();
    [
        &version.to_be_bytes()[..],
        &[7; 32],
        list8(&[5; 32]).as_slice(),
        &cookie,
        &list16(&shorts(ciphers)),
        &[1, 0],
        &list16(extensions),
    ]
    .concat()
}

const CIPHERS: [u16; 16] = [
    0x9a9a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
    0x0035,
];
const SIGNATURES: [u16; 8] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];

fn server_name(name: &str) -> Vec<u8> {
    extension(0, &list16(&[&[0], list16(name.as_bytes()).as_slice()].concat()))
}

fn protocols(names: &[&str]) -> Vec<u8> {
    extension(16, &list16(&names.iter().flat_map(|name| list8(name.as_bytes())).collect::<Vec<u8>>()))
}

/// The hello of the JA4 specification's example.
pub(in crate::app) fn browser_hello() -> Vec<u8> {
    let extensions = [
        extension(0x1a1a, &[]),
        extension(0x001b, &[2, 0, 2]),
        server_name("www.example.org"),
        extension(0x0033, &[0; 40]),
        protocols(&["h2", "http/1.1"]),
        extension(0x4469, &[]),
        extension(0x0017, &[]),
        extension(0x002d, &[1, 1]),
        extension(0x000d, &list16(&shorts(&SIGNATURES))),
        extension(0x0005, &[1, 0, 0, 0, 0]),
        extension(0x0023, &[]),
        extension(0x0012, &[]),
        extension(0x002b, &list8(&shorts(&[0xbaba, 0x0304, 0x0303]))),
        extension(0xff01, &[0]),
        extension(0x000b, &[1, 0]),
        extension(0x000a, &list16(&shorts(&[0x2a2a, 0x001d, 0x0017, 0x0018]))),
        extension(0x0015, &[0; 100]),
    ];
    handshake(1, &client_hello(0x0303, None, &CIPHERS, &extensions.concat()))
}

/// A ServerHello with these extensions.
pub(in crate::app) fn server_hello(cipher: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    handshake(2, &[&[3, 3], &[9; 32][..], &list8(&[5; 32]), &cipher.to_be_bytes(), &[0], &list16(&extensions.concat())].concat())
}

pub(in crate::app) fn chooses_tls13() -> Vec<u8> {
    extension(0x002b, &[3, 4])
}

fn certificates() -> Vec<u8> {
    let one = [&[0][..], &list16(CERTIFICATE)].concat();
    handshake(11, &[&[0][..], &list16(&one)].concat())
}

#[track_caller]
fn assert_browser(talk: &Talk) {
    assert_eq!(talk.app.name(), Some("tls"));
    assert_eq!(talk.text(Column::tls_sni), Some("www.example.org"));
    assert_eq!(talk.text(Column::tls_ja4), Some("t13d1516h2_8daaf6152771_e5627efa2ab1"));
    assert_eq!(talk.text(Column::tls_ja3), Some("c000e2caf3a25423f9de6c8a4b12a975"));
}

#[track_caller]
fn assert_closed(talk: &Talk) {
    assert!(!talk.app.wants(Direction::ToServer) && !talk.app.wants(Direction::ToClient));
    assert_eq!(talk.app.held(), 0);
}

/// The same conversation, an octet at a time too.
fn both_ways(turns: &[(bool, Vec<u8>)]) -> [Talk; 2] {
    let whole = turns
        .iter()
        .fold(Talk::stream(443), |talk, (client, octets)| if *client { talk.client(octets) } else { talk.server(octets) });
    let slow =
        turns.iter().fold(
            Talk::stream(443),
            |talk, (client, octets)| {
                if *client { talk.client_slowly(octets) } else { talk.server_slowly(octets) }
            },
        );
    [whole, slow]
}

#[test]
fn tls13_ends_with_the_first_record_behind_the_clients_finished() {
    let turns = [
        (true, record(HANDSHAKE, &browser_hello())),
        (
            false,
            [
                record(HANDSHAKE, &server_hello(0x1301, &[chooses_tls13()])),
                record(CHANGE_CIPHER_SPEC, &[1]),
                record(APPLICATION_DATA, &[0; 900]),
            ]
            .concat(),
        ),
        (
            true,
            [record(CHANGE_CIPHER_SPEC, &[1]), record(APPLICATION_DATA, &[0; 53]), record(APPLICATION_DATA, &[0; 100])].concat(),
        ),
    ];
    for talk in both_ways(&turns) {
        assert_browser(&talk);
        assert_eq!(talk.number(Column::tls_version), Some(0x0304));
        assert_eq!(talk.number(Column::tls_cipher), Some(0x1301));
        assert_eq!(talk.text(Column::tls_alpn), Some("h2"), "what the client offers first, since the answer is encrypted");
        assert_closed(&talk);
    }
    let [whole, _] = both_ways(&turns);
    assert_eq!(whole.number(Column::tls_setup), Some(20_000));
    let [whole, _] = both_ways(&turns[..2]);
    assert_eq!(whole.number(Column::tls_setup), None, "the server's encrypted handshake is no application data");
}

#[test]
fn tls12_tells_the_certificate_and_the_agreed_protocol() {
    let server = [server_hello(0xc02f, &[protocols(&["http/1.1"])]), certificates(), handshake(14, &[])].concat();
    // One message over several records, several messages in one.
    let (first, second) = server.split_at(150);
    let turns = [
        (true, record(HANDSHAKE, &browser_hello())),
        (false, [record(HANDSHAKE, first), record(HANDSHAKE, second)].concat()),
        (
            true,
            [record(HANDSHAKE, &handshake(16, &[1; 33])), record(CHANGE_CIPHER_SPEC, &[1]), record(HANDSHAKE, &[0xee; 40])]
                .concat(),
        ),
        (false, [record(CHANGE_CIPHER_SPEC, &[1]), record(HANDSHAKE, &[1; 40])].concat()),
        (true, record(APPLICATION_DATA, &[0; 90])),
    ];
    for talk in both_ways(&turns) {
        assert_browser(&talk);
        assert_eq!(talk.number(Column::tls_version), Some(0x0303));
        assert_eq!(talk.number(Column::tls_cipher), Some(0xc02f));
        assert_eq!(talk.text(Column::tls_alpn), Some("http/1.1"));
        assert_eq!(talk.text(Column::tls_subject), Some("www.example.org"));
        assert_eq!(talk.text(Column::tls_issuer), Some("www.example.org"));
        assert!(talk.number(Column::tls_setup).is_some());
        assert_closed(&talk);
    }
    let [whole, _] = both_ways(&turns);
    assert_eq!(whole.number(Column::tls_setup), Some(40_000));
}

#[test]
fn a_protocol_that_the_server_did_not_take_up_is_not_told() {
    let talk =
        Talk::stream(443).client(&record(HANDSHAKE, &browser_hello())).server(&record(HANDSHAKE, &server_hello(0xc02f, &[])));
    assert_eq!(talk.text(Column::tls_alpn), None);
}

#[test]
fn a_hello_retry_request_names_version_and_cipher_suite() {
    let turns = [
        (true, record(HANDSHAKE, &browser_hello())),
        (false, [record(HANDSHAKE, &server_hello(0x1302, &[chooses_tls13()])), record(CHANGE_CIPHER_SPEC, &[1])].concat()),
        (true, [record(CHANGE_CIPHER_SPEC, &[1]), record(HANDSHAKE, &browser_hello())].concat()),
        (false, [record(HANDSHAKE, &server_hello(0x1302, &[chooses_tls13()])), record(APPLICATION_DATA, &[0; 900])].concat()),
        (true, record(APPLICATION_DATA, &[0; 69])),
        (false, record(APPLICATION_DATA, &[0; 300])),
    ];
    for talk in both_ways(&turns) {
        assert_browser(&talk);
        assert_eq!(talk.number(Column::tls_cipher), Some(0x1302));
        assert_closed(&talk);
    }
    let [whole, _] = both_ways(&turns);
    assert_eq!(whole.number(Column::tls_setup), Some(50_000));
}

#[test]
fn a_refused_hello_ends_with_the_alert() {
    let talk = Talk::stream(443).client(&record(HANDSHAKE, &browser_hello())).server_slowly(&record(ALERT, &[2, 40]));
    assert_browser(&talk);
    assert_closed(&talk);
    let warned = Talk::stream(443).client(&record(HANDSHAKE, &browser_hello())).server(&record(ALERT, &[1, 112]));
    assert!(warned.app.wants(Direction::ToClient), "a warning about the name is not the end");
}

#[test]
fn a_connection_joined_in_its_middle_has_its_name() {
    let talk = Talk::stream(4711).client(&record(APPLICATION_DATA, &[0x55; 400]));
    assert_eq!(talk.app.name(), Some("tls"));
    assert_closed(&talk);
}

#[test]
fn the_old_form_of_a_hello_is_recognised() {
    let hello = [&[0x80, 9 + 6 + 16, 1, 3, 1, 0, 6, 0, 0, 0, 16][..], &[0, 0, 5, 1, 0, 0x80], &[3; 16]].concat();
    let turns = [
        (true, hello),
        (false, record(HANDSHAKE, &[server_hello(0x0005, &[]), certificates()].concat())),
        (true, record(APPLICATION_DATA, &[0; 40])),
    ];
    for talk in both_ways(&turns) {
        assert_eq!(talk.app.name(), Some("tls"));
        assert_eq!(talk.number(Column::tls_cipher), Some(5));
        assert_eq!(talk.text(Column::tls_subject), Some("www.example.org"));
        assert_closed(&talk);
    }
}

#[test]
fn what_only_looks_like_a_record_is_not_tls() {
    for octets in [
        &b"\x16\x03\x01\x00\x04\xff\x00\x00\x00"[..],
        b"\x17\x03\x03\x00\x05hello",
        b"\x16\x04\x00\x01\x00",
        b"\x80\x2e\x01\x03\x01\x00\x07",
    ] {
        let talk = Talk::stream(443).client(octets);
        assert_eq!(talk.app.name(), None, "{octets:?}");
    }
}

#[test]
fn dtls_is_read_from_its_datagrams() {
    let record = |epoch: u8, kind: u8, content: &[u8]| {
        [&[kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1], list16(content).as_slice()].concat()
    };
    let part = |kind: u8, body: &[u8]| {
        [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], &[0, 0, 0, 0, 0], &(body.len() as u32).to_be_bytes()[1..], body]
            .concat()
    };
    let hello = client_hello(
        0xfefd,
        Some(&[1; 20]),
        &[0xc02b, 0x00ff],
        &[server_name("turn.example.org"), extension(10, &list16(&shorts(&[0x1d])))].concat(),
    );
    let talk = Talk::datagrams(5349)
        .client(&record(0, HANDSHAKE, &part(1, &hello)))
        .server(
            &[
                record(0, HANDSHAKE, &part(2, &[&[0xfe, 0xfd], &[9; 32][..], &[0], &[0xc0, 0x2b, 0]].concat())),
                record(0, HANDSHAKE, &part(11, &certificates()[4..])),
            ]
            .concat(),
        )
        .client(&record(1, APPLICATION_DATA, &[0; 40]));
    assert_eq!(talk.app.name(), Some("dtls"));
    assert_eq!(talk.text(Column::tls_sni), Some("turn.example.org"));
    assert_eq!(talk.text(Column::tls_subject), Some("www.example.org"));
    assert_eq!((talk.number(Column::tls_version), talk.number(Column::tls_cipher)), (Some(0xfefd), Some(0xc02b)));
    assert_eq!(talk.number(Column::tls_setup), Some(20_000));
    assert_eq!(talk.text(Column::tls_ja4).map(|text| &text[..10]), Some("dd2d020200"));
    assert_closed(&talk);
}

mod hostile;
