//! Blocks of the ring as the kernel writes them, and the frames in them (`struct tpacket_block_desc`, `struct tpacket3_hdr` of
//! `linux/if_packet.h`; `struct virtio_net_hdr` of `linux/virtio_net.h`).
//!
//! The kernel takes VLAN tags off frames and tells them beside. They are put back where they were: the addresses before them move four
//! octets down, into room that is not used any more, and the tag takes their place.

/// Where a block says how many frames it has, and where the first is.
const COUNT_AT: usize = 12;
const FIRST_AT: usize = 16;

/// Length of `struct virtio_net_hdr`, which lies before the frame.
const OFFLOAD_HEADER: usize = 10;
/// Destination and source address of Ethernet, behind which the tag was.
const ETHERNET_ADDRESSES: usize = 12;
const VLAN_TAG: usize = 4;

/// Number and place of the frames of a block.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) count: u32,
    /// Where the header of the next one is in the block.
    pub(super) at: usize,
}

/// A frame in a block.
#[derive(Clone, Copy, Default)]
pub(super) struct Packet {
    pub(super) time_ns: i64,
    /// Where it is in the block.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) original_len: u32,
    /// Payload of each packet that it stands for; 0 where it is one.
    pub(super) segment_size: u16,
    /// The tag that was taken off, as it was in the frame.
    tag: Option<[u8; VLAN_TAG]>,
    /// Where the next header is from this one, octets.
    pub(super) next: usize,
}

impl Frames {
    pub(super) fn of(block: &[u8]) -> Option<Self> {
        Some(Frames { count: u32_at(block, COUNT_AT)?, at: u32_at(block, FIRST_AT)? as usize })
    }
}

impl Packet {
    /// Reads the header of a frame. None where it does not lie within the block, which the kernel never does.
    #[inline]
    pub(super) fn read(block: &[u8], at: usize) -> Option<Self> {
        let header = block.get(at..)?.first_chunk::<48>()?;
        let [seconds, nanoseconds] = [u32_at(header, 4)?, u32_at(header, 8)?];
        let start = at + usize::from(u16_at(header, 24)?);
        let end = start + u32_at(header, 12)? as usize;
        block.get(start..end)?;
        Some(Packet {
            time_ns: i64::from(seconds) * 1_000_000_000 + i64::from(nanoseconds),
            start,
            end,
            original_len: u32_at(header, 16)?,
            segment_size: segment_size(block, start)?,
            tag: tag(header)?,
            next: u32_at(header, 0)? as usize,
        })
    }

    /// Puts the VLAN tag back; true where there was one to put back.
    #[inline]
    pub(super) fn restore_tag(&mut self, block: &mut [u8]) -> bool {
        let Some(tag) = self.tag.take() else { return false };
        self.put_tag(tag, block).is_some()
    }

    fn put_tag(&mut self, tag: [u8; VLAN_TAG], block: &mut [u8]) -> Option<()> {
        // The offload header lies before the frame and was read.
        let moved = self.start.checked_sub(VLAN_TAG)?;
        let addresses_end = self.start + ETHERNET_ADDRESSES;
        if addresses_end > self.end {
            return None;
        }
        block.copy_within(self.start..addresses_end, moved);
        block.get_mut(addresses_end - VLAN_TAG..addresses_end)?.copy_from_slice(&tag);
        self.start = moved;
        self.original_len = self.original_len.saturating_add(VLAN_TAG as u32);
        Some(())
    }
}

/// `gso_size` of the offload header before a frame: 0 unless the kernel joined packets or has yet to cut them.
fn segment_size(block: &[u8], start: usize) -> Option<u16> {
    /// VIRTIO_NET_HDR_GSO_ECN, a mark beside the type.
    const ECN: u8 = 0x80;
    let header = block.get(start.checked_sub(OFFLOAD_HEADER)?..start)?;
    let is_one_packet = header.get(1)? & !ECN == 0;
    if is_one_packet { Some(0) } else { u16_at(header, 4) }
}

/// The tag that was taken off. Its EtherType is told by kernels that know any other than 802.1Q.
fn tag(header: &[u8; 48]) -> Option<Option<[u8; VLAN_TAG]>> {
    const ETHERTYPE_VLAN: u16 = 0x8100;
    let status = u32_at(header, 20)?;
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return Some(None);
    }
    let [a, b] = if status & libc::TP_STATUS_VLAN_TPID_VALID == 0 { ETHERTYPE_VLAN } else { u16_at(header, 36)? }.to_be_bytes();
    let [c, d] = (u32_at(header, 32)? as u16).to_be_bytes();
    Some(Some([a, b, c, d]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|octets| u32::from_ne_bytes(*octets))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|octets| u16::from_ne_bytes(*octets))
}
