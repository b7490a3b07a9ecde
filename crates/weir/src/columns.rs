//! `weir columns`: the tables of columns, printed from the list that everything else is derived from.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use weir_record::write::manual;
use weir_record::{ColumnInfo, CounterBatch, FlowBatch, OptionsBatch, Table as _};

use crate::args::{ColumnsArgs, Table};
use crate::exit::{Failure, Outcome};

pub(crate) fn print(typed: ColumnsArgs) -> Result<Outcome, Failure> {
    let mut page = String::new();
    match (typed.table, typed.markdown) {
        (Table::Flow, true) => manual::write_columns::<FlowBatch>(&mut page),
        (Table::Counters, true) => manual::write_columns::<CounterBatch>(&mut page),
        (Table::Options, true) => manual::write_columns::<OptionsBatch>(&mut page),
        (table, false) => write_list(&mut page, of_table(table)),
    }
    io::stdout().write_all(page.as_bytes())?;
    Ok(Outcome::Done)
}

/// What is known of a table's columns.
pub(crate) const fn of_table(table: Table) -> &'static [ColumnInfo] {
    match table {
        Table::Flow => FlowBatch::COLUMNS,
        Table::Counters => CounterBatch::COLUMNS,
        Table::Options => OptionsBatch::COLUMNS,
    }
}

fn write_list(page: &mut String, columns: &[ColumnInfo]) {
    let widest = columns.iter().map(|info| info.name.len()).max().unwrap_or_default();
    for info in columns {
        let (name, kind, unit) = (info.name, info.column_type.name(), info.unit.name());
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{name:widest$}  {kind:11}  {unit:7}  {}", info.doc);
    }
}
