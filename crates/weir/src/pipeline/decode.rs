//! The life of a captured frame: what `weir decode` does, stage by stage.
//!
//! frame with its time -> messages of flow protocols -> rows of a batch -> rows that were asked for -> text.

use std::path::Path;
use std::time::{Duration, Instant};

use weir_capture::{CaptureFile, Frame};
use weir_codec::{Config, Decoder, Output};

use super::messages::{Carried, Messages};
use crate::decode::Job;
use crate::exit::{Failure, Outcome};
use crate::output::Rows;
use crate::progress::Progress;
use crate::report::Report;

/// Rows gathered before they are written: enough to make the cost of a batch small, few enough for the cache.
const BATCH_ROWS: usize = 4096;

/// How long rows out of a pipe wait for others: somebody may be looking on.
const PIPE_WAIT: Duration = Duration::from_millis(500);

/// The stages, in order, with what they keep.
struct Pipeline {
    messages: Messages,
    decoder: Decoder,
    batch: Output,
    rows: Rows,
    report: Report,
}

/// Decodes every file of a job; what cannot be read costs only itself.
pub(crate) fn run(job: Job) -> Result<Outcome, Failure> {
    let config = Config { registry: job.registry, ..Config::default() };
    let mut pipeline = Pipeline {
        messages: Messages::default(),
        decoder: Decoder::new(config),
        batch: Output::default(),
        rows: job.rows,
        report: job.report,
    };
    let read = job.files.iter().try_for_each(|file| pipeline.read(file)).and_then(|()| pipeline.finish());
    pipeline.report.print(pipeline.decoder.stats());
    read?;
    Ok(match pipeline.report.failed_files() {
        0 if job.must_match && pipeline.rows.matched() == 0 => Outcome::NothingMatched,
        0 => Outcome::Done,
        _ => Outcome::PartlyFailed,
    })
}

impl Pipeline {
    /// Takes the frames of a file through all stages.
    fn read(&mut self, file: &Path) -> Result<(), Failure> {
        let Some(mut capture) = self.report.begin(file, CaptureFile::open(file)) else {
            return Ok(());
        };
        let is_pipe = capture.size().is_none();
        let mut progress = Progress::new(file, capture.size());
        let mut written = Instant::now();
        while !self.rows.is_full()
            && let Some(frame) = self.report.next(capture.next())
        {
            self.take(&frame);
            if self.batch.flows.rows() + self.batch.counters.rows() + self.batch.options.rows() >= BATCH_ROWS {
                self.write()?;
                progress.show(capture.position());
            } else if is_pipe && written.elapsed() > PIPE_WAIT {
                self.write()?;
                self.rows.flush()?;
                written = Instant::now();
            }
        }
        self.report.end(capture.stats());
        self.write()
    }

    /// Takes a frame to the rows of the batch.
    fn take(&mut self, frame: &Frame<'_>) {
        let Self { messages, decoder, batch, report, .. } = self;
        if !messages.read(frame, |carried| decode(carried, decoder, batch, report, frame.number)) {
            report.unreadable_link(frame.link_type);
        }
    }

    /// Takes the rows of the batch that were asked for to the output, and begins a new batch.
    fn write(&mut self) -> Result<(), Failure> {
        self.batch.finish();
        self.rows.write(&self.batch)?;
        self.batch.clear();
        Ok(())
    }

    /// Takes what the first stage still holds through the others.
    fn finish(&mut self) -> Result<(), Failure> {
        let Self { messages, decoder, batch, report, .. } = self;
        messages.finish(|carried| decode(carried, decoder, batch, report, 0));
        self.write()?;
        Ok(self.rows.finish()?)
    }
}

/// From a message to rows, or to a fault that is counted.
fn decode(carried: Carried<'_>, decoder: &mut Decoder, batch: &mut Output, report: &mut Report, frame: u64) {
    match carried {
        Carried::Message(datagram) => {
            decoder.decode(&datagram, batch);
            report.note(decoder.stats().faults.recent(), frame);
        }
        Carried::Candidate(datagram) => {
            decoder.decode_plausible(&datagram, batch);
            report.note(decoder.stats().faults.recent(), frame);
        }
        Carried::Fault(fault) => {
            decoder.fault(fault);
            report.note(&[fault], frame);
        }
    }
}
