//! The words of `weir import`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::Format;

const IMPORT_ABOUT: &str = "\
Take over the configuration of another program: what has a counterpart is printed as a configuration, what has none is told on the standard error.";

#[derive(Debug, Args)]
#[command(long_about = IMPORT_ABOUT)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) what: ImportWhat,
}

/// Whose configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportWhat {
    /// FastNetMon's: commands of fcli, a fastnetmon.conf, or a JSON object of options
    Fcli(FcliArgs),
}

const FCLI_EXAMPLES: &str = "\
Examples:
  weir import fcli fcli-commands.txt > weir.toml     lines such as: fcli set main netflow_ports 2055
  weir import fcli /etc/fastnetmon.conf > weir.toml && weir check -c weir.toml";

#[derive(Debug, Args)]
#[command(after_help = FCLI_EXAMPLES)]
pub(crate) struct FcliArgs {
    /// The options; `-` is the standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// How to print: with json one object with the configuration, what was taken and what was left
    #[arg(long, value_enum, default_value_t = Format::Table, hide_default_value = true)]
    pub(crate) format: Format,
}
