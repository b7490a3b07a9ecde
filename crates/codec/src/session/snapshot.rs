//! Session state as octets, and back: templates and what options data told survive a restart.
//!
//! JSON with a version in front, so that a later program says plainly what it cannot read. Streams are not saved, their
//! sessions end with them; nor is data that waits for a template, which the journal of whoever calls has in its datagrams.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use weir_record::{Address, ElementId};

use super::known::{Interface, Known, Sampler};
use super::{ExporterKey, Session};
use crate::Protocol;
use crate::decoder::Decoder;
use crate::encode::{TemplateProtocol, write_template};
use crate::sequence::{Expected, Sender, Sequences};
use crate::template::{Field, Program, Template};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Why saved state was refused. Nothing of it was taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// Not JSON of the expected shape; the message tells where.
    Syntax(String),
    /// Saved by another version of the program.
    UnknownVersion {
        /// The version of the saved state.
        found: u32,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(message) => write!(f, "saved session state cannot be read: {message}"),
            Self::UnknownVersion { found } => write!(f, "saved session state has version {found}, expected {VERSION}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Snapshot {
    version: u32,
    sessions: Vec<SavedSession>,
    sequences: Vec<SavedSequence>,
}

#[derive(Serialize, Deserialize)]
struct SavedSession {
    address: IpAddr,
    port: u16,
    domain: u32,
    ipfix: bool,
    templates: Vec<SavedTemplate>,
    boot: Option<i64>,
    sampling: Option<u32>,
    samplers: Vec<(u64, Option<u32>, Option<String>)>,
    interface_sampling: Vec<(u32, u32)>,
    interfaces: Vec<(u32, Option<String>, Option<String>)>,
    vrfs: Vec<(u32, String)>,
    applications: Vec<(Vec<u8>, String)>,
}

#[derive(Serialize, Deserialize)]
struct SavedTemplate {
    id: u16,
    scope: Option<u16>,
    /// Enterprise, element, length.
    fields: Vec<(u32, u16, u16)>,
}

#[derive(Serialize, Deserialize)]
struct SavedSequence {
    exporter: IpAddr,
    port: u16,
    domain: u32,
    ipfix: bool,
    next: u32,
}

impl Decoder {
    /// The state of every exporter that sends datagrams, as octets for [`Decoder::load`].
    pub fn save(&self) -> Vec<u8> {
        let sessions = self.sessions.sorted().into_iter().filter(|(key, _)| key.stream.is_none());
        let sequences = self.sequences.iter().filter_map(|(sender, expected)| saved_sequence(sender, expected));
        let mut snapshot = Snapshot {
            version: VERSION,
            sessions: sessions.map(|(key, session)| saved_session(key, session)).collect(),
            sequences: sequences.collect(),
        };
        snapshot.sequences.sort_by_key(|saved| (saved.exporter, saved.port, saved.domain, saved.ipfix));
        // Plain structures with string keys: writing them to memory cannot fail.
        serde_json::to_vec(&snapshot).unwrap_or_default()
    }

    /// Takes up saved state, within the limits; gives the number of sessions. What the decoder knows of the same exporters is replaced.
    ///
    /// # Errors
    /// [`SnapshotError`] for octets that [`Decoder::save`] of this version did not write.
    pub fn load(&mut self, octets: &[u8]) -> Result<usize, SnapshotError> {
        self.load_where(octets, |_, _| true)
    }

    /// The same of those exporters alone, by address and domain, that are this decoder's.
    ///
    /// # Errors
    /// As [`Decoder::load`].
    pub fn load_where(&mut self, octets: &[u8], is_own: impl Fn(Address, u32) -> bool) -> Result<usize, SnapshotError> {
        let syntax = |error: serde_json::Error| SnapshotError::Syntax(error.to_string());
        let head: Head = serde_json::from_slice(octets).map_err(syntax)?;
        if head.version != VERSION {
            return Err(SnapshotError::UnknownVersion { found: head.version });
        }
        let snapshot: Snapshot = serde_json::from_slice(octets).map_err(syntax)?;
        let mut count = 0;
        for saved in snapshot.sessions.into_iter().filter(|saved| is_own(saved.address.into(), saved.domain)) {
            self.restore(saved);
            count += 1;
        }
        for saved in snapshot.sequences.into_iter().filter(|saved| is_own(saved.exporter.into(), saved.domain)) {
            let protocol = if saved.ipfix { Protocol::Ipfix } else { Protocol::NetFlow9 };
            let sender = Sender { exporter: saved.exporter.into(), port: saved.port, domain: saved.domain, protocol };
            self.sequences.insert(sender, Expected { next: saved.next, missing: 0 });
        }
        Ok(count)
    }

    /// Forgets which sequence numbers are expected: what was saved before messages that were decoded since would call those lost.
    pub fn forget_sequences(&mut self) {
        self.sequences = Sequences::default();
    }

    fn restore(&mut self, saved: SavedSession) {
        let key = ExporterKey { address: saved.address.into(), domain: saved.domain, ipfix: saved.ipfix, stream: None };
        let limits = &self.config.limits;
        let (session, evicted) = self.sessions.session(key, saved.port, limits);
        self.stats.pending -= evicted.pending_sets;
        self.pending_octets -= evicted.pending_octets;
        session.begin_anew(known(&saved));
        let protocol = if saved.ipfix { TemplateProtocol::Ipfix } else { TemplateProtocol::NetFlow9 };
        for saved in saved.templates {
            let fields: Vec<Field> = saved
                .fields
                .iter()
                .map(|(pen, id, length)| Field { element: ElementId::enterprise(*pen, *id), length: *length })
                .collect();
            let template = Template { id: saved.id, scope: saved.scope, fields };
            if !template.is_sound(limits.fields) {
                continue;
            }
            let mut raw = Vec::new();
            write_template(&mut raw, protocol, template.id, template.scope, &template.fields);
            self.announcements += 1;
            session.templates.insert(Program::new(template, &raw, &self.config.registry), self.announcements, limits);
        }
        let grown = session.recount();
        self.sessions.grow(grown);
    }
}

fn saved_session(key: ExporterKey, session: &Session) -> SavedSession {
    let known = &session.known;
    let template = |program: &Program| SavedTemplate {
        id: program.template.id,
        scope: program.template.scope,
        fields: program.template.fields.iter().map(|field| (field.element.pen, field.element.id, field.length)).collect(),
    };
    SavedSession {
        address: key.address.to_ip(),
        port: session.port(),
        domain: key.domain,
        ipfix: key.ipfix,
        templates: session.templates.sorted().iter().map(|program| template(program)).collect(),
        boot: known.boot,
        sampling: known.sampling,
        samplers: sorted(&known.samplers, |id, sampler| (*id, sampler.rate, sampler.name.clone())),
        interface_sampling: sorted(&known.interface_sampling, |id, rate| (*id, *rate)),
        interfaces: sorted(&known.interfaces, |id, interface| (*id, interface.name.clone(), interface.alias.clone())),
        vrfs: sorted(&known.vrfs, |id, name| (*id, name.clone())),
        applications: sorted(&known.applications, |id, name| (id.clone(), name.clone())),
    }
}

fn known(saved: &SavedSession) -> Known {
    let mut known = Known {
        boot: saved.boot,
        sampling: saved.sampling,
        samplers: saved.samplers.iter().cloned().map(|(id, rate, name)| (id, Sampler { rate, name })).collect(),
        only_sampler: None,
        interface_sampling: saved.interface_sampling.iter().copied().collect(),
        interfaces: saved.interfaces.iter().cloned().map(|(id, name, alias)| (id, Interface { name, alias })).collect(),
        vrfs: saved.vrfs.iter().cloned().collect(),
        applications: saved.applications.iter().cloned().collect(),
    };
    known.sum_up();
    known
}

fn saved_sequence(sender: &Sender, expected: &Expected) -> Option<SavedSequence> {
    let ipfix = match sender.protocol {
        Protocol::Ipfix => true,
        Protocol::NetFlow9 => false,
        _ => return None,
    };
    Some(SavedSequence {
        exporter: sender.exporter.to_ip(),
        port: sender.port,
        domain: sender.domain,
        ipfix,
        next: expected.next,
    })
}

/// The entries of a map in the order of its keys, so that the same state gives the same octets.
fn sorted<K: Ord, V, T>(map: &HashMap<K, V>, show: impl Fn(&K, &V) -> T) -> Vec<T> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|one, other| one.0.cmp(other.0));
    entries.into_iter().map(|(key, value)| show(key, value)).collect()
}

#[cfg(test)]
mod tests;
