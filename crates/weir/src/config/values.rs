//! Values as people write them, in the configuration and in arguments alike: durations, ratios, sampling, endpoints, prefixes.
//!
//! Each reads from a text and prints as the shortest text that reads back the same.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use weir_enrich::{ParsePrefixError, Prefix};
use weir_transport::Url;

use super::control::Mode;

/// A length of time, as in `30s`, `5m`, `1h30m`, `500ms`; nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) i64);

impl Span {
    pub(crate) const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    pub(crate) const fn milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds * 1_000_000)
    }

    pub(crate) const fn of(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.unsigned_abs())
    }
}

/// Units from the largest, nanoseconds. A year has 365 days.
const UNITS: [(&str, i64); 6] = [
    ("y", 365 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("\"{text}\" is no duration: write a number and a unit, as in 500ms, 30s, 5m, 1h30m, 2d or 5y");
        let mut rest = text.trim();
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
            let (number, behind) = rest.split_at(digits);
            let word = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
            let (name, behind) = behind.split_at(word);
            let unit = UNITS.iter().find(|(unit, _)| *unit == name).ok_or_else(refuse)?.1;
            let part = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit));
            total = part.and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
            rest = behind.trim_start();
        }
        if total == 0 {
            return Err(refuse());
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for (name, unit) in UNITS {
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

/// One in so many, as in `10` or `1/10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OneIn(pub(crate) u32);

impl FromStr for OneIn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim();
        let number = number.strip_prefix("1/").unwrap_or(number);
        match number.parse() {
            Ok(number) if number > 0 => Ok(Self(number)),
            _ => Err(format!("\"{text}\" is no ratio: write N or 1/N, as in 1/100 for one in a hundred")),
        }
    }
}

impl fmt::Display for OneIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}", self.0)
    }
}

/// Which packets are metered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// Every packet.
    All,
    /// Every Nth packet.
    Every(u32),
    /// Each packet with the chance of 1 in N.
    Random(u32),
    /// All packets of 1 in N connections.
    Connections(u32),
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |_| {
            format!(
                "\"{text}\" is no sampling: write 1/N (every Nth packet), random:1/N (by chance) or connections:1/N (whole connections)"
            )
        };
        let (kind, ratio) = text.trim().split_once(':').unwrap_or(("", text));
        let OneIn(number) = ratio.parse().map_err(refuse)?;
        match kind {
            _ if number == 1 && ["", "random", "connections"].contains(&kind) => Ok(Self::All),
            "" => Ok(Self::Every(number)),
            "random" => Ok(Self::Random(number)),
            "connections" => Ok(Self::Connections(number)),
            _ => Err(refuse(String::new())),
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("1/1"),
            Self::Every(number) => write!(f, "1/{number}"),
            Self::Random(number) => write!(f, "random:1/{number}"),
            Self::Connections(number) => write!(f, "connections:1/{number}"),
        }
    }
}

/// Where a collector listens, as in `udp://collector.example:4739` or `tcp://[2001:db8::9]:4739`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(pub(crate) Url);

/// Stands for a port that was not written, until the format says which it is.
pub(super) const NO_PORT: u16 = 0;

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Url::parse(text, NO_PORT).map(Self).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where datagrams or streams are received, as in `udp://[::]:2055`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenUrl(pub(crate) Url);

impl FromStr for ListenUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text, NO_PORT).map_err(|error| error.to_string())?;
        if url.port == NO_PORT {
            return Err(format!(
                "\"{text}\" names no port: exporters send to 2055 or 9995 (NetFlow), 4739 (IPFIX), 4740 (IPFIX under TLS), 6343 (sFlow), 8104 (FastNetMon Flow)"
            ));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An address or a prefix, as in `192.0.2.1` or `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Network(pub(crate) Prefix);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse().map(Self).map_err(|error: ParsePrefixError| error.to_string())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Prefix::host(self.0.address()) { self.0.address().fmt(f) } else { self.0.fmt(f) }
    }
}

/// The number of an interface, where it is a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) u32);

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("\"{text}\" is no number of an interface"))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Bits a second, as in `10G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speed(pub(crate) u64);

/// Units of speed from the largest.
const SPEEDS: [(&str, u64); 4] = [("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1000)];

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let unit = SPEEDS.iter().find_map(|(name, unit)| trimmed.strip_suffix(name).map(|number| (number, *unit)));
        let (number, unit) = unit.unwrap_or((trimmed, 1));
        let speed = number.trim_end().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        speed.map(Self).ok_or_else(|| format!("\"{text}\" is no speed: write bits a second, as in 10G, 100M or 64k"))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = SPEEDS.into_iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit)).unwrap_or(("", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

/// How an exporter's packets were sampled: `reported`, `scaled`, or one in so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// As the exporter says.
    #[default]
    Reported,
    /// 1 in so many, whatever the exporter says.
    Fixed(OneIn),
    /// The exporter has multiplied already.
    Scaled,
}

impl FromStr for Sampling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "reported" => Ok(Self::Reported),
            "scaled" => Ok(Self::Scaled),
            number => number.parse().map(Self::Fixed).map_err(|_| {
                format!("\"{text}\" is no sampling: write reported, scaled (multiplied already) or N for one packet in N")
            }),
        }
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported => f.write_str("reported"),
            Self::Fixed(OneIn(number)) => number.fmt(f),
            Self::Scaled => f.write_str("scaled"),
        }
    }
}

/// Octets of memory, as in `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) usize);

/// Units of memory from the largest.
const SIZES: [(&str, usize); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let unit = SIZES.iter().find_map(|(name, unit)| trimmed.strip_suffix(name).map(|number| (number, *unit)));
        let size = unit.and_then(|(number, unit)| number.trim_end().parse::<usize>().ok()?.checked_mul(unit));
        size.map(Self).ok_or_else(|| format!("\"{text}\" is no size: write a number and KiB, MiB, GiB or TiB, as in 64MiB"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = SIZES.into_iter().find(|(_, unit)| self.0.is_multiple_of(*unit)).unwrap_or(("", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

/// A condition on flows, in the filter language.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition(pub(crate) weir_query::Filter);

impl Condition {
    pub(crate) fn any() -> Self {
        Self(weir_query::Filter::any())
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        weir_query::Filter::parse(text).map(Self).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads values of a type from texts, and prints them as such; whole numbers are read as their text.
macro_rules! texts {
    ($($type:ty, $expected:literal;)*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Text(std::marker::PhantomData, $expected))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

texts! {
    Span, "a duration such as \"30s\"";
    OneIn, "a number N or \"1/N\"";
    Sample, "a sampling such as \"1/100\", \"random:1/100\" or \"connections:1/100\"";
    Size, "a size such as \"64MiB\"";
    Endpoint, "an endpoint such as \"udp://collector.example:4739\"";
    ListenUrl, "an address such as \"udp://[::]:2055\"";
    Network, "an address or a prefix such as \"192.0.2.0/24\"";
    Number, "the number of an interface";
    Speed, "a speed such as \"10G\"";
    Sampling, "\"reported\", \"scaled\" or a number N";
    Condition, "a filter such as \"port 443\"";
    Mode, "the mode of a file such as \"0660\"";
}

struct Text<T>(std::marker::PhantomData<T>, &'static str);

impl<T: FromStr<Err = String>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let refused = |_| E::invalid_value(de::Unexpected::Signed(number), &self);
        number.to_string().parse().map_err(refused)
    }
}
