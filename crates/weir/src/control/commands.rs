//! The commands that change a running service: what was typed becomes a request, and the answer is printed.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::client::ask;
use super::protocol::{Committed, Differences, Edited, Request, Shown, Terms, VersionRow};
use crate::args::{
    CommitArgs, ConfirmArgs, DiffArgs, EditorArgs, Format, PlainArgs, RollbackArgs, SetArgs, ShowArgs, TermsArgs, UnsetArgs,
};
use crate::candidate::{Edit, KeyPath, differences, resolve, value_at};
use crate::exit::{Failure, Outcome, tell};
use crate::output::Listing;

/// `weir set`.
pub(crate) fn set(typed: SetArgs) -> Result<Outcome, Failure> {
    let SetArgs { path, values, add, editor } = typed;
    edit(&editor, if add { Edit::Add(path, values) } else { Edit::Set(path, values) })
}

/// `weir unset`.
pub(crate) fn unset(typed: UnsetArgs) -> Result<Outcome, Failure> {
    let UnsetArgs { path, value, editor } = typed;
    edit(&editor, value.map_or_else(|| Edit::Unset(path.clone()), |value| Edit::Remove(path.clone(), value)))
}

fn edit(editor: &EditorArgs, edit: Edit) -> Result<Outcome, Failure> {
    edited(editor, &Request::Edit { edits: vec![edit] })
}

/// `weir rebase`.
pub(crate) fn rebase(typed: &PlainArgs) -> Result<Outcome, Failure> {
    edited(&typed.editor, &Request::Rebase)
}

/// `weir discard`.
pub(crate) fn discard(typed: &PlainArgs) -> Result<Outcome, Failure> {
    edited(&typed.editor, &Request::Discard)
}

fn edited(editor: &EditorArgs, request: &Request) -> Result<Outcome, Failure> {
    let edited: Edited = ask(editor, request)?;
    if editor.format == Format::Json {
        return print_json(&edited);
    }
    edited.notes.iter().for_each(|note| tell(note));
    let keys = match edited.changes {
        0 => "no key differs from what runs".into(),
        1 => "1 key differs from what runs: weir diff, weir commit".into(),
        count => format!("{count} keys differ from what runs: weir diff, weir commit"),
    };
    print(&format!("{keys}\n"))
}

/// `weir show`.
pub(crate) fn show(typed: &ShowArgs) -> Result<Outcome, Failure> {
    let ShowArgs { path, running, full, version, editor } = typed;
    let read = |full| ask::<Shown>(editor, &Request::Show { running: *running, full, version: *version });
    let shown = read(*full)?;
    if shown.changes > 0 && editor.format != Format::Json {
        tell(&format!("with {} changes that are not committed", shown.changes));
    }
    let Some(path) = path else {
        return match editor.format {
            Format::Json => print_json(&value_at(&shown.text, &KeyPath::default())),
            _ => print(&shown.text),
        };
    };
    let typed: KeyPath = path.parse().map_err(Failure::Misuse)?;
    let (path, _) = resolve(&typed).map_err(Failure::Misuse)?;
    // What is not written has a default, which the full text says.
    let written = value_at(&shown.text, &path);
    let is_default = written.is_none();
    let value = written.map_or_else(|| read(true).map(|shown| value_at(&shown.text, &path)), |value| Ok(Some(value)))?;
    let Some(value) = value else {
        tell(&format!("{path} is not written, and has no default"));
        return Ok(Outcome::NothingMatched);
    };
    if editor.format == Format::Json {
        return print_json(&value);
    }
    let note = if is_default { "  # default" } else { "" };
    match &value {
        Value::Object(_) => {
            let inner = format!("{path}.");
            let lines = differences("", &shown.text).into_iter().filter(|change| change.path.starts_with(&inner));
            print(&lines.map(|change| format!("{}\n", change.to_string().trim_start_matches("+ "))).collect::<String>())
        }
        value => print(&format!("{path} = {value}{note}\n")),
    }
}

/// `weir diff`.
pub(crate) fn diff(typed: &DiffArgs) -> Result<Outcome, Failure> {
    let differences: Differences = ask(&typed.editor, &Request::Diff { version: typed.version })?;
    match typed.editor.format {
        Format::Json => differences.changes.iter().try_for_each(|change| print_json(change).map(drop))?,
        Format::Csv | Format::None => {
            let head = [("Path", false), ("Old", false), ("New", false)].map(|(name, right)| (name.to_owned(), right));
            let mut listing = Listing::new(typed.editor.format, head, io::stdout().lock());
            for change in differences.changes {
                let text = |value: Option<Value>| value.map(|value| value.to_string()).unwrap_or_default();
                listing.push(vec![change.path, text(change.old), text(change.new)])?;
            }
            listing.finish()?;
        }
        Format::Table => {
            print(&differences.changes.iter().map(|change| format!("{change}\n")).collect::<String>())?;
            if differences.changes.is_empty() {
                tell("no key differs");
            }
        }
    }
    differences.notes.iter().for_each(|note| tell(note));
    Ok(Outcome::Done)
}

/// `weir commit`.
pub(crate) fn commit(typed: CommitArgs) -> Result<Outcome, Failure> {
    committed(&typed.editor, &Request::Commit { terms: terms(typed.terms) })
}

/// `weir rollback`.
pub(crate) fn rollback(typed: RollbackArgs) -> Result<Outcome, Failure> {
    committed(&typed.editor, &Request::Rollback { version: typed.version, terms: terms(typed.terms) })
}

/// `weir confirm`.
pub(crate) fn confirm(typed: &ConfirmArgs) -> Result<Outcome, Failure> {
    committed(&typed.editor, &Request::Confirm { overwrite: typed.overwrite })
}

fn terms(typed: TermsArgs) -> Terms {
    let TermsArgs { comment, confirm, overwrite, at_restart } = typed;
    Terms { comment, confirm, overwrite, at_restart }
}

fn committed(editor: &EditorArgs, request: &Request) -> Result<Outcome, Failure> {
    let committed: Committed = ask(editor, request)?;
    if editor.format == Format::Json {
        return print_json(&committed);
    }
    let Committed { version, changes, watched, to_confirm, at_restart, notes } = committed;
    notes.iter().for_each(|note| tell(note));
    if !at_restart.is_empty() {
        tell(&format!("takes effect with a restart: {}", at_restart.join(", ")));
    }
    let rest = match (to_confirm, watched) {
        (true, seconds) => format!("`weir confirm` within {seconds} s keeps it, else it is taken back"),
        (false, 0) => "it is kept".into(),
        (false, seconds) => format!("watched for {seconds} s, and taken back if the service becomes unwell"),
    };
    let lines: String = changes.iter().map(|change| format!("{change}\n")).collect();
    print(&format!("{lines}version {version} runs; {rest}\n"))
}

/// `weir versions`.
pub(crate) fn versions(typed: &PlainArgs) -> Result<Outcome, Failure> {
    let rows: Vec<VersionRow> = ask(&typed.editor, &Request::Versions)?;
    if typed.editor.format == Format::Json {
        rows.iter().try_for_each(|row| print_json(row).map(drop))?;
        return Ok(Outcome::Done);
    }
    let head = [("Version", true), ("Time", false), ("Who", false), ("Changes", true), ("State", false), ("Comment", false)];
    let head = head.map(|(name, right)| (name.to_owned(), right));
    let mut listing = Listing::new(typed.editor.format, head, io::stdout().lock());
    for row in rows {
        let state = match (row.running, row.to_confirm) {
            (_, true) => "to confirm",
            (true, false) => "runs",
            (false, false) => "",
        };
        let comment = row.comment.unwrap_or_default();
        listing.push(vec![row.version.to_string(), row.time, row.who, row.changes.to_string(), state.into(), comment])?;
    }
    listing.finish()?;
    Ok(Outcome::Done)
}

fn print(text: &str) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Outcome::Done)
}

fn print_json(value: &impl Serialize) -> Result<Outcome, Failure> {
    let line = serde_json::to_string(value).map_err(|error| Failure::Failed(error.to_string()))?;
    print(&format!("{line}\n"))
}
