//! `weir ha`: what this unit is, and what it is to be.

use std::io::{self, Write};

use super::{HaStatus, Role};
use crate::args::{EditorArgs, Format, HaArgs, HaWhat};
use crate::control::{Request, ask};
use crate::exit::{Failure, Outcome};

/// Does what was typed.
pub(crate) fn run(typed: &HaArgs) -> Result<Outcome, Failure> {
    let (role, editor) = match &typed.what {
        HaWhat::Active(typed) => (Some(Role::Active), &typed.editor),
        HaWhat::Standby(typed) => (Some(Role::Standby), &typed.editor),
        HaWhat::Status(typed) => (None, &typed.editor),
    };
    let status: HaStatus = ask(editor, &Request::Ha { role })?;
    print(editor, &status)?;
    Ok(Outcome::Done)
}

fn print(editor: &EditorArgs, status: &HaStatus) -> Result<(), Failure> {
    let HaStatus { role, mode, cause, since, changes, withheld, trouble } = status;
    let text = match editor.format {
        Format::None => String::new(),
        Format::Json => serde_json::to_string(status).map_err(|error| Failure::Failed(error.to_string()))? + "\n",
        Format::Csv | Format::Table => {
            let mode = serde_json::to_value(mode).ok().and_then(|mode| mode.as_str().map(str::to_owned)).unwrap_or_default();
            let mut lines = vec![
                ("role", role.to_string()),
                ("since", since.clone()),
                ("because", cause.clone()),
                ("mode", mode),
                ("changes", changes.to_string()),
                ("held back", format!("{withheld} records")),
            ];
            lines.extend(trouble.clone().map(|trouble| ("trouble", trouble)));
            lines.into_iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect()
        }
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
