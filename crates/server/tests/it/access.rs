//! Every route of the description: who may not, is refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weir_server::Role;

use crate::service::{Running, start_closed};

/// An operation of the description.
struct Operation {
    method: String,
    path: String,
    /// The least role that it states; none: it is open.
    least: Option<Role>,
}

/// What it takes to be let through to a route, whatever that then says of the rest.
impl Operation {
    /// A path with something in place of its parameters.
    fn filled(&self) -> String {
        let parts = self.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    fn send(&self, running: &Running, headers: &[(&str, &str)]) -> crate::service::Page {
        let body = (self.method != "GET" && self.method != "DELETE").then(|| json!({}));
        running.request(&self.method, &self.filled(), headers, body.as_ref())
    }
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&weir_server::Document::text().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let stated = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path} states no least role"));
            let least = match stated.as_slice() {
                [open] if open.as_object().unwrap().is_empty() => None,
                [stated] => Some(stated["session"][0].as_str().unwrap().parse().unwrap()),
                _ => panic!("{method} {path} states {stated:?}"),
            };
            operations.push(Operation { method: method.to_uppercase(), path: path.clone(), least });
        }
    }
    assert!(operations.len() >= 25, "{}", operations.len());
    operations
}

#[test]
fn what_is_open_is_listed_here() {
    let open: BTreeSet<String> = operations()
        .into_iter()
        .filter(|operation| operation.least.is_none())
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    let expected = ["GET /api/v1/session", "GET /healthz", "POST /api/v1/session", "POST /api/v1/setup"];
    assert_eq!(open, expected.map(str::to_owned).into());
}

#[test]
fn every_route_is_refused_without_a_sign_in() {
    let running = start_closed();
    for operation in operations().iter().filter(|operation| operation.least.is_some()) {
        for headers in [
            vec![("weir-csrf", "1")],
            vec![("weir-csrf", "1"), ("cookie", "weir-8080=0; __Host-weir-8080=0")],
            vec![("authorization", "Bearer weir_0000")],
            vec![("authorization", "Basic YWRtaW46YWRtaW4=")],
        ] {
            // Tries with tokens that nobody has are counted, and this is not about these.
            let page = operation.send(&running, &headers);
            let what = format!("{} {} {headers:?}: {}", operation.method, operation.path, page.text);
            assert!([401, 429].contains(&page.status), "{} {what}", page.status);
            assert!(page.json()["error"].is_string(), "{what}");
        }
    }
    assert!(running.service.asked.lock().unwrap().is_empty(), "nothing was asked of the service");
}

#[test]
fn every_route_is_refused_to_lower_roles_and_let_through_to_others() {
    let running = start_closed();
    let tokens = Role::ALL.map(|role| {
        let name = format!("the-{role}");
        running.people.add_user(&name, "a long password", role, None, 0).unwrap();
        (role, format!("Bearer {}", running.people.add_token(&name, "test", None, None, 0).unwrap().secret))
    });
    for operation in &operations() {
        let Some(least) = operation.least else { continue };
        for (role, token) in &tokens {
            // What they send makes no sense to most routes, which is said behind the guard.
            if operation.path == "/api/v1/live" && *role >= least {
                continue;
            }
            let page = operation.send(&running, &[("authorization", token)]);
            let what = format!("{} {} for {role}: {}", operation.method, operation.path, page.text);
            let is_refused = page.status == 403 && page.text.contains(&format!("this is for the role {least}"));
            assert_eq!(is_refused, *role < least, "{} {what}", page.status);
            assert!(page.status != 401 && page.status < 500 || page.status == 503, "{} {what}", page.status);
        }
    }
}

#[test]
fn a_route_that_is_not_described_cannot_be_reached() {
    let running = start_closed();
    for (method, path) in [("PATCH", "/api/v1/users"), ("OPTIONS", "/api/v1/query"), ("PUT", "/healthz"), ("TRACE", "/metrics")] {
        let page = running.request(method, path, &[], None);
        assert_eq!(page.status, 405, "{method} {path}: {}", page.text);
    }
    // Whatever way a path is written. A server with the console in it gives its page, which is for everybody.
    let console = running.request("GET", "/", &[], None);
    for path in [
        "/api/v1/sources/",
        "//api/v1/sources",
        "/api/v1/./sources",
        "/api/v1/%73ources",
        "/API/v1/sources",
        "/metrics;",
        "/api/v1/users/a%2Fb/c",
    ] {
        let page = running.request("GET", path, &[], None);
        let is_console = page.status == 200 && page.text == console.text && page.text.contains("<title>Weir</title>");
        assert!([401, 404].contains(&page.status) || is_console, "{path}: {} {}", page.status, page.text);
    }
}
