//! The words of `weir ha`.

use clap::{Args, Subcommand};

use super::PlainArgs;

const EXAMPLES: &str = "\
Examples:
  weir ha status                    what this unit is, since when, and why
  weir ha active                    it exports from now on (with ha.mode = \"command\")
  weir ha status --format none      nothing but the exit code: 0 where the service answers";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HaArgs {
    #[command(subcommand)]
    pub(crate) what: HaWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HaWhat {
    /// Print what this unit is
    Status(PlainArgs),
    /// Make this unit the one that exports
    Active(PlainArgs),
    /// Make this unit stand by
    Standby(PlainArgs),
}
