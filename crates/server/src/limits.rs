//! What clients may take of the service.

use std::time::Duration;

/// Limits of the HTTP edge; each has a default that suits a machine of a few cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Queries and SQL statements that run at a time.
    pub queries: usize,
    /// Further ones that wait for one of these to end; one more is refused at once.
    pub waiting: usize,
    /// How long a query waits for its turn.
    pub queue_time: Duration,
    /// How long a query may run.
    pub query_time: Duration,
    /// Octets of a request's body.
    pub body_bytes: usize,
    /// How long the head of a request may take to arrive, and how long its body may pause.
    pub header_time: Duration,
    /// Connections at a time.
    pub connections: usize,
    /// How long a client may take nothing of its answer; then its connection ends.
    pub client_time: Duration,
    /// Octets of answers that were made whole and wait for their clients, all together; beyond it large ones are refused.
    pub unread_bytes: usize,
    /// Of these, clients that watch live counters.
    pub live: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queries: 4,
            waiting: 256,
            queue_time: Duration::from_secs(10),
            query_time: Duration::from_secs(120),
            body_bytes: 1 << 20,
            header_time: Duration::from_secs(10),
            connections: 256,
            client_time: Duration::from_secs(30),
            unread_bytes: 256 << 20,
            live: 64,
        }
    }
}
