//! Values as people write them, in the configuration and in arguments alike: durations, ratios, sampling, endpoints.
//!
//! Each reads from a text and prints as the shortest text that reads back the same.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use weir_transport::{Scheme, Url};

/// A length of time, as in `30s`, `5m`, `1h30m`, `500ms`; nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) i64);

impl Span {
    pub(crate) const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    pub(crate) const fn of(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.unsigned_abs())
    }
}

/// Units from the largest, nanoseconds.
const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("\"{text}\" is no duration: write a number and a unit, as in 500ms, 30s, 5m, 1h30m or 2d");
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
        let url = Url::parse(text, NO_PORT).map_err(|error| error.to_string())?;
        match url.scheme {
            Scheme::Udp | Scheme::Tcp => Ok(Self(url)),
            Scheme::Tls | Scheme::Dtls => {
                Err(format!("{}:// is not there yet: this version exports over udp:// and tcp://", url.scheme.name()))
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Octets of memory, as in `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

/// Units of memory from the largest.
const SIZES: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let unit = SIZES.iter().find_map(|(name, unit)| trimmed.strip_suffix(name).map(|number| (number, *unit)));
        let size = unit.and_then(|(number, unit)| number.trim_end().parse::<usize>().ok()?.checked_mul(unit));
        size.map(Self).ok_or_else(|| format!("\"{text}\" is no size: write a number and KiB, MiB or GiB, as in 64MiB"))
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
    Condition, "a filter such as \"port 443\"";
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
