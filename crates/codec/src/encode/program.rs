//! A pattern made ready: which field carries each value of such rows, and how it is written.
//!
//! Few templates are better than short records (decision 9): columns that come together stand in one group, and where one of them has a value the
//! template has them all, as far as their elements can say that a value is absent.

use weir_record::flow::{PEN_CESNET, PEN_FLOWMON};
use weir_record::registry::DataType;
use weir_record::{Column, ColumnType, ElementId};

use super::message::can_carry;
use super::pattern::{Columns, Pattern, TIMES, TimeForm, is_v6};
use super::{EncodeOptions, TemplateProtocol};
use crate::private;
use crate::template::text::data_type;
use crate::template::{Field, VARIABLE_LENGTH, reverse_of};

/// What writes the records of one pattern.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) entries: Vec<Entry>,
    /// The fields of the entries; those of texts have no length of their own in NetFlow v9.
    pub(super) fields: Vec<Field>,
    /// Texts take room by their length, so that each record may need another template (NetFlow v9).
    pub(super) has_own_lengths: bool,
    /// Values of each row that no element carries.
    pub(super) left_out: u64,
    /// Place of its template among those announced, where all rows have the same.
    pub(super) template: Option<usize>,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where the value stands.
    pub(super) column: Column,
    /// In the responder's row, which is the next one.
    pub(super) responder: bool,
    pub(super) form: Form,
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// An unsigned number in the octets that the column has, no larger than `largest`; all bits set where there is none.
    Own8 {
        largest: u8,
    },
    Own16 {
        largest: u16,
    },
    Own32 {
        largest: u32,
    },
    Own64 {
        largest: u64,
    },
    /// One in fewer octets.
    Number {
        octets: u8,
        largest: u64,
        absent: u64,
    },
    /// A text that is a number.
    TextNumber {
        octets: u8,
        largest: u64,
        absent: u64,
    },
    /// The code of a SIP method; 0 where there is none.
    SipMethod {
        octets: u8,
        largest: u64,
    },
    Address4,
    Address6,
    /// Either family in 16 octets.
    MappedAddress,
    Text,
    /// Octets that the text has in hexadecimal.
    Hex,
    /// Engine and selector of a text `engine:selector`.
    ApplicationId,
    /// Those of an application by its name.
    ApplicationIdOfName,
    Time(TimeForm),
    /// That of both halves: the earlier start, the later end.
    TimeOfPair(TimeForm),
    /// One entry of an MPLS stack.
    Label(u8),
    /// A list of numbers, of this element.
    List(ElementId),
    /// Which half a one-way record is.
    BiflowDirection,
}

/// Columns that come together: where one has a value, all stand in the template that can be absent there.
const GROUPS: &[&[Column]] = &[
    &[
        Column::rtt,
        Column::rtt_client,
        Column::rtt_server,
        Column::tcp_handshake,
        Column::retransmissions,
        Column::out_of_order,
        Column::capture_duplicates,
        Column::zero_windows,
        Column::resets,
        Column::srt,
        Column::srt_min,
        Column::srt_max,
        Column::srt_count,
        Column::srt_sum,
        Column::srt_hist,
    ],
    &[
        Column::delay_min,
        Column::delay_avg,
        Column::delay_max,
        Column::delay_dev,
        Column::jitter_min,
        Column::jitter_avg,
        Column::jitter_max,
        Column::jitter_dev,
    ],
    &[Column::app, Column::app_source, Column::app_id, Column::app_name],
    &[
        Column::http_host,
        Column::http_method,
        Column::http_path,
        Column::http_user_agent,
        Column::http_content_type,
        Column::http_forwarded_for,
        Column::http_status,
        Column::http_count,
        Column::http_other_clients,
        Column::client_addr,
    ],
    &[
        Column::tls_sni,
        Column::tls_alpn,
        Column::tls_ja3,
        Column::tls_ja4,
        Column::tls_subject,
        Column::tls_issuer,
        Column::tls_version,
        Column::tls_cipher,
        Column::tls_setup,
    ],
    &[Column::dns_name, Column::dns_type, Column::dns_answers],
    &[Column::dhcp_type, Column::dhcp_host],
    &[Column::smtp_from, Column::smtp_to, Column::smtp_helo, Column::smtp_status],
    &[Column::sip_call_id, Column::sip_from, Column::sip_to, Column::sip_method],
    &[Column::rtp_codec, Column::rtp_jitter, Column::rtp_lost],
    &[Column::smb_command, Column::smb_tree, Column::smb_file],
    &[Column::sql_engine, Column::sql_user, Column::sql_database, Column::sql_statement, Column::sql_error],
    &[Column::tunnel_type, Column::tunnel_id, Column::tunnel_src, Column::tunnel_dst],
];

impl Program {
    pub(super) fn new(pattern: &Pattern, options: &EncodeOptions) -> Self {
        let mut compiler = Compiler { pattern, options, program: Self::default() };
        let wanted = widen(pattern.present);
        for column in Column::ALL.iter().copied() {
            if wanted.contains(column) {
                let is_present = pattern.present.contains(column);
                let written = compiler.column(column, false, is_present);
                compiler.program.left_out += u64::from(is_present && !written);
            }
            if pattern.reverse.contains(column) {
                let written = compiler.column(column, true, true);
                compiler.program.left_out += u64::from(!written);
            }
        }
        compiler.program
    }
}

/// The columns of a pattern, and those that come together with them.
fn widen(present: Columns) -> Columns {
    let mut wanted = present;
    for group in GROUPS.iter().filter(|group| group.iter().any(|column| present.contains(*column))) {
        group.iter().for_each(|column| wanted.insert(*column));
    }
    wanted
}

struct Compiler<'a> {
    pattern: &'a Pattern,
    options: &'a EncodeOptions,
    program: Program,
}

impl Compiler<'_> {
    /// The fields of a column; false where there is none that can carry it. One that is not present in these rows must have a way to say so.
    fn column(&mut self, column: Column, responder: bool, is_present: bool) -> bool {
        let pattern = self.pattern;
        match column {
            Column::biflow => pattern.reverse.is_empty() && self.fixed(column, 239, 1, Form::BiflowDirection),
            Column::time_start | Column::time_end | Column::event_time => self.time(column),
            Column::icmp_type => self.icmp(column, 176),
            Column::icmp_code => self.icmp(column, 177),
            // Labels stand in several elements, which reverse elements do not order.
            Column::mpls_labels if responder => false,
            Column::mpls_labels => {
                let elements = column.info().elements.iter().zip(0..pattern.labels);
                for (element, place) in elements {
                    self.push(column, responder, Field { element: *element, length: 3 }, Form::Label(place));
                }
                true
            }
            // The elements of the other columns say it.
            Column::sql_engine => pattern.sql_engine.is_some() && self.options.protocol == TemplateProtocol::Ipfix,
            Column::sql_user | Column::sql_database | Column::sql_statement | Column::sql_error => {
                let element = pattern.sql_engine.and_then(|engine| column.info().elements.get(usize::from(engine)));
                element.is_some_and(|element| self.can_carry(*element) && self.any(column, *element, responder, is_present))
            }
            Column::app => self.application(),
            Column::app_id if !is_present => self.application_id(),
            Column::app_name if !is_present => self.application_name(),
            Column::tcp_syn_size if !responder => {
                // Collectors of either kind show it.
                let written = self.element(column, responder, is_present);
                let short = ElementId::enterprise(PEN_FLOWMON, 80);
                self.can_carry(short) && self.any(column, short, responder, is_present) || written
            }
            _ => self.element(column, responder, is_present),
        }
    }

    /// A column of which the table says all.
    fn element(&mut self, column: Column, responder: bool, is_present: bool) -> bool {
        match self.choose(column, responder) {
            Some(element) => self.any(column, element, responder, is_present),
            None => false,
        }
    }

    /// The first element that the protocol can carry and the value fits: known ones, then one of ours.
    fn choose(&self, column: Column, responder: bool) -> Option<ElementId> {
        let of_family = |element: ElementId| match self.data_type(element) {
            DataType::Ipv4Address => !is_v6(self.pattern, column, responder),
            DataType::Ipv6Address => is_v6(self.pattern, column, responder),
            _ => true,
        };
        let is_address = column.info().column_type == ColumnType::Ip;
        let fits = |element: ElementId| {
            let element = if responder { reverse_of(element)? } else { element };
            (self.can_carry(element) && (!is_address || of_family(element))).then_some(element)
        };
        let elements = column.info().elements.iter().copied();
        let known = match column {
            // The collectors that show mail look for the other one.
            Column::smtp_from => elements.rev().find_map(fits),
            _ => elements.clone().find_map(fits),
        };
        let own = || private::element(self.options.private_enterprise?, column).filter(|element| self.can_carry(*element));
        known.or_else(|| own().filter(|_| !responder))
    }

    /// Adds a field of that element in the form that follows from both types.
    fn any(&mut self, column: Column, element: ElementId, responder: bool, is_present: bool) -> bool {
        let data_type = self.data_type(element);
        let column_type = column.info().column_type;
        if !is_present && !self.can_be_absent(element, data_type) {
            return false;
        }
        let (octets, largest, absent) = self.number(element, data_type, column_type);
        let number = match (column_type, octets) {
            (ColumnType::U8 | ColumnType::Bool | ColumnType::Enum(_), 1) => Form::Own8 { largest: largest as u8 },
            (ColumnType::U16, 2) => Form::Own16 { largest: largest as u16 },
            (ColumnType::U32, 4) => Form::Own32 { largest: largest as u32 },
            (ColumnType::U64, 8) => Form::Own64 { largest },
            _ => Form::Number { octets, largest, absent },
        };
        let (length, form) = match column_type {
            ColumnType::Ip if self.is_own(element) => (16, Form::MappedAddress),
            ColumnType::Ip if data_type == DataType::Ipv4Address => (4, Form::Address4),
            ColumnType::Ip => (16, Form::Address6),
            ColumnType::List => match self.options.private_enterprise {
                Some(pen) => (VARIABLE_LENGTH, Form::List(private::item(pen))),
                None => return false,
            },
            ColumnType::Text if column == Column::sip_method => (octets.into(), Form::SipMethod { octets, largest }),
            ColumnType::Text if data_type.is_integer() => (octets.into(), Form::TextNumber { octets, largest, absent }),
            ColumnType::Text if column == Column::tls_ja3 => (VARIABLE_LENGTH, Form::Hex),
            ColumnType::Text if column == Column::app_id => (VARIABLE_LENGTH, Form::ApplicationId),
            ColumnType::Text | ColumnType::Json => (VARIABLE_LENGTH, Form::Text),
            ColumnType::Time => return false,
            _ => (octets.into(), number),
        };
        self.push(column, responder, Field { element, length }, form);
        true
    }

    /// Octets of a number in the element or the column, whichever are fewer, the largest that can be told, and what stands for none.
    fn number(&self, element: ElementId, data_type: DataType, column_type: ColumnType) -> (u8, u64, u64) {
        let of_column: u8 = match column_type {
            ColumnType::U8 | ColumnType::Bool | ColumnType::Enum(_) => 1,
            ColumnType::U16 => 2,
            ColumnType::U32 => 4,
            ColumnType::Mac => 6,
            _ => 8,
        };
        let octets = data_type.full_length().map_or(of_column, |full| of_column.min(full as u8));
        let all_ones = u64::MAX >> (64 - 8 * u32::from(octets));
        let largest = if data_type.is_integer() && self.has_all_ones(element) { all_ones - 1 } else { all_ones };
        (octets, largest, all_ones)
    }

    /// Whether a field can say that it has no value, in a way that the element's readers know.
    fn can_be_absent(&self, element: ElementId, data_type: DataType) -> bool {
        if self.options.protocol != TemplateProtocol::Ipfix {
            return false;
        }
        match data_type {
            DataType::String | DataType::OctetArray => true,
            _ if data_type.is_integer() => self.has_all_ones(element) || element == ElementId::enterprise(PEN_CESNET, 100),
            _ => self.is_own(element),
        }
    }

    /// Whether all bits set mean absent.
    fn has_all_ones(&self, element: ElementId) -> bool {
        element.pen == PEN_FLOWMON || self.is_own(element)
    }

    fn is_own(&self, element: ElementId) -> bool {
        self.options.private_enterprise == Some(element.pen)
    }

    fn can_carry(&self, element: ElementId) -> bool {
        can_carry(self.options.protocol, element)
    }

    fn data_type(&self, element: ElementId) -> DataType {
        data_type(&self.options.registry, element)
    }

    fn time(&mut self, column: Column) -> bool {
        let place = TIMES.iter().position(|time| *time == column);
        let form = place.and_then(|place| self.pattern.times.get(place)).copied().unwrap_or_default();
        let [uptime, milliseconds, microseconds, nanoseconds] = match column {
            Column::time_start => [22, 152, 154, 156],
            Column::time_end => [21, 153, 155, 157],
            _ => [323, 323, 324, 325],
        };
        let is_of_pair = !self.pattern.reverse.is_empty() && column != Column::event_time;
        let written = if is_of_pair { Form::TimeOfPair(form) } else { Form::Time(form) };
        match form {
            TimeForm::Uptime => self.fixed(column, uptime, 4, written),
            TimeForm::Milliseconds => self.fixed(column, milliseconds, 8, written),
            TimeForm::Microseconds => self.fixed(column, microseconds, 8, written),
            TimeForm::Nanoseconds => self.fixed(column, nanoseconds, 8, written),
        }
    }

    fn icmp(&mut self, column: Column, id: u16) -> bool {
        let id = if self.pattern.icmp6 { id + 2 } else { id };
        self.any(column, ElementId::iana(id), false, true)
    }

    /// An application goes out in the elements that collectors know for it, unless the row has others there, and in ours.
    fn application(&mut self) -> bool {
        let own = self.element(Column::app, false, true);
        own || !self.pattern.present.contains(Column::app_name)
    }

    fn application_id(&mut self) -> bool {
        let element = ElementId::iana(95);
        // NetFlow v9 has no field without octets.
        if self.pattern.present.contains(Column::app)
            && (self.pattern.has_application_id || self.options.protocol == TemplateProtocol::Ipfix)
        {
            self.push(Column::app, false, Field { element, length: VARIABLE_LENGTH }, Form::ApplicationIdOfName);
            return true;
        }
        self.any(Column::app_id, element, false, false)
    }

    fn application_name(&mut self) -> bool {
        let is_named = self.pattern.present.contains(Column::app);
        self.any(if is_named { Column::app } else { Column::app_name }, ElementId::iana(96), false, is_named)
    }

    fn fixed(&mut self, column: Column, id: u16, length: u16, form: Form) -> bool {
        self.push(column, false, Field { element: ElementId::iana(id), length }, form);
        true
    }

    fn push(&mut self, column: Column, responder: bool, field: Field, form: Form) {
        self.program.has_own_lengths |= field.length == VARIABLE_LENGTH && self.options.protocol == TemplateProtocol::NetFlow9;
        self.program.entries.push(Entry { column, responder, form });
        self.program.fields.push(field);
    }
}

/// Columns that a record carries: not those that the transport, the header or the collector tells.
pub(super) const fn is_carried(column: Column) -> bool {
    !matches!(
        column,
        Column::time_received
            | Column::time_suspect
            | Column::record_kind
            | Column::format
            | Column::origin
            | Column::exporter
            | Column::received_from
            | Column::received_port
            | Column::obs_domain
            | Column::in_if_name
            | Column::out_if_name
            | Column::in_if_alias
            | Column::out_if_alias
            | Column::vrf_in_name
            | Column::vrf_out_name
            | Column::extra
    )
}
