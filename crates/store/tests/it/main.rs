//! Tests of the store as others use it: a folder, files, other programs.

mod fixture;
mod numbered;
mod python;

mod check;
mod duckdb;
mod durability;
mod export;
mod s3;
mod sql;
