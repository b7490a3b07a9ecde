//! A certificate authority of a test, and what it issues, as PEM files.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};

/// An authority that signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its certificate and those of its issuers below the root, as a server sends them.
    chain: String,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Issued {
    /// PEM: the certificate, and those of issuers below the root.
    pub certificate: String,
    /// PEM: the key.
    pub private_key: String,
}

impl Authority {
    /// A root whose name is its own.
    #[expect(clippy::new_without_default, reason = "a new one each time is the point")]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let name = format!("test authority {:016x}", fastrand::u64(..));
        let issuer = CertifiedIssuer::self_signed(Self::params(&name), key).expect("a root certificate");
        Self { issuer, chain: String::new() }
    }

    /// An authority below this one.
    pub fn intermediate(&self) -> Self {
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::signed_by(Self::params("test intermediate"), key, &self.issuer).expect("a certificate");
        let chain = issuer.pem() + &self.chain;
        Self { issuer, chain }
    }

    /// A certificate of these names (DNS names or IP addresses), for servers and clients.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| ())
    }

    /// One that is over since 2001.
    pub fn issue_expired(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |params| {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        })
    }

    /// One that is changed before it is signed.
    pub fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let key = KeyPair::generate().expect("a key");
        let mut params = leaf(names);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem() + &self.chain;
        Issued { certificate, private_key: key.serialize_pem() }
    }

    /// Its own certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Writes its own certificate there.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        write(folder, name, &self.pem())
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params
    }
}

impl Issued {
    /// A certificate that nobody but itself vouches for.
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = leaf(names).self_signed(&key).expect("a certificate").pem();
        Self { certificate, private_key: key.serialize_pem() }
    }

    /// Writes `NAME.pem` and `NAME.key` there: the paths of certificate and key.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let certificate = write(folder, &format!("{name}.pem"), &self.certificate);
        (certificate, write(folder, &format!("{name}.key"), &self.private_key))
    }
}

fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of a certificate");
    params.distinguished_name.push(DnType::CommonName, "test");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file in the test's folder");
    path
}
