//! A service that has received the samples, and what it says over HTTP.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_testkit::{PATIENCE, wait_until};

use crate::collect::service::{Folder, Service};
use crate::run::{Run, weir};

/// A service with a console, and its folder.
pub(crate) struct Asked {
    pub(crate) folder: Folder,
    pub(crate) service: Service,
    pub(crate) console: String,
}

/// Records of the sample of NetFlow v5.
pub(crate) const NETFLOW5: u64 = 23;

pub(crate) fn sample(name: &str) -> String {
    format!("{}/samples/{name}.pcap", env!("CARGO_MANIFEST_DIR"))
}

impl Asked {
    pub(crate) fn start() -> Self {
        Self::start_beside("", "")
    }

    /// One whose store may hold something already.
    pub(crate) fn start_in(folder: Folder) -> Self {
        Self::start_with(folder, "", "")
    }

    /// One with further keys of the listener, and further sections.
    pub(crate) fn start_beside(listen: &str, sections: &str) -> Self {
        Self::start_with(Folder::new(), listen, sections)
    }

    fn start_with(folder: Folder, listen: &str, sections: &str) -> Self {
        // A port that nobody has now.
        let console = weir_testkit::free_address().to_string();
        let service = Service::start(&folder, listen, &format!("[console]\nlisten = \"{console}\"\n{sections}"));
        service.wait_for("answering over HTTP");
        Self { folder, service, console }
    }

    /// One that has received these samples.
    pub(crate) fn with(samples: &[&str]) -> Self {
        let asked = Self::start();
        let printed = |name: &&str| weir(&["decode", &sample(name), "--format", "none"]).stdout.trim().parse::<u64>().unwrap();
        let records = samples.iter().map(printed).sum();
        for name in samples {
            let run = asked.replay(name, &["--rate", "500", "--original-time"]);
            assert_eq!(run.code, 0, "{}", run.stderr);
        }
        asked.wait_stored(records);
        asked
    }

    /// Replays a sample to the service.
    pub(crate) fn replay(&self, name: &str, more: &[&str]) -> Run {
        let url = format!("udp://{}", self.service.address);
        let file = sample(name);
        weir(&[&["replay", &file, "--to", &url], more].concat())
    }

    pub(crate) fn config(&self) -> String {
        self.folder.0.join("weir.toml").to_str().unwrap().to_owned()
    }

    pub(crate) fn store(&self) -> String {
        self.folder.store().to_str().unwrap().to_owned()
    }

    /// Asks the service.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Run {
        weir(&[arguments, &["-c", &self.config()]].concat())
    }

    /// Reads the files.
    pub(crate) fn read(&self, arguments: &[&str]) -> Run {
        weir(&[arguments, &["--store", &self.store()]].concat())
    }

    /// Waits until so many flow and sample records can be asked for.
    pub(crate) fn wait_stored(&self, records: u64) {
        let begun = Instant::now();
        loop {
            let run = self.ask(&["query", "--format", "none"]);
            if run.stdout.trim() == records.to_string() {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{records} records were sent, asked for: {} {}", run.stdout, run.stderr);
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.console)
    }

    /// What commands on this machine sign in with.
    pub(crate) fn bearer(&self) -> String {
        let token = fs::read_to_string(self.folder.store().join("console/local.token")).unwrap();
        format!("Bearer {}", token.trim())
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.get_as(&self.bearer(), path)
    }

    /// With this header `Authorization`.
    pub(crate) fn get_as(&self, bearer: &str, path: &str) -> (u16, String) {
        answer(agent().get(self.url(path)).header("authorization", bearer).call())
    }

    pub(crate) fn post_as(&self, bearer: &str, path: &str, body: &Value) -> (u16, String) {
        answer(agent().post(self.url(path)).header("authorization", bearer).send_json(body))
    }

    /// As a page of the service that nobody has signed in at.
    pub(crate) fn post_unsigned(&self, path: &str, body: &Value) -> (u16, String) {
        answer(agent().post(self.url(path)).header("weir-csrf", "1").send_json(body))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.post_as(&self.bearer(), path, body)
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into()
}

fn answer(answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut answer = answered.unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn counters_are_those_of_the_metrics() {
    let asked = Asked::with(&["netflow5"]);
    // What is stored is counted a moment later.
    asked.service.wait_for_counter("weir_decode_records_total", NETFLOW5);
    asked.service.wait_for_counter("weir_receive_datagrams_total", asked.service.counter("weir_decode_datagrams_total"));
    wait_until("the store has counted", || asked.service.counter("weir_store_rows_total") >= NETFLOW5);
    let (status, page) = asked.get("/metrics");
    assert_eq!(status, 200);
    assert!(page.ends_with("# EOF\n"), "{page}");
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).parse::<f64>().unwrap()
    };
    assert_eq!(value("weir_decode_records_total"), NETFLOW5 as f64);
    assert_eq!(value("weir_receive_datagrams_total{listener=\"lab\"}"), value("weir_decode_datagrams_total"));
    assert!(value("weir_store_rows_total") >= NETFLOW5 as f64);
    // Every line is a comment, or a name with a number; every name was described before.
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.rsplit_once(' ').unwrap();
        assert!(number.parse::<f64>().is_ok(), "{line}");
        let family = name.split('{').next().unwrap();
        let described = format!("# TYPE {} ", family.strip_suffix("_total").unwrap_or(family));
        assert!(page.contains(&described), "{line}");
    }
    let counters = asked.ask(&["counters", "--grep", "weir_decode_records", "--format", "json"]).records();
    assert_eq!(counters, [json!({"name": "weir_decode_records_total", "value": NETFLOW5})]);
    let none = asked.ask(&["counters", "--grep", "no such counter"]);
    assert_eq!((none.code, none.stdout.as_str()), (1, ""));
}

#[test]
fn sources_say_who_sent_what() {
    let asked = Asked::with(&["netflow5"]);
    let rows = asked.ask(&["sources", "--format", "json"]).records();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((&rows[0]["exporter"], &rows[0]["listener"]), (&json!("127.0.0.1"), &json!("lab")));
    assert_eq!((&rows[0]["records"], &rows[0]["protocols"]), (&json!(NETFLOW5), &json!(["netflow5"])));
    let table = asked.ask(&["sources", "--format", "table"]).stdout;
    assert!(table.lines().next().unwrap().contains("Exporter"), "{table}");
    assert!(table.contains("127.0.0.1"), "{table}");
    let (status, page) = asked.get("/api/v1/sources");
    assert_eq!((status, serde_json::from_str::<Value>(&page).unwrap().as_array().unwrap().len()), (200, 1));
}

#[test]
fn a_running_service_is_well() {
    let asked = Asked::start();
    assert_eq!(asked.get("/healthz"), (200, json!({"ok": true, "problems": []}).to_string()));
}

#[test]
fn a_service_that_is_not_there_is_said() {
    let folder = Folder::new();
    let free = weir_testkit::free_address();
    let config = folder.0.join("weir.toml");
    fs::write(&config, format!("[console]\nlisten = \"{free}\"\n")).unwrap();
    for command in [&["query"][..], &["sql", "SELECT 1"], &["sources"], &["counters"]] {
        let run = weir(&[command, &["-c", config.to_str().unwrap()]].concat());
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert!(run.stderr.contains(&free.to_string()) && run.stderr.contains("weir run"), "{}", run.stderr);
    }
    fs::write(&config, "[meter]\ninterfaces = [\"lo\"]\n").unwrap();
    let run = weir(&["query", "-c", config.to_str().unwrap()]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("[console]"), "{}", run.stderr);
}
