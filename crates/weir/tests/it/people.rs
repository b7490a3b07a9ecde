//! People of a service that runs: `weir user`, the first admin, and limits that cannot be escaped.

mod commands;
pub(crate) mod limits;
mod tls;
