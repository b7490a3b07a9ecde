//! Passwords as they are typed: on a terminal twice and unseen, else a line of the standard input.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::Failure;

/// Octets of a line that is read.
const LONGEST: u64 = 8192;

/// Asks for a new password.
pub(super) fn ask(whose: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return read_line();
    }
    let once = unseen(&format!("Password of {whose}: "))?;
    let again = unseen("Once more: ")?;
    if once != again {
        return Err(Failure::Misuse("these two are not the same".into()));
    }
    Ok(once)
}

fn unseen(prompt: &str) -> Result<String, Failure> {
    let _hidden = Hidden::new().map_err(|error| Failure::Failed(format!("the terminal cannot hide what is typed: {error}")))?;
    let mut terminal = io::stderr().lock();
    write!(terminal, "{prompt}").and_then(|()| terminal.flush())?;
    let line = read_line();
    writeln!(terminal)?;
    line
}

fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = io::Read::take(io::stdin().lock(), LONGEST).read_line(&mut line);
    read.map_err(|error| Failure::Failed(format!("cannot read the password: {error}")))?;
    let line = line.trim_end_matches(['\n', '\r']);
    if line.is_empty() {
        return Err(Failure::Misuse("a password is missing: type one, or hand it over on the standard input".into()));
    }
    Ok(line.to_owned())
}

/// While it is there the terminal does not show what is typed.
struct Hidden(Termios);

impl Hidden {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing any more.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
