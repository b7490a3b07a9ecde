//! Measures: what is worked out of the records of a group.

use std::collections::BTreeSet;

use weir_record::{Column, ColumnType, Unit};

use super::{Key, expected, key, list};
use crate::names as words;
use crate::parse::{Fault, Parser};
use crate::syntax::Field;
use crate::token::{Symbol, Token, TokenKind};

/// One of the measures of a question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measure {
    /// Name in answers: of JSON, CSV, `sort` and `having`.
    pub(crate) name: String,
    pub(crate) what: What,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// Flow records.
    Flows,
    /// Sampled packets.
    Samples,
    /// Rows that are not a responder's half.
    Connections,
    /// Rows of every kind.
    Records,
    /// Sum of a column.
    Sum(Column),
    BitsPerSecond,
    PacketsPerSecond,
    BytesPerPacket,
    /// When the first record begins.
    First,
    /// When the last record ends.
    Last,
    Smallest(Column),
    Largest(Column),
    Average(Column),
    /// A percentile, in tenths of a percent.
    Percentile(Column, u16),
    /// How many values of a key there are.
    Distinct(Key),
}

/// Measures with a name of their own, and what they mean.
pub(super) const NAMED: &[(&str, What, &str)] = &[
    ("flows", What::Flows, "flow records"),
    ("samples", What::Samples, "sampled packets"),
    ("connections", What::Connections, "records that are not a responder's half"),
    ("records", What::Records, "records of every kind"),
    ("bps", What::BitsPerSecond, "bits a second over the time asked for"),
    ("pps", What::PacketsPerSecond, "packets a second over the time asked for"),
    ("bpp", What::BytesPerPacket, "bytes a packet"),
    ("first", What::First, "when the first record begins"),
    ("last", What::Last, "when the last record ends"),
];

/// What may be worked out of a column of numbers; percentiles besides.
pub(super) const STATISTICS: &[(&str, &str)] = &[
    ("sum", "sum of the values"),
    ("avg", "average of the values"),
    ("min", "smallest value"),
    ("max", "largest value"),
    ("median", "half of the values are not larger"),
    ("p95", "95 % of the values are not larger; so p50, p99, p99.9"),
];

impl Measure {
    /// The measures of a text, with commas between.
    pub(super) fn list(text: &str) -> Result<Vec<Self>, Box<Fault>> {
        let mut measures: Vec<Self> = Vec::new();
        for item in list::items(text)? {
            let mut parser = Parser::new(text, item);
            let measure = Self::read(text, &mut parser)?;
            if parser.token().kind != TokenKind::End {
                return Err(expected(parser.fault(Vec::new()), &["`,`", "the end"]));
            }
            if measures.contains(&measure) {
                return Err(list::twice(text, &measure.name));
            }
            measures.push(measure);
        }
        Ok(measures)
    }

    /// The measure that comes next.
    pub(super) fn read(text: &str, parser: &mut Parser<'_>) -> Result<Self, Box<Fault>> {
        let unknown = |parser: &Parser<'_>| {
            let named = NAMED.iter().map(|(name, ..)| *name);
            let known = named.chain(Column::ALL.iter().map(|column| column.name())).chain(["distinct"]);
            let fault =
                expected(parser.fault(Vec::new()), &["a measure such as `bytes`, `flows`, `rtt p95` or `distinct(src_addr)`"]);
            fault.with_hint(parser.word(), known)
        };
        let Some(word) = parser.word() else {
            return Err(unknown(parser));
        };
        let name = words::normal(word);
        if let Some((name, what, _)) = NAMED.iter().find(|(known, ..)| *known == name) {
            parser.advance();
            return Ok(Self { name: (*name).to_owned(), what: what.clone() });
        }
        if name == "distinct" || statistic(&name).is_some() {
            let before = parser.token().clone();
            parser.advance();
            if !parser.take_symbol(Symbol::Open) {
                return Err(expected(
                    parser.fault(Vec::new()),
                    &[if name == "distinct" { "`(` and a key" } else { "`(` and a column" }],
                ));
            }
            return Self::function(text, parser, &name, &before);
        }
        if let Some(column) = column_named(&name) {
            parser.advance();
            let next = parser.word().map(words::normal);
            return match next.as_deref().and_then(statistic) {
                Some(what) => {
                    parser.advance();
                    Self::of(column, Some(what))
                }
                None => Self::of(column, None),
            }
            .ok_or_else(|| expected(parser.fault(Vec::new()), &["what of its values, such as `avg`, `max` or `p95`"]));
        }
        // As answers name them: rtt_p95, distinct_src_addr.
        let split = name.rsplit_once('_').and_then(|(column, what)| Self::of(column_named(column)?, Some(statistic(what)?)));
        let distinct = || {
            let key = name.strip_prefix("distinct_")?;
            let end = key.len();
            let tokens = vec![Token { kind: TokenKind::Word, start: 0, end }, Token { kind: TokenKind::End, start: end, end }];
            Key::parse(key, tokens).ok().map(Self::distinct)
        };
        let measure = split.or_else(distinct).ok_or_else(|| unknown(parser))?;
        parser.advance();
        Ok(measure)
    }

    /// What stands in the brackets of `avg(rtt)` or `distinct(src_addr)`, and the bracket that closes.
    fn function(text: &str, parser: &mut Parser<'_>, name: &str, before: &Token) -> Result<Self, Box<Fault>> {
        let mut inner = Vec::new();
        while !matches!(parser.token().kind, TokenKind::End | TokenKind::Symbol(_)) {
            inner.push(parser.token().clone());
            parser.advance();
        }
        let end = parser.token().start;
        inner.push(Token { kind: TokenKind::End, start: end, end });
        if !parser.take_symbol(Symbol::Close) {
            return Err(expected(parser.fault(Vec::new()), &["`)`"]));
        }
        if name == "distinct" {
            return Key::parse(text, inner).map(Self::distinct);
        }
        let mut within = Parser::new(text, inner);
        let column = match within.field()? {
            Some((Field::Column(column), _)) if within.token().kind == TokenKind::End => Some(column),
            _ => None,
        };
        column.and_then(|column| Self::of(column, statistic(name))).ok_or_else(|| {
            let at_name = Parser::new(text, vec![before.clone()]);
            expected(at_name.fault(Vec::new()), &["it of one column of numbers, such as `avg(rtt)`"])
        })
    }

    fn distinct(key: Key) -> Self {
        Self { name: format!("distinct_{}", key.name), what: What::Distinct(key) }
    }

    /// A statistic of a column; where none is told, the sum of what adds up and the average of times. Nothing where it makes no sense.
    fn of(column: Column, statistic: Option<Statistic>) -> Option<Self> {
        let info = column.info();
        if !matches!(info.column_type, ColumnType::U8 | ColumnType::U16 | ColumnType::U32 | ColumnType::U64) {
            return None;
        }
        let adds_up = matches!(info.unit, Unit::Bytes | Unit::Packets | Unit::Count | Unit::Microseconds)
            && column != Column::sampling_rate;
        let (suffix, what) = match statistic {
            None if info.unit == Unit::Microseconds => ("_avg".to_owned(), What::Average(column)),
            None | Some(Statistic::Sum) if adds_up && info.unit != Unit::Microseconds => (String::new(), What::Sum(column)),
            Some(Statistic::Sum) if adds_up => ("_sum".to_owned(), What::Sum(column)),
            None | Some(Statistic::Sum) => return None,
            Some(Statistic::Smallest) => ("_min".to_owned(), What::Smallest(column)),
            Some(Statistic::Largest) => ("_max".to_owned(), What::Largest(column)),
            Some(Statistic::Average) => ("_avg".to_owned(), What::Average(column)),
            Some(Statistic::Percentile(tenths)) if tenths % 10 == 0 => {
                (format!("_p{}", tenths / 10), What::Percentile(column, tenths))
            }
            Some(Statistic::Percentile(tenths)) => {
                (format!("_p{}.{}", tenths / 10, tenths % 10), What::Percentile(column, tenths))
            }
        };
        Some(Self { name: format!("{}{suffix}", info.name), what })
    }

    /// The unit of its numbers.
    pub(crate) fn unit(&self) -> Unit {
        match &self.what {
            What::Flows | What::Samples | What::Connections | What::Records | What::Distinct(_) => Unit::Count,
            What::Sum(column) | What::Smallest(column) | What::Largest(column) => column.info().unit,
            What::Average(column) | What::Percentile(column, _) => column.info().unit,
            What::BitsPerSecond => Unit::BitsPerSecond,
            What::BytesPerPacket => Unit::Bytes,
            What::PacketsPerSecond => Unit::Packets,
            What::First | What::Last => Unit::None,
        }
    }

    /// True for points in time.
    pub(crate) const fn is_time(&self) -> bool {
        matches!(self.what, What::First | What::Last)
    }

    pub(crate) fn add_columns(&self, unscaled: bool, columns: &mut BTreeSet<Column>) {
        let mut sum = |column: Column| {
            columns.insert(column);
            if is_scaled(column) && !unscaled {
                columns.extend([Column::sampling_rate, Column::packets]);
            }
        };
        match &self.what {
            What::Flows | What::Samples | What::Records | What::First | What::Last => {}
            What::Connections => columns.extend([Column::biflow]),
            What::BitsPerSecond => sum(Column::bytes),
            What::PacketsPerSecond => sum(Column::packets),
            What::BytesPerPacket => {
                sum(Column::bytes);
                sum(Column::packets);
            }
            What::Sum(column) => {
                sum(*column);
                if of_connection(*column) {
                    columns.insert(Column::biflow);
                }
            }
            What::Smallest(column) | What::Largest(column) | What::Average(column) | What::Percentile(column, _) => {
                columns.insert(*column);
                if matches!(self.what, What::Percentile(..)) && of_connection(*column) {
                    columns.insert(Column::biflow);
                }
                if *column == Column::srt {
                    columns.extend([Column::srt_min, Column::srt_max, Column::srt_count, Column::srt_sum, Column::srt_hist]);
                }
            }
            What::Distinct(key) => key.add_columns(columns),
        }
    }
}

/// True for columns whose sums are multiplied by the sampling rate.
pub(crate) fn is_scaled(column: Column) -> bool {
    let info = column.info();
    matches!(info.unit, Unit::Bytes | Unit::Packets) && info.column_type == ColumnType::U64
}

/// True for columns whose value stands on both halves of a connection and would be summed up twice.
pub(crate) fn of_connection(column: Column) -> bool {
    column.info().scope == weir_record::Scope::Connection
}

#[derive(Clone, Copy)]
enum Statistic {
    Sum,
    Average,
    Smallest,
    Largest,
    Percentile(u16),
}

fn statistic(word: &str) -> Option<Statistic> {
    Some(match word {
        "sum" => Statistic::Sum,
        "avg" | "average" | "mean" => Statistic::Average,
        "min" => Statistic::Smallest,
        "max" => Statistic::Largest,
        "median" => Statistic::Percentile(500),
        // A dot in a name was read as an underscore.
        word => {
            let digits = word.strip_prefix('p').filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))?;
            let (whole, tenths) = digits.split_once('_').unwrap_or((digits, "0"));
            let (whole, tenths) = (whole.parse::<u16>().ok()?, tenths.parse::<u16>().ok().filter(|tenths| *tenths < 10)?);
            let tenths = whole.checked_mul(10)? + tenths;
            Statistic::Percentile(Some(tenths).filter(|tenths| (1..=1000).contains(tenths))?)
        }
    })
}

/// The column of a word, under its own or another name.
fn column_named(name: &str) -> Option<Column> {
    match words::field(name) {
        Some(Field::Column(column)) if key::can_be_key(column) => Some(column),
        _ => None,
    }
}
