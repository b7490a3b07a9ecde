//! Who the client is when a proxy asks in its name: X-Forwarded-For (by custom) and Forwarded (RFC 7239).

use std::net::IpAddr;

use weir_record::Column;

use super::super::lines::begins;
use crate::facts::Facts;

/// Addresses, the client's first.
pub(super) fn x_forwarded_for(value: &[u8], facts: &mut Facts) {
    facts.text(Column::http_forwarded_for, value);
    keep_first(value.split(|octet| *octet == b','), facts);
}

/// Elements of pairs; the address is in `for` (RFC 7239, 4).
pub(super) fn forwarded(value: &[u8], facts: &mut Facts) {
    facts.text(Column::http_forwarded_for, value);
    let pairs = value.split(|octet| matches!(octet, b',' | b';')).map(<[u8]>::trim_ascii);
    keep_first(pairs.filter(|pair| begins(pair, b"for=")).filter_map(|pair| pair.get(4..)), facts);
}

fn keep_first<'a>(mut candidates: impl Iterator<Item = &'a [u8]>, facts: &mut Facts) {
    if let Some(client) = candidates.find_map(address) {
        facts.address(Column::client_addr, client.into());
    }
}

/// An address, which may be in quotes and brackets and have a port behind it.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim().trim_matches('"');
    if let Some((inner, _)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return inner.parse().ok();
    }
    text.parse().ok().or_else(|| text.split_once(':')?.0.parse().ok())
}
