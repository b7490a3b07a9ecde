//! Members of the column `extra`, a JSON object as text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewBuilder};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::error::DataFusionError;
use serde_json::Value;

/// What each member is; NULL where there is none, or `null`.
pub(super) fn kinds(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let mut kinds = StringViewBuilder::with_capacity(columns[0].len());
    for member in members(columns) {
        kinds.append_option(member.map(|member| match member {
            Value::String(_) => "text",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Array(_) => "list",
            Value::Object(_) | Value::Null => "object",
        }));
    }
    Ok(Arc::new(kinds.finish()))
}

/// The text of each member that is one, and the JSON of others.
pub(super) fn texts(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let mut texts = StringViewBuilder::with_capacity(columns[0].len());
    for member in members(columns) {
        match member {
            Some(Value::String(text)) => texts.append_value(text),
            other => texts.append_option(other.map(|member| member.to_string())),
        }
    }
    Ok(Arc::new(texts.finish()))
}

/// -1, 0 or 1 where the member is a number that is less than, equal to or greater than another; NULL where it is no number.
pub(super) fn compared(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let numbers = columns[2].as_primitive::<UInt64Type>();
    let orders = members(columns).zip(numbers).map(|(member, other)| {
        let (Some(Value::Number(number)), Some(other)) = (member, other) else {
            return None;
        };
        let order = match number.as_u64() {
            Some(number) => number.cmp(&other),
            None => number.as_f64()?.partial_cmp(&(other as f64))?,
        };
        Some(order as i64)
    });
    Ok(Arc::new(orders.collect::<Int64Array>()))
}

/// The member of each object that has the name of its row.
fn members(columns: &[ArrayRef]) -> impl Iterator<Item = Option<Value>> + '_ {
    let (objects, names) = (columns[0].as_string_view(), columns[1].as_string_view());
    objects.iter().zip(names).map(|(object, name)| {
        let mut object: Value = serde_json::from_str(object?).ok()?;
        object.get_mut(name?).map(Value::take).filter(|member| !member.is_null())
    })
}
