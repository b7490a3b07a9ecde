use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proptest::prelude::*;
use weir_query::testing::Random;
use weir_query::{Filter, Mask};
use weir_record::{Address, FlowBatch, names};

use super::*;
use crate::error::StoreError;
use crate::friendly;
use source::{Reach, Request, Take, record};

/// Batches in memory, as often as they are wanted.
#[derive(Default)]
struct Memory {
    flows: Vec<FlowBatch>,
    /// Gives the batches without end.
    is_endless: bool,
    /// Waits before each batch.
    pause: Duration,
    ended: Arc<AtomicBool>,
    batches: Arc<AtomicUsize>,
}

impl Memory {
    fn of(batch: FlowBatch) -> Self {
        Self { flows: vec![batch], ..Self::default() }
    }

    fn run(self, text: &str) -> Result<Vec<String>, SqlError> {
        lines(answer(Arc::new(self), text, &SqlLimits::default(), &Cancel::new())?)
    }
}

impl Source for Memory {
    fn read(&self, request: &Request, cancel: &Cancel, take: Take<'_>) -> Result<ScanStats, StoreError> {
        let (mut mask, mut listed) = (Mask::new(), Vec::new());
        let mut stats = ScanStats::default();
        loop {
            for batch in &self.flows {
                std::thread::sleep(self.pause);
                self.batches.fetch_add(1, Ordering::Relaxed);
                request.filter.evaluate(batch, &mut mask);
                stats.rows_read += batch.rows() as u64;
                let taken = friendly::in_pieces(&mask, 100, &mut listed, |rows| take(record(request, batch, rows)));
                if taken.is_break() || cancel.is_cancelled() {
                    self.ended.store(true, Ordering::Relaxed);
                    return Ok(stats);
                }
            }
            if !self.is_endless {
                return Ok(stats);
            }
        }
    }

    fn reach(&self, _: &Request) -> Option<Reach> {
        None
    }
}

fn lines(answer: SqlAnswer) -> Result<Vec<String>, SqlError> {
    let mut lines = Vec::new();
    for rows in answer {
        let rows = rows?;
        for row in 0..rows.rows() {
            let mut line = Vec::new();
            rows.write_json_array(row, &mut line);
            lines.push(String::from_utf8(line).unwrap());
        }
    }
    Ok(lines)
}

/// Three flows and a sample.
fn flows() -> FlowBatch {
    let mut batch = FlowBatch::new();
    for (row, (source, port, bytes)) in
        [("10.0.0.1", 443, 1000), ("10.0.0.2", 80, 500), ("2001:db8::1", 443, 20), ("10.0.0.1", 53, 7)].into_iter().enumerate()
    {
        batch.src_addr.push(row, Address::from(source.parse::<std::net::IpAddr>().unwrap()));
        batch.dst_port.push(row, port);
        batch.bytes.push(row, bytes);
        batch.protocol.push(row, if port == 53 { 17 } else { 6 });
        batch.time_received.push(row, 1_767_261_600_000_000_000 + row as i64);
    }
    batch.record_kind.push(3, names::SAMPLE);
    batch.tls_sni.push(0, "www.\"shop\".example");
    batch.mpls_labels.push(1, [16, 33]);
    batch.extra.push(2, r#"{"a":5,"b":"x","c":null}"#);
    batch.advance(4);
    batch
}

#[test]
fn sums_by_address() {
    let text = "SELECT src_addr, sum(bytes) AS bytes, count(*) FROM flows GROUP BY src_addr ORDER BY bytes DESC";
    let rows = Memory::of(flows()).run(text).unwrap();
    assert_eq!(rows, [r#"["10.0.0.1",1007,2]"#, r#"["10.0.0.2",500,1]"#, r#"["2001:db8::1",20,1]"#]);
}

#[test]
fn values_are_written_as_json() {
    let text = "SELECT tls_sni, mpls_labels, record_kind, time_received, rtt, extra, 1.5, true, NULL, named_struct('a', 1) FROM flows ORDER BY time_received";
    let rows = Memory::of(flows()).run(text).unwrap();
    assert_eq!(rows[0], r#"["www.\"shop\".example",null,"flow","2026-01-01T10:00:00Z",null,null,1.5,true,null,{"a":1}]"#);
    assert_eq!(rows[1], r#"[null,[16,33],"flow","2026-01-01T10:00:00.000000001Z",null,null,1.5,true,null,{"a":1}]"#);
    assert!(rows[2].contains(r#""{\"a\":5,\"b\":\"x\",\"c\":null}""#), "{}", rows[2]);
    assert!(rows[3].contains(r#""sample""#));
    let mut answer = answer(
        Arc::new(Memory::of(flows())),
        "SELECT dst_port AS p, rtt FROM flows LIMIT 1",
        &SqlLimits::default(),
        &Cancel::new(),
    )
    .unwrap();
    assert_eq!(
        answer.columns(),
        [SqlColumn { name: "p".into(), kind: "number" }, SqlColumn { name: "rtt".into(), kind: "number" }]
    );
    let rows = answer.next().unwrap().unwrap();
    let (mut object, mut plain) = (Vec::new(), Vec::new());
    rows.write_json_object(0, &mut object);
    rows.write_plain(0, 0, &mut plain);
    rows.write_plain(0, 1, &mut plain);
    assert_eq!((object.as_slice(), plain.as_slice()), (br#"{"p":443}"#.as_slice(), b"443".as_slice()));
    assert!(rows.is_null(0, 1) && rows.is_null(7, 0) && rows.is_null(0, 7));
}

#[test]
fn conditions_go_down_to_the_columns() {
    for (condition, filter) in [
        ("src_addr = '10.0.0.1' AND dst_port IN (53, 80, 443, 8080)", "src ip 10.0.0.1 and dst port in [53 80 443 8080]"),
        ("in_net(src_addr, '10.0.0.0/8 2001:db8::/32')", "src ip in [10.0.0.0/8 2001:db8::/32]"),
        ("NOT in_net(src_addr, '10.0.0.0/8')", "src ip not in [10.0.0.0/8]"),
        ("NOT (protocol = 6 AND dst_port < 1024)", "proto != tcp or dst port >= 1024"),
        ("time_received >= '2026-01-01T10:00:00.000000002Z'", "time_received >= 2026-01-01T10:00:00.000000002Z"),
        ("tls_sni LIKE 'www%'", "tls_sni begins \"www\""),
        ("record_kind = 'sample'", "record_kind = sample"),
        ("rtt IS NULL", "not rtt exists"),
        ("rtt > 50000", "rtt > 50ms"),
        ("bytes BETWEEN 100 AND 600", "bytes >= 100 and bytes <= 600"),
        ("time_suspect", "time_suspect = true"),
    ] {
        let plan = Memory::of(flows()).run(&format!("EXPLAIN SELECT bytes FROM flows WHERE {condition}")).unwrap().join("\n");
        assert!(plan.contains("StoreScan: table=flows, columns=[bytes]"), "{condition}: {plan}");
        let expected = Filter::parse(filter).unwrap().to_string();
        assert!(plan.replace("\\\"", "\"").contains(&format!("filter={expected}")), "{condition}: {expected}: {plan}");
        assert!(!plan.contains("FilterExec"), "{condition}: {plan}");
    }
}

#[test]
fn what_filters_cannot_say_is_left_to_the_engine() {
    for (condition, count) in [
        // No canonical text: equal to none.
        ("src_addr = '010.0.0.1'", 0),
        ("src_addr = ip('2001:DB8::1')", 1),
        ("src_addr < '10.0.0.2'", 2),
        ("dst_port % 2 = 0", 1),
        ("bytes > -1", 4),
        ("dst_port < 100000", 4),
        ("dst_port < 443.5", 4),
        ("tls_sni ILIKE 'WWW%'", 1),
        ("tls_sni LIKE 'w_w%'", 1),
        ("extra_type(extra, 'a') = 'number'", 1),
        ("record_kind IS NULL", 0),
        ("bytes IN (SELECT 500)", 1),
        ("random() < 2", 4),
    ] {
        let rows = Memory::of(flows()).run(&format!("SELECT count(*) FROM flows WHERE {condition}")).unwrap();
        assert_eq!(rows, [format!("[{count}]")], "{condition}");
    }
}

#[test]
fn functions_mean_what_the_filter_language_means() {
    for (expression, value) in [
        ("in_net('10.1.2.3', '10.0.0.0/8')", "true"),
        ("in_net('::ffff:10.1.2.3', '10.0.0.0/8 ::1')", "false"),
        ("in_net(NULL, '10.0.0.0/8')", "null"),
        ("in_net('x', '10.0.0.0/8')", "null"),
        ("ip('2001:DB8:0::1')", "\"2001:db8::1\""),
        ("proto_name(6)", "\"TCP\""),
        ("proto_name(250)", "\"250\""),
        ("proto_name(300)", "null"),
        ("flags_text(18)", "\"...A..S.\""),
        ("list_any([1, 5, 9], 5, 6)", "true"),
        ("list_any([1, 5, 9], 6, 8)", "false"),
        ("list_any(NULL, 6, 8)", "null"),
        ("mpls_any([33], 2, 2)", "true"),
        ("duration_ns(ts_ns(5), ts_ns('15'))", "10"),
        ("duration_ns(ts_ns('-9223372036854775808'), ts_ns('9223372036854775807'))", "9223372036854775807"),
        ("ns_of(ts_ns(-7))", "-7"),
        ("bits_per_second(1000, ts_ns(0), ts_ns(2000000000))", "4000"),
        ("packets_per_second(7, ts_ns(0), ts_ns(2000000000))", "3"),
        ("bits_per_second(1000, ts_ns(0), ts_ns(0))", "null"),
        ("bits_per_second(18446744073709551615, ts_ns(0), ts_ns(1))", "18446744073709551615"),
        ("extra_get('{\"a\":\"x\\\"y\"}', 'a')", "\"x\\\"y\""),
        ("extra_get('{\"a\":[1]}', 'a')", "\"[1]\""),
        ("extra_get('{\"a\":null}', 'a')", "null"),
        ("extra_get('no object', 'a')", "null"),
        ("extra_type('{\"a\":true}', 'a')", "\"bool\""),
        ("extra_compare('{\"a\":5.5}', 'a', 5)", "1"),
        ("extra_compare('{\"a\":18446744073709551615}', 'a', 18446744073709551615)", "0"),
        ("extra_compare('{\"a\":\"5\"}', 'a', 5)", "null"),
    ] {
        let rows = Memory::default().run(&format!("SELECT {expression}")).unwrap();
        assert_eq!(rows, [format!("[{value}]")], "{expression}");
    }
}

#[test]
fn whatever_is_no_reading_is_refused() {
    for text in [
        "INSERT INTO flows (bytes) VALUES (1)",
        "DELETE FROM flows",
        "UPDATE flows SET bytes = 1",
        "DROP TABLE flows",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc'",
        "CREATE DATABASE d",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "COPY flows TO '/srv/x.parquet'",
        "COPY (SELECT 1) TO '/srv/x.parquet'",
        "EXPLAIN COPY (SELECT 1) TO '/srv/x.parquet'",
        "EXPLAIN ANALYZE INSERT INTO flows (bytes) VALUES (1)",
        "SET datafusion.execution.target_partitions = 1000",
        "RESET datafusion.execution.target_partitions",
        "BEGIN",
        "PREPARE p AS SELECT 1",
        "TRUNCATE TABLE flows",
        "SELECT 1; SELECT 2",
        "",
        ";",
    ] {
        let error = Memory::of(flows()).run(text).err().unwrap_or_else(|| panic!("{text}"));
        assert!(matches!(error, SqlError::Refused(_)), "{text}: {error:?}");
    }
    for text in [
        "SELECT * INTO t FROM flows",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'x.parquet'",
        "SELECT * FROM \"file:///etc/passwd\"",
        "SELECT * FROM read_csv('/etc/passwd')",
        "WITH x AS (INSERT INTO flows (bytes) VALUES (1)) SELECT * FROM x",
    ] {
        let error = Memory::of(flows()).run(text).err().unwrap_or_else(|| panic!("{text}"));
        assert!(matches!(error, SqlError::Text { .. } | SqlError::Refused(_)), "{text}: {error:?}");
    }
}

#[test]
fn what_makes_much_of_little_is_not_there() {
    for call in [
        "repeat('x', 2)",
        "lpad('x', 2, 'y')",
        "rpad('x', 2)",
        "range(1, 4)",
        "generate_series(1, 4)",
        "array_repeat(1, 2)",
        "list_repeat(1, 2)",
        "array_resize([1], 2, 0)",
        "list_resize([1], 2, 0)",
    ] {
        let error = Memory::of(flows()).run(&format!("SELECT {call} FROM flows")).err().unwrap_or_else(|| panic!("{call}"));
        let SqlError::Text { line: 1, column: 8, message, .. } = &error else { panic!("{call}: {error:?}") };
        let (name, _) = call.split_once('(').unwrap();
        assert!(message.contains(&format!("Invalid function '{name}'")), "{message}");
    }
}

#[test]
fn a_fault_is_pointed_at() {
    for (text, line, column, part) in [
        ("SELECT src_adr FROM flows", 1, 8, "src_addr"),
        ("SELECT bytes,\n  src_adr\nFROM flows", 2, 3, "src_addr"),
        ("SELECT bytes FROM flow", 1, 19, "flow"),
        ("SELECT sums(bytes) FROM flows", 1, 8, "'sum'"),
        ("SELECT bytes FROM flows WHERE", 1, 30, "expression"),
        ("SELEC bytes FROM flows", 1, 1, "SELEC"),
        ("SELECT 'x FROM flows", 1, 8, "string"),
    ] {
        let error = Memory::of(flows()).run(text).err().unwrap();
        let message = error.to_string();
        let SqlError::Text { line: at_line, column: at_column, .. } = error else { panic!("{text}: {message}") };
        assert_eq!((at_line, at_column), (line, column), "{text}: {message}");
        assert!(message.contains(part), "{text}: {message}");
        assert!(message.len() < 500, "{text}: {message}");
    }
    let message = Memory::of(flows()).run("SELECT src_adr FROM flows").unwrap_err().to_string();
    assert!(message.ends_with("\n  SELECT src_adr FROM flows\n         ^"), "{message}");
}

#[test]
fn wrong_arguments_are_told_before_anything_is_read() {
    for (text, part) in [
        ("SELECT in_net(src_addr, '10.0.0.0/33') FROM flows", "10.0.0.0/33"),
        ("SELECT in_net(bytes, '10.0.0.0/8') FROM flows", "in_net(address, prefixes)"),
        ("SELECT in_net(src_addr) FROM flows", "takes 2 arguments"),
        ("SELECT ip('10.0.0') FROM flows", "expected an address"),
    ] {
        let memory = Memory::of(flows());
        let batches = Arc::clone(&memory.batches);
        let message = memory.run(text).unwrap_err().to_string();
        assert!(message.contains(part), "{text}: {message}");
        assert_eq!(batches.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn tables_and_columns_can_be_looked_up() {
    let rows = Memory::default()
        .run("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
        .unwrap();
    assert_eq!(rows, [r#"["counters"]"#, r#"["events"]"#, r#"["flows"]"#, r#"["health"]"#, r#"["series"]"#]);
    assert!(Memory::default().run("SHOW TABLES").unwrap().len() >= 5);
    let described = Memory::default().run("DESCRIBE flows").unwrap();
    assert_eq!(described.len(), weir_record::Column::ALL.len());
    assert!(Memory::default().run("SHOW COLUMNS FROM counters").unwrap().len() > 20);
}

#[test]
fn a_table_is_read_as_often_as_a_statement_says() {
    let rows = Memory::of(flows()).run("SELECT count(*) FROM flows a JOIN flows b ON a.src_addr = b.src_addr").unwrap();
    assert_eq!(rows, ["[6]"]);
    let recursive = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, (SELECT count(*) AS c FROM flows) AS f WHERE n < f.c) SELECT count(*) FROM r";
    assert_eq!(Memory::of(flows()).run(recursive).unwrap(), ["[4]"]);
    let union = "SELECT bytes FROM flows UNION ALL SELECT bytes FROM flows ORDER BY bytes LIMIT 3";
    assert_eq!(Memory::of(flows()).run(union).unwrap(), ["[7]", "[7]", "[20]"]);
}

#[test]
fn enough_rows_end_the_reading() {
    let memory = Memory { is_endless: true, ..Memory::of(flows()) };
    let ended = Arc::clone(&memory.ended);
    assert_eq!(memory.run("SELECT bytes FROM flows WHERE dst_port = 443 LIMIT 1000").unwrap().len(), 1000);
    wait_for(&ended);
}

fn wait_for(flag: &AtomicBool) {
    let begin = Instant::now();
    while !flag.load(Ordering::Relaxed) {
        assert!(begin.elapsed() < Duration::from_secs(120), "a thread still reads");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_dropped_answer_stops_its_threads() {
    let memory = Memory { is_endless: true, ..Memory::of(flows()) };
    let ended = Arc::clone(&memory.ended);
    let mut answer = answer(Arc::new(memory), "SELECT bytes FROM flows", &SqlLimits::default(), &Cancel::new()).unwrap();
    assert!(answer.next().unwrap().unwrap().rows() > 0);
    drop(answer);
    wait_for(&ended);
}

#[test]
fn an_answer_ends_when_it_is_cancelled_or_late() {
    for is_late in [false, true] {
        let memory = Memory { is_endless: true, pause: Duration::from_millis(1), ..Memory::of(flows()) };
        let ended = Arc::clone(&memory.ended);
        let cancel = Cancel::new();
        let limits = SqlLimits { time: is_late.then_some(Duration::from_millis(300)), ..SqlLimits::default() };
        let other = cancel.clone();
        let canceller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            if !is_late {
                other.cancel();
            }
        });
        let result = answer(Arc::new(memory), "SELECT count(*), max(bytes) FROM flows", &limits, &cancel).and_then(lines);
        match result.unwrap_err() {
            SqlError::Cancelled => assert!(!is_late),
            SqlError::Time { limit } => assert!(is_late && limit == Duration::from_millis(300)),
            other => panic!("{other}"),
        }
        canceller.join().unwrap();
        wait_for(&ended);
    }
}

#[test]
fn too_many_groups_end_with_a_clear_message() {
    let mut batch = FlowBatch::new();
    for row in 0..200_000_u32 {
        batch.src_addr.push(row as usize, Address::v4(row));
        batch.bytes.push(row as usize, row.into());
    }
    batch.advance(200_000);
    let limits = SqlLimits { memory: 4 << 20, ..SqlLimits::default() };
    for text in [
        "SELECT src_addr, sum(bytes) FROM flows GROUP BY src_addr",
        "SELECT src_addr FROM flows ORDER BY bytes",
        "SELECT count(*) FROM flows a JOIN flows b ON a.bytes = b.bytes",
    ] {
        let error = answer(Arc::new(Memory::of(batch.clone())), text, &limits, &Cancel::new()).and_then(lines).unwrap_err();
        assert!(matches!(error, SqlError::Memory { limit } if limit == 4 << 20), "{text}: {error:?}");
        assert!(error.to_string().contains("4 MiB"), "{error}");
    }
}

#[test]
fn deep_statements_neither_fail_nor_overflow() {
    let deep = |depth: usize| format!("SELECT count(*) FROM flows WHERE {}bytes > 10{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(Memory::of(flows()).run(&deep(200)).unwrap(), ["[3]"]);
    assert!(Memory::of(flows()).run(&deep(100_000)).is_err());
    assert!(matches!(Memory::default().run(&" ".repeat(MAX_SQL_TEXT + 1)), Err(SqlError::Refused(_))));
}

#[test]
fn a_reader_that_panics_is_no_end() {
    struct Broken;
    impl Source for Broken {
        fn read(&self, _request: &Request, _cancel: &Cancel, _take: Take<'_>) -> Result<ScanStats, StoreError> {
            panic!("as it should")
        }

        fn reach(&self, _: &Request) -> Option<Reach> {
            None
        }
    }
    let error = answer(Arc::new(Broken), "SELECT count(*) FROM flows", &SqlLimits::default(), &Cancel::new())
        .and_then(lines)
        .unwrap_err();
    assert!(error.to_string().contains("reading stopped before its end"), "{error}");
}

/// Row numbers that the filter selects, by the columns themselves and by SQL: as a condition that may go down, and as a value that the engine works out.
fn compare(filter: &Filter, mut batch: FlowBatch) -> Result<(), TestCaseError> {
    batch.flow_id.clear();
    for row in 0..batch.rows() {
        batch.flow_id.push(row, row as u64);
    }
    let mut mask = Mask::new();
    filter.evaluate(&batch, &mut mask);
    let expected: Vec<String> = mask.iter().map(|row| format!("[{row}]")).collect();
    let condition = filter.to_sql();
    for text in [
        format!("SELECT flow_id FROM flows WHERE {condition} ORDER BY flow_id"),
        format!(
            "SELECT flow_id FROM (SELECT flow_id, CASE WHEN {condition} THEN 1 ELSE 0 END AS is_selected FROM flows LIMIT 1000000) AS t WHERE is_selected = 1 ORDER BY flow_id"
        ),
    ] {
        let selected = Memory::of(batch.clone()).run(&text);
        prop_assert!(selected.is_ok(), "{}\n{}\n{}", filter, text, selected.unwrap_err());
        prop_assert_eq!(selected.unwrap(), expected.clone(), "{}\n{}", filter, text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn sql_selects_what_the_filter_selects(seed in any::<u64>(), rows in 0usize..80) {
        let mut random = Random::new(seed);
        let filter = random.filter(3);
        compare(&filter, random.batch(rows))?;
    }
}
