//! What DTLS is configured by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, ConfigBuilder, Dtls, DtlsCertificate};
use rustls::CertificateError;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;

use super::DtlsSession;
use crate::tls::{
    Identity, IdentityFiles, Side, TlsClientOptions, TlsError, TlsServerOptions, client_verifier, explain_tls, read_name,
    server_verifier,
};

/// Octets of a datagram of the handshake: what passes everywhere.
const HANDSHAKE_OCTETS: usize = 1200;

/// How long an association may take to come about.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// DTLS at a sender: whom it speaks to, and who it is.
#[derive(Clone)]
pub struct DtlsClient {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    check: Check,
}

/// DTLS at a listener: who this host is, and who may come.
#[derive(Clone)]
pub struct DtlsServer {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    check: Check,
}

/// Who checks the certificate of the peer.
#[derive(Clone)]
pub(super) enum Check {
    /// That of a server, for this name.
    Server(Arc<dyn ServerCertVerifier>, ServerName<'static>),
    /// That of a client.
    Client(Arc<dyn ClientCertVerifier>),
    /// Nobody: clients are not asked for one.
    Nobody,
}

impl DtlsClient {
    /// Reads the files. To take up a renewed certificate, load again and use the result for the next association.
    pub fn load(options: &TlsClientOptions) -> Result<Self, TlsError> {
        let check = Check::Server(server_verifier(options)?, read_name(&options.name)?);
        let config = build(Config::builder())?;
        let certificate = match &options.identity {
            Some(files) => load_certificate(files, &config)?,
            None => nobody()?,
        };
        Ok(Self { config, certificate, check })
    }

    /// Begins an association: its first datagram comes out of [`DtlsSession::pass`].
    pub fn connect(&self, now: Instant) -> DtlsSession {
        let mut dtls = Dtls::new_auto(Arc::clone(&self.config), self.certificate.clone(), now);
        dtls.set_active(true);
        DtlsSession::new(dtls, self.check.clone(), now)
    }
}

impl DtlsServer {
    /// Reads the files. To take up a renewed certificate, load again and use the result for associations that begin from then on.
    pub fn load(options: &TlsServerOptions) -> Result<Self, TlsError> {
        let check = client_verifier(options)?.map_or(Check::Nobody, Check::Client);
        let asks = matches!(check, Check::Client(_));
        let config = build(Config::builder().require_client_certificate(asks))?;
        let certificate = load_certificate(&options.identity, &config)?;
        Ok(Self { config, certificate, check })
    }

    /// An association with somebody who has sent a first datagram.
    pub(super) fn accept(&self, now: Instant) -> DtlsSession {
        let dtls = Dtls::new_auto(Arc::clone(&self.config), self.certificate.clone(), now);
        DtlsSession::new(dtls, self.check.clone(), now)
    }
}

impl std::fmt::Debug for DtlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsClient").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DtlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsServer").finish_non_exhaustive()
    }
}

impl Check {
    /// Whether a peer without a certificate may go on.
    pub(super) const fn is_needless(&self) -> bool {
        matches!(self, Self::Nobody)
    }

    /// Checks a certificate; the error is a sentence.
    pub(super) fn check(&self, certificate: &[u8]) -> Result<(), String> {
        let (certificate, now) = (CertificateDer::from(certificate), UnixTime::now());
        match self {
            Self::Server(verifier, name) => {
                let verified = verifier.verify_server_cert(&certificate, &[], name, &[], now);
                verified.map(|_| ()).map_err(|error| explain(&error, Side::Client))
            }
            Self::Client(verifier) => {
                let verified = verifier.verify_client_cert(&certificate, &[], now);
                verified.map(|_| ()).map_err(|error| explain(&error, Side::Server))
            }
            Self::Nobody => Ok(()),
        }
    }
}

/// What is wrong, and what DTLS adds to it.
fn explain(error: &rustls::Error, side: Side) -> String {
    let text = explain_tls(error, side);
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            format!("{text} (over DTLS the certificate of the host comes alone: its direct issuer must be in that file)")
        }
        _ => text,
    }
}

fn build(builder: ConfigBuilder) -> Result<Arc<Config>, TlsError> {
    let built = builder.mtu(HANDSHAKE_OCTETS).handshake_timeout(HANDSHAKE_TIME).build();
    built.map(Arc::new).map_err(|error| TlsError::NoCryptography { reason: error.to_string() })
}

fn load_certificate(files: &IdentityFiles, config: &Config) -> Result<DtlsCertificate, TlsError> {
    let Identity { mut chain, key } = Identity::load(files)?;
    let private_key = key.secret_der().to_vec();
    if config.crypto_provider().key_provider.load_private_key(&private_key).is_err() {
        let found = "another key: DTLS needs a certificate with one of these; `openssl ecparam -genkey -name prime256v1 -noout` makes one".into();
        return Err(TlsError::Unexpected {
            file: files.private_key.clone(),
            expected: "an ECDSA key on the curve P-256 or P-384",
            found,
        });
    }
    // The same look at both together that TLS takes.
    files.check_pair()?;
    Ok(DtlsCertificate { certificate: chain.swap_remove(0).to_vec(), private_key })
}

/// A certificate that says nothing, for a client that is nobody in particular: made anew each time, shown to servers that ask, and refused by them.
fn nobody() -> Result<DtlsCertificate, TlsError> {
    let made = rcgen::generate_simple_self_signed(Vec::new());
    let made = made.map_err(|error| TlsError::NoCryptography { reason: error.to_string() })?;
    Ok(DtlsCertificate { certificate: made.cert.der().to_vec(), private_key: made.signing_key.serialize_der() })
}
