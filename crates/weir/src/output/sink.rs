//! The forms of output: JSON Lines, CSV, table, or the count alone.

use std::io::{self, IsTerminal};

use weir_record::write::json::JsonWriter;
use weir_record::write::{csv, text};
use weir_record::{CounterBatch, FlowBatch, OptionsBatch, Table};

use super::columns::Columns;
use super::pages::{self, Pages};
use super::selection::kind_of;
use crate::args::{self, Format, Kind};

/// Rows that are put into text at a time: few enough for their text to stay in the cache.
const ROWS_AT_ONCE: usize = 256;

/// Puts rows into the form that was asked for.
pub(crate) enum Sink {
    Json(Box<Json>),
    Csv { places: Vec<usize>, head: Vec<u8> },
    Table { pages: Box<Pages>, to_terminal: bool },
    Count,
}

/// A writer for each kind of record.
pub(crate) struct Json {
    flow: JsonWriter,
    event: JsonWriter,
    drops: JsonWriter,
    counters: JsonWriter,
    options: JsonWriter,
}

impl Sink {
    pub(crate) fn new(format: Format, kind: Kind, columns: Columns) -> Self {
        match format {
            Format::Json => Self::Json(Box::new(Json::new(kind, &columns))),
            Format::Csv => match kind {
                Kind::Counters => Self::csv::<CounterBatch>(columns.of(args::Table::Counters)),
                Kind::Options => Self::csv::<OptionsBatch>(columns.of(args::Table::Options)),
                _ => Self::csv::<FlowBatch>(columns.of(args::Table::Flow)),
            },
            Format::Table => {
                let to_terminal = io::stdout().is_terminal();
                let width = to_terminal.then(pages::terminal_width).flatten();
                Self::Table { pages: Box::new(Pages::new(kind, columns, width)), to_terminal }
            }
            Format::None => Self::Count,
        }
    }

    fn csv<T: Table>(places: Option<&Vec<usize>>) -> Self {
        let places = places.map_or_else(|| (0..T::COLUMNS.len()).collect(), Clone::clone);
        let mut head = Vec::new();
        csv::write_head::<T>(&mut head, &places);
        Self::Csv { places, head }
    }

    /// Appends rows of flow records. `flush` is called between, to take the text away when there is much of it.
    pub(crate) fn write_flows(
        &mut self,
        out: &mut Vec<u8>,
        batch: &FlowBatch,
        rows: &[usize],
        flush: Flush<'_>,
    ) -> io::Result<()> {
        let Self::Json(json) = self else {
            return self.write(out, args::Table::Flow, batch, rows, flush);
        };
        for run in rows.chunk_by(|one, next| kind_of(batch, *one) == kind_of(batch, *next)) {
            let writer = match run.first().map(|row| kind_of(batch, *row)) {
                Some(Kind::Event) => &mut json.event,
                Some(Kind::Drops) => &mut json.drops,
                _ => &mut json.flow,
            };
            write_json(writer, out, batch, run, flush)?;
        }
        Ok(())
    }

    /// Appends counter records.
    pub(crate) fn write_counters(
        &mut self,
        out: &mut Vec<u8>,
        batch: &CounterBatch,
        rows: &[usize],
        flush: Flush<'_>,
    ) -> io::Result<()> {
        match self {
            Self::Json(json) => write_json(&mut json.counters, out, batch, rows, flush),
            _ => self.write(out, args::Table::Counters, batch, rows, flush),
        }
    }

    /// Appends options records.
    pub(crate) fn write_options(
        &mut self,
        out: &mut Vec<u8>,
        batch: &OptionsBatch,
        rows: &[usize],
        flush: Flush<'_>,
    ) -> io::Result<()> {
        match self {
            Self::Json(json) => write_json(&mut json.options, out, batch, rows, flush),
            _ => self.write(out, args::Table::Options, batch, rows, flush),
        }
    }

    /// The forms that do not ask what kind a row is.
    fn write<T: Table>(
        &mut self,
        out: &mut Vec<u8>,
        table: args::Table,
        batch: &T,
        rows: &[usize],
        flush: Flush<'_>,
    ) -> io::Result<()> {
        for rows in rows.chunks(ROWS_AT_ONCE) {
            match self {
                Self::Csv { places, head } => {
                    out.append(head);
                    csv::write_rows(out, batch, places, rows.iter().copied());
                }
                Self::Table { pages, .. } => pages.write(out, table, batch, rows),
                Self::Json(_) | Self::Count => {}
            }
            flush(out)?;
        }
        Ok(())
    }

    /// Appends what stands at the end.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>, matched: u64) {
        match self {
            // A file without records is still a table with a head.
            Self::Csv { head, .. } => out.append(head),
            Self::Table { to_terminal: true, .. } => {
                if matched > 0 {
                    out.push(b'\n');
                }
                text::write_number(out, matched);
                out.extend_from_slice(if matched == 1 { b" record\n" } else { b" records\n" });
            }
            Self::Count => {
                text::write_number(out, matched);
                out.push(b'\n');
            }
            Self::Json(_) | Self::Table { .. } => {}
        }
    }
}

/// Takes text away when there is much of it.
type Flush<'a> = &'a mut dyn FnMut(&mut Vec<u8>) -> io::Result<()>;

fn write_json<T: Table>(
    writer: &mut JsonWriter,
    out: &mut Vec<u8>,
    batch: &T,
    rows: &[usize],
    flush: Flush<'_>,
) -> io::Result<()> {
    for rows in rows.chunks(ROWS_AT_ONCE) {
        writer.write(out, batch, rows.iter().copied());
        flush(out)?;
    }
    Ok(())
}

impl Json {
    fn new(asked: Kind, columns: &Columns) -> Self {
        // Flows and samples are what is expected; all others say what they are.
        let flow = if asked == Kind::All { JsonWriter::with_kind("flow") } else { JsonWriter::new() };
        let writer = |writer: JsonWriter, table: args::Table| match columns.of(table) {
            Some(places) => writer.with_columns(places),
            None => writer,
        };
        Self {
            flow: writer(flow, args::Table::Flow),
            event: writer(JsonWriter::with_kind("event"), args::Table::Flow),
            drops: writer(JsonWriter::with_kind("drops"), args::Table::Flow),
            counters: writer(JsonWriter::with_kind("counters"), args::Table::Counters),
            options: writer(JsonWriter::with_kind("options"), args::Table::Options),
        }
    }
}
