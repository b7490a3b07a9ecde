//! The import table of ARCHITECTURE.md, compared with what the manifests say.
//!
//! The table stands there and nowhere else: people read it, and this reads it. Development dependencies are free.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Finding;

/// Where the table stands.
const MAP: &str = "ARCHITECTURE.md";

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Room {
    /// Floor, or nothing for what stands beside.
    floor: Option<u8>,
    /// Rooms that may be imported; nothing means all.
    imports: Option<Vec<String>>,
    /// Whether the room exists already.
    exists: bool,
}

/// Compares the table with the packages of the workspace.
pub(super) fn check(root: &Path, findings: &mut Vec<Finding>) -> Result<(), String> {
    let text = fs::read_to_string(root.join(MAP)).map_err(|error| format!("{MAP}: {error}"))?;
    let rooms = parse(&text);
    let packages = packages(root)?;
    compare(&rooms, &packages, findings);
    Ok(())
}

fn compare(rooms: &BTreeMap<String, Room>, packages: &BTreeMap<String, Vec<String>>, findings: &mut Vec<Finding>) {
    let mut find = |message: String| findings.push(Finding { place: MAP.to_owned(), message });
    if rooms.is_empty() {
        find("no table of rooms found".to_owned());
    }
    for (name, room) in rooms {
        if room.exists != packages.contains_key(name) {
            find(format!(
                "room `{name}` is marked {}",
                if room.exists { "now, but there is no such crate" } else { "later, but it exists" }
            ));
        }
        // What stands beside the floors may import any room.
        for import in room.imports.iter().flatten().filter(|_| room.floor.is_some()) {
            let lower = rooms.get(import).is_some_and(|other| other.floor < room.floor && other.floor.is_some());
            if !lower {
                find(format!("room `{name}` may import `{import}`, which is not below it"));
            }
        }
    }
    for (name, imports) in packages {
        let Some(room) = rooms.get(name) else {
            find(format!("crate `{name}` is not in the table of rooms"));
            continue;
        };
        let Some(allowed) = &room.imports else { continue };
        for import in imports.iter().filter(|import| !allowed.contains(import)) {
            find(format!("crate `{name}` imports `{import}`, which the table does not allow"));
        }
    }
}

/// Rows between the two marks: room, floor, purpose, never, imports, state.
fn parse(text: &str) -> BTreeMap<String, Room> {
    let table = text.split_once("<!-- rooms -->").and_then(|(_, rest)| rest.split_once("<!-- end of rooms -->"));
    let rows = table.map_or("", |(table, _)| table).lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, floor, _, _, imports, state] = cells.as_slice() else { return None };
        let imports = match *imports {
            "all" => None,
            "-" => Some(Vec::new()),
            list => Some(list.split(", ").map(str::to_owned).collect()),
        };
        Some((name.trim_matches('`').to_owned(), Room { floor: floor.parse().ok(), imports, exists: *state == "now" }))
    })
    .collect()
}

/// Crates under `crates/` with the rooms that they import, as `cargo metadata` tells.
fn packages(root: &Path) -> Result<BTreeMap<String, Vec<String>>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&metadata["packages"]);
    let room_of = |name: &Value| name.as_str().map(|name| name.strip_prefix("weir-").unwrap_or(name).to_owned());
    let ours = packages.iter().filter(|package| package["name"] != "xtask");
    Ok(ours
        .filter_map(|package| {
            let dependencies = list(&package["dependencies"]);
            let normal = dependencies.iter().filter(|dependency| dependency["kind"] != "dev" && dependency["path"].is_string());
            Some((room_of(&package["name"])?, normal.filter_map(|dependency| room_of(&dependency["name"])).collect()))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{compare, parse};

    const TABLE: &str = "<!-- rooms -->\n| room | floor | is | Never | imports | state |\n| --- | --- | --- | --- | --- | --- |\n\
        | `wire` | 0 | octets | reads a clock | - | now |\n| `codec` | 2 | protocols | opens a file | wire | now |\n\
        | `server` | 4 | HTTP | decides | codec | later |\n<!-- end of rooms -->\n";

    fn messages(packages: &[(&str, &[&str])]) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let packages: BTreeMap<_, _> = packages.iter().map(|(name, imports)| (name.to_string(), owned(imports))).collect();
        let mut findings = Vec::new();
        compare(&parse(TABLE), &packages, &mut findings);
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn what_the_table_allows_is_no_finding() {
        assert_eq!(messages(&[("wire", &[]), ("codec", &["wire"])]), [""; 0]);
    }

    #[test]
    fn import_upwards_is_found() {
        assert_eq!(
            messages(&[("wire", &["codec"]), ("codec", &[])]),
            ["crate `wire` imports `codec`, which the table does not allow"]
        );
    }

    #[test]
    fn rooms_and_crates_are_the_same() {
        assert_eq!(messages(&[("wire", &[])]), ["room `codec` is marked now, but there is no such crate"]);
        assert_eq!(messages(&[("wire", &[]), ("codec", &[]), ("cellar", &[])]), ["crate `cellar` is not in the table of rooms"]);
        assert_eq!(messages(&[("wire", &[]), ("codec", &[]), ("server", &[])]), ["room `server` is marked later, but it exists"]);
    }
}
