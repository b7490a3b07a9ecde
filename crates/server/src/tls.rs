//! TLS of the console: from a certificate and key to what the server speaks, and a certificate where there is none.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

/// How a server speaks TLS.
pub type Settings = Arc<ServerConfig>;

/// How a server speaks TLS (1.2 and 1.3) with this chain of certificates and its key, both PEM.
///
/// # Errors
/// A sentence that begins with what is wrong: `certificate` or `key`.
pub fn settings(certificate: &[u8], key: &[u8]) -> Result<Settings, String> {
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("certificate: {error}"))?;
    if chain.is_empty() {
        return Err("certificate: there is none in it, expected PEM: -----BEGIN CERTIFICATE-----".into());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("key: {error}"))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| format!("certificate: {error}"))?;
    let mut settings = builder
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("key: it does not go with the certificate: {error}"))?;
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(settings))
}

/// A certificate that says itself whose it is, for these names and addresses, and its key; both PEM.
///
/// # Errors
/// A sentence, where a name is none or the system gives no random numbers.
pub fn self_signed(names: Vec<String>) -> Result<(String, String), String> {
    let failed = |error: rcgen::Error| format!("no certificate can be made: {error}");
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = CertificateParams::new(names).and_then(|settings| settings.self_signed(&key)).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_was_made_can_be_spoken_with() {
        let (certificate, key) = self_signed(vec!["weir.example".into(), "192.0.2.1".into()]).unwrap();
        assert!(settings(certificate.as_bytes(), key.as_bytes()).is_ok());
        let (_, other) = self_signed(vec!["weir.example".into()]).unwrap();
        let wrong = |certificate: &str, key: &str| settings(certificate.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(wrong(&certificate, &other).starts_with("key: it does not go"), "{}", wrong(&certificate, &other));
        assert!(wrong("", &key).starts_with("certificate: "));
        assert!(wrong(&certificate, "nothing").starts_with("key: "));
        assert!(self_signed(vec!["".into(), "é".into()]).is_err());
    }
}
