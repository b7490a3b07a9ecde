//! Settings that two units share, as keys and values, and how those of both become the same. Pure.
//!
//! What is a unit's own by nature stays out: its addresses, certificates, folders, its part in the pair. Names of interfaces go by a mapping. The rule of merging, for
//! each key: where one unit has what both had last, the other one's value counts; where both have changed it otherwise, nothing is merged until somebody says whose counts.
//!
//! A listener, an export, a source of which a unit has nothing but keys of its own stands there as an empty table, so that it is told from one that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::candidate::{Edit, KeyPath, differences, value_at, write};
use crate::config::Ha;

/// Shared settings by path.
pub(super) type Settings = BTreeMap<String, Value>;

/// What is a unit's own, whatever it says; a star is any name.
const OWN: [&str; 15] = [
    "ha",
    "control",
    "console",
    "store.path",
    "store.files",
    "enrich.databases",
    "collector.elements",
    "listen.*.certificate",
    "listen.*.private_key",
    "listen.*.client_ca",
    "export.*.source",
    "export.*.buffer_path",
    "export.*.ca",
    "export.*.certificate",
    "export.*.private_key",
];

/// Sections whose parts have names: a part that is gone on one unit goes on the other with all that is in it.
const NAMED: [&str; 4] = ["listen", "export", "replicate", "source"];

/// The interfaces of the meter.
const INTERFACES: &str = "meter.interfaces";

/// Steps times octets of the text: each step reads the text anew.
const MAX_WORK: usize = 512 << 20;

/// A change that one unit is to make: none where the key is no longer written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) path: String,
    pub(super) value: Option<Value>,
}

/// What makes two units the same.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Merged {
    /// What each is to change.
    pub(super) ours: Vec<Step>,
    pub(super) theirs: Vec<Step>,
    /// Keys that both have changed otherwise.
    pub(super) conflicts: Vec<String>,
}

/// Whose value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Theirs,
}

/// What a unit with this configuration shares.
pub(super) fn shared(text: &str, ha: &Ha) -> Settings {
    let written = differences("", text).into_iter().filter_map(|change| Some((change.path, change.new?)));
    let settings = written.map(|(path, value)| {
        let value = if path == INTERFACES { renamed(value, |name| ha.common_name(name)) } else { value };
        (path, value)
    });
    without(settings.collect(), |keys| is_own(keys, ha))
}

/// Settings less those that the other unit calls its own.
pub(super) fn less(settings: Settings, own: &[String]) -> Settings {
    if own.is_empty() { settings } else { without(settings, |keys| is_named(keys, own)) }
}

fn without(settings: Settings, is_out: impl Fn(&[String]) -> bool) -> Settings {
    let keys_of = |path: &str| path.parse::<KeyPath>().ok();
    let (mut kept, mut out) = (Settings::new(), BTreeSet::new());
    for (path, value) in settings {
        match keys_of(&path) {
            // A section without keys is as good as none.
            Some(keys) if keys.keys().len() == 1 && value.is_object() => {}
            Some(keys) if !is_out(keys.keys()) => drop(kept.insert(path, value)),
            keys => out.extend(keys.and_then(|keys| part_of(keys.keys())).filter(|part| !is_out(part.keys()))),
        }
    }
    for part in out.into_iter().map(|part| part.to_string()) {
        if !has_below(&kept, &part) {
            kept.entry(part).or_insert_with(nothing);
        }
    }
    kept
}

/// The listener, the export, the source in which a key stands.
fn part_of(keys: &[String]) -> Option<KeyPath> {
    let is_named = keys.len() > 2 && keys.first().is_some_and(|section| NAMED.contains(&section.as_str()));
    is_named.then(|| KeyPath::new(keys.iter().take(2).cloned().collect()))
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// The text of a unit after these steps. The error is a sentence that names the key.
pub(super) fn applied(text: &str, steps: &[Step], ha: &Ha) -> Result<String, String> {
    let octets =
        steps.iter().map(|step| step.path.len() + step.value.as_ref().map_or(0, |value| value.to_string().len())).sum::<usize>();
    if steps.len().saturating_mul(text.len() + octets) > MAX_WORK {
        let count = steps.len();
        return Err(format!("{count} keys differ, which is too much at once: bring the files together by hand, and load them"));
    }
    let mut text = text.to_owned();
    let paths = steps.iter().map(|step| step.path.parse::<KeyPath>().map(|path| (path, step)));
    let paths = paths.collect::<Result<Vec<_>, _>>()?;
    if let Some((path, _)) = paths.iter().find(|(path, _)| is_own(path.keys(), ha)) {
        return Err(format!("{path}: is a unit's own, so it is not taken from another"));
    }
    // What goes makes room for what comes.
    for (path, _) in paths.iter().filter(|(_, step)| step.value.is_none()) {
        text = unset(&text, path)?;
        // Tables that are empty now go; and a part without a key that is shared, with what was this unit's own in it, unless the other one has it still.
        for depth in (2..path.keys().len()).rev() {
            let above = KeyPath::new(path.keys().iter().take(depth).cloned().collect());
            let is_wanted = paths.iter().any(|(path, step)| step.value.is_some() && path.keys().starts_with(above.keys()));
            let is_over = || {
                let is_part = part_of(path.keys()).as_ref() == Some(&above);
                value_at(&text, &above) == Some(nothing()) || is_part && !has_below(&shared(&text, ha), &above.to_string())
            };
            if is_wanted || !is_over() {
                break;
            }
            text = unset(&text, &above)?;
        }
    }
    for (path, step) in &paths {
        let Some(value) = step.value.clone() else { continue };
        let value = if step.path == INTERFACES { renamed(value, |name| ha.own_name(name)) } else { value };
        text = write(&text, path, &value)?;
    }
    let new = shared(&text, ha);
    match steps.iter().find(|step| !is_same(&step.path, new.get(&step.path), step.value.as_ref(), [&new, &new])) {
        Some(step) => Err(format!("{}: cannot be written here as the other unit has it", step.path)),
        None => Ok(text),
    }
}

/// The text without what stands there, where anything does.
fn unset(text: &str, path: &KeyPath) -> Result<String, String> {
    if value_at(text, path).is_none() {
        return Ok(text.to_owned());
    }
    Edit::Unset(path.to_string()).apply(text)
}

/// What makes both the same; `settle` says that our values, or theirs, count where both have changed a key.
pub(super) fn merge(base: &Settings, ours: &Settings, theirs: &Settings, settle: Option<Side>) -> Merged {
    let mut merged = Merged::default();
    let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut sections = Vec::new();
    for path in paths {
        let (base, our, their) = (base.get(path), ours.get(path), theirs.get(path));
        if is_same(path, our, their, [ours, theirs]) {
            sections.extend((our != their).then(|| (path, their.is_some())));
            continue;
        }
        let side = match (our == base, their == base) {
            (true, _) => Some(Side::Theirs),
            (_, true) => Some(Side::Ours),
            _ => settle,
        };
        match side {
            Some(Side::Theirs) => merged.ours.push(Step { path: path.clone(), value: their.cloned() }),
            Some(Side::Ours) => merged.theirs.push(Step { path: path.clone(), value: our.cloned() }),
            None => merged.conflicts.push(path.clone()),
        }
    }
    // A section that the one has, though nothing in it is shared, stays on the other.
    for (path, is_theirs) in sections {
        let steps = if is_theirs { &mut merged.ours } else { &mut merged.theirs };
        let begin = format!("{path}.");
        if steps.iter().any(|step| step.value.is_none() && step.path.starts_with(&begin)) {
            steps.push(Step { path: path.clone(), value: Some(nothing()) });
        }
    }
    merged
}

/// Whether a path has the same on both units: a section that stands there empty on one of them is there on the other where that has keys in it.
fn is_same(path: &str, our: Option<&Value>, their: Option<&Value>, units: [&Settings; 2]) -> bool {
    let is_section = |value: Option<&Value>| value.is_none_or(Value::is_object);
    our == their || is_section(our) && is_section(their) && units.iter().any(|settings| has_below(settings, path))
}

/// Whether there are keys in the section at this path.
fn has_below(settings: &Settings, path: &str) -> bool {
    let begin = format!("{path}.");
    let next = settings.range::<str, _>((Bound::Excluded(begin.as_str()), Bound::Unbounded)).next();
    next.is_some_and(|(next, _)| next.starts_with(&begin))
}

/// What both have had last: all in which they are the same now, and before that where they are not.
pub(super) fn learn(base: &mut Settings, ours: &Settings, theirs: &Settings) {
    base.retain(|path, _| ours.contains_key(path) || theirs.contains_key(path));
    for (path, value) in ours.iter().filter(|(path, value)| theirs.get(*path) == Some(value)) {
        base.insert(path.clone(), value.clone());
    }
}

/// These steps were made by the one, with values that the other had.
pub(super) fn learn_steps(base: &mut Settings, steps: &[Step]) {
    for Step { path, value } in steps {
        match value {
            Some(value) => drop(base.insert(path.clone(), value.clone())),
            None => drop(base.remove(path)),
        }
    }
}

fn is_own(keys: &[String], ha: &Ha) -> bool {
    let is_like = |pattern: &&str| {
        let pattern: Vec<&str> = pattern.split('.').collect();
        keys.len() >= pattern.len() && pattern.iter().zip(keys).all(|(pattern, key)| *pattern == "*" || pattern == key)
    };
    OWN.iter().any(is_like) || is_named(keys, &ha.own)
}

/// Whether a list of paths has this, or the section in which it stands.
fn is_named(keys: &[String], own: &[String]) -> bool {
    own.iter().filter_map(|own| own.parse::<KeyPath>().ok()).any(|own| keys.starts_with(own.keys()))
}

fn renamed(value: Value, rename: impl Fn(&str) -> String) -> Value {
    match value {
        Value::Array(names) => {
            names.into_iter().map(|name| name.as_str().map_or(name.clone(), |text| rename(text).into())).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(pairs: &[(&str, i64)]) -> Settings {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), json!(value))).collect()
    }

    fn step(path: &str, value: Option<i64>) -> Step {
        Step { path: path.into(), value: value.map(|value| json!(value)) }
    }

    #[test]
    fn changes_of_both_are_merged_where_they_are_of_different_keys() {
        let base = settings(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
        let ours = settings(&[("a", 2), ("b", 1), ("d", 1), ("e", 5)]);
        let theirs = settings(&[("a", 1), ("b", 3), ("c", 1), ("f", 6)]);
        let merged = merge(&base, &ours, &theirs, None);
        assert_eq!(merged.conflicts, [""; 0]);
        assert_eq!(merged.ours, [step("b", Some(3)), step("d", None), step("f", Some(6))]);
        assert_eq!(merged.theirs, [step("a", Some(2)), step("c", None), step("e", Some(5))]);
    }

    #[test]
    fn a_key_that_both_have_changed_is_nobodys_until_it_is_settled() {
        let (base, ours, theirs) =
            (settings(&[("a", 1), ("b", 1)]), settings(&[("a", 2), ("b", 2)]), settings(&[("a", 3), ("b", 1)]));
        let merged = merge(&base, &ours, &theirs, None);
        assert_eq!((merged.conflicts, merged.theirs), (vec!["a".to_owned()], vec![step("b", Some(2))]));
        assert_eq!(merge(&base, &ours, &theirs, Some(Side::Theirs)).ours, [step("a", Some(3))]);
        assert_eq!(merge(&base, &ours, &theirs, Some(Side::Ours)).theirs, [step("a", Some(2)), step("b", Some(2))]);
        // Both have made the same change.
        assert_eq!(merge(&base, &ours, &ours, None), Merged::default());
    }

    #[test]
    fn what_both_had_last_is_learnt() {
        let mut base = settings(&[("a", 1), ("b", 1), ("c", 1)]);
        learn(&mut base, &settings(&[("a", 2), ("b", 2), ("d", 4)]), &settings(&[("a", 2), ("b", 1), ("e", 5)]));
        assert_eq!(base, settings(&[("a", 2), ("b", 1)]));
    }

    #[test]
    fn a_unit_keeps_what_is_its_own() {
        let text = "[ha]\nshared_address = \"192.0.2.100\"\n[listen.lab]\nurl = \"tls://[::]:4740\"\ncertificate = \"/a.pem\"\n[source.a]\nmatch = \"192.0.2.1\"\n\
                    [store]\npath = \"/x\"\nretention = \"9d\"\n[meter]\ninterfaces = [\"ens3\", \"lo\"]\n[export.c]\nurl = \"udp://c\"\nsource = \"192.0.2.5\"\nfilter = \"any\"\n";
        let mut ha = Ha { own: vec!["export.c.filter".into()], ..Ha::default() };
        ha.interfaces.insert("inside".into(), "ens3".into());
        let settings = shared(text, &ha);
        let keys: Vec<&str> = settings.keys().map(String::as_str).collect();
        assert_eq!(keys, ["export.c.url", "listen.lab.url", "meter.interfaces", "source.a.match", "store.retention"]);
        let other = less(settings.clone(), &["source.a.match".into(), "store.retention".into()]);
        let keys: Vec<&str> = other.keys().map(String::as_str).collect();
        assert_eq!(keys, ["export.c.url", "listen.lab.url", "meter.interfaces", "source.a"]);
        assert_eq!(settings["meter.interfaces"], json!(["inside", "lo"]));

        let step = |path: &str, value: Option<Value>| Step { path: path.into(), value };
        let steps = [
            step("meter.interfaces", Some(json!(["inside"]))),
            step("source.a", None),
            step("store.retention", Some(json!("3d"))),
        ];
        let text = applied(text, &steps, &ha).unwrap();
        assert!(
            text.contains("interfaces = [\"ens3\"]") && !text.contains("192.0.2.1\"") && text.contains("retention = \"3d\""),
            "{text}"
        );
        let refused = applied(&text, &[step("store.novel", Some(json!(1)))], &ha).unwrap_err();
        assert!(refused.starts_with("store.novel: unknown key"), "{refused}");
        let refused = applied(&text, &[step("control.socket", Some(json!("/x")))], &ha).unwrap_err();
        assert!(refused.contains("a unit's own"), "{refused}");
    }

    #[test]
    fn a_section_goes_with_what_was_a_units_own_in_it_and_stays_while_the_other_unit_has_it() {
        let ha = Ha::default();
        let file = |listener: &str, store: &str| format!("{listener}[store]\npath = \"/x\"\n{store}");
        let whole = "[listen.lab]\nurl = \"tls://[::]:4740\"\nmax_connections = 9\ncertificate = \"/a.pem\"\n";
        let text = file(whole, "retention = \"9d\"\n");
        let base = shared(&text, &ha);
        let taken = |listener: &str, store: &str| {
            let merged = merge(&base, &base, &shared(&file(listener, store), &ha), None);
            assert!(merged.theirs.is_empty() && merged.conflicts.is_empty(), "{merged:?}");
            applied(&text, &merged.ours, &ha)
        };
        // The other one has taken the listener away, and the only shared key of the store.
        assert_eq!(taken("", ""), Ok(file("", "")));
        // It has the listener still, though without a key that is shared.
        assert_eq!(
            taken("[listen.lab]\nprivate_key = \"/b.pem\"\n", ""),
            Ok(file("[listen.lab]\ncertificate = \"/a.pem\"\n", ""))
        );
        assert_eq!(
            taken("[listen.lab]\nurl = \"tls://[::]:4740\"\n", "retention = \"9d\"\n")
                .map(|text| text.contains("max_connections")),
            Ok(false)
        );
        let text = "[source.a]\nmatch = \"192.0.2.1\"\ninterfaces.3 = { name = \"up\" }\n";
        let step = Step { path: "source.a.interfaces.3.name".into(), value: None };
        let new = applied(text, &[step], &ha).unwrap();
        assert_eq!(shared(&new, &ha).keys().collect::<Vec<_>>(), ["source.a.match"], "{new}");
        // Both have it with keys of their own alone.
        let (one, other) = ("[listen.a]\ncertificate = \"/a\"\n", "[listen.a]\nprivate_key = \"/b\"\n");
        assert_eq!(shared(one, &ha), shared(other, &ha));
    }

    #[test]
    fn too_many_changes_at_once_are_refused() {
        let steps = |count: usize| vec![Step { path: "store.retention".into(), value: Some(json!("9d")) }; count];
        let text = format!("# {}\n", "x".repeat(MAX_WORK / 64));
        assert!(applied(&text, &steps(64), &Ha::default()).unwrap_err().contains("64 keys differ"));
    }

    #[test]
    fn values_are_written_as_they_are_typed() {
        let ha = Ha::default();
        for (path, value, line) in [
            ("collector.workers", json!(2), "workers = 2"),
            ("meter.promiscuous", json!(false), "promiscuous = false"),
            ("listen.a.allow", json!(["192.0.2.0/24", "198.51.100.1"]), "allow = [\"192.0.2.0/24\", \"198.51.100.1\"]"),
            ("enrich.prefixes.\"10.0.0.0/8\"", json!("own"), "\"10.0.0.0/8\" = \"own\""),
            ("source.b", json!({}), "[source.b]"),
            ("listen.a.allow", json!([]), "allow = []"),
            ("meter.filter", json!("[\"\n"), "filter = "),
            ("export.c.buffer", json!("5"), "buffer = \"5\""),
        ] {
            let step = Step { path: path.into(), value: Some(value) };
            let text = applied("", std::slice::from_ref(&step), &ha).unwrap();
            assert!(text.contains(line), "{path}: {text}");
            assert_eq!(shared(&text, &ha).get(path), step.value.as_ref(), "{text}");
        }
    }
}
