//! People of a service that runs: `weir user`, the first admin, and limits that cannot be escaped.

mod commands;
mod limits;
mod tls;
