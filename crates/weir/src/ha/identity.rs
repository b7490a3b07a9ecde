//! Who a unit is to the other one: a key, a certificate that says itself whose it is, and the certificate of the other; and the tokens by which two come together.
//!
//! Each trusts the one certificate of the other and nobody else. They are exchanged once, by a token that is told from person to person: it holds a secret
//! that the one unit asks for, and the fingerprint by which the other knows that it speaks with the right one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::control::replace_file as replace;
use crate::pinned::pin;

/// The name in the certificate of every unit: who it is says the key.
pub(super) const NAME: &str = "weir-unit";

/// How long a token may be used.
const TOKEN_TIME: Duration = Duration::from_secs(3600);

/// How often one may be tried in vain.
const TOKEN_TRIES: u32 = 5;

/// Octets of a secret, and of a fingerprint as far as it is told.
const SECRET: usize = 16;

/// Where a unit stands in the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// It has begun the pair: it listens, and merges settings.
    First,
    /// It has joined.
    Second,
}

/// A unit, as it is kept on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) part: Part,
    #[serde(with = "as_hex")]
    certificate: Vec<u8>,
    #[serde(with = "as_hex")]
    key: Vec<u8>,
    /// The certificate of the other; empty until there is one.
    #[serde(with = "as_hex")]
    peer: Vec<u8>,
    /// Where the first one listens, as the second was told.
    pub(super) address: Option<String>,
}

impl Identity {
    /// A new one. The error is a sentence.
    pub(super) fn new(part: Part) -> Result<Self, String> {
        let failed = |error: rcgen::Error| format!("no certificate can be made: {error}");
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).map_err(failed)?;
        // Clocks of machines that have just started may be far behind.
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1));
        let certificate = params.self_signed(&key).map_err(failed)?;
        let (certificate, key) = (certificate.der().to_vec(), key.serialize_der());
        Ok(Self { part, certificate, key, peer: Vec::new(), address: None })
    }

    /// What was kept in this folder; none where there is no pair.
    pub(super) fn load(folder: &Path) -> Result<Option<Self>, String> {
        let path = file(folder);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| format!("{}: {error}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Keeps it there; nobody else may read it. The error is a sentence.
    pub(super) fn save(&self, folder: &Path) -> Result<(), String> {
        let path = file(folder);
        let failed = |error: &dyn fmt::Display| format!("{} cannot be written: {error}", path.display());
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(&error))?;
        replace(&path, &text).map_err(|error| failed(&error))
    }

    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub(super) const fn has_peer(&self) -> bool {
        !self.peer.is_empty()
    }

    /// Whether this is the certificate of the other unit.
    pub(super) fn is_peer(&self, shown: &[u8]) -> bool {
        self.has_peer() && self.peer == shown
    }

    pub(super) fn set_peer(&mut self, certificate: Vec<u8>) {
        self.peer = certificate;
    }

    /// For the first one: others must show the certificate of the second, or say a token. The error is a sentence.
    pub(super) fn server(&self) -> Result<Arc<ServerConfig>, String> {
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]).map_err(sentence)?;
        let builder = if self.has_peer() {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.trusted()?), provider());
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().map_err(sentence)?)
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(vec![self.certificate.clone().into()], self.key().into());
        config.map(Arc::new).map_err(sentence)
    }

    /// For the second one: it speaks with the first and nobody else.
    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, String> {
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]).map_err(sentence)?;
        let builder = builder.with_root_certificates(self.trusted()?);
        let config = builder.with_client_auth_cert(vec![self.certificate.clone().into()], self.key().into());
        config.map(Arc::new).map_err(sentence)
    }

    fn trusted(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.peer.clone().into()).map_err(sentence)?;
        Ok(roots)
    }

    fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        self.key.clone().into()
    }
}

/// For whoever joins: the first one is known by the fingerprint in the token.
pub(super) fn joining(token: &Token) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]).map_err(sentence)?;
    let known = token.fingerprint;
    let builder = pin(builder, move |shown| fingerprint(shown) == known, "this is not the unit that has given the token");
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn sentence(error: impl fmt::Display) -> String {
    error.to_string()
}

fn file(folder: &Path) -> PathBuf {
    folder.join("unit.json")
}

/// By which two units come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) secret: [u8; SECRET],
    fingerprint: [u8; SECRET],
}

impl Token {
    /// A new one, of a unit with this certificate. The error is a sentence.
    pub(super) fn new(certificate: &[u8]) -> Result<Self, String> {
        let mut secret = [0; SECRET];
        getrandom::fill(&mut secret).map_err(|error| format!("the system gives no random numbers: {error}"))?;
        Ok(Self { secret, fingerprint: fingerprint(certificate) })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", hex(&self.secret), hex(&self.fingerprint))
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.trim().split_once('-');
        let read = |part: &str| unhex(part).and_then(|octets| octets.try_into().ok());
        parts
            .and_then(|(secret, fingerprint)| Some(Self { secret: read(secret)?, fingerprint: read(fingerprint)? }))
            .ok_or_else(|| "that is no token: it is what `weir ha init` prints on the other unit".into())
    }
}

/// A token that waits to be used.
pub(super) struct Pending {
    secret: [u8; SECRET],
    until: Instant,
    tries: u32,
}

impl Pending {
    pub(super) fn new(token: &Token) -> Self {
        Self { secret: token.secret, until: Instant::now() + TOKEN_TIME, tries: TOKEN_TRIES }
    }

    /// Whether this is the secret; one that was right is used up with that, and so is one that was tried too often.
    pub(super) fn take(pending: &mut Option<Self>, secret: &str) -> bool {
        let Some(waiting) = pending.as_mut().filter(|waiting| Instant::now() < waiting.until) else { return false };
        // Every octet is looked at, whichever is wrong.
        let given = unhex(secret).unwrap_or_default();
        let wrong = given.iter().zip(&waiting.secret).fold(0, |wrong, (one, other)| wrong | (one ^ other));
        let is_right = given.len() == SECRET && wrong == 0;
        waiting.tries = waiting.tries.saturating_sub(1);
        if is_right || waiting.tries == 0 {
            *pending = None;
        }
        is_right
    }
}

fn fingerprint(certificate: &[u8]) -> [u8; SECRET] {
    Sha256::digest(certificate).first_chunk().copied().unwrap_or_default()
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(char::from(*high).to_digit(16)? as u8 * 16 + char::from(*low).to_digit(16)? as u8),
        _ => None,
    });
    digits.collect()
}

/// Octets in JSON.
mod as_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(octets: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(octets))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::unhex(&text).ok_or_else(|| D::Error::custom("expected hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_told_and_used_once() {
        let unit = Identity::new(Part::First).unwrap();
        let token = Token::new(unit.certificate()).unwrap();
        assert_eq!(token.to_string().parse(), Ok(token));
        for wrong in ["", "-", "00-00", "zz", &token.to_string()[1..], &format!("{token}0")] {
            assert!(wrong.parse::<Token>().unwrap_err().starts_with("that is no token"), "{wrong}");
        }
        let (mut pending, secret) = (Some(Pending::new(&token)), hex(&token.secret));
        assert!(!Pending::take(&mut pending, "00") && pending.is_some());
        assert!(Pending::take(&mut pending, &secret) && pending.is_none());
        assert!(!Pending::take(&mut pending, &secret), "it was used");
        let mut pending = Some(Pending { until: Instant::now(), ..Pending::new(&token) });
        assert!(!Pending::take(&mut pending, &secret), "its time is over");
        let mut pending = Some(Pending::new(&token));
        assert!((0..TOKEN_TRIES).all(|_| !Pending::take(&mut pending, "guessed")));
        assert!(!Pending::take(&mut pending, &secret), "it was tried too often");
    }

    #[test]
    fn a_unit_is_kept_for_itself() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("weir-unit-{}", std::process::id()));
        assert!(Identity::load(&folder).unwrap().is_none());
        let mut unit = Identity::new(Part::Second).unwrap();
        unit.set_peer(Identity::new(Part::First).unwrap().certificate().to_vec());
        unit.save(&folder).unwrap();
        assert_eq!(std::fs::metadata(file(&folder)).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Identity::load(&folder).unwrap().unwrap();
        assert!(read.has_peer() && read.certificate() == unit.certificate() && read.part == Part::Second);
        std::fs::write(file(&folder), "{").unwrap();
        assert!(Identity::load(&folder).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
