//! How much of what was sent is in an answer.

use std::fmt;

/// What is known to be missing in the time and of the sources of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// False where nobody kept account in that time: then the numbers below say nothing.
    pub known: bool,
    /// Records that arrived.
    pub records: u64,
    /// Records missing by sequence numbers that count records.
    pub lost_records: u64,
    /// Datagrams missing by sequence numbers that count datagrams.
    pub lost_datagrams: u64,
    /// Datagrams that arrived and were dropped: by the kernel, a full queue, a guard.
    pub dropped_datagrams: u64,
    /// Parts of datagrams that could not be decoded.
    pub faults: u64,
    /// Nanoseconds in which the service was not receiving.
    pub down_ns: u64,
    /// Nanoseconds in which no unit of a group reported, until another one took over.
    pub fail_over_ns: u64,
    /// Sources whose sequence numbers make no sense, so that what they lost cannot be told.
    pub sources_unknown: u64,
}

impl Completeness {
    /// True where account was kept of the whole time and nothing is missing.
    pub const fn is_complete(&self) -> bool {
        self.known
            && self.lost_records == 0
            && self.lost_datagrams == 0
            && self.dropped_datagrams == 0
            && self.faults == 0
            && self.down_ns == 0
            && self.fail_over_ns == 0
            && self.sources_unknown == 0
    }

    /// `complete`, `incomplete` or `unknown`.
    pub const fn state(&self) -> &'static str {
        match (self.known, self.is_complete()) {
            (false, _) => "unknown",
            (true, true) => "complete",
            (true, false) => "incomplete",
        }
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state())?;
        if !self.known {
            return f.write_str(": nobody kept account of that time");
        }
        let missing = [
            (self.lost_records, "records lost on the way"),
            (self.lost_datagrams, "datagrams lost on the way"),
            (self.dropped_datagrams, "datagrams dropped here"),
            (self.faults, "faults of decoding"),
            (self.sources_unknown, "sources whose losses cannot be told"),
        ];
        let mut separator = ": ";
        for (number, what) in missing.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{separator}{number} {what}")?;
            separator = ", ";
        }
        let times = [
            (self.down_ns, "the service was not receiving for"),
            (self.fail_over_ns, "until another unit took over nothing was reported for"),
        ];
        for (nanoseconds, what) in times.into_iter().filter(|(nanoseconds, _)| *nanoseconds > 0) {
            write!(f, "{separator}{what} {} s", nanoseconds.div_ceil(1_000_000_000))?;
            separator = ", ";
        }
        Ok(())
    }
}
