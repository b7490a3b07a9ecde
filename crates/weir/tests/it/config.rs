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
fn programs_are_told_in_json() {
    let told = |text: &str, more: &[&str]| -> (i32, serde_json::Value) {
        let file = File::new("told.toml", text.as_bytes());
        let run = weir(&[&["check", "-c", file.path(), "--format", "json"], more].concat());
        (run.code, serde_json::from_str(&run.stdout).unwrap())
    };
    let good = "[meter]\ninterfaces = [\"eth0\"]\n[export.a]\nurl = \"udp://collector.example\"\n";
    let (code, answer) = told(good, &[]);
    assert_eq!((code, &answer["good"]), (0, &true.into()));
    let (code, answer) = told(good, &["--dump"]);
    assert_eq!((code, &answer["export"]["a"]["url"]), (0, &"udp://collector.example:4739".into()));
    let (code, answer) = told("[store]\npth = \"/x\"\n", &[]);
    assert_eq!((code, &answer["good"]), (2, &false.into()));
    assert!(
        answer["error"].as_str().is_some_and(|error| error.ends_with("store.pth: unknown key; did you mean path?")),
        "{answer}"
    );
}

#[test]
fn a_bad_configuration_is_refused_by_file_line_and_key() {
    let cases = [
        ("[meter]\ninterface = [\"eth0\"]\n", " line 2: meter.interface: unknown key; did you mean interfaces?"),
        ("[meter]\nactive_timeout = 60\n", " line 2: meter.active_timeout: invalid value: integer `60`, expected a duration"),
        (
            "[listen.a]\nurl = \"http://[::]:2055\"\n",
            " line 2: listen.a.url: \"http://\" is unknown, expected udp://, tcp://, tls:// or dtls://",
        ),
        ("[store]\npth = \"/x\"\n", " line 2: store.pth: unknown key; did you mean path?"),
        ("[export.a]\nurl = \"udp://h\"\n", ": export.a has nothing to send without [meter]"),
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
        ("[listen.a]\nurl = \"udp://127.0.0.1:9\"\n", "what listen.a receives would go nowhere: add [store]"),
    ];
    for (text, expected) in cases {
        let file = File::new("idle.toml", text.as_bytes());
        for command in ["run", "check"] {
            let run = weir(&[command, "-c", file.path()]);
            assert!(run.code == 2 && run.stderr.contains(expected), "{command} {text}{}", run.stderr);
        }
    }
}

#[test]
fn what_a_run_refuses_a_check_refuses() {
    let meter = |key: &str| format!("[meter]\ninterfaces = [\"lo\"]\n{key}\n[export.a]\nurl = \"udp://192.0.2.1\"\n");
    let export = |keys: &str| {
        format!("[meter]\ninterfaces = [\"lo\"]\nsample = \"1/100\"\n[export.a]\nurl = \"udp://192.0.2.1\"\n{keys}\n")
    };
    let cases = [
        (meter("snap_length = 95"), "meter.snap_length: 95 octets, expected 96 to 262144"),
        (meter("snap_length = 262145"), "meter.snap_length: 262145"),
        (meter("ring = \"1MiB\""), "meter.ring: 1MiB, expected 2MiB to 4GiB"),
        (meter("max_flows = 2147483649"), "meter.max_flows: 2147483649, expected 1 or more, at most 2147483648"),
        (export("source = \"::1\""), "export.a.source: ::1 is of the other IP version than 192.0.2.1"),
        (
            export("private_enterprise = 39499"),
            "export.a.private_enterprise: 39499 is taken; write one of your own, not 0 (IANA), 29305",
        ),
        (export("private_enterprise = 4294967295"), "export.a.private_enterprise: 4294967295 is taken"),
        (export("format = \"netflow5\"\nsampling = 164"), "export.a.sampling: 1 in 16400 with that of the meter"),
    ];
    for (text, expected) in cases {
        let file = File::new("both.toml", text.as_bytes());
        for command in ["run", "check"] {
            let run = weir(&[command, "-c", file.path()]);
            assert!(run.code == 2 && run.stderr.contains(expected), "{command} {text}{}", run.stderr);
        }
    }
    let file = File::new("fits.toml", export("format = \"netflow5\"\nsampling = 163").as_bytes());
    assert_eq!(weir(&["check", "-c", file.path()]).code, 0);
}

#[test]
fn a_packet_filter_is_checked_where_its_compiler_is_installed() {
    let text = "[meter]\ninterfaces = [\"lo\"]\nbpf = \"prot 1\"\n[export.a]\nurl = \"udp://192.0.2.1\"\n";
    let file = File::new("bpf.toml", text.as_bytes());
    if weir(&["meter", "-r", "/dev/null", "--bpf", "port 1"]).stderr.contains("libpcap") {
        println!("skipped: no libpcap");
        return;
    }
    let run = weir(&["check", "-c", file.path()]);
    assert!(run.code == 2 && run.stderr.contains("meter.bpf: BPF filter `prot 1`"), "{}", run.stderr);
}
