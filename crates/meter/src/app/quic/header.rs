//! Long headers (RFC 9000 section 17.2), which the packets of the handshake have, and the versions that define what follows in them.

use weir_wire::Reader;

use super::varint;

/// Longest connection id of the versions known here (RFC 9000 section 17.2).
const MAX_ID: usize = 20;

/// A version of QUIC, as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version(pub(super) u32);

impl Version {
    pub(super) const NEGOTIATION: Self = Self(0);
    const V2: Self = Self(0x6b33_43cf);

    /// A version of the IETF, of Google or of Facebook, or one that is never taken (RFC 9000 section 15).
    pub(super) fn is_known(self) -> bool {
        let is_reserved = self.0 & 0x0f0f_0f0f == 0x0a0a_0a0a;
        self.salt().is_some() || self.is_google() || is_reserved || self.0 >> 8 == 0x00ff_0000
    }

    /// Q024 to Q050, and those with TLS: T048 to T051.
    pub(super) fn is_google(self) -> bool {
        matches!(self.0.to_be_bytes(), [b'Q' | b'T', b'0', b'0'..=b'9', b'0'..=b'9'])
    }

    /// What the keys of Initial packets are made with (RFC 9001 section 5.2, RFC 9369 section 3.3.1, and the same sections of the drafts).
    pub(super) fn salt(self) -> Option<&'static [u8; 20]> {
        Some(match self.0 {
            1 | 0xff00_0021 | 0xff00_0022 => b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
            0x6b33_43cf => b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
            // Drafts 29 to 32.
            0xff00_001d..=0xff00_0020 => b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
            // Drafts 23 to 28, and Facebook's.
            0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => {
                b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
            }
            0xff00_0016 | 0xface_b001 => b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a",
            // T050 and T051, Google's with TLS.
            0x5430_3530 => b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10",
            0x5430_3531 => b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d",
            _ => return None,
        })
    }

    /// What the labels of its keys begin with.
    pub(super) fn label(self) -> &'static str {
        if self == Self::V2 { "quicv2" } else { "quic" }
    }
}

/// Packets with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
}

/// The id of one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectionId {
    octets: [u8; MAX_ID],
    length: usize,
}

impl ConnectionId {
    pub(super) fn new(id: &[u8]) -> Option<Self> {
        let mut octets = [0; MAX_ID];
        octets.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { octets, length: id.len() })
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

/// A long header, up to what depends on the version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    first: u8,
    pub(super) version: Version,
    pub(super) destination: &'a [u8],
    pub(super) source: &'a [u8],
    /// Octets before the content.
    length: usize,
    /// What follows, up to the end of the datagram.
    pub(super) content: &'a [u8],
}

impl<'a> Header<'a> {
    /// None where there is no long header, or ids are longer than they may be. That of Google's own versions ends with the version.
    pub(super) fn read(datagram: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(datagram);
        let first = reader.u8().ok().filter(|first| first & 0x80 != 0)?;
        let version = Version(reader.u32().ok()?);
        let (mut destination, mut source): (&[u8], &[u8]) = (&[], &[]);
        if !version.is_google() || version.salt().is_some() {
            destination = connection_id(&mut reader)?;
            source = connection_id(&mut reader)?;
        }
        Some(Self { first, version, destination, source, length: reader.offset(), content: reader.rest() })
    }

    /// None where the version is one that is not read.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.version.salt()?;
        // Version 2 counts from another one (RFC 9369 section 3.2).
        let first = if self.version == Version::V2 { (self.first >> 4).wrapping_sub(1) } else { self.first >> 4 };
        Some(match first & 3 {
            0 => Kind::Initial,
            1 => Kind::ZeroRtt,
            2 => Kind::Handshake,
            _ => Kind::Retry,
        })
    }

    /// The packet, which may be followed by others, and what follows it. None for a Retry, which is not protected, and where it is cut.
    pub(super) fn packet(&self, datagram: &'a [u8]) -> Option<(Packet<'a>, &'a [u8])> {
        let mut reader = Reader::at(self.content, self.length);
        match self.kind()? {
            Kind::Initial => {
                let token = varint(&mut reader)?;
                reader.skip(usize::try_from(token).ok()?).ok()?;
            }
            Kind::ZeroRtt | Kind::Handshake => {}
            Kind::Retry => return None,
        }
        let length = usize::try_from(varint(&mut reader)?).ok()?;
        let number = reader.offset();
        let (octets, behind) = datagram.split_at_checked(number.checked_add(length)?)?;
        Some((Packet { octets, number }, behind))
    }
}

/// A packet that is protected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) octets: &'a [u8],
    /// Where its number stands.
    pub(super) number: usize,
}

fn connection_id<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::from(reader.u8().ok()?);
    reader.bytes(length).ok().filter(|id| id.len() <= MAX_ID)
}
