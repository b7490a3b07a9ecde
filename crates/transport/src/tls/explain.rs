//! What a failed handshake means, and what to do about it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible, PeerMisbehaved};

/// On which side of the handshake we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The listener, whose peer is a client.
    Server,
    /// The sender, whose peer is a server.
    Client,
}

/// Says in a sentence why a handshake or a connection ended; says what the system says where TLS is not the reason.
pub fn explain(error: &io::Error, side: Side) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => explain_tls(error, side),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "the peer closed the connection without a word".into(),
        None => error.to_string(),
    }
}

pub(crate) fn explain_tls(error: &Error, side: Side) -> String {
    match error {
        Error::InvalidCertificate(error) => explain_certificate(error, side),
        Error::NoCertificatesPresented => "the client has no certificate, and client_ca asks for one".into(),
        Error::AlertReceived(alert) => explain_alert(*alert, side),
        Error::PeerIncompatible(error) => explain_incompatible(error),
        Error::PeerMisbehaved(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec) | Error::InvalidMessage(_) => {
            "the peer does not speak TLS here".into()
        }
        error => error.to_string(),
    }
}

fn explain_certificate(error: &CertificateError, side: Side) -> String {
    let (whose, key) = match side {
        Side::Server => ("the client's certificate", "client_ca"),
        Side::Client => ("the server's certificate", "ca"),
    };
    match error {
        CertificateError::ExpiredContext { time, not_after } => {
            let days = time.as_secs().saturating_sub(not_after.as_secs()) / 86_400;
            format!("{whose} has expired, {days} days ago: renew it there")
        }
        CertificateError::Expired => format!("{whose} has expired: renew it there"),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("{whose} is not valid yet: compare the clocks of both hosts")
        }
        CertificateError::UnknownIssuer => format!(
            "{whose} is self-signed, or its issuer is not known here, or the certificates between were not sent: name the file of its authority with {key}"
        ),
        CertificateError::BadSignature => {
            format!(
                "{whose} was signed by another authority of the name that {key} holds: the file there is an older or a newer one"
            )
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "{whose} is not that of {}, its names are [{}]: use one of them as the host",
            expected.to_str(),
            presented.join(", ")
        ),
        CertificateError::NotValidForName if side == Side::Server => format!("{whose} has none of allowed_names"),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            let purpose = if side == Side::Server { "clientAuth" } else { "serverAuth" };
            format!("{whose} was issued for something else: its extended key usage lacks {purpose}")
        }
        error if error.to_string().contains("CaUsedAsEndEntity") => {
            format!("{whose} is that of an authority, perhaps self-signed: issue one for the host with it")
        }
        error => format!("{whose} is refused: {error}"),
    }
}

fn explain_alert(alert: AlertDescription, side: Side) -> String {
    let peer = match side {
        Side::Server => "the client",
        Side::Client => "the server",
    };
    match alert {
        AlertDescription::UnknownCA => {
            format!("{peer} does not know the issuer of our certificate: name its authority there, or send the whole chain")
        }
        AlertDescription::CertificateExpired => format!("{peer} says that our certificate has expired: renew it"),
        AlertDescription::CertificateRequired => format!("{peer} asks for a certificate: set certificate and private_key"),
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => format!("{peer} refuses our certificate ({alert:?})"),
        AlertDescription::ProtocolVersion => format!("{peer} and we have no version of TLS in common"),
        AlertDescription::HandshakeFailure => format!("{peer} found nothing in common with us, or wants a certificate"),
        alert => format!("{peer} ended it with the alert {alert:?}"),
    }
}

fn explain_incompatible(error: &PeerIncompatible) -> String {
    match error {
        PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => {
            "the peer speaks an older TLS only: 1.3 is required (1.2 is enough for IPFIX)".into()
        }
        PeerIncompatible::NoCipherSuitesInCommon
        | PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            format!("the peer speaks no cryptography that we do ({error:?})")
        }
        error => format!("the peer is not compatible ({error:?})"),
    }
}
