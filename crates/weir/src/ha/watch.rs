//! The thread that waits for the kernel's word on the role. It sleeps until there is one.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Verdict;
use super::address::AddressWatch;
use super::file::FileWatch;

/// How long to wait before what could not be watched is tried again.
const AGAIN: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// What is watched.
#[derive(Clone, Debug)]
pub(super) enum Watched {
    Address(IpAddr),
    File(PathBuf),
}

/// A thread that watches, until this is dropped.
pub(super) struct Watch {
    /// Closed, it ends the thread.
    wake: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

enum Open {
    Address(AddressWatch),
    File(FileWatch),
}

impl Watch {
    /// Begins; `hear` is told each verdict, or in a sentence why there is none. The error is a sentence.
    pub(super) fn start(watched: Watched, hear: impl Fn(Result<Verdict, String>) + Send + 'static) -> Result<Self, String> {
        let refuse = |error: std::io::Error| format!("cannot start a thread: {error}");
        let (wake, woken) = UnixStream::pair().map_err(refuse)?;
        let thread = thread::Builder::new().name("weir-ha".into()).spawn(move || run(&watched, &woken, &hear));
        Ok(Self { wake: Some(wake), thread: Some(thread.map_err(refuse)?) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wake = None;
        // The thread itself may be the last that knows the unit.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            // One that panicked has told why.
            let _ = thread.join();
        }
    }
}

fn run(watched: &Watched, woken: &UnixStream, hear: &dyn Fn(Result<Verdict, String>)) {
    loop {
        match follow(watched, woken, hear) {
            Ok(()) => return,
            Err(error) => hear(Err(error)),
        }
        // Nothing tells when it can be watched again.
        if is_woken(woken, None, Some(&AGAIN)) {
            return;
        }
    }
}

/// Watches until it is woken, or until that fails.
fn follow(watched: &Watched, woken: &UnixStream, hear: &dyn Fn(Result<Verdict, String>)) -> Result<(), String> {
    let mut open = Open::of(watched)?;
    loop {
        if let Some(verdict) = open.look()? {
            hear(Ok(verdict));
        }
        if is_woken(woken, Some(open.fd()), None) {
            return Ok(());
        }
    }
}

/// Waits until there is something to be heard, until it is time, or until it is woken; true for the last.
pub(super) fn is_woken(woken: &UnixStream, heard: Option<BorrowedFd<'_>>, time: Option<&Timespec>) -> bool {
    let entry = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
    let mut polled: Vec<PollFd<'_>> = [Some(woken.as_fd()), heard].into_iter().flatten().map(entry).collect();
    match poll(&mut polled, time) {
        Ok(_) | Err(Errno::INTR) => {}
        // Without memory for it, it is tried again after a while.
        Err(_) => thread::sleep(Duration::from_secs(1)),
    }
    polled.first().is_some_and(|woken| !woken.revents().is_empty())
}

impl Open {
    fn of(watched: &Watched) -> Result<Self, String> {
        match watched {
            Watched::Address(shared) => AddressWatch::open(*shared).map(Self::Address),
            Watched::File(path) => FileWatch::open(path).map(Self::File),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Address(watch) => watch.fd(),
            Self::File(watch) => watch.fd(),
        }
    }

    fn look(&mut self) -> Result<Option<Verdict>, String> {
        match self {
            Self::Address(watch) => watch.look(),
            Self::File(watch) => watch.look().map(Some),
        }
    }
}
