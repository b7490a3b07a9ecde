//! Interfaces: real programs in network namespaces, metered while they talk.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use weir_testkit::{Impairment, Relay, wait_until};

use crate::collect::service::Stored;
use crate::namespaces::{Folder, Listening, Namespace, Server, ip, missing, name, program_path};

/// A client and a server, joined by two cables.
struct Pair {
    client: Namespace,
    server: Namespace,
    /// The server's ends of the cables: 10.77.0.2 and 10.77.1.2.
    ends: [String; 2],
}

impl Pair {
    fn new() -> Self {
        let (client, server) = (Namespace::new("wc"), Namespace::new("ws"));
        let ends = [0, 1].map(|number| {
            let (near, far) = (name("c"), name("s"));
            ip(&format!("link add {near} netns {} type veth peer name {far} netns {}", client.name, server.name));
            client.address(&near, &format!("10.77.{number}.1"));
            server.address(&far, &format!("10.77.{number}.2"));
            far
        });
        Self { client, server, ends }
    }

    /// A web server that answers.
    fn serve_web(&self, folder: &Folder) -> Server {
        let served = nginx(&self.server, folder);
        self.client.run_until("curl", &["-s", "http://10.77.0.2/hello"], "hello");
        served
    }
}

/// A web server on 10.77.0.2 and .1.2 that serves `/hello` and a file of a megabyte.
fn nginx(server: &Namespace, folder: &Folder) -> Server {
    folder.file("hello", "hello\n");
    folder.file("large", &"x".repeat(1 << 20));
    let root = folder.0.display();
    let text = format!(
        "daemon off; user root; worker_processes 1; pid {root}/pid; error_log {root}/error.log;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; default_type text/plain; client_body_temp_path {root}/b; proxy_temp_path {root}/p;\n\
         fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
         server {{ listen 80; root {root}; }} }}\n"
    );
    server.serve("nginx", &["-p", &root.to_string(), "-c", &folder.file("nginx.conf", &text)])
}

/// Records of the client's direction with this value.
fn of<'a>(records: &'a [Value], name: &str, value: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record[name] == value && record["biflow"] == "initiator").collect()
}

#[test]
fn web_and_names_on_two_interfaces_are_metered_with_their_applications() {
    if let Some(why) = missing(&["nginx", "curl", "dnsmasq", "dig"]) {
        println!("skipped: {why}");
        return;
    }
    let (pair, folder) = (Pair::new(), Folder::new());
    let _nginx = pair.serve_web(&folder);
    let dns = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file="];
    let _dnsmasq = pair.server.serve("dnsmasq", &[&dns[..], &["--address=/shop.example/192.0.2.80", "--port=53"]].concat());
    pair.client.run_until("dig", &["@10.77.1.2", "+time=1", "warm.shop.example"], "192.0.2.80");

    let [web, names] = &pair.ends;
    let weir =
        Listening::start(&pair.server, &["meter", "-i", web, "-i", names, "--workers", "2", "--format", "json", "--stats"]);
    for _ in 0..3 {
        let said = pair.client.run("curl", &["-s", "-H", "Host: shop.example", "http://10.77.0.2/hello?who=me"]);
        assert_eq!(said, "hello\n");
    }
    pair.client.run("curl", &["-s", "-o", "/dev/null", "http://10.77.0.2/large"]);
    // Asked once, however long the answer takes.
    let once = ["@10.77.1.2", "+tries=1", "+time=60"];
    pair.client.run("dig", &[&once[..], &["www.shop.example", "A"]].concat());
    pair.client.run("dig", &[&once[..], &["+tcp", "nothing.example", "AAAA"]].concat());
    let (records, stats) = weir.stop();

    let shop = of(&records, "http_host", "shop.example");
    assert_eq!(shop.len(), 3, "{records:?}");
    for record in shop {
        assert_eq!(
            (&record["app"], &record["http_path"], &record["http_status"]),
            (&json!("http"), &json!("/hello"), &json!(200))
        );
        assert!(record["tcp_handshake"] == "complete" && record["rtt"].is_u64() && record["srt"].is_u64(), "{record}");
        assert!(record["in_if"].as_u64().is_some_and(|index| index > 0), "{record}");
    }
    let large = records.iter().find(|record| record["http_path"] == "/large" && record["biflow"] == "responder").unwrap();
    let octets = large["bytes"].as_u64().unwrap();
    assert!((1 << 20..(1 << 20) + 100_000).contains(&octets), "{octets} octets, super-packets counted as what was on the wire");
    let asked = of(&records, "dns_name", "www.shop.example");
    assert!(
        asked.len() == 1 && asked[0]["app"] == "dns" && asked[0]["dns_type"] == 1 && asked[0]["dns_answers"] == 1,
        "{asked:?}"
    );
    let refused = of(&records, "dns_name", "nothing.example");
    assert!(refused.len() == 1 && refused[0]["protocol"] == 6 && refused[0]["dns_type"] == 28, "{refused:?}");
    assert_eq!((&stats["kernel_dropped"], &stats["queue_dropped"], &stats["faults"]), (&json!(0), &json!(0), &json!({})));
}

#[test]
fn a_connection_whose_directions_come_on_two_interfaces_is_one() {
    if let Some(why) = missing(&["nginx", "curl", "nstat"]) {
        println!("skipped: {why}");
        return;
    }
    let (pair, folder) = (Pair::new(), Folder::new());
    let _nginx = pair.serve_web(&folder);
    // Questions come on the first cable, answers go out on the second.
    ip(&format!("-n {} route add 10.77.0.1/32 via 10.77.1.1", pair.server.name));

    let [questions, answers] = &pair.ends;
    for workers in ["1", "2"] {
        let before = sent_again(&pair);
        let weir = Listening::start(
            &pair.server,
            &["meter", "-i", questions, "-i", answers, "--workers", workers, "--format", "json", "--stats", "--bpf", "tcp"],
        );
        for _ in 0..5 {
            assert_eq!(pair.client.run("curl", &["-s", "http://10.77.0.2/hello"]), "hello\n");
        }
        wait_until("all is acknowledged", || has_rest(&pair.client) && has_rest(&pair.server));
        let again = sent_again(&pair) - before;
        let (records, _) = weir.stop();
        assert_eq!(records.len(), 10, "{records:?}");
        for record in &records {
            assert!(record["tcp_handshake"] == "complete" && record["http_status"] == 200, "{record}");
            assert!(record["rtt"].is_u64() && record["srt"].is_u64(), "{record}");
            // A machine that stands still for a while has its kernel send something again.
            assert!(again > 0 || record["retransmissions"] == 0 && record["out_of_order"] == 0, "{record}");
        }
        let shortest = records.iter().filter_map(|record| record["rtt"].as_u64()).min();
        assert!(shortest < Some(50_000), "{records:?}");
        let [one, other] = ["initiator", "responder"].map(|half| records.iter().find(|record| record["biflow"] == half).unwrap());
        assert_ne!(one["in_if"], other["in_if"]);
    }
}

#[test]
fn a_database_is_metered_with_user_and_statement() {
    if let Some(why) = missing(&["initdb", "postgres", "psql", "runuser"]) {
        println!("skipped: {why}");
        return;
    }
    let (pair, folder) = (Pair::new(), Folder::new());
    let data = folder.0.join("data");
    std::fs::create_dir(&data).unwrap();
    assert!(Command::new("chown").args(["-R", "postgres"]).arg(&folder.0).status().unwrap().success());
    let as_postgres = |program: &str| vec!["-u".to_owned(), "postgres".into(), "--".into(), path(program)];
    let mut initdb = Command::new("runuser");
    initdb.args(as_postgres("initdb")).args(["-A", "trust", "-U", "alice", "--no-sync", "-D"]).arg(&data);
    let made = initdb.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(data.join("pg_hba.conf"), "host all all 10.77.0.0/24 trust\n").unwrap();
    let (data, sockets) = (data.to_str().unwrap(), folder.0.to_str().unwrap());
    let mut arguments = as_postgres("postgres");
    arguments.extend(["-D", data, "-k", sockets, "-h", "10.77.0.2"].map(str::to_owned));
    let _postgres = pair.server.serve("runuser", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let to = "host=10.77.0.2 user=alice dbname=postgres sslmode=disable gssencmode=disable connect_timeout=60";
    pair.client.run_until("psql", &[to, "-Atc", "select 6*7"], "42");

    let listen = ["meter", "-i", &pair.ends[0], "--keep", "sql-text", "--format", "json", "--stats"];
    let weir = Listening::start(&pair.server, &listen);
    assert_eq!(pair.client.run("psql", &[to, "-Atc", "select 'weir', 6*7"]), "weir|42\n");
    pair.client.run("psql", &[to, "-Atc", "select * from nowhere"]);
    let (records, _) = weir.stop();
    let good = of(&records, "sql_statement", "select 'weir', 6*7");
    assert_eq!(good.len(), 1, "{records:?}");
    let expected = [("app", "postgresql"), ("sql_user", "alice"), ("sql_database", "postgres")];
    for (name, value) in expected {
        assert_eq!(good[0][name], value, "{name}");
    }
    // 42P01: undefined table.
    assert_eq!(of(&records, "sql_error", "42P01").len(), 1, "{records:?}");
}

fn path(program: &str) -> String {
    program_path(program).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn delay_and_loss_on_the_way_are_seen() {
    if let Some(why) = missing(&["nginx", "curl", "nstat"]) {
        println!("skipped: {why}");
        return;
    }
    let (client, server, folder) = (Namespace::new("wc"), Namespace::new("ws"), Folder::new());
    let [near, near_relay, far_relay, far] = ["c", "r", "r", "s"].map(name);
    for (end, relay, namespace, address) in [(&near, &near_relay, &client, "10.78.0.1"), (&far, &far_relay, &server, "10.78.0.2")]
    {
        ip(&format!("link add {end} netns {} type veth peer name {relay}", namespace.name));
        ip(&format!("link set {relay} addrgenmode none up"));
        ip(&format!("-n {} link set {end} gso_max_segs 1", namespace.name));
        namespace.address(end, address);
    }
    let _nginx = nginx(&server, &folder);
    let clean = Impairment { delay: Duration::ZERO, loss: 0.0, seed: 1 };
    let slow = Impairment { delay: Duration::from_millis(10), loss: 0.01, seed: 2 };

    let mut times = Vec::new();
    for impairment in [clean, slow] {
        let relay = match Relay::start(&near_relay, &far_relay, impairment) {
            Ok(relay) => relay,
            Err(error) => {
                println!("skipped: {error}");
                return;
            }
        };
        client.run_until("curl", &["-s", "http://10.78.0.2/hello"], "hello");
        let both_rest = || [&client, &server].iter().all(|namespace| has_rest(namespace));
        wait_until("nothing of it is on its way any more", both_rest);
        // Where the server is, what it sends again is seen twice. Where the client is, it is seen once, late.
        let at_server = Listening::start(&server, &["meter", "-i", &far, "--format", "json", "--stats"]);
        let at_client = Listening::start(&client, &["meter", "-i", &near, "--format", "json", "--stats"]);
        let before = (counted(&server, "TcpRetransSegs"), counted(&client, "TcpExtTCPOFOQueue"));
        for _ in 0..4 {
            client.run("curl", &["-s", "-o", "/dev/null", "http://10.78.0.2/large"]);
        }
        // One round trip of many takes no longer than the way, also on a machine with other work.
        for _ in 0..20 {
            client.run("curl", &["-s", "http://10.78.0.2/hello"]);
        }
        // What is still to be sent again would be counted by one and not by the other.
        wait_until("all is acknowledged", both_rest);
        let truth = counted(&server, "TcpRetransSegs") - before.0;
        let overtook = counted(&client, "TcpExtTCPOFOQueue") - before.1;
        let [(at_server, _), (at_client, _)] = [at_server, at_client].map(Listening::stop);
        let lost: u64 = relay.stop().iter().map(|direction| direction.lost).sum();
        let from_server = |records: &[Value], name: &str| -> u64 {
            records.iter().filter(|record| record["src_port"] == 80).filter_map(|record| record[name].as_u64()).sum()
        };
        let again = from_server(&at_server, "retransmissions");
        let late = from_server(&at_client, "retransmissions") + from_server(&at_client, "out_of_order");
        let trips =
            [&at_server, &at_client].map(|records| records.iter().filter_map(|record| record["rtt"].as_u64()).min().unwrap());
        println!("{impairment:?}: round trips {trips:?} us; {lost} lost, {truth} sent again, {again} seen again, {late} late");
        assert_eq!(again, truth, "what the kernel says that it has sent again");
        // Those lost again on the way are not seen, and kernels of several processors change the order, as the receiver's counts.
        // One that comes ahead of several makes all of these late, so their number is known only where none does.
        assert!((overtook > 0 || late <= truth) && late >= truth * 8 / 10, "{late} of {truth}, {overtook} came ahead of others");
        assert!(lost == 0 || truth > 0);
        times.push(trips);
    }
    let [before, after] = times[..] else { unreachable!() };
    for (before, after) in before.into_iter().zip(after) {
        assert!((19_500..26_000).contains(&(after - before)), "{before} us, with 20 ms on the way {after} us");
    }
}

/// Whether no connection of this namespace has anything under way: each listens, or is over (TIME_WAIT).
fn has_rest(namespace: &Namespace) -> bool {
    let text = namespace.run("cat", &["/proc/net/tcp"]);
    text.lines().skip(1).all(|line| line.split_whitespace().nth(3).is_some_and(|state| ["0A", "06"].contains(&state)))
}

/// Segments that the kernels of both have sent again.
fn sent_again(pair: &Pair) -> u64 {
    [&pair.client, &pair.server].iter().map(|namespace| counted(namespace, "TcpRetransSegs")).sum()
}

/// A counter of the kernel for this namespace.
fn counted(namespace: &Namespace, counter: &str) -> u64 {
    let text = namespace.run("nstat", &["-asz", counter]);
    let line = text.lines().find(|line| line.starts_with(counter)).unwrap_or_else(|| panic!("{text}"));
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A service of this configuration, made for an interface and a folder, sees how a page is fetched. Gives the folder, what was printed and what was counted;
/// where programs are missing, which.
fn a_page_is_fetched(configuration: impl FnOnce(&str, &Folder) -> String) -> Result<(Folder, Vec<Value>, Value), String> {
    if let Some(why) = missing(&["nginx", "curl"]) {
        return Err(why);
    }
    let (pair, folder) = (Pair::new(), Folder::new());
    let _nginx = pair.serve_web(&folder);
    let config = folder.file("weir.toml", &configuration(&pair.ends[0], &folder));
    let weir = Listening::start(&pair.server, &["run", "-c", &config, "--stats"]);
    pair.client.run("curl", &["-s", "http://10.77.0.2/hello"]);
    let (records, stats) = weir.stop();
    Ok((folder, records, stats))
}

#[test]
fn the_service_meters_and_exports_as_its_configuration_says() {
    let fetched = a_page_is_fetched(|interface, _| {
        format!("[meter]\ninterfaces = [\"{interface}\"]\n\n[export.here]\nurl = \"udp://127.0.0.1:9\"\nfilter = \"app http\"\n")
    });
    let (_, records, stats) = match fetched {
        Ok(fetched) => fetched,
        Err(why) => return println!("skipped: {why}"),
    };
    assert_eq!(records, [] as [Value; 0]);
    assert_eq!(stats["exports"]["here"]["records"], 2, "{stats}");
}

#[test]
fn what_the_service_meters_is_stored() {
    let fetched = a_page_is_fetched(|interface, folder| {
        let (meter, store) = (format!("interfaces = [\"{interface}\"]\nfilter = \"app http\""), folder.0.join("store"));
        format!("[meter]\n{meter}\n\n[store]\npath = \"{}\"\n\n[source.probe]\nmatch = \"127.0.0.1\"\n", store.display())
    });
    let (folder, _, stats) = match fetched {
        Ok(fetched) => fetched,
        Err(why) => return println!("skipped: {why}"),
    };
    assert!(stats["flows"].as_u64() >= Some(2), "{stats}");
    let stored = Stored::read(&folder.0.join("store"));
    let hosts: Vec<_> = (0..stored.flows.rows()).map(|row| stored.flows.http_host.get(row)).collect();
    assert_eq!(hosts, [Some("10.77.0.2"); 2]);
    assert_eq!((stored.flows.exporter_name.get(0), stored.flows.rtt.get(0).is_some()), (Some("probe"), true));
    let own = Some(std::net::IpAddr::from([127, 0, 0, 1]));
    assert_eq!(stored.health(own, |health, row| health.records.get(row)), 2);
}
