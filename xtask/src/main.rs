//! Tasks of the workspace: what is generated from data, and whether the house is in order.
//!
//! `cargo xtask generate` writes everything that is derived from something else; with `--check` it only compares. `cargo xtask tidy` looks for
//! what the compiler does not: headers, sizes of files, the import table, reasons of dependencies.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the developers' terminal")]

use std::process::ExitCode;

mod generate;

mod elements;
mod manual;
mod samples;

mod tidy;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["generate"] => generate::write(),
        ["generate", "--check"] => generate::check(),
        ["tidy"] => tidy::run(),
        ["seeds", folder] => samples::write_seeds(folder.as_ref()),
        _ => Err("usage: cargo xtask generate [--check] | tidy | seeds FOLDER".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
