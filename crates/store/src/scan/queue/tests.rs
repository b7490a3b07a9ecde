//! Nobody waits for work that will not come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::manifest::TableKind;
use crate::times::Times;

fn file(name: &str) -> Work<'static> {
    Work::File(Arc::new(DataFile {
        table: TableKind::Flows,
        name: name.to_owned(),
        rows: 1,
        octets: 1,
        crc32c: 0,
        times: Times::NONE,
        segments: (1, 1),
        level: 0,
        made: 0,
    }))
}

fn name(work: Option<(usize, Work<'_>)>) -> Option<String> {
    match work {
        Some((_, Work::File(file))) => Some(file.name.clone()),
        _ => None,
    }
}

#[test]
fn what_a_file_holds_comes_next() {
    let queue = Queue::new(vec![file("one"), file("two")], false);
    assert_eq!(name(queue.take()).as_deref(), Some("one"));
    queue.open(|| vec![file("first part"), file("second part")]);
    for expected in ["first part", "second part", "two"] {
        assert_eq!(name(queue.take()).as_deref(), Some(expected));
        queue.open(Vec::new);
    }
    assert_eq!(name(queue.take()), None);
}

#[test]
fn a_panic_while_a_file_is_opened_keeps_nobody_waiting() {
    let queue = Queue::new(vec![file("one")], false);
    queue.take();
    assert!(catch_unwind(AssertUnwindSafe(|| queue.open(|| panic!("as it should")))).is_err());
    let (sender, receiver) = mpsc::channel();
    // Not a thread of a scope: where it waits for ever the test is to fail, not to hang.
    std::thread::spawn(move || sender.send(name(queue.take())));
    assert_eq!(receiver.recv_timeout(Duration::from_secs(120)), Ok(None));
}
