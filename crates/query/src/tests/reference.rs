//! The meaning of filters, written as plainly as possible: one row at a time, one value at a time.

use std::net::IpAddr;

use weir_record::{AnyColumn, Column, ColumnType, FlowBatch, names};

use crate::syntax::{Derived, Expression, Field, Relation, Sides, Test, Value};

/// A value as a filter sees it. Durations and times are nanoseconds.
#[derive(Debug)]
enum Seen {
    Number(i128),
    Address(IpAddr),
    Text(String),
    List(Vec<i128>),
    Json(serde_json::Value),
}

pub(super) fn holds(expression: &Expression, batch: &FlowBatch, row: usize) -> bool {
    match expression {
        Expression::Any => true,
        Expression::And(parts) => parts.iter().all(|part| holds(part, batch, row)),
        Expression::Or(parts) => parts.iter().any(|part| holds(part, batch, row)),
        Expression::Not(inner) => !holds(inner, batch, row),
        Expression::Test(test) => test_holds(test, batch, row),
    }
}

fn test_holds(test: &Test, batch: &FlowBatch, row: usize) -> bool {
    let one = |seen: Option<Seen>| seen.is_some_and(|seen| related(&seen, &test.relation) != test.negated);
    match &test.field {
        Field::Column(column) => one(seen(*column, batch, row)),
        Field::Derived(derived) => one(worked_out(*derived, batch, row)),
        Field::Extra(name) => one(member(name, batch, row)),
        Field::Pair(pair, sides) => {
            let (first, second) = (seen(pair.first, batch, row), seen(pair.second, batch, row));
            let responder = batch.biflow.get(row) == Some(names::RESPONDER);
            match sides {
                Sides::Either => either(test, [first, second]),
                Sides::Both => one(first) && one(second),
                Sides::Client => one(if responder { second } else { first }),
                Sides::Server => one(if responder { first } else { second }),
            }
        }
    }
}

fn either(test: &Test, sides: [Option<Seen>; 2]) -> bool {
    let mut present = sides.iter().flatten().peekable();
    if test.negated {
        present.peek().is_some() && present.all(|seen| !related(seen, &test.relation))
    } else {
        present.any(|seen| related(seen, &test.relation))
    }
}

fn seen(column: Column, batch: &FlowBatch, row: usize) -> Option<Seen> {
    let info = column.info();
    let is_duration = matches!(info.filter_type(), weir_record::FilterType::Duration);
    let scale = if is_duration { 1000 } else { 1 };
    let number = |number: i128| Seen::Number(number * scale);
    Some(match batch.column(column) {
        AnyColumn::U8(values) if column == Column::record_kind => number(values.get(row).unwrap_or(names::FLOW).into()),
        AnyColumn::U8(values) => number(values.get(row)?.into()),
        AnyColumn::U16(values) => number(values.get(row)?.into()),
        AnyColumn::U32(values) => number(values.get(row)?.into()),
        AnyColumn::U64(values) => number(values.get(row)?.into()),
        AnyColumn::Time(values) => number(values.get(row)?.into()),
        AnyColumn::Ip(values) => Seen::Address(values.get(row)?.to_ip()),
        AnyColumn::Text(values) if info.column_type == ColumnType::Json => {
            Seen::Json(serde_json::from_str(values.get(row)?).unwrap())
        }
        AnyColumn::Text(values) => Seen::Text(values.get(row)?.to_owned()),
        AnyColumn::List(values) => Seen::List(values.get(row)?.iter().map(|n| i128::from(*n)).collect()),
    })
}

fn worked_out(derived: Derived, batch: &FlowBatch, row: usize) -> Option<Seen> {
    let duration = || {
        let duration = i128::from(batch.time_end.get(row)?) - i128::from(batch.time_start.get(row)?);
        Some(duration.clamp(i64::MIN.into(), i64::MAX.into()))
    };
    let rate = |amount: Option<u64>, factor: i128| {
        let duration = duration().filter(|duration| *duration > 0)?;
        let rate = i128::from(amount?) * factor * 1_000_000_000 / duration;
        Some(rate.min(u64::MAX.into()))
    };
    Some(match derived {
        Derived::Duration => Seen::Number(duration()?),
        Derived::BitsPerSecond => Seen::Number(rate(batch.bytes.get(row), 8)?),
        Derived::PacketsPerSecond => Seen::Number(rate(batch.packets.get(row), 1)?),
        Derived::BytesPerPacket => {
            let packets = batch.packets.get(row).filter(|packets| *packets > 0)?;
            Seen::Number((batch.bytes.get(row)? / packets).into())
        }
        Derived::Dscp => Seen::Number((batch.tos.get(row)? / 4).into()),
        Derived::MplsLabel => {
            let labels = batch.mpls_labels.get(row)?;
            Seen::List(labels.iter().map(|entry| i128::from(entry / 16)).collect())
        }
    })
}

fn member(name: &str, batch: &FlowBatch, row: usize) -> Option<Seen> {
    let object: serde_json::Value = serde_json::from_str(batch.extra.get(row)?).unwrap();
    object.get(name).filter(|value| !value.is_null()).cloned().map(Seen::Json)
}

fn related(seen: &Seen, relation: &Relation) -> bool {
    if let Seen::List(numbers) = seen {
        let any = |number: &i128| related(&Seen::Number(*number), relation);
        return *relation == Relation::Exists || numbers.iter().any(any);
    }
    match relation {
        Relation::Exists => true,
        Relation::Equal(value) => equal(seen, value),
        Relation::In(values) => values.iter().any(|value| equal(seen, value)),
        Relation::Less(value) => ordered(seen, value).is_some_and(|o| o.is_lt()),
        Relation::AtMost(value) => ordered(seen, value).is_some_and(|o| o.is_le()),
        Relation::Greater(value) => ordered(seen, value).is_some_and(|o| o.is_gt()),
        Relation::AtLeast(value) => ordered(seen, value).is_some_and(|o| o.is_ge()),
        Relation::Contains(part) => text(seen).is_some_and(|text| text.contains(part)),
        Relation::Begins(part) => text(seen).is_some_and(|text| text.starts_with(part)),
        Relation::Ends(part) => text(seen).is_some_and(|text| text.ends_with(part)),
        Relation::AllFlags(flags) => matches!(seen, Seen::Number(number) if number & i128::from(*flags) == i128::from(*flags)),
    }
}

fn text(seen: &Seen) -> Option<&str> {
    match seen {
        Seen::Text(text) => Some(text),
        Seen::Json(value) => value.as_str(),
        _ => None,
    }
}

fn equal(seen: &Seen, value: &Value) -> bool {
    match (seen, value) {
        (Seen::Number(number), Value::Range(low, high)) => (i128::from(*low)..=i128::from(*high)).contains(number),
        (Seen::Address(IpAddr::V4(ip)), Value::Prefix(prefix, length)) => match prefix.to_ip() {
            IpAddr::V4(prefix) => {
                let other = 32 - u32::from(*length);
                u64::from(ip.to_bits()) >> other == u64::from(prefix.to_bits()) >> other
            }
            IpAddr::V6(_) => false,
        },
        (Seen::Address(IpAddr::V6(ip)), Value::Prefix(prefix, length)) => match prefix.to_ip() {
            IpAddr::V6(prefix) => {
                let bits = |bits: u128| (0..u32::from(*length)).map(move |bit| bits >> (127 - bit) & 1);
                bits(ip.to_bits()).eq(bits(prefix.to_bits()))
            }
            IpAddr::V4(_) => false,
        },
        (seen, Value::Text(wanted)) => text(seen) == Some(wanted),
        (Seen::Json(serde_json::Value::Bool(is)), Value::Bool(wanted)) => is == wanted,
        _ => ordered(seen, value).is_some_and(|order| order.is_eq()),
    }
}

fn ordered(seen: &Seen, value: &Value) -> Option<std::cmp::Ordering> {
    if let (Seen::Json(serde_json::Value::Number(number)), Value::Number(wanted)) = (seen, value) {
        return match number.as_u64() {
            Some(number) => Some(number.cmp(wanted)),
            None => number.as_f64()?.partial_cmp(&(*wanted as f64)),
        };
    }
    let Seen::Number(number) = seen else {
        return None;
    };
    let wanted = match value {
        Value::Number(n) | Value::Duration(n) | Value::Mac(n) => i128::from(*n),
        Value::Time(n) => i128::from(*n),
        Value::Word(n) => i128::from(*n),
        Value::Bool(n) => i128::from(*n),
        _ => return None,
    };
    Some(number.cmp(&wanted))
}
