use super::*;

const TEXT: &str = "\
# What it does.

[listen.netflow]
url = \"udp://[::]:2055\" # the usual port
# rate_limit = 100

# A second one,
# for sFlow.
[listen.sflow]
url = \"udp://[::]:6343\"
allow = [
    \"192.0.2.0/24\", # the lab
    \"198.51.100.1\" # the office
]

[source.core1]
match   =   '192.0.2.1'
interfaces.3 = { name = \"uplink\" }
sampling = 512
interfaces.4 = { name = \"downlink\", speed = \"10G\" }

# What is kept.
[store]
path = \"/var/lib/weir\"
retention = \"90d\"

# There is more to come.
";

fn edited(edit: Edit) -> String {
    edit.apply(TEXT).unwrap_or_else(|error| panic!("{edit:?}: {error}"))
}

fn set(path: &str, values: &[&str]) -> Edit {
    Edit::Set(path.into(), values.iter().map(ToString::to_string).collect())
}

/// The lines that went and came, in order.
fn lines(edit: Edit) -> (Vec<String>, Vec<String>) {
    let new = edited(edit);
    let (old, new): (Vec<&str>, Vec<&str>) = (TEXT.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let rest = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    let cut = |lines: &[&str]| lines[same..lines.len() - tail].iter().map(ToString::to_string).collect();
    (cut(&old), cut(&new))
}

fn check(edit: Edit, gone: &[&str], come: &[&str]) {
    let name = format!("{edit:?}");
    let expected = (gone.iter().map(ToString::to_string).collect(), come.iter().map(ToString::to_string).collect());
    assert_eq!(lines(edit), expected, "{name}");
}

#[test]
fn a_value_is_changed_in_its_place_and_nothing_else_is() {
    check(set("store.retention", &["30d"]), &["retention = \"90d\""], &["retention = \"30d\""]);
    check(
        set("listen.netflow.url", &["udp://[::]:9995"]),
        &["url = \"udp://[::]:2055\" # the usual port"],
        &["url = \"udp://[::]:9995\" # the usual port"],
    );
    check(set("source.core1.match", &["192.0.2.9"]), &["match   =   '192.0.2.1'"], &["match   =   \"192.0.2.9\""]);
    check(
        set("source.core1.interfaces.4.speed", &["100G"]),
        &["interfaces.4 = { name = \"downlink\", speed = \"10G\" }"],
        &["interfaces.4 = { name = \"downlink\", speed = \"100G\" }"],
    );
}

#[test]
fn a_new_key_comes_behind_the_last_of_its_section() {
    check(set("listen.netflow.rate_limit", &["1000"]), &[], &["rate_limit = 1000"]);
    assert!(
        edited(set("listen.netflow.rate_limit", &["1000"])).contains("the usual port\nrate_limit = 1000\n# rate_limit = 100\n")
    );
    check(set("source.core1.name", &["Core 1"]), &[], &["name = \"Core 1\""]);
    check(
        set("source.core1.interfaces.3.speed", &["10G"]),
        &["interfaces.3 = { name = \"uplink\" }"],
        &["interfaces.3 = { name = \"uplink\", speed = \"10G\" }"],
    );
    check(set("source.core1.interfaces.7.name", &["other"]), &[], &["interfaces.7.name = \"other\""]);
}

#[test]
fn a_new_section_comes_behind_the_last_of_its_kind() {
    check(set("listen.lab.url", &["udp://[::]:9996"]), &[], &["[listen.lab]", "url = \"udp://[::]:9996\"", ""]);
    assert!(edited(set("listen.lab.url", &["udp://[::]:9996"])).contains("# the office\n]\n\n[listen.lab]\n"));
    check(set("enrich.prefixes.10.1.0.0/16", &["office"]), &[], &["", "[enrich.prefixes]", "\"10.1.0.0/16\" = \"office\""]);
    check(set("console", &[]), &[], &["", "[console]"]);
    let quoted = edited(set("source.a b.match", &["192.0.2.7"]));
    assert!(quoted.contains("\n[source.\"a b\"]\nmatch = \"192.0.2.7\"\n"), "{quoted}");
    assert_eq!(set("store.path", &["/x"]).apply("").unwrap(), "[store]\npath = \"/x\"\n");
    assert_eq!(set("console", &[]).apply("[store]\npath = \"/x\"").unwrap(), "[store]\npath = \"/x\"\n\n[console]\n");
    // A parent whose children alone are written.
    let text = "[enrich.prefixes]\n\"10.0.0.0/8\" = \"ten\"\n";
    let text = set("enrich.databases", &["/x.mmdb"]).apply(text).unwrap();
    assert_eq!(value_at(&text, &"enrich.databases".parse().unwrap()), Some(serde_json::json!(["/x.mmdb"])));
    assert!(text.starts_with("[enrich.prefixes]\n\"10.0.0.0/8\" = \"ten\"\n"), "{text}");
}

#[test]
fn a_list_gains_one_and_loses_one() {
    let add = |path: &str, value: &str| Edit::Add(path.into(), vec![value.into()]);
    let remove = |path: &str, value: &str| Edit::Remove(path.into(), value.into());
    check(
        add("listen.sflow.allow", "203.0.113.0/24"),
        &["    \"198.51.100.1\" # the office"],
        &["    \"198.51.100.1\", # the office", "    \"203.0.113.0/24\""],
    );
    check(remove("listen.sflow.allow", "192.0.2.0/24"), &["    \"192.0.2.0/24\", # the lab"], &[]);
    check(add("meter.interfaces", "eth0"), &[], &["", "[meter]", "interfaces = [\"eth0\"]"]);
    let one = "[meter]\ninterfaces = [\"eth0\"] # up\n";
    let two = add("meter.interfaces", "eth1").apply(one).unwrap();
    assert_eq!(two, "[meter]\ninterfaces = [\"eth0\", \"eth1\"] # up\n");
    assert_eq!(remove("meter.interfaces", "eth1").apply(&two).unwrap(), one);
    assert_eq!(remove("meter.interfaces", "eth0").apply(&two).unwrap(), "[meter]\ninterfaces = [\"eth1\"] # up\n");
    let none = remove("meter.interfaces", "eth0").apply(one).unwrap();
    assert_eq!(none, "[meter]\ninterfaces = [] # up\n");
    assert_eq!(add("meter.interfaces", "eth0").apply(&none).unwrap(), one);
    assert_eq!(add("meter.interfaces", "eth0").apply(one).unwrap_err(), "meter.interfaces: \"eth0\" is in it already");
    assert_eq!(remove("meter.interfaces", "x").apply(one).unwrap_err(), "meter.interfaces: \"x\" is not in it; it has eth0");
    assert!(add("store.retention", "1d").apply(one).unwrap_err().starts_with("store.retention: is no list"));
}

#[test]
fn what_is_taken_away_takes_its_own_comment_along() {
    let unset = |path: &str| Edit::Unset(path.into());
    check(unset("store.retention"), &["retention = \"90d\""], &[]);
    check(
        unset("listen.sflow"),
        &[
            "# A second one,",
            "# for sFlow.",
            "[listen.sflow]",
            "url = \"udp://[::]:6343\"",
            "allow = [",
            "    \"192.0.2.0/24\", # the lab",
            "    \"198.51.100.1\" # the office",
            "]",
            "",
        ],
        &[],
    );
    check(unset("source.core1.interfaces.3"), &["interfaces.3 = { name = \"uplink\" }"], &[]);
    let both = edited(unset("source.core1.interfaces"));
    assert!(
        both.contains("match   =   '192.0.2.1'\nsampling = 512\n\n# What is kept.") && !both.contains("interfaces"),
        "{both}"
    );
    check(
        unset("source.core1.interfaces.4.speed"),
        &["interfaces.4 = { name = \"downlink\", speed = \"10G\" }"],
        &["interfaces.4 = { name = \"downlink\" }"],
    );
    // The head of the file is not the first section's.
    assert!(edited(unset("listen.netflow")).starts_with("# What it does.\n\n"));
    assert!(unset("store.max_size").apply(TEXT).unwrap_err().starts_with("store.max_size: is not written"));
    assert_eq!(unset("listen.netflw").apply(TEXT).unwrap_err(), "listen.netflw: is not written; did you mean listen.netflow?");
    let one = "[store]\npath = \"/x\"\n";
    assert_eq!(unset("console").apply(&set("console", &[]).apply(one).unwrap()).unwrap(), one);
    // Whatever goes and comes back, the rest is as it was.
    let again = set("store.retention", &["90d"]).apply(&edited(unset("store.retention"))).unwrap();
    assert_eq!(again, TEXT);
}

#[test]
fn lines_end_as_they_did() {
    let text = TEXT.replace('\n', "\r\n");
    for edit in [set("store.retention", &["1d"]), set("listen.x.url", &["udp://[::]:1"]), Edit::Unset("listen.sflow".into())] {
        let new = edit.apply(&text).unwrap();
        assert_eq!(new.replace("\r\n", "\n"), edited(edit.clone()), "{edit:?}");
        assert!(!new.replace("\r\n", "").contains('\n'), "{new:?}");
    }
}

#[test]
fn wrong_paths_are_told_with_what_was_meant() {
    let refused = |path: &str, value: &str| set(path, &[value]).apply(TEXT).unwrap_err();
    assert_eq!(refused("listen.lab.ulr", "x"), "listen.lab.ulr: unknown key; did you mean url?");
    assert!(refused("", "x").starts_with("\"\" is no path"));
    assert!(refused("store..path", "x").starts_with("\"store..path\" is no path"));
    assert!(refused("store.\"path", "x").contains("has no end"));
    assert!(refused("store.path.x", "x").starts_with("store.path: is a value"), "{}", refused("store.path.x", "x"));
    assert!(refused("store", "x").starts_with("store: is a section with path"));
    assert!(refused(&"a".repeat(1025), "x").contains("1024 at the most"));
}

#[test]
fn every_key_goes_and_comes_alone() {
    let all = differences("", TEXT);
    assert_eq!(all.len(), 10);
    for Change { path, new, .. } in all {
        let gone = edited(Edit::Unset(path.clone()));
        let changes = differences(TEXT, &gone);
        assert!(changes.len() == 1 && changes[0].path == path && changes[0].new.is_none(), "{path}: {changes:?}");
        let values = match new.unwrap() {
            serde_json::Value::Array(items) => items,
            value => vec![value],
        };
        let values = values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
        let back = Edit::Set(path.clone(), values).apply(&gone).unwrap();
        assert_eq!(differences(TEXT, &back), [], "{path}: {back}");
        let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(comments(&back), comments(TEXT), "{path}");
    }
}
