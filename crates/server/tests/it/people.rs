//! Signing in, and what people may change.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use weir_server::{AuditRow, Edge, Limits, LimitsText, LiveCounters, People, Role, SessionDocument, TokenRow, UserRow};

use crate::service::{Fixed, Memory, PATIENCE, Page, Running, start, start_closed, start_for};

const PASSWORD: &str = "correct horse battery";
const CSRF: (&str, &str) = ("weir-csrf", "1");

fn with(role: Role) -> Running {
    let running = start_closed();
    running.people.add_user("ann", PASSWORD, role, None, 0).unwrap();
    running
}

impl Running {
    fn sign_in(&self, name: &str, password: &str) -> Page {
        self.request("POST", "/api/v1/session", &[CSRF], Some(&json!({"name": name, "password": password})))
    }

    /// The cookie of somebody who signs in.
    fn cookie(&self, name: &str) -> String {
        let page = self.sign_in(name, PASSWORD);
        assert_eq!(page.status, 200, "{}", page.text);
        page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    fn session(&self, cookie: &str) -> SessionDocument {
        serde_json::from_str(&self.request("GET", "/api/v1/session", &[("cookie", cookie)], None).text).unwrap()
    }

    fn audit(&self) -> Vec<AuditRow> {
        let token = format!("Bearer {}", self.people.begin_local().unwrap());
        serde_json::from_str(&self.request("GET", "/api/v1/audit", &[("authorization", &token)], None).text).unwrap()
    }
}

#[test]
fn somebody_signs_in_and_out() {
    let running = with(Role::Analyst);
    let nobody = running.session("");
    assert_eq!(nobody, SessionDocument::default());
    let page = running.sign_in("ann", PASSWORD);
    let cookie = page.headers["set-cookie"].to_str().unwrap().to_owned();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=604800"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(page.headers["cache-control"], "no-store");
    let cookie = cookie.split(';').next().unwrap();
    let session = running.session(cookie);
    assert_eq!((session.signed_in, session.name.as_deref(), session.role), (true, Some("ann"), Some(Role::Analyst)));
    assert!(session.expires.is_some());
    assert_eq!(running.request("GET", "/api/v1/sources", &[("cookie", cookie)], None).status, 200);
    let out = running.request("DELETE", "/api/v1/session", &[("cookie", cookie), CSRF], None);
    assert_eq!(out.status, 204, "{}", out.text);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(running.request("GET", "/api/v1/sources", &[("cookie", cookie)], None).status, 401);
}

#[test]
fn wrong_names_and_passwords_are_told_alike_and_counted() {
    let running = with(Role::Viewer);
    let told: Vec<(u16, String)> = [("ann", "wrong password"), ("bob", PASSWORD), ("", ""), ("ann\0", PASSWORD)]
        .iter()
        .map(|(name, password)| running.sign_in(name, password))
        .map(|page| (page.status, page.text))
        .collect();
    assert!(told.iter().all(|(status, text)| *status == 401 && *text == told[0].1), "{told:?}");
    for _ in 0..9 {
        assert_eq!(running.sign_in("ann", "wrong password").status, 401);
    }
    let refused = running.sign_in("ann", PASSWORD);
    assert_eq!(refused.status, 429, "the right password too: {}", refused.text);
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    let audit = running.audit();
    assert!(
        audit.iter().any(|row| row.what == "sign in" && row.target.as_deref() == Some("ann") && row.result.contains("too many"))
    );
    assert!(audit.iter().all(|row| row.from == Some(IpAddr::from([127, 0, 0, 1]))), "{audit:?}");
    assert!(!serde_json::to_string(&audit).unwrap().contains("wrong password"), "passwords stand nowhere");
}

#[test]
fn tokens_that_nobody_has_are_counted() {
    let running = with(Role::Viewer);
    let tries = || running.request("GET", "/api/v1/sources", &[("authorization", "Bearer weir_guess")], None).status;
    assert_eq!((0..20).map(|_| tries()).collect::<Vec<_>>(), [401; 20]);
    assert_eq!(tries(), 429);
    let token = running.people.add_token("ann", "test", None, None, 0).unwrap().secret;
    let page = running.request("GET", "/api/v1/sources", &[("authorization", &format!("Bearer {token}"))], None);
    assert_eq!(page.status, 200, "whoever has one is let in all the same");
}

#[test]
fn pages_of_others_can_do_nothing() {
    let running = with(Role::Admin);
    let cookie = running.cookie("ann");
    let own = format!("http://{}", running.address);
    let ask = |headers: &[(&str, &str)]| {
        let headers = [&[("cookie", cookie.as_str())], headers].concat();
        running.request("POST", "/api/v1/query", &headers, Some(&json!({}))).status
    };
    assert_eq!(ask(&[CSRF]), 200);
    assert_eq!(ask(&[CSRF, ("sec-fetch-site", "same-origin"), ("origin", &own)]), 200);
    assert_eq!(ask(&[]), 403, "without the header");
    for site in ["cross-site", "same-site"] {
        assert_eq!(ask(&[CSRF, ("sec-fetch-site", site)]), 403, "{site}");
    }
    for origin in ["http://evil.example", "http://127.0.0.1:1", "null", "http://localhost"] {
        assert_eq!(ask(&[CSRF, ("origin", origin)]), 403, "{origin}");
    }
    // Nor make somebody sign in as another.
    let body = json!({"name": "ann", "password": PASSWORD});
    let refused = running.request("POST", "/api/v1/session", &[], Some(&body));
    assert_eq!((refused.status, refused.json()["field"].as_str()), (403, Some("weir-csrf")));
    // Where nobody signs in they can do as little.
    let open = start(Limits::default());
    let page = open.request("POST", "/api/v1/query", &[("origin", "http://evil.example")], Some(&json!({})));
    assert_eq!(page.status, 403, "{}", page.text);
    assert_eq!(open.request("POST", "/api/v1/query", &[], Some(&json!({}))).status, 200);
}

#[test]
fn the_first_admin_comes_in_by_the_link_once() {
    let running = start_closed();
    assert!(running.session("").setup);
    let set_up = |code: &str, name: &str, password: &str| {
        running.request("POST", "/api/v1/setup", &[CSRF], Some(&json!({"code": code, "name": name, "password": password})))
    };
    assert_eq!(set_up("", "ann", PASSWORD).status, 403, "before there is a link");
    let code = running.people.begin_setup().unwrap();
    assert_eq!(set_up("0000", "ann", PASSWORD).status, 403);
    let short = set_up(&code, "ann", "short");
    assert_eq!((short.status, short.json()["field"].as_str()), (400, Some("password")));
    assert_eq!(set_up(&code, "ann/../", PASSWORD).json()["field"], "name");
    let made = set_up(&code, "ann", PASSWORD);
    assert_eq!((made.status, made.json()["role"].as_str()), (200, Some("admin")), "{}", made.text);
    assert!(made.headers["set-cookie"].to_str().unwrap().starts_with("weir-"));
    assert_eq!(set_up(&code, "bob", PASSWORD).status, 403, "it works once");
    let again = running.people.begin_setup().unwrap();
    assert_eq!(set_up(&again, "bob", PASSWORD).status, 409, "and while there is nobody");
    assert!(!running.session("").setup);
}

fn admin() -> (Running, String) {
    let running = with(Role::Admin);
    let cookie = running.cookie("ann");
    (running, cookie)
}

#[test]
fn users_are_made_changed_and_removed() {
    let (running, cookie) = admin();
    let cookie = ("cookie", cookie.as_str());
    let new =
        json!({"name": "bob", "password": PASSWORD, "role": "viewer", "limits": {"filter": "port 53", "hidden": ["src_addr"]}});
    let made = running.request("POST", "/api/v1/users", &[cookie, CSRF], Some(&new));
    assert_eq!(made.status, 201, "{}", made.text);
    let tag = made.headers["etag"].to_str().unwrap().to_owned();
    let user: UserRow = serde_json::from_str(&made.text).unwrap();
    assert_eq!((user.role, user.etag.as_str(), user.sessions), (Role::Viewer, tag.as_str(), 0));
    assert_eq!(user.limits, Some(LimitsText { filter: "port 53".into(), hidden: vec!["src_addr".into()] }));
    assert!(!made.text.contains("argon2"), "{}", made.text);
    assert_eq!(running.request("POST", "/api/v1/users", &[cookie, CSRF], Some(&new)).status, 409);
    let theirs = running.cookie("bob");
    assert_eq!(running.session(&theirs).limits, user.limits);

    let change = |tag: Option<&str>, body: Value| {
        let mut headers = vec![cookie, CSRF];
        headers.extend(tag.map(|tag| ("if-match", tag)));
        running.request("PUT", "/api/v1/users/bob", &headers, Some(&body))
    };
    assert_eq!(change(None, json!({"role": "analyst"})).status, 428);
    assert_eq!(change(Some("\"999\""), json!({"role": "analyst"})).status, 412);
    let changed = change(Some(&tag), json!({"role": "analyst"}));
    assert_eq!((changed.status, changed.json().get("limits")), (200, None), "{}", changed.text);
    assert_eq!(change(Some(&tag), json!({"role": "viewer"})).status, 412, "two who edit do not overwrite each other");
    assert_eq!(running.session(&theirs).role, Some(Role::Analyst), "at once, for whoever is signed in");
    let tag = changed.headers["etag"].to_str().unwrap();
    let changed = change(Some(tag), json!({"role": "analyst", "password": "another password"}));
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert!(!running.session(&theirs).signed_in, "the old password's session has ended");
    assert_eq!(running.sign_in("bob", PASSWORD).status, 401);
    let page = running.sign_in("bob", "another password");
    let theirs = page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let token = running.people.add_token("bob", "test", None, None, 0).unwrap().secret;

    let tag = changed.headers["etag"].to_str().unwrap();
    let remove = |name: &str, tag: &str| {
        running.request("DELETE", &format!("/api/v1/users/{name}"), &[cookie, CSRF, ("if-match", tag)], None)
    };
    assert_eq!(remove("bob", tag).status, 204);
    assert!(!running.session(theirs).signed_in);
    assert_eq!(running.request("GET", "/api/v1/sources", &[("authorization", &format!("Bearer {token}"))], None).status, 401);
    let ann = running.request("GET", "/api/v1/users/ann", &[cookie], None);
    let tag = ann.headers["etag"].to_str().unwrap();
    assert_eq!(remove("ann", tag).status, 409, "the only admin stays");
    let headers = [cookie, CSRF, ("if-match", tag)];
    assert_eq!(running.request("PUT", "/api/v1/users/ann", &headers, Some(&json!({"role": "viewer"}))).status, 409);
    let done: Vec<String> = running.audit().into_iter().map(|row| format!("{} {} {}", row.who, row.what, row.result)).collect();
    for line in
        ["ann POST /api/v1/users ok", "ann PUT /api/v1/users/bob 412 Precondition Failed", "ann DELETE /api/v1/users/bob ok"]
    {
        assert!(done.iter().any(|row| row == line), "{line}: {done:?}");
    }
}

#[test]
fn what_makes_no_sense_of_a_user_is_told_with_its_place() {
    let (running, cookie) = admin();
    let add = |change: &dyn Fn(&mut Value)| {
        let mut new = json!({"name": "bob", "password": PASSWORD, "role": "viewer"});
        change(&mut new);
        let page = running.request("POST", "/api/v1/users", &[("cookie", &cookie), CSRF], Some(&new));
        assert_eq!(page.status, 400, "{}", page.text);
        page.json()
    };
    for name in ["", "a b", "<script>", "../x", "local", "метла", &"a".repeat(65)] {
        assert_eq!(add(&|new| new["name"] = json!(name))["field"], "name", "{name}");
    }
    for password in ["", "123456789", &"x".repeat(1025)] {
        assert_eq!(add(&|new| new["password"] = json!(password))["field"], "password");
    }
    let filter = add(&|new| new["limits"] = json!({"filter": "port 53 and prot 6"}));
    assert_eq!((filter["field"].as_str(), filter["position"].as_u64()), (Some("limits.filter"), Some(12)), "{filter}");
    assert_eq!(add(&|new| new["limits"] = json!({"hidden": ["src_adr"]}))["field"], "limits.hidden");
    assert!(add(&|new| new["role"] = json!("boss"))["error"].is_string());
    assert!(add(&|new| new["is_admin"] = json!(true))["error"].as_str().unwrap().contains("is_admin"));
}

#[test]
fn somebody_changes_their_own_password_and_stays_signed_in() {
    let running = with(Role::Viewer);
    let (cookie, other) = (running.cookie("ann"), running.cookie("ann"));
    let change = |old: &str, new: &str| {
        let body = json!({"old": old, "new": new});
        running.request("PUT", "/api/v1/session/password", &[("cookie", &cookie), CSRF], Some(&body))
    };
    let wrong = change("not the password", "another password");
    assert_eq!((wrong.status, wrong.json()["field"].as_str()), (403, Some("old")));
    assert_eq!(change(PASSWORD, "short").json()["field"], "new");
    assert_eq!(change(PASSWORD, "another password").status, 204);
    assert!(running.session(&cookie).signed_in);
    assert!(!running.session(&other).signed_in);
}

#[test]
fn tokens_are_told_once_end_and_are_revoked() {
    let running = with(Role::Analyst);
    running.people.add_user("bob", PASSWORD, Role::Viewer, None, 0).unwrap();
    let cookie = running.cookie("ann");
    let make = |body: Value| running.request("POST", "/api/v1/tokens", &[("cookie", &cookie), CSRF], Some(&body));
    let made = make(json!({"name": "backup", "role": "viewer"}));
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, token) = (made.json()["id"].as_str().unwrap().to_owned(), made.json()["token"].as_str().unwrap().to_owned());
    assert!(token.starts_with("weir_") && made.json()["expires"].is_string(), "{}", made.text);
    let bearer = format!("Bearer {token}");
    let ask = |method: &str, path: &str, body: Option<&Value>| running.request(method, path, &[("authorization", &bearer)], body);
    let session: SessionDocument = serde_json::from_str(&ask("GET", "/api/v1/session", None).text).unwrap();
    assert_eq!((session.name.as_deref(), session.role), (Some("ann"), Some(Role::Viewer)), "no more than it was made for");
    assert_eq!(ask("POST", "/api/v1/sql", Some(&json!({"sql": "SELECT 1"}))).status, 403);
    assert_eq!(ask("POST", "/api/v1/query", Some(&json!({}))).status, 200, "a token needs no header against pages of others");
    assert_eq!(ask("POST", "/api/v1/tokens", Some(&json!({"name": "more"}))).status, 403, "a token makes no tokens");
    let listed: Vec<TokenRow> = serde_json::from_str(&ask("GET", "/api/v1/tokens", None).text).unwrap();
    assert_eq!((listed.len(), listed[0].id.as_str(), listed[0].last_used.is_some()), (1, id.as_str(), true));
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"name": "x", "role": "admin"}), "role"),
        (json!({"name": "x", "expires": "soon"}), "expires"),
        (json!({"name": "x", "expires": "2001-01-01T00:00:00Z"}), "expires"),
    ] {
        let page = make(body);
        assert_eq!((page.status, page.json()["field"].as_str()), (400, Some(field)), "{}", page.text);
    }
    let theirs = running.cookie("bob");
    let revoke =
        |cookie: &str| running.request("DELETE", &format!("/api/v1/tokens/{id}"), &[("cookie", cookie), CSRF], None).status;
    assert_eq!(revoke(&theirs), 404, "those of others are not seen");
    assert_eq!(revoke(&cookie), 204);
    assert_eq!(ask("GET", "/api/v1/session", None).status, 401);
    let over = running.people.add_token("ann", "short", None, Some(2), 1).unwrap().secret;
    let page = running.request("GET", "/api/v1/sources", &[("authorization", &format!("Bearer {over}"))], None);
    assert_eq!(page.status, 401, "its time is over");
}

#[test]
fn so_many_tokens_and_no_more() {
    let running = with(Role::Viewer);
    for _ in 0..weir_server::MAX_TOKENS {
        running.people.add_token("ann", "test", None, None, 0).unwrap();
    }
    let refused = running.people.add_token("ann", "test", None, None, 0).unwrap_err().to_string();
    assert!(refused.contains("64 tokens"), "{refused}");
}

#[test]
fn counters_are_read_by_token_or_from_where_they_may() {
    let running = with(Role::Viewer);
    assert_eq!(running.get("/metrics").status, 401);
    let token = running.people.add_token("ann", "prometheus", None, None, 0).unwrap().secret;
    assert_eq!(running.request("GET", "/metrics", &[("authorization", &format!("Bearer {token}"))], None).status, 200);
    let edge = Edge { metrics_from: Arc::new(|address| address == IpAddr::from([127, 0, 0, 1])), ..Edge::default() };
    let running = start_for(Fixed::default(), People::new(Box::<Memory>::default()), edge, Limits::default());
    assert_eq!(running.get("/metrics").status, 200);
    assert_eq!(running.get("/api/v1/counters").status, 401, "that page and no other");
}

#[test]
fn health_says_why_to_whoever_is_signed_in() {
    let running = with(Role::Viewer);
    running.service.problems.lock().unwrap().push("the disk is full".into());
    let page = running.get("/healthz");
    assert_eq!((page.status, page.json()), (503, json!({"ok": false, "problems": []})));
    let page = running.request("GET", "/healthz", &[("cookie", &running.cookie("ann"))], None);
    assert_eq!(page.json()["problems"], json!(["the disk is full"]));
}

#[test]
fn proxies_that_are_known_say_for_whom_they_ask() {
    let edge = || Edge {
        hosts: vec!["weir.example".into()],
        trusted_proxies: Arc::new(|address| address == IpAddr::from([127, 0, 0, 1])),
        ..Edge::default()
    };
    let people = People::new(Box::<Memory>::default());
    people.add_user("ann", PASSWORD, Role::Admin, None, 0).unwrap();
    let running = start_for(Fixed::default(), people, edge(), Limits::default());
    let headers = [
        CSRF,
        ("host", "weir.example"),
        ("origin", "https://weir.example"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
    ];
    let page = running.request("POST", "/api/v1/session", &headers, Some(&json!({"name": "ann", "password": PASSWORD})));
    assert_eq!(page.status, 200, "{}", page.text);
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-weir-") && cookie.contains("; Secure"), "{cookie}");
    assert!(running.audit().iter().any(|row| row.what == "sign in" && row.from == Some(IpAddr::from([203, 0, 113, 9]))));
    let closed = start_closed();
    for header in ["x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip"] {
        let page = closed.request("GET", "/", &[(header, "127.0.0.1")], None);
        assert_eq!(page.status, 400, "{header}");
        assert!(page.text.contains("trusted_proxies"), "{}", page.text);
    }
}

#[test]
fn queries_of_others_are_not_seen() {
    let running = with(Role::Viewer);
    running.people.add_user("bob", PASSWORD, Role::Viewer, None, 0).unwrap();
    running.people.add_user("root", PASSWORD, Role::Admin, None, 0).unwrap();
    let [ann, bob, root] = ["ann", "bob", "root"].map(|name| running.cookie(name));
    running.service.slow.store(true, std::sync::atomic::Ordering::SeqCst);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| running.request("POST", "/api/v1/query", &[("cookie", &ann), CSRF], Some(&json!({}))));
        running.wait_running(1);
        let listed = |cookie: &str| running.request("GET", "/api/v1/queries", &[("cookie", cookie)], None).json();
        assert_eq!(listed(&bob), json!([]));
        assert_eq!(listed(&root)[0]["user"], "ann");
        let id = listed(&ann)[0]["id"].as_u64().unwrap();
        let cancel =
            |cookie: &str| running.request("DELETE", &format!("/api/v1/queries/{id}"), &[("cookie", cookie), CSRF], None).status;
        assert_eq!(cancel(&bob), 404);
        assert_eq!(cancel(&root), 204);
        assert_eq!(asking.join().unwrap().status, 409);
    });
}

#[test]
fn whoever_is_signed_out_sees_no_more_live_counters() {
    use std::io::{BufRead, BufReader, Write};
    let running = with(Role::Viewer);
    let cookie = running.cookie("ann");
    let mut client = std::net::TcpStream::connect(running.address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(client, "GET /api/v1/live HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n").unwrap();
    let mut lines = BufReader::new(client).lines().map(|line| line.unwrap());
    assert!(lines.any(|line| line.starts_with("data: ")));
    assert_eq!(running.request("DELETE", "/api/v1/session", &[("cookie", &cookie), CSRF], None).status, 204);
    let out = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
    // What was told before may still be read, and one event may have been on its way.
    let later = lines.filter_map(|line| serde_json::from_str::<LiveCounters>(line.strip_prefix("data: ")?).ok());
    assert!(later.filter(|event| event.time > out).take(2).count() <= 1, "the stream ends");
}
