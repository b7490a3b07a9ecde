//! The fail-overs of which the collector's answers tell.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use super::pair::Pair;
use crate::run::weir;

/// A unit that ends has not told yet what it metered since the last record of each flow, its active timeout before; and half a second is for the way to the collector.
const OWED: i64 = 1_500_000_000;

/// A gap between the records of two units; times are nanoseconds since 1970.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) group: String,
    pub(super) reason: String,
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) began: i64,
    pub(super) ended: i64,
}

impl Told {
    fn read(note: &Value) -> Self {
        let text = |name: &str| note[name].as_str().unwrap().to_owned();
        let time = |name: &str| text(name).parse::<Timestamp>().unwrap().as_nanosecond() as i64;
        let told = Self {
            group: text("group"),
            reason: text("reason"),
            from: text("from").parse().unwrap(),
            to: text("to").parse().unwrap(),
            began: time("began"),
            ended: time("ended"),
        };
        assert!((note["seconds"].as_f64().unwrap() - told.seconds()).abs() < 0.001, "{note}");
        told
    }

    /// How long nobody reported.
    pub(super) fn seconds(&self) -> f64 {
        (self.ended - self.began) as f64 / 1e9
    }

    /// Whether what was on the wire then can be missing for this gap; `stalled` is for how long the machine stood still, nanoseconds.
    pub(super) const fn can_miss(&self, time: i64, stalled: i64) -> bool {
        time >= self.began - OWED - stalled && time < self.ended + stalled
    }
}

/// All that is told of the group of both units, in its order.
pub(super) fn fail_overs(pair: &Pair) -> Vec<Told> {
    let store = pair.store();
    let words =
        ["query", "source_group = \"pair\"", "--summary", "--format", "json", "--stats", "--store", store.to_str().unwrap()];
    let run = weir(&words);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let account: Value = serde_json::from_str(run.stderr.lines().last().unwrap_or_default()).unwrap();
    account["notes"].as_array().unwrap().iter().filter_map(|note| note.get("fail_over")).map(Told::read).collect()
}
