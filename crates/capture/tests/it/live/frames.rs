//! Frames made octet by octet, as small as they can be.

/// Ends of a connection: address and port. Addresses of both are of one family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) addresses: [u32; 2],
    pub(crate) ports: [u16; 2],
}

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

impl Ends {
    /// The n-th of many connections.
    pub(crate) fn numbered(n: u32) -> Ends {
        Ends { addresses: [0x0a00_0001 + n % 7, 0xc0a8_0101 + n % 5], ports: [30_000 + n as u16, 443] }
    }

    pub(crate) fn reversed(self) -> Ends {
        let Ends { addresses: [a, b], ports: [c, d] } = self;
        Ends { addresses: [b, a], ports: [d, c] }
    }

    /// A frame of IPv4.
    pub(crate) fn ipv4(self, protocol: u8) -> Vec<u8> {
        ethernet(0x0800, &self.ipv4_packet(protocol, 0x4000, &self.transport(protocol)))
    }

    /// The first and the last fragment of a datagram.
    pub(crate) fn fragments(self) -> [Vec<u8>; 2] {
        let first = self.ipv4_packet(UDP, 0x2000, &self.transport(UDP));
        let last = self.ipv4_packet(UDP, 0x0003, &[0x77; 32]);
        [ethernet(0x0800, &first), ethernet(0x0800, &last)]
    }

    /// A frame of IPv6; the addresses are the last four octets of it.
    pub(crate) fn ipv6(self, protocol: u8) -> Vec<u8> {
        let transport = self.transport(protocol);
        let mut packet = vec![0x60, 0, 0, 0, 0, transport.len() as u8, protocol, 64];
        for address in self.addresses {
            packet.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
            packet.extend(address.to_be_bytes());
        }
        packet.extend(transport);
        ethernet(0x86dd, &packet)
    }

    fn ipv4_packet(self, protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend((20 + payload.len() as u16).to_be_bytes());
        packet.extend([0x12, 0x34]);
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0]);
        self.addresses.iter().for_each(|address| packet.extend(address.to_be_bytes()));
        packet.extend(payload);
        packet
    }

    fn transport(self, protocol: u8) -> Vec<u8> {
        let mut header: Vec<u8> = self.ports.iter().flat_map(|port| port.to_be_bytes()).collect();
        match protocol {
            TCP => header.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0]),
            _ => header.extend([0, 24, 0, 0]),
        }
        header.resize(24, 0xdd);
        header
    }
}

pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Puts a tag behind the addresses.
pub(crate) fn tagged(frame: &[u8], ethertype: u16, vlan: u16) -> Vec<u8> {
    let [a, b] = ethertype.to_be_bytes();
    let [c, d] = vlan.to_be_bytes();
    [&frame[..12], &[a, b, c, d], &frame[12..]].concat()
}
