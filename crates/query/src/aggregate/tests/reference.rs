//! The meaning of questions, written as plainly as possible.

use std::collections::{BTreeMap, BTreeSet};

use weir_record::column::Fixed;
use weir_record::{Address, AnyColumn, Column, ColumnType, FlowBatch, names};

use crate::answer::{Answer, AnswerTable, Body, Cell, Role};
use crate::question::{Key, KeySource, Measure, Question, QuestionKind, QuestionText, SortBy, What};
use crate::syntax::Sides;
use crate::time::{Placed, Slots, spread};
use crate::{Mask, histogram, time};

pub(super) const TEN: i64 = 1_767_261_600_000_000_000;

/// Makes times of a random batch plain enough for series, and amounts small enough to be added up in the head.
pub(super) fn calm(batch: &mut FlowBatch) {
    for column in [&mut batch.time_received, &mut batch.time_start, &mut batch.time_end] {
        *column = mapped(column, |time| TEN + time.rem_euclid(7_200_000_000_000) - 1_000_000_000_000);
    }
    for column in [&mut batch.bytes, &mut batch.packets, &mut batch.frame_bytes, &mut batch.dropped_packets, &mut batch.srt_sum] {
        *column = mapped(column, |amount| amount % 1_000_003);
    }
    batch.sampling_rate = mapped(&batch.sampling_rate, |rate| rate % 4099);
    batch.srt_count = mapped(&batch.srt_count, |count| count % 5);
    batch.srt_hist.clear();
}

fn mapped<T: Copy + Default>(column: &Fixed<T>, f: impl Fn(T) -> T) -> Fixed<T> {
    let mut out = Fixed::default();
    out.extend_some(0, (0..column.len()).map(|row| column.get(row).map(&f)));
    out
}

/// The rows of a group with the part of each that counts: the slot's begin, or nothing where all of it counts.
type Rows<'a> = Vec<(&'a FlowBatch, usize, Option<i64>)>;

/// Says where an answer is not what it should be.
pub(super) fn check(text: &QuestionText, batches: &[FlowBatch], answer: &Answer) -> Result<(), String> {
    let question = Question::new(text).unwrap();
    let Body::Table(table) = &answer.body else {
        return Err("records".to_owned());
    };
    let mut all: Rows<'_> = Vec::new();
    for batch in batches {
        let mut mask = Mask::new();
        question.filter.evaluate(batch, &mut mask);
        time::restrict(batch, question.from, question.to, &mut mask);
        let is_flow = |row: &usize| question.names_kinds() || kind(batch, *row) < names::EVENT;
        all.extend(mask.iter().filter(is_flow).map(|row| (batch, row, None)));
    }
    if answer.records != all.len() as u64 {
        return Err(format!("{} records instead of {}", answer.records, all.len()));
    }
    let in_slots = in_slots(&question, &all);
    let placed: Vec<Placed> = all.iter().map(|(batch, row, _)| Placed::of(batch, *row)).collect();
    let (first, last) = (placed.iter().map(|placed| placed.start).min(), placed.iter().map(|placed| placed.end).max());
    let span = match (question.from, question.to) {
        (i64::MIN, _) | (_, i64::MAX) => first.zip(last).map(|(first, last)| (last - first) as u64),
        (from, to) => Some((to - from) as u64),
    };
    let slot_span = question.slots.map(|slots| slots.step as u64);
    compare(&question, table, &table.totals, &in_slots, span, "totals")?;
    if question.kind == QuestionKind::Series && question.keys.is_empty() {
        return check_slots(&question, table, &in_slots, slot_span);
    }
    if question.keys.is_empty() {
        return compare(&question, table, &table.rows[0], &in_slots, span, "summary");
    }
    let mut groups: BTreeMap<String, (Vec<Cell>, Rows<'_>)> = BTreeMap::new();
    for (batch, row, slot) in &in_slots {
        for key in keys(&question, batch, *row) {
            groups.entry(format!("{key:?}")).or_insert_with(|| (key, Vec::new())).1.push((batch, *row, *slot));
        }
    }
    if question.kind == QuestionKind::Series {
        return check_series_of_groups(&question, table, &groups, slot_span);
    }
    check_groups(&question, table, &groups, span)
}

fn check_groups(
    question: &Question,
    table: &AnswerTable,
    groups: &BTreeMap<String, (Vec<Cell>, Rows<'_>)>,
    span: Option<u64>,
) -> Result<(), String> {
    let expected = question.top.map_or(groups.len(), |top| top.min(groups.len()));
    if table.rows.len() != expected {
        return Err(format!("{} rows instead of {expected}", table.rows.len()));
    }
    for row in &table.rows {
        let key = &row[..question.keys.len()];
        let (_, rows) = groups.get(&format!("{key:?}")).ok_or_else(|| format!("a group {key:?} that is none"))?;
        compare(question, table, row, rows, span, &format!("{key:?}"))?;
    }
    let distinct: BTreeSet<String> = table.rows.iter().map(|row| format!("{:?}", &row[..question.keys.len()])).collect();
    if distinct.len() != table.rows.len() {
        return Err("a group twice".to_owned());
    }
    check_order(question, table, groups, span)
}

/// The values by which rows are sorted are those of the plain sort; equal ones may change places.
fn check_order(
    question: &Question,
    table: &AnswerTable,
    groups: &BTreeMap<String, (Vec<Cell>, Rows<'_>)>,
    span: Option<u64>,
) -> Result<(), String> {
    let SortBy::Measure(place) = question.sort.by else {
        return Ok(());
    };
    let what = &question.measures[place].what;
    let value = |rows: &Rows<'_>| measure(what, rows, question, span);
    let mut wanted: Vec<f64> = groups.values().map(|(_, rows)| as_number(&value(rows))).collect();
    wanted.sort_by(|one, other| other.total_cmp(one));
    for (row, wanted) in table.rows.iter().zip(wanted) {
        let key = &row[..question.keys.len()];
        let found = as_number(&value(&groups[&format!("{key:?}")].1));
        if !near(found, wanted, what) {
            return Err(format!("{key:?} with {found} stands where {wanted} should"));
        }
    }
    Ok(())
}

fn check_slots(question: &Question, table: &AnswerTable, rows: &Rows<'_>, span: Option<u64>) -> Result<(), String> {
    let slots = question.slots.unwrap();
    let count = (question.to - question.from) / slots.step;
    if table.rows.len() as i64 != count {
        return Err(format!("{} slots instead of {count}", table.rows.len()));
    }
    for (index, row) in table.rows.iter().enumerate() {
        let begin = question.from + index as i64 * slots.step;
        if row[0] != Cell::Time(begin) {
            return Err(format!("{:?} instead of slot {begin}", row[0]));
        }
        let of_slot = rows.iter().filter(|(.., slot)| *slot == Some(begin)).copied().collect();
        compare(question, table, row, &of_slot, span, &format!("slot {begin}"))?;
    }
    Ok(())
}

fn check_series_of_groups(
    question: &Question,
    table: &AnswerTable,
    groups: &BTreeMap<String, (Vec<Cell>, Rows<'_>)>,
    span: Option<u64>,
) -> Result<(), String> {
    let keys = 1..1 + question.keys.len();
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for row in &table.rows {
        let (Cell::Time(slot), key) = (&row[0], &row[keys.clone()]) else {
            return Err(format!("{:?} is no slot", row[0]));
        };
        if key.iter().all(|cell| *cell == Cell::Others) {
            continue;
        }
        let name = format!("{key:?}");
        let (_, rows) = groups.get(&name).ok_or_else(|| format!("a group {key:?} that is none"))?;
        let of_slot: Rows<'_> = rows.iter().filter(|(.., of)| of == &Some(*slot)).copied().collect();
        compare(question, table, row, &of_slot, span, &format!("{key:?} at {slot}"))?;
        shown.insert(name);
    }
    let most = question.top.unwrap_or(usize::MAX);
    if shown.len() != groups.len().min(most) {
        return Err(format!("{} groups of {}", shown.len(), groups.len()));
    }
    // The others are what is not shown.
    for row in table.rows.iter().filter(|row| row[1] == Cell::Others) {
        let Cell::Time(slot) = row[0] else { continue };
        let others: Rows<'_> = groups
            .iter()
            .filter(|(name, _)| !shown.contains(*name))
            .flat_map(|(_, (_, rows))| rows.iter().filter(|(.., of)| *of == Some(slot)).copied())
            .collect();
        compare(question, table, row, &others, span, &format!("others at {slot}"))?;
    }
    Ok(())
}

/// The slots of a series; of what is spread, one that is the range.
fn slots_of(question: &Question) -> Option<Slots> {
    let is_bounded = question.from != i64::MIN && question.to != i64::MAX;
    let range = || Slots { step: question.to - question.from, origin: question.from };
    question.slots.or_else(|| (question.spread && is_bounded).then(range))
}

/// The parts of rows in slots, or the rows as they are.
fn in_slots<'a>(question: &Question, all: &Rows<'a>) -> Rows<'a> {
    let Some(slots) = slots_of(question) else {
        return all.clone();
    };
    let mut parts = Vec::new();
    for (batch, row, _) in all {
        spread(0, Placed::of(batch, *row), slots, |slot, _| {
            if slot >= question.from && slot < question.to {
                parts.push((*batch, *row, Some(slot)));
            }
        });
    }
    parts
}

fn kind(batch: &FlowBatch, row: usize) -> u8 {
    batch.record_kind.get(row).unwrap_or(names::FLOW)
}

/// The groups to which a row belongs.
fn keys(question: &Question, batch: &FlowBatch, row: usize) -> Vec<Vec<Cell>> {
    let of_side = |side: usize| question.keys.iter().map(|key| value(key, batch, row, side)).collect::<Vec<Cell>>();
    if !question.keys.iter().any(Key::is_either) {
        return vec![of_side(0)];
    }
    let (one, other) = (of_side(0), of_side(1));
    let is_there = |cells: &[Cell]| question.keys.iter().zip(cells).any(|(key, cell)| key.is_either() && *cell != Cell::Absent);
    match (is_there(&one), is_there(&other)) {
        (true, true) if one != other => vec![one, other],
        (false, true) => vec![other],
        _ => vec![one],
    }
}

fn value(key: &Key, batch: &FlowBatch, row: usize, side: usize) -> Cell {
    let column = match &key.source {
        KeySource::Column(Column::record_kind) => return Cell::Word(names::RECORD_KIND[kind(batch, row) as usize]),
        KeySource::Column(column) => *column,
        KeySource::Pair(pair, sides) => {
            let responder = batch.biflow.get(row) == Some(names::RESPONDER);
            let side = match sides {
                Sides::Client => usize::from(responder),
                Sides::Server => usize::from(!responder),
                _ => side,
            };
            [pair.first, pair.second][side]
        }
        KeySource::Dscp => return batch.tos.get(row).map_or(Cell::Absent, |tos| Cell::Number(u64::from(tos / 4))),
        KeySource::Application => {
            let recognised = batch.app.get(row).or(batch.app_name.get(row));
            return recognised.map_or(Cell::Absent, |text| Cell::Text(text.into()));
        }
        KeySource::Time(slots) => return Cell::Time(slots.begin_of(Placed::of(batch, row).end)),
        KeySource::Member(name) => {
            let object: Option<serde_json::Value> = batch.extra.get(row).and_then(|text| serde_json::from_str(text).ok());
            return match object.and_then(|object| object.get(name).cloned()) {
                Some(serde_json::Value::String(text)) => Cell::Text(text.into()),
                Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => Cell::Text(value.to_string().into()),
                _ => Cell::Absent,
            };
        }
    };
    let column_type = column.info().column_type;
    let cell = match batch.column(column) {
        AnyColumn::Ip(values) => values.get(row).map(|address| match key.prefix {
            None => Cell::Address(address),
            Some(prefix) => {
                let length = if address.is_v4() { prefix.v4 } else { prefix.v6 };
                let network = match address.to_ip() {
                    std::net::IpAddr::V4(ip) => {
                        Address::v4(ip.to_bits() & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0))
                    }
                    std::net::IpAddr::V6(ip) => {
                        let bits = ip.to_bits() & u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                        Address::from_halves((bits >> 64) as u64, bits as u64)
                    }
                };
                Cell::Prefix(network, length)
            }
        }),
        AnyColumn::Text(values) => values.get(row).map(|text| Cell::Text(text.into())),
        AnyColumn::Time(values) => values.get(row).map(Cell::Time),
        _ => number(batch, column, row).map(|number| match column_type {
            ColumnType::Mac => Cell::Mac(number),
            ColumnType::Bool => Cell::Bool(number != 0),
            ColumnType::Enum(words) => Cell::Word(words[number as usize]),
            _ => Cell::Number(number),
        }),
    };
    cell.unwrap_or(Cell::Absent)
}

fn number(batch: &FlowBatch, column: Column, row: usize) -> Option<u64> {
    match batch.column(column) {
        AnyColumn::U8(values) => values.get(row).map(u64::from),
        AnyColumn::U16(values) => values.get(row).map(u64::from),
        AnyColumn::U32(values) => values.get(row).map(u64::from),
        AnyColumn::U64(values) => values.get(row),
        _ => None,
    }
}

/// The shown measures of a row of the answer against those of its records.
fn compare(
    question: &Question,
    table: &AnswerTable,
    row: &[Cell],
    rows: &Rows<'_>,
    span: Option<u64>,
    name: &str,
) -> Result<(), String> {
    for (column, cell) in table.columns.iter().zip(row) {
        let named = |measure: &&Measure| measure.name == column.name;
        let (Role::Measure, Some(shown)) = (column.role, question.measures.iter().find(named)) else {
            continue;
        };
        let wanted = measure(&shown.what, rows, question, span);
        let same = match (cell, &wanted) {
            (Cell::Absent, Cell::Absent) => true,
            (Cell::Absent, _) | (_, Cell::Absent) => false,
            (cell, wanted) => near(as_number(cell), as_number(wanted), &shown.what),
        };
        if !same {
            return Err(format!("{name}: {} is {cell:?} instead of {wanted:?}", column.name));
        }
    }
    Ok(())
}

fn as_number(cell: &Cell) -> f64 {
    match cell {
        Cell::Number(number) => *number as f64,
        Cell::Real(number) => *number,
        Cell::Time(time) => *time as f64,
        _ => f64::NEG_INFINITY,
    }
}

fn near(found: f64, wanted: f64, what: &What) -> bool {
    match what {
        _ if found == wanted => true,
        What::Percentile(..) => (found - wanted).abs() <= wanted * histogram::RELATIVE_ERROR,
        What::Average(_) => (found - wanted).abs() <= wanted.abs() * 1e-9,
        _ => false,
    }
}

fn measure(what: &What, rows: &Rows<'_>, question: &Question, span: Option<u64>) -> Cell {
    // What is counted stands in the slot in which a record ends.
    let slots = slots_of(question).unwrap_or(Slots::every(1));
    let ends_here = |(batch, row, slot): &(&FlowBatch, usize, Option<i64>)| {
        slot.is_none_or(|slot| slots.begin_of(Placed::of(batch, *row).end) == slot)
    };
    let counted = || rows.iter().filter(|row| ends_here(row)).map(|(batch, row, _)| (*batch, *row));
    let volume = |batch: &FlowBatch, row: usize| kind(batch, row) < names::EVENT;
    let is_responder = |batch: &FlowBatch, row: usize| batch.biflow.get(row) == Some(names::RESPONDER);
    let count = |keep: &dyn Fn(&FlowBatch, usize) -> bool| {
        Cell::Number(counted().filter(|(batch, row)| keep(batch, *row)).count() as u64)
    };
    let values = |column: Column| counted().filter_map(move |(batch, row)| number(batch, column, row));
    let response =
        |own: Column| counted().filter_map(move |(batch, row)| number(batch, own, row).or(batch.srt.get(row).map(u64::from)));
    match what {
        What::Flows => count(&|batch, row| kind(batch, row) == names::FLOW),
        What::Samples => count(&|batch, row| kind(batch, row) == names::SAMPLE),
        What::Records => count(&|_, _| true),
        What::Connections => count(&|batch, row| volume(batch, row) && !is_responder(batch, row)),
        What::Sum(column) => sum(*column, rows, question, &counted().collect::<Vec<_>>()),
        What::BitsPerSecond | What::PacketsPerSecond => {
            let (column, factor) = if *what == What::BitsPerSecond { (Column::bytes, 8) } else { (Column::packets, 1) };
            let Cell::Number(amount) = sum(column, rows, question, &[]) else { return Cell::Absent };
            let span = span.filter(|span| *span > 0);
            span.map_or(Cell::Absent, |span| {
                let rate = u128::from(amount) * factor * 1_000_000_000 / u128::from(span);
                Cell::Number(u64::try_from(rate).unwrap_or(u64::MAX))
            })
        }
        What::BytesPerPacket => match (sum(Column::bytes, rows, question, &[]), sum(Column::packets, rows, question, &[])) {
            (Cell::Number(bytes), Cell::Number(packets)) if packets > 0 => Cell::Number(bytes / packets),
            _ => Cell::Absent,
        },
        What::First => counted().map(|(batch, row)| Placed::of(batch, row).start).min().map_or(Cell::Absent, Cell::Time),
        What::Last => counted().map(|(batch, row)| Placed::of(batch, row).end).max().map_or(Cell::Absent, Cell::Time),
        What::Smallest(Column::srt) => response(Column::srt_min).min().map_or(Cell::Absent, Cell::Number),
        What::Largest(Column::srt) => response(Column::srt_max).max().map_or(Cell::Absent, Cell::Number),
        What::Smallest(column) => values(*column).min().map_or(Cell::Absent, Cell::Number),
        What::Largest(column) => values(*column).max().map_or(Cell::Absent, Cell::Number),
        What::Average(Column::srt) => {
            let (mut total, mut number) = (0u64, 0u64);
            for (batch, row) in counted() {
                match (batch.srt_sum.get(row), batch.srt_count.get(row), batch.srt.get(row)) {
                    (Some(sum), count, _) => (total, number) = (total + sum, number + u64::from(count.unwrap_or(1))),
                    (None, _, Some(time)) => (total, number) = (total + u64::from(time), number + 1),
                    _ => {}
                }
            }
            if number == 0 { Cell::Absent } else { Cell::Real(total as f64 / number as f64) }
        }
        What::Average(column) => {
            let values: Vec<u64> = values(*column).collect();
            let total: u64 = values.iter().sum();
            if values.is_empty() { Cell::Absent } else { Cell::Real(total as f64 / values.len() as f64) }
        }
        What::Percentile(column, tenths) => {
            // Where nothing tells the halves of a connection apart, the initiator's speaks for both.
            let is_neutral = |key: &Key| matches!(key.source, KeySource::Column(Column::exporter) | KeySource::Application);
            let once = column.info().scope == weir_record::Scope::Connection
                && question.filter.columns().iter().all(|column| *column == Column::exporter)
                && question.keys.iter().all(is_neutral);
            let mut values: Vec<u64> = counted()
                .filter(|(batch, row)| !(once && is_responder(batch, *row)))
                .flat_map(|(batch, row)| times(batch, *column, row))
                .collect();
            values.sort_unstable();
            let rank = (values.len() * usize::from(*tenths)).div_ceil(1000).max(1);
            values.get(rank - 1).map_or(Cell::Absent, |value| Cell::Number(*value))
        }
        What::Distinct(key) => {
            let sides = 1 + usize::from(key.is_either());
            let each = counted().flat_map(|(batch, row)| (0..sides).map(move |side| value(key, batch, row, side)));
            let different: BTreeSet<String> = each.filter(|cell| *cell != Cell::Absent).map(|cell| format!("{cell:?}")).collect();
            Cell::Number(different.len() as u64)
        }
    }
}

/// The values of a row of which percentiles are: of response times that are counted, their average so often.
fn times(batch: &FlowBatch, column: Column, row: usize) -> Vec<u64> {
    let (sum, count) = (batch.srt_sum.get(row), batch.srt_count.get(row).unwrap_or(1));
    match (column, sum, number(batch, column, row)) {
        (Column::srt, _, _) if count == 0 => Vec::new(),
        (Column::srt, Some(sum), _) => vec![sum / u64::from(count); count as usize],
        (Column::srt, None, Some(first)) => vec![first; count as usize],
        (_, _, value) => value.into_iter().collect(),
    }
}

/// The sum of a column: bytes and packets scaled and spread, values of connections once.
fn sum(column: Column, rows: &Rows<'_>, question: &Question, counted: &[(&FlowBatch, usize)]) -> Cell {
    let is_amount = crate::question::is_scaled(column);
    let of_row = |batch: &FlowBatch, row: usize| {
        let counts = kind(batch, row) < names::EVENT
            && (!crate::question::of_connection(column) || batch.biflow.get(row) != Some(names::RESPONDER));
        if counts { number(batch, column, row).unwrap_or(0) } else { 0 }
    };
    let rate = |batch: &FlowBatch, row: usize| match question.unscaled {
        false => u64::from(batch.sampling_rate.get(row).unwrap_or(1).max(1)),
        true => 1,
    };
    if !is_amount {
        return Cell::Number(counted.iter().fold(0u64, |sum, (batch, row)| sum.saturating_add(of_row(batch, *row))));
    }
    let mut total = 0u64;
    for (batch, row, slot) in rows {
        let amount = of_row(batch, *row);
        match (slot, slots_of(question)) {
            (Some(slot), Some(slots)) => spread(amount, Placed::of(batch, *row), slots, |at, part| {
                if at == *slot {
                    total = total.saturating_add(part.saturating_mul(rate(batch, *row)));
                }
            }),
            _ => total = total.saturating_add(amount.saturating_mul(rate(batch, *row))),
        }
    }
    Cell::Number(total)
}
