//! Files for others.

use std::path::Path;

use weir_store::{Cancel, ExportFormat, ExportRequest, Exported, Snapshot, StoreError, TableKind, export};

use crate::fixture::{BEGIN, count, filled, filter};

fn request<'a>(filter: &'a weir_query::Filter, format: ExportFormat, path: &'a Path) -> ExportRequest<'a> {
    ExportRequest { table: TableKind::Flows, filter, from: i64::MIN, to: i64::MAX, columns: &[], format, path }
}

fn write(snapshot: &Snapshot, request: &ExportRequest<'_>) -> Result<Exported, StoreError> {
    export(snapshot, request, &mut |_| {}, &Cancel::new())
}

#[test]
fn json_lines_and_csv_have_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = filled(&folder.path().join("store")).snapshot();
    let (json, csv) = (folder.path().join("out.jsonl"), folder.path().join("out.csv"));
    let web = filter("src port exists and dst port 443");
    let columns = ["time_received", "src_addr", "bytes", "tls_sni"];
    let done = write(&snapshot, &ExportRequest { columns: &columns, ..request(&web, ExportFormat::JsonLines, &json) }).unwrap();
    let expected = count(20_500, |n| n % 3 == 0);
    assert_eq!(done.rows, expected);
    let text = std::fs::read_to_string(&json).unwrap();
    assert_eq!(text.lines().count() as u64, expected);
    assert_eq!(done.octets, text.len() as u64);
    assert_eq!(
        text.lines().next().unwrap(),
        r#"{"time_received":"2026-01-01T10:00:03Z","src_addr":"2001:db8::3","bytes":23797}"#
    );
    write(&snapshot, &ExportRequest { columns: &columns, ..request(&web, ExportFormat::Csv, &csv) }).unwrap();
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(
        text.starts_with("time_received,src_addr,bytes,tls_sni\r\n2026-01-01T10:00:03Z,2001:db8::3,23797,\r\n"),
        "{}",
        &text[..200]
    );
}

#[test]
fn a_range_of_time_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = filled(&folder.path().join("store")).snapshot();
    let path = folder.path().join("out.jsonl");
    let any = filter("any");
    let second = |n: i64| BEGIN + n * 1_000_000_000;
    let hour = ExportRequest { from: second(3600), to: second(7200), ..request(&any, ExportFormat::JsonLines, &path) };
    // A record lies half a second before its arrival.
    assert_eq!(write(&snapshot, &hour).unwrap().rows, count(20_500, |n| (3601..=7200).contains(&n)));
    let counters =
        ExportRequest { table: TableKind::Counters, from: second(60), to: second(180), columns: &["in_octets"], ..hour };
    assert_eq!(write(&snapshot, &counters).unwrap().rows, 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"in_octets\":1000}\n{\"in_octets\":2000}\n");
    let events = ExportRequest { table: TableKind::Events, ..request(&any, ExportFormat::JsonLines, &path) };
    assert_eq!(write(&snapshot, &events).unwrap().rows, 20_500 - count(20_500, |_| true));
}

#[test]
fn an_export_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = filled(&folder.path().join("store")).snapshot();
    let path = folder.path().join("out.parquet");
    std::fs::write(&path, "what was there").unwrap();
    let any = filter("any");
    let parquet = request(&any, ExportFormat::Parquet, &path);
    let cancel = Cancel::new();
    let mut told = 0;
    let cancelled = export(
        &snapshot,
        &parquet,
        &mut |done| {
            told = done.rows;
            cancel.cancel()
        },
        &cancel,
    );
    assert!(matches!(cancelled, Err(StoreError::Cancelled)), "{cancelled:?}");
    assert!(told > 0, "progress is told");
    let web = filter("port 443");
    for wrong in [
        ExportRequest { columns: &["src_adress"], ..parquet },
        ExportRequest { table: TableKind::Counters, filter: &web, ..parquet },
        ExportRequest { path: &folder.path().join("no/such/folder"), ..parquet },
    ] {
        assert!(write(&snapshot, &wrong).is_err());
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "what was there");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    write(&snapshot, &parquet).unwrap();
    assert!(std::fs::read(&path).unwrap().starts_with(b"PAR1"));
}
