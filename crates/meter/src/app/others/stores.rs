//! Stores: Redis (RESP), memcached, MongoDB, Cassandra (CQL native protocol), ZooKeeper.

use super::{u16_at, u32_at, yes_if};
use crate::app::lines::decimal;
use crate::app::protocol::{Context, Probe};

/// A line of a letter and a number, and what is behind it.
fn numbered(octets: &[u8], letter: u8) -> Option<(u64, &[u8])> {
    let rest = octets.strip_prefix(&[letter])?;
    let end = rest.iter().take(12).position(|octet| *octet == b'\r')?;
    let number = rest.get(..end).and_then(decimal)?;
    Some((number, rest.get(end..)?.strip_prefix(b"\r\n")?))
}

/// A command: a list of texts, each behind its length. On the customary port the answers too.
pub(super) fn redis(octets: &[u8], context: &Context<'_>) -> Probe {
    if let Some((1.., rest)) = numbered(octets, b'*')
        && let Some((length @ 1.., text)) = numbered(rest, b'$')
    {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        return match text.get(..length) {
            Some(command) => yes_if(command.iter().all(|octet| octet.is_ascii_graphic())),
            None if length <= 64 => Probe::More,
            None => yes_if(context.has_port(6379)),
        };
    }
    let is_begun = matches!(octets, [] | [b'*'] | [b'*', b'0'..=b'9', ..]) && octets.len() < 16;
    if is_begun {
        return Probe::More;
    }
    let is_answer = context.has_port(6379)
        && matches!(octets, [b'+' | b'-' | b':' | b'$' | b'*' | b'%' | b'>', first, ..] if first.is_ascii_graphic())
        && octets.windows(2).take(128).any(|end| end == b"\r\n");
    let is_certain =
        [&b"-NOAUTH "[..], b"-WRONGPASS ", b"+PONG\r\n", b"-ERR unknown command"].iter().any(|start| octets.starts_with(start));
    yes_if(is_answer || is_certain)
}

/// A command of text, or the header of a binary request; on the customary port unless it is certain.
pub(super) fn memcached(octets: &[u8], context: &Context<'_>) -> Probe {
    const WORDS: &[&[u8]] = &[
        b"get ",
        b"gets ",
        b"set ",
        b"add ",
        b"replace ",
        b"append ",
        b"prepend ",
        b"delete ",
        b"incr ",
        b"decr ",
        b"touch ",
        b"stats",
        b"version",
        b"VALUE ",
        b"STORED\r\n",
        b"END\r\n",
        b"STAT ",
        b"VERSION ",
        b"mg ",
        b"ms ",
    ];
    if !context.has_port(11_211) {
        return Probe::No;
    }
    let is_line = || octets.windows(2).take(512).any(|end| end == b"\r\n");
    let is_text = WORDS.iter().any(|word| octets.starts_with(word)) && is_line();
    let is_binary = matches!(octets, [0x80 | 0x81, 0..=0x22, _, _, _, 0, _, _, ..]) && {
        let (extras, key, body) = (octets.get(4), u16_at(octets, 2), u32_at(octets, 8));
        body.is_some_and(|body| {
            body as usize >= usize::from(key.unwrap_or(0)) + usize::from(*extras.unwrap_or(&0)) && body < 1 << 24
        })
    };
    yes_if(is_text || is_binary && octets.len() >= 24)
}

/// Behind a header of 8 octets: a number, which datagram of how many.
pub(super) fn memcached_datagram(octets: &[u8], context: &Context<'_>) -> Probe {
    match octets {
        [_, _, _, _, _, 1..=255, 0, 0, rest @ ..] => memcached(rest, context),
        _ => Probe::No,
    }
}

/// Its length, two numbers, a kind of message that there is; least significant octets first.
pub(super) fn mongodb(octets: &[u8], context: &Context<'_>) -> Probe {
    let number = |place: usize| u32_at(octets, place).map(u32::swap_bytes);
    let (Some(length), Some(answered), Some(kind)) = (number(0), number(8), number(12)) else {
        return if octets.len() < 16 && octets.get(3).is_none_or(|high| *high <= 2) { Probe::More } else { Probe::No };
    };
    let is_request = matches!(kind, 2001 | 2002 | 2004..=2007 | 2010..=2013);
    let is_sized = (20..=48_000_000).contains(&length) && length as usize >= octets.len().min(20);
    yes_if(is_sized && (is_request && (answered == 0 || !context.is_from_client()) || kind == 1 && context.has_port(27_017)))
}

/// STARTUP with the version of the language, or OPTIONS on the customary port.
pub(super) fn cassandra(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_begun = match octets {
        [1 | 2, _, _, 1, _, _, _, _, 0, _, 0, 11, rest @ ..] => rest.starts_with(b"CQL_VERSION"),
        [3..=5, _, _, _, 1, _, _, _, _, 0, _, 0, 11, rest @ ..] => rest.starts_with(b"CQL_VERSION"),
        [3..=5, _, _, _, 1, _, _, _, _, 0, 2..=255, rest @ ..] => {
            rest.windows(11).take(256).any(|window| window == b"CQL_VERSION")
        }
        [3..=5, _, _, _, 5, 0, 0, 0, 0] => context.has_port(9042),
        _ => false,
    };
    let may_begin = match octets {
        [] => true,
        [1..=5, ..] if octets.len() < 9 => true,
        [3..=5, _, _, _, 1, 0, 0, 0, length, rest @ ..] => rest.len() < usize::from(*length),
        _ => false,
    };
    if !is_begun && may_begin { Probe::More } else { yes_if(is_begun) }
}

/// A request to connect: its length, version 0, a session of 0 or more with a password of 16 octets.
pub(super) fn zookeeper(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_request = matches!(u32_at(octets, 0), Some(44 | 45)) && u32_at(octets, 4) == Some(0) && u32_at(octets, 28) == Some(16);
    let is_word = matches!(octets, b"ruok" | b"stat" | b"srvr" | b"mntr" | b"conf" | b"ruok\n" | b"stat\n" | b"mntr\n");
    yes_if(is_request && octets.len() >= 48 || is_word && context.has_port(2181))
}
