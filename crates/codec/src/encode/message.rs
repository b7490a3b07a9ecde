//! Messages in the making: headers, template sets and data sets, within the limit of a datagram.

use weir_record::ElementId;
use weir_record::flow::PEN_NETFLOW9_HIGH;

use super::{EncodeOptions, TemplateProtocol};
use crate::template::{Field, PEN_NETFLOW9_SCOPE};
use crate::{ipfix, netflow9};

/// No message is longer: the length field has 16 bits, and so has that of a UDP datagram.
const LONGEST: usize = 65_507;
const SET_HEADER: usize = 4;

/// One message, and what follows from one to the next.
#[derive(Debug)]
pub(super) struct MessageWriter {
    protocol: TemplateProtocol,
    domain: u32,
    boot_time: i64,
    limit: usize,
    /// Header and sets.
    octets: Vec<u8>,
    /// Where the set that is being written begins, and its id.
    set: Option<(usize, u16)>,
    /// Records in this message.
    records: u32,
    /// Records (IPFIX) or messages (NetFlow v9) before this one.
    sequence: u32,
    /// Time of export, nanoseconds since 1970.
    exported: i64,
    /// Template records that go before the next record, with the ids of their sets.
    templates: Vec<(u16, Vec<u8>)>,
    /// Messages handed over since the beginning.
    messages: u64,
    /// Records in them.
    total_records: u64,
}

impl MessageWriter {
    pub(super) fn new(options: &EncodeOptions) -> Self {
        Self {
            protocol: options.protocol,
            domain: options.domain,
            boot_time: options.boot_time,
            limit: options.payload_limit.clamp(64, LONGEST),
            octets: Vec::new(),
            set: None,
            records: 0,
            sequence: 0,
            exported: 0,
            templates: Vec::new(),
            messages: 0,
            total_records: 0,
        }
    }

    /// A new session counts its messages or records from 0 on (RFC 7011, section 3.1).
    pub(super) const fn restart_sequence(&mut self) {
        self.sequence = 0;
    }

    pub(super) const fn messages(&self) -> u64 {
        self.messages
    }

    pub(super) const fn total_records(&self) -> u64 {
        self.total_records
    }

    pub(super) const fn begin_export(&mut self, exported: i64) {
        self.exported = exported;
    }

    /// Announces a template before the next record.
    pub(super) fn announce(&mut self, id: u16, scope: Option<u16>, fields: &[Field]) {
        let set = match (self.protocol, scope) {
            (TemplateProtocol::NetFlow9, None) => 0,
            (TemplateProtocol::NetFlow9, Some(_)) => 1,
            (TemplateProtocol::Ipfix, None) => 2,
            (TemplateProtocol::Ipfix, Some(_)) => 3,
        };
        let mut template = Vec::new();
        write_template(&mut template, self.protocol, id, scope, fields);
        self.templates.push((set, template));
    }

    /// Adds a record, and before it the templates that were announced. False where it fits no message.
    pub(super) fn record(&mut self, id: u16, record: &[u8], sink: &mut impl FnMut(&[u8])) -> bool {
        // The header and the padding of each set, at the most.
        let around = SET_HEADER + 3;
        if !self.templates.is_empty() {
            let templates: usize = self.templates.iter().map(|(_, template)| template.len() + around).sum();
            self.make_room(templates + record.len() + around, sink);
            for (set, template) in std::mem::take(&mut self.templates) {
                self.open_set(set);
                self.octets.extend_from_slice(&template);
                // NetFlow v9 counts them in the header, IPFIX does not in its sequence.
                self.records += u32::from(self.protocol == TemplateProtocol::NetFlow9);
            }
        }
        // What does not fit together goes one after the other.
        self.make_room(record.len() + around, sink);
        if self.header() + record.len() + around > LONGEST {
            return false;
        }
        self.open_set(id);
        self.octets.extend_from_slice(record);
        self.records += 1;
        self.total_records += 1;
        true
    }

    /// Hands the message over if so many octets more would be too many.
    fn make_room(&mut self, needed: usize, sink: &mut impl FnMut(&[u8])) {
        if !self.octets.is_empty() && self.octets.len() + needed > self.limit {
            self.finish(sink);
        }
    }

    /// Hands the message over, if anything is in it.
    pub(super) fn finish(&mut self, sink: &mut impl FnMut(&[u8])) {
        self.close_set();
        if self.octets.is_empty() {
            return;
        }
        let seconds = u32::try_from(self.exported.div_euclid(1_000_000_000)).unwrap_or(0);
        let uptime = ((i64::from(seconds) * 1_000_000_000 - self.boot_time) / 1_000_000) as u32;
        let length = self.octets.len() as u16;
        let count = u16::try_from(self.records).unwrap_or(u16::MAX);
        let version: u16 = if self.protocol == TemplateProtocol::NetFlow9 { 9 } else { 10 };
        let (second, clock) = match self.protocol {
            TemplateProtocol::NetFlow9 => (count, Some(uptime)),
            TemplateProtocol::Ipfix => (length, None),
        };
        let shorts = version.to_be_bytes().into_iter().chain(second.to_be_bytes());
        let longs = clock.into_iter().chain([seconds, self.sequence, self.domain]).flat_map(u32::to_be_bytes);
        self.octets.iter_mut().zip(shorts.chain(longs)).for_each(|(place, octet)| *place = octet);
        sink(&self.octets);
        self.sequence = self.sequence.wrapping_add(match self.protocol {
            TemplateProtocol::NetFlow9 => 1,
            TemplateProtocol::Ipfix => self.records,
        });
        self.messages += 1;
        self.octets.clear();
        self.records = 0;
    }

    const fn header(&self) -> usize {
        match self.protocol {
            TemplateProtocol::NetFlow9 => netflow9::HEADER,
            TemplateProtocol::Ipfix => ipfix::HEADER,
        }
    }

    /// Goes on with the set of that id, or begins it.
    fn open_set(&mut self, id: u16) {
        if self.set.is_some_and(|(_, open)| open == id) {
            return;
        }
        self.close_set();
        if self.octets.is_empty() {
            self.octets.resize(self.header(), 0);
        }
        self.set = Some((self.octets.len(), id));
        self.octets.extend_from_slice(&id.to_be_bytes());
        self.octets.extend_from_slice(&[0; 2]);
    }

    fn close_set(&mut self) {
        let Some((start, _)) = self.set.take() else {
            return;
        };
        // RFC 3954, section 5.3: sets end at a multiple of four octets.
        if self.protocol == TemplateProtocol::NetFlow9 {
            let unpadded = self.octets.len() - start;
            self.octets.resize(start + unpadded.next_multiple_of(4), 0);
        }
        let length = ((self.octets.len() - start) as u16).to_be_bytes();
        if let Some(place) = self.octets.get_mut(start + 2..start + 4) {
            place.copy_from_slice(&length);
        }
    }
}

/// Appends a template record.
pub(crate) fn write_template(out: &mut Vec<u8>, protocol: TemplateProtocol, id: u16, scope: Option<u16>, fields: &[Field]) {
    let put = |out: &mut Vec<u8>, number: u16| out.extend_from_slice(&number.to_be_bytes());
    let count = fields.len() as u16;
    put(out, id);
    match (protocol, scope) {
        (_, None) => put(out, count),
        // Here both counts are octets (RFC 3954, section 6.1).
        (TemplateProtocol::NetFlow9, Some(scope)) => {
            put(out, scope * 4);
            put(out, (count - scope) * 4);
        }
        (TemplateProtocol::Ipfix, Some(scope)) => {
            put(out, count);
            put(out, scope);
        }
    }
    for field in fields {
        match (protocol, field.element) {
            (TemplateProtocol::Ipfix, ElementId { pen, id }) if pen != 0 => {
                put(out, id | 0x8000);
                put(out, field.length);
                out.extend_from_slice(&pen.to_be_bytes());
            }
            (_, ElementId { pen, id }) => {
                put(out, if pen == PEN_NETFLOW9_HIGH { id | 0x8000 } else { id });
                put(out, field.length);
            }
        }
    }
}

/// Whether an element can stand in a template of the protocol.
pub(super) const fn can_carry(protocol: TemplateProtocol, element: ElementId) -> bool {
    match protocol {
        TemplateProtocol::Ipfix => element.pen < weir_record::flow::PEN_NETFLOW9 && element.pen != PEN_NETFLOW9_SCOPE,
        TemplateProtocol::NetFlow9 => {
            matches!(element.pen, 0 | weir_record::flow::PEN_NETFLOW9 | PEN_NETFLOW9_HIGH | PEN_NETFLOW9_SCOPE)
        }
    }
}
