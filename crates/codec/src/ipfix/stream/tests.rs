use super::*;

const RECEIVED: i64 = 1_700_000_000_000_000_000;

/// A message of one data set with this body, exported when it was received.
fn message(body: &[u8]) -> Vec<u8> {
    let set = [&[1, 0][..], &(4 + body.len() as u16).to_be_bytes(), body].concat();
    let mut message = vec![0, 10];
    message.extend((16 + set.len() as u16).to_be_bytes());
    message.extend(1_700_000_000_u32.to_be_bytes());
    message.extend([0; 8]);
    message.extend(set);
    message
}

/// What comes out, and the stream.
fn run(midstream: bool, expected: bool, parts: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<Fault>, IpfixStream) {
    let mut stream = IpfixStream::new(midstream, expected);
    let (mut messages, mut faults) = (Vec::new(), Vec::new());
    for part in parts {
        stream.push(part, RECEIVED, &mut |framed| match framed {
            Framed::Message(message) => messages.push(message.to_vec()),
            Framed::Fault(fault) => faults.push(fault),
        });
    }
    (messages, faults, stream)
}

#[test]
fn messages_are_cut_wherever_segments_are() {
    let (one, two) = (message(b"one"), message(b"twotwo"));
    let both = [one.clone(), two.clone()].concat();
    for cut in 0..=both.len() {
        let (start, rest) = both.split_at(cut);
        let (messages, faults, stream) = run(false, false, &[start, rest]);
        assert_eq!((messages, faults, stream.held()), (vec![one.clone(), two.clone()], vec![], 0), "cut at {cut}");
    }
}

#[test]
fn from_the_middle_the_next_message_is_found() {
    let (one, two) = (message(b"one"), message(b"twotwo"));
    let both = [one.clone(), two.clone()].concat();
    for from in 1..one.len() {
        let octets: Vec<[u8; 1]> = both[from..].iter().map(|octet| [*octet]).collect();
        let octets: Vec<&[u8]> = octets.iter().map(<[u8; 1]>::as_slice).collect();
        assert_eq!(run(true, false, &octets).0, [two.as_slice()], "from octet {from}");
        assert_eq!(run(true, false, &[&both[from..]]).0, [two.as_slice()], "from octet {from}, at once");
    }
}

#[test]
fn a_header_from_another_day_is_not_taken_for_one() {
    let mut other = message(b"one");
    other[4] ^= 1;
    let stream = [other, message(b"two")].concat();
    assert_eq!(run(true, false, &[&stream]).0, [message(b"two")]);
    // Where a message has to begin, clocks may be wrong.
    assert_eq!(run(false, false, &[&stream]).0.len(), 2);
}

#[test]
fn a_bad_length_is_told_and_the_next_message_found() {
    let mut bad = message(b"bad");
    bad[2..4].copy_from_slice(&15_u16.to_be_bytes());
    let stream = [message(b"one"), bad, message(b"two")].concat();
    let (messages, faults, _) = run(false, false, &[&stream]);
    assert_eq!(messages, [message(b"one"), message(b"two")]);
    assert_eq!(faults, [Fault::new(Reason::BadFrame, 2, 15)]);
}

#[test]
fn what_is_not_ipfix_is_given_up() {
    let (messages, faults, stream) = run(false, false, &[b"GET / HTTP/1.1"]);
    assert_eq!((messages.len(), faults.len(), stream.is_given_up(), stream.held()), (0, 0, true, 0));
    // On the port of IPFIX it is a fault.
    assert_eq!(run(false, true, &[&[22, 3, 1, 0]]).1, [Fault::new(Reason::BadFrame, 0, 0x1603)]);
    let noise = vec![0x55; 200_000];
    let (_, faults, stream) = run(true, true, &[&noise]);
    assert_eq!((faults, stream.is_given_up()), (vec![Fault::new(Reason::BadFrame, 0, 0)], true));
    // A search never holds more than it needs to go on.
    let (_, _, stream) = run(true, false, &[&noise[..1000]]);
    assert!(!stream.is_given_up() && stream.held() < JUDGED_BY);
}

#[test]
fn a_gap_or_an_end_within_a_message_is_a_fault() {
    let one = message(b"one");
    let mut faults = Vec::new();
    let mut tell = |framed: Framed<'_>| match framed {
        Framed::Message(message) => panic!("{message:?}"),
        Framed::Fault(fault) => faults.push(fault),
    };
    let (_, _, mut stream) = run(false, false, &[&one, &one[..5]]);
    stream.skip(1000, &mut tell);
    stream.end(&mut tell);
    let (_, _, mut stream) = run(false, false, &[&one, &one[..5]]);
    stream.end(&mut tell);
    assert_eq!(faults, [Fault::new(Reason::Truncated, 5, 1000), Fault::new(Reason::Truncated, 5, 0)]);
}

#[test]
fn a_stream_in_which_no_message_is_found_is_told_where_one_was_expected() {
    for (expected, faults) in [(true, 1), (false, 0)] {
        let mut stream = IpfixStream::new(true, expected);
        let mut told = Vec::new();
        let mut tell = |framed: Framed<'_>| match framed {
            Framed::Fault(fault) => told.push(fault),
            Framed::Message(_) => panic!("there is none"),
        };
        stream.push(&[1, 2, 3, 4, 5], RECEIVED, &mut tell);
        stream.end(&mut tell);
        assert_eq!(told, vec![Fault::new(Reason::Truncated, 0, 0); faults]);
    }
}
