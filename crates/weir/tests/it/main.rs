//! The program as its users run it: arguments, captures, output, exit codes.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod make;
mod run;

mod namespaces;

mod arguments;
mod carriers;
mod output;
mod shared;

mod asking;
mod collect;
mod config;
mod control;
mod export;
mod forward;
mod ha;
mod live;
mod meter;
mod people;
mod proxied;
mod sums;

mod packaging;
