//! What the server counts of its own.

use std::sync::atomic::Ordering;

use crate::metric::{Counter, Kind, Metric, Value};
use crate::queries::Queries;
use crate::unread::Unread;

/// The server's metrics, for the manual.
pub const METRICS: &[&Metric] = &[&QUERIES, &QUERY_TIME, &RUNNING, &UNREAD, &UNREAD_REFUSED];

static QUERIES: Metric = Metric {
    name: "weir_api_queries_total",
    help: "Queries and SQL statements, by how they ended: answered, refused (the question), turned_away (no turn), cancelled (by somebody, the client, the time limit), failed.",
    kind: Kind::Counter,
    labels: &["outcome"],
};
static QUERY_TIME: Metric = Metric {
    name: "weir_api_query_seconds_total",
    help: "Time that queries and SQL statements ran.",
    kind: Kind::Counter,
    labels: &[],
};
static RUNNING: Metric =
    Metric { name: "weir_api_queries_running", help: "Queries and SQL statements that run now.", kind: Kind::Gauge, labels: &[] };
static UNREAD: Metric = Metric {
    name: "weir_api_unread_bytes",
    help: "Octets of large answers that their clients have not read yet, rows of queries not counted.",
    kind: Kind::Gauge,
    labels: &[],
};
static UNREAD_REFUSED: Metric = Metric {
    name: "weir_api_unread_refused_total",
    help: "Answers that were refused because others, which nobody reads, take up the memory.",
    kind: Kind::Counter,
    labels: &[],
};

/// Adds them.
pub(crate) fn add(counters: &mut Vec<Counter>, queries: &Queries, unread: &Unread) {
    let counts = queries.counts();
    let outcomes = [
        ("answered", &counts.answered),
        ("refused", &counts.refused),
        ("turned_away", &counts.turned_away),
        ("cancelled", &counts.cancelled),
        ("failed", &counts.failed),
    ];
    counters.extend(outcomes.map(|(outcome, count)| Counter {
        metric: &QUERIES,
        labels: vec![outcome.into()],
        value: Value::Count(count.load(Ordering::Relaxed)),
    }));
    let seconds = counts.run_time.load(Ordering::Relaxed) as f64 / 1e6;
    counters.push(Counter { metric: &QUERY_TIME, labels: Vec::new(), value: Value::Level(seconds) });
    counters.push(Counter { metric: &RUNNING, labels: Vec::new(), value: Value::Count(queries.rows().len() as u64) });
    counters.push(Counter { metric: &UNREAD, labels: Vec::new(), value: Value::Count(unread.held() as u64) });
    counters.push(Counter { metric: &UNREAD_REFUSED, labels: Vec::new(), value: Value::Count(unread.refused()) });
}
