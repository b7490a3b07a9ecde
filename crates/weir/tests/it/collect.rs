//! The collector as its users run it: `weir run`, datagrams over real sockets, and what is in the store afterwards.

pub(crate) mod fastnetmon;
pub(crate) mod messages;
pub(crate) mod service;

mod captures;
mod guard;
mod health;
mod restart;
pub(crate) mod room;
mod strangers;
mod streams;
mod templates;
