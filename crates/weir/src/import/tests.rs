use super::*;

fn take(text: &str) -> Taken {
    fcli::take(&options::read(text).unwrap())
}

fn left(taken: &Taken) -> Vec<&str> {
    taken.left.iter().map(|left| left.option.as_str()).collect()
}

const COMMANDS: &str = "\
sudo fcli set main netflow enable
sudo fcli set main netflow_ports 2055
sudo fcli set main netflow_ports 9995
sudo fcli set main netflow_host ::
sudo fcli set main netflow_ports 9996
sudo fcli delete main netflow_ports 9996
set main networks_list 192.0.2.0/24
set main networks_list 2001:db8::/32
set main netflow_sampling_ratio 512
set main threshold_mbps 1000
set main gobgp disable
set hostgroup global threshold_pps 20000
sudo fcli commit
";

#[test]
fn commands_of_fcli_become_a_configuration() {
    let taken = take(COMMANDS);
    assert_eq!(
        taken.toml,
        "[listen.netflow]\nurl = \"udp://[::]:2055\"\n\n[listen.netflow-2]\nurl = \"udp://[::]:9995\"\n\n\
         [enrich.prefixes]\n\"192.0.2.0/24\" = \"own\"\n\"2001:db8::/32\" = \"own\"\n\n\
         [store]\npath = \"/var/lib/weir\"\n\n[console]\nlisten = \"127.0.0.1:8080\"\n"
    );
    assert_eq!(taken.taken, ["netflow", "netflow_ports", "netflow_host", "networks_list"]);
    assert_eq!(left(&taken), ["netflow_sampling_ratio", "hostgroup global", "threshold_mbps"]);
    assert!(taken.left[0].why.contains("sampling = 512"), "{:?}", taken.left);
    assert_eq!(taken.left[2].why, "attacks are not looked for");
}

#[test]
fn a_file_of_options_becomes_one_too() {
    let taken = take(
        "# a comment\nmirror_afpacket = on\ninterfaces = eth3,eth4 # two\nsflow = on\nsflow_port = 6343,6344\nnetflow = off\nnetflow_port = 2055\n\
         logging:local_syslog_logging = off\nnotify_script_path = /usr/local/bin/notify.sh\nnetworks_list_path = /no/such/list\nenable_ban = on\n",
    );
    assert!(taken.toml.contains("[meter]\ninterfaces = [\"eth3\", \"eth4\"]\n"), "{}", taken.toml);
    assert!(
        taken.toml.contains("url = \"udp://0.0.0.0:6343\"") && taken.toml.contains("url = \"udp://0.0.0.0:6344\""),
        "{}",
        taken.toml
    );
    assert!(!taken.toml.contains("2055"), "{}", taken.toml);
    assert_eq!(left(&taken), ["networks_list_path", "enable_ban", "notify_script_path"]);
}

#[test]
fn json_is_read_and_routers_become_sources() {
    let taken = take(
        "{\"main\": {\"netflow\": true, \"netflow_ports\": [2055], \"ipfix_per_router_sampling_rate\": {\"192.0.2.1\": 1000, \"x\": 1},\n\
         \"traffic_db\": true, \"traffic_db_host\": \"192.0.2.9\"}, \"bgp\": [{\"name\": \"a\"}]}",
    );
    assert!(taken.toml.contains("[source.router-192-0-2-1]\nmatch = \"192.0.2.1\"\nsampling = 1000\n"), "{}", taken.toml);
    assert!(
        taken.toml.contains(
            "[export.traffic-db]\nurl = \"udp://192.0.2.9:8100\"\nformat = \"fastnetmon\"\nfrom = \"all\"\nsampling = 512\n"
        ),
        "{}",
        taken.toml
    );
    assert_eq!(left(&taken), ["ipfix_per_router_sampling_rate", "bgp"]);
}

#[test]
fn what_makes_no_sense_is_told() {
    let taken = take("set main sflow enable\nset main sflow_ports many\nset main\nset\n=\n:\n\u{0}\n");
    assert!(taken.left.iter().any(|left| left.option == "sflow" && left.why.contains("listen.sflow.url")), "{taken:?}");
    assert!(options::read("{").is_err() && options::read("{\"main\": 1").is_err());
    assert!(options::read(&"x\n".repeat(100_001)).is_err());
    assert_eq!(options::read(&"x\n".repeat(100_000)).unwrap().len(), 0);
}

#[test]
fn a_target_that_is_none_leaves_nothing_behind_and_is_named() {
    let taken = take(
        "set main flow_forwarder enable\nset main flow_forwarder_remote_addresses nowhere\n\
         set main flow_forwarder_remote_addresses tcp://192.0.2.9:8100\nset main no_such_option 7\n",
    );
    let export = "[export.forward-2]\nurl = \"tcp://192.0.2.9:8100\"\nformat = \"fastnetmon\"\nfrom = \"all\"\n";
    assert!(taken.toml.contains(export) && !taken.toml.contains("[export.forward]"), "{}", taken.toml);
    let told: Vec<_> = taken.left.iter().map(|left| (left.option.as_str(), left.value.as_str())).collect();
    assert_eq!(told, [("flow_forwarder", "nowhere"), ("no_such_option", "7")]);
    assert!(taken.left[0].why.starts_with("export.forward.url: "), "{:?}", taken.left);
}
