//! Answers as text, read back by an independent parser.

use weir_record::{Address, Column, FlowBatch, Unit};

use super::*;

fn table() -> AnswerTable {
    let column = |name: &str, unit, role| AnswerColumn { name: name.to_owned(), label: name.to_uppercase(), unit, role };
    AnswerTable {
        columns: vec![
            column("src_addr", Unit::None, Role::Key),
            column("app", Unit::None, Role::Key),
            column("protocol", Unit::IpProtocol, Role::Key),
            column("bytes", Unit::Bytes, Role::Measure),
            column("rtt_avg", Unit::Microseconds, Role::Measure),
        ],
        rows: vec![
            vec![
                Cell::Address(Address::v4(0x0a00_0001)),
                Cell::Text("a,\"b\"\u{1b}".into()),
                Cell::Number(6),
                Cell::Number(u64::MAX),
                Cell::Real(1.25),
            ],
            vec![Cell::Absent, Cell::Absent, Cell::Number(200), Cell::Number(0), Cell::Absent],
        ],
        totals: vec![Cell::Absent, Cell::Absent, Cell::Absent, Cell::Number(7), Cell::Absent],
        groups: Some(2),
    }
}

fn answer(body: Body) -> Answer {
    Answer {
        body,
        records: 3,
        first: Some(0),
        last: None,
        notes: vec![Note::Overflow],
        completeness: Some(Completeness { known: true, lost_records: 5, down_ns: 1_500_000_000, ..Completeness::default() }),
        source: AnswerSource::Records,
    }
}

#[test]
fn json_says_everything_once() {
    let mut out = Vec::new();
    answer(Body::Table(table())).write(AnswerForm::Json, &mut out);
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(json["source"], "records");
    assert_eq!(json["records"], 3);
    assert_eq!(json["first"], "1970-01-01T00:00:00Z");
    assert!(json.get("last").is_none());
    assert_eq!(json["columns"][3], serde_json::json!({"name": "bytes", "label": "BYTES", "role": "measure", "unit": "bytes"}));
    assert_eq!(
        json["rows"],
        serde_json::json!([
            {"src_addr": "10.0.0.1", "app": "a,\"b\"\u{1b}", "protocol": 6, "bytes": u64::MAX, "rtt_avg": 1.25},
            {"protocol": 200, "bytes": 0}
        ])
    );
    assert_eq!(json["totals"], serde_json::json!({"bytes": 7}));
    assert_eq!(json["groups"], 2);
    assert_eq!(json["notes"][0]["code"], "overflow");
    assert_eq!(json["completeness"]["state"], "incomplete");
    assert_eq!(json["completeness"]["lost_records"], 5);
    assert_eq!(json["completeness"]["text"], "incomplete: 5 records lost on the way, the service was not receiving for 2 s");
}

#[test]
fn lines_csv_and_tables_have_a_row_each() {
    let answer = answer(Body::Table(table()));
    let mut lines = Vec::new();
    answer.write(AnswerForm::Lines, &mut lines);
    let rows: Vec<serde_json::Value> =
        lines.split(|c| *c == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    let mut csv = Vec::new();
    answer.write(AnswerForm::Csv, &mut csv);
    assert_eq!(
        String::from_utf8(csv).unwrap(),
        "src_addr,app,protocol,bytes,rtt_avg\r\n10.0.0.1,\"a,\"\"b\"\"\u{1b}\",6,18446744073709551615,1.25\r\n,,200,0,\r\n"
    );
    let mut shown = Vec::new();
    answer.write(AnswerForm::Table, &mut shown);
    let shown = String::from_utf8(shown).unwrap();
    assert_eq!(
        shown,
        "SRC_ADDR  APP     PROTOCOL    BYTES  RTT_AVG\n\
         10.0.0.1  a,\"b\"\u{fffd}  TCP       18.45 E     1.25\n\
         \u{20}                 200             0\n\
         total                             7\n"
    );
}

#[test]
fn records_keep_the_form_that_records_have() {
    let mut batch = FlowBatch::new();
    batch.src_port.push(0, 80);
    batch.bytes.push(0, 1);
    batch.bytes.push(1, 2);
    batch.advance(2);
    let answer = answer(Body::Records(batch, vec![Column::bytes, Column::src_port]));
    let mut out = Vec::new();
    answer.write(AnswerForm::Json, &mut out);
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(json["columns"], serde_json::json!(["bytes", "src_port"]));
    assert_eq!(json["rows"], serde_json::json!([{"bytes": 1, "src_port": 80}, {"bytes": 2}]));
    let mut csv = Vec::new();
    answer.write(AnswerForm::Csv, &mut csv);
    assert_eq!(String::from_utf8(csv).unwrap(), "bytes,src_port\r\n1,80\r\n2,\r\n");
}

#[test]
fn an_answer_in_parts_is_the_answer_in_one() {
    let row = |number: u64| vec![Cell::Absent, Cell::Absent, Cell::Number(6), Cell::Number(number), Cell::Absent];
    let groups = answer(Body::Table(AnswerTable { rows: (0..100).map(row).collect(), ..table() }));
    let mut batch = FlowBatch::new();
    batch.bytes.push(0, 1);
    batch.bytes.push(50, 2);
    batch.src_port.push(99, 3);
    batch.advance(100);
    let records = answer(Body::Records(batch, vec![Column::bytes, Column::src_port]));
    for (answer, form) in [&groups, &records]
        .into_iter()
        .flat_map(|answer| [AnswerForm::Json, AnswerForm::Lines, AnswerForm::Csv].map(|form| (answer, form)))
    {
        let mut whole = Vec::new();
        answer.write(form, &mut whole);
        for step in [1, 7, 99, 100, 101] {
            let mut parts = Vec::new();
            answer.write_head(form, &mut parts);
            for from in (0..answer.rows()).step_by(step) {
                answer.write_rows(form, from..answer.rows().min(from + step), &mut parts);
            }
            answer.write_tail(form, &mut parts);
            assert_eq!(String::from_utf8_lossy(&parts), String::from_utf8_lossy(&whole), "{form:?} by {step}");
        }
    }
    // Tables have a head a part, and the totals once.
    let mut table = Vec::new();
    groups.write_rows(AnswerForm::Table, 0..60, &mut table);
    groups.write_rows(AnswerForm::Table, 60..100, &mut table);
    let lines = String::from_utf8(table).unwrap();
    let count = |begin: &str| lines.lines().filter(|line| line.starts_with(begin)).count();
    assert_eq!((lines.lines().count(), count("SRC_ADDR"), count("total")), (103, 2, 1));
}

#[test]
fn completeness_is_known_or_not() {
    assert_eq!(Completeness::default().state(), "unknown");
    let complete = Completeness { known: true, records: 9, ..Completeness::default() };
    assert_eq!((complete.state(), complete.to_string().as_str()), ("complete", "complete"));
    let unclear = Completeness { known: true, sources_unknown: 1, ..Completeness::default() };
    assert_eq!(unclear.to_string(), "incomplete: 1 sources whose losses cannot be told");
}
