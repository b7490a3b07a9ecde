//! An answer as text: the same for the API and for commands that read the files themselves.

use weir_query::{Answer, AnswerTable, Body};
use weir_record::write::grid::Grid;
use weir_record::write::shown;
use weir_record::{Column, FlowBatch};

use crate::question::{Asked, Format};

/// The text of an answer, and what is to be known about it.
pub struct Rendered {
    /// Its rows in the form that was asked for; of JSON the whole document.
    pub text: Vec<u8>,
    /// All but the rows, as a JSON object.
    pub summary: Vec<u8>,
}

impl Rendered {
    /// An answer in the form that was asked for.
    pub fn new(answer: &Answer, asked: &Asked) -> Self {
        let mut text = Vec::new();
        match (asked.format.unwrap_or_default(), &answer.body) {
            (Format::Json, _) => answer.write_json(&mut text),
            (Format::Lines, _) => answer.write_json_lines(&mut text),
            (Format::Csv, _) => answer.write_csv(&mut text),
            (Format::Table, Body::Records(records, _)) if asked.columns.is_empty() => {
                write_records(&mut text, records, asked.width)
            }
            (Format::Table, _) => answer.write_table(&mut text),
        }
        Self { text, summary: summary(answer) }
    }
}

fn summary(answer: &Answer) -> Vec<u8> {
    let body = match &answer.body {
        Body::Records(..) => AnswerTable::default(),
        Body::Table(table) => AnswerTable { rows: Vec::new(), ..table.clone() },
    };
    let mut summary = Vec::new();
    Answer { body: Body::Table(body), notes: answer.notes.clone(), completeness: answer.completeness.clone(), ..*answer }
        .write_json(&mut summary);
    summary
}

/// A table of the usual columns, as many as fit.
fn write_records(out: &mut Vec<u8>, records: &FlowBatch, width: Option<usize>) {
    let filled: Vec<Column> = records.filled().collect();
    let usual = shown::FLOW.iter().filter_map(|(name, rank)| Some((Column::by_name(name)?, *rank)));
    let mut columns: Vec<(Column, u8)> = usual.filter(|(column, _)| filled.contains(column)).collect();
    loop {
        let places: Vec<usize> = columns.iter().map(|(column, _)| *column as usize).collect();
        let mut grid = Grid::new::<FlowBatch>(&places);
        let mut table = Vec::new();
        grid.add(records, 0..records.rows());
        grid.write(&mut table, true);
        let letters = |line: &[u8]| line.iter().filter(|octet| **octet & 0xc0 != 0x80).count();
        let fits = width.is_none_or(|width| table.split(|octet| *octet == b'\n').all(|line| letters(line) <= width));
        let last = columns.iter().enumerate().max_by_key(|(_, (_, rank))| *rank).map(|(place, _)| place);
        match last {
            Some(last) if !fits && columns.len() > 1 => {
                columns.remove(last);
            }
            _ => {
                out.append(&mut table);
                return;
            }
        }
    }
}
