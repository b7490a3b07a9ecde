//! Messages of NetFlow v9 and IPFIX that are cut, that lie about their lengths, or that should not be: the exact fault, where it is, and what
//! of the message still stands.

use serde_json::{Value, json};
use weir_codec::Reason;

use crate::template_messages::*;

/// Offsets of the first set.
const IPFIX: usize = 16;
const V9: usize = 20;

type Faults = Vec<(Reason, usize, u64)>;

/// What a new decoder makes of a message: its rows (without what all rows share), its options records, its faults.
fn decode(message: &[u8]) -> (Vec<Value>, usize, Faults) {
    let mut collector = Collector::new();
    let rows = collector.rows(message);
    assert_columns_fit(&collector.out.flows);
    (rows, collector.options().len(), collector.faults())
}

fn faults(message: &[u8]) -> Faults {
    decode(message).2
}

/// A template of 4 octets: ports.
fn ports() -> Vec<u8> {
    template(256, &[ie(7, 2), ie(11, 2)])
}

type Message = fn(u32, &[Vec<u8>]) -> Vec<u8>;

/// Both protocols: the offset of the first set, the ids of template and options template sets, and how a message is made.
fn protocols() -> [(usize, u16, u16, Message); 2] {
    [(V9, 0, 1, netflow9), (IPFIX, 2, 3, ipfix)]
}

fn port(port: u16) -> Value {
    json!({ "src_port": port, "dst_port": port })
}

/// Records of [`ports`], octets none of which is zero.
fn records(ports: &[u16]) -> Vec<u8> {
    ports.iter().flat_map(|port| [port.to_be_bytes(), port.to_be_bytes()]).flatten().collect()
}

#[test]
fn a_message_cut_in_its_header_is_truncated() {
    let v9 = netflow9(7, &[]);
    for cut in 2..V9 {
        assert_eq!(faults(&v9[..cut]), [(Reason::Truncated, cut, 20)], "{cut}");
    }
    let ten = ipfix(7, &[]);
    for cut in 2..IPFIX {
        assert_eq!(faults(&ten[..cut]), [(Reason::Truncated, cut, 16)], "{cut}");
    }
    assert_eq!(faults(&[]), [(Reason::UnknownProtocol, 0, 0)]);
    assert_eq!(faults(&[0]), [(Reason::UnknownProtocol, 0, 0)]);
    assert_eq!(faults(&[0, 11]), [(Reason::UnknownProtocol, 0, 11)]);
}

/// Every cut of a message whose first set is a template set and whose second set holds three records of 4 octets.
#[test]
fn a_message_cut_anywhere_keeps_what_came_whole() {
    for (base, templates, _, message) in protocols() {
        let whole = message(7, &[set(templates, &ports()), set(256, &records(&[0x0101, 0x0202, 0x0303]))]);
        let (first, second) = (base, base + 16);
        for cut in base..whole.len() {
            let (rows, _, mut seen) = decode(&whole[..cut]);
            if base == IPFIX {
                assert_eq!(seen.remove(0), (Reason::BadMessageLength, 2, whole.len() as u64), "{cut}");
            }
            let left = cut - first;
            let expected: Faults = match left {
                0 => vec![],
                // Not even the head of a set; its id may be all zeros.
                1..4 if whole[first..cut].iter().all(|octet| *octet == 0) => vec![],
                1..4 => vec![(Reason::TrailingOctets, first, left as u64)],
                // No template record, or one that is cut.
                4 => vec![(Reason::BadSetLength, first + 2, 16)],
                5..8 => vec![(Reason::BadSetLength, first + 2, 16), (Reason::ShortRecord, first + 4, left as u64 - 4)],
                8..16 => {
                    let word = (left - 8) / 2 * 2;
                    vec![(Reason::BadSetLength, first + 2, 16), (Reason::Truncated, first + 8 + word, 2)]
                }
                16 => vec![],
                17..20 => vec![(Reason::TrailingOctets, second, left as u64 - 16)],
                _ => {
                    let rest = (left - 20) as u64 % 4;
                    let mut expected = vec![(Reason::BadSetLength, second + 2, 16)];
                    if rest > 0 {
                        expected.push((Reason::ShortRecord, cut - rest as usize, rest));
                    }
                    expected
                }
            };
            assert_eq!(seen, expected, "{base} {cut}");
            assert_eq!(rows.len(), left.saturating_sub(20) / 4, "{base} {cut}");
            assert_eq!(rows, [port(0x0101), port(0x0202), port(0x0303)][..rows.len()]);
        }
    }
}

#[test]
fn data_of_varying_length_cut_anywhere_keeps_the_records_before() {
    let fields = [ie(7, 2), ie(96, VARIES), ie(11, 2)];
    let data = hex("0101 02 6162 0101 0202 ff0003 616263 0202 0303 00 0303");
    let whole = ipfix(7, &[set(2, &template(256, &fields)), set(256, &data)]);
    let body = IPFIX + 20 + 4;
    // Where records end, and of each record where its text's length stands and where its last field begins.
    let (ends, length_at, last_at) = ([0, 7, 17, 22], [2, 9, 19], [5, 15, 20]);
    for cut in body..whole.len() {
        let (rows, _, seen) = decode(&whole[..cut]);
        let left = cut - body;
        let record = ends.iter().rposition(|end| *end <= left).unwrap();
        assert_eq!(rows.len(), record, "{cut}");
        let mut expected = vec![(Reason::BadMessageLength, 2, whole.len() as u64), (Reason::BadSetLength, body - 2, 26)];
        let rest = left - ends[record];
        // Up to three octets that fill a multiple of four may hold anything.
        if rest > 3 || (rest > 0 && !left.is_multiple_of(4)) {
            // Below the shortest record nothing is tried; else the field that goes past the end is told.
            expected.push(if rest < 5 {
                (Reason::ShortRecord, body + ends[record], rest as u64)
            } else if left < last_at[record] {
                let long = data[length_at[record]] == 255;
                (Reason::BadFieldLength, body + length_at[record], if long { 3 } else { 2 })
            } else {
                (Reason::BadFieldLength, body + last_at[record], 2)
            });
        }
        assert_eq!(seen, expected, "{cut}");
    }
}

#[test]
fn options_templates_cut_anywhere_are_told() {
    let template = options(257, 1, &[ie(10, 4), ie(82, 4)]);
    let whole = ipfix(7, &[set(3, &template)]);
    let body = IPFIX + 4;
    for cut in body + 4..whole.len() {
        let word = (cut - body) / 2 * 2;
        let expected = [
            (Reason::BadMessageLength, 2, whole.len() as u64),
            (Reason::BadSetLength, IPFIX + 2, 18),
            (Reason::Truncated, body + word, 2),
        ];
        assert_eq!(faults(&whole[..cut]), expected, "{cut}");
    }
    let whole = netflow9(7, &[set(1, &options9(257, &[ie(2, 4)], &[ie(82, 4)]))]);
    let body = V9 + 4;
    for cut in body + 4..whole.len() {
        let word = (cut - body) / 2 * 2;
        assert_eq!(faults(&whole[..cut]), [(Reason::BadSetLength, V9 + 2, 18), (Reason::Truncated, body + word, 2)], "{cut}");
    }
}

#[test]
fn the_length_of_a_message_is_a_claim() {
    let whole = ipfix(7, &[set(2, &ports()), set(256, &records(&[0x0101, 0x0202]))]);
    let length = whole.len() as u16;
    let with = |length| decode(&with_word(&whole, 2, length));
    assert_eq!(with(length), (vec![port(0x0101), port(0x0202)], 0, vec![]));
    // Zero, and below its own header: nothing in it can be believed.
    assert_eq!(with(0), (vec![], 0, vec![(Reason::BadMessageLength, 2, 0)]));
    assert_eq!(with(15), (vec![], 0, vec![(Reason::BadMessageLength, 2, 15)]));
    // Nothing but its header; what follows is no message.
    assert_eq!(with(16), (vec![], 0, vec![(Reason::TrailingOctets, 16, u64::from(length) - 16)]));
    // One less: the last set is cut, an octet is left.
    let cut = vec![(Reason::BadSetLength, 34, 12), (Reason::ShortRecord, 40, 3), (Reason::TrailingOctets, 43, 1)];
    assert_eq!(with(length - 1), (vec![port(0x0101)], 0, cut));
    for longer in [length + 1, u16::MAX] {
        let seen = vec![(Reason::BadMessageLength, 2, u64::from(longer))];
        assert_eq!(with(longer), (vec![port(0x0101), port(0x0202)], 0, seen));
    }
}

#[test]
fn the_length_of_a_set_is_a_claim() {
    for (base, templates, _, message) in protocols() {
        let whole = message(7, &[set(templates, &ports()), set(256, &records(&[0x0101, 0x0202]))]);
        let (first, second) = (base, base + 16);
        let with = |at, length| decode(&with_word(&whole, at + 2, length));
        // Below its own head: the message cannot be read on.
        for length in 0..4 {
            assert_eq!(with(first, length), (vec![], 0, vec![(Reason::BadSetLength, first + 2, u64::from(length))]));
            assert_eq!(with(second, length), (vec![], 0, vec![(Reason::BadSetLength, second + 2, u64::from(length))]));
        }
        // No body; what follows is taken for a set.
        let (rows, _, seen) = with(second, 4);
        assert_eq!((rows.len(), seen), (0, vec![(Reason::BadSetLength, second + 6, 0x0101)]));
        // One less: the last record is cut, an octet is left. One more, and the maximum: what is there is read.
        let short = vec![(Reason::ShortRecord, second + 8, 3), (Reason::TrailingOctets, second + 11, 1)];
        assert_eq!(with(second, 11), (vec![port(0x0101)], 0, short));
        for length in [13, u16::MAX] {
            let long = vec![(Reason::BadSetLength, second + 2, u64::from(length))];
            assert_eq!(with(second, length), (vec![port(0x0101), port(0x0202)], 0, long));
        }
        // A template set of one octet less has no whole template; of one more, the next set begins too late.
        let (rows, _, seen) = with(first, 15);
        assert_eq!((rows.len(), seen[0]), (0, (Reason::Truncated, first + 14, 2)));
        let (rows, _, seen) = with(first, 17);
        assert_eq!((rows.len(), &seen[..1]), (0, &[(Reason::ShortRecord, first + 16, 1)][..]));
        // At the maximum the whole message is template records.
        let (rows, _, seen) = with(first, u16::MAX);
        assert_eq!((rows.len(), seen[0]), (0, (Reason::BadSetLength, first + 2, 0xffff)));
    }
}

#[test]
fn sets_without_a_body_are_nothing() {
    for (base, templates, options, message) in protocols() {
        let sets =
            [set(templates, &[]), set(options, &[]), set(templates, &ports()), set(256, &[]), set(256, &records(&[0x0101]))];
        assert_eq!(decode(&message(7, &sets)), (vec![port(0x0101)], 0, vec![]), "{base}");
    }
}

#[test]
fn reserved_set_ids_cost_only_themselves() {
    for (base, templates, _, message) in protocols() {
        let reserved: &[u16] = if base == V9 { &[2, 3, 4, 255] } else { &[0, 1, 4, 255] };
        for id in reserved {
            let sets = [set(templates, &ports()), set(*id, &[1, 2, 3, 4]), set(256, &records(&[0x0101]))];
            let expected = vec![(Reason::BadSetId, base + 16, u64::from(*id))];
            assert_eq!(decode(&message(7, &sets)), (vec![port(0x0101)], 0, expected), "{base} {id}");
        }
    }
}

#[test]
fn template_ids_below_256_cost_only_themselves() {
    for (base, templates, _, message) in protocols() {
        for id in [1, 2, 3, 255] {
            let both = [template(id, &[ie(7, 2)]), ports()].concat();
            let sets = [set(templates, &both), set(256, &records(&[0x0101]))];
            let expected = vec![(Reason::BadTemplateId, base + 4, u64::from(id))];
            assert_eq!(decode(&message(7, &sets)), (vec![port(0x0101)], 0, expected), "{base} {id}");
        }
        // Of id 0 nobody can tell whether it is padding; what follows is not read.
        let both = [template(0, &[ie(7, 2)]), ports()].concat();
        assert_eq!(faults(&message(7, &[set(templates, &both)])), [(Reason::BadTemplateId, base + 4, 0)]);
        assert_eq!(faults(&message(7, &[set(templates, &[ports(), vec![0; 8]].concat())])), []);
    }
    assert_eq!(faults(&ipfix(7, &[set(3, &options(255, 1, &[ie(10, 4)]))])), [(Reason::BadTemplateId, 20, 255)]);
    assert_eq!(faults(&netflow9(7, &[set(1, &options9(255, &[ie(2, 4)], &[ie(82, 4)]))])), [(Reason::BadTemplateId, 24, 255)]);
}

#[test]
fn the_field_count_of_a_template_is_a_claim() {
    for (base, templates, _, message) in protocols() {
        let whole = message(7, &[set(templates, &ports()), set(256, &records(&[0x0101]))]);
        let count_at = base + 6;
        let with = |count| decode(&with_word(&whole, count_at, count));
        // None: a withdrawal in IPFIX, no template in NetFlow v9; the fields are taken for more templates.
        let (rows, _, seen) = with(0);
        assert_eq!(rows.len(), 0);
        // The next, of id 7, has two fields: 11 and what is not there.
        let cut = (Reason::Truncated, base + 16, 2);
        assert_eq!(seen, if base == V9 { vec![(Reason::BadTemplate, count_at, 0), cut] } else { vec![cut] });
        // One less: the field left over is no template.
        let (rows, _, seen) = with(1);
        assert_eq!((rows.len(), seen), (2, vec![(Reason::Truncated, base + 16, 2)]));
        // One more, and the maximum.
        for count in [3, u16::MAX] {
            let (rows, _, seen) = with(count);
            assert_eq!((rows.len(), seen), (0, vec![(Reason::Truncated, base + 16, 2)]));
        }
    }
}

#[test]
fn the_counts_of_an_options_template_are_claims() {
    let fields = [ie(10, 2), ie(34, 2)];
    let whole = ipfix(7, &[set(3, &options(257, 1, &fields)), set(257, &hex("0003 0064"))]);
    let with = |at, word| {
        let (_, records, seen) = decode(&with_word(&whole, at, word));
        (records, seen)
    };
    let (count_at, scope_at) = (22, 24);
    assert_eq!(with(count_at, 2), (1, vec![]));
    // No fields: a withdrawal, behind which 4 octets and more are taken for templates.
    assert_eq!(with(count_at, 0), (0, vec![(Reason::Truncated, 34, 2)]));
    assert_eq!(with(count_at, 1).1, [(Reason::Truncated, 34, 2)]);
    for count in [3, u16::MAX] {
        assert_eq!(with(count_at, count), (0, vec![(Reason::Truncated, 34, 2)]));
    }
    // No scope is forbidden (RFC 7011, section 3.4.2.2); all fields may be scope, more cannot be.
    assert_eq!(with(scope_at, 0), (0, vec![(Reason::BadTemplate, 24, 0)]));
    assert_eq!(with(scope_at, 2), (1, vec![]));
    assert_eq!(with(scope_at, 3), (0, vec![(Reason::BadTemplate, 24, 3)]));
    assert_eq!(with(scope_at, u16::MAX), (0, vec![(Reason::BadTemplate, 24, 65535)]));
}

#[test]
fn the_lengths_of_a_netflow9_options_template_are_claims() {
    let whole = netflow9(7, &[set(1, &options9(257, &[ie(2, 2)], &[ie(34, 2)])), set(257, &hex("0003 0064"))]);
    let with = |at, word| {
        let (_, records, seen) = decode(&with_word(&whole, at, word));
        (records, seen)
    };
    let (scope_at, options_at, end) = (26, 28, 38);
    assert_eq!(with(scope_at, 4), (1, vec![]));
    // Without a scope the scope field is an option; the option is left over.
    assert_eq!(with(scope_at, 0).1[0], (Reason::Truncated, end, 2));
    assert_eq!(with(options_at, 0).1[0], (Reason::Truncated, end, 2));
    // Lengths that are no whole number of fields.
    for odd in [3, 5] {
        assert_eq!(with(scope_at, odd).1[0].0, if odd == 3 { Reason::BadTemplate } else { Reason::Truncated });
        assert_eq!(with(options_at, odd).1[0].0, if odd == 3 { Reason::BadTemplate } else { Reason::Truncated });
    }
    assert_eq!(with(scope_at, 3).1, [(Reason::BadTemplate, scope_at, 3), (Reason::ShortRecord, end - 1, 1)]);
    assert_eq!(with(options_at, 3).1, [(Reason::BadTemplate, options_at, 3), (Reason::ShortRecord, end - 1, 1)]);
    assert_eq!(with(scope_at, 8), (0, vec![(Reason::Truncated, end, 2)]));
    assert_eq!(with(options_at, 8), (0, vec![(Reason::Truncated, end, 2)]));
    assert_eq!(with(scope_at, 0xfffc), (0, vec![(Reason::Truncated, end, 2)]));
    assert_eq!(with(options_at, 0xffff).1, [(Reason::Truncated, 30, 4 + 0xffff)]);
}

#[test]
fn templates_that_describe_nothing_are_refused() {
    for (base, templates, options_set, message) in protocols() {
        let count_at = base + 6;
        let alone = message(7, &[set(templates, &template(256, &[ie(7, 0)]))]);
        assert_eq!(faults(&alone), [(Reason::BadTemplate, count_at, 1)]);
        let many = message(7, &[set(templates, &template(256, &[ie(7, 0); 9])), set(256, &[1, 2, 3])]);
        assert_eq!(faults(&many), [(Reason::BadTemplate, count_at, 9)]);
        let options =
            if base == V9 { options9(257, &[ie(2, 0)], &[ie(82, 0)]) } else { options(257, 1, &[ie(10, 0), ie(82, 0)]) };
        assert_eq!(faults(&message(7, &[set(options_set, &options)])), [(Reason::BadTemplate, count_at, 2)]);
        // A field of no octets among others stands for nothing.
        let among = template(256, &[ie(4, 0), ie(7, 2), ie(8, 0), ie(11, 2), ie(27, 0)]);
        let sets = [set(templates, &among), set(256, &records(&[0x0101]))];
        assert_eq!(decode(&message(7, &sets)), (vec![port(0x0101)], 0, vec![]));
    }
    assert_eq!(faults(&netflow9(7, &[set(0, &template(256, &[]))])), [(Reason::BadTemplate, 26, 0)]);
    assert_eq!(faults(&netflow9(7, &[set(1, &options9(256, &[], &[]))])), [(Reason::BadTemplate, 26, 0)]);
}

#[test]
fn templates_have_fields_up_to_the_limit() {
    for (base, templates, _, message) in protocols() {
        let mut collector = Collector::with_limits(weir_codec::Limits { fields: 10, ..Default::default() });
        let wide = |fields: usize| {
            message(7, &[set(templates, &[template(256, &vec![ie(4, 1); fields]), template(257, &[ie(4, 1)])].concat())])
        };
        collector.feed(&wide(10));
        assert_eq!(collector.faults(), []);
        collector.feed(&wide(11));
        assert_eq!(collector.faults(), [(Reason::TemplateTooWide, base + 6, 11)]);
        // The one behind it was read, and the one of before stands.
        let sets = [set(256, &[6; 10]), set(257, &[17])];
        assert_eq!(collector.column("protocol", &message(7, &sets)), [json!(6), json!(17)]);
    }
}

#[test]
fn a_length_of_varying_length_is_a_claim() {
    let fields = [ie(96, VARIES), ie(4, 1)];
    let body = IPFIX + 16 + 4;
    let with = |data: &str| decode(&template_and_data(&fields, &hex(data)));
    let app = |name: &str| json!({ "app_name": name, "protocol": 6 });
    assert_eq!(with("02 6162 06 01 61 06"), (vec![app("ab"), app("a")], 0, vec![]));
    // Zero, one less, one more, the maximum of one octet.
    assert_eq!(with("00 06 00 06"), (vec![json!({ "protocol": 6 }); 2], 0, vec![]));
    let one_less = with("01 6162 06 06");
    assert_eq!(one_less, (vec![json!({ "app_name": "a", "protocol": 0x62 })], 0, vec![(Reason::BadFieldLength, body + 3, 6)]));
    assert_eq!(with("01 61 06 03 6162 06"), (vec![app("a")], 0, vec![(Reason::BadFieldLength, body + 7, 1)]));
    assert_eq!(with("01 61 06 04 6162 06"), (vec![app("a")], 0, vec![(Reason::BadFieldLength, body + 3, 4)]));
    assert_eq!(with("01 61 06 fe 6162 06"), (vec![app("a")], 0, vec![(Reason::BadFieldLength, body + 3, 254)]));
    // Three octets of length: cut, zero, short, too long, the maximum.
    assert_eq!(with("01 61 06 ff 02"), (vec![app("a")], 0, vec![(Reason::Truncated, body + 4, 2)]));
    assert_eq!(with("ff0000 06"), (vec![json!({ "protocol": 6 })], 0, vec![]));
    assert_eq!(with("ff0001 61 06"), (vec![app("a")], 0, vec![]));
    assert_eq!(with("01 61 06 ff0004 6162 06"), (vec![app("a")], 0, vec![(Reason::BadFieldLength, body + 3, 4)]));
    assert_eq!(with("01 61 06 ffffff 6162 06"), (vec![app("a")], 0, vec![(Reason::BadFieldLength, body + 3, 65535)]));
}

#[test]
fn an_unknown_template_between_two_known_ones_waits() {
    for (base, templates, _, message) in protocols() {
        let mut collector = Collector::new();
        let known = [ports(), template(258, &[ie(4, 1)])].concat();
        let sets = [set(templates, &known), set(256, &records(&[0x0101])), set(257, &[1, 2, 3, 4]), set(258, &[6, 17])];
        let rows = collector.rows(&message(7, &sets));
        assert_eq!(rows, [port(0x0101), json!({ "protocol": 6 }), json!({ "protocol": 17 })], "{base}");
        assert_eq!((collector.faults(), collector.pending()), (vec![], 1));
        // It is decoded when its template comes.
        let rows = collector.rows(&message(7, &[set(templates, &template(257, &[ie(7, 2)]))]));
        assert_eq!(rows, [json!({ "src_port": 0x0102 }), json!({ "src_port": 0x0304 })]);
        assert_eq!(collector.pending(), 0);
    }
}

#[test]
fn padding_is_nothing() {
    for (_, templates, options_set, message) in protocols() {
        let padded = |body: &[u8], octets: usize| [body, &vec![0; octets]].concat();
        let option =
            if templates == 0 { options9(257, &[ie(2, 2)], &[ie(34, 2)]) } else { options(257, 1, &[ie(10, 2), ie(34, 2)]) };
        for octets in 0..=3 {
            let sets = [
                set(templates, &padded(&ports(), octets)),
                set(options_set, &padded(&option, octets)),
                set(256, &padded(&records(&[0x0101]), octets)),
                set(257, &padded(&hex("0003 0064"), octets)),
            ];
            let (rows, options, seen) = decode(&message(7, &sets));
            assert_eq!((rows.len(), options, seen), (1, 1, vec![]), "{octets}");
        }
        // Longer than needed, and shorter than a record.
        let wide = template(256, &[ie(27, 16)]);
        let sets = [set(templates, &padded(&wide, 13)), set(256, &padded(&[1; 16], 15))];
        let (rows, _, seen) = decode(&message(7, &sets));
        assert_eq!((rows.len(), seen), (1, vec![]));
        // What is not zero is no padding, unless it makes the set end at a multiple of four.
        let sets = [set(templates, &wide), set(256, &[1; 18])];
        let (rows, _, seen) = decode(&message(7, &sets));
        let at = message(7, &sets).len() - 2;
        assert_eq!((rows.len(), seen), (1, vec![(Reason::ShortRecord, at, 2)]));
        let odd = template(256, &[ie(27, 16), ie(4, 1)]);
        let sets = [set(templates, &odd), set(256, &[1; 20])];
        let (rows, _, seen) = decode(&message(7, &sets));
        assert_eq!((rows.len(), seen), (1, vec![]));
    }
    let varied = template(256, &[ie(96, VARIES), ie(7, 2)]);
    let (rows, _, seen) = decode(&ipfix(7, &[set(2, &varied), set(256, &hex("01 61 0001 000000"))]));
    assert_eq!((rows.len(), seen), (1, vec![]));
}

#[test]
fn octets_behind_the_last_set_are_told_unless_zero() {
    for (_, templates, _, message) in protocols() {
        let whole = message(7, &[set(templates, &ports())]);
        let end = whole.len();
        let with = |octets: &[u8]| {
            let mut longer = [&whole[..], octets].concat();
            if templates == 2 {
                longer = with_word(&longer, 2, (end + octets.len()) as u16);
            }
            faults(&longer)
        };
        assert_eq!(with(&[0, 0, 0]), []);
        assert_eq!(with(&[0, 0, 1]), [(Reason::TrailingOctets, end, 3)]);
        // Four zeros are the head of a set without length.
        assert_eq!(with(&[0, 0, 0, 0]), [(Reason::BadSetLength, end + 2, 0)]);
    }
    let whole = ipfix(7, &[set(2, &ports())]);
    assert_eq!(faults(&[&whole[..], &[0, 9, 0]].concat()), [(Reason::TrailingOctets, whole.len(), 3)]);
}

#[test]
fn a_datagram_may_hold_several_ipfix_messages() {
    let first = ipfix(7, &[set(2, &ports()), set(256, &records(&[0x0101]))]);
    let second = ipfix(8, &[set(2, &ports()), set(256, &records(&[0x0202]))]);
    let mut collector = Collector::new();
    let rows = collector.feed(&[first.clone(), second.clone()].concat());
    let seen: Vec<_> = rows.iter().map(|row| (row["obs_domain"].clone(), row["src_port"].clone())).collect();
    assert_eq!(seen, [(json!(7), json!(0x0101)), (json!(8), json!(0x0202))]);
    assert_eq!((collector.faults(), collector.decoder.stats().datagrams), (vec![], 1));
    // Offsets are those in the datagram.
    let cut = [&first[..], &second[..second.len() - 1]].concat();
    let base = first.len();
    let expected = vec![
        (Reason::BadMessageLength, base + 2, second.len() as u64),
        (Reason::BadSetLength, base + 16 + 16 + 2, 8),
        (Reason::ShortRecord, base + 16 + 16 + 4, 3),
    ];
    assert_eq!(faults(&cut), expected);
    let cut = [&first[..], &second[..10]].concat();
    assert_eq!(faults(&cut), [(Reason::Truncated, base + 10, 16)]);
}

#[test]
fn the_count_of_a_netflow9_header_is_not_believed() {
    let whole = netflow9(7, &[set(0, &ports()), set(256, &records(&[0x0101, 0x0202]))]);
    for count in [0, 1, 3, 4, u16::MAX] {
        assert_eq!(decode(&with_word(&whole, 2, count)), (vec![port(0x0101), port(0x0202)], 0, vec![]), "{count}");
    }
}

#[test]
fn faults_of_one_message_are_kept_up_to_a_limit_and_counted_beyond() {
    let bad = set(255, &[]);
    let mut collector = Collector::new();
    collector.feed(&ipfix(7, &vec![bad; 100]));
    assert_eq!(collector.faults().len(), weir_codec::Faults::RECENT_LIMIT);
    assert_eq!(collector.count(Reason::BadSetId), 100);
    collector.feed(&ipfix(7, &[]));
    assert_eq!(collector.faults(), []);
}
