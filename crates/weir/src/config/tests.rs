use super::*;

fn refused(text: &str) -> String {
    Config::parse(text, "weir.toml").unwrap_err()
}

const WHOLE: &str = r#"
[meter]
interfaces = ["eth0", "eth1"]
active_timeout = "2m"
sample = "connections:1/10"
keep = ["sql-text"]
key = ["vlan"]
filter = "port 443"

[export.collector]
url = "udp://collector.example:4739"
format = "ipfix"
from = "meter"
filter = "tcp"
sampling = 4

[export.old]
url = "udp://192.0.2.9"
format = "netflow9"
source = "192.0.2.1"
"#;

#[test]
fn what_is_written_is_read_and_the_rest_has_defaults() {
    let config = Config::parse(WHOLE, "weir.toml").unwrap();
    let meter = config.meter.as_ref().unwrap();
    assert_eq!(meter.interfaces, ["eth0", "eth1"]);
    assert_eq!((meter.active_timeout, meter.inactive_timeout), (Span::seconds(120), Span::seconds(30)));
    assert_eq!((meter.sample, meter.keep.as_slice()), (Sample::Connections(10), &[Keep::SqlText][..]));
    let table = meter.table(7);
    assert!(table.key_vlan && !table.key_interface && table.applications.unwrap().sql_text);
    assert_eq!((table.sample_connections, table.sampled_packets, table.seed), (10, 1, 7));
    assert_eq!(config.export["collector"].sampling, OneIn(4));
    // The port of the format.
    assert_eq!(config.export["old"].targets().next().unwrap().to_string(), "udp://192.0.2.9:2055");
    assert_eq!(config.export["old"].source, Some("192.0.2.1".parse().unwrap()));
}

#[test]
fn what_is_printed_in_full_reads_back_as_the_same() {
    let page = Config::parse(WHOLE, "weir.toml").unwrap().dump().unwrap();
    assert!(page.contains("inactive_timeout = \"30s\"") && page.contains("template_refresh = \"10m\""), "{page}");
    assert_eq!(Config::parse(&page, "dump").unwrap().dump().unwrap(), page);
}

/// A collector's configuration with everything in it.
const COLLECTOR: &str = r#"
[listen.netflow]
url = "udp://[::]:2055"
allow = ["192.0.2.0/24", "2001:db8::1"]
rate_limit = 1000
receive_buffer = "8MiB"
format = "fastnetmon"

[source.core1]
match = "192.0.2.1"
group = "lb-pair"
sampling = 512
clock = "arrival"
proxy = true
interfaces.3 = { name = "ge0", alias = "up", speed = "10G", boundary = "external" }

[collector]
workers = 3
commit_interval = "500ms"

[enrich.prefixes]
"10.1.0.0/16" = "office"

[store]
path = "/var/lib/weir"
max_size = "2TiB"

[console]
"#;

#[test]
fn a_collector_is_told_all_that_it_needs() {
    let config = Config::parse(COLLECTOR, "weir.toml").unwrap();
    config.check_service("weir.toml").unwrap();
    let (listen, source) = (&config.listen["netflow"], &config.source["core1"]);
    assert_eq!((listen.format, listen.receive_buffer), (ListenFormat::FastNetMon, Size(8 << 20)));
    let guard = listen.guard();
    assert_eq!(guard.allowed, [("192.0.2.0".parse().unwrap(), 24), ("2001:db8::1".parse().unwrap(), 128)]);
    assert_eq!(guard.rate.map(std::num::NonZeroU32::get), Some(1000));
    assert_eq!((source.called("core1"), source.sampling, source.clock), ("core1", Sampling::Fixed(OneIn(512)), Clock::Arrival));
    let settings = source.enrichment("core1");
    let interface = &settings.interfaces[0];
    assert_eq!((interface.index, interface.name.as_deref(), interface.speed), (3, Some("ge0"), Some(10_000_000_000)));
    let store = config.store.as_ref().unwrap().options().unwrap();
    assert_eq!((store.max_size, store.retention), (Some(2 << 40), Some(Span::seconds(90 * 86_400).of())));
    assert_eq!((config.collector.threads(), config.collector.max_sources), (3, 16_384));
    assert_eq!(config.console.as_ref().unwrap().listen.to_string(), "127.0.0.1:8080");
    let page = config.dump().unwrap();
    assert!(page.contains("retention = \"90d\"") && page.contains("speed = \"10G\""), "{page}");
    assert_eq!(Config::parse(&page, "dump").unwrap().dump().unwrap(), page);
}

#[test]
fn a_service_needs_work_and_a_place_for_its_records() {
    let refused = |text: &str| Config::parse(text, "w").unwrap().check_service("w").unwrap_err();
    assert!(refused("").contains("enables nothing: add [listen.NAME]"));
    assert!(refused("[listen.a]\nurl = \"udp://[::]:1\"").contains("what listen.a receives would go nowhere: add [store]"));
    assert!(
        refused("[meter]\ninterfaces = [\"lo\"]").contains("flows would go nowhere: add [export.NAME] with a url, or [store]")
    );
    assert!(refused("[store]\npath = \"/x\"").contains("enables nothing"));
    for text in ["[meter]\ninterfaces = [\"lo\"]\n[store]\npath = \"/x\"", "[store]\npath = \"/x\"\n[console]"] {
        Config::parse(text, "w").unwrap().check_service("w").unwrap();
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    let text = "[meter]\ninterfaces = [\"eth0\"]\nactiv_timeout = \"60s\"\n";
    assert_eq!(refused(text), "weir.toml line 3: meter.activ_timeout: unknown key; did you mean active_timeout?");
    assert_eq!(refused("[metre]\n"), "weir.toml line 1: metre: unknown key; did you mean meter?");
    let text = "[meter]\n[export.a]\nurl = \"udp://h\"\nfromat = \"ipfix\"\n";
    assert_eq!(refused(text), "weir.toml line 4: export.a.fromat: unknown key; did you mean format?");
    assert!(refused("[meter]\nxyzzyxyzzy = 1\n").contains("unknown key, expected interfaces, bpf, "));
}

#[test]
fn refusals_say_where_and_what_was_expected() {
    let cases = [
        (
            "[meter]\nactive_timeout = 60",
            "line 2: meter.active_timeout: invalid value: integer `60`, expected a duration such as \"30s\"",
        ),
        ("[meter]\nactive_timeout = \"60\"", "line 2: meter.active_timeout: \"60\" is no duration: write a number and a unit"),
        ("[meter]\ninterfaces = \"eth0\"", "line 2: meter.interfaces: invalid type: string \"eth0\", expected a sequence"),
        (
            "[meter]\nkeep = [\"sql\"]",
            "line 2: meter.keep[0]: unknown word \"sql\", expected url-queries, sql-text or mail-addresses",
        ),
        ("[meter]\nfilter = \"src_adr = 1\"", "line 2: meter.filter: "),
        ("[meter]\nsample = \"half\"", "line 2: meter.sample: \"half\" is no sampling: write 1/N"),
        ("[meter]\nring = 64", "line 2: meter.ring: invalid value: integer `64`, expected a size such as \"64MiB\""),
        ("[meter]\ninterfaces = [\"a\", \"b\", \"a\"]", "meter.interfaces: \"a\" stands twice"),
        ("[meter]\nworkers = 0", "meter.workers: 0, expected 1 or more"),
        ("[meter]\nworkers = 300", "line 2: meter.workers: invalid value: integer `300`, expected u8"),
        ("[meter]\n[export.a]", "export.a.url: is missing; write url = "),
        (
            "[meter]\n[export.a]\nurl = \"udp://h\"\nformat = \"netflow8\"",
            "line 4: export.a.format: unknown word \"netflow8\"; did you mean netflow9?",
        ),
        (
            "[meter]\n[export.a]\nurl = \"tcp://h\"\nformat = \"netflow9\"",
            "export.a.url: tcp://h:2055: NetFlow v9 does not go over tcp; write udp://, or choose format ipfix",
        ),
        (
            "[meter]\n[export.a]\nurl = \"udp://h\"\nformat = \"netflow9\"\nprofile = \"biflow\"",
            "export.a.profile: reverse elements are IPFIX's alone",
        ),
        ("[export.a]\nurl = \"udp://h\"", "export.a has nothing to send without [meter]"),
        (
            "[listen.a]\nurl = \"udp://[::]:1\"\ncertificate = \"x\"",
            "listen.a.certificate: udp:// has no certificates, use tls:// or dtls://",
        ),
        ("[listen.a]\nurl = \"udp://[::]:1\"\nmax_connections = 1", "listen.a.max_connections: udp:// has none, leave it out"),
        ("[listen.a]\nurl = \"tcp://[::]:1\"\nrate_limit = 1", "listen.a.rate_limit: tcp:// slows its senders down by itself"),
        (
            "[listen.a]\nurl = \"tls://[::]:1\"\ncertificate = \"x\"\nprivate_key = \"y\"\nallowed_names = [\"a\"]",
            "listen.a.allowed_names: without client_ca no client is asked for a certificate",
        ),
        (
            "[listen.a]\nurl = \"dtls://[::]:1\"\ncertificate = \"x\"\nprivate_key = \"y\"\nformat = \"fastnetmon\"",
            "listen.a.format: FastNetMon Flow has no dtls://, use tls://",
        ),
        (
            "[listen.a]\nurl = \"tcp://[::]:1\"\n[listen.b]\nurl = \"tls://[::]:1\"\ncertificate = \"x\"\nprivate_key = \"y\"",
            "listen.b.url: the address and port of tls://[::]:1 are those of listen.a",
        ),
        ("[listen.a]\nurl = \"tls://[::]:4740\"", "listen.a.certificate: tls:// needs a PEM file here"),
        ("[listen.a]\nurl = \"udp://[::]\"", "line 2: listen.a.url: \"udp://[::]\" names no port"),
        (
            "[listen.a]\nurl = \"udp://[::]:1\"\nallow = [\"10.0.0.0/33\"]",
            "line 3: listen.a.allow[0]: \"33\" is not the length of a prefix; expected 0 to 32",
        ),
        (
            "[listen.a]\nurl = \"udp://[::]:1\"\nformat = \"sflow\"",
            "line 3: listen.a.format: unknown word \"sflow\", expected auto or fastnetmon",
        ),
        (
            "[listen.a]\nurl = \"udp://[::]:1\"\n[listen.b]\nurl = \"udp://[::]:1\"",
            "listen.b.url: the address and port of udp://[::]:1 are those of listen.a",
        ),
        ("[source.a]\nname = \"x\"", "line 1: source.a.match is missing"),
        ("[source.a]\nmatch = \"router\"", "line 2: source.a.match: \"router\" is not an address"),
        (
            "[source.a]\nmatch = \"::1\"\nsampling = 0",
            "line 3: source.a.sampling: invalid value: integer `0`, expected \"reported\", \"scaled\" or a number N",
        ),
        (
            "[source.a]\nmatch = \"::1\"\nclock = \"ntp\"",
            "line 3: source.a.clock: unknown word \"ntp\", expected trust or arrival",
        ),
        (
            "[source.a]\nmatch = \"::1\"\ninterfaces.x = { name = \"ge0\" }",
            "source.a.interfaces.x: \"x\" is no number of an interface",
        ),
        (
            "[source.a]\nmatch = \"::1\"\ninterfaces.1 = { speed = \"fast\" }",
            "line 3: source.a.interfaces.1.speed: \"fast\" is no speed",
        ),
        ("[source.a]\nmatch = \"::1\"\n[source.b]\nmatch = \"::1/128\"", "source.b.match: ::1 is that of source.a"),
        ("[store]\nretention = \"9d\"", "line 1: store.path is missing"),
        ("[store]\npath = \"/x\"\nsegment_size = \"1KiB\"", "store.segment_size: 1KiB, expected 1MiB to 1GiB"),
        ("[store]\npath = \"/x\"\ns3.endpoint = \"http://h\"", "store.s3: is for files = \"s3://bucket/prefix\""),
        ("[collector]\nworkers = 0", "collector.workers: 0, expected 1 or more"),
        ("[collector]\nqueue = \"64KiB\"", "collector.queue: 64KiB, expected 1MiB to 4GiB"),
        ("[collector]\ncommit_interval = \"2m\"", "collector.commit_interval: 2m, expected 10ms to 1m"),
        ("[collector]\nsilent_after = \"500ms\"", "collector.silent_after: 500ms, expected 1s to 1d"),
        ("[enrich.prefixes]\n\"10.0.0.0/8x\" = \"a\"", "enrich.prefixes"),
        ("[console]\nlisten = \"8080\"", "line 2: console.listen: "),
        ("[meter\n", "line 1: "),
    ];
    for (text, expected) in cases {
        let error = refused(text);
        assert!(error.starts_with("weir.toml") && error.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn targets_are_checked_together() {
    let parse = |keys: &str| Config::parse(&format!("[meter]\n[export.a]\n{keys}\n"), "weir.toml");
    let good =
        parse("targets = [\"tls://a\", \"tls://b:1\"]\nmode = \"duplicate\"\nca = \"/ca.pem\"\nbuffer = \"2MiB\"").unwrap();
    let export = &good.export["a"];
    assert_eq!(export.targets().map(ToString::to_string).collect::<Vec<_>>(), ["tls://a:4739", "tls://b:1"]);
    assert_eq!((export.mode, export.buffer()), (Mode::Duplicate, 2 << 20));
    let tls = export.tls(export.targets().next().unwrap()).unwrap();
    assert_eq!((tls.name.as_str(), tls.ca), ("a", Some("/ca.pem".into())));
    let cases = [
        ("url = \"udp://a\"\ntargets = [\"udp://b\"]", "export.a.targets: stands beside url"),
        ("targets = [\"udp://a\", \"udp://a:4739\"]", "export.a.targets: udp://a:4739 stands twice"),
        ("targets = [\"udp://a\", \"tcp://b\"]", "targets that take over from each other have one transport"),
        (
            "url = \"dtls://a\"\nformat = \"fastnetmon\"",
            "FastNetMon Flow does not go over dtls; write udp://, tcp://, tls://, or choose",
        ),
        ("url = \"tls://a\"\nformat = \"netflow5\"", "NetFlow v5 does not go over tls; write udp://, or choose format ipfix"),
        ("url = \"tcp://a\"\nca = \"/ca.pem\"", "export.a.ca: is for tls:// and dtls:// alone"),
        ("url = \"tls://a\"\ncertificate = \"/c.pem\"", "export.a.private_key: is missing beside certificate"),
        ("url = \"tls://a\"\nprivate_key = \"/k.pem\"", "export.a.certificate: is missing beside private_key"),
        ("url = \"udp://a\"\nbuffer = \"1KiB\"", "export.a.buffer: 1KiB, expected 1MiB or more"),
    ];
    for (keys, expected) in cases {
        let error = parse(keys).unwrap_err();
        assert!(error.contains(expected), "{keys}\n{error}");
    }
}

#[test]
fn everything_is_sent_on_once_it_is_stored() {
    let text = "[listen.a]\nurl = \"udp://[::]:1\"\n[export.b]\nurl = \"udp://h\"\nfrom = \"all\"\n";
    let stored = format!("{text}[store]\npath = \"/x\"\n");
    assert_eq!(Config::parse(&stored, "weir.toml").unwrap().check_service("weir.toml"), Ok(()));
    let error = Config::parse(text, "weir.toml").unwrap().check_service("weir.toml").unwrap_err();
    assert!(error.contains("add [store]"), "{error}");
}

#[test]
fn a_url_has_the_keys_of_the_configuration_behind_it() {
    let text = "udp://h:4739?format=netflow9&filter=src net 10.0.0.0/8 and port 443&sampling=1/10&source=192.0.2.1&domain=7&template_refresh=1m";
    let export: Export = text.parse().unwrap();
    assert_eq!((export.format, export.sampling, export.domain), (Format::NetFlow9, OneIn(10), 7));
    assert_eq!(
        (export.filter.to_string().as_str(), export.template_refresh),
        ("src ip 10.0.0.0/8 and port 443", Span::seconds(60))
    );
    assert_eq!("udp://h".parse::<Export>().unwrap().targets().next().unwrap().to_string(), "udp://h:4739");
    let biflow: Export = "tcp://[::1]:1?profile=biflow&times=us&private_enterprise=64512&filter=port%20%3e%201".parse().unwrap();
    assert_eq!((biflow.profile, biflow.times, biflow.private_enterprise), (Profile::Biflow, Times::Microseconds, Some(64_512)));
    assert_eq!(biflow.filter.to_string(), "port > 1");
    let cases = [
        ("udp://h?fromat=ipfix", "fromat: unknown key; did you mean format?"),
        ("udp://h?format=ipfx", "format: unknown word \"ipfx\"; did you mean ipfix?"),
        ("udp://h?sampling=0", "sampling: \"0\" is no ratio: write N or 1/N"),
        ("udp://h?domain=x", "domain: "),
        ("udp://h?domain=1&domain=2", "domain stands twice"),
        ("udp://h?url=udp://i", "url stands twice"),
        ("h:4739", "expected udp://, tcp://"),
        ("udp://h?mtu=100", "mtu: 100 octets, expected 576 or more"),
    ];
    for (text, expected) in cases {
        let error = text.parse::<Export>().unwrap_err();
        assert!(error.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn values_print_as_they_are_read() {
    for text in ["30s", "1h30m", "500ms", "2d", "1m30s", "5y"] {
        assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
    }
    assert_eq!("90m".parse::<Span>().unwrap().to_string(), "1h30m");
    for text in ["", "0s", "30", "s", "1w", "-1s", "99999999999999d", "1.5s"] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
    for text in ["1/1", "1/100", "random:1/100", "connections:1/7"] {
        assert_eq!(text.parse::<Sample>().unwrap().to_string(), text);
    }
    for text in ["", "1/0", "2/3", "random", "packets:1/2", "random:"] {
        assert!(text.parse::<Sample>().is_err(), "{text}");
    }
    for text in ["10G", "64k", "1500"] {
        assert_eq!(text.parse::<Speed>().unwrap().to_string(), text);
    }
    for text in ["reported", "scaled", "512"] {
        assert_eq!(text.parse::<Sampling>().unwrap().to_string(), text);
    }
    for text in ["64MiB", "1GiB", "100KiB"] {
        assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
    }
    for text in ["64", "64MB", "MiB", "-1MiB", "99999999999999GiB"] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
}
