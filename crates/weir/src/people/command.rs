//! `weir user`: looks after the users of a service, whether it runs or not.

use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use weir_server::{AuditRow, LimitsText, People, PeopleError, TokenRow, UserRow, expiry, moment};

use super::folder::Folder;
use super::password;
use crate::args::{DEFAULT_CONFIG, Format, LimitArgs, PlaceArgs, TokenArgs, UserArgs, UserCommand};
use crate::collect::now;
use crate::config::Config;
use crate::exit::{Failure, Outcome, say};
use crate::output::Listing;

pub(crate) fn run(typed: UserArgs) -> Result<Outcome, Failure> {
    let folder = Folder::open(folder(&typed.place)?).map_err(Failure::Failed)?;
    let people = People::new(Box::new(folder));
    let done = work(&people, &typed.what);
    if let Some((what, target)) = noted(&typed.what) {
        let result = done.as_ref().err().map_or_else(|| "ok".to_owned(), words);
        let (who, via) = (user_of_this_machine(), "command".to_owned());
        people.note(&AuditRow { time: now(), who, via, from: None, what: what.into(), target: Some(target), result });
    }
    done
}

fn work(people: &People, what: &UserCommand) -> Result<Outcome, Failure> {
    match what {
        UserCommand::Add(new) => {
            let password = password::ask(&new.name)?;
            let limits = limits(&new.limits);
            people.add_user(&new.name, &password, new.role, Some(&limits), now()).map_err(failure)?;
            say(&format!("{} may sign in as {}", new.name, new.role));
        }
        UserCommand::List { format } => return list(&people.users().map_err(failure)?, *format, USER_HEAD, user_row),
        UserCommand::Passwd { name } => {
            find(people, name)?;
            people.set_password(name, &password::ask(name)?, now()).map_err(failure)?;
            say(&format!("{name} has another password; their sessions have ended"));
        }
        UserCommand::Role { name, role } => {
            let user = find(people, name)?;
            people.change_user(name, *role, user.limits.as_ref(), None, None, now()).map_err(failure)?;
            say(&format!("{name} is {role}"));
        }
        UserCommand::Limit { name, limits: typed, none } => {
            if typed.filter.is_none() && typed.hide.is_empty() && !none {
                return Err(Failure::Misuse("nothing is limited: write --filter, --hide or --none".into()));
            }
            let user = find(people, name)?;
            people.change_user(name, user.role, Some(&limits(typed)), None, None, now()).map_err(failure)?;
            say(&format!("{name} sees {}", if *none { "everything" } else { "what the limits leave" }));
        }
        UserCommand::Remove { name } => {
            people.remove_user(name, None).map_err(failure)?;
            say(&format!("{name} may sign in no longer"));
        }
        UserCommand::Token(typed) => return token(people, typed),
        UserCommand::Tokens { format } => return list(&people.tokens().map_err(failure)?, *format, TOKEN_HEAD, token_row),
        UserCommand::Revoke { id } => {
            people.remove_token(id).map_err(failure)?;
            say(&format!("token {id} works no longer"));
        }
    }
    Ok(Outcome::Done)
}

fn token(people: &People, typed: &TokenArgs) -> Result<Outcome, Failure> {
    let now = now();
    let expires = expiry(&typed.expires, now).map_err(|error| Failure::Misuse(format!("--expires: {error}")))?;
    let made = people.add_token(&typed.user, &typed.name, typed.role, expires, now).map_err(failure)?;
    say(&format!("token {} of {}, {}; it is printed this once", made.id, typed.user, ends(expires)));
    let mut out = io::stdout().lock();
    writeln!(out, "{}", made.secret)?;
    Ok(Outcome::Done)
}

fn ends(expires: Option<i64>) -> String {
    expires.map_or_else(|| "without an end".into(), |expires| format!("until {}", moment::text(expires)))
}

fn find(people: &People, name: &str) -> Result<UserRow, Failure> {
    let users = people.users().map_err(failure)?;
    users.into_iter().find(|user| user.name == name).ok_or_else(|| Failure::Misuse(format!("there is no user {name}")))
}

fn limits(typed: &LimitArgs) -> LimitsText {
    LimitsText { filter: typed.filter.clone().unwrap_or_default(), hidden: typed.hide.clone() }
}

/// What of it the audit log is told, and about whom.
fn noted(what: &UserCommand) -> Option<(&'static str, String)> {
    match what {
        UserCommand::Add(new) => Some(("add user", new.name.clone())),
        UserCommand::Passwd { name } => Some(("set password", name.clone())),
        UserCommand::Role { name, .. } => Some(("set role", name.clone())),
        UserCommand::Limit { name, .. } => Some(("set limits", name.clone())),
        UserCommand::Remove { name } => Some(("remove user", name.clone())),
        UserCommand::Token(typed) => Some(("make token", typed.user.clone())),
        UserCommand::Revoke { id } => Some(("revoke token", id.clone())),
        UserCommand::List { .. } | UserCommand::Tokens { .. } => None,
    }
}

const USER_HEAD: [(&str, bool); 6] =
    [("User", false), ("Role", false), ("Filter", false), ("Hidden", false), ("Tokens", true), ("Since", false)];

fn user_row(user: &UserRow) -> Vec<String> {
    let limits = user.limits.clone().unwrap_or_default();
    let (role, tokens) = (user.role.to_string(), user.tokens.to_string());
    vec![user.name.clone(), role, limits.filter, limits.hidden.join(" "), tokens, moment::text(user.created)]
}

const TOKEN_HEAD: [(&str, bool); 6] =
    [("Token", false), ("User", false), ("Name", false), ("Role", false), ("Since", false), ("Until", false)];

fn token_row(token: &TokenRow) -> Vec<String> {
    let role = token.role.map(|role| role.to_string()).unwrap_or_default();
    let until = token.expires.map_or_else(|| "never".into(), moment::text);
    vec![token.id.clone(), token.user.clone(), token.name.clone(), role, moment::text(token.created), until]
}

fn list<T: Serialize>(
    rows: &[T],
    typed: Option<Format>,
    head: [(&str, bool); 6],
    row: impl Fn(&T) -> Vec<String>,
) -> Result<Outcome, Failure> {
    let form = typed.unwrap_or_else(|| if io::stdout().is_terminal() { Format::Table } else { Format::Json });
    let mut out = io::stdout().lock();
    if form == Format::Json {
        for row in rows {
            let line = serde_json::to_string(row).map_err(|error| Failure::Failed(error.to_string()))?;
            writeln!(out, "{line}")?;
        }
        return Ok(Outcome::Done);
    }
    let mut listing = Listing::new(form, head.map(|(name, right)| (name.to_owned(), right)), out);
    for one in rows {
        listing.push(row(one))?;
    }
    listing.finish()?;
    Ok(Outcome::Done)
}

/// Where users lie, by what was typed or what the configuration says.
fn folder(place: &PlaceArgs) -> Result<PathBuf, Failure> {
    if let Some(folder) = &place.folder {
        return Ok(folder.clone());
    }
    let config = place.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
    let missing =
        || Failure::Misuse(format!("{}: nobody signs in: add [console] with [store], or write --folder", config.display()));
    Config::load(config)?.console_folder().ok_or_else(missing)
}

/// Who types, for the audit log.
fn user_of_this_machine() -> String {
    // The kernel gives this folder to whose process it is.
    let id = std::fs::metadata("/proc/self").map(|process| process.uid());
    id.map_or_else(|_| "-".into(), |id| crate::control::name_of(id).unwrap_or_else(|| id.to_string()))
}

fn failure(error: PeopleError) -> Failure {
    match error {
        PeopleError::Failed(error) => Failure::Failed(error),
        error => Failure::Misuse(error.to_string()),
    }
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::Misuse(error) | Failure::Failed(error) => error.clone(),
        _ => "failed".into(),
    }
}
