//! Asks a service over its control socket.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::protocol::{Answer, Request};
use crate::args::{DEFAULT_CONFIG, EditorArgs};
use crate::config::Control;
use crate::exit::Failure;

/// Asks, and waits for the answer.
pub(crate) fn ask<T: DeserializeOwned>(typed: &EditorArgs, request: &Request) -> Result<T, Failure> {
    let path = place(typed)?;
    let failed = |error: std::io::Error| unreachable(&path, &error);
    let mut stream = UnixStream::connect(&path).map_err(failed)?;
    let mut line = serde_json::to_vec(request).map_err(|error| Failure::Failed(error.to_string()))?;
    line.push(b'\n');
    // A service that refuses may not read all of it; what it says counts.
    let _ = stream.write_all(&line);
    let mut said = String::new();
    BufReader::new(&stream).read_line(&mut said).map_err(failed)?;
    let strange = |error: &dyn std::fmt::Display| {
        Failure::Failed(format!("{} answers what this version cannot read: {error}", path.display()))
    };
    match serde_json::from_str(&said).map_err(|error| strange(&error))? {
        Answer::Ok(said) => serde_json::from_value(said).map_err(|error| strange(&error)),
        Answer::Error(error) => Err(Failure::Misuse(error)),
    }
}

/// Where the socket is: as typed, or as the configuration says.
fn place(typed: &EditorArgs) -> Result<PathBuf, Failure> {
    if let Some(socket) = &typed.socket {
        return Ok(socket.clone());
    }
    let config = typed.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
    let refuse = |error: String| {
        Failure::Misuse(format!("{}: {error}; --socket names the socket of the service itself", config.display()))
    };
    // A file that is broken says all the same where the service is that could not load it.
    let text = fs::read_to_string(config).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let Places { control, store } = toml::from_str(&text).map_err(|error| refuse(error.message().to_owned()))?;
    let control = Control { socket: control.and_then(|control| control.socket), ..Control::default() };
    Ok(control.place(store.and_then(|store| store.path).as_deref()))
}

/// The keys that say where a socket is, whatever else there is.
#[derive(Deserialize)]
struct Places {
    control: Option<ControlPlace>,
    store: Option<StorePlace>,
}

#[derive(Deserialize)]
struct ControlPlace {
    socket: Option<PathBuf>,
}

#[derive(Deserialize)]
struct StorePlace {
    path: Option<PathBuf>,
}

fn unreachable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::Failed(match error.kind() {
        ErrorKind::PermissionDenied => {
            format!("{path}: you may not change this service: its user and group may (see [control] mode), and root")
        }
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            format!(
                "no service answers at {path}: start it with `weir run`, name its configuration with -c, or its socket with --socket"
            )
        }
        _ => format!("{path}: {error}"),
    })
}
