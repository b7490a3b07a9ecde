//! What a row fills, and in which form: rows that agree in this are written by one program.

use weir_record::column::{AnyColumn, IpColumn};
use weir_record::{Address, Column, FlowBatch, Scope, names};

use super::application::application_id;
use super::biflow::{is_mirrored, is_shared};
use super::program::is_carried;
use super::row::text_is_usable;
use super::{EncodeOptions, TemplateProtocol, Times};

const WORDS: usize = 3;
const _: () = assert!(Column::ALL.len() <= 64 * WORDS, "a set of columns has too few bits");

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/// A set of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Columns([u64; WORDS]);

impl Columns {
    pub(super) fn contains(self, column: Column) -> bool {
        let place = column as usize;
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    pub(super) fn insert(&mut self, column: Column) {
        if let Some(word) = self.0.get_mut(column as usize / 64) {
            *word |= 1 << (column as usize % 64);
        }
    }

    pub(super) fn remove(&mut self, column: Column) {
        if let Some(word) = self.0.get_mut(column as usize / 64) {
            *word &= !(1 << (column as usize % 64));
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum TimeForm {
    /// Milliseconds of uptime (NetFlow v9).
    Uptime,
    /// Milliseconds since 1970.
    #[default]
    Milliseconds,
    /// NTP time of which microseconds count.
    Microseconds,
    /// NTP time.
    Nanoseconds,
}

/// What decides how a row is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    /// Columns with a value.
    pub(super) present: Columns,
    /// Those of the responder's half that need reverse elements, where both halves make one record.
    pub(super) reverse: Columns,
    /// Which of [`ADDRESSES`] are IPv6, one bit each; those of the responder's half from bit 8 on.
    pub(super) v6: u16,
    /// Start, end, event.
    pub(super) times: [TimeForm; 3],
    /// ICMPv6 rather than ICMP.
    pub(super) icmp6: bool,
    /// The place of the engine in the lists of elements of database columns.
    pub(super) sql_engine: Option<u8>,
    /// Labels of the MPLS stack.
    pub(super) labels: u8,
    /// The application has an id.
    pub(super) has_application_id: bool,
}

/// Columns of addresses with an element for each family.
pub(super) const ADDRESSES: [Column; 7] = [
    Column::src_addr,
    Column::dst_addr,
    Column::next_hop,
    Column::bgp_next_hop,
    Column::nat_src_addr,
    Column::nat_dst_addr,
    Column::dhcp_addr,
];

/// Columns of times.
pub(super) const TIMES: [Column; 3] = [Column::time_start, Column::time_end, Column::event_time];

/// Columns whose text may be none that the element can hold.
const CHECKED: [Column; 7] = [
    Column::app_id,
    Column::tls_ja3,
    Column::sip_method,
    Column::sql_user,
    Column::sql_database,
    Column::sql_statement,
    Column::sql_error,
];

/// The rows of a batch, read 64 at a time.
pub(super) struct Rows<'a> {
    pub(super) flows: &'a FlowBatch,
    /// Every column, by its number.
    pub(super) sources: Vec<AnyColumn<'a>>,
    protocol: TemplateProtocol,
    times: Times,
    boot: i64,
    /// The whole second of the export.
    exported: i64,
    filled: Vec<(Column, AnyColumn<'a>)>,
    addresses: Vec<(usize, Column, &'a IpColumn)>,
    checked: Vec<Column>,
    /// The block that was read last, and what its rows have: word by word of their sets of columns.
    block: Option<usize>,
    present: Box<[[u64; 64]; WORDS]>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(flows: &'a FlowBatch, options: &EncodeOptions, exported: i64) -> Self {
        let filled: Vec<_> =
            flows.filled().filter(|column| is_carried(*column)).map(|column| (column, flows.column(column))).collect();
        let is_filled = |wanted: Column| filled.iter().any(|(column, _)| *column == wanted);
        let address = |(place, column): (usize, &Column)| match flows.column(*column) {
            AnyColumn::Ip(addresses) if is_filled(*column) => Some((place, *column, addresses)),
            _ => None,
        };
        Self {
            flows,
            sources: Column::ALL.iter().map(|column| flows.column(*column)).collect(),
            protocol: options.protocol,
            times: options.times,
            boot: options.boot_time,
            exported: exported.div_euclid(SECOND) * SECOND,
            addresses: ADDRESSES.iter().enumerate().filter_map(address).collect(),
            checked: CHECKED.into_iter().filter(|column| is_filled(*column)).collect(),
            filled,
            block: None,
            present: Box::new([[0; 64]; WORDS]),
        }
    }

    /// The pattern of a row, and how many of its values no element can hold.
    pub(super) fn pattern(&mut self, row: usize) -> (Pattern, u64) {
        let mut pattern = Pattern { present: self.present(row), ..Pattern::default() };
        let mut left_out = 0;
        for (place, column, addresses) in &self.addresses {
            let is_v6 = pattern.present.contains(*column) && addresses.get(row).is_some_and(|address| !address.is_v4());
            pattern.v6 |= u16::from(is_v6) << place;
        }
        for ((column, form), times) in
            TIMES.into_iter().zip(&mut pattern.times).zip([&self.flows.time_start, &self.flows.time_end, &self.flows.event_time])
        {
            let Some(time) = times.get(row) else { continue };
            match self.time_form(column, time) {
                Some(chosen) => *form = chosen,
                None => {
                    pattern.present.remove(column);
                    left_out += 1;
                }
            }
        }
        let present = pattern.present;
        if present.contains(Column::icmp_type) || present.contains(Column::icmp_code) {
            let protocol = self.flows.protocol.get(row);
            pattern.icmp6 = protocol == Some(58) || (protocol.is_none() && self.flows.ip_version.get(row) == Some(6));
        }
        if present.contains(Column::mpls_labels) {
            let labels = self.flows.mpls_labels.get(row).map_or(0, <[u32]>::len);
            let room = Column::mpls_labels.info().elements.len();
            left_out += u64::from(labels > room);
            pattern.labels = labels.min(room) as u8;
        }
        // Element 352 says it, and the rest follows.
        if present.contains(Column::bytes_estimated) {
            pattern.present.remove(Column::bytes_estimated);
            if self.flows.bytes_estimated.get(row) == Some(1) {
                pattern.present.remove(Column::bytes);
            }
        }
        // Where a field may be empty, one template serves.
        if self.protocol == TemplateProtocol::NetFlow9 && present.contains(Column::app) {
            pattern.has_application_id = self.flows.app.octets(row).is_some_and(|name| application_id(name).is_some());
        }
        if present.contains(Column::sql_engine) {
            pattern.sql_engine = match self.flows.sql_engine.get(row) {
                Some("mysql") => Some(0),
                Some("postgresql") => Some(1),
                Some("mssql") => Some(2),
                _ => None,
            };
        }
        for column in &self.checked {
            if pattern.present.contains(*column) && !text_is_usable(self.flows, row, *column, pattern.sql_engine) {
                pattern.present.remove(*column);
                left_out += 1;
            }
        }
        (pattern, left_out)
    }

    /// Adds the responder's row to the pattern of the initiator's before it, at `row`: one record says by itself which half is which. Gives the
    /// number of values that the initiator's half has otherwise and that have no place of their own.
    pub(super) fn add_responder(&mut self, pattern: &mut Pattern, row: usize) -> u64 {
        let (responder, _) = self.pattern(row + 1);
        let mut left_out = 0;
        for column in self.filled().filter(|column| responder.present.contains(*column)) {
            match column.info().scope {
                Scope::Direction => pattern.reverse.insert(column),
                Scope::Key if !is_mirrored(self, column, row) => pattern.reverse.insert(column),
                Scope::Key => {}
                // The record tells of the whole connection.
                _ if matches!(column, Column::biflow | Column::time_start | Column::time_end) => {}
                Scope::Record | Scope::Connection => left_out += u64::from(!is_shared(self, column, row)),
            }
        }
        pattern.present.remove(Column::biflow);
        pattern.v6 |= responder.v6 << 8;
        for (column, form) in TIMES.into_iter().zip(&mut pattern.times).take(2) {
            let Some(time) = self.sources.get(column as usize).and_then(|source| time_of_pair(source, column, row)) else {
                continue;
            };
            if let Some(chosen) = self.time_form(column, time) {
                *form = chosen;
                pattern.present.insert(column);
            } else {
                pattern.present.remove(column);
            }
        }
        left_out
    }

    /// The columns that some row fills and that a record carries.
    pub(super) fn filled(&self) -> impl Iterator<Item = Column> + '_ {
        self.filled.iter().map(|(column, _)| *column)
    }

    /// The columns that have a value in a row.
    #[inline]
    fn present(&mut self, row: usize) -> Columns {
        let block = row / 64;
        if self.block != Some(block) {
            self.read(block);
        }
        let mut present = Columns::default();
        for (word, rows) in present.0.iter_mut().zip(self.present.iter()) {
            *word = rows.get(row % 64).copied().unwrap_or(0);
        }
        present
    }

    /// Columns tell which rows they have; turned over, rows tell which columns they have.
    fn read(&mut self, block: usize) {
        self.block = Some(block);
        *self.present = [[0; 64]; WORDS];
        for (column, values) in &self.filled {
            let place = *column as usize;
            if let Some(bits) = self.present.get_mut(place / 64).and_then(|word| word.get_mut(place % 64)) {
                *bits = values.validity().word(block);
            }
        }
        self.present.iter_mut().for_each(transpose);
    }

    /// The form in which a time is written; nothing where no form can tell it.
    fn time_form(&self, column: Column, time: i64) -> Option<TimeForm> {
        let is_exact = time.rem_euclid(MILLISECOND) == 0;
        let wants_milliseconds = match self.times {
            Times::Milliseconds => true,
            Times::Microseconds => false,
            Times::Exact => is_exact && time >= 0,
        };
        if !wants_milliseconds {
            let form = if self.times == Times::Exact { TimeForm::Nanoseconds } else { TimeForm::Microseconds };
            return super::value::ntp(time).map(|_| form);
        }
        // What began before the exporter has no uptime, and what is far off none that is not taken for another time.
        let has_uptime = self.protocol == TemplateProtocol::NetFlow9 && column != Column::event_time;
        let is_near = i32::try_from(self.exported.saturating_sub(time) / MILLISECOND).is_ok();
        if has_uptime && time >= self.boot && is_near && self.boot.rem_euclid(MILLISECOND) == 0 {
            return Some(TimeForm::Uptime);
        }
        (time >= 0).then_some(TimeForm::Milliseconds)
    }
}

/// Start or end of a connection whose halves are this row and the next.
pub(super) fn time_of_pair(source: &AnyColumn<'_>, column: Column, row: usize) -> Option<i64> {
    let AnyColumn::Time(times) = source else { return None };
    let halves = times.get(row).into_iter().chain(times.get(row + 1));
    if column == Column::time_start { halves.min() } else { halves.max() }
}

/// Makes bit `n` of word `m` bit `m` of word `n`: exchanges ever smaller squares across the diagonal.
fn transpose(words: &mut [u64; 64]) {
    let (mut side, mut mask) = (32, u64::MAX >> 32);
    while side > 0 {
        for pair in words.chunks_mut(2 * side) {
            let (upper, lower) = pair.split_at_mut(side);
            for (upper, lower) in upper.iter_mut().zip(lower) {
                let exchanged = (*upper >> side ^ *lower) & mask;
                *lower ^= exchanged;
                *upper ^= exchanged << side;
            }
        }
        side /= 2;
        mask ^= mask << side;
    }
}

/// Whether an address of the pattern is IPv6.
pub(super) fn is_v6(pattern: &Pattern, column: Column, responder: bool) -> bool {
    let place = ADDRESSES.iter().position(|address| *address == column);
    place.is_some_and(|place| pattern.v6 >> (place + if responder { 8 } else { 0 }) & 1 == 1)
}

/// The direction that tells which half a one-way record is (element 239).
pub(super) const fn biflow_direction(half: u8) -> u8 {
    // 1: the source opened the connection; 2: the destination did.
    if half == names::RESPONDER { 2 } else { 1 }
}

/// An address in 16 octets, IPv4 as a mapped one.
pub(super) fn mapped(address: Address) -> [u8; 16] {
    match address.to_ip() {
        std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(ip) => ip.octets(),
    }
}
