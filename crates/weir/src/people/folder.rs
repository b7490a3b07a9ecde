//! The folder of users: one file that is replaced whole, a log that only grows, and what commands on this machine sign in with.
//!
//! The service and `weir user` change the file alike, one after the other: whoever changes it holds a lock on the folder. Its owner is that of the folder
//! around it, also where root made it, so that the service can read what a command wrote.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use weir_server::{Keeper, tls};

use crate::control::file::replace;

const USERS: &str = "users.json";
const AUDIT: &str = "audit.log";
const LOCAL_TOKEN: &str = "local.token";
const CERTIFICATE: &str = "certificate.pem";
const PRIVATE_KEY: &str = "private_key.pem";

/// Octets of an audit log; then the next begins.
const AUDIT_OCTETS: u64 = 16 << 20;

/// Audit logs before the latest that are kept.
const AUDIT_KEPT: usize = 7;

/// A folder that is there.
pub(crate) struct Folder {
    path: PathBuf,
    /// Lines of the log are written one after the other.
    writing: Mutex<()>,
}

impl Folder {
    /// Opens a folder, and makes it where there is none. The error is a sentence.
    pub(crate) fn open(path: PathBuf) -> Result<Self, String> {
        let refuse = |error: io::Error| format!("console.folder: {}: {error}", path.display());
        if !path.is_dir() {
            make(&path).map_err(refuse)?;
        }
        Ok(Self { path, writing: Mutex::default() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the token with which commands on this machine ask.
    pub(super) fn token_file(&self) -> TokenFile {
        TokenFile(self.path.join(LOCAL_TOKEN))
    }

    /// Certificate and key that were made here, or are made now, for these names. The error is a sentence.
    pub(super) fn identity(&self, names: &[String]) -> Result<(PathBuf, PathBuf), String> {
        let (certificate, key) = (self.path.join(CERTIFICATE), self.path.join(PRIVATE_KEY));
        if !certificate.exists() || !key.exists() {
            let failed = |error: io::Error| format!("console.certificate: {}: {error}", certificate.display());
            let (certificate_text, key_text) =
                tls::self_signed(names.to_vec()).map_err(|error| format!("console.certificate: {error}"))?;
            self.replace(&key, key_text.as_bytes()).map_err(failed)?;
            self.replace(&certificate, certificate_text.as_bytes()).map_err(failed)?;
            tracing::info!(path = %certificate.display(), ?names, "a certificate was made");
        }
        Ok((certificate, key))
    }

    /// Puts these octets in the place of a file of the folder, readable for its owner alone.
    fn replace(&self, path: &Path, octets: &[u8]) -> io::Result<()> {
        let is_new = !path.exists();
        replace(path, octets)?;
        if is_new { self.hand_over(path) } else { Ok(()) }
    }

    /// Gives a file that was made to the owner of the folder.
    fn hand_over(&self, path: &Path) -> io::Result<()> {
        let (folder, file) = (fs::metadata(&self.path)?, fs::metadata(path)?);
        if (folder.uid(), folder.gid()) == (file.uid(), file.gid()) {
            return Ok(());
        }
        chown(path, Some(folder.uid()), Some(folder.gid()))
    }

    fn users(&self) -> PathBuf {
        self.path.join(USERS)
    }

    fn audit(&self, before: usize) -> PathBuf {
        let name = if before == 0 { AUDIT.to_owned() } else { format!("{AUDIT}.{before}") };
        self.path.join(name)
    }

    /// Begins the next audit log.
    fn turn_over(&self) -> io::Result<()> {
        let _lock = self.lock()?;
        // Somebody else may have done it meanwhile.
        if fs::metadata(self.audit(0)).map_or(0, |file| file.len()) < AUDIT_OCTETS {
            return Ok(());
        }
        for before in (0..AUDIT_KEPT).rev() {
            match fs::rename(self.audit(before), self.audit(before + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// While it is held nobody else changes anything here.
    fn lock(&self) -> io::Result<File> {
        let folder = File::open(&self.path)?;
        folder.lock()?;
        Ok(folder)
    }
}

impl Keeper for Folder {
    fn stamp(&self) -> io::Result<Option<[i64; 4]>> {
        match fs::metadata(self.users()) {
            Ok(file) => Ok(Some([file.ino() as i64, file.mtime(), file.mtime_nsec(), file.len() as i64])),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.users()) {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn change(&self, edit: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) -> io::Result<()> {
        let _lock = self.lock()?;
        match edit(self.read()?) {
            Some(octets) => self.replace(&self.users(), &octets),
            None => Ok(()),
        }
    }

    fn note(&self, line: &[u8]) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.audit(0);
        if fs::metadata(&path).map_or(0, |file| file.len()) >= AUDIT_OCTETS {
            self.turn_over()?;
        }
        let is_new = !path.exists();
        OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?.write_all(line)?;
        if is_new { self.hand_over(&path) } else { Ok(()) }
    }

    fn notes(&self, each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
        for before in 0..=AUDIT_KEPT {
            let octets = match fs::read(self.audit(before)) {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            for line in octets.rsplit(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
                if each(line).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The file of the token of this machine.
pub(crate) struct TokenFile(PathBuf);

impl TokenFile {
    /// That of a folder which may not be there.
    pub(crate) fn of(folder: &Path) -> Self {
        Self(folder.join(LOCAL_TOKEN))
    }

    /// The token; nothing where there is none, or it is not for us.
    pub(crate) fn read(&self) -> Option<String> {
        let token = fs::read_to_string(&self.0).ok()?;
        Some(token.trim().to_owned()).filter(|token| !token.is_empty())
    }

    pub(super) fn write(&self, token: &str) -> io::Result<()> {
        // Whoever could read one that was there before might read the next.
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        replace(&self.0, format!("{token}\n").as_bytes())
    }
}

/// The certificate that is made in a folder of people.
pub(crate) fn made_certificate(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE)
}

/// Makes a folder closed to others, and those around it; they belong to whom the folder around them belongs.
fn make(path: &Path) -> io::Result<()> {
    let around = path.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !around.is_dir() {
        fs::create_dir_all(around)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let (around, made) = (fs::metadata(around)?, fs::metadata(path)?);
    if (around.uid(), around.gid()) != (made.uid(), made.gid()) {
        // To give a folder away is root's alone; others made it for themselves.
        let _ = chown(path, Some(around.uid()), Some(around.gid()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("weir-people-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_lies_there_is_closed_to_others() {
        let temporary = Temporary::new("modes");
        let folder = Folder::open(temporary.0.join("console")).unwrap();
        folder
            .change(&mut |octets| {
                assert_eq!(octets, None);
                Some(b"{}".to_vec())
            })
            .unwrap();
        folder.note(b"line\n").unwrap();
        fs::write(folder.path.join(LOCAL_TOKEN), "old").unwrap();
        folder.token_file().write("secret").unwrap();
        let (certificate, key) = folder.identity(&["localhost".into()]).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        for path in [folder.users(), folder.audit(0), folder.path.join(LOCAL_TOKEN), certificate.clone(), key] {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        assert_eq!(TokenFile::of(folder.path()).read().as_deref(), Some("secret"));
        let before = fs::read(&certificate).unwrap();
        folder.identity(&["localhost".into()]).unwrap();
        assert_eq!(fs::read(&certificate).unwrap(), before, "it is made once");
    }

    #[test]
    fn the_stamp_tells_each_change() {
        let temporary = Temporary::new("stamp");
        let folder = Folder::open(temporary.0.clone()).unwrap();
        assert_eq!(folder.stamp().unwrap(), None);
        let mut seen = Vec::new();
        for octets in [b"one", b"two", b"two"] {
            folder.change(&mut |_| Some(octets.to_vec())).unwrap();
            seen.push(folder.stamp().unwrap());
        }
        folder.change(&mut |_| None).unwrap();
        assert_eq!(folder.stamp().unwrap(), seen[2], "nothing was changed");
        assert!(seen[0] != seen[1] && seen[1] != seen[2], "{seen:?}");
    }

    #[test]
    fn several_who_change_at_a_time_lose_nothing() {
        let temporary = Temporary::new("lock");
        let path = temporary.0.clone();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                // Each as another process would.
                let folder = Folder::open(path.clone()).unwrap();
                scope.spawn(move || {
                    for _ in 0..25 {
                        folder.change(&mut |octets| Some([octets.unwrap_or_default(), vec![b'x']].concat())).unwrap();
                    }
                });
            }
        });
        assert_eq!(Folder::open(path).unwrap().read().unwrap().unwrap().len(), 100);
    }

    #[test]
    fn the_log_has_a_limit_and_is_read_from_its_end() {
        let temporary = Temporary::new("log");
        let folder = Folder::open(temporary.0.clone()).unwrap();
        for turn in 0..AUDIT_KEPT + 3 {
            folder.note(format!("turn {turn}\n").as_bytes()).unwrap();
            OpenOptions::new().write(true).open(folder.audit(0)).unwrap().set_len(AUDIT_OCTETS).unwrap();
        }
        folder.note(b"last but one\n").unwrap();
        folder.note(b"last\n").unwrap();
        let mut lines = Vec::new();
        let mut take = |line: &[u8]| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            if lines.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        folder.notes(&mut take).unwrap();
        assert_eq!(lines, ["last", "last but one"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), AUDIT_KEPT + 1);
    }
}
