//! What is being edited, what runs, and how the one becomes the other.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::file::replace;
use super::protocol::{Committed, Differences, Edited, Shown, Terms, VersionRow};
use super::versions::Versions;
use super::who::Who;
use crate::candidate::{Edit, differences};
use crate::config::{Config, Span};
use crate::service::running::Running;

/// Users that edit at a time.
const MAX_CANDIDATES: usize = 32;

/// Changes of a candidate.
const MAX_EDITS: usize = 10_000;

/// Octets of a configuration that is edited.
const MAX_TEXT: usize = 4 << 20;

/// How often a configuration that is watched is looked after.
const LOOK: Duration = Duration::from_millis(250);

/// Edits the configuration of a service that runs.
pub(crate) struct Editor {
    running: Arc<Running>,
    /// The file.
    path: PathBuf,
    inside: Mutex<Inside>,
}

struct Inside {
    /// What runs.
    text: String,
    /// What was read from the file, or written to it, last.
    file: String,
    versions: Versions,
    /// By user.
    candidates: BTreeMap<u32, Candidate>,
    watch: Option<Watch>,
    looked: Instant,
}

/// What somebody is editing.
struct Candidate {
    /// What ran when it was begun.
    base: String,
    text: String,
    edits: Vec<Edit>,
}

/// What runs on trial.
struct Watch {
    until: Instant,
    /// What comes back: the number of its version and its text.
    good: (u64, String),
    /// Problems that there were before.
    problems: Vec<String>,
    /// Somebody has to confirm it; until then it is not written.
    to_confirm: bool,
}

impl Editor {
    /// Of this service, whose configuration is `text`, read from this file.
    pub(crate) fn new(running: Arc<Running>, path: PathBuf, text: String) -> Self {
        let inside = Inside {
            file: text.clone(),
            text,
            versions: Versions::of(&path),
            candidates: BTreeMap::new(),
            watch: None,
            looked: Instant::now(),
        };
        Self { running, path, inside: Mutex::new(inside) }
    }

    /// Changes the candidate of a user: all of these, or none. Errors of this and all that follow are sentences.
    pub(super) fn edit(&self, who: &Who, edits: &[Edit]) -> Result<Edited, String> {
        let mut inside = self.inside();
        if edits.is_empty() {
            return Err("no change is named".into());
        }
        let Inside { text: running, candidates, .. } = &mut *inside;
        if !candidates.contains_key(&who.uid) && candidates.len() >= MAX_CANDIDATES {
            return Err(format!("{MAX_CANDIDATES} users are editing already: commit or discard a candidate first"));
        }
        let old = candidates.get(&who.uid);
        if old.map_or(0, |candidate| candidate.edits.len()) + edits.len() > MAX_EDITS {
            return Err(format!("a candidate of more than {MAX_EDITS} changes: commit it, or write them into the file"));
        }
        let text = old.map_or(&*running, |candidate| &candidate.text);
        let text = edits.iter().try_fold(text.clone(), |text, edit| edit.apply(&text))?;
        if text.len() > MAX_TEXT {
            return Err(format!("the configuration would have {} octets, expected {MAX_TEXT} at the most", text.len()));
        }
        let begun = || Candidate { base: running.clone(), text: String::new(), edits: Vec::new() };
        let candidate = candidates.entry(who.uid).or_insert_with(begun);
        candidate.text = text;
        candidate.edits.extend_from_slice(edits);
        let (text, base) = (candidate.text.clone(), candidate.base.clone());
        let changes = differences(&inside.text, &text).len();
        let mut notes = self.notes(&inside, &base);
        notes.extend(self.check(&text).err());
        Ok(Edited { changes, notes })
    }

    /// A text: of the candidate, of what runs, of a version; with what is not written if wanted.
    pub(super) fn show(&self, who: &Who, running: bool, full: bool, version: Option<u64>) -> Result<Shown, String> {
        let inside = self.inside();
        let candidate = inside.candidates.get(&who.uid).filter(|_| !running && version.is_none());
        let text = match version {
            Some(number) => inside.version(number)?,
            None => candidate.map_or_else(|| inside.text.clone(), |candidate| candidate.text.clone()),
        };
        let changes = candidate.map_or(0, |candidate| differences(&inside.text, &candidate.text).len());
        let text = if full { self.parse(&text)?.dump().map_err(|error| format!("{error:?}"))? } else { text };
        Ok(Shown { text, changes })
    }

    /// What differs from what runs.
    pub(super) fn diff(&self, who: &Who, version: Option<u64>) -> Result<Differences, String> {
        let inside = self.inside();
        if let Some(number) = version {
            return Ok(Differences { changes: differences(&inside.text, &inside.version(number)?), notes: Vec::new() });
        }
        let Some(candidate) = inside.candidates.get(&who.uid) else {
            return Ok(Differences { changes: Vec::new(), notes: self.notes(&inside, &inside.text) });
        };
        let mut notes = self.notes(&inside, &candidate.base);
        notes.extend(self.check(&candidate.text).err());
        Ok(Differences { changes: differences(&inside.text, &candidate.text), notes })
    }

    /// Makes the candidate of a user run.
    pub(super) fn commit(&self, who: &Who, terms: Terms) -> Result<Committed, String> {
        let mut inside = self.inside();
        let Some(candidate) = inside.candidates.get(&who.uid) else {
            return Err("there is nothing to commit: begin with `weir set` or `weir unset`".into());
        };
        if candidate.base != inside.text {
            return Err(inside.overtaken());
        }
        let text = candidate.text.clone();
        let committed = self.put(&mut inside, (&who.name, Some(who.uid)), &text, terms)?;
        inside.candidates.remove(&who.uid);
        Ok(committed)
    }

    /// Keeps what runs on trial.
    pub(super) fn confirm(&self, who: &Who) -> Result<Committed, String> {
        let mut inside = self.inside();
        let Some(watch) = &inside.watch else {
            return Err("nothing waits to be confirmed".into());
        };
        let good = watch.good.1.clone();
        if watch.to_confirm {
            self.write(&mut inside)?;
        }
        inside.watch = None;
        let version = inside.number();
        tracing::info!(version, who = who.name, "the configuration is confirmed");
        let changes = differences(&good, &inside.text);
        Ok(Committed { version, changes, watched: 0, to_confirm: false, at_restart: Vec::new(), notes: Vec::new() })
    }

    /// Makes an earlier version run.
    pub(super) fn rollback(&self, who: &Who, version: Option<u64>, mut terms: Terms) -> Result<Committed, String> {
        let mut inside = self.inside();
        let (number, text) = match (version, &inside.watch) {
            (Some(number), _) => (number, inside.version(number)?),
            (None, Some(Watch { to_confirm: true, good, .. })) => good.clone(),
            (None, _) => inside.before().ok_or("there is no version before this one: see `weir versions`")?,
        };
        if text == inside.text {
            return Err(format!("version {number} is what runs"));
        }
        terms.comment.get_or_insert_with(|| format!("back to version {number}"));
        inside.watch = None;
        self.put(&mut inside, (&who.name, Some(who.uid)), &text, terms)
    }

    /// What was committed, the latest first.
    pub(super) fn versions(&self) -> Vec<VersionRow> {
        let inside = self.inside();
        let list = inside.versions.list();
        let running = inside.number();
        let before = std::iter::once("").chain(list.iter().map(|version| version.text.as_str()));
        let rows = list.iter().zip(before).map(|(version, before)| VersionRow {
            version: version.version,
            time: version.time.clone(),
            who: version.who.clone(),
            comment: version.comment.clone(),
            changes: differences(before, &version.text).len(),
            running: version.version == running && version.text == inside.text,
            to_confirm: version.version == running && inside.watch.as_ref().is_some_and(|watch| watch.to_confirm),
        });
        let mut rows: Vec<_> = rows.collect();
        rows.reverse();
        rows
    }

    /// Forgets the candidate of a user.
    pub(super) fn discard(&self, who: &Who) -> Result<Edited, String> {
        match self.inside().candidates.remove(&who.uid) {
            Some(_) => Ok(Edited { changes: 0, notes: Vec::new() }),
            None => Err("there is no candidate".into()),
        }
    }

    /// Makes the changes of a candidate anew, in what runs now.
    pub(super) fn rebase(&self, who: &Who) -> Result<Edited, String> {
        let mut inside = self.inside();
        let running = inside.text.clone();
        let candidate = inside.candidates.get_mut(&who.uid).ok_or("there is no candidate")?;
        candidate.text = candidate.edits.iter().try_fold(running.clone(), |text, edit| edit.apply(&text))?;
        candidate.base = running.clone();
        let changes = differences(&running, &candidate.text).len();
        let notes = self.check(&candidate.text).err().into_iter().collect();
        Ok(Edited { changes, notes })
    }

    /// Goes over to what stands in the file; what is wrong with it is told, and nothing changes then.
    pub(crate) fn reload(&self) {
        let mut inside = self.inside();
        let name = self.path.display();
        let read = fs::read_to_string(&self.path).map_err(|error| format!("cannot read {name}: {error}"));
        let loaded = read.and_then(|text| Ok((self.check(&text)?, text)));
        let applied = loaded.and_then(|(new, text)| Ok((self.running.apply(new, true)?, text)));
        let (at_restart, text) = match applied {
            Ok(applied) => applied,
            Err(error) => {
                tracing::error!(error, "the configuration is refused, the one before goes on");
                return;
            }
        };
        for section in at_restart {
            tracing::warn!(section, "a change of this section needs a restart");
        }
        if text != inside.text && inside.versions.last().is_some() {
            self.keep_found(&mut inside);
            inside.keep(("file", None), Some("loaded from the file".into()), &text);
        }
        inside.watch = None;
        inside.file.clone_from(&text);
        inside.text = text;
        tracing::info!(path = %name, "the configuration was loaded anew");
    }

    /// To be called now and then: ends trials, well or not.
    pub(crate) fn look_after(&self) {
        let mut inside = self.inside();
        if inside.watch.is_none() || inside.looked.elapsed() < LOOK {
            return;
        }
        inside.looked = Instant::now();
        let Some(watch) = &inside.watch else { return };
        let is_over = Instant::now() >= watch.until;
        let new = self.running.health().problems.into_iter().find(|problem| !watch.problems.contains(problem));
        let cause = match new {
            Some(problem) => problem,
            None if is_over && watch.to_confirm => "nobody confirmed it in time".into(),
            None if is_over => {
                inside.watch = None;
                return;
            }
            None => return,
        };
        let (number, text) = watch.good.clone();
        tracing::error!(cause, version = number, "the configuration is rolled back");
        inside.watch = None;
        let terms = Terms {
            comment: Some(format!("back to version {number}: {cause}")),
            overwrite: true,
            at_restart: true,
            ..Terms::default()
        };
        match self.put(&mut inside, ("weir", None), &text, terms) {
            // What came back is not on trial: it ran before.
            Ok(_) => inside.watch = None,
            Err(error) => tracing::error!(error, "the configuration cannot be rolled back"),
        }
    }

    /// Makes a text run, all or nothing: checks it, applies it, writes it, keeps it, watches it.
    fn put(&self, inside: &mut Inside, who: (&str, Option<u32>), text: &str, terms: Terms) -> Result<Committed, String> {
        if let Some(Watch { to_confirm: true, until, .. }) = &inside.watch {
            let left = until.saturating_duration_since(Instant::now()).as_secs();
            return Err(format!(
                "what runs waits to be confirmed for another {left} s: `weir confirm` keeps it, `weir rollback` ends it"
            ));
        }
        let new = self.check(text)?;
        let patience =
            terms.confirm.as_deref().map(str::parse::<Span>).transpose().map_err(|error| format!("confirm: {error}"))?;
        if !terms.overwrite && fs::read_to_string(&self.path).ok().as_ref() != Some(&inside.file) {
            return Err(format!(
                "{} was changed by hand since it was read: load it (SIGHUP, systemctl reload weir) and then `weir rebase`, or write over it with --overwrite",
                self.path.display()
            ));
        }
        let changes = differences(&inside.text, text);
        let late = self.running.needs_restart(&new);
        if !late.is_empty() && !terms.at_restart {
            return Err(format!("{} needs a restart: --at-restart writes it now, to take effect then", late.join(", ")));
        }
        let watch = patience.unwrap_or(new.control.watch).of();
        let problems = self.running.health().problems;

        self.keep_found(inside);
        let before = (inside.number(), inside.text.clone());
        let old = self.running.configuration();
        let at_restart = self.running.apply(new, false)?;
        inside.text = text.to_owned();
        if patience.is_none()
            && let Err(error) = self.write(inside)
        {
            inside.text.clone_from(&before.1);
            let undone = self.running.apply(Config::clone(&old), false).err().map(|error| format!("; and {error}"));
            return Err(format!("{error}{}", undone.unwrap_or_default()));
        }
        let notes = inside.keep(who, terms.comment, text).into_iter().collect();
        let version = inside.number();
        tracing::info!(version, who = who.0, changes = changes.len(), "a configuration was committed");
        // Of several in a row the one before the first comes back; of one that is to be confirmed the one before it.
        let (good, problems) = match inside.watch.take() {
            Some(earlier) if patience.is_none() => (earlier.good, earlier.problems),
            _ => (before, problems),
        };
        inside.watch = Some(Watch { until: Instant::now() + watch, good, problems, to_confirm: patience.is_some() });
        Ok(Committed { version, changes, watched: watch.as_secs(), to_confirm: patience.is_some(), at_restart, notes })
    }

    /// What runs is in the versions, so that it can come back.
    fn keep_found(&self, inside: &mut Inside) {
        if inside.versions.last().is_none_or(|last| last.text != inside.text) {
            let text = inside.text.clone();
            inside.keep(("file", None), Some("found in the file".into()), &text);
        }
    }

    /// Writes what runs into the file.
    fn write(&self, inside: &mut Inside) -> Result<(), String> {
        replace(&self.path, inside.text.as_bytes()).map_err(|error| {
            let folder = self.path.parent().unwrap_or(&self.path).display();
            format!("cannot write {}: {error}; the user of the service must be allowed to write in {folder}", self.path.display())
        })?;
        inside.file.clone_from(&inside.text);
        Ok(())
    }

    /// What somebody has to know of a candidate that began there.
    fn notes(&self, inside: &Inside, base: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if base != inside.text {
            notes.push(inside.overtaken());
        }
        if fs::read_to_string(&self.path).ok().as_ref() != Some(&inside.file) {
            notes.push(format!("{} was changed by hand since it was read", self.path.display()));
        }
        notes
    }

    fn parse(&self, text: &str) -> Result<Config, String> {
        Config::parse(text, &self.path.display().to_string())
    }

    /// As `weir check` does.
    fn check(&self, text: &str) -> Result<Config, String> {
        let config = self.parse(text)?;
        config.check_service(&self.path.display().to_string())?;
        Ok(config)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// The number of what runs; 0 where it was never kept.
    fn number(&self) -> u64 {
        self.versions.last().map_or(0, |last| last.version)
    }

    fn version(&self, number: u64) -> Result<String, String> {
        let version = self.versions.get(number).ok_or_else(|| format!("there is no version {number}: see `weir versions`"))?;
        Ok(version.text.clone())
    }

    /// The latest that is not what runs.
    fn before(&self) -> Option<(u64, String)> {
        let found = self.versions.list().iter().rev().find(|version| version.text != self.text)?;
        Some((found.version, found.text.clone()))
    }

    /// Keeps a version; gives what has to be known.
    fn keep(&mut self, who: (&str, Option<u32>), comment: Option<String>, text: &str) -> Option<String> {
        let error = self.versions.push(who, comment, text).err()?.1;
        tracing::warn!(error, "a version of the configuration is not on disk");
        Some(error)
    }

    fn overtaken(&self) -> String {
        let last = self.versions.last();
        let by = last.map_or_else(String::new, |last| format!(" by {} (version {}, {})", last.who, last.version, last.time));
        format!(
            "the configuration was changed{by} since you began: look at it with `weir diff`, then `weir rebase` makes your changes in it, or `weir discard` drops them"
        )
    }
}
