//! The words of the commands that change a running service.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Format;

/// Which service, and how its answer is printed.
#[derive(Debug, Args)]
pub(crate) struct EditorArgs {
    /// The service that runs with this configuration [default: /etc/weir/weir.toml]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// The service that answers at this socket
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with = "config")]
    pub(crate) socket: Option<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table, hide_default_value = true)]
    pub(crate) format: Format,
}

const SET_ABOUT: &str = "\
Change a key of the running service's configuration, in a candidate that is yours until you commit it.

A value is checked at once. Nothing changes in the service before `weir commit`.";

const SET_EXAMPLES: &str = "\
Examples:
  weir set listen.lab.url udp://[::]:2055       one value; a section that is not there is made
  weir set store.retention 30d
  weir set listen.lab.allow 192.0.2.0/24 198.51.100.1       a whole list
  weir set --add listen.lab.allow 203.0.113.0/24            one more in a list
  weir set source.core1.interfaces.3 '{ name = \"uplink\", speed = \"10G\" }'
  weir set enrich.prefixes.10.1.0.0/16 office
  weir set console                              a section with its defaults
  weir diff && weir commit --comment 'the lab' --confirm 60s && weir confirm";

#[derive(Debug, Args)]
#[command(long_about = SET_ABOUT, after_help = SET_EXAMPLES)]
pub(crate) struct SetArgs {
    /// The key, from its section down, as in listen.lab.url
    #[arg(value_name = "PATH")]
    pub(crate) path: String,

    /// What it is from now on; several make a list
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) values: Vec<String>,

    /// Put it into the list, beside what is there
    #[arg(long, requires = "values")]
    pub(crate) add: bool,

    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}

const UNSET_EXAMPLES: &str = "\
Examples:
  weir unset listen.lab.rate_limit              its default from now on
  weir unset listen.lab                         the whole section
  weir unset listen.lab.allow 203.0.113.0/24    one of a list";

#[derive(Debug, Args)]
#[command(after_help = UNSET_EXAMPLES)]
pub(crate) struct UnsetArgs {
    /// The key or section, as in listen.lab
    #[arg(value_name = "PATH")]
    pub(crate) path: String,

    /// What the list loses; without it the whole key goes
    #[arg(value_name = "VALUE")]
    pub(crate) value: Option<String>,

    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  weir show                         the file with your changes in it
  weir show listen.lab              one part
  weir show store.retention         one key, its default where it is not written
  weir show --running --full        what runs, with every default
  weir show --version 12            as it was";

#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArgs {
    /// A section or key
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<String>,

    /// What runs, without your changes
    #[arg(long)]
    pub(crate) running: bool,

    /// With what is not written
    #[arg(long)]
    pub(crate) full: bool,

    /// An earlier version, as `weir versions` lists them
    #[arg(long, value_name = "N", conflicts_with = "running")]
    pub(crate) version: Option<u64>,

    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "`+` is written, `-` is no longer written, `~` is written otherwise.")]
pub(crate) struct DiffArgs {
    /// What this version has otherwise than what runs
    #[arg(value_name = "VERSION")]
    pub(crate) version: Option<u64>,

    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}

/// On which terms something is to run.
#[derive(Debug, Args)]
pub(crate) struct TermsArgs {
    /// Why, for those who read the versions
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,

    /// Take it back after this time, unless `weir confirm` comes; it is not written into the file before
    #[arg(long, value_name = "TIME")]
    pub(crate) confirm: Option<String>,

    /// Write over a file that was changed by hand
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Write also what needs a restart to take effect
    #[arg(long)]
    pub(crate) at_restart: bool,
}

const COMMIT_ABOUT: &str = "\
Make the candidate run: it is checked as a whole, applied without a restart, written into the file and kept as a version. Where a part of it fails \
nothing has changed. Where the service becomes unwell within [control] watch it is taken back by itself.";

#[derive(Debug, Args)]
#[command(long_about = COMMIT_ABOUT)]
pub(crate) struct CommitArgs {
    #[command(flatten)]
    pub(crate) terms: TermsArgs,

    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// Write over a file that was changed by hand
    #[arg(long)]
    pub(crate) overwrite: bool,

    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The version that is to run again [default: the one before]
    #[arg(value_name = "VERSION")]
    pub(crate) version: Option<u64>,

    #[command(flatten)]
    pub(crate) terms: TermsArgs,

    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}

/// Commands that take nothing.
#[derive(Debug, Args)]
pub(crate) struct PlainArgs {
    #[command(flatten)]
    pub(crate) editor: EditorArgs,
}

/// What a shell has so far.
#[derive(Debug, Args)]
pub(crate) struct CompleteArgs {
    /// The words behind `weir`, the last one as far as it is typed
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}
