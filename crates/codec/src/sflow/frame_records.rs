//! The structures that describe the sampled packet itself: raw header (1), Ethernet (2), IPv4 (3), IPv6 (4) and extended switch (1001).
//!
//! They may stand in any order and say the same thing twice, so they are read first and made into columns when the sample is complete: the
//! sampled header goes before the others, which tell what it lacks. The VLANs are those of extended switch, for a tag may have been taken off.

use weir_record::Address;
use weir_wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Link, Reader, Short, Walk, protocol};

use super::{bad_structure, xdr};
use crate::Fault;
use crate::members::Members;
use crate::sampled_frame::{Frame, Sampled, mac_number};

/// Formats of the structures.
pub(super) mod format {
    pub(in crate::sflow) const RAW_HEADER: u32 = 1;
    pub(in crate::sflow) const ETHERNET: u32 = 2;
    pub(in crate::sflow) const IPV4: u32 = 3;
    pub(in crate::sflow) const IPV6: u32 = 4;
    pub(in crate::sflow) const EXTENDED_SWITCH: u32 = 1001;
}

/// Octets of an Ethernet header.
const ETHERNET_HEADER: u32 = 14;

/// What a sample has of them; of each the first.
#[derive(Debug, Default)]
pub(super) struct FrameRecords<'a> {
    raw: Option<RawHeader<'a>>,
    ethernet: Option<Ethernet>,
    ip: Option<Ip>,
    switch: Option<Switch>,
}

#[derive(Debug)]
struct RawHeader<'a> {
    /// Number of the link type (header_protocol).
    protocol: u32,
    /// Octets of the frame on the wire, frame check sequence included.
    frame_length: u32,
    octets: &'a [u8],
}

#[derive(Debug)]
struct Ethernet {
    /// Octets of the frame, frame check sequence included.
    length: u32,
    src: [u8; 6],
    dst: [u8; 6],
    ethertype: u32,
}

#[derive(Debug)]
struct Ip {
    version: u8,
    /// Octets of the IP packet.
    length: u32,
    protocol: u32,
    src: Address,
    dst: Address,
    src_port: u32,
    dst_port: u32,
    tcp_flags: u32,
    /// Type of service, or priority in IPv6.
    tos: u32,
}

#[derive(Debug)]
struct Switch {
    src_vlan: u32,
    src_priority: u32,
    dst_vlan: u32,
    dst_priority: u32,
}

impl<'a> FrameRecords<'a> {
    /// Takes the structure if it is one of these.
    #[inline]
    pub(super) fn take(&mut self, format: u32, body: &mut Reader<'a>) -> Result<bool, Fault> {
        match format {
            format::RAW_HEADER => {
                let raw = RawHeader::read(body)?;
                self.raw.get_or_insert(raw);
            }
            format::ETHERNET => {
                let ethernet = Ethernet::read(body).map_err(bad_structure)?;
                self.ethernet.get_or_insert(ethernet);
            }
            format::IPV4 => {
                let ip = Ip::read_v4(body).map_err(bad_structure)?;
                self.ip.get_or_insert(ip);
            }
            format::IPV6 => {
                let ip = Ip::read_v6(body).map_err(bad_structure)?;
                self.ip.get_or_insert(ip);
            }
            format::EXTENDED_SWITCH => {
                let switch = Switch::read(body).map_err(bad_structure)?;
                self.switch.get_or_insert(switch);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Sets the columns: what goes before comes later. True where the walk found MPLS labels.
    #[inline]
    pub(super) fn set(&self, sampled: &mut Sampled, walk: &mut Option<Walk>, extra: &mut Members) -> bool {
        if let Some(ethernet) = &self.ethernet {
            let implied = self.ip.as_ref().map(|ip| if ip.version == 4 { ETHERTYPE_IPV4 } else { ETHERTYPE_IPV6 });
            let is_news = self.raw.is_none() && implied.map(u32::from) != Some(ethernet.ethertype);
            ethernet.set(sampled, is_news.then_some(&mut *extra));
        }
        if let Some(ip) = &self.ip {
            ip.set(sampled);
        }
        let has_labels = self.raw.as_ref().is_some_and(|raw| raw.set(sampled, walk, extra));
        if let Some(switch) = &self.switch {
            switch.set(sampled, extra);
        }
        has_labels
    }
}

impl<'a> RawHeader<'a> {
    #[inline]
    fn read(body: &mut Reader<'a>) -> Result<Self, Fault> {
        // The third are octets that the agent took off; the frame length counts them.
        let [protocol, frame_length, _stripped] = xdr::words(body).map_err(bad_structure)?;
        Ok(Self { protocol, frame_length, octets: xdr::opaque(body)? })
    }

    /// True where the header has MPLS labels.
    #[inline]
    fn set(&self, sampled: &mut Sampled, walk: &mut Option<Walk>, extra: &mut Members) -> bool {
        let length = u64::from(self.frame_length);
        sampled.frame_bytes(length);
        let Some(link) = Link::from_sflow(self.protocol) else {
            sampled.bytes(length);
            extra.number("header_protocol", self.protocol);
            extra.hex("header", self.octets);
            return false;
        };
        Frame { link, header: self.octets, length }.read(sampled, walk, extra)
    }
}

impl Ethernet {
    fn read(body: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self { length: body.u32()?, src: xdr::mac(body)?, dst: xdr::mac(body)?, ethertype: body.u32()? })
    }

    /// `extra` is given where nothing else tells the EtherType. A length of 0 is none.
    fn set(&self, sampled: &mut Sampled, extra: Option<&mut Members>) {
        sampled.src_mac(mac_number(self.src));
        sampled.dst_mac(mac_number(self.dst));
        if self.length != 0 {
            sampled.frame_bytes(u64::from(self.length));
        }
        sampled.bytes(u64::from(self.length.saturating_sub(ETHERNET_HEADER)));
        if let Some(extra) = extra {
            extra.number("ethertype", self.ethertype);
        }
    }
}

impl Ip {
    fn read_v4(body: &mut Reader<'_>) -> Result<Self, Short> {
        let [length, protocol, src, dst, src_port, dst_port, tcp_flags, tos] = xdr::words(body)?;
        let (src, dst) = (Address::v4(src), Address::v4(dst));
        Ok(Self { version: 4, length, protocol, src, dst, src_port, dst_port, tcp_flags, tos })
    }

    fn read_v6(body: &mut Reader<'_>) -> Result<Self, Short> {
        let [length, protocol] = xdr::words(body)?;
        let (src, dst) = (Address::v6(body.array()?), Address::v6(body.array()?));
        let [src_port, dst_port, tcp_flags, tos] = xdr::words(body)?;
        Ok(Self { version: 6, length, protocol, src, dst, src_port, dst_port, tcp_flags, tos })
    }

    /// Ports belong to the protocols that have them, whatever the fields hold.
    fn set(&self, sampled: &mut Sampled) {
        sampled.ip_version(self.version);
        sampled.src_addr(self.src);
        sampled.dst_addr(self.dst);
        sampled.bytes(u64::from(self.length));
        if let Ok(tos) = u8::try_from(self.tos) {
            sampled.tos(tos);
        }
        let Ok(number) = u8::try_from(self.protocol) else {
            return;
        };
        sampled.protocol(number);
        if matches!(number, protocol::TCP | protocol::UDP | protocol::SCTP | protocol::DCCP | protocol::UDP_LITE)
            && let (Ok(src), Ok(dst)) = (u16::try_from(self.src_port), u16::try_from(self.dst_port))
        {
            sampled.src_port(src);
            sampled.dst_port(dst);
        }
        if number == protocol::TCP
            && let Ok(flags) = u16::try_from(self.tcp_flags)
        {
            sampled.tcp_flags(flags);
        }
    }
}

impl Switch {
    #[inline]
    fn read(body: &mut Reader<'_>) -> Result<Self, Short> {
        let [src_vlan, src_priority, dst_vlan, dst_priority] = xdr::words(body)?;
        Ok(Self { src_vlan, src_priority, dst_vlan, dst_priority })
    }

    /// A VLAN that is none (all ones: not known) is left out, as are priorities of 0.
    #[inline]
    fn set(&self, sampled: &mut Sampled, extra: &mut Members) {
        if self.src_vlan <= 0x0fff {
            sampled.vlan_in(self.src_vlan as u16);
        }
        if self.dst_vlan <= 0x0fff {
            sampled.vlan_out(self.dst_vlan as u16);
        }
        let told = |priority: u32| priority != 0 && priority != u32::MAX;
        if told(self.src_priority) {
            extra.number("src_priority", self.src_priority);
        }
        if told(self.dst_priority) {
            extra.number("dst_priority", self.dst_priority);
        }
    }
}
