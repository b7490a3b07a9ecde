//! TLS at a sender.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::ServerName;

use super::files::{read_authorities, system_authorities};
use super::server::read_name;
use super::{Identity, IdentityFiles, TlsError, TlsVersions, provider};

/// What TLS at a sender needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsClientOptions {
    /// The name that the peer's certificate must carry: the host of the URL, or what was configured instead. A DNS name or an IP address.
    pub name: String,
    /// The authorities of the peer's certificate; without a file those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Who this host is, where the peer asks for it.
    pub identity: Option<IdentityFiles>,
    /// What is spoken.
    pub versions: TlsVersions,
}

/// TLS at a sender: whom it speaks to, and who it is.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsClient {
    /// Reads the files. To take up a renewed certificate, load again and use the result for the next connection.
    pub fn load(options: &TlsClientOptions) -> Result<Self, TlsError> {
        let name = read_name(&options.name)?;
        let verifier = server_verifier(options)?;
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(options.versions.versions());
        let builder = builder.map_err(|error| TlsError::NoAuthorities { reason: error.to_string() })?;
        // The verifier is that of rustls itself; it is made by hand since DTLS needs the same one.
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &options.identity {
            Some(files) => {
                let Identity { chain, key } = Identity::load(files)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| files.refused(&error))?
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), name })
    }

    /// What rustls needs.
    pub const fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The name that the peer's certificate must carry.
    pub const fn name(&self) -> &ServerName<'static> {
        &self.name
    }
}

/// Who checks the peer's certificate.
pub(crate) fn server_verifier(options: &TlsClientOptions) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let authorities = match &options.ca {
        Some(file) => read_authorities(file)?,
        None => system_authorities()?,
    };
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), provider());
    let verifier = builder.build().map_err(|error| TlsError::NoAuthorities { reason: error.to_string() })?;
    Ok(verifier)
}
