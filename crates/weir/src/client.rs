//! Asks a running service over HTTP: where it listens is told by its configuration.

mod tls;

use std::env;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, Body, RequestBuilder};
use weir_server::Refusal;

use crate::args::{DEFAULT_CONFIG, ServiceArgs};
use crate::config::{Config, Console};
use crate::exit::Failure;
use crate::people::{self, TokenFile};
use tls::TlsConnector;

/// How long a service on this machine, or near it, may take to accept a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// The token of the environment.
const TOKEN: &str = "WEIR_TOKEN";

/// A running service.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    /// With which it is asked, where there is one.
    token: Option<String>,
}

/// What a service refused, and how badly.
#[derive(Debug)]
pub(crate) enum Refused {
    /// What was asked makes no sense.
    Question(Refusal),
    /// It cannot be answered.
    Failed(Failure),
}

impl Client {
    /// The service that was named, or that of a configuration; without either that of the usual file, and where that does not exist the usual address.
    pub(crate) fn new(service: &ServiceArgs) -> Result<Self, Failure> {
        let usual = Path::new(DEFAULT_CONFIG);
        let config = service.config.as_deref().or(Some(usual).filter(|usual| usual.exists()));
        let place = match (&service.server, config) {
            (Some(url), _) => Place { base: named(url)?, ..Place::default() },
            (None, Some(path)) => of_config(path)?,
            (None, None) => Place { base: format!("http://{}", reachable(Console::default().listen)), ..Place::default() },
        };
        let Place { base, folder, certificate } = place;
        let told = service.token.clone().or_else(|| env::var(TOKEN).ok());
        let own = || TokenFile::of(folder.as_deref()?).read();
        let token = told.filter(|token| !token.is_empty()).or_else(own);
        // What is asked never leaves by a proxy: the service is on this machine, or was named.
        let settings = Agent::config_builder().http_status_as_error(false).timeout_connect(Some(CONNECT_TIME)).proxy(None);
        let agent = if base.starts_with("https://") {
            let tls = TlsConnector::new(certificate.as_deref()).map_err(Failure::Failed)?;
            let connector = ().chain(TcpConnector::default()).chain(tls);
            Agent::with_parts(settings.build(), connector, DefaultResolver::default())
        } else {
            settings.build().into()
        };
        Ok(Self { agent, base, token })
    }

    /// What a page holds, as JSON.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answered = self.signed(self.agent.get(format!("{}{path}", self.base))).call();
        let answer = self.look(answered).map_err(Refused::into_failure)?;
        let mut text = Vec::new();
        let read = answer.into_body().into_reader().read_to_end(&mut text);
        read.map_err(|error| self.broken(&error))?;
        serde_json::from_slice(&text)
            .map_err(|error| Failure::Failed(format!("{}{path} answers what this version cannot read: {error}", self.base)))
    }

    /// The answer to a question.
    pub(crate) fn post(&self, path: &str, question: &impl Serialize) -> Result<Response<Body>, Refused> {
        let answered = self.signed(self.agent.post(format!("{}{path}", self.base))).send_json(question);
        self.look(answered)
    }

    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// The answer, if it is one.
    fn look(&self, answered: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Refused> {
        let answer = answered.map_err(|error| {
            let advice = "start the service with `weir run`, name its configuration with -c, or read its files with --store";
            Refused::Failed(Failure::Failed(format!("no service answers at {}: {error}: {advice}", self.base)))
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let mut text = String::new();
        // A refusal whose words do not arrive is one all the same.
        let _ = answer.into_body().into_reader().read_to_string(&mut text);
        let refusal = serde_json::from_str(&text).unwrap_or_else(|_| Refusal::new(format!("{} answers {status}", self.base)));
        Err(match status {
            StatusCode::BAD_REQUEST => Refused::Question(refusal),
            StatusCode::UNAUTHORIZED => Refused::Failed(Failure::Failed(format!(
                "{} wants to know who asks: give --token or {TOKEN} (`weir user token NAME` makes one), or run this as the user of the service or root",
                self.base
            ))),
            _ => Refused::Failed(Failure::Failed(refusal.error)),
        })
    }

    /// An answer that did not arrive whole.
    pub(crate) fn broken(&self, error: &std::io::Error) -> Failure {
        Failure::Failed(format!("the answer of {} broke off: {error}", self.base))
    }
}

impl Refused {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Question(refusal) => Failure::Misuse(refusal.error),
            Self::Failed(failure) => failure,
        }
    }
}

/// Where a service answers.
#[derive(Default)]
struct Place {
    base: String,
    /// The folder of its people.
    folder: Option<PathBuf>,
    /// The certificate that it shows.
    certificate: Option<PathBuf>,
}

/// Where the service of this configuration answers.
fn of_config(path: &Path) -> Result<Place, Failure> {
    let config = Config::load(path)?;
    let missing = || {
        Failure::Misuse(format!("{}: the service cannot be asked: add [console], or read its files with --store", path.display()))
    };
    let console = config.console.as_ref().ok_or_else(missing)?;
    let folder = config.console_folder();
    let made = || folder.as_deref().map(people::made_certificate);
    let certificate = if console.is_self_signed() { made() } else { console.certificate.clone() };
    let scheme = if certificate.is_some() { "https" } else { "http" };
    Ok(Place { base: format!("{scheme}://{}", reachable(console.listen)), folder, certificate })
}

/// A service that was named by its URL.
fn named(url: &str) -> Result<String, Failure> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest.map(|rest| rest.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@']) => Ok(url.trim_end_matches('/').to_owned()),
        _ => Err(Failure::Misuse(format!(
            "--server: \"{url}\", expected http:// or https:// and a host, as in https://weir.example"
        ))),
    }
}

/// Where a listener can be reached: one on all addresses on this machine's own.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if address.ip().is_unspecified() {
        let own = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
        address.set_ip(own);
    }
    address
}
