//! Messages of rtnetlink about links and addresses (RFC 3549): what is asked, and what the kernel answers or tells by itself. Pure.
//!
//! Numbers are in the order of this machine. Lengths are claims: a message that does not fit ends the datagram.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Groups of the kernel's own messages: links, IPv4 and IPv6 addresses.
pub(super) const GROUPS: u32 = 0x1 | 0x10 | 0x100;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;

const IFLA_IFNAME: u16 = 3;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// Up, and able to carry packets.
const IFF_UP: u32 = 0x1;
const IFF_RUNNING: u32 = 0x40;
/// Another machine has the address, or nobody knows yet.
const IFA_F_DADFAILED: u32 = 0x08;
const IFA_F_TENTATIVE: u32 = 0x40;

/// Octets before the payload of a message, of links and of addresses in it, and of an attribute.
const HEADER: usize = 16;
const LINK: usize = 16;
const ADDRESS: usize = 8;
const ATTRIBUTE: usize = 4;

/// Which list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Links,
    Addresses,
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// An interface is there, and carries packets or not; or it has gone.
    Link { index: u32, name: String, is_running: bool, is_gone: bool },
    /// An interface has an address that can be used, or has it no longer.
    Address { index: u32, address: IpAddr, is_usable: bool },
    /// The list that was asked for by this number is whole.
    Done(u32),
    /// It changed while it is told, so it has to be asked for again when it is whole.
    Stale(u32),
    /// It cannot be told, for this reason.
    Refused(u32, i32),
}

/// Asks for a list; `number` stands in the answer.
pub(super) fn request(list: List, number: u32) -> Vec<u8> {
    let (kind, body) = match list {
        List::Links => (RTM_GETLINK, LINK),
        List::Addresses => (RTM_GETADDR, ADDRESS),
    };
    let length = HEADER + body;
    let mut message = Vec::with_capacity(length);
    message.extend((length as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    message.extend(number.to_ne_bytes());
    // To the kernel, about any family.
    message.resize(length, 0);
    message
}

/// What the messages of a datagram say; those about other things are passed over.
pub(super) fn read(mut datagram: &[u8], mut hear: impl FnMut(Said)) {
    while let Some((message, rest)) = split(datagram, |head| u32_at(head, 0).map(|length| length as usize), HEADER) {
        datagram = rest;
        let (Some(kind), Some(flags), Some(number)) = (u16_at(message, 4), u16_at(message, 6), u32_at(message, 8)) else {
            return;
        };
        let body = message.get(HEADER..).unwrap_or_default();
        if flags & NLM_F_DUMP_INTR != 0 {
            hear(Said::Stale(number));
        }
        let code = || u32_at(body, 0).unwrap_or_default() as i32;
        let said = match kind {
            NLMSG_DONE if code() >= 0 => Some(Said::Done(number)),
            NLMSG_DONE | NLMSG_ERROR => Some(Said::Refused(number, -code())),
            RTM_NEWLINK | RTM_DELLINK => link(body, kind == RTM_DELLINK),
            RTM_NEWADDR | RTM_DELADDR => address(body, kind == RTM_DELADDR),
            _ => None,
        };
        said.into_iter().for_each(&mut hear);
    }
}

fn link(body: &[u8], is_gone: bool) -> Option<Said> {
    // A bridge tells of its ports in a family of its own, as when one leaves it, which is no end of the interface.
    if *body.first()? != 0 {
        return None;
    }
    let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
    let mut name = String::new();
    attributes(body.get(LINK..)?, |kind, value| {
        if kind == IFLA_IFNAME {
            name = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
        }
    });
    let is_running = flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING;
    Some(Said::Link { index, name, is_running, is_gone })
}

fn address(body: &[u8], is_gone: bool) -> Option<Said> {
    let (family, mut flags, index) = (*body.first()?, u32::from(*body.get(2)?), u32_at(body, 4)?);
    let (mut peer, mut local) = (None, None);
    attributes(body.get(ADDRESS..)?, |kind, value| match kind {
        IFA_ADDRESS => peer = ip(family, value),
        IFA_LOCAL => local = ip(family, value),
        IFA_FLAGS => flags = u32_at(value, 0).unwrap_or(flags),
        _ => {}
    });
    // Of a link between two the first is the other end's.
    let address = local.or(peer)?;
    let is_usable = !is_gone && flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) == 0;
    Some(Said::Address { index, address, is_usable })
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => <[u8; 4]>::try_from(value).ok().map(|octets| Ipv4Addr::from(octets).into()),
        AF_INET6 => <[u8; 16]>::try_from(value).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn attributes(mut octets: &[u8], mut hear: impl FnMut(u16, &[u8])) {
    while let Some((attribute, rest)) = split(octets, |head| u16_at(head, 0).map(usize::from), ATTRIBUTE) {
        octets = rest;
        let kind = u16_at(attribute, 2).unwrap_or_default();
        hear(kind, attribute.get(ATTRIBUTE..).unwrap_or_default());
    }
}

/// The first part by its length, and what stands behind its padding; none where it does not fit.
fn split(octets: &[u8], length: impl Fn(&[u8]) -> Option<usize>, least: usize) -> Option<(&[u8], &[u8])> {
    let length = length(octets).filter(|length| *length >= least)?;
    let part = octets.get(..length)?;
    Some((part, octets.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn u16_at(octets: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*octets.get(place..)?.first_chunk()?))
}

fn u32_at(octets: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*octets.get(place..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;
