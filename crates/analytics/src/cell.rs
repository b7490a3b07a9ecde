//! What is kept of one source in one minute.

use std::collections::HashMap;

use weir_record::column::{Fixed, IpColumn, TextColumn};
use weir_record::{Address, FlowBatch, names};

use crate::channels::ChannelCell;
use crate::keyed::{ExtraSums, Keyed, Room, Sums};
use crate::names::{Servers, Texts};
use crate::parts::{Extra, Part};
use crate::performance::{self, Performance};
use crate::sketch::Sketch;

/// What cells share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) texts: Texts,
    pub(crate) servers: Servers,
    /// For values that have sums alone, and addresses.
    pub(crate) room: Room,
    /// For values that have performance too, whose histograms are large.
    pub(crate) room_performance: Room,
}

/// Sums of one source in one minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) all: Sums,
    pub(crate) all_extra: ExtraSums,
    pub(crate) rate_unknown: u64,
    pub(crate) sampled: u64,
    pub(crate) performance: Option<Box<Performance>>,
    pub(crate) in_if: Keyed,
    pub(crate) out_if: Keyed,
    pub(crate) protocol: Keyed,
    pub(crate) src_as: Keyed,
    pub(crate) dst_as: Keyed,
    pub(crate) src_country: Keyed,
    pub(crate) dst_country: Keyed,
    pub(crate) app: Measured,
    pub(crate) server: Measured,
    /// By the number of a channel.
    pub(crate) channels: ChannelCell,
}

/// The addresses with most bytes of one source in one hour.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tops {
    pub(crate) src_addr: Sketch,
    pub(crate) dst_addr: Sketch,
}

impl Tops {
    /// Adds the parts that fall into this hour.
    pub(crate) fn add(&mut self, batch: &FlowBatch, parts: &[Part], room: &mut Room) {
        add_addresses(&mut self.src_addr, &batch.src_addr, parts, room);
        add_addresses(&mut self.dst_addr, &batch.dst_addr, parts, room);
    }
}

fn add_addresses(sketch: &mut Sketch, column: &IpColumn, parts: &[Part], room: &mut Room) {
    if column.is_empty() {
        return;
    }
    let (high, low) = (column.high(), column.low());
    let is_always_there = column.validity().absent() == 0;
    for part in parts {
        let row = part.row as usize;
        if let (Some(high), Some(low)) = (high.get(row), low.get(row))
            && (is_always_there || column.validity().is_valid(row))
        {
            sketch.add(*high, *low, part.bytes, room);
        }
    }
}

/// Sums by value, with the performance of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) sums: Keyed,
    /// By value; nothing is the value of those that found no room.
    pub(crate) performance: HashMap<Option<u64>, Performance, foldhash::fast::RandomState>,
}

/// Parts of one cell, and where they come from.
#[derive(Clone, Copy)]
struct Parts<'a> {
    batch: &'a FlowBatch,
    parts: &'a [Part],
    extras: &'a [Extra],
}

impl Cell {
    /// Adds the parts that fall into this cell.
    pub(crate) fn add(&mut self, batch: &FlowBatch, parts: &[Part], extras: &[Extra], shared: &mut Shared) {
        let parts = Parts { batch, parts, extras };
        self.add_all(parts);
        let room = &mut shared.room;
        parts.add_numbers(&mut self.in_if, &batch.in_if, room);
        parts.add_numbers(&mut self.out_if, &batch.out_if, room);
        parts.add_numbers(&mut self.protocol, &batch.protocol, room);
        parts.add_numbers(&mut self.src_as, &batch.src_as, room);
        parts.add_numbers(&mut self.dst_as, &batch.dst_as, room);
        parts.add_texts(&mut self.src_country, &batch.src_country, &mut shared.texts, room);
        parts.add_texts(&mut self.dst_country, &batch.dst_country, &mut shared.texts, room);
        let has_performance = performance::is_told(batch);
        if has_performance {
            let performance = self.performance.get_or_insert_default();
            parts.records().for_each(|part| performance.add(batch, part.row as usize));
        }
        if !batch.app.is_empty() || !batch.app_name.is_empty() {
            parts.add_apps(&mut self.app, has_performance, shared);
        }
        if has_performance || !batch.biflow.is_empty() {
            parts.add_servers(&mut self.server, has_performance, shared);
        }
    }

    fn add_all(&mut self, parts: Parts<'_>) {
        for part in parts.parts {
            self.all.add(part);
        }
        if !parts.extras.is_empty() {
            for extra in parts.parts.iter().filter_map(|part| parts.extra(part)) {
                self.all_extra.add(extra);
            }
        }
        let rates = &parts.batch.sampling_rate;
        let unknown = parts.records().filter(|part| !rates.validity().is_valid(part.row as usize));
        self.rate_unknown += unknown.count() as u64;
        if !rates.is_empty() {
            let sampled = parts.records().filter(|part| rates.get(part.row as usize).is_some_and(|rate| rate > 1));
            self.sampled += sampled.count() as u64;
        }
    }
}

impl<'a> Parts<'a> {
    /// The parts in which their record ends.
    fn records(self) -> impl Iterator<Item = &'a Part> {
        self.parts.iter().filter(|part| part.records > 0)
    }

    #[inline]
    fn extra(self, part: &Part) -> Option<&'a Extra> {
        self.extras.get((part.extra as usize).checked_sub(1)?)
    }

    fn add_numbers<T: Copy + Default + Into<u64>>(self, sums: &mut Keyed, column: &Fixed<T>, room: &mut Room) {
        if column.is_empty() {
            return;
        }
        let values = column.values();
        let is_always_there = column.validity().absent() == 0;
        for part in self.parts {
            let row = part.row as usize;
            if let Some(value) = values.get(row)
                && (is_always_there || column.validity().is_valid(row))
            {
                sums.add((*value).into(), part, self.extras, room);
            }
        }
    }

    fn add_texts(self, sums: &mut Keyed, column: &TextColumn, texts: &mut Texts, room: &mut Room) {
        if column.is_empty() {
            return;
        }
        for part in self.parts {
            let Some(text) = column.octets(part.row as usize) else {
                continue;
            };
            match texts.number(text) {
                Some(number) => {
                    sums.add(number.into(), part, self.extras, room);
                }
                None => sums.add_to_rest(part, self.extras),
            }
        }
    }

    /// By the application that was recognised, else the one that the exporter names.
    fn add_apps(self, apps: &mut Measured, has_performance: bool, shared: &mut Shared) {
        for part in self.parts {
            let row = part.row as usize;
            if let Some(text) = self.batch.app.octets(row).or_else(|| self.batch.app_name.octets(row)) {
                let number = shared.texts.number(text);
                self.add_measured(apps, number, part, has_performance, &mut shared.room_performance);
            }
        }
    }

    fn add_servers(self, servers: &mut Measured, has_performance: bool, shared: &mut Shared) {
        for part in self.parts {
            let row = part.row as usize;
            if let Some((address, port)) = self.server(row).filter(|_| performance::has_server(self.batch, row)) {
                let number = shared.servers.number(address, port);
                self.add_measured(servers, number, part, has_performance, &mut shared.room_performance);
            }
        }
    }

    fn add_measured(self, measured: &mut Measured, number: Option<u32>, part: &Part, has_performance: bool, room: &mut Room) {
        let number = number.map(u64::from);
        let value = number.filter(|number| measured.sums.add(*number, part, self.extras, room));
        if number.is_none() {
            measured.sums.add_to_rest(part, self.extras);
        }
        if has_performance && part.records > 0 {
            measured.performance.entry(value).or_default().add(self.batch, part.row as usize);
        }
    }

    /// The side that was asked: of a half, as it says; of other records the one with the lower port.
    fn server(self, row: usize) -> Option<(Address, u16)> {
        let port = |column: &Fixed<u16>| column.get(row).unwrap_or(0);
        let source = (self.batch.src_addr.get(row), port(&self.batch.src_port));
        let destination = (self.batch.dst_addr.get(row), port(&self.batch.dst_port));
        let is_source = match self.batch.biflow.get(row) {
            Some(half) => half == names::RESPONDER,
            None => source.1 < destination.1,
        };
        let (address, port) = if is_source { source } else { destination };
        address.map(|address| (address, port))
    }
}
