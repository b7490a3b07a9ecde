//! Rows as text: JSON Lines, CSV, aligned tables, and the manual's page of columns.
//!
//! All of them walk the table of columns; none names a column.

pub mod csv;
pub mod grid;
pub mod json;
pub mod manual;
pub mod shown;
pub mod text;

mod slots;

#[cfg(test)]
mod tests;
