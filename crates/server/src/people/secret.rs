//! Secrets: random ones, what is kept of them, and passwords.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use sha2::{Digest as _, Sha256};

/// Octets of a random secret: nobody finds one by trying.
const OCTETS: usize = 32;

/// Characters of a password: too few are guessed, too many only take time.
pub(crate) const PASSWORD: std::ops::RangeInclusive<usize> = 10..=1024;

/// What is kept of a random secret; whoever reads it cannot sign in with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Of its text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 32];
        if text.len() != 64 || !text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return None;
        }
        for (place, octet) in octets.iter_mut().enumerate() {
            *octet = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some(Self(octets))
    }

    pub(crate) fn text(&self) -> String {
        hexadecimal(&self.0)
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a digest")
    }
}

/// A random secret. The error is a sentence.
pub(crate) fn random() -> Result<String, String> {
    let mut octets = [0; OCTETS];
    getrandom::fill(&mut octets).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    Ok(hexadecimal(&octets))
}

/// A short random name.
pub(crate) fn random_name() -> Result<String, String> {
    let mut octets = [0; 6];
    getrandom::fill(&mut octets).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    Ok(hexadecimal(&octets))
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What is kept of a password: argon2id with its salt and costs. Takes a while, and 19 MiB. The error is a sentence.
pub(crate) fn hash(password: &str) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the password cannot be hashed: {error}");
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| failed(&error))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| failed(&error))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|error| failed(&error))?;
    Ok(hash.to_string())
}

/// Whether this is the password; of nobody it takes as long, so that the time tells nothing of who there is.
pub(crate) fn verify(password: &str, kept: Option<&str>) -> bool {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let nobody = || NOBODY.get_or_init(|| hash("nobody has this password").unwrap_or_default()).as_str();
    let is_right = PasswordHash::new(kept.unwrap_or_else(nobody))
        .is_ok_and(|kept| Argon2::default().verify_password(password.as_bytes(), &kept).is_ok());
    is_right && kept.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_kept_as_argon2id_and_known_again() {
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify("correct horse", Some(&kept)));
        assert!(!verify("correct horses", Some(&kept)));
        assert!(!verify("nobody has this password", None));
        assert!(!verify("", Some("")));
        assert_ne!(hash("correct horse").unwrap(), kept, "each has a salt of its own");
    }

    #[test]
    fn a_digest_is_that_of_sha_256() {
        // FIPS 180-2, appendix B.1.
        let text = Digest::of("abc").text();
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::parse(&text), Some(Digest::of("abc")));
        for wrong in ["", "ba78", &text[1..], &text.replace('b', "+"), &"é".repeat(32)] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
    }
}
