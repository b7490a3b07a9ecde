//! The vectors of the interoperability reference, messages of other sizes and of bad pointers, streams, and round trips.

use proptest::prelude::*;
use weir_record::{Address, FlowBatch, names};

use super::Encoder;
use crate::framing::{self, Cut};
use crate::{Config, Datagram, Decoder, Fault, Output, Protocol, Reason};

/// T1: IPv4 TCP with everything, from sFlow.
const T1: &str = "0000000013000000 000000000c000400 0204391200040000 c0000201c6336407 f4fb0000f5fb0000 0b00000016000000 bb0150c306000000 \
    ea05000000000000 0100000000000000 0000000080000000 00f1536500000000 40e2010000000000 ea050000cb007109 dc05000000000000 \
    0000000000000000 0000000000000000 0500000032000000 0500000032000000 0200000000010000 0200000000020000";
/// T2: IPv6 UDP, a fragment, from a flow protocol.
const T2: &str = "0000000017000000 000000000c000400 0306400001000000 0000000000000000 0000000000000000 0000000000000000 3500e88011000000 \
    6810000000000000 0300000000000000 0103000000000000 0000000000000000 0000000000000000 0000000000000000 6810000000000000 \
    0d00000082000000 1100000082000000 1500000032000000 1500000032000000 20010db800000000 0000000000000001 20010db800000000 \
    0000000000000002 0000000000000000 0000000000000000";
/// T3: the older layout, as the bridges send it.
const T3: &str = "000000000e000000 000000000b000200 0004000001000000 0a0000010a000002 0000000000000000 0000000000000000 d204500006000000 \
    9800000000000000 0300000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 \
    0000000000000000";

const RECEIVED: i64 = 1_700_000_100_000_000_000;
/// Offset of the data section, and of the first pointer of the current layout.
const DATA: usize = 16;
const POINTERS: usize = DATA + 96;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn decode(payload: &[u8]) -> (FlowBatch, Vec<Fault>) {
    let (mut decoder, mut out) = (Decoder::new(Config::default()), Output::default());
    let datagram = Datagram { payload, from: Address::v4(0xc000_02fe), port: 40_000, stream: None, received: RECEIVED };
    decoder.decode_as(Protocol::FastNetMon, &datagram, &mut out);
    assert_eq!(decoder.stats().records, out.flows.rows() as u64);
    (out.flows, decoder.stats().faults.recent().to_vec())
}

/// The message with these octets at a place.
fn with<const N: usize>(message: &str, at: usize, octets: [u8; N]) -> Vec<u8> {
    let mut message = bytes(message);
    message[at..at + N].copy_from_slice(&octets);
    message
}

fn encoded(flows: &FlowBatch) -> Vec<Vec<u8>> {
    let mut made = Vec::new();
    assert_eq!(Encoder::default().encode(flows, 0..flows.rows(), &mut |message| made.push(message.to_vec())), 0);
    made
}

#[test]
fn the_current_layout_with_ipv4() {
    let message = bytes(T1);
    assert_eq!(message.len(), 160);
    assert_eq!(Protocol::recognise(&message), Some(Protocol::FastNetMon));
    let (flows, faults) = decode(&message);
    assert_eq!(faults, []);
    assert_eq!((flows.record_kind.get(0), flows.origin.get(0)), (Some(names::SAMPLE), Some(names::ORIGIN_SFLOW)));
    assert_eq!(flows.exporter.get(0), Some(Address::v4(0xcb00_7109)));
    assert_eq!(flows.received_from.get(0), Some(Address::v4(0xc000_02fe)));
    assert_eq!((flows.format.get(0), flows.obs_domain.get(0)), (Some(names::FASTNETMON), None));
    assert_eq!(flows.src_addr.get(0), Some(Address::v4(0xc000_0201)));
    assert_eq!(flows.dst_addr.get(0), Some(Address::v4(0xc633_6407)));
    assert_eq!((flows.src_port.get(0), flows.dst_port.get(0)), (Some(443), Some(50_000)));
    assert_eq!((flows.ip_version.get(0), flows.protocol.get(0)), (Some(4), Some(6)));
    assert_eq!((flows.ttl_min.get(0), flows.ttl_max.get(0), flows.tcp_flags.get(0)), (Some(57), Some(57), Some(0x12)));
    assert_eq!((flows.sampling_rate.get(0), flows.packets.get(0)), (Some(1024), Some(1)));
    assert_eq!((flows.bytes.get(0), flows.frame_bytes.get(0)), (Some(1500), Some(1514)));
    assert_eq!((flows.src_as.get(0), flows.dst_as.get(0)), (Some(64500), Some(64501)));
    assert_eq!((flows.in_if.get(0), flows.out_if.get(0)), (Some(11), Some(22)));
    assert_eq!(flows.time_start.get(0), Some(1_700_000_000_123_456_000));
    assert_eq!((flows.src_mac.get(0), flows.dst_mac.get(0)), (Some(0x0200_0000_0001), Some(0x0200_0000_0002)));
    assert_eq!(flows.extra.get(0), Some(r#"{"packetPayloadLength":128,"packetPayloadFullLength":1514}"#));
    assert_eq!(encoded(&flows), [message]);
}

#[test]
fn the_current_layout_with_ipv6() {
    let message = bytes(T2);
    assert_eq!(message.len(), 192);
    let (mut flows, faults) = decode(&message);
    assert_eq!(faults, []);
    assert_eq!((flows.record_kind.get(0), flows.origin.get(0)), (Some(names::FLOW), Some(names::ORIGIN_NETFLOW)));
    assert_eq!(flows.src_addr.get(0).unwrap().to_string(), "2001:db8::1");
    assert_eq!(flows.dst_addr.get(0).unwrap().to_string(), "2001:db8::2");
    assert_eq!((flows.src_port.get(0), flows.dst_port.get(0), flows.protocol.get(0)), (Some(53), Some(33_000), Some(17)));
    assert_eq!((flows.bytes.get(0), flows.packets.get(0), flows.frame_bytes.get(0)), (Some(4200), Some(3), None));
    // What is not known is absent; the time is that of arrival.
    assert_eq!((flows.src_as.get(0), flows.in_if.get(0), flows.src_mac.get(0), flows.tcp_flags.get(0)), (None, None, None, None));
    assert_eq!(flows.exporter.get(0), Some(Address::v4(0xc000_02fe)));
    assert_eq!(flows.time_start.get(0), Some(RECEIVED));
    assert_eq!(flows.extra.get(0), Some(r#"{"ipFragmented":true,"packetDirection":3}"#));
    // A row that has no time and no exporter is the same message again.
    flows.time_start.clear();
    flows.exporter.clear();
    assert_eq!(encoded(&flows), [message]);
}

#[test]
fn the_older_layout_is_read_with_what_it_has() {
    let message = bytes(T3);
    assert_eq!(message.len(), 120);
    let (flows, faults) = decode(&message);
    assert_eq!(faults, []);
    assert_eq!((flows.record_kind.get(0), flows.origin.get(0)), (Some(names::FLOW), Some(names::ORIGIN_UNKNOWN)));
    assert_eq!(flows.src_addr.get(0), Some(Address::v4(0x0a00_0001)));
    assert_eq!((flows.src_port.get(0), flows.dst_port.get(0)), (Some(1234), Some(80)));
    assert_eq!((flows.bytes.get(0), flows.packets.get(0)), (Some(152), Some(3)));
    assert_eq!((flows.src_mac.get(0), flows.ttl_min.get(0), flows.extra.get(0)), (None, None, None));
}

#[test]
fn a_longer_message_of_the_future_is_read_and_a_shorter_one_has_zeros() {
    // 14 data words and 5 pointers: two words and one pointer put in, the blobs' pointers still right.
    let mut message = bytes(T1);
    message.splice(POINTERS + 32..POINTERS + 32, [0; 8]);
    message.splice(POINTERS..POINTERS, [0xff; 16]);
    message[4] = 0x16;
    message[12] = 14;
    message[14] = 5;
    // Both MAC pointers lead one word further.
    message[POINTERS + 16 + 16] += 4;
    message[POINTERS + 16 + 24] += 4;
    let (flows, faults) = decode(&message);
    assert_eq!((faults, flows.bytes.get(0), flows.dst_mac.get(0)), (vec![], Some(1500), Some(0x0200_0000_0002)));
    // Three data words, no pointers.
    let mut short = bytes(T1)[..DATA + 24].to_vec();
    short[4] = 4;
    short[12] = 3;
    short[14] = 0;
    let (flows, faults) = decode(&short);
    assert_eq!((faults, flows.src_as.get(0), flows.src_port.get(0)), (vec![], Some(64500), None));
    assert_eq!((flows.bytes.get(0), flows.packets.get(0)), (Some(0), Some(1)));
}

#[test]
fn every_truncation_is_told() {
    for text in [T1, T2, T3] {
        let message = bytes(text);
        for length in 0..message.len() {
            let (flows, faults) = decode(&message[..length]);
            let expected = match length {
                0..4 => Fault::new(Reason::Truncated, 0, 4),
                4..8 => Fault::new(Reason::Truncated, 4, 4),
                // The segment's length says how many words are wanted.
                _ => Fault::new(Reason::Truncated, 4, message[4].into()),
            };
            assert_eq!((flows.rows(), faults), (0, vec![expected]), "{length}");
        }
    }
}

#[test]
fn trailing_octets_are_told_and_cost_nothing() {
    let mut message = bytes(T1);
    message.extend([1, 2, 3]);
    let (flows, faults) = decode(&message);
    assert_eq!((flows.rows(), faults), (1, vec![Fault::new(Reason::TrailingOctets, 160, 3)]));
}

#[test]
fn lengths_and_pointers_that_go_too_far_are_told() {
    let fault = |message: &[u8]| {
        let (flows, faults) = decode(message);
        assert_eq!((flows.rows(), faults.len()), (0, 1));
        faults[0]
    };
    let le = u32::to_le_bytes;
    // Segments: 16 are the most, and the table has to be there.
    assert_eq!(fault(&with(T1, 0, le(511))), Fault::new(Reason::BadEncoding, 0, 512));
    assert_eq!(fault(&with(T1, 0, le(u32::MAX))), Fault::new(Reason::BadEncoding, 0, 0x1_0000_0000));
    assert_eq!(fault(&with(T1, 0, le(16))), Fault::new(Reason::BadEncoding, 0, 17));
    // Its length: one word more, the most, and none.
    assert_eq!(fault(&with(T1, 4, le(0x14))), Fault::new(Reason::Truncated, 4, 0x14));
    assert_eq!(fault(&with(T1, 4, le(u32::MAX))), Fault::new(Reason::Truncated, 4, u32::MAX.into()));
    assert_eq!(fault(&with(T1, 4, le(0))), Fault::new(Reason::Truncated, 8, 8));
    // The root: a list, a struct behind the end, before the beginning, too long.
    let bits = |at: usize, message: &[u8]| u64::from_le_bytes(message[at..at + 8].try_into().unwrap());
    for root in [le(1), le(0x14 << 2), (-8_i32).to_le_bytes(), le(3)] {
        let message = with(T1, 8, root);
        assert_eq!(fault(&message), Fault::new(Reason::BadEncoding, 8, bits(8, &message)));
    }
    for sections in [[0xff, 0xff, 4, 0], [12, 0, 0xff, 0xff]] {
        let message = with(T1, 12, sections);
        assert_eq!(fault(&message), Fault::new(Reason::BadEncoding, 8, bits(8, &message)));
    }
    // A blob: behind the end, before the beginning, too long, of words, a struct, a capability.
    for slot in 0..4 {
        let at = POINTERS + slot * 8;
        for pointer in [
            [0xfd, 0xff, 0xff, 0x7f, 0x82, 0, 0, 0],
            [1, 0, 0, 0x80, 0x82, 0, 0, 0],
            [1, 0, 0, 0, 0xfa, 0xff, 0xff, 0xff],
            [1, 0, 0, 0, 0x15, 0, 0, 0],
            [0, 0, 0, 0, 1, 0, 0, 0],
            [3, 0, 0, 0, 0, 0, 0, 0],
        ] {
            let message = with(T2, at, pointer);
            assert_eq!(fault(&message), Fault::new(Reason::BadEncoding, at, u64::from_le_bytes(pointer)), "{slot}");
        }
        // Far: to a segment that is not there, to a word that is not there, to another far pointer (itself), doubly to nothing.
        let place = (at - 8) / 8;
        for (low, high) in [(2, 7), (0xffff_fffa_u32, 0), ((place as u32) << 3 | 2, 0), (0x7fff_fffe, 0)] {
            let pointer = u64::from(high as u32) << 32 | u64::from(low);
            let message = with(T2, at, pointer.to_le_bytes());
            assert_eq!(fault(&message), Fault::new(Reason::BadEncoding, at, pointer));
        }
    }
}

#[test]
fn legal_far_pointers_are_followed() {
    // T1 with its source MAC in a second segment: a pointer to a landing pad there, the blob behind it.
    let mut message = bytes(T1);
    let body = message.split_off(8);
    let mut made = vec![1, 0, 0, 0, 0x13, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    let first = made.len();
    made.extend(body);
    made[first + 8 + 96 + 16..first + 8 + 96 + 24].copy_from_slice(&[2, 0, 0, 0, 1, 0, 0, 0]);
    made.extend([1, 0, 0, 0, 0x32, 0, 0, 0, 6, 5, 4, 3, 2, 1, 0, 0]);
    let (flows, faults) = decode(&made);
    assert_eq!((faults, flows.src_mac.get(0), flows.dst_mac.get(0)), (vec![], Some(0x0605_0403_0201), Some(0x0200_0000_0002)));
}

#[test]
fn addresses_of_a_wrong_length_and_versions_that_are_none_are_told() {
    for (octets, slot) in [(15_u8, 0), (17, 0), (15, 1), (17, 1), (0, 0)] {
        let message = with(T2, POINTERS + slot * 8 + 4, [octets << 3 | 2, 0, 0, 0]);
        let (flows, faults) = decode(&message);
        let expected = Fault::new(Reason::BadAddressLength, POINTERS + slot * 8, octets.into());
        assert_eq!((flows.rows(), faults), (0, vec![expected]));
    }
    // Version 6 without addresses.
    let (_, faults) = decode(&with(T3, DATA + 1, [6]));
    assert_eq!(faults, [Fault::new(Reason::BadAddressLength, DATA + 88, 0)]);
    for version in [0, 5, 255] {
        let (flows, faults) = decode(&with(T1, DATA + 1, [version]));
        assert_eq!((flows.rows(), faults), (0, vec![Fault::new(Reason::BadIpVersion, DATA + 1, version.into())]));
    }
}

#[test]
fn zero_ratio_is_not_known_and_zero_packets_are_one() {
    let (flows, _) = decode(&with(T1, DATA + 4, [0; 4]));
    assert_eq!(flows.sampling_rate.get(0), None);
    let (flows, _) = decode(&with(T1, DATA + 48, [0; 8]));
    assert_eq!(flows.packets.get(0), Some(1));
}

#[test]
fn the_part_below_a_second_is_microseconds_or_nanoseconds() {
    let time = |fraction: u64| {
        decode(&with(T1, DATA + 72, fraction.to_le_bytes())).0.time_start.get(0).unwrap() - 1_700_000_000_000_000_000
    };
    assert_eq!(time(999_999), 999_999_000);
    assert_eq!(time(1_000_000), 1_000_000);
    assert_eq!(time(999_999_999), 999_999_999);
    assert_eq!(time(1_000_000_000), 0);
    assert_eq!(time(u64::MAX), 0);
    let (flows, _) = decode(&with(T1, DATA + 64, i64::MAX.to_le_bytes()));
    assert_eq!((flows.time_start.get(0), flows.time_suspect.get(0)), (Some(i64::MAX), Some(1)));
}

// ---- streams ----

/// T1 and T2 in turn, each behind its length.
fn stream(count: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let messages: Vec<_> = [T1, T2].iter().cycle().take(count).map(|text| bytes(text)).collect();
    let framed = |message: &Vec<u8>| [&(message.len() as u64).to_le_bytes(), message.as_slice()].concat();
    (messages.iter().flat_map(framed).collect(), messages)
}

/// What is left over, or wrong and where.
type Left = Result<usize, (usize, Fault)>;

/// Reads a stream in pieces: the messages, and what is left over or wrong, with its offset.
fn read_stream<'o>(pieces: impl Iterator<Item = &'o [u8]>) -> (Vec<Vec<u8>>, Left) {
    let (mut held, mut offset, mut messages) = (Vec::new(), 0, Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            let (skip, length) = match framing::fastnetmon(&held) {
                Cut::Message { skip, length } if held.len() >= skip + length => (skip, length),
                Cut::Message { .. } | Cut::More => break,
                Cut::Bad(fault) => return (messages, Err((offset, fault))),
            };
            messages.push(held[skip..skip + length].to_vec());
            held.drain(..skip + length);
            offset += skip + length;
        }
    }
    (messages, Ok(held.len()))
}

#[test]
fn a_stream_gives_the_same_messages_in_whatever_pieces_it_comes() {
    let (octets, messages) = stream(1000);
    for piece in [1, 7, 8, 9, 168, 169, 4096, octets.len()] {
        let (found, left) = read_stream(octets.chunks(piece));
        assert!(found == messages, "pieces of {piece}");
        assert_eq!(left, Ok(0));
    }
}

#[test]
fn the_encoder_frames_what_is_cut_again() {
    let (flows, _) = decode(&bytes(T1));
    let mut framed = Vec::new();
    Encoder { framed: true }.encode(&flows, 0..1, &mut |octets| framed.extend_from_slice(octets));
    assert_eq!(framed[..8], [0xa0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(read_stream([framed.as_slice()].into_iter()), (vec![bytes(T1)], Ok(0)));
}

#[test]
fn an_impossible_length_ends_the_stream() {
    for length in [0, 7, 8, 12, 17, 65_544, 1 << 32, u64::MAX] {
        for piece in [1, 3, 8, 1000] {
            let (mut octets, _) = stream(2);
            octets.extend(length.to_le_bytes());
            octets.extend([0; 64]);
            let (found, end) = read_stream(octets.chunks(piece));
            assert_eq!((found.len(), end), (2, Err((168 + 200, Fault::new(Reason::BadFrame, 0, length)))), "{length} {piece}");
        }
    }
}

#[test]
fn the_end_inside_of_a_message_is_known() {
    let (octets, _) = stream(1);
    for length in 1..octets.len() {
        assert_eq!(read_stream([&octets[..length]].into_iter()), (vec![], Ok(length)));
    }
}

// ---- properties ----

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![any::<u32>().prop_map(Address::v4), any::<[u8; 16]>().prop_map(Address::v6)]
}

proptest! {
    #[test]
    fn decoding_what_was_encoded_gives_the_same_rows(
        src in address(), dst in address(), (origin, ttl, flags, fragment, direction) in (0_u8..5, any::<u8>(), any::<u8>(), any::<bool>(), any::<u8>()),
        numbers in any::<[u32; 8]>(), (bytes, frame, packets) in any::<(u64, u64, u64)>(), ports in any::<(u16, u16)>(), protocol in any::<u8>(),
        macs in any::<(u64, u64)>(), seconds in 1_i64..4_000_000_000, microseconds in 0_i64..1_000_000,
    ) {
        prop_assume!(src.is_v4() == dst.is_v4());
        let mut flows = FlowBatch::new();
        let known = |number: u32| Some(number).filter(|number| *number != 0);
        flows.src_addr.push(0, src);
        flows.dst_addr.push(0, dst);
        flows.ip_version.push(0, if src.is_v4() { 4 } else { 6 });
        flows.origin.push(0, origin);
        flows.exporter.push(0, Address::v4(numbers[0] | 1));
        let is_sample = matches!(origin, 1 | 2);
        flows.record_kind.push(0, if is_sample { names::SAMPLE } else { names::FLOW });
        flows.sampling_rate.push(0, numbers[1] | 1);
        flows.src_as.push_some(0, known(numbers[2]));
        flows.dst_as.push_some(0, known(numbers[3]));
        flows.in_if.push_some(0, known(numbers[4]));
        flows.out_if.push_some(0, known(numbers[5]));
        flows.ttl_min.push_some(0, Some(ttl).filter(|ttl| *ttl != 0));
        flows.ttl_max.push_some(0, Some(ttl).filter(|ttl| *ttl != 0));
        if ports != (0, 0) {
            flows.src_port.push(0, ports.0);
            flows.dst_port.push(0, ports.1);
        }
        flows.protocol.push(0, protocol);
        if flags != 0 || protocol == 6 {
            flows.tcp_flags.push(0, flags.into());
        }
        flows.bytes.push(0, bytes | 1);
        if is_sample {
            flows.frame_bytes.push(0, frame | 1);
        }
        flows.packets.push(0, packets | 1);
        flows.time_start.push(0, seconds * 1_000_000_000 + microseconds * 1000);
        flows.time_end.push(0, seconds * 1_000_000_000 + microseconds * 1000);
        flows.src_mac.push_some(0, Some(macs.0 >> 16).filter(|mac| *mac != 0));
        flows.dst_mac.push_some(0, Some(macs.1 >> 16).filter(|mac| *mac != 0));
        let members = [
            fragment.then(|| "\"ipFragmented\":true".to_owned()),
            known(numbers[6]).map(|number| format!("\"packetPayloadLength\":{number}")),
            known(numbers[7]).map(|number| format!("\"packetPayloadFullLength\":{number}")),
            known(direction.into()).map(|number| format!("\"packetDirection\":{number}")),
        ];
        let members: Vec<String> = members.into_iter().flatten().collect();
        if !members.is_empty() {
            flows.extra.push(0, &format!("{{{}}}", members.join(",")));
        }
        flows.advance(1);

        let messages = encoded(&flows);
        prop_assert_eq!(messages[0].len(), if src.is_v4() { 160 } else { 192 });
        let (mut decoded, faults) = decode(&messages[0]);
        prop_assert_eq!(faults, vec![]);
        prop_assert_eq!(encoded(&decoded), messages);
        // What tells of the way here alone.
        decoded.time_received.clear();
        decoded.received_from.clear();
        decoded.received_port.clear();
        decoded.format.clear();
        decoded.time_suspect.clear();
        prop_assert_eq!(decoded, flows);
    }

    #[test]
    fn any_octets_end_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(&bytes).0.rows() <= 1);
    }

    #[test]
    fn any_change_to_a_message_ends_without_panic(text in prop::sample::select(vec![T1, T2, T3]), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut message = bytes(text);
        for (place, octet) in changes {
            let place = place.index(message.len());
            message[place] = octet;
        }
        prop_assert!(decode(&message).0.rows() <= 1);
    }

    #[test]
    fn any_stream_ends_without_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
        let all: usize = pieces.iter().map(Vec::len).sum();
        let (messages, left) = read_stream(pieces.iter().map(Vec::as_slice));
        let found: usize = messages.iter().map(|message| message.len() + 8).sum();
        prop_assert_eq!(found + left.unwrap_or_else(|(offset, _)| all - offset), all);
    }
}
