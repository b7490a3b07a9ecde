//! The lists of `tests/data`.

use weir_query::{Filter, Mask};

use crate::batch::batch;

/// Lines of a list, comments left out, with their numbers.
fn lines(data: &str) -> impl Iterator<Item = (usize, &str)> {
    data.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn filters_select_rows() {
    let batch = batch();
    let mut mask = Mask::new();
    let mut failures = Vec::new();
    for (number, line) in lines(include_str!("../data/rows.txt")) {
        let (text, rows) = line.split_once("=> ").or(line.strip_suffix("=>").map(|text| (text, ""))).unwrap();
        let expected: Vec<usize> = rows.split_whitespace().map(|row| row.parse().unwrap()).collect();
        match Filter::parse(text) {
            Ok(filter) => {
                filter.evaluate(&batch, &mut mask);
                let found: Vec<usize> = mask.iter().collect();
                if found != expected {
                    failures.push(format!("rows.txt:{number}: {text}: found {found:?}, expected {expected:?}"));
                }
                let printed = filter.to_string();
                match Filter::parse(&printed) {
                    Ok(again) if again == filter => {}
                    other => failures.push(format!("rows.txt:{number}: {text} prints as {printed}: {other:?}")),
                }
            }
            Err(error) => failures.push(format!("rows.txt:{number}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Blocks of `>>>`, a text, `---`, and what the error prints.
#[test]
fn faults_are_told_at_their_place() {
    let mut failures = String::new();
    for block in include_str!("../data/faults.txt").split(">>>\n").skip(1) {
        let (text, expected) = block.split_once("\n---\n").unwrap();
        let found = match Filter::parse(text) {
            Ok(filter) => format!("no fault: {filter}"),
            Err(error) => error.to_string(),
        };
        if found != expected.trim_end() {
            failures += &format!(">>>\n{text}\n---\n{found}\n\n");
        }
    }
    assert!(failures.is_empty(), "found instead:\n{failures}");
}
