//! Who decides which unit exports, and what follows.

use std::fs;
use std::time::Duration;

use serde_json::json;
use weir_testkit::wait_until;

use super::pair::{Pair, SHARED, Way, ha, now};
use super::stalls::Stalls;
use super::traffic::{Stream, address, pass, records};
use crate::namespaces::missing;
use crate::run::{wait_until_asked, weir};

/// Exports of a unit that meters the traffic of both sides.
const METER: &str = "[meter]\ninterfaces = [\"inside\"]\nactive_timeout = \"1s\"\ninactive_timeout = \"1s\"\n[export.collector]\nurl = \"udp://10.78.3.1:4739\"\n";

#[test]
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
fn the_shared_address_decides_and_an_interface_without_a_cable_does_not_hold_it() {
    if let Some(why) = missing(&["bash", "dumpcap", "iperf3"]) {
        println!("skipped: {why}");
        return;
    }
    let pair = Pair::new(Way::Routed);
    let config = pair.unit_config(0, &format!("[ha]\nshared_address = \"{SHARED}\"\n{METER}"));
    let unit = pair.start_unit(0, &config);
    let role = || ha(&config, &["status"]);
    wait_until("it stands by", || role()["cause"] == json!(format!("{SHARED} is not here")));
    assert_eq!((&role()["role"], &role()["mode"]), (&json!("standby"), &json!("address")));
    pair.share(0, "add");
    wait_until("it is active", || role()["role"] == json!("active"));
    assert_eq!(role()["cause"], json!(format!("inside has {SHARED}")));
    pair.cable(0, false);
    wait_until("an address that nobody can reach", || role()["cause"].as_str().unwrap().contains("carries no packets"));
    assert_eq!(role()["role"], json!("standby"));
    pair.cable(0, true);
    wait_until("it is active again", || role()["role"] == json!("active"));
    // More changes than the kernel has room to tell: everything is asked again.
    let burst = "for n in $(seq 1 250); do for m in $(seq 1 8); do echo addr add 10.99.$n.$m/32 dev lo; done; done | ip -batch -";
    unit.signal("STOP");
    pair.units[0].run("sh", &["-c", burst]);
    pair.share(0, "del");
    unit.signal("CONT");
    wait_until("it has heard of the last change", || role()["role"] == json!("standby"));
    assert_eq!(role()["changes"], json!(4));
    // The address decides, and nobody else.
    let run = weir(&["ha", "active", "-c", config.to_str().unwrap()]);
    assert!(run.code == 2 && run.stderr.contains("the shared address decides"), "{}", run.stderr);
}

#[test]
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
fn a_standby_unit_meters_and_tells_what_is_open_when_its_turn_comes() {
    if let Some(why) = missing(&["bash", "dumpcap", "iperf3"]) {
        println!("skipped: {why}");
        return;
    }
    let pair = Pair::new(Way::Routed);
    let _collector = pair.start_collector();
    // Also that of flows of which nothing comes for a while.
    let long = METER.replace("\"1s\"", "\"10m\"");
    let word = pair.folder.0.join("role");
    let configs = [
        pair.unit_config(0, &format!("[ha]\nmode = \"command\"\n{long}")),
        pair.unit_config(1, &format!("[ha]\nrole_file = \"{}\"\n{long}", word.display())),
    ];
    let _units = [0, 1].map(|unit| pair.start_unit(unit, &configs[unit]));
    pair.share(0, "add");
    let stream = Stream::start(&pair, 40_001);
    let stalls = Stalls::watch();
    let port = stream.port;
    pass(Duration::from_millis(1500));
    assert!(records(&pair, port).is_empty(), "nobody is active");
    let active = now();
    assert_eq!(ha(&configs[0], &["active"])["role"], json!("active"));
    wait_until("what is open is told at once", || !records(&pair, port).is_empty());
    let told = records(&pair, port);
    assert!(told[0].exporter == address(0) && told[0].end > active - 1_000_000_000 - stalls.nanoseconds(), "{told:?}");
    pass(Duration::from_millis(500));
    assert_eq!(ha(&configs[0], &["standby"])["role"], json!("standby"));
    wait_until("and when it ends", || records(&pair, port).len() == 2);
    fs::write(&word, "MASTER\n").unwrap();
    wait_until("the other one reads its word", || ha(&configs[1], &["status"])["role"] == json!("active"));
    pass(Duration::from_millis(700));
    let told = records(&pair, port);
    // Its own packets are none: the other one still routes.
    assert!(told.len() == 2 && told.iter().all(|record| record.exporter == address(0)), "{told:?}");
    assert!(told[1].begin >= told[0].end, "{told:?}");
    stream.end();
}

#[test]
fn a_role_that_was_commanded_outlives_a_restart() {
    let folder = crate::collect::service::Folder::new();
    let more = "[ha]\nmode = \"command\"\n";
    let service = crate::collect::service::Service::start(&folder, "", more);
    let config = service.config.clone();
    wait_until_asked(&config);
    assert_eq!(ha(&config, &["status"])["role"], json!("standby"));
    ha(&config, &["active"]);
    let counted = weir(&["ha", "status", "-c", config.to_str().unwrap()]);
    assert!(counted.stdout.contains("role       active") && counted.stdout.contains("changes    1"), "{}", counted.stdout);
    service.stop().check_identity();
    let text = fs::read_to_string(&config).unwrap();
    let service = crate::collect::service::Service::restart(&folder, &text);
    wait_until_asked(&config);
    assert_eq!(ha(&config, &["status"])["role"], json!("active"));
    // Alone it is active whatever anybody says.
    service.reload(&text.replace(more, ""));
    assert_eq!(ha(&config, &["status"])["mode"], json!("alone"));
    let run = weir(&["ha", "standby", "-c", config.to_str().unwrap()]);
    assert!(run.code == 2 && run.stderr.contains("this unit is alone"), "{}", run.stderr);
    service.stop().check_identity();
}
