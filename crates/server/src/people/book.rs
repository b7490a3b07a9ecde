//! The book of users and their tokens, as a file has it, and each change of it.
//!
//! A change takes a book and makes the next; where it lies and who else changes it is the affair of [`Keeper`](super::Keeper).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limits::{DataLimits, LimitsText};
use super::role::Role;
use super::secret::{self, Digest, PASSWORD};
use crate::error::Refusal;

/// Users of a service.
pub const MAX_USERS: usize = 1000;

/// Tokens of a user.
pub const MAX_TOKENS: usize = 64;

/// Characters of the name of a user or token.
const MAX_NAME: usize = 64;

/// Names that stand for no user in the audit log.
const RESERVED: [&str; 3] = ["local", "metrics", "demo"];

/// The form of the file.
const VERSION: u32 = 1;

/// What begins each token, so that one that lies somewhere is known for what it is.
const TOKEN_BEGIN: &str = "weir_";

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// A part of it makes no sense.
    #[error("{}", .0.error)]
    Refused(Refusal),
    /// There is no such user or token.
    #[error("{0}")]
    Missing(String),
    /// It does not go with what there is.
    #[error("{0}")]
    Conflict(String),
    /// Somebody else has changed it meanwhile.
    #[error("{0}")]
    Changed(String),
    /// The file is not one of users, or the system gives no random numbers.
    #[error("{0}")]
    Failed(String),
}

impl From<Refusal> for BookError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    /// The number of the last change.
    revision: u64,
    users: BTreeMap<String, User>,
    tokens: BTreeMap<String, Token>,
}

/// Somebody who may sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    pub(crate) role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<LimitsText>,
    password: Kept,
    #[serde(with = "crate::moment::as_text")]
    pub(crate) created: i64,
    #[serde(with = "crate::moment::as_text")]
    pub(crate) password_changed: i64,
    /// The change that gave the password: sessions from before end with it.
    pub(crate) credentials: u64,
    /// The change that made it what it is.
    pub(crate) revision: u64,
}

/// What is kept of a password, which no log may show.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Kept(String);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

/// What a program signs in with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) user: String,
    /// The most that it may do; without it what its user may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Role>,
    digest: String,
    #[serde(with = "crate::moment::as_text")]
    pub(crate) created: i64,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::moment::as_optional_text")]
    pub(crate) expires: Option<i64>,
}

impl Token {
    pub(crate) fn is_over(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// A token that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// By which it is revoked.
    pub id: String,
    /// What its holder sends; kept nowhere.
    pub secret: String,
}

/// The limits of somebody; those of which the text cannot be read let nobody in.
pub(crate) type Limits = Result<Option<Arc<DataLimits>>, String>;

/// Users and tokens, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    file: File,
    limits: HashMap<String, Limits>,
    tokens: HashMap<Digest, String>,
}

impl Book {
    /// With nobody in it.
    pub(crate) fn empty() -> Self {
        Self::of(File { version: VERSION, revision: 0, users: BTreeMap::new(), tokens: BTreeMap::new() })
    }

    /// What a file holds; without one nobody.
    pub(crate) fn read(octets: Option<&[u8]>) -> Result<Self, BookError> {
        let Some(octets) = octets else { return Ok(Self::empty()) };
        let failed = |error: &dyn fmt::Display| BookError::Failed(format!("the file of users cannot be read: {error}"));
        let file: File = serde_json::from_slice(octets).map_err(|error| failed(&error))?;
        if file.version != VERSION {
            return Err(failed(&format!("it is of version {}, expected {VERSION}: use the program that wrote it", file.version)));
        }
        Ok(Self::of(file))
    }

    fn of(file: File) -> Self {
        let read = |user: &User| match &user.limits {
            None => Ok(None),
            Some(text) => DataLimits::read(text).map(|limits| limits.map(Arc::new)).map_err(|refusal| refusal.error),
        };
        let limits = file.users.iter().map(|(name, user)| (name.clone(), read(user))).collect();
        let digest = |(id, token): (&String, &Token)| Some((Digest::parse(&token.digest)?, id.clone()));
        let tokens = file.tokens.iter().filter_map(digest).collect();
        Self { file, limits, tokens }
    }

    /// As a file.
    pub(crate) fn octets(&self) -> Result<Vec<u8>, BookError> {
        let mut octets = serde_json::to_vec_pretty(&self.file).map_err(|error| BookError::Failed(error.to_string()))?;
        octets.push(b'\n');
        Ok(octets)
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = (&str, &User)> {
        self.file.users.iter().map(|(name, user)| (name.as_str(), user))
    }

    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.file.users.get(name)
    }

    /// What is kept of somebody's password.
    pub(crate) fn password(&self, name: &str) -> Option<&str> {
        self.user(name).map(|user| user.password.0.as_str())
    }

    pub(crate) fn limits(&self, name: &str) -> Limits {
        self.limits.get(name).cloned().unwrap_or(Ok(None))
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = (&str, &Token)> {
        self.file.tokens.iter().map(|(id, token)| (id.as_str(), token))
    }

    pub(crate) fn token(&self, id: &str) -> Option<&Token> {
        self.file.tokens.get(id)
    }

    /// The token of this secret.
    pub(crate) fn token_of(&self, digest: &Digest) -> Option<(&str, &Token)> {
        let (id, token) = self.file.tokens.get_key_value(self.tokens.get(digest)?)?;
        Some((id, token))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.file.users.is_empty()
    }

    /// Adds somebody. `kept` is what is kept of the password.
    pub(crate) fn add(
        mut self,
        name: &str,
        kept: String,
        role: Role,
        limits: Option<&LimitsText>,
        now: i64,
    ) -> Result<Self, BookError> {
        check_name(name)?;
        let limits = checked(limits)?;
        if self.file.users.contains_key(name) {
            return Err(BookError::Conflict(format!("there is a user {name} already")));
        }
        if self.file.users.len() >= MAX_USERS {
            return Err(BookError::Conflict(format!("there are {MAX_USERS} users, which is the most: remove one first")));
        }
        let revision = self.next();
        let user =
            User { role, limits, password: Kept(kept), created: now, password_changed: now, credentials: revision, revision };
        self.file.users.insert(name.to_owned(), user);
        Ok(Self::of(self.file))
    }

    /// Changes what somebody may do. `seen` is the revision that the change is of.
    pub(crate) fn change(
        mut self,
        name: &str,
        role: Role,
        limits: Option<&LimitsText>,
        seen: Option<u64>,
    ) -> Result<Self, BookError> {
        let limits = checked(limits)?;
        self.check_seen(name, seen)?;
        if role != Role::Admin {
            self.check_not_last(name)?;
        }
        let revision = self.next();
        let user = self.file.users.get_mut(name).ok_or_else(|| missing(name))?;
        (user.role, user.limits, user.revision) = (role, limits, revision);
        Ok(Self::of(self.file))
    }

    /// Gives somebody another password: whoever was signed in with the old one is so no longer.
    pub(crate) fn set_password(mut self, name: &str, kept: String, now: i64) -> Result<Self, BookError> {
        let revision = self.next();
        let user = self.file.users.get_mut(name).ok_or_else(|| missing(name))?;
        (user.password, user.password_changed) = (Kept(kept), now);
        (user.credentials, user.revision) = (revision, revision);
        Ok(Self::of(self.file))
    }

    /// Takes somebody out, with their tokens.
    pub(crate) fn remove(mut self, name: &str, seen: Option<u64>) -> Result<Self, BookError> {
        self.check_seen(name, seen)?;
        self.check_not_last(name)?;
        self.next();
        self.file.users.remove(name);
        self.file.tokens.retain(|_, token| token.user != name);
        Ok(Self::of(self.file))
    }

    /// Makes a token of somebody.
    pub(crate) fn add_token(
        mut self,
        user: &str,
        name: &str,
        role: Option<Role>,
        expires: Option<i64>,
        now: i64,
    ) -> Result<(Self, NewToken), BookError> {
        let most = self.user(user).ok_or_else(|| missing(user))?.role;
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let error = format!("a name of {} characters, expected 1 to {MAX_NAME} that can be printed", name.chars().count());
            return Err(Refusal::of("name", error).into());
        }
        if role.is_some_and(|role| role > most) {
            return Err(Refusal::of("role", format!("{user} is {most}, a token of theirs cannot be more")).into());
        }
        if expires.is_some_and(|expires| expires <= now) {
            return Err(Refusal::of("expires", "that time is over").into());
        }
        // What is over makes room.
        self.file.tokens.retain(|_, token| !token.is_over(now));
        if self.file.tokens.values().filter(|token| token.user == user).count() >= MAX_TOKENS {
            return Err(BookError::Conflict(format!("{user} has {MAX_TOKENS} tokens, which is the most: revoke one first")));
        }
        let secret = format!("{TOKEN_BEGIN}{}", secret::random().map_err(BookError::Failed)?);
        let id = secret::random_name().map_err(BookError::Failed)?;
        let digest = Digest::of(&secret).text();
        self.next();
        let token = Token { name: name.to_owned(), user: user.to_owned(), role, digest, created: now, expires };
        self.file.tokens.insert(id.clone(), token);
        Ok((Self::of(self.file), NewToken { id, secret }))
    }

    /// Revokes a token.
    pub(crate) fn remove_token(mut self, id: &str) -> Result<Self, BookError> {
        self.next();
        self.file.tokens.remove(id).ok_or_else(|| BookError::Missing(format!("there is no token {id}")))?;
        Ok(Self::of(self.file))
    }

    fn next(&mut self) -> u64 {
        self.file.revision += 1;
        self.file.revision
    }

    fn check_seen(&self, name: &str, seen: Option<u64>) -> Result<(), BookError> {
        let user = self.user(name).ok_or_else(|| missing(name))?;
        if seen.is_some_and(|seen| seen != user.revision) {
            return Err(BookError::Changed(format!("user {name} was changed meanwhile: look again")));
        }
        Ok(())
    }

    /// Somebody has to be left who may make users.
    fn check_not_last(&self, name: &str) -> Result<(), BookError> {
        let is_admin = |user: &User| user.role == Role::Admin;
        let others = self.users().filter(|(other, user)| *other != name && is_admin(user)).count();
        if others == 0 && self.user(name).is_some_and(is_admin) {
            return Err(BookError::Conflict(format!("{name} is the only admin: make another one first")));
        }
        Ok(())
    }
}

/// Whether this may be a password.
pub(crate) fn check_password(field: &str, password: &str) -> Result<(), Refusal> {
    let length = password.chars().count();
    if PASSWORD.contains(&length) {
        return Ok(());
    }
    let error = format!("a password of {length} characters, expected {} to {}", PASSWORD.start(), PASSWORD.end());
    Err(Refusal::of(field, error))
}

/// Whether this may be the name of a user.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'@' | b'-');
    if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(is_letter) {
        let error = format!("expected a name of 1 to {MAX_NAME} letters, digits, dots, dashes, underscores and @");
        return Err(Refusal::of("name", error));
    }
    if RESERVED.contains(&name) {
        return Err(Refusal::of("name", format!("{name} stands for something else: take another name")));
    }
    Ok(())
}

/// Limits that can be read; nothing where they limit nothing.
fn checked(limits: Option<&LimitsText>) -> Result<Option<LimitsText>, Refusal> {
    let Some(text) = limits else { return Ok(None) };
    Ok(DataLimits::read(text)?.map(|limits| limits.text().clone()))
}

fn missing(name: &str) -> BookError {
    BookError::Missing(format!("there is no user {name}"))
}

#[cfg(test)]
mod tests;
