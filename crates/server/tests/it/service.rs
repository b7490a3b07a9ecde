//! A service of fixed answers, and clients that are not ours.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_query::{Answer, AnswerColumn, AnswerSource, AnswerTable, Body, Cell, Completeness, Note, Question, Role};
use weir_record::{Address, Unit};
use weir_server::{
    Backend, Counter, Edge, Health, Keeper, Kind, Library, Limits, Metric, NamesOf, Parts, People, QueryError, Server, SourceRow,
    SourceState, serve,
};
use weir_store::{AccountSlot, Cancel, SqlAnswer};

/// 2026-03-02T09:00:00Z.
pub(crate) const NOW: i64 = 1_772_442_000_000_000_000;

static DATAGRAMS: Metric =
    Metric { name: "weir_receive_datagrams_total", help: "Datagrams that arrived.", kind: Kind::Counter, labels: &["listener"] };

/// Answers what it was made with; queries take until they are released or cancelled where `slow` is set.
#[derive(Default)]
pub(crate) struct Fixed {
    pub(crate) problems: Mutex<Vec<String>>,
    pub(crate) slow: AtomicBool,
    pub(crate) running: AtomicUsize,
    pub(crate) cancelled: AtomicUsize,
    pub(crate) asked: Mutex<Vec<String>>,
    /// Rows of an answer, and sources, beyond the first.
    pub(crate) more: AtomicUsize,
    /// Datagrams beyond the first twelve.
    pub(crate) netflow: AtomicU64,
    pub(crate) library: Option<Arc<Library>>,
}

impl Backend for Fixed {
    fn health(&self) -> Health {
        Health { problems: self.problems.lock().unwrap().clone() }
    }

    fn sources(&self) -> Vec<SourceRow> {
        vec![source(); 1 + self.more.load(Ordering::SeqCst)]
    }

    fn counters(&self) -> Vec<Counter> {
        let counter = |listener: &str, count| Counter {
            metric: &DATAGRAMS,
            labels: vec![listener.into()],
            value: weir_server::Value::Count(count),
        };
        vec![counter("ipfix", 7), counter("netflow", 12 + self.netflow.load(Ordering::SeqCst))]
    }

    fn names(&self, addresses: &[IpAddr]) -> NamesOf {
        // Even ones have a name.
        let is_even = |address: &IpAddr| address.to_string().ends_with(['0', '2', '4', '6', '8']);
        addresses.iter().map(|address| (*address, is_even(address).then(|| "even.example".to_owned()))).collect()
    }

    fn library(&self) -> Option<Arc<Library>> {
        self.library.clone()
    }

    fn account(&self, question: &Question, _: &Cancel) -> Result<Vec<AccountSlot>, QueryError> {
        self.asked.lock().unwrap().push(question.filter().to_string());
        let completeness = Completeness { known: true, records: 5, lost_records: 2, down_ns: 1, ..Completeness::default() };
        Ok(vec![AccountSlot { from: question.from(), to: question.to(), completeness }])
    }

    fn query(&self, question: &Question, cancel: &Cancel) -> Result<Answer, QueryError> {
        self.asked.lock().unwrap().push(question.filter().to_string());
        self.running.fetch_add(1, Ordering::SeqCst);
        while self.slow.load(Ordering::SeqCst) && !cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        if cancel.is_cancelled() {
            self.cancelled.fetch_add(1, Ordering::SeqCst);
            return Err(QueryError::Cancelled);
        }
        let mut answer = answer();
        if let Body::Table(table) = &mut answer.body {
            let row = table.rows[0].clone();
            table.rows.resize(1 + self.more.load(Ordering::SeqCst), row);
        }
        Ok(answer)
    }

    fn sql(&self, _: &str, _: &Cancel) -> Result<SqlAnswer, QueryError> {
        Err(QueryError::TooMuch("the statement needs more than 1 octet".into()))
    }
}

/// One group.
pub(crate) fn answer() -> Answer {
    let column = |name: &str, unit, role| AnswerColumn { name: name.into(), label: name.to_uppercase(), unit, role };
    Answer {
        body: Body::Table(AnswerTable {
            columns: vec![column("src_addr", Unit::None, Role::Key), column("bytes", Unit::Bytes, Role::Measure)],
            rows: vec![vec![Cell::Address(Address::v4(0x0a00_0001)), Cell::Number(1_200_000_001)]],
            totals: vec![Cell::Absent, Cell::Number(1_200_000_001)],
            groups: Some(1),
        }),
        records: 3,
        first: Some(NOW),
        last: Some(NOW + 1),
        notes: vec![Note::Sampled { records: 3 }],
        completeness: Some(Completeness { known: true, records: 3, lost_records: 5, ..Completeness::default() }),
        source: AnswerSource::Records,
    }
}

pub(crate) fn source() -> SourceRow {
    SourceRow {
        name: Some("core1".into()),
        domain: Some(7),
        listener: "netflow".into(),
        protocols: vec!["netflow9".into()],
        note: Some("data waits for a template".into()),
        first_seen: Some(NOW),
        last_seen: Some(NOW + 1_500_000_000),
        datagrams: 3,
        bytes: 4_000,
        datagrams_per_second: 0.05,
        pending: 3,
        lost_datagrams: Some(1),
        faults: [("truncated".to_owned(), 2)].into(),
        clock_skew: Some(-0.25),
        unknown_elements: vec!["2636/137".into()],
        ..SourceRow::new("192.0.2.1".parse().unwrap(), SourceState::WaitingForTemplate)
    }
}

/// Users and the audit log, in memory.
#[derive(Default)]
pub(crate) struct Memory {
    file: Mutex<(i64, Option<Vec<u8>>)>,
    log: Mutex<Vec<Vec<u8>>>,
}

impl Keeper for Memory {
    fn stamp(&self) -> io::Result<Option<[i64; 4]>> {
        let file = self.file.lock().unwrap();
        Ok(file.1.as_ref().map(|_| [file.0, 0, 0, 0]))
    }

    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.file.lock().unwrap().1.clone())
    }

    fn change(&self, edit: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) -> io::Result<()> {
        let mut file = self.file.lock().unwrap();
        if let Some(octets) = edit(file.1.clone()) {
            *file = (file.0 + 1, Some(octets));
        }
        Ok(())
    }

    fn note(&self, line: &[u8]) -> io::Result<()> {
        self.log.lock().unwrap().push(line.to_vec());
        Ok(())
    }

    fn notes(&self, each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
        for line in self.log.lock().unwrap().iter().rev() {
            if each(line).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// A running server and its service.
pub(crate) struct Running {
    pub(crate) service: Arc<Fixed>,
    pub(crate) people: Arc<People>,
    pub(crate) server: Option<Server>,
    pub(crate) address: SocketAddr,
}

/// One where nobody has to sign in.
pub(crate) fn start(limits: Limits) -> Running {
    start_with(Fixed::default(), limits)
}

pub(crate) fn start_with(service: Fixed, limits: Limits) -> Running {
    start_for(service, People::open(Box::<Memory>::default()), Edge::default(), limits)
}

/// One where everybody has to.
pub(crate) fn start_closed() -> Running {
    start_for(Fixed::default(), People::new(Box::<Memory>::default()), Edge::default(), Limits::default())
}

pub(crate) fn start_for(service: Fixed, people: People, edge: Edge, limits: Limits) -> Running {
    let (service, people) = (Arc::new(service), Arc::new(people));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let backend = Arc::<Fixed>::clone(&service) as Arc<dyn Backend>;
    let server = serve(listener, Parts { backend, people: Arc::clone(&people), edge }, limits).unwrap();
    Running { service, people, address: server.address(), server: Some(server) }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Running {
    pub(crate) fn get(&self, path: &str) -> Page {
        page(agent().get(format!("http://{}{path}", self.address)).call())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Page {
        page(agent().post(format!("http://{}{path}", self.address)).send_json(body))
    }

    pub(crate) fn post_text(&self, path: &str, kind: &str, body: &str) -> Page {
        page(agent().post(format!("http://{}{path}", self.address)).content_type(kind).send(body))
    }

    /// With a header, and a body unless it is null.
    pub(crate) fn send(&self, method: &str, path: &str, header: Option<(&str, &str)>, body: &Value) -> Page {
        self.request(method, path, header.as_slice(), Some(body).filter(|body| !body.is_null()))
    }

    pub(crate) fn delete(&self, path: &str) -> Page {
        page(agent().delete(format!("http://{}{path}", self.address)).call())
    }

    /// Sends a request as it is, with these headers.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Page {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body.to_string()).unwrap();
                page(agent().run(request))
            }
            None => page(agent().run(request.body(()).unwrap())),
        }
    }

    /// Waits until so many queries are at work.
    pub(crate) fn wait_running(&self, count: usize) {
        wait(|| self.service.running.load(Ordering::SeqCst) == count);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.close(Duration::from_secs(5));
        }
    }
}

/// How long something is waited for that has to come: long enough for a machine that others use as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until something holds.
pub(crate) fn wait(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .allow_non_standard_methods(true)
        .build()
        .into()
}

fn page(answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Page {
    let answer = answered.unwrap();
    let (head, mut body) = answer.into_parts();
    Page {
        status: head.status.as_u16(),
        headers: head.headers,
        text: body.with_config().limit(64 << 20).read_to_string().unwrap(),
    }
}
