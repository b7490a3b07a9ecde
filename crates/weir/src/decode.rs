//! `weir decode`: what was typed becomes a job that can be done, or is refused before any work.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use weir_query::Filter;
use weir_record::registry::Registry;

use crate::args::{DecodeArgs, Format, Kind};
use crate::exit::Failure;
use crate::output::{Columns, Rows, Selection, Sink};
use crate::report::Report;

/// All that a run of `weir decode` needs to know.
pub(crate) struct Job {
    /// Read one after the other; `-` is the standard input.
    pub(crate) files: Vec<PathBuf>,
    /// Elements by name, those of the user included.
    pub(crate) registry: Registry,
    /// Which records go where.
    pub(crate) rows: Rows,
    /// What is said at the end.
    pub(crate) report: Report,
    /// The answer to a filter that selects nothing is "no".
    pub(crate) must_match: bool,
}

impl Job {
    pub(crate) fn new(typed: DecodeArgs) -> Result<Self, Failure> {
        let format = typed.format.unwrap_or_else(|| if io::stdout().is_terminal() { Format::Table } else { Format::Json });
        check_files(&typed.files)?;
        if (format, typed.kind) == (Format::Csv, Kind::All) {
            let message =
                "--format csv has one head and so one kind of record, not --kind all: choose one kind, or --format json";
            return Err(Failure::Misuse(message.into()));
        }
        let filter = typed.filter.as_deref().map(Filter::parse).transpose();
        let filter = filter.map_err(|error| Failure::Misuse(error.to_string()))?;
        let columns = Columns::new(typed.print.columns.as_deref(), typed.kind).map_err(Failure::Misuse)?;
        let mut registry = registry(typed.elements.as_deref())?;
        if let Some(pen) = typed.private_enterprise {
            weir_codec::private::register(&mut registry, pen);
        }
        let must_match = filter.is_some();
        let selection = Selection::new(typed.kind, filter, typed.print.limit.unwrap_or(u64::MAX));
        Ok(Self {
            files: typed.files,
            registry,
            rows: Rows::new(selection, Sink::new(format, typed.kind, columns)),
            report: Report::new(typed.stats, typed.verbose || io::stderr().is_terminal()),
            must_match,
        })
    }
}

/// Refuses to read the standard input twice.
pub(crate) fn check_files(files: &[PathBuf]) -> Result<(), Failure> {
    if files.iter().filter(|file| file.as_path() == Path::new("-")).count() > 1 {
        return Err(Failure::Misuse("the standard input (-) can be read once, it is named more often".into()));
    }
    Ok(())
}

/// The built-in elements and those of the user's file.
fn registry(elements: Option<&Path>) -> Result<Registry, Failure> {
    let mut registry = Registry::new();
    if let Some(path) = elements {
        let refuse = |cause: String| Failure::Misuse(format!("--elements {}: {cause}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        registry.add_toml(&text).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(registry)
}
