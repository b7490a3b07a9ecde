//! An answer as text: the same for the API and for commands that read the files themselves.

use weir_query::{Answer, AnswerForm, AnswerTable, Body};
use weir_record::write::grid::Grid;
use weir_record::write::shown;
use weir_record::{Column, FlowBatch};

use crate::question::{Asked, Format};

/// An answer on its way to becoming text.
pub struct Rendered<'a> {
    answer: &'a Answer,
    form: AnswerForm,
    /// Of records whose columns were not chosen: what a table shows of them.
    columns: Option<Vec<usize>>,
}

impl<'a> Rendered<'a> {
    /// An answer in the form that was asked for.
    pub fn new(answer: &'a Answer, asked: &Asked) -> Self {
        let form = match asked.format.unwrap_or_default() {
            Format::Json => AnswerForm::Json,
            Format::Lines => AnswerForm::Lines,
            Format::Csv => AnswerForm::Csv,
            Format::Table => AnswerForm::Table,
        };
        let columns = match &answer.body {
            Body::Records(records, _) if form == AnswerForm::Table && asked.columns.is_empty() => {
                Some(fitting(records, asked.width))
            }
            _ => None,
        };
        Self { answer, form, columns }
    }

    /// Writes it part by part: `take` is given the text so far, and empties it. Little more than a part is in memory at a time.
    ///
    /// # Errors
    /// What `take` gives ends it.
    pub fn write<E>(&self, mut take: impl FnMut(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let mut text = Vec::new();
        self.answer.write_head(self.form, &mut text);
        let (step, rows) = (self.form.rows_at_a_time(), self.answer.rows());
        // An answer without rows has a head of its table all the same.
        for from in (0..rows.max(1)).step_by(step) {
            let part = from..rows.min(from + step);
            match (&self.columns, &self.answer.body) {
                (Some(columns), Body::Records(records, _)) => {
                    let mut grid = Grid::new::<FlowBatch>(columns);
                    grid.add(records, part);
                    grid.write(&mut text, true);
                }
                _ => self.answer.write_rows(self.form, part, &mut text),
            }
            take(&mut text)?;
        }
        self.answer.write_tail(self.form, &mut text);
        take(&mut text)
    }

    /// All but the rows, as a JSON object.
    pub fn summary(answer: &Answer) -> Vec<u8> {
        let body = match &answer.body {
            Body::Records(..) => AnswerTable::default(),
            Body::Table(table) => AnswerTable {
                columns: table.columns.clone(),
                rows: Vec::new(),
                totals: table.totals.clone(),
                groups: table.groups,
            },
        };
        let mut summary = Vec::new();
        Answer { body: Body::Table(body), notes: answer.notes.clone(), completeness: answer.completeness.clone(), ..*answer }
            .write(AnswerForm::Json, &mut summary);
        summary
    }
}

/// The usual columns, as many as fit; the first rows tell how wide they are.
fn fitting(records: &FlowBatch, width: Option<usize>) -> Vec<usize> {
    const FIRST: usize = 1000;
    let filled: Vec<Column> = records.filled().collect();
    let usual = shown::FLOW.iter().filter_map(|(name, rank)| Some((Column::by_name(name)?, *rank)));
    let mut columns: Vec<(Column, u8)> = usual.filter(|(column, _)| filled.contains(column)).collect();
    loop {
        let places: Vec<usize> = columns.iter().map(|(column, _)| *column as usize).collect();
        let Some(width) = width else { return places };
        let mut grid = Grid::new::<FlowBatch>(&places);
        let mut table = Vec::new();
        grid.add(records, 0..records.rows().min(FIRST));
        grid.write(&mut table, true);
        let letters = |line: &[u8]| line.iter().filter(|octet| **octet & 0xc0 != 0x80).count();
        let fits = table.split(|octet| *octet == b'\n').all(|line| letters(line) <= width);
        let last = columns.iter().enumerate().max_by_key(|(_, (_, rank))| *rank).map(|(place, _)| place);
        match last {
            Some(last) if !fits && columns.len() > 1 => {
                columns.remove(last);
            }
            _ => return places,
        }
    }
}
