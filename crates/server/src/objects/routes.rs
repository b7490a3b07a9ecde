//! Profiles, chapters and dashboards over HTTP.
//!
//! Each change of an object says which version it believes to change (`If-Match`), so that of two editors the later one is told, and nobody's work is written over.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use weir_analytics::model::chapter::ALL_SOURCES;
use weir_analytics::model::{Chapter, Dashboard, Profile, ServiceRecipe};

use super::all_sources;
use super::collection::Kept;
use super::document::{Envelope, Page, ServiceDocument, ViewDocument};
use super::library::{Asker, Expected, Library};
use super::view::{self, AskedView, ViewParameters};
use crate::error::{Fault, Refusal};
use crate::people::{Caller, Door};
use crate::routes::{Body, Parameters, Shared, now, waiting};

/// Adds the routes.
pub(crate) fn add(router: Router<Shared>) -> Router<Shared> {
    router
        .route("/api/v1/profiles", get(profiles::list).post(profiles::create))
        .route("/api/v1/profiles/{id}", get(profiles::read).put(profiles::replace).delete(profiles::delete))
        .route("/api/v1/chapters", get(chapters::list).post(chapters::create))
        .route("/api/v1/chapters/{id}", get(chapters::read).put(chapters::replace).delete(chapters::delete))
        .route("/api/v1/chapters/{id}/data", get(chapter_data))
        .route("/api/v1/dashboards", get(dashboards::list).post(dashboards::create))
        .route("/api/v1/dashboards/{id}", get(dashboards::read).put(dashboards::replace).delete(dashboards::delete))
        .route("/api/v1/view", post(view))
        .route("/api/v1/recipes/service", post(service))
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listed {
    /// Those behind this id.
    after: Option<String>,
    /// How many at most, 1 to 1000; 100 without it.
    limit: Option<usize>,
}

/// The routes of a kind of object.
macro_rules! routes_of {
    ($module:ident, $object:ident, $path:literal, $path_of_one:literal, $one:literal, $many:literal) => {
        pub(crate) mod $module {
            use super::*;

            #[doc = concat!("All ", $many, " that are shared, and your own.")]
            #[utoipa::path(get, path = $path, tag = "model", params(Listed), security(("session" = ["viewer"])), responses(
                (status = 200, description = "Some of them, in the order of their ids", body = Page<$object>),
                (status = 400, description = "A parameter is wrong", body = Refusal),
            ))]
            pub(crate) async fn list(State(shared): State<Shared>, caller: Caller, Parameters(listed): Parameters<Listed>) -> Result<Response, Fault> {
                super::list::<$object>(shared, caller, listed).await
            }

            #[doc = concat!("Make a ", $one, ".")]
            #[utoipa::path(post, path = $path, tag = "model", request_body = $object, security(("session" = ["analyst"])), responses(
                (status = 201, description = "It is there; `Location` says where, `ETag` in which version", body = Envelope<$object>),
                (status = 400, description = "It makes no sense: which field, and where in it", body = Refusal),
                (status = 422, description = "There are as many as may be", body = Refusal),
            ))]
            pub(crate) async fn create(State(shared): State<Shared>, caller: Caller, Body(object): Body<$object>) -> Result<Response, Fault> {
                super::create(shared, caller, $path, object).await
            }

            #[doc = concat!("One ", $one, ".")]
            #[utoipa::path(get, path = $path_of_one, tag = "model", params(("id" = String, Path, description = "Its id")), security(("session" = ["viewer"])), responses(
                (status = 200, description = "It; `ETag` says in which version", body = Envelope<$object>),
                (status = 404, description = "There is none of that id, or it is not yours to see", body = Refusal),
            ))]
            pub(crate) async fn read(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Result<Response, Fault> {
                super::read::<$object>(shared, caller, id).await
            }

            #[doc = concat!("Put a ", $one, " in the place of the one that `If-Match` names.")]
            #[utoipa::path(put, path = $path_of_one, tag = "model", request_body = $object, security(("session" = ["analyst"])),
                params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "The `ETag` of the version that was read")), responses(
                (status = 200, description = "It was changed", body = Envelope<$object>),
                (status = 400, description = "It makes no sense: which field, and where in it", body = Refusal),
                (status = 404, description = "There is none of that id", body = Refusal),
                (status = 409, description = "Others use it and would not make sense any more, or it makes itself", body = Refusal),
                (status = 412, description = "Somebody changed it meanwhile", body = Refusal),
                (status = 428, description = "`If-Match` is missing", body = Refusal),
            ))]
            pub(crate) async fn replace(
                State(shared): State<Shared>,
                caller: Caller,
                Path(id): Path<String>,
                headers: HeaderMap,
                Body(object): Body<$object>,
            ) -> Result<Response, Fault> {
                super::replace(shared, caller, id, &headers, object).await
            }

            #[doc = concat!("Delete a ", $one, ".")]
            #[utoipa::path(delete, path = $path_of_one, tag = "model", security(("session" = ["analyst"])),
                params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "The `ETag` of the version that was read")), responses(
                (status = 204, description = "It is gone"),
                (status = 404, description = "There is none of that id", body = Refusal),
                (status = 409, description = "Others use it, or it makes itself", body = Refusal),
                (status = 412, description = "Somebody changed it meanwhile", body = Refusal),
                (status = 428, description = "`If-Match` is missing", body = Refusal),
            ))]
            pub(crate) async fn delete(
                State(shared): State<Shared>,
                caller: Caller,
                Path(id): Path<String>,
                headers: HeaderMap,
            ) -> Result<Response, Fault> {
                super::delete::<$object>(shared, caller, id, &headers).await
            }
        }
    };
}

routes_of!(profiles, Profile, "/api/v1/profiles", "/api/v1/profiles/{id}", "profile", "profiles");
routes_of!(chapters, Chapter, "/api/v1/chapters", "/api/v1/chapters/{id}", "chapter", "chapters");
routes_of!(dashboards, Dashboard, "/api/v1/dashboards", "/api/v1/dashboards/{id}", "dashboard", "dashboards");

/// Make the profile, the chapters and the dashboard of a service behind a load balancer.
#[utoipa::path(post, path = "/api/v1/recipes/service", tag = "model", request_body = ServiceRecipe, security(("session" = ["analyst"])), responses(
    (status = 201, description = "All that was made", body = ServiceDocument),
    (status = 400, description = "It makes no sense: which field, and where in it", body = Refusal),
    (status = 422, description = "There are as many objects as may be", body = Refusal),
))]
pub(crate) async fn service(
    State(shared): State<Shared>,
    caller: Caller,
    Body(recipe): Body<ServiceRecipe>,
) -> Result<Response, Fault> {
    let library = library(&shared)?;
    let made = waiting(move || library.make_service(Asker::of(&caller), now(), &recipe)).await??;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// The data of a view: of a chapter that is kept, or of one that is told here.
#[utoipa::path(post, path = "/api/v1/view", tag = "ask", request_body = AskedView, security(("session" = ["viewer"])), responses(
    (status = 200, description = "An answer a channel, or one over all of them; its form follows `format`", body = ViewDocument),
    (status = 400, description = "It makes no sense: which field, and where in it", body = Refusal),
    (status = 404, description = "There is no such chapter or profile", body = Refusal),
    (status = 408, description = "The view ran for longer than it may", body = Refusal),
    (status = 409, description = "The view was cancelled", body = Refusal),
    (status = 503, description = "Too many queries run, or there is no store", body = Refusal),
))]
pub(crate) async fn view(State(shared): State<Shared>, caller: Caller, Body(asked): Body<AskedView>) -> Result<Response, Fault> {
    view::answer(shared, caller, asked).await
}

/// The data of a chapter.
#[utoipa::path(get, path = "/api/v1/chapters/{id}/data", tag = "ask", security(("session" = ["viewer"])),
    params(("id" = String, Path, description = "Its id"), ViewParameters), responses(
    (status = 200, description = "An answer a channel, or one over all of them; its form follows `format`", body = ViewDocument),
    (status = 400, description = "It makes no sense: which field, and where in it", body = Refusal),
    (status = 404, description = "There is no such chapter", body = Refusal),
    (status = 408, description = "The view ran for longer than it may", body = Refusal),
    (status = 409, description = "The view was cancelled", body = Refusal),
    (status = 503, description = "Too many queries run, or there is no store", body = Refusal),
))]
pub(crate) async fn chapter_data(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ViewParameters>,
) -> Result<Response, Fault> {
    view::answer(shared, caller, parameters.of_chapter(id)).await
}

/// Where objects are kept.
pub(super) fn library(shared: &Shared) -> Result<Arc<Library>, Fault> {
    let none = || Fault::new(StatusCode::SERVICE_UNAVAILABLE, "nothing is kept here: the configuration has no [store]");
    shared.library.clone().ok_or_else(none)
}

/// A kind of object, as routes handle it: there may be one that makes itself, and there may be more to tell of one.
pub(super) trait Told: Kept {
    /// The object of this kind that makes itself, where that is the one of the id.
    fn made(door: &Door, id: &str) -> Option<Envelope<Self>>;

    /// Adds what is known at this moment.
    fn tell(library: &Library, envelope: &mut Envelope<Self>);
}

impl Told for Profile {
    fn made(door: &Door, id: &str) -> Option<Envelope<Self>> {
        (id == ALL_SOURCES).then(|| all_sources::profile(door.channels()))
    }

    fn tell(library: &Library, envelope: &mut Envelope<Self>) {
        envelope.filling = library.filling(envelope);
    }
}

impl Told for Chapter {
    fn made(_: &Door, _: &str) -> Option<Envelope<Self>> {
        None
    }

    fn tell(_: &Library, _: &mut Envelope<Self>) {}
}

impl Told for Dashboard {
    fn made(_: &Door, _: &str) -> Option<Envelope<Self>> {
        None
    }

    fn tell(_: &Library, _: &mut Envelope<Self>) {}
}

async fn list<T: Told>(shared: Shared, caller: Caller, listed: Listed) -> Result<Response, Fault>
where
    Page<T>: Serialize,
{
    const USUAL: usize = 100;
    const MOST: usize = 1000;
    let limit = listed.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Refusal::of("limit", format!("{limit}, expected 1 to {MOST}")).into());
    }
    let library = library(&shared)?;
    let page = waiting(move || {
        let mut page = library.page::<T>(Asker::of(&caller), listed.after.as_deref(), limit);
        page.items.iter_mut().for_each(|envelope| T::tell(&library, envelope));
        // It stands before all others, whose ids begin with later letters.
        if let Some(made) = T::made(&shared.door(&caller), ALL_SOURCES) {
            page.total += 1;
            if listed.after.is_none() {
                page.items.insert(0, made);
                if page.items.len() > limit {
                    page.items.pop();
                    page.next = page.items.last().map(|last| last.id.clone());
                }
            }
        }
        page
    });
    Ok(Json(page.await?).into_response())
}

async fn create<T: Told>(shared: Shared, caller: Caller, path: &str, object: T) -> Result<Response, Fault>
where
    Envelope<T>: Serialize,
{
    let library = library(&shared)?;
    let envelope = waiting(move || {
        let mut envelope = library.create(Asker::of(&caller), now(), object)?;
        T::tell(&library, &mut envelope);
        Ok::<_, Fault>(envelope)
    });
    let envelope = envelope.await??;
    let location = HeaderValue::try_from(format!("{path}/{}", envelope.id)).ok();
    let mut response = (StatusCode::CREATED, [(header::ETAG, tag(&envelope))], Json(envelope)).into_response();
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn read<T: Told>(shared: Shared, caller: Caller, id: String) -> Result<Response, Fault>
where
    Envelope<T>: Serialize,
{
    let library = library(&shared)?;
    let envelope = waiting(move || match T::made(&shared.door(&caller), &id) {
        Some(made) => Ok(made),
        None => {
            let mut envelope = library.get(Asker::of(&caller), &id)?;
            T::tell(&library, &mut envelope);
            Ok::<_, Fault>(envelope)
        }
    });
    let envelope = envelope.await??;
    Ok(([(header::ETAG, tag(&envelope))], Json(envelope)).into_response())
}

async fn replace<T: Told>(shared: Shared, caller: Caller, id: String, headers: &HeaderMap, object: T) -> Result<Response, Fault>
where
    Envelope<T>: Serialize,
{
    let version = expected(headers)?;
    let library = library(&shared)?;
    let envelope = waiting(move || {
        refuse_made::<T>(&id)?;
        let mut envelope = library.replace(Asker::of(&caller), now(), &id, version, object)?;
        T::tell(&library, &mut envelope);
        Ok::<_, Fault>(envelope)
    });
    let envelope = envelope.await??;
    Ok(([(header::ETAG, tag(&envelope))], Json(envelope)).into_response())
}

async fn delete<T: Told>(shared: Shared, caller: Caller, id: String, headers: &HeaderMap) -> Result<Response, Fault> {
    let version = expected(headers)?;
    let library = library(&shared)?;
    let deleted = waiting(move || {
        refuse_made::<T>(&id)?;
        library.delete::<T>(Asker::of(&caller), &id, version)
    });
    deleted.await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What makes itself is not changed by anybody.
fn refuse_made<T: Kept>(id: &str) -> Result<(), Fault> {
    if id != ALL_SOURCES {
        return Ok(());
    }
    let error = format!("the {} `{id}` makes itself from the sources that there are: make one of your own from it", T::WORD);
    Err(Fault::new(StatusCode::CONFLICT, error))
}

fn tag<T>(envelope: &Envelope<T>) -> String {
    format!("\"{}\"", envelope.version)
}

/// The version that a request believes to change.
fn expected(headers: &HeaderMap) -> Result<Expected, Fault> {
    let Some(tag) = headers.get(header::IF_MATCH) else {
        let error = "say which version you change: `If-Match` with the ETag that came with it";
        return Err(Fault::new(StatusCode::PRECONDITION_REQUIRED, error));
    };
    let tag = tag.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(Expected::Any);
    }
    let number = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    Ok(Expected::Version(number.and_then(|number| number.parse().ok())))
}
