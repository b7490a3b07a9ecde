//! Filling a batch, column by column.
//!
//! Each address, exporter and interface is looked up once; the columns are then written from what was found. What
//! the exporter said stays: a value is written where there is none, and an AS number also where there is 0.

use std::ops::Range;

use weir_record::column::{Fixed, IpColumn, TextColumn};
use weir_record::{Address, FlowBatch, names};

use crate::tables::{Interface, Place, Source, Tables};

/// Memory that is used again from batch to batch; one for each thread. Holds nothing of the tables.
#[derive(Debug, Default)]
pub struct Scratch {
    places: Vec<Place>,
    interfaces: Vec<u32>,
    texts: TextColumn,
}

impl Tables {
    /// Fills in what these tables know about rows of a batch. `rows` past the end of the batch are left out; rows for which nothing is
    /// known, and batches while there are no tables, stay as they are.
    pub fn enrich(&self, batch: &mut FlowBatch, rows: Range<usize>, scratch: &mut Scratch) {
        let rows = rows.start..rows.end.min(batch.rows());
        if rows.is_empty() {
            return;
        }
        if !self.knows_no_address() {
            let source = Side {
                country: &mut batch.src_country,
                as_number: &mut batch.src_as,
                as_name: &mut batch.src_as_name,
                group: &mut batch.src_group,
                boundary: &mut batch.src_boundary,
            };
            self.fill_side(source, &batch.src_addr, &rows, scratch);
            let destination = Side {
                country: &mut batch.dst_country,
                as_number: &mut batch.dst_as,
                as_name: &mut batch.dst_as_name,
                group: &mut batch.dst_group,
                boundary: &mut batch.dst_boundary,
            };
            self.fill_side(destination, &batch.dst_addr, &rows, scratch);
        }
        if !self.knows_no_source() {
            self.fill_sources(batch, &rows, scratch);
        }
    }

    /// What is known of the addresses of one side.
    fn fill_side(&self, side: Side<'_>, addresses: &IpColumn, rows: &Range<usize>, scratch: &mut Scratch) {
        let Scratch { places, texts, .. } = scratch;
        places.clear();
        let mut last = (Address::default(), Place::default());
        places.extend(rows.clone().map(|row| {
            let Some(address) = addresses.get(row) else {
                return Place::default();
            };
            if address != last.0 {
                last = (address, self.place(address));
            }
            last.1
        }));
        let known = self.knows();
        if known.country != 0 {
            fill_texts(side.country, rows, texts, places.iter().map(|place| self.text(place.country)));
        }
        if known.group != 0 {
            fill_texts(side.group, rows, texts, places.iter().map(|place| self.text(place.group)));
        }
        if known.is_internal {
            for (row, place) in rows.clone().zip(&*places).filter(|(row, _)| addresses.get(*row).is_some()) {
                side.boundary.push(row, if place.is_internal { names::INTERNAL } else { names::EXTERNAL });
            }
        }
        if known.as_number == 0 {
            return;
        }
        for (row, place) in rows.clone().zip(&*places) {
            if place.as_number != 0 && side.as_number.get(row).unwrap_or(0) == 0 {
                side.as_number.push(row, place.as_number);
            }
        }
        // The name belongs to the number that the record has now, which may not be the database's.
        let as_number = &*side.as_number;
        let names = rows.clone().zip(&*places).map(|(row, place)| match as_number.get(row) {
            Some(number) if number == place.as_number => self.text(place.as_name),
            Some(number) => self.text(self.as_name(number)),
            None => None,
        });
        fill_texts(side.as_name, rows, texts, names);
    }

    /// What is told about exporters and their interfaces.
    fn fill_sources(&self, batch: &mut FlowBatch, rows: &Range<usize>, scratch: &mut Scratch) {
        let mut start = rows.start;
        // Rows of one exporter stand together: those of a datagram at least.
        while start < rows.end {
            let Some(exporter) = batch.exporter.get(start) else {
                start += 1;
                continue;
            };
            let end = (start + 1..rows.end).find(|row| batch.exporter.get(*row) != Some(exporter)).unwrap_or(rows.end);
            if let Some(source) = self.source(exporter) {
                self.fill_source(source, batch, start..end, scratch);
            }
            start = end;
        }
    }

    fn fill_source(&self, source: &Source, batch: &mut FlowBatch, rows: Range<usize>, scratch: &mut Scratch) {
        if let Some(name) = self.text(source.name) {
            fill_texts(&mut batch.exporter_name, &rows, &mut scratch.texts, std::iter::repeat(Some(name)));
        }
        if let Some(group) = self.text(source.group) {
            fill_texts(&mut batch.source_group, &rows, &mut scratch.texts, std::iter::repeat(Some(group)));
        }
        if !source.has_interfaces() {
            return;
        }
        let ingress = Port {
            name: &mut batch.in_if_name,
            alias: &mut batch.in_if_alias,
            speed: &mut batch.in_if_speed,
            boundary: &mut batch.in_boundary,
        };
        self.fill_port(source, ingress, &batch.in_if, &rows, scratch);
        let egress = Port {
            name: &mut batch.out_if_name,
            alias: &mut batch.out_if_alias,
            speed: &mut batch.out_if_speed,
            boundary: &mut batch.out_boundary,
        };
        self.fill_port(source, egress, &batch.out_if, &rows, scratch);
    }

    fn fill_port(&self, source: &Source, port: Port<'_>, indexes: &Fixed<u32>, rows: &Range<usize>, scratch: &mut Scratch) {
        let Scratch { interfaces, texts, .. } = scratch;
        interfaces.clear();
        interfaces.extend(rows.clone().map(|row| indexes.get(row).map_or(0, |index| source.interface(index))));
        if interfaces.iter().all(|number| *number == 0) {
            return;
        }
        let told =
            |interfaces: &[u32], has: fn(&Interface) -> bool| interfaces.iter().any(|number| has(&self.interface(*number)));
        if told(interfaces, |interface| interface.name != 0) {
            fill_texts(port.name, rows, texts, interfaces.iter().map(|number| self.text(self.interface(*number).name)));
        }
        if told(interfaces, |interface| interface.alias != 0) {
            fill_texts(port.alias, rows, texts, interfaces.iter().map(|number| self.text(self.interface(*number).alias)));
        }
        for (row, number) in rows.clone().zip(&*interfaces) {
            let interface = self.interface(*number);
            if port.speed.get(row).is_none() {
                port.speed.push_some(row, interface.speed);
            }
            if port.boundary.get(row).is_none() {
                port.boundary.push_some(row, interface.boundary.map(crate::Boundary::word));
            }
        }
    }
}

/// The columns of one side that an address fills.
struct Side<'a> {
    country: &'a mut TextColumn,
    as_number: &'a mut Fixed<u32>,
    as_name: &'a mut TextColumn,
    group: &'a mut TextColumn,
    boundary: &'a mut Fixed<u8>,
}

/// The columns that an interface fills.
struct Port<'a> {
    name: &'a mut TextColumn,
    alias: &'a mut TextColumn,
    speed: &'a mut Fixed<u64>,
    boundary: &'a mut Fixed<u8>,
}

/// Writes texts into rows that have none. A column of texts grows at its end alone, so one that reaches into the rows is taken off and written anew from there.
fn fill_texts<'a>(
    column: &mut TextColumn,
    rows: &Range<usize>,
    scratch: &mut TextColumn,
    texts: impl Iterator<Item = Option<&'a str>>,
) {
    if column.len() <= rows.start {
        for (row, text) in rows.clone().zip(texts) {
            column.push_some(row, text);
        }
        return;
    }
    let kept = rows.start..column.len();
    scratch.clear();
    for row in kept.clone() {
        scratch.push_some(row - rows.start, column.get(row));
    }
    column.truncate(rows.start);
    for (row, text) in rows.clone().zip(texts) {
        column.push_some(row, scratch.get(row - rows.start).or(text));
    }
    for row in rows.end.max(kept.start)..kept.end {
        column.push_some(row, scratch.get(row - rows.start));
    }
}
