//! `weir sql`: a statement becomes rows, by the running service or by the files themselves.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;

use serde_json::Value;
use weir_server::{AskedSql, Refusal, SqlColumnDocument, SqlFormat};
use weir_store::Cancel;

use crate::args::{Format, ServiceArgs, SqlArgs};
use crate::backend;
use crate::client::{Client, Refused};
use crate::exit::{Failure, Outcome};
use crate::output::Listing;
use crate::progress::Waiting;
use crate::query::{broken, pointed};

pub(crate) fn run(typed: SqlArgs) -> Result<Outcome, Failure> {
    let form = typed.format.unwrap_or_else(|| if io::stdout().is_terminal() { Format::Table } else { Format::Json });
    let mut statement = typed.statement;
    if statement == "-" {
        statement.clear();
        let read = io::stdin().lock().read_to_string(&mut statement);
        read.map_err(|error| Failure::Failed(format!("cannot read the standard input: {error}")))?;
    }
    let asked = AskedSql { sql: statement, format: if form == Format::Json { SqlFormat::Lines } else { SqlFormat::Arrays } };
    let printed = match &typed.from.store {
        Some(path) => read_store(path, &asked, form),
        None => ask_service(&typed.from.service, &asked, form),
    };
    printed.map_err(|refused| match refused {
        Refused::Question(refusal) => Failure::Misuse(pointed(&refusal, &asked.sql)),
        Refused::Failed(failure) => failure,
    })?;
    Ok(Outcome::Done)
}

/// Reads the files of a store in this process.
fn read_store(path: &Path, asked: &AskedSql, form: Format) -> Result<(), Refused> {
    let failed = |failure: Failure| Refused::Failed(failure);
    let snapshot = backend::open(path).map_err(failed)?;
    let waiting = Waiting::new();
    let answer = backend::ask_sql(&snapshot, &asked.sql, None, &Cancel::new()).map_err(backend::refused)?;
    let columns = answer.columns().iter().map(|column| SqlColumnDocument { name: column.name.clone(), kind: column.kind.into() });
    let mut rows = Rows::new(form, &columns.collect::<Vec<_>>());
    let mut line = Vec::new();
    for part in answer {
        let part = part.map_err(|error| backend::refused(error.into()))?;
        waiting.hide();
        for row in 0..part.rows() {
            line.clear();
            match form {
                Format::Json => part.write_json_object(row, &mut line),
                _ => part.write_json_array(row, &mut line),
            }
            rows.push(&line).map_err(failed)?;
        }
    }
    rows.finish().map_err(failed)
}

/// Asks the running service.
fn ask_service(service: &ServiceArgs, asked: &AskedSql, form: Format) -> Result<(), Refused> {
    let waiting = Waiting::new();
    let answer = Client::new(service).map_err(Refused::Failed)?.post("/api/v1/sql", asked)?;
    waiting.hide();
    print_lines(BufReader::new(answer.into_body().into_reader()), form).map_err(Refused::Failed)
}

/// Prints lines as they come: of arrays the first tells the columns.
fn print_lines(mut lines: impl BufRead, form: Format) -> Result<(), Failure> {
    let mut line = Vec::new();
    let mut rows = None;
    let mut last = Vec::new();
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            // The last line says why, where the service could still say it.
            Err(error) => return Err(reason(&last).map_or_else(|| broken(&error), Failure::Failed)),
        }
        last.clone_from(&line);
        let text = line.trim_ascii_end();
        match (&mut rows, form) {
            (Some(rows), _) => Rows::push(rows, text)?,
            (None, Format::Json) => rows.insert(Rows::new(form, &[])).push(text)?,
            (None, _) => {
                let columns: Vec<SqlColumnDocument> = serde_json::from_slice(text).map_err(|error| unreadable(&error))?;
                rows = Some(Rows::new(form, &columns));
            }
        }
    }
    rows.map_or(Ok(()), Rows::finish)
}

/// Why an answer ends early, if its last line says so.
fn reason(line: &[u8]) -> Option<String> {
    serde_json::from_slice::<Refusal>(line).ok().map(|refusal| refusal.error)
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::Failed(format!("the service answers what this version cannot read: {error}"))
}

/// Rows on their way out.
struct Rows {
    form: Format,
    out: io::BufWriter<io::Stdout>,
    listing: Option<Listing<io::Stdout>>,
}

impl Rows {
    fn new(form: Format, columns: &[SqlColumnDocument]) -> Self {
        let columns = columns.iter().map(|column| (column.name.clone(), column.kind == "number"));
        let listing = (form != Format::Json).then(|| Listing::new(form, columns, io::stdout()));
        Self { form, out: io::BufWriter::new(io::stdout()), listing }
    }

    /// Prints a row: an object of JSON, or an array of it.
    fn push(&mut self, json: &[u8]) -> Result<(), Failure> {
        let Some(listing) = &mut self.listing else {
            self.out.write_all(json)?;
            self.out.write_all(b"\n")?;
            return Ok(());
        };
        if self.form == Format::None {
            return Ok(listing.push(Vec::new())?);
        }
        let cells: Vec<Value> = serde_json::from_slice(json).map_err(|error| unreadable(&error))?;
        Ok(listing.push(cells.into_iter().map(text).collect())?)
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.out.flush()?;
        if let Some(listing) = self.listing {
            listing.finish()?;
        }
        Ok(())
    }
}

/// A value as people read it.
fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}
