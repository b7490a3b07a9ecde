//! The standard input, read by a thread of its own, so that a pipe that is silent keeps nobody from stopping, or from reporting what is at hand.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::stop::Stop;

/// Octets of a block, and blocks that may wait.
const BLOCK: usize = 64 << 10;
const BLOCKS: usize = 16;

/// How often it is asked whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// The standard input up to its end, or until it is time to stop.
pub(super) struct Stdin {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    /// Octets of the block that were read.
    read: usize,
    waiting: Waiting,
    stop: Stop,
}

/// Octets that were taken from the pipe and not read yet.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// True where the next read may have to wait.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Stdin {
    /// Begins to read. The thread ends with its input, or with the program.
    pub(super) fn new(stop: &Stop) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(BLOCKS);
        let waiting = Waiting::default();
        let counted = waiting.clone();
        thread::Builder::new().name("stdin".into()).spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut block = vec![0; BLOCK];
                let read = stdin.read(&mut block);
                if matches!(&read, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                    continue;
                }
                let is_last = !matches!(read, Ok(1..));
                let read = read.map(|count| {
                    block.truncate(count);
                    counted.0.fetch_add(count, Ordering::Relaxed);
                    block
                });
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { blocks, block: Vec::new(), read: 0, waiting, stop: stop.clone() })
    }

    pub(super) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.block.len() {
            match self.blocks.recv_timeout(LOOK) {
                Ok(block) => (self.block, self.read) = (block?, 0),
                Err(RecvTimeoutError::Timeout) if !self.stop.is_due() => continue,
                Err(_) => return Ok(0),
            }
            if self.block.is_empty() {
                return Ok(0);
            }
        }
        let mut rest = self.block.get(self.read..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.read += count;
        self.waiting.0.fetch_sub(count, Ordering::Relaxed);
        Ok(count)
    }
}
