//! How flows end: by their own word, in silence, after a long time, or because there is no room.

use weir_record::FlowBatch;

use super::{EndReason, Meter};
use crate::flow::Half;
use crate::rows;

/// Flows that are looked at when room for one is needed.
const LOOKED_AT_FOR_ROOM: usize = 64;

impl Meter {
    /// A connection has ended; it waits for stragglers for a while.
    pub(super) fn close(&mut self, place: u32, time: i64) {
        if let Some(flow) = self.table.get_mut(place).filter(|flow| !flow.closing) {
            flow.closing = true;
            let early = (self.config.inactive_timeout - self.config.closed_timeout).max(0);
            self.look_again(place, time.saturating_sub(early));
        }
    }

    /// A connection that seemed over goes on, as when a refused SYN is sent again.
    #[inline]
    pub(super) fn reopen(&mut self, place: u32, time: i64) {
        if let Some(flow) = self.table.get_mut(place).filter(|flow| flow.closing) {
            flow.closing = false;
            self.look_again(place, time);
        }
    }

    /// Looks at some flows that may be idle. True where more may be.
    pub(super) fn advance_a_little(&mut self, out: &mut FlowBatch, count: usize) -> bool {
        for _ in 0..count {
            let Some((place, tick)) = self.idle.pop_due() else {
                return false;
            };
            if let Some(reason) = self.is_idle(place, tick) {
                self.end(place, reason, out);
            }
        }
        true
    }

    /// Whether the flow that stood in this bucket is over; if packets came since, it goes to the bucket of the latest.
    pub(super) fn is_idle(&mut self, place: u32, tick: i64) -> Option<EndReason> {
        let Self { table, idle, config, .. } = self;
        let flow = table.get_mut(place)?;
        if !flow.live || flow.tick != tick {
            return None;
        }
        let early = if flow.closing { (config.inactive_timeout - config.closed_timeout).max(0) } else { 0 };
        let last = flow.last().saturating_sub(early);
        if idle.tick(last) > tick && idle.is_young(last) {
            flow.tick = idle.insert(place, last);
            return None;
        }
        Some(if flow.closing { EndReason::End } else { EndReason::Idle })
    }

    /// Makes room: ends the flow that has been idle for longest, as far as a bounded search tells. False where there is none.
    pub(super) fn evict(&mut self, out: &mut FlowBatch) -> bool {
        let mut oldest: Option<(u32, i64)> = None;
        for _ in 0..LOOKED_AT_FOR_ROOM {
            let Some((place, tick)) = self.idle.pop_first() else {
                break;
            };
            let Some(flow) = self.table.get(place).filter(|flow| flow.live && flow.tick == tick) else {
                continue;
            };
            let last = flow.last();
            if self.is_idle(place, tick).is_some() {
                oldest = Some((place, last));
                break;
            }
            if oldest.is_none_or(|(_, oldest)| last < oldest) {
                oldest = Some((place, last));
            }
        }
        let Some((place, _)) = oldest else {
            return false;
        };
        let closing = self.table.get(place).is_some_and(|flow| flow.closing);
        self.stats.flows_evicted += u64::from(!closing);
        self.end(place, if closing { EndReason::End } else { EndReason::NoRoom }, out);
        true
    }

    /// Writes the record of a flow and takes it out of the table.
    pub(super) fn end(&mut self, place: u32, reason: EndReason, out: &mut FlowBatch) {
        self.write(place, reason, out);
        if let Some(app) = self.table.get(place).and_then(|flow| flow.app.as_ref()) {
            self.pool.held = self.pool.held.saturating_sub(app.held());
        }
        self.table.remove(place);
    }

    /// Writes the record of a flow, a row for each direction that was seen.
    pub(super) fn write(&mut self, place: u32, reason: EndReason, out: &mut FlowBatch) {
        let Some(flow) = self.table.get(place) else {
            return;
        };
        let tcp = self.table.tcp.at(flow.tcp);
        let gaps = self.table.gaps.at(flow.gaps);
        let rows = rows::write(&rows::Ended { flow, tcp, gaps, reason, now: self.now, config: &self.config }, out);
        self.stats.flows += rows;
    }

    /// Begins the next record of a connection that goes on.
    pub(super) fn begin_record(&mut self, place: u32, time: i64) {
        let Some(flow) = self.table.get_mut(place) else {
            return;
        };
        flow.since = time;
        for half in &mut flow.halves {
            if half.packets > 0 {
                half.has |= Half::SEEN;
            }
            (half.packets, half.bytes, half.flags, half.ttl_min, half.ttl_max) = (0, 0, 0, 0, 0);
        }
        if let Some(app) = &mut flow.app {
            app.facts.begin_record();
        }
        let (tcp, gaps) = (flow.tcp, flow.gaps);
        if let Some(connection) = self.table.tcp.at_mut(tcp) {
            connection.begin_record();
        }
        if let Some(gaps) = self.table.gaps.at_mut(gaps) {
            *gaps = Default::default();
        }
    }
}
