//! Functions that statements have besides the engine's own: addresses, rates, lists, members of `extra`.
//!
//! A filter of the filter language, written as SQL, uses them too, so each means exactly what the filter language means. An argument that is NULL makes
//! NULL.

mod extra;

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray, StringViewBuilder, TimestampNanosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Int64Type, TimeUnit, TimestampNanosecondType, UInt32Type, UInt64Type,
};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use weir_query::sql::Prefixes;
use weir_record::Address;
use weir_record::write::text::{write_address, write_flags, write_protocol};

/// Functions of the engine whose result can be of any size, whatever the limit of memory.
const UNBOUNDED: [&str; 9] =
    ["range", "generate_series", "array_repeat", "list_repeat", "array_resize", "list_resize", "repeat", "lpad", "rpad"];

/// Makes the functions known to a session.
///
/// Those that make much of little are taken away: what they allocate is outside of the limit of memory.
pub(super) fn register(context: &SessionContext) {
    for name in UNBOUNDED {
        context.deregister_udf(name);
    }
    for function in &FUNCTIONS {
        context.register_udf(ScalarUDF::from(Function {
            about: function,
            signature: Signature::user_defined(Volatility::Immutable),
        }));
    }
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// Whole, not negative.
    Number,
    /// A number with its sign, or its digits as text.
    Digits,
    Time,
    List,
}

/// What is known of a function.
#[derive(Debug)]
struct About {
    name: &'static str,
    /// Names for the message about wrong arguments.
    arguments: &'static [(&'static str, Kind)],
    returns: fn() -> DataType,
    call: fn(&[ArrayRef]) -> Result<ArrayRef, DataFusionError>,
    /// Which argument, when it is a constant, can be refused before anything is read.
    check: Option<Check>,
}

/// Place of the argument, what is right, and what is expected.
type Check = (usize, fn(&str) -> bool, &'static str);

const START_END: [(&str, Kind); 2] = [("start", Kind::Time), ("end", Kind::Time)];

const FUNCTIONS: [About; 14] = [
    About {
        name: "in_net",
        arguments: &[("address", Kind::Text), ("prefixes", Kind::Text)],
        returns: || DataType::Boolean,
        call: in_net,
        check: Some((
            1,
            |text| Prefixes::parse(text).is_some(),
            "expected prefixes with spaces between, such as '10.0.0.0/8 2001:db8::/32'",
        )),
    },
    About {
        name: "ip",
        arguments: &[("text", Kind::Text)],
        returns: || DataType::Utf8View,
        call: |columns| texts(columns, |text, out| address(text).map(|address| write_address(out, address))),
        check: Some((0, |text| address(text).is_some(), "expected an address")),
    },
    About {
        name: "proto_name",
        arguments: &[("protocol", Kind::Number)],
        returns: || DataType::Utf8View,
        call: |columns| names(columns, |number, out| u8::try_from(number).ok().map(|number| write_protocol(out, number))),
        check: None,
    },
    About {
        name: "flags_text",
        arguments: &[("flags", Kind::Number)],
        returns: || DataType::Utf8View,
        call: |columns| names(columns, |number, out| u16::try_from(number).ok().map(|number| write_flags(out, number))),
        check: None,
    },
    About { name: "duration_ns", arguments: &START_END, returns: || DataType::Int64, call: duration_ns, check: None },
    About {
        name: "bits_per_second",
        arguments: &[("bytes", Kind::Number), START_END[0], START_END[1]],
        returns: || DataType::UInt64,
        call: |columns| per_second(columns, 8),
        check: None,
    },
    About {
        name: "packets_per_second",
        arguments: &[("packets", Kind::Number), START_END[0], START_END[1]],
        returns: || DataType::UInt64,
        call: |columns| per_second(columns, 1),
        check: None,
    },
    About {
        name: "list_any",
        arguments: &[("list", Kind::List), ("low", Kind::Number), ("high", Kind::Number)],
        returns: || DataType::Boolean,
        call: |columns| any(columns, |number| number),
        check: None,
    },
    About {
        name: "mpls_any",
        arguments: &[("list", Kind::List), ("low", Kind::Number), ("high", Kind::Number)],
        returns: || DataType::Boolean,
        // The label is the upper 20 bits of an entry of 24 (RFC 3032, section 2.1).
        call: |columns| any(columns, |entry| entry / 16),
        check: None,
    },
    About {
        name: "extra_type",
        arguments: &[("extra", Kind::Text), ("name", Kind::Text)],
        returns: || DataType::Utf8View,
        call: extra::kinds,
        check: None,
    },
    About {
        name: "extra_get",
        arguments: &[("extra", Kind::Text), ("name", Kind::Text)],
        returns: || DataType::Utf8View,
        call: extra::texts,
        check: None,
    },
    About {
        name: "extra_compare",
        arguments: &[("extra", Kind::Text), ("name", Kind::Text), ("number", Kind::Number)],
        returns: || DataType::Int64,
        call: extra::compared,
        check: None,
    },
    About {
        name: "ts_ns",
        arguments: &[("nanoseconds", Kind::Digits)],
        returns: time,
        call: ts_ns,
        check: Some((0, |text| text.parse::<i64>().is_ok(), "expected nanoseconds since 1970")),
    },
    About {
        name: "ns_of",
        arguments: &[("time", Kind::Time)],
        returns: || DataType::Int64,
        call: |columns| Ok(Arc::new(columns[0].as_primitive::<TimestampNanosecondType>().reinterpret_cast::<Int64Type>())),
        check: None,
    },
];

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// A function as the engine takes it.
#[derive(Debug)]
struct Function {
    about: &'static About,
    signature: Signature,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.about.name == other.about.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.about.name.hash(state);
    }
}

impl Function {
    /// What a call looks like.
    fn usage(&self) -> String {
        let names: Vec<&str> = self.about.arguments.iter().map(|(name, _)| *name).collect();
        format!("{}({})", self.about.name, names.join(", "))
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.about.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let wanted = self.about.arguments;
        if given.len() != wanted.len() {
            return plan_err!("{} takes {} arguments, but {} are given", self.usage(), wanted.len(), given.len());
        }
        let coerced = wanted.iter().zip(given).map(|((name, kind), given)| match kind.of(given) {
            Some(coerced) => Ok(coerced),
            None => plan_err!("{}: {name} is no {given}", self.usage()),
        });
        coerced.collect()
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok((self.about.returns)())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        if let Some((place, is_right, expected)) = self.about.check
            && let Some(text) = args.scalar_arguments.get(place).copied().flatten().and_then(|value| value.try_as_str().flatten())
            && !is_right(text)
        {
            return plan_err!("{}: found '{text}', {expected}", self.usage());
        }
        Ok(Arc::new(Field::new(self.about.name, (self.about.returns)(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let is_constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        if columns.len() != self.about.arguments.len() {
            return exec_err!("{} takes {} arguments", self.usage(), self.about.arguments.len());
        }
        let result = (self.about.call)(&columns)?;
        Ok(if is_constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    }
}

impl Kind {
    /// The type that an argument is made of what is given; nothing where that makes no sense.
    fn of(self, given: &DataType) -> Option<DataType> {
        let is_text = matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null);
        let is_whole = given.is_integer() || *given == DataType::Null;
        let (is_right, wanted) = match self {
            Self::Text => (is_text, DataType::Utf8View),
            Self::Number => (is_whole, DataType::UInt64),
            Self::Digits => (is_text || is_whole, DataType::Utf8View),
            Self::Time => (is_text || matches!(given, DataType::Timestamp(..)), time()),
            Self::List => {
                let item = Field::new_list_field(DataType::UInt32, true);
                (matches!(given, DataType::List(_) | DataType::Null), DataType::List(Arc::new(item)))
            }
        };
        is_right.then_some(wanted)
    }
}

fn address(text: &str) -> Option<Address> {
    text.parse::<IpAddr>().ok().map(Address::from)
}

/// A text of each text; NULL where the function has none.
fn texts(columns: &[ArrayRef], write: impl Fn(&str, &mut Vec<u8>) -> Option<()>) -> Result<ArrayRef, DataFusionError> {
    Ok(written(columns[0].as_string_view().iter(), |text, out| write(text, out)))
}

/// A text of each number.
fn names(columns: &[ArrayRef], write: impl Fn(u64, &mut Vec<u8>) -> Option<()>) -> Result<ArrayRef, DataFusionError> {
    Ok(written(columns[0].as_primitive::<UInt64Type>().iter(), write))
}

fn written<T>(values: impl Iterator<Item = Option<T>>, write: impl Fn(T, &mut Vec<u8>) -> Option<()>) -> ArrayRef {
    let mut texts = StringViewBuilder::new();
    let mut text = Vec::new();
    for value in values {
        text.clear();
        let is_written = value.and_then(|value| write(value, &mut text)).is_some();
        texts.append_option(std::str::from_utf8(&text).ok().filter(|_| is_written));
    }
    Arc::new(texts.finish())
}

fn in_net(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let (addresses, prefixes) = (columns[0].as_string_view(), columns[1].as_string_view());
    // Mostly they are one constant, and so they are read once.
    let mut read: Option<(&str, Prefixes)> = None;
    let mut results = Vec::with_capacity(addresses.len());
    for (text, prefixes) in addresses.iter().zip(prefixes) {
        let (Some(address), Some(prefixes)) = (text.and_then(address), prefixes) else {
            results.push(None);
            continue;
        };
        if read.as_ref().is_none_or(|(text, _)| *text != prefixes) {
            read = Prefixes::parse(prefixes).map(|parsed| (prefixes, parsed));
        }
        let Some((_, parsed)) = &read else {
            return exec_err!("in_net: `{prefixes}` is no list of prefixes");
        };
        results.push(Some(parsed.holds(address)));
    }
    Ok(Arc::new(BooleanArray::from(results)))
}

fn duration_ns(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [starts, ends] = [0, 1].map(|place: usize| columns[place].as_primitive::<TimestampNanosecondType>());
    let durations = starts.iter().zip(ends).map(|(start, end)| Some(end?.saturating_sub(start?)));
    Ok(Arc::new(durations.collect::<Int64Array>()))
}

/// An amount in each second of a duration, rounded down; NULL where the duration is not above zero.
fn per_second(columns: &[ArrayRef], factor: i128) -> Result<ArrayRef, DataFusionError> {
    let amounts = columns[0].as_primitive::<UInt64Type>();
    let [starts, ends] = [1, 2].map(|place: usize| columns[place].as_primitive::<TimestampNanosecondType>());
    let rates = amounts.iter().zip(starts).zip(ends).map(|((amount, start), end)| {
        let duration = i128::from(end?.saturating_sub(start?));
        let rate = (i128::from(amount?) * factor * 1_000_000_000).checked_div(duration).filter(|_| duration > 0)?;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    });
    Ok(Arc::new(rates.collect::<UInt64Array>()))
}

/// True where a number of the list, as the function makes it, lies between two, both included.
fn any(columns: &[ArrayRef], number: impl Fn(u32) -> u32) -> Result<ArrayRef, DataFusionError> {
    let lists = columns[0].as_list::<i32>();
    let [lows, highs] = [1, 2].map(|place: usize| columns[place].as_primitive::<UInt64Type>());
    let holds = lists.iter().zip(lows).zip(highs).map(|((list, low), high)| {
        let (list, range) = (list?, low?..=high?);
        Some(list.as_primitive::<UInt32Type>().iter().flatten().any(|item| range.contains(&number(item).into())))
    });
    Ok(Arc::new(holds.collect::<BooleanArray>()))
}

fn ts_ns(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let texts: &StringViewArray = columns[0].as_string_view();
    let times: TimestampNanosecondArray = texts.iter().map(|text| text?.parse::<i64>().ok()).collect();
    Ok(Arc::new(times.with_timezone("UTC")))
}
