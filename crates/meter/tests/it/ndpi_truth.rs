//! Names of applications against those of nDPI, on its own captures, for the protocols that the meter reads or promises to know by name.
//!
//! Differences that are explained stand in `ndpi_differences.tsv`: capture, table (`app`), number of flows, reason. The test fails when there are others.

#![allow(clippy::disallowed_methods, reason = "the names that nDPI found are files beside the captures")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use weir_meter::Config;
use weir_record::FlowBatch;

use crate::captures::{captures_dir, explained, metered, without_timeouts};

/// The protocol and two ends; the smaller first.
type Ends = (u8, [(IpAddr, u16); 2]);

/// nDPI's names, and ours for the same. It names what runs within: STARTTLS, a proxy, a key exchange of media.
const NAMES: &[(&str, &[&str])] = &[
    ("HTTP", &["http"]),
    ("HTTP_Proxy", &["http"]),
    ("HTTP_Connect", &["http"]),
    ("HTTP2", &["http", "http2"]),
    ("TLS", &["tls"]),
    ("DTLS", &["dtls"]),
    ("QUIC", &["quic"]),
    ("DNS", &["dns"]),
    ("MDNS", &["mdns"]),
    ("LLMNR", &["llmnr"]),
    ("DHCP", &["dhcp"]),
    ("DHCPV6", &["dhcpv6"]),
    ("SMTP", &["smtp"]),
    ("SMTPS", &["smtp", "smtps", "tls"]),
    ("SIP", &["sip"]),
    ("RTP", &["rtp"]),
    ("SRTP", &["rtp"]),
    ("RTCP", &["rtcp"]),
    ("SMBv1", &["smb"]),
    ("SMBv23", &["smb"]),
    ("MySQL", &["mysql"]),
    ("PostgreSQL", &["postgresql"]),
    ("MsSQL-TDS", &["mssql"]),
    ("SSH", &["ssh"]),
    ("NTP", &["ntp"]),
    ("SNMP", &["snmp"]),
    ("FTP_CONTROL", &["ftp"]),
    ("FTPS", &["ftp", "tls"]),
    ("IMAP", &["imap"]),
    ("IMAPS", &["imap", "imaps", "tls"]),
    ("POP3", &["pop3"]),
    ("POPS", &["pop3", "pop3s", "tls"]),
    ("RDP", &["rdp"]),
    ("RESP", &["redis"]),
    ("MQTT", &["mqtt"]),
    ("WireGuard", &["wireguard"]),
    ("BitTorrent", &["bittorrent"]),
    ("STUN", &["stun"]),
    ("Radius", &["radius"]),
    ("Kerberos", &["kerberos"]),
    ("LDAP", &["ldap", "cldap"]),
];

#[test]
fn names_agree_with_those_of_ndpi() {
    let Some(folder) = captures_dir() else {
        return;
    };
    let explained = explained(include_str!("ndpi_differences.tsv"), "app");
    let verbose = std::env::var_os("WEIR_VERBOSE").is_some();
    let mut table: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(folder.join("golden/ndpi")).unwrap() {
        let golden = entry.unwrap().path();
        let capture = folder.join("packets/ndpi").join(golden.file_stem().unwrap());
        let Ok(lines) = std::fs::read_to_string(&golden) else { continue };
        if !capture.exists() {
            continue;
        }
        let mut found = names(&metered(&capture, without_timeouts()).0);
        // nDPI looks into tunnels, and names what it finds there.
        let inside = names(&metered(&capture, Config { decapsulate: true, ..without_timeouts() }).0);
        inside.into_iter().for_each(|(ends, names)| found.entry(ends).or_default().extend(names));
        let mut different = 0;
        for (ends, name, line) in lines.lines().filter_map(named_by_ndpi) {
            let Some((_, ours)) = NAMES.iter().find(|(theirs, _)| *theirs == name) else {
                if verbose {
                    println!("OTHER {name} {:?} in {}: {line}", found.get(&ends), capture.display());
                }
                continue;
            };
            let is_same = found.get(&ends).is_some_and(|found| found.iter().any(|(found, _)| ours.contains(&found.as_str())));
            let [all, same] = table.entry(ours[0]).or_default();
            *all += 1;
            *same += usize::from(is_same);
            different += usize::from(!is_same);
            if verbose && !is_same {
                println!("DIFFERS {name} {:?} in {}: {line}", found.get(&ends), capture.display());
            }
        }
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        let allowed = explained.get(&name).copied().unwrap_or(0);
        if different != allowed {
            faults.push(format!("{name}: {different} differences, {allowed} explained"));
        }
    }
    println!("application    flows  agree");
    for (name, [all, same]) in &table {
        println!("{name:12} {all:7} {same:6} {:6.1} %", 100.0 * *same as f64 / *all as f64);
    }
    let (all, same) = table.values().fold((0, 0), |(all, same), [more, equal]| (all + more, same + equal));
    println!("all          {all:7} {same:6} {:6.1} %", 100.0 * same as f64 / all as f64);
    assert!(all > 800, "only {all} flows");
    assert!(same * 100 >= all * 95, "{same} of {all}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The flow of a line, and the outermost protocol that it is named after.
fn named_by_ndpi(line: &str) -> Option<(Ends, &str, &str)> {
    let (flow, rest) = line.split_once("[proto: ")?;
    let (_, names) = rest.split_once(']')?.0.split_once('/')?;
    let mut words = flow.split_whitespace().skip(1);
    let protocol = match words.next()? {
        "TCP" => 6,
        "UDP" => 17,
        _ => return None,
    };
    let (first, _, second) = (end(words.next()?)?, words.next()?, end(words.next()?)?);
    Some(((protocol, sorted(first, second)), names.split('.').next()?, line))
}

/// `192.0.2.1:80` or `[2001:db8::1]:80`.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    Some((address.trim_matches(['[', ']']).parse().ok()?, port.parse().ok()?))
}

fn sorted(first: (IpAddr, u16), second: (IpAddr, u16)) -> [(IpAddr, u16); 2] {
    if first <= second { [first, second] } else { [second, first] }
}

/// What each flow is called, and how that was told.
fn names(flows: &FlowBatch) -> BTreeMap<Ends, Vec<(String, u8)>> {
    let mut names: BTreeMap<Ends, Vec<_>> = BTreeMap::new();
    for row in 0..flows.rows() {
        let (Some(src), Some(dst), Some(protocol)) = (flows.src_addr.get(row), flows.dst_addr.get(row), flows.protocol.get(row))
        else {
            continue;
        };
        let ports = (flows.src_port.get(row).unwrap_or(0), flows.dst_port.get(row).unwrap_or(0));
        let ends = (protocol, sorted((src.to_ip(), ports.0), (dst.to_ip(), ports.1)));
        let name = flows.app.get(row).unwrap_or_default().to_owned();
        names.entry(ends).or_default().push((name, flows.app_source.get(row).unwrap_or(0)));
    }
    names
}
