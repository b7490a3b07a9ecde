//! A lock on a file that goes with its value.

use std::fs::File;

/// A file that is locked. It is unlocked by name: closing it is not enough while a program that is just being started still has our open files.
#[derive(Debug)]
pub(crate) struct Lock(pub(crate) File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_still_has_the_file_does_not_keep_it_locked() {
        let folder = tempfile::tempdir().unwrap();
        let open = || File::options().create(true).truncate(false).write(true).open(folder.path().join("lock")).unwrap();
        let held = Lock(open());
        held.0.lock().unwrap();
        let of_another = held.0.try_clone().unwrap();
        assert!(open().try_lock().is_err());
        drop(held);
        open().try_lock().unwrap();
        drop(of_another);
    }
}
