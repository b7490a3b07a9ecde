//! The guard in front of every route: the name of the service, the word of proxies, who asks, whether they may, whether they meant to; and the audit log behind it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{Access, AccessTable, NoAccess};
use super::audit::AuditRow;
use super::caller::{Caller, Via};
use super::directory::{People, PeopleError};
use super::hosts::{self, Edge, Origin, Peer};
use super::role::Role;
use crate::error::{Fault, Refusal};
use crate::routes::now;

/// What pages of the service send with whatever is not only read: pages of strangers cannot.
pub(crate) const CSRF: &str = "weir-csrf";

/// The route of the counters, which some addresses may read.
const METRICS: &str = "/metrics";

/// What the guard knows.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) people: Arc<People>,
    pub(crate) edge: Edge,
    pub(crate) access: AccessTable,
    pub(crate) counts: Counts,
}

/// Requests that were refused, by reason.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) host: AtomicU64,
    pub(crate) forwarded: AtomicU64,
    pub(crate) stranger: AtomicU64,
    pub(crate) signed_out: AtomicU64,
    pub(crate) role: AtomicU64,
}

/// How a session is set and ended in this request's answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookieJar {
    port: u16,
    is_secret: bool,
}

/// Where a request comes from, for routes that ask before anybody is signed in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From(pub(crate) IpAddr);

/// Lets a request through, or says why not.
pub(crate) async fn check(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "nobody knows where the request comes from").into_response();
    };
    if let Err(fault) = hosts::check_host(&guard.edge, &peer, &request) {
        guard.counts.host.fetch_add(1, Ordering::Relaxed);
        return fault.into_response();
    }
    let origin = match hosts::origin(&guard.edge, &peer, request.headers()) {
        Ok(origin) => origin,
        Err(fault) => {
            guard.counts.forwarded.fetch_add(1, Ordering::Relaxed);
            return fault.into_response();
        }
    };
    // Files and pages of the console tell nothing.
    let Some(path) = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()) else {
        return next.run(request).await;
    };
    let method = request.method().clone();
    let access = match guard.access.find(&path, &method) {
        Ok(access) => access,
        Err(NoAccess::Method) => {
            let error = format!("{} does not take {method}: see /api/v1/openapi.json", request.uri().path());
            return Fault::new(StatusCode::METHOD_NOT_ALLOWED, error).into_response();
        }
        Err(NoAccess::Unstated) => {
            return Fault::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{path} does not say who may ask it")).into_response();
        }
    };
    let jar = CookieJar { port: peer.local.port(), is_secret: origin.is_secret };
    let what = format!("{method} {}", request.uri().path());
    let caller = match guard.admit(&request, &path, access, &peer, &origin, jar) {
        Ok(caller) => caller,
        Err(refused) => {
            let (who, fault) = *refused;
            guard.note_refused(who.as_ref(), &origin, what, &fault);
            return fault.into_response();
        }
    };
    if let Some(caller) = &caller {
        request.extensions_mut().insert(caller.clone());
    }
    request.extensions_mut().insert(jar);
    request.extensions_mut().insert(From(origin.from));
    let response = next.run(request).await;
    let is_noted = !method.is_safe() && !access.only_asks && caller.is_some();
    if is_noted {
        guard.note(caller.as_ref(), &origin, what, &response);
    }
    private(response)
}

/// Answers to people are for them alone: nobody between keeps them.
fn private(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

impl Guard {
    /// Who asks, where they may; else who it was, and why they may not.
    fn admit(
        &self,
        request: &Request,
        path: &str,
        access: Access,
        peer: &Peer,
        origin: &Origin,
        jar: CookieJar,
    ) -> Result<Option<Caller>, Box<(Option<Caller>, Fault)>> {
        let headers = request.headers();
        let mut caller = self.identify(headers, origin, jar).map_err(|fault| Box::new((None, fault)))?;
        if !request.method().is_safe()
            && let Err(fault) = self.check_meant(headers, caller.as_ref(), peer)
        {
            self.counts.stranger.fetch_add(1, Ordering::Relaxed);
            return Err(Box::new((caller, fault)));
        }
        if caller.is_none() && path == METRICS && (self.edge.metrics_from)(origin.from) {
            caller = Some(Caller::nobody("metrics", Role::Viewer, Via::Address, origin.from));
        }
        let Some(least) = access.least else { return Ok(caller) };
        match caller {
            None => {
                self.counts.signed_out.fetch_add(1, Ordering::Relaxed);
                let error = "sign in first: POST /api/v1/session, or send a token as `Authorization: Bearer TOKEN`";
                Err(Box::new((None, unauthorized(error))))
            }
            Some(caller) if caller.role() < least => {
                self.counts.role.fetch_add(1, Ordering::Relaxed);
                let error = format!("this is for the role {least}, and {} is {}", caller.name(), caller.role());
                Err(Box::new((Some(caller), Fault::new(StatusCode::FORBIDDEN, error))))
            }
            caller => Ok(caller),
        }
    }

    /// Who asks: whoever carries a token, or has the cookie of a session.
    fn identify(&self, headers: &HeaderMap, origin: &Origin, jar: CookieJar) -> Result<Option<Caller>, Fault> {
        let from = origin.from;
        let mut carried = headers.get_all(header::AUTHORIZATION).iter();
        if let Some(authorization) = carried.next() {
            let token = authorization.to_str().ok().and_then(|text| {
                let (scheme, token) = text.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
            });
            let token = token.filter(|_| carried.next().is_none());
            let token = token.ok_or_else(|| unauthorized("expected one header `Authorization: Bearer TOKEN`"))?;
            let caller = self.people.of_token(token, from, now()).map_err(fault)?;
            if caller.is_none() {
                // Nobody finds a token by trying, and whoever tries is slowed down.
                self.people.count_try(from).map_err(fault)?;
                return Err(unauthorized("that token is unknown, over or revoked"));
            }
            return Ok(caller);
        }
        if let Some(secret) = jar.find(headers)
            && let Some(caller) = self.people.of_session(secret, from).map_err(fault)?
        {
            return Ok(Some(caller));
        }
        Ok(self.people.is_open().then(|| Caller::nobody("demo", Role::Admin, Via::Open, from)))
    }

    /// Refuses what a page of a stranger made a browser send. Whoever carries a token has said so themselves.
    fn check_meant(&self, headers: &HeaderMap, caller: Option<&Caller>, peer: &Peer) -> Result<(), Fault> {
        if headers.contains_key(header::AUTHORIZATION) {
            return Ok(());
        }
        let refuse = |error: &str| Err(Fault::with(StatusCode::FORBIDDEN, Refusal::of(CSRF, error)));
        if let Some(site) = headers.get("sec-fetch-site")
            && !matches!(site.as_bytes(), b"same-origin" | b"none")
        {
            return refuse("this was asked by a page of another site");
        }
        if let Some(page) = headers.get(header::ORIGIN)
            && !self.is_own_page(page, headers, peer)
        {
            return refuse("this was asked by a page of another origin");
        }
        let is_open = caller.is_some_and(|caller| caller.via() == Via::Open);
        if !is_open && !headers.contains_key(CSRF) {
            return refuse("whatever is not only read carries the header `weir-csrf: 1`, or a token");
        }
        Ok(())
    }

    /// Whether that origin is where this request was sent to, or what a proxy is known as.
    fn is_own_page(&self, page: &HeaderValue, headers: &HeaderMap, peer: &Peer) -> bool {
        let authority = page.to_str().ok().and_then(|page| Some(page.split_once("://")?.1));
        let Some(authority) = authority else { return false };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let is_listed =
            || self.edge.hosts.iter().any(|name| hosts::own_name(name).eq_ignore_ascii_case(hosts::own_name(authority)));
        authority.eq_ignore_ascii_case(host) || (is_listed() && hosts::is_known(&self.edge, peer, authority))
    }

    fn note(&self, caller: Option<&Caller>, origin: &Origin, what: String, response: &Response) {
        let status = response.status();
        let result = if status.is_success() { "ok".to_owned() } else { status.to_string() };
        self.people.note(&row(caller, origin.from, what, None, result));
    }

    fn note_refused(&self, caller: Option<&Caller>, origin: &Origin, what: String, fault: &Fault) {
        // Whoever is not signed in yet is told so all the time, without meaning anything by it.
        if fault.status == StatusCode::UNAUTHORIZED && caller.is_none() && what.starts_with("GET") {
            return;
        }
        self.people.note_refused(&row(caller, origin.from, what, None, fault.refusal.error.clone()));
    }
}

/// A line of the audit log.
pub(crate) fn row(caller: Option<&Caller>, from: IpAddr, what: String, target: Option<String>, result: String) -> AuditRow {
    AuditRow {
        time: now(),
        who: caller.map_or("-", Caller::name).to_owned(),
        via: caller.map_or("-", |caller| caller.via().name()).to_owned(),
        from: Some(from),
        what,
        target,
        result,
    }
}

impl CookieJar {
    /// Cookies do not tell ports apart, and several services may run on a machine.
    fn name(self) -> String {
        // A browser takes this beginning of secret cookies of this host alone.
        let begin = if self.is_secret { "__Host-" } else { "" };
        format!("{begin}weir-{}", self.port)
    }

    /// The secret of a session.
    fn find(self, headers: &HeaderMap) -> Option<&str> {
        let name = self.name();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|value| value.split(';')).find_map(|cookie| {
            let (key, value) = cookie.trim().split_once('=')?;
            (key == name).then_some(value)
        })
    }

    /// The header that gives a browser this secret; of none, that takes it away.
    pub(crate) fn header(self, secret: Option<&str>, seconds: u64) -> Option<HeaderValue> {
        let (name, secure) = (self.name(), if self.is_secret { "; Secure" } else { "" });
        let (value, age) = secret.map_or(("", 0), |secret| (secret, seconds));
        HeaderValue::try_from(format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")).ok()
    }
}

fn unauthorized(error: &str) -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, error)
}

/// How what people may not is told over HTTP.
pub(crate) fn fault(error: PeopleError) -> Fault {
    use super::book::BookError;
    let told = error.to_string();
    let status = match error {
        PeopleError::Wrong => StatusCode::UNAUTHORIZED,
        PeopleError::TooMany(wait) => return Fault::new(StatusCode::TOO_MANY_REQUESTS, told).after(wait.as_secs().max(1)),
        PeopleError::Forbidden(_) => StatusCode::FORBIDDEN,
        PeopleError::Book(BookError::Refused(refusal)) => return refusal.into(),
        PeopleError::Book(BookError::Missing(_)) => StatusCode::NOT_FOUND,
        PeopleError::Book(BookError::Conflict(_)) => StatusCode::CONFLICT,
        PeopleError::Book(BookError::Changed(_)) => StatusCode::PRECONDITION_FAILED,
        PeopleError::Book(BookError::Failed(_)) | PeopleError::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Fault::new(status, told)
}
