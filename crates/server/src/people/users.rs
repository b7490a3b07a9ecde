//! Routes of users, for admins.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::{Book, User};
use super::directory::People;
use super::guard::fault;
use super::limits::LimitsText;
use super::role::Role;
use super::session::{busy, seen};
use crate::error::{Fault, Refusal};
use crate::routes::{Body, Shared, now, waiting};

/// A user, as admins see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserRow {
    /// Name, with which they sign in.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Which rows and columns they see; left out where all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsText>,
    /// When they were made.
    #[serde(with = "crate::moment::as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub created: i64,
    /// When their password was changed last.
    #[serde(with = "crate::moment::as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub password_changed: i64,
    /// How often they are signed in.
    pub sessions: u64,
    /// How many tokens they have.
    pub tokens: u64,
    /// For `If-Match` of a change.
    pub etag: String,
}

/// A user to be.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// 1 to 64 letters, digits, dots, dashes, underscores and @.
    name: String,
    /// 10 to 1,024 characters.
    #[schema(format = Password)]
    password: String,
    role: Role,
    #[serde(default)]
    limits: Option<LimitsText>,
}

/// What a user is to be from now on.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangedUser {
    role: Role,
    /// Left out: none.
    #[serde(default)]
    limits: Option<LimitsText>,
    /// Another password, which ends their sessions; left out: the one they have.
    #[serde(default)]
    #[schema(format = Password)]
    password: Option<String>,
}

/// Everybody.
#[utoipa::path(get, path = "/api/v1/users", tag = "people", security(("session" = ["admin"])), responses((status = 200, description = "By name", body = Vec<UserRow>)))]
pub(crate) async fn users_list(State(shared): State<Shared>) -> Result<Json<Vec<UserRow>>, Fault> {
    Ok(Json(shared.people.users().map_err(fault)?))
}

/// Add somebody.
#[utoipa::path(post, path = "/api/v1/users", tag = "people", security(("session" = ["admin"])), request_body = NewUser, responses(
    (status = 201, description = "They may sign in", body = UserRow),
    (status = 400, description = "A part of it makes no sense: which, and where in it", body = Refusal),
    (status = 409, description = "There is such a user already, or too many are", body = Refusal),
))]
pub(crate) async fn users_add(State(shared): State<Shared>, Body(new): Body<NewUser>) -> Result<Response, Fault> {
    let (people, name) = (Arc::clone(&shared.people), new.name.clone());
    let work = waiting(move || people.add_user(&new.name, &new.password, new.role, new.limits.as_ref(), now()));
    shared.people.hashing(work).await.ok_or_else(busy)??.map_err(fault)?;
    one(&shared.people, &name, StatusCode::CREATED)
}

/// One of them.
#[utoipa::path(get, path = "/api/v1/users/{name}", tag = "people", security(("session" = ["admin"])), params(("name" = String, Path, description = "Whom")), responses(
    (status = 200, description = "What they may; with an ETag", body = UserRow),
    (status = 404, description = "There is no such user", body = Refusal),
))]
pub(crate) async fn user_get(State(shared): State<Shared>, Path(name): Path<String>) -> Result<Response, Fault> {
    one(&shared.people, &name, StatusCode::OK)
}

/// Change what somebody may do, what they see, or their password.
#[utoipa::path(put, path = "/api/v1/users/{name}", tag = "people", security(("session" = ["admin"])), params(("name" = String, Path, description = "Whom"), ("if-match" = String, Header, description = "The ETag of what was seen")), request_body = ChangedUser, responses(
    (status = 200, description = "What they may now; with an ETag", body = UserRow),
    (status = 400, description = "A part of it makes no sense: which, and where in it", body = Refusal),
    (status = 404, description = "There is no such user", body = Refusal),
    (status = 409, description = "They are the only admin", body = Refusal),
    (status = 412, description = "They were changed meanwhile", body = Refusal),
    (status = 428, description = "`If-Match` is missing", body = Refusal),
))]
pub(crate) async fn user_put(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(changed): Body<ChangedUser>,
) -> Result<Response, Fault> {
    let seen = seen(&headers)?;
    let (people, whom) = (Arc::clone(&shared.people), name.clone());
    let work = waiting(move || {
        let ChangedUser { role, limits, password } = changed;
        people.change_user(&whom, role, limits.as_ref(), password.as_deref(), Some(seen), now())
    });
    shared.people.hashing(work).await.ok_or_else(busy)??.map_err(fault)?;
    one(&shared.people, &name, StatusCode::OK)
}

/// Take somebody out, with their sessions and tokens.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "people", security(("session" = ["admin"])), params(("name" = String, Path, description = "Whom"), ("if-match" = String, Header, description = "The ETag of what was seen")), responses(
    (status = 204, description = "They may sign in no longer"),
    (status = 404, description = "There is no such user", body = Refusal),
    (status = 409, description = "They are the only admin", body = Refusal),
    (status = 412, description = "They were changed meanwhile", body = Refusal),
    (status = 428, description = "`If-Match` is missing", body = Refusal),
))]
pub(crate) async fn user_delete(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Fault> {
    let seen = seen(&headers)?;
    waiting(move || shared.people.remove_user(&name, Some(seen))).await?.map_err(fault)?;
    Ok(StatusCode::NO_CONTENT)
}

fn one(people: &People, name: &str, status: StatusCode) -> Result<Response, Fault> {
    let book = people.book().map_err(fault)?;
    let user = book.user(name).ok_or_else(|| Fault::new(StatusCode::NOT_FOUND, format!("there is no user {name}")))?;
    let row = row(people, &book, name, user);
    let etag = HeaderValue::try_from(row.etag.as_str());
    let mut response = (status, Json(row)).into_response();
    response.headers_mut().extend(etag.ok().map(|etag| (header::ETAG, etag)));
    Ok(response)
}

/// A user with what is known of them.
pub(super) fn row(people: &People, book: &Book, name: &str, user: &User) -> UserRow {
    UserRow {
        name: name.to_owned(),
        role: user.role,
        limits: user.limits.clone(),
        created: user.created,
        password_changed: user.password_changed,
        sessions: people.sessions_of(name, user.credentials) as u64,
        tokens: book.tokens().filter(|(_, token)| token.user == name).count() as u64,
        etag: format!("\"{}\"", user.revision),
    }
}
