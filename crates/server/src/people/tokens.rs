//! Routes of tokens: what programs sign in with.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::Token;
use super::caller::{Caller, Via};
use super::directory::People;
use super::guard::fault;
use super::role::Role;
use crate::error::{Fault, Refusal};
use crate::moment;
use crate::routes::{Body, Shared, now, waiting};

/// How long a token works where nothing else is asked.
const USUAL: &str = "90d";

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenRow {
    /// By which it is revoked.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Whose it is.
    pub user: String,
    /// The most that it may do; left out: what its user may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// When it was made.
    #[serde(with = "crate::moment::as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub created: i64,
    /// When it ends; left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::moment::as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<i64>,
    /// When it was used last since the service began.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::moment::as_optional_text")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used: Option<i64>,
}

/// A token with its secret, which is told once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MadeToken {
    #[serde(flatten)]
    row: TokenRow,
    /// What is sent as `Authorization: Bearer TOKEN`.
    token: String,
}

/// A token to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// What it is for.
    name: String,
    /// The most that it may do; left out: what you may.
    #[serde(default)]
    role: Option<Role>,
    /// A length such as `30d`, a time, or `never`; left out: `90d`.
    #[serde(default)]
    #[schema(example = "90d")]
    expires: Option<String>,
}

/// Your tokens; for admins those of all.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "people", security(("session" = ["viewer"])), responses((status = 200, description = "Without their secrets", body = Vec<TokenRow>)))]
pub(crate) async fn tokens_list(State(shared): State<Shared>, caller: Caller) -> Result<Json<Vec<TokenRow>>, Fault> {
    let mut tokens = shared.people.tokens().map_err(fault)?;
    tokens.retain(|token| caller.role() == Role::Admin || token.user == caller.name());
    Ok(Json(tokens))
}

/// Make a token of yours. Its secret is told this once.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "people", security(("session" = ["viewer"])), request_body = NewToken, responses(
    (status = 201, description = "The token", body = MadeToken),
    (status = 400, description = "A part of it makes no sense", body = Refusal),
    (status = 403, description = "Only whoever signed in makes tokens", body = Refusal),
    (status = 409, description = "You have too many", body = Refusal),
))]
pub(crate) async fn tokens_add(
    State(shared): State<Shared>,
    caller: Caller,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Fault> {
    if caller.via() != Via::Session {
        let error =
            "a token is made by a user who signed in, or by `weir user token`: a token that was stolen must not make others";
        return Err(Fault::new(StatusCode::FORBIDDEN, error));
    }
    let now = now();
    let expires = expiry(new.expires.as_deref().unwrap_or(USUAL), now).map_err(|error| Refusal::of("expires", error))?;
    let people = shared.people.clone();
    let work = move || {
        let made = people.add_token(caller.name(), &new.name, new.role, expires, now)?;
        Ok((made.id.clone(), made.secret, people.tokens()?))
    };
    let (id, token, rows) = waiting(work).await?.map_err(fault)?;
    let gone = || Fault::new(StatusCode::CONFLICT, "the token was revoked at once");
    let row = rows.into_iter().find(|row| row.id == id).ok_or_else(gone)?;
    Ok((StatusCode::CREATED, Json(MadeToken { row, token })))
}

/// Revoke a token.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "people", security(("session" = ["viewer"])), params(("id" = String, Path, description = "Which")), responses(
    (status = 204, description = "It works no longer"),
    (status = 404, description = "You have none of that id", body = Refusal),
))]
pub(crate) async fn token_delete(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    let is_theirs = {
        let book = shared.people.book().map_err(fault)?;
        book.token(&id).is_some_and(|token| caller.role() == Role::Admin || token.user == caller.name())
    };
    if !is_theirs {
        return Err(Fault::new(StatusCode::NOT_FOUND, format!("you have no token {id}: GET /api/v1/tokens lists them")));
    }
    waiting(move || shared.people.remove_token(&id)).await?.map_err(fault)?;
    Ok(StatusCode::NO_CONTENT)
}

/// When something ends that lasts so long, or until then; nothing where never. The error is a sentence.
pub fn expiry(text: &str, now: i64) -> Result<Option<i64>, String> {
    if text == "never" {
        return Ok(None);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(i64::try_from(time.as_nanosecond()).ok());
    }
    moment::read_length(text).map(|length| Some(now.saturating_add(length)))
}

/// A token with what is known of it.
pub(super) fn row(people: &People, id: &str, token: &Token) -> TokenRow {
    TokenRow {
        id: id.to_owned(),
        name: token.name.clone(),
        user: token.user.clone(),
        role: token.role,
        created: token.created,
        expires: token.expires,
        last_used: people.token_used(id),
    }
}
