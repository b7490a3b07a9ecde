//! `weir check`: says whether a configuration can be used, and what it means in full.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use crate::args::{CheckArgs, Format};
use crate::config::Config;
use crate::exit::{Failure, Outcome};

pub(crate) fn run(typed: &CheckArgs) -> Result<Outcome, Failure> {
    let (checked, file) = (load(&typed.config), typed.config.display());
    let page = match (&checked, typed.format == Format::Json) {
        (Ok(config), false) if typed.dump => config.dump()?,
        (Ok(_), false) => format!("{file}: good\n"),
        (Ok(config), true) if typed.dump => format!("{}\n", json!(config)),
        (Ok(_), true) => format!("{}\n", json!({ "file": file.to_string(), "good": true })),
        // What is wrong is told on the standard error too, as ever.
        (Err(Failure::Misuse(error)), true) => {
            format!("{}\n", json!({ "file": file.to_string(), "good": false, "error": error }))
        }
        (Err(_), _) => String::new(),
    };
    io::stdout().write_all(page.as_bytes())?;
    checked.map(|_| Outcome::Done)
}

fn load(file: &Path) -> Result<Config, Failure> {
    let config = Config::load(file)?;
    config.check_service(&file.display().to_string()).map_err(Failure::Misuse)?;
    Ok(config)
}
