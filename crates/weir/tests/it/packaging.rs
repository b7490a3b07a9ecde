//! What is packaged: the configuration, the unit of the service, the Debian package.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::run::{File, weir};

fn packaged(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(name)
}

/// Runs a program that not every machine has.
#[expect(clippy::print_stdout, reason = "whoever reads the test's output learns what it left out")]
fn run(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let Ok(output) = Command::new(program).args(arguments).env("DEB_COMPRESSION", "none").output() else {
        println!("skipped: no {program}");
        return None;
    };
    Some((output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
}

#[test]
fn the_packaged_configuration_is_good() {
    let path = packaged("weir.toml");
    let checked = weir(&["check", "-c", path.to_str().unwrap(), "--dump"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let ports: BTreeSet<u16> = checked
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("url = \"udp://[::]:")?.strip_suffix('"')?.parse().ok())
        .collect();
    assert_eq!(ports, BTreeSet::from([2055, 3000, 4739, 6343, 9995]), "{}", checked.stdout);
    assert!(checked.stdout.contains("listen = \"127.0.0.1:8080\""), "{}", checked.stdout);
    assert!(checked.stdout.contains("path = \"/var/lib/weir\""), "{}", checked.stdout);
}

#[test]
fn the_unit_is_understood_and_hardened() {
    let unit = fs::read_to_string(packaged("systemd/weir.service")).unwrap();
    let there = unit.replace("/usr/bin/weir", env!("CARGO_BIN_EXE_weir"));
    assert_ne!(unit, there);
    let name = format!("weir-{}.service", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&name);
    fs::write(&path, there).unwrap();
    let verified = run("systemd-analyze", &["verify", "--man=no", path.to_str().unwrap()]);
    // Exposure goes from 0 to 100 here; past 20 systemd calls a service medium.
    let secure = run("systemd-analyze", &["security", "--offline=true", "--threshold=20", "--no-pager", path.to_str().unwrap()]);
    fs::remove_file(&path).unwrap();
    if let Some((good, told)) = verified {
        assert!(good && !told.contains(&name), "{told}");
    }
    if let Some((good, told)) = secure {
        assert!(good, "{told}");
    }
}

#[test]
fn the_debian_package_has_what_the_service_needs() {
    if run("dpkg-deb", &["--version"]).is_none() || run("objdump", &["--version"]).is_none() {
        return;
    }
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("deb-{}", std::process::id()));
    // An earlier process of this number may have been killed.
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).unwrap();
    let script = packaged("debian/build.sh");
    let (good, told) = run(script.to_str().unwrap(), &[env!("CARGO_BIN_EXE_weir"), out.to_str().unwrap()]).unwrap();
    assert!(good, "{told}");
    let package = fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
    let (_, list) = run("dpkg-deb", &["--contents", package.to_str().unwrap()]).unwrap();
    let (_, info) = run("dpkg-deb", &["--info", package.to_str().unwrap()]).unwrap();
    fs::remove_dir_all(&out).unwrap();
    for (mode, file) in [
        ("-rwxr-xr-x root/root", "./usr/bin/weir"),
        ("-rw-r--r-- root/root", "./etc/weir/weir.toml"),
        ("-rw-r--r-- root/root", "./usr/lib/systemd/system/weir.service"),
        ("-rw-r--r-- root/root", "./usr/share/weir/meter.conf"),
        ("-rw-r--r-- root/root", "./usr/share/bash-completion/completions/weir"),
        ("-rw-r--r-- root/root", "./usr/share/doc/weir/docs/configuration.md"),
    ] {
        let line = list.lines().find(|line| line.ends_with(&format!(" {file}")));
        assert!(line.is_some_and(|line| line.starts_with(mode)), "{file}: {line:?}");
    }
    for wanted in ["Package: weir", "Depends: libc6 (>= 2.", "conffiles", "postinst", "prerm"] {
        assert!(info.contains(wanted), "{wanted}: {info}");
    }
}

#[test]
fn a_configuration_that_is_wrong_is_told_by_its_line() {
    let text = fs::read_to_string(packaged("weir.toml")).unwrap().replace("[store]", "[stroe]");
    let line = text.lines().position(|line| line == "[stroe]").unwrap() + 1;
    let file = File::new("packaged.toml", text.as_bytes());
    let checked = weir(&["check", "-c", file.path()]);
    assert_eq!(checked.code, 2);
    assert!(
        checked.stderr.contains(&format!("line {line}")) && checked.stderr.contains("did you mean store"),
        "{}",
        checked.stderr
    );
}
