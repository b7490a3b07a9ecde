//! A file whose word says the role, as scripts of other programs write it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::{Role, Verdict};

/// Octets that are read of the file.
const LONGEST: u64 = 64;

/// Octets of events that are read at once.
const EVENTS: usize = 4096;

/// Watches a file.
pub(super) struct FileWatch {
    path: PathBuf,
    events: OwnedFd,
}

impl FileWatch {
    /// Begins to watch; the folder of the file has to be there. The error is a sentence.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let refuse = |error: Errno| format!("cannot watch {}: {error}", folder.display());
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(refuse)?;
        // The folder, since a file is often replaced by another of its name.
        let changes = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
        let its_end = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        inotify::add_watch(&events, folder, changes | its_end | WatchFlags::ONLYDIR).map_err(refuse)?;
        Ok(Self { path: path.to_owned(), events })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// What the file says now. The error is a sentence.
    pub(super) fn look(&self) -> Result<Verdict, String> {
        let mut buffer = [MaybeUninit::uninit(); EVENTS];
        let mut events = inotify::Reader::new(&self.events, &mut buffer);
        let ends = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED | ReadFlags::UNMOUNT;
        loop {
            match events.next() {
                Ok(event) if event.events().intersects(ends) => {
                    return Err(format!("the folder of {} has gone", self.path.display()));
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(format!("cannot watch {}: {error}", self.path.display())),
            }
        }
        self.read()
    }

    fn read(&self) -> Result<Verdict, String> {
        let path = self.path.display();
        let mut text = Vec::new();
        match File::open(&self.path).and_then(|file| file.take(LONGEST).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Verdict { role: Role::Standby, cause: format!("there is no {path}") });
            }
            Err(error) => return Err(format!("cannot read {path}: {error}")),
        }
        let text = String::from_utf8_lossy(&text);
        let word = text.split_whitespace().next().unwrap_or_default();
        // The second of each is keepalived's.
        let is_active = ["active", "master"].iter().any(|active| word.eq_ignore_ascii_case(active));
        let role = if is_active { Role::Active } else { Role::Standby };
        Ok(Verdict { role, cause: format!("{path} says \"{}\"", word.escape_default()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_in_the_file_is_the_role() {
        let folder = std::env::temp_dir().join(format!("weir-role-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, other) = (folder.join("role"), folder.join("other"));
        let watch = FileWatch::open(&path).unwrap();
        assert_eq!(watch.look().unwrap().role, Role::Standby);
        let word = |text: &str| {
            std::fs::write(&path, text).unwrap();
            watch.look().unwrap()
        };
        for (text, role) in
            [("active\n", Role::Active), ("standby\n", Role::Standby), ("MASTER", Role::Active), ("FAULT", Role::Standby)]
        {
            assert_eq!(word(text).role, role, "{text}");
        }
        assert_eq!(word("").role, Role::Standby);
        assert_eq!(word(&"active".repeat(1000)).role, Role::Standby);
        // One that takes its place.
        std::fs::write(&other, "active").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(watch.look().unwrap(), Verdict { role: Role::Active, cause: format!("{} says \"active\"", path.display()) });
        std::fs::remove_file(&path).unwrap();
        assert_eq!(watch.look().unwrap().role, Role::Standby);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(watch.look().unwrap_err().contains("has gone"));
        assert!(FileWatch::open(&path).is_err());
    }
}
