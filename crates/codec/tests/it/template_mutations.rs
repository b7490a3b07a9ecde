//! Messages gone wrong: random ones, and mutations of good ones, by a seed. Also used by the example `message_soak`.

use weir_testkit::Rng;

/// Octets of the largest datagram made here.
const LARGEST: usize = 9000;
/// Words that lengths, counts and ids are wrong by.
const WORDS: [u16; 14] = [0, 1, 2, 3, 4, 5, 15, 16, 255, 256, 257, 0x7fff, 0x8000, 0xffff];

/// A message of NetFlow v9 or IPFIX that is random behind its header, except that most of its sets begin like sets, and most of its
/// templates like templates.
pub(crate) fn random(rng: &mut Rng, message: &mut Vec<u8>) {
    message.clear();
    let nine = rng.bool();
    message.extend(if nine { [0, 9, 0, 1] } else { [0, 10, 0, 0] });
    let header = if nine { 20 } else { 16 };
    let length = header + rng.usize(..1500);
    message.resize_with(length, || rng.u8(..));
    if !nine {
        put(message, 2, length as u16);
    }
    // Of the domain one octet is left, or no message would find the templates of another.
    message[header - 4..header - 1].fill(0);
    let mut at = header;
    while at + 16 < length && rng.u8(..) < 240 {
        let body = rng.usize(16..300).min(length - at);
        let templates = if nine { 0 } else { 2 };
        let id = [templates, templates, templates + 1, 256, 257, 257, 258, 258][rng.usize(..8)];
        put(message, at, id);
        put(message, at + 2, body as u16);
        if id < 4 {
            template(rng, message, at + 4, body - 4, nine, id != templates);
        }
        at += body;
    }
}

/// Makes random octets a template whose fields fill them, with the lengths that fields have.
fn template(rng: &mut Rng, message: &mut [u8], at: usize, octets: usize, nine: bool, options: bool) {
    let head = if options { 6 } else { 4 };
    let count = (octets - head) / 4;
    put(message, at, rng.u16(256..259));
    match (options, nine) {
        (true, true) => {
            put(message, at + 2, 4);
            put(message, at + 4, 4 * count.saturating_sub(1) as u16);
        }
        (true, false) => {
            put(message, at + 2, count as u16);
            put(message, at + 4, 1);
        }
        (false, _) => put(message, at + 2, count as u16),
    }
    for field in 0..count {
        let at = at + head + 4 * field;
        if rng.u8(..) < 250 {
            put(message, at, rng.u16(..500));
            put(message, at + 2, [0, 1, 1, 2, 2, 4, 4, 6, 8, 16, 3, u16::MAX][rng.usize(..12)]);
        }
    }
}

/// A copy of one of these messages with a few things wrong.
pub(crate) fn mutate(rng: &mut Rng, seeds: &[Vec<u8>], message: &mut Vec<u8>) {
    message.clear();
    message.extend_from_slice(&seeds[rng.usize(..seeds.len())]);
    for _ in 0..rng.usize(1..6) {
        if message.len() < 4 {
            return;
        }
        let at = rng.usize(2..message.len());
        match rng.u8(..8) {
            0 => message[at] ^= 1 << rng.u8(..8),
            1 => message[at] = rng.u8(..),
            2 | 3 => put(message, at & !1, WORDS[rng.usize(..WORDS.len())]),
            4 => {
                let near = message.get(at & !1..(at & !1) + 2).map_or(0, |word| u16::from_be_bytes([word[0], word[1]]));
                put(message, at & !1, near.wrapping_add_signed(rng.i16(-2..=2)));
            }
            5 => message.truncate(at),
            6 => {
                // A part of another message, sets and all.
                let other = &seeds[rng.usize(..seeds.len())];
                let from = rng.usize(..other.len().max(1));
                let part = other.get(from..other.len().min(from + rng.usize(..400))).unwrap_or_default();
                message.splice(at..at, part.iter().copied());
            }
            _ => {
                let end = (at + rng.usize(..100)).min(message.len());
                message.drain(at..end);
            }
        }
    }
    message.truncate(LARGEST);
    // Most of the time the length is right, or nothing behind the header would be looked at.
    if message.first_chunk() == Some(&[0, 10]) && message.len() >= 16 && rng.u8(..) < 220 {
        let length = message.len() as u16;
        put(message, 2, length);
    }
}

fn put(message: &mut [u8], at: usize, word: u16) {
    if let Some(place) = message.get_mut(at..at + 2) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

/// Messages to mutate: those of all NetFlow v9 and IPFIX captures, where they are here.
pub(crate) fn captured() -> Vec<Vec<u8>> {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: the shared captures are not here");
        return Vec::new();
    };
    let captures = shared.join("captures");
    let mut messages = Vec::new();
    for summary in weir_testkit::json_lines(&captures.join("truth/flow/summary.jsonl")) {
        let file = summary["file"].as_str().unwrap_or_default();
        if file.starts_with("netflow9") || file.starts_with("ipfix") {
            // A few of each: many captures repeat themselves.
            messages.extend(weir_testkit::datagrams(&captures.join(file)).into_iter().take(40).map(|datagram| datagram.payload));
        }
    }
    messages.retain(|message| message.len() >= 4);
    messages
}
