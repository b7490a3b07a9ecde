//! The ClientHello and the ServerHello (RFC 8446 section 4.1, RFC 5246 section 7.4.1, RFC 6347 section 4.2): the same messages whether TCP, UDP or
//! QUIC carries them.

use weir_record::Column;
use weir_wire::Reader;

pub(in crate::app) use super::assembly::Message;
use super::fingerprint;
use crate::facts::Facts;

/// What carries a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Transport {
    Tcp,
    Quic,
    Dtls,
}

/// Kinds of handshake messages (RFC 8446 section 4, RFC 5246 section 7.4).
pub(in crate::app) mod kind {
    pub(in crate::app) const CLIENT_HELLO: u8 = 1;
    pub(in crate::app) const SERVER_HELLO: u8 = 2;
    pub(in crate::app) const CERTIFICATE: u8 = 11;
}

/// Extensions (registry of IANA, "TLS ExtensionType Values").
pub(super) mod extension {
    pub(in crate::app) const SERVER_NAME: u16 = 0;
    pub(in crate::app) const SUPPORTED_GROUPS: u16 = 10;
    pub(in crate::app) const EC_POINT_FORMATS: u16 = 11;
    pub(in crate::app) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(in crate::app) const ALPN: u16 = 16;
    pub(in crate::app) const EARLY_DATA: u16 = 42;
    pub(in crate::app) const SUPPORTED_VERSIONS: u16 = 43;
}

/// What a client offers.
#[derive(Clone, Debug)]
pub(in crate::app) struct ClientHello<'a> {
    pub(super) version: u16,
    /// Cipher suites, two octets each.
    pub(super) ciphers: &'a [u8],
    pub(super) extensions: Extensions<'a>,
    /// All of it is at hand, and every length is right.
    pub(super) whole: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads the message, or the first part of it. None where it is something else.
    pub(in crate::app) fn read(message: &Message<'a>, transport: Transport) -> Option<Self> {
        let mut reader = Reader::new(message.body);
        let version = reader.u16().ok()?;
        if !is_version(version) {
            return None;
        }
        let mut hello = Self { version, ciphers: &[], extensions: Extensions(&[]), whole: false };
        // What was cut off is as if it had not been sent.
        let _ = hello.read_lists(&mut reader, transport);
        hello.whole &= message.whole;
        Some(hello)
    }

    fn read_lists(&mut self, reader: &mut Reader<'a>, transport: Transport) -> Result<(), weir_wire::Short> {
        reader.skip(32)?;
        let session = reader.u8()?;
        reader.skip(session.into())?;
        if transport == Transport::Dtls {
            let cookie = reader.u8()?;
            reader.skip(cookie.into())?;
        }
        let length = reader.u16()?.into();
        self.ciphers = up_to(reader, length);
        let compressions = reader.u8()?;
        reader.skip(compressions.into())?;
        if reader.is_empty() {
            // Extensions were optional before TLS 1.3.
            self.whole = true;
            return Ok(());
        }
        let length = usize::from(reader.u16()?);
        let is_there = reader.left() >= length;
        self.extensions = Extensions(up_to(reader, length));
        self.whole = is_there && self.extensions.is_whole() && self.ciphers.len().is_multiple_of(2);
        Ok(())
    }

    /// Offers this version or a newer one of TLS by the extension that came with TLS 1.3.
    pub(super) fn offers_tls13(&self) -> bool {
        self.versions().any(is_tls13)
    }

    /// Sends application data before the server has answered (RFC 8446 section 2.3).
    pub(super) fn sends_early_data(&self) -> bool {
        self.extensions.find(extension::EARLY_DATA).is_some()
    }

    /// The name in `server_name` (RFC 6066 section 3).
    pub(super) fn server_name(&self) -> Option<&'a [u8]> {
        let mut reader = Reader::new(self.extensions.find(extension::SERVER_NAME)?);
        let length = reader.u16().ok()?;
        let mut names = reader.sub(length.into()).ok()?;
        loop {
            let kind = names.u8().ok()?;
            let length = names.u16().ok()?;
            let name = names.bytes(length.into()).ok()?;
            if kind == 0 {
                return Some(name);
            }
        }
    }

    /// The first protocol that ALPN offers (RFC 7301), whatever it is.
    pub(super) fn first_protocol(&self) -> Option<&'a [u8]> {
        self.protocols().next()
    }

    /// The first protocol that ALPN offers in earnest, and not as grease (RFC 8701).
    fn preferred_protocol(&self) -> Option<&'a [u8]> {
        let is_grease = |name: &[u8]| <[u8; 2]>::try_from(name).is_ok_and(|name| is_grease(u16::from_be_bytes(name)));
        self.protocols().find(|name| !is_grease(name))
    }

    fn protocols(&self) -> impl Iterator<Item = &'a [u8]> {
        let list = self.extensions.find(extension::ALPN).and_then(|data| data.get(2..)).unwrap_or_default();
        let mut reader = Reader::new(list);
        std::iter::from_fn(move || {
            let length = reader.u8().ok()?;
            reader.bytes(length.into()).ok()
        })
    }

    /// The versions in `supported_versions`, without grease.
    pub(super) fn versions(&self) -> impl Iterator<Item = u16> {
        let list = self.extensions.find(extension::SUPPORTED_VERSIONS).and_then(|data| data.get(1..)).unwrap_or_default();
        numbers(list).filter(|version| !is_grease(*version))
    }

    /// Says what it tells: name, protocol, fingerprints.
    pub(in crate::app) fn tell(&self, transport: Transport, facts: &mut Facts) {
        if let Some(name) = self.server_name() {
            facts.text(Column::tls_sni, name);
        }
        // The server's answer replaces it, where it can be read.
        if let Some(name) = self.preferred_protocol() {
            facts.text(Column::tls_alpn, name);
        }
        if self.whole && !facts.has(Column::tls_ja4) {
            facts.text(Column::tls_ja3, fingerprint::ja3(self).as_bytes());
            facts.text(Column::tls_ja4, fingerprint::ja4(self, transport).as_bytes());
        }
    }
}

/// What a server chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) struct ServerHello<'a> {
    pub(super) version: u16,
    cipher: u16,
    protocol: Option<&'a [u8]>,
}

impl<'a> ServerHello<'a> {
    /// Reads the message, or enough of it. None where it is something else. A HelloRetryRequest has the same form and names the same
    /// version and cipher suite as the hello that follows it.
    pub(in crate::app) fn read(message: &Message<'a>) -> Option<Self> {
        let mut reader = Reader::new(message.body);
        let version = reader.u16().ok()?;
        reader.skip(32).ok()?;
        // Drafts of TLS 1.3 had the version here, and no session. TLS 1.3 itself has that of 1.2 here.
        let is_draft = version == 0x0304 || matches!(version >> 8, 0x7f | 0xfb);
        if !is_draft {
            if !is_version(version) {
                return None;
            }
            let session = reader.u8().ok()?;
            reader.skip(session.into()).ok()?;
        }
        let cipher = reader.u16().ok()?;
        let mut hello = Self { version, cipher, protocol: None };
        if !is_draft {
            let _compression = reader.u8();
        }
        let length = reader.u16().unwrap_or(0);
        let extensions = Extensions(up_to(&mut reader, length.into()));
        if let Some(data) = extensions.find(extension::SUPPORTED_VERSIONS)
            && let Ok(chosen) = Reader::new(data).u16()
        {
            hello.version = chosen;
        }
        if let Some(data) = extensions.find(extension::ALPN) {
            hello.protocol = data.get(3..);
        }
        Some(hello)
    }

    /// Says what it tells: version, cipher suite, and the protocol where it stands in clear.
    pub(in crate::app) fn tell(&self, facts: &mut Facts) {
        facts.number(Column::tls_version, self.version);
        facts.number(Column::tls_cipher, self.cipher);
        if !is_tls13(self.version) {
            // None, where the server did not take up the offer.
            facts.replace_text(Column::tls_alpn, self.protocol.unwrap_or_default());
        }
    }
}

/// The extensions of a hello.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// Each with its type, up to the first that is cut.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || next_extension(&mut reader))
    }

    pub(super) fn find(&self, wanted: u16) -> Option<&'a [u8]> {
        self.iter().find(|(kind, _)| *kind == wanted).map(|(_, data)| data)
    }

    fn is_whole(&self) -> bool {
        self.iter().map(|(_, data)| 4 + data.len()).sum::<usize>() == self.0.len()
    }
}

fn next_extension<'a>(reader: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    let kind = reader.u16().ok()?;
    let length = reader.u16().ok()?;
    Some((kind, reader.bytes(length.into()).ok()?))
}

/// So many octets, or those that are there.
fn up_to<'a>(reader: &mut Reader<'a>, length: usize) -> &'a [u8] {
    reader.bytes(length.min(reader.left())).unwrap_or_default()
}

/// Numbers of two octets.
pub(super) fn numbers(list: &[u8]) -> impl Iterator<Item = u16> {
    list.as_chunks::<2>().0.iter().map(|number| u16::from_be_bytes(*number))
}

/// Values that are reserved so that servers learn to pass over what they do not know (RFC 8701): 0x0a0a, 0x1a1a and so on.
pub(super) fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// SSL 3.0 to TLS 1.3, or DTLS 1.0 to 1.3 and the one before it that OpenSSL spoke.
fn is_version(version: u16) -> bool {
    matches!(version, 0x0300..=0x0304 | 0xfefc..=0xfeff | 0x0100)
}

/// TLS or DTLS 1.3, or a draft of TLS 1.3: all behind the ServerHello is encrypted.
pub(super) fn is_tls13(version: u16) -> bool {
    matches!(version, 0x0304 | 0xfefc) || matches!(version >> 8, 0x7f | 0xfb)
}
