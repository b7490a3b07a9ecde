//! Which columns were asked for, by name.

use weir_record::ColumnInfo;

use crate::args::{Kind, Table};
use crate::columns::of_table;

/// The columns that were asked for, as places in each table; nothing where none were, so that the form of output decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    flow: Option<Vec<usize>>,
    counters: Option<Vec<usize>>,
    options: Option<Vec<usize>>,
    /// `all` stands among the names.
    pub(crate) all: bool,
}

/// The word that stands for every column.
const ALL: &str = "all";

impl Columns {
    /// Looks the names up in the tables that records of this kind have. The error is a sentence.
    pub(crate) fn new(names: Option<&[String]>, kind: Kind) -> Result<Self, String> {
        let Some(names) = names else {
            return Ok(Self::default());
        };
        let names: Vec<&str> = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return Err("--columns is empty: name columns, separated by commas, or all".into());
        }
        // No member of a JSON object may stand twice.
        if let Some(twice) =
            names.iter().enumerate().find_map(|(place, name)| names.iter().take(place).find(|other| *other == name))
        {
            return Err(format!("--columns: \"{twice}\" stands twice"));
        }
        if names.contains(&ALL) {
            return Ok(Self { all: true, ..Self::default() });
        }
        let tables = tables_of(kind);
        if let Some(unknown) = names.iter().find(|name| !tables.iter().any(|table| place(*table, name).is_some())) {
            return Err(refuse(unknown, tables));
        }
        let places = |table| {
            let places: Vec<usize> = names.iter().filter_map(|name| place(table, name)).collect();
            tables.contains(&table).then_some(places)
        };
        Ok(Self { flow: places(Table::Flow), counters: places(Table::Counters), options: places(Table::Options), all: false })
    }

    /// Those of a table.
    pub(crate) const fn of(&self, table: Table) -> Option<&Vec<usize>> {
        match table {
            Table::Flow => self.flow.as_ref(),
            Table::Counters => self.counters.as_ref(),
            Table::Options => self.options.as_ref(),
        }
    }
}

const fn tables_of(kind: Kind) -> &'static [Table] {
    match kind {
        Kind::Flow | Kind::Event | Kind::Drops => &[Table::Flow],
        Kind::Counters => &[Table::Counters],
        Kind::Options => &[Table::Options],
        Kind::All => &[Table::Flow, Table::Counters, Table::Options],
    }
}

fn place(table: Table, name: &str) -> Option<usize> {
    of_table(table).iter().position(|info| info.name == name)
}

/// Why a name is refused, and what was probably meant.
fn refuse(name: &str, tables: &[Table]) -> String {
    for (table, kind) in [(Table::Flow, "flow"), (Table::Counters, "counters"), (Table::Options, "options")] {
        if place(table, name).is_some() {
            return format!("--columns: \"{name}\" is a column of other records, which --kind {kind} prints");
        }
    }
    let known = tables.iter().flat_map(|table| of_table(*table));
    let distance = |info: &&ColumnInfo| strsim::damerau_levenshtein(name, info.name);
    match known.min_by_key(distance) {
        Some(nearest) if distance(&nearest) <= name.chars().count().div_ceil(2) => {
            format!("--columns: unknown column \"{name}\"; did you mean {}? (`weir columns` lists all)", nearest.name)
        }
        _ => format!("--columns: unknown column \"{name}\" (`weir columns` lists all)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &str, kind: Kind) -> Result<Columns, String> {
        Columns::new(Some(&names.split(',').map(str::to_owned).collect::<Vec<_>>()), kind)
    }

    #[test]
    fn names_become_places_in_the_order_given() {
        let chosen = columns("bytes, src_addr", Kind::Flow).unwrap();
        let names: Vec<_> = chosen.flow.unwrap().iter().map(|place| of_table(Table::Flow)[*place].name).collect();
        assert_eq!((names, chosen.counters), (vec!["bytes", "src_addr"], None));
    }

    #[test]
    fn with_all_kinds_each_table_takes_what_it_has() {
        let chosen = columns("exporter,if_index,bytes", Kind::All).unwrap();
        assert_eq!([chosen.flow, chosen.counters, chosen.options].map(|places| places.unwrap().len()), [2, 2, 1]);
    }

    #[test]
    fn refusals_name_what_was_meant() {
        assert!(columns("src_adr", Kind::Flow).unwrap_err().contains("did you mean src_addr?"));
        assert!(columns("if_index", Kind::Flow).unwrap_err().contains("--kind counters"));
        assert!(columns("bytes", Kind::Options).unwrap_err().contains("--kind flow"));
        assert!(columns("xyzzyxyzzy", Kind::Flow).unwrap_err().ends_with("lists all)"));
        assert!(columns(" ,", Kind::Flow).unwrap_err().contains("empty"));
        assert!(columns("bytes,packets,bytes", Kind::Flow).unwrap_err().contains("\"bytes\" stands twice"));
    }

    #[test]
    fn all_is_every_column() {
        assert_eq!(columns("all", Kind::Flow).unwrap(), Columns { all: true, ..Columns::default() });
    }
}
