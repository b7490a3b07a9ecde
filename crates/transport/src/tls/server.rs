//! TLS at a listener.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use webpki::EndEntityCert;

use super::files::read_authorities;
use super::{Identity, IdentityFiles, TlsError, TlsVersions, provider};

/// What TLS at a listener needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsServerOptions {
    /// Who this host is.
    pub identity: IdentityFiles,
    /// The authorities of client certificates. With them a client must have a certificate, without them none is asked for.
    pub client_ca: Option<PathBuf>,
    /// Names of which a client certificate must carry one, as DNS name or IP address; none at all means any certificate of these authorities.
    pub allowed_names: Vec<String>,
    /// What is spoken.
    pub versions: TlsVersions,
}

/// TLS at a listener: a certificate, and who may come.
#[derive(Clone, Debug)]
pub struct TlsServer {
    pub(crate) config: Arc<ServerConfig>,
}

impl TlsServer {
    /// Reads the files. To take up a renewed certificate, load again and use the result for connections that come from then on.
    pub fn load(options: &TlsServerOptions) -> Result<Self, TlsError> {
        let files = &options.identity;
        let Identity { chain, key } = Identity::load(files)?;
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(options.versions.versions());
        let unusable = |reason: String| TlsError::Unusable { file: files.certificate.clone(), reason };
        let builder = builder.map_err(|error| unusable(error.to_string()))?;
        let builder = match client_verifier(options)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| files.refused(&error))?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config) })
    }

    /// What rustls needs.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }
}

/// Who checks client certificates, where they are wanted.
pub(crate) fn client_verifier(options: &TlsServerOptions) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(file) = &options.client_ca else { return Ok(None) };
    let unusable =
        |error: rustls::server::VerifierBuilderError| TlsError::Unusable { file: file.clone(), reason: error.to_string() };
    let authorities = Arc::new(read_authorities(file)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider()).build().map_err(unusable)?;
    if options.allowed_names.is_empty() {
        return Ok(Some(verifier));
    }
    let names = options.allowed_names.iter().map(|name| read_name(name)).collect::<Result<_, _>>()?;
    Ok(Some(Arc::new(NamedClients { verifier, names })))
}

/// A name as certificates carry it in subjectAltName (RFC 5280, section 4.2.1.6).
pub(crate) fn read_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(address.into()));
    }
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::BadName { name: name.to_owned() })
}

/// Lets those pass that have one of these names.
#[derive(Debug)]
struct NamedClients {
    verifier: Arc<dyn ClientCertVerifier>,
    names: Vec<ServerName<'static>>,
}

impl ClientCertVerifier for NamedClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.verifier.verify_client_cert(certificate, intermediates, now)?;
        let parsed = EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding)?;
        if self.names.iter().any(|name| parsed.verify_is_valid_for_subject_name(name).is_ok()) {
            return Ok(verified);
        }
        Err(CertificateError::NotValidForName.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
