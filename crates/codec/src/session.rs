//! What is kept of an exporter between messages: templates, options knowledge, data that waits for its template.
//!
//! Over UDP a session is an exporter's address, port and observation domain. Exporters change their source port, so a new port
//! begins with what an older port of the same address and domain knew, until that older port speaks again: then they are two
//! senders and each has to tell its own. Over streams a session is the connection.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use weir_record::{Address, ElementId};

use crate::limits::Limits;
use crate::template::{Program, TemplateLookup};

pub(crate) mod known;
pub(crate) mod learn;
pub(crate) mod pending;
pub(crate) mod snapshot;

use known::Known;
use learn::Learnt;
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
    /// Every exporter once, with a time at which it was heard: the last one, or an earlier one. So whoever is first and has not been
    /// heard since was silent for longest, and a message costs nothing here.
    by_silence: BinaryHeap<Reverse<(u64, ExporterKey)>>,
    /// Counts messages, to know who was silent for longest.
    clock: u64,
    /// Octets that templates and names of all sessions take, about.
    octets: usize,
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
    pub(crate) known: Arc<Known>,
    pub(crate) pending: Pending,
    /// Ports from which templates and knowledge were taken over.
    heir_of: Vec<u16>,
    /// What was told on this port, while more than that is known.
    own: Known,
    /// Octets that stand for it in the sum of all sessions.
    counted: usize,
}

/// Templates of one session, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates {
    programs: HashMap<u16, Kept, RandomState>,
    /// Ids by when they were announced: those of data, those of options. So neither the oldest nor all of a kind are looked for.
    by_age: [BTreeMap<u64, u16>; 2],
    octets: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    program: Arc<Program>,
    announced: u64,
    /// The port that announced it, until this one does.
    inherited: Option<u16>,
}

/// What is known of one exporter and domain, for those who look after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFacts {
    /// Templates of flow records.
    pub templates: usize,
    /// Templates of options records.
    pub options_templates: usize,
    /// Data sets that wait for their template.
    pub pending: usize,
    /// Elements in its templates that are known by number only, at most [`SessionFacts::UNKNOWN_LIMIT`], in order.
    pub unknown: Vec<ElementId>,
}

impl SessionFacts {
    /// Unknown elements that are told of.
    pub const UNKNOWN_LIMIT: usize = 32;
    /// Templates that are looked through for them.
    const TEMPLATE_LIMIT: usize = 256;
}

/// How many of something were forgotten to stay below a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evicted {
    pub(crate) sessions: u64,
    /// Sets that waited in them.
    pub(crate) pending_sets: u64,
    pub(crate) pending_octets: usize,
    /// Octets that they stood for.
    octets: usize,
}

impl Sessions {
    /// The session of a message, made if there is none.
    pub(crate) fn session(&mut self, key: ExporterKey, port: u16, limits: &Limits) -> (&mut Session, Evicted) {
        self.clock += 1;
        let mut evicted = Evicted::default();
        match self.exporters.get_mut(&key) {
            Some(exporter) => exporter.last_heard = self.clock,
            None => {
                while self.exporters.len() >= limits.sessions.max(1) {
                    self.evict_exporter(&mut evicted);
                }
                self.exporters.insert(key, Exporter { last_heard: self.clock, ..Exporter::default() });
                self.by_silence.push(Reverse((self.clock, key)));
            }
        }
        // The exporter of this message was heard last, so it is not among them.
        while self.octets > limits.state_total && self.exporters.len() > 1 {
            self.evict_exporter(&mut evicted);
        }
        let exporter = self.exporters.entry(key).or_default();
        let before = evicted.octets;
        let session = exporter.session(port, self.clock, limits.ports.max(1), &mut evicted);
        self.octets -= evicted.octets - before;
        (session, evicted)
    }

    /// Takes into the sum by how much a session has grown.
    pub(crate) fn grow(&mut self, (before, now): (usize, usize)) {
        self.octets = self.octets - before + now;
    }

    /// Forgets the exporter that was silent for longest.
    fn evict_exporter(&mut self, evicted: &mut Evicted) {
        let before = evicted.octets;
        while let Some(Reverse((heard, key))) = self.by_silence.pop() {
            match self.exporters.get(&key).map(|exporter| exporter.last_heard) {
                Some(last_heard) if last_heard > heard => self.by_silence.push(Reverse((last_heard, key))),
                _ => {
                    let sessions = self.exporters.remove(&key).map(|exporter| exporter.sessions);
                    sessions.iter().flatten().for_each(|session| evicted.add(session));
                    break;
                }
            }
        }
        self.octets -= evicted.octets - before;
    }

    /// Forgets the sessions of a stream; gives whose they were, with the port of each.
    pub(crate) fn end_stream(&mut self, stream: u64) -> (Vec<(ExporterKey, u16)>, Evicted) {
        let (mut ended, mut evicted) = (Vec::new(), Evicted::default());
        for (key, exporter) in self.exporters.extract_if(|key, _| key.stream == Some(stream)) {
            for session in &exporter.sessions {
                evicted.add(session);
                ended.push((key, session.port));
            }
        }
        self.octets -= evicted.octets;
        // Their places in the order of silence go with them, before those that lead nowhere are more than those that do.
        if self.by_silence.len() > 2 * self.exporters.len() {
            self.by_silence.retain(|Reverse((_, key))| self.exporters.contains_key(key));
        }
        (ended, evicted)
    }

    /// What is known of an exporter and domain, over all its ports.
    pub(crate) fn facts(&self, key: &ExporterKey) -> Option<SessionFacts> {
        let exporter = self.exporters.get(key)?;
        let mut facts = SessionFacts {
            pending: exporter.sessions.iter().map(|session| session.pending.sets()).sum(),
            ..SessionFacts::default()
        };
        // Ports take templates over from each other, so the one heard last stands for all.
        if let Some(last) = exporter.sessions.iter().max_by_key(|session| session.last_heard) {
            let [templates, options_templates] = &last.templates.by_age;
            (facts.templates, facts.options_templates) = (templates.len(), options_templates.len());
            let looked_through = last.templates.programs.values().take(SessionFacts::TEMPLATE_LIMIT);
            let unknown: BTreeSet<ElementId> = looked_through.flat_map(|kept| kept.program.unknown.iter().copied()).collect();
            facts.unknown = unknown.into_iter().take(SessionFacts::UNKNOWN_LIMIT).collect();
        }
        Some(facts)
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
            for other in self.sessions.iter_mut().filter(|other| other.heir_of.contains(&port)) {
                other.disinherit(port);
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
            kept.inherited.get_or_insert(last.port);
        }
        let heir_of = [&[last.port], last.heir_of.as_slice()].concat();
        Session { port, templates, known: Arc::clone(&last.known), heir_of, ..Session::default() }
    }
}

impl Session {
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Forgets templates and what was taken over from other ports; only these names stay. What waits goes on waiting.
    pub(crate) fn begin_anew(&mut self, known: Known) {
        self.templates = Templates::default();
        self.known = Arc::new(known);
        self.heir_of.clear();
        self.own = Known::default();
    }

    /// Takes in what options data tells.
    pub(crate) fn learn(&mut self, mut learn: impl FnMut(&mut Known) -> Learnt) -> Learnt {
        let learnt = learn(Arc::make_mut(&mut self.known));
        if !self.heir_of.is_empty() {
            learn(&mut self.own);
        }
        learnt
    }

    /// What it stood for in the sum of all sessions, and what it stands for from now on.
    pub(crate) fn recount(&mut self) -> (usize, usize) {
        let now = self.templates.octets + self.known.octets() + self.own.octets();
        (std::mem::replace(&mut self.counted, now), now)
    }

    /// That port lives: keeps only what was announced elsewhere. Who told which name cannot be said any more, so only the names that
    /// were told here stay.
    fn disinherit(&mut self, port: u16) {
        self.heir_of.retain(|other| *other != port);
        self.templates.disinherit(port);
        self.known = Arc::new(if self.heir_of.is_empty() { std::mem::take(&mut self.own) } else { self.own.clone() });
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
                let by_age = &mut self.by_age[kept.kind()];
                by_age.remove(&kept.announced);
                by_age.insert(now, id);
                kept.announced = now;
                kept.inherited = None;
                true
            }
            _ => false,
        }
    }

    /// Adds a template, or replaces the one of its id; tells how many others had to be forgotten. No two have the same `now`.
    pub(crate) fn insert(&mut self, program: Program, now: u64, limits: &Limits) -> usize {
        let id = program.template.id;
        self.withdraw(id);
        let octets = program.octets();
        let mut forgotten = 0;
        while !self.programs.is_empty()
            && (self.programs.len() >= limits.templates || self.octets + octets > limits.state_session)
        {
            let oldest = self.by_age.iter().filter_map(BTreeMap::first_key_value).min();
            let Some(oldest) = oldest.map(|(_, id)| *id) else {
                break;
            };
            self.withdraw(oldest);
            forgotten += 1;
        }
        self.octets += octets;
        let kept = Kept { program: Arc::new(program), announced: now, inherited: None };
        self.by_age[kept.kind()].insert(now, id);
        self.programs.insert(id, kept);
        forgotten
    }

    pub(crate) fn withdraw(&mut self, id: u16) {
        if let Some(kept) = self.programs.remove(&id) {
            self.octets -= kept.program.octets();
            self.by_age[kept.kind()].remove(&kept.announced);
        }
    }

    /// Forgets all templates, or all options templates.
    pub(crate) fn withdraw_all(&mut self, options: bool) {
        for id in std::mem::take(&mut self.by_age[usize::from(options)]).into_values() {
            self.withdraw(id);
        }
    }

    /// Forgets what was announced on that port alone.
    fn disinherit(&mut self, port: u16) {
        let theirs = self.programs.iter().filter(|(_, kept)| kept.inherited == Some(port));
        for id in theirs.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.withdraw(id);
        }
    }

    /// Every template, by id.
    pub(crate) fn sorted(&self) -> Vec<Arc<Program>> {
        let mut programs: Vec<_> = self.programs.values().map(|kept| Arc::clone(&kept.program)).collect();
        programs.sort_by_key(|program| program.template.id);
        programs
    }
}

impl Kept {
    /// Its place in `by_age`.
    fn kind(&self) -> usize {
        usize::from(self.program.template.scope.is_some())
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
        self.octets += session.counted;
    }
}
