//! `[listen.NAME]`: where flow export is received, from whom, and how much of it.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use weir_transport::tls::{IdentityFiles, TlsServerOptions, TlsVersions};
use weir_transport::{GuardOptions, ReceiverOptions, Scheme, StreamLimits};

use super::{ListenUrl, Network, Size, Span};

/// A place where datagrams or streams are received.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    /// How octets travel, address and port.
    pub(crate) url: ListenUrl,
    /// Exporters that may send; empty for all.
    #[serde(default)]
    pub(crate) allow: Vec<Network>,
    /// Most datagrams a second of one address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate_limit: Option<NonZeroU32>,
    /// Octets of datagrams that may wait in the kernel.
    #[serde(default = "receive_buffer")]
    pub(crate) receive_buffer: Size,
    /// How the protocol is known.
    #[serde(default)]
    pub(crate) format: ListenFormat,
    /// The certificate of this host, and those of its issuers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) private_key: Option<PathBuf>,
    /// The authorities of client certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_ca: Option<PathBuf>,
    /// Names of which a client certificate must have one; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_names: Vec<String>,
    /// Most connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections: Option<NonZeroU32>,
    /// Most connections of one address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections_per_source: Option<NonZeroU32>,
    /// How long a message may take to come whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_timeout: Option<Span>,
    /// How long a connection may be silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idle_timeout: Option<Span>,
}

/// How the protocol of what arrives is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListenFormat {
    /// By content; of streams IPFIX.
    #[default]
    Auto,
    /// Everything is FastNetMon Flow.
    FastNetMon,
}

fn receive_buffer() -> Size {
    Size(ReceiverOptions::default().receive_buffer)
}

impl Listen {
    /// Whether all keys belong together; the error begins with the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        let scheme = self.scheme();
        let name = scheme.name();
        let has_tls = matches!(scheme, Scheme::Tls | Scheme::Dtls);
        let for_tls = [
            ("certificate", self.certificate.is_some()),
            ("private_key", self.private_key.is_some()),
            ("client_ca", self.client_ca.is_some()),
            ("allowed_names", !self.allowed_names.is_empty()),
        ];
        if let Some((key, _)) = for_tls.into_iter().find(|(_, is_there)| *is_there && !has_tls) {
            return Err(format!("{key}: {name}:// has no certificates, use tls:// or dtls://, or leave it out"));
        }
        if let Some((key, _)) = for_tls.into_iter().take(2).find(|(_, is_there)| !is_there && has_tls) {
            return Err(format!("{key}: {name}:// needs a PEM file here"));
        }
        if !self.allowed_names.is_empty() && self.client_ca.is_none() {
            return Err(
                "allowed_names: without client_ca no client is asked for a certificate; name the file of its authority there"
                    .into(),
            );
        }
        let for_connections = [
            ("max_connections", self.max_connections.is_some()),
            ("max_connections_per_source", self.max_connections_per_source.is_some()),
            ("idle_timeout", self.idle_timeout.is_some()),
            ("message_timeout", self.message_timeout.is_some()),
        ];
        let has_none = if scheme == Scheme::Udp {
            0
        } else if scheme == Scheme::Dtls {
            3
        } else {
            4
        };
        if let Some((key, _)) = for_connections.into_iter().skip(has_none).find(|(_, is_there)| *is_there) {
            return Err(format!("{key}: {name}:// has none, leave it out"));
        }
        if self.is_stream() && self.rate_limit.is_some() {
            return Err(format!("rate_limit: {name}:// slows its senders down by itself, leave it out"));
        }
        if scheme == Scheme::Dtls && self.format == ListenFormat::FastNetMon {
            return Err("format: FastNetMon Flow has no dtls://, use tls://".into());
        }
        Ok(())
    }

    /// How octets travel.
    pub(crate) const fn scheme(&self) -> Scheme {
        self.url.0.scheme
    }

    /// Whether connections come here.
    pub(crate) const fn is_stream(&self) -> bool {
        matches!(self.scheme(), Scheme::Tcp | Scheme::Tls)
    }

    /// What the guard at the door is told.
    pub(crate) fn guard(&self) -> GuardOptions {
        GuardOptions {
            allowed: self.allow.iter().map(|network| (network.0.address(), network.0.length())).collect(),
            rate: self.rate_limit,
            ..GuardOptions::default()
        }
    }

    /// What strangers may do with connections.
    pub(crate) fn limits(&self) -> StreamLimits {
        let default = StreamLimits::default();
        let number = |limit: Option<NonZeroU32>, default| limit.map_or(default, |limit| limit.get() as usize);
        StreamLimits {
            connections: number(self.max_connections, default.connections),
            connections_of_one: number(self.max_connections_per_source, default.connections_of_one),
            message_time: self.message_timeout.map_or(default.message_time, Span::of),
            idle_time: self.idle_timeout.map(Span::of),
        }
    }

    /// What TLS of streams is made from, where there is any.
    pub(crate) fn tls(&self) -> Option<TlsServerOptions> {
        self.files().filter(|_| self.is_stream())
    }

    /// What DTLS is made from, where there is any.
    pub(crate) fn dtls(&self) -> Option<TlsServerOptions> {
        self.files().filter(|_| !self.is_stream())
    }

    /// Whether files of certificates are read.
    pub(crate) const fn has_files(&self) -> bool {
        self.certificate.is_some()
    }

    fn files(&self) -> Option<TlsServerOptions> {
        let identity = IdentityFiles { certificate: self.certificate.clone()?, private_key: self.private_key.clone()? };
        let versions = match self.format {
            ListenFormat::Auto => TlsVersions::From12,
            ListenFormat::FastNetMon => TlsVersions::Only13,
        };
        Some(TlsServerOptions {
            identity,
            client_ca: self.client_ca.clone(),
            allowed_names: self.allowed_names.clone(),
            versions,
        })
    }

    /// Whether a running listener can go over to this without an end of its connections.
    pub(crate) fn is_same_listener(&self, other: &Self) -> bool {
        (&self.url, self.format) == (&other.url, other.format)
    }
}
