//! Records on their way out: which rows, which columns, in which form.

mod columns;
mod listing;
mod pages;
mod selection;
mod sink;

use std::io::{self, Write};

use weir_codec::Output;
use weir_record::FlowBatch;

pub(crate) use columns::Columns;
pub(crate) use listing::Listing;
pub(crate) use pages::terminal_width;
pub(crate) use selection::Selection;
pub(crate) use sink::Sink;

/// Octets of text gathered before they are written.
const BUFFER_OCTETS: usize = 256 << 10;

/// Takes batches of decoded records and writes the rows that were asked for on the standard output.
pub(crate) struct Rows {
    selection: Selection,
    sink: Sink,
    text: Vec<u8>,
    to: io::Stdout,
}

impl Rows {
    pub(crate) fn new(selection: Selection, sink: Sink) -> Self {
        Self { selection, sink, text: Vec::new(), to: io::stdout() }
    }

    /// Writes what was asked for of a batch.
    pub(crate) fn write(&mut self, batch: &Output) -> io::Result<()> {
        self.write_flows(&batch.flows)?;
        let Self { selection, sink, text, to } = self;
        let mut flush = |text: &mut Vec<u8>| if text.len() < BUFFER_OCTETS { Ok(()) } else { write_all(to, text) };
        sink.write_counters(text, &batch.counters, selection.counters(&batch.counters), &mut flush)?;
        sink.write_options(text, &batch.options, selection.options(&batch.options), &mut flush)
    }

    /// Writes what was asked for of a batch of flow records.
    pub(crate) fn write_flows(&mut self, batch: &FlowBatch) -> io::Result<()> {
        let Self { selection, sink, text, to } = self;
        let mut flush = |text: &mut Vec<u8>| if text.len() < BUFFER_OCTETS { Ok(()) } else { write_all(to, text) };
        sink.write_flows(text, batch, selection.flows(batch), &mut flush)
    }

    /// Writes what belongs at the end, and everything that is still held.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.sink.finish(&mut self.text, self.selection.matched());
        self.flush()
    }

    /// Writes everything that is still held.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        write_all(&mut self.to, &mut self.text)?;
        self.to.flush()
    }

    /// Rows written.
    pub(crate) const fn matched(&self) -> u64 {
        self.selection.matched()
    }

    /// True when as many rows were written as were asked for.
    pub(crate) const fn is_full(&self) -> bool {
        self.selection.is_full()
    }
}

fn write_all(to: &mut io::Stdout, text: &mut Vec<u8>) -> io::Result<()> {
    // The lock's own buffer passes texts of this size through.
    to.write_all(text)?;
    text.clear();
    Ok(())
}
