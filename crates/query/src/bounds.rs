//! What must hold of a row that a filter selects: conditions on single columns, for those who want to skip what cannot be selected.
//!
//! Bounds are necessary and not sufficient: whoever skips rows that break them still evaluates the filter on the others. A file or a part of it can be
//! skipped when, by its smallest and largest values, its dictionary or its bloom filter, some clause cannot hold in it.

use weir_record::{Address, AnyColumn, Column, ColumnType, FlowBatch, names};

use crate::plan::{NumberSet, of_number, ordered, prefixes, ranges, shifted};
use crate::syntax::{Derived, Expression, Field, Relation, Sides, Test, Value};

/// More clauses than this are not made of one `or`; what is left out only makes the bounds wider.
const MAX_CLAUSES: usize = 16;
/// A clause of more alternatives than this is left out, but where the filter lists so many itself.
const MAX_ALTERNATIVES: usize = 256;

/// Conditions that every selected row satisfies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// All of them hold. One holds when one of its alternatives does; where there is none, no row is selected.
    pub clauses: Vec<Vec<Bound>>,
}

/// A condition on a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The column.
    pub column: Column,
    /// The values that it may have; always, it has one.
    pub values: BoundValues,
}

/// Values that a column may have.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundValues {
    /// Any value.
    Present,
    /// Ranges of numbers, words (by index), MAC addresses, true and false (1, 0); both ends included, ascending and apart from each other.
    Numbers(Vec<(u64, u64)>),
    /// Ranges of times, likewise.
    Times(Vec<(i64, i64)>),
    /// Ranges of addresses in the order of [`Address`], both ends included, ascending. A range of IPv6 may run over the block in which IPv4 is held.
    Addresses(Vec<(Address, Address)>),
    /// One of these texts.
    Texts(Vec<String>),
}

impl Bounds {
    /// Of a filter.
    pub(crate) fn of(expression: &Expression) -> Self {
        Self { clauses: positive(expression) }
    }

    /// True where a row satisfies every clause.
    pub fn hold(&self, batch: &FlowBatch, row: usize) -> bool {
        self.clauses.iter().all(|clause| clause.iter().any(|bound| bound.holds(batch, row)))
    }
}

impl Bound {
    /// True where a row satisfies the condition.
    pub fn holds(&self, batch: &FlowBatch, row: usize) -> bool {
        let number = match batch.column(self.column) {
            AnyColumn::U8(column) => column.get(row).map(u64::from),
            AnyColumn::U16(column) => column.get(row).map(u64::from),
            AnyColumn::U32(column) => column.get(row).map(u64::from),
            AnyColumn::U64(column) => column.get(row),
            _ => None,
        };
        match (&self.values, batch.column(self.column)) {
            (BoundValues::Present, column) => column.is_present(row),
            (BoundValues::Numbers(ranges), _) => number.is_some_and(|number| lies_in(ranges, number)),
            (BoundValues::Times(ranges), AnyColumn::Time(column)) => column.get(row).is_some_and(|time| lies_in(ranges, time)),
            (BoundValues::Addresses(ranges), AnyColumn::Ip(column)) => {
                column.get(row).is_some_and(|address| lies_in(ranges, address))
            }
            (BoundValues::Texts(texts), AnyColumn::Text(column)) => {
                column.get(row).is_some_and(|text| texts.iter().any(|known| known == text))
            }
            _ => false,
        }
    }
}

fn lies_in<T: PartialOrd>(ranges: &[(T, T)], value: T) -> bool {
    ranges.iter().any(|(low, high)| *low <= value && value <= *high)
}

type Clauses = Vec<Vec<Bound>>;

/// What holds where the expression does.
fn positive(expression: &Expression) -> Clauses {
    match expression {
        Expression::Any => Vec::new(),
        Expression::And(parts) => parts.iter().flat_map(positive).collect(),
        Expression::Or(parts) => one_of(parts.iter().map(positive)),
        Expression::Not(inner) => negative(inner),
        Expression::Test(test) => of_test(test),
    }
}

/// What holds where the expression does not.
fn negative(expression: &Expression) -> Clauses {
    match expression {
        Expression::Any => vec![Vec::new()],
        Expression::And(parts) => one_of(parts.iter().map(negative)),
        Expression::Or(parts) => parts.iter().flat_map(negative).collect(),
        Expression::Not(inner) => positive(inner),
        // A test fails on absent values too, so its failing tells nothing of the column.
        Expression::Test(_) => Vec::new(),
    }
}

/// The clauses of which all hold where one of the parts does: every combination of one clause of each part, made one.
fn one_of(parts: impl Iterator<Item = Clauses>) -> Clauses {
    let mut combined: Option<Clauses> = None;
    for part in parts {
        combined = Some(match combined {
            None => part,
            Some(before) => {
                let pairs = before.iter().flat_map(|one| part.iter().map(move |other| (one, other)));
                let joined = pairs.map(|(one, other)| [one.as_slice(), other.as_slice()].concat());
                joined.filter(|clause| clause.len() <= MAX_ALTERNATIVES).take(MAX_CLAUSES).collect()
            }
        });
    }
    combined.unwrap_or_default()
}

fn of_test(test: &Test) -> Clauses {
    let of = |column| of_column(column, test);
    match &test.field {
        Field::Column(column) => of(*column).into_iter().map(|bound| vec![bound]).collect(),
        Field::Pair(pair, Sides::Both) => [pair.first, pair.second].into_iter().filter_map(of).map(|bound| vec![bound]).collect(),
        // Of a client or a server, it is one of the two as well.
        Field::Pair(pair, _) => match (of(pair.first), of(pair.second)) {
            (Some(first), Some(second)) => vec![vec![first, second]],
            _ => Vec::new(),
        },
        Field::Derived(derived) => of_derived(*derived, test),
        Field::Extra(_) => present(&[Column::extra]),
    }
}

fn present(columns: &[Column]) -> Clauses {
    columns.iter().map(|column| vec![Bound { column: *column, values: BoundValues::Present }]).collect()
}

/// What a test asks of one column; nothing where it may be absent.
fn of_column(column: Column, test: &Test) -> Option<Bound> {
    let values = match &test.relation {
        _ if test.negated => BoundValues::Present,
        Relation::Exists => BoundValues::Present,
        Relation::AllFlags(flags) => BoundValues::Numbers(vec![((*flags).into(), u16::MAX.into())]),
        relation => match column.info().column_type {
            ColumnType::Ip => BoundValues::Addresses(addresses(relation)),
            ColumnType::Text => texts(relation).map_or(BoundValues::Present, BoundValues::Texts),
            ColumnType::List | ColumnType::Json => BoundValues::Present,
            ColumnType::Time => {
                let set = NumberSet::new(ranges(relation, of_number));
                // Turning the sign over a second time gives the times back.
                let time = |number: u64| ordered(number as i64) as i64;
                BoundValues::Times(set.ranges().map(|(low, high)| (time(low), time(high))).collect())
            }
            _ => BoundValues::Numbers(NumberSet::new(ranges(relation, of_number)).ranges().collect()),
        },
    };
    // An absent record_kind is a flow.
    let may_be_absent = column == Column::record_kind
        && match &values {
            BoundValues::Numbers(ranges) => lies_in(ranges, names::FLOW.into()),
            _ => true,
        };
    (!may_be_absent).then_some(Bound { column, values })
}

fn of_derived(derived: Derived, test: &Test) -> Clauses {
    match derived {
        Derived::Dscp if !test.negated && test.relation != Relation::Exists => {
            let set = NumberSet::new(shifted(ranges(&test.relation, of_number), 2));
            vec![vec![Bound { column: Column::tos, values: BoundValues::Numbers(set.ranges().collect()) }]]
        }
        Derived::Dscp => present(&[Column::tos]),
        Derived::MplsLabel => present(&[Column::mpls_labels]),
        Derived::Duration => present(&[Column::time_start, Column::time_end]),
        Derived::BitsPerSecond => present(&[Column::bytes, Column::time_start, Column::time_end]),
        Derived::PacketsPerSecond => present(&[Column::packets, Column::time_start, Column::time_end]),
        Derived::BytesPerPacket => present(&[Column::bytes, Column::packets]),
    }
}

/// First and last address of each prefix.
fn addresses(relation: &Relation) -> Vec<(Address, Address)> {
    let mut ranges: Vec<(Address, Address)> = prefixes(relation)
        .into_iter()
        .map(|(first, length)| {
            let fixed = if first.is_v4() { length.saturating_add(96) } else { length };
            let free = u128::MAX.checked_shr(fixed.into()).unwrap_or(0);
            let (high, low) = first.halves();
            (first, Address::from_halves(high | (free >> 64) as u64, low | free as u64))
        })
        .collect();
    ranges.sort_unstable();
    ranges.dedup();
    ranges
}

/// The texts to one of which a relation asks to be equal.
fn texts(relation: &Relation) -> Option<Vec<String>> {
    let values = match relation {
        Relation::Equal(value) => std::slice::from_ref(value),
        Relation::In(values) => values,
        _ => return None,
    };
    values
        .iter()
        .map(|value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}
