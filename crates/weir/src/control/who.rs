//! Who asks: the user at the other end of a socket, as the kernel knows them.

use std::fs;
use std::os::unix::net::UnixStream;

/// Somebody who changes the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// The number of the user.
    pub(crate) uid: u32,
    /// Their name, or the number again.
    pub(crate) name: String,
}

impl Who {
    /// The peer of a connection.
    pub(crate) fn of(stream: &UnixStream) -> std::io::Result<Self> {
        let uid = rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw();
        Ok(Self { uid, name: name_of(uid).unwrap_or_else(|| uid.to_string()) })
    }
}

/// The name of a user in the file of users.
pub(crate) fn name_of(uid: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}
