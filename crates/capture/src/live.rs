//! Frames from the interfaces of Linux.
//!
//! Packet sockets with a ring in shared memory (packet(7), TPACKET_V3): the kernel writes frames into blocks, and whole blocks are read
//! without a system call or a copy. Kernel 4.20 or later is needed.
//!
//! What is lent is what was on the wire, as far as the kernel can tell:
//! - VLAN tags that were taken off are back in their place.
//! - Packets that were joined on arrival (GRO), or are not cut yet (TSO, GSO), come as one frame whose [`crate::Frame::segment_size`] says so.
//! - Checksums of frames that this machine sends may not be filled in yet; they say nothing about the frame.
//! - Sent and received frames are both seen. On loopback every packet is sent and received, and seen once.
//!
//! Frames that the kernel has no room for are counted ([`LiveStats::dropped`]).

mod block;
mod error;
mod fanout;
mod interfaces;
mod sys;

use std::fmt;
use std::io;
use std::num::NonZeroU8;
use std::thread;
use std::time::Duration;

pub use error::LiveError;
pub use interfaces::{Interface, LinkKind, interfaces};

use crate::bpf::{Bpf, Instruction, WHOLE_FRAME, op};
use crate::file::{Frame, GROUP_FRAMES, Group};
use block::{Frames, Packet};
use sys::{PacketSocket, Ring, Woken};

/// What to capture, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConfig {
    /// Name of the interface.
    pub interface: String,
    /// Frames to capture, in BPF text (pcap-filter(7)); none for all. It sees the frame that is lent: with its VLAN tag, and joined packets
    /// as one.
    pub filter: Option<String>,
    /// Most octets of a frame that are kept. The default, 262,144, keeps all of every frame: joined packets have up to 64 KiB, and more with
    /// BIG TCP. Counts stay right with less, but what is in the packets behind the first of such a frame is not seen.
    pub snap_length: u32,
    /// Take frames that are for other machines too, as the mirror port of a switch delivers them.
    pub promiscuous: bool,
    /// Memory for frames that wait to be read, bytes, for each worker. 64 MiB unless changed.
    pub ring_bytes: usize,
}

/// What the kernel counted since the capture was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveStats {
    /// Frames that came into the ring; with a filter, also those with a VLAN tag that it refuses afterwards.
    pub received: u64,
    /// Frames that the filter let through but for which the ring had no room.
    pub dropped: u64,
    /// Times at which the ring was found full.
    pub freezes: u64,
}

/// An interface that is being captured on, by one worker.
pub struct LiveCapture {
    socket: PacketSocket,
    ring: Ring,
    interface: Interface,
    link_type: u16,
    /// Run over frames whose tag was put back, since the kernel's filter does not see it.
    filter: Option<Bpf>,
    totals: LiveStats,
    frames: u64,
    is_gone: bool,
    /// What is left of the block that is being read.
    left: Option<Frames>,
}

/// Frames that came one after another, lent until they are given back by dropping it. Frames not asked for until then are given up.
pub struct Block<'a> {
    capture: &'a mut LiveCapture,
}

/// Bytes of a block: room for the longest frame that is kept, and for some thousands of short ones.
const BLOCK_BYTES: u32 = 1 << 20;
/// A block that is not full is handed over after this time.
const RETIRE_MS: u32 = 50;
/// Fewest and most bytes of a ring: two blocks, so that one fills while the other is read; 4 GiB.
const RING_BYTES: [usize; 2] = [2 * BLOCK_BYTES as usize, 4096 * BLOCK_BYTES as usize];
/// Fewest and most octets that are kept of a frame; the least holds the headers of TCP over IPv6.
const SNAP_LENGTHS: [usize; 2] = [96, WHOLE_FRAME as usize];

impl LiveConfig {
    /// Every frame of an interface, whole; not promiscuous.
    pub fn new(interface: impl Into<String>) -> Self {
        let (filter, promiscuous) = (None, false);
        LiveConfig { interface: interface.into(), filter, snap_length: WHOLE_FRAME, promiscuous, ring_bytes: 64 << 20 }
    }

    fn check_sizes(&self) -> Result<(), LiveError> {
        let sizes = [("ring", self.ring_bytes, RING_BYTES), ("snap length", self.snap_length as usize, SNAP_LENGTHS)];
        match sizes.into_iter().find(|(_, value, [least, most])| !(least..=most).contains(&value)) {
            Some((what, value, [least, most])) => Err(LiveError::Size { name: self.interface.clone(), what, value, least, most }),
            None => Ok(()),
        }
    }
}

impl LiveCapture {
    /// Longest time that a frame waits in a block that is not full, with a margin. After a wait in vain, every frame older than this has
    /// been lent, so a meter's time may advance to as much before now.
    pub const MAX_DELAY: Duration = Duration::from_millis(3 * RETIRE_MS as u64);

    /// Captures with one worker.
    pub fn open(config: &LiveConfig) -> Result<Self, LiveError> {
        let (interface, link_type, filter) = prepare(config)?;
        let capture = LiveCapture::join(config, interface, link_type, filter)?;
        capture.begin(config)?;
        Ok(capture)
    }

    /// Captures with several workers, among which the kernel divides the frames by connection (PACKET_FANOUT).
    ///
    /// Both directions of a connection go to the worker of the same number, on this interface and on any other that has as many workers;
    /// so do the fragments of UDP. Give the workers of one number on all interfaces the same flow table.
    pub fn open_workers(config: &LiveConfig, workers: NonZeroU8) -> Result<Vec<Self>, LiveError> {
        let (interface, link_type, filter) = prepare(config)?;
        let captures: Result<Vec<_>, _> =
            (0..workers.get()).map(|_| LiveCapture::join(config, interface.clone(), link_type, filter.clone())).collect();
        let captures = captures?;
        let mut group = None;
        for capture in &captures {
            group = Some(capture.join_group(group)?);
        }
        // Nobody sees a frame before everybody has a place, so that none goes to the wrong worker.
        for capture in &captures {
            capture.begin(config)?;
        }
        Ok(captures)
    }

    /// Opens the socket and its ring, and binds it; its filter refuses every frame.
    fn join(config: &LiveConfig, interface: Interface, link_type: u16, filter: Option<Bpf>) -> Result<Self, LiveError> {
        let fail = |doing| system_error(&config.interface, doing);
        let socket = PacketSocket::open().map_err(fail("open a packet socket"))?;
        socket.set_number(libc::PACKET_VNET_HDR, 1).map_err(fail("ask for offload headers"))?;
        if interface.kind == LinkKind::Loopback {
            socket.set_number(libc::PACKET_IGNORE_OUTGOING, 1).map_err(fail("leave out sent frames"))?;
        }
        socket.set_filter(&[accept(0)]).map_err(fail("attach a filter"))?;
        let blocks = (config.ring_bytes / BLOCK_BYTES as usize) as u32;
        let ring =
            Ring::open(&socket, blocks, BLOCK_BYTES, RETIRE_MS).map_err(fail("make a ring (more memory may be needed)"))?;
        socket.bind(interface.index).map_err(fail("bind the socket"))?;
        if config.promiscuous {
            socket.set_promiscuous(interface.index).map_err(fail("make it promiscuous"))?;
        }
        let totals = LiveStats::default();
        Ok(LiveCapture { socket, ring, interface, link_type, filter, totals, frames: 0, is_gone: false, left: None })
    }

    /// Becomes the next worker of a group, or the first of a new one; returns the number of the group.
    fn join_group(&self, group: Option<u32>) -> Result<u32, LiveError> {
        let fail = |doing| system_error(&self.interface.name, doing);
        let is_loopback = self.interface.kind == LinkKind::Loopback;
        let ignored = if is_loopback { libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING } else { 0 };
        let unique = if group.is_none() { libc::PACKET_FANOUT_FLAG_UNIQUEID } else { 0 };
        let value = group.unwrap_or(0) | (libc::PACKET_FANOUT_CBPF | ignored | unique) << 16;
        self.socket.set_number(libc::PACKET_FANOUT, value as i32).map_err(fail("join the group of workers"))?;
        if let Some(group) = group {
            return Ok(group);
        }
        let link_header = if self.interface.kind == LinkKind::Ip { 0 } else { 14 };
        self.socket.set_fanout_program(&fanout::program(link_header)).map_err(fail("divide frames among workers"))?;
        self.socket.fanout().map(|value| value & 0xffff).map_err(fail("read the number of the group"))
    }

    /// Replaces the filter that refuses every frame by the one that was asked for.
    fn begin(&self, config: &LiveConfig) -> Result<(), LiveError> {
        let program = kernel_program(self.filter.as_ref(), config.snap_length);
        self.socket.set_filter(&program).map_err(system_error(&config.interface, "attach the filter (it may be too long)"))
    }

    /// The next block of frames. None when there was none for `timeout`, or a signal came; then call it again.
    ///
    /// An interface that is switched off gives no frames until it is on again. Errors are final.
    pub fn next_block(&mut self, timeout: Duration) -> Result<Option<Block<'_>>, LiveError> {
        Ok(if self.ready(timeout)? { Some(Block { capture: self }) } else { None })
    }

    /// Waits for frames, unless some are at hand. False where there were none for `timeout`, or a signal came. Errors are final.
    ///
    /// With [`LiveCapture::next_time`] and [`LiveCapture::next_group`] it reads several interfaces in the order of time.
    pub fn ready(&mut self, timeout: Duration) -> Result<bool, LiveError> {
        self.settle();
        if self.left.is_none() {
            if self.ring.block().is_none() {
                self.wait(timeout)?;
            }
            self.left = self.ring.block().and_then(|block| Frames::of(block));
        }
        Ok(self.left.is_some())
    }

    /// Time of the next frame at hand, nanoseconds since 1970.
    pub fn next_time(&mut self) -> Option<i64> {
        let left = self.left.as_ref().filter(|left| left.count > 0)?;
        Packet::read(self.ring.block()?, left.at).map(|packet| packet.time_ns)
    }

    /// The frames at hand that are not later than `limit` (nanoseconds since 1970), as many as fit into a group and lie in one block.
    pub fn next_group(&mut self, limit: i64) -> Group<'_> {
        let mut packets = [None; GROUP_FRAMES];
        let mut count = 0;
        for place in &mut packets {
            if limit < i64::MAX && self.next_time().is_none_or(|time| time > limit) {
                break;
            }
            *place = self.next_packet();
            if place.is_none() {
                break;
            }
            count += 1;
        }
        let LiveCapture { ring, interface, link_type, frames, .. } = self;
        let mut number = *frames;
        *frames += count as u64;
        let block: &[u8] = ring.block().map_or(&[], |block| block);
        let frames = packets.map(|packet| {
            number += 1;
            let packet = packet.unwrap_or_default();
            Frame {
                time_ns: packet.time_ns,
                link_type: *link_type,
                data: block.get(packet.start..packet.end).unwrap_or_default(),
                original_len: packet.original_len,
                number,
                interface: interface.index,
                segment_size: packet.segment_size,
            }
        });
        Group { frames, count }
    }

    /// The next frame of the block that the filter takes. One that it refuses behind a restored tag is passed over.
    #[inline]
    fn next_packet(&mut self) -> Option<Packet> {
        let LiveCapture { ring, filter, left, .. } = self;
        let (block, left) = (ring.block()?, left.as_mut()?);
        while left.count > 0 {
            let Some(mut packet) = Packet::read(block, left.at) else {
                left.count = 0;
                return None;
            };
            left.count -= 1;
            left.at += packet.next;
            let is_restored = packet.restore_tag(block);
            let data = block.get(packet.start..packet.end)?;
            let is_refused = is_restored && filter.as_ref().is_some_and(|filter| !filter.matches(data, packet.original_len));
            if !is_refused {
                return Some(packet);
            }
        }
        None
    }

    /// Hands a block that is read to its end back to the kernel.
    fn settle(&mut self) {
        if self.left.as_ref().is_some_and(|left| left.count == 0) {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if self.left.take().is_some() {
            self.ring.release();
        }
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), LiveError> {
        let name = &self.interface.name;
        if self.is_gone {
            return Err(LiveError::Gone { name: name.clone() });
        }
        match self.socket.wait(timeout).map_err(system_error(name, "wait for frames"))? {
            Woken::Ready => Ok(()),
            // Switched off, or removed: after that the last block is handed over in its time.
            Woken::Failed(cause) if cause.raw_os_error() == Some(libc::ENETDOWN) => {
                let there = interfaces().map_err(system_error(name, "list interfaces"))?;
                self.is_gone = !there.iter().any(|interface| interface.index == self.interface.index);
                if self.is_gone {
                    thread::sleep(LiveCapture::MAX_DELAY);
                }
                Ok(())
            }
            Woken::Failed(cause) => Err(system_error(name, "capture")(cause)),
        }
    }

    /// What the kernel counted so far. Its counters have 32 bits, so ask at least every few minutes.
    pub fn stats(&mut self) -> Result<LiveStats, LiveError> {
        let counted = self.socket.take_counted().map_err(system_error(&self.interface.name, "read the counters"))?;
        self.totals.received += u64::from(counted.seen.saturating_sub(counted.dropped));
        self.totals.dropped += u64::from(counted.dropped);
        self.totals.freezes += u64::from(counted.freezes);
        Ok(self.totals)
    }

    /// The interface that is captured on.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }
}

impl Block<'_> {
    /// The next frame of the block. Its `number` counts the frames of this capture, its `interface` is the interface's index.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "a frame borrows the ring, which an Iterator cannot express")]
    pub fn next(&mut self) -> Option<Frame<'_>> {
        let capture = &mut *self.capture;
        let packet = capture.next_packet()?;
        capture.frames += 1;
        Some(Frame {
            time_ns: packet.time_ns,
            link_type: capture.link_type,
            data: capture.ring.block()?.get(packet.start..packet.end)?,
            original_len: packet.original_len,
            number: capture.frames,
            interface: capture.interface.index,
            segment_size: packet.segment_size,
        })
    }
}

impl Block<'_> {
    /// The next frames of the block, as many as fit into a group; none at its end.
    pub fn next_group(&mut self) -> Group<'_> {
        self.capture.next_group(i64::MAX)
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        self.capture.give_back();
    }
}

impl fmt::Debug for LiveCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveCapture").field("interface", &self.interface).field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("frames_left", &self.capture.left.as_ref().map(|left| left.count)).finish_non_exhaustive()
    }
}

/// Finds the interface and compiles the filter.
fn prepare(config: &LiveConfig) -> Result<(Interface, u16, Option<Bpf>), LiveError> {
    config.check_sizes()?;
    let name = || config.interface.clone();
    let known = interfaces().map_err(system_error(&config.interface, "list interfaces"))?;
    let Some(interface) = known.iter().find(|interface| interface.name == config.interface).cloned() else {
        return Err(LiveError::NoSuchInterface { name: name(), known });
    };
    let kind = interface.kind;
    let link_type = kind.link_type().ok_or_else(|| LiveError::UnsupportedLink { name: name(), kind })?;
    let filter = config.filter.as_deref().map(|text| Bpf::compile(text, link_type)).transpose()?;
    if !interface.is_up {
        return Err(LiveError::Down { name: name() });
    }
    Ok((interface, link_type, filter))
}

/// The program that the kernel runs. It does not see the VLAN tag of a frame, so it takes every frame that had one: the filter is run over
/// those when their tag is back in its place. So a filter selects the same frames here and in files.
fn kernel_program(filter: Option<&Bpf>, snap_length: u32) -> Vec<Instruction> {
    let Some(filter) = filter else { return vec![accept(snap_length)] };
    let tag_is_beside = libc::SKF_AD_OFF as u32 + libc::SKF_AD_VLAN_TAG_PRESENT as u32;
    let mut program = vec![
        Instruction { code: op::LD_W_ABS, jump_true: 0, jump_false: 0, k: tag_is_beside },
        Instruction { code: op::JMP | op::JEQ, jump_true: 1, jump_false: 0, k: 0 },
        accept(snap_length),
    ];
    program.extend(filter.program(snap_length));
    program
}

/// Takes so many octets of every frame; 0 refuses it.
fn accept(octets: u32) -> Instruction {
    Instruction { code: op::RET_K, jump_true: 0, jump_false: 0, k: octets }
}

/// Names what failed. Lack of privilege shows first at whatever is tried first.
fn system_error(interface: &str, doing: &'static str) -> impl FnOnce(io::Error) -> LiveError {
    move |cause| match (cause.raw_os_error(), interface.to_owned()) {
        (Some(libc::EPERM | libc::EACCES), name) => LiveError::NotPermitted { name },
        (_, name) => LiveError::System { name, doing, cause },
    }
}
