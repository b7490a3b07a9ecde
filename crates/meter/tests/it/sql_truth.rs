//! Users, databases, errors and statements of database connections against tshark's fields (`sql_truth.tsv`, made once with its JSON output).

use std::collections::{BTreeMap, BTreeSet};

use weir_meter::{Applications, Config};

use crate::captures::{captures_dir, metered, without_timeouts};

#[test]
fn databases_say_what_tshark_says() {
    let Some(folder) = captures_dir() else {
        return;
    };
    let lines: Vec<Vec<&str>> = include_str!("sql_truth.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
        .collect();
    let captures: BTreeSet<&str> = lines.iter().map(|line| line[0]).collect();
    let applications = Applications { sql_text: true, ..Applications::default() };
    let found: BTreeMap<&str, _> =
        captures.into_iter().map(|name| (name, found(&folder.join(name), applications.clone()))).collect();
    let mut faults = Vec::new();
    for line in &lines {
        let nothing = Default::default();
        let found = found[line[0]].get(line[1]).unwrap_or(&nothing);
        let mut expected: Vec<&str> = line[2..].to_vec();
        // The meter gives the name of a procedure where tshark shows no statement.
        if line[2] == "mssql" && line[6].is_empty() {
            expected[4] = &found[4];
        }
        if found[..] != expected[..] {
            faults.push(format!("{} {}: expected {expected:?}, found {found:?}", line[0], line[1]));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), lines.len(), faults.join("\n"));
    println!("{} connections", lines.len());
}

#[test]
fn statements_are_kept_only_when_wanted() {
    let Some(folder) = captures_dir() else {
        return;
    };
    let found = found(&folder.join("packets/zeek/mysql__mysql.pcap"), Applications::default());
    assert!(found.values().all(|texts| texts[4].is_empty() && texts[1] == "tfoerste"), "{found:?}");
}

/// By the client's port: engine, user, database, error, and the start of the statement.
fn found(path: &std::path::Path, applications: Applications) -> BTreeMap<String, [String; 5]> {
    let (flows, _) = metered(path, Config { applications: Some(applications), ..without_timeouts() });
    let mut found = BTreeMap::new();
    for row in 0..flows.rows() {
        let Some(engine) = flows.sql_engine.get(row) else { continue };
        assert_eq!(flows.app.get(row), Some(engine));
        let ports = [flows.src_port.get(row), flows.dst_port.get(row)].map(Option::unwrap_or_default);
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let statement = flows.sql_statement.get(row).unwrap_or_default();
        let texts = [
            text(Some(engine)),
            text(flows.sql_user.get(row)),
            text(flows.sql_database.get(row)),
            text(flows.sql_error.get(row)),
            statement.chars().filter(char::is_ascii_graphic).take(60).collect(),
        ];
        let client = ports.into_iter().find(|port| ![3306, 5432, 1433].contains(port)).unwrap_or_default();
        found.insert(client.to_string(), texts);
    }
    found
}
