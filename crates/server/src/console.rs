//! The web console: files that were built from `ui/` and lie in this program, and what browsers are told beside them.
//!
//! Files under `/assets/` have the hash of their content in their names, so browsers keep them; the page that names them is asked for anew each time. Any other
//! path without an ending is a page of the console, which the script tells apart. Nothing under `/api` is a page.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// A file of the console.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path in URLs.
    pub(crate) path: &'static str,
    /// What its content is told apart by.
    pub(crate) tag: &'static str,
    pub(crate) plain: &'static [u8],
    pub(crate) gzip: Option<&'static [u8]>,
    pub(crate) brotli: Option<&'static [u8]>,
}

/// The files that were there when this program was built; none without `make ui`.
pub(crate) static SITE: &[File] = include!(concat!(env!("OUT_DIR"), "/site.rs"));

/// The page of every address within the console.
const PAGE: &str = "/index.html";

/// What stands there instead of the console.
const WITHOUT: &str = include_str!("front_page.html");

/// Only what comes from this service is run, drawn and asked; nobody shows it in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The answer to a request for a file or a page of the console; none where there is no such thing.
pub(crate) fn answer(site: &'static [File], method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) || is_of_the_api(path) {
        return None;
    }
    let file = site.iter().find(|file| file.path == path).or_else(|| {
        let is_page = !path.rsplit('/').next().is_some_and(|name| name.contains('.'));
        site.iter().find(|file| is_page && file.path == PAGE)
    });
    match file {
        Some(file) => Some(send(file, headers)),
        None if path == "/" => Some(([(header::CONTENT_TYPE, HTML)], WITHOUT).into_response()),
        None => None,
    }
}

fn is_of_the_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

fn send(file: &'static File, headers: &HeaderMap) -> Response {
    let caching = if file.path.starts_with("/assets/") { FOR_EVER } else { ASK_AGAIN };
    let known = [
        (header::CACHE_CONTROL, caching),
        (header::ETAG, HeaderValue::from_static(file.tag)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    let held = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if held.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == file.tag)) {
        return (StatusCode::NOT_MODIFIED, known).into_response();
    }
    let (octets, coding) = match (file.brotli, file.gzip) {
        (Some(octets), _) if takes(headers, "br") => (octets, Some("br")),
        (_, Some(octets)) if takes(headers, "gzip") => (octets, Some("gzip")),
        _ => (file.plain, None),
    };
    let mut response = (known, [(header::CONTENT_TYPE, media_type(file.path))], Bytes::from_static(octets)).into_response();
    if let Some(coding) = coding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// Whether the client reads this coding (RFC 9110, section 12.5.3); a weight of 0 says no.
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    let taken = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    taken.flat_map(|value| value.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let refused =
            weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0);
        name.trim().eq_ignore_ascii_case(coding) && !refused
    })
}

const HTML: &str = "text/html; charset=utf-8";

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => HTML,
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

/// What every answer tells a browser, so that nothing that an exporter says is ever run.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    const TOLD: [(HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in TOLD {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
