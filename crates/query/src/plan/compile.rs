//! From the tree to the plan: pairs become columns, literals become sets.

use weir_record::{Column, ColumnType, names};

use super::Node;
use super::address::AddressSet;
use super::derived::Quantity;
use super::json::MemberTest;
use super::leaf::{Leaf, LeafTest};
use super::number::{NumberSet, NumberTest, ordered};
use super::text::TextTest;
use crate::syntax::{Derived, Expression, Field, Pair, Relation, Sides, Test, Value};

pub(super) fn node(expression: &Expression) -> Node {
    match expression {
        Expression::Any => Node::Any,
        Expression::And(parts) => all(parts.iter().map(node)),
        Expression::Or(parts) => Node::Or(parts.iter().map(node).collect()),
        Expression::Not(inner) => Node::Not(Box::new(node(inner))),
        Expression::Test(test) => of_test(test),
    }
}

/// All of the parts, the cheap ones first: the others then look at fewer rows.
fn all(parts: impl IntoIterator<Item = Node>) -> Node {
    let mut parts: Vec<Node> = parts.into_iter().collect();
    parts.sort_by_key(cost);
    Node::And(parts)
}

/// What a node costs a row, roughly, in steps that differ by a factor.
fn cost(node: &Node) -> u32 {
    match node {
        Node::Any => 0,
        Node::And(parts) | Node::Or(parts) => parts.iter().map(cost).sum(),
        Node::Not(inner) => cost(inner),
        Node::Leaf(leaf) => match &leaf.test {
            LeafTest::Present(_) => 1,
            LeafTest::Number(column, _) => match column.info().column_type {
                ColumnType::Bool | ColumnType::U8 | ColumnType::Enum(_) => 2,
                ColumnType::U16 => 3,
                ColumnType::U32 => 5,
                _ => 8,
            },
            LeafTest::Address(..) => 12,
            LeafTest::Quantity(..) => 30,
            LeafTest::List(..) => 50,
            LeafTest::Text(..) => 100,
            LeafTest::Member(..) => 1000,
        },
    }
}

fn of_test(test: &Test) -> Node {
    match &test.field {
        Field::Column(column) => of_column(*column, test.negated, &test.relation),
        Field::Pair(pair, sides) => of_pair(pair, *sides, test),
        Field::Derived(derived) => of_derived(*derived, test),
        Field::Extra(name) => leaf(test.negated, LeafTest::Member(name.clone(), MemberTest::new(&test.relation))),
    }
}

fn of_pair(pair: &Pair, sides: Sides, test: &Test) -> Node {
    let relation = &test.relation;
    let first = || of_column(pair.first, test.negated, relation);
    let second = || of_column(pair.second, test.negated, relation);
    match sides {
        Sides::Either if test.negated => {
            let present = [pair.first, pair.second].map(|column| leaf(false, LeafTest::Present(column)));
            let compares = [pair.first, pair.second].map(|column| of_column(column, false, relation));
            Node::And(vec![Node::Or(present.into()), Node::Not(Box::new(Node::Or(compares.into())))])
        }
        Sides::Either => Node::Or(vec![first(), second()]),
        Sides::Both => all([first(), second()]),
        Sides::Client => by_half(first(), second()),
        Sides::Server => by_half(second(), first()),
    }
}

/// One node on records that a responder's half is not, another on those.
fn by_half(otherwise: Node, responder: Node) -> Node {
    let half = || {
        let relation = Relation::Equal(Value::Word(names::RESPONDER));
        of_column(Column::biflow, false, &relation)
    };
    Node::Or(vec![Node::And(vec![Node::Not(Box::new(half())), otherwise]), Node::And(vec![half(), responder])])
}

fn of_column(column: Column, negated: bool, relation: &Relation) -> Node {
    if *relation == Relation::Exists {
        return leaf(negated, LeafTest::Present(column));
    }
    let test = match column.info().column_type {
        ColumnType::Ip => LeafTest::Address(column, AddressSet::new(&prefixes(relation))),
        ColumnType::Text | ColumnType::Json => LeafTest::Text(column, TextTest::new(relation)),
        ColumnType::List => LeafTest::List(column, NumberSet::new(ranges(relation, of_number))),
        number => {
            let max = largest(number);
            LeafTest::Number(
                column,
                match relation {
                    Relation::AllFlags(flags) => NumberTest::AllOf((*flags).into()),
                    _ => NumberTest::new(NumberSet::new(ranges(relation, of_number)), max),
                },
            )
        }
    };
    leaf(negated, test)
}

/// The largest number that a column of a type holds.
pub(crate) const fn largest(column_type: ColumnType) -> u64 {
    match column_type {
        ColumnType::Bool | ColumnType::U8 | ColumnType::Enum(_) => u8::MAX as u64,
        ColumnType::U16 => u16::MAX as u64,
        ColumnType::U32 => u32::MAX as u64,
        _ => u64::MAX,
    }
}

fn of_derived(derived: Derived, test: &Test) -> Node {
    let numbers = || ranges(&test.relation, of_number);
    let quantity = match derived {
        Derived::Dscp | Derived::MplsLabel if test.relation == Relation::Exists => {
            let column = if derived == Derived::Dscp { Column::tos } else { Column::mpls_labels };
            return leaf(test.negated, LeafTest::Present(column));
        }
        Derived::Dscp => {
            let set = NumberSet::new(shifted(numbers(), 2));
            let number = NumberTest::new(set, u8::MAX.into());
            return leaf(test.negated, LeafTest::Number(Column::tos, number));
        }
        Derived::MplsLabel => {
            let set = NumberSet::new(shifted(numbers(), 4));
            return leaf(test.negated, LeafTest::List(Column::mpls_labels, set));
        }
        Derived::Duration => {
            let set = NumberSet::new(ranges(&test.relation, of_duration));
            return leaf(test.negated, LeafTest::Quantity(Quantity::Duration, set));
        }
        Derived::BitsPerSecond => Quantity::BitsPerSecond,
        Derived::PacketsPerSecond => Quantity::PacketsPerSecond,
        Derived::BytesPerPacket => Quantity::BytesPerPacket,
    };
    leaf(test.negated, LeafTest::Quantity(quantity, NumberSet::new(numbers())))
}

fn leaf(negated: bool, test: LeafTest) -> Node {
    Node::Leaf(Leaf { negated, test })
}

/// Ranges of numbers that lie so many bits higher, with every value of the bits below.
pub(crate) fn shifted(ranges: Vec<(u64, u64)>, bits: u32) -> Vec<(u64, u64)> {
    ranges
        .into_iter()
        .map(|(low, high)| {
            let top = u64::MAX >> bits;
            (low.min(top) << bits, high.min(top) << bits | ((1 << bits) - 1))
        })
        .collect()
}

/// The prefixes that a relation asks for.
pub(crate) fn prefixes(relation: &Relation) -> Vec<(weir_record::Address, u8)> {
    let values = match relation {
        Relation::Equal(value) => std::slice::from_ref(value),
        Relation::In(values) => values,
        _ => &[],
    };
    values
        .iter()
        .filter_map(|value| match value {
            Value::Prefix(address, length) => Some((*address, *length)),
            _ => None,
        })
        .collect()
}

/// Where a literal lies among the numbers of a column.
pub(crate) struct Place {
    low: u64,
    high: u64,
    /// False where the literal lies between `low` and the next number, as 1500 ns does between two microseconds.
    exact: bool,
}

impl Place {
    const fn at(number: u64) -> Self {
        Self { low: number, high: number, exact: true }
    }
}

/// A literal as a number of a column.
pub(crate) fn of_number(value: &Value) -> Option<Place> {
    Some(match value {
        Value::Number(number) | Value::Mac(number) => Place::at(*number),
        Value::Range(low, high) => Place { low: *low, high: *high, exact: true },
        // Columns hold microseconds.
        Value::Duration(nanoseconds) => Place { exact: nanoseconds.is_multiple_of(1_000), ..Place::at(nanoseconds / 1_000) },
        Value::Time(nanoseconds) => Place::at(ordered(*nanoseconds)),
        Value::Word(index) => Place::at((*index).into()),
        Value::Bool(value) => Place::at((*value).into()),
        Value::Prefix(..) | Value::Text(_) => return None,
    })
}

/// A literal as a signed number of nanoseconds, in order.
pub(crate) fn of_duration(value: &Value) -> Option<Place> {
    let Value::Duration(nanoseconds) = value else {
        return None;
    };
    Some(match i64::try_from(*nanoseconds) {
        Ok(nanoseconds) => Place::at(ordered(nanoseconds)),
        Err(_) => Place { exact: false, ..Place::at(u64::MAX) },
    })
}

/// The numbers that a relation asks for.
pub(crate) fn ranges(relation: &Relation, place: impl Fn(&Value) -> Option<Place>) -> Vec<(u64, u64)> {
    let equal = |value: &Value| place(value).filter(|place| place.exact).map(|place| (place.low, place.high));
    let range = match relation {
        Relation::Exists => Some((0, u64::MAX)),
        Relation::In(values) => return values.iter().filter_map(equal).collect(),
        Relation::Equal(value) => equal(value),
        Relation::AtMost(value) => place(value).map(|place| (0, place.low)),
        Relation::Less(value) => place(value).and_then(|place| {
            let last = if place.exact { place.low.checked_sub(1) } else { Some(place.low) };
            last.map(|last| (0, last))
        }),
        Relation::Greater(value) => place(value).and_then(|place| Some((place.high.checked_add(1)?, u64::MAX))),
        Relation::AtLeast(value) => place(value).and_then(|place| {
            let first = if place.exact { Some(place.low) } else { place.low.checked_add(1) };
            first.map(|first| (first, u64::MAX))
        }),
        Relation::Contains(_) | Relation::Begins(_) | Relation::Ends(_) | Relation::AllFlags(_) => None,
    };
    range.into_iter().collect()
}
