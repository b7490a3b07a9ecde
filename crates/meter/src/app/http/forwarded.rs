//! For whom a proxy asks: X-Forwarded-For (by custom) and Forwarded (RFC 7239).
//!
//! Both are lists to which each proxy on the way adds at the end, so the client stands first. Whoever sent the request may have begun the list, though: the
//! first element is what is told, and nobody but the last proxy vouches for more than the last one.

use std::net::IpAddr;

use weir_record::Address;

use super::super::lines::begins;

/// Which of the fields it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    XForwardedFor,
    Forwarded,
}

impl Field {
    /// By the name of the field.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"x-forwarded-for") {
            Some(Self::XForwardedFor)
        } else {
            name.eq_ignore_ascii_case(b"forwarded").then_some(Self::Forwarded)
        }
    }

    /// The first address. Names that stand for one (`unknown`, `_hidden`) are passed over.
    pub(super) fn client(self, value: &[u8]) -> Option<Address> {
        let client = match self {
            Self::XForwardedFor => value.split(|octet| *octet == b',').find_map(address),
            Self::Forwarded => {
                let mut is_quoted = false;
                // Elements are lists of pairs; the address is in `for` (RFC 7239, 4).
                let mut pairs = value.split(|octet| {
                    is_quoted ^= *octet == b'"';
                    !is_quoted && matches!(octet, b',' | b';')
                });
                pairs.find_map(|pair| Some(pair.trim_ascii()).filter(|pair| begins(pair, b"for="))?.get(4..).and_then(address))
            }
        };
        client.map(|client| client.to_canonical().into())
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
