//! The `weir` program: what was typed becomes one of its commands, and what came of that its exit code.
//!
//! Never: decides what a number means; that is for the rooms below.

mod args;
mod config;
mod exit;
mod pinned;

// The commands, from what was typed to what it means.
mod check;
mod columns;
mod decode;
mod import;
mod meter;

// The commands that ask, and what they ask.
mod backend;
mod client;
mod names;
mod people;
mod query;
mod replay;
mod sources;
mod sql;
mod store_command;

// The service, and its configuration while it runs.
mod candidate;
mod collect;
mod control;
mod demo;
mod ha;
mod log;
mod metrics;
mod objects;
mod service;

// The work: stages in order, and what they are made of.
mod export;
mod output;
mod pipeline;
mod progress;
mod replicate;
mod report;
mod stop;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Command, ImportArgs, ImportWhat, Typed};
use control::{commands, complete};
use exit::{Failure, Outcome};
use people::Entrance;

fn main() -> ExitCode {
    exit::code(run())
}

fn run() -> Result<Outcome, Failure> {
    match Typed::try_parse()?.command {
        Command::Demo(typed) => demo::run(&typed),
        Command::Decode(typed) => pipeline::decode::run(decode::Job::new(typed)?),
        Command::Meter(typed) if typed.list_interfaces => meter::list_interfaces(),
        Command::Meter(typed) => pipeline::meter::run(meter::Job::new(*typed)?),
        Command::Run(typed) => service::run(&typed, Entrance::SignIn),
        Command::Check(typed) => check::run(&typed),
        Command::Query(typed) => query::run(*typed),
        Command::Sql(typed) => sql::run(typed),
        Command::Sources(typed) => sources::run(&typed),
        Command::Counters(typed) => sources::run_counters(&typed),
        Command::Set(typed) => commands::set(typed),
        Command::Unset(typed) => commands::unset(typed),
        Command::Show(typed) => commands::show(&typed),
        Command::Diff(typed) => commands::diff(&typed),
        Command::Commit(typed) => commands::commit(typed),
        Command::Confirm(typed) => commands::confirm(&typed),
        Command::Rollback(typed) => commands::rollback(typed),
        Command::Versions(typed) => commands::versions(&typed),
        Command::Discard(typed) => commands::discard(&typed),
        Command::Rebase(typed) => commands::rebase(&typed),
        Command::Ha(typed) => ha::commands::run(&typed),
        Command::Import(ImportArgs { what: ImportWhat::Fcli(typed) }) => import::run(&typed),
        Command::CompletePath(typed) => complete::run(&typed),
        Command::Replay(typed) => replay::run(&typed),
        Command::Store(typed) => store_command::run(&typed),
        Command::User(typed) => people::command::run(*typed),
        Command::Columns(typed) => columns::print(typed),
        Command::Completions { shell } => print_completions(shell),
    }
}

fn print_completions(shell: clap_complete::Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "weir", &mut script);
    script.extend_from_slice(complete::script(shell).as_bytes());
    std::io::stdout().write_all(&script)?;
    Ok(Outcome::Done)
}
