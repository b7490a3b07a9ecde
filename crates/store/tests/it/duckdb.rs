//! DuckDB reads the store's own files by the view of the manual, and what is exported as it is.

use std::path::Path;
use std::process::Command;

use weir_store::{Cancel, ExportFormat, ExportRequest, TableKind, export};

use crate::fixture::{append, ask, compact, filter, flows, open};
use crate::python::python;

/// Runs statements in DuckDB and prints the rows of the last one as JSON, a line each.
const RUN: &str = "
import duckdb, json, sys, datetime
connection = duckdb.connect()
connection.execute(\"SET TimeZone = 'UTC'\")
connection.execute(sys.argv[1])
for row in connection.execute(sys.argv[2]).fetchall():
    print(json.dumps([int(v) if isinstance(v, float) and v == int(v) else v for v in row], separators=(',', ':')))
";

fn duckdb(python: &Path, before: &str, statement: &str) -> Vec<String> {
    let output = Command::new(python).args(["-c", RUN, before, statement]).output().unwrap();
    assert!(output.status.success(), "{statement}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The statements of the manual, for a store in a folder.
fn view(folder: &Path) -> String {
    let manual = include_str!("../../../../docs/store.md");
    let (_, after) = manual.split_once("<!-- view for DuckDB -->\n```sql\n").unwrap();
    let (view, _) = after.split_once("```").unwrap();
    assert!(view.contains("/var/lib/weir"));
    view.replace("/var/lib/weir", folder.to_str().unwrap())
}

const QUESTIONS: [&str; 6] = [
    "SELECT count(*), sum(bytes), sum(packets) FROM flows",
    "SELECT src_addr, sum(bytes) AS b, count(*) FROM flows GROUP BY src_addr ORDER BY b DESC, src_addr LIMIT 20",
    "SELECT dst_addr, protocol, dst_port, sum(packets) FROM flows GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT record_kind, tls_sni, count(*) FROM flows GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST",
    "SELECT count(*) FROM flows WHERE time_received >= '2026-01-01T12:00:00Z' AND exporter = '192.0.2.1'",
    "SELECT count(*), max(cast(mpls_labels[1] AS int)) FROM flows WHERE mpls_labels IS NOT NULL",
];

#[test]
fn duckdb_answers_as_we_do() {
    let Some(python) = python(&["duckdb"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let store_path = folder.path().join("store");
    let store = open(&store_path);
    for (from, to) in [(0, 9_000), (9_000, 20_000), (20_000, 20_001)] {
        append(&store, &flows(from, to));
        compact(&store);
    }
    // Whose times need more than milliseconds: files differ in the unit of their times.
    let mut batch = flows(30_000, 30_100);
    batch.time_received.push(99, 1_767_300_000_000_000_007);
    append(&store, &batch);
    compact(&store);
    let snapshot = store.snapshot();
    assert_eq!(snapshot.files(TableKind::Flows).count(), 4);
    let exported = folder.path().join("flows.parquet");
    let request = ExportRequest {
        table: TableKind::Flows,
        filter: &filter("any"),
        from: i64::MIN,
        to: i64::MAX,
        columns: &[],
        format: ExportFormat::Parquet,
        path: &exported,
    };
    export(&snapshot, &request, &mut |_| {}, &Cancel::new()).unwrap();
    let friendly = format!("CREATE VIEW flows AS SELECT * FROM '{}'", exported.display());
    for question in QUESTIONS {
        let ours = ask(&snapshot, question);
        assert!(!ours.is_empty());
        assert_eq!(duckdb(&python, &view(&store_path), question), ours, "the store's own files: {question}");
        assert_eq!(duckdb(&python, &friendly, question), ours, "the exported file: {question}");
    }
}

#[test]
fn columns_that_files_lack_are_absent_in_the_view() {
    let Some(python) = python(&["duckdb"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    // Next to no column; then one that no file had before.
    let mut plain = weir_record::FlowBatch::new();
    plain.time_received.push(0, crate::fixture::BEGIN);
    plain.bytes.push(0, 7);
    plain.advance(1);
    let mut later = plain.clone();
    later.src_addr.push(0, weir_record::Address::v4(0x0a00_0001));
    later.dns_name.push(0, "shop.example");
    append(&store, &plain);
    compact(&store);
    let question = "SELECT src_addr, exporter, record_kind, bytes FROM flows ORDER BY 1";
    assert_eq!(duckdb(&python, &view(folder.path()), question), [r#"[null,null,"flow",7]"#]);
    append(&store, &later);
    compact(&store);
    let question = "SELECT src_addr, exporter, record_kind, bytes, dns_name FROM flows ORDER BY 1 NULLS FIRST";
    let ours = ask(&store.snapshot(), question);
    assert_eq!(ours, [r#"[null,null,"flow",7,null]"#, r#"["10.0.0.1",null,"flow",7,"shop.example"]"#]);
    assert_eq!(duckdb(&python, &view(folder.path()), question), ours);
}

#[test]
fn addresses_read_the_same_in_the_view() {
    let Some(python) = python(&["duckdb"]) else { return };
    let texts = [
        "0.0.0.0",
        "10.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "1::",
        "2001:db8::1",
        "2001:db8:0:1::",
        "2001:0:0:1::1",
        "1:0:2:0:3:0:4:0",
        "::ffff:10.0.0.1",
        "fe80::1:0:0:1",
        "0:1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:0",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "::a:0:0:0:b",
    ];
    let mut batch = weir_record::FlowBatch::new();
    for (row, text) in texts.iter().enumerate() {
        let address = weir_record::Address::from(text.parse::<std::net::IpAddr>().unwrap());
        batch.time_received.push(row, crate::fixture::BEGIN);
        batch.src_addr.push(row, address);
        batch.dst_addr.push(row, address);
        batch.exporter.push(row, address);
        batch.tls_sni.push(row, &address.to_string());
    }
    batch.advance(texts.len());
    batch.finish();
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, &batch);
    compact(&store);
    let rows = duckdb(&python, &view(folder.path()), "SELECT src_addr, tls_sni FROM flows WHERE src_addr <> tls_sni");
    assert_eq!(rows, Vec::<String>::new());
    assert_eq!(duckdb(&python, &view(folder.path()), "SELECT count(*) FROM flows"), [format!("[{}]", texts.len())]);
}
