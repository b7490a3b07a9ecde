//! Names of the addresses in an answer, where the question asks for them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use weir_query::{Answer, AnswerColumn, AnswerTable, Body, Cell, Role};
use weir_record::column::{IpColumn, TextColumn};
use weir_record::{Column, FlowBatch, Unit};

/// Names of addresses: nothing for one that has none. What is not known yet is not in it.
pub type NamesOf = BTreeMap<IpAddr, Option<String>>;

/// Addresses that are looked up for one answer, those of its first rows.
pub const MOST_NAMES: usize = 1000;

/// Adds names to an answer: of groups a column beside each key of addresses, `src_addr_name`; of records the columns `src_host` and `dst_host`, where they are
/// not filled.
pub fn add_names(answer: &mut Answer, look_up: impl FnOnce(&[IpAddr]) -> NamesOf) {
    match &mut answer.body {
        Body::Table(table) => name_table(table, look_up),
        Body::Records(records, columns) => {
            name_records(records, look_up);
            for (address, host) in [(Column::src_addr, Column::src_host), (Column::dst_addr, Column::dst_host)] {
                if let (Some(place), false) = (columns.iter().position(|column| *column == address), columns.contains(&host)) {
                    columns.insert(place + 1, host);
                }
            }
        }
    }
}

fn name_table(table: &mut AnswerTable, look_up: impl FnOnce(&[IpAddr]) -> NamesOf) {
    let address = |cell: &Cell| match cell {
        Cell::Address(address) => Some(address.to_ip()),
        _ => None,
    };
    let names = looked_up(table.rows.iter().flatten().filter_map(address), look_up);
    // From the end, so that the places before it stay.
    for place in (0..table.columns.len()).rev() {
        let is_address = |row: &Vec<Cell>| row.get(place).and_then(address).is_some();
        let Some(column) = table.columns.get(place).filter(|column| column.role == Role::Key) else { continue };
        if !table.rows.iter().any(is_address) {
            continue;
        }
        let (name, label) = (format!("{}_name", column.name), format!("{} name", column.label));
        table.columns.insert(place + 1, AnswerColumn { name, label, unit: Unit::None, role: Role::Key });
        for row in &mut table.rows {
            let name = row.get(place).and_then(address).and_then(|address| names.get(&address)?.clone());
            row.insert((place + 1).min(row.len()), name.map_or(Cell::Absent, |name| Cell::Text(name.into())));
        }
        if place < table.totals.len() {
            table.totals.insert(place + 1, Cell::Absent);
        }
    }
}

fn name_records(records: &mut FlowBatch, look_up: impl FnOnce(&[IpAddr]) -> NamesOf) {
    let of = |column: &IpColumn, row: usize| column.get(row).map(|address| address.to_ip());
    let rows = 0..records.rows();
    let addresses = rows.clone().flat_map(|row| [of(&records.src_addr, row), of(&records.dst_addr, row)]).flatten();
    let names = looked_up(addresses, look_up);
    let fill = |hosts: &mut TextColumn, column: &IpColumn| {
        if !hosts.is_empty() {
            return;
        }
        for row in rows.clone() {
            let name = of(column, row).and_then(|address| names.get(&address)?.as_deref());
            hosts.push_some(row, name);
        }
    };
    fill(&mut records.src_host, &records.src_addr);
    fill(&mut records.dst_host, &records.dst_addr);
    records.finish();
}

/// The names of the first addresses.
fn looked_up(addresses: impl Iterator<Item = IpAddr>, look_up: impl FnOnce(&[IpAddr]) -> NamesOf) -> NamesOf {
    let mut wanted = BTreeSet::new();
    for address in addresses {
        if wanted.len() == MOST_NAMES {
            break;
        }
        wanted.insert(address);
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    if wanted.is_empty() { NamesOf::new() } else { look_up(&wanted) }
}

#[cfg(test)]
mod tests {
    use weir_query::{AnswerForm, AnswerSource};
    use weir_record::Address;

    use super::*;

    fn answer(body: Body) -> Answer {
        let (notes, completeness, source) = (Vec::new(), None, AnswerSource::Records);
        Answer { body, records: 1, first: None, last: None, notes, completeness, source }
    }

    fn lines(answer: &Answer) -> String {
        let mut text = Vec::new();
        answer.write(AnswerForm::Lines, &mut text);
        String::from_utf8(text).unwrap()
    }

    fn one(addresses: &[IpAddr]) -> NamesOf {
        let name = |address: &IpAddr| (*address, (address.to_string() == "10.0.0.1").then(|| "one.example".to_owned()));
        addresses.iter().map(name).collect()
    }

    #[test]
    fn groups_get_a_column_beside_each_key_of_addresses() {
        let column = |name: &str, role| AnswerColumn { name: name.into(), label: name.into(), unit: Unit::None, role };
        let row =
            |last: u32, bytes| vec![Cell::Address(Address::v4(0x0a00_0000 + last)), Cell::Text("x".into()), Cell::Number(bytes)];
        let mut answer = answer(Body::Table(AnswerTable {
            columns: vec![column("src_addr", Role::Key), column("app", Role::Key), column("bytes", Role::Measure)],
            rows: vec![row(1, 7), row(2, 8), vec![Cell::Absent, Cell::Absent, Cell::Number(9)]],
            totals: vec![Cell::Absent, Cell::Absent, Cell::Number(24)],
            groups: Some(3),
        }));
        add_names(&mut answer, one);
        assert_eq!(
            lines(&answer),
            "{\"src_addr\":\"10.0.0.1\",\"src_addr_name\":\"one.example\",\"app\":\"x\",\"bytes\":7}\n\
             {\"src_addr\":\"10.0.0.2\",\"app\":\"x\",\"bytes\":8}\n{\"bytes\":9}\n"
        );
        let Body::Table(table) = answer.body else { panic!() };
        assert_eq!(table.totals, [Cell::Absent, Cell::Absent, Cell::Absent, Cell::Number(24)]);
    }

    #[test]
    fn records_get_the_names_of_hosts() {
        let mut records = FlowBatch::new();
        records.src_addr.push(0, Address::v4(0x0a00_0001));
        records.dst_addr.push(1, Address::v4(0x0a00_0001));
        records.advance(2);
        let mut answer = answer(Body::Records(records, vec![Column::src_addr, Column::dst_addr]));
        add_names(&mut answer, one);
        assert_eq!(
            lines(&answer),
            "{\"src_addr\":\"10.0.0.1\",\"src_host\":\"one.example\"}\n{\"dst_addr\":\"10.0.0.1\",\"dst_host\":\"one.example\"}\n"
        );
    }

    #[test]
    fn so_many_are_looked_up_and_no_more() {
        let mut asked = 0;
        let addresses = (0..=MOST_NAMES as u32).map(|number| IpAddr::from(number.to_be_bytes()));
        looked_up(addresses, |addresses| {
            asked = addresses.len();
            NamesOf::new()
        });
        assert_eq!(asked, MOST_NAMES);
    }
}
