//! People: where users, tokens and the audit log lie, how the first admin comes in, and `weir user`.
//!
//! All of it lies in one folder that is closed to others: `users.json`, `audit.log` and those before it, `local.token` (with which commands on this machine ask), and
//! a certificate and key where they were made here.

pub(crate) mod command;
mod folder;
mod password;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use weir_record::Address;
use weir_server::{Edge, Networks, People, tls};

pub(crate) use folder::{Folder, TokenFile, made_certificate};

use crate::config::{Console, Network};

/// Whether whoever comes has to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// Everybody does.
    SignIn,
    /// Nobody does: `weir demo`.
    Open,
}

/// The people of a running service. Who is signed in stays so when the configuration changes.
pub(crate) struct Entry {
    entrance: Entrance,
    known: Mutex<Option<(PathBuf, Arc<People>)>>,
}

impl Entry {
    pub(crate) fn new(entrance: Entrance) -> Self {
        Self { entrance, known: Mutex::default() }
    }

    /// Those of a folder. The error is a sentence.
    pub(crate) fn of(&self, folder: Folder) -> Result<Arc<People>, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let path = folder.path().to_owned();
        if let Some((_, people)) = known.as_ref().filter(|(before, _)| *before == path) {
            return Ok(Arc::clone(people));
        }
        let token = folder.token_file();
        let make = if self.entrance == Entrance::Open { People::open } else { People::new };
        let people = Arc::new(make(Box::new(folder)));
        // Whoever cannot be read is told before anybody is answered.
        people.is_empty().map_err(|error| format!("console.folder: {}: {error}", path.display()))?;
        let local = people.begin_local().map_err(|error| error.to_string())?;
        token.write(&local).map_err(|error| format!("console.folder: {}: {error}", path.display()))?;
        *known = Some((path, Arc::clone(&people)));
        Ok(people)
    }
}

/// How a console meets the network. The error is a sentence that begins with the key.
pub(crate) fn edge(console: &Console, folder: &Folder) -> Result<Edge, String> {
    let tls = match (&console.certificate, &console.private_key) {
        (Some(certificate), Some(key)) => Some(read_identity(certificate.clone(), key.clone())?),
        (Some(_), None) => {
            let (certificate, key) = folder.identity(&names(console))?;
            Some(read_identity(certificate, key)?)
        }
        (None, _) => None,
    };
    Ok(Edge {
        hosts: console.hosts.clone(),
        trusted_proxies: networks(&console.trusted_proxies),
        metrics_from: networks(&console.metrics_from),
        tls,
    })
}

fn read_identity(certificate: PathBuf, key: PathBuf) -> Result<tls::Settings, String> {
    let read = |name: &str, path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("console.{name}: cannot read {}: {error}", path.display()))
    };
    let octets = (read("certificate", &certificate)?, read("private_key", &key)?);
    tls::settings(&octets.0, &octets.1).map_err(|error| {
        let (certificate, key) = (certificate.display(), key.display());
        format!("console.certificate: {certificate} and {key}: {error}")
    })
}

/// The names for which a certificate is made here.
fn names(console: &Console) -> Vec<String> {
    let mut names: Vec<String> = console.hosts.iter().map(|host| weir_server::own_name(host).to_owned()).collect();
    names.extend(["localhost".into(), "127.0.0.1".into(), "::1".into()]);
    if !console.listen.ip().is_unspecified() {
        names.push(console.listen.ip().to_string());
    }
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    names.extend(Some(own.trim().to_owned()).filter(|own| !own.is_empty()));
    names.sort_unstable();
    names.dedup();
    names
}

fn networks(of: &[Network]) -> Networks {
    let of = of.to_vec();
    Arc::new(move |address: IpAddr| of.iter().any(|network| network.0.contains(Address::from(address))))
}

/// Where there is nobody yet, tells how the first admin comes in.
pub(crate) fn invite(people: &People, console: &Console, address: SocketAddr) {
    if people.is_open() || !people.is_empty().unwrap_or(false) {
        return;
    }
    let base = base(console, address);
    match people.begin_setup() {
        Ok(code) => tracing::warn!(
            "there is no user yet: make the first admin at {base}/setup#code={code} within an hour, or with `weir user add NAME --role admin`"
        ),
        Err(error) => {
            tracing::error!(%error, "there is no user yet: make the first admin with `weir user add NAME --role admin`")
        }
    }
}

/// Where people find the console: by the first name that it was given, or its address.
fn base(console: &Console, address: SocketAddr) -> String {
    let is_secret = console.certificate.is_some() || console.behind_proxy;
    let scheme = if is_secret { "https" } else { "http" };
    match console.hosts.first() {
        Some(host) if console.behind_proxy || host.contains(':') => format!("{scheme}://{host}"),
        Some(host) => format!("{scheme}://{host}:{}", address.port()),
        None => format!("{scheme}://{}", crate::client::reachable(address)),
    }
}
