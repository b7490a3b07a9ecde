//! What must be said beside the numbers of an answer.

use std::fmt;

use weir_record::Address;

/// A thing to know about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// So many records had no sampling rate and count as 1 in 1, while others had one.
    RateUnknown {
        /// Such records.
        records: u64,
    },
    /// Bytes and packets are estimates from samples.
    Sampled {
        /// Records with a sampling rate over 1.
        records: u64,
    },
    /// A sum is past 64 bits and stands at their end.
    Overflow,
    /// Numbers of different values are estimates.
    DistinctSketched,
    /// Percentiles are those of buckets.
    PercentilesBucketed,
    /// Response times come from histograms of records, in powers of two, or may: series do not know.
    PercentilesOfHistograms,
    /// Records count for both of their sides, so the rows add up to more than the totals.
    EitherSide,
    /// Files or journal blocks could not be read and are left out.
    Unreadable {
        /// Such files and blocks.
        files: u64,
        /// The first of them, and what is wrong with it.
        what: String,
    },
    /// Only so many records were asked for, and there are more.
    MoreRecords {
        /// Records shown.
        shown: u64,
    },
    /// The largest addresses come from a sketch.
    Sketched {
        /// By how many bytes a row may be too small at most.
        error: u64,
    },
    /// Continuous series have some records of that time elsewhere.
    SeriesDisplaced,
    /// Continuous series had no room for some values.
    SeriesRest,
    /// Another unit of a group took over.
    FailOver(FailOver),
    /// When units of groups took over cannot be told of so long a time.
    FailOversUntold,
    /// Records of this time may still arrive.
    StillArriving {
        /// Nanoseconds since 1970.
        since: i64,
    },
}

/// A unit of a group that takes over from another one, with a time between in which neither reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailOver {
    /// The group.
    pub group: String,
    /// The unit that reported before.
    pub from: Address,
    /// The unit that reports now.
    pub to: Address,
    /// Arrival of the last record of the one, nanoseconds since 1970.
    pub began: i64,
    /// Arrival of the first record of the other, likewise.
    pub ended: i64,
    /// The one before still sent something, and no records: it stood back. Else it fell silent.
    pub is_heard: bool,
}

impl FailOver {
    /// Why the one before ended, for programs.
    pub const fn reason(&self) -> &'static str {
        if self.is_heard { "standby" } else { "silent" }
    }

    /// How long nobody reported, nanoseconds.
    pub const fn gap(&self) -> u64 {
        self.ended.saturating_sub(self.began).unsigned_abs()
    }
}

impl fmt::Display for FailOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, from, to, began, is_heard, .. } = self;
        let why = if *is_heard { "still sends, and no records" } else { "fell silent" };
        let seconds = self.gap() as f64 / 1e9;
        let digits = if seconds < 1.0 { 3 } else { 1 };
        write!(
            f,
            "group {group:?}: {to} took over from {from}, which {why}; from {} on nothing was reported for {seconds:.digits$} s",
            time(*began)
        )
    }
}

/// A time as text.
fn time(nanoseconds: i64) -> String {
    let mut text = Vec::with_capacity(32);
    weir_record::value::write_time(&mut text, nanoseconds);
    String::from_utf8_lossy(&text).into_owned()
}

impl Note {
    /// A name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RateUnknown { .. } => "rate_unknown",
            Self::Sampled { .. } => "sampled",
            Self::Overflow => "overflow",
            Self::DistinctSketched => "distinct_sketched",
            Self::PercentilesBucketed => "percentiles_bucketed",
            Self::PercentilesOfHistograms => "percentiles_of_histograms",
            Self::EitherSide => "either_side",
            Self::Unreadable { .. } => "unreadable",
            Self::MoreRecords { .. } => "more_records",
            Self::Sketched { .. } => "sketched",
            Self::SeriesDisplaced => "series_displaced",
            Self::SeriesRest => "series_rest",
            Self::FailOver(_) => "fail_over",
            Self::FailOversUntold => "fail_overs_untold",
            Self::StillArriving { .. } => "still_arriving",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateUnknown { records } => write!(f, "{records} records have no sampling rate and count as 1 in 1"),
            Self::Sampled { records } => write!(
                f,
                "{records} records are samples, multiplied by their sampling rate; the standard error stands beside each sum"
            ),
            Self::Overflow => f.write_str("a sum is past 64 bits and stands at the largest number"),
            Self::DistinctSketched => {
                f.write_str("numbers of different values over 1024 are estimates with a standard error of 1.2 %")
            }
            Self::PercentilesBucketed => f.write_str("percentiles are within 0.8 % of the value"),
            Self::PercentilesOfHistograms => {
                f.write_str("percentiles of response times come from the histograms of records, in powers of two, where records have one")
            }
            Self::EitherSide => f.write_str("records count for both of their sides, so rows add up to more than the totals"),
            Self::Unreadable { files, what } => write!(f, "{files} files could not be read and are left out; the first: {what}"),
            Self::MoreRecords { shown } => write!(f, "there are more than the {shown} records shown"),
            Self::Sketched { error } => {
                write!(f, "the largest addresses come from a sketch: a row may be up to {error} bytes too small")
            }
            Self::SeriesDisplaced => f.write_str(
                "approximate: series hold some records elsewhere, which lasted over two hours or came from more sources and minutes at a time than they have room for",
            ),
            Self::SeriesRest => {
                f.write_str("approximate: values for which series had no room stand in the row without a value")
            }
            Self::FailOver(fail_over) => fail_over.fmt(f),
            Self::FailOversUntold => {
                f.write_str("when units of groups took over is not told of so long a time: ask for a shorter one, or for one group")
            }
            Self::StillArriving { since } => write!(f, "records from {} on may still arrive", time(*since)),
        }
    }
}
