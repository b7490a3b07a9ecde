//! Points in time and lengths of time as people type them, and as JSON has them.
//!
//! What has no offset is local time of the zone that is handed in, so the same text means the same to the command line and over HTTP only with the same zone;
//! the command line therefore sends RFC 3339.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, SpanTotal, Timestamp, Unit, Zoned};

/// Which end of a range a point stands for: a day is its begin, or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The range begins there.
    From,
    /// The range ends there.
    To,
}

/// Reads a point in time, nanoseconds since 1970: `now`, `-1h30m`, `today`, `yesterday`, `2026-03-02`, `09:30`, `2026-03-02 09:30`, `2026-03-02T09:30:00Z`.
///
/// # Errors
/// A sentence, where the text is no point in time.
pub fn read(text: &str, edge: Edge, now: i64, zone: &TimeZone) -> Result<i64, String> {
    let refuse = || {
        format!(
            "\"{text}\" is no time: write 2026-03-02T09:30:00Z, 2026-03-02 09:30 or 2026-03-02 (local time), 09:30, today, yesterday, now or -1h30m"
        )
    };
    let now = Timestamp::from_nanosecond(now.into()).map_err(|_| refuse())?.to_zoned(zone.clone());
    let word = text.trim();
    let moment = moment(word, edge, &now).ok_or_else(refuse)?;
    i64::try_from(moment.as_nanosecond()).map_err(|_| refuse())
}

fn moment(word: &str, edge: Edge, now: &Zoned) -> Option<Timestamp> {
    let day = |date: Date| {
        let date = if edge == Edge::To { date.tomorrow().ok()? } else { date };
        Some(date.to_zoned(now.time_zone().clone()).ok()?.timestamp())
    };
    match word {
        "now" => return Some(now.timestamp()),
        "today" => return day(now.date()),
        "yesterday" => return day(now.date().yesterday().ok()?),
        _ => {}
    }
    if word.starts_with('-') {
        return Some(now.checked_add(word.parse::<Span>().ok()?).ok()?.timestamp());
    }
    if let Ok(moment) = word.parse::<Timestamp>() {
        return Some(moment);
    }
    // A date and time is a date too, and the shorter reading would forget its time.
    if word.len() == "2026-03-02".len() {
        return day(word.parse().ok()?);
    }
    let local = match word.parse::<Time>() {
        Ok(time) if !word.contains('-') => now.date().to_datetime(time),
        _ => word.parse::<DateTime>().ok()?,
    };
    Some(local.to_zoned(now.time_zone().clone()).ok()?.timestamp())
}

/// Reads a length of time in nanoseconds, as in `90s`, `5m`, `1h30m`, `2d` or `1w`; a day is 24 hours.
///
/// # Errors
/// A sentence, where the text is none or not more than nothing.
pub fn read_length(text: &str) -> Result<i64, String> {
    let refuse = || format!("\"{text}\" is no length of time: write a number and a unit, as in 30s, 5m, 1h30m, 2d or 1w");
    let span: Span = text.trim().parse().map_err(|_| refuse())?;
    let total = span.total(SpanTotal::from(Unit::Nanosecond).days_are_24_hours()).map_err(|_| refuse())?;
    let fits = total > 0.0 && total < 9.2e18;
    fits.then_some(total as i64).ok_or_else(refuse)
}

/// A point in time as RFC 3339 in UTC.
pub fn text(nanoseconds: i64) -> String {
    let mut text = Vec::with_capacity(30);
    weir_record::value::write_time(&mut text, nanoseconds);
    String::from_utf8_lossy(&text).into_owned()
}

fn from_text(text: &str) -> Option<i64> {
    i64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()
}

/// A field of nanoseconds that is RFC 3339 in JSON.
pub mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(nanoseconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::text(*nanoseconds))
    }

    /// Reads it.
    ///
    /// # Errors
    /// Where it is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::from_text(&text).ok_or_else(|| de::Error::custom(format!("\"{text}\" is no RFC 3339 time")))
    }
}

/// The same where it may be absent.
pub mod as_optional_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(nanoseconds: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match nanoseconds {
            Some(nanoseconds) => super::as_text::serialize(nanoseconds, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Where it is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        super::from_text(&text).map(Some).ok_or_else(|| de::Error::custom(format!("\"{text}\" is no RFC 3339 time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-29T10:00:00Z; the night before clocks in Prague went forward at 01:00 UTC.
    const NOW: i64 = 1_774_778_400_000_000_000;

    fn read_in(zone: &str, text: &str, edge: Edge) -> Result<String, String> {
        let zone = TimeZone::get(zone).unwrap();
        read(text, edge, NOW, &zone).map(super::text)
    }

    #[test]
    fn times_are_read_as_people_type_them() {
        for (typed, from) in [
            ("now", "2026-03-29T10:00:00Z"),
            ("-1h30m", "2026-03-29T08:30:00Z"),
            ("-10s", "2026-03-29T09:59:50Z"),
            // A day of the calendar, which had 23 hours.
            ("-1d", "2026-03-28T11:00:00Z"),
            ("today", "2026-03-28T23:00:00Z"),
            ("yesterday", "2026-03-27T23:00:00Z"),
            ("2026-03-02", "2026-03-01T23:00:00Z"),
            ("09:30", "2026-03-29T07:30:00Z"),
            ("2026-03-02 09:30", "2026-03-02T08:30:00Z"),
            ("2026-03-02T09:30:15.5", "2026-03-02T08:30:15.500Z"),
            ("2026-03-02T09:30:00Z", "2026-03-02T09:30:00Z"),
            ("2026-03-02T09:30:00-05:00", "2026-03-02T14:30:00Z"),
        ] {
            assert_eq!(read_in("Europe/Prague", typed, Edge::From).as_deref(), Ok(from), "{typed}");
        }
    }

    #[test]
    fn a_day_ends_a_range_with_its_last_moment() {
        assert_eq!(read_in("UTC", "2026-03-02", Edge::To).as_deref(), Ok("2026-03-03T00:00:00Z"));
        assert_eq!(read_in("UTC", "yesterday", Edge::To).as_deref(), Ok("2026-03-29T00:00:00Z"));
        assert_eq!(read_in("UTC", "2026-03-02 09:30", Edge::To).as_deref(), Ok("2026-03-02T09:30:00Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "soon", "1h", "2026-13-01", "2026-02-30", "25:00", "-", "-1x", "9999-01-01", "-9999999y"] {
            assert!(read_in("UTC", text, Edge::From).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_are_more_than_nothing() {
        assert_eq!(read_length("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(read_length("2d"), Ok(172_800_000_000_000));
        assert_eq!(read_length("1w"), Ok(604_800_000_000_000));
        assert_eq!(read_length("500ms"), Ok(500_000_000));
        for text in ["", "0s", "-1h", "5", "1000y", "1mo", "x"] {
            assert!(read_length(text).is_err(), "{text}");
        }
    }
}
