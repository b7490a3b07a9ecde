//! Templates and options data as exporters sent them, to be said again to a collector that has just begun to listen.
//!
//! A collector of NetFlow v9 or IPFIX understands data only after their template, which exporters repeat after minutes. [`TemplateMemory`] keeps, of each exporter and
//! domain, the newest octets of each template and the newest sets of options data; [`TemplateMemory::say_again`] puts them into messages whose header is that of the data
//! that comes next, so that the collector's count of what is missing stays right: IPFIX counts records of data alone (RFC 7011, section 3.1), NetFlow v9 messages (RFC 3954,
//! section 5.1), where the message before the next one is repeated.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use weir_record::Address;
use weir_record::registry::Registry;
use weir_wire::{Reader, Short};

use crate::template::{Event, Parser, Template, VARIABLE_LENGTH};
use crate::{Faults, Limits};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Exporters with their domains and ports; beyond, the one silent for longest is forgotten.
    pub sessions: usize,
    /// Octets of templates, and of options data, of each; beyond, the oldest go.
    pub octets: usize,
}

impl Default for MemoryLimits {
    /// 4,096 sessions, 16 KiB each of both.
    fn default() -> Self {
        Self { sessions: 4096, octets: 16 << 10 }
    }
}

/// Whose templates they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Speaker {
    from: Address,
    port: u16,
    version: u16,
    domain: u32,
}

/// Templates and options data of many exporters.
#[derive(Debug, Default)]
pub struct TemplateMemory {
    limits: MemoryLimits,
    /// Elements are told apart by nobody here.
    registry: Registry,
    sessions: HashMap<Speaker, Session>,
    /// Counts messages, so that the session silent for longest is known.
    messages: u64,
}

/// What one exporter said.
#[derive(Debug, Default)]
struct Session {
    /// Records of templates by kind of set and id.
    templates: BTreeMap<(u16, u16), Kept>,
    /// Whole sets of options data and how many records are in each, oldest first.
    options: VecDeque<(Vec<u8>, u32)>,
    template_octets: usize,
    option_octets: usize,
    heard: u64,
}

/// A template.
#[derive(Debug)]
struct Kept {
    /// The number of the message that brought it.
    heard: u64,
    octets: Vec<u8>,
    template: Template,
}

/// Who has said something, and whether anything was known of them before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who.
    pub speaker: Speaker,
    /// Templates were known already.
    pub was_known: bool,
}

const NETFLOW9: u16 = 9;
const IPFIX: u16 = 10;
/// Octets of a message's header.
const NETFLOW9_HEADER: usize = 20;
const IPFIX_HEADER: usize = 16;

/// Sets of templates and of options templates, by version.
const fn template_sets(version: u16) -> (u16, u16) {
    if version == NETFLOW9 { (0, 1) } else { (2, 3) }
}

impl TemplateMemory {
    /// An empty memory.
    pub fn new(limits: MemoryLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Keeps what a datagram says of templates. Gives whose they are; nothing where the protocol has none, or no template is known.
    pub fn hear(&mut self, payload: &[u8], from: Address, port: u16) -> Option<Heard> {
        let mut reader = Reader::new(payload);
        let (version, domain) = head(&mut reader).ok()?;
        let speaker = Speaker { from, port, version, domain };
        self.messages += 1;
        let was_known = self.sessions.contains_key(&speaker);
        if !was_known {
            // Most datagrams hold data alone, and need no place.
            if !has_templates(reader, version) {
                return None;
            }
            self.make_room();
        }
        let Self { limits, registry, sessions, messages } = self;
        let session = sessions.entry(speaker).or_default();
        session.heard = *messages;
        while let Ok((id, content)) = next_set(&mut reader) {
            session.hear(version, id, content, registry, limits.octets);
        }
        Some(Heard { speaker, was_known })
    }

    /// Says again what is known of a speaker, in messages of at most so many octets (unless one template alone is longer); `next` is the datagram that comes behind them.
    pub fn say_again(&self, speaker: Speaker, next: &[u8], longest: usize, sink: &mut impl FnMut(&[u8])) {
        let Some(session) = self.sessions.get(&speaker) else { return };
        let (templates, options) = template_sets(speaker.version);
        let mut messages = Messages::new(speaker.version, next, longest);
        for kind in [templates, options] {
            for (_, kept) in session.templates.range((kind, 0)..=(kind, u16::MAX)) {
                messages.add(kind, &kept.octets);
            }
        }
        for (set, records) in &session.options {
            messages.add_set(set, *records);
        }
        messages.finish(sink);
    }

    /// Takes what another memory knows and this one does not.
    pub fn inherit(&mut self, other: Self) {
        for (speaker, old) in other.sessions {
            match self.sessions.entry(speaker) {
                Entry::Occupied(mut known) => known.get_mut().inherit(old, self.limits.octets),
                Entry::Vacant(place) => {
                    // Who has spoken since is not silent for longer.
                    place.insert(Session { heard: 0, ..old });
                }
            }
        }
        while self.sessions.len() > self.limits.sessions.max(1) {
            self.forget_silent();
        }
    }

    /// Exporters with templates.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    fn make_room(&mut self) {
        while self.sessions.len() >= self.limits.sessions.max(1) {
            self.forget_silent();
        }
    }

    fn forget_silent(&mut self) {
        let silent = self.sessions.iter().min_by_key(|(_, session)| session.heard).map(|(speaker, _)| *speaker);
        if let Some(silent) = silent {
            self.sessions.remove(&silent);
        }
    }
}

impl Session {
    /// Takes what a set says.
    fn hear(&mut self, version: u16, id: u16, content: Reader<'_>, registry: &Registry, most: usize) {
        let (templates, options) = template_sets(version);
        if id != templates && id != options {
            let records = self.templates.get(&(options, id)).map(|kept| count_records(&kept.template, content));
            if let Some(records) = records {
                self.keep_options(id, content.rest(), records, most);
            }
            return;
        }
        let (is_options, fields) = (id == options, Limits::default().fields);
        let mut parser = match version {
            NETFLOW9 => Parser::netflow9(content, is_options, registry, fields),
            _ => Parser::ipfix(content, is_options, registry, fields),
        };
        // What is wrong with templates the decoder tells.
        let mut faults = Faults::default();
        while let Some(event) = parser.next(&mut faults) {
            match event {
                Event::Announce(template, octets) => self.keep_template(id, template, octets, most),
                Event::Withdraw(template) => self.forget((id, template)),
                Event::WithdrawAll { .. } => {
                    let gone: Vec<_> = self.templates.range((id, 0)..=(id, u16::MAX)).map(|(key, _)| *key).collect();
                    gone.into_iter().for_each(|key| self.forget(key));
                }
            }
        }
    }

    /// Takes templates that are not known here, and options data that stands before what is.
    fn inherit(&mut self, old: Self, most: usize) {
        for ((kind, id), kept) in old.templates {
            let is_known = self.templates.contains_key(&(kind, id)) || self.templates.contains_key(&(kind ^ 1, id));
            if !is_known && self.template_octets + kept.octets.len() <= most {
                self.template_octets += kept.octets.len();
                self.templates.insert((kind, id), kept);
            }
        }
        for (set, records) in old.options.into_iter().rev() {
            if self.option_octets + set.len() <= most && !self.options.iter().any(|(known, _)| *known == set) {
                self.option_octets += set.len();
                self.options.push_front((set, records));
            }
        }
    }

    fn forget(&mut self, key: (u16, u16)) {
        if let Some(old) = self.templates.remove(&key) {
            self.template_octets -= old.octets.len();
        }
    }

    fn keep_template(&mut self, kind: u16, template: Template, octets: &[u8], most: usize) {
        let id = template.id;
        // An id means one thing at a time, whichever kind it is.
        self.forget((kind ^ 1, id));
        self.forget((kind, id));
        if octets.len() > most {
            return;
        }
        self.template_octets += octets.len();
        self.templates.insert((kind, id), Kept { heard: self.heard, octets: octets.to_vec(), template });
        while self.template_octets > most {
            let Some(oldest) = self.templates.iter().min_by_key(|(_, kept)| kept.heard).map(|(key, _)| *key) else { return };
            self.forget(oldest);
        }
    }

    fn keep_options(&mut self, id: u16, content: &[u8], records: u32, most: usize) {
        let length = content.len() + 4;
        if length > most {
            return;
        }
        let is_same = |(set, _): &(Vec<u8>, u32)| set.get(..2) == Some(&id.to_be_bytes()) && set.get(4..) == Some(content);
        // What is said again is the newest again.
        if let Some(place) = self.options.iter().position(is_same) {
            if let Some(set) = self.options.remove(place) {
                self.options.push_back(set);
            }
            return;
        }
        let mut set = Vec::with_capacity(length);
        set.extend_from_slice(&id.to_be_bytes());
        set.extend_from_slice(&(length as u16).to_be_bytes());
        set.extend_from_slice(content);
        self.option_octets += length;
        self.options.push_back((set, records));
        while self.option_octets > most {
            let Some((oldest, _)) = self.options.pop_front() else { return };
            self.option_octets -= oldest.len();
        }
    }
}

/// Version and domain of a message, and the reader at its first set.
fn head(reader: &mut Reader<'_>) -> Result<(u16, u32), Short> {
    match reader.u16()? {
        NETFLOW9 => {
            reader.skip(NETFLOW9_HEADER - 6)?;
            Ok((NETFLOW9, reader.u32()?))
        }
        IPFIX => {
            reader.skip(IPFIX_HEADER - 6)?;
            Ok((IPFIX, reader.u32()?))
        }
        // Other protocols have no templates.
        _ => Err(Short { offset: 0, wanted: 0, left: 0 }),
    }
}

fn has_templates(mut reader: Reader<'_>, version: u16) -> bool {
    let (templates, options) = template_sets(version);
    while let Ok((id, _)) = next_set(&mut reader) {
        if id == templates || id == options {
            return true;
        }
    }
    false
}

/// The next set: its id and content. One that claims to be shorter than its header ends the message, as one that is too long does.
fn next_set<'a>(reader: &mut Reader<'a>) -> Result<(u16, Reader<'a>), Short> {
    let (id, length) = (reader.u16()?, reader.u16()?);
    Ok((id, reader.sub(usize::from(length).checked_sub(4).unwrap_or(usize::MAX))?))
}

/// How many records a set of data holds.
fn count_records(template: &Template, mut content: Reader<'_>) -> u32 {
    let mut records = 0;
    while content.left() >= template.min_length().max(1) {
        for field in &template.fields {
            let length = match field.length {
                VARIABLE_LENGTH => match content.u8() {
                    Ok(u8::MAX) => content.u16().map_or(usize::MAX, usize::from),
                    length => length.map_or(usize::MAX, usize::from),
                },
                length => usize::from(length),
            };
            if content.skip(length).is_err() {
                return records;
            }
        }
        records += 1;
    }
    records
}

/// Messages in the making.
struct Messages<'a> {
    version: u16,
    next: &'a [u8],
    longest: usize,
    /// Those that are complete but for their sequence numbers, with their records of data.
    complete: Vec<(Vec<u8>, u32)>,
    octets: Vec<u8>,
    /// Records of all kinds, and of data, in the message that is being filled.
    records: u16,
    data: u32,
    /// The set that is being filled: its id and where it begins.
    set: Option<(u16, usize)>,
}

impl<'a> Messages<'a> {
    fn new(version: u16, next: &'a [u8], longest: usize) -> Self {
        let mut messages =
            Self { version, next, longest, complete: Vec::new(), octets: Vec::new(), records: 0, data: 0, set: None };
        messages.begin();
        messages
    }

    fn begin(&mut self) {
        let header = if self.version == NETFLOW9 { NETFLOW9_HEADER } else { IPFIX_HEADER };
        self.octets.clear();
        self.octets.extend_from_slice(self.next.get(..header).unwrap_or_default());
        (self.records, self.data, self.set) = (0, 0, None);
    }

    /// Adds a record to a set of its kind.
    fn add(&mut self, kind: u16, record: &[u8]) {
        if self.octets.len() + 4 + record.len() > self.longest {
            self.end();
        }
        if self.set.is_none_or(|(id, _)| id != kind) {
            self.end_set();
            self.set = Some((kind, self.octets.len()));
            self.octets.extend_from_slice(&kind.to_be_bytes());
            self.octets.extend_from_slice(&[0; 2]);
        }
        self.octets.extend_from_slice(record);
        self.records += 1;
    }

    /// Adds a whole set of data.
    fn add_set(&mut self, set: &[u8], records: u32) {
        self.end_set();
        if self.octets.len() + set.len() > self.longest {
            self.end();
        }
        self.octets.extend_from_slice(set);
        self.records = self.records.saturating_add(u16::try_from(records).unwrap_or(u16::MAX));
        self.data += records;
    }

    fn end_set(&mut self) {
        if let Some((_, start)) = self.set.take() {
            // NetFlow v9 fills sets up to whole words.
            if self.version == NETFLOW9 {
                self.octets.resize(start + (self.octets.len() - start).next_multiple_of(4), 0);
            }
            let length = (self.octets.len() - start) as u16;
            put(&mut self.octets, start + 2, &length.to_be_bytes());
        }
    }

    /// Ends a message, and begins the next.
    fn end(&mut self) {
        self.end_set();
        let header = if self.version == NETFLOW9 { NETFLOW9_HEADER } else { IPFIX_HEADER };
        if self.octets.len() > header {
            let count = if self.version == NETFLOW9 { self.records } else { self.octets.len() as u16 };
            put(&mut self.octets, 2, &count.to_be_bytes());
            self.complete.push((std::mem::take(&mut self.octets), self.data));
        }
        self.begin();
    }

    /// Gives each message the sequence number that the next datagram leaves to it.
    fn finish(mut self, sink: &mut impl FnMut(&[u8])) {
        self.end();
        let at = if self.version == NETFLOW9 { 12 } else { 8 };
        let next = Reader::new(self.next.get(at..).unwrap_or_default()).u32().unwrap_or(0);
        let counts = |data: u32| if self.version == NETFLOW9 { 1 } else { data };
        let mut before: u32 = self.complete.iter().map(|(_, data)| counts(*data)).sum();
        for (message, data) in &mut self.complete {
            put(message, at, &next.wrapping_sub(before).to_be_bytes());
            before -= counts(*data);
            sink(message);
        }
    }
}

fn put(octets: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = octets.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests;
