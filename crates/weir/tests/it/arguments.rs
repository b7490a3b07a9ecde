//! What is refused, and how the program ends.

use crate::make;
use crate::run::{File, command, weir, weir_reading};

#[test]
fn exit_codes_tell_how_it_ended() {
    let file = File::new("codes.pcap", &make::capture(&make::mixed()));
    let codes: [(&[&str], i32); 10] = [
        (&["decode", file.path()], 0),
        (&["decode", file.path(), "--filter", "port 3"], 0),
        (&["decode", file.path(), "--filter", "port 99"], 1),
        // Nothing was looked for, so nothing is missing.
        (&["decode", file.path(), "--kind", "drops"], 0),
        (&["decode", file.path(), "--filter", "port"], 2),
        (&["decode", file.path(), "--no-such-flag"], 2),
        (&["decode"], 2),
        (&["decode", "/no/such/file"], 3),
        // The file that is there is read all the same.
        (&["decode", "/no/such/file", file.path()], 3),
        (&["decode", file.path(), "--kind", "all", "--format", "csv"], 2),
    ];
    for (arguments, code) in codes {
        let run = weir(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert_eq!(code >= 2, !run.stderr.is_empty(), "{arguments:?}: {}", run.stderr);
    }
    assert_eq!(weir(&["decode", "/no/such/file", file.path()]).records().len(), 10);
}

#[test]
fn what_is_refused_is_explained() {
    let file = File::new("refused.pcap", &make::capture(&[]));
    let filter = weir(&["decode", file.path(), "--filter", "src_adr = 10.0.0.1"]);
    assert!(filter.stderr.contains("\n  src_adr = 10.0.0.1\n  ^^^^^^^"), "{}", filter.stderr);
    let columns = weir(&["decode", file.path(), "--columns", "src_adr"]);
    assert!(columns.code == 2 && columns.stderr.contains("did you mean src_addr?"), "{}", columns.stderr);
    let elements = weir(&["decode", file.path(), "--elements", "/no/such/file"]);
    assert!(elements.code == 2 && elements.stderr.contains("--elements /no/such/file"), "{}", elements.stderr);
    let missing = weir(&["decode", "/no/such/file"]);
    assert!(missing.stderr.starts_with("weir: /no/such/file: cannot open the file"), "{}", missing.stderr);
    let text = File::new("text", b"this is no capture");
    let refused = weir(&["decode", text.path()]);
    assert!(refused.code == 3 && refused.stderr.contains("expected pcap, pcapng or IPFIX"), "{}", refused.stderr);
    assert_eq!(weir_reading(&["decode", "-", "-"], &[]).code, 2);
}

#[test]
fn help_version_columns_and_completions_are_printed() {
    let help = weir(&["decode", "--help"]);
    assert!(help.code == 0 && help.stdout.contains("Examples:") && help.stderr.is_empty(), "{}", help.stderr);
    assert!(weir(&["--version"]).stdout.starts_with("weir "));
    let columns = weir(&["columns"]).stdout;
    assert!(columns.lines().any(|line| line.starts_with("src_addr ") && line.contains(" ip ")), "{columns}");
    assert!(weir(&["columns", "counters", "--markdown"]).stdout.contains("| `if_index` | u32 |"));
    for shell in ["bash", "zsh", "fish"] {
        let script = weir(&["completions", shell]);
        assert!(script.code == 0 && script.stdout.contains("decode"), "{shell}");
    }
}

#[test]
fn elements_of_the_user_have_names() {
    let file = File::new("elements.pcap", &make::capture(&[make::private_element()]));
    let toml = "[[element]]\npen = 64512\nid = 1\nname = \"queueDepth\"\ntype = \"unsigned32\"\n";
    let elements = File::new("elements.toml", toml.as_bytes());
    let plain = weir(&["decode", file.path()]).records();
    assert_eq!(plain[0]["extra"].as_object().unwrap().keys().collect::<Vec<_>>(), ["64512/1"]);
    let named = weir(&["decode", file.path(), "--elements", elements.path()]).records();
    assert_eq!(named[0]["extra"]["queueDepth"], 9);
}

#[test]
fn a_broken_pipe_is_a_normal_end() {
    let messages: Vec<_> = [make::ipfix(0, &[make::flow_template()])]
        .into_iter()
        .chain((0..2000).map(|index| make::ipfix(index * 50, &[make::flows(1..=50)])))
        .collect();
    let file = File::new("pipe.pcap", &make::capture(&messages));
    let mut child = command(&["decode", file.path()]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        println!("skipped: no /dev/full");
        return;
    };
    let file = File::new("full.pcap", &make::capture(&make::mixed()));
    let output = command(&["decode", file.path()]).stdout(full).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && stderr.contains("cannot write to standard output"), "{stderr}");
}
