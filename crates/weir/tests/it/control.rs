//! The configuration of a running service, changed over its control socket: with the commands, as their users do, and against real files.

mod session;

mod editors;
mod life;
mod load;
mod metering;
mod trial;
mod whole;
