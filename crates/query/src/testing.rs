//! Random filters over every column, and random batches with gaps, from few values so that they meet. For tests, of other crates too: whatever selects records must
//! select the same.

#![allow(clippy::unwrap_used, reason = "only tests use it")]

use weir_record::{Address, AnyColumnMut, Column, ColumnType, FlowBatch};

use crate::Filter;
use crate::literal;
use crate::names::{self, SideWords, ValueType};
use crate::syntax::{Derived, Expression, Field, Relation, Sides, Test, Value};

const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    6,
    16,
    17,
    40,
    53,
    80,
    184,
    255,
    256,
    443,
    1023,
    1024,
    1600,
    3200,
    64_500,
    65_535,
    65_536,
    999_999,
    1_000_000,
    u32::MAX as u64,
    1 << 40,
    u64::MAX,
];
const TEXTS: &[&str] = &["", "a", "shop", "www.shop.example", "Shop", "ž ", "a\"b\\c", "\u{1}\n", "CZ", "DE", "tcp", "and", "5"];
const ADDRESSES: &[&str] = &[
    "10.0.0.1",
    "10.0.0.2",
    "10.1.0.0",
    "172.16.255.255",
    "0.0.0.0",
    "255.255.255.255",
    "::",
    "::5",
    "::3:0:1",
    "::5:0:1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "2001:db8:0:1::",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];
const TEN: i64 = 1_767_261_600_000_000_000;
const TIMES: &[i64] = &[i64::MIN, -1, 0, TEN, TEN + 1, TEN + 1_000_000, TEN + 2_000_000_000, TEN + 3_600_000_000_000, i64::MAX];
const DURATIONS: &[u64] = &[
    0,
    1,
    500,
    999,
    1000,
    1001,
    1500,
    1_000_000,
    6_000_000,
    50_000_000,
    2_000_000_000,
    3_600_000_000_000,
    4_294_967_295_000,
    i64::MAX as u64,
    u64::MAX,
];
const OBJECTS: &[&str] = &[
    "{}",
    r#"{"a":5}"#,
    r#"{ "b" : "x" , "a" : 5.5 }"#,
    r#"{"a":"shop","b":[1,{"a":2}],"c":true}"#,
    r#"{"b":{"a":"}"},"a":-1}"#,
    r#"{"a":null,"c":false}"#,
    r#"{"A":"ž ","a":"\u017e ","d e":1e3}"#,
    r#"{"a":"a\"b\\c","c":1000000}"#,
    r#"{"a":18446744073709551615}"#,
];
const MEMBERS: &[&str] = &["a", "b", "c", "d e", "A", "none", ""];

/// A generator of numbers (SplitMix64), so that one seed makes one case.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A filter of at most so many levels.
    pub fn filter(&mut self, depth: usize) -> Filter {
        Filter::of(self.expression(depth))
    }

    pub(crate) fn expression(&mut self, depth: usize) -> Expression {
        match self.below(if depth == 0 { 6 } else { 12 }) {
            0 => Expression::Any,
            1..=5 => Expression::Test(self.test()),
            6 | 7 => Expression::Not(Box::new(self.expression(depth - 1))),
            8 | 9 => Expression::And(self.parts(depth)),
            _ => Expression::Or(self.parts(depth)),
        }
    }

    fn parts(&mut self, depth: usize) -> Vec<Expression> {
        (0..2 + self.below(3)).map(|_| self.expression(depth - 1)).collect()
    }

    pub(crate) fn test(&mut self) -> Test {
        let field = self.field();
        let kind = field.value_type();
        let (negated, relation) = self.relation(kind);
        Test { field, negated, relation }
    }

    fn field(&mut self) -> Field {
        match self.below(10) {
            0..=4 => Field::Column(self.pick(Column::ALL)),
            5..=7 => {
                let pair = &names::PAIRS[self.below(names::PAIRS.len())];
                let sides: &[Sides] = match pair.sides {
                    SideWords::SourceDestination => &[Sides::Either, Sides::Both, Sides::Client, Sides::Server],
                    SideWords::InOut => &[Sides::Either, Sides::Both],
                    SideWords::None => &[Sides::Either],
                };
                Field::Pair(pair, self.pick(sides))
            }
            8 => Field::Derived(self.pick(&[
                Derived::Duration,
                Derived::BitsPerSecond,
                Derived::PacketsPerSecond,
                Derived::BytesPerPacket,
                Derived::Dscp,
                Derived::MplsLabel,
            ])),
            _ => Field::Extra(self.pick(MEMBERS).to_owned()),
        }
    }

    fn relation(&mut self, kind: ValueType) -> (bool, Relation) {
        if kind == ValueType::Object || self.chance(8) {
            return (false, Relation::Exists);
        }
        let negated = self.chance(40);
        let is_text = matches!(kind, ValueType::Text { .. } | ValueType::Member);
        let is_ordered =
            !matches!(kind, ValueType::Text { .. } | ValueType::Address | ValueType::Mac | ValueType::Word(_) | ValueType::Bool);
        match self.below(4) {
            0 => (negated, Relation::Equal(self.value(kind, true))),
            1 => {
                let most = self.pick(&[1, 2, 3, 8, 30]);
                let count = 1 + self.below(most);
                (negated, Relation::In((0..count).map(|_| self.value(kind, true)).collect()))
            }
            2 if is_text => {
                let upper = kind == ValueType::Text { upper: true };
                let text = if upper { self.pick(TEXTS).to_uppercase() } else { self.pick(TEXTS).to_owned() };
                (
                    negated,
                    match self.below(3) {
                        0 => Relation::Contains(text),
                        1 => Relation::Begins(text),
                        _ => Relation::Ends(text),
                    },
                )
            }
            2 | 3 if is_ordered => {
                let kind = if kind == ValueType::Member { ValueType::Number { max: u64::MAX, scaled: false } } else { kind };
                let value = self.value(kind, false);
                (
                    false,
                    match self.below(5) {
                        0 => Relation::Less(value),
                        1 => Relation::AtMost(value),
                        2 => Relation::Greater(value),
                        3 => Relation::AtLeast(value),
                        _ if kind == ValueType::Flags => Relation::AllFlags(self.pick(NUMBERS) as u16),
                        _ => Relation::AtLeast(value),
                    },
                )
            }
            _ => (negated, Relation::Equal(self.value(kind, true))),
        }
    }

    fn value(&mut self, kind: ValueType, ranges: bool) -> Value {
        match kind {
            ValueType::Number { max, .. } | ValueType::List { max } => self.number(max, ranges),
            ValueType::Protocol => self.number(u8::MAX.into(), ranges),
            ValueType::Flags => self.number(u16::MAX.into(), ranges),
            ValueType::Duration => Value::Duration(self.pick(DURATIONS)),
            ValueType::Time => Value::Time(self.pick(TIMES)),
            ValueType::Address => {
                let address = self.pick(ADDRESSES);
                let most = if address.contains(':') { 128 } else { 32 };
                let length = if self.chance(50) { most } else { self.below(most + 1) };
                let prefix = literal::read(&format!("{address}/{length}"), kind);
                // A few lengths lead into the block of IPv4, which is no literal.
                prefix.unwrap_or_else(|| literal::read(address, kind).unwrap())
            }
            ValueType::Mac => Value::Mac(self.pick(NUMBERS) & 0xffff_ffff_ffff),
            ValueType::Text { upper: true } => Value::Text(self.pick(TEXTS).to_uppercase()),
            ValueType::Text { upper: false } => Value::Text(self.pick(TEXTS).to_owned()),
            ValueType::Word(words) => Value::Word(self.below(words.len()) as u8),
            ValueType::Bool => Value::Bool(self.chance(50)),
            ValueType::Member => match self.below(3) {
                0 => Value::Number(self.pick(NUMBERS)),
                1 => Value::Bool(self.chance(50)),
                _ => Value::Text(self.pick(TEXTS).to_owned()),
            },
            ValueType::Object => unreachable!("objects have no literals"),
        }
    }

    fn number(&mut self, max: u64, ranges: bool) -> Value {
        let (a, b) = (self.pick(NUMBERS).min(max), self.pick(NUMBERS).min(max));
        if ranges && self.chance(20) { Value::Range(a.min(b), a.max(b)) } else { Value::Number(a) }
    }

    /// A batch of which some columns are empty, some full, some with gaps and some short.
    pub fn batch(&mut self, rows: usize) -> FlowBatch {
        let mut batch = FlowBatch::new();
        for column in Column::ALL {
            let filled = self.pick(&[0, 30, 90, 100, 100]);
            let end = if self.chance(30) { self.below(rows + 1) } else { rows };
            for row in 0..end {
                if self.chance(filled) {
                    self.fill(*column, row, &mut batch);
                }
            }
        }
        batch.advance(rows);
        if self.chance(30) {
            batch.finish();
        }
        batch
    }

    fn fill(&mut self, column: Column, row: usize, batch: &mut FlowBatch) {
        let number = self.pick(NUMBERS);
        let info = column.info();
        match batch.column_mut(column) {
            AnyColumnMut::U8(values) => values.push(
                row,
                match info.column_type {
                    ColumnType::Enum(words) => self.below(words.len()) as u8,
                    ColumnType::Bool => u8::from(self.chance(50)),
                    _ => number as u8,
                },
            ),
            AnyColumnMut::U16(values) => values.push(row, number as u16),
            AnyColumnMut::U32(values) => values.push(row, number as u32),
            AnyColumnMut::U64(values) => values.push(
                row,
                match info.column_type {
                    ColumnType::Mac => number & 0xffff_ffff_ffff,
                    _ => number,
                },
            ),
            AnyColumnMut::Time(values) => values.push(row, self.pick(TIMES)),
            AnyColumnMut::Ip(values) => {
                let ip: std::net::IpAddr = self.pick(ADDRESSES).parse().unwrap();
                values.push(row, Address::from(ip));
            }
            AnyColumnMut::Text(values) if info.column_type == ColumnType::Json => values.push(row, self.pick(OBJECTS)),
            AnyColumnMut::Text(values) => values.push(row, self.pick(TEXTS)),
            AnyColumnMut::List(values) => {
                let count = self.below(4);
                let list: Vec<u32> = (0..count).map(|_| self.pick(NUMBERS) as u32).collect();
                values.push(row, list);
            }
        }
    }
}
