use weir_record::{Address, FlowBatch, OptionsBatch};

use super::*;
use crate::encode::{EncodeOptions, Encoder};
use crate::{Config, Datagram, Output};

const NOW: i64 = 1_767_225_600_000_000_000;

fn feed(decoder: &mut Decoder, messages: &[Vec<u8>]) -> FlowBatch {
    let mut out = Output::default();
    for payload in messages {
        let datagram = Datagram { payload, from: Address::v4(0xc000_0201), port: 2055, stream: None, received: NOW };
        decoder.decode(&datagram, &mut out);
    }
    out.finish();
    out.flows
}

/// An exporter's options and first records, and a later message without templates.
fn messages(protocol: TemplateProtocol) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut encoder = Encoder::new(EncodeOptions::new(protocol, NOW - 1_000_000_000));
    let mut options = OptionsBatch::new();
    let scope = if protocol == TemplateProtocol::Ipfix { r#"{"ingressInterface":3}"# } else { r#"{"interface":"00000003"}"# };
    options.scope.push(0, scope);
    options.values.push(0, r#"{"interfaceName":"ge-0/0/0","samplingInterval":100}"#);
    options.advance(1);
    let mut flows = FlowBatch::new();
    flows.in_if.push(0, 3);
    flows.bytes.push(0, 1000);
    flows.app_name.push(0, "ssl");
    flows.advance(1);
    let (mut first, mut later) = (Vec::new(), Vec::new());
    encoder.encode_options(&options, NOW, &mut |message| first.push(message.to_vec()));
    encoder.encode(&flows, 0..1, NOW, &mut |message| first.push(message.to_vec()));
    encoder.encode(&flows, 0..1, NOW, &mut |message| later.push(message.to_vec()));
    (first, later)
}

#[test]
fn state_survives_a_restart() {
    for protocol in [TemplateProtocol::Ipfix, TemplateProtocol::NetFlow9] {
        let (first, later) = messages(protocol);
        let mut before = Decoder::new(Config::default());
        feed(&mut before, &first);
        let saved = before.save();
        let mut after = Decoder::new(Config::default());
        assert_eq!(after.load(&saved), Ok(1));
        assert_eq!(after.save(), saved);
        let rows = feed(&mut after, &later);
        assert_eq!(
            (rows.rows(), rows.bytes.get(0), rows.in_if_name.get(0), rows.sampling_rate.get(0)),
            (1, Some(1000), Some("ge-0/0/0"), Some(100))
        );
        assert_eq!((after.stats().pending, after.stats().lost, after.stats().sequence_restarts), (0, 0, 0));
        assert_eq!(rows, feed(&mut before, &later));
        // A repeat of a template is known by its octets, which were not saved but made anew.
        let (programs, template) = (after.sessions.sorted(), 257);
        let (old, new) =
            (before.sessions.sorted()[0].1.templates.get(template).unwrap(), programs[0].1.templates.get(template).unwrap());
        assert_eq!(old.raw, new.raw);
    }
}

/// Found by the fuzz target `state`: the second port was loaded as an heir of the first, with its templates.
#[test]
fn ports_are_loaded_each_with_its_own() {
    let (first, _) = messages(TemplateProtocol::NetFlow9);
    let mut before = Decoder::new(Config::default());
    feed(&mut before, &first);
    // A second port takes over what the first knew; then the first speaks again, and they are two senders.
    for (port, payload) in [(2056, &first[0][..20]), (2055, &first[0][..20])] {
        let datagram = Datagram { payload, from: Address::v4(0xc000_0201), port, stream: None, received: NOW };
        before.decode(&datagram, &mut Output::default());
    }
    let templates = |decoder: &Decoder| {
        decoder.sessions.sorted().iter().map(|(_, session)| session.templates.sorted().len()).collect::<Vec<_>>()
    };
    assert_eq!(templates(&before), [2, 0]);
    let mut after = Decoder::new(Config::default());
    assert_eq!(after.load(&before.save()), Ok(2));
    assert_eq!(templates(&after), [2, 0]);
    assert_eq!(after.save(), before.save());
    // Loaded once more into the same decoder, nothing doubles.
    assert_eq!(after.load(&before.save()), Ok(2));
    assert_eq!(after.save(), before.save());
}

#[test]
fn streams_are_not_saved() {
    let (first, _) = messages(TemplateProtocol::Ipfix);
    let mut decoder = Decoder::new(Config::default());
    for payload in &first {
        let datagram = Datagram { payload, from: Address::v4(1), port: 2055, stream: Some(7), received: NOW };
        decoder.decode(&datagram, &mut Output::default());
    }
    assert_eq!(Decoder::new(Config::default()).load(&decoder.save()), Ok(0));
}

#[test]
fn what_cannot_be_read_is_told() {
    let mut decoder = Decoder::new(Config::default());
    let error = decoder.load(br#"{"version":2,"something":"new"}"#).unwrap_err();
    assert_eq!(error.to_string(), "saved session state has version 2, expected 1");
    let error = decoder.load(br#"{"version":1,"sessions":7}"#).unwrap_err();
    assert!(error.to_string().starts_with("saved session state cannot be read: invalid type: integer `7`"), "{error}");
    // A template that could not have been announced is not taken up.
    let session = r#"{"address":"192.0.2.1","port":1,"domain":0,"ipfix":true,"templates":[{"id":256,"scope":null,"fields":[[0,1,0]]}],"boot":null,"sampling":null,"samplers":[],"interface_sampling":[],"interfaces":[],"vrfs":[],"applications":[]}"#;
    let state = format!(r#"{{"version":1,"sessions":[{session}],"sequences":[]}}"#);
    assert_eq!(decoder.load(state.as_bytes()), Ok(1));
    assert!(decoder.sessions.sorted()[0].1.templates.get(256).is_none());
}

#[test]
fn any_octets_are_refused_or_taken_without_harm() {
    let (first, _) = messages(TemplateProtocol::Ipfix);
    let mut decoder = Decoder::new(Config::default());
    feed(&mut decoder, &first);
    let saved = decoder.save();
    for place in 0..saved.len() {
        let mut bad = saved.clone();
        bad[place] ^= 1;
        let _ = Decoder::new(Config::default()).load(&bad);
        assert!(Decoder::new(Config::default()).load(&saved[..place]).is_err());
    }
}

#[test]
fn each_worker_takes_up_its_own() {
    let (first, later) = messages(TemplateProtocol::Ipfix);
    let mut before = Decoder::new(Config::default());
    feed(&mut before, &first);
    let (mut one, mut other) = (Decoder::new(Config::default()), Decoder::new(Config::default()));
    let own = Address::v4(0xc000_0201);
    assert_eq!(one.load_where(&before.save(), |from, domain| (from, domain) == (own, 0)), Ok(1));
    assert_eq!(other.load_where(&before.save(), |from, _| from != own), Ok(0));
    assert_eq!((feed(&mut one, &later).rows(), feed(&mut other, &later).rows()), (1, 0));
}

#[test]
fn numbers_of_an_older_state_can_be_left_out() {
    let (mut first, later) = messages(TemplateProtocol::NetFlow9);
    let mut before = Decoder::new(Config::default());
    let last = first.pop().unwrap();
    feed(&mut before, &first);
    let saved = before.save();
    feed(&mut before, &[last]);
    let mut after = Decoder::new(Config::default());
    after.load(&saved).unwrap();
    after.forget_sequences();
    feed(&mut after, &later);
    assert_eq!(after.stats().lost, 0);
}

#[test]
fn changes_are_counted_and_repeats_are_not() {
    let (first, later) = messages(TemplateProtocol::Ipfix);
    let mut decoder = Decoder::new(Config::default());
    feed(&mut decoder, &first);
    let changes = decoder.changes();
    // Two templates, one record of options.
    assert_eq!(changes, 3);
    feed(&mut decoder, &[first, later].concat());
    assert_eq!(decoder.changes(), changes);
}

#[test]
fn facts_of_an_exporter_are_told() {
    let (first, later) = messages(TemplateProtocol::Ipfix);
    let mut decoder = Decoder::new(Config::default());
    let exporter = Address::v4(0xc000_0201);
    assert_eq!(decoder.facts(exporter, 0, Protocol::Ipfix, None), None);
    feed(&mut decoder, &later);
    let facts = decoder.facts(exporter, 0, Protocol::Ipfix, None).unwrap();
    assert_eq!((facts.templates, facts.options_templates, facts.pending), (0, 0, 1));
    feed(&mut decoder, &first);
    // A template with an element that nobody knows, and one with a reverse element.
    let mut template = vec![0, 10, 0, 40, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 2, 0, 24, 1, 44, 0, 2];
    template.extend([0x80, 137, 0, 4, 0, 0, 253, 231, 0x80, 1, 0, 4, 0, 0, 0x72, 0x79]);
    feed(&mut decoder, &[template]);
    let facts = decoder.facts(exporter, 0, Protocol::Ipfix, None).unwrap();
    assert_eq!((facts.templates, facts.options_templates, facts.pending), (2, 1, 0));
    assert_eq!(facts.unknown, [ElementId::enterprise(64_999, 137)]);
    assert_eq!(decoder.facts(exporter, 0, Protocol::NetFlow9, None), None);
    feed(&mut decoder, &messages(TemplateProtocol::NetFlow9).0);
    assert!(decoder.facts(exporter, 0, Protocol::NetFlow9, None).is_some());
    assert_eq!(decoder.facts(exporter, 0, Protocol::SFlow, None), None, "of the same address, without templates");
}
