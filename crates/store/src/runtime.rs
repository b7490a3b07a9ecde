//! A small runtime for what is asynchronous (object stores, the SQL engine), used by threads that are not.
//!
//! It may be waited for and dropped anywhere, also within another runtime, where tokio's own calls would panic.

use std::future::Future;
use std::io;
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle, Runtime};

/// Threads that drive futures until the value is dropped; what still runs then is cancelled at its next await.
#[derive(Debug)]
pub(crate) struct Background {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts so many threads.
    pub(crate) fn new(name: &'static str, threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(threads.max(1)).thread_name(name).enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where tasks can be spawned.
    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for a future; nothing where it panicked or the runtime has ended.
    pub(crate) fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // The receiver waits below, so there is somebody to send to.
            let _ = sender.send(future.await);
        });
        receiver.recv().ok()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
