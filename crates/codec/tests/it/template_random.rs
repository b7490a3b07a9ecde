//! Input that nobody meant: random messages, mutated messages, any octets. Nothing panics, what is told adds up, and every row can be
//! written.

use proptest::prelude::*;
use weir_codec::{Config, Datagram, Decoder, Limits, Output};
use weir_record::Address;
use weir_testkit::Rng;

use crate::template_messages::*;
use crate::template_mutations::{captured, mutate, random};

/// Octets that each of the tests with a seed decodes.
const OCTETS: usize = 16 << 20;

/// Good messages of every form, made here.
fn made() -> Vec<Vec<u8>> {
    let plain = [ie(8, 4), ie(12, 4), ie(7, 2), ie(11, 2), ie(4, 1), ie(22, 4), ie(21, 4), ie(1, 4), ie(2, 4)];
    let wide: Vec<Field> = (1..100).map(|id| ie(id, 4)).collect();
    let varied = [ie(82, VARIES), ie(95, VARIES), ie(291, VARIES), ie(292, VARIES), ie(293, VARIES), ie(315, VARIES), ie(4, 1)];
    let lists = "02 6131 04 03000050 07 03 0007 0002 0050 06 03 0100 0001 02 05 03 0101 0004 04 01020304 06";
    let two_way = [ie(8, 4), ie(1, 4), (1, 4, REVERSE), ie(231, 4), ie(232, 4), (14, 1, 6871), (0x400e, 1, 6871)];
    let record =
        |fields: &[Field]| (0..fields.iter().map(|field| field.1).sum::<u16>()).map(|octet| octet as u8).collect::<Vec<_>>();
    let mut messages = Vec::new();
    for fields in [&plain[..], &wide, &two_way] {
        messages.push(template_and_data(fields, &record(fields).repeat(3)));
    }
    messages.push(template_and_data(&varied, &hex(lists).repeat(3)));
    messages.push(netflow9(7, &[set(0, &template(256, &plain)), set(256, &record(&plain).repeat(3))]));
    messages.push(netflow9(7, &[set(1, &options9(257, &[ie(2, 4)], &[ie(82, 8), ie(34, 4)])), set(257, &[1; 32])]));
    messages.push(ipfix(7, &[set(3, &options(257, 1, &[ie(10, 4), ie(82, VARIES), ie(48, 1), ie(50, 4)])), set(257, &[1; 22])]));
    messages.push(ipfix(7, &[set(2, &template(256, &[])), set(256, &[1; 50]), set(300, &[2; 20])]));
    messages
}

/// Decodes and checks what must hold whatever comes.
struct Checked {
    decoder: Decoder,
    out: Output,
    rng: Rng,
    octets: usize,
}

impl Checked {
    fn new() -> Self {
        // Limits so small that all of them are met.
        let limits = Limits {
            sessions: 20,
            ports: 3,
            templates: 20,
            fields: 300,
            state_session: 200_000,
            state_total: 1_000_000,
            pending_session: 20_000,
            pending_total: 100_000,
            pending_time: 1_000_000,
            named: 50,
        };
        let decoder = Decoder::new(Config { limits, ..Config::default() });
        Self { decoder, out: Output::default(), rng: Rng::with_seed(3), octets: 0 }
    }

    fn decode(&mut self, message: &[u8]) {
        let before = self.decoder.stats().records;
        self.out.clear();
        let datagram = Datagram {
            payload: message,
            from: Address::v4(self.rng.u32(..10)),
            port: self.rng.u16(..5),
            stream: self.rng.bool().then(|| self.rng.u64(..3)),
            received: NOW + self.octets as i64,
        };
        self.decoder.decode(&datagram, &mut self.out);
        let flows = &self.out.flows;
        assert_columns_fit(flows);
        assert_eq!(self.decoder.stats().records - before, flows.rows() as u64);
        for fault in self.decoder.stats().faults.recent() {
            assert!(fault.offset <= 65_535 + 20, "{fault}");
        }
        self.octets += message.len();
        // Writing every row would take longer than decoding it.
        if self.rng.u8(..) == 0 {
            self.out.finish();
            json(&self.out.flows);
            json(&self.out.options);
        }
    }

    /// What waits is counted right: when all has expired nothing is left, and there is as much room as at first.
    fn end(mut self) {
        self.decoder.expire(i64::MAX);
        assert_eq!(self.decoder.stats().pending, 0);
        assert!(self.decoder.stats().datagrams > 0);
        for octets in [18_000; 5] {
            self.rng = Rng::with_seed(self.rng.u64(..));
            let datagram = Datagram {
                payload: &ipfix(self.rng.u32(..), &[set(0xffff, &vec![0; octets])]),
                from: Address::v4(self.rng.u32(..)),
                port: 1,
                stream: None,
                received: NOW,
            };
            self.decoder.decode(&datagram, &mut self.out);
        }
        assert_eq!(self.decoder.stats().pending, 5);
    }
}

#[test]
fn random_messages_are_decoded_to_the_end() {
    let mut checked = Checked::new();
    let (mut rng, mut message) = (Rng::with_seed(1), Vec::new());
    while checked.octets < OCTETS {
        random(&mut rng, &mut message);
        checked.decode(&message);
    }
    checked.end();
}

#[test]
fn mutated_messages_are_decoded_to_the_end() {
    let mut seeds = captured();
    let own = made();
    // As many of ours as of the captures, or the captures alone would be mutated.
    for _ in 0..(seeds.len() / own.len()).max(1) {
        seeds.extend(own.iter().cloned());
    }
    let mut checked = Checked::new();
    let (mut rng, mut message) = (Rng::with_seed(2), Vec::new());
    while checked.octets < OCTETS {
        mutate(&mut rng, &seeds, &mut message);
        checked.decode(&message);
    }
    checked.end();
}

/// A field of some known element, of any length.
fn field() -> impl Strategy<Value = Field> {
    let pen =
        prop_oneof![6 => Just(0), 1 => Just(REVERSE), 1 => Just(39499), 1 => Just(8057), 1 => Just(6871), 1 => any::<u32>()];
    let length = prop_oneof![6 => 0..20_u16, 2 => Just(VARIES), 1 => any::<u16>()];
    (prop_oneof![3 => 0..500_u16, 1 => any::<u16>()], length, pen).prop_map(|(id, length, pen)| (id & 0x7fff, length, pen))
}

/// A set: any octets, or a template of random fields.
fn any_set() -> impl Strategy<Value = Vec<u8>> {
    let id = prop_oneof![0..5_u16, 256..260_u16, any::<u16>()];
    let octets = prop::collection::vec(any::<u8>(), 0..200);
    let fields = || prop::collection::vec(field(), 0..12);
    prop_oneof![
        (id, octets).prop_map(|(id, octets)| set(id, &octets)),
        (prop_oneof![Just(0), Just(2)], 256..260_u16, fields()).prop_map(|(kind, id, fields)| set(kind, &template(id, &fields))),
        (256..260_u16, 0..3_u16, fields()).prop_map(|(id, scope, fields)| set(3, &options(id, scope, &fields))),
        (256..260_u16, fields(), fields()).prop_map(|(id, scope, fields)| set(1, &options9(id, &scope, &fields))),
    ]
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let sets = || prop::collection::vec(any_set(), 0..6);
    let octets = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        (any::<u32>(), sets()).prop_map(|(domain, sets)| ipfix(domain % 2, &sets)),
        (any::<u32>(), sets()).prop_map(|(domain, sets)| netflow9(domain % 2, &sets)),
        octets().prop_map(|octets| [&[0, 9][..], &octets].concat()),
        octets().prop_map(|octets| [&[0, 10][..], &octets].concat()),
        octets(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_messages_give_rows_that_can_be_written(messages in prop::collection::vec(any_message(), 1..8)) {
        let mut collector = Collector::new();
        for message in messages {
            // Reads what the writers wrote, so it must be JSON.
            let rows = collector.feed(&message);
            assert_columns_fit(&collector.out.flows);
            prop_assert_eq!(rows.len(), collector.out.flows.rows());
            let options = collector.options();
            prop_assert!(options.iter().all(|(scope, values)| scope.is_object() && values.is_object()));
            let extra = rows.iter().map(|row| &row["extra"]);
            prop_assert!(extra.clone().all(|extra| extra.is_null() || extra.is_object()));
        }
    }
}
