//! Rows to NetFlow v9 and IPFIX messages.
//!
//! Each row tells by the columns it fills which template it needs (decision 9); templates are announced when they are first needed, and again
//! when the caller asks for it (RFC 7011, section 8.4, RFC 3954, section 9), for which [`Refresh`] knows the time. What a protocol has no element for
//! is left out and counted. What an exporter says of itself are [`Statement`]s.

use std::collections::HashMap;
use std::ops::Range;

use weir_record::registry::Registry;
use weir_record::{FlowBatch, OptionsBatch};

use crate::private;
use crate::template::Field;

mod refresh;
mod statement;

mod announced;
mod application;
mod biflow;
mod message;
mod options;
mod pattern;
mod program;
mod row;
mod value;

pub use refresh::Refresh;
pub use statement::{Lost, Statement};

use announced::Announced;
use message::MessageWriter;
pub(crate) use message::write_template;
use pattern::{Pattern, Rows};
use program::Program;
use row::RowWriter;
use value::Target;

/// The protocols that carry templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateProtocol {
    /// NetFlow version 9 (RFC 3954).
    NetFlow9,
    /// IPFIX (RFC 7011).
    Ipfix,
}

/// How the two rows of a connection are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Records {
    /// Each row is a record of its own, which every collector reads; element 239 tells which half of the connection it is.
    #[default]
    OneWay,
    /// An initiator's row and the responder's row behind it become one record with reverse elements (RFC 5103), where the protocol is IPFIX.
    /// Rows of packets (format `packet`) do so by their addresses, ports and protocol, from the earlier start to the later end; what of the
    /// responder's half has no reverse element is left out and counted. Other rows do so where nothing of either would be lost.
    TwoWay,
}

/// How start, end and event times are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// Milliseconds (elements 152, 153; uptimes in NetFlow v9), rounded down: what most collectors read.
    #[default]
    Milliseconds,
    /// Microseconds (elements 154, 155), rounded down. nfdump 1.7 reads no time in them.
    Microseconds,
    /// Milliseconds where the time is a whole one, else nanoseconds (elements 156, 157).
    Exact,
}

/// What an exporter says of itself, and how.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// The protocol.
    pub protocol: TemplateProtocol,
    /// Source id or observation domain.
    pub domain: u32,
    /// When the exporter started, nanoseconds since 1970; uptimes of NetFlow v9 count from it.
    pub boot_time: i64,
    /// Most octets of a message, unless one record alone needs more.
    pub payload_limit: usize,
    /// Elements that are known by name.
    pub registry: Registry,
    /// One record a row, or one a connection.
    pub records: Records,
    /// Precision of times.
    pub times: Times,
    /// The enterprise number of elements of our own ([`private`]), for what no known element carries; without one it is left out. NetFlow v9 has
    /// no enterprise elements.
    pub private_enterprise: Option<u32>,
}

impl EncodeOptions {
    /// Payload that fits in an Ethernet frame with room for tunnels, octets.
    pub const DEFAULT_PAYLOAD_LIMIT: usize = 1400;

    /// An exporter of domain 0 that started at this time and tells what every collector reads.
    pub fn new(protocol: TemplateProtocol, boot_time: i64) -> Self {
        Self {
            protocol,
            domain: 0,
            boot_time,
            payload_limit: Self::DEFAULT_PAYLOAD_LIMIT,
            registry: Registry::new(),
            records: Records::default(),
            times: Times::default(),
            private_enterprise: None,
        }
    }
}

/// Makes messages. It holds the templates announced so far and the sequence number.
#[derive(Debug)]
pub struct Encoder {
    options: EncodeOptions,
    message: MessageWriter,
    announced: Announced,
    programs: Programs,
    writer: RowWriter,
    left_out: u64,
}

impl Encoder {
    /// An encoder that has announced nothing yet. A private enterprise number that is not usable is taken for none.
    pub fn new(mut options: EncodeOptions) -> Self {
        options.private_enterprise = options.private_enterprise.filter(|pen| private::register(&mut options.registry, *pen));
        let message = MessageWriter::new(&options);
        let (announced, programs, writer) = (Announced::default(), Programs::default(), RowWriter::default());
        Self { options, message, announced, programs, writer, left_out: 0 }
    }

    /// Encodes rows, and hands each message to `sink`. `exported` is the time of export, nanoseconds since 1970.
    pub fn encode(&mut self, flows: &FlowBatch, rows: Range<usize>, exported: i64, sink: &mut impl FnMut(&[u8])) {
        self.message.begin_export(exported);
        let end = rows.end.min(flows.rows());
        let mut row = rows.start;
        let mut rows = Rows::new(flows, &self.options, exported);
        let two_way = self.options.records == Records::TwoWay && self.options.protocol == TemplateProtocol::Ipfix;
        while row < end {
            if self.announced.limit() {
                self.programs = Programs::default();
            }
            let (mut pattern, left_out) = rows.pattern(row);
            self.left_out += left_out;
            let is_pair = two_way && row + 1 < end && biflow::is_pair(&rows, row);
            if is_pair {
                self.left_out += rows.add_responder(&mut pattern, row);
            }
            self.record(&rows, row, pattern, sink);
            row += if is_pair { 2 } else { 1 };
        }
        self.message.finish(sink);
    }

    /// Adds the record of a row.
    fn record(&mut self, rows: &Rows<'_>, row: usize, pattern: Pattern, sink: &mut impl FnMut(&[u8])) {
        let Self { options, message, announced, programs, writer, left_out } = self;
        let Some(program) = programs.get(pattern, options) else { return };
        let extra = rows.flows.extra.get(row);
        let has_own_fields = extra.is_some() || program.has_own_lengths;
        writer.write(program, rows, row, options, has_own_fields);
        *left_out += program.left_out;
        if let Some(extra) = extra {
            let mut template_id = |fields: &[Field]| announced.id_of(message, 0, fields);
            let mut target = Target {
                protocol: options.protocol,
                registry: &options.registry,
                pads_texts: false,
                template_id: &mut template_id,
            };
            *left_out += writer.extra(extra, &mut target);
        }
        let template = match program.template.filter(|_| !has_own_fields) {
            Some(template) => template,
            None => {
                let fields = if has_own_fields { &writer.fields } else { &program.fields };
                if fields.is_empty() {
                    return;
                }
                let template = announced.place(0, fields);
                if !has_own_fields {
                    program.template = Some(template);
                }
                template
            }
        };
        let id = announced.id(message, template);
        *left_out += u64::from(!message.record(id, &writer.octets, sink));
    }

    /// Encodes options records, and hands each message to `sink`.
    pub fn encode_options(&mut self, rows: &OptionsBatch, exported: i64, sink: &mut impl FnMut(&[u8])) {
        let Self { options, message, announced, programs, left_out, .. } = self;
        message.begin_export(exported);
        for row in 0..rows.rows() {
            if announced.limit() {
                *programs = Programs::default();
            }
            let mut template_id = |fields: &[Field]| announced.id_of(message, 0, fields);
            let mut target = Target {
                protocol: options.protocol,
                registry: &options.registry,
                pads_texts: true,
                template_id: &mut template_id,
            };
            let record = options::record(rows, row, &mut target);
            *left_out += record.left_out;
            // A record of no scope, or of nothing but scope, cannot be told.
            if record.scope > 0 && record.fields.len() > usize::from(record.scope) {
                let id = announced.id_of(message, record.scope, &record.fields);
                *left_out += u64::from(!message.record(id, &record.octets, sink));
            }
        }
        message.finish(sink);
    }

    /// Encodes what the exporter says of itself as options records, and hands each message to `sink`.
    pub fn tell(&mut self, statements: &[Statement<'_>], exported: i64, sink: &mut impl FnMut(&[u8])) {
        let mut rows = OptionsBatch::new();
        for statement in statements {
            statement.write(&mut rows, &self.options);
        }
        self.encode_options(&rows, exported, sink);
    }

    /// Announces every template again when it is next needed, as over UDP from time to time. Ids stay what they are.
    pub const fn announce_again(&mut self) {
        self.announced.announce_again();
    }

    /// Begins a new session, as after a new connection: sequence numbers start again, and templates are announced when they are next needed.
    pub const fn restart_session(&mut self) {
        self.announced.announce_again();
        self.message.restart_sequence();
    }

    /// Values that the protocol has no element for, since the beginning.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Messages since the beginning.
    pub const fn messages(&self) -> u64 {
        self.message.messages()
    }

    /// Records in them, options records included.
    pub const fn records(&self) -> u64 {
        self.message.total_records()
    }

    /// Templates in use.
    pub fn templates(&self) -> usize {
        self.announced.len()
    }
}

/// The programs of the patterns met so far.
#[derive(Debug, Default)]
struct Programs {
    places: HashMap<Pattern, usize, foldhash::fast::RandomState>,
    programs: Vec<Program>,
    /// The pattern of the last row, which is often that of the next one.
    last: Option<(Pattern, usize)>,
}

/// Patterns may differ in more than templates do, so they have a limit of their own.
const PATTERN_LIMIT: usize = 8192;

impl Programs {
    fn get(&mut self, pattern: Pattern, options: &EncodeOptions) -> Option<&mut Program> {
        let place = match self.last {
            Some((last, place)) if last == pattern => place,
            _ => self.find(pattern, options),
        };
        self.last = Some((pattern, place));
        self.programs.get_mut(place)
    }

    fn find(&mut self, pattern: Pattern, options: &EncodeOptions) -> usize {
        if let Some(place) = self.places.get(&pattern) {
            return *place;
        }
        if self.programs.len() >= PATTERN_LIMIT {
            *self = Self::default();
        }
        self.programs.push(Program::new(&pattern, options));
        self.places.insert(pattern, self.programs.len() - 1);
        self.programs.len() - 1
    }
}

#[cfg(test)]
mod tests;
