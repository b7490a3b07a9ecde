//! The sets of a NetFlow v9 or IPFIX message, which differ only in their ids: templates are learned, data is decoded or waits.

use std::sync::Arc;

use weir_record::Address;
use weir_wire::Reader;

use crate::decoder::Decoder;
use crate::fault::{Fault, Reason};
use crate::session::pending::{Pending, WaitingSet};
use crate::session::{ExporterKey, Session, learn};
use crate::stamp::{Stamp, mark_suspect_times};
use crate::template::text::Show;
use crate::template::{Context, Event, Parser, Program, fill_kinds};
use crate::{Datagram, Output};

/// Octets of a set's id and length.
const SET_HEADER: usize = 4;

/// What all sets of a message share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) stamp: Stamp,
    pub(crate) key: ExporterKey,
    /// Nanoseconds since 1970.
    pub(crate) exported: i64,
    /// When the exporter started, by the message's header; nanoseconds since 1970.
    pub(crate) boot: Option<i64>,
}

impl Message {
    /// A message of a datagram; `format` is one of the numbers of `weir_record::names::FORMAT`.
    pub(crate) fn new(datagram: &Datagram<'_>, domain: u32, format: u8, exported: i64, boot: Option<i64>) -> Self {
        let ipfix = format == weir_record::names::IPFIX;
        let address: Address = datagram.from;
        let stamp = Stamp { received: datagram.received, from: address, port: datagram.port, exporter: address, domain, format };
        Self { stamp, key: ExporterKey { address, domain, ipfix, stream: datagram.stream }, exported, boot }
    }
}

/// What a message held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Records of flows and of options; nothing where some could not be counted for want of their template.
    pub(crate) records: Option<u32>,
}

/// Walks the sets of a message.
pub(crate) fn walk(decoder: &mut Decoder, message: &Message, mut sets: Reader<'_>, out: &mut Output) -> Held {
    let Decoder { config, sessions, runner, stats, pending_octets, announcements, changes, .. } = decoder;
    let (session, evicted) = sessions.session(message.key, message.stamp.port, &config.limits);
    if evicted.sessions > 0 {
        *pending_octets -= evicted.pending_octets;
        stats.pending -= evicted.pending_sets;
        for _ in 0..evicted.pending_sets {
            stats.faults.add(Fault::new(Reason::PendingFull, 0, 0));
        }
        stats.faults.add(Fault::new(Reason::TooManySessions, 0, evicted.sessions));
    }
    let mut walk = Walk {
        config,
        session,
        runner,
        stats,
        pending_octets,
        announcements,
        changes,
        message,
        stamped: out.flows.rows(),
        out,
        held: Held { records: Some(0) },
    };
    let readable = loop {
        if sets.left() < SET_HEADER {
            break true;
        }
        if !walk.set(&mut sets) {
            break false;
        }
    };
    walk.stamp_rows(&message.stamp);
    if readable && sets.rest().iter().any(|octet| *octet != 0) {
        walk.stats.faults.add(Fault::new(Reason::TrailingOctets, sets.offset(), sets.left() as u64));
    }
    let (held, grown) = (walk.held, walk.session.recount());
    sessions.grow(grown);
    held
}

/// The decoder taken apart, so that the session can be changed while rows are written.
struct Walk<'a> {
    config: &'a crate::decoder::Config,
    session: &'a mut Session,
    runner: &'a mut crate::template::Runner,
    stats: &'a mut crate::Stats,
    pending_octets: &'a mut usize,
    announcements: &'a mut u64,
    changes: &'a mut u64,
    message: &'a Message,
    out: &'a mut Output,
    /// Rows before this one have all that their message shares.
    stamped: usize,
    held: Held,
}

impl Walk<'_> {
    /// One set; false where the message cannot be read on.
    fn set(&mut self, sets: &mut Reader<'_>) -> bool {
        let start = *sets;
        let (Ok(id), Ok(length)) = (sets.u16(), sets.u16()) else {
            return false;
        };
        let Some(body_length) = usize::from(length).checked_sub(SET_HEADER) else {
            self.stats.faults.add(Fault::new(Reason::BadSetLength, start.offset() + 2, u64::from(length)));
            return false;
        };
        let body = match sets.sub(body_length) {
            Ok(body) => body,
            // The set goes past the message, as when a datagram was cut: what is there of it is still good.
            Err(_) => {
                self.stats.faults.add(Fault::new(Reason::BadSetLength, start.offset() + 2, u64::from(length)));
                let rest = *sets;
                let _ = sets.skip(sets.left());
                rest
            }
        };
        match (id, self.message.key.ipfix) {
            (0 | 1, false) => self.templates(Parser::netflow9(body, id == 1, &self.config.registry, self.config.limits.fields)),
            (2 | 3, true) => self.templates(Parser::ipfix(body, id == 3, &self.config.registry, self.config.limits.fields)),
            (256.., _) => self.data(id, body),
            _ => self.stats.faults.add(Fault::new(Reason::BadSetId, start.offset(), u64::from(id))),
        }
        true
    }

    fn templates(&mut self, mut parser: Parser<'_, '_>) {
        while let Some(event) = parser.next(&mut self.stats.faults) {
            self.stats.templates += 1;
            *self.announcements += 1;
            let templates = &mut self.session.templates;
            match event {
                Event::Announce(template, raw) if templates.repeat(template.id, raw, *self.announcements) => continue,
                Event::Announce(template, raw) => {
                    let id = template.id;
                    let program = Program::new(template, raw, &self.config.registry);
                    for _ in 0..templates.insert(program, *self.announcements, &self.config.limits) {
                        self.stats.faults.add(Fault::new(Reason::TooManyTemplates, 0, u64::from(id)));
                    }
                    self.take_waiting(id);
                }
                Event::Withdraw(id) => templates.withdraw(id),
                Event::WithdrawAll { options } => templates.withdraw_all(options),
            }
            *self.changes += 1;
        }
    }

    fn data(&mut self, id: u16, body: Reader<'_>) {
        match self.session.templates.get(id) {
            Some(program) => {
                let message = *self.message;
                self.records(&program, body, &message);
            }
            None => {
                self.held.records = None;
                self.wait(id, body);
            }
        }
    }

    /// Keeps a set until its template comes.
    fn wait(&mut self, id: u16, body: Reader<'_>) {
        let cost = Pending::cost(body.left());
        let limits = &self.config.limits;
        if self.session.pending.octets() + cost > limits.pending_session || *self.pending_octets + cost > limits.pending_total {
            self.stats.faults.add(Fault::new(Reason::PendingFull, body.offset(), u64::from(id)));
            return;
        }
        *self.pending_octets += cost;
        self.stats.pending += 1;
        self.session.pending.push(WaitingSet {
            template: id,
            received: self.message.stamp.received,
            exported: self.message.exported,
            boot: self.message.boot,
            offset: body.offset(),
            body: body.rest().into(),
        });
    }

    /// Decodes the sets that waited for a template.
    fn take_waiting(&mut self, id: u16) {
        while let Some(set) = self.session.pending.take(id) {
            *self.pending_octets -= Pending::cost(set.body.len());
            self.stats.pending -= 1;
            let held = self.held;
            self.stamp_rows(&self.message.stamp);
            if let Some(program) = self.session.templates.get(id) {
                let stamp = Stamp { received: set.received, ..self.message.stamp };
                let message = Message { stamp, exported: set.exported, boot: set.boot, ..*self.message };
                self.records(&program, Reader::at(&set.body, set.offset), &message);
                self.stamp_rows(&stamp);
            }
            // They are of an earlier message, whose number has been seen.
            self.held = held;
        }
    }

    fn records(&mut self, program: &Arc<Program>, body: Reader<'_>, message: &Message) {
        if program.template.scope.is_some() {
            self.options(program, body, message);
            return;
        }
        let known = &self.session.known;
        let context = Context {
            exported: message.exported,
            boot: message.boot.or(known.boot),
            known,
            registry: &self.config.registry,
            templates: &self.session.templates,
        };
        let rows = self.runner.run(program, body, &context, &mut self.out.flows, &mut self.stats.faults);
        self.stats.records += rows as u64;
        self.hold(rows / if program.reverse.is_some() { 2 } else { 1 });
    }

    /// Writes what all rows of a message share, once for all its sets.
    fn stamp_rows(&mut self, stamp: &Stamp) {
        let (flows, from) = (&mut self.out.flows, self.stamped);
        let rows = flows.rows();
        if rows > from {
            stamp.write(flows, from, rows - from);
            fill_kinds(flows, rows);
            mark_suspect_times(flows, from, stamp.received);
            self.stamped = rows;
        }
    }

    fn hold(&mut self, records: usize) {
        self.held.records = self.held.records.map(|held| held.saturating_add(u32::try_from(records).unwrap_or(u32::MAX)));
    }

    fn options(&mut self, program: &Program, body: Reader<'_>, message: &Message) {
        let offset = body.offset();
        let records = self.runner.split(program, body, &mut self.stats.faults);
        let show = Show { registry: &self.config.registry, templates: &self.session.templates };
        learn::write_rows(program, records, show, &message.stamp, offset, &mut self.out.options, &mut self.stats.faults);
        let limit = self.config.limits.named;
        let learnt = self.session.learn(|known| learn::learn(program, records, known, limit));
        *self.changes += u64::from(learnt.changed);
        for _ in 0..learnt.full {
            self.stats.faults.add(Fault::new(Reason::TooManyNames, offset, limit as u64));
        }
        let count = records.count();
        self.stats.options_records += count as u64;
        self.hold(count);
    }
}
