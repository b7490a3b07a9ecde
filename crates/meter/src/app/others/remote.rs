//! Remote work: SSH (RFC 4253), RDP (MS-RDPBCGR, MS-RDPEUDP), VNC (RFC 6143), Telnet (RFC 854), DCE/RPC (C706), ONC RPC (RFC 5531) and NFS,
//! TFTP (RFC 1350), rsync.

use super::{begins_with, too_few, u32_at, yes_if};
use crate::app::protocol::{Context, Probe};

/// The version line (RFC 4253 section 4.2).
pub(super) fn ssh(octets: &[u8], _: &Context<'_>) -> Probe {
    begins_with(octets, &[b"SSH-1.", b"SSH-2."])
}

/// TPKT and X.224: a connection request with a cookie or what security is wanted, or the answer.
pub(super) fn rdp(octets: &[u8], context: &Context<'_>) -> Probe {
    let &[3, 0, high, low, rest, kind, 0, 0, _, _, 0, ref body @ ..] = octets else {
        return if octets.len() < 11 { too_few(octets, &[3, 0]) } else { Probe::No };
    };
    let length = u16::from_be_bytes([high, low]);
    if usize::from(length) != usize::from(rest) + 5 {
        return Probe::No;
    }
    if matches!(kind, 0xe0 | 0xd0) && octets.len() < usize::from(length).min(19) {
        return Probe::More;
    }
    let is_rdp = match (kind, body) {
        // Only the oldest clients ask for nothing at all.
        (0xe0 | 0xd0, []) => context.has_port(3389),
        (0xe0, body) => body.starts_with(b"Cookie: ") || matches!(body, [1, _, 8, 0, ..]),
        (0xd0, body) => matches!(body, [2 | 3, _, 8, 0, ..]),
        // The request has no destination yet: the answer has the source.
        _ => false,
    };
    yes_if(is_rdp)
}

/// RDP over UDP: a SYN (sequence number acknowledged is all ones, window, flags).
pub(super) fn rdp_datagram(octets: &[u8], context: &Context<'_>) -> Probe {
    let is_syn = octets.len() >= 1132 && octets.starts_with(&[0xff; 4]) && octets.get(7).is_some_and(|flags| flags & 1 == 1);
    yes_if(is_syn && (context.has_port(3389) || octets.get(6).is_some_and(|flags| *flags <= 0x1f)))
}

pub(super) fn vnc(octets: &[u8], _: &Context<'_>) -> Probe {
    begins_with(octets, &[b"RFB 003.", b"RFB 004."])
}

/// Options are negotiated: WILL, WONT, DO, DONT and what, twice at least away from the customary port.
pub(super) fn telnet(octets: &[u8], context: &Context<'_>) -> Probe {
    let mut commands = octets.chunks(3);
    let is_command = |command: Option<&[u8]>| matches!(command, Some([0xff, 0xfb..=0xfe, 0..=49]));
    let first = is_command(commands.next());
    match octets {
        [] | [0xff] | [0xff, 0xfb..=0xfe] => Probe::More,
        _ => yes_if(first && (context.has_port(23) || is_command(commands.next()) && is_command(commands.next()))),
    }
}

/// Version 5.0, an order to bind, and the length of the fragment.
pub(super) fn dcerpc(octets: &[u8], context: &Context<'_>) -> Probe {
    let &[5, 0, kind, flags, order, 0, 0, 0, low, high, ..] = octets else {
        return if octets.len() < 10 { too_few(octets, &[5, 0]) } else { Probe::No };
    };
    let length = if order == 0x10 { u16::from_le_bytes([low, high]) } else { u16::from_be_bytes([low, high]) };
    let is_kind = matches!(kind, 11..=16) || context.has_port(135) && kind <= 19;
    yes_if(is_kind && flags & 3 != 0 && matches!(order, 0 | 0x10) && usize::from(length) >= 16)
}

/// The program that a call is for. It is a request (0) in version 2 of the protocol.
fn called_program(octets: &[u8]) -> Option<u32> {
    match (u32_at(octets, 4)?, u32_at(octets, 8)?) {
        (0, 2) => u32_at(octets, 12),
        _ => None,
    }
}

/// What a fragment of a stream holds: 4 octets say its length, and that it is the last.
fn record(octets: &[u8]) -> Option<&[u8]> {
    let mark = u32_at(octets, 0)?;
    let length = mark & 0x7fff_ffff;
    (mark >> 31 == 1 && (24..=1 << 20).contains(&length)).then(|| octets.get(4..).unwrap_or_default())
}

/// NFS, its mount and lock services.
fn is_nfs(program: u32) -> bool {
    matches!(program, 100_003 | 100_005 | 100_021 | 100_024 | 100_227)
}

fn is_rpc(program: u32) -> bool {
    (100_000..=100_500).contains(&program)
        || (300_000..400_000).contains(&program)
        || (0x2000_0000..0x4000_0000).contains(&program)
}

pub(super) fn nfs(octets: &[u8], _: &Context<'_>) -> Probe {
    match record(octets) {
        Some(call) if call.len() < 16 => Probe::More,
        Some(call) => yes_if(called_program(call).is_some_and(is_nfs)),
        None => yes_if(false),
    }
}

pub(super) fn nfs_datagram(octets: &[u8], _: &Context<'_>) -> Probe {
    yes_if(called_program(octets).is_some_and(is_nfs))
}

pub(super) fn rpc(octets: &[u8], _: &Context<'_>) -> Probe {
    yes_if(record(octets).and_then(called_program).is_some_and(is_rpc))
}

pub(super) fn rpc_datagram(octets: &[u8], _: &Context<'_>) -> Probe {
    yes_if(called_program(octets).is_some_and(is_rpc))
}

/// A request has a file name and a mode; the transfer goes on from another port, with the first block or its acknowledgement.
pub(super) fn tftp(octets: &[u8], context: &Context<'_>) -> Probe {
    const MODES: &[&[u8]] = &[b"octet", b"netascii", b"mail"];
    let is_tftp = match octets {
        [0, 1 | 2, rest @ ..] => {
            let mut texts = rest.split(|octet| *octet == 0);
            let name = texts.next().unwrap_or_default();
            let mode = texts.next().unwrap_or_default();
            !name.is_empty() && MODES.iter().any(|known| known.eq_ignore_ascii_case(mode))
        }
        [0, 3, 0, 1, ..] => context.wire_length == 516 || context.has_port(69),
        [0, 4, 0, 0 | 1] => context.wire_length == 4,
        // An error has a number and a text, an acknowledgement of options their names.
        [0, 5, 0, 0..=8, text @ ..] => text.len() > 4 && is_text(text),
        [0, 6, text @ ..] => text.len() > 4 && is_text(text),
        _ => false,
    };
    yes_if(is_tftp)
}

/// Printable characters with a NUL behind them.
fn is_text(octets: &[u8]) -> bool {
    octets.last() == Some(&0) && octets.iter().all(|octet| matches!(octet, 0 | 0x20..0x7f))
}

pub(super) fn rsync(octets: &[u8], _: &Context<'_>) -> Probe {
    begins_with(octets, &[b"@RSYNCD: "])
}
