//! The meter: the life of a packet, from its headers to the rows of flows that it ends.

use weir_record::FlowBatch;
use weir_wire::{Depth, End, Headers, Tcp, Transport, Tunnel, Walk, protocol};

use crate::app::{App, Carrier, Pool, StreamOctets};
use crate::config::Config;
use crate::expiry::Idle;
use crate::flow::{Flow, Half};
use crate::fragments::{FragmentPorts, Held};
use crate::key::{self, Key, Keyed};
use crate::packet::{Direction, Packet};
use crate::seen::{Seen, context, count_in, fault_name, note_rare, ports, seen, segment};
use crate::stats::Stats;
use crate::table::{FlowTable, GROUP};

mod ending;

/// Flows that are looked at for idleness with each packet, so that a tick of the clock does not become a pause.
const EXPIRED_AT_ONCE: usize = 32;
/// Places of flows that are gone which expiry may know, beside some for each flow.
const STANDING_FOR_NO_FLOW: usize = 1 << 16;
/// Rows that [`Meter::advance`] and [`Meter::finish`] write before they give the caller the word.
const ROWS_AT_ONCE: usize = 8192;

/// Why a record ends (element 136).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum EndReason {
    Idle = 1,
    Active = 2,
    End = 3,
    Forced = 4,
    NoRoom = 5,
}

/// Turns packets into flow records.
#[derive(Debug)]
pub struct Meter {
    config: Config,
    /// Taken out while packets are looked at.
    walks: Vec<Walk>,
    table: FlowTable,
    idle: Idle,
    fragments: FragmentPorts,
    pool: Pool,
    stats: Stats,
    /// The latest time of any packet.
    now: i64,
    /// Where [`Meter::finish`] and [`Meter::cut`] go on.
    finished: u32,
}

impl Meter {
    /// A meter without flows.
    pub fn new(config: Config) -> Self {
        Self {
            walks: Vec::new(),
            table: FlowTable::new(config.seed),
            idle: Idle::new(config.inactive_timeout),
            fragments: FragmentPorts::new(config.inactive_timeout),
            pool: Pool::default(),
            stats: Stats::default(),
            now: i64::MIN,
            finished: 0,
            config,
        }
    }

    /// Takes a packet in, and writes the records that it ends, and those whose time is over.
    pub fn push(&mut self, packet: &Packet<'_>, out: &mut FlowBatch) {
        self.push_all(std::slice::from_ref(packet), out);
    }

    /// Takes packets in, in their order. Many at once cost less each: while the memory of one flow is waited for, that of the others comes too.
    pub fn push_all(&mut self, packets: &[Packet<'_>], out: &mut FlowBatch) {
        let depth = if self.config.decapsulate { Depth::Inner } else { Depth::Outer };
        let mut walks = std::mem::take(&mut self.walks);
        walks.resize_with(GROUP, Walk::default);
        for group in packets.chunks(GROUP) {
            let mut hashes = [0; GROUP];
            for ((walk, packet), hash) in walks.iter_mut().zip(group).zip(&mut hashes) {
                walk.read(packet.link, packet.data, packet.original_len, depth);
                *hash = self.hash(walk, packet);
            }
            if group.len() > 1 {
                self.table.warm(hashes.get(..group.len()).unwrap_or_default());
            }
            for (walk, packet) in walks.iter().zip(group) {
                self.walked(walk, packet, out);
                self.advance_a_little(out, EXPIRED_AT_ONCE);
            }
        }
        self.walks = walks;
    }

    /// The hash of the flow that a packet most likely belongs to.
    #[inline]
    fn hash(&self, walk: &Walk, packet: &Packet<'_>) -> u64 {
        let ports = ports(&walk.headers, packet.data);
        let keyed = Key::of(&self.config, &walk.headers, ports, walk.tunnels.last(), packet.interface);
        keyed.map_or(0, |keyed| self.table.hash(&keyed.key))
    }

    /// Lets time go on without a packet. True where more records wait to be written: call it again with room in the batch.
    pub fn advance(&mut self, now: i64, out: &mut FlowBatch) -> bool {
        self.now = self.now.max(now);
        self.idle.advance(self.now);
        self.release_fragments(out);
        let begun = out.rows();
        while self.advance_a_little(out, EXPIRED_AT_ONCE) {
            if out.rows() - begun >= ROWS_AT_ONCE {
                return true;
            }
        }
        false
    }

    /// Writes every flow that is left. True where more wait to be written: call it again with room in the batch.
    pub fn finish(&mut self, out: &mut FlowBatch) -> bool {
        self.fragments.forget_all();
        self.release_fragments(out);
        let begun = out.rows();
        while let Some(flow) = self.table.get(self.finished) {
            if flow.live {
                let reason = if flow.closing { EndReason::End } else { EndReason::Forced };
                self.end(self.finished, reason, out);
            }
            self.finished += 1;
            if out.rows() - begun >= ROWS_AT_ONCE {
                return true;
            }
        }
        self.finished = 0;
        false
    }

    /// Writes a record of every flow that is open, and goes on counting in each anew, as when it has gone on for too long. True where more wait to be
    /// written: call it again with room in the batch, and with no packet in between.
    pub fn cut(&mut self, out: &mut FlowBatch) -> bool {
        let begun = out.rows();
        while let Some(flow) = self.table.get(self.finished) {
            if flow.live {
                let reason = if flow.closing { EndReason::End } else { EndReason::Active };
                self.write(self.finished, reason, out);
                self.begin_record(self.finished, self.now);
            }
            self.finished += 1;
            if out.rows() - begun >= ROWS_AT_ONCE {
                return true;
            }
        }
        self.finished = 0;
        false
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.active = self.table.len() as u64;
        if self.pool.refused > 0 {
            stats.faults.insert("application_no_room", self.pool.refused);
        }
        if self.fragments.over_limit() > 0 {
            stats.faults.insert("fragments_no_room", self.fragments.over_limit());
        }
        stats
    }

    /// Octets of memory that flows take, all that is kept of them included. It looks at every flow.
    pub fn memory(&self) -> usize {
        self.table.memory() + self.idle.memory()
    }

    /// A packet whose headers are known.
    fn walked(&mut self, walk: &Walk, packet: &Packet<'_>, out: &mut FlowBatch) {
        let headers = &walk.headers;
        if let End::Malformed { fault, .. } = walk.end {
            self.fault(fault_name(fault));
        }
        self.now = self.now.max(packet.time);
        self.idle.advance(self.now);
        let seen = seen(headers, packet);
        self.stats.packets += u64::from(seen.packets);
        let Some(ip) = &headers.ip else {
            self.stats.packets_unparsed += 1;
            return;
        };
        let tunnel = walk.tunnels.last();
        let mut ports = ports(headers, packet.data);
        if ip.is_fragment() {
            self.stats.fragments += 1;
            if ip.is_later_fragment() {
                match self.fragments.ports(ip) {
                    Some(found) => ports = found,
                    None => {
                        self.fragments.hold(ip, Held { headers: *headers, seen, tunnel: tunnel.copied() }, packet.time);
                        self.release_fragments(out);
                        return;
                    }
                }
            } else if headers.transport.is_some() {
                self.fragments.learn(ip, ports, packet.time);
            }
        }
        let Some(keyed) = Key::of(&self.config, headers, ports, tunnel, packet.interface) else {
            return;
        };
        self.count(keyed, headers, tunnel, &seen, Some(packet), out);
        if ip.is_fragment() {
            self.release_fragments(out);
        }
    }

    /// Counts a packet in its flow; `packet` is none for a fragment that waited for its ports.
    fn count(
        &mut self,
        keyed: Keyed,
        headers: &Headers,
        tunnel: Option<&Tunnel>,
        seen: &Seen,
        packet: Option<&Packet<'_>>,
        out: &mut FlowBatch,
    ) {
        let hash = self.table.hash(&keyed.key);
        if self.config.sample_connections > 1 && !(hash >> 24).is_multiple_of(self.config.sample_connections.into()) {
            self.stats.packets_unsampled += u64::from(seen.packets);
            return;
        }
        self.stats.bytes += seen.bytes;
        let tcp = headers.transport.as_ref().and_then(|transport| transport.tcp.as_ref());
        let mut found = self.table.find(&keyed.key, hash);
        if let Some(place) = found
            && self.is_over(place, keyed, headers, seen, packet, out)
        {
            found = None;
        }
        let place = match found {
            Some(place) => place,
            None => self.open(keyed, hash, tcp, headers, seen, out),
        };
        let Some(flow) = self.table.get_mut(place) else {
            return;
        };
        let direction = flow.direction(keyed.from_low);
        let half = &mut flow.halves[direction as usize];
        let previous = (half.packets > 0).then_some(half.last);
        count_in(half, headers, seen);
        if previous.is_none() && (flow.rare.is_some() || !headers.mpls.is_empty() || tunnel.is_some()) {
            note_rare(flow, headers, tunnel, direction);
        }
        let (Some(packet), Some(ip)) = (packet, &headers.ip) else {
            return;
        };
        let (mut duplicate, mut fresh) = (false, true);
        if let (Some(transport), Some(tcp)) = (&headers.transport, tcp) {
            let segment = segment(direction, ip, transport, tcp, packet, seen);
            let connection = flow.tcp.or_else(|| self.table.open_tcp(place));
            if let Some(connection) = self.table.tcp.at_mut(connection) {
                let heard = connection.push(&segment, self.config.histograms);
                (duplicate, fresh) = (heard.duplicate, heard.fresh);
                match connection.is_closed() {
                    true => self.close(place, seen.time),
                    false => self.reopen(place, seen.time),
                }
            }
        }
        if self.config.performance && self.config.sampled_packets <= 1 && !duplicate {
            self.gap(place, direction, previous, seen.time);
        }
        if let Some(transport) = &headers.transport
            && fresh
            && transport.payload_length > 0
            && self.config.applications.is_some()
        {
            self.application(place, direction, ip.protocol, transport, packet);
        }
    }

    /// Whether the flow found is another connection than that of this packet, or its record has gone on for long enough. Writes what ends.
    fn is_over(
        &mut self,
        place: u32,
        keyed: Keyed,
        headers: &Headers,
        seen: &Seen,
        packet: Option<&Packet<'_>>,
        out: &mut FlowBatch,
    ) -> bool {
        let Some(flow) = self.table.get(place) else {
            return true;
        };
        if seen.time.saturating_sub(flow.last()) >= self.config.inactive_timeout {
            self.end(place, EndReason::Idle, out);
            return true;
        }
        if let (Some(ip), Some(transport), Some(packet)) = (&headers.ip, &headers.transport, packet)
            && let Some(tcp) = &transport.tcp
            && tcp.flags & Tcp::SYN != 0
            && let Some(connection) = self.table.tcp.at(flow.tcp)
        {
            let direction = flow.direction(keyed.from_low);
            if connection.begins_anew(&segment(direction, ip, transport, tcp, packet, seen)) {
                self.end(place, EndReason::End, out);
                return true;
            }
        }
        let since = flow.since;
        let packets = flow.halves[0].packets.max(flow.halves[1].packets);
        if seen.time.saturating_sub(since) >= self.config.active_timeout || packets > u32::MAX / 2 {
            self.write(place, EndReason::Active, out);
            self.begin_record(place, seen.time);
        }
        false
    }

    /// Opens a flow, and makes room for it where there is none.
    fn open(&mut self, keyed: Keyed, hash: u64, tcp: Option<&Tcp>, headers: &Headers, seen: &Seen, out: &mut FlowBatch) -> u32 {
        while self.table.len() >= self.config.max_flows.max(1) && self.evict(out) {}
        // Whoever sends a SYN-ACK was asked.
        let answers = tcp.is_some_and(|tcp| tcp.flags & (Tcp::SYN | Tcp::ACK) == Tcp::SYN | Tcp::ACK);
        let icmp_answer = key::is_icmp_answer(headers);
        let flow = Flow {
            key: keyed.key,
            halves: [Half::UNSEEN; 2],
            since: seen.time,
            app: None,
            rare: None,
            tcp: None,
            gaps: None,
            tick: 0,
            initiator_is_low: keyed.from_low != (answers || icmp_answer),
            closing: false,
            app_wants: 3,
            live: true,
        };
        let place = self.table.insert(flow, hash);
        self.look_again(place, seen.time);
        place
    }

    /// Adds the gap before this packet.
    fn gap(&mut self, place: u32, direction: Direction, previous: Option<i64>, time: i64) {
        let Some(previous) = previous else {
            return;
        };
        let Some(flow) = self.table.get(place) else {
            return;
        };
        let gaps = flow.gaps.or_else(|| self.table.open_gaps(place));
        if let Some(gaps) = self.table.gaps.at_mut(gaps) {
            gaps[direction as usize].add(time.saturating_sub(previous));
        }
    }

    /// Shows the payload to the application.
    fn application(&mut self, place: u32, direction: Direction, number: u8, transport: &Transport, packet: &Packet<'_>) {
        let Self { table, pool, config, .. } = self;
        let Some(settings) = &config.applications else {
            return;
        };
        let Some(flow) = table.get(place) else {
            return;
        };
        if flow.app_wants >> direction as u8 & 1 == 0 {
            return;
        }
        let carrier = match number {
            protocol::TCP => Carrier::Stream,
            protocol::UDP => Carrier::Datagram,
            _ => return,
        };
        let first = table.tcp.at(flow.tcp).and_then(|connection| connection.first_octet(direction));
        let Some(flow) = table.get_mut(place) else {
            return;
        };
        let octets = transport.payload(packet.data);
        let context = context(flow, direction, carrier, transport, packet.time, settings, config.histograms);
        let app = flow.app.get_or_insert_with(|| Box::new(App::new()));
        match (carrier, &transport.tcp) {
            (Carrier::Stream, Some(tcp)) => {
                let syn = u32::from(tcp.flags & Tcp::SYN != 0);
                let segment = StreamOctets { seq: tcp.seq.wrapping_add(syn), first, octets, length: transport.payload_length };
                app.segment(&segment, &context, pool);
            }
            _ => app.datagram(octets, &context, pool),
        }
        flow.app_wants = u8::from(app.wants(Direction::ToServer)) | u8::from(app.wants(Direction::ToClient)) << 1;
        if app.is_void() {
            flow.app = None;
        }
    }

    /// Has a flow looked at for idleness as one whose latest packet came at this time. Where it stood before, it stands for no flow.
    fn look_again(&mut self, place: u32, time: i64) {
        let Self { table, idle, .. } = self;
        if idle.standing() > 4 * table.len() + STANDING_FOR_NO_FLOW {
            idle.retain(|place, tick| table.get(place).is_some_and(|flow| flow.live && flow.tick == tick));
        }
        if let Some(flow) = table.get_mut(place) {
            flow.tick = idle.insert(place, time);
        }
    }

    /// Fragments whose ports are known now, or will not be.
    fn release_fragments(&mut self, out: &mut FlowBatch) {
        self.fragments.expire(self.now);
        while let Some((held, ports)) = self.fragments.next_released() {
            let ports = ports.unwrap_or_default();
            let Some(keyed) = Key::of(&self.config, &held.headers, ports, held.tunnel.as_ref(), held.seen.interface) else {
                continue;
            };
            self.count(keyed, &held.headers, held.tunnel.as_ref(), &held.seen, None, out);
        }
    }

    #[cold]
    fn fault(&mut self, name: &'static str) {
        *self.stats.faults.entry(name).or_default() += 1;
    }
}
