//! The words of `weir ha`.

use clap::{Args, Subcommand};

use super::{EditorArgs, PlainArgs};

const EXAMPLES: &str = "\
Examples:
  weir ha status                    what this unit is, since when, and why
  weir ha active                    it exports from now on (with ha.mode = \"command\")
  weir ha init                      prints a token ...
  weir ha join 192.0.2.11 TOKEN     ... by which another unit joins; settings of both are the same from then on
  weir ha settle                    where both have changed a key, the values of this unit count
  weir ha leave                     no longer; each keeps what it has
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
    /// Begin a pair whose settings are the same, and print a token for the other unit
    Init(PlainArgs),
    /// Join the pair of another unit, whose settings this one gets
    Join(JoinArgs),
    /// Where both units have changed a key, the values of this one count
    Settle(PlainArgs),
    /// Leave the pair; say it on both units
    Leave(PlainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The unit that has begun the pair: a name or an address, with a port where it listens on another than 4741
    #[arg(value_name = "HOST")]
    pub(crate) address: String,

    /// What `weir ha init` has printed there
    #[arg(value_name = "TOKEN")]
    pub(crate) token: String,

    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}
