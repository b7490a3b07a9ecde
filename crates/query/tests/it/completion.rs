//! What is offered at the end of a text.

use weir_query::{CompletionKind, Filter, complete};

fn offered(before: &str) -> Vec<String> {
    complete(before).into_iter().map(|completion| completion.text).collect()
}

#[test]
fn names_are_offered_by_their_beginning() {
    assert_eq!(offered("tls_s"), ["tls_sni", "tls_subject", "tls_setup"]);
    assert_eq!(offered("tcp and (src po"), ["port"]);
    assert_eq!(offered("in v"), ["vlan", "vrf", "vrf_name"]);
    assert_eq!(offered("SRC_M"), ["src_mac", "src_mask"]);
}

#[test]
fn operators_fit_the_type() {
    assert_eq!(offered("ip "), ["=", "!=", "in", "exists"]);
    assert_eq!(offered("sni c"), ["contains"]);
    assert_eq!(offered("bytes "), ["=", "!=", "<", "<=", ">", ">=", "in", "exists"]);
}

#[test]
fn words_of_columns_are_offered() {
    assert_eq!(offered("format = net"), ["netflow1", "netflow5", "netflow7", "netflow9"]);
    assert_eq!(offered("biflow "), ["=", "!=", "in", "exists", "initiator", "responder"]);
    assert_eq!(offered("kind in [flow e"), ["event"]);
    assert_eq!(offered("port in [80 "), ["]"]);
    assert_eq!(offered("proto u"), ["udp", "udplite"]);
    assert_eq!(offered("time_suspect = "), ["true", "false"]);
}

#[test]
fn what_joins_is_offered_behind_a_test() {
    assert_eq!(offered("port 443 "), ["and", "or"]);
    assert_eq!(offered("(port 443 "), ["and", "or", ")"]);
    assert_eq!(offered("port 443 a"), ["and"]);
}

#[test]
fn nothing_is_offered_behind_a_fault_in_texts_and_in_comments() {
    for before in ["bites > 5 and ", "sni = \"a", "tcp # an", ")"] {
        assert_eq!(offered(before), [""; 0], "{before}");
    }
    assert_eq!(offered("tcp # \"\n an"), ["and"]);
}

#[test]
fn every_name_that_is_offered_is_one() {
    let completions = complete("");
    let names = completions.iter().filter(|completion| completion.kind == CompletionKind::Field);
    for completion in names {
        assert!(!completion.doc.is_empty(), "{completion:?}");
        assert!(Filter::parse(&format!("{} exists", completion.text)).is_ok(), "{completion:?}");
    }
    assert!(completions.len() > 180);
}
