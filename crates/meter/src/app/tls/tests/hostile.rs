//! Hellos and conversations that were cut, changed at random, or never were TLS: they cost no more than they bring, and nothing panics.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A conversation of TLS 1.2 with all that is read.
fn conversation() -> [(bool, Vec<u8>); 4] {
    let server = [server_hello(0xc02f, &[protocols(&["http/1.1"])]), certificates(), handshake(14, &[])].concat();
    [
        (true, record(HANDSHAKE, &browser_hello())),
        (false, record(HANDSHAKE, &server)),
        (
            true,
            [record(HANDSHAKE, &handshake(16, &[1; 33])), record(CHANGE_CIPHER_SPEC, &[1]), record(HANDSHAKE, &[0xee; 40])]
                .concat(),
        ),
        (false, [record(CHANGE_CIPHER_SPEC, &[1]), record(HANDSHAKE, &[1; 40]), record(APPLICATION_DATA, &[0; 90])].concat()),
    ]
}

fn say(talk: Talk, is_client: bool, octets: &[u8], length: usize) -> Talk {
    if is_client { talk.client_cut(octets, length) } else { talk.server_cut(octets, length) }
}

/// A piece may be kept by the engine and by the decoder.
#[track_caller]
fn assert_bounded(talk: &Talk) {
    assert!(talk.app.held() <= 4 * (16 << 10) + 4096, "{}", talk.app.held());
}

#[test]
fn frames_that_the_capture_cut_anywhere_tell_what_they_hold() {
    let turns = conversation();
    let hello = &turns[0].1;
    for at in 0..hello.len() {
        let talk = Talk::stream(443).client_cut(&hello[..at], hello.len());
        // The name is never that of the part that is there.
        assert!(matches!(talk.text(Column::tls_sni), None | Some("www.example.org")), "{at}");
        assert_eq!((talk.text(Column::tls_ja3), talk.text(Column::tls_ja4)), (None, None), "{at}");
    }
    for at in 0..turns[1].1.len() {
        let talk = Talk::stream(443).client(hello).server_cut(&turns[1].1[..at], turns[1].1.len());
        assert!(matches!(talk.text(Column::tls_subject), None | Some("www.example.org")), "{at}");
        let talk = say(talk, true, &turns[2].1, turns[2].1.len()).server(&turns[3].1);
        assert_browser(&talk);
        // Without the version it cannot be told where application data begins.
        assert_eq!(talk.number(Column::tls_setup).is_some(), talk.number(Column::tls_version).is_some(), "{at}");
        if at >= RECORD_HEADER {
            // The record's length is known, so what follows it is found.
            assert_closed(&talk);
        }
    }
}

#[test]
fn the_rest_of_a_conversation_is_read_behind_a_message_that_was_cut() {
    let [hello, server, ..] = conversation();
    let certificate = record(HANDSHAKE, &certificates());
    let answer = record(HANDSHAKE, &server_hello(0xc02f, &[]));
    let talk = Talk::stream(443).client(&hello.1).server_cut(&answer[..60], answer.len()).server(&certificate);
    assert_eq!(talk.text(Column::tls_subject), Some("www.example.org"));
    let talk = Talk::stream(443).client(&hello.1).server_cut(&server.1[..100], server.1.len()).server(&certificate);
    assert_eq!((talk.number(Column::tls_cipher), talk.text(Column::tls_subject)), (Some(0xc02f), Some("www.example.org")));
}

#[test]
fn what_is_kept_of_a_message_is_bounded() {
    let mut messages = Messages::default();
    for kind in [1, 2, 11, 14] {
        let endless = [&[kind, 0xff, 0xff, 0xff][..], &[0; 1 << 20]].concat();
        let mut left = endless.as_slice();
        while !left.is_empty() {
            let (mut piece, rest) = left.split_at(left.len().min(1000));
            while messages.next(&mut piece).is_some() {}
            left = rest;
        }
        assert!(messages.held() <= (16 << 10) + 4, "{kind}");
        messages = Messages::default();
    }
    let talk = Talk::stream(443).client(&record(HANDSHAKE, &[&[1, 0xff, 0xff, 0xff][..], &[3; 8000]].concat()));
    assert_bounded(&talk);
}

#[test]
fn a_hello_as_long_as_a_record_is_read_and_a_longer_one_in_part() {
    for (filling, is_whole) in [(15_000, true), (17_000, false)] {
        let extensions = [server_name("www.example.org"), extension(0x0015, &vec![0; filling])].concat();
        let hello = handshake(1, &client_hello(0x0303, None, &CIPHERS, &extensions));
        let records: Vec<u8> = hello.chunks(4000).flat_map(|part| record(HANDSHAKE, part)).collect();
        let talk = records.chunks(1400).fold(Talk::stream(443), |talk, segment| talk.client(segment));
        assert_eq!(talk.text(Column::tls_sni), Some("www.example.org"));
        assert_eq!(talk.text(Column::tls_ja4).is_some(), is_whole, "{filling}");
    }
}

#[test]
fn every_length_of_a_hello_may_lie() {
    let hello = record(HANDSHAKE, &browser_hello());
    for at in 0..hello.len() - 1 {
        for value in [[0, 0], [0, 1], [0x7f, 0xff], [0xff, 0xff]] {
            let mut changed = hello.clone();
            changed[at..at + 2].copy_from_slice(&value);
            assert_bounded(&Talk::stream(443).client(&changed).client(&changed).server(&changed));
        }
    }
}

#[test]
fn tls_begins_later_in_a_connection_that_keeps_its_name() {
    let connect = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0";
    let turns = conversation();
    for cut in [0, 1, 7] {
        let talk = Talk::stream(3389).client(connect).server(b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x0f\x08\0\x01\0\0\0");
        let talk = turns.iter().fold(talk, |talk, (is_client, octets)| {
            let (first, rest) = octets.split_at(cut);
            let talk = say(talk, *is_client, first, first.len());
            say(talk, *is_client, rest, rest.len())
        });
        assert_eq!(talk.app.name(), Some("rdp"));
        assert_eq!(talk.text(Column::tls_sni), Some("www.example.org"));
        assert_eq!(talk.text(Column::tls_subject), Some("www.example.org"));
        assert_closed(&talk);
    }
    let endless = (0..40).fold(Talk::stream(3389).client(connect), |talk, _| talk.server(&[0; 1000]));
    assert_closed(&endless);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn changed_conversations_cost_no_more_than_they_bring(
        changes in vec((0..4_usize, 0..900_usize, any::<u8>()), 0..12),
        pieces in vec(1..700_usize, 1..20),
        cut in (0..20_usize, 0..400_usize),
    ) {
        let mut turns = conversation();
        for (turn, at, value) in changes {
            let octets = &mut turns[turn].1;
            let at = at % octets.len();
            octets[at] = value;
        }
        let (mut talk, mut number) = (Talk::stream(443), 0);
        for (is_client, octets) in &turns {
            let mut left = octets.as_slice();
            while !left.is_empty() {
                let (piece, rest) = left.split_at(pieces[number % pieces.len()].min(left.len()));
                let here = if number == cut.0 { cut.1.min(piece.len()) } else { piece.len() };
                talk = say(talk, *is_client, &piece[..here], piece.len());
                assert_bounded(&talk);
                (left, number) = (rest, number + 1);
            }
        }
    }

    #[test]
    fn random_octets_are_taken(octets in vec(any::<u8>(), 0..3000), kind in 20..25_u8, server in any::<bool>()) {
        for octets in [octets.clone(), record(kind, &octets), record(HANDSHAKE, &handshake(kind - 19, &octets))] {
            assert_bounded(&say(Talk::stream(443), !server, &octets, octets.len()));
            let _ = Talk::datagrams(443).client(&octets).server(&octets);
        }
        let _ = ServerHello::read(&Message { kind: 2, body: &octets, whole: true });
        let mut facts = Facts::default();
        certificate::tell(&octets, &mut facts);
    }

    #[test]
    fn changed_certificates_are_taken(changes in vec((0..458_usize, any::<u8>()), 1..20), cut in 0..500_usize) {
        let mut body = certificates().split_off(4);
        for (at, value) in changes {
            body[at] = value;
        }
        certificate::tell(&body[..cut.min(body.len())], &mut Facts::default());
    }
}
