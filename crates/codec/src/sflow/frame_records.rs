//! The structures that describe the sampled packet itself: raw header (1), Ethernet (2), IPv4 (3), IPv6 (4) and extended switch (1001).
//!
//! They may stand in any order and say the same thing twice, so they are read first and written when the sample is complete: the
//! sampled header goes first, the others fill what it lacks. The VLANs are those of extended switch, for a tag may have been taken off.

use weir_record::{Address, FlowBatch};
use weir_wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Link, Reader, Short, Walk, protocol};

use super::{bad_structure, xdr};
use crate::Fault;
use crate::members::Members;
use crate::sampled_frame::{Frame, fill, fill_address, mac_number};

/// Formats of the structures.
pub(super) mod format {
    pub(in crate::sflow) const RAW_HEADER: u32 = 1;
    pub(in crate::sflow) const ETHERNET: u32 = 2;
    pub(in crate::sflow) const IPV4: u32 = 3;
    pub(in crate::sflow) const IPV6: u32 = 4;
    pub(in crate::sflow) const EXTENDED_SWITCH: u32 = 1001;
}

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

    /// Writes the columns of the row.
    #[inline]
    pub(super) fn write(&self, flows: &mut FlowBatch, row: usize, walk: &mut Walk, extra: &mut Members) {
        if let Some(switch) = &self.switch {
            switch.write(flows, row, extra);
        }
        if let Some(raw) = &self.raw {
            raw.write(flows, row, walk, extra);
        }
        if let Some(ip) = &self.ip {
            ip.write(flows, row);
        }
        if let Some(ethernet) = &self.ethernet {
            let implied = self.ip.as_ref().map(|ip| if ip.version == 4 { ETHERTYPE_IPV4 } else { ETHERTYPE_IPV6 });
            let is_news = self.raw.is_none() && implied.map(u32::from) != Some(ethernet.ethertype);
            ethernet.write(flows, row, is_news.then_some(extra));
        }
    }
}

impl<'a> RawHeader<'a> {
    #[inline]
    fn read(body: &mut Reader<'a>) -> Result<Self, Fault> {
        let protocol = body.u32().map_err(bad_structure)?;
        let frame_length = body.u32().map_err(bad_structure)?;
        // Octets that the agent took off; the frame length counts them.
        body.skip(4).map_err(bad_structure)?;
        Ok(Self { protocol, frame_length, octets: xdr::opaque(body)? })
    }

    #[inline]
    fn write(&self, flows: &mut FlowBatch, row: usize, walk: &mut Walk, extra: &mut Members) {
        flows.frame_bytes.push(row, u64::from(self.frame_length));
        match Link::from_sflow(self.protocol) {
            Some(link) => {
                let frame = Frame { link, header: self.octets, length: u64::from(self.frame_length) };
                frame.write(flows, row, walk, extra);
            }
            None => {
                fill(&mut flows.bytes, row, u64::from(self.frame_length));
                extra.number("header_protocol", self.protocol);
                extra.hex("header", self.octets);
            }
        }
    }
}

impl Ethernet {
    fn read(body: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self { length: body.u32()?, src: xdr::mac(body)?, dst: xdr::mac(body)?, ethertype: body.u32()? })
    }

    /// `extra` is given where nothing else tells the EtherType. A length of 0 is none.
    fn write(&self, flows: &mut FlowBatch, row: usize, extra: Option<&mut Members>) {
        fill(&mut flows.src_mac, row, mac_number(self.src));
        fill(&mut flows.dst_mac, row, mac_number(self.dst));
        if self.length != 0 {
            fill(&mut flows.frame_bytes, row, u64::from(self.length));
        }
        fill(&mut flows.bytes, row, u64::from(self.length.saturating_sub(14)));
        if let Some(extra) = extra {
            extra.number("ethertype", self.ethertype);
        }
    }
}

impl Ip {
    fn read_v4(body: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            version: 4,
            length: body.u32()?,
            protocol: body.u32()?,
            src: Address::v4(body.u32()?),
            dst: Address::v4(body.u32()?),
            src_port: body.u32()?,
            dst_port: body.u32()?,
            tcp_flags: body.u32()?,
            tos: body.u32()?,
        })
    }

    fn read_v6(body: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            version: 6,
            length: body.u32()?,
            protocol: body.u32()?,
            src: Address::v6(body.array()?),
            dst: Address::v6(body.array()?),
            src_port: body.u32()?,
            dst_port: body.u32()?,
            tcp_flags: body.u32()?,
            tos: body.u32()?,
        })
    }

    /// Fills what the sampled header has not told. Ports belong to the protocols that have them, whatever the fields hold.
    fn write(&self, flows: &mut FlowBatch, row: usize) {
        fill(&mut flows.ip_version, row, self.version);
        fill_address(&mut flows.src_addr, row, self.src);
        fill_address(&mut flows.dst_addr, row, self.dst);
        let Ok(number) = u8::try_from(self.protocol) else {
            return;
        };
        fill(&mut flows.bytes, row, u64::from(self.length));
        fill(&mut flows.protocol, row, number);
        if let Ok(tos) = u8::try_from(self.tos) {
            fill(&mut flows.tos, row, tos);
        }
        if matches!(number, protocol::TCP | protocol::UDP | protocol::SCTP | protocol::DCCP | protocol::UDP_LITE)
            && let (Ok(src), Ok(dst)) = (u16::try_from(self.src_port), u16::try_from(self.dst_port))
        {
            fill(&mut flows.src_port, row, src);
            fill(&mut flows.dst_port, row, dst);
        }
        if number == protocol::TCP
            && let Ok(flags) = u16::try_from(self.tcp_flags)
        {
            fill(&mut flows.tcp_flags, row, flags);
        }
    }
}

impl Switch {
    #[inline]
    fn read(body: &mut Reader<'_>) -> Result<Self, Short> {
        let (src_vlan, src_priority) = (body.u32()?, body.u32()?);
        Ok(Self { src_vlan, src_priority, dst_vlan: body.u32()?, dst_priority: body.u32()? })
    }

    /// A VLAN that is none (all ones: not known) is left out, as are priorities of 0.
    #[inline]
    fn write(&self, flows: &mut FlowBatch, row: usize, extra: &mut Members) {
        if self.src_vlan <= 0x0fff {
            flows.vlan_in.push(row, self.src_vlan as u16);
        }
        if self.dst_vlan <= 0x0fff {
            flows.vlan_out.push(row, self.dst_vlan as u16);
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
