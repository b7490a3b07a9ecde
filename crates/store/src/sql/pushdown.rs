//! Conditions of SQL that the filter language says exactly, so that rows are chosen where their columns lie.
//!
//! SQL has three truth values and a row is selected where its condition is true; filters have two, and a comparison with an absent value is false. So what is
//! translated is "the condition is true" or, under `NOT`, "the condition is false": both hold only where there is a value. What has no exact
//! translation is left to the engine.

use std::net::IpAddr;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Like, Operator};
use weir_query::Filter;
use weir_query::syntax::{Expression, Field, Relation, Test, Value};
use weir_record::{Address, Column, ColumnType, FilterType};

/// The filter of conditions that all must be true; nothing where one cannot be said.
pub(super) fn filter(conditions: &[&Expr]) -> Option<Filter> {
    let parts = conditions.iter().map(|condition| holds(condition, true)).collect::<Option<Vec<_>>>()?;
    let expression = joined(parts, Expression::And)?;
    // By way of its text: the parser is what decides what a filter is.
    let filter = Filter::parse(&expression.to_string()).ok()?;
    (*filter.expression() == expression).then_some(filter)
}

/// Rows for which a condition is true, or those for which it is false.
fn holds(condition: &Expr, truth: bool) -> Option<Expression> {
    match condition {
        Expr::Alias(alias) => holds(&alias.expr, truth),
        Expr::Not(inner) => holds(inner, !truth),
        Expr::IsTrue(inner) => both_ways(holds(inner, true)?, truth),
        Expr::IsFalse(inner) => both_ways(holds(inner, false)?, truth),
        Expr::IsNotTrue(inner) => both_ways(holds(inner, true)?, !truth),
        Expr::IsNotFalse(inner) => both_ways(holds(inner, false)?, !truth),
        Expr::IsNotNull(inner) => both_ways(exists(inner)?, truth),
        Expr::IsNull(inner) => both_ways(exists(inner)?, !truth),
        Expr::Column(_) => test(condition, Relation::Equal(Value::Bool(true)), truth),
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let parts = vec![holds(left, truth)?, holds(right, truth)?];
            // What is false of an `and` is an `or` of what is false, and the other way round.
            joined(parts, if (*op == Operator::And) == truth { Expression::And } else { Expression::Or })
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (column, Expr::Literal(literal, _)) => compared(column, *op, literal, truth),
            (Expr::Literal(literal, _), column) => compared(column, op.swap()?, literal, truth),
            _ => None,
        },
        Expr::Between(between) => {
            let (Expr::Literal(low, _), Expr::Literal(high, _)) = (between.low.as_ref(), between.high.as_ref()) else {
                return None;
            };
            let truth = truth != between.negated;
            let parts =
                vec![compared(&between.expr, Operator::GtEq, low, truth)?, compared(&between.expr, Operator::LtEq, high, truth)?];
            joined(parts, if truth { Expression::And } else { Expression::Or })
        }
        Expr::InList(InList { expr, list, negated }) => {
            let column = column(expr)?;
            let value = |item: &Expr| if let Expr::Literal(literal, _) = item { value(column, literal) } else { None };
            let values = list.iter().map(value).collect::<Option<Vec<_>>>()?;
            test(expr, Relation::In(values), truth != *negated)
        }
        Expr::Like(like) => test(&like.expr, pattern(like)?, truth != like.negated),
        Expr::ScalarFunction(call) => {
            let arguments: Vec<&Expr> = call.args.iter().collect();
            called(call.func.name(), &arguments, truth)
        }
        _ => None,
    }
}

/// A condition that is always true or false, as it is or turned round.
fn both_ways(expression: Expression, truth: bool) -> Option<Expression> {
    Some(if truth { expression } else { Expression::Not(Box::new(expression)) })
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Option<Expression> {
    if parts.len() > 1 { Some(join(parts)) } else { parts.pop() }
}

fn exists(expr: &Expr) -> Option<Expression> {
    let column = column(expr)?;
    // Here it always has a value: the most frequent one stands for absent.
    (column != Column::record_kind).then_some(Expression::Test(Test {
        field: Field::Column(column),
        negated: false,
        relation: Relation::Exists,
    }))
}

/// The column that an expression is, also where the engine makes a smaller number or a text of the like out of it.
fn column(expr: &Expr) -> Option<Column> {
    match expr {
        Expr::Column(name) => Column::by_name(&name.name),
        Expr::Cast(cast) => {
            let column = column(&cast.expr)?;
            let bits = match column.info().column_type {
                ColumnType::U8 => 8,
                ColumnType::U16 => 16,
                ColumnType::U32 => 32,
                _ => return None,
            };
            let target = cast.field.data_type();
            let room = target.primitive_width().filter(|_| target.is_integer()).map(|width| width * 8)?;
            // A number that grows stays what it is.
            let signed = usize::from(target.is_signed_integer());
            (room >= bits + signed).then_some(column)
        }
        _ => None,
    }
}

fn test(expr: &Expr, relation: Relation, truth: bool) -> Option<Expression> {
    Some(Expression::Test(Test { field: Field::Column(column(expr)?), negated: !truth, relation }))
}

fn compared(expr: &Expr, operator: Operator, literal: &ScalarValue, truth: bool) -> Option<Expression> {
    let value = value(column(expr)?, literal)?;
    let is_ordered = matches!(value, Value::Number(_) | Value::Duration(_) | Value::Time(_));
    let (relation, truth) = match operator {
        Operator::Eq => (Relation::Equal(value), truth),
        Operator::NotEq => (Relation::Equal(value), !truth),
        Operator::Lt if is_ordered => (Relation::Less(value), truth),
        Operator::LtEq if is_ordered => (Relation::AtMost(value), truth),
        Operator::Gt if is_ordered => (Relation::Greater(value), truth),
        Operator::GtEq if is_ordered => (Relation::AtLeast(value), truth),
        _ => return None,
    };
    test(expr, relation, truth)
}

/// A literal as the filter language has it for a column. Where texts are compared, only what the column's own texts look like will do: nothing else is
/// equal to one of them.
fn value(column: Column, literal: &ScalarValue) -> Option<Value> {
    let info = column.info();
    let text = || literal.try_as_str().flatten();
    Some(match info.filter_type() {
        FilterType::Number => Value::Number(number(literal)?),
        FilterType::Duration => Value::Duration(number(literal)?.checked_mul(1000)?),
        FilterType::Time => match literal {
            ScalarValue::TimestampNanosecond(Some(time), Some(_)) => Value::Time(*time),
            _ => return None,
        },
        FilterType::Address => {
            let address = Address::from(text()?.parse::<IpAddr>().ok()?);
            if address.to_string() != text()? {
                return None;
            }
            Value::Prefix(address, if address.is_v4() { 32 } else { 128 })
        }
        FilterType::Mac => {
            let digits = text()?.replace(':', "");
            let mac = u64::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 12)?;
            let mut canonical = Vec::new();
            weir_record::write::text::write_mac(&mut canonical, mac);
            if canonical != text()?.as_bytes() {
                return None;
            }
            Value::Mac(mac)
        }
        FilterType::Text => Value::Text(text()?.to_owned()),
        FilterType::Word(words) => {
            let word = words.iter().position(|word| Some(*word) == text())?;
            Value::Word(u8::try_from(word).ok()?)
        }
        FilterType::Bool => match literal {
            ScalarValue::Boolean(Some(value)) => Value::Bool(*value),
            _ => return None,
        },
        FilterType::List | FilterType::Object => return None,
    })
}

fn number(literal: &ScalarValue) -> Option<u64> {
    match literal {
        ScalarValue::UInt8(Some(n)) => Some((*n).into()),
        ScalarValue::UInt16(Some(n)) => Some((*n).into()),
        ScalarValue::UInt32(Some(n)) => Some((*n).into()),
        ScalarValue::UInt64(Some(n)) => Some(*n),
        ScalarValue::Int8(Some(n)) => (*n).try_into().ok(),
        ScalarValue::Int16(Some(n)) => (*n).try_into().ok(),
        ScalarValue::Int32(Some(n)) => (*n).try_into().ok(),
        ScalarValue::Int64(Some(n)) => (*n).try_into().ok(),
        _ => None,
    }
}

/// A pattern that has its wild card at the ends only.
fn pattern(like: &Like) -> Option<Relation> {
    let Expr::Literal(literal, _) = like.pattern.as_ref() else {
        return None;
    };
    let is_text = column(&like.expr).is_some_and(|column| column.info().column_type == ColumnType::Text);
    let pattern =
        literal.try_as_str().flatten().filter(|pattern| is_text && !like.case_insensitive && !pattern.contains(['_', '\\']))?;
    let (begins_open, ends_open) = (pattern.starts_with('%'), pattern.ends_with('%'));
    let part = pattern.trim_matches('%').to_owned();
    if part.contains('%') || part.is_empty() || like.escape_char.is_some() {
        return None;
    }
    Some(match (begins_open, ends_open) {
        (false, false) => Relation::Equal(Value::Text(part)),
        (false, true) => Relation::Begins(part),
        (true, false) => Relation::Ends(part),
        (true, true) => Relation::Contains(part),
    })
}

/// A function that a filter has a word for.
fn called(name: &str, arguments: &[&Expr], truth: bool) -> Option<Expression> {
    // `coalesce(condition, false)` makes two truth values out of three.
    if let ("coalesce", [condition, Expr::Literal(ScalarValue::Boolean(Some(false)), _)]) = (name, arguments) {
        return both_ways(holds(condition, true)?, truth);
    }
    let [subject, Expr::Literal(literal, _)] = arguments else {
        return None;
    };
    let text = literal.try_as_str().flatten()?;
    let column_type = column(subject)?.info().column_type;
    let relation = match (name, column_type) {
        ("in_net", ColumnType::Ip) => Relation::In(text.split(' ').map(prefix).collect::<Option<_>>()?),
        ("contains", ColumnType::Text) => Relation::Contains(text.into()),
        ("starts_with", ColumnType::Text) => Relation::Begins(text.into()),
        ("ends_with", ColumnType::Text) => Relation::Ends(text.into()),
        _ => return None,
    };
    test(subject, relation, truth)
}

fn prefix(text: &str) -> Option<Value> {
    let parse = |text: &str| Some(Address::from(text.parse::<IpAddr>().ok()?));
    let Some((address, length)) = text.split_once('/') else {
        let address = parse(text)?;
        return Some(Value::Prefix(address, if address.is_v4() { 32 } else { 128 }));
    };
    let (address, length) = (parse(address)?, length.parse::<u8>().ok()?);
    // The bits behind the prefix are zero, or the text would not come back from the parser as it is.
    Some(Value::Prefix(masked(address, length)?, length))
}

fn masked(address: Address, length: u8) -> Option<Address> {
    Some(match address.to_ip() {
        IpAddr::V4(ip) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Address::v4(ip.to_bits() & mask)
        }
        IpAddr::V6(ip) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Address::v6((ip.to_bits() & mask).to_be_bytes())
        }
        _ => return None,
    })
}
