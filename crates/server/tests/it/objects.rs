//! Profiles, chapters and dashboards over HTTP, on a shelf in memory.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use weir_server::{
    Filling, Library, Limits, MAX_CHAPTERS, MAX_DASHBOARDS, MAX_PROFILES, MAX_STORED_CHANNELS, Shelf, ViewDocument,
};

use crate::service::{Fixed, NOW, Page, Running, start, start_with};

/// What is saved, and what sums are asked for.
#[derive(Default)]
pub(crate) struct Memory {
    saved: Mutex<Option<Vec<u8>>>,
    sums: Mutex<BTreeSet<String>>,
    is_full: Mutex<bool>,
}

struct MemoryShelf(Arc<Memory>);

impl Shelf for MemoryShelf {
    fn load(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.saved.lock().unwrap().clone())
    }

    fn save(&self, objects: &[u8]) -> Result<(), String> {
        if *self.0.is_full.lock().unwrap() {
            return Err("no room on the shelf".into());
        }
        *self.0.saved.lock().unwrap() = Some(objects.to_vec());
        Ok(())
    }

    fn keep_sums(&self, filters: &BTreeSet<String>) {
        *self.0.sums.lock().unwrap() = filters.clone();
    }

    fn filling(&self, filter: &str) -> Option<Filling> {
        filter.contains("443").then(|| Filling { channel: String::new(), progress: 0.25, filled_from: Some(NOW) })
    }
}

fn start_on(memory: &Arc<Memory>) -> Running {
    let library = Library::open(Box::new(MemoryShelf(Arc::clone(memory))), NOW).unwrap();
    start_with(Fixed { library: Some(Arc::new(library)), ..Fixed::default() }, Limits::default())
}

fn begin() -> (Arc<Memory>, Running) {
    let memory = Arc::new(Memory::default());
    let running = start_on(&memory);
    (memory, running)
}

fn profile(name: &str) -> Value {
    json!({"name": name, "shared": false, "series": "computed", "channels": [{"name": "web", "filter": "port 443", "side": "above"}]})
}

fn made(page: &Page) -> Value {
    assert_eq!(page.status, 201, "{}", page.text);
    page.json()
}

fn id(envelope: &Value) -> String {
    envelope["id"].as_str().unwrap().to_owned()
}

fn tag(page: &Page) -> String {
    page.headers["etag"].to_str().unwrap().to_owned()
}

#[test]
fn an_object_lives_and_outlives_the_service() {
    for (path, object, changed) in [
        ("/api/v1/profiles", profile("one"), profile("two")),
        ("/api/v1/chapters", json!({"name": "one", "kind": "pie", "by": "app"}), json!({"name": "two", "kind": "value"})),
        ("/api/v1/dashboards", json!({"name": "one"}), json!({"name": "two", "time": {"last": "1d"}})),
    ] {
        let (memory, running) = begin();
        let page = running.post(path, &object);
        let envelope = made(&page);
        let one = format!("{path}/{}", id(&envelope));
        assert_eq!(
            (page.headers["location"].to_str().unwrap(), tag(&page)),
            (one.as_str(), format!("\"{}\"", envelope["version"]))
        );
        assert_eq!(envelope["object"]["name"], "one");
        assert_eq!((&envelope["origin"], envelope.get("owner")), (&json!("user"), None));
        let read = running.get(&one);
        assert_eq!((read.status, read.json(), tag(&read)), (200, envelope.clone(), tag(&page)));
        let mut back = envelope["object"].clone();
        back["name"] = json!("three");
        let replaced = running.send("PUT", &one, Some(("if-match", &tag(&page))), &back);
        assert_eq!(
            (replaced.status, &replaced.json()["object"]["name"]),
            (200, &json!("three")),
            "what came can go back: {}",
            replaced.text
        );
        assert_eq!(running.send("PUT", &one, Some(("if-match", "*")), &changed).status, 200);
        drop(running);
        let running = start_on(&memory);
        let read = running.get(&one);
        assert_eq!(read.json()["object"]["name"], "two");
        assert_eq!(running.send("DELETE", &one, Some(("if-match", &tag(&read))), &Value::Null).status, 204);
        assert_eq!(running.get(&one).status, 404);
        assert_ne!(id(&made(&running.post(path, &object))), id(&envelope), "no id is used twice");
    }
}

#[test]
fn of_two_editors_the_later_one_is_told() {
    let (_, running) = begin();
    let page = running.post("/api/v1/profiles", &profile("one"));
    let one = format!("/api/v1/profiles/{}", id(&page.json()));
    let first = running.send("PUT", &one, Some(("if-match", &tag(&page))), &profile("first"));
    assert_eq!(first.status, 200, "{}", first.text);
    for method in ["PUT", "DELETE"] {
        let body = if method == "PUT" { profile("second") } else { Value::Null };
        for stale in [tag(&page).as_str(), "\"x\"", "nonsense", ""] {
            let late = running.send(method, &one, Some(("if-match", stale)), &body);
            assert_eq!(late.status, 412, "{method} {stale}: {}", late.text);
        }
        assert_eq!(running.send(method, &one, None, &body).status, 428);
    }
    assert_eq!(running.get(&one).json(), first.json());
}

#[test]
fn what_makes_no_sense_is_told_by_field() {
    let (_, running) = begin();
    let mut ill = profile("one");
    ill["channels"][0]["filter"] = json!("port 443 and prot tcp");
    let page = running.post("/api/v1/profiles", &ill);
    let told = page.json();
    assert_eq!(
        (page.status, &told["field"], &told["position"]),
        (400, &json!("channels[0].filter"), &json!(13)),
        "{}",
        page.text
    );
    let field = |path: &str, object: Value| {
        let page = running.post(path, &object);
        assert_eq!(page.status, 400, "{}", page.text);
        page.json()["field"].as_str().unwrap().to_owned()
    };
    let chapter = |profile: &str| json!({"name": "c", "kind": "value", "profile": profile, "channels": ["nobody"]});
    assert_eq!(field("/api/v1/chapters", chapter("p-99")), "profile");
    let known = id(&made(&running.post("/api/v1/profiles", &profile("one"))));
    assert_eq!(field("/api/v1/chapters", chapter(&known)), "channels[0]");
    let mut shared = json!({"name": "c", "kind": "value", "profile": known, "shared": true});
    assert_eq!(field("/api/v1/chapters", shared.clone()), "shared");
    shared["shared"] = json!(false);
    let own = id(&made(&running.post("/api/v1/chapters", &shared)));
    let widget = json!({"chapter": own, "x": 0, "y": 0, "w": 6, "h": 4});
    assert_eq!(field("/api/v1/dashboards", json!({"name": "d", "shared": true, "widgets": [widget]})), "shared");
    assert_eq!(
        field("/api/v1/dashboards", json!({"name": "d", "widgets": [{"chapter": "c-99", "x": 0, "y": 0, "w": 1, "h": 1}]})),
        "widgets[0].chapter"
    );
    let mut child = profile("child");
    child["parent"] = json!("p-99");
    assert_eq!(field("/api/v1/profiles", child.clone()), "parent");
    child["parent"] = json!("all-sources");
    assert_eq!(field("/api/v1/profiles", child), "parent");
    assert_eq!(running.post("/api/v1/profiles", &json!({"name": "p", "chanels": []})).status, 400);
}

#[test]
fn what_others_use_stays_fit_for_them() {
    let (_, running) = begin();
    let mut parent = profile("parent");
    parent["shared"] = json!(true);
    let parent_id = id(&made(&running.post("/api/v1/profiles", &parent)));
    let child = json!({"name": "child", "parent": parent_id, "channels": [{"name": "tcp", "filter": "proto tcp"}]});
    let child_id = id(&made(&running.post("/api/v1/profiles", &child)));
    let chapter = json!({"name": "c", "kind": "value", "profile": parent_id, "channels": ["web"], "shared": true});
    let chapter_id = id(&made(&running.post("/api/v1/chapters", &chapter)));
    let dashboard = json!({"name": "d", "widgets": [{"chapter": chapter_id, "x": 0, "y": 0, "w": 6, "h": 4}]});
    let dashboard_id = id(&made(&running.post("/api/v1/dashboards", &dashboard)));
    let any = Some(("if-match", "*"));
    let refused = |method: &str, path: &str, body: &Value, by: &str| {
        let page = running.send(method, path, any, body);
        assert_eq!(page.status, 409, "{}", page.text);
        assert!(page.json()["error"].as_str().unwrap().contains(by), "{}", page.text);
    };
    let parent_path = format!("/api/v1/profiles/{parent_id}");
    refused("DELETE", &parent_path, &Value::Null, &child_id);
    refused("PUT", &parent_path, &profile("parent"), &chapter_id);
    let mut renamed = parent.clone();
    renamed["channels"][0]["name"] = json!("other");
    refused("PUT", &parent_path, &renamed, &chapter_id);
    refused("DELETE", &format!("/api/v1/chapters/{chapter_id}"), &Value::Null, &dashboard_id);
    let mut ring = parent;
    ring["parent"] = json!(child_id);
    let page = running.send("PUT", &parent_path, any, &ring);
    assert!(matches!(page.status, 400 | 409), "{}", page.text);
    for path in [
        format!("/api/v1/dashboards/{dashboard_id}"),
        format!("/api/v1/chapters/{chapter_id}"),
        format!("/api/v1/profiles/{child_id}"),
        parent_path,
    ] {
        assert_eq!(running.send("DELETE", &path, any, &Value::Null).status, 204, "{path}");
    }
}

#[test]
fn lists_come_in_pages() {
    let (_, running) = begin();
    let ids: Vec<String> = (0..5).map(|_| id(&made(&running.post("/api/v1/profiles", &profile("p"))))).collect();
    let (mut seen, mut path) = (Vec::new(), "/api/v1/profiles?limit=2".to_owned());
    loop {
        let page = running.get(&path).json();
        assert_eq!(page["total"], 6);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(id));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/profiles?limit=2&after={next}");
    }
    assert_eq!(seen, [vec!["all-sources".to_owned()], ids].concat());
    for limit in ["0", "1001"] {
        assert_eq!(running.get(&format!("/api/v1/profiles?limit={limit}")).json()["field"], "limit");
    }
}

#[test]
fn dashboards_are_there_from_the_start() {
    let (_, running) = begin();
    let page = running.get("/api/v1/dashboards").json();
    let names: BTreeSet<&str> =
        page["items"].as_array().unwrap().iter().map(|item| item["object"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["Applications", "Overview", "Performance", "Security", "Sources"]));
    for item in page["items"].as_array().unwrap() {
        assert_eq!(item["origin"], "weir");
        for widget in item["object"]["widgets"].as_array().unwrap() {
            let page = running.get(&format!("/api/v1/chapters/{}/data?last=1h", widget["chapter"].as_str().unwrap()));
            assert_eq!(page.status, 200, "{}", page.text);
        }
    }
}

#[test]
fn all_sources_makes_itself() {
    let (_, running) = begin();
    let page = running.get("/api/v1/profiles/all-sources");
    assert_eq!(
        page.json()["object"]["channels"],
        json!([{"name": "core1", "colour": "#2f6fde", "filter": "exporter 192.0.2.1", "side": "above"}])
    );
    for (method, body) in [("PUT", profile("mine")), ("DELETE", Value::Null)] {
        let refused = running.send(method, "/api/v1/profiles/all-sources", Some(("if-match", &tag(&page))), &body);
        assert_eq!(refused.status, 409, "{}", refused.text);
    }
}

#[test]
fn a_view_has_an_answer_a_channel() {
    let (_, running) = begin();
    let two = json!({"name": "p", "channels": [{"name": "a", "filter": "port 443", "colour": "#ff0000"}, {"name": "b", "filter": "port 80", "side": "below"}]});
    let profile = id(&made(&running.post("/api/v1/profiles", &two)));
    let asked = json!({"chapter": {"kind": "time_series", "profile": profile, "filter": "proto tcp"}, "from": "2026-03-02T09:00:00Z", "to": "2026-03-02T10:00:00Z"});
    let page = running.post("/api/v1/view", &asked);
    assert_eq!(page.status, 200, "{}", page.text);
    let view: ViewDocument = serde_json::from_str(&page.text).unwrap();
    assert_eq!(
        (view.step.as_deref(), view.from.as_str(), view.profile.id),
        (Some("1m"), "2026-03-02T09:00:00Z", profile.clone())
    );
    let parts: Vec<(&str, &str)> =
        view.parts.iter().map(|part| (part.channels[0].name.as_str(), part.channels[0].colour.as_str())).collect();
    assert_eq!(parts, [("a", "#ff0000"), ("b", "")]);
    let answer = view.parts[1].answer.as_ref().unwrap();
    assert_eq!((answer.records, answer.notes[0].code.as_str()), (3, "sampled"));
    assert_eq!(answer.completeness.as_ref().unwrap()["lost_records"], 5);
    assert!(view.parts[0].command.starts_with("weir query '"), "{}", view.parts[0].command);
    assert_eq!(
        *running.service.asked.lock().unwrap(),
        view.parts.iter().map(|part| part.question.filter.clone()).collect::<Vec<_>>()
    );
    // The question of a part is one that can be asked alone.
    assert_eq!(running.post("/api/v1/query", &serde_json::to_value(&view.parts[0].question).unwrap()).status, 200);
    let together = json!({"chapter": {"kind": "top", "by": "src_addr", "profile": profile}, "last": "1h"});
    let view: ViewDocument = serde_json::from_str(&running.post("/api/v1/view", &together).text).unwrap();
    assert_eq!((view.parts.len(), view.parts[0].channels.len()), (1, 2));
}

#[test]
fn a_view_can_be_had_as_lines_of_values() {
    let (_, running) = begin();
    let two = json!({"name": "p", "channels": [{"name": "a"}, {"name": "=b,\"c\""}]});
    let profile = id(&made(&running.post("/api/v1/profiles", &two)));
    let chapter = id(&made(&running.post("/api/v1/chapters", &json!({"name": "c", "kind": "time_series", "profile": profile}))));
    let page = running.get(&format!("/api/v1/chapters/{chapter}/data?last=1h&format=csv"));
    assert_eq!((page.status, page.headers["content-type"].to_str().unwrap()), (200, "text/csv; charset=utf-8"));
    assert_eq!(page.text, "channel,src_addr,bytes\r\na,10.0.0.1,1200000001\r\n\"=b,\"\"c\"\"\",10.0.0.1,1200000001\r\n");
}

#[test]
fn a_view_that_makes_no_sense_is_told_by_field() {
    let (_, running) = begin();
    let field = |asked: Value| {
        let page = running.post("/api/v1/view", &asked);
        (page.status, page.json()["field"].as_str().unwrap_or_default().to_owned())
    };
    let told = |status: u16, field: &str| (status, field.to_owned());
    assert_eq!(field(json!({})), told(400, "chapter"));
    assert_eq!(field(json!({"id": "c-1", "chapter": {"kind": "value"}})), told(400, "chapter"));
    assert_eq!(field(json!({"id": "c-99"})), told(404, ""));
    assert_eq!(field(json!({"chapter": {"kind": "value", "profile": "p-99"}})), told(404, ""));
    assert_eq!(field(json!({"chapter": {"kind": "top"}})), told(400, "chapter.by"));
    assert_eq!(field(json!({"chapter": {"kind": "value", "channels": ["nobody"]}})), told(400, "channels[0]"));
    assert_eq!(field(json!({"chapter": {"kind": "value"}, "to": "now"})), told(400, "from"));
    assert_eq!(field(json!({"chapter": {"kind": "value"}, "from": "now", "to": "-1h"})), told(400, "to"));
    assert_eq!(field(json!({"chapter": {"kind": "value"}, "filter": "prot"})), told(400, "filter"));
    assert_eq!(field(json!({"chapter": {"kind": "time_series"}, "step": "soon"})), told(400, "step"));
}

#[test]
fn a_view_ends_as_queries_do() {
    let (_, running) = begin();
    running.service.slow.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        let view = scope.spawn(|| running.post("/api/v1/view", &json!({"chapter": {"kind": "value"}})));
        running.wait_running(1);
        let row = running.get("/api/v1/queries").json()[0].clone();
        assert_eq!(row["kind"], "view");
        assert_eq!(running.delete(&format!("/api/v1/queries/{}", row["id"])).status, 204);
        assert_eq!(view.join().unwrap().status, 409);
    });
    assert_eq!(running.service.cancelled.load(Ordering::SeqCst), 1);
}

#[test]
fn a_service_is_made_of_a_recipe_or_not_at_all() {
    let (_, running) = begin();
    let recipe = json!({"name": "shop", "shared": true, "client": {"address": "203.0.113.10", "port": 443}, "inner": "10.0.0.2",
        "servers": [{"name": "web1", "address": "10.0.1.11", "port": 8080}, {"address": "10.0.1.12", "port": 8080}]});
    let made = made(&running.post("/api/v1/recipes/service", &recipe));
    let channels: Vec<&str> = made["profile"]["object"]["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|channel| channel["name"].as_str().unwrap())
        .collect();
    assert_eq!(channels, ["client side", "server side", "web1", "10.0.1.12 port 8080"]);
    let read = running.get(&format!("/api/v1/dashboards/{}", id(&made["dashboard"])));
    assert_eq!(read.json(), made["dashboard"]);
    for chapter in made["chapters"].as_array().unwrap() {
        let view = running.get(&format!("/api/v1/chapters/{}/data", id(chapter)));
        assert_eq!(view.status, 200, "{}", view.text);
    }
    let profiles = running.get("/api/v1/profiles").json()["total"].clone();
    let mut ill = recipe;
    ill["servers"] = json!([]);
    assert_eq!(running.post("/api/v1/recipes/service", &ill).json()["field"], "servers");
    assert_eq!(running.get("/api/v1/profiles").json()["total"], profiles);
}

#[test]
fn there_are_no_more_objects_than_may_be() {
    let (_, running) = begin();
    for (path, object, most) in [
        ("/api/v1/profiles", json!({"name": "p", "channels": [{"name": "a"}]}), MAX_PROFILES),
        ("/api/v1/chapters", json!({"name": "c", "kind": "value"}), MAX_CHAPTERS),
        ("/api/v1/dashboards", json!({"name": "d"}), MAX_DASHBOARDS),
    ] {
        let there = running.get(&format!("{path}?limit=1")).json()["total"].as_u64().unwrap() as usize;
        // The profile that makes itself does not count.
        let there = there - usize::from(path.ends_with("profiles"));
        for _ in there..most {
            assert_eq!(running.post(path, &object).status, 201);
        }
        let page = running.post(path, &object);
        assert_eq!(page.status, 422, "{}", page.text);
        assert!(page.json()["error"].as_str().unwrap().contains(&most.to_string()), "{}", page.text);
    }
}

#[test]
fn sums_are_kept_of_so_many_channels() {
    let (memory, running) = begin();
    let stored = |name: &str, from: usize, count: usize| {
        let channels: Vec<Value> =
            (from..from + count).map(|port| json!({"name": port.to_string(), "filter": format!("port {port}")})).collect();
        json!({"name": name, "series": "stored", "channels": channels})
    };
    for part in 0..4 {
        made(&running.post("/api/v1/profiles", &stored("p", 400 + part * 64, 64)));
    }
    assert_eq!(memory.sums.lock().unwrap().len(), MAX_STORED_CHANNELS);
    assert_eq!(running.post("/api/v1/profiles", &stored("one more", 9999, 1)).status, 422);
    // The sums of one filter are kept once.
    let same = made(&running.post("/api/v1/profiles", &stored("same", 443, 1)));
    assert_eq!(same["filling"], json!([{"channel": "443", "progress": 0.25, "filled_from": "2026-03-02T09:00:00Z"}]));
    assert_eq!(memory.sums.lock().unwrap().len(), MAX_STORED_CHANNELS);
}

#[test]
fn what_cannot_be_saved_does_not_count() {
    let (memory, running) = begin();
    *memory.is_full.lock().unwrap() = true;
    let page = running.post("/api/v1/profiles", &profile("one"));
    assert_eq!(page.status, 503);
    assert!(page.json()["error"].as_str().unwrap().contains("no room on the shelf"), "{}", page.text);
    assert_eq!(running.get("/api/v1/profiles").json()["total"], 1);
    *memory.is_full.lock().unwrap() = false;
    made(&running.post("/api/v1/profiles", &profile("one")));
}

#[test]
fn a_shelf_with_something_else_is_refused() {
    for (saved, told) in [("{\"format\":2}", "format is 2"), ("no json", "expected"), ("{\"format\":1}", "missing field")] {
        let memory = Arc::new(Memory { saved: Mutex::new(Some(saved.as_bytes().to_vec())), ..Memory::default() });
        let error = Library::open(Box::new(MemoryShelf(memory)), NOW).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn without_a_place_for_objects_there_are_none() {
    let running = start(Limits::default());
    assert_eq!(running.get("/api/v1/dashboards").status, 503);
    assert_eq!(running.post("/api/v1/profiles", &profile("one")).status, 503);
    // What is told inline of all sources needs no place.
    assert_eq!(running.post("/api/v1/view", &json!({"chapter": {"kind": "value"}})).status, 200);
}
