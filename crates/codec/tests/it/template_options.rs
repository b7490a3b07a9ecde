//! What exporters say of themselves in options data, and how flow records take it up: names, sampling rates, the boot time.

use serde_json::{Value, json};

use crate::template_messages::*;

/// A collector that has been told options, each with its template; by their numbers from 257 on.
fn told(options_of: &[(u16, &[Field], &str)]) -> Collector {
    let mut collector = Collector::new();
    for (id, (scope, fields, data)) in (257..).zip(options_of) {
        collector.feed(&ipfix(7, &[set(3, &options(id, *scope, fields)), set(id, &hex(data))]));
        assert_eq!(collector.faults(), []);
    }
    collector
}

/// The rows of records that come afterwards.
fn rows_of(collector: &mut Collector, fields: &[Field], data: &str) -> Vec<Value> {
    let rows = collector.rows(&template_and_data(fields, &hex(data)));
    assert_eq!(collector.faults(), []);
    rows
}

fn rates(collector: &mut Collector, fields: &[Field], data: &str) -> Vec<Value> {
    rows_of(collector, fields, data).into_iter().map(|mut row| row["sampling_rate"].take()).collect()
}

#[test]
fn interfaces_have_names_and_aliases() {
    let mut collector =
        told(&[(1, &[ie(10, 4), ie(82, 4), ie(83, 8)], "00000003 65746830 75706c696e6b0000 00000007 65746831 0000000000000000")]);
    let rows = rows_of(&mut collector, &[ie(10, 4), ie(14, 4)], "00000003 00000007 00000007 00000003 00000009 00000003");
    assert_eq!(
        rows,
        [
            json!({ "in_if": 3, "in_if_name": "eth0", "in_if_alias": "uplink", "out_if": 7, "out_if_name": "eth1" }),
            json!({ "in_if": 7, "in_if_name": "eth1", "out_if": 3, "out_if_name": "eth0", "out_if_alias": "uplink" }),
            json!({ "in_if": 9, "out_if": 3, "out_if_name": "eth0", "out_if_alias": "uplink" }),
        ]
    );
    // Names and aliases may come apart, with the egress interface as scope, and change.
    let mut collector = told(&[
        (1, &[ie(14, 4), ie(82, 2)], "00000003 6131"),
        (1, &[ie(252, 4), ie(83, 2)], "00000003 6231"),
        (1, &[ie(10, 4), ie(82, 2)], "00000003 6132"),
    ]);
    let rows = rows_of(&mut collector, &[ie(10, 4)], "00000003");
    assert_eq!(rows, [json!({ "in_if": 3, "in_if_name": "a2", "in_if_alias": "b1" })]);
    // A responder's half has the names of its own sides.
    let rows = rows_of(&mut collector, &[ie(10, 4), ie(2, 1), (2, 1, REVERSE)], "00000003 01 01");
    assert_eq!(
        (&rows[0]["in_if_name"], &rows[1]["out_if_name"], &rows[1]["in_if_name"]),
        (&json!("a2"), &json!("a2"), &json!(null))
    );
}

#[test]
fn interfaces_of_netflow9_are_a_scope_or_a_field() {
    for (scope, fields, data) in
        [(ie(2, 4), vec![ie(82, 4)], "00000003 65746830"), (ie(1, 4), vec![ie(10, 4), ie(82, 4)], "00000000 00000003 65746830")]
    {
        let mut collector = Collector::new();
        let sets = [
            set(1, &options9(257, &[scope], &fields)),
            set(257, &hex(data)),
            set(0, &template(256, &[ie(10, 2)])),
            set(256, &[0, 3]),
        ];
        let rows = collector.rows(&netflow9(7, &sets));
        assert_eq!(rows, [json!({ "in_if": 3, "in_if_name": "eth0" })]);
    }
}

#[test]
fn scopes_of_netflow9_are_shown_by_name() {
    let mut collector = Collector::new();
    let scope: Vec<Field> = (1..=6).map(|scope| ie(scope, 2)).collect();
    collector.feed(&netflow9(
        7,
        &[set(1, &options9(257, &scope, &[ie(34, 4)])), set(257, &hex("0001 0002 0003 0004 0005 0006 00000064"))],
    ));
    let (scope, values) = collector.options().remove(0);
    let expected = json!({ "system": "0001", "interface": "0002", "lineCard": "0003", "cache": "0004", "template": "0005", "scope/6": "0006" });
    assert_eq!(members(&scope).keys().collect::<Vec<_>>(), members(&expected).keys().collect::<Vec<_>>());
    assert_eq!(values, json!({ "samplingInterval": 100 }));
}

#[test]
fn routing_instances_and_applications_have_names() {
    let mut collector = told(&[
        (1, &[ie(234, 4), ie(236, 4)], "00000001 72656400 00000002 626c7565"),
        (1, &[ie(95, 4), ie(96, 4)], "03000050 68747470 0d0001c5 73736c00"),
    ]);
    let rows = rows_of(&mut collector, &[ie(234, 4), ie(235, 4)], "00000001 00000002 00000003 00000001");
    assert_eq!(
        rows,
        [
            json!({ "vrf_in": 1, "vrf_in_name": "red", "vrf_out": 2, "vrf_out_name": "blue" }),
            json!({ "vrf_in": 3, "vrf_out": 1, "vrf_out_name": "red" }),
        ]
    );
    let rows = rows_of(&mut collector, &[ie(95, 4)], "03000050 0d0001c5 03000051");
    assert_eq!(
        rows,
        [
            json!({ "app_id": "3:80", "app_name": "http" }),
            json!({ "app_id": "13:453", "app_name": "ssl" }),
            json!({ "app_id": "3:81" }),
        ]
    );
    // A name in the record goes before.
    assert_eq!(rows_of(&mut collector, &[ie(95, 4), ie(96, 2)], "03000050 6162")[0]["app_name"], "ab");
}

#[test]
fn samplers_have_rates_and_names() {
    let mut collector = told(&[(1, &[ie(48, 1), ie(50, 4), ie(84, 4)], "01 00000064 66617374 02 000003e8 736c6f77")]);
    let rows = rows_of(&mut collector, &[ie(48, 1)], "01 02 03");
    let sampler = |id: u8, more: Value| {
        let mut row = json!({ "extra": { "samplerId": id } });
        row.as_object_mut().unwrap().extend(members(&more));
        row
    };
    assert_eq!(
        rows,
        [
            sampler(1, json!({ "sampling_rate": 100, "sampler_name": "fast" })),
            sampler(2, json!({ "sampling_rate": 1000, "sampler_name": "slow" })),
            sampler(3, json!({})),
        ]
    );
    // Of several samplers none is everybody's.
    assert_eq!(rates(&mut collector, &[ie(4, 1)], "06"), [json!(null)]);
    // A rate in the record goes before.
    assert_eq!(rates(&mut collector, &[ie(48, 1), ie(34, 2)], "01 0005 01 0000"), [json!(5), json!(null)]);
}

#[test]
fn the_only_sampler_is_that_of_records_that_name_none() {
    let mut collector = told(&[(1, &[ie(48, 1), ie(50, 4)], "01 00000064")]);
    assert_eq!(rates(&mut collector, &[ie(4, 1)], "06 11"), [json!(100), json!(100)]);
    collector.feed(&ipfix(7, &[set(257, &hex("02 00000064"))]));
    assert_eq!(rates(&mut collector, &[ie(4, 1)], "06"), [json!(null)]);
    // Another domain knows nothing of it.
    let other = ipfix(8, &[set(2, &template(256, &[ie(4, 1)])), set(256, &[6])]);
    assert_eq!(collector.column("sampling_rate", &other), [json!(null)]);
}

#[test]
fn selectors_tell_their_rates_in_many_ways() {
    let by_selector = |fields: &[Field], data: &str| {
        let mut collector = told(&[(1, fields, data)]);
        rates(&mut collector, &[ie(302, 8)], "0000000000000001").remove(0)
    };
    let selector = "0000000000000001";
    assert_eq!(by_selector(&[ie(302, 8), ie(305, 4), ie(306, 4)], &format!("{selector} 00000001 000001ff")), 512);
    assert_eq!(by_selector(&[ie(302, 8), ie(309, 4), ie(310, 4)], &format!("{selector} 00000002 00000400")), 512);
    assert_eq!(by_selector(&[ie(302, 8), ie(304, 2), ie(34, 4)], &format!("{selector} 0001 00000200")), 512);
    // A probability of 1/512, as 8 and as 4 octets; of a third; of none, of more than one, of no number.
    assert_eq!(by_selector(&[ie(302, 8), ie(311, 8)], &format!("{selector} 3f60000000000000")), 512);
    assert_eq!(by_selector(&[ie(302, 8), ie(311, 4)], &format!("{selector} 3b000000")), 512);
    assert_eq!(by_selector(&[ie(302, 8), ie(311, 8)], &format!("{selector} 3fd5555555555555")), 3);
    for probability in ["0000000000000000", "4000000000000000", "7ff8000000000000", "bff0000000000000"] {
        assert_eq!(by_selector(&[ie(302, 8), ie(311, 8)], &format!("{selector} {probability}")), json!(null), "{probability}");
    }
    // A probability so small that its rate has no number.
    assert_eq!(by_selector(&[ie(302, 8), ie(311, 8)], &format!("{selector} 0000000000000001")), 4_294_967_295_u32);
}

#[test]
fn interfaces_have_rates_of_their_own() {
    let mut collector = told(&[(1, &[ie(10, 4), ie(34, 4)], "00000003 00000064 00000007 000000c8")]);
    let fields = [ie(10, 4), ie(14, 4), ie(61, 1)];
    // By the ingress interface, or the egress one of records that were seen there.
    assert_eq!(
        rates(&mut collector, &fields, "00000003 00000007 00 00000003 00000007 01 00000009 00000007 00"),
        [json!(100), json!(200), json!(null)]
    );
    assert_eq!(rates(&mut collector, &[ie(10, 4)], "00000003 00000009"), [json!(100), json!(null)]);
    // In NetFlow v9 the scope may be an interface.
    let mut collector = Collector::new();
    let sets = [
        set(1, &options9(257, &[ie(2, 4)], &[ie(34, 4)])),
        set(257, &hex("00000003 00000064")),
        set(0, &template(256, &[ie(10, 4)])),
        set(256, &hex("00000003")),
    ];
    assert_eq!(collector.column("sampling_rate", &netflow9(7, &sets)), [json!(100)]);
}

#[test]
fn a_domain_has_a_rate_for_all() {
    let mut collector = told(&[
        (1, &[ie(149, 4), ie(34, 4), ie(35, 1)], "00000007 00000064 02"),
        (1, &[ie(10, 4), ie(34, 4)], "00000003 000000c8"),
    ]);
    assert_eq!(rates(&mut collector, &[ie(10, 4)], "00000003 00000009"), [json!(200), json!(100)]);
    assert_eq!(rates(&mut collector, &[ie(4, 1)], "06"), [json!(100)]);
    // It may change; zero says nothing.
    collector.feed(&ipfix(7, &[set(257, &hex("00000007 000003e8 02"))]));
    assert_eq!(rates(&mut collector, &[ie(4, 1)], "06"), [json!(1000)]);
    collector.feed(&ipfix(7, &[set(257, &hex("00000007 00000000 02"))]));
    assert_eq!(rates(&mut collector, &[ie(4, 1)], "06"), [json!(1000)]);
}

#[test]
fn options_records_are_rows_of_their_own() {
    let mut collector = Collector::new();
    let template = options(257, 2, &[ie(10, 4), ie(10, 4), ie(82, VARIES), ie(82, 2), (4000, 0, 0), (1, 2, 4_242_424)]);
    collector.feed(&ipfix(
        7,
        &[set(3, &template), set(257, &hex("00000001 00000002 02 6131 6132 abcd 00000003 00000004 00 6233 0000"))],
    ));
    assert_eq!(
        collector.options(),
        [
            (
                json!({ "ingressInterface": 1, "ingressInterface_2": 2 }),
                json!({ "interfaceName": "a1", "interfaceName_2": "a2", "4242424/1": "abcd" })
            ),
            (
                json!({ "ingressInterface": 3, "ingressInterface_2": 4 }),
                json!({ "interfaceName": "", "interfaceName_2": "b3", "4242424/1": "0000" })
            ),
        ]
    );
    let options = &collector.out.options;
    assert_eq!(
        (options.template_id.get(1), options.obs_domain.get(1), options.time_received.get(1)),
        (Some(257), Some(7), Some(NOW))
    );
    assert_eq!((collector.decoder.stats().options_records, collector.out.flows.rows()), (2, 0));
}
