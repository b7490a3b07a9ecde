//! Where users, tokens and the audit log lie: the service knows, this crate does not.

use std::io;
use std::ops::ControlFlow;

/// Keeps the file of users and the audit log. Others may change the file as well (`weir user`), while the service runs.
pub trait Keeper: Send + Sync + 'static {
    /// Differs from one state of the file of users to the next; nothing where there is none. It is asked at each request.
    ///
    /// # Errors
    /// Where that cannot be told.
    fn stamp(&self) -> io::Result<Option<[i64; 4]>>;

    /// What stands in the file of users; nothing where there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read(&self) -> io::Result<Option<Vec<u8>>>;

    /// Changes the file of users while nobody else does: hands over what stands in it, and puts what comes back in its place, durably. Nothing changes where nothing comes
    /// back.
    ///
    /// # Errors
    /// Where it cannot be read or written; then it is what it was.
    fn change(&self, edit: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) -> io::Result<()>;

    /// Appends a line to the audit log.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn note(&self, line: &[u8]) -> io::Result<()>;

    /// Hands over the lines of the audit log, the latest first, until nobody wants more.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn notes(&self, each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()>;
}
