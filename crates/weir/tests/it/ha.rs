//! Two units of which one exports.

mod joined;
mod pair;
mod stalls;
mod told;
mod traffic;

mod alarms;
mod failover;
mod roles;
mod settings;
mod split;
mod strangers;
