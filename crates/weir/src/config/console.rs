//! `[console]`: where the service answers over HTTP, to whom, and under which names.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Network;

/// In place of a file: a certificate that is made where there is none yet.
pub(crate) const SELF_SIGNED: &str = "self-signed";

/// The folder of users and of what they make, in that of the store.
const NAME: &str = "console";

/// The HTTP side.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Console {
    /// Address and port.
    pub(crate) listen: SocketAddr,
    /// Where users and the audit log lie; without it in the folder of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<PathBuf>,
    /// Names and addresses by which it is asked, besides localhost and those it is bound to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hosts: Vec<String>,
    /// Its certificate and those of its issuers, or `self-signed`; without it HTTP without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    /// The key of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_key: Option<PathBuf>,
    /// A proxy that speaks TLS stands in front of it, so that it may answer on any address without.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) behind_proxy: bool,
    /// Proxies that say for whom they ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trusted_proxies: Vec<Network>,
    /// Who may read `/metrics` without a token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) metrics_from: Vec<Network>,
}

impl Default for Console {
    /// This machine alone.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            folder: None,
            hosts: Vec::new(),
            certificate: None,
            private_key: None,
            behind_proxy: false,
            trusted_proxies: Vec::new(),
            metrics_from: Vec::new(),
        }
    }
}

const fn is_false(value: &bool) -> bool {
    !*value
}

impl Console {
    /// Whether all keys belong together; the error begins with the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        let address = self.listen;
        if !address.ip().is_loopback() && self.certificate.is_none() && !self.behind_proxy {
            return Err(format!(
                "listen: {address} can be reached from elsewhere, where passwords and answers would travel unencrypted: add certificate and private_key, \
                 or certificate = \"{SELF_SIGNED}\", or behind_proxy = true where a proxy speaks TLS, or listen on 127.0.0.1"
            ));
        }
        match (&self.certificate, &self.private_key) {
            (Some(_), Some(_)) if self.is_self_signed() => {
                Err(format!("private_key: certificate = \"{SELF_SIGNED}\" makes a key of its own: leave it out"))
            }
            (Some(_), None) if !self.is_self_signed() => {
                Err("private_key: the certificate needs the PEM file of its key here".into())
            }
            (None, Some(_)) => Err("certificate: the key needs the PEM file of its certificate here".into()),
            _ => self.check_hosts(),
        }
    }

    fn check_hosts(&self) -> Result<(), String> {
        let is_name = |host: &str| {
            let name = weir_server::own_name(host);
            name.parse::<std::net::IpAddr>().is_ok()
                || (!name.is_empty()
                    && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_')))
        };
        match self.hosts.iter().find(|host| !is_name(host)) {
            Some(host) => {
                Err(format!("hosts: \"{host}\" is no name of a host: expected one such as weir.example, without http://"))
            }
            None => Ok(()),
        }
    }

    /// True where the certificate is one of its own making.
    pub(crate) fn is_self_signed(&self) -> bool {
        self.certificate.as_deref() == Some(Path::new(SELF_SIGNED))
    }

    /// Where users and the audit log lie; `store` is the folder of the store. Nothing where there is no place for them.
    pub(crate) fn place(&self, store: Option<&Path>) -> Option<PathBuf> {
        self.folder.clone().or_else(|| Some(store?.join(NAME)))
    }
}
