//! SQL over files and the journal.

use weir_store::{Cancel, Snapshot, SqlError, SqlLimits, sql};

use crate::fixture::{BEGIN, append, ask, compact, count, filled, flows, open};

#[test]
fn files_and_journal_are_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    for snapshot in [store.snapshot(), Snapshot::open(folder.path(), None, None).unwrap()] {
        assert_eq!(ask(&snapshot, "SELECT count(*) FROM flows"), [format!("[{}]", count(20_500, |_| true))]);
        assert_eq!(ask(&snapshot, "SELECT count(*) FROM events"), [format!("[{}]", 20_500 - count(20_500, |_| true))]);
        assert_eq!(ask(&snapshot, "SELECT count(*), max(in_octets) FROM counters"), ["[10,9000]"]);
        assert_eq!(ask(&snapshot, "SELECT count(*) FROM health"), ["[0]"]);
        let bytes: u64 = (0..20_500).filter(|number| number % 11 != 0).map(|number| 40 + number * 7919 % 1_000_000).sum();
        assert_eq!(ask(&snapshot, "SELECT sum(bytes) FROM flows"), [format!("[{bytes}]")]);
    }
}

#[test]
fn conditions_select_the_same_rows_in_files_and_journal() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = filled(folder.path()).snapshot();
    let selected = |condition: &str| ask(&snapshot, &format!("SELECT count(*) FROM flows WHERE {condition}"))[0].clone();
    let expected = |condition: fn(u64) -> bool| format!("[{}]", count(20_500, condition));
    assert_eq!(selected("dst_port = 443"), expected(|n| n % 3 == 0));
    assert_eq!(selected("in_net(src_addr, '2001:db8::/32')"), expected(|n| n % 3 == 0));
    assert_eq!(selected("src_addr = '10.0.0.7'"), expected(|n| n % 3 != 0 && n % 200 == 7));
    assert_eq!(selected("time_received >= '2026-01-01T15:30:00Z'"), expected(|n| n >= 19_800));
    assert_eq!(selected("tls_sni LIKE '%shop%'"), expected(|n| n % 10 == 0));
    assert_eq!(selected("tls_sni IS NULL AND protocol <> 6"), expected(|n| n % 5 != 0 && n % 3 == 2));
    assert_eq!(selected("record_kind = 'sample'"), expected(|n| n % 7 == 0));
    assert_eq!(selected("list_any(mpls_labels, 3, 4)"), expected(|n| n % 5 == 0 && matches!(n % 16, 3 | 4)));
    assert_eq!(selected("src_mac = '02:00:00:00:00:0a'"), expected(|n| n == 10));
}

#[test]
fn explain_shows_what_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = filled(folder.path()).snapshot();
    // Files of 12,000 and 8,000 seconds from ten o'clock on, and a block of 500.
    for (condition, reach, read) in [
        ("bytes > 0", "files=2 of 2, blocks=1 of 1", (2, 20_500)),
        ("time_received >= '2026-01-01T15:33:20Z'", "files=0 of 2, blocks=1 of 1", (0, 500)),
        ("time_received BETWEEN '2026-01-01T13:20:00Z' AND '2026-01-01T15:00:00Z'", "files=1 of 2, blocks=0 of 1", (1, 8_000)),
        ("time_received < '2026-01-01T10:00:00Z'", "files=0 of 2, blocks=0 of 1", (0, 0)),
        ("(time_received < '2026-01-01T10:10:00Z' OR dst_port = 443)", "files=2 of 2, blocks=1 of 1", (2, 20_500)),
    ] {
        let text = format!("SELECT count(*) FROM flows WHERE {condition}");
        let plan = ask(&snapshot, &format!("EXPLAIN {text}")).join("\n");
        assert!(plan.contains(reach), "{condition}: {plan}");
        let mut answer = sql(&snapshot, &text, &SqlLimits::default(), &Cancel::new()).unwrap();
        answer.by_ref().for_each(|rows| assert_eq!(rows.unwrap().rows(), 1));
        // Events are in files of their own, and in the journal beside the flows.
        let is_event = |number: &u64| number.is_multiple_of(11);
        let (files, rows) = (answer.stats().files, answer.stats().rows_read);
        let in_files = if read.1 > 500 { read.1 - read.1 % 1000 } else { 0 };
        let first = if in_files == 8_000 { 12_000 } else { 0 };
        let events = (first..first + in_files).filter(is_event).count() as u64;
        assert_eq!((files, rows), (read.0, read.1 - events), "{condition}");
    }
    let text = "EXPLAIN ANALYZE SELECT count(*) FROM flows WHERE src_addr = '203.0.113.9'";
    let plan = ask(&snapshot, text).join("\n");
    for metric in ["row_groups=0", "row_groups_pruned=2", "files=2", "rows_selected=0"] {
        assert!(plan.contains(metric), "{metric}: {plan}");
    }
}

#[test]
fn a_limit_reads_little() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = filled(folder.path()).snapshot();
    let mut answer =
        sql(&snapshot, "SELECT src_addr FROM flows LIMIT 5", &SqlLimits { threads: 1, ..SqlLimits::default() }, &Cancel::new())
            .unwrap();
    let rows: usize = answer.by_ref().map(|rows| rows.unwrap().rows()).sum();
    assert_eq!(rows, 5);
    assert!(answer.stats().unreadable.is_empty());
}

#[test]
fn an_answer_that_lacks_a_file_does_not_end_as_if_it_were_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let snapshot = store.snapshot();
    let first = snapshot.files(weir_store::TableKind::Flows).next().unwrap().name.clone();
    std::fs::remove_file(folder.path().join(&first)).unwrap();
    let mut answer = sql(&snapshot, "SELECT count(*) FROM flows", &SqlLimits::default(), &Cancel::new()).unwrap();
    assert_eq!(answer.next().unwrap().unwrap().rows(), 1);
    assert!(matches!(answer.next(), Some(Err(SqlError::Incomplete { more: 0, .. }))));
    assert!(answer.next().is_none());
    let unreadable = answer.stats().unreadable;
    assert_eq!(unreadable.len(), 1);
    assert!(unreadable[0].what.contains(&first), "{}", unreadable[0].what);
}

#[test]
fn rows_show_as_soon_as_they_are_appended() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert_eq!(ask(&store.snapshot(), "SELECT count(*) FROM flows"), ["[0]"]);
    append(&store, &flows(1, 3));
    let snapshot = store.snapshot();
    compact(&store);
    for snapshot in [snapshot, store.snapshot()] {
        let rows =
            ask(&snapshot, "SELECT src_addr, dst_addr, time_received, ns_of(time_received) FROM flows ORDER BY time_received");
        assert_eq!(rows[0], format!(r#"["10.0.0.1","172.16.0.1","2026-01-01T10:00:01Z",{}]"#, BEGIN + 1_000_000_000));
        assert_eq!(rows.len(), 2);
    }
}

#[test]
fn a_cancelled_statement_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = filled(folder.path()).snapshot();
    let cancel = Cancel::new();
    cancel.cancel();
    let text = "SELECT count(*) FROM flows a, flows b WHERE a.bytes + b.bytes > 5";
    let result = sql(&snapshot, text, &SqlLimits::default(), &cancel).and_then(|answer| answer.collect::<Result<Vec<_>, _>>());
    assert!(matches!(result, Err(SqlError::Cancelled)));
}
