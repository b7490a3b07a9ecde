//! Tests of the store as others use it: a folder, files, other programs.

mod fixture;
mod python;

mod check;
mod duckdb;
mod export;
mod s3;
mod sql;
