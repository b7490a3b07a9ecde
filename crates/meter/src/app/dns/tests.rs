use weir_record::Column;
use weir_testkit::Rng;

use super::super::tests::Talk;
use crate::packet::Direction::{ToClient, ToServer};

const QUERY: u16 = 0x0100;
const ANSWER: u16 = 0x8180;

/// A message with one question.
fn message(id: u16, flags: u16, answers: u16, labels: &[&[u8]], kind: u16) -> Vec<u8> {
    let mut octets: Vec<u8> = [id, flags, 1, answers, 0, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    for label in labels {
        octets.push(label.len() as u8);
        octets.extend_from_slice(label);
    }
    octets.push(0);
    octets.extend([kind, 1].iter().flat_map(|word| word.to_be_bytes()));
    octets.extend(std::iter::repeat_n(0, usize::from(answers) * 16));
    octets
}

fn found(talk: &Talk) -> (Option<&str>, Option<u64>, Option<u64>, Option<u64>) {
    let [kind, rcode, answers] = [Column::dns_type, Column::dns_rcode, Column::dns_answers].map(|column| talk.number(column));
    (talk.text(Column::dns_name), kind, rcode, answers)
}

/// Count and sum of response times, and what was not answered.
fn times(talk: &Talk) -> (u32, u64, u32) {
    let times = talk.app.facts.response_times.as_deref().cloned().unwrap_or_default();
    (times.count, times.sum, talk.app.facts.unanswered)
}

const WWW: &[&[u8]] = &[b"www", b"Example"];

#[test]
fn queries_and_answers_are_matched() {
    let talk = Talk::datagrams(53)
        .client(&message(7, QUERY, 0, WWW, 1))
        .client(&message(8, QUERY, 0, WWW, 28))
        .client(&message(9, QUERY, 0, WWW, 15));
    assert_eq!((talk.app.name(), times(&talk)), (Some("dns"), (0, 0, 3)));
    // The second is answered first, and stands for as long as the first is not.
    let talk = talk.server(&message(8, ANSWER | 3, 0, WWW, 28));
    assert_eq!(found(&talk), (Some("www.Example"), Some(1), Some(3), Some(0)));
    let talk = talk.server(&message(7, ANSWER, 2, WWW, 1)).server(&message(99, ANSWER | 2, 1, WWW, 1));
    assert_eq!(found(&talk), (Some("www.Example"), Some(1), Some(0), Some(2)));
    // 20 ms and 40 ms.
    assert_eq!(times(&talk), (2, 60_000, 1));
}

#[test]
fn a_query_that_is_repeated_is_one() {
    let talk = Talk::datagrams(53)
        .client(&message(7, QUERY, 0, WWW, 1))
        .client(&message(7, QUERY, 0, WWW, 1))
        .server(&message(7, ANSWER, 0, WWW, 1));
    assert_eq!(times(&talk), (1, 20_000, 0));
}

#[test]
fn a_query_that_is_repeated_late_is_another() {
    let mut talk = Talk::datagrams(53).client(&message(7, QUERY, 0, WWW, 1));
    for _ in 0..500 {
        talk = talk.client(&[]);
    }
    let talk = talk.client(&message(7, QUERY, 0, WWW, 1)).server(&message(7, ANSWER, 0, WWW, 1));
    assert_eq!(times(&talk), (1, 10_000, 1));
}

#[test]
fn open_queries_are_bounded() {
    let mut talk = Talk::datagrams(53);
    for id in 0..1000 {
        talk = talk.client(&message(id, QUERY, 0, WWW, 1));
    }
    assert_eq!(times(&talk.server(&message(0, ANSWER, 0, WWW, 1)).server(&message(999, ANSWER, 0, WWW, 1))), (1, 20_000, 999));
}

#[test]
fn answers_alone_tell_the_name() {
    let talk = Talk::datagrams(53).server(&message(7, ANSWER, 1, WWW, 1));
    assert_eq!(found(&talk), (Some("www.Example"), Some(1), Some(0), Some(1)));
    assert_eq!(times(&talk), (0, 0, 0));
}

#[test]
fn streams_have_lengths_in_front() {
    let framed = |message: Vec<u8>| [&(message.len() as u16).to_be_bytes(), message.as_slice()].concat();
    let query = [framed(message(7, QUERY, 0, WWW, 252)), framed(message(8, QUERY, 0, &[b"b"], 1))].concat();
    let answer = framed(message(7, ANSWER, 300, WWW, 252));
    for talk in [Talk::stream(53).client(&query).server(&answer), Talk::stream(53).client_slowly(&query).server_slowly(&answer)] {
        assert_eq!((talk.app.name(), found(&talk)), (Some("dns"), (Some("www.Example"), Some(252), Some(0), Some(300))));
        assert_eq!(times(&talk), (0, 0, 0));
        assert!(!talk.app.wants(ToServer) && !talk.app.wants(ToClient));
    }
}

#[test]
fn relatives_are_told_by_their_ports() {
    let talk = Talk::datagrams(5353).client(&message(0, 0, 0, &["_k\u{fc}che".as_bytes(), b"local"], 12));
    assert_eq!((talk.app.name(), talk.text(Column::dns_name)), (Some("mdns"), Some("_k\u{fc}che.local")));
    assert_eq!(times(&talk), (0, 0, 0));
    assert_eq!(Talk::datagrams(5355).client(&message(5, 0, 0, &[b"wpad"], 1)).app.name(), Some("llmnr"));
    let talk = Talk::datagrams(137).client(&message(5, 0x0110, 0, &[b"EEEIFAEDEFDBDIDJCACACACACACACAAA", b"scope"], 32));
    assert_eq!((talk.app.name(), talk.text(Column::dns_name)), (Some("netbios-ns"), Some("DHPCE189<00>")));
    let talk = Talk::datagrams(137).client(&message(5, 0x0110, 0, &[b"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"], 33));
    assert_eq!(talk.text(Column::dns_name), Some("*<00>"));
    let mut answer = message(5, 0x8500, 1, &[b"EEEIFAEDEFDBDIDJCACACACACACACAAA"], 32);
    answer[5] = 0;
    assert_eq!(Talk::datagrams(137).server(&answer).text(Column::dns_name), Some("DHPCE189<00>"));
}

#[test]
fn names_are_written_in_text() {
    assert_eq!(Talk::datagrams(53).client(&message(1, QUERY, 0, &[], 2)).text(Column::dns_name), Some("."));
    let talk = Talk::datagrams(53).client(&message(1, QUERY, 0, &[b"a\0b", b"\xff.c"], 1));
    assert_eq!(talk.text(Column::dns_name), Some("a\\000b.\\255.c"));
}

#[test]
fn other_ports_must_look_like_dns() {
    let query = message(7, QUERY, 0, WWW, 1);
    assert_eq!(Talk::datagrams(4711).client(&query).app.name(), Some("dns"));
    assert_eq!(Talk::datagrams(4711).client(&message(7, QUERY, 0, WWW, 999)).app.name(), None);
    assert_eq!(Talk::datagrams(4711).client(&[&query[..], b"x"].concat()).app.name(), None);
    assert_eq!(Talk::datagrams(4711).client(&[0; 40]).app.name(), None);
    // A pointer, and counts that cannot be.
    let pointer = [&query[..12], &[0xc0, 12, 0, 1, 0, 1]].concat();
    assert_eq!(Talk::datagrams(53).client(&pointer).app.name(), None);
    let mut many = query.clone();
    many[10] = 99;
    assert_eq!(Talk::datagrams(53).client(&many).app.name(), None);
}

#[test]
fn what_the_capture_cut_is_dns_all_the_same() {
    let query = message(7, QUERY, 0, WWW, 1);
    let talk = Talk::datagrams(53)
        .client_cut(&query[..20], query.len())
        .server_cut(&message(7, ANSWER | 5, 0, WWW, 1)[..20], query.len());
    assert_eq!((talk.app.name(), found(&talk)), (Some("dns"), (None, None, Some(5), Some(0))));
    assert_eq!(times(&talk), (1, 10_000, 0));
}

#[test]
fn mutated_messages_do_no_harm() {
    let mut rng = Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut octets = message(rng.u16(..4), if rng.bool() { QUERY } else { ANSWER }, rng.u16(..3), WWW, 1);
        for _ in 0..rng.usize(..4) {
            let place = rng.usize(..octets.len());
            octets[place] = rng.u8(..);
        }
        octets.truncate(rng.usize(..=octets.len()));
        let port = [53, 137, 5353, 5355, 4711][rng.usize(..5)];
        drop(Talk::datagrams(port).client(&octets).server(&octets).client(&octets));
        let framed = [&rng.u16(..90).to_be_bytes(), octets.as_slice()].concat();
        let talk = Talk::stream(port).client(&framed).server_slowly(&framed).client(&framed);
        assert!(talk.app.held() <= 64 << 10);
    }
}
