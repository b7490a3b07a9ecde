//! The audit log: who did what, when, from where, and what came of it. A line of JSON each; passwords and tokens stand in none.

use std::net::IpAddr;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Characters of a text of strangers in a line.
const LONGEST: usize = 1000;

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// When.
    #[serde(with = "crate::moment::as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub time: i64,
    /// The user; `-` where nobody was signed in.
    pub who: String,
    /// How they were known: `session`, `token`, `local`, `open`, `command` (`weir user`), `-`.
    pub via: String,
    /// From which address; left out for commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub from: Option<IpAddr>,
    /// What was done: the method and path of a request, or words.
    pub what: String,
    /// To whom or what, where the path does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `ok`, or why not.
    pub result: String,
}

impl AuditRow {
    /// As it stands in the log.
    pub(crate) fn line(&self) -> Vec<u8> {
        let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
        let row = Self {
            who: short(&self.who),
            what: short(&self.what),
            target: self.target.as_deref().map(short),
            result: short(&self.result),
            ..self.clone()
        };
        // JSON has no line ends within, whatever strangers say.
        let mut line = serde_json::to_vec(&row).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Which lines are wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) limit: usize,
    pub(crate) user: Option<&'a str>,
    pub(crate) before: Option<i64>,
}

impl Wanted<'_> {
    /// Takes those that are wanted, of lines with the latest first.
    pub(crate) fn take(&self, rows: &mut Vec<AuditRow>, line: &[u8]) -> ControlFlow<()> {
        // A line that a crash cut short is none.
        let Ok(row) = serde_json::from_slice::<AuditRow>(line) else { return ControlFlow::Continue(()) };
        let is_wanted = self.user.is_none_or(|user| user == row.who || row.target.as_deref() == Some(user))
            && self.before.is_none_or(|before| row.time < before);
        rows.extend(is_wanted.then_some(row));
        if rows.len() < self.limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_whatever_strangers_say() {
        let row = AuditRow {
            time: 0,
            who: "a\nb\u{1b}[2J".into(),
            via: "-".into(),
            from: None,
            what: "x".repeat(5000),
            target: None,
            result: "ok".into(),
        };
        let line = row.line();
        assert_eq!(line.iter().filter(|octet| octet.is_ascii_control()).count(), 1);
        let read: AuditRow = serde_json::from_slice(&line).unwrap();
        assert_eq!((read.who.as_str(), read.what.len()), ("a\nb\u{1b}[2J", LONGEST));
    }
}
