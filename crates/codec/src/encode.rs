//! Rows to NetFlow v9 and IPFIX messages.
//!
//! Each row tells by the columns it fills which template it needs; templates are announced when they are first needed, and again when
//! the caller asks for it (RFC 7011, section 8.4, RFC 3954, section 9). What a protocol has no element for is left out and counted.

use std::collections::HashMap;
use std::ops::Range;

use weir_record::registry::Registry;
use weir_record::{FlowBatch, OptionsBatch};

use crate::template::Field;

mod biflow;
mod message;
mod options;
mod row;
mod value;

use message::MessageWriter;
pub(crate) use message::write_template;
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

/// What an exporter says of itself.
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
}

impl EncodeOptions {
    /// Payload that fits in an Ethernet frame with room for tunnels, octets.
    pub const DEFAULT_PAYLOAD_LIMIT: usize = 1400;

    /// An exporter of domain 0 that started at this time.
    pub fn new(protocol: TemplateProtocol, boot_time: i64) -> Self {
        Self { protocol, domain: 0, boot_time, payload_limit: Self::DEFAULT_PAYLOAD_LIMIT, registry: Registry::new() }
    }
}

/// Makes messages. It holds the templates announced so far and the sequence number.
#[derive(Debug)]
pub struct Encoder {
    options: EncodeOptions,
    message: MessageWriter,
    announced: Announced,
    left_out: u64,
}

/// Templates that an encoder announces before it begins anew with the first id.
const TEMPLATE_LIMIT: usize = 8192;
/// Ids below are those of sets (RFC 7011, section 3.4.1).
const FIRST_ID: u16 = 256;

impl Encoder {
    /// An encoder that has announced nothing yet.
    pub fn new(options: EncodeOptions) -> Self {
        let message = MessageWriter::new(&options);
        Self { options, message, announced: Announced::default(), left_out: 0 }
    }

    /// Encodes rows, and hands each message to `sink`. `exported` is the time of export, nanoseconds since 1970.
    ///
    /// An initiator's row and the responder's row behind it become one record with reverse elements (RFC 5103), where the protocol is IPFIX
    /// and nothing of either would be lost.
    pub fn encode(&mut self, flows: &FlowBatch, rows: Range<usize>, exported: i64, sink: &mut impl FnMut(&[u8])) {
        let Self { options, message, announced, left_out } = self;
        message.begin_export(exported);
        let mut writer = RowWriter::default();
        let mut row = rows.start;
        let end = rows.end.min(flows.rows());
        while row < end {
            announced.limit();
            let pair = options.protocol == TemplateProtocol::Ipfix && row + 1 < end && biflow::is_pair(flows, row);
            let mut template_id = |fields: &[Field]| announced.id(message, None, fields);
            let mut target = Target { protocol: options.protocol, registry: &options.registry, template_id: &mut template_id };
            *left_out += writer.write(flows, row, pair, exported, options.boot_time, &mut target);
            if !writer.fields.is_empty() {
                let id = announced.id(message, None, &writer.fields);
                *left_out += u64::from(!message.record(id, &writer.octets, sink));
            }
            row += if pair { 2 } else { 1 };
        }
        message.finish(sink);
    }

    /// Encodes options records, and hands each message to `sink`.
    pub fn encode_options(&mut self, rows: &OptionsBatch, exported: i64, sink: &mut impl FnMut(&[u8])) {
        let Self { options, message, announced, left_out } = self;
        message.begin_export(exported);
        for row in 0..rows.rows() {
            announced.limit();
            let mut template_id = |fields: &[Field]| announced.id(message, None, fields);
            let mut target = Target { protocol: options.protocol, registry: &options.registry, template_id: &mut template_id };
            let record = options::record(rows, row, &mut target);
            *left_out += record.left_out;
            // A record of no scope, or of nothing but scope, cannot be told.
            if record.scope > 0 && record.fields.len() > usize::from(record.scope) {
                let id = announced.id(message, Some(record.scope), &record.fields);
                *left_out += u64::from(!message.record(id, &record.octets, sink));
            }
        }
        message.finish(sink);
    }

    /// Announces every template again when it is next needed, as over UDP from time to time.
    pub fn announce_again(&mut self) {
        self.announced.ids.clear();
    }

    /// Values that the protocol has no element for, since the beginning.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// The templates announced so far.
#[derive(Debug, Default)]
struct Announced {
    /// Ids, by scope and fields.
    ids: HashMap<(Option<u16>, Vec<Field>), u16>,
}

impl Announced {
    /// The id of a template; it is announced if it is new.
    fn id(&mut self, message: &mut MessageWriter, scope: Option<u16>, fields: &[Field]) -> u16 {
        let next = FIRST_ID + self.ids.len() as u16;
        let key = (scope, fields.to_vec());
        *self.ids.entry(key).or_insert_with(|| {
            message.announce(next, scope, fields);
            next
        })
    }

    /// Begins anew once there are many. Not while a record is written: its lists refer to templates.
    fn limit(&mut self) {
        if self.ids.len() >= TEMPLATE_LIMIT {
            self.ids.clear();
        }
    }
}

#[cfg(test)]
mod tests;
