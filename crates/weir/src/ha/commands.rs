//! `weir ha`: what this unit is, what it is to be, and how two of them become a pair.

use std::io::{self, Write};

use serde_json::Value;

use super::{HaStatus, Role};
use crate::args::{EditorArgs, Format, HaArgs, HaWhat};
use crate::control::{Request, ask};
use crate::exit::{Failure, Outcome};

/// Does what was typed.
pub(crate) fn run(typed: &HaArgs) -> Result<Outcome, Failure> {
    let (request, editor) = match &typed.what {
        HaWhat::Init(typed) => return init(&typed.editor),
        HaWhat::Active(typed) => (Request::Ha { role: Some(Role::Active) }, &typed.editor),
        HaWhat::Standby(typed) => (Request::Ha { role: Some(Role::Standby) }, &typed.editor),
        HaWhat::Status(typed) => (Request::Ha { role: None }, &typed.editor),
        HaWhat::Join(typed) => (Request::HaJoin { address: typed.address.clone(), token: typed.token.clone() }, &typed.editor),
        HaWhat::Settle(typed) => (Request::HaSettle, &typed.editor),
        HaWhat::Leave(typed) => (Request::HaLeave, &typed.editor),
    };
    let status: HaStatus = ask(editor, &request)?;
    print(editor, &status)?;
    Ok(Outcome::Done)
}

fn init(editor: &EditorArgs) -> Result<Outcome, Failure> {
    let said: Value = ask(editor, &Request::HaInit)?;
    let token = said["token"].as_str().unwrap_or_default();
    let text = match editor.format {
        Format::None => String::new(),
        Format::Json => format!("{said}\n"),
        Format::Csv | Format::Table => format!("On the other unit, within an hour: weir ha join THIS_HOST {token}\n"),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}

fn print(editor: &EditorArgs, status: &HaStatus) -> Result<(), Failure> {
    let text = match editor.format {
        Format::None => String::new(),
        Format::Json => serde_json::to_string(status).map_err(|error| Failure::Failed(error.to_string()))? + "\n",
        Format::Csv | Format::Table => lines(status).into_iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect(),
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn lines(status: &HaStatus) -> Vec<(&'static str, String)> {
    let HaStatus { role, mode, cause, since, changes, withheld, trouble, configuration, peer } = status;
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
    let Some(peer) = peer else { return lines };
    let role = peer.role.map_or_else(|| "cannot be spoken with".to_owned(), |role| role.to_string());
    lines.push(("other unit", format!("{role} {} {}", peer.address, peer.version).trim_end().to_owned()));
    let number = configuration.map_or_else(|| "on trial".to_owned(), |number| number.to_string());
    lines.push(("versions", format!("{number} here, {} there", peer.configuration)));
    let same = match (&peer.same, peer.lag) {
        (Some(_), Some(0)) => "the same on both".to_owned(),
        (Some(same), Some(lag)) => format!("{} keys differ, for {lag} s: the same last at {same}", peer.differing),
        _ => format!("{} keys differ, and were never the same", peer.differing),
    };
    lines.push(("settings", same));
    lines.extend(peer.changed.clone().map(|changed| ("taken over", changed)));
    lines.extend(peer.trouble.clone().map(|trouble| ("why", trouble)));
    lines
}
