//! The manual's page of columns, as Markdown, printed from the table.

use std::fmt::Write;

use crate::table::{ColumnType, Table};

/// The rows of a Markdown table: name, type and unit, scope, elements, meaning.
pub fn write_columns<T: Table>(out: &mut String) {
    out.push_str("| column | type | belongs to | elements | meaning |\n| --- | --- | --- | --- | --- |\n");
    for info in T::COLUMNS {
        let unit = if info.unit.name().is_empty() { String::new() } else { format!(", {}", info.unit.name()) };
        let words = match info.column_type {
            ColumnType::Enum(words) => format!(": {}", words.join(", ")),
            _ => String::new(),
        };
        let elements: Vec<_> = info.elements.iter().map(ToString::to_string).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| `{}` | {}{unit}{words} | {} | {} | {} |",
            info.name,
            info.column_type.name(),
            info.scope.name(),
            elements.join(", "),
            info.doc,
        );
    }
}
