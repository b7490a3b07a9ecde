//! Messages of exporters, put together by hand: one record of a known size each.

/// Seconds since 1970 of now.
pub(crate) fn seconds() -> u32 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as u32
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A NetFlow v5 datagram with one record of so many bytes in 3 packets.
pub(crate) fn netflow5(sequence: u32, bytes: u32) -> Vec<u8> {
    netflow5_at(seconds(), sequence, bytes)
}

/// The same, exported at this time.
pub(crate) fn netflow5_at(seconds: u32, sequence: u32, bytes: u32) -> Vec<u8> {
    let header = words(&[5 << 16 | 1, 100_000, seconds, 0, sequence, 0]);
    let record =
        words(&[0x0a00_0001, 0x0a00_0002, 0, 1 << 16 | 2, 3, bytes, 90_000, 95_000, 1000 << 16 | 443, 0x0010_0600, 0, 0]);
    [header, record].concat()
}

/// A NetFlow v5 datagram with so many records, whose bytes are numbers from `first` on.
pub(crate) fn netflow5_rows(sequence: u32, first: u32, count: u32) -> Vec<u8> {
    let mut message = words(&[5 << 16 | count, 100_000, seconds(), 0, sequence, 0]);
    (first..first + count).for_each(|number| message.extend(&netflow5(0, number)[24..]));
    message
}

/// The template of [`netflow9`] and [`ipfix`]: bytes (1), packets (2), protocol (4) in 4 octets each.
const FIELDS: [u32; 3] = [1 << 16 | 4, 2 << 16 | 4, 4 << 16 | 4];
const TEMPLATE: u32 = 300;

/// A NetFlow v9 message with the template, a record, or both.
pub(crate) fn netflow9(sequence: u32, template: bool, bytes: Option<u32>) -> Vec<u8> {
    let mut message = words(&[9 << 16 | 1, 100_000, seconds(), sequence, 7]);
    sets(&mut message, 0, template, bytes);
    message
}

/// An IPFIX message with the template, a record, or both.
pub(crate) fn ipfix(sequence: u32, template: bool, bytes: Option<u32>) -> Vec<u8> {
    ipfix_of(7, sequence, template, bytes)
}

/// The same of an observation domain; [`ipfix`] is of domain 7.
pub(crate) fn ipfix_of(domain: u32, sequence: u32, template: bool, bytes: Option<u32>) -> Vec<u8> {
    let mut message = words(&[10 << 16, seconds(), sequence, domain]);
    sets(&mut message, 2, template, bytes);
    let length = message.len() as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

/// An IPFIX message with so many records, whose bytes are numbers from `first` on, behind the template where that is wanted.
pub(crate) fn ipfix_rows(sequence: u32, template: bool, first: u32, count: u32) -> Vec<u8> {
    let mut message = words(&[10 << 16, seconds(), sequence, 7]);
    sets(&mut message, 2, template, None);
    message.extend(words(&[TEMPLATE << 16 | (4 + 12 * count)]));
    (first..first + count).for_each(|number| message.extend(words(&[number, 3, 6])));
    let length = message.len() as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

fn sets(message: &mut Vec<u8>, template_set: u32, template: bool, bytes: Option<u32>) {
    if template {
        message.extend(words(&[template_set << 16 | 20, TEMPLATE << 16 | 3, FIELDS[0], FIELDS[1], FIELDS[2]]));
    }
    if let Some(bytes) = bytes {
        message.extend(words(&[TEMPLATE << 16 | 16, bytes, 3, 6]));
    }
}

/// An sFlow datagram of an agent, without samples.
pub(crate) fn sflow(agent: u32, sequence: u32) -> Vec<u8> {
    words(&[5, 1, agent, 0, sequence, 1000, 0])
}
