//! Rules of manifests and crates: every dependency arrives with its reason, every room says what it never does, pure rooms are held to it.

use super::{Finding, Source};

/// Rooms on floors 0 to 2: no file, no socket, no clock.
const PURE: [&str; 7] = ["record", "wire", "query", "codec", "meter", "enrich", "analytics"];

/// Checks one manifest: a comment stands above each dependency, or above the first of a group without an empty line between.
pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    if !source.path.ends_with("Cargo.toml") {
        return;
    }
    let mut in_dependencies = false;
    let mut reason = false;
    for (line, number) in source.text.lines().zip(1..) {
        let line = line.trim();
        if line.starts_with('[') {
            in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
            reason = false;
        } else if line.is_empty() {
            reason = false;
        } else if line.starts_with('#') {
            reason = true;
        } else if in_dependencies && !reason && !is_of_ours(line) && line.contains('=') {
            let message = "a dependency without its reason; write a comment above it".to_owned();
            findings.push(Finding { place: format!("{}:{number}", source.path), message });
        }
    }
}

/// True for a dependency on another room.
fn is_of_ours(line: &str) -> bool {
    line.starts_with("weir-") || line.starts_with("weir ") || line.starts_with("weir.")
}

/// Checks that each room says what it never does, and that pure rooms are held to it.
pub(super) fn check_rooms(sources: &[Source], findings: &mut Vec<Finding>) {
    let rooms = sources.iter().filter_map(|source| source.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"));
    for room in rooms {
        let text = |file: &str| {
            let path = format!("crates/{room}/{file}");
            sources.iter().find(|source| source.path == path).map(|source| source.text.as_str())
        };
        let root = text("src/lib.rs").or(text("src/main.rs")).unwrap_or_default();
        let header = root.lines().take_while(|line| line.starts_with("//!"));
        if !header.into_iter().any(|line| line.starts_with("//! Never: ")) {
            let message = "the header has no line `//! Never: ...` that says what this room never does".to_owned();
            findings.push(Finding { place: format!("crates/{room}/src"), message });
        }
        let banned =
            text("clippy.toml").is_some_and(|text| text.contains("disallowed-methods") && text.contains("disallowed-types"));
        if PURE.contains(&room) && !banned {
            let message = "floors 0 to 2 ban files, sockets and clocks: disallowed-methods and disallowed-types".to_owned();
            findings.push(Finding { place: format!("crates/{room}/clippy.toml"), message });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    fn lines(manifest: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(&Source { path: "Cargo.toml".to_owned(), text: manifest.to_owned() }, &mut findings);
        findings.into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn reason_covers_its_group() {
        assert_eq!(lines("[dependencies]\n# Numbers to text.\nitoa = \"1\"\nryu = \"1\"\n\nserde = \"1\"\n"), ["Cargo.toml:6"]);
    }

    #[test]
    fn every_table_of_dependencies_counts() {
        assert_eq!(
            lines("[dev-dependencies]\nserde = \"1\"\n[target.'cfg(unix)'.dependencies]\nnix = \"1\"\n"),
            ["Cargo.toml:2", "Cargo.toml:4"]
        );
    }

    #[test]
    fn our_own_rooms_need_none() {
        assert_eq!(lines("[package]\nname = \"a\"\n[dependencies]\nweir-wire.workspace = true\n"), [""; 0]);
    }
}
