//! Fingerprints of clients by what their hello offers: JA3 (Salesforce, 2017) and JA4 (FoxIO, "JA4: TLS Client Fingerprinting").

use std::fmt::Write;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::hello::{ClientHello, Transport, extension, is_grease, numbers};

/// Written in place of a hash of nothing.
const NOTHING: &str = "000000000000";

/// JA3: MD5, in hexadecimal, of version, cipher suites, extensions, groups and point formats, all decimal and in the order of the hello, without grease.
pub(super) fn ja3(hello: &ClientHello<'_>) -> String {
    let mut text = format!("{},", hello.version);
    join(&mut text, numbers(hello.ciphers).filter(|value| !is_grease(*value)), '-', decimal);
    text.push(',');
    join(&mut text, hello.extensions.iter().map(|(kind, _)| kind).filter(|value| !is_grease(*value)), '-', decimal);
    text.push(',');
    let groups = hello.extensions.find(extension::SUPPORTED_GROUPS).and_then(|data| data.get(2..)).unwrap_or_default();
    join(&mut text, numbers(groups).filter(|value| !is_grease(*value)), '-', decimal);
    text.push(',');
    let formats = hello.extensions.find(extension::EC_POINT_FORMATS).and_then(|data| data.get(1..)).unwrap_or_default();
    join(&mut text, formats.iter().map(|format| u16::from(*format)), '-', decimal);
    hexadecimal(&Md5::digest(text))
}

/// JA4: what anybody can read (carrier, version, name, counts, protocol), then hashes of the sorted cipher suites and of the sorted extensions with the
/// signature algorithms.
pub(super) fn ja4(hello: &ClientHello<'_>, transport: Transport) -> String {
    let mut ciphers: Vec<u16> = numbers(hello.ciphers).filter(|value| !is_grease(*value)).collect();
    let mut extensions: Vec<u16> = hello.extensions.iter().map(|(kind, _)| kind).filter(|value| !is_grease(*value)).collect();
    let mut text = String::with_capacity(36);
    text.push(match transport {
        Transport::Tcp => 't',
        Transport::Quic => 'q',
        Transport::Dtls => 'd',
    });
    text.push_str(version(hello, transport));
    text.push(if extensions.contains(&extension::SERVER_NAME) { 'd' } else { 'i' });
    let _ = write!(text, "{:02}{:02}", ciphers.len().min(99), extensions.len().min(99));
    text.extend(protocol(hello.first_protocol().unwrap_or_default()));

    ciphers.sort_unstable();
    let mut list = String::new();
    join(&mut list, ciphers.iter().copied(), ',', four_digits);
    text.push('_');
    text.push_str(&hash(&list));

    // Name and protocol change with the destination, so they do not make the client.
    extensions.retain(|kind| !matches!(*kind, extension::SERVER_NAME | extension::ALPN));
    extensions.sort_unstable();
    list.clear();
    join(&mut list, extensions.iter().copied(), ',', four_digits);
    let signatures = hello.extensions.find(extension::SIGNATURE_ALGORITHMS).and_then(|data| data.get(2..)).unwrap_or_default();
    let mut signatures = numbers(signatures).filter(|value| !is_grease(*value)).peekable();
    if !list.is_empty() && signatures.peek().is_some() {
        list.push('_');
        join(&mut list, signatures, ',', four_digits);
    }
    text.push('_');
    text.push_str(&hash(&list));
    text
}

/// The newest version offered, in two characters.
fn version(hello: &ClientHello<'_>, transport: Transport) -> &'static str {
    // Numbers of DTLS count downwards.
    let newest = if transport == Transport::Dtls { hello.versions().min() } else { hello.versions().max() };
    match newest.unwrap_or(hello.version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of the first protocol offered, or of its hexadecimal form where one of them is neither letter nor digit.
fn protocol(name: &[u8]) -> [char; 2] {
    match (name.first(), name.last()) {
        (Some(first), Some(last)) if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => {
            [char::from(*first), char::from(*last)]
        }
        (Some(first), Some(last)) => [digit(first >> 4), digit(last & 0xf)],
        _ => ['0', '0'],
    }
}

fn digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or('0')
}

fn join(text: &mut String, values: impl Iterator<Item = u16>, between: char, write: fn(&mut String, u16)) {
    for (place, value) in values.enumerate() {
        if place > 0 {
            text.push(between);
        }
        write(text, value);
    }
}

fn decimal(text: &mut String, value: u16) {
    let _ = write!(text, "{value}");
}

fn four_digits(text: &mut String, value: u16) {
    let _ = write!(text, "{value:04x}");
}

/// The first twelve digits of the SHA-256.
fn hash(list: &str) -> String {
    if list.is_empty() {
        return NOTHING.to_owned();
    }
    let mut digits = hexadecimal(&Sha256::digest(list));
    digits.truncate(NOTHING.len());
    digits
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 0xf)]).collect()
}
