//! What is asked of a meter.

/// How flows are made and what is kept of them.
#[derive(Clone, Debug)]
pub struct Config {
    /// A flow that goes on for longer is reported, and counted anew; nanoseconds. Default 60 s.
    pub active_timeout: i64,
    /// A flow without a packet for longer has ended; nanoseconds. Default 30 s.
    pub inactive_timeout: i64,
    /// A TCP connection that was closed or reset is reported after this silence; nanoseconds. Default 1 s.
    pub closed_timeout: i64,
    /// Most flows at a time; when there are more, the one idle for longest is reported at once and counted. Default 1,000,000.
    pub max_flows: usize,
    /// Tell flows of different VLANs apart.
    pub key_vlan: bool,
    /// Tell flows of different interfaces apart.
    pub key_interface: bool,
    /// Meter the innermost packet of tunnels and keep the outer one's addresses; otherwise the outermost IP header is metered.
    pub decapsulate: bool,
    /// Measure round-trip and response times, retransmissions, gaps and jitter.
    pub performance: bool,
    /// Keep a histogram of response times with each record.
    pub histograms: bool,
    /// What is looked for in payloads; none for nothing at all.
    pub applications: Option<Applications>,
    /// Of connections (both directions, by a hash of addresses and ports) meter 1 in this many. 0 and 1 for all.
    pub sample_connections: u32,
    /// Packets that reach the meter are 1 in this many, because the capture chose them: performance is then absent. 0 and 1 for all.
    pub sampled_packets: u32,
    /// Secret of the hash that places flows, so that nobody who can only send packets can make them collide.
    pub seed: u64,
}

/// What application decoders keep of what packets carry of people. Everything here is off unless switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applications {
    /// Keep the query part of URLs.
    pub url_queries: bool,
    /// Keep the text of SQL statements.
    pub sql_text: bool,
    /// Keep mail addresses.
    pub mail_addresses: bool,
}

const SECOND: i64 = 1_000_000_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            active_timeout: 60 * SECOND,
            inactive_timeout: 30 * SECOND,
            closed_timeout: SECOND,
            max_flows: 1_000_000,
            key_vlan: false,
            key_interface: false,
            decapsulate: false,
            performance: true,
            histograms: false,
            applications: Some(Applications::default()),
            sample_connections: 1,
            sampled_packets: 1,
            seed: 0,
        }
    }
}
