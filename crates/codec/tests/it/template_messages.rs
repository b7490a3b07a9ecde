//! Messages of NetFlow v9 and IPFIX made octet by octet, and a decoder to feed them to: a plain tool for the tests beside it.

use serde_json::{Map, Value};
use weir_codec::{Config, Datagram, Decoder, Limits, Output, Reason};
use weir_record::write::json::JsonWriter;
use weir_record::{Address, FlowBatch, Table};

/// Export time of the messages made here: 2023-11-14T22:13:20Z.
pub(crate) const SECONDS: u32 = 1_700_000_000;
/// The same in nanoseconds, which is also when they arrive.
pub(crate) const NOW: i64 = SECONDS as i64 * 1_000_000_000;
/// Uptime in the headers of NetFlow v9, milliseconds.
pub(crate) const UPTIME: u32 = 1_000_000;
/// The enterprise number of reverse elements (RFC 5103).
pub(crate) const REVERSE: u32 = 29305;
/// A field of varying length.
pub(crate) const VARIES: u16 = u16::MAX;

/// Element or field type, length, enterprise number.
pub(crate) type Field = (u16, u16, u32);

/// A field of an element of the standard.
pub(crate) const fn ie(id: u16, length: u16) -> Field {
    (id, length, 0)
}

/// Octets written as hexadecimal digits; blanks mean nothing.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|octet| *octet != b' ').collect();
    let digit = |octet: u8| (octet as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Octets with one octet of length in front (RFC 7011, section 7).
pub(crate) fn short(octets: &[u8]) -> Vec<u8> {
    [&[u8::try_from(octets.len()).unwrap()], octets].concat()
}

fn specifiers(fields: &[Field]) -> Vec<u8> {
    let specifier = |(id, length, pen): &Field| match pen {
        0 => [id.to_be_bytes(), length.to_be_bytes()].concat(),
        pen => [&(id | 0x8000).to_be_bytes()[..], &length.to_be_bytes(), &pen.to_be_bytes()].concat(),
    };
    fields.iter().flat_map(specifier).collect()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A template record.
pub(crate) fn template(id: u16, fields: &[Field]) -> Vec<u8> {
    [words(&[id, fields.len() as u16]), specifiers(fields)].concat()
}

/// An options template record of IPFIX; the first `scope` fields are the scope.
pub(crate) fn options(id: u16, scope: u16, fields: &[Field]) -> Vec<u8> {
    [words(&[id, fields.len() as u16, scope]), specifiers(fields)].concat()
}

/// An options template record of NetFlow v9.
pub(crate) fn options9(id: u16, scope: &[Field], fields: &[Field]) -> Vec<u8> {
    [words(&[id, 4 * scope.len() as u16, 4 * fields.len() as u16]), specifiers(scope), specifiers(fields)].concat()
}

/// A set of this id.
pub(crate) fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [words(&[id, body.len() as u16 + 4]), body.to_vec()].concat()
}

/// An IPFIX message, 16 octets of header.
pub(crate) fn ipfix(domain: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let sets = sets.concat();
    let length = sets.len() as u16 + 16;
    [&words(&[10, length])[..], &SECONDS.to_be_bytes(), &0_u32.to_be_bytes(), &domain.to_be_bytes(), &sets].concat()
}

/// A NetFlow v9 message, 20 octets of header.
pub(crate) fn netflow9(domain: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let head = [UPTIME.to_be_bytes(), SECONDS.to_be_bytes(), [0; 4], domain.to_be_bytes()].concat();
    [words(&[9, sets.len() as u16]), head, sets.concat()].concat()
}

/// A copy with one 16-bit word overwritten.
pub(crate) fn with_word(message: &[u8], at: usize, word: u16) -> Vec<u8> {
    let mut message = message.to_vec();
    message[at..at + 2].copy_from_slice(&word.to_be_bytes());
    message
}

/// A decoder, and where and when its next message comes from.
pub(crate) struct Collector {
    pub(crate) decoder: Decoder,
    pub(crate) out: Output,
    pub(crate) from: Address,
    pub(crate) port: u16,
    pub(crate) stream: Option<u64>,
    pub(crate) received: i64,
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let decoder = Decoder::new(Config { limits, ..Config::default() });
        Self { decoder, out: Output::default(), from: Address::v4(0xc000_0201), port: 2055, stream: None, received: NOW }
    }

    /// Decodes a message; gives its flow rows as JSON, whole.
    pub(crate) fn feed(&mut self, message: &[u8]) -> Vec<Value> {
        self.out.clear();
        let Self { from, port, stream, received, .. } = *self;
        self.decoder.decode(&Datagram { payload: message, from, port, stream, received }, &mut self.out);
        self.out.finish();
        json(&self.out.flows)
    }

    /// Decodes a message; gives its rows without what is the same for all rows of a message, and without times that were not
    /// sent.
    pub(crate) fn rows(&mut self, message: &[u8]) -> Vec<Value> {
        let mut rows = self.feed(message);
        for row in &mut rows {
            let row = row.as_object_mut().unwrap();
            for column in ["time_received", "format", "exporter", "received_from", "received_port", "obs_domain"] {
                assert!(row.remove(column).is_some(), "{column} is absent");
            }
        }
        rows
    }

    /// The values of one column in the rows of a message.
    pub(crate) fn column(&mut self, column: &str, message: &[u8]) -> Vec<Value> {
        self.feed(message).into_iter().map(|mut row| row[column].take()).collect()
    }

    /// The options records of the message decoded last: scope and values.
    pub(crate) fn options(&self) -> Vec<(Value, Value)> {
        json(&self.out.options).into_iter().map(|mut row| (row["scope"].take(), row["values"].take())).collect()
    }

    /// The faults of the message decoded last: reason, offset, value seen.
    pub(crate) fn faults(&self) -> Vec<(Reason, usize, u64)> {
        self.decoder.stats().faults.recent().iter().map(|fault| (fault.reason, fault.offset, fault.seen)).collect()
    }

    pub(crate) fn count(&self, reason: Reason) -> u64 {
        self.decoder.stats().faults.count(reason)
    }

    pub(crate) fn pending(&self) -> u64 {
        self.decoder.stats().pending
    }
}

/// The rows of a batch as JSON.
pub(crate) fn json<T: Table>(batch: &T) -> Vec<Value> {
    let mut text = Vec::new();
    JsonWriter::new().write(&mut text, batch, 0..batch.rows());
    text.split(|octet| *octet == b'\n').take(batch.rows()).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// An IPFIX message with a template and a set of its data.
pub(crate) fn template_and_data(fields: &[Field], data: &[u8]) -> Vec<u8> {
    ipfix(7, &[set(2, &template(256, fields)), set(256, data)])
}

/// The rows of a template and its data in IPFIX, without what is the same for all rows; there must be no fault.
pub(crate) fn rows(fields: &[Field], data: &str) -> Vec<Value> {
    let mut collector = Collector::new();
    let rows = collector.rows(&template_and_data(fields, &hex(data)));
    assert_eq!(collector.faults(), [], "{fields:?}");
    rows
}

/// The only row of a template and one record in IPFIX.
pub(crate) fn row(fields: &[Field], data: &str) -> Value {
    let mut rows = rows(fields, data);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// The only row of a template and one record in NetFlow v9.
pub(crate) fn row9(fields: &[Field], data: &str) -> Value {
    let mut collector = Collector::new();
    let mut rows = collector.rows(&netflow9(7, &[set(0, &template(256, fields)), set(256, &hex(data))]));
    assert_eq!(collector.faults(), [], "{fields:?}");
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// The members of an object, or nothing.
pub(crate) fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// No column holds more rows than the batch.
pub(crate) fn assert_columns_fit(flows: &FlowBatch) {
    for column in flows.filled() {
        assert!(flows.column(column).validity().len() <= flows.rows(), "{}", column.name());
    }
}
