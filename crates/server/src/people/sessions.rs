//! Sessions: who is signed in. They live in memory: whoever was signed in signs in anew when the service begins anew.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::secret::Digest;

/// Sessions of all.
pub(super) const MAX_SESSIONS: usize = 4096;

/// Sessions of one user.
pub(super) const MAX_OF_USER: usize = 32;

/// How long a session may be silent.
pub(super) const IDLE: Duration = Duration::from_secs(12 * 3600);

/// How long it lasts at the most.
pub(super) const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) user: String,
    /// The change of the book that gave the password with which it began.
    pub(super) credentials: u64,
    /// When it ends at the latest, nanoseconds since 1970.
    pub(super) expires: i64,
    begun: Instant,
    seen: Instant,
}

/// All that there are, by the digests of their secrets.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<Digest, Session>);

impl Sessions {
    /// Begins one; where there are too many the one that was silent for longest ends.
    pub(super) fn begin(&mut self, digest: Digest, user: &str, credentials: u64, expires: i64, now: Instant) {
        self.0.retain(|_, session| !session.is_over(now));
        let of_user = self.0.values().filter(|session| session.user == user).count();
        if of_user >= MAX_OF_USER {
            self.end_oldest(|session| session.user == user);
        }
        if self.0.len() >= MAX_SESSIONS {
            self.end_oldest(|_| true);
        }
        let session = Session { user: user.to_owned(), credentials, expires, begun: now, seen: now };
        self.0.insert(digest, session);
    }

    /// The session of this secret, which is seen now.
    pub(super) fn find(&mut self, digest: &Digest, now: Instant) -> Option<Session> {
        let session = self.0.get_mut(digest)?;
        if session.is_over(now) {
            self.0.remove(digest);
            return None;
        }
        session.seen = now;
        Some(session.clone())
    }

    /// The same, without being seen by it.
    pub(super) fn look(&self, digest: &Digest, now: Instant) -> Option<&Session> {
        self.0.get(digest).filter(|session| !session.is_over(now))
    }

    pub(super) fn end(&mut self, digest: &Digest) {
        self.0.remove(digest);
    }

    /// How many of somebody there are.
    pub(super) fn of(&self, user: &str, credentials: u64, now: Instant) -> usize {
        let counts = |session: &&Session| session.user == user && session.credentials == credentials && !session.is_over(now);
        self.0.values().filter(counts).count()
    }

    pub(super) fn len(&self, now: Instant) -> usize {
        self.0.values().filter(|session| !session.is_over(now)).count()
    }

    /// Goes on with the new password, where somebody changed their own.
    pub(super) fn renew(&mut self, digest: &Digest, credentials: u64) {
        if let Some(session) = self.0.get_mut(digest) {
            session.credentials = credentials;
        }
    }

    fn end_oldest(&mut self, of: impl Fn(&Session) -> bool) {
        let oldest = self.0.iter().filter(|(_, session)| of(session)).min_by_key(|(_, session)| session.seen);
        if let Some(digest) = oldest.map(|(digest, _)| *digest) {
            self.0.remove(&digest);
        }
    }
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.seen) >= IDLE || now.duration_since(self.begun) >= LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        Digest::of(&number.to_string())
    }

    #[test]
    fn a_session_ends_when_it_is_silent_or_old() {
        let (mut sessions, begin) = (Sessions::default(), Instant::now());
        sessions.begin(digest(1), "ann", 1, 0, begin);
        let nearly = IDLE - Duration::from_secs(1);
        assert!(sessions.find(&digest(1), begin + nearly).is_some());
        assert!(sessions.find(&digest(1), begin + nearly + nearly).is_some(), "it was seen meanwhile");
        assert!(sessions.find(&digest(1), begin + nearly + nearly + IDLE).is_none());
        sessions.begin(digest(2), "ann", 1, 0, begin);
        let mut now = begin;
        while now + nearly < begin + LONGEST {
            now += nearly;
            assert!(sessions.find(&digest(2), now).is_some());
        }
        assert!(sessions.find(&digest(2), begin + LONGEST).is_none(), "it was seen all the time, and is over");
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        for number in 0..=MAX_OF_USER {
            sessions.begin(digest(number), "ann", 1, 0, now + Duration::from_secs(number as u64));
        }
        let end = now + Duration::from_secs(100);
        assert_eq!(sessions.of("ann", 1, end), MAX_OF_USER);
        assert!(sessions.look(&digest(0), end).is_none(), "the one silent for longest has ended");
        for number in 0..=MAX_SESSIONS {
            sessions.begin(digest(1000 + number), &format!("user{number}"), 1, 0, end);
        }
        assert_eq!(sessions.len(end), MAX_SESSIONS);
    }
}
