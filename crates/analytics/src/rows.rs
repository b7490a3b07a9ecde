//! Cells as rows of a series.

use weir_record::series::SeriesSums;
use weir_record::{Address, SeriesBatch, names};

use crate::cell::{Cell, Measured, Shared, Tops};
use crate::cells::Cells;
use crate::channels::ChannelCell;
use crate::displaced::Displaced;
use crate::keyed::{ExtraSums, Keyed, Sums};
use crate::parts::HOUR;
use crate::performance::{Durations, Performance};
use crate::sketch::Sketch;

/// Squared octets of a squared KiB.
const SQUARED_KIB: f64 = 1_048_576.0;

/// The kind of a dimension's value, as the table of sums names it.
#[derive(Clone, Copy)]
enum Value {
    Number,
    Text,
    Server,
}

/// A dimension, the kind of its value, and its sums in a cell.
type ByValue = (u8, Value, fn(&Cell) -> &Keyed);

/// Where rows stand: source and begin of the slot.
type At = (Option<Address>, i64);

/// Rows by minute and by hour.
pub(crate) fn rows(
    minutes: &Cells<Cell>,
    hours: &Cells<Tops>,
    displaced: &Displaced,
    shared: &Shared,
    top: usize,
    wanted: &dyn Fn(u32, u8) -> bool,
) -> SeriesBatch {
    let is_wanted = |dimension| wanted(60, dimension) || wanted(3600, dimension);
    let mut out = Rows { batch: SeriesBatch::new(), shared: Some(shared), step: 60, list: Vec::new() };
    let cells: Vec<(At, &Cell)> = minutes.iter().map(|(exporter, slot, cell)| ((exporter, slot), cell)).collect();
    if is_wanted(names::BY_SOURCE) {
        cells.iter().for_each(|(at, cell)| out.source(*at, cell));
    }
    let by_value: [ByValue; 7] = [
        (names::BY_IN_IF, Value::Number, |cell| &cell.in_if),
        (names::BY_OUT_IF, Value::Number, |cell| &cell.out_if),
        (names::BY_PROTOCOL, Value::Number, |cell| &cell.protocol),
        (names::BY_SRC_AS, Value::Number, |cell| &cell.src_as),
        (names::BY_DST_AS, Value::Number, |cell| &cell.dst_as),
        (names::BY_SRC_COUNTRY, Value::Text, |cell| &cell.src_country),
        (names::BY_DST_COUNTRY, Value::Text, |cell| &cell.dst_country),
    ];
    for (dimension, value, sums) in by_value.into_iter().filter(|(dimension, ..)| is_wanted(*dimension)) {
        cells.iter().for_each(|(at, cell)| out.keyed(*at, dimension, sums(cell), value));
    }
    if is_wanted(names::BY_CHANNEL) {
        cells.iter().for_each(|(at, cell)| out.channels(*at, &cell.channels));
    }
    if is_wanted(names::BY_APP) {
        cells.iter().for_each(|(at, cell)| out.measured(*at, names::BY_APP, &cell.app, Value::Text));
    }
    if is_wanted(names::BY_SERVER) {
        cells.iter().for_each(|(at, cell)| out.measured(*at, names::BY_SERVER, &cell.server, Value::Server));
    }
    out.add_hours();
    if wanted(3600, names::TOP_SRC_ADDR) {
        hours.iter().for_each(|(exporter, slot, tops)| out.sketch((exporter, slot), names::TOP_SRC_ADDR, &tops.src_addr, top));
    }
    if wanted(3600, names::TOP_DST_ADDR) {
        hours.iter().for_each(|(exporter, slot, tops)| out.sketch((exporter, slot), names::TOP_DST_ADDR, &tops.dst_addr, top));
    }
    displaced.iter().for_each(|(at, records)| out.displaced(at, records));
    out.batch.finish();
    out.batch
}

/// Rows of channels alone.
pub(crate) fn channel_rows(minutes: &Cells<ChannelCell>, displaced: &Displaced) -> SeriesBatch {
    let mut out = Rows { batch: SeriesBatch::new(), shared: None, step: 60, list: Vec::new() };
    minutes.iter().for_each(|(exporter, slot, cell)| out.channels((exporter, slot), cell));
    out.add_hours();
    displaced.iter().for_each(|(at, records)| out.displaced(at, records));
    out.batch.finish();
    out.batch
}

/// The same rows, each in its hour.
fn hourly(minutes: &SeriesBatch) -> SeriesBatch {
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
    /// Nothing where no value is a text or a server.
    shared: Option<&'a Shared>,
    step: u32,
    list: Vec<u32>,
}

impl Rows<'_> {
    /// The rows of minutes once more, by hour; what follows is of hours.
    fn add_hours(&mut self) {
        let mut sums = SeriesSums::new();
        sums.add(hourly(&self.batch));
        self.batch.append_where(&sums.finish(), |_| true);
        self.step = 3600;
    }

    fn source(&mut self, at: At, cell: &Cell) {
        self.begin(at, names::BY_SOURCE);
        self.sums(&cell.all, &cell.all_extra);
        let row = self.batch.rows();
        push_positive(&mut self.batch.rate_unknown, row, cell.rate_unknown);
        push_positive(&mut self.batch.sampled, row, cell.sampled);
        if let Some(performance) = &cell.performance {
            self.performance(performance);
        }
        self.batch.advance(1);
    }

    fn keyed(&mut self, at: At, dimension: u8, sums: &Keyed, value: Value) {
        for (number, sums, extra) in sums.sums() {
            self.begin(at, dimension);
            self.value(number, value);
            self.sums(sums, &extra);
            self.batch.advance(1);
        }
    }

    fn channels(&mut self, at: At, cell: &ChannelCell) {
        for (number, sums, extra) in cell.sums.sums() {
            self.begin(at, names::BY_CHANNEL);
            self.value(number, Value::Number);
            self.sums(sums, &extra);
            if let Some(rates) = number.and_then(|number| cell.rates.get(&number)) {
                let row = self.batch.rows();
                push_positive(&mut self.batch.rate_unknown, row, rates.unknown);
                push_positive(&mut self.batch.sampled, row, rates.sampled);
            }
            self.batch.advance(1);
        }
    }

    fn measured(&mut self, at: At, dimension: u8, measured: &Measured, value: Value) {
        for (number, sums, extra) in measured.sums.sums() {
            self.begin(at, dimension);
            self.value(number, value);
            self.sums(sums, &extra);
            if let Some(performance) = measured.performance.get(&number) {
                self.performance(performance);
            }
            self.batch.advance(1);
        }
    }

    fn sketch(&mut self, at: At, dimension: u8, sketch: &Sketch, top: usize) {
        if sketch.is_empty() {
            return;
        }
        let (mut top, rest, error) = sketch.top(top);
        top.sort_unstable();
        for (address, bytes) in top.into_iter().map(|(address, bytes)| (Some(address), bytes)).chain([(None, rest)]) {
            self.begin(at, dimension);
            let row = self.batch.rows();
            self.batch.address.push_some(row, address);
            self.batch.bytes.push(row, bytes);
            if address.is_none() {
                self.batch.sketch_error.push(row, error);
            }
            self.batch.advance(1);
        }
    }

    fn displaced(&mut self, at: At, records: u64) {
        self.begin(at, names::DISPLACED);
        self.batch.flows.push(self.batch.rows(), records);
        self.batch.advance(1);
    }

    /// What every row begins with.
    fn begin(&mut self, (exporter, slot): At, dimension: u8) {
        let row = self.batch.rows();
        self.batch.slot.push(row, slot);
        self.batch.step.push(row, self.step);
        self.batch.exporter.push_some(row, exporter);
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
                if let Some(text) = self.shared.and_then(|shared| shared.texts.get(number)) {
                    self.batch.text.push_lossy(row, text);
                }
            }
            Value::Server => {
                let server: Option<(Address, u16)> = self.shared.and_then(|shared| shared.servers.get(number));
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
