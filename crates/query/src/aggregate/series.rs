//! Questions that continuous series can answer: charts of sources over any time, without a look at the records.
//!
//! Series hold, for each source and slot of a minute or an hour, the sums that records would give: what is spread over time is spread by the same arithmetic,
//! so the answers are the same. They cannot tell records of one source apart; a question that needs to is answered from records.

use std::ops::ControlFlow;

use weir_record::{Column, FlowBatch, SeriesBatch, names};

use super::Worker;
use super::lanes::{Lane, lanes_of, side_of, summed};
use crate::Mask;
use crate::answer::{Answer, AnswerSource};
use crate::question::{KeySource, Question, QuestionKind};

/// Slots of series, in seconds, the longest first.
const STEPS: [u32; 2] = [3600, 60];
const SECOND: i64 = 1_000_000_000;

impl Question {
    /// Seconds of the slots of series that answer the question as its records do; nothing where they cannot.
    pub fn series_step(&self) -> Option<u32> {
        let step = self.slots.filter(|_| self.kind == QuestionKind::Series)?.step;
        let of_source = |column: &Column| *column == Column::exporter;
        let keys_fit = self.keys.iter().all(|key| key.source == KeySource::Column(Column::exporter) && key.prefix.is_none());
        let filter_fits = self.filter.columns().iter().all(of_source);
        let empty = SeriesBatch::new();
        let lane_fits = |lane: &Lane| summed(&empty, *lane, self.unscaled).is_some();
        let measures_fit =
            self.measures.iter().all(|measure| side_of(&measure.what).is_none() && lanes_of(&measure.what).iter().all(lane_fits));
        let fits = keys_fit && filter_fits && measures_fit;
        STEPS.into_iter().find(|seconds| fits && step % (i64::from(*seconds) * SECOND) == 0)
    }
}

/// The columns of series that a worker looks at: all but texts and histograms.
pub const SERIES_COLUMNS: &[weir_record::SeriesColumn] = {
    use weir_record::SeriesColumn as Of;
    &[
        Of::slot,
        Of::step,
        Of::exporter,
        Of::dimension,
        Of::flows,
        Of::samples,
        Of::connections,
        Of::packets,
        Of::bytes,
        Of::packets_raw,
        Of::bytes_raw,
        Of::bytes_variance,
        Of::packets_variance,
        Of::rate_unknown,
        Of::retransmissions,
        Of::out_of_order,
    ]
};

impl Worker {
    /// Takes rows of continuous series in place of records, where [`Question::series_step`] says so: those of whole sources with slots of so many seconds. Rows of other kinds may
    /// be among them. Returns how many rows counted.
    pub fn feed_series(&mut self, question: &Question, series: &SeriesBatch, step: u32) -> (usize, ControlFlow<()>) {
        let mut as_flows = FlowBatch::new();
        for row in 0..series.rows() {
            as_flows.exporter.push_some(row, series.exporter.get(row));
            as_flows.time_received.push_some(row, series.slot.get(row));
        }
        as_flows.advance(series.rows());
        let mut mask = Mask::new();
        question.filter.evaluate(&as_flows, &mut mask);
        mask.retain(|row| {
            let is_wanted = series.dimension.get(row) == Some(names::BY_SOURCE) && series.step.get(row) == Some(step);
            is_wanted && series.slot.get(row).is_some_and(|slot| slot >= question.from && slot < question.to)
        });
        let done = self.feed_sums(series, &as_flows, &mask);
        (mask.count(), done)
    }
}

/// An answer that was made of series says so.
pub fn from_series(mut answer: Answer) -> Answer {
    answer.source = AnswerSource::Series;
    (answer.first, answer.last) = (None, None);
    answer
}
