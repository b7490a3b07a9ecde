//! `weir demo`: what it starts answers, and what it leaves behind.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};
use weir_testkit::{PATIENCE, wait_until};

use crate::run::{command, weir};

/// A test that fails leaves nobody behind.
struct Demo(Child);

impl Demo {
    /// Asks it to end.
    fn end(&self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            self.end();
            self.0.wait().unwrap();
        }
    }
}

#[test]
fn the_whole_chain_starts_answers_and_leaves_nothing() {
    let mut demo = Demo(command(&["demo", "--listen", &weir_testkit::free_address().to_string()]).spawn().unwrap());
    let lines: Vec<String> = BufReader::new(demo.0.stdout.take().unwrap()).lines().map_while(Result::ok).take(6).collect();
    let told = lines.join("\n");
    let config = told.split_whitespace().skip_while(|word| *word != "-c").nth(1).unwrap_or_else(|| panic!("{told}")).to_owned();
    assert!(told.contains("http://127.0.0.1:") && told.contains("Ctrl-C"), "{told}");
    let folder = Path::new(&config).parent().unwrap();
    // An hour of a network in which several clients ask each minute, and a line that loses.
    let count = || weir(&["query", "--format", "none", "-c", &config]).stdout.trim().parse::<u64>().unwrap_or_default();
    let busy = || {
        let slots =
            weir(&["query", "exporter 127.0.0.11", "--series", "10m", "--last", "50m", "--format", "json", "-c", &config])
                .records();
        slots.iter().filter(|slot| slot["bytes"].as_u64() > Some(0)).count()
    };
    let sources = || weir(&["sources", "--format", "json", "-c", &config]).records();
    let named = |name: &str| sources().into_iter().find(|source| source["name"] == name).unwrap_or_default();
    let begun = Instant::now();
    while count() < 600 || busy() < 5 || named("branch, lossy line")["lost_datagrams"].as_u64().unwrap_or_default() == 0 {
        assert!(begun.elapsed() < PATIENCE, "{} records, {} slots, {:?}", count(), busy(), sources());
        thread::sleep(Duration::from_millis(100));
    }
    // What the kernel had no room for is lost, and rightly told.
    let dropped = weir(&["counters", "--grep", "weir_receive_kernel_dropped", "--format", "json", "-c", &config]).records();
    let has_dropped = dropped.iter().any(|row| row["value"].as_u64() > Some(0));
    assert!(has_dropped || named("data centre")["lost_records"] == 0, "{:?}", sources());
    let slow = || {
        weir(&["query", "rtt > 0", "--by", "application", "--measures", "rtt p95,connections", "--format", "json", "-c", &config])
            .records()
    };
    wait_until("slow applications are told apart", || slow().len() >= 3);
    let countries = || weir(&["query", "--by", "src_country", "--format", "json", "-c", &config]).records();
    wait_until("there are countries", || countries().len() > 5);
    let protocols = || -> BTreeSet<String> {
        sources().iter().filter_map(|source| source["protocols"][0].as_str().map(str::to_owned)).collect()
    };
    wait_until("all protocols are received", || protocols().iter().eq(["ipfix", "netflow5", "netflow9", "sflow"]));
    demo.end();
    assert_eq!(demo.0.wait().unwrap().code(), Some(0));
    assert!(!folder.exists(), "{} is left behind", folder.display());
}
