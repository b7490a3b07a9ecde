//! The description of the API, made from the types that it speaks.

use utoipa::OpenApi;

use crate::{objects, routes};

/// The OpenAPI document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Weir", description = "Network telemetry: ask over flow records, sources and counters. There is no authentication yet: the service answers on this machine only, unless it is told otherwise."),
    paths(
        routes::health,
        routes::metrics,
        routes::query_get,
        routes::query_post,
        routes::complete,
        routes::sql,
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
    ),
    tags((name = "ask", description = "Questions and their answers"), (name = "model", description = "Profiles, chapters, dashboards, and the data of views"), (name = "service", description = "The service itself")),
)]
pub struct Document;

impl Document {
    /// The document as it stands in the tree and is served.
    ///
    /// # Errors
    /// Where it cannot be written, which is a fault of this program.
    pub fn text() -> Result<String, serde_json::Error> {
        Ok(<Self as OpenApi>::openapi().to_pretty_json()? + "\n")
    }
}
