//! Tables for people, a page of rows at a time, so that a long file needs no more memory than a short one.
//!
//! The columns of a page are those that have something to say and fit the terminal. They stay, with their widths, from page to
//! page; where they have to change, a new head is printed.

use weir_record::Table;
use weir_record::write::grid::Grid;
use weir_record::write::shown;

use super::columns::Columns;
use crate::args::{self, Kind};

/// Columns shown where none were asked for, in order, each with its rank as in [`shown::FLOW`].
const COUNTERS: &[(&str, u8)] = &[
    ("time_received", 4),
    ("exporter", 0),
    ("if_index", 1),
    ("if_name", 5),
    ("if_speed", 8),
    ("if_oper_up", 9),
    ("in_octets", 2),
    ("out_octets", 3),
    ("in_unicast", 6),
    ("out_unicast", 7),
    ("in_errors", 10),
    ("out_errors", 11),
    ("in_discards", 12),
    ("out_discards", 13),
    ("extra", 14),
];
const OPTIONS: &[(&str, u8)] =
    &[("time_received", 3), ("exporter", 2), ("obs_domain", 4), ("template_id", 5), ("scope", 1), ("values", 0)];

/// The narrowest terminal that is believed.
const MIN_WIDTH: usize = 20;

/// Lays rows out as tables.
pub(crate) struct Pages {
    kind: Kind,
    columns: Columns,
    /// Characters in a line of the terminal; nothing where lines may be as long as they are.
    width: Option<usize>,
    shown: Option<Shown>,
    /// A table was printed before.
    begun: bool,
    /// The page that is tried.
    page: Vec<u8>,
}

/// The table that stands on the screen.
struct Shown {
    table: args::Table,
    /// All that had something to say so far, whether it fits or not.
    filled: Vec<usize>,
    grid: Grid,
}

/// Characters in a line of the terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)).filter(|width| *width >= MIN_WIDTH)
}

impl Pages {
    pub(crate) fn new(kind: Kind, columns: Columns, width: Option<usize>) -> Self {
        Self { kind, columns, width, shown: None, begun: false, page: Vec::new() }
    }

    /// Appends a page of rows.
    pub(crate) fn write<T: Table>(&mut self, out: &mut Vec<u8>, table: args::Table, batch: &T, rows: &[usize]) {
        let asked = self.columns.of(table).cloned();
        let before = self.shown.take().filter(|shown| shown.table == table);
        let filled = match &asked {
            Some(places) => places.clone(),
            None => self.filled(table, batch, rows, before.as_ref().map_or(&[], |shown| &shown.filled)),
        };
        if let Some(mut shown) = before
            && shown.filled == filled
        {
            self.try_page(&mut shown.grid, batch, rows, false);
            if asked.is_some() || self.fits() {
                out.append(&mut self.page);
                self.shown = Some(shown);
                return;
            }
        }
        if std::mem::replace(&mut self.begun, true) {
            out.push(b'\n');
        }
        let mut places = filled.clone();
        let grid = loop {
            let mut grid = Grid::new::<T>(&places);
            self.try_page(&mut grid, batch, rows, true);
            if asked.is_some() || self.fits() || !leave_one_out::<T>(table, &mut places) {
                break grid;
            }
        };
        out.append(&mut self.page);
        self.shown = Some(Shown { table, filled, grid });
    }

    /// The columns that have something to say, in these rows or before.
    fn filled<T: Table>(&self, table: args::Table, batch: &T, rows: &[usize], before: &[usize]) -> Vec<usize> {
        let speaks = |place: usize| {
            let column = batch.any(place);
            !column.is_empty() && rows.iter().any(|row| column.is_present(*row))
        };
        let useful = |place: &usize| before.contains(place) || speaks(*place);
        if self.columns.all {
            return (0..T::COLUMNS.len()).filter(useful).collect();
        }
        let kinds_differ = self.kind == Kind::All;
        let named = ranked(table).iter().filter(|(name, _)| kinds_differ || *name != "record_kind");
        named.filter_map(|(name, _)| T::COLUMNS.iter().position(|info| info.name == *name)).filter(useful).collect()
    }

    fn try_page<T: Table>(&mut self, grid: &mut Grid, batch: &T, rows: &[usize], head: bool) {
        self.page.clear();
        grid.add(batch, rows.iter().copied());
        grid.write(&mut self.page, head);
    }

    fn fits(&self) -> bool {
        let Some(width) = self.width else { return true };
        // Octets that begin a character.
        let length = |line: &[u8]| line.iter().filter(|octet| **octet & 0xc0 != 0x80).count();
        self.columns.all || self.page.split(|octet| *octet == b'\n').all(|line| length(line) <= width)
    }
}

const fn ranked(table: args::Table) -> &'static [(&'static str, u8)] {
    match table {
        args::Table::Flow => shown::FLOW,
        args::Table::Counters => COUNTERS,
        args::Table::Options => OPTIONS,
    }
}

/// Leaves out the column of the highest rank; false when only one is left.
fn leave_one_out<T: Table>(table: args::Table, places: &mut Vec<usize>) -> bool {
    if places.len() < 2 {
        return false;
    }
    let rank = |place: usize| {
        let name = T::COLUMNS.get(place).map(|info| info.name);
        ranked(table).iter().find(|(known, _)| Some(*known) == name).map_or(u8::MAX, |(_, rank)| *rank)
    };
    if let Some((last, _)) = places.iter().enumerate().max_by_key(|(_, place)| rank(**place)) {
        places.remove(last);
    }
    true
}
