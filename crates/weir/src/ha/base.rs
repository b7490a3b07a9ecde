//! What two units had last, on disk: by it each tells what the other one has changed from what it has changed itself.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::shared::{Settings, Step, learn, learn_steps};
use crate::control::replace_file as replace;

/// Its file in the folder of the pair.
const FILE: &str = "settings.json";

/// What is kept, and where.
pub(super) struct Base {
    path: PathBuf,
    kept: Kept,
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// What both units had last, as the first one knows it.
    settings: Settings,
    /// What the first one has asked the second for, until it knows what became of it.
    asked: Option<Asked>,
    /// The last number of such a change.
    number: u64,
    /// The last change that the second one has made.
    made: u64,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Asked {
    id: u64,
    steps: Vec<Step>,
}

impl Base {
    /// What was kept in this folder.
    pub(super) fn load(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let kept = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(error.to_string()),
        };
        let kept = kept.unwrap_or_else(|error| {
            tracing::warn!(error, path = %path.display(), "what both units had last cannot be read: keys that differ have to be settled");
            Kept::default()
        });
        Self { path, kept }
    }

    /// Another unit comes: nothing was ever shared with it.
    pub(super) fn begin(&mut self) {
        self.change(|kept| *kept = Kept { number: kept.number, ..Kept::default() });
    }

    pub(super) const fn settings(&self) -> &Settings {
        &self.kept.settings
    }

    /// Both have these now.
    pub(super) fn learn(&mut self, ours: &Settings, theirs: &Settings) {
        self.change(|kept| learn(&mut kept.settings, ours, theirs));
    }

    /// The first one has made these changes, which the second one had.
    pub(super) fn learn_steps(&mut self, steps: &[Step]) {
        self.change(|kept| learn_steps(&mut kept.settings, steps));
    }

    /// The number under which the second one is asked for these changes. It is on disk before anybody is asked.
    pub(super) fn ask(&mut self, steps: &[Step]) -> u64 {
        self.change(|kept| {
            kept.number = (kept.number + 1).max(crate::collect::now().unsigned_abs());
            kept.asked = Some(Asked { id: kept.number, steps: steps.to_vec() });
        });
        self.kept.number
    }

    /// The second one says which change it has made last. In its first word that is what became of the change that it was asked for before.
    pub(super) fn hear(&mut self, made: u64, is_first_word: bool) {
        match &self.kept.asked {
            Some(asked) if asked.id == made => self.answer(true),
            Some(_) if is_first_word => self.answer(false),
            _ => {}
        }
    }

    /// What the second one was asked for was done, or was not.
    pub(super) fn answer(&mut self, is_made: bool) {
        self.change(|kept| {
            if let Some(asked) = kept.asked.take().filter(|_| is_made) {
                learn_steps(&mut kept.settings, &asked.steps);
            }
        });
    }

    /// The last change that this one has made because the first one asked for it.
    pub(super) const fn made(&self) -> u64 {
        self.kept.made
    }

    /// It has made this one.
    pub(super) fn make(&mut self, id: u64) {
        self.change(|kept| kept.made = id);
    }

    fn change(&mut self, change: impl FnOnce(&mut Kept)) {
        let before = self.kept.clone();
        change(&mut self.kept);
        if self.kept == before {
            return;
        }
        let written = serde_json::to_vec(&self.kept).map_err(std::io::Error::other).and_then(|text| replace(&self.path, &text));
        if let Err(error) = written {
            tracing::warn!(%error, path = %self.path.display(), "what both units have is not on disk: after a restart keys may have to be settled");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_counts_as_made_when_that_was_heard_or_is_found_out_later() {
        let folder = std::env::temp_dir().join(format!("weir-base-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let steps = |value: u64| vec![Step { path: "store.retention".into(), value: Some(json!(value)) }];
        let known = |base: &Base| base.settings().get("store.retention").cloned();
        let mut base = Base::load(&folder);
        let first = base.ask(&steps(1));
        base.answer(true);
        assert_eq!(known(&base), Some(json!(1)));
        let second = base.ask(&steps(2));
        assert!(second > first);
        // Before the answer comes it is not known, until the next connection tells.
        base.hear(first, false);
        let mut base = Base::load(&folder);
        base.hear(second, true);
        assert_eq!(known(&base), Some(json!(2)));
        base.ask(&steps(3));
        base.hear(second, true);
        assert_eq!(known(&base), Some(json!(2)), "the last one was never made");
        base.begin();
        assert_eq!(known(&base), None);
        base.make(7);
        std::fs::write(folder.join(FILE), "{").unwrap();
        assert_eq!((base.made(), Base::load(&folder).made()), (7, 0));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
