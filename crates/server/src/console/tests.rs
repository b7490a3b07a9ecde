use super::*;

static MADE: &[File] = &[
    File { path: "/assets/main-1.js", tag: "\"1\"", plain: b"plain", gzip: Some(b"gzip"), brotli: Some(b"brotli") },
    File { path: "/icon.svg", tag: "\"2\"", plain: b"<svg/>", gzip: None, brotli: None },
    File { path: "/index.html", tag: "\"3\"", plain: b"<html>", gzip: Some(b"page"), brotli: None },
];

fn headers(told: &[(HeaderName, &'static str)]) -> HeaderMap {
    told.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

fn get(site: &'static [File], path: &str, told: &[(HeaderName, &'static str)]) -> Option<(StatusCode, HeaderMap, Vec<u8>)> {
    let (head, body) = answer(site, &Method::GET, path, &headers(told))?.into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let octets = runtime.block_on(axum::body::to_bytes(body, 1 << 20)).unwrap();
    Some((head.status, head.headers, octets.to_vec()))
}

#[test]
fn a_file_comes_in_the_form_that_the_browser_reads() {
    for (accepted, coding, octets) in [
        ("gzip, deflate, br", Some("br"), "brotli"),
        ("gzip", Some("gzip"), "gzip"),
        ("BR;q=0, gzip;q=0.5", Some("gzip"), "gzip"),
        ("br;q=0.0", None, "plain"),
        ("identity", None, "plain"),
    ] {
        let (status, told, body) = get(MADE, "/assets/main-1.js", &[(header::ACCEPT_ENCODING, accepted)]).unwrap();
        let found = told.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap());
        assert_eq!((status, found, body.as_slice()), (StatusCode::OK, coding, octets.as_bytes()), "{accepted}");
        assert_eq!(told[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(told[header::VARY], "accept-encoding");
    }
    let (_, told, body) = get(MADE, "/icon.svg", &[(header::ACCEPT_ENCODING, "br, gzip")]).unwrap();
    assert_eq!((told.get(header::CONTENT_ENCODING), body.as_slice()), (None, b"<svg/>".as_slice()));
}

#[test]
fn hashed_files_are_kept_and_the_page_is_asked_for_anew() {
    let caching = |path: &str| get(MADE, path, &[]).unwrap().1[header::CACHE_CONTROL].to_str().unwrap().to_owned();
    assert_eq!(caching("/assets/main-1.js"), "public, max-age=31536000, immutable");
    assert_eq!(caching("/"), "no-cache");
    let (status, told, body) = get(MADE, "/", &[(header::IF_NONE_MATCH, "\"9\", W/\"3\"")]).unwrap();
    assert_eq!((status, body.len(), &told[header::ETAG]), (StatusCode::NOT_MODIFIED, 0, &HeaderValue::from_static("\"3\"")));
    assert_eq!(get(MADE, "/", &[(header::IF_NONE_MATCH, "\"9\"")]).unwrap().0, StatusCode::OK);
}

#[test]
fn paths_of_the_console_are_its_page() {
    for path in ["/", "/analysis", "/sources/", "/a/b.c/d", "/apis", "/index.html"] {
        let (status, told, body) = get(MADE, path, &[]).unwrap();
        assert_eq!((status, body.as_slice()), (StatusCode::OK, b"<html>".as_slice()), "{path}");
        assert_eq!(told[header::CONTENT_TYPE], HTML);
    }
    for path in ["/api", "/api/", "/api/v1/nothing", "/assets/main-0.js", "/../index.html.gz", "/favicon.ico"] {
        assert!(get(MADE, path, &[]).is_none(), "{path}");
    }
    assert!(answer(MADE, &Method::POST, "/analysis", &HeaderMap::new()).is_none());
    assert!(answer(MADE, &Method::HEAD, "/analysis", &HeaderMap::new()).is_some());
}

#[test]
fn without_the_console_the_front_page_names_what_there_is() {
    let (status, told, body) = get(&[], "/", &[]).unwrap();
    assert_eq!((status, told[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, HTML));
    let page = String::from_utf8(body).unwrap();
    assert!(page.contains("make ui"), "{page}");
    let document: serde_json::Value = serde_json::from_str(&crate::Document::text().unwrap()).unwrap();
    let named = page.split('"').filter_map(|part| part.split('?').next()).filter(|part| part.starts_with('/'));
    assert!(named.clone().count() > 5);
    for path in named {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    assert!(get(&[], "/analysis", &[]).is_none());
}
