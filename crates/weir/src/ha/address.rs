//! Whether this machine holds the shared address: asked of the kernel once, and told by it from then on.
//!
//! An address counts while its interface carries packets and no other machine was found to have it. When the kernel had more to say than there was room
//! for, everything is asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with};

use super::netlink::{GROUPS, List, Said, read, request};
use super::{Role, Verdict};

/// Octets of a datagram of the kernel at the most, as it makes them for those who have room.
const LONGEST: usize = 64 << 10;

/// Watches an address.
pub(super) struct AddressWatch {
    shared: IpAddr,
    socket: OwnedFd,
    buffer: Vec<u8>,
    /// What is being told, until it is whole.
    asked: Option<Asked>,
    number: u32,
    known: Known,
}

struct Asked {
    list: List,
    number: u32,
    /// It has to be asked for again.
    is_stale: bool,
}

/// What is known of this machine.
#[derive(Debug, Default)]
struct Known {
    /// Interfaces by number: name, and whether they carry packets.
    links: BTreeMap<u32, (String, bool)>,
    /// Interfaces that have the shared address.
    holders: BTreeSet<u32>,
}

impl AddressWatch {
    /// Begins to watch; the first verdict comes when the kernel has told everything. The error is a sentence.
    pub(super) fn open(shared: IpAddr) -> Result<Self, String> {
        let open = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
            Ok(socket)
        };
        let socket = open().map_err(|error: Errno| format!("cannot ask the kernel for addresses: {error}"))?;
        let mut watch = Self { shared, socket, buffer: vec![0; LONGEST], asked: None, number: 0, known: Known::default() };
        watch.ask_all()?;
        Ok(watch)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Hears all that the kernel has said; none while it has not told everything. The error is a sentence.
    pub(super) fn look(&mut self) -> Result<Option<Verdict>, String> {
        loop {
            match recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::TRUNC) {
                Ok((length, whole)) if whole > length => self.ask_all()?,
                Ok((length, _)) => self.hear(length)?,
                Err(Errno::NOBUFS) => {
                    tracing::debug!("the kernel had more to say of addresses than there was room for: they are asked for again");
                    self.ask_all()?;
                }
                Err(Errno::AGAIN) => return Ok(self.verdict()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(format!("cannot hear the kernel's word on addresses: {error}")),
            }
        }
    }

    fn hear(&mut self, length: usize) -> Result<(), String> {
        let Self { shared, buffer, asked, known, .. } = self;
        let (mut whole, mut refused) = (false, None);
        let number = asked.as_ref().map(|asked| asked.number);
        read(buffer.get(..length).unwrap_or_default(), |said| match said {
            Said::Done(of) => whole |= Some(of) == number,
            Said::Stale(of) if Some(of) == number => asked.iter_mut().for_each(|asked| asked.is_stale = true),
            Said::Refused(of, code) if Some(of) == number => refused = Some(Errno::from_raw_os_error(code)),
            said => known.hear(said, *shared),
        });
        match (refused, &self.asked) {
            // An earlier list is still being told.
            (Some(Errno::BUSY), _) => self.ask_all(),
            (Some(error), _) => Err(format!("the kernel does not tell addresses: {error}")),
            (None, Some(asked)) if whole && asked.is_stale => self.ask_all(),
            (None, Some(Asked { list: List::Links, .. })) if whole => self.ask(List::Addresses),
            (None, _) => {
                self.asked.take_if(|_| whole);
                Ok(())
            }
        }
    }

    /// Forgets everything and asks for it.
    fn ask_all(&mut self) -> Result<(), String> {
        self.known = Known::default();
        self.ask(List::Links)
    }

    fn ask(&mut self, list: List) -> Result<(), String> {
        self.number = self.number.wrapping_add(1).max(1);
        let request = request(list, self.number);
        self.asked = Some(Asked { list, number: self.number, is_stale: false });
        send(&self.socket, &request, SendFlags::empty())
            .map(drop)
            .map_err(|error| format!("cannot ask the kernel for addresses: {error}"))
    }

    fn verdict(&self) -> Option<Verdict> {
        self.asked.is_none().then(|| self.known.verdict(self.shared))
    }
}

impl Known {
    fn hear(&mut self, said: Said, shared: IpAddr) {
        match said {
            Said::Link { index, is_gone: true, .. } => {
                self.links.remove(&index);
                self.holders.remove(&index);
            }
            Said::Link { index, name, is_running, .. } => drop(self.links.insert(index, (name, is_running))),
            Said::Address { index, address, is_usable } if address == shared => {
                if is_usable {
                    self.holders.insert(index);
                } else {
                    self.holders.remove(&index);
                }
            }
            _ => {}
        }
    }

    fn verdict(&self, shared: IpAddr) -> Verdict {
        let holders = || self.holders.iter().filter_map(|index| self.links.get(index));
        match (holders().find(|(_, is_running)| *is_running), holders().next()) {
            (Some((name, _)), _) => Verdict { role: Role::Active, cause: format!("{name} has {shared}") },
            (None, Some((name, _))) => {
                Verdict { role: Role::Standby, cause: format!("{name} has {shared}, but carries no packets") }
            }
            (None, None) => Verdict { role: Role::Standby, cause: format!("{shared} is not here") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_while_its_interface_carries_packets() {
        let shared = IpAddr::from([192, 0, 2, 100]);
        let mut known = Known::default();
        let link = |is_running, is_gone| Said::Link { index: 2, name: "eth0".into(), is_running, is_gone };
        let address = |last, is_usable| Said::Address { index: 2, address: [192, 0, 2, last].into(), is_usable };
        for (said, role, cause) in [
            (link(true, false), Role::Standby, "192.0.2.100 is not here"),
            (address(1, true), Role::Standby, "192.0.2.100 is not here"),
            (address(100, true), Role::Active, "eth0 has 192.0.2.100"),
            (link(false, false), Role::Standby, "eth0 has 192.0.2.100, but carries no packets"),
            (link(true, false), Role::Active, "eth0 has 192.0.2.100"),
            (address(100, false), Role::Standby, "192.0.2.100 is not here"),
            (address(100, true), Role::Active, "eth0 has 192.0.2.100"),
            (link(false, true), Role::Standby, "192.0.2.100 is not here"),
        ] {
            let told = format!("{said:?}");
            known.hear(said, shared);
            assert_eq!(known.verdict(shared), Verdict { role, cause: cause.into() }, "{told}");
        }
    }

    #[test]
    fn the_kernel_tells_what_this_machine_has() {
        let mut watch = AddressWatch::open([127, 0, 0, 1].into()).unwrap();
        let verdict = loop {
            let mut polled = [rustix::event::PollFd::from_borrowed_fd(watch.fd(), rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut polled, None).unwrap();
            if let Some(verdict) = watch.look().unwrap() {
                break verdict;
            }
        };
        assert!(watch.known.links.values().any(|(name, _)| name == "lo"), "{:?}", watch.known);
        let is_up = watch.known.links.values().any(|(name, is_running)| name == "lo" && *is_running);
        assert_eq!(verdict.role == Role::Active, is_up, "{verdict:?}");
    }
}
