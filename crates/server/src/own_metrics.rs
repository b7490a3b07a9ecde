//! What the server counts of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metric::{Counter, Metric, Value};
use crate::routes::Shared;

crate::metrics! {
    /// The server's metrics, for the manual.
    pub METRICS:
    QUERIES Counter "weir_api_queries_total" ["outcome"] "Queries and SQL statements, by how they ended: answered, refused (the question), turned_away (no turn), cancelled (by somebody, the client, the time limit), failed.";
    QUERY_TIME Counter "weir_api_query_seconds_total" [] "Time that queries and SQL statements ran.";
    RUNNING Gauge "weir_api_queries_running" [] "Queries and SQL statements that run now.";
    UNREAD Gauge "weir_api_unread_bytes" [] "Octets of large answers that their clients have not read yet, rows of queries not counted.";
    UNREAD_REFUSED Counter "weir_api_unread_refused_total" [] "Answers that were refused because others, which nobody reads, take up the memory.";
    SIGN_INS Counter "weir_people_sign_ins_total" ["outcome"] "Tries to sign in, by how they ended: signed_in, wrong (name or password), too_many (tries before).";
    SESSIONS Gauge "weir_people_sessions" [] "Sessions of people who are signed in.";
    REFUSED Counter "weir_people_refused_total" ["reason"] "Requests that were refused: host (the service is not known by that name), forwarded (the word of a proxy that is not known), stranger (a page of another site, or the header weir-csrf is missing), signed_out, role (too low).";
    AUDIT_LOST Counter "weir_people_audit_lost_total" ["reason"] "Lines that the audit log does not have: unwritten (the disk), untold (refusals beyond ten a second).";
}

/// Adds them.
pub(crate) fn add(counters: &mut Vec<Counter>, shared: &Shared) {
    let (queries, unread) = (&shared.queries, &shared.unread);
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
    counters.push(Counter { metric: &RUNNING, labels: Vec::new(), value: Value::Count(queries.running() as u64) });
    counters.push(Counter { metric: &UNREAD, labels: Vec::new(), value: Value::Count(unread.held() as u64) });
    counters.push(Counter { metric: &UNREAD_REFUSED, labels: Vec::new(), value: Value::Count(unread.refused()) });
    add_people(counters, shared);
}

fn add_people(counters: &mut Vec<Counter>, shared: &Shared) {
    let (people, guard) = (&shared.people.counts, &shared.guard.counts);
    let all: [(&'static Metric, &str, &AtomicU64); 10] = [
        (&SIGN_INS, "signed_in", &people.signed_in),
        (&SIGN_INS, "wrong", &people.wrong),
        (&SIGN_INS, "too_many", &people.too_many),
        (&REFUSED, "host", &guard.host),
        (&REFUSED, "forwarded", &guard.forwarded),
        (&REFUSED, "stranger", &guard.stranger),
        (&REFUSED, "signed_out", &guard.signed_out),
        (&REFUSED, "role", &guard.role),
        (&AUDIT_LOST, "unwritten", &people.unwritten),
        (&AUDIT_LOST, "untold", &people.untold),
    ];
    counters.extend(all.map(|(metric, label, count)| Counter {
        metric,
        labels: vec![label.into()],
        value: Value::Count(count.load(Ordering::Relaxed)),
    }));
    counters.push(Counter { metric: &SESSIONS, labels: Vec::new(), value: Value::Count(shared.people.sessions() as u64) });
}
