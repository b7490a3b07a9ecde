//! People as the service knows them: the book and its changes, who is signed in, and what they did.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::audit::{AuditRow, Wanted};
use super::book::{self, Book, BookError, NewToken};
use super::caller::{Caller, Credential, Via};
use super::keeper::Keeper;
use super::limits::LimitsText;
use super::role::Role;
use super::secret::{self, Digest};
use super::sessions::{LONGEST, Session, Sessions};
use super::tries::Tries;
use crate::error::Refusal;

/// How long the link of the set-up works.
const SETUP_TIME: Duration = Duration::from_secs(3600);

/// Passwords that are worked out at a time: each takes 19 MiB.
const HASHING: usize = 2;

/// Further ones that wait; one more is refused.
const HASHING_WAITING: usize = 16;

/// Lines of the audit log about requests that were refused, a second and at once; strangers could fill the disk.
const REFUSED_RATE: u64 = 10;
const REFUSED_AT_ONCE: u64 = 200;

/// Why somebody is not let in, or a change is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// The name or the password is wrong.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Too many tries.
    #[error("too many tries to sign in: try again in {} s", .0.as_secs().max(1))]
    TooMany(Duration),
    /// They may not, and why.
    #[error("{0}")]
    Forbidden(String),
    /// The book cannot be changed so.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The book or the log cannot be reached.
    #[error("{0}")]
    Failed(String),
}

impl From<Refusal> for PeopleError {
    fn from(refusal: Refusal) -> Self {
        Self::Book(refusal.into())
    }
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Signed in.
    pub(crate) signed_in: AtomicU64,
    /// With a wrong name or password.
    pub(crate) wrong: AtomicU64,
    /// Tried too often.
    pub(crate) too_many: AtomicU64,
    /// Lines that the audit log could not take.
    pub(crate) unwritten: AtomicU64,
    /// Refusals that the audit log was not told of, since there were so many.
    pub(crate) untold: AtomicU64,
}

/// Everybody who may ask, and who is signed in.
pub struct People {
    keeper: Box<dyn Keeper>,
    is_open: bool,
    book: Mutex<Option<Known>>,
    sessions: Mutex<Sessions>,
    tries: Mutex<Tries>,
    setup: Mutex<Option<(Digest, Instant)>>,
    local: Mutex<Option<Digest>>,
    /// When tokens were used last, since the service began.
    used: Mutex<HashMap<String, i64>>,
    hashing: Semaphore,
    hashing_room: Semaphore,
    refused: Mutex<(u64, Instant)>,
    pub(crate) counts: Counts,
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("People").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

/// A state of the file.
type Stamp = Option<[i64; 4]>;

/// The book as it was read at that stamp.
struct Known {
    stamp: Stamp,
    book: Arc<Book>,
}

impl People {
    /// Those of this keeper.
    pub fn new(keeper: Box<dyn Keeper>) -> Self {
        Self::made(keeper, false)
    }

    /// The same where nobody has to sign in: whoever can connect may do everything. For a demonstration.
    pub fn open(keeper: Box<dyn Keeper>) -> Self {
        Self::made(keeper, true)
    }

    fn made(keeper: Box<dyn Keeper>, is_open: bool) -> Self {
        Self {
            keeper,
            is_open,
            book: Mutex::default(),
            sessions: Mutex::default(),
            tries: Mutex::default(),
            setup: Mutex::default(),
            local: Mutex::default(),
            used: Mutex::default(),
            hashing: Semaphore::new(HASHING),
            hashing_room: Semaphore::new(HASHING + HASHING_WAITING),
            refused: Mutex::new((REFUSED_AT_ONCE, Instant::now())),
            counts: Counts::default(),
        }
    }

    /// True where nobody has to sign in.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// True where there is nobody yet.
    ///
    /// # Errors
    /// Where the file of users cannot be read.
    pub fn is_empty(&self) -> Result<bool, PeopleError> {
        Ok(self.book()?.is_empty())
    }

    /// Makes a code with which the first admin makes themselves: it works once, for an hour, and while there is nobody.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn begin_setup(&self) -> Result<String, PeopleError> {
        let code = secret::random().map_err(PeopleError::Failed)?;
        *lock(&self.setup) = Some((Digest::of(&code), Instant::now()));
        Ok(code)
    }

    /// Makes the token with which commands on this machine ask: whoever may read it may do everything.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn begin_local(&self) -> Result<String, PeopleError> {
        let token = secret::random().map_err(PeopleError::Failed)?;
        *lock(&self.local) = Some(Digest::of(&token));
        Ok(token)
    }

    /// The book as it stands in the file now.
    pub(crate) fn book(&self) -> Result<Arc<Book>, PeopleError> {
        let failed = |error: std::io::Error| PeopleError::Failed(format!("the file of users cannot be read: {error}"));
        let stamp = self.keeper.stamp().map_err(failed)?;
        let mut known = lock(&self.book);
        if let Some(known) = &*known
            && known.stamp == stamp
        {
            return Ok(Arc::clone(&known.book));
        }
        // Whatever is written between the stamp and now is read again at the next look.
        let book = Arc::new(Book::read(self.keeper.read().map_err(failed)?.as_deref())?);
        *known = Some(Known { stamp, book: Arc::clone(&book) });
        Ok(book)
    }

    /// Changes the book, durably.
    fn change<T>(&self, mut change: impl FnMut(Book) -> Result<(Book, T), BookError>) -> Result<T, PeopleError> {
        let mut result = Err(BookError::Failed("the file of users was not read".into()));
        let changed = self.keeper.change(&mut |octets| {
            let made = Book::read(octets.as_deref()).and_then(&mut change);
            let (octets, told) = match made.and_then(|(book, told)| Ok((book.octets()?, told))) {
                Ok((octets, told)) => (Some(octets), Ok(told)),
                Err(error) => (None, Err(error)),
            };
            result = told;
            octets
        });
        changed.map_err(|error| PeopleError::Failed(format!("the file of users cannot be changed: {error}")))?;
        Ok(result?)
    }

    /// Adds somebody.
    ///
    /// # Errors
    /// Where a part of it makes no sense, there is such a user already, or the file cannot be changed.
    pub fn add_user(
        &self,
        name: &str,
        password: &str,
        role: Role,
        limits: Option<&LimitsText>,
        now: i64,
    ) -> Result<(), PeopleError> {
        book::check_name(name)?;
        let kept = hashed("password", password)?;
        self.change(|book| Ok((book.add(name, kept.clone(), role, limits, now)?, ())))
    }

    /// Makes the first admin, where the code is that of the set-up.
    pub(crate) fn set_up(&self, code: &str, name: &str, password: &str, now: i64) -> Result<(), PeopleError> {
        book::check_name(name)?;
        let is_code = |setup: &Option<(Digest, Instant)>| {
            setup.as_ref().is_some_and(|(digest, begun)| *digest == Digest::of(code) && begun.elapsed() < SETUP_TIME)
        };
        let forbidden = || {
            PeopleError::Forbidden(
                "the link of the set-up is wrong or over: start the service anew, or use `weir user add`".into(),
            )
        };
        if !is_code(&lock(&self.setup)) {
            return Err(forbidden());
        }
        let kept = hashed("password", password)?;
        // Of two at a time one finds it gone.
        let mut setup = lock(&self.setup);
        if !is_code(&setup) {
            return Err(forbidden());
        }
        self.change(|book| {
            if !book.is_empty() {
                return Err(BookError::Conflict("there is a user already: sign in".into()));
            }
            Ok((book.add(name, kept.clone(), Role::Admin, None, now)?, ()))
        })?;
        *setup = None;
        Ok(())
    }

    /// Changes what somebody may do. `seen` is the revision that the change is of, where it must not be of another.
    ///
    /// # Errors
    /// Where a part of it makes no sense, they are the only admin, the user was changed meanwhile, or the file cannot be changed.
    pub fn change_user(
        &self,
        name: &str,
        role: Role,
        limits: Option<&LimitsText>,
        password: Option<&str>,
        seen: Option<u64>,
        now: i64,
    ) -> Result<(), PeopleError> {
        let kept = password.map(|password| hashed("password", password)).transpose()?;
        self.change(|book| {
            let book = book.change(name, role, limits, seen)?;
            match kept.clone() {
                Some(kept) => Ok((book.set_password(name, kept, now)?, ())),
                None => Ok((book, ())),
            }
        })
    }

    /// Gives somebody another password, which ends their sessions.
    ///
    /// # Errors
    /// Where it is too short or too long, there is no such user, or the file cannot be changed.
    pub fn set_password(&self, name: &str, password: &str, now: i64) -> Result<(), PeopleError> {
        let kept = hashed("password", password)?;
        self.change(|book| Ok((book.set_password(name, kept.clone(), now)?, ())))
    }

    /// Somebody's own password; the session in which they change it goes on.
    pub(crate) fn set_own_password(&self, caller: &Caller, old: &str, new: &str, now: i64) -> Result<(), PeopleError> {
        book::check_password("new", new)?;
        let name = caller.name();
        self.check_password(name, old, caller.from)?.ok_or_else(|| PeopleError::Forbidden("the old password is wrong".into()))?;
        let kept = hashed("new", new)?;
        let credentials = self.change(|book| {
            let book = book.set_password(name, kept.clone(), now)?;
            let credentials = book.user(name).map(|user| user.credentials).unwrap_or_default();
            Ok((book, credentials))
        })?;
        if let Credential::Session(digest) = &caller.credential {
            lock(&self.sessions).renew(digest, credentials);
        }
        Ok(())
    }

    /// Takes somebody out, with their sessions and tokens.
    ///
    /// # Errors
    /// Where there is no such user, they are the only admin, the user was changed meanwhile, or the file cannot be changed.
    pub fn remove_user(&self, name: &str, seen: Option<u64>) -> Result<(), PeopleError> {
        self.change(|book| Ok((book.remove(name, seen)?, ())))
    }

    /// Makes a token of somebody.
    ///
    /// # Errors
    /// Where a part of it makes no sense, they have too many, or the file cannot be changed.
    pub fn add_token(
        &self,
        user: &str,
        name: &str,
        role: Option<Role>,
        expires: Option<i64>,
        now: i64,
    ) -> Result<NewToken, PeopleError> {
        self.change(|book| book.add_token(user, name, role, expires, now))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// Where there is none, or the file cannot be changed.
    pub fn remove_token(&self, id: &str) -> Result<(), PeopleError> {
        self.change(|book| Ok((book.remove_token(id)?, ())))?;
        lock(&self.used).remove(id);
        Ok(())
    }

    /// The credentials of somebody whose password this is. Each wrong one counts.
    fn check_password(&self, name: &str, password: &str, from: IpAddr) -> Result<Option<u64>, PeopleError> {
        let told = lock(&self.tries).begin(from, Some(name), Instant::now());
        told.map_err(|wait| {
            self.counts.too_many.fetch_add(1, Ordering::Relaxed);
            PeopleError::TooMany(wait)
        })?;
        let book = self.book()?;
        if !secret::verify(password, book.password(name)) {
            self.counts.wrong.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        lock(&self.tries).succeeded(from, Some(name));
        Ok(book.user(name).map(|user| user.credentials))
    }

    /// Signs somebody in: the secret of their session.
    pub(crate) fn sign_in(&self, name: &str, password: &str, from: IpAddr, now: i64) -> Result<String, PeopleError> {
        let credentials = self.check_password(name, password, from)?.ok_or(PeopleError::Wrong)?;
        if let Err(error) = self.book()?.limits(name) {
            return Err(PeopleError::Forbidden(format!("your limits cannot be read, ask an admin: {error}")));
        }
        let session = secret::random().map_err(PeopleError::Failed)?;
        let expires = now.saturating_add(i64::try_from(LONGEST.as_nanos()).unwrap_or(i64::MAX));
        lock(&self.sessions).begin(Digest::of(&session), name, credentials, expires, Instant::now());
        self.counts.signed_in.fetch_add(1, Ordering::Relaxed);
        Ok(session)
    }

    /// Counts a try with a secret that nobody has.
    pub(crate) fn count_try(&self, from: IpAddr) -> Result<(), PeopleError> {
        lock(&self.tries).begin(from, None, Instant::now()).map_err(|wait| {
            self.counts.too_many.fetch_add(1, Ordering::Relaxed);
            PeopleError::TooMany(wait)
        })
    }

    pub(crate) fn sign_out(&self, caller: &Caller) {
        if let Credential::Session(digest) = &caller.credential {
            lock(&self.sessions).end(digest);
        }
    }

    /// Whose session this is.
    pub(crate) fn of_session(&self, secret: &str, from: IpAddr) -> Result<Option<Caller>, PeopleError> {
        let digest = Digest::of(secret);
        let Some(session) = lock(&self.sessions).find(&digest, Instant::now()) else { return Ok(None) };
        let caller = self.caller(&session, digest, from)?;
        if caller.is_none() {
            lock(&self.sessions).end(&digest);
        }
        Ok(caller)
    }

    fn caller(&self, session: &Session, digest: Digest, from: IpAddr) -> Result<Option<Caller>, PeopleError> {
        let book = self.book()?;
        let Some(user) = book.user(&session.user).filter(|user| user.credentials == session.credentials) else { return Ok(None) };
        let limits = book.limits(&session.user).map_err(PeopleError::Forbidden)?;
        let credential = Credential::Session(digest);
        let (name, via) = (session.user.as_str().into(), Via::Session);
        Ok(Some(Caller { name, role: user.role, limits, via, credential, revision: user.revision, from }))
    }

    /// When the session of somebody ends at the latest.
    pub(crate) fn session_ends(&self, caller: &Caller) -> Option<i64> {
        let Credential::Session(digest) = &caller.credential else { return None };
        lock(&self.sessions).look(digest, Instant::now()).map(|session| session.expires)
    }

    /// Whose token this is.
    pub(crate) fn of_token(&self, secret: &str, from: IpAddr, now: i64) -> Result<Option<Caller>, PeopleError> {
        let digest = Digest::of(secret);
        if *lock(&self.local) == Some(digest) {
            return Ok(Some(Caller::nobody("local", Role::Admin, Via::Local, from)));
        }
        let book = self.book()?;
        let Some((id, token)) = book.token_of(&digest).filter(|(_, token)| !token.is_over(now)) else { return Ok(None) };
        let Some(user) = book.user(&token.user) else { return Ok(None) };
        let limits = book.limits(&token.user).map_err(PeopleError::Forbidden)?;
        lock(&self.used).insert(id.to_owned(), now);
        let role = token.role.map_or(user.role, |role| role.min(user.role));
        let credential = Credential::Token(id.to_owned());
        Ok(Some(Caller {
            name: token.user.as_str().into(),
            role,
            limits,
            via: Via::Token,
            credential,
            revision: user.revision,
            from,
        }))
    }

    /// When a token was used last, as far as is known.
    pub(crate) fn token_used(&self, id: &str) -> Option<i64> {
        lock(&self.used).get(id).copied()
    }

    /// Whether somebody still is what they were when they began to ask.
    pub(crate) fn is_current(&self, caller: &Caller, now: i64) -> bool {
        let Ok(book) = self.book() else { return false };
        let is_same = || book.user(caller.name()).is_some_and(|user| user.revision == caller.revision);
        match &caller.credential {
            Credential::Lasting => true,
            Credential::Token(id) => book.token(id).is_some_and(|token| !token.is_over(now)) && is_same(),
            Credential::Session(digest) => lock(&self.sessions).look(digest, Instant::now()).is_some() && is_same(),
        }
    }

    /// How many are signed in.
    pub(crate) fn sessions(&self) -> usize {
        lock(&self.sessions).len(Instant::now())
    }

    /// How often somebody is signed in.
    pub(crate) fn sessions_of(&self, user: &str, credentials: u64) -> usize {
        lock(&self.sessions).of(user, credentials, Instant::now())
    }

    /// Does what takes a password, when there is room for it.
    pub(crate) async fn hashing<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let _room = self.hashing_room.try_acquire().ok()?;
        let _turn = self.hashing.acquire().await.ok()?;
        Some(work.await)
    }

    /// Writes a line of the audit log.
    pub fn note(&self, row: &AuditRow) {
        if self.keeper.note(&row.line()).is_err() {
            self.counts.unwritten.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The same of a request that was refused, as long as these are not too many.
    pub(crate) fn note_refused(&self, row: &AuditRow) {
        let has_room = {
            let mut refused = lock(&self.refused);
            let gained = refused.1.elapsed().as_secs().saturating_mul(REFUSED_RATE);
            if gained > 0 {
                *refused = ((refused.0 + gained).min(REFUSED_AT_ONCE), Instant::now());
            }
            let has_room = refused.0 > 0;
            refused.0 = refused.0.saturating_sub(1);
            has_room
        };
        if has_room {
            self.note(row);
        } else {
            self.counts.untold.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines of the audit log, the latest first.
    pub(crate) fn notes(&self, wanted: &Wanted<'_>) -> Result<Vec<AuditRow>, PeopleError> {
        let mut rows = Vec::new();
        let read = self.keeper.notes(&mut |line| wanted.take(&mut rows, line));
        read.map_err(|error| PeopleError::Failed(format!("the audit log cannot be read: {error}")))?;
        Ok(rows)
    }

    /// Everybody, as commands list them.
    ///
    /// # Errors
    /// Where the file of users cannot be read.
    pub fn users(&self) -> Result<Vec<super::UserRow>, PeopleError> {
        let book = self.book()?;
        Ok(book.users().map(|(name, user)| super::users::row(self, &book, name, user)).collect())
    }

    /// Every token, as commands list them.
    ///
    /// # Errors
    /// Where the file of users cannot be read.
    pub fn tokens(&self) -> Result<Vec<super::TokenRow>, PeopleError> {
        let book = self.book()?;
        Ok(book.tokens().map(|(id, token)| super::tokens::row(self, id, token)).collect())
    }
}

fn hashed(field: &str, password: &str) -> Result<String, PeopleError> {
    book::check_password(field, password)?;
    secret::hash(password).map_err(PeopleError::Failed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
