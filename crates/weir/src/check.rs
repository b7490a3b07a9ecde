//! `weir check`: says whether a configuration can be used, and what it means in full.

use std::io::{self, Write};

use crate::args::CheckArgs;
use crate::config::Config;
use crate::exit::{Failure, Outcome};

pub(crate) fn run(typed: &CheckArgs) -> Result<Outcome, Failure> {
    let config = Config::load(&typed.config)?;
    config.check_service(&typed.config.display().to_string()).map_err(Failure::Misuse)?;
    let page = if typed.dump { config.dump()? } else { format!("{}: good\n", typed.config.display()) };
    io::stdout().write_all(page.as_bytes())?;
    Ok(Outcome::Done)
}
