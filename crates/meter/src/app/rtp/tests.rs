use weir_record::Column;

use super::super::tests::Talk;
use crate::packet::Direction::{ToClient, ToServer};

fn packet(payload_type: u8, number: u16, timestamp: u32, source: u32) -> Vec<u8> {
    let head = [&[0x80, payload_type][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &source.to_be_bytes()].concat();
    [head, vec![0x55; 160]].concat()
}

#[test]
fn several_packets_in_a_row_make_it_rtp() {
    let say = |talk: Talk, number: u16| talk.client(&packet(0, number, u32::from(number).wrapping_mul(80), 7));
    let talk = [65_534, 65_535, 0].into_iter().fold(Talk::datagrams(40_002), say);
    assert_eq!(talk.app.name(), None);
    let talk = [1, 2].into_iter().fold(talk, say);
    assert_eq!((talk.app.name(), talk.number(Column::rtp_codec)), (Some("rtp"), Some(0)));
    assert_eq!(talk.app.facts.directed(ToServer, Column::rtp_lost), Some(0));
    // Five are missing, one comes late; the other direction lost nothing that is known.
    let talk = [3, 9, 5].into_iter().fold(talk, say);
    assert_eq!(talk.app.facts.directed(ToServer, Column::rtp_lost), Some(4));
    assert_eq!(talk.app.facts.directed(ToClient, Column::rtp_lost), None);
}

#[test]
fn jitter_is_that_of_the_rfc() {
    // The test's pause is 10 ms: 80 ticks of 8 kHz. Timestamps go on by 160 at every other packet, so each transit differs by 80 ticks or 10 ms.
    let talk =
        (0..200u16).fold(Talk::datagrams(40_002), |talk, number| talk.client(&packet(8, number, u32::from(number / 2) * 160, 7)));
    let jitter = talk.app.facts.directed(ToServer, Column::rtp_jitter).unwrap_or_default();
    assert!((9_900..=10_000).contains(&jitter), "{jitter}");
    // A clock that nobody assigned is found out: 480 ticks in 10 ms.
    let talk =
        (0..100u16).fold(Talk::datagrams(40_002), |talk, number| talk.client(&packet(111, number, u32::from(number) * 480, 7)));
    assert_eq!(talk.app.facts.directed(ToServer, Column::rtp_jitter), Some(0));
}

#[test]
fn losses_belong_to_the_record_in_which_they_are_seen() {
    let say = |talk: Talk, number: u16| talk.client(&packet(0, number, u32::from(number) * 80, 7));
    let mut talk = [1, 2, 3, 4, 5, 8].into_iter().fold(Talk::datagrams(40_002), say);
    assert_eq!(talk.app.facts.directed(ToServer, Column::rtp_lost), Some(2));
    talk.app.facts.begin_record();
    let talk = [9, 11].into_iter().fold(talk, say);
    assert_eq!(talk.app.facts.directed(ToServer, Column::rtp_lost), Some(1));
}

#[test]
fn what_does_not_go_on_is_not_rtp() {
    let talk = (0..20u32).fold(Talk::datagrams(40_002), |talk, source| talk.client(&packet(0, 1, 1, source)));
    assert_eq!(talk.app.name(), None);
}

#[test]
fn rtcp_tells_what_the_other_side_lost() {
    let block = [&[0, 0, 0, 9, 3, 0, 0, 17][..], &[0; 16]].concat();
    let report = [&[0x81, 201, 0, 7, 0, 0, 0, 8][..], &block].concat();
    let description = [0x81, 202, 0, 2, 0, 0, 0, 8, 1, 1, b'a', 0];
    let talk = Talk::datagrams(40_003).client(&[&report[..], &description].concat());
    assert_eq!(talk.app.name(), Some("rtcp"));
    assert_eq!(talk.app.facts.directed(ToClient, Column::rtp_lost), Some(17));
}
