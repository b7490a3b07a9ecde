//! What can be asked over HTTP, and how each answer is made.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post, put};
use axum::{Json, Router};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower_http::compression::CompressionLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa::{IntoParams, OpenApi as _, ToSchema};

use crate::account::{AccountRow, AskedAccount};
use crate::backend::Backend;
use crate::complete::{CompletionRow, Typed};
use crate::document::AnswerDocument;
use crate::error::{Fault, Refusal};
use crate::limits::Limits;
use crate::live::{Live, LiveCounters};
use crate::metric::{self, CounterRow};
use crate::named::{MOST_NAMES, NamesOf};
use crate::objects::Library;
use crate::openapi::Document;
use crate::people::guard::{self, Guard};
use crate::people::{Caller, Door, People, session, tokens, users};
use crate::queries::{Queries, QueryRow};
use crate::question::{Asked, AskedSql, Format};
use crate::source::SourceRow;
use crate::unread::{self, Unread};
use crate::{answer, console, live, objects, own_metrics};

/// What every route knows.
#[derive(Clone)]
pub(crate) struct Shared {
    backend: Arc<dyn Backend>,
    /// Profiles, chapters and dashboards; nothing where there is no place for them.
    pub(crate) library: Option<Arc<Library>>,
    pub(crate) people: Arc<People>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) queries: Arc<Queries>,
    pub(crate) unread: Arc<Unread>,
    pub(crate) live: Live,
}

impl Shared {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        library: Option<Arc<Library>>,
        guard: Arc<Guard>,
        queries: Arc<Queries>,
        unread: Arc<Unread>,
        live: Live,
    ) -> Self {
        Self { backend, library, people: Arc::clone(&guard.people), guard, queries, unread, live }
    }

    /// The way of this caller to what the service knows; there is no other.
    pub(crate) fn door(&self, caller: &Caller) -> Door {
        Door::of(Arc::clone(&self.backend), caller)
    }
}

pub(crate) fn router(shared: Shared, limits: &Limits) -> Router {
    let (unread, guard) = (Arc::clone(&shared.unread), Arc::clone(&shared.guard));
    objects::routes::add(Router::new())
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/api/v1/query", get(query_get).post(query_post))
        .route("/api/v1/sql", post(sql))
        .route("/api/v1/completeness", get(completeness))
        .route("/api/v1/sources", get(sources))
        .route("/api/v1/counters", get(counters))
        .route("/api/v1/live", get(live))
        .route("/api/v1/complete", get(complete))
        .route("/api/v1/names", get(names))
        .route("/api/v1/queries", get(queries_list))
        .route("/api/v1/queries/{id}", delete(query_cancel))
        .route("/api/v1/session", get(session::session_get).post(session::session_post).delete(session::session_delete))
        .route("/api/v1/session/password", put(session::password_put))
        .route("/api/v1/setup", post(session::setup_post))
        .route("/api/v1/users", get(users::users_list).post(users::users_add))
        .route("/api/v1/users/{name}", get(users::user_get).put(users::user_put).delete(users::user_delete))
        .route("/api/v1/tokens", get(tokens::tokens_list).post(tokens::tokens_add))
        .route("/api/v1/tokens/{id}", delete(tokens::token_delete))
        .route("/api/v1/audit", get(session::audit))
        .route("/api/v1/openapi.json", get(openapi))
        .fallback(any(console_or_nothing))
        .method_not_allowed_fallback(not_this_way)
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .layer(middleware::from_fn(console::guard))
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(RequestBodyTimeoutLayer::new(limits.header_time))
        .layer(middleware::from_fn_with_state(unread, unread::in_its_place))
        .layer(CompressionLayer::new())
        .with_state(shared)
}

/// Whether the service is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthPage {
    /// All parts are well.
    pub ok: bool,
    /// What is unwell and why, a sentence each; for whoever is signed in.
    pub problems: Vec<String>,
}

/// Whether the service is well.
#[utoipa::path(get, path = "/healthz", tag = "service", security(()), responses(
    (status = 200, description = "All parts are well", body = HealthPage),
    (status = 503, description = "Something is not", body = HealthPage),
))]
pub(crate) async fn health(State(shared): State<Shared>, caller: Option<Caller>) -> Result<Response, Fault> {
    let problems = waiting(move || shared.backend.health()).await?.problems;
    let ok = problems.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(HealthPage { ok, problems: caller.map(|_| problems).unwrap_or_default() })).into_response())
}

/// Counters in the form that Prometheus reads.
#[utoipa::path(get, path = "/metrics", tag = "service", security(("session" = ["viewer"])), responses((status = 200, description = "OpenMetrics 1.0", body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(State(shared): State<Shared>, caller: Caller) -> Result<Response, Fault> {
    let counters = waiting(move || all_counters(&shared, &caller)).await??;
    let page = metric::page(counters);
    let page = page.map_err(|_| Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "the counters cannot be written"))?;
    Ok(([(header::CONTENT_TYPE, metric::MEDIA_TYPE)], page).into_response())
}

/// Ask over flow records, by parameters.
#[utoipa::path(get, path = "/api/v1/query", tag = "ask", security(("session" = ["viewer"])), params(Asked), responses(
    (status = 200, description = "The answer; its form follows `format`", body = AnswerDocument),
    (status = 400, description = "The question makes no sense: which part, and where in it", body = Refusal),
    (status = 408, description = "The query ran for longer than it may", body = Refusal),
    (status = 409, description = "The query was cancelled", body = Refusal),
    (status = 422, description = "The answer would take more memory or groups than it may", body = Refusal),
    (status = 503, description = "Too many queries run, or there is no store", body = Refusal),
))]
pub(crate) async fn query_get(
    State(shared): State<Shared>,
    caller: Caller,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Fault> {
    answer::query(shared, &caller, asked).await
}

/// Ask over flow records.
#[utoipa::path(post, path = "/api/v1/query", tag = "ask", security(("session" = ["viewer"])), request_body = Asked, responses(
    (status = 200, description = "The answer; its form follows `format`", body = AnswerDocument),
    (status = 400, description = "The question makes no sense: which part, and where in it", body = Refusal),
    (status = 408, description = "The query ran for longer than it may", body = Refusal),
    (status = 409, description = "The query was cancelled", body = Refusal),
    (status = 413, description = "The question is too long", body = Refusal),
    (status = 422, description = "The answer would take more memory or groups than it may", body = Refusal),
    (status = 503, description = "Too many queries run, or there is no store", body = Refusal),
))]
pub(crate) async fn query_post(
    State(shared): State<Shared>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Response, Fault> {
    answer::query(shared, &caller, asked).await
}

/// Ask in SQL, read only: tables `flows`, `events`, `counters`, `health`, `series`.
#[utoipa::path(post, path = "/api/v1/sql", tag = "ask", security(("session" = ["analyst"])), request_body = AskedSql, responses(
    (status = 200, description = "The rows, as they come; the header `weir-columns` tells their columns", body = String, content_type = "application/x-ndjson"),
    (status = 400, description = "The statement makes no sense or is not allowed: where and why", body = Refusal),
    (status = 408, description = "The statement ran for longer than it may", body = Refusal),
    (status = 409, description = "The statement was cancelled", body = Refusal),
    (status = 413, description = "The statement is too long", body = Refusal),
    (status = 422, description = "The statement would take more memory than it may", body = Refusal),
    (status = 503, description = "Too many queries run, or there is no store", body = Refusal),
))]
pub(crate) async fn sql(State(shared): State<Shared>, caller: Caller, Body(asked): Body<AskedSql>) -> Result<Response, Fault> {
    answer::sql(shared, &caller, asked).await
}

/// What is known to be missing, slot by slot: what charts draw beside the numbers.
#[utoipa::path(get, path = "/api/v1/completeness", tag = "ask", security(("session" = ["viewer"])), params(AskedAccount), responses(
    (status = 200, description = "One row a slot, the oldest first", body = Vec<AccountRow>),
    (status = 400, description = "A parameter makes no sense: which part, and where in it", body = Refusal),
    (status = 408, description = "It ran for longer than it may", body = Refusal),
    (status = 409, description = "It was cancelled", body = Refusal),
    (status = 422, description = "There would be too many slots", body = Refusal),
    (status = 503, description = "Too many queries run, or there is no store", body = Refusal),
))]
pub(crate) async fn completeness(
    State(shared): State<Shared>,
    caller: Caller,
    Parameters(asked): Parameters<AskedAccount>,
) -> Result<Json<Vec<AccountRow>>, Fault> {
    Ok(Json(answer::account(&shared, &caller, &asked).await?))
}

/// Every source: what arrives, what is missing, why there is no data.
#[utoipa::path(get, path = "/api/v1/sources", tag = "service", security(("session" = ["viewer"])), responses((status = 200, description = "One row an exporter and observation domain", body = Vec<SourceRow>)))]
pub(crate) async fn sources(State(shared): State<Shared>, caller: Caller) -> Result<Json<Vec<SourceRow>>, Fault> {
    Ok(Json(answer::sources(&shared, &caller).await?))
}

/// Which counters are wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only counters whose name or labels contain this text.
    grep: String,
}

/// Every counter of the service; the same numbers as `/metrics`.
#[utoipa::path(get, path = "/api/v1/counters", tag = "service", security(("session" = ["viewer"])), params(Wanted), responses((status = 200, description = "Name and value", body = Vec<CounterRow>)))]
pub(crate) async fn counters(
    State(shared): State<Shared>,
    caller: Caller,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Json<Vec<CounterRow>>, Fault> {
    Ok(Json(rows(&shared, &caller, &wanted.grep).await?))
}

/// Counters as they move: server-sent events `counters`, at once and then every two seconds, the later ones with what changed.
#[utoipa::path(get, path = "/api/v1/live", tag = "service", security(("session" = ["viewer"])), params(Wanted), responses(
    (status = 200, description = "Events", body = LiveCounters, content_type = "text/event-stream"),
    (status = 503, description = "Too many clients watch already", body = Refusal),
))]
pub(crate) async fn live(
    State(shared): State<Shared>,
    caller: Caller,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Response, Fault> {
    live::counters(shared, caller, wanted.grep)
}

/// What may be typed next in a part of a question.
#[utoipa::path(get, path = "/api/v1/complete", tag = "ask", security(("session" = ["viewer"])), params(Typed), responses(
    (status = 200, description = "Words that may stand there; none where the text is wrong before that", body = Vec<CompletionRow>),
    (status = 400, description = "A parameter is not known", body = Refusal),
))]
pub(crate) async fn complete(caller: Caller, Parameters(typed): Parameters<Typed>) -> Result<Json<Vec<CompletionRow>>, Fault> {
    Ok(Json(typed.completions(caller.limits())))
}

/// Whose names are wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Nameless {
    /// Addresses, separated by commas.
    #[param(example = "192.0.2.1,2001:db8::1")]
    ip: String,
}

/// Names of addresses, by the resolver of the service. Nothing is looked up unless somebody asks here, or asks a question with `names`.
#[utoipa::path(get, path = "/api/v1/names", tag = "ask", security(("session" = ["viewer"])), params(Nameless), responses(
    (status = 200, description = "A name an address, null where it has none; what is not known within some seconds is left out", body = HashMap<String, Option<String>>),
    (status = 400, description = "Something is no address, or these are too many", body = Refusal),
))]
pub(crate) async fn names(
    State(shared): State<Shared>,
    caller: Caller,
    Parameters(nameless): Parameters<Nameless>,
) -> Result<Json<NamesOf>, Fault> {
    let mut addresses = Vec::new();
    for text in nameless.ip.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let no_address = |_| Refusal::of("ip", format!("`{text}` is no address: write some with commas between"));
        addresses.push(text.parse::<IpAddr>().map_err(no_address)?);
    }
    if addresses.is_empty() || addresses.len() > MOST_NAMES {
        let error = format!("{} addresses, expected 1 to {MOST_NAMES}", addresses.len());
        return Err(Refusal::of("ip", error).into());
    }
    let door = shared.door(&caller);
    Ok(Json(waiting(move || door.names(&addresses)).await?.map_err(answer::refused)?))
}

/// Your queries that run; for admins those of all.
#[utoipa::path(get, path = "/api/v1/queries", tag = "ask", security(("session" = ["viewer"])), responses((status = 200, description = "The oldest first", body = Vec<QueryRow>)))]
pub(crate) async fn queries_list(State(shared): State<Shared>, caller: Caller) -> Json<Vec<QueryRow>> {
    Json(shared.queries.rows(&caller))
}

/// Cancel a query that runs.
#[utoipa::path(delete, path = "/api/v1/queries/{id}", tag = "ask", security(("session" = ["viewer"])), params(("id" = u64, Path, description = "Its number")), responses(
    (status = 204, description = "It ends"),
    (status = 404, description = "None of that number runs", body = Refusal),
))]
pub(crate) async fn query_cancel(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    if id.parse().is_ok_and(|id| shared.queries.cancel(id, &caller)) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Fault::new(StatusCode::NOT_FOUND, format!("no query {id} runs: GET /api/v1/queries lists those that do")))
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "service", security(("session" = ["viewer"])), responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

/// What no route of the API answers: a file or a page of the console, or nothing.
async fn console_or_nothing(request: Request) -> Response {
    let path = request.uri().path();
    console::answer(console::SITE, request.method(), path, request.headers())
        .unwrap_or_else(|| nothing_there(path).into_response())
}

fn nothing_there(path: &str) -> Fault {
    let error = format!("there is nothing at {}: /api/v1/openapi.json lists what there is", path);
    Fault::new(StatusCode::NOT_FOUND, error)
}

async fn not_this_way(request: Request) -> Fault {
    let error = format!("{} does not take {}: see /api/v1/openapi.json", request.uri().path(), request.method());
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, error)
}

/// Does work that may wait on a thread that may.
pub(crate) async fn waiting<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed to answer"))
}

/// Those of the service and our own.
fn all_counters(shared: &Shared, caller: &Caller) -> Result<Vec<metric::Counter>, Fault> {
    let mut counters = shared.door(caller).counters().map_err(answer::refused)?;
    own_metrics::add(&mut counters, shared);
    Ok(counters)
}

/// Counters whose name or labels contain this text.
pub(crate) async fn rows(shared: &Shared, caller: &Caller, grep: &str) -> Result<Vec<CounterRow>, Fault> {
    let (shared, caller) = (shared.clone(), caller.clone());
    let counters = waiting(move || all_counters(&shared, &caller)).await??;
    Ok(counters.iter().map(metric::Counter::row).filter(|row| row.name.contains(grep)).collect())
}

/// Now, nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or_default()
}

/// The zone of times without offset.
pub(crate) fn zone() -> TimeZone {
    TimeZone::system()
}

/// JSON of a request's body; what is wrong with it is told as JSON too.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => {
                // An object of the wrong shape is as much the client's mistake as one that is no JSON.
                let status = match rejection.status() {
                    StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
                    status => status,
                };
                Err(Fault::new(status, rejection.body_text()))
            }
        }
    }
}

/// Parameters of a URL.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(Refusal::new(rejection.body_text()).into()),
        }
    }
}

/// The header that says what an answer without room for it cannot.
pub(crate) const SUMMARY: HeaderName = HeaderName::from_static("weir-answer");
/// The header that tells the columns of rows of SQL.
pub(crate) const COLUMNS: HeaderName = HeaderName::from_static("weir-columns");

/// The media type of a form.
pub(crate) const fn media_type(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::Lines => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8",
        Format::Table => "text/plain; charset=utf-8",
    }
}

/// Sets a header of JSON, where it is not too long for one. Letters beyond ASCII are escaped.
pub(crate) fn set_json(headers: &mut HeaderMap, name: HeaderName, json: &[u8]) {
    const LONGEST: usize = 16 << 10;
    let mut text = String::new();
    for letter in String::from_utf8_lossy(json).chars() {
        if letter.is_ascii() && !letter.is_ascii_control() {
            text.push(letter);
        } else {
            let mut units = [0; 2];
            text.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    if text.len() <= LONGEST
        && let Ok(value) = HeaderValue::try_from(text)
    {
        headers.insert(name, value);
    }
}
