//! Tests of the store as others use it: a folder, files, other programs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

mod disk;
mod fixture;
mod numbered;
mod python;

mod check;
mod duckdb;
mod durability;
mod export;
mod faults;
mod s3;
mod sql;
