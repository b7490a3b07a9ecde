//! The walk over the headers of one frame: link layer, IP, transport, and on into tunnels.
//!
//! It allocates nothing, and never trusts a length: what a header claims is compared with what surrounds it. What was found
//! before the walk ended stands, so a packet whose TCP header is cut still has its addresses.

use crate::{
    Datagram, End, Few, Ip, Link, Transport, Tunnel, Unknown, ip, layer2, transport,
    tunnel::{self, Opened},
    window::Window,
};

/// VLAN tags kept of one frame; further ones are counted.
pub const MAX_VLANS: usize = 4;
/// MPLS label entries kept of one frame (information elements 70 to 79); further ones are counted.
pub const MAX_MPLS: usize = 10;
/// Tunnels entered in one frame; at a further one the walk ends [`Unknown::Tunnels`].
pub const MAX_TUNNELS: usize = 4;

/// How far to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To the transport header of the outermost IP packet.
    Outer,
    /// Through tunnels to the innermost IP packet.
    Inner,
}

/// The headers of one packet, from the link layer to the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// Source address of the last Ethernet header in front of the IP header.
    pub src_mac: Option<[u8; 6]>,
    /// Destination address of the same header; cooked captures have none.
    pub dst_mac: Option<[u8; 6]>,
    /// The last EtherType in front of the IP header; 0 where the link has none.
    pub ethertype: u16,
    /// PPPoE session id.
    pub pppoe_session: Option<u16>,
    /// VLAN tags, outermost first.
    pub vlans: Few<Vlan, MAX_VLANS>,
    /// MPLS label entries of 24 bits (label, traffic class, bottom of stack), outermost first.
    pub mpls: Few<u32, MAX_MPLS>,
    /// Offset in the frame of the first byte behind the link layer.
    pub layer3_offset: usize,
    /// The IP header; `None` for a frame without one.
    pub ip: Option<Ip>,
    /// The transport header; `None` in later fragments and for protocols without one.
    pub transport: Option<Transport>,
}

impl Headers {
    /// Forgets everything, without a write to the places of lists.
    #[inline]
    fn clear(&mut self) {
        let Self { src_mac, dst_mac, ethertype, pppoe_session, vlans, mpls, layer3_offset, ip, transport } = self;
        (*src_mac, *dst_mac, *ethertype, *pppoe_session) = (None, None, 0, None);
        vlans.clear();
        mpls.clear();
        (*layer3_offset, *ip, *transport) = (0, None, None);
    }
}

/// An 802.1Q tag: priority (3 bits), drop eligible (1), VLAN id (12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vlan(pub u16);

impl Vlan {
    /// The VLAN id.
    #[inline]
    pub const fn id(self) -> u16 {
        self.0 & 0x0fff
    }

    /// The priority code point.
    #[inline]
    pub const fn priority(self) -> u8 {
        (self.0 >> 13) as u8
    }
}

/// What a walk found. Reusable: each reading replaces the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// The packet that is described: the innermost one with [`Depth::Inner`], else the outermost.
    pub headers: Headers,
    /// The outermost packet where a tunnel was entered: what [`Depth::Outer`] finds.
    pub outer: Option<Headers>,
    /// Tunnels entered, outermost first.
    pub tunnels: Few<Tunnel, MAX_TUNNELS>,
    /// How the walk ended.
    pub end: End,
}

impl Walk {
    /// Walks over a frame. `original_len` is its length on the wire, which is more than `frame` holds where a capture cut it.
    pub fn read(&mut self, link: Link, frame: &[u8], original_len: usize, depth: Depth) {
        self.clear();
        let mut window = Window::new(frame, original_len);
        let mut flaw = None;
        self.end = packet(link, &mut window, &mut self.headers, &mut flaw);
        self.finish(&mut window, flaw, depth);
    }

    /// Walks over a datagram put together from fragments. Offsets are those in its payload, except that those of the outermost IP header
    /// are 0; there is no link layer.
    pub fn read_reassembled(&mut self, datagram: &Datagram, depth: Depth) {
        self.clear();
        let mut window = Window::new(&datagram.payload, datagram.payload.len());
        let mut flaw = None;
        let ip = Ip { header_offset: 0, fragment_data_offset: 0, ..datagram.ip };
        let ip = self.headers.ip.insert(ip);
        let walked = ip::walk_reassembled(&mut window, ip)
            .and_then(|()| transport::walk(ip, &mut window, &mut self.headers.transport, &mut flaw));
        self.end = walked.err().unwrap_or(End::Complete);
        self.finish(&mut window, flaw, depth);
    }

    fn clear(&mut self) {
        self.headers.clear();
        self.outer = None;
        self.tunnels.clear();
    }

    /// Enters tunnels where that is wanted, and says how the walk ended.
    #[inline]
    fn finish(&mut self, window: &mut Window<'_>, mut flaw: Option<End>, depth: Depth) {
        if depth == Depth::Inner {
            while self.end == End::Complete && self.enter(window, &mut flaw) {}
        }
        // A flaw was met first, for the walk went on behind it.
        self.end = flaw.unwrap_or(self.end);
    }

    /// Goes on with the packet inside, if there is one with an IP header; else the description stays outside.
    fn enter(&mut self, window: &mut Window<'_>, flaw: &mut Option<End>) -> bool {
        let Some(ip) = self.headers.ip else {
            return false;
        };
        let mut inside = *window;
        let opened = tunnel::open(&ip, self.headers.transport.as_ref(), &mut inside);
        let Opened { kind, id, link, guessed } = match opened {
            Ok(Some(opened)) => opened,
            Ok(None) => return false,
            Err(end) => {
                self.end = end;
                return false;
            }
        };
        if self.tunnels.len() == MAX_TUNNELS {
            self.end = End::unknown(Unknown::Tunnels, window.offset());
            return false;
        }
        // A bare IP packet inside travels under the tags and labels of the frame, a frame inside has its own.
        let mut headers = match link {
            Link::Ethernet => Headers::default(),
            _ => Headers { ip: None, transport: None, ..self.headers },
        };
        let mut inner_flaw = None;
        let end = packet(link, &mut inside, &mut headers, &mut inner_flaw);
        let fits = inner_flaw.is_none() && !matches!(end, End::Malformed { .. });
        if headers.ip.is_none() || guessed && !fits {
            if !guessed || matches!(end, End::Cut { .. }) {
                self.end = end;
            }
            return false;
        }
        self.outer.get_or_insert(self.headers);
        self.tunnels.push(Tunnel { kind, id, src: ip.src, dst: ip.dst });
        self.headers = headers;
        self.end = end;
        *flaw = flaw.or(inner_flaw);
        *window = inside;
        true
    }
}

/// Walks over one packet and leaves the window at its payload.
#[inline]
fn packet(link: Link, window: &mut Window<'_>, headers: &mut Headers, flaw: &mut Option<End>) -> End {
    let walked = layer2::walk(link, window, headers).and_then(|()| {
        ip::walk(window, &mut headers.ip, flaw)?;
        match &headers.ip {
            Some(ip) => transport::walk(ip, window, &mut headers.transport, flaw),
            None => Ok(()),
        }
    });
    walked.err().unwrap_or(End::Complete)
}

#[cfg(test)]
mod tests;
