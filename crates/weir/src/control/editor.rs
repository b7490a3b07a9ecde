//! What is being edited, what runs, and how the one becomes the other.

mod apply;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use super::protocol::{Committed, Differences, Edited, Shown, Terms, VersionRow};
use super::trial::{Again, Found, Watch, forget};
use super::versions::Versions;
use super::who::Who;
use crate::candidate::{Edit, differences};
use crate::config::Config;
use crate::ha::{HaStatus, Held, Holding, Unit};
use crate::service::running::Running;
use apply::Order;

/// Users that edit at a time.
const MAX_CANDIDATES: usize = 32;

/// Changes of a candidate.
const MAX_EDITS: usize = 10_000;

/// Octets of all the changes of a candidate, and of a configuration that is edited.
const MAX_TEXT: usize = 4 << 20;

/// Changes of a candidate times octets of its text: each change reads the text anew, and all are made again by a rebase.
const MAX_WORK: usize = 512 << 20;

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
    /// The file does not hold what runs, because it could not be written.
    unwritten: Option<Again>,
    looked: Instant,
}

/// What somebody is editing.
struct Candidate {
    /// What ran when it was begun.
    base: String,
    text: String,
    edits: Vec<Edit>,
}

impl Editor {
    /// Of this service, which runs what was found for this file.
    pub(crate) fn new(running: Arc<Running>, path: PathBuf, found: Found) -> Self {
        let Found { text, file, back } = found;
        let versions = Versions::of(&path);
        let inside =
            Inside { text, file, versions, candidates: BTreeMap::new(), watch: None, unwritten: None, looked: Instant::now() };
        let editor = Self { running, path, inside: Mutex::new(inside) };
        match back {
            None => forget(&editor.path),
            Some((trial, good)) => editor.come_back(trial, good),
        }
        editor
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
        let all = || old.into_iter().flat_map(|candidate| &candidate.edits).chain(edits);
        let (count, octets) = (all().count(), all().map(Edit::octets).sum::<usize>());
        let text = old.map_or(&*running, |candidate| &candidate.text);
        let most = MAX_EDITS.min(MAX_WORK / text.len().max(1));
        if count > most || octets > MAX_TEXT {
            return Err(format!(
                "a candidate of {count} changes with {octets} octets, expected {most} and {MAX_TEXT} at the most: commit what there is, or write them into the file"
            ));
        }
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
        let order = Order { who: (&who.name, Some(who.uid)), text: &text, terms, ends_trial: false };
        let committed = self.put(&mut inside, order)?;
        inside.candidates.remove(&who.uid);
        Ok(committed)
    }

    /// Keeps what runs on trial. `overwrite`: also where the file was changed by hand.
    pub(super) fn confirm(&self, who: &Who, overwrite: bool) -> Result<Committed, String> {
        let mut inside = self.inside();
        let Some(watch) = inside.watch.clone() else {
            return Err("nothing waits to be confirmed".into());
        };
        if watch.to_confirm {
            if !overwrite && !self.is_ours(&inside) {
                let path = self.path.display();
                return Err(format!(
                    "{path} was changed by hand since it was read: --overwrite writes what is confirmed over it; to load it instead (SIGHUP, systemctl reload weir) ends the trial"
                ));
            }
            let draft = self.draft(&inside.text)?;
            self.put_draft(&mut inside, draft)?;
        }
        self.end_trial(&mut inside);
        let version = inside.number();
        tracing::info!(version, who = who.name, "the configuration is confirmed");
        let changes = differences(&watch.good.text, &inside.text);
        Ok(Committed { version, changes, watched: 0, to_confirm: false, at_restart: Vec::new(), notes: Vec::new() })
    }

    /// Makes an earlier version run. Where that is refused what is on trial stays on trial.
    pub(super) fn rollback(&self, who: &Who, version: Option<u64>, mut terms: Terms) -> Result<Committed, String> {
        let mut inside = self.inside();
        let (number, text) = match (version, &inside.watch) {
            (Some(number), _) => (number, inside.version(number)?),
            (None, Some(Watch { to_confirm: true, good, .. })) => (good.version, good.text.clone()),
            (None, _) => inside.before().ok_or("there is no version before this one: see `weir versions`")?,
        };
        if text == inside.text {
            return Err(format!("version {number} is what runs"));
        }
        terms.comment.get_or_insert_with(|| format!("back to version {number}"));
        self.put(&mut inside, Order { who: (&who.name, Some(who.uid)), text: &text, terms, ends_trial: true })
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

    /// What this is, of two units.
    pub(super) fn unit(&self) -> &Arc<Unit> {
        self.running.unit()
    }

    /// What this unit is when that is done.
    pub(super) fn ha(&self, does: impl FnOnce(&Arc<Unit>) -> Result<(), String>) -> Result<HaStatus, String> {
        does(self.unit())?;
        Ok(self.unit().status())
    }

    /// Goes over to what stands in the file; what is wrong with it is told, and nothing changes then. False where a change is under way: to be asked again.
    pub(crate) fn reload(&self) -> bool {
        let Some(mut inside) = self.try_inside() else { return false };
        let name = self.path.display();
        let read = fs::read_to_string(&self.path).map_err(|error| format!("cannot read {name}: {error}"));
        let loaded = read.and_then(|text| Ok((self.check(&text)?, text)));
        let applied = loaded.and_then(|(new, text)| Ok((self.running.apply(new, true)?, text)));
        let (at_restart, text) = match applied {
            Ok(applied) => applied,
            Err(error) => {
                tracing::error!(error, "the configuration is refused, the one before goes on");
                self.settle(&inside);
                return true;
            }
        };
        for section in at_restart {
            tracing::warn!(section, "a change of this section needs a restart");
        }
        if text != inside.text && inside.versions.last().is_some() {
            self.keep_found(&mut inside);
            inside.keep(("file", None), Some("loaded from the file".into()), &text);
        }
        inside.file.clone_from(&text);
        inside.text = text;
        inside.unwritten = None;
        self.end_trial(&mut inside);
        tracing::info!(path = %name, "the configuration was loaded anew");
        true
    }

    /// What runs is in the versions, so that it can come back.
    fn keep_found(&self, inside: &mut Inside) {
        if inside.versions.last().is_none_or(|last| last.text != inside.text) {
            let text = inside.text.clone();
            inside.keep(("file", None), Some("found in the file".into()), &text);
        }
    }

    /// What somebody has to know of a candidate that began there.
    fn notes(&self, inside: &Inside, base: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if base != inside.text {
            notes.push(inside.overtaken());
        }
        if !self.is_ours(inside) {
            notes.push(format!("{} was changed by hand since it was read", self.path.display()));
        }
        if inside.unwritten.is_some() {
            notes.push(format!("{} does not hold what runs, because it cannot be written: see the log", self.path.display()));
        }
        notes
    }

    /// Whether the file is as it was read, or written, last.
    fn is_ours(&self, inside: &Inside) -> bool {
        fs::read_to_string(&self.path).ok().as_ref() == Some(&inside.file)
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

    /// None where somebody is changing something.
    fn try_inside(&self) -> Option<MutexGuard<'_, Inside>> {
        match self.inside.try_lock() {
            Ok(inside) => Some(inside),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// For the other unit of a pair. It never waits for somebody who is changing something: they may wait for it.
impl Held for Editor {
    fn held(&self) -> Option<Holding> {
        let inside = self.try_inside()?;
        let is_on_trial = inside.watch.as_ref().is_some_and(|watch| watch.to_confirm);
        let holding =
            || Holding { text: inside.text.clone(), ha: self.running.configuration().ha.clone(), version: inside.number() };
        (!is_on_trial).then(holding)
    }

    fn change(&self, from: &str, to: &str, comment: &str) -> Result<(), String> {
        let mut inside = self.try_inside().ok_or("somebody is changing it")?;
        if inside.text != from {
            return Err("it has changed meanwhile".into());
        }
        if to.len() > MAX_TEXT {
            return Err(format!("the configuration would have {} octets, expected {MAX_TEXT} at the most", to.len()));
        }
        let terms = Terms { comment: Some(comment.to_owned()), at_restart: true, ..Terms::default() };
        self.put(&mut inside, Order { who: ("peer", None), text: to, terms, ends_trial: false }).map(drop)
    }

    fn check(&self, text: &str) -> Result<(), String> {
        Self::check(self, text).map(drop)
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
