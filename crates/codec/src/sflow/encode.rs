//! Rows to sFlow datagrams.
//!
//! A row becomes a sample: its key and counters as sampled IPv4 or IPv6 and Ethernet structures (or as the header that the caller has), its other columns as the extended
//! structures that decode to them, and whatever `extra` has under the name of a registered structure as that structure. What only a header can
//! tell (TTL, identification, ICMP type, the packet inside a tunnel) is lost where none is given.

mod counters;
mod fields;
mod flow;

use std::ops::Range;

use weir_record::{Address, CounterBatch, FlowBatch};

/// What an agent says of itself.
#[derive(Clone, Copy, Debug)]
pub struct EncodeOptions {
    /// Address of the agent.
    pub agent: Address,
    /// Which part of the agent.
    pub sub_agent: u32,
    /// When the agent started, nanoseconds since 1970; the uptime counts from it.
    pub boot_time: i64,
    /// Most octets of a datagram's payload; a sample that is longer goes alone.
    pub payload_limit: usize,
}

impl EncodeOptions {
    /// Payload that fits in an Ethernet frame with room for tunnels, octets.
    pub const DEFAULT_PAYLOAD_LIMIT: usize = 1400;

    /// An agent with one part that started at this time.
    pub const fn new(agent: Address, boot_time: i64) -> Self {
        Self { agent, sub_agent: 0, boot_time, payload_limit: Self::DEFAULT_PAYLOAD_LIMIT }
    }
}

/// The beginning of a sampled frame.
#[derive(Clone, Copy, Debug)]
pub struct RawHeader<'a> {
    /// Number of the link type (header_protocol): 1 Ethernet, 11 IPv4, 12 IPv6 and so on.
    pub protocol: u32,
    /// Octets of the frame on the wire, the stripped ones included.
    pub frame_length: u32,
    /// Octets taken off at the end, for instance 4 of the frame check sequence.
    pub stripped: u32,
    /// The first octets of the frame.
    pub octets: &'a [u8],
}

/// Makes datagrams. It holds what lasts from one to the next.
#[derive(Clone, Debug)]
pub struct Encoder {
    options: EncodeOptions,
    /// Numbers of the next datagram, flow sample, drop notification and counter sample.
    datagrams: u32,
    flow_samples: u32,
    drops: u32,
    counter_samples: u32,
    /// Packets that could have been sampled.
    pool: u32,
    /// Samples of the datagram in the making, and their number.
    buffer: Vec<u8>,
    count: u32,
    /// The sample in the making.
    sample: Vec<u8>,
}

/// Longest payload of a UDP datagram over IPv4, octets.
const LONGEST_PAYLOAD: usize = 65_507;
/// Octets of the longest header of a datagram.
const HEADER: usize = 40;

impl Encoder {
    /// An encoder that has sent nothing yet.
    pub const fn new(options: EncodeOptions) -> Self {
        Self {
            options,
            datagrams: 1,
            flow_samples: 1,
            drops: 1,
            counter_samples: 1,
            pool: 0,
            buffer: Vec::new(),
            count: 0,
            sample: Vec::new(),
        }
    }

    /// Hands the datagrams that carry these rows to `sink`. `now` is the time of export, nanoseconds since 1970.
    ///
    /// Returns how many rows were too long for a datagram.
    pub fn encode(&mut self, flows: &FlowBatch, rows: Range<usize>, now: i64, sink: &mut impl FnMut(&[u8])) -> usize {
        self.encode_with_headers(flows, rows, now, |_| None, sink)
    }

    /// The same with the sampled header of each row for which `header` has one. It takes the place of the structures that describe the packet.
    pub fn encode_with_headers<'h>(
        &mut self,
        flows: &FlowBatch,
        rows: Range<usize>,
        now: i64,
        mut header: impl FnMut(usize) -> Option<RawHeader<'h>>,
        sink: &mut impl FnMut(&[u8]),
    ) -> usize {
        let mut left_out = 0;
        for row in rows {
            flow::sample(self, flows, row, header(row));
            left_out += usize::from(!self.add(now, sink));
        }
        self.flush(sink);
        left_out
    }

    /// Hands the datagrams that carry these counter records to `sink`, as [`Encoder::encode`] does for flows.
    pub fn encode_counters(
        &mut self,
        rows_of: &CounterBatch,
        rows: Range<usize>,
        now: i64,
        sink: &mut impl FnMut(&[u8]),
    ) -> usize {
        let mut left_out = 0;
        for row in rows {
            counters::sample(self, rows_of, row);
            left_out += usize::from(!self.add(now, sink));
        }
        self.flush(sink);
        left_out
    }

    /// Adds the sample in the making to the datagram in the making; false where it fits in none.
    fn add(&mut self, now: i64, sink: &mut impl FnMut(&[u8])) -> bool {
        if self.sample.len() > LONGEST_PAYLOAD - HEADER {
            return false;
        }
        if self.count > 0 && HEADER + self.buffer.len() + self.sample.len() > self.options.payload_limit {
            self.flush(sink);
        }
        if self.count == 0 {
            self.header(now);
        }
        self.buffer.extend_from_slice(&self.sample);
        self.count += 1;
        true
    }

    /// Begins a datagram; its count of samples comes last and is filled in at the end.
    fn header(&mut self, now: i64) {
        self.buffer.clear();
        let uptime = now.wrapping_sub(self.options.boot_time).div_euclid(1_000_000) as u32;
        fields::u32(&mut self.buffer, 5);
        fields::address(&mut self.buffer, Some(self.options.agent));
        for number in [self.options.sub_agent, self.datagrams, uptime, 0] {
            fields::u32(&mut self.buffer, number);
        }
        self.datagrams = self.datagrams.wrapping_add(1);
    }

    /// Hands over the datagram in the making.
    fn flush(&mut self, sink: &mut impl FnMut(&[u8])) {
        if self.count == 0 {
            return;
        }
        let place = if self.options.agent.is_v4() { 24 } else { 36 };
        fields::put(&mut self.buffer, place, self.count);
        sink(&self.buffer);
        self.count = 0;
    }
}
