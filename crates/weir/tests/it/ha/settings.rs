//! Settings of two units: joined by a token, the same from then on, whatever happens between them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_testkit::{Rng, wait_until};

use super::joined::{Cable, Unit, are_same, is_same};
use super::pair::ha;
use crate::run::weir;

#[test]
fn two_units_are_joined_by_a_token_and_share_what_is_not_their_own() {
    let (a, b) = (Unit::new("[source.core]\nmatch = \"192.0.2.1\"\n"), Unit::new("[source.edge]\nmatch = \"192.0.2.2\"\n"));
    let token = a.init();
    let address = a.address;
    // A token of another secret, and one of another unit.
    let wrong = format!("{}{}", if token.starts_with('0') { '1' } else { '0' }, &token[1..]);
    b.is_refused(address, &wrong, "the token is wrong");
    let other = Unit::new("").init();
    b.is_refused(address, &other, "not the unit that has given the token");
    let run = b.join(address, &token);
    assert_eq!(run.code, 0, "{}", run.stderr);
    are_same([&a, &b]);
    for unit in [&a, &b] {
        let text = unit.text();
        assert!(text.contains("[source.core]") && text.contains("[source.edge]"), "{text}");
    }
    // A token that was used is worth nothing.
    let third = Unit::new("");
    third.is_refused(address, &token, "was used");

    b.commit(&json!({"set": ["store.retention", ["9d"]]}));
    are_same([&a, &b]);
    assert!(a.text().contains("retention = \"9d\""), "{}", a.text());
    let versions = a.ask(&json!({"do": "versions"}));
    assert_eq!(versions["ok"][0]["comment"], json!("from the other unit"));
    a.commit(&json!({"unset": "source.core"}));
    // What one of them calls its own is no matter of the other.
    a.commit(&json!({"add": ["ha.own", ["store.series_retention", "source.edge.clock"]]}));
    a.commit(&json!({"set": ["store.series_retention", ["1y"]]}));
    b.commit(&json!({"set": ["source.edge.clock", ["arrival"]]}));
    b.commit(&json!({"set": ["source.edge.group", ["edges"]]}));
    wait_until("the rest is the same", || a.text().contains("edges"));
    assert!(!a.text().contains("clock ="), "{}", a.text());
    b.commit(&json!({"unset": "source.edge.clock"}));
    a.commit(&json!({"unset": "store.series_retention"}));
    are_same([&a, &b]);
    assert!(!b.text().contains("source.core") && !b.text().contains("series_retention"), "{}", b.text());
    assert!(
        a.text().contains(&a.folder.store().display().to_string()) && b.text().contains(&b.folder.store().display().to_string())
    );

    // One that was away catches up.
    let text = b.text();
    let Unit { folder, address: theirs, service } = b;
    service.stop();
    wait_until("the other one is missed", || a.peer()["is_up"] == json!(false));
    a.commit(&json!({"set": ["source.edge.name", ["Edge"]]}));
    let b = Unit::begin(folder, theirs, &text);
    are_same([&a, &b]);
    assert!(b.text().contains("name = \"Edge\""), "{}", b.text());
    let a = a.restart();
    are_same([&a, &b]);
    assert_eq!((a.peer()["part"].clone(), b.peer()["part"].clone()), (json!("first"), json!("second")));
    let told = weir(&["ha", "status", "-c", b.config().to_str().unwrap()]).stdout;
    for line in ["other unit active", "settings   the same on both", "versions   "] {
        assert!(told.contains(line), "{told}");
    }

    // What both have changes on one of them alone, when that has left.
    assert!(ha(b.config(), &["leave"]).get("peer").is_none());
    b.commit(&json!({"set": ["source.edge.name", ["Mine"]]}));
    assert!(!b.identity().exists() && a.text().contains("name = \"Edge\""));
    // Another one in its place gets what is here, and takes nothing away.
    let new = Unit::new("[source.other]\nmatch = \"192.0.2.9\"\n");
    new.joins(&a, a.address);
    are_same([&a, &new]);
    assert!(new.text().contains("name = \"Edge\"") && a.text().contains("[source.other]"), "{}", new.text());
}

/// Edits of the test, unless the environment says otherwise.
const EDITS: u32 = 100;

#[test]
fn a_hundred_edits_on_both_with_cuts_between_them_end_the_same_and_none_is_lost() {
    let edits = std::env::var("WEIR_EDITS").map_or(EDITS, |edits| edits.parse().unwrap());
    let (a, b) = (Unit::new(""), Unit::new(""));
    let cable = Cable::to(a.address);
    b.joins(&a, cable.address);
    are_same([&a, &b]);
    let mut rng = Rng::with_seed(7);
    let mut expected: BTreeMap<String, Option<String>> = BTreeMap::new();
    // What both change: the last value of each.
    let mut common: [Option<String>; 2] = [None, None];
    a.commit(&json!({"set": ["source.common.match", ["198.51.100.1"]]}));
    are_same([&a, &b]);
    let mut cuts = 0;
    for number in 0..edits {
        if rng.u8(..6) == 0 {
            let is_cut = rng.bool();
            cable.cut(is_cut);
            cuts += u32::from(is_cut);
        }
        let side = usize::from(rng.bool());
        let unit = [&a, &b][side];
        if rng.u8(..16) == 0 {
            let text = format!("edit {number}");
            unit.commit(&json!({"set": ["source.common.name", [text]]}));
            common[side] = Some(text);
            continue;
        }
        // Each has keys that it alone changes, so that it is known what has to be there in the end.
        let name = format!("{}{}", ['a', 'b'][side], rng.u8(..6));
        let section = format!("source.{name}");
        match expected.get(&section).cloned().flatten() {
            Some(_) if rng.u8(..4) == 0 => {
                unit.commit(&json!({"unset": section}));
                expected.insert(section, None);
            }
            before => {
                if before.is_none() {
                    let last = 100 * side + name[1..].parse::<usize>().unwrap();
                    let table = format!("{{ match = \"192.0.2.{last}\" }}");
                    unit.commit(&json!({"set": [section, [table]]}));
                }
                let text = format!("edit {number}");
                unit.commit(&json!({"set": [format!("{section}.name"), [text]]}));
                expected.insert(section, Some(text));
            }
        }
    }
    assert!(cuts > edits / 40, "{cuts} cuts");
    cable.cut(false);
    // Where both have changed the same key somebody decides.
    wait_until("both are one, or say why not, and are settled", || {
        // What was known when they lost each other is not looked at again at once: a conflict may be told later than that both are there.
        if a.peer()["trouble"].as_str().is_some_and(|why| why.contains("source.common.name")) {
            ha(a.config(), &["settle"]);
        }
        is_same([&a, &b])
    });
    for unit in [&a, &b] {
        let text: Value = toml::from_str(&unit.text()).unwrap();
        for (section, name) in &expected {
            let key = section.trim_start_matches("source.");
            assert_eq!(text["source"][key]["name"].as_str(), name.as_deref(), "{section}: {}", unit.text());
        }
        let name = text["source"]["common"]["name"].as_str().map(str::to_owned);
        assert!(common.contains(&name), "{name:?} of {common:?}");
    }
}

#[test]
fn a_key_that_both_have_changed_waits_until_it_is_settled() {
    let (a, b) = (Unit::new(""), Unit::new(""));
    let cable = Cable::to(a.address);
    b.joins(&a, cable.address);
    are_same([&a, &b]);
    cable.cut(true);
    a.commit(&json!({"set": ["store.retention", ["1d"]]}));
    a.commit(&json!({"set": ["source.a.match", ["192.0.2.1"]]}));
    b.commit(&json!({"set": ["store.retention", ["2d"]]}));
    cable.cut(false);
    for unit in [&a, &b] {
        wait_until("it is told", || {
            unit.peer()["trouble"].as_str().is_some_and(|why| why.contains("both units have changed store.retention"))
        });
    }
    assert!(!b.text().contains("source.a"), "nothing is half done");
    ha(b.config(), &["settle"]);
    are_same([&a, &b]);
    assert!(a.text().contains("retention = \"2d\"") && b.text().contains("[source.a]"), "{}{}", a.text(), b.text());
}
