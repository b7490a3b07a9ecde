//! `weir query`: a question becomes an answer, by the running service or by the files themselves, and is printed the same.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use weir_query::{Answer, QuestionKind};
use weir_server::{Asked, Format as Form, Refusal, Rendered};
use weir_store::Cancel;

use crate::args::{Format, QueryArgs, ServiceArgs};
use crate::backend;
use crate::client::{Client, Refused};
use crate::exit::{Failure, Outcome, tell};
use crate::names::Names;
use crate::output::terminal_width;
use crate::progress::Waiting;

/// The header in which the service puts what does not stand in the rows.
const SUMMARY: &str = "weir-answer";

/// All that a run of `weir query` needs to know.
struct Job {
    asked: Asked,
    form: Format,
    stats: bool,
    store: Option<PathBuf>,
    service: ServiceArgs,
    zone: TimeZone,
}

/// An answer that can be printed.
struct Answered {
    rows: Rows,
    summary: Value,
}

/// Where the rows of an answer are.
enum Rows {
    /// Under way from the service, as text.
    Served(Box<dyn Read>),
    /// Here.
    Here(Box<Answer>),
}

pub(crate) fn run(typed: QueryArgs) -> Result<Outcome, Failure> {
    let job = Job::new(typed)?;
    let waiting = Waiting::new();
    let answered = match &job.store {
        Some(path) => job.read_store(path),
        None => job.ask_service(),
    };
    drop(waiting);
    job.print(answered.map_err(|refused| job.refuse(refused))?)
}

impl Job {
    fn new(typed: QueryArgs) -> Result<Self, Failure> {
        let form = typed.format.unwrap_or_else(|| if io::stdout().is_terminal() { Format::Table } else { Format::Json });
        let what = typed.what;
        let mut asked = Asked {
            filter: typed.filter.unwrap_or_default(),
            from: typed.time.from,
            to: typed.time.to,
            last: typed.time.last,
            by: what.by.unwrap_or_default(),
            measures: what.measures.unwrap_or_default(),
            sort: what.sort.unwrap_or_default(),
            having: what.having.unwrap_or_default(),
            top: what.top,
            series: what.series.unwrap_or_default(),
            summary: what.summary,
            unscaled: what.unscaled,
            spread: what.spread,
            names: what.names,
            columns: what.columns.unwrap_or_default(),
            limit: what.limit,
            oldest_first: what.oldest_first,
            format: Some(match form {
                Format::Table => Form::Table,
                Format::Csv => Form::Csv,
                Format::Json | Format::None => Form::Lines,
            }),
            width: (form == Format::Table && io::stdout().is_terminal()).then(terminal_width).flatten(),
        };
        let zone = TimeZone::system();
        let refuse = |asked: &Asked, refusal: &Refusal| Failure::Misuse(words(refusal, asked));
        let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default();
        // From here on the times mean the same to the service, wherever it is.
        let fixed = asked.clone().fixed(now, &zone);
        asked = fixed.map_err(|refusal| refuse(&asked, &refusal))?;
        let kind = asked.question(now, &zone).map_err(|refusal| refuse(&asked, &refusal))?.kind();
        if kind == QuestionKind::List && asked.limit.is_none() {
            // Whoever counts a list wants all of it counted, not the part that would be printed.
            asked.summary = form == Format::None;
            asked.columns.retain(|_| !asked.summary);
        }
        Ok(Self { asked, form, stats: typed.stats, store: typed.from.store, service: typed.from.service, zone })
    }

    /// Reads the files of a store in this process.
    fn read_store(&self, path: &std::path::Path) -> Result<Answered, Refused> {
        let snapshot = backend::open(path).map_err(Refused::Failed)?;
        let question = self.asked.question(0, &self.zone).map_err(Refused::Question)?;
        let mut answer = backend::ask(&snapshot, &question, None, &Cancel::new()).map_err(backend::refused)?;
        if self.asked.names {
            weir_server::add_names(&mut answer, |addresses| Names::new().of(addresses));
        }
        let summary = serde_json::from_slice(&Rendered::summary(&answer)).unwrap_or_default();
        Ok(Answered { rows: Rows::Here(Box::new(answer)), summary })
    }

    /// Asks the running service.
    fn ask_service(&self) -> Result<Answered, Refused> {
        let client = Client::new(&self.service).map_err(Refused::Failed)?;
        let answer = client.post("/api/v1/query", &self.asked)?;
        let header = answer.headers().get(SUMMARY).and_then(|header| serde_json::from_slice(header.as_bytes()).ok());
        Ok(Answered { rows: Rows::Served(Box::new(answer.into_body().into_reader())), summary: header.unwrap_or_default() })
    }

    fn print(&self, answered: Answered) -> Result<Outcome, Failure> {
        let Answered { rows, summary } = answered;
        let mut out = io::stdout().lock();
        let records = summary.get("records").and_then(Value::as_u64);
        if self.form == Format::None {
            let count = match rows {
                _ if self.asked.summary => records.unwrap_or_default(),
                Rows::Served(mut text) => count_lines(&mut text)?,
                Rows::Here(answer) => answer.rows() as u64,
            };
            writeln!(out, "{count}")?;
        } else {
            match rows {
                Rows::Served(mut text) => copy(&mut text, &mut out)?,
                Rows::Here(answer) => Rendered::new(&answer, &self.asked).write(|text| {
                    let written = out.write_all(text);
                    text.clear();
                    written
                })?,
            }
        }
        out.flush()?;
        self.tell(&summary);
        let nothing = records == Some(0) && !self.asked.filter.is_empty();
        Ok(if nothing { Outcome::NothingMatched } else { Outcome::Done })
    }

    /// Says on the standard error what is to be known about the rows: below a table all of it, else only what is amiss.
    fn tell(&self, summary: &Value) {
        let mut lines = Vec::new();
        if self.form == Format::Table {
            lines.extend(self.counts(summary));
        }
        let notes = summary.get("notes").and_then(Value::as_array).into_iter().flatten();
        lines.extend(notes.filter_map(|note| Some(note.get("text")?.as_str()?.to_owned())));
        if let Some(completeness) = summary.get("completeness") {
            let is_complete = completeness.get("state").and_then(Value::as_str) == Some("complete");
            let text = completeness.get("text").and_then(Value::as_str);
            lines.extend(text.filter(|_| self.form == Format::Table || !is_complete).map(str::to_owned));
        }
        if self.form == Format::Table {
            // A standard error that cannot be written to leaves nowhere to say so.
            let _ = writeln!(io::stderr().lock(), "\n{}", lines.join("\n"));
        } else {
            lines.iter().for_each(|line| tell(line));
        }
        if self.stats {
            let _ = writeln!(io::stderr().lock(), "{summary}");
        }
    }

    /// How much was looked at, and of which time in which zone.
    fn counts(&self, summary: &Value) -> Option<String> {
        let records = summary.get("records")?.as_u64()?;
        let mut line = format!("{records} {}", if records == 1 { "record" } else { "records" });
        if let Some(groups) = summary.get("groups").and_then(Value::as_u64) {
            line += &format!(", {groups} {}", if groups == 1 { "group" } else { "groups" });
        }
        let local = |time: &Option<String>| {
            let moment: Timestamp = time.as_ref()?.parse().ok()?;
            Some(moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.f %:z").to_string())
        };
        if let Some(from) = local(&self.asked.from) {
            line += &format!(", from {from}");
        }
        if let Some(to) = local(&self.asked.to) {
            line += &format!(" to {to}");
        }
        Some(line)
    }

    fn refuse(&self, refused: Refused) -> Failure {
        match refused {
            Refused::Question(refusal) => Failure::Misuse(words(&refusal, &self.asked)),
            Refused::Failed(failure) => failure,
        }
    }
}

/// A refusal with a mark under the place that it is about.
fn words(refusal: &Refusal, asked: &Asked) -> String {
    let text = match refusal.field.as_deref() {
        Some("filter") => &asked.filter,
        Some("by") => &asked.by,
        Some("measures") => &asked.measures,
        Some("sort") => &asked.sort,
        Some("having") => &asked.having,
        Some("series") => &asked.series,
        Some("columns") => &asked.columns,
        _ => "",
    };
    pointed(refusal, text)
}

/// The same in a text.
pub(crate) fn pointed(refusal: &Refusal, text: &str) -> String {
    let Some(place) = &refusal.place else { return refusal.error.clone() };
    let Some(line) = text.lines().nth(place.line.saturating_sub(1)) else { return refusal.error.clone() };
    // Long lines are cut around the place, so that the mark stays in view.
    let skip = place.column.saturating_sub(60);
    let shown: String = line.chars().skip(skip).take(120).collect();
    let lead = " ".repeat(place.column.saturating_sub(1 + skip));
    format!("{}\n  {}\n  {lead}^", refusal.error, shown.trim_end())
}

fn count_lines(rows: &mut impl Read) -> Result<u64, Failure> {
    let mut text = [0; 1 << 16];
    let mut lines = 0;
    loop {
        let octets = match rows.read(&mut text) {
            Ok(0) => return Ok(lines),
            Ok(octets) => octets,
            Err(error) => return Err(broken(&error)),
        };
        lines += text.iter().take(octets).filter(|octet| **octet == b'\n').count() as u64;
    }
}

/// Copies rows to the output; tells apart whose end failed.
pub(crate) fn copy(rows: &mut impl Read, out: &mut impl Write) -> Result<(), Failure> {
    let mut text = vec![0; 1 << 16];
    loop {
        match rows.read(&mut text) {
            Ok(0) => return Ok(()),
            Ok(octets) => out.write_all(text.get(..octets).unwrap_or_default())?,
            Err(error) => return Err(broken(&error)),
        }
    }
}

/// The service broke off in the middle of an answer.
pub(crate) fn broken(error: &io::Error) -> Failure {
    Failure::Failed(format!("the answer broke off, what was printed is not all of it: {error}"))
}
