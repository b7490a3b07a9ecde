//! The interfaces of this machine: what can be captured on.

use std::fmt;
use std::io;

use super::sys;

/// LINKTYPE_ETHERNET.
const ETHERNET: u16 = 1;
/// LINKTYPE_RAW: the frame begins with its IP header.
const RAW: u16 = 101;

/// An interface of this network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Its number, as SNMP's ifIndex and flow records have it.
    pub index: u32,
    /// It is switched on. That it has a carrier is another matter.
    pub is_up: bool,
    /// What its frames look like.
    pub kind: LinkKind,
}

/// What the frames of an interface begin with, by its ARP hardware type (`linux/if_arp.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// An Ethernet header.
    Ethernet,
    /// An Ethernet header; each packet is both sent and received here.
    Loopback,
    /// The IP header: tunnels such as WireGuard, OpenVPN and IP in IP.
    Ip,
    /// Something that is not captured, by its hardware type.
    Other(u16),
}

/// Lists the interfaces of this network namespace, by number. Needs no privilege.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut interfaces = sys::list_interfaces()?;
    interfaces.sort_by_key(|interface| interface.index);
    Ok(interfaces)
}

impl Interface {
    pub(super) fn new(name: String, index: u32, is_up: bool, hardware_type: u16) -> Self {
        /// ARPHRD_RAWIP: mobile network modems.
        const RAW_IP: u16 = 519;
        let kind = match hardware_type {
            libc::ARPHRD_ETHER => LinkKind::Ethernet,
            libc::ARPHRD_LOOPBACK => LinkKind::Loopback,
            libc::ARPHRD_NONE | RAW_IP | libc::ARPHRD_TUNNEL | libc::ARPHRD_TUNNEL6 | libc::ARPHRD_SIT => LinkKind::Ip,
            other => LinkKind::Other(other),
        };
        Interface { name, index, is_up, kind }
    }
}

impl LinkKind {
    /// The LINKTYPE_ number of its frames; none where they are not captured.
    pub fn link_type(self) -> Option<u16> {
        match self {
            LinkKind::Ethernet | LinkKind::Loopback => Some(ETHERNET),
            LinkKind::Ip => Some(RAW),
            LinkKind::Other(_) => None,
        }
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkKind::Ethernet => f.write_str("Ethernet"),
            LinkKind::Loopback => f.write_str("loopback"),
            LinkKind::Ip => f.write_str("IP"),
            LinkKind::Other(hardware_type) => write!(f, "hardware type {hardware_type}"),
        }
    }
}
