//! Every way between two units is cut, while both are reached by everybody else.

use std::time::Duration;

use serde_json::{Value, json};
use weir_testkit::wait_until;

use super::failover::Running;
use super::pair::{ha, now};
use super::stalls::Stalls;
use super::traffic::{Stream, pass, records};
use crate::namespaces::missing;

#[test]
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
fn units_that_are_cut_off_from_each_other_say_so_and_no_packet_is_told_twice() {
    if let Some(why) = missing(&["bash", "dumpcap", "iperf3", "keepalived"]) {
        println!("skipped: {why}");
        return;
    }
    let running = Running::new("udp://10.78.3.1:4739");
    let Running { pair, configs, .. } = &running;
    let status = |unit: usize| ha(&configs[unit], &["status"]);
    let token = ha(&configs[0], &["init"])["token"].as_str().unwrap().to_owned();
    ha(&configs[1], &["join", "10.78.3.11", &token]);
    wait_until("they are a pair", || [0, 1].iter().all(|unit| status(*unit)["peer"]["is_up"] == json!(true)));
    let both_say = |text: &str| {
        wait_until(text, || {
            let says = |unit: &usize| status(*unit)["trouble"].as_str().is_some_and(|trouble| trouble.contains(text));
            [0, 1].iter().all(says)
        });
    };
    let roles = || [0, 1].map(|unit| status(unit)["role"].clone());
    let known = || records(pair, 44_001).iter().map(|record| record.bytes).sum::<u64>();
    let stream = Stream::start(pair, 44_001);
    wait_until("records come", || known() > 0);

    [0, 1, 2].iter().for_each(|net| pair.units_meet(*net, false));
    both_say("the other unit cannot be spoken with: this one exports");
    assert_eq!(roles(), [json!("active"), json!("active")]);
    pass(Duration::from_secs(1));

    let stalls = Stalls::watch();
    // They hear of each other again, but keepalived does not.
    let broken = now();
    pair.units_meet(2, true);
    both_say("both units are to be active");
    wait_until("the tie is broken", || roles() == [json!("active"), json!("standby")]);
    [0, 1].iter().for_each(|net| pair.units_meet(*net, true));
    let all_is_well = || [0, 1].iter().all(|unit| status(*unit).get("trouble").is_none());
    wait_until("all is well", || all_is_well() && roles() == [json!("active"), json!("standby")]);
    let well = pass(Duration::from_secs(2));

    let came = stream.end();
    // What is missing went through the unit that stood by for the tie.
    let meanwhile = || -> u64 {
        let from = broken - 1_000_000_000 - stalls.nanoseconds();
        came.iter().filter(|came| came.time > from && came.time < well).map(|came| came.bytes).sum()
    };
    let wire = came.iter().map(|came| came.bytes).sum::<u64>();
    wait_until("the last records come", || wire.saturating_sub(known()) <= meanwhile());
    pass(Duration::from_secs(3));
    let known = known();
    let held: Vec<Value> = [0, 1].map(|unit| status(unit)["withheld"].clone()).into();
    println!("every way cut: {known} of {wire} octets known, {held:?} records held back");
    assert!(known <= wire, "{known} of {wire}: something is told twice");
    assert!(wire - known <= meanwhile(), "{known} of {wire}, {} meanwhile", meanwhile());
}
