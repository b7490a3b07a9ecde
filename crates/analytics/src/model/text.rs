//! Names and descriptions: how long, and of what.

use super::{Invalid, MAX_DESCRIPTION, MAX_NAME};

/// A name: something, on one line.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), Invalid> {
    if name.trim().is_empty() {
        return Err(Invalid::new(field, "a name is missing"));
    }
    check_line(field, name)
}

/// A line that may be empty.
pub(super) fn check_line(field: &str, line: &str) -> Result<(), Invalid> {
    if line.chars().any(char::is_control) {
        return Err(Invalid::new(field, "there is a control character in it"));
    }
    check_length(field, line, MAX_NAME)
}

pub(super) fn check_description(field: &str, text: &str) -> Result<(), Invalid> {
    check_length(field, text, MAX_DESCRIPTION)
}

fn check_length(field: &str, text: &str, most: usize) -> Result<(), Invalid> {
    match text.chars().count() {
        length if length > most => Err(Invalid::new(field, format!("{length} characters, at most {most} are allowed"))),
        _ => Ok(()),
    }
}
