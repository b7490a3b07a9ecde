//! Links in Markdown: what they point to within the workspace has to be there.

use std::path::Path;

use super::{Finding, Source};

/// Checks the links of one file to other files.
pub(super) fn check(source: &Source, root: &Path, findings: &mut Vec<Finding>) {
    if !source.path.ends_with(".md") {
        return;
    }
    let folder = root.join(&source.path).parent().map_or_else(|| root.to_owned(), Path::to_owned);
    for (line, number) in source.text.lines().zip(1..) {
        for target in targets(line).filter(|target| !folder.join(target).exists()) {
            let message = format!("a link to `{target}`, which is not there");
            findings.push(Finding { place: format!("{}:{number}", source.path), message });
        }
    }
}

/// Paths that a line links to; places on the web and within the same page are not among them.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.filter(|link| !link.contains("://")).filter_map(|link| link.split('#').next()).filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn only_files_are_looked_for() {
        let line = "[a](a.md), [b](https://b.example/), [c](#c) and [d](../d/e.md#f)";
        assert_eq!(targets(line).collect::<Vec<_>>(), ["a.md", "../d/e.md"]);
    }
}
