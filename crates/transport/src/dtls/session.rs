//! One association, without a socket.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use dimpl::{Dtls, Output};

use super::config::Check;

/// Octets of the longest record, and of a handshake with a long certificate.
const BUFFER: usize = (16 << 10) + 512;

/// What an association wants done, or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsEvent<'a> {
    /// This datagram is to be sent to the peer.
    Send(&'a [u8]),
    /// The peer is who it should be, and messages can be sent.
    Ready,
    /// A message came.
    Message(&'a [u8]),
    /// The peer has said that it ends.
    Closed,
}

/// One association with one peer. After an error it is of no use any more.
pub struct DtlsSession {
    dtls: Dtls,
    check: Check,
    /// The peer's certificate was good.
    is_checked: bool,
    is_ready: bool,
    next: Instant,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for DtlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsSession").field("is_ready", &self.is_ready).field("next", &self.next).finish_non_exhaustive()
    }
}

impl DtlsSession {
    /// Octets that a datagram is longer than the message in it, at most.
    pub const OVERHEAD: usize = 48;

    /// Octets of the longest message.
    pub const LONGEST: usize = 16 << 10;

    pub(super) const fn new(dtls: Dtls, check: Check, now: Instant) -> Self {
        Self { dtls, check, is_checked: false, is_ready: false, next: now, buffer: Vec::new() }
    }

    /// Takes a datagram of the peer. The error says why the association has ended.
    pub fn take(&mut self, datagram: &[u8], now: Instant, each: &mut dyn FnMut(DtlsEvent<'_>)) -> Result<(), String> {
        self.work(each, |dtls| dtls.handle_timeout(now).and_then(|()| dtls.handle_packet(datagram)))
    }

    /// Looks whether something is to be sent, or sent again: at the beginning, and when [`Self::next`] has come.
    pub fn pass(&mut self, now: Instant, each: &mut dyn FnMut(DtlsEvent<'_>)) -> Result<(), String> {
        self.work(each, |dtls| dtls.handle_timeout(now))
    }

    /// Sends one message, once the association is ready.
    pub fn send(&mut self, message: &[u8], each: &mut dyn FnMut(DtlsEvent<'_>)) -> Result<(), String> {
        if message.len() > Self::LONGEST {
            return Err(format!("a message of {} octets does not fit into DTLS, which takes {}", message.len(), Self::LONGEST));
        }
        self.work(each, |dtls| dtls.send_application_data(message).map(|_| ()))
    }

    /// Tells the peer that this is the end.
    pub fn close(&mut self, each: &mut dyn FnMut(DtlsEvent<'_>)) {
        // Whether it hears of it is not our matter any more.
        let _ = self.work(each, Dtls::close);
    }

    /// Whether the peer is known, and messages can be sent.
    pub const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// When [`Self::pass`] is wanted.
    pub const fn next(&self) -> Instant {
        self.next
    }

    /// Does something, and hands out what comes of it.
    fn work(
        &mut self,
        each: &mut dyn FnMut(DtlsEvent<'_>),
        work: impl FnOnce(&mut Dtls) -> Result<(), dimpl::Error>,
    ) -> Result<(), String> {
        // The library asserts what it takes for sure. Should a peer find out that it is not, it ends its own association and nothing else.
        let done = catch_unwind(AssertUnwindSafe(|| {
            let worked = work(&mut self.dtls);
            // What it has to say to the peer about an error comes out as well.
            let handed_out = self.hand_out(each);
            worked.map_err(|error| explain(&error)).and(handed_out)
        }));
        done.unwrap_or_else(|_| Err("the DTLS library gave up".into()))
    }

    fn hand_out(&mut self, each: &mut dyn FnMut(DtlsEvent<'_>)) -> Result<(), String> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER];
        }
        loop {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(datagram) => each(DtlsEvent::Send(datagram)),
                Output::PeerCert(certificate) => {
                    self.check.check(certificate)?;
                    self.is_checked = true;
                }
                Output::Connected if self.is_checked || self.check.is_needless() => {
                    self.is_ready = true;
                    each(DtlsEvent::Ready);
                }
                Output::Connected => return Err("the peer has shown no certificate".into()),
                Output::ApplicationData(message) if self.is_ready => each(DtlsEvent::Message(message)),
                Output::ApplicationData(_) => return Err("a message came before the peer was known".into()),
                Output::CloseNotify => each(DtlsEvent::Closed),
                Output::BufferTooSmall { needed } => self.buffer.resize(needed.max(BUFFER), 0),
                Output::Timeout(next) => {
                    // Far in the future stands for never.
                    self.next = next.min(Instant::now() + Duration::from_secs(86_400));
                    return Ok(());
                }
                // Keys for others, which nobody here wants.
                _ => {}
            }
        }
    }
}

/// What an error of the library means to people.
fn explain(error: &dimpl::Error) -> String {
    match error {
        dimpl::Error::Timeout(_) => "the peer did not finish the DTLS handshake in time".into(),
        dimpl::Error::SecurityError(dimpl::SecurityError::FatalAlert { description }) => {
            format!("the peer ended DTLS with the alert {description} (RFC 8446, section 6)")
        }
        dimpl::Error::SecurityError(
            dimpl::SecurityError::NoMutuallyAcceptableCipherSuite | dimpl::SecurityError::NoCommonCipherSuite,
        ) => "the peer speaks no cryptography that we do: certificates must have ECDSA keys on P-256 or P-384".into(),
        dimpl::Error::ConnectionClosed => "the association has been closed".into(),
        error => format!("DTLS: {error}"),
    }
}
