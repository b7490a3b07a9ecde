//! From rows to the messages of the protocol that an endpoint was given.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use weir_codec::encode::{self, EncodeOptions, Lost, Records, Refresh, Statement, TemplateProtocol};
use weir_codec::{fastnetmon, netflow5};
use weir_record::FlowBatch;
use weir_transport::dtls::DtlsSession;
use weir_transport::{Scheme, Url};

use super::{About, Metered};
use crate::config::{Export, Format, Origin, Profile, Times};

/// Makes messages for an endpoint.
pub(super) struct Encoding {
    export: Export,
    /// A target: all that take over from each other have one transport.
    target: Url,
    about: Arc<ArcSwap<About>>,
    /// What was told of the meter last.
    told: Option<Arc<Metered>>,
    /// Made with the first rows, whose time says since when the exporter runs.
    encoder: Option<Encoder>,
}

enum Encoder {
    Templates { encoder: Box<encode::Encoder>, refresh: Refresh },
    NetFlow5 { encoder: Box<netflow5::Encoder>, left_out: u64 },
    FastNetMon { encoder: fastnetmon::Encoder, left_out: u64 },
}

/// How long before the first rows uptimes begin: flows that were open when the exporter began have started before.
const UPTIME_BEFORE: i64 = 3_600_000_000_000;
/// Largest message of a stream, octets: few enough for the buffers of collectors.
const STREAM_MESSAGE: usize = 8192;
/// Octets of the IP and UDP headers before a message.
const HEADERS: [usize; 2] = [20 + 8, 40 + 8];

impl Encoding {
    pub(super) fn new(export: &Export, target: &Url, about: Arc<ArcSwap<About>>) -> Self {
        Self { export: export.clone(), target: target.clone(), about, told: None, encoder: None }
    }

    /// For whom it makes them.
    pub(super) const fn export(&self) -> &Export {
        &self.export
    }

    /// All that a collector must know is said again with the next messages.
    pub(super) fn announce(&mut self) {
        if let Some(Encoder::Templates { refresh, .. }) = &mut self.encoder {
            *refresh = Refresh::new(refresh.every, refresh.messages);
        }
    }

    /// The peer knows nothing of earlier messages.
    pub(super) fn begin_session(&mut self) {
        if let Some(Encoder::Templates { encoder, .. }) = &mut self.encoder {
            encoder.restart_session();
        }
    }

    /// Makes messages of these rows, and hands each to `sink`.
    pub(super) fn encode(&mut self, batch: &FlowBatch, rows: Range<usize>, now: i64, sink: &mut impl FnMut(&[u8])) {
        let Self { export, target, encoder, .. } = self;
        match encoder.get_or_insert_with(|| Encoder::new(export, target, now)) {
            Encoder::Templates { encoder, .. } => encoder.encode(batch, rows, now, sink),
            Encoder::NetFlow5 { encoder, left_out } => *left_out += encoder.encode(batch, rows, now, sink) as u64,
            Encoder::FastNetMon { encoder, left_out } => *left_out += encoder.encode(batch, rows, sink) as u64,
        }
    }

    /// Says again, when it is time, what a collector must know that began after us or missed it. So many octets were sent so far.
    pub(super) fn refresh(&mut self, now: i64, octets: u64, sink: &mut impl FnMut(&[u8])) {
        let Self { export, target, encoder, about, told: before } = self;
        let Encoder::Templates { encoder, refresh } = encoder.get_or_insert_with(|| Encoder::new(export, target, now)) else {
            return;
        };
        let about = about.load();
        let metered = about.metered.load_full();
        let is_other = before.as_ref().is_some_and(|before| !Arc::ptr_eq(before, &metered));
        if refresh.is_due(now, encoder.messages()) || is_other {
            encoder.announce_again();
            let told = statements(&about, &metered, export, encoder, octets);
            encoder.tell(&told, now, sink);
            *before = Some(metered);
        }
    }

    /// Values, and rows, for which the protocol has no place.
    pub(super) fn left_out(&self) -> u64 {
        match &self.encoder {
            None => 0,
            Some(Encoder::Templates { encoder, .. }) => encoder.left_out(),
            Some(Encoder::NetFlow5 { left_out, .. } | Encoder::FastNetMon { left_out, .. }) => *left_out,
        }
    }
}

/// What is said in options data.
fn statements<'a>(
    about: &About,
    meter: &'a Metered,
    export: &Export,
    encoder: &encode::Encoder,
    octets: u64,
) -> Vec<Statement<'a>> {
    let mut told = vec![Statement::PrivateElements];
    // What others have metered was sampled in many ways, which their records tell.
    let metered = if export.from == Origin::Meter { meter.sampling.max(1) } else { 1 };
    let interval = metered.saturating_mul(export.sampling.0);
    if interval > 1 {
        told.push(Statement::Sampling { interval, random: meter.random });
    }
    let interface = |(index, name): &'a (u32, String)| Statement::Interface { index: *index, name, description: "" };
    told.extend(meter.interfaces.iter().map(interface));
    told.push(Statement::Exported { messages: encoder.messages(), records: encoder.records(), octets });
    if !meter.interfaces.is_empty() {
        let lost = |packets| Lost { packets, ..Lost::default() };
        told.push(Statement::Ignored(lost(about.lost_packets.load(Ordering::Relaxed))));
        let flows = about.lost_records.load(Ordering::Relaxed);
        told.push(Statement::NotSent { exporter: export.source, flows, lost: lost(0) });
    }
    told
}

impl Encoder {
    fn new(export: &Export, target: &Url, now: i64) -> Self {
        // A whole millisecond, so that times told in milliseconds of uptime are those that were measured.
        let boot_time = (now - UPTIME_BEFORE) / 1_000_000 * 1_000_000;
        let protocol = match export.format {
            Format::Ipfix => TemplateProtocol::Ipfix,
            Format::NetFlow9 => TemplateProtocol::NetFlow9,
            Format::NetFlow5 => {
                let mut options = netflow5::EncodeOptions::new(netflow5::Version::V5, boot_time);
                // Its two octets of the engine are the domain that collectors see.
                options.engine = export.domain as u16;
                return Self::NetFlow5 { encoder: Box::new(netflow5::Encoder::new(options)), left_out: 0 };
            }
            Format::FastNetMon => {
                let framed = target.scheme != Scheme::Udp;
                return Self::FastNetMon { encoder: fastnetmon::Encoder { framed }, left_out: 0 };
            }
        };
        let options = EncodeOptions {
            domain: export.domain,
            payload_limit: payload_limit(export, target),
            records: match export.profile {
                Profile::Uniflow => Records::OneWay,
                Profile::Biflow => Records::TwoWay,
            },
            times: match export.times {
                Times::Milliseconds => encode::Times::Milliseconds,
                Times::Microseconds => encode::Times::Microseconds,
            },
            private_enterprise: export.private_enterprise,
            ..EncodeOptions::new(protocol, boot_time)
        };
        Self::Templates {
            encoder: Box::new(encode::Encoder::new(options)),
            refresh: Refresh::new(export.template_refresh.0, export.template_messages.into()),
        }
    }
}

fn payload_limit(export: &Export, target: &Url) -> usize {
    let room = match target.scheme {
        Scheme::Udp => usize::from(export.mtu),
        Scheme::Dtls => usize::from(export.mtu).saturating_sub(DtlsSession::OVERHEAD),
        Scheme::Tcp | Scheme::Tls => return STREAM_MESSAGE,
    };
    // A name may have addresses of either family, so the larger header counts.
    let is_v4 = target.host.parse::<std::net::Ipv4Addr>().is_ok();
    let [v4, v6] = HEADERS;
    room.saturating_sub(if is_v4 { v4 } else { v6 })
}
