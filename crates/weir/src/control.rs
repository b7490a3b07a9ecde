//! The configuration of a running service, changed while it runs: who asks over a socket, what is being edited, what was committed.
//!
//! ```text
//! set, unset      -> a candidate, one for each user: the text of the file with the changes in it
//! commit          -> checked as a whole, applied all or nothing, written to the file, kept as a version, watched
//! rollback        -> the same with the text of a version; by itself where the service becomes unwell, or nobody confirms
//! ```

pub(crate) mod protocol;

mod socket;
mod who;

mod editor;
pub(crate) mod file;
mod trial;
mod versions;

pub(crate) mod commands;
pub(crate) mod complete;

mod client;

pub(crate) use client::ask;
pub(crate) use editor::Editor;
pub(crate) use file::replace as replace_file;
pub(crate) use protocol::Request;
pub(crate) use socket::{Socket, path_of};
pub(crate) use trial::{Again, Found};
pub(crate) use who::name_of;
