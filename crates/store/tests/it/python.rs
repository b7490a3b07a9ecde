//! Programs of Python's world, which read what we write.

use std::path::PathBuf;
use std::process::Command;

/// A Python that has the modules, or nothing, which is said. `scripts/setup-tests.sh` makes one.
pub(crate) fn python(modules: &[&str]) -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    let ours = cache.map(|cache| cache.join("weir/python/bin/python"));
    let python = std::env::var_os("WEIR_PYTHON").map(PathBuf::from).or(ours).unwrap_or_else(|| "python3".into());
    let import = format!("import {}", modules.join(", "));
    let has_them = Command::new(&python).args(["-c", &import]).output().is_ok_and(|output| output.status.success());
    if !has_them {
        println!("skipped: no Python with {} (scripts/setup-tests.sh installs it, WEIR_PYTHON names one)", modules.join(", "));
    }
    has_them.then_some(python)
}
