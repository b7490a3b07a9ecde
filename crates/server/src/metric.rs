//! Counters of the service: what each is called, and the text that Prometheus reads (OpenMetrics 1.0).
//!
//! Names are `weir_<subsystem>_<thing>_<unit>`, with `_total` at the end of what only grows. Labels come from closed sets or from the configuration, never
//! from what arrives.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a metric is called and means.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its full name.
    pub name: &'static str,
    /// A sentence for people.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
}

/// Makes a static for each metric, a line each, and the list of all of them: `METRICS: NAME Counter "weir_…_total" ["label"] "A sentence.";`
#[macro_export]
macro_rules! metrics {
    (
        $(#[$attribute:meta])* $visibility:vis $list:ident:
        $($constant:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)*
    ) => {
        $(static $constant: $crate::Metric =
            $crate::Metric { name: $name, help: $help, kind: $crate::Kind::$kind, labels: &[$($label),*] };)*

        $(#[$attribute])*
        $visibility const $list: &[&$crate::Metric] = &[$(&$constant),*];
    };
}

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the service runs.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A metric with the values of its labels, and its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter {
    /// Which metric.
    pub metric: &'static Metric,
    /// Values of its labels, in their order.
    pub labels: Vec<String>,
    /// Its value.
    pub value: Value,
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// Any other.
    Level(f64),
}

/// A counter as the API tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CounterRow {
    /// Name and labels, as in `weir_receive_datagrams_total{listener="netflow"}`.
    pub name: String,
    /// Its value.
    #[schema(value_type = f64)]
    pub value: serde_json::Number,
}

impl Counter {
    /// As the API tells it.
    pub fn row(&self) -> CounterRow {
        let value = match self.value {
            Value::Count(count) => count.into(),
            // What JSON cannot say counts as nothing.
            Value::Level(level) => serde_json::Number::from_f64(level).unwrap_or_else(|| 0.into()),
        };
        CounterRow { name: self.to_string(), value }
    }

    fn pairs(&self) -> Vec<(&'static str, &str)> {
        self.metric.labels.iter().copied().zip(self.labels.iter().map(String::as_str)).collect()
    }
}

/// Name and labels.
impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric.name)?;
        let mut open = '{';
        for (label, value) in self.pairs() {
            write!(f, "{open}{label}={value:?}")?;
            open = ',';
        }
        if open == ',' { f.write_str("}") } else { Ok(()) }
    }
}

/// The media type of [`page`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text of `/metrics`. Counters of one metric have to stand together.
///
/// # Errors
/// Where the text cannot be put together, which is a fault of this program.
pub fn page(counters: Vec<Counter>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(counters)));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Scrape(Vec<Counter>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in self.0.chunk_by(|one, next| std::ptr::eq(one.metric, next.metric)) {
            let Some(Counter { metric, .. }) = family.first() else { continue };
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            // The encoder adds what counters end with.
            let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
            let mut described = encoder.encode_descriptor(name, metric.help, None, kind)?;
            for counter in family {
                let pairs = counter.pairs();
                if pairs.is_empty() {
                    encode_value(counter, &mut described)?;
                } else {
                    encode_value(counter, &mut described.encode_family(&pairs.as_slice())?)?;
                }
            }
        }
        Ok(())
    }
}

fn encode_value(counter: &Counter, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    match (counter.metric.kind, counter.value) {
        (Kind::Counter, Value::Count(count)) => encoder.encode_counter::<NoLabelSet, _, u64>(&count, None),
        (Kind::Counter, Value::Level(level)) => encoder.encode_counter::<NoLabelSet, _, u64>(&level, None),
        (Kind::Gauge, Value::Count(count)) => encoder.encode_gauge(&count),
        (Kind::Gauge, Value::Level(level)) => encoder.encode_gauge(&level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static DATAGRAMS: Metric = Metric {
        name: "weir_receive_datagrams_total",
        help: "Datagrams that arrived.",
        kind: Kind::Counter,
        labels: &["listener"],
    };
    static SEGMENTS: Metric =
        Metric { name: "weir_store_segments", help: "Segments of the journal.", kind: Kind::Gauge, labels: &[] };

    fn counters() -> Vec<Counter> {
        let counter =
            |metric, labels: &[&str], value| Counter { metric, labels: labels.iter().map(ToString::to_string).collect(), value };
        vec![
            counter(&DATAGRAMS, &["netflow"], Value::Count(u64::MAX)),
            counter(&DATAGRAMS, &["a \"b\""], Value::Count(0)),
            counter(&SEGMENTS, &[], Value::Level(2.5)),
        ]
    }

    #[test]
    fn a_page_is_open_metrics() {
        let expected = "\
# HELP weir_receive_datagrams Datagrams that arrived.
# TYPE weir_receive_datagrams counter
weir_receive_datagrams_total{listener=\"netflow\"} 18446744073709551615
weir_receive_datagrams_total{listener=\"a \\\"b\\\"\"} 0
# HELP weir_store_segments Segments of the journal.
# TYPE weir_store_segments gauge
weir_store_segments 2.5
# EOF
";
        assert_eq!(page(counters()).unwrap(), expected);
    }

    #[test]
    fn a_row_has_the_name_of_the_page() {
        let rows: Vec<CounterRow> = counters().iter().map(Counter::row).collect();
        assert_eq!(rows[0].name, "weir_receive_datagrams_total{listener=\"netflow\"}");
        assert_eq!(rows[0].value.as_u64(), Some(u64::MAX));
        assert_eq!(rows[2].name, "weir_store_segments");
        assert_eq!(rows[2].value.as_f64(), Some(2.5));
    }
}
