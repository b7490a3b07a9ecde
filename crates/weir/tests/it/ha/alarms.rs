//! What two units say when they agree on nothing: both active, neither, and each by itself.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_testkit::{PATIENCE, wait_until};

use super::joined::{Cable, Unit, are_same};
use super::pair::ha;

/// A pair whose roles are commanded, and the cable between them.
fn commanded() -> ([Unit; 2], Cable) {
    let (a, b) = (Unit::new("mode = \"command\"\n"), Unit::new("mode = \"command\"\n"));
    let cable = Cable::to(a.address);
    b.joins(&a, cable.address);
    are_same([&a, &b]);
    ([a, b], cable)
}

fn status(unit: &Unit) -> Value {
    ha(unit.config(), &["status"])
}

fn roles(units: &[Unit; 2]) -> [Value; 2] {
    [0, 1].map(|unit| status(&units[unit])["role"].clone())
}

/// Waits until both say this, in `weir ha status` and in the log.
fn both_say(units: &[Unit; 2], text: &str) {
    for unit in units {
        wait_until(text, || status(unit)["trouble"].as_str().is_some_and(|trouble| trouble.contains(text)));
        unit.service.wait_for(text);
    }
}

#[test]
fn two_active_units_say_so_and_the_first_one_exports() {
    let (units, cable) = commanded();
    for unit in &units {
        ha(unit.config(), &["active"]);
    }
    both_say(&units, "both units are to be active");
    wait_until("the tie is broken", || roles(&units) == [json!("active"), json!("standby")]);
    // Without a word of each other each goes by what it was told, and both say that nobody knows.
    cable.cut(true);
    wait_until("each decides for itself", || roles(&units) == [json!("active"), json!("active")]);
    both_say(&units, "the other unit cannot be spoken with: this one exports");
    cable.cut(false);
    both_say(&units, "both units are to be active");
    wait_until("the tie is broken again", || roles(&units) == [json!("active"), json!("standby")]);
    ha(units[0].config(), &["standby"]);
    wait_until("one of both is active", || {
        roles(&units) == [json!("standby"), json!("active")] && units.iter().all(|unit| status(unit).get("trouble").is_none())
    });
    ha(units[1].config(), &["standby"]);
    both_say(&units, "nobody exports");
    ha(units[1].config(), &["active"]);
    wait_until("that is over", || units.iter().all(|unit| status(unit).get("trouble").is_none()));
}

/// Whatever a unit has said last: where it has gone silent, as without power, the other one exports without a break.
#[test]
fn a_unit_that_fell_silent_does_not_hold_the_other_one_back() {
    let (units, _cable) = commanded();
    ha(units[0].config(), &["active"]);
    wait_until("the other one knows", || units[1].peer()["role"] == json!("active"));
    let signal = |name: &str| {
        let process = units[0].service.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
    };
    signal("STOP");
    ha(units[1].config(), &["active"]);
    let begun = Instant::now();
    // Until it has found out that nobody answers, and a while longer.
    let mut is_up = true;
    while is_up || begun.elapsed() < Duration::from_secs(7) {
        assert!(begun.elapsed() < PATIENCE, "it does not find out that nobody answers");
        let status = status(&units[1]);
        is_up = status["peer"]["is_up"] == json!(true);
        assert_eq!((&status["role"], &status["changes"]), (&json!("active"), &json!(1)), "{status}");
        thread::sleep(Duration::from_millis(50));
    }
    signal("CONT");
    wait_until("now it is told", || roles(&units) == [json!("active"), json!("standby")]);
}
