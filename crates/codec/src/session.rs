//! What is kept of an exporter between messages: templates, options knowledge, data that waits for its template.
//!
//! Over UDP a session is an exporter's address, port and observation domain. Exporters change their source port, so a new port
//! begins with what an older port of the same address and domain knew, until that older port speaks again: then they are two
//! senders and each has to tell its own. Over streams a session is the connection.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use weir_record::Address;

use crate::limits::Limits;
use crate::template::{Program, TemplateLookup};

pub(crate) mod known;
pub(crate) mod learn;
pub(crate) mod pending;
pub(crate) mod snapshot;

use known::Known;
use pending::Pending;

/// What tells exporters apart, their ports aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExporterKey {
    pub(crate) address: Address,
    pub(crate) domain: u32,
    /// IPFIX, whose template ids are not those of NetFlow v9.
    pub(crate) ipfix: bool,
    /// The stream, where there is one.
    pub(crate) stream: Option<u64>,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    exporters: HashMap<ExporterKey, Exporter, RandomState>,
    /// Counts messages, to know who was silent for longest.
    clock: u64,
}

/// The sessions of one address and domain, by port. Almost always there is one.
#[derive(Debug, Default)]
struct Exporter {
    sessions: Vec<Session>,
    last_heard: u64,
}

/// What is kept of one sender.
#[derive(Debug, Default)]
pub(crate) struct Session {
    port: u16,
    last_heard: u64,
    pub(crate) templates: Templates,
    pub(crate) known: Known,
    pub(crate) pending: Pending,
    /// The port from which templates and knowledge were taken over.
    heir_of: Option<u16>,
}

/// Templates of one session, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates {
    programs: HashMap<u16, Kept, RandomState>,
}

#[derive(Clone, Debug)]
struct Kept {
    program: Arc<Program>,
    announced: u64,
    /// Taken over from another port and not announced on this one yet.
    inherited: bool,
}

/// How many of something were forgotten to stay below a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evicted {
    pub(crate) sessions: u64,
    /// Sets that waited in them.
    pub(crate) pending_sets: u64,
    pub(crate) pending_octets: usize,
}

impl Sessions {
    /// The session of a message, made if there is none.
    pub(crate) fn session(&mut self, key: ExporterKey, port: u16, limits: &Limits) -> (&mut Session, Evicted) {
        self.clock += 1;
        let mut evicted = Evicted::default();
        if !self.exporters.contains_key(&key) && self.exporters.len() >= limits.sessions.max(1) {
            self.evict_exporter(&mut evicted);
        }
        let exporter = self.exporters.entry(key).or_default();
        exporter.last_heard = self.clock;
        (exporter.session(port, self.clock, limits.ports.max(1), &mut evicted), evicted)
    }

    /// Forgets the exporter that was silent for longest.
    fn evict_exporter(&mut self, evicted: &mut Evicted) {
        let oldest = self.exporters.iter().min_by_key(|(_, exporter)| exporter.last_heard).map(|(key, _)| *key);
        for session in oldest.and_then(|key| self.exporters.remove(&key)).into_iter().flat_map(|exporter| exporter.sessions) {
            evicted.add(&session);
        }
    }

    /// Every session.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.exporters.values_mut().flat_map(|exporter| &mut exporter.sessions)
    }

    /// Every session with its key, in the order of keys and ports.
    pub(crate) fn sorted(&self) -> Vec<(ExporterKey, &Session)> {
        let mut all: Vec<_> =
            self.exporters.iter().flat_map(|(key, exporter)| exporter.sessions.iter().map(|session| (*key, session))).collect();
        all.sort_by_key(|(key, session)| (*key, session.port));
        all
    }
}

impl Exporter {
    fn session(&mut self, port: u16, now: u64, limit: usize, evicted: &mut Evicted) -> &mut Session {
        // Two live ports are two senders: what others took over from this one is not theirs.
        if self.sessions.len() > 1 {
            for other in self.sessions.iter_mut().filter(|other| other.heir_of == Some(port)) {
                other.disinherit();
            }
        }
        let place = match self.sessions.iter().position(|session| session.port == port) {
            Some(place) => place,
            None => {
                let heir = self.heir(port);
                if self.sessions.len() >= limit
                    && let Some(oldest) = (0..self.sessions.len()).min_by_key(|place| self.sessions[*place].last_heard)
                {
                    evicted.add(&self.sessions.swap_remove(oldest));
                }
                self.sessions.push(heir);
                self.sessions.len() - 1
            }
        };
        let session = &mut self.sessions[place];
        session.last_heard = now;
        session
    }

    /// A session for a new port, which begins with what the port heard last knew.
    fn heir(&self, port: u16) -> Session {
        let Some(last) = self.sessions.iter().max_by_key(|session| session.last_heard) else {
            return Session { port, ..Session::default() };
        };
        let mut templates = last.templates.clone();
        for kept in templates.programs.values_mut() {
            kept.inherited = true;
        }
        Session { port, templates, known: last.known.clone(), heir_of: Some(last.port), ..Session::default() }
    }
}

impl Session {
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The other port lives: keeps only what was announced here.
    fn disinherit(&mut self) {
        self.heir_of = None;
        self.templates.programs.retain(|_, kept| !kept.inherited);
    }
}

impl Templates {
    /// The template of that id.
    pub(crate) fn get(&self, id: u16) -> Option<Arc<Program>> {
        self.programs.get(&id).map(|kept| Arc::clone(&kept.program))
    }

    /// True where this very template is known; it counts as announced anew then.
    pub(crate) fn repeat(&mut self, id: u16, raw: &[u8], now: u64) -> bool {
        match self.programs.get_mut(&id) {
            Some(kept) if *kept.program.raw == *raw => {
                kept.announced = now;
                kept.inherited = false;
                true
            }
            _ => false,
        }
    }

    /// Adds a template, or replaces the one of its id; tells whether another had to be forgotten.
    pub(crate) fn insert(&mut self, program: Program, now: u64, limit: usize) -> bool {
        let id = program.template.id;
        let full = self.programs.len() >= limit.max(1) && !self.programs.contains_key(&id);
        if full {
            let oldest = self.programs.iter().min_by_key(|(id, kept)| (kept.announced, **id)).map(|(id, _)| *id);
            oldest.and_then(|oldest| self.programs.remove(&oldest));
        }
        self.programs.insert(id, Kept { program: Arc::new(program), announced: now, inherited: false });
        full
    }

    pub(crate) fn withdraw(&mut self, id: u16) {
        self.programs.remove(&id);
    }

    /// Forgets all templates, or all options templates.
    pub(crate) fn withdraw_all(&mut self, options: bool) {
        self.programs.retain(|_, kept| kept.program.template.scope.is_some() != options);
    }

    /// Every template, by id.
    pub(crate) fn sorted(&self) -> Vec<Arc<Program>> {
        let mut programs: Vec<_> = self.programs.values().map(|kept| Arc::clone(&kept.program)).collect();
        programs.sort_by_key(|program| program.template.id);
        programs
    }
}

impl TemplateLookup for Templates {
    fn program(&self, id: u16) -> Option<&Program> {
        self.programs.get(&id).map(|kept| &*kept.program)
    }
}

impl Evicted {
    fn add(&mut self, session: &Session) {
        self.sessions += 1;
        self.pending_sets += session.pending.sets() as u64;
        self.pending_octets += session.pending.octets();
    }
}
