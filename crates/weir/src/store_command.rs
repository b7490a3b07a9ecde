//! `weir store`: the files of a store looked after: checked, exported, kept for good.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use weir_query::Filter;
use weir_server::{Asked, moment};
use weir_store::{Archive, Cancel, CheckProgress, ExportFormat, ExportRequest, Pin, Place, Snapshot, StoreError, TableKind};

use crate::args::{
    DEFAULT_CONFIG, FileFormat, Format, StoreArchiveArgs, StoreArgs, StoreCheckArgs, StoreCommand, StoreExportArgs, StorePath,
    StoreTable, TimeArgs,
};
use crate::config::Config;
use crate::exit::{Failure, Outcome, tell};
use crate::output::Listing;
use crate::progress::{Progress, Waiting};
use crate::stop::Stop;

pub(crate) fn run(typed: &StoreArgs) -> Result<Outcome, Failure> {
    match &typed.what {
        StoreCommand::Check(typed) => check(typed),
        StoreCommand::Export(typed) => export(typed),
        StoreCommand::Archive(typed) => archive(typed),
    }
}

/// A store by the folder of its journal, and where its files lie if not there.
struct Named {
    path: PathBuf,
    files: Option<Place>,
}

impl Named {
    fn new(typed: &StorePath) -> Result<Self, Failure> {
        if let Some(path) = &typed.store {
            return Ok(Self { path: path.clone(), files: None });
        }
        let config = typed.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
        let missing = || Failure::Misuse(format!("{}: there is no [store]: name one with --store", config.display()));
        let store = Config::load(config)?.store.ok_or_else(missing)?;
        let files = store.place().map_err(|error| Failure::Misuse(format!("{}: store.{error}", config.display())))?;
        Ok(Self { path: store.path, files: Some(files) })
    }

    fn open(&self) -> Result<Snapshot, Failure> {
        Snapshot::open(&self.path, self.files.clone(), None).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &StoreError) -> Failure {
        Failure::Failed(format!("store {}: {error}", self.path.display()))
    }
}

fn check(typed: &StoreCheckArgs) -> Result<Outcome, Failure> {
    let store = Named::new(&typed.path)?;
    let cancel = on_signals()?;
    let mut bar: Option<Progress> = None;
    let mut show =
        |progress: CheckProgress| bar.get_or_insert_with(|| Progress::new(&store.path, Some(progress.of))).show(progress.done);
    let report = weir_store::check(&store.path, store.files.clone(), &mut show, &cancel).map_err(|error| store.failed(&error))?;
    drop(bar);
    let mut out = io::stdout().lock();
    for problem in &report.problems {
        writeln!(out, "{}: {}", problem.file, problem.what)?;
    }
    writeln!(
        out,
        "{}: {} rows in {} files, {} rows in {} segments of the journal, {} octets",
        if report.is_sound() { "sound" } else { "not sound" },
        report.rows,
        report.files,
        report.journal_rows,
        report.segments,
        report.octets
    )?;
    if report.cut_octets > 0 {
        writeln!(
            out,
            "{} octets at the end of the journal were cut off in the middle of a write; nobody was told that they are stored",
            report.cut_octets
        )?;
    }
    out.flush()?;
    Ok(if report.is_sound() { Outcome::Done } else { Outcome::PartlyFailed })
}

fn export(typed: &StoreExportArgs) -> Result<Outcome, Failure> {
    let format = match typed.format {
        Some(FileFormat::Parquet) => ExportFormat::Parquet,
        Some(FileFormat::Csv) => ExportFormat::Csv,
        Some(FileFormat::Json) => ExportFormat::JsonLines,
        None => format_of(&typed.file)?,
    };
    let filter = typed.filter.as_deref().map_or_else(|| Ok(Filter::any()), Filter::parse);
    let filter = filter.map_err(|error| Failure::Misuse(error.to_string()))?;
    let columns: Vec<&str> = typed.columns.iter().flatten().map(String::as_str).filter(|name| *name != "all").collect();
    let (from, to) = range(&typed.time)?;
    let store = Named::new(&typed.path)?;
    let request = ExportRequest {
        table: table(typed.table),
        filter: &filter,
        from: from.unwrap_or(i64::MIN),
        to: to.unwrap_or(i64::MAX),
        columns: &columns,
        format,
        path: &typed.file,
    };
    let cancel = on_signals()?;
    let waiting = Waiting::new();
    let mut show = |done: &weir_store::Exported| waiting.say(&format!("{} rows, {} octets", done.rows, done.octets));
    let exported = weir_store::export(&store.open()?, &request, &mut show, &cancel).map_err(|error| store.failed(&error))?;
    drop(waiting);
    for unreadable in &exported.stats.unreadable {
        tell(&format!("left out, since it cannot be read: {}", unreadable.what));
    }
    tell(&format!("{}: {} rows, {} octets", typed.file.display(), exported.rows, exported.octets));
    Ok(match (exported.stats.unreadable.is_empty(), exported.rows) {
        (false, _) => Outcome::PartlyFailed,
        (true, 0) if typed.filter.is_some() => Outcome::NothingMatched,
        (true, _) => Outcome::Done,
    })
}

fn format_of(file: &Path) -> Result<ExportFormat, Failure> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => Ok(ExportFormat::Parquet),
        Some("csv") => Ok(ExportFormat::Csv),
        Some("json" | "jsonl" | "ndjson") => Ok(ExportFormat::JsonLines),
        _ => Err(Failure::Misuse(format!(
            "{} does not say which form it is to have: add --format parquet, csv or json",
            file.display()
        ))),
    }
}

const fn table(typed: StoreTable) -> TableKind {
    match typed {
        StoreTable::Flows => TableKind::Flows,
        StoreTable::Events => TableKind::Events,
        StoreTable::Counters => TableKind::Counters,
        StoreTable::Health => TableKind::Health,
        StoreTable::Series => TableKind::Series,
    }
}

fn archive(typed: &StoreArchiveArgs) -> Result<Outcome, Failure> {
    let store = Named::new(&typed.path)?;
    // A store that is not there would get pins that nobody looks at.
    store.open()?;
    let archive = Archive::open(&store.path);
    let failed = |error: StoreError| store.failed(&error);
    if let Some(id) = typed.remove {
        return match archive.remove(id).map_err(failed)? {
            Some(pin) => {
                tell(&format!("{id} is archived no longer: {}", pin.note));
                Ok(Outcome::Done)
            }
            None => Err(Failure::Misuse(format!("nothing is archived under {id}: `weir store archive` lists what is"))),
        };
    }
    let (from, to) = range(&typed.time)?;
    match (&typed.note, from, to) {
        (None, None, None) => list(&archive.pins().map_err(failed)?),
        (Some(note), Some(from), Some(to)) => {
            let pin = archive.add(from, to, note, now()).map_err(failed)?;
            tell(&format!(
                "archived under {}: retention spares what arrived from {} to {}",
                pin.id,
                moment::text(from),
                moment::text(to)
            ));
            Ok(Outcome::Done)
        }
        _ => Err(Failure::Misuse("to archive a time, tell all of it and why: --from, --to and --note".into())),
    }
}

fn list(pins: &[Pin]) -> Result<Outcome, Failure> {
    let form = if io::stdout().is_terminal() { Format::Table } else { Format::Csv };
    let head = [("id", true), ("from", false), ("to", false), ("note", false)];
    let mut listing = Listing::new(form, head.map(|(name, right)| (name.to_owned(), right)), io::stdout().lock());
    for pin in pins {
        listing.push(vec![pin.id.to_string(), moment::text(pin.from), moment::text(pin.to), pin.note.clone()])?;
    }
    listing.finish()?;
    Ok(Outcome::Done)
}

/// Begin and end, where they are told.
fn range(typed: &TimeArgs) -> Result<(Option<i64>, Option<i64>), Failure> {
    let asked = Asked { from: typed.from.clone(), to: typed.to.clone(), last: typed.last.clone(), ..Asked::default() };
    asked.range(now(), &TimeZone::system()).map_err(|refusal| Failure::Misuse(refusal.error))
}

fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default()
}

/// Is cancelled by SIGTERM or SIGINT, so that what was begun is cleaned up.
fn on_signals() -> Result<Cancel, Failure> {
    let stop = Stop::on_signals(None).map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}")))?;
    let cancel = Cancel::new();
    let asked = cancel.clone();
    thread::spawn(move || {
        while !stop.is_due() {
            thread::sleep(Duration::from_millis(50));
        }
        asked.cancel();
    });
    Ok(cancel)
}
