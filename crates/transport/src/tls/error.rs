//! What is wrong with the files that TLS is configured by.

use std::io;
use std::path::PathBuf;

/// Why TLS cannot be had with these files and names.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}{}", file.display(), advice(source))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that holds something else.
    #[error("{}: expected {expected}, found {found}", file.display())]
    Unexpected {
        /// The file.
        file: PathBuf,
        /// What belongs there.
        expected: &'static str,
        /// What is there instead, and what to do about it.
        found: String,
    },
    /// A key that is not that of the certificate.
    #[error(
        "{} is not the key of the first certificate in {}: the certificate of this host comes first, those of its issuers follow",
        key.display(), certificate.display()
    )]
    OtherKey {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A certificate that cannot be used.
    #[error("{}: {reason}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Cryptography that does not work here.
    #[error("no cryptography: {reason}")]
    NoCryptography {
        /// What is wrong.
        reason: String,
    },
    /// A name that no certificate can carry.
    #[error("\"{name}\" is no name of a certificate: expected a DNS name like \"exporter.example\" or an IP address")]
    BadName {
        /// The name.
        name: String,
    },
    /// The system has no authorities, and no file of them is named.
    #[error("this system knows no certificate authorities ({reason}): install ca-certificates, or name a file with ca")]
    NoAuthorities {
        /// What was tried.
        reason: String,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; expected a PEM file, written as an absolute path or from where the program was started",
        io::ErrorKind::PermissionDenied => "; the user that runs the program must be able to read it",
        io::ErrorKind::IsADirectory => "; expected a PEM file",
        _ => "",
    }
}
