//! Two units of which one exports.

mod pair;
mod traffic;

mod failover;
mod roles;
