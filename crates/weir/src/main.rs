//! The `weir` program: what was typed becomes one of its commands, and what came of that its exit code.
//!
//! Never: decides what a number means; that is for the rooms below.

mod args;
mod config;
mod exit;

// The commands, from what was typed to what it means.
mod check;
mod columns;
mod decode;
mod meter;

// The commands that ask, and what they ask.
mod backend;
mod client;
mod query;
mod replay;
mod sources;
mod sql;
mod store_command;

// The service.
mod collect;
mod log;
mod metrics;
mod service;

// The work: stages in order, and what they are made of.
mod export;
mod output;
mod pipeline;
mod progress;
mod report;
mod stop;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Command, Typed};
use exit::{Failure, Outcome};

fn main() -> ExitCode {
    exit::code(run())
}

fn run() -> Result<Outcome, Failure> {
    match Typed::try_parse()?.command {
        Command::Decode(typed) => pipeline::decode::run(decode::Job::new(typed)?),
        Command::Meter(typed) if typed.list_interfaces => meter::list_interfaces(),
        Command::Meter(typed) => pipeline::meter::run(meter::Job::new(*typed)?),
        Command::Run(typed) => service::run(&typed),
        Command::Check(typed) => check::run(&typed),
        Command::Query(typed) => query::run(*typed),
        Command::Sql(typed) => sql::run(typed),
        Command::Sources(typed) => sources::run(&typed),
        Command::Counters(typed) => sources::run_counters(&typed),
        Command::Replay(typed) => replay::run(&typed),
        Command::Store(typed) => store_command::run(&typed),
        Command::Columns(typed) => columns::print(typed),
        Command::Completions { shell } => print_completions(shell),
    }
}

fn print_completions(shell: clap_complete::Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "weir", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Outcome::Done)
}
