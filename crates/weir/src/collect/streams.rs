//! Connections at a listener: what they carry, and what is said of their ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_codec::framing::{self, Cut as Framed};
use weir_codec::shard::{shard_key, shard_of};
use weir_codec::{Fault, Reason};
use weir_transport::tls::{TlsError, TlsServer};
use weir_transport::{Cut, StreamEnd, StreamHandler, StreamListener, StreamOptions, StreamRules, Verdict};

use super::listeners::Place;
use super::now;
use super::refusals::Refusals;
use super::troubles::Troubles;
use super::worker::Common;
use crate::config::{Listen, ListenFormat};

/// What one listener says of its connections.
pub(crate) struct Connections {
    name: String,
    format: ListenFormat,
    common: Arc<Common>,
    refusals: Mutex<Refusals>,
    troubles: Mutex<Troubles>,
}

impl Connections {
    pub(crate) fn new(name: &str, listen: &Listen, common: &Arc<Common>) -> Self {
        Self {
            name: name.to_owned(),
            format: listen.format,
            common: Arc::clone(common),
            refusals: Mutex::default(),
            troubles: Mutex::default(),
        }
    }

    /// The listener's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Who was refused.
    pub(crate) fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was wrong with connections, by where they came from.
    pub(crate) fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamHandler for Connections {
    fn cut(&self, octets: &[u8]) -> Cut {
        let framed = match self.format {
            ListenFormat::Auto => framing::ipfix(octets),
            ListenFormat::FastNetMon => framing::fastnetmon(octets),
        };
        match framed {
            Framed::Message { skip, length } => Cut::Message { skip, length },
            Framed::More => Cut::More,
            Framed::Bad(fault) => Cut::Bad { seen: fault.seen },
        }
    }

    fn key(&self, message: &[u8], from: IpAddr) -> u64 {
        match self.format {
            ListenFormat::Auto => shard_key(message, from.into()),
            ListenFormat::FastNetMon => shard_of(from.into(), 0),
        }
    }

    fn has_sessions(&self) -> bool {
        self.format == ListenFormat::Auto
    }

    fn ended(&self, from: SocketAddr, end: &StreamEnd) {
        let address = from.ip();
        let (offset, reason, seen) = match end {
            StreamEnd::Closed | StreamEnd::Stopped => return,
            StreamEnd::BadFrame { offset, seen } => (*offset, Some(Reason::BadFrame), *seen),
            StreamEnd::CutShort { offset, held } => (*offset, Some(Reason::Truncated), *held as u64),
            _ => (0, None, 0),
        };
        if let Some(reason) = reason {
            let fault = Fault::new(reason, usize::try_from(offset).unwrap_or(usize::MAX), seen);
            self.common.stream_faults().add(fault);
            self.common.complaints.note(address, &[fault]);
        }
        match end {
            StreamEnd::NotAllowed => self.refusals().note(address, Verdict::NotAllowed, now()),
            StreamEnd::Idle { .. } => {}
            end => self.troubles().note(address, end, reason, now()),
        }
        let kind = StreamEnd::NAMES.get(end.number()).copied().unwrap_or_default();
        if let Some(suppressed) = self.common.complaints.is_due(kind) {
            tracing::warn!(listener = %self.name, exporter = %address, suppressed, "{end}");
        }
    }
}

/// Opens the port of a listener.
pub(crate) fn open(name: &str, listen: &Listen, place: Place) -> Result<StreamListener, String> {
    let Place { number, v6_only, is_successor } = place;
    let opened = StreamListener::open(&listen.url.0, StreamOptions { v6_only, is_successor, listener: number });
    let opened = opened.map_err(|error| format!("listen.{name}: {error}"))?;
    if opened.fell_back() {
        tracing::warn!(listener = name, "this host has no IPv6: IPv4 alone is listened to");
    }
    Ok(opened)
}

/// Who may connect, and how; files are read anew.
pub(crate) fn rules(name: &str, listen: &Listen) -> Result<StreamRules, String> {
    let unusable = |error: TlsError| format!("listen.{name}: {error}");
    let tls = listen.tls().map(|options| TlsServer::load(&options)).transpose().map_err(unusable)?;
    Ok(StreamRules { allowed: listen.guard().allowed, limits: listen.limits(), tls })
}
