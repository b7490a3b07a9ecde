//! The description of the API, made from the types that it speaks.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, openapi};

use crate::people::access::SESSION;
use crate::people::{session, tokens, users};
use crate::{objects, routes};

/// The OpenAPI document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Weir", description = "Network telemetry: ask over flow records, sources and counters. Whoever asks is signed in (`POST /api/v1/session`) or sends a token; each operation states the least role that it is for. What is not only read carries the header `weir-csrf: 1`, or a token."),
    paths(
        routes::health,
        routes::metrics,
        routes::query_get,
        routes::query_post,
        routes::complete,
        routes::sql,
        routes::completeness,
        routes::sources,
        routes::counters,
        routes::live,
        routes::names,
        routes::queries_list,
        routes::query_cancel,
        objects::routes::profiles::list,
        objects::routes::profiles::create,
        objects::routes::profiles::read,
        objects::routes::profiles::replace,
        objects::routes::profiles::delete,
        objects::routes::chapters::list,
        objects::routes::chapters::create,
        objects::routes::chapters::read,
        objects::routes::chapters::replace,
        objects::routes::chapters::delete,
        objects::routes::dashboards::list,
        objects::routes::dashboards::create,
        objects::routes::dashboards::read,
        objects::routes::dashboards::replace,
        objects::routes::dashboards::delete,
        objects::routes::chapter_data,
        objects::routes::view,
        objects::routes::service,
        session::session_get,
        session::session_post,
        session::session_delete,
        session::password_put,
        session::setup_post,
        users::users_list,
        users::users_add,
        users::user_get,
        users::user_put,
        users::user_delete,
        tokens::tokens_list,
        tokens::tokens_add,
        tokens::token_delete,
        session::audit,
        routes::openapi,
    ),
    modifiers(&Schemes),
    tags((name = "ask", description = "Questions and their answers"), (name = "model", description = "Profiles, chapters, dashboards, and the data of views"), (name = "service", description = "The service itself"), (name = "people", description = "Who may ask, and who did what")),
)]
pub struct Document;

/// How whoever asks is known.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let mut cookie = ApiKeyValue::new("weir-PORT");
        cookie.description = Some("Set by POST /api/v1/session; over TLS its name begins with __Host-".into());
        let mut token = Http::new(HttpAuthScheme::Bearer);
        token.description = Some("A token of POST /api/v1/tokens or `weir user token`".into());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("token", SecurityScheme::Http(token));
    }
}

impl Document {
    /// The document as it stands in the tree and is served.
    ///
    /// # Errors
    /// Where it cannot be written, which is a fault of this program.
    pub fn text() -> Result<String, serde_json::Error> {
        Ok(<Self as OpenApi>::openapi().to_pretty_json()? + "\n")
    }
}
