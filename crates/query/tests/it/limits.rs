//! Each limit on what a stranger may write, met and passed by one.

use weir_query::{Filter, MAX_DEPTH, MAX_LIST_ITEMS, MAX_TEXT, Mask};

use crate::batch::batch;

/// What a text that is over a limit is told, in one line.
fn refusal(text: &str) -> String {
    Filter::parse(text).expect_err("over a limit").message()
}

#[test]
fn text_has_a_longest() {
    let text = |length: usize| format!("any{}", " ".repeat(length - 3));
    assert!(Filter::parse(&text(MAX_TEXT)).is_ok());
    assert_eq!(refusal(&text(MAX_TEXT + 1)), "found 65537 octets of text, expected at most 65536");
}

#[test]
fn brackets_have_a_deepest() {
    let brackets = |depth: usize| format!("{}any{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&brackets(MAX_DEPTH)).is_ok());
    assert_eq!(refusal(&brackets(MAX_DEPTH + 1)), "found 129 levels of brackets and `not`, expected at most 128");
    let error = Filter::parse(&brackets(MAX_DEPTH + 1)).unwrap_err();
    assert_eq!((error.position, error.line, error.column), (MAX_DEPTH, 1, MAX_DEPTH + 1));

    let nots = |depth: usize| format!("{}tcp", "not ".repeat(depth));
    let filter = Filter::parse(&nots(MAX_DEPTH)).unwrap();
    let mut mask = Mask::new();
    filter.evaluate(&batch(), &mut mask);
    assert_eq!(mask.iter().collect::<Vec<_>>(), [0, 1, 4]);
    assert!(Filter::parse(&nots(MAX_DEPTH + 1)).is_err());
    assert!(Filter::parse(&"(".repeat(MAX_TEXT)).is_err());
    assert!(Filter::parse(&"!".repeat(MAX_TEXT)).is_err());
}

#[test]
fn depth_counts_only_what_is_open() {
    let text = vec!["(not tcp)"; 1000].join(" or ");
    assert!(Filter::parse(&text).is_ok());
}

#[test]
fn lists_have_a_longest() {
    let list = |count: usize| format!("port in [{}]", "1 ".repeat(count));
    assert!(Filter::parse(&list(MAX_LIST_ITEMS)).is_ok());
    assert_eq!(refusal(&list(MAX_LIST_ITEMS + 1)), "found more than 10000 values in a list, expected at most 10000");
}

#[test]
fn an_error_in_a_long_line_stays_readable() {
    let text = format!("{} x", "tcp or ".repeat(5000));
    let shown = Filter::parse(&text).unwrap_err().to_string();
    assert!(shown.lines().all(|line| line.chars().count() < 200), "{shown}");
    assert_eq!(shown.lines().count(), 3);
}
