//! Tasks of the workspace: `cargo xtask generate [--check]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the developers' terminal")]

use std::process::ExitCode;

mod elements;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["generate"] => elements::generate(false),
        ["generate", "--check"] => elements::generate(true),
        _ => Err("usage: cargo xtask generate [--check]".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::from(2)
        }
    }
}
