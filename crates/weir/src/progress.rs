//! A progress bar for long work, where somebody looks at the standard error and nothing is printed beside it.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work that is over sooner needs no bar.
const QUIET: Duration = Duration::from_secs(1);

/// How far a file has been read.
pub(crate) struct Progress {
    begun: Instant,
    /// Name and size of the file; nothing where no bar is to be shown.
    file: Option<(String, u64)>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress through a file of `size` octets, where that is known.
    pub(crate) fn new(file: &Path, size: Option<u64>) -> Self {
        let seen = io::stderr().is_terminal() && !io::stdout().is_terminal();
        let file = size.filter(|_| seen).map(|size| (file.display().to_string(), size));
        Self { begun: Instant::now(), file, bar: None }
    }

    /// Shows that so many octets were read.
    pub(crate) fn show(&mut self, position: u64) {
        let Some((name, size)) = &self.file else { return };
        if self.bar.is_none() && self.begun.elapsed() > QUIET {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left");
            let bar = ProgressBar::new(*size).with_message(name.clone()).with_elapsed(self.begun.elapsed());
            self.bar = Some(style.map_or(bar.clone(), |style| bar.with_style(style)));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A sign that somebody else works, for as long as it is held.
pub(crate) struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// The sign, where somebody looks at the standard error.
    pub(crate) fn new() -> Self {
        let seen = io::stderr().is_terminal();
        Self(seen.then(|| {
            let bar = ProgressBar::new_spinner().with_message("looking");
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        }))
    }

    /// Says how far it is.
    pub(crate) fn say(&self, how_far: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(how_far.to_owned());
        }
    }

    /// Takes it away.
    pub(crate) fn hide(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.hide();
    }
}
