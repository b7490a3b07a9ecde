//! The answers of a view, one after the other as the client takes them, so that no more than one of them is in memory.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use weir_analytics::model::ChapterKind;
use weir_query::{Answer, AnswerColumn, AnswerForm, Body, Cell, Question, Role};
use weir_record::Unit;

use super::document::{ChannelRow, ProfileName};
use super::view::ViewFormat;
use crate::answer::{self, Chunks, Job};
use crate::backend::QueryError;
use crate::error::Fault;
use crate::moment;
use crate::people::{Caller, Door};
use crate::queries::Turn;
use crate::question::{Asked, Format};
use crate::rendered::Rendered;
use crate::routes::{Shared, media_type};

/// A view that can be answered.
pub(super) struct View {
    pub(super) kind: ChapterKind,
    pub(super) profile: ProfileName,
    /// Nanoseconds since 1970.
    pub(super) range: (i64, i64),
    pub(super) parts: Vec<Part>,
    pub(super) format: ViewFormat,
}

/// A question of a view.
pub(super) struct Part {
    pub(super) channels: Vec<ChannelRow>,
    pub(super) asked: Asked,
    pub(super) question: Question,
}

/// Answers all questions of a view, in one turn and within the time of one query.
pub(super) async fn answer(shared: Shared, caller: &Caller, view: View, text: String) -> Result<Response, Fault> {
    let format = match view.format {
        ViewFormat::Json => Format::Json,
        ViewFormat::Csv => Format::Csv,
    };
    let work = move |door: &Door, job: Job| {
        // What ends the first question ends the view, and can still be told with a status.
        let first = |turn: &Turn| view.parts.first().map(|part| part.answer(door, view.format, turn)).transpose();
        job.run(first, |_| Vec::new(), |first, out, turn| view.write(first, door, out, turn));
    };
    let (_, body) = answer::stream(shared, caller, "view", text, false, work).await?;
    Ok(([(header::CONTENT_TYPE, media_type(format))], body).into_response())
}

/// The answer to one question, or why it alone has none.
type Answered = Result<Answer, Fault>;

impl Part {
    /// The answer; an error where the whole view ends.
    fn answer(&self, door: &Door, format: ViewFormat, turn: &Turn) -> Result<Answered, QueryError> {
        match door.query(&self.question, &turn.cancel) {
            Ok(mut answer) => {
                if self.asked.names {
                    door.add_names(&mut answer);
                }
                Ok(Ok(answer))
            }
            Err(error @ (QueryError::Cancelled | QueryError::TimeOver(_))) => Err(error),
            Err(error) if format == ViewFormat::Csv => Err(error),
            Err(error) => Ok(Err(answer::fault(error, turn))),
        }
    }

    /// Its member of the document.
    fn write_json(&self, answered: Answered, out: &mut Chunks) -> Result<(), Fault> {
        let mut text = b"{\"channels\":".to_vec();
        add_json(&mut text, &self.channels);
        text.extend_from_slice(b",\"question\":");
        add_json(&mut text, &self.asked);
        text.extend_from_slice(b",\"command\":");
        add_json(&mut text, &command(&self.asked));
        match answered {
            Ok(answer) => {
                text.extend_from_slice(b",\"answer\":");
                out.take(&mut text)?;
                Rendered::new(&answer, &self.asked).write(|text| out.take(text))?;
            }
            Err(fault) => {
                text.extend_from_slice(b",\"error\":");
                add_json(&mut text, &fault.refusal);
                text.extend_from_slice(b",\"status\":");
                add_json(&mut text, &fault.status.as_u16());
            }
        }
        text.push(b'}');
        out.take(&mut text)
    }

    /// Its rows, with the channel in front of each.
    fn write_csv(&self, answered: Answered, is_first: bool, out: &mut Chunks) -> Result<(), Fault> {
        let mut answer = answered?;
        if let Body::Table(table) = &mut answer.body {
            let name = match self.channels.as_slice() {
                [channel] => Cell::Text(channel.name.as_str().into()),
                _ => Cell::Absent,
            };
            let column = AnswerColumn { name: "channel".into(), label: "Channel".into(), unit: Unit::None, role: Role::Key };
            table.columns.insert(0, column);
            table.rows.iter_mut().for_each(|row| row.insert(0, name.clone()));
        }
        let mut text = Vec::new();
        if is_first {
            answer.write_head(AnswerForm::Csv, &mut text);
        }
        for from in (0..answer.rows()).step_by(AnswerForm::Csv.rows_at_a_time()) {
            let to = answer.rows().min(from + AnswerForm::Csv.rows_at_a_time());
            answer.write_rows(AnswerForm::Csv, from..to, &mut text);
            out.take(&mut text)?;
        }
        out.take(&mut text)
    }
}

impl View {
    /// All parts; `first` is the answer of the first one.
    fn write(&self, mut first: Option<Answered>, door: &Door, out: &mut Chunks, turn: &Turn) -> Result<(), Fault> {
        if self.format == ViewFormat::Json {
            out.take(&mut self.head())?;
        }
        for (place, part) in self.parts.iter().enumerate() {
            let answered = match first.take() {
                Some(answered) => answered,
                None => part.answer(door, self.format, turn).map_err(|error| answer::fault(error, turn))?,
            };
            match self.format {
                ViewFormat::Json => {
                    if place > 0 {
                        out.take(&mut vec![b','])?;
                    }
                    part.write_json(answered, out)?;
                }
                ViewFormat::Csv => part.write_csv(answered, place == 0, out)?,
            }
        }
        if self.format == ViewFormat::Json {
            out.take(&mut b"]}\n".to_vec())?;
        }
        Ok(())
    }

    /// Everything up to the bracket before the parts.
    fn head(&self) -> Vec<u8> {
        let mut text = b"{\"kind\":".to_vec();
        add_json(&mut text, &self.kind);
        text.extend_from_slice(b",\"profile\":");
        add_json(&mut text, &self.profile);
        let (from, to) = self.range;
        for (name, time) in [("from", from), ("to", to)] {
            text.extend_from_slice(format!(",\"{name}\":").as_bytes());
            add_json(&mut text, &moment::text(time));
        }
        if let Some(step) = self.parts.first().map(|part| &part.asked.series).filter(|step| !step.is_empty()) {
            text.extend_from_slice(b",\"step\":");
            add_json(&mut text, step);
        }
        text.extend_from_slice(b",\"parts\":[");
        text
    }
}

/// Adds a value as JSON.
fn add_json(text: &mut Vec<u8>, value: &impl Serialize) {
    // Memory takes every octet, and these types are always JSON.
    let _ = serde_json::to_writer(text, value);
}

/// The command that asks the same.
fn command(asked: &Asked) -> String {
    let mut command = String::from("weir query");
    if !asked.filter.is_empty() {
        command += &format!(" {}", quoted(&asked.filter));
    }
    let top = asked.top.map(|top| top.to_string());
    let told = |text: &Option<String>| text.clone().unwrap_or_default();
    let parts = [
        ("--from", told(&asked.from)),
        ("--to", told(&asked.to)),
        ("--series", asked.series.clone()),
        ("--by", asked.by.clone()),
        ("--top", top.unwrap_or_default()),
        ("--measures", asked.measures.clone()),
        ("--sort", asked.sort.clone()),
    ];
    for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
        command += &format!(" {name} {}", quoted(value));
    }
    let told =
        [("--summary", asked.summary), ("--spread", asked.spread), ("--unscaled", asked.unscaled), ("--names", asked.names)];
    for (name, is_told) in told {
        if is_told {
            command += &format!(" {name}");
        }
    }
    command
}

/// A word of a command, in quotes where a shell would read it as something else.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:,+".contains(letter);
    if word.chars().all(is_plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
