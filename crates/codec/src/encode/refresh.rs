//! When templates and options data are told again over a transport that loses messages (RFC 7011, section 8.4; RFC 3954, section 9).

/// Says when it is time to announce again: after so much time or so many messages, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Refresh {
    /// Nanoseconds from one announcement to the next.
    pub every: i64,
    /// Messages from one announcement to the next.
    pub messages: u64,
    /// Time and count of messages of the last announcement.
    last: Option<(i64, u64)>,
}

impl Refresh {
    /// After so many nanoseconds, or so many messages.
    pub const fn new(every: i64, messages: u64) -> Self {
        Self { every, messages, last: None }
    }

    /// Whether it is time, given the time (nanoseconds since 1970) and the number of messages sent since the beginning. The first answer is yes;
    /// each yes begins the wait for the next one.
    pub const fn is_due(&mut self, now: i64, messages: u64) -> bool {
        if let Some((time, count)) = self.last
            && now.saturating_sub(time) < self.every
            && now >= time
            && messages.saturating_sub(count) < self.messages
        {
            return false;
        }
        self.last = Some((now, messages));
        true
    }
}

impl Default for Refresh {
    /// 600 seconds, 4096 messages.
    fn default() -> Self {
        Self::new(600_000_000_000, 4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_count_are_both_limits() {
        let mut refresh = Refresh::new(10, 5);
        assert!(refresh.is_due(100, 0));
        assert!(!refresh.is_due(109, 4));
        assert!(refresh.is_due(110, 4));
        assert!(!refresh.is_due(111, 8));
        assert!(refresh.is_due(111, 9));
        // A clock that was set back does not stop it.
        assert!(refresh.is_due(50, 9));
        assert!(!refresh.is_due(51, 9));
    }
}
