//! Which rows an endpoint is sent: those of its filter that its protocol can tell, one in so many of them.

use weir_query::{Filter, Mask};
use weir_record::{FlowBatch, names};

use crate::config::{Export, Format};

/// Chooses rows.
pub(super) struct Choice {
    /// None where every record is wanted.
    filter: Option<Filter>,
    /// Records that are no flows can be told as such.
    events: bool,
    sampling: Sampling,
    mask: Mask,
}

/// What a choice has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chosen {
    /// Rows that passed the filter.
    pub(crate) seen: u64,
    /// Rows that were chosen of them.
    pub(crate) selected: u64,
    /// Rows of kinds that the protocol cannot tell.
    pub(crate) left_out: u64,
    /// Flows, in which many packets are told by one record, are among those that were sampled.
    pub(crate) samples_flows: bool,
}

/// Chooses 1 in N packets that were sampled, or of connections, both directions together.
struct Sampling {
    every: u32,
    /// How many are left out before the next that is chosen.
    skip: u32,
}

impl Choice {
    pub(super) fn new(export: &Export) -> Self {
        Self {
            filter: Some(export.filter.0.clone()).filter(|filter| *filter != Filter::any()),
            events: matches!(export.format, Format::Ipfix | Format::NetFlow9),
            sampling: Sampling { every: export.sampling.0, skip: 0 },
            mask: Mask::new(),
        }
    }

    /// The rows of a batch that are wanted, where that is not all of them.
    pub(super) fn choose(&mut self, batch: &FlowBatch, counted: &mut Chosen) -> Option<FlowBatch> {
        let Self { filter, events, sampling, mask } = self;
        match filter {
            Some(filter) => filter.evaluate(batch, mask),
            None => mask.select_all(batch.rows()),
        }
        let wanted = mask.count();
        mask.retain(|row| is_told(batch.record_kind.get(row), *events));
        let told = mask.count();
        counted.left_out += (wanted - told) as u64;
        counted.seen += told as u64;
        let chosen = if sampling.every > 1 {
            let is_flow = |row| batch.record_kind.get(row).is_none_or(|kind| kind == names::FLOW);
            counted.samples_flows |= !counted.samples_flows && mask.iter().any(is_flow);
            Some(sampling.choose(batch, mask))
        } else if told < batch.rows() {
            let mut chosen = FlowBatch::new();
            chosen.append_where(batch, |row| mask.get(row));
            Some(chosen)
        } else {
            None
        };
        counted.selected += chosen.as_ref().map_or(told, FlowBatch::rows) as u64;
        chosen
    }
}

/// Whether a protocol tells records of a kind as what they are. Packets that an exporter dropped would be taken for traffic by all of them.
fn is_told(kind: Option<u8>, events: bool) -> bool {
    match kind {
        None | Some(names::FLOW | names::SAMPLE) => true,
        Some(names::EVENT) => events,
        Some(_) => false,
    }
}

impl Sampling {
    /// Takes 1 in N of the rows in `mask`, and says so in their sampling rate.
    fn choose(&mut self, batch: &FlowBatch, mask: &Mask) -> FlowBatch {
        let mut rows = Vec::with_capacity(mask.count() / self.every as usize + 2);
        let (mut before, mut takes) = (None, false);
        for row in mask.iter() {
            let is_second = before.is_some_and(|before| is_pair(batch, before, row));
            before = Some(row);
            if !is_second {
                takes = self.skip == 0;
                self.skip = if takes { self.every - 1 } else { self.skip - 1 };
            }
            if takes {
                rows.push(row);
            }
        }
        let mut chosen = FlowBatch::new();
        chosen.append_where(batch, |row| rows.binary_search(&row).is_ok());
        let rates = std::mem::take(&mut chosen.sampling_rate);
        for row in 0..chosen.rows() {
            chosen.sampling_rate.push(row, rates.get(row).unwrap_or(1).saturating_mul(self.every));
        }
        chosen
    }
}

/// True where the second row is the responder's half of the first: it stands behind it, and goes the other way.
pub(super) fn is_pair(batch: &FlowBatch, first: usize, second: usize) -> bool {
    let halves = [first, second].map(|row| batch.biflow.get(row));
    second == first + 1
        && halves == [Some(names::INITIATOR), Some(names::RESPONDER)]
        && batch.src_addr.get(first) == batch.dst_addr.get(second)
        && batch.src_port.get(first) == batch.dst_port.get(second)
}
