//! Repeatable load for benchmarks: datagrams that the shared generator makes.

use std::path::PathBuf;
use std::process::Command;

use crate::{Datagram, datagrams, shared_dir};

/// Datagrams that `flowgen export` makes with these arguments, or nothing where the shared folder is absent.
///
/// The generator is compiled once into the folder of temporary files.
pub fn generated(arguments: &[&str]) -> Option<Vec<Datagram>> {
    let source = shared_dir()?.join("bench/flowgen.rs");
    let folder = std::env::temp_dir().join("weir-flowgen");
    std::fs::create_dir_all(&folder).expect("the folder of temporary files can be written");
    let program = folder.join("flowgen");
    if !program.exists() {
        run(Command::new("rustc").args(["-O", "--edition", "2021", "-o"]).arg(&program).arg(source));
    }
    let capture: PathBuf = folder.join(format!("{}-{}.pcap", arguments.join("_"), std::process::id()));
    run(Command::new(&program).arg("export").args(arguments).arg("--out").arg(&capture));
    let made = datagrams(&capture);
    std::fs::remove_file(&capture).expect("the capture was made just now");
    Some(made)
}

fn run(command: &mut Command) {
    let output = command.output().expect("the generator runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
