//! What can be asked, and where a wrong question is wrong.

use super::*;
use crate::question::key::KeySource;

fn grouped(by: &str, measures: &str) -> QuestionText {
    QuestionText { by: by.to_owned(), measures: measures.to_owned(), ..QuestionText::default() }
}

fn names(text: &QuestionText) -> Vec<String> {
    let question = Question::new(text).unwrap_or_else(|error| panic!("{error}"));
    let keys = question.keys.iter().map(|key| key.name.clone());
    keys.chain(question.measures[..question.shown].iter().map(|measure| measure.name.clone())).collect()
}

/// Part, octets before the fault, and the first line.
fn error(text: &QuestionText) -> (&'static str, usize, String) {
    let error = Question::new(text).expect_err("a wrong question");
    assert!(error.to_string().starts_with(error.part), "{error}");
    (error.part, error.error.position, error.error.message())
}

#[test]
fn keys_and_measures_have_the_names_of_their_columns() {
    let text = grouped(
        "src_addr, dst net, dst_port,proto,src ip/24, dst_addr/24/48, client ip, extra.\"a,b\", dscp, Hour",
        "bytes,flows",
    );
    assert_eq!(
        names(&text),
        [
            "src_addr",
            "dst_addr",
            "dst_port",
            "protocol",
            "src_addr/24",
            "dst_addr/24/48",
            "client_ip",
            "extra.a,b",
            "dscp",
            "hour",
            "bytes",
            "flows"
        ]
    );
    let text = grouped(
        "ip",
        "rtt, rtt p95, p99.9(rtt), median(srt), avg(jitter_avg), rtt_max, distinct(dst_port), distinct_src_addr, retransmissions, rtt sum",
    );
    assert_eq!(
        names(&text)[1..],
        [
            "rtt_avg",
            "rtt_p95",
            "rtt_p99.9",
            "srt_p50",
            "jitter_avg_avg",
            "rtt_max",
            "distinct_dst_port",
            "distinct_src_addr",
            "retransmissions",
            "rtt_sum"
        ]
    );
}

#[test]
fn one_prefix_length_is_of_one_family() {
    let prefix = |by: &str| Question::new(&grouped(by, "")).unwrap().keys[0].prefix.unwrap();
    assert_eq!(prefix("src_addr/24"), Prefixed { v4: 24, v6: 64 });
    assert_eq!(prefix("src_addr/56"), Prefixed { v4: 32, v6: 56 });
    assert_eq!(prefix("ip/0/0"), Prefixed { v4: 0, v6: 0 });
}

#[test]
fn what_is_left_out_has_a_meaning() {
    let question = Question::new(&grouped("src_addr", "")).unwrap();
    assert_eq!(question.kind(), QuestionKind::Groups);
    assert_eq!(question.measures[question.shown..].len(), 0);
    assert_eq!(question.sort, Sort { by: SortBy::Measure(3), ascending: false }, "by bytes");
    assert_eq!(Question::new(&QuestionText::default()).unwrap().kind(), QuestionKind::List);
    let series = QuestionText {
        series: "5m".to_owned(),
        from: Some(61_000_000_000),
        to: Some(299_000_000_000),
        ..grouped("src_addr", "")
    };
    let series = Question::new(&series).unwrap();
    assert_eq!((series.from(), series.to()), (0, 300_000_000_000), "whole slots");
    assert_eq!(series.top, Some(DEFAULT_TOP));
}

#[test]
fn sorting_and_conditions_may_need_measures_that_are_not_shown() {
    let text = QuestionText {
        sort: "rtt p95 asc".to_owned(),
        having: "flows > 10 and (bytes >= 1.5M or not max(rtt) < 50ms)".to_owned(),
        ..grouped("src_addr", "bytes")
    };
    let question = Question::new(&text).unwrap();
    assert_eq!((question.shown, question.measures.len()), (1, 4));
    assert_eq!(question.sort, Sort { by: SortBy::Measure(1), ascending: true });
    let by_key = Question::new(&QuestionText { sort: "hour".to_owned(), ..grouped("src_addr,hour", "") }).unwrap();
    assert_eq!(by_key.sort, Sort { by: SortBy::Key(1), ascending: true });
    assert!(matches!(by_key.keys[1].source, KeySource::Time(_)));
}

#[test]
fn columns_to_scan_are_those_that_matter() {
    let columns = |text: &QuestionText| Question::new(text).unwrap().scanned_columns();
    let bytes = columns(&QuestionText { unscaled: true, ..grouped("src_addr", "bytes") });
    assert_eq!(bytes, [Column::record_kind, Column::src_addr, Column::bytes]);
    let text = QuestionText { filter: "dst port 53".to_owned(), from: Some(0), ..grouped("src_addr", "bytes") };
    let timed = columns(&text);
    assert!(
        time::COLUMNS.iter().chain(&[Column::dst_port, Column::sampling_rate]).all(|column| timed.contains(column)),
        "{timed:?}"
    );
    assert!(columns(&QuestionText::default()).is_empty(), "all");
    let list = columns(&QuestionText { columns: "src_addr, proto".to_owned(), ..QuestionText::default() });
    assert_eq!(list, [Column::time_received, Column::src_addr, Column::protocol]);
}

#[test]
fn errors_point_at_the_place() {
    let (part, position, message) = error(&grouped("src_addr, dst_prt", ""));
    assert_eq!((part, position), ("by", 10));
    assert!(message.contains("did you mean `dst_port`"), "{message}");
    let (part, position, message) = error(&grouped("src_addr/40/200", ""));
    assert_eq!((part, position), ("by", 8));
    assert!(message.contains("prefix length"), "{message}");
    assert_eq!(error(&grouped("src_port/8", "")).0, "by");
    assert_eq!(error(&grouped("src_addr,,dst_addr", "")).1, 9);
    assert_eq!(error(&grouped("bps", "")).0, "by");
    assert_eq!(error(&grouped("mpls_labels", "")).0, "by");
    let (part, _, message) = error(&grouped("src_addr, src_addr", ""));
    assert!(part == "by" && message.contains("twice"), "{message}");
    let (part, position, message) = error(&grouped("src_addr", "bytes, byts"));
    assert_eq!((part, position), ("measures", 7));
    assert!(message.contains("did you mean `bytes`"), "{message}");
    assert_eq!(
        error(&grouped("src_addr", "bytes, src_as")),
        ("measures", 13, "found the end, expected what of its values, such as `avg`, `max` or `p95`".to_owned())
    );
    assert_eq!(error(&grouped("src_addr", "distinct(")).0, "measures");
    assert_eq!(error(&grouped("src_addr", "avg(src_addr)")).0, "measures");
    assert_eq!(error(&grouped("src_addr", "rtt p101")).0, "measures");
    let having = |having: &str| QuestionText { having: having.to_owned(), ..grouped("src_addr", "") };
    assert_eq!(
        error(&having("bytes > lots")),
        ("having", 8, "found `lots`, expected a number such as `100` or `1.5M`".to_owned())
    );
    assert_eq!(error(&having("bytes > 1 flows > 2")).1, 10);
    assert_eq!(error(&having("(bytes > 1")).1, 10);
    assert_eq!(error(&having("bytes 1")).1, 6);
    assert_eq!(error(&having(&"(".repeat(200))).0, "having");
    let series = |series: &str| QuestionText { series: series.to_owned(), ..QuestionText::default() };
    assert_eq!(error(&series("soon")).0, "series");
    assert_eq!(error(&series("5ms")).0, "series");
    let filter = QuestionText { filter: "src prot 80".to_owned(), ..QuestionText::default() };
    assert_eq!((error(&filter).0, error(&filter).1), ("filter", 4));
    let many: Vec<String> = (0..40).map(|n| format!("p{n}(rtt)")).collect();
    assert!(error(&grouped("src_addr", &many.join(","))).2.contains("40 items"));
}

#[test]
fn parts_that_say_nothing_are_refused() {
    let part = |text: QuestionText| error(&text).0;
    assert_eq!(part(QuestionText { top: Some(5), ..QuestionText::default() }), "top");
    assert_eq!(part(QuestionText { top: Some(0), ..grouped("ip", "") }), "top");
    assert_eq!(part(QuestionText { sort: "bytes".to_owned(), ..QuestionText::default() }), "sort");
    assert_eq!(part(QuestionText { columns: "bytes".to_owned(), ..grouped("ip", "") }), "columns");
    assert_eq!(part(QuestionText { limit: Some(5), ..grouped("ip", "") }), "limit");
    assert_eq!(part(QuestionText { summary: true, ..grouped("ip", "") }), "by");
    assert_eq!(part(QuestionText { from: Some(5), to: Some(5), ..QuestionText::default() }), "to");
    assert_eq!(part(QuestionText { limit: Some(MAX_TOP + 1), ..QuestionText::default() }), "limit");
}

#[test]
fn completion_offers_what_fits() {
    let offered = |part: &str, before: &str| {
        complete_question(part, before).into_iter().map(|completion| completion.text).collect::<Vec<_>>()
    };
    assert!(offered("by", "").contains(&"src_addr".to_owned()) && !offered("by", "").contains(&"mpls_labels".to_owned()));
    assert_eq!(offered("by", "src_addr, dst_as_"), ["dst_as_name"]);
    assert!(offered("measures", "bytes, rtt ").contains(&"p95".to_owned()));
    assert!(offered("measures", "distinct(").contains(&"ip".to_owned()));
    assert_eq!(offered("measures", "conn"), ["connections"]);
    assert!(offered("filter", "src ").contains(&"port".to_owned()));
    assert!(offered("nothing", "").is_empty());
}

#[test]
fn a_question_within_some_records_is_answered_from_none_but_these() {
    let text =
        QuestionText { series: "1h".into(), measures: "bytes".into(), filter: "port 53".into(), ..QuestionText::default() };
    let question = Question::new(&text).unwrap().of_channel(7);
    assert!(question.series_plan().is_some());
    let rows = Filter::parse("src net 10.0.0.0/8 and proto tcp").unwrap();
    let within = question.within(&rows);
    assert!(within.series_plan().is_none(), "the sums of the channel are of all records");
    assert_eq!(within.filter().to_string(), Filter::parse("port 53 and src net 10.0.0.0/8 and proto tcp").unwrap().to_string());
    // Whatever the limits name, they do not make a question one about events.
    let kinds = Filter::parse("record_kind = flow").unwrap();
    let plain = Question::new(&QuestionText::default()).unwrap();
    assert!(!plain.clone().within(&kinds).names_kinds());
    assert_eq!(plain.within(&Filter::any()).filter(), &Filter::any());
}

#[test]
fn a_question_tells_which_columns_it_asks_for() {
    let text = QuestionText {
        filter: "port 53".into(),
        by: "client ip".into(),
        measures: "distinct(dst_as)".into(),
        having: "rtt p95 > 1".into(),
        ..QuestionText::default()
    };
    let columns = Question::new(&text).unwrap().asked_columns();
    for column in [Column::src_port, Column::dst_port, Column::src_addr, Column::dst_addr, Column::dst_as, Column::rtt] {
        assert!(columns.contains(&column), "{}", column.name());
    }
    assert!(!columns.contains(&Column::bytes));
    let list = QuestionText { columns: "src_mac, bytes".into(), ..QuestionText::default() };
    assert_eq!(Question::new(&list).unwrap().asked_columns(), [Column::src_mac, Column::bytes].into());
}
