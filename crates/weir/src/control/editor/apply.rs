//! How a text comes to run: checked, applied, written, kept as a version, watched; and how what ran before comes back.
//!
//! The file is prepared before anything is applied, so that one that cannot be written changes nothing. What was applied is never undone because of the file:
//! then it is written later.

use std::fs;
use std::time::{Duration, Instant};

use super::super::file::Draft;
use super::super::protocol::{Committed, Terms};
use super::super::trial::{Again, Numbered, Watch, forget, note};
use super::{Editor, Inside};
use crate::candidate::differences;
use crate::config::Span;

/// How often what is on trial, or was not written, is looked after.
const LOOK: Duration = Duration::from_millis(250);

/// What is to run.
pub(super) struct Order<'a> {
    /// Name and number of a user.
    pub(super) who: (&'a str, Option<u32>),
    pub(super) text: &'a str,
    pub(super) terms: Terms,
    /// Also where something waits to be confirmed.
    pub(super) ends_trial: bool,
}

impl Editor {
    /// Makes a text run, all or nothing: checks it, applies it, writes it, keeps it, watches it.
    pub(super) fn put(&self, inside: &mut Inside, order: Order<'_>) -> Result<Committed, String> {
        let Order { who, text, terms, ends_trial } = order;
        if let Some(Watch { to_confirm: true, until, .. }) = &inside.watch
            && !ends_trial
        {
            let left = until.saturating_duration_since(Instant::now()).as_secs();
            return Err(format!(
                "what runs waits to be confirmed for another {left} s: `weir confirm` keeps it, `weir rollback` ends it"
            ));
        }
        let new = self.check(text)?;
        let patience =
            terms.confirm.as_deref().map(str::parse::<Span>).transpose().map_err(|error| format!("confirm: {error}"))?;
        let on_disk = fs::read_to_string(&self.path).ok();
        let may_write = terms.overwrite || on_disk.as_ref() == Some(&inside.file);
        // What comes back from a trial stands in the file still.
        if !may_write && text != inside.file {
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
        let has_to_write = patience.is_none() && may_write && on_disk.as_deref() != Some(text);
        let draft = has_to_write.then(|| self.draft(text)).transpose()?;

        self.keep_found(inside);
        let problems = self.running.problems(true);
        let before = Numbered { version: inside.number(), text: inside.text.clone() };
        let at_restart = self.running.apply(new, false).inspect_err(|_| self.settle(inside))?;
        inside.text = text.to_owned();
        let mut notes: Vec<String> = inside.keep(who, terms.comment, text).into_iter().collect();
        let version = inside.number();
        tracing::info!(version, who = who.0, changes = changes.len(), "a configuration was committed");
        // Of several in a row the one before the first comes back; of one that is to be confirmed the one before it.
        let (good, problems) = match inside.watch.take() {
            Some(earlier) if patience.is_none() || earlier.to_confirm => (earlier.good, earlier.problems),
            _ => (before, problems),
        };
        let is_good = good.text == text && patience.is_none();
        if !is_good {
            notes.extend(note(&self.path, &good, Numbered { version, text: text.to_owned() }).err());
        }
        if on_disk.as_deref() == Some(text) {
            inside.file = text.to_owned();
            inside.unwritten = None;
        } else if !may_write {
            notes.push(format!("{} was changed by hand since it was read, and stays as it is", self.path.display()));
        }
        if let Some(error) = draft.and_then(|draft| self.put_draft(inside, draft).err()) {
            notes.push(format!("{error}; it is tried again"));
            inside.unwritten = Some(Again::after(None));
        }
        if is_good {
            // It ran before.
            self.end_trial(inside);
            return Ok(Committed { version, changes, watched: 0, to_confirm: false, at_restart, notes });
        }
        let to_confirm = patience.is_some();
        inside.watch = Some(Watch { until: Instant::now() + watch, good, problems, to_confirm, again: None });
        Ok(Committed { version, changes, watched: watch.as_secs(), to_confirm, at_restart, notes })
    }

    /// To be called now and then: ends trials, well or not, and writes what could not be written. While somebody changes something it does nothing.
    pub(crate) fn look_after(&self) {
        let Some(mut inside) = self.try_inside() else { return };
        if inside.looked.elapsed() < LOOK {
            return;
        }
        inside.looked = Instant::now();
        self.write_again(&mut inside);
        let Some(watch) = &inside.watch else {
            self.running.look_after();
            return;
        };
        let is_over = Instant::now() >= watch.until;
        let new = self.running.problems(true).into_iter().find(|problem| !watch.problems.contains(problem));
        let cause = match (new, &watch.again) {
            (_, Some(again)) if !again.is_due() => return,
            (Some(problem), _) => problem,
            (None, _) if is_over && watch.to_confirm => "nobody confirmed it in time".into(),
            (None, _) if is_over => return self.end_trial(&mut inside),
            (None, _) => return,
        };
        let (version, again) = (watch.good.version, Again::after(watch.again.as_ref()));
        tracing::error!(cause, version, "the configuration is rolled back");
        if let Err(error) = self.take_back(&mut inside, &cause) {
            tracing::error!(error, "the configuration cannot be rolled back; it is tried again");
            if let Some(watch) = &mut inside.watch {
                watch.again = Some(again);
            }
        }
    }

    /// Whether something is on trial, or just being changed.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.try_inside().is_none_or(|inside| inside.watch.is_some())
    }

    /// At the end of the service, which was well: what runs may run again.
    pub(crate) fn close(&self) {
        let mut inside = self.inside();
        if inside.unwritten.is_none() {
            self.end_trial(&mut inside);
        }
    }

    /// Makes run what was good before the trial; the file is of no importance to that.
    fn take_back(&self, inside: &mut Inside, cause: &str) -> Result<(), String> {
        let Some(Watch { good, .. }) = inside.watch.clone() else { return Ok(()) };
        self.running.apply(self.check(&good.text)?, false)?;
        inside.text.clone_from(&good.text);
        inside.keep(("weir", None), Some(format!("back to version {}: {cause}", good.version)), &good.text);
        self.write_good(inside, None);
        self.end_trial(inside);
        Ok(())
    }

    /// The service died while version `trial` stood in the file and was on trial; what was good runs already.
    pub(super) fn come_back(&self, trial: u64, good: u64) {
        let mut inside = self.inside();
        tracing::error!(trial, version = good, "the service ended while a configuration was on trial: the one before runs again");
        let text = inside.text.clone();
        inside.keep(
            ("weir", None),
            Some(format!("back to version {good}: the service ended while version {trial} was on trial")),
            &text,
        );
        self.write_good(&mut inside, None);
        self.end_trial(&mut inside);
    }

    /// Writes what runs, unless it stands there or somebody has changed the file; where that fails, as it did `before`, it is tried again.
    fn write_good(&self, inside: &mut Inside, before: Option<&Again>) {
        if inside.file == inside.text {
            return;
        }
        let path = self.path.display();
        if !self.is_ours(inside) {
            tracing::warn!(%path, "the file was changed by hand since it was read, and stays as it is");
            return;
        }
        match self.draft(&inside.text).and_then(|draft| self.put_draft(inside, draft)) {
            Ok(()) => tracing::info!(%path, "the file holds what runs"),
            Err(error) => {
                tracing::error!(error, "the file does not hold what runs; it is tried again");
                inside.unwritten = Some(Again::after(before));
            }
        }
    }

    fn write_again(&self, inside: &mut Inside) {
        // What waits to be confirmed is not to be written.
        if inside.watch.as_ref().is_some_and(|watch| watch.to_confirm) {
            return;
        }
        if let Some(before) = inside.unwritten.take_if(|again| again.is_due()) {
            self.write_good(inside, Some(&before));
            self.forget_trial(inside);
        }
    }

    /// What is to stand in the file. The error is a sentence.
    pub(super) fn draft(&self, text: &str) -> Result<Draft, String> {
        Draft::new(&self.path, text.as_bytes()).map_err(|error| self.cannot_write(&error))
    }

    /// Puts what runs into the file. The error is a sentence.
    pub(super) fn put_draft(&self, inside: &mut Inside, draft: Draft) -> Result<(), String> {
        draft.put().map_err(|error| self.cannot_write(&error))?;
        inside.unwritten = None;
        inside.file.clone_from(&inside.text);
        Ok(())
    }

    fn cannot_write(&self, error: &std::io::Error) -> String {
        let folder = self.path.parent().unwrap_or(&self.path).display();
        format!("cannot write {}: {error}; the user of the service must be allowed to write in {folder}", self.path.display())
    }

    /// What runs is kept.
    pub(super) fn end_trial(&self, inside: &mut Inside) {
        inside.watch = None;
        self.settle(inside);
        self.forget_trial(inside);
    }

    /// The note of a trial goes when nothing that is on trial can be found in the file any more.
    fn forget_trial(&self, inside: &Inside) {
        if inside.watch.is_none() && inside.unwritten.is_none() {
            forget(&self.path);
        }
    }

    /// What may not be undone is done when no trial can ask for the contrary.
    pub(super) fn settle(&self, inside: &Inside) {
        if inside.watch.is_none() {
            self.running.settle();
        }
    }
}
