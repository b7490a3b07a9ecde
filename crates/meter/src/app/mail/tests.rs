use weir_record::Column;
use weir_testkit::Rng;

use super::super::tests::Talk;
use crate::packet::Direction::{ToClient, ToServer};

const ENVELOPE: &[u8] = b"MAIL FROM:<a@example> SIZE=1\r\nRCPT TO:<b@example>\r\nrcpt to: c@example NOTIFY=x\r\nDATA\r\n";

fn found(talk: &Talk) -> [Option<&str>; 3] {
    [Column::smtp_helo, Column::smtp_from, Column::smtp_to].map(|column| talk.text(column))
}

#[test]
fn smtp_tells_who_speaks_and_the_outcome() {
    let greeting = b"220-mail.example\r\n220 ready\r\n";
    let play = |talk: Talk, say: fn(Talk, bool, &[u8]) -> Talk| {
        let talk = say(say(say(talk, false, greeting), true, b"EHLO [192.0.2.1]\r\n"), false, b"250-mail\r\n250 SIZE\r\n");
        let talk = say(say(talk, true, ENVELOPE), false, b"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n");
        let talk = say(talk, true, b"EHLO not\r\n.\r\nQUIT\r\n");
        say(talk, false, b"452 full\r\n221 bye\r\n")
    };
    let at_once: fn(Talk, bool, &[u8]) -> Talk =
        |talk, client, octets| if client { talk.client(octets) } else { talk.server(octets) };
    let slowly: fn(Talk, bool, &[u8]) -> Talk =
        |talk, client, octets| if client { talk.client_slowly(octets) } else { talk.server_slowly(octets) };
    for say in [at_once, slowly] {
        let talk = play(Talk::stream(25), say);
        assert_eq!((talk.app.name(), talk.number(Column::smtp_status)), (Some("smtp"), Some(452)));
        assert_eq!(found(&talk), [Some("[192.0.2.1]"), None, None]);
        let talk = play(Talk::stream(25).keep_all(), say);
        assert_eq!(found(&talk), [Some("[192.0.2.1]"), Some("a@example"), Some("b@example")]);
        assert!(!talk.app.wants(ToServer));
    }
}

#[test]
fn greetings_that_tell_nothing_wait_for_the_client() {
    let talk = Talk::stream(4711).server(b"220 hello\r\n");
    assert_eq!(talk.app.name(), None);
    assert_eq!(talk.client(b"EHLO a\r\n").app.name(), Some("smtp"));
    assert_eq!(Talk::stream(4711).server(b"220 ESMTP\r\n").app.name(), Some("smtp"));
    assert_eq!(Talk::stream(4711).server(b"220 (vsFTPd 3)\r\n").app.name(), Some("ftp"));
    assert_eq!(Talk::stream(21).server(b"220 hello\r\n").app.name(), Some("ftp"));
    assert_eq!(Talk::stream(4711).client(b"HELO a\r\n").app.name(), Some("smtp"));
    assert_eq!(Talk::stream(4711).client(b"HELP\r\n").app.name(), None);
}

#[test]
fn names_stay_behind_a_change_to_tls() {
    let talks: [[&[u8]; 5]; 4] = [
        [b"smtp", b"220 ESMTP\r\n", b"EHLO a\r\nSTARTTLS\r\n", b"250-a\r\n250 STARTTLS\r\n", b"220 go\r\n"],
        [b"ftp", b"220 FTP\r\n", b"FEAT\r\nAUTH TLS\r\n", b"211-x\r\n211 end\r\n", b"234 go\r\n"],
        [b"pop3", b"+OK hello\r\n", b"STLS\r\n", b"", b"+OK go\r\n"],
        [b"imap", b"* OK hello\r\n", b"a1 STARTTLS\r\n", b"* CAPABILITY OK\r\n", b"a1 OK go\r\n"],
    ];
    for [name, greeting, commands, answers, agreed] in talks {
        let name = str::from_utf8(name).unwrap();
        let talk = Talk::stream(4711).server(greeting).client(commands).server(answers).server(agreed);
        assert!(talk.app.wants(ToServer) && talk.app.wants(ToClient), "{name}");
        // Not TLS, and the name stays all the same.
        let talk = talk.client(&[0xfe; 2000]).server(&[0xfe; 2000]);
        assert_eq!(talk.app.name(), Some(name));
        let talk =
            Talk::stream(4711).server_slowly(greeting).client_slowly(commands).server_slowly(answers).server_slowly(agreed);
        assert_eq!(talk.app.name(), Some(name));
        assert!(talk.app.wants(ToServer), "{name}");
    }
}

#[test]
fn nothing_is_read_behind_a_login() {
    for (name, port, greeting, login) in [
        ("pop3", 110, b"+OK hello\r\n".as_slice(), b"USER a\r\n".as_slice()),
        ("imap", 4711, b"* OK [CAPABILITY]\r\n", b"1 LOGIN a b\r\n"),
        ("ftp", 21, b"220 x\r\n", b"USER a\r\n"),
    ] {
        let talk = Talk::stream(port).server(greeting).client(login);
        assert_eq!(talk.app.name(), Some(name));
        assert!(!talk.app.wants(ToServer) && !talk.app.wants(ToClient));
    }
}

#[test]
fn answers_of_other_protocols_are_not_taken() {
    let talk = Talk::stream(4711).server(b"+OK\r\n").client(b"*1\r\n$4\r\nPING\r\n");
    assert!(!matches!(talk.app.name(), Some("pop3")));
}

#[test]
fn telnet_negotiates() {
    assert_eq!(Talk::stream(23).server_slowly(b"\xff\xfd\x18").app.name(), Some("telnet"));
    assert_eq!(Talk::stream(4711).server_slowly(b"\xff\xfd\x18\xff\xfb\x01").app.name(), Some("telnet"));
    assert_eq!(Talk::stream(4711).server(b"\xff\xfd\x18abc").app.name(), None);
}

#[test]
fn mutated_conversations_do_no_harm() {
    let mut rng = Rng::with_seed(7);
    let pieces: [&[u8]; 9] = [
        b"220 ESMTP\r\n",
        b"EHLO a\r\n",
        ENVELOPE,
        b"STARTTLS\r\n",
        b"+OK\r\n",
        b"STLS\r\n",
        b"* OK\r\n",
        b"a STARTTLS\r\n",
        b"AUTH TLS\r\n234 a\r\n",
    ];
    for _ in 0..3000 {
        let mut talk = Talk::stream([25, 21, 110, 143, 4711][rng.usize(..5)]);
        for _ in 0..rng.usize(1..8) {
            let mut octets = pieces[rng.usize(..pieces.len())].to_vec();
            for _ in 0..rng.usize(..3) {
                let place = rng.usize(..octets.len());
                octets[place] = rng.u8(..);
            }
            let beyond = octets.len() + if rng.u8(..) < 40 { rng.usize(..600) } else { 0 };
            talk = if rng.bool() { talk.client_cut(&octets, beyond) } else { talk.server_cut(&octets, beyond) };
            assert!(talk.app.held() <= 64 << 10);
        }
    }
}
