//! A template made ready: one straight list of steps, each of which writes one column for all records of a set.

use weir_record::registry::DataType;
use weir_record::{Column, ElementId};

use super::Template;
use super::cells::Shape;
use super::text::Described;

/// A template and what is done with its records.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) template: Template,
    /// The octets that announced it, to see a repeat at once.
    pub(crate) raw: Box<[u8]>,
    pub(crate) shape: Shape,
    /// Every field, ready to be shown.
    pub(crate) described: Vec<Described>,
    /// Elements that are known by number only.
    pub(crate) unknown: Box<[ElementId]>,
    pub(crate) forward: Plan,
    /// The responder's half, where records are two-way.
    pub(crate) reverse: Option<Plan>,
}

impl Program {
    /// Octets that it takes, about.
    pub(crate) fn octets(&self) -> usize {
        const TEMPLATE: usize = 1024;
        const FIELD: usize = 256;
        TEMPLATE + FIELD * self.template.fields.len()
    }
}

/// What is written for one direction of a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Columns that take an unsigned number over, and the fields they take it from: most columns of most templates. They come
    /// before the steps.
    pub(crate) numbers: Vec<(Column, usize)>,
    pub(crate) steps: Vec<Step>,
    /// Fields that no column covers.
    pub(crate) extras: Vec<Extra>,
    /// The field that holds the head of a packet.
    pub(crate) frame: Option<FrameField>,
    /// True where some extra is an uptime, which only stands there while the boot time is unknown.
    pub(crate) has_uptime: bool,
}

/// A field that goes to `extra`.
#[derive(Clone, Debug)]
pub(crate) struct Extra {
    pub(crate) field: usize,
    /// `"name":`
    pub(crate) key: Vec<u8>,
    pub(crate) data_type: DataType,
    /// An uptime: a column takes it as soon as the boot time is known.
    pub(crate) uptime: bool,
    /// All bits set mean absent.
    pub(crate) all_ones_absent: bool,
}

/// One step of a plan: what to write, and from which fields (by place in the template).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An unsigned number with a value that means absent.
    NumberExcept { column: Column, field: usize, absent: Absent },
    /// An unsigned number of which some bits count.
    NumberMasked { column: Column, field: usize, mask: u64 },
    /// IPv4 addresses.
    Address4 { column: Column, field: usize },
    /// IPv6 addresses.
    Address6 { column: Column, field: usize },
    /// Addresses of either family in 16 octets, IPv4 mapped; `::` is absent.
    AddressMapped { column: Column, field: usize },
    /// One of so many words, by its number; other numbers are absent.
    Word { column: Column, field: usize, words: usize },
    /// A list of numbers (RFC 6313, section 4.5.1); an empty one is absent.
    List { column: Column, field: usize },
    /// Which half of a connection a one-way record is (element 239).
    BiflowDirection { field: usize },
    /// Addresses of the family that the record is of.
    AddressEither { column: Column, v4: usize, v6: usize, version: Option<usize> },
    /// The IP version where the template alone tells it.
    IpVersion(u8),
    /// The IP version by the source address, or the destination where there is no source.
    IpVersionOfAddress,
    /// A text.
    Text { column: Column, field: usize, form: TextForm },
    /// A point in time.
    Time { column: Column, field: usize, form: TimeForm },
    /// The end by a duration, in units of so many nanoseconds.
    EndByDuration { field: usize, unit: i64 },
    /// The end where nothing tells it.
    EndIsStart,
    /// ICMP type and code in one number, for IPv4 and IPv6.
    IcmpTypeCode { v4: Option<usize>, v6: Option<usize> },
    /// ICMP type and code in the destination port.
    IcmpOfPort,
    /// MPLS label stack entries.
    Mpls { fields: Vec<usize> },
    /// Octets less 18 a packet, where only layer-2 octets are told.
    EstimateBytes { field: usize },
    /// The sampling rate.
    Sampling(Sampling),
    /// An event where the firewall event says so.
    FirewallKind { field: usize },
    /// An event where the NAT event says so.
    NatKind { field: usize },
    /// The database engine whose fields the template has.
    SqlEngine(&'static str),
    /// Names of options data, by what the record refers to.
    Names { app: Option<usize>, sampler: Option<usize> },
}

/// A value that means absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// This number.
    Value(u64),
    /// All bits set, in the length of the field.
    AllOnes,
}

/// How octets become a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// UTF-8, without NULs at the end.
    Utf8,
    /// Hexadecimal.
    Hex,
    /// An unsigned number; `true` where all bits set mean absent.
    Number(bool),
    /// Classification engine and selector (RFC 6759, section 4.1).
    AppId,
    /// The code of a SIP method.
    SipMethod,
}

/// How octets become a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeForm {
    Seconds,
    Milliseconds,
    NtpMicroseconds,
    NtpNanoseconds,
    /// Microseconds before the export time of the message.
    DeltaMicroseconds,
    /// Milliseconds of the exporter's uptime; the field of element 160 tells the boot time where there is one.
    Uptime {
        boot: Option<usize>,
    },
}

/// Where the sampling rate is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// In the record: 1 in N.
    Interval(usize),
    /// In the record: of `of` + `space` packets, `of` were taken (elements 305, 306).
    Space { of: usize, space: usize },
    /// In the record: of `population` packets, `size` were taken (elements 309, 310).
    Population { size: usize, population: usize },
    /// In options data, by the sampler or selector that the record names.
    Sampler(usize),
    /// In options data, by interface or for the whole domain.
    Session,
}

/// A field that holds the head of a packet, for the columns that no other field fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameField {
    pub(crate) field: usize,
    pub(crate) kind: FrameKind,
    /// The field that tells the packet's whole length (element 312).
    pub(crate) size: Option<usize>,
}

/// What octets of a packet a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// From the link layer on; element 408 tells which, Ethernet where there is none.
    Link { kind: Option<usize> },
    /// From the IP header on.
    Ip,
}
