//! The system calls of live capture (packet(7), `Documentation/networking/packet_mmap.rst` of Linux), behind functions that are safe.
//!
//! Everything that the compiler cannot check is here: options of packet sockets, the ring that the kernel shares with us, and the list of
//! interfaces. Nothing here knows what a frame is.
#![allow(unsafe_code, reason = "packet sockets and their rings have no safe interface")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::interfaces::Interface;
use crate::bpf::Instruction;

/// Offset of `block_status` in `tpacket_block_desc`, behind the version and the offset of private data.
const BLOCK_STATUS_AT: usize = 8;

/// A packet socket: it sees frames once it is bound.
pub(super) struct PacketSocket {
    fd: OwnedFd,
}

/// What `wait` saw.
pub(super) enum Woken {
    /// A block may be ready, or the time is over.
    Ready,
    /// The socket reports an error, which is now taken off it.
    Failed(io::Error),
}

/// What the kernel counted since it was asked last.
pub(super) struct Counted {
    /// Frames that the filter let through, those without room included.
    pub(super) seen: u32,
    /// Frames for which the ring had no room.
    pub(super) dropped: u32,
    /// Times at which the ring was full.
    pub(super) freezes: u32,
}

impl PacketSocket {
    /// Opens a socket that sees nothing yet: its protocol is 0 until it is bound.
    pub(super) fn open() -> io::Result<Self> {
        // SAFETY: takes numbers only.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        check(fd)?;
        // SAFETY: the descriptor is open and nobody else has it.
        Ok(PacketSocket { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Sets an option of packet(7) whose value is a number.
    pub(super) fn set_number(&self, option: c_int, value: c_int) -> io::Result<()> {
        self.set(libc::SOL_PACKET, option, &value)
    }

    /// Replaces the filter at once: each frame meets the old program or the new one.
    pub(super) fn set_filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
    }

    /// Sets the program that tells the number of the worker in a PACKET_FANOUT_CBPF group.
    pub(super) fn set_fanout_program(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program)
    }

    /// Starts to see the frames of an interface.
    pub(super) fn bind(&self, interface: u32) -> io::Result<()> {
        let all_protocols = (libc::ETH_P_ALL as u16).to_be();
        // SAFETY: zeros are a valid address of this kind.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = all_protocols;
        address.sll_ifindex = interface as c_int;
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the address is of the length that is told, and only read.
        check(unsafe { libc::bind(self.raw(), (&raw const address).cast(), length) })
    }

    /// Has the interface take frames that are for others, as long as the socket is open.
    pub(super) fn set_promiscuous(&self, interface: u32) -> io::Result<()> {
        let membership = libc::packet_mreq {
            mr_ifindex: interface as c_int,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)
    }

    /// The value of PACKET_FANOUT: number of the group in the lower half.
    pub(super) fn fanout(&self) -> io::Result<u32> {
        self.get::<c_int>(libc::SOL_PACKET, libc::PACKET_FANOUT).map(|value| value as u32)
    }

    /// What the kernel counted since the last call.
    pub(super) fn take_counted(&self) -> io::Result<Counted> {
        let counted = self.get::<libc::tpacket_stats_v3>(libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(Counted { seen: counted.tp_packets, dropped: counted.tp_drops, freezes: counted.tp_freeze_q_cnt })
    }

    /// Waits until a block is ready, the socket fails, or the time is over; a signal ends the wait early.
    pub(super) fn wait(&self, timeout: Duration) -> io::Result<Woken> {
        let milliseconds = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        let mut polled = libc::pollfd { fd: self.raw(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, which is ours.
        match check(unsafe { libc::poll(&raw mut polled, 1, milliseconds) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Woken::Ready),
            outcome => outcome?,
        }
        if polled.revents & libc::POLLERR == 0 {
            return Ok(Woken::Ready);
        }
        match self.get::<c_int>(libc::SOL_SOCKET, libc::SO_ERROR)? {
            0 => Ok(Woken::Ready),
            code => Ok(Woken::Failed(io::Error::from_raw_os_error(code))),
        }
    }

    fn set_program(&self, level: c_int, option: c_int, program: &[Instruction]) -> io::Result<()> {
        let filter = |i: &Instruction| libc::sock_filter { code: i.code, jt: i.jump_true, jf: i.jump_false, k: i.k };
        let mut filters: Vec<_> = program.iter().map(filter).collect();
        let Ok(len) = u16::try_from(filters.len()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // The kernel copies the program before the call returns.
        self.set(level, option, &libc::sock_fprog { len, filter: filters.as_mut_ptr() })
    }

    fn set<T>(&self, level: c_int, option: c_int, value: &T) -> io::Result<()> {
        let length = size_of::<T>() as libc::socklen_t;
        // SAFETY: the kernel reads at most `length` octets, which is the size of the value.
        check(unsafe { libc::setsockopt(self.raw(), level, option, ptr::from_ref(value).cast(), length) })
    }

    /// Reads an option whose type is made of numbers alone.
    fn get<T>(&self, level: c_int, option: c_int) -> io::Result<T> {
        // SAFETY: the callers in this file ask for structures of numbers, for which zeros are valid.
        let mut value: T = unsafe { mem::zeroed() };
        let mut length = size_of::<T>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` octets, which is the size of the value.
        check(unsafe { libc::getsockopt(self.raw(), level, option, (&raw mut value).cast(), &raw mut length) })?;
        Ok(value)
    }

    fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Blocks of frames in memory that the kernel fills and we read, in turn (TPACKET_V3).
///
/// A block belongs to the kernel until it sets its status to TP_STATUS_USER, then to us until we set it back.
pub(super) struct Ring {
    start: NonNull<u8>,
    blocks: usize,
    block_bytes: usize,
    /// The block that is read next.
    at: usize,
}

// SAFETY: the ring is a region of memory without ties to a thread, and only its owner touches it.
unsafe impl Send for Ring {}

impl Ring {
    /// Makes the ring of a socket and maps it. A block that is not full is handed over after `retire_ms`.
    pub(super) fn open(socket: &PacketSocket, blocks: u32, block_bytes: u32, retire_ms: u32) -> io::Result<Self> {
        socket.set_number(libc::PACKET_VERSION, libc::tpacket_versions::TPACKET_V3 as c_int)?;
        // In this version the frames of a block lie one behind the other; the frame size only has to pass the kernel's checks.
        let request = libc::tpacket_req3 {
            tp_block_size: block_bytes,
            tp_block_nr: blocks,
            tp_frame_size: block_bytes,
            tp_frame_nr: blocks,
            tp_retire_blk_tov: retire_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let (blocks, block_bytes) = (blocks as usize, block_bytes as usize);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at a place of the kernel's choice, of exactly the ring's size.
        let start = unsafe { libc::mmap(ptr::null_mut(), blocks * block_bytes, access, libc::MAP_SHARED, socket.raw(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Ring { start, blocks, block_bytes, at: 0 })
    }

    /// The next block where the kernel has handed it over.
    #[inline]
    pub(super) fn block(&mut self) -> Option<&mut [u8]> {
        let is_ours = self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER != 0;
        // SAFETY: the block lies in the mapping, which lives as long as the ring; while it is ours the kernel does not write to it, and
        // the borrow of the ring keeps us from handing it back.
        is_ours.then(|| unsafe { slice::from_raw_parts_mut(self.block_start().as_ptr(), self.block_bytes) })
    }

    /// Hands the block back to the kernel; the next one is next.
    pub(super) fn release(&mut self) {
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.at = (self.at + 1) % self.blocks;
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: within the block, aligned (blocks start at pages), and both sides treat it as atomic.
        unsafe { AtomicU32::from_ptr(self.block_start().as_ptr().add(BLOCK_STATUS_AT).cast()) }
    }

    fn block_start(&self) -> NonNull<u8> {
        // SAFETY: `at` is less than the number of blocks, so this is within the mapping.
        unsafe { self.start.add(self.at * self.block_bytes) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that was made, and no block of it is lent any more. Failure would leave it mapped, which harms nobody.
        unsafe { libc::munmap(self.start.as_ptr().cast::<c_void>(), self.blocks * self.block_bytes) };
    }
}

/// Every interface of this network namespace (netdevice(7)). One that is removed meanwhile is left out.
pub(super) fn list_interfaces() -> io::Result<Vec<Interface>> {
    // Any socket can be asked about interfaces, and this kind needs neither addresses nor privilege.
    let socket = UnixDatagram::unbound()?;
    // SAFETY: returns a list that is freed below, or null.
    let list = unsafe { libc::if_nameindex() };
    if list.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut interfaces = Vec::new();
    let mut next = list;
    loop {
        // SAFETY: the list ends with an entry whose index is 0, at which the loop ends.
        let entry = unsafe { &*next };
        if entry.if_index == 0 {
            break;
        }
        // SAFETY: an entry before the last has a name, which is a C string.
        let name = unsafe { CStr::from_ptr(entry.if_name) };
        if let Some((is_up, hardware_type)) = describe(&socket, name) {
            interfaces.push(Interface::new(name.to_string_lossy().into_owned(), entry.if_index, is_up, hardware_type));
        }
        // SAFETY: this entry is not the last.
        next = unsafe { next.add(1) };
    }
    // SAFETY: the list that was made above; nothing of it is used any more.
    unsafe { libc::if_freenameindex(list) };
    Ok(interfaces)
}

/// Whether an interface is up, and its ARP hardware type.
fn describe(socket: &UnixDatagram, name: &CStr) -> Option<(bool, u16)> {
    // SAFETY: zeros are a valid request.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    let last = request.ifr_name.len() - 1;
    request.ifr_name.iter_mut().take(last).zip(name.to_bytes()).for_each(|(to, from)| *to = *from as c_char);
    // SAFETY: the kernel reads the name and writes into the request.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) }).ok()?;
    // SAFETY: flags were written; any number is valid.
    let is_up = c_int::from(unsafe { request.ifr_ifru.ifru_flags }) & libc::IFF_UP != 0;
    // SAFETY: as above.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR, &raw mut request) }).ok()?;
    // SAFETY: an address was written, in whose family the hardware type stands.
    Some((is_up, unsafe { request.ifr_ifru.ifru_hwaddr }.sa_family))
}

fn check(outcome: c_int) -> io::Result<()> {
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
