//! Routes of whoever comes: signing in and out, the first admin, one's own password, the audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::{AuditRow, Wanted};
use super::caller::{Caller, Via};
use super::directory::{People, PeopleError};
use super::guard::{CookieJar, From, fault, row};
use super::limits::LimitsText;
use super::role::Role;
use super::sessions::LONGEST;
use crate::error::{Fault, Refusal};
use crate::routes::{Body, Parameters, Shared, now, waiting};

/// Lines of the audit log in an answer, where nothing else is asked, and at the most.
const LINES: usize = 100;
const MOST_LINES: usize = 1000;

/// Who asks, and what they may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionDocument {
    /// Somebody is signed in, or carries a token.
    pub signed_in: bool,
    /// Nobody has to sign in here.
    pub open: bool,
    /// There is no user yet: the link that the service printed makes the first.
    pub setup: bool,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// How they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// To which rows and columns they are limited; left out where to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsText>,
    /// When the session ends at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::moment::as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<i64>,
}

/// A name and a password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    name: String,
    #[schema(format = Password)]
    password: String,
}

/// The first admin.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetUp {
    /// What stands in the link that the service printed.
    code: String,
    name: String,
    #[schema(format = Password)]
    password: String,
}

/// One's own password, the one before and the next.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnPassword {
    #[schema(format = Password)]
    old: String,
    #[schema(format = Password)]
    new: String,
}

/// Who am I, and what may I. Answers everybody.
#[utoipa::path(get, path = "/api/v1/session", tag = "people", security(()), responses((status = 200, description = "Who asks, and what they may", body = SessionDocument)))]
pub(crate) async fn session_get(State(shared): State<Shared>, caller: Option<Caller>) -> Result<Json<SessionDocument>, Fault> {
    Ok(Json(document(&shared.people, caller.as_ref())?))
}

/// Sign in: the answer sets the cookie of a session.
#[utoipa::path(post, path = "/api/v1/session", tag = "people", security(()), request_body = SignIn, responses(
    (status = 200, description = "Signed in", body = SessionDocument),
    (status = 401, description = "The name or the password is wrong", body = Refusal),
    (status = 403, description = "A page of another site asked, or the limits of the user cannot be read", body = Refusal),
    (status = 429, description = "Too many tries; `Retry-After` says when to come again", body = Refusal),
))]
pub(crate) async fn session_post(
    State(shared): State<Shared>,
    jar: axum::Extension<CookieJar>,
    from: axum::Extension<From>,
    Body(typed): Body<SignIn>,
) -> Result<Response, Fault> {
    sign_in(&shared.people, *jar, *from, typed).await
}

async fn sign_in(people: &Arc<People>, jar: CookieJar, From(from): From, typed: SignIn) -> Result<Response, Fault> {
    let theirs = Arc::clone(people);
    let name = typed.name.clone();
    let work = waiting(move || theirs.sign_in(&typed.name, &typed.password, from, now()));
    let signed_in = people.hashing(work).await.ok_or_else(busy)??;
    let told = signed_in.as_ref().err().map_or_else(|| "ok".to_owned(), ToString::to_string);
    let noted = row(None, from, "sign in".into(), Some(name), told);
    match signed_in {
        Ok(secret) => {
            people.note(&noted);
            let caller = people.of_session(&secret, from).map_err(fault)?;
            let mut response = Json(document(people, caller.as_ref())?).into_response();
            set_cookie(&mut response, jar.header(Some(&secret), LONGEST.as_secs()));
            Ok(response)
        }
        Err(error) => {
            people.note_refused(&noted);
            Err(fault(error))
        }
    }
}

/// Sign out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "people", security(("session" = ["viewer"])), responses((status = 204, description = "Signed out")))]
pub(crate) async fn session_delete(State(shared): State<Shared>, caller: Caller, jar: axum::Extension<CookieJar>) -> Response {
    shared.people.sign_out(&caller);
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, jar.header(None, 0));
    response
}

/// Change one's own password. Other sessions of the user end.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "people", security(("session" = ["viewer"])), request_body = OwnPassword, responses(
    (status = 204, description = "Changed"),
    (status = 400, description = "The new one is too short or too long", body = Refusal),
    (status = 403, description = "The old one is wrong, or a token asks", body = Refusal),
    (status = 429, description = "Too many tries", body = Refusal),
))]
pub(crate) async fn password_put(
    State(shared): State<Shared>,
    caller: Caller,
    Body(typed): Body<OwnPassword>,
) -> Result<StatusCode, Fault> {
    if caller.via() != Via::Session {
        return Err(Fault::new(StatusCode::FORBIDDEN, "whoever signed in changes their password, no token does"));
    }
    let people = Arc::clone(&shared.people);
    let work = waiting(move || people.set_own_password(&caller, &typed.old, &typed.new, now()));
    match shared.people.hashing(work).await.ok_or_else(busy)?? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(PeopleError::Forbidden(error)) => Err(Fault::with(StatusCode::FORBIDDEN, Refusal::of("old", error))),
        Err(error) => Err(fault(error)),
    }
}

/// Make the first admin, with the code of the link that the service printed.
#[utoipa::path(post, path = "/api/v1/setup", tag = "people", security(()), request_body = SetUp, responses(
    (status = 200, description = "There is an admin, who is signed in", body = SessionDocument),
    (status = 400, description = "The name or the password cannot be taken", body = Refusal),
    (status = 403, description = "The code is wrong, was used, or its time is over", body = Refusal),
    (status = 409, description = "There is a user already", body = Refusal),
    (status = 429, description = "Too many tries", body = Refusal),
))]
pub(crate) async fn setup_post(
    State(shared): State<Shared>,
    jar: axum::Extension<CookieJar>,
    from: axum::Extension<From>,
    Body(typed): Body<SetUp>,
) -> Result<Response, Fault> {
    let From(address) = *from;
    shared.people.count_try(address).map_err(fault)?;
    let (people, first) = (Arc::clone(&shared.people), typed.clone());
    let work = waiting(move || people.set_up(&first.code, &first.name, &first.password, now()));
    let made = shared.people.hashing(work).await.ok_or_else(busy)??;
    let told = made.as_ref().err().map_or_else(|| "ok".to_owned(), ToString::to_string);
    shared.people.note_refused(&row(None, address, "set up the first admin".into(), Some(typed.name.clone()), told));
    made.map_err(fault)?;
    sign_in(&shared.people, *jar, *from, SignIn { name: typed.name, password: typed.password }).await
}

/// Which lines of the audit log are wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditWanted {
    /// Most lines, up to 1,000; without it 100.
    limit: Option<usize>,
    /// Only of this user, or about them.
    user: Option<String>,
    /// Only from before this time, RFC 3339.
    before: Option<String>,
}

/// Who did what, when, from where, and what came of it; the latest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "people", security(("session" = ["admin"])), params(AuditWanted), responses(
    (status = 200, description = "Lines of the audit log", body = Vec<AuditRow>),
    (status = 400, description = "A parameter is none", body = Refusal),
))]
pub(crate) async fn audit(
    State(shared): State<Shared>,
    Parameters(wanted): Parameters<AuditWanted>,
) -> Result<Json<Vec<AuditRow>>, Fault> {
    let limit = wanted.limit.unwrap_or(LINES);
    if !(1..=MOST_LINES).contains(&limit) {
        return Err(Refusal::of("limit", format!("{limit}, expected 1 to {MOST_LINES}")).into());
    }
    let no_time = |_| Refusal::of("before", "expected a time such as 2026-03-02T09:00:00Z");
    let before = wanted.before.as_ref().map(|text| text.parse::<Timestamp>().map_err(no_time)).transpose()?;
    let before = before.and_then(|time| i64::try_from(time.as_nanosecond()).ok());
    let rows = waiting(move || shared.people.notes(&Wanted { limit, user: wanted.user.as_deref(), before })).await?;
    Ok(Json(rows.map_err(fault)?))
}

fn document(people: &People, caller: Option<&Caller>) -> Result<SessionDocument, Fault> {
    let open = people.is_open();
    let setup = !open && people.is_empty().map_err(fault)?;
    let Some(caller) = caller else { return Ok(SessionDocument { open, setup, ..SessionDocument::default() }) };
    Ok(SessionDocument {
        signed_in: true,
        open,
        setup,
        name: Some(caller.name().to_owned()),
        role: Some(caller.role()),
        via: Some(caller.via()),
        limits: caller.limits().map(|limits| limits.text().clone()),
        expires: people.session_ends(caller),
    })
}

/// Passwords of others are being worked out.
pub(super) fn busy() -> Fault {
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, "many sign in at once: try again in a moment")
}

fn set_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

/// The revision in `If-Match`, without which nobody changes what others may have changed.
pub(super) fn seen(headers: &HeaderMap) -> Result<u64, Fault> {
    let tag = headers.get(header::IF_MATCH).ok_or_else(|| {
        let error = "send the ETag of what you saw as If-Match, so that nobody's change is lost";
        Fault::new(StatusCode::PRECONDITION_REQUIRED, error)
    })?;
    let revision = tag.to_str().ok().and_then(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    revision.ok_or_else(|| Fault::new(StatusCode::PRECONDITION_FAILED, "that ETag was never given"))
}
