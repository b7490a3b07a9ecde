use super::*;
use crate::{Config, Datagram, Decoder, Output};

fn from(last: u8) -> Address {
    Address::v4(0xc000_0200 | u32::from(last))
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn set(id: u16, content: &[u8]) -> Vec<u8> {
    [words(&[id, content.len() as u16 + 4]), content.to_vec()].concat()
}

/// A message of these sets, of domain 7.
fn message(version: u16, sequence: u32, records: u16, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let head = match version {
        NETFLOW9 => [&words(&[9, records])[..], &[0; 4], &[1, 2, 3, 4], &sequence.to_be_bytes(), &7u32.to_be_bytes()].concat(),
        _ => [&words(&[10, 16 + body.len() as u16])[..], &[1, 2, 3, 4], &sequence.to_be_bytes(), &7u32.to_be_bytes()].concat(),
    };
    [head, body].concat()
}

/// Template `id`: source address, octets.
fn template(version: u16, id: u16) -> Vec<u8> {
    set(template_sets(version).0, &words(&[id, 2, 8, 4, 1, 4]))
}

/// Options template 300: scope system (or domain), sampling interval (34); and a record of it.
fn sampling(version: u16, interval: u32) -> [Vec<u8>; 2] {
    let template = match version {
        NETFLOW9 => set(1, &words(&[300, 4, 4, 1, 4, 34, 4, 0])),
        _ => set(3, &words(&[300, 2, 1, 149, 4, 34, 4])),
    };
    [template, set(300, &[&7u32.to_be_bytes()[..], &interval.to_be_bytes()].concat())]
}

fn data(id: u16, bytes: u32) -> Vec<u8> {
    set(id, &[&[10, 0, 0, 1][..], &bytes.to_be_bytes()].concat())
}

fn said_again(memory: &TemplateMemory, speaker: Speaker, next: &[u8], longest: usize) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    memory.say_again(speaker, next, longest, &mut |message| messages.push(message.to_vec()));
    messages
}

/// Decodes these messages with a decoder that knows nothing.
fn decode(messages: &[Vec<u8>]) -> (Output, Decoder) {
    let mut decoder = Decoder::new(Config::default());
    let mut output = Output::default();
    for payload in messages {
        decoder.decode(&Datagram { payload, from: from(1), port: 9, stream: None, received: 0 }, &mut output);
    }
    (output, decoder)
}

#[test]
fn what_is_said_again_makes_the_next_data_readable_and_counts_as_nothing() {
    for version in [NETFLOW9, IPFIX] {
        let mut memory = TemplateMemory::default();
        let [options, sampling] = sampling(version, 100);
        let first = message(version, 40, 4, &[template(version, 256), options, sampling, data(256, 1000)]);
        let heard = memory.hear(&first, from(1), 9).unwrap();
        assert!(!heard.was_known);
        let speaker = heard.speaker;
        let next = message(version, 41, 1, &[data(256, 2000)]);
        assert_eq!(memory.hear(&next, from(1), 9), Some(Heard { speaker, was_known: true }));
        let mut messages = said_again(&memory, speaker, &next, 1400);
        assert_eq!(messages.len(), 1);
        messages.push(next);
        let (output, decoder) = decode(&messages);
        assert_eq!((output.flows.rows(), output.flows.bytes.get(0)), (1, Some(2000)), "no data is said again");
        assert_eq!(output.flows.sampling_rate.get(0), Some(100));
        assert_eq!(decoder.stats().faults.iter().count(), 0, "{:?}", decoder.stats());
        assert_eq!((decoder.stats().lost, decoder.stats().reordered), (0, 0), "version {version}");
    }
}

#[test]
fn the_newest_template_counts_and_a_withdrawn_one_does_not() {
    let mut memory = TemplateMemory::default();
    let newer = set(2, &words(&[256, 2, 8, 4, 2, 4]));
    let gone = [set(2, &words(&[257, 0]))];
    let speaker = memory.hear(&message(IPFIX, 0, 0, &[template(IPFIX, 256), template(IPFIX, 257)]), from(1), 9).unwrap().speaker;
    memory.hear(&message(IPFIX, 0, 0, std::slice::from_ref(&newer)), from(1), 9);
    memory.hear(&message(IPFIX, 0, 0, &gone), from(1), 9);
    let next = message(IPFIX, 5, 0, &[]);
    assert_eq!(said_again(&memory, speaker, &next, 1400), [message(IPFIX, 5, 0, &[newer])]);
    memory.hear(&message(IPFIX, 0, 0, &[set(2, &words(&[2, 0]))]), from(1), 9);
    assert_eq!(said_again(&memory, speaker, &next, 1400), [] as [Vec<u8>; 0], "all are withdrawn");
}

#[test]
fn exporters_domains_and_ports_are_told_apart() {
    let mut memory = TemplateMemory::default();
    let first = memory.hear(&message(IPFIX, 0, 0, &[template(IPFIX, 256)]), from(1), 9).unwrap();
    let next = message(IPFIX, 0, 0, &[]);
    assert_eq!(said_again(&memory, first.speaker, &next, 1400).len(), 1);
    for (last, port) in [(2, 9), (1, 10)] {
        assert_eq!(memory.hear(&message(IPFIX, 0, 0, &[data(256, 1)]), from(last), port), None);
    }
    assert_eq!(memory.sessions(), 1, "who has no templates needs no place");
}

#[test]
fn many_templates_take_several_messages() {
    for version in [NETFLOW9, IPFIX] {
        let mut memory = TemplateMemory::default();
        let templates: Vec<_> = (256..356).map(|id| template(version, id)).collect();
        let speaker = memory.hear(&message(version, 0, 100, &templates), from(1), 9).unwrap().speaker;
        let next = message(version, 9, 1, &[data(355, 5)]);
        let mut messages = said_again(&memory, speaker, &next, 500);
        assert!(messages.len() > 2 && messages.iter().all(|message| message.len() <= 500), "{}", messages.len());
        messages.push(next);
        let (output, decoder) = decode(&messages);
        assert_eq!((output.flows.rows(), decoder.stats().templates), (1, 100));
    }
}

#[test]
fn a_memory_takes_over_what_it_does_not_know() {
    let next = message(IPFIX, 0, 0, &[]);
    let (mut old, mut memory) = (TemplateMemory::default(), TemplateMemory::default());
    let older = old.hear(&message(IPFIX, 0, 0, &[template(IPFIX, 256), template(IPFIX, 257)]), from(1), 9).unwrap().speaker;
    let alone = old.hear(&message(IPFIX, 0, 0, &[template(IPFIX, 256)]), from(2), 9).unwrap().speaker;
    let newer = set(2, &words(&[256, 2, 8, 4, 2, 4]));
    memory.hear(&message(IPFIX, 0, 0, std::slice::from_ref(&newer)), from(1), 9);
    memory.inherit(old);
    let both = set(2, &[&newer[4..], &template(IPFIX, 257)[4..]].concat());
    assert_eq!(said_again(&memory, older, &next, 1400), [message(IPFIX, 0, 0, &[both])]);
    assert_eq!(said_again(&memory, alone, &next, 1400), [message(IPFIX, 0, 0, &[template(IPFIX, 256)])]);
}

#[test]
fn limits_hold_at_one_more() {
    let limits = MemoryLimits { sessions: 2, octets: 12 * 3 };
    let mut memory = TemplateMemory::new(limits);
    let next = message(IPFIX, 0, 0, &[]);
    let speakers: Vec<_> =
        (1..=3).map(|last| memory.hear(&message(IPFIX, 0, 0, &[template(IPFIX, 256)]), from(last), 9).unwrap().speaker).collect();
    assert_eq!(memory.sessions(), 2);
    let known: Vec<_> = speakers.iter().map(|speaker| said_again(&memory, *speaker, &next, 1400).len()).collect();
    assert_eq!(known, [0, 1, 1], "who was silent for longest is forgotten");
    // Templates of 12 octets: of four, the oldest goes.
    for id in 257..=259 {
        memory.hear(&message(IPFIX, 0, 0, &[template(IPFIX, id)]), from(3), 9);
    }
    let kept = said_again(&memory, speakers[2], &next, 1400).concat();
    let ids = kept[20..].chunks(12).map(|template| u16::from_be_bytes([template[0], template[1]]));
    assert_eq!(ids.collect::<Vec<_>>(), [257, 258, 259]);
    // One that is too long by itself is not kept, and costs no other.
    let long = set(2, &[words(&[260, 9]), words(&[8, 4].repeat(9))].concat());
    memory.hear(&message(IPFIX, 0, 0, &[long]), from(3), 9);
    assert_eq!(said_again(&memory, speakers[2], &next, 1400).concat(), kept);
}

#[test]
fn options_data_is_bounded_and_what_is_repeated_is_kept_once() {
    let mut memory = TemplateMemory::new(MemoryLimits { octets: 12 * 2, ..MemoryLimits::default() });
    let mut heard = None;
    for interval in [1, 2, 1, 1, 3] {
        let [options, sampling] = sampling(IPFIX, interval);
        heard = memory.hear(&message(IPFIX, 0, 0, &[options, sampling]), from(1), 9);
    }
    let said = said_again(&memory, heard.unwrap().speaker, &message(IPFIX, 0, 0, &[]), 1400).concat();
    let [options, _] = sampling(IPFIX, 0);
    assert_eq!(said[16 + options.len()..], [sampling(IPFIX, 1)[1].clone(), sampling(IPFIX, 3)[1].clone()].concat());
}

#[test]
fn octets_that_are_cut_or_wrong_do_no_harm() {
    let [options, sampling] = sampling(NETFLOW9, 9);
    for version in [NETFLOW9, IPFIX] {
        let whole = message(version, 1, 3, &[template(version, 256), options.clone(), sampling.clone()]);
        for cut in 0..whole.len() {
            let mut memory = TemplateMemory::default();
            if let Some(Heard { speaker, .. }) = memory.hear(&whole[..cut], from(1), 9) {
                said_again(&memory, speaker, &whole[..cut], 1400);
            }
            for value in [0, 0xff] {
                let mut wrong = whole.clone();
                wrong[cut] = value;
                if let Some(Heard { speaker, .. }) = memory.hear(&wrong, from(1), 9) {
                    said_again(&memory, speaker, &whole, 1400);
                }
            }
        }
    }
    let mut memory = TemplateMemory::default();
    assert_eq!(memory.hear(&[0, 5, 0, 1, 0, 0], from(1), 9), None, "NetFlow v5 has no templates");
}
