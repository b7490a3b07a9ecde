//! What is wrong with a filter text, and where.

use std::fmt;

/// A text that is no filter. It prints as three lines: what is wrong, the line of the text, and a mark under the place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterError {
    /// Octets of the text before the fault.
    pub position: usize,
    /// Line of the fault, from 1.
    pub line: usize,
    /// Character of the fault in its line, from 1.
    pub column: usize,
    /// Characters to mark; 1 at the end of the text.
    pub length: usize,
    /// What stands there.
    pub found: String,
    /// What could stand there.
    pub expected: Vec<String>,
    /// The nearest known word, where one is near.
    pub hint: Option<String>,
    /// The line of the text in which the fault is.
    source_line: Box<str>,
}

impl FilterError {
    /// A fault that reaches from octet `start` to octet `end` of the text.
    #[cold]
    pub(crate) fn new(text: &str, start: usize, end: usize, found: String, expected: Vec<String>) -> Self {
        let before = text.get(..start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |place| place + 1);
        let rest = text.get(line_start..).unwrap_or_default();
        let source_line = rest.lines().next().unwrap_or_default();
        // A mark stays in its line, whatever the fault spans.
        let marked = text.get(start..end.min(line_start + source_line.len()).max(start)).unwrap_or_default();
        Self {
            position: start,
            line: before.matches('\n').count() + 1,
            column: text.get(line_start..start).map_or(0, |s| s.chars().count()) + 1,
            length: marked.chars().count().max(1),
            found,
            expected,
            hint: None,
            source_line: source_line.into(),
        }
    }

    /// The first of the three lines, for where the text is shown anyway.
    pub fn message(&self) -> String {
        let mut message = format!("found {}", self.found);
        for (index, expected) in self.expected.iter().enumerate() {
            message += match index {
                0 => ", expected ",
                _ if index + 1 == self.expected.len() => " or ",
                _ => ", ",
            };
            message += expected;
        }
        if let Some(hint) = &self.hint {
            message += &format!("; did you mean `{hint}`?");
        }
        message
    }
}

impl FilterError {
    /// The three lines, of a text that is called so.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        writeln!(f, "{what}, line {}, column {}: {}", self.line, self.column, self.message())?;
        // Long lines are cut around the fault, so that the mark stays in view.
        let skip = self.column.saturating_sub(60);
        let shown: String = self.source_line.chars().skip(skip).take(120).collect();
        let lead: String = shown.chars().take(self.column - 1 - skip).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let marks = self.length.min(120);
        write!(f, "  {}\n  {lead}{}", shown.trim_end(), "^".repeat(marks))
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "filter")
    }
}

impl std::error::Error for FilterError {}

/// The known word with the fewest edits, if these are few for its length.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 40;
    if word.chars().count() > LONGEST {
        return None;
    }
    let near_enough = match word.chars().count() {
        0 | 1 => 0,
        2..=4 => 1,
        _ => 2,
    };
    known
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(edits, _)| *edits <= near_enough)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, in which the exchange of two neighbours is one edit.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let width = b.len() + 1;
    let mut table = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut best =
                    (table[(i - 1) * width + j - 1] + same).min(table[(i - 1) * width + j] + 1).min(table[i * width + j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[(i - 2) * width + j - 2] + 1);
                }
                best
            };
        }
    }
    table[a.len() * width + b.len()]
}
