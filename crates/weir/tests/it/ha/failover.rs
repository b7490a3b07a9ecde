//! keepalived moves the shared address from one unit to the other, for every reason that there is, while traffic flows: what is missing at the collector,
//! what is there twice, for how long nothing came, and what the collector tells of that by itself.

use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use weir_testkit::wait_until;

use super::pair::{Daemon, Pair, SHARED, Way, ha, now};
use super::stalls::Stalls;
use super::told::{Told, fail_overs};
use super::traffic::{Came, Figures, Stream, address, chatter, compare, pass, records};
use crate::namespaces::missing;

/// How long the other unit may be silent after the address has moved, seconds.
const GOAL: f64 = 2.0;

/// Reasons for which the address moves; the test takes all of them in turn, as often as `WEIR_FAILOVERS` says.
const CASES: u16 = 4;

/// The octets of a second of traffic: what a unit that is killed had not told yet is at most of its last two.
const SECOND: u64 = 100 * 1028;

/// What is sent in so many nanoseconds.
const fn octets_in(nanoseconds: i64) -> u64 {
    nanoseconds as u64 * SECOND / 1_000_000_000
}

/// How long a unit reports alone before something happens to it: the collector tells a gap of any length between units that did so for ten seconds.
const ALONE: Duration = Duration::from_secs(11);

fn configuration(target: &str) -> String {
    format!(
        "[ha]\nshared_address = \"{SHARED}\"\n[meter]\ninterfaces = [\"inside\"]\npromiscuous = false\nactive_timeout = \"1s\"\ninactive_timeout = \"1s\"\n[export.collector]\nurl = \"{target}\"\n"
    )
}

/// Both units with all that runs on them, of which the first is active.
pub(super) struct Running {
    pub(super) pair: Pair,
    pub(super) configs: [PathBuf; 2],
    weir: [Daemon; 2],
    keepalived: [Daemon; 2],
    moved: [Daemon; 2],
    _collector: Daemon,
}

impl Running {
    pub(super) fn new(target: &str) -> Self {
        let pair = Pair::new(Way::Routed);
        let _collector = pair.start_collector();
        let configs = [0, 1].map(|unit| pair.unit_config(unit, &configuration(target)));
        let weir = [0, 1].map(|unit| pair.start_unit(unit, &configs[unit]));
        let moved = [0, 1].map(|unit| pair.watch(unit));
        let is_first_active = || ha(&configs[0], &["status"])["role"] == json!("active");
        let keepalived = [0, 1].map(|unit| {
            let keepalived = pair.start_keepalived(unit, &configs[unit]);
            // Whoever is there first keeps the address.
            wait_until("keepalived has decided", is_first_active);
            keepalived
        });
        Self { pair, configs, weir, keepalived, moved, _collector }
    }

    fn is_active(&self, unit: usize) -> bool {
        ha(&self.configs[unit], &["status"])["role"] == json!("active")
    }

    fn wait_for_active(&self, unit: usize, what: &str) {
        wait_until(what, || self.is_active(unit));
    }

    /// The address has come to a unit: when the kernel said so.
    fn has_moved(&self, to: usize, after: i64) -> i64 {
        self.moved[to].wait_after(after, &format!("inet {SHARED}/24"))
    }

    /// Traffic before, during and after something that happens to the unit that is active.
    fn fail_over(&mut self, name: &'static str, from: usize, port: u16, happens: impl FnOnce(&mut Self)) -> Case {
        let stream = Stream::start(&self.pair, port);
        wait_until("records come", || !records(&self.pair, port).is_empty());
        let stalls = Stalls::watch();
        pass(ALONE);
        let begun = now();
        happens(self);
        let moved = self.has_moved(1 - from, begun);
        wait_until("the other unit tells", || {
            records(&self.pair, port).iter().any(|record| record.exporter == address(1 - from))
        });
        pass(Duration::from_secs(1));
        let came = stream.end();
        // The flow ends after its timeout.
        let all = |figures: &Figures| figures.wire - figures.known.min(figures.wire) <= figures.in_gap;
        wait_until("the last records come", || all(&compare(&self.pair, port, &came, from, moved, stalls.nanoseconds())));
        pass(Duration::from_millis(1500));
        let stalled = stalls.nanoseconds();
        let figures = compare(&self.pair, port, &came, from, moved, stalled);
        let case = Case { name, from, happened: begun..moved, reaches_nobody: false, stalled, figures, came };
        case.check();
        case
    }
}

/// A fail-over, and what was sent meanwhile.
struct Case {
    name: &'static str,
    from: usize,
    /// From what happened to the unit until the other one had the address.
    happened: Range<i64>,
    /// What was sent meanwhile reached neither unit by its address, so there was nothing to report.
    reaches_nobody: bool,
    /// For how long the machine stood still meanwhile, nanoseconds: so much more may be late, or missing.
    stalled: i64,
    figures: Figures,
    came: Vec<Came>,
}

impl Case {
    /// Nothing is there twice, and the other unit tells soon.
    fn check(&self) {
        let Self { name, figures, .. } = self;
        figures.print(name);
        assert_eq!(figures.twice, 0, "{name}");
        let Figures { wire, known, in_gap, .. } = figures;
        assert!(known <= wire && wire - known <= *in_gap, "{name}: {known} octets of {wire}, {in_gap} in the gap");
        let stalled = self.stalled as f64 / 1e9;
        assert!(figures.silent < GOAL + stalled, "{name}: {} s, {stalled} of them the machine stood still", figures.silent);
    }

    /// Octets of which the collector does not know.
    const fn lost(&self) -> u64 {
        self.figures.wire - self.figures.known
    }

    /// Whether no more is missing than was sent in so many seconds, and while the machine stood still.
    fn has_lost_at_most(&self, seconds: u64) -> bool {
        self.lost() <= seconds * SECOND + octets_in(self.stalled)
    }

    /// What the collector tells of its time.
    fn of<'a>(&self, told: &'a [Told]) -> Vec<&'a Told> {
        let (first, last) = (self.came.first().unwrap().time, self.came.last().unwrap().time);
        told.iter().filter(|told| told.ended > first && told.began < last).collect()
    }

    /// What is missing was sent in a gap that the collector tells by itself, without a look at the wire.
    #[allow(clippy::print_stdout, reason = "figures for people")]
    fn is_accounted_for(&self, told: &[Told]) {
        let (name, lost, told) = (self.name, self.lost(), self.of(told));
        let can_miss = |came: &&Came| {
            (self.reaches_nobody && self.happened.contains(&came.time))
                || told.iter().any(|told| told.can_miss(came.time, self.stalled))
        };
        let within: u64 = self.came.iter().filter(can_miss).map(|came| came.bytes).sum();
        let seconds: Vec<f64> = told.iter().map(|told| told.seconds()).collect();
        println!("{name}: the collector tells of {seconds:.2?} s, {within} octets can be missing, {lost} are");
        assert!(lost <= within, "{name}: {lost} octets are missing, {within} can be: {told:?}");
        for told in told {
            assert_eq!((told.from, told.to), (address(self.from), address(1 - self.from)), "{name}");
            assert_eq!((told.group.as_str(), told.reason.as_str()), ("pair", "silent"), "{name}");
            // There are records of other traffic too, so the gap of a stream is no shorter.
            let gap = self.figures.gap;
            assert!(
                told.seconds() > 0.0 && told.seconds() <= gap + 0.001,
                "{name}: {told:?}, {gap} s between records of the stream"
            );
        }
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
fn the_standby_takes_over_whatever_happens_to_the_active_unit() {
    if let Some(why) = missing(&["bash", "dumpcap", "iperf3", "keepalived"]) {
        println!("skipped: {why}");
        return;
    }
    let mut running = Running::new("udp://10.78.3.1:4739");
    let times = std::env::var("WEIR_FAILOVERS").map_or(CASES, |times| times.parse().unwrap());
    let _chatter = chatter(&running.pair);
    let mut all = Vec::new();
    for round in 0..times.div_ceil(CASES) {
        let cases = every_case(&mut running, 41_001 + CASES * round);
        let [_, killed, _, rebooted] = &cases;
        let mut told = Vec::new();
        wait_until("the collector tells the last fail-over", || {
            told = fail_overs(&running.pair);
            !rebooted.of(&told).is_empty()
        });
        assert_eq!((killed.of(&told).len(), rebooted.of(&told).len()), (1, 1), "{told:?}");
        cases.iter().for_each(|case| case.is_accounted_for(&told));
        all.extend(cases.map(|case| case.figures));
    }
    let worst = all.iter().map(|figures| figures.silent).fold(0.0, f64::max);
    let twice: usize = all.iter().map(|figures| figures.twice).sum();
    println!("{} fail-overs: silent for {worst:.2} s at the most, {twice} records twice", all.len());
}

/// One after the other: the first unit is active before, and again when it is over.
fn every_case(running: &mut Running, port: u16) -> [Case; CASES as usize] {
    let stopped = running.fail_over("keepalived stopped", 0, port, |running| running.keepalived[0].end("TERM"));
    assert!(stopped.has_lost_at_most(0), "the unit that stands by has told what it had, but {}", stopped.lost());
    running.keepalived[0] = running.pair.start_keepalived(0, &running.configs[0]);

    let killed = running.fail_over("weir killed", 1, port + 1, |running| running.weir[1].end("KILL"));
    assert!(killed.has_lost_at_most(2), "{} of {}", killed.lost(), killed.figures.wire);
    running.weir[1] = running.pair.start_unit(1, &running.configs[1]);
    assert!(!running.is_active(1), "one that begins again stands by");

    let mut cut = running.fail_over("link cut", 0, port + 2, |running| running.pair.cable(0, false));
    // The unit could still tell what it had. The switch floods the rest, as far as the other unit takes it.
    cut.reaches_nobody = true;
    running.pair.cable(0, true);

    // All that runs on the unit ends at once, and nobody answers for it any more; then it starts again.
    let rebooted = running.fail_over("reboot", 1, port + 3, |running| {
        let pids = Command::new("ip").args(["netns", "pids", &running.pair.units[1].name]).output().unwrap();
        let watcher = running.moved[1].id().to_string();
        for pid in String::from_utf8(pids.stdout).unwrap().split_whitespace().filter(|pid| *pid != watcher) {
            let _ = Command::new("kill").args(["-KILL", pid]).status();
        }
        running.pair.cables(1, false);
        // The addresses go with the machine.
        running.pair.forget(1);
    });
    // While nobody had the address there was nothing to report.
    let nobody = octets_in(rebooted.happened.end - rebooted.happened.start + rebooted.stalled);
    assert!(rebooted.lost() <= nobody + 2 * SECOND, "{} of {}", rebooted.lost(), rebooted.figures.wire);
    running.pair.cables(1, true);
    running.weir[1] = running.pair.start_unit(1, &running.configs[1]);
    running.keepalived[1] = running.pair.start_keepalived(1, &running.configs[1]);
    // Longer than keepalived waits for the other one before it takes the address.
    pass(Duration::from_secs(5));
    assert!(running.is_active(0) && !running.is_active(1), "who comes back stands by");
    [stopped, killed, cut, rebooted]
}

#[test]
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
fn a_collector_that_is_away_meanwhile_gets_everything() {
    if let Some(why) = missing(&["bash", "dumpcap", "iperf3", "keepalived"]) {
        println!("skipped: {why}");
        return;
    }
    let mut running = Running::new("tcp://10.78.3.1:4739");
    let stream = Stream::start(&running.pair, 42_001);
    let stalls = Stalls::watch();
    wait_until("records come", || !records(&running.pair, 42_001).is_empty());
    running.pair.collector_cable(false);
    pass(Duration::from_secs(1));
    let begun = now();
    running.keepalived[0].end("TERM");
    let moved = running.has_moved(1, begun);
    running.wait_for_active(1, "the other one takes over");
    pass(Duration::from_millis(1500));
    running.pair.collector_cable(true);
    pass(Duration::from_secs(1));
    let came = stream.end();
    let compared = || compare(&running.pair, 42_001, &came, 0, moved, stalls.nanoseconds());
    // The unit that is left reports what it still passes on for a second: on a machine that stands still it may be for longer.
    let all = |figures: &Figures| figures.wire.saturating_sub(figures.known) <= octets_in(stalls.nanoseconds());
    wait_until("all that waited comes", || all(&compared()));
    pass(Duration::from_millis(1500));
    let figures = compared();
    figures.print("collector away");
    assert_eq!(figures.twice, 0);
    assert!(figures.known <= figures.wire && all(&figures), "{} of {}", figures.known, figures.wire);
}

/// Both see the same packets: a record is told by whoever is active when it ends, also where the active unit is gone at once.
#[test]
#[allow(clippy::print_stdout, reason = "a test says what it skips")]
fn units_behind_a_mirror_port_go_on_with_the_same_flows() {
    if let Some(why) = missing(&["bash", "dumpcap", "iperf3"]) {
        println!("skipped: {why}");
        return;
    }
    let pair = Pair::new(Way::Mirrored);
    let _collector = pair.start_collector();
    let text = configuration("udp://10.78.3.1:4739")
        .replace("[ha]", "[ha]\ntraffic = \"mirrored\"")
        .replace("promiscuous = false\n", "")
        .replace("\"1s\"", "\"5s\"");
    let configs = [0, 1].map(|unit| pair.unit_config(unit, &text));
    let mut units = [0, 1].map(|unit| pair.start_unit(unit, &configs[unit]));
    let is_active = |unit: usize| ha(&configs[unit], &["status"])["role"] == json!("active");
    pair.share(0, "add");
    wait_until("the first is active", || is_active(0));
    let stream = Stream::start(&pair, 43_001);
    // Killed between two records, far enough from either that it matters to none when each of the units comes to it.
    wait_until("records come", || records(&pair, 43_001).len() >= 2);
    units[0].end("KILL");
    pair.share(0, "del");
    let moved = now();
    pair.share(1, "add");
    wait_until("the other unit tells", || records(&pair, 43_001).iter().any(|record| record.exporter == address(1)));
    pass(Duration::from_secs(1));
    let came = stream.end();
    let mut figures = compare(&pair, 43_001, &came, 0, moved, 0);
    wait_until("the last records come", || {
        figures = compare(&pair, 43_001, &came, 0, moved, 0);
        figures.known >= figures.wire
    });
    figures.print("mirrored, killed");
    assert_eq!((figures.known, figures.twice), (figures.wire, 0));
}
