//! Captures of real devices, where they are at hand.

use serde_json::Value;

use crate::run::weir;

#[test]
fn captures_of_devices_hold_every_kind_of_record() {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: no shared captures");
        return;
    };
    let capture = |name: &str| shared.join("captures").join(name).to_str().unwrap().to_owned();
    let count = |name: &str, kind: &str| weir(&["decode", &capture(name), "--kind", kind]).records().len();
    assert_eq!(count("netflow5/isp_2007_part1.pcap", "flow"), 47_074);
    // Every record says that a flow was created, and has its counters.
    assert_eq!(count("netflow9/paloalto_panos.pcap", "flow"), 8);
    assert!(count("sflow/logstash_1_counters.pcap", "counters") > 0);
    let samples = weir(&["decode", &capture("sflow/ix_switch_2023_part1.pcap"), "--limit", "10"]).records();
    assert_eq!(samples.iter().map(|record| record["record_kind"].as_str().unwrap()).collect::<Vec<_>>(), ["sample"; 10]);
}

#[test]
fn every_shared_capture_is_read_to_its_end() {
    let Some(shared) = weir_testkit::shared_dir() else {
        println!("skipped: no shared captures");
        return;
    };
    let mut read = 0;
    for folder in ["netflow5", "netflow9", "ipfix", "sflow", "malformed"] {
        let entries = std::fs::read_dir(shared.join("captures").join(folder)).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            let run = weir(&["decode", path.to_str().unwrap(), "--kind", "all", "--stats"]);
            // Files of the folder of broken ones may be no captures at all.
            assert!(run.code == 0 || folder == "malformed" && run.code == 3, "{}: {}", path.display(), run.stderr);
            let kinds = run.records().iter().filter(|record| record["kind"] != Value::Null).count();
            let stats = run.stats();
            let sum: u64 = ["records", "options_records", "counter_samples"].iter().map(|key| stats[key].as_u64().unwrap()).sum();
            assert_eq!(kinds as u64, sum, "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 50, "{read} captures");
}
