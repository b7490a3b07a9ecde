//! What is kept between messages of NetFlow v9 and IPFIX, for whom, for how long and up to which limit.

use serde_json::{Value, json};
use weir_codec::{Limits, Reason};
use weir_record::Address;

use crate::template_messages::*;

/// A message that announces 256 as a port of the source, or of the destination.
fn announce(destination: bool) -> Vec<u8> {
    ipfix(7, &[set(2, &template(256, &[ie(if destination { 11 } else { 7 }, 2)]))])
}

/// Data of template 256: one port, 80.
fn data() -> Vec<u8> {
    ipfix(7, &[set(256, &[0, 80])])
}

/// What a message's rows hold.
fn from_port(collector: &mut Collector, port: u16, message: &[u8]) -> Vec<Value> {
    collector.port = port;
    collector.rows(message)
}

fn source() -> [Value; 1] {
    [json!({ "src_port": 80 })]
}

fn destination() -> [Value; 1] {
    [json!({ "dst_port": 80 })]
}

#[test]
fn templates_are_those_of_a_domain_an_exporter_and_a_protocol() {
    let mut collector = Collector::new();
    collector.feed(&announce(false));
    let other = [set(2, &template(256, &[ie(11, 2)])), set(256, &[0, 80])];
    assert_eq!(collector.rows(&ipfix(8, &other)), destination());
    assert_eq!(collector.rows(&data()), source());
    collector.from = Address::v4(0xc000_0202);
    assert_eq!(collector.rows(&ipfix(7, &other)), destination());
    collector.from = Address::v4(0xc000_0201);
    assert_eq!(collector.rows(&data()), source());
    // NetFlow v9 of the same exporter and source id has templates of its own.
    let v9 = [set(0, &template(256, &[ie(5, 1), ie(4, 1)])), set(256, &[0, 80])];
    assert_eq!(collector.rows(&netflow9(7, &v9)), [json!({ "tos": 0, "protocol": 80 })]);
    assert_eq!(collector.rows(&data()), source());
}

#[test]
fn a_new_port_begins_with_what_the_older_one_knew() {
    let mut collector = Collector::new();
    from_port(&mut collector, 1, &announce(false));
    assert_eq!(from_port(&mut collector, 2, &data()), source());
    assert_eq!(from_port(&mut collector, 3, &data()), source());
    assert_eq!((collector.pending(), collector.faults()), (0, vec![]));
}

#[test]
fn two_live_ports_are_two_senders() {
    let mut collector = Collector::new();
    from_port(&mut collector, 1, &announce(false));
    // Announced anew on the second port, the first keeps its own.
    from_port(&mut collector, 2, &announce(true));
    assert_eq!(from_port(&mut collector, 1, &data()), source());
    assert_eq!(from_port(&mut collector, 2, &data()), destination());
    assert_eq!(from_port(&mut collector, 1, &data()), source());
}

#[test]
fn an_heir_has_to_tell_its_own_when_the_older_port_speaks_again() {
    let mut collector = Collector::new();
    from_port(&mut collector, 1, &announce(false));
    assert_eq!(from_port(&mut collector, 2, &data()), source());
    assert_eq!(from_port(&mut collector, 1, &data()), source());
    assert_eq!(from_port(&mut collector, 2, &data()), [json!(null); 0]);
    assert_eq!(collector.pending(), 1);
    assert_eq!(from_port(&mut collector, 2, &announce(true)), destination());
    assert_eq!(collector.pending(), 0);
    // A repeat of the older one's template makes it the heir's own.
    from_port(&mut collector, 3, &announce(true));
    from_port(&mut collector, 2, &data());
    assert_eq!(from_port(&mut collector, 3, &data()), destination());
}

#[test]
fn an_heir_of_an_heir_loses_what_came_from_the_first() {
    let mut collector = Collector::new();
    from_port(&mut collector, 1, &announce(false));
    let second = ipfix(7, &[set(2, &template(257, &[ie(4, 1)]))]);
    from_port(&mut collector, 2, &second);
    let both = ipfix(7, &[set(256, &[0, 80]), set(257, &[6])]);
    assert_eq!(from_port(&mut collector, 3, &both).len(), 2);
    from_port(&mut collector, 1, &data());
    // What the second port announced is still good, because that one is silent.
    assert_eq!(from_port(&mut collector, 3, &both), [json!({ "protocol": 6 })]);
}

#[test]
fn names_are_taken_over_and_left_like_templates() {
    let mut collector = Collector::new();
    let name = |port: u8, name: &str| set(257, &[&[0, 0, 0, port], name.as_bytes()].concat());
    let learn = |names: &[Vec<u8>]| {
        let sets = [set(3, &options(257, 1, &[ie(10, 4), ie(82, 2)])), set(2, &template(256, &[ie(10, 4)])), names.concat()];
        ipfix(7, &sets)
    };
    let data = ipfix(7, &[set(256, &[0, 0, 0, 1, 0, 0, 0, 2])]);
    let names = |rows: Vec<Value>| rows.iter().map(|row| row["in_if_name"].clone()).collect::<Vec<_>>();
    from_port(&mut collector, 1, &learn(&[name(1, "a1"), name(2, "a2")]));
    assert_eq!(names(from_port(&mut collector, 2, &data)), ["a1", "a2"]);
    // The second port tells a name of its own, templates included; the first does not take it over.
    from_port(&mut collector, 2, &learn(&[name(2, "b2")]));
    assert_eq!(names(from_port(&mut collector, 2, &data)), ["a1", "b2"]);
    assert_eq!(names(from_port(&mut collector, 1, &data)), ["a1", "a2"]);
    assert_eq!(names(from_port(&mut collector, 2, &data)), [json!(null), json!("b2")]);
}

#[test]
fn streams_are_senders_of_their_own() {
    let mut collector = Collector::new();
    collector.stream = Some(1);
    collector.feed(&announce(false));
    collector.stream = Some(2);
    assert_eq!(collector.rows(&data()), [json!(null); 0]);
    collector.feed(&announce(true));
    assert_eq!(collector.rows(&data()), destination());
    collector.stream = Some(1);
    assert_eq!(collector.rows(&data()), source());
    collector.stream = None;
    assert_eq!(collector.rows(&data()), [json!(null); 0]);
}

#[test]
fn a_withdrawn_template_is_void() {
    for stream in [None, Some(1)] {
        let mut collector = Collector::new();
        collector.stream = stream;
        let both = [template(256, &[ie(7, 2)]), template(257, &[ie(11, 2)])].concat();
        let option = options(258, 1, &[ie(10, 4), ie(34, 2)]);
        let all = ipfix(7, &[set(2, &both), set(3, &option)]);
        let data = ipfix(7, &[set(256, &[0, 80]), set(257, &[0, 80]), set(258, &[0, 0, 0, 3, 0, 100])]);
        let mut left = |withdrawal: (u16, u16)| {
            collector.feed(&all);
            collector.feed(&ipfix(7, &[set(withdrawal.0, &template(withdrawal.1, &[]))]));
            assert_eq!(collector.faults(), []);
            let rows = collector.rows(&data);
            let seen = (rows.len(), collector.options().len(), collector.pending());
            // What waits is decoded when the template comes again.
            collector.feed(&all);
            assert_eq!(collector.pending(), 0);
            seen
        };
        assert_eq!(left((2, 256)), (1, 1, 1));
        assert_eq!(left((3, 258)), (2, 0, 1));
        assert_eq!(left((2, 2)), (0, 1, 2));
        assert_eq!(left((3, 3)), (2, 0, 1));
        // One that nobody announced.
        assert_eq!(left((2, 999)), (2, 1, 0));
    }
    // All of the other kind, and ids that name none.
    let mut collector = Collector::new();
    for (kind, id) in [(2, 3), (3, 2), (2, 255), (3, 4)] {
        collector.feed(&ipfix(7, &[set(kind, &template(id, &[]))]));
        assert_eq!(collector.faults(), [(Reason::BadTemplateId, 20, u64::from(id))]);
    }
}

#[test]
fn a_template_may_change_under_its_data() {
    let mut collector = Collector::new();
    collector.feed(&announce(false));
    assert_eq!(collector.rows(&data()), source());
    let sets = [
        set(256, &[0, 80]),
        set(2, &template(256, &[ie(11, 2)])),
        set(256, &[0, 80]),
        set(3, &options(256, 1, &[ie(10, 1), ie(34, 1)])),
        set(256, &[3, 100]),
        set(2, &template(256, &[ie(7, 2)])),
        set(256, &[0, 80]),
    ];
    let rows = collector.rows(&ipfix(7, &sets));
    assert_eq!(rows.iter().map(|row| row["src_port"].is_null()).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(collector.options(), [(json!({ "ingressInterface": 3 }), json!({ "samplingInterval": 100 }))]);
}

#[test]
fn data_before_its_template_keeps_its_own_arrival_and_header() {
    let mut collector = Collector::new();
    collector.received = NOW + 1;
    // Delta microseconds: placed by the export time of their own message.
    let mut early = ipfix(7, &[set(256, &hex("0050 000f4240")), set(300, &[1])]);
    early = with_word(&early, 6, (SECONDS as u16).wrapping_sub(60));
    collector.feed(&early);
    assert_eq!((collector.pending(), collector.decoder.stats().records), (2, 0));
    collector.received = NOW + 2_000_000_000;
    let late = ipfix(7, &[set(2, &template(256, &[ie(7, 2), ie(158, 4)])), set(256, &hex("0051 000f4240"))]);
    let rows = collector.feed(&late);
    let seen: Vec<_> = rows.iter().map(|row| [&row["src_port"], &row["time_start"], &row["time_received"]]).collect();
    assert_eq!(
        json!(seen),
        json!([
            [80, "2023-11-14T22:12:19Z", "2023-11-14T22:13:20.000000001Z"],
            [81, "2023-11-14T22:13:19Z", "2023-11-14T22:13:22Z"],
        ])
    );
    assert_eq!((collector.pending(), collector.decoder.stats().records), (1, 2));
    // In NetFlow v9 the boot time is that of its own header too.
    let mut collector = Collector::new();
    let mut early = netflow9(7, &[set(256, &hex("000f4240"))]);
    early = with_word(&early, 10, (SECONDS as u16).wrapping_sub(60));
    collector.feed(&early);
    let rows = collector.feed(&netflow9(7, &[set(0, &template(256, &[ie(22, 4)]))]));
    assert_eq!(rows[0]["time_start"], "2023-11-14T22:12:20Z");
}

#[test]
fn options_before_their_template_wait_as_well() {
    let mut collector = Collector::new();
    collector.feed(&ipfix(7, &[set(2, &template(256, &[ie(10, 4)])), set(257, &hex("00000003 6131"))]));
    collector.received = NOW + 5;
    collector.feed(&ipfix(7, &[set(3, &options(257, 1, &[ie(10, 4), ie(82, 2)]))]));
    assert_eq!(collector.options(), [(json!({ "ingressInterface": 3 }), json!({ "interfaceName": "a1" }))]);
    assert_eq!(collector.out.options.time_received.get(0), Some(NOW));
    assert_eq!(collector.column("in_if_name", &ipfix(7, &[set(256, &hex("00000003"))])), ["a1"]);
}

#[test]
fn what_waits_too_long_is_given_up() {
    let limits = Limits { pending_time: 1000, ..Limits::default() };
    let mut collector = Collector::with_limits(limits.clone());
    collector.feed(&data());
    collector.decoder.expire(NOW + 1000);
    assert_eq!((collector.pending(), collector.count(Reason::UnknownTemplate)), (1, 0));
    collector.decoder.expire(NOW + 1001);
    assert_eq!(collector.pending(), 0);
    assert_eq!(collector.faults(), [(Reason::UnknownTemplate, 20, 256)]);
    // Later messages do it too, whoever sends them.
    let mut collector = Collector::with_limits(limits);
    collector.feed(&data());
    collector.from = Address::v4(1);
    collector.received = NOW + 1001;
    collector.feed(&announce(false));
    assert_eq!((collector.pending(), collector.count(Reason::UnknownTemplate)), (0, 1));
    // And then it is gone.
    collector.from = Address::v4(0xc000_0201);
    assert_eq!(collector.rows(&announce(false)), [json!(null); 0]);
}

/// How many sets of one octet find room to wait.
fn room(limits: &Limits, domains: u32) -> u64 {
    let mut collector = Collector::with_limits(limits.clone());
    for number in 0..100 {
        collector.feed(&ipfix(number % domains, &[set(256, &[0])]));
        if let Some(full) = collector.faults().first() {
            assert_eq!(*full, (Reason::PendingFull, 20, 256));
            break;
        }
    }
    collector.pending()
}

#[test]
fn what_waits_is_bounded_of_a_session_and_in_all() {
    let with = |session, total| Limits { pending_session: session, pending_total: total, ..Limits::default() };
    let total = Limits::default().pending_total;
    // What one set takes: itself and the room around it.
    let cost = (0..10_000).find(|octets| room(&with(*octets, total), 1) == 1).unwrap();
    assert_eq!((room(&with(cost * 3, total), 1), room(&with(cost * 3 - 1, total), 1)), (3, 2));
    assert_eq!(room(&with(total, cost * 3), 3), 3);
    assert_eq!(room(&with(total, cost * 3 - 1), 3), 2);
    assert_eq!(room(&with(cost, cost * 3), 3), 3);
    // Whatever ends the waiting makes room again: a template, time, a session that is forgotten.
    let mut collector = Collector::with_limits(Limits { sessions: 2, pending_time: 1000, ..with(total, cost) });
    for round in 0..3 {
        assert_eq!(collector.pending(), 0);
        collector.feed(&ipfix(1, &[set(256, &[1])]));
        assert_eq!((collector.pending(), collector.faults()), (1, vec![]), "{round}");
        match round {
            0 => drop(collector.feed(&ipfix(1, &[set(2, &template(256, &[ie(4, 1)])), set(2, &template(256, &[]))]))),
            1 => collector.decoder.expire(NOW + 1001),
            _ => {
                collector.feed(&ipfix(2, &[]));
                collector.feed(&ipfix(3, &[]));
                let expected = [(Reason::PendingFull, 0, 0), (Reason::TooManySessions, 0, 1)];
                assert_eq!(collector.faults(), expected);
            }
        }
    }
    assert_eq!(collector.pending(), 0);
    collector.feed(&ipfix(1, &[set(256, &[1])]));
    assert_eq!(collector.pending(), 1);
}

#[test]
fn the_exporter_silent_for_longest_is_forgotten_at_the_limit() {
    let mut collector = Collector::with_limits(Limits { sessions: 2, ..Limits::default() });
    let announce = |domain: u32| ipfix(domain, &[set(2, &template(256, &[ie(7, 2)]))]);
    let data = |domain: u32| ipfix(domain, &[set(256, &[0, 80])]);
    collector.feed(&announce(1));
    collector.feed(&announce(2));
    collector.feed(&data(1));
    assert_eq!(collector.count(Reason::TooManySessions), 0);
    collector.feed(&announce(3));
    assert_eq!(collector.faults(), [(Reason::TooManySessions, 0, 1)]);
    assert_eq!((collector.rows(&data(1)).len(), collector.rows(&data(3)).len()), (1, 1));
    assert_eq!(collector.rows(&data(2)).len(), 0);
    assert_eq!(collector.count(Reason::TooManySessions), 2);
    // Now the first was silent for longest.
    assert_eq!((collector.rows(&data(3)).len(), collector.rows(&data(1)).len()), (1, 0));
}

#[test]
fn the_port_silent_for_longest_is_forgotten_at_the_limit() {
    let mut collector = Collector::with_limits(Limits { ports: 2, ..Limits::default() });
    from_port(&mut collector, 1, &announce(false));
    from_port(&mut collector, 2, &announce(true));
    from_port(&mut collector, 1, &data());
    assert_eq!(collector.count(Reason::TooManySessions), 0);
    // The third begins with what the first knows, and takes the place of the second.
    assert_eq!(from_port(&mut collector, 3, &data()), source());
    assert_eq!(collector.faults(), [(Reason::TooManySessions, 0, 1)]);
    assert_eq!(from_port(&mut collector, 3, &announce(true)), [json!(null); 0]);
    assert_eq!(from_port(&mut collector, 1, &data()), source());
}

#[test]
fn the_template_announced_longest_ago_is_forgotten_at_the_limit() {
    let mut collector = Collector::with_limits(Limits { templates: 2, ..Limits::default() });
    let announce = |id: u16| ipfix(7, &[set(2, &template(id, &[ie(7, 2)]))]);
    let data = |id: u16| ipfix(7, &[set(id, &[0, 80])]);
    collector.feed(&announce(256));
    collector.feed(&announce(257));
    collector.feed(&announce(256));
    assert_eq!(collector.count(Reason::TooManyTemplates), 0);
    collector.feed(&announce(258));
    assert_eq!(collector.faults(), [(Reason::TooManyTemplates, 0, 258)]);
    assert_eq!([256, 257, 258].map(|id| collector.rows(&data(id)).len()), [1, 0, 1]);
    // One that replaces another needs no room.
    collector.feed(&ipfix(7, &[set(2, &template(258, &[ie(11, 2)]))]));
    assert_eq!(collector.faults(), []);
}

#[test]
fn templates_of_a_session_are_bounded_in_octets() {
    let announce = |id: u16, fields: usize| ipfix(7, &[set(2, &template(id, &vec![ie(4, 1); fields]))]);
    let known = |collector: &mut Collector, ids: std::ops::Range<u16>| {
        ids.map(|id| collector.feed(&ipfix(7, &[set(id, &[6; 100])])).len()).collect::<Vec<_>>()
    };
    let mut collector = Collector::with_limits(Limits { state_session: 60_000, ..Limits::default() });
    for id in 256..259 {
        collector.feed(&announce(id, 100));
    }
    // Two of about 26 KiB each find room.
    assert_eq!(collector.count(Reason::TooManyTemplates), 1);
    assert_eq!(known(&mut collector, 256..259), [0, 1, 1]);
    // One of about 51 KiB takes the place of both.
    collector.feed(&announce(300, 200));
    assert_eq!(collector.faults(), [(Reason::TooManyTemplates, 0, 300); 2]);
    assert_eq!(collector.feed(&ipfix(7, &[set(300, &[6; 200])])).len(), 1);
}

#[test]
fn state_is_bounded_in_all() {
    let mut collector = Collector::with_limits(Limits { state_total: 100_000, ..Limits::default() });
    let announce = |domain: u32| ipfix(domain, &[set(2, &template(256, &[ie(4, 1); 100]))]);
    let data = |domain: u32| ipfix(domain, &[set(256, &[6; 100])]);
    for domain in 0..4 {
        collector.feed(&announce(domain));
    }
    assert_eq!(collector.count(Reason::TooManySessions), 0);
    // Four of about 26 KiB are too many; the next message finds that out.
    assert_eq!(collector.rows(&data(3)).len(), 1);
    assert_eq!(collector.faults(), [(Reason::TooManySessions, 0, 1)]);
    assert_eq!([1, 2, 3].map(|domain| collector.rows(&data(domain)).len()), [1, 1, 1]);
    assert_eq!(collector.rows(&data(0)).len(), 0);
    // What is forgotten, withdrawn and replaced is taken off the sum again.
    for round in 0..50 {
        collector.feed(&announce(1));
        collector.feed(&ipfix(1, &[set(2, &template(256, &[ie(4, 1); 99]))]));
        collector.feed(&ipfix(1, &[set(2, &template(256, &[]))]));
        assert_eq!(collector.count(Reason::TooManySessions), 1, "{round}");
    }
}

#[test]
fn names_are_bounded_each_of_their_kind() {
    let mut collector = Collector::with_limits(Limits { named: 2, ..Limits::default() });
    let (interface, vrf, application, sampler) = (
        options(257, 1, &[ie(10, 1), ie(82, 1)]),
        options(258, 1, &[ie(234, 1), ie(236, 1)]),
        options(259, 1, &[ie(95, 1), ie(96, 1)]),
        options(260, 1, &[ie(48, 1), ie(84, 1)]),
    );
    let rate = options(261, 1, &[ie(10, 1), ie(34, 1)]);
    collector.feed(&ipfix(7, &[set(3, &[interface, vrf, application, sampler, rate].concat())]));
    for id in 257..=261 {
        let named = |numbers: &[u8]| set(id, &numbers.iter().flat_map(|number| [*number, 0x60 + number]).collect::<Vec<_>>());
        collector.feed(&ipfix(7, &[named(&[1, 2])]));
        assert_eq!(collector.faults(), []);
        // One more has no room; one that is known may change.
        collector.feed(&ipfix(7, &[named(&[3, 1])]));
        assert_eq!(collector.faults(), [(Reason::TooManyNames, 20, 2)], "{id}");
    }
    let fields = [ie(10, 1), ie(234, 1), ie(95, 1), ie(48, 1)];
    let rows = collector.rows(&ipfix(7, &[set(2, &template(256, &fields)), set(256, &[1, 1, 1, 1, 3, 3, 3, 3])]));
    let names = |row: &Value| ["in_if_name", "vrf_in_name", "app_name", "sampler_name"].map(|column| row[column].clone());
    assert_eq!(names(&rows[0]), ["a", "a", "a", "a"]);
    assert_eq!(names(&rows[1]), [json!(null), json!(null), json!(null), json!(null)]);
}

#[test]
fn names_that_are_too_long_are_cut() {
    let mut collector = Collector::new();
    collector
        .feed(&ipfix(7, &[set(3, &options(257, 1, &[ie(10, 1), ie(82, 300)])), set(257, &[&[1][..], &[b'x'; 300]].concat())]));
    let rows = collector.rows(&ipfix(7, &[set(2, &template(256, &[ie(10, 4)])), set(256, &[0, 0, 0, 1])]));
    assert_eq!(rows[0]["in_if_name"], "x".repeat(255));
}
