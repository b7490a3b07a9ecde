//! A filter as the condition of a `WHERE` in SQL, in the dialect and over the tables of the store.
//!
//! Columns stand under their names; addresses and MAC addresses are texts in their canonical form, enumerations their words, times timestamps,
//! lists lists; absent is `NULL`. What plain SQL has no word for is a function that the store registers: `in_net`, `list_any`, `mpls_any`, `duration_ns`,
//! `bits_per_second`, `packets_per_second`, `extra_type`, `extra_get`, `extra_compare`, `ts_ns`.
//!
//! SQL has a third truth, unknown, where a value is absent. `WHERE` leaves such rows out, as a filter does; below a `NOT` each comparison says itself that
//! unknown is false.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

use weir_record::value::write_mac;
use weir_record::{Address, Column, ColumnType, names};

use crate::literal;
use crate::names::ValueType;
use crate::plan::{self, Member, NumberSet, largest, of_number, ordered, prefixes, ranges, shifted};
use crate::syntax::{Derived, Expression, Field, Pair, Relation, Sides, Test, Value};

/// The condition of an expression.
pub(crate) fn condition(expression: &Expression) -> String {
    let mut out = String::new();
    write(&mut out, expression, false);
    out
}

fn write(out: &mut String, expression: &Expression, below_not: bool) {
    match expression {
        Expression::Any => out.push_str("TRUE"),
        Expression::And(parts) => join(out, parts, " AND ", |out, part| write(out, part, below_not)),
        Expression::Or(parts) => join(out, parts, " OR ", |out, part| write(out, part, below_not)),
        Expression::Not(inner) => {
            out.push_str("NOT ");
            bracket(out, |out| write(out, inner, true));
        }
        Expression::Test(test) => {
            let condition = of_test(test);
            if below_not {
                let _ = write!(out, "COALESCE({condition}, FALSE)");
            } else {
                bracket(out, |out| out.push_str(&condition));
            }
        }
    }
}

fn bracket(out: &mut String, inner: impl FnOnce(&mut String)) {
    out.push('(');
    inner(out);
    out.push(')');
}

fn join<T>(out: &mut String, parts: impl IntoIterator<Item = T>, word: &str, mut each: impl FnMut(&mut String, T)) {
    bracket(out, |out| {
        for (index, part) in parts.into_iter().enumerate() {
            out.push_str(if index > 0 { word } else { "" });
            each(out, part);
        }
    });
}

/// Texts of conditions in brackets with a word between.
fn joined(parts: impl IntoIterator<Item = String>, word: &str) -> String {
    let mut out = String::new();
    join(&mut out, parts, word, |out, part: String| out.push_str(&part));
    out
}

/// What is true where the test holds, and false or unknown where not.
fn of_test(test: &Test) -> String {
    match &test.field {
        Field::Column(column) => of_column(*column, test.negated, &test.relation),
        Field::Pair(pair, sides) => of_pair(pair, *sides, test),
        Field::Derived(derived) => of_derived(*derived, test),
        Field::Extra(name) => of_member(name, test),
    }
}

fn of_pair(pair: &Pair, sides: Sides, test: &Test) -> String {
    let relation = &test.relation;
    let first = || of_column(pair.first, test.negated, relation);
    let second = || of_column(pair.second, test.negated, relation);
    let by_half = |otherwise: String, responder: String| {
        let half = format!("{} = {}", quoted_name(Column::biflow), quoted(names::BIFLOW[usize::from(names::RESPONDER)]));
        format!("CASE WHEN {half} THEN {responder} ELSE {otherwise} END")
    };
    match sides {
        Sides::Either if test.negated => {
            let either = [pair.first, pair.second];
            let present = joined(either.map(|column| of_column(column, false, &Relation::Exists)), " OR ");
            let compares =
                joined(either.map(|column| format!("COALESCE({}, FALSE)", of_column(column, false, relation))), " OR ");
            format!("({present} AND NOT {compares})")
        }
        Sides::Either => joined([first(), second()], " OR "),
        Sides::Both => joined([first(), second()], " AND "),
        Sides::Client => by_half(first(), second()),
        Sides::Server => by_half(second(), first()),
    }
}

/// `condition`, or what holds where a value is there and it does not.
fn negated(condition: String, negated: bool) -> String {
    // NOT leaves unknown as it is.
    if negated { format!("NOT ({condition})") } else { condition }
}

fn of_column(column: Column, is_negated: bool, relation: &Relation) -> String {
    let name = quoted_name(column);
    // What is left out of record_kind is a flow; the tables say the word always.
    if *relation == Relation::Exists {
        return if column == Column::record_kind { "TRUE".to_owned() } else { format!("{name} IS NOT NULL") };
    }
    let column_type = column.info().column_type;
    let condition = match column_type {
        ColumnType::Ip => {
            let list: Vec<String> =
                prefixes(relation).into_iter().map(|(address, length)| format!("{address}/{length}")).collect();
            format!("in_net({name}, {})", quoted(&list.join(" ")))
        }
        ColumnType::Text | ColumnType::Json => of_text(&name, relation),
        ColumnType::Enum(words) => one_of(&name, values(relation), |value| match value {
            Value::Word(index) => words.get(usize::from(*index)).map(|word| quoted(word)),
            _ => None,
        }),
        ColumnType::Mac => one_of(&name, values(relation), |value| match value {
            Value::Mac(mac) => {
                let mut text = Vec::with_capacity(17);
                write_mac(&mut text, *mac);
                Some(quoted(&String::from_utf8_lossy(&text)))
            }
            _ => None,
        }),
        ColumnType::Bool => one_of(&name, values(relation), |value| match value {
            Value::Bool(true) => Some("TRUE".to_owned()),
            Value::Bool(false) => Some("FALSE".to_owned()),
            _ => None,
        }),
        ColumnType::List => any_of_list("list_any", &name, &ranges(relation, of_number)),
        ColumnType::Time => within(&name, &ranges(relation, of_number), u64::MAX, |number| {
            format!("ts_ns({})", quoted(&(ordered(number as i64) as i64).to_string()))
        }),
        _ => match relation {
            Relation::AllFlags(flags) => format!("({name} & {flags}) = {flags}"),
            _ => within(&name, &ranges(relation, of_number), largest(column_type), |number| number.to_string()),
        },
    };
    negated(condition, is_negated)
}

fn of_derived(derived: Derived, test: &Test) -> String {
    let name = |column: Column| quoted_name(column);
    let (start, end) = (name(Column::time_start), name(Column::time_end));
    let numbers = || ranges(&test.relation, of_number);
    let quantity = match derived {
        Derived::Dscp | Derived::MplsLabel if test.relation == Relation::Exists => {
            let column = if derived == Derived::Dscp { Column::tos } else { Column::mpls_labels };
            return of_column(column, test.negated, &Relation::Exists);
        }
        Derived::Dscp => {
            let condition = within(&name(Column::tos), &shifted(numbers(), 2), u8::MAX.into(), |number| number.to_string());
            return negated(condition, test.negated);
        }
        Derived::MplsLabel => {
            return negated(any_of_list("mpls_any", &name(Column::mpls_labels), &numbers()), test.negated);
        }
        Derived::Duration => {
            let ranges = ranges(&test.relation, plan::of_duration);
            let duration = format!("duration_ns({start}, {end})");
            let condition = within(&duration, &ranges, u64::MAX, |number| signed(ordered(number as i64) as i64));
            return negated(condition, test.negated);
        }
        Derived::BitsPerSecond => format!("bits_per_second({}, {start}, {end})", name(Column::bytes)),
        Derived::PacketsPerSecond => format!("packets_per_second({}, {start}, {end})", name(Column::packets)),
        Derived::BytesPerPacket => {
            let (bytes, packets) = (name(Column::bytes), name(Column::packets));
            format!("(CASE WHEN {packets} > 0 THEN {bytes} / {packets} END)")
        }
    };
    negated(within(&quantity, &numbers(), u64::MAX, |number| number.to_string()), test.negated)
}

/// A member of `extra`: literals compare with values of their own type.
fn of_member(member: &str, test: &Test) -> String {
    let (extra, member) = (quoted_name(Column::extra), quoted(member));
    let kind = format!("extra_type({extra}, {member})");
    if test.relation == Relation::Exists {
        return negated(format!("{kind} IS NOT NULL"), test.negated);
    }
    let text = format!("extra_get({extra}, {member})");
    let compared = |sign: &str, value: &Value| match value {
        Value::Number(number) => Some(format!("COALESCE(extra_compare({extra}, {member}, {number}) {sign} 0, FALSE)")),
        _ => None,
    };
    let equal = |value: &Value| match value {
        Value::Text(wanted) => Some(format!("({kind} = 'text' AND {text} = {})", quoted(wanted))),
        Value::Bool(wanted) => Some(format!("({kind} = 'bool' AND {text} = '{wanted}')")),
        value => compared("=", value),
    };
    let conditions: Vec<String> = match &test.relation {
        Relation::Equal(value) => equal(value).into_iter().collect(),
        Relation::In(values) => values.iter().filter_map(equal).collect(),
        Relation::Less(value) => compared("<", value).into_iter().collect(),
        Relation::AtMost(value) => compared("<=", value).into_iter().collect(),
        Relation::Greater(value) => compared(">", value).into_iter().collect(),
        Relation::AtLeast(value) => compared(">=", value).into_iter().collect(),
        relation => vec![format!("({kind} = 'text' AND {})", of_text(&text, relation))],
    };
    let condition = if conditions.is_empty() { "FALSE".to_owned() } else { joined(conditions, " OR ") };
    format!("({kind} IS NOT NULL AND {})", negated(condition, test.negated))
}

fn of_text(name: &str, relation: &Relation) -> String {
    let literal = |text: &String| quoted(text);
    match relation {
        Relation::Contains(text) => format!("contains({name}, {})", literal(text)),
        Relation::Begins(text) => format!("starts_with({name}, {})", literal(text)),
        Relation::Ends(text) => format!("ends_with({name}, {})", literal(text)),
        relation => one_of(name, values(relation), |value| match value {
            Value::Text(text) => Some(quoted(text)),
            _ => None,
        }),
    }
}

/// The literals to which a relation asks to be equal.
fn values(relation: &Relation) -> &[Value] {
    match relation {
        Relation::Equal(value) => std::slice::from_ref(value),
        Relation::In(values) => values,
        _ => &[],
    }
}

fn one_of(name: &str, values: &[Value], literal: impl Fn(&Value) -> Option<String>) -> String {
    let literals: Vec<String> = values.iter().filter_map(literal).collect();
    match &*literals {
        [] => nothing(name),
        [only] => format!("{name} = {only}"),
        several => format!("{name} IN ({})", several.join(", ")),
    }
}

/// Some number of a list lies in one of the ranges.
fn any_of_list(function: &str, name: &str, ranges: &[(u64, u64)]) -> String {
    let set = NumberSet::new(ranges.to_vec());
    let conditions: Vec<String> = set.ranges().map(|(low, high)| format!("{function}({name}, {low}, {high})")).collect();
    if conditions.is_empty() { nothing(name) } else { joined(conditions, " OR ") }
}

/// A quantity lies in one of the ranges; `max` is the largest that it can be.
fn within(quantity: &str, ranges: &[(u64, u64)], max: u64, literal: impl Fn(u64) -> String) -> String {
    let set = NumberSet::new(ranges.to_vec());
    let within = set.ranges().filter(|(low, _)| *low <= max);
    let conditions: Vec<String> = within
        .map(|(low, high)| match (low, high) {
            // Also where that is every value: it stays unknown where there is none, whatever is made of it.
            (0, high) => format!("{quantity} <= {}", literal(high.min(max))),
            (low, high) if high >= max => format!("{quantity} >= {}", literal(low)),
            (low, high) if low == high => format!("{quantity} = {}", literal(low)),
            (low, high) => format!("{quantity} BETWEEN {} AND {}", literal(low), literal(high)),
        })
        .collect();
    if conditions.is_empty() { nothing(quantity) } else { joined(conditions, " OR ") }
}

/// False where there is a value, unknown where not, so that its negation is true where there is one.
fn nothing(name: &str) -> String {
    format!("(CASE WHEN {name} IS NULL THEN NULL ELSE FALSE END)")
}

/// A number of 64 bits with its sign, in brackets where that is minus.
fn signed(number: i64) -> String {
    if number == i64::MIN {
        // Its amount alone is past 64 bits.
        return format!("({} - 1)", number + 1);
    }
    if number < 0 { format!("({number})") } else { number.to_string() }
}

fn quoted_name(column: Column) -> String {
    format!("\"{}\"", column.name())
}

/// A text as a literal.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Prefixes as the function `in_net` has them.
#[derive(Clone, Debug)]
pub struct Prefixes(plan::AddressSet);

impl Prefixes {
    /// Of a text: addresses and prefixes with spaces between; nothing where one is none.
    pub fn parse(text: &str) -> Option<Self> {
        let read = |word| match literal::read(word, ValueType::Address) {
            Some(Value::Prefix(address, length)) => Some((address, length)),
            _ => None,
        };
        let prefixes: Option<Vec<(Address, u8)>> = text.split_ascii_whitespace().map(read).collect();
        Some(Self(plan::AddressSet::new(&prefixes?)))
    }

    /// True where the address lies in one of the prefixes; each selects its own family alone.
    pub fn holds(&self, address: Address) -> bool {
        self.0.holds(address)
    }
}

/// `end - start`, which stays at the ends of what 64 bits hold.
pub const fn duration_ns(start: i64, end: i64) -> i64 {
    end.saturating_sub(start)
}

/// An amount times a factor over a duration, a second, rounded down; nothing unless time went by.
pub fn per_second(amount: u64, factor: u64, start: i64, end: i64) -> Option<u64> {
    plan::per_second(u128::from(amount) * u128::from(factor), duration_ns(start, end))
}

/// What a member of an object is: `text`, `number`, `bool` or `other`; nothing where it is absent or `null`.
pub fn extra_type(object: &str, name: &str) -> Option<&'static str> {
    Some(match plan::member(object, name)? {
        Member::Text(_) => "text",
        Member::Number(_) => "number",
        Member::Bool(_) => "bool",
        Member::Other => "other",
    })
}

/// A member of an object as text: a text without its quotes, a number as it is written, `true` or `false`.
pub fn extra_get<'a>(object: &'a str, name: &str) -> Option<Cow<'a, str>> {
    match plan::member(object, name)? {
        Member::Text(text) => Some(text),
        Member::Number(written) => Some(Cow::Borrowed(written)),
        Member::Bool(true) => Some(Cow::Borrowed("true")),
        Member::Bool(false) => Some(Cow::Borrowed("false")),
        Member::Other => None,
    }
}

/// How a member that is a number stands to another number.
pub fn extra_compare(object: &str, name: &str, number: u64) -> Option<Ordering> {
    plan::compared(&plan::member(object, name)?, &Value::Number(number))
}
