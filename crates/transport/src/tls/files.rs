//! PEM files (RFC 7468): certificates, keys, authorities.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// Most octets of a file: a bundle of all authorities of the world is below 1 MiB.
const MAX_FILE: u64 = 16 << 20;

/// Where the certificate of this host is, and its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityFiles {
    /// The certificate, and behind it those of its issuers, if they are to be sent.
    pub certificate: PathBuf,
    /// The key: PKCS #8, PKCS #1 or SEC1, without a passphrase.
    pub private_key: PathBuf,
}

impl IdentityFiles {
    /// Finds out whether the files belong together.
    pub(crate) fn check_pair(&self) -> Result<(), TlsError> {
        let Identity { chain, key } = Identity::load(self)?;
        let builder =
            rustls::ServerConfig::builder_with_provider(super::provider()).with_protocol_versions(&[&rustls::version::TLS13]);
        let builder = builder.map_err(|error| self.refused(&error))?.with_no_client_auth();
        builder.with_single_cert(chain, key).map(|_| ()).map_err(|error| self.refused(&error))
    }

    /// What is wrong with the files, by what is wrong with what they hold.
    pub(super) fn refused(&self, error: &rustls::Error) -> TlsError {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            return TlsError::OtherKey { certificate: self.certificate.clone(), key: self.private_key.clone() };
        }
        let file = if matches!(error, rustls::Error::InvalidCertificate(_)) { &self.certificate } else { &self.private_key };
        TlsError::Unusable { file: file.clone(), reason: error.to_string() }
    }
}

/// A certificate with its chain and its key.
#[derive(Debug)]
pub struct Identity {
    /// This host's certificate first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both files. Whether they belong together is found out when they are used.
    pub fn load(files: &IdentityFiles) -> Result<Self, TlsError> {
        Ok(Self { chain: read_certificates(&files.certificate)?, key: read_key(&files.private_key)? })
    }
}

/// The authorities in that file.
pub(super) fn read_authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut authorities = RootCertStore::empty();
    for certificate in read_certificates(file)? {
        let unusable =
            |error| TlsError::Unusable { file: file.to_owned(), reason: format!("no certificate of an authority: {error}") };
        authorities.add(certificate).map_err(unusable)?;
    }
    Ok(authorities)
}

/// The authorities that this system trusts.
pub(super) fn system_authorities() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(found.certs);
    if authorities.is_empty() {
        let reason = found.errors.first().map_or_else(|| "none was found".to_owned(), ToString::to_string);
        return Err(TlsError::NoAuthorities { reason });
    }
    Ok(authorities)
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let expected = "certificates between \"-----BEGIN CERTIFICATE-----\" and \"-----END CERTIFICATE-----\"";
    let text = read(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let unexpected = |found| TlsError::Unexpected { file: file.to_owned(), expected, found };
    let certificates = certificates.map_err(|error| unexpected(describe_error(&error)))?;
    if certificates.is_empty() {
        return Err(unexpected(describe(&text)));
    }
    Ok(certificates)
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let found = if matches!(error, pem::Error::NoItemsFound) { describe(&text) } else { describe_error(&error) };
        TlsError::Unexpected { file: file.to_owned(), expected: "a private key in PEM form (PKCS #8, PKCS #1 or SEC1)", found }
    })
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { file: file.to_owned(), source };
    let mut text = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(MAX_FILE + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE {
        let found = format!("more than {} MiB", MAX_FILE >> 20);
        return Err(TlsError::Unexpected { file: file.to_owned(), expected: "a PEM file", found });
    }
    Ok(text)
}

/// What a file holds that does not hold what was looked for.
fn describe(text: &[u8]) -> String {
    let sections: Vec<SectionKind> = Sections(text).collect();
    let holds = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    if holds(b"BEGIN ENCRYPTED PRIVATE KEY") || holds(b"Proc-Type: 4,ENCRYPTED") {
        return "a key behind a passphrase: `openssl pkey -in KEY -out PLAIN` takes it off".into();
    }
    let is_key =
        |kind: &SectionKind| matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey);
    if sections.iter().any(is_key) {
        return "a private key: certificate and private_key are mixed up".into();
    }
    if sections.contains(&SectionKind::Certificate) {
        return "a certificate: certificate and private_key are mixed up".into();
    }
    match text.first() {
        None => "nothing: the file is empty".into(),
        Some(0x30) => "binary data, perhaps DER: `openssl x509 -inform der -in FILE` prints a certificate as PEM, `openssl pkey -inform der -in FILE` a key".into(),
        Some(_) => "no such section".into(),
    }
}

fn describe_error(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section without its END line: the file is cut".into(),
        pem::Error::IllegalSectionStart { line } => format!("the line \"{}\"", String::from_utf8_lossy(line)),
        pem::Error::Base64Decode(what) => format!("text that is no base64 ({what})"),
        error => error.to_string(),
    }
}

/// The kinds of the sections of a text, as far as it can be read.
struct Sections<'a>(&'a [u8]);

impl Iterator for Sections<'_> {
    type Item = SectionKind;

    fn next(&mut self) -> Option<SectionKind> {
        let (kind, _) = pem::from_buf(&mut self.0).ok().flatten()?;
        Some(kind)
    }
}
