//! TLS as it is configured: files of certificates and keys, who is trusted, and what a refusal means.
//!
//! [`TlsServer`] is what a listener needs, [`TlsClient`] what a sender needs; both are made from files, and made anew when the files have changed: connections
//! that are there go on with what they began with. Nothing is resumed, since the connections of telemetry last long and a session that is resumed would outlive the
//! check of its certificate. DTLS uses the same files and the same checks.
//!
//! What a user reads about a file is a [`TlsError`], what became of a handshake says [`explain`].

mod client;
mod error;
mod explain;
mod files;
mod server;

pub(crate) use client::server_verifier;
pub use client::{TlsClient, TlsClientOptions};
pub use error::TlsError;
pub(crate) use explain::explain_tls;
pub use explain::{Side, explain};
pub use files::{Identity, IdentityFiles};
pub use server::{TlsServer, TlsServerOptions};
pub(crate) use server::{client_verifier, read_name};

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

/// The versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsVersions {
    /// 1.3 only, as FastNetMon Flow requires.
    Only13,
    /// 1.2 and 1.3, as exporters of IPFIX need.
    #[default]
    From12,
}

impl TlsVersions {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::Only13 => &ALL[..1],
            Self::From12 => &ALL,
        }
    }
}

/// The one provider of cryptography.
fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests;
