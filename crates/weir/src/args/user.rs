//! The words of `weir user`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use weir_server::Role;

use super::Format;

const ABOUT: &str = "\
Look after the users of the console and the API. It works with the service running or stopped: a service that runs knows at once.

Roles: viewer looks, analyst also makes profiles and dashboards and asks in SQL, admin does everything. Limits keep somebody to some rows and columns, whatever they ask.";

const EXAMPLES: &str = "\
Examples:
  weir user add ann --role admin                       asks for the password
  weir user add bob --filter 'net 10.1.0.0/16' --hide src_mac,dst_mac < password
  weir user limit bob --none
  weir user token ann --name backup --role viewer --expires 30d
  weir user list && weir user tokens";

#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true, long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    pub(crate) what: UserCommand,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Where users lie.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The configuration of the service [default: /etc/weir/weir.toml]
    #[arg(long, short, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// The folder of users [default: that of the configuration]
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::DirPath, conflicts_with = "config")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody; asks for the password, or reads a line of the standard input
    Add(NewUserArgs),
    /// List everybody
    List {
        /// How to print; without it a table on a terminal, JSON Lines in a pipe
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
    /// Give somebody another password; whoever is signed in with the old one is so no longer
    Passwd {
        /// Whom
        name: String,
    },
    /// Give somebody another role
    Role {
        /// Whom
        name: String,
        /// viewer, analyst or admin
        role: Role,
    },
    /// Set which rows and columns somebody sees
    Limit {
        /// Whom
        name: String,
        #[command(flatten)]
        limits: LimitArgs,
        /// All rows and columns
        #[arg(long, conflicts_with_all = ["filter", "hide"])]
        none: bool,
    },
    /// Take somebody out, with their sessions and tokens
    Remove {
        /// Whom
        name: String,
    },
    /// Make a token, with which a program signs in as somebody; printed this once
    Token(TokenArgs),
    /// List tokens
    Tokens {
        /// How to print; without it a table on a terminal, JSON Lines in a pipe
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
    /// Revoke a token
    Revoke {
        /// Its id, as `weir user tokens` prints it
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewUserArgs {
    /// Name with which they sign in
    pub(crate) name: String,

    /// viewer, analyst or admin
    #[arg(long, default_value_t = Role::Viewer)]
    pub(crate) role: Role,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// Which rows and columns.
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// Only records for which this holds, as in 'src net 10.1.0.0/16 or dst net 10.1.0.0/16'
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,

    /// Columns that are hidden, each with its counterpart of the other direction
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) hide: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Whose
    pub(crate) user: String,

    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "weir user token")]
    pub(crate) name: String,

    /// The most that it may do [default: what its user may]
    #[arg(long)]
    pub(crate) role: Option<Role>,

    /// When it ends: a length, a time, or never
    #[arg(long, value_name = "LENGTH", default_value = "90d")]
    pub(crate) expires: String,
}
