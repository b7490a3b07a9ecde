//! What was wrong with a message: a reason from a closed set, and where.

use std::fmt;

use weir_wire::Short;

/// Makes the reasons, their names and their explanations from one list.
macro_rules! reasons {
    ($($name:ident $text:literal $doc:literal;)*) => {
        /// Why something in a message could not be taken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $( #[doc = $doc] $name ),* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Reason] = &[ $( Reason::$name ),* ];

            /// The reason's name in counters and statistics.
            pub const fn name(self) -> &'static str {
                match self { $( Reason::$name => $text ),* }
            }

            /// What it means, for the manual.
            pub const fn meaning(self) -> &'static str {
                match self { $( Reason::$name => $doc ),* }
            }
        }
    };
}

reasons! {
    IncompleteDatagram "incomplete_datagram" "Fragments of a datagram that did not all come, or contradicted each other.";
    UnknownProtocol "unknown_protocol" "The datagram begins like no flow protocol.";
    Truncated "truncated" "The message ends before something that its lengths or counts promise.";
    BadMessageLength "bad_message_length" "The length of the message in its header is impossible, or not that of the datagram.";
    BadCount "bad_count" "The header promises more records than a message of its kind can hold, or than there are octets for.";
    BadSetLength "bad_set_length" "The length of a set is below 4 or goes past the message.";
    BadSetId "bad_set_id" "The set id is reserved.";
    BadTemplateId "bad_template_id" "A template has an id below 256.";
    BadTemplate "bad_template" "A template cannot describe a record: no fields, no octets, or a scope wider than the template.";
    TemplateTooWide "template_too_wide" "A template has more fields than the limit.";
    TooManyTemplates "too_many_templates" "An exporter has announced more templates than the limit; the oldest were dropped.";
    TooManyNames "too_many_names" "Options data tells of more interfaces, samplers, applications or routing instances than the limit; what it tells of a further one is not kept.";
    TooManySessions "too_many_sessions" "More exporters than the limit; the one silent for longest was dropped.";
    BadFieldLength "bad_field_length" "A field of varying length goes past its set.";
    BadList "bad_list" "A structured field (RFC 6313) contradicts itself; the rest of the record stands.";
    ShortRecord "short_record" "Octets are left at the end of a set that are no record and no padding.";
    UnknownTemplate "unknown_template" "Data whose template did not come in time.";
    PendingFull "pending_full" "Data before its template that found no room to wait.";
    BadSample "bad_sample" "An sFlow sample contradicts its length.";
    BadStructure "bad_structure" "An sFlow structure contradicts its length; the rest of the sample stands.";
    BadAddressType "bad_address_type" "An address is of a type that the protocol does not know.";
    BadIpVersion "bad_ip_version" "A FastNetMon record is neither IPv4 nor IPv6.";
    BadAddressLength "bad_address_length" "A FastNetMon IPv6 address is not 16 octets long.";
    BadEncoding "bad_encoding" "A FastNetMon message is not a legal Cap'n Proto message.";
    TrailingOctets "trailing_octets" "Octets follow the end of the message.";
    BadFrame "bad_frame" "A stream frame has an impossible length; the stream cannot be read on.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was wrong.
    pub reason: Reason,
    /// Offset in the message of the first octet of the offending field.
    pub offset: usize,
    /// The value seen there: a length, a count, an id.
    pub seen: u64,
}

impl Fault {
    /// A fault at an offset.
    pub const fn new(reason: Reason, offset: usize, seen: u64) -> Self {
        Self { reason, offset, seen }
    }

    /// Octets that are not there: the offset is where they would begin, the value how many were wanted.
    pub const fn truncated(short: Short) -> Self {
        Self { reason: Reason::Truncated, offset: short.offset, seen: short.wanted as u64 }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {} (seen: {})", self.reason, self.offset, self.seen)
    }
}

/// Faults by reason since the beginning, and the last message's in full.
#[derive(Clone, Debug)]
pub struct Faults {
    counts: [u64; Reason::ALL.len()],
    recent: Vec<Fault>,
}

impl Faults {
    /// Faults of one message that are kept in full; further ones are only counted.
    pub const RECENT_LIMIT: usize = 64;

    /// Counts a fault.
    #[cold]
    pub fn add(&mut self, fault: Fault) {
        self.counts[fault.reason as usize] += 1;
        if self.recent.len() < Self::RECENT_LIMIT {
            self.recent.push(fault);
        }
    }

    /// Adds how often others have met each reason.
    pub fn add_counts(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, other)| *count += other);
    }

    /// How often a reason was met.
    pub const fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize]
    }

    /// How often any reason was met.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Reasons that were met, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.iter().map(|reason| (*reason, self.count(*reason))).filter(|(_, count)| *count > 0)
    }

    /// The faults of the message decoded last, at most [`Faults::RECENT_LIMIT`].
    pub fn recent(&self) -> &[Fault] {
        &self.recent
    }

    /// Begins a new message: forgets the recent faults, keeps the counts.
    pub fn begin_message(&mut self) {
        self.recent.clear();
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self { counts: [0; Reason::ALL.len()], recent: Vec::new() }
    }
}
