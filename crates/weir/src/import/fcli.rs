//! Which option of FastNetMon is which key.
//!
//! Listening for NetFlow, IPFIX, sFlow and FastNetMon Flow, metering of mirror ports, sending on, sampling by router, and networks have a counterpart. Detection of
//! attacks and what is done about them, other stores and messages have none; they are listed by what they are for.

use std::fs;
use std::net::IpAddr;

use super::Taken;
use super::options::Options;

/// Families of options that have no counterpart, by the beginning of their names, and why.
const FAMILIES: &[(&[&str], &str)] = &[
    (
        &[
            "threshold",
            "ban_",
            "enable_ban",
            "do_not_ban",
            "unban",
            "white_list",
            "networks_whitelist",
            "process_",
            "hostgroup",
            "flexible_",
            "per_direction",
        ],
        "attacks are not looked for",
    ),
    (
        &["gobgp", "exabgp", "bgp", "flow_spec", "keep_", "blackhole", "remote_blackhole", "scrubbing"],
        "nothing is announced over BGP",
    ),
    (&["notify_script", "email", "slack", "web_callback", "collect_", "telegram"], "nobody is told of attacks"),
    (&["clickhouse", "influxdb", "graphite", "mongo", "redis", "kafka", "traffic_"], "records go to the store of this service"),
    (&["logging", "log_"], "the log goes to the standard error, and so to the journal of the system"),
    (
        &["average_calculation", "speed_calculation", "check_period"],
        "rates follow from the times of flows: nothing has to be averaged",
    ),
    (
        &["api", "enable_api", "web_api", "monitor_", "license", "pid_path", "cli_stats", "sort_parameter", "max_ips"],
        "it is about the program itself",
    ),
];

/// Options that were asked for and now hold anyway.
const ALWAYS: &[&str] = &[
    "netflow_templates_cache",
    "netflow_rx_queue_overflow_monitoring",
    "mirror_af_packet_socket_stats",
    "sflow_count_packets_per_device",
    "prometheus",
    "tera_flow_tls_certificate_chain",
];

/// Words for off.
const OFF: [&str; 6] = ["off", "false", "disable", "no", "0", ""];

/// A configuration of these options.
pub(super) fn take(options: &Options) -> Taken {
    let mut taker = Taker { options, taken: Taken::default() };
    taker.listeners();
    taker.flow_listeners();
    taker.sources();
    taker.meter();
    taker.exports();
    taker.networks();
    taker.rest();
    taker.taken
}

struct Taker<'a> {
    options: &'a Options,
    taken: Taken,
}

impl Taker<'_> {
    fn values(&self, option: &str) -> &[String] {
        self.options.get(option).map(Vec::as_slice).unwrap_or_default()
    }

    fn value(&self, option: &str) -> Option<String> {
        self.values(option).last().cloned()
    }

    fn is_on(&self, option: &str) -> bool {
        self.value(option).is_some_and(|value| !OFF.contains(&value.as_str()))
    }

    /// NetFlow and sFlow: a host, and ports under one of two names.
    fn listeners(&mut self) {
        for (plugin, usual) in [("netflow", "2055"), ("sflow", "6343")] {
            let names = [format!("{plugin}_ports"), format!("{plugin}_port"), format!("{plugin}_host")];
            if !self.is_on(plugin) {
                names.iter().for_each(|name| self.off(name));
                continue;
            }
            let host = self.value(&names[2]).unwrap_or_else(|| "0.0.0.0".into());
            let mut ports: Vec<String> = [&names[0], &names[1]].into_iter().flat_map(|name| self.values(name).to_vec()).collect();
            if ports.is_empty() {
                ports.push(usual.into());
            }
            for (number, port) in ports.iter().enumerate() {
                let name = part(plugin, number);
                self.taken.set(plugin, &format!("listen.{name}.url"), &url("udp", &host, port));
            }
            names.iter().for_each(|name| self.took(name));
        }
    }

    /// FastNetMon Flow: URLs, or a host and ports.
    fn flow_listeners(&mut self) {
        const NAMES: [&str; 5] = [
            "tera_flow_local_addresses",
            "tera_flow_host",
            "tera_flow_ports",
            "tera_flow_tls_certificate_path",
            "tera_flow_tls_private_key_path",
        ];
        if !self.is_on("tera_flow") {
            NAMES.iter().for_each(|name| self.off(name));
            return;
        }
        let mut urls = self.values(NAMES[0]).to_vec();
        let host = self.value(NAMES[1]).unwrap_or_else(|| "0.0.0.0".into());
        urls.extend(self.values(NAMES[2]).iter().map(|port| url("udp", &host, port)));
        for (number, url) in urls.iter().enumerate() {
            let identity = [(NAMES[3], "certificate"), (NAMES[4], "private_key")].map(|(option, key)| (key, self.value(option)));
            let listen = url.replace("[::0]", "[::]");
            let mut keys = vec![("url", listen.as_str()), ("format", "fastnetmon")];
            if url.starts_with("tls://") {
                keys.extend(identity.iter().filter_map(|(key, path)| Some((*key, path.as_deref()?))));
            }
            self.taken.section("tera_flow", url, &format!("listen.{}", part("fastnetmon", number)), &keys);
        }
        NAMES.iter().for_each(|name| self.took(name));
    }

    /// Sampling by router.
    fn sources(&mut self) {
        for option in
            ["netflow_v5_per_router_sampling_rate", "netflow_v9_per_router_sampling_rate", "ipfix_per_router_sampling_rate"]
        {
            for value in self.values(option).to_vec() {
                let mut words = value.split([' ', '=']).filter(|word| !word.is_empty());
                let (Some(Ok(address)), Some(rate)) = (words.next().map(str::parse::<IpAddr>), words.next()) else {
                    self.taken.leave(option, &value, "expected an address and a rate");
                    continue;
                };
                let section = format!("source.router-{}", address.to_string().replace(['.', ':'], "-"));
                let keys = [("match", address.to_string()), ("sampling", rate.to_owned())];
                self.taken.section(option, &value, &section, &keys.each_ref().map(|(key, to)| (*key, to.as_str())));
            }
        }
        for option in ["netflow_sampling_ratio", "netflow_v5_sampling_ratio"] {
            match self.value(option).as_deref() {
                None => {}
                Some("1" | "0") => self.taken.note(option),
                Some(rate) => {
                    let why = format!(
                        "rates are taken from what exporters say; for one that says nothing write [source.NAME] with sampling = {rate}"
                    );
                    self.taken.leave(option, rate, &why);
                }
            }
        }
    }

    /// Mirror ports.
    fn meter(&mut self) {
        const CAPTURES: [&str; 5] = ["mirror_afpacket", "mirror", "mirror_netmap", "mirror_xdp", "pcap"];
        let Some(capture) = CAPTURES.into_iter().find(|capture| self.is_on(capture)) else {
            return self.off("interfaces");
        };
        for option in ["interfaces", "interfaces_xdp"] {
            for interface in self.values(option).to_vec() {
                self.taken.add(option, "meter.interfaces", &interface);
            }
        }
        self.taken.note(capture);
        if self.is_on("mirror_af_packet_sampling") {
            let rate = self.value("mirror_af_packet_sampling_rate").unwrap_or_else(|| "100".into());
            self.taken.set("mirror_af_packet_sampling", "meter.sample", &format!("1/{rate}"));
            self.took("mirror_af_packet_sampling_rate");
        }
        if self.is_on("mirror_af_packet_workers_number_override")
            && let Some(workers) = self.value("mirror_af_packet_workers_number")
        {
            self.taken.set("mirror_af_packet_workers_number", "meter.workers", &workers);
            self.took("mirror_af_packet_workers_number_override");
        }
        if self.is_on("af_packet_extract_tunnel_traffic") {
            self.taken.set("af_packet_extract_tunnel_traffic", "meter.decapsulate", "true");
        }
    }

    /// Records sent on.
    fn exports(&mut self) {
        let forwarded =
            if self.is_on("flow_forwarder") { self.values("flow_forwarder_remote_addresses").to_vec() } else { Vec::new() };
        let rate = self.value("flow_forwarder_sampling_rate");
        for (number, url) in forwarded.iter().enumerate() {
            self.export("flow_forwarder", &part("forward", number), url, rate.as_deref());
        }
        if !forwarded.is_empty() {
            ["flow_forwarder_remote_addresses", "flow_forwarder_sampling_rate"].iter().for_each(|name| self.took(name));
        }
        if self.is_on("traffic_db") {
            let host = self.value("traffic_db_host").unwrap_or_else(|| "127.0.0.1".into());
            let port = self.value("traffic_db_port").unwrap_or_else(|| "8100".into());
            let rate = self.value("traffic_db_sampling_rate").unwrap_or_else(|| "512".into());
            self.export("traffic_db", "traffic-db", &url("udp", &host, &port), Some(&rate));
            ["traffic_db_host", "traffic_db_port", "traffic_db_sampling_rate"].iter().for_each(|name| self.took(name));
        }
    }

    fn export(&mut self, option: &str, name: &str, url: &str, rate: Option<&str>) {
        let section = format!("export.{name}");
        let mut keys = vec![("url", url), ("format", "fastnetmon"), ("from", "all")];
        keys.extend(rate.filter(|rate| *rate != "1").map(|rate| ("sampling", rate)));
        self.taken.section(option, url, &section, &keys);
    }

    /// Networks of one's own.
    fn networks(&mut self) {
        let mut networks: Vec<String> = self.values("networks_list").to_vec();
        if let Some(path) = self.value("networks_list_path") {
            match fs::read_to_string(&path) {
                Ok(text) => {
                    networks.extend(
                        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned),
                    );
                    self.took("networks_list_path");
                }
                Err(error) => {
                    self.taken.leave("networks_list_path", &path, &format!("cannot be read: {error}; write [enrich.prefixes]"))
                }
            }
        }
        for network in networks {
            self.taken.set("networks_list", &format!("enrich.prefixes.\"{network}\""), "own");
        }
    }

    /// What is needed beside, and what is left.
    fn rest(&mut self) {
        if self.taken.toml.contains("[listen.") || self.taken.toml.contains("[meter]") {
            for (path, values) in [("store.path", &["/var/lib/weir"][..]), ("console.listen", &["127.0.0.1:8080"])] {
                if let Ok(text) = crate::candidate::Edit::Set(path.into(), values.iter().map(ToString::to_string).collect())
                    .apply(&self.taken.toml)
                {
                    self.taken.toml = text;
                }
            }
        }
        let left: Vec<_> = self.options.iter().filter(|(option, _)| !self.taken.taken.contains(option)).collect();
        for (option, values) in left {
            let is_told = self.taken.left.iter().any(|left| left.option == *option);
            // What is off is not missed.
            if is_told || values.iter().all(|value| OFF.contains(&value.as_str())) {
                continue;
            }
            if ALWAYS.contains(&option.as_str()) {
                self.taken.note(option);
                continue;
            }
            let family = FAMILIES.iter().find(|(beginnings, _)| beginnings.iter().any(|begin| option.starts_with(begin)));
            let why = family.map_or("nothing here does this, or FastNetMon has no option of this name", |(_, why)| why);
            self.taken.leave(option, &values.join(" "), why);
        }
    }

    /// An option whose part is switched off, so that it says nothing.
    fn off(&mut self, option: &str) {
        self.took(option);
    }

    fn took(&mut self, option: &str) {
        if self.options.contains_key(option) {
            self.taken.note(option);
        }
    }
}

/// The name of the first, second, third part of a kind.
fn part(kind: &str, number: usize) -> String {
    if number == 0 { kind.to_owned() } else { format!("{kind}-{}", number + 1) }
}

fn url(scheme: &str, host: &str, port: &str) -> String {
    if host.contains(':') { format!("{scheme}://[{host}]:{port}") } else { format!("{scheme}://{host}:{port}") }
}
