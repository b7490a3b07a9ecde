//! TLS that begins in the middle of another protocol, once both ends agreed on it: StartTLS of LDAP (RFC 4511 section 4.14) and XMPP (RFC 6120 section 5),
//! the security of RDP (MS-RDPBCGR section 5.4.5), what goes through a SOCKS proxy (RFC 1928).

use super::{Tls, kind, record};
use crate::app::protocol::{Context, Decoder, Probe, Step};
use crate::facts::Facts;

/// Octets of both directions in which the ClientHello must come.
const BEGINS_WITHIN: usize = 16 << 10;

/// Passes over what goes before; the connection keeps the name of its protocol.
pub(in crate::app) fn decoder() -> Box<dyn Decoder> {
    Box::new(Later::default())
}

#[derive(Debug, Default)]
struct Later {
    tls: Tls,
    /// The direction is TLS by now.
    has_begun: [bool; 2],
    passed: usize,
}

impl Decoder for Later {
    fn read(&mut self, octets: &[u8], context: &Context<'_>, facts: &mut Facts) -> Step {
        let place = context.direction as usize;
        if !self.has_begun[place] {
            match super::probe(octets, context) {
                // Pieces come as they were sent, so a record stands at the beginning of one.
                Probe::Yes if self.has_begun.contains(&true) || is_client_hello(octets) => self.has_begun[place] = true,
                Probe::More => return Step::Wait,
                _ => {
                    self.passed += octets.len();
                    return if self.passed > BEGINS_WITHIN { Step::Done } else { Step::Take(octets.len() as u64) };
                }
            }
        }
        match self.tls.read(octets, context, facts) {
            // The protocol around it is what it was.
            Step::Refuse => Step::Done,
            step => step,
        }
    }

    fn gap(&mut self, missing: u64, context: &Context<'_>, facts: &mut Facts) -> Step {
        if self.has_begun[context.direction as usize] { self.tls.gap(missing, context, facts) } else { Step::Enough }
    }

    fn held(&self) -> usize {
        self.tls.held()
    }
}

fn is_client_hello(octets: &[u8]) -> bool {
    matches!(octets, [record::HANDSHAKE, _, _, _, _, kind::CLIENT_HELLO, ..])
}
