//! Packets of capture files, one after the other as one stream of time, on one thread.

use std::path::{Path, PathBuf};
use std::time::Instant;

use weir_capture::CaptureFile;
use weir_record::FlowBatch;

use super::front::Front;
use super::meter::{BATCH_ROWS, ROWS_WAIT};
use super::outlet::Outlet;
use super::stdin::{Stdin, Waiting};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::report::Report;
use crate::report::meter::Totals;
use crate::stop::Stop;

/// Frames between two looks at the clock.
const LOOK_FRAMES: u64 = 1024;

/// Meters the files; what cannot be read costs only itself.
pub(super) fn read(files: &[PathBuf], front: Front, outlet: &mut Outlet, stop: &Stop) -> Result<Totals, Failure> {
    let mut reader = Reader { front, flows: FlowBatch::new(), outlet, stop, report: Report::new(false, false) };
    for file in files {
        reader.read(file)?;
        if reader.is_over() {
            break;
        }
    }
    reader.finish()
}

/// Opens a file; of the standard input also says what waits.
fn open(file: &Path, stop: &Stop) -> Result<(Result<CaptureFile, weir_capture::Error>, Option<Waiting>), Failure> {
    if file != Path::new("-") {
        return Ok((CaptureFile::open(file), None));
    }
    let stdin = Stdin::new(stop).map_err(|error| Failure::Failed(format!("cannot read the standard input: {error}")))?;
    let waiting = stdin.waiting();
    Ok((CaptureFile::from_reader(Box::new(stdin), "standard input"), Some(waiting)))
}

struct Reader<'a> {
    front: Front,
    flows: FlowBatch,
    outlet: &'a mut Outlet,
    stop: &'a Stop,
    report: Report,
}

impl Reader<'_> {
    fn read(&mut self, file: &Path) -> Result<(), Failure> {
        let (opened, waiting) = open(file, self.stop)?;
        if opened.is_err() && self.stop.is_due() {
            // A pipe that said nothing until it was time to stop is no capture that failed.
            return Ok(());
        }
        let Some(mut capture) = self.report.begin(file, opened) else {
            return Ok(());
        };
        let is_pipe = capture.size().is_none();
        let mut progress = Progress::new(file, capture.size());
        let mut written = Instant::now();
        let mut looked = 0;
        loop {
            // Nobody knows how long the pipe will be silent.
            if !self.flows.is_empty() && waiting.as_ref().is_some_and(Waiting::is_nothing) {
                self.hand_over()?;
                self.outlet.flush(self.front.now)?;
                written = Instant::now();
            }
            let Self { front, flows, report, .. } = self;
            let Some(frames) = report.next(capture.next_group().map(|frames| Some(frames).filter(|frames| !frames.is_empty())))
            else {
                break;
            };
            let number = frames.last().map_or(0, |frame| frame.number);
            let pushed = front.push(&frames, flows, |link_type| report.unreadable_link(link_type));
            pushed.map_err(|error| Failure::Misuse(format!("{}: {error}", file.display())))?;
            if self.flows.rows() >= BATCH_ROWS {
                self.hand_over()?;
            }
            if number - looked < LOOK_FRAMES && !is_pipe {
                continue;
            }
            looked = number;
            if self.is_over() {
                break;
            }
            if is_pipe && written.elapsed() > ROWS_WAIT {
                self.hand_over()?;
                self.outlet.flush(self.front.now)?;
                written = Instant::now();
            }
            progress.show(capture.position());
        }
        self.report.end(capture.stats());
        Ok(())
    }

    /// True when nothing more is to be read.
    fn is_over(&self) -> bool {
        self.stop.is_due() || self.outlet.is_full()
    }

    fn hand_over(&mut self) -> Result<(), Failure> {
        self.outlet.take(&self.flows, self.front.now)?;
        self.flows.clear();
        Ok(())
    }

    /// Reports the flows that are still open.
    fn finish(mut self) -> Result<Totals, Failure> {
        while self.front.meter.finish(&mut self.flows) {
            self.hand_over()?;
        }
        self.hand_over()?;
        Ok(Totals { failures: self.report.failed_files(), ..Totals::of([(self.front.meter.stats(), self.front.unreadable)]) })
    }
}
