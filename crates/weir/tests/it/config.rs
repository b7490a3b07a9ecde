//! `weir check` and what `weir run` refuses.

use crate::run::{File, weir};

#[test]
fn a_good_configuration_is_said_to_be_good_and_printed_in_full() {
    let file = File::new("good.toml", b"[meter]\ninterfaces = [\"eth0\"]\n\n[export.a]\nurl = \"udp://collector.example\"\n");
    let good = weir(&["check", "-c", file.path()]);
    assert_eq!((good.code, good.stdout), (0, format!("{}: good\n", file.path())));
    let dump = weir(&["check", "-c", file.path(), "--dump"]);
    let expected =
        ["[meter]", "active_timeout = \"1m\"", "[export.a]", "url = \"udp://collector.example:4739\"", "filter = \"any\""];
    for line in expected {
        assert!(dump.stdout.lines().any(|other| other == line), "{line} in\n{}", dump.stdout);
    }
}

#[test]
fn a_bad_configuration_is_refused_by_file_line_and_key() {
    let cases = [
        ("[meter]\ninterface = [\"eth0\"]\n", " line 2: meter.interface: unknown key; did you mean interfaces?"),
        ("[meter]\nactive_timeout = 60\n", " line 2: meter.active_timeout: invalid value: integer `60`, expected a duration"),
        ("[store]\npath = \"/x\"\n", " line 1: store: is not there yet"),
        ("[export.a]\nurl = \"udp://h\"\n", ": [export] has nothing to send without [meter]"),
    ];
    for (text, expected) in cases {
        let file = File::new("bad.toml", text.as_bytes());
        for command in ["check", "run"] {
            let run = weir(&[command, "-c", file.path()]);
            let said = format!("weir: {}{expected}", file.path());
            assert!(run.code == 2 && run.stderr.starts_with(&said), "{text}{}", run.stderr);
        }
    }
    let missing = weir(&["run", "-c", "/no/such/weir.toml"]);
    assert!(missing.code == 2 && missing.stderr.contains("cannot read /no/such/weir.toml"), "{}", missing.stderr);
}

#[test]
fn a_service_without_work_is_refused() {
    let cases = [
        ("", "enables nothing"),
        ("[meter]\n", "meter.interfaces is empty"),
        ("[meter]\ninterfaces = [\"lo\"]\n", "flows would go nowhere"),
    ];
    for (text, expected) in cases {
        let file = File::new("idle.toml", text.as_bytes());
        let run = weir(&["run", "-c", file.path()]);
        assert!(run.code == 2 && run.stderr.contains(expected), "{text}{}", run.stderr);
    }
}
