//! What an exporter says of itself in options data: sampling, interfaces, losses, its own elements.

use std::fmt::Write;
use std::net::IpAddr;

use weir_record::OptionsBatch;
use weir_record::registry::DataType;
use weir_record::value::write_time;
use weir_record::write::json::write_string;

use super::{EncodeOptions, TemplateProtocol};
use crate::private;

/// One statement. Counters are totals since the exporter started.
#[derive(Clone, Copy, Debug)]
pub enum Statement<'a> {
    /// One packet in `interval` is metered, of the whole domain: elements 34 and 35 as every collector reads them, and in IPFIX the selector that
    /// RFC 5477, section 8.2, has in their place.
    Sampling {
        /// 1 in N.
        interval: u32,
        /// Packets are chosen at random rather than by count.
        random: bool,
    },
    /// The name and description of an interface (elements 82, 83).
    Interface {
        /// The number that records have.
        index: u32,
        /// As `eth0`.
        name: &'a str,
        /// What people call it; may be empty.
        description: &'a str,
    },
    /// What was exported (RFC 7011, section 4.1): elements 41, 42, 40.
    Exported {
        /// Messages.
        messages: u64,
        /// Flow records.
        records: u64,
        /// Octets of messages.
        octets: u64,
    },
    /// Packets that were seen and not metered (RFC 7011, section 4.2): elements 164, 165.
    Ignored(Lost),
    /// What was metered and not sent (RFC 7011, section 4.3): elements 166, 167, 168, of the exporter with this address.
    NotSent {
        /// Address that the exporter sends from; without it the exporting process is told by its number, 0.
        exporter: Option<IpAddr>,
        /// Flow records.
        flows: u64,
        /// Their packets and octets, and when.
        lost: Lost,
    },
    /// The names and types of our own elements (RFC 5610); nothing without a private enterprise number.
    PrivateElements,
}

/// What was lost, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Packets.
    pub packets: u64,
    /// Octets of layer 3.
    pub octets: u64,
    /// When the first and the last were lost, nanoseconds since 1970.
    pub between: Option<(i64, i64)>,
}

impl Statement<'_> {
    /// Appends the options records of the statement.
    pub(super) fn write(&self, rows: &mut OptionsBatch, options: &EncodeOptions) {
        let is_netflow9 = options.protocol == TemplateProtocol::NetFlow9;
        // NetFlow v9 tells statements of the whole exporter by the scope "system" (RFC 3954, section 6.1).
        let domain = || match is_netflow9 {
            true => Members::default().hex("system", options.domain),
            false => Members::default().number("observationDomainId", options.domain),
        };
        match *self {
            Self::Sampling { interval, random } => {
                let algorithm: u8 = if random { 2 } else { 1 };
                add(
                    rows,
                    domain(),
                    Members::default().number("samplingInterval", interval).number("samplingAlgorithm", algorithm),
                );
                if !is_netflow9 {
                    add(rows, Members::default().number("selectorId", 1u8), selector(interval, random));
                }
            }
            Self::Interface { index, name, description } => {
                let scope = match is_netflow9 {
                    true => Members::default().hex("interface", index),
                    false => Members::default().number("ingressInterface", index),
                };
                add(rows, scope, Members::default().text("interfaceName", name).text("interfaceDescription", description));
            }
            Self::Exported { messages, records, octets } => {
                let values = Members::default().number("exportedMessageTotalCount", messages);
                let values = values.number("exportedFlowRecordTotalCount", records).number("exportedOctetTotalCount", octets);
                add(rows, domain(), values);
            }
            Self::Ignored(lost) => {
                let values = Members::default().number("ignoredPacketTotalCount", lost.packets);
                add(rows, domain(), values.number("ignoredOctetTotalCount", lost.octets).times(lost.between));
            }
            Self::NotSent { exporter, flows, lost } => {
                let scope = match exporter.filter(|_| !is_netflow9) {
                    Some(IpAddr::V4(address)) => Members::default().text("exporterIPv4Address", &address.to_string()),
                    Some(IpAddr::V6(address)) => Members::default().text("exporterIPv6Address", &address.to_string()),
                    None if is_netflow9 => domain(),
                    None => Members::default().number("exportingProcessId", 0u8),
                };
                let values = Members::default().number("notSentFlowTotalCount", flows);
                let values = values.number("notSentPacketTotalCount", lost.packets).number("notSentOctetTotalCount", lost.octets);
                add(rows, scope, values.times(lost.between));
            }
            Self::PrivateElements => {
                let Some(pen) = options.private_enterprise.filter(|_| !is_netflow9) else { return };
                for element in private::elements() {
                    let scope =
                        Members::default().number("privateEnterpriseNumber", pen).number("informationElementId", element.id);
                    let values = Members::default().number("informationElementDataType", type_code(element.data_type));
                    let values = values.number("informationElementSemantics", semantics(element.data_type));
                    add(rows, scope, values.text("informationElementName", element.name));
                }
            }
        }
    }
}

fn add(rows: &mut OptionsBatch, scope: Members, values: Members) {
    let row = rows.rows();
    rows.scope.push(row, &scope.finish());
    rows.values.push(row, &values.finish());
    rows.advance(1);
}

/// The report of a selector (RFC 5476, section 6.5.2; algorithms of RFC 5477, section 8.2.1).
fn selector(interval: u32, random: bool) -> Members {
    if random {
        // Random n out of N.
        let values = Members::default().number("selectorAlgorithm", 3u8);
        return values.number("samplingSize", 1u8).number("samplingPopulation", interval);
    }
    // Systematic, by count.
    let values = Members::default().number("selectorAlgorithm", 1u8);
    values.number("samplingPacketInterval", 1u8).number("samplingPacketSpace", interval.saturating_sub(1))
}

/// The number of a type in the registry of types (RFC 5610, section 3.1): the order of their names here is that of the registry.
fn type_code(data_type: DataType) -> u8 {
    DataType::NAMES.iter().position(|(_, known)| *known == data_type).unwrap_or(0) as u8
}

/// Quantities are the numbers of more than 8 bits; codes are the rest (RFC 5610, section 3.6: 0 default, 1 quantity; RFC 6313: 6 list).
const fn semantics(data_type: DataType) -> u8 {
    match data_type {
        DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 => 1,
        DataType::BasicList => 6,
        _ => 0,
    }
}

/// The members of an object in the making, as decoding shows options records.
#[derive(Default)]
struct Members(Vec<u8>);

impl Members {
    fn number(mut self, name: &str, value: impl Into<u64>) -> Self {
        self.name(name);
        self.0.extend_from_slice(value.into().to_string().as_bytes());
        self
    }

    /// A scope of NetFlow v9, which is shown in octets.
    fn hex(self, name: &str, value: u32) -> Self {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = write!(text, "{value:08x}");
        self.text(name, &text)
    }

    fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        write_string(&mut self.0, value.as_bytes());
        self
    }

    /// The first and the last time, under one name as the standard has it.
    fn times(mut self, between: Option<(i64, i64)>) -> Self {
        let Some((first, last)) = between else { return self };
        for (name, time) in [("observationTimeMilliseconds", first), ("observationTimeMilliseconds_2", last)] {
            self.name(name);
            self.0.push(b'"');
            write_time(&mut self.0, time);
            self.0.push(b'"');
        }
        self
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        write_string(&mut self.0, name.as_bytes());
        self.0.push(b':');
    }

    fn finish(mut self) -> String {
        self.0.push(b'}');
        // Only whole texts were written.
        String::from_utf8(self.0).unwrap_or_default()
    }
}
