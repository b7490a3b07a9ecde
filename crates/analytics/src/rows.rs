//! Cells as rows of a series.

use weir_record::series::SeriesSums;
use weir_record::{Address, SeriesBatch, names};

use crate::cell::{Cell, Measured, Shared};
use crate::keyed::{ExtraSums, Keyed, Sums};
use crate::parts::MINUTE;
use crate::performance::{Durations, Performance};
use crate::sketch::Sketch;

/// Squared octets of a squared KiB.
const SQUARED_KIB: f64 = 1_048_576.0;

/// The value of a dimension, as the table of sums names it.
#[derive(Clone, Copy)]
enum Value {
    Number,
    Text,
    Server,
}

/// Rows by minute and by hour. The cells come by source and minute.
pub(crate) fn rows<'a>(cells: impl Iterator<Item = &'a Cell>, shared: &Shared, top: usize) -> SeriesBatch {
    let cells: Vec<&Cell> = cells.collect();
    let mut out = Rows { batch: SeriesBatch::new(), shared, list: Vec::new() };
    for cell in &cells {
        out.source(cell);
    }
    let numbers: [(u8, fn(&Cell) -> &Keyed); 5] = [
        (names::BY_IN_IF, |cell| &cell.in_if),
        (names::BY_OUT_IF, |cell| &cell.out_if),
        (names::BY_PROTOCOL, |cell| &cell.protocol),
        (names::BY_SRC_AS, |cell| &cell.src_as),
        (names::BY_DST_AS, |cell| &cell.dst_as),
    ];
    for (dimension, sums) in numbers {
        cells.iter().for_each(|cell| out.keyed(cell, dimension, sums(cell), Value::Number));
    }
    let countries: [(u8, fn(&Cell) -> &Keyed); 2] =
        [(names::BY_SRC_COUNTRY, |cell| &cell.src_country), (names::BY_DST_COUNTRY, |cell| &cell.dst_country)];
    for (dimension, sums) in countries {
        cells.iter().for_each(|cell| out.keyed(cell, dimension, sums(cell), Value::Text));
    }
    cells.iter().for_each(|cell| out.measured(cell, names::BY_APP, &cell.app, Value::Text));
    cells.iter().for_each(|cell| out.measured(cell, names::BY_SERVER, &cell.server, Value::Server));
    cells.iter().for_each(|cell| out.sketch(cell, names::TOP_SRC_ADDR, &cell.src_addr, top));
    cells.iter().for_each(|cell| out.sketch(cell, names::TOP_DST_ADDR, &cell.dst_addr, top));
    let mut minutes = out.batch;
    let mut hours = SeriesSums::new();
    hours.add(hourly(&minutes));
    minutes.append_where(&hours.finish(), |_| true);
    minutes.finish();
    minutes
}

/// The same rows, each in its hour.
fn hourly(minutes: &SeriesBatch) -> SeriesBatch {
    const HOUR: i64 = 60 * MINUTE;
    let mut hours = minutes.clone();
    for row in 0..hours.rows() {
        let slot = hours.slot.get(row).unwrap_or(0);
        hours.slot.push(row, slot.saturating_sub(slot.rem_euclid(HOUR)));
        hours.step.push(row, 3600);
    }
    hours
}

/// Rows that are being written.
struct Rows<'a> {
    batch: SeriesBatch,
    shared: &'a Shared,
    list: Vec<u32>,
}

impl Rows<'_> {
    fn source(&mut self, cell: &Cell) {
        self.begin(cell, names::BY_SOURCE);
        self.sums(&cell.all, &cell.all_extra);
        let row = self.batch.rows();
        push_positive(&mut self.batch.rate_unknown, row, cell.rate_unknown);
        if let Some(performance) = &cell.performance {
            self.performance(performance);
        }
        self.batch.advance(1);
    }

    fn keyed(&mut self, cell: &Cell, dimension: u8, sums: &Keyed, value: Value) {
        for (number, sums, extra) in sums.sums() {
            self.begin(cell, dimension);
            self.value(number, value);
            self.sums(sums, &extra);
            self.batch.advance(1);
        }
    }

    fn measured(&mut self, cell: &Cell, dimension: u8, measured: &Measured, value: Value) {
        for (number, sums, extra) in measured.sums.sums() {
            self.begin(cell, dimension);
            self.value(number, value);
            self.sums(sums, &extra);
            if let Some(performance) = measured.performance.get(&number) {
                self.performance(performance);
            }
            self.batch.advance(1);
        }
    }

    fn sketch(&mut self, cell: &Cell, dimension: u8, sketch: &Sketch, top: usize) {
        if sketch.is_empty() {
            return;
        }
        let (mut top, rest, error) = sketch.top(top);
        top.sort_unstable();
        for (address, bytes) in top.into_iter().map(|(address, bytes)| (Some(address), bytes)).chain([(None, rest)]) {
            self.begin(cell, dimension);
            let row = self.batch.rows();
            self.batch.address.push_some(row, address);
            self.batch.bytes.push(row, bytes);
            if address.is_none() {
                self.batch.sketch_error.push(row, error);
            }
            self.batch.advance(1);
        }
    }

    /// What every row begins with.
    fn begin(&mut self, cell: &Cell, dimension: u8) {
        let row = self.batch.rows();
        self.batch.slot.push(row, cell.slot);
        self.batch.step.push(row, 60);
        self.batch.exporter.push_some(row, cell.exporter);
        self.batch.dimension.push(row, dimension);
    }

    fn value(&mut self, number: Option<u64>, value: Value) {
        let row = self.batch.rows();
        let Some(number) = number else {
            return;
        };
        match value {
            Value::Number => self.batch.number.push(row, number),
            Value::Text => {
                if let Some(text) = self.shared.texts.get(number) {
                    self.batch.text.push_lossy(row, text);
                }
            }
            Value::Server => {
                let server: Option<(Address, u16)> = self.shared.servers.get(number);
                self.batch.address.push_some(row, server.map(|(address, _)| address));
                self.batch.number.push_some(row, server.map(|(_, port)| port.into()));
            }
        }
    }

    fn sums(&mut self, sums: &Sums, extra: &ExtraSums) {
        let batch = &mut self.batch;
        let row = batch.rows();
        batch.flows.push(row, sums.records.saturating_sub(extra.samples));
        push_positive(&mut batch.samples, row, extra.samples);
        batch.connections.push(row, sums.records.saturating_sub(extra.responders));
        batch.packets.push(row, sums.packets.saturating_add(extra.packets_more));
        batch.bytes.push(row, sums.bytes.saturating_add(extra.bytes_more));
        batch.packets_raw.push(row, sums.packets);
        batch.bytes_raw.push(row, sums.bytes);
        push_positive(&mut batch.packets_variance, row, extra.packets_variance.round() as u64);
        push_positive(&mut batch.bytes_variance, row, (extra.bytes_variance / SQUARED_KIB).round() as u64);
    }

    fn performance(&mut self, performance: &Performance) {
        let batch = &mut self.batch;
        let row = batch.rows();
        push_positive(&mut batch.retransmissions, row, performance.retransmissions);
        push_positive(&mut batch.out_of_order, row, performance.out_of_order);
        push_positive(&mut batch.handshakes, row, performance.handshakes);
        push_positive(&mut batch.handshakes_answered, row, performance.handshakes_answered);
        let mut durations = |durations: &Durations, count: &mut _, sum: &mut _, list: &mut weir_record::column::ListColumn| {
            push_positive(count, row, durations.histogram.count());
            if durations.histogram.count() > 0 {
                push_positive(sum, row, durations.sum);
                self.list.clear();
                durations.histogram.to_list(&mut self.list);
                list.push(row, self.list.iter().copied());
            }
        };
        durations(&performance.rtt, &mut batch.rtt_count, &mut batch.rtt_sum, &mut batch.rtt_hist);
        durations(&performance.srt, &mut batch.srt_count, &mut batch.srt_sum, &mut batch.srt_hist);
    }
}

/// Writes a sum that most rows do not have.
fn push_positive(column: &mut weir_record::column::Fixed<u64>, row: usize, sum: u64) {
    if sum > 0 {
        column.push(row, sum);
    }
}
