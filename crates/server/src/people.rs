//! People: who may ask, what they may see, and what is known of who did what.
//!
//! Every request passes the guard (`guard`): it names the service by a name that is known (`hosts`), it comes from somebody who is signed in or carries a token
//! ([`People`]), their role is at least the one that the route states in its OpenAPI annotation (`access`), and it was not made by a page of a stranger.
//! What is behind it is reached through a [`Door`] alone, which keeps people with limits to their rows and columns ([`DataLimits`]).
//!
//! Reading order: `role`, `limits`, `book` (users and tokens, as a file has them), [`Keeper`] (where that file is), `directory` ([`People`]), `sessions`, `tries`,
//! `caller`, `door`, `hosts`, `access`, `guard`, `audit`, and the routes in `session`, `users`, `tokens`.

pub(crate) mod access;
mod audit;
mod book;
mod caller;
mod directory;
pub(crate) mod door;
pub(crate) mod guard;
mod hosts;
mod keeper;
mod limits;
mod role;
mod secret;
pub(crate) mod session;
mod sessions;
pub(crate) mod tokens;
mod tries;
pub(crate) mod users;

pub use audit::AuditRow;
pub use book::{BookError, MAX_TOKENS, MAX_USERS, NewToken};
pub(crate) use caller::Caller;
pub use directory::{People, PeopleError};
pub(crate) use door::Door;
pub(crate) use hosts::Peer;
pub use hosts::{Edge, Networks, own_name};
pub use keeper::Keeper;
pub use limits::{DataLimits, LimitsText};
pub use role::Role;
pub use session::SessionDocument;
pub use tokens::{TokenRow, expiry};
pub use users::UserRow;
