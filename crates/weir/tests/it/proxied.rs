//! Connections of a load balancer, haproxy, to the servers behind it: the records name the client in front of it, as tshark reads it in the same packets.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use weir_testkit::PATIENCE;

use crate::namespaces::{Folder, Namespace, Server, ip, missing, name};
use crate::run::weir;

/// The client; the load balancer, where it also is one itself; the server.
const CLIENT: &str = "10.78.0.11";
const BALANCER: &str = "10.78.0.1";
const SERVER: &str = "10.78.0.2";

/// What was told of a connection to the server: its client, the list of its first request, the server's name in TLS.
type Told = [Option<String>; 3];

/// Two machines and a folder, which are gone afterwards.
struct Site {
    front: Namespace,
    back: Namespace,
    /// The server's end of the cable.
    end: String,
    folder: Folder,
}

impl Site {
    fn new() -> Self {
        let (front, back) = (Namespace::new("pf"), Namespace::new("pb"));
        let (near, end) = (name("f"), name("b"));
        ip(&format!("link add {near} netns {} type veth peer name {end} netns {}", front.name, back.name));
        front.address(&near, BALANCER);
        ip(&format!("-n {} addr add {CLIENT}/24 dev {near}", front.name));
        back.address(&end, SERVER);
        Self { front, back, end, folder: Folder::new() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.0.join(name).to_str().unwrap().to_owned()
    }

    /// Port 80 as it is, 81 behind the PROXY protocol, 444 with TLS behind that.
    fn serve(&self) -> Server {
        let [key, certificate] = [self.path("key.pem"), self.path("cert.pem")];
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=shop.example -keyout";
        let words: Vec<_> = words.split(' ').chain([key.as_str(), "-out", &certificate]).collect();
        self.back.run("openssl", &words);
        self.folder.file("hello", "hello\n");
        let root = self.folder.0.display();
        let text = format!(
            "daemon off; user root; worker_processes 1; pid {root}/pid; error_log {root}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p;\n\
             fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s; root {root};\n\
             server {{ listen 80; }}\n\
             server {{ listen 81 proxy_protocol; }}\n\
             server {{ listen 444 ssl proxy_protocol; ssl_certificate {certificate}; ssl_certificate_key {key}; }} }}\n"
        );
        let server = self.back.serve("nginx", &["-p", &root.to_string(), "-c", &self.folder.file("nginx.conf", &text)]);
        self.ask(BALANCER, &format!("http://{SERVER}/hello"), &[]);
        server
    }

    /// Each way to tell who asks, on a port of its own.
    fn balance(&self) -> Server {
        let listen = |port: u16, mode: &str, options: &str, server: &str| {
            format!(
                "listen p{port}\n mode {mode}\n bind {BALANCER}:{port}\n{options} server s {SERVER}:{server} pool-purge-delay 1h\n"
            )
        };
        let text = [
            // Nothing is given up, and no connection is let go, because the machine stands still for a while.
            "defaults\n timeout client 5m\n timeout server 5m\n timeout connect 5m\n http-reuse always\n".to_owned(),
            listen(8001, "http", " option forwardfor\n", "80"),
            listen(8002, "http", " http-request set-header Forwarded \"for=%[src];proto=http\"\n", "80"),
            listen(8003, "tcp", "", "81 send-proxy"),
            listen(8004, "tcp", "", "81 send-proxy-v2"),
            listen(8005, "tcp", "", "444 send-proxy"),
            listen(8006, "tcp", "", "444 send-proxy-v2"),
        ];
        self.front.serve("haproxy", &["-db", "-f", &self.folder.file("haproxy.cfg", &text.concat())])
    }

    /// Asks from an address of the front.
    fn ask(&self, from: &str, url: &str, more: &[&str]) {
        self.front.run_until("curl", &[&["-s", "-k", "--interface", from, url], more].concat(), "hello");
    }

    /// Captures what comes to the server while something is done there.
    fn captured(&self, work: impl FnOnce()) -> String {
        let path = self.path("packets.pcapng");
        let dumpcap = Dumpcap::start(&self.back, &self.end, &path);
        work();
        // What was captured before this is in the file when this is.
        let begun = Instant::now();
        while !std::fs::read(&path).unwrap().windows(9).any(|octets| octets == b"GET /last") {
            self.front.run("curl", &["-s", &format!("http://{SERVER}/last")]);
            assert!(begun.elapsed() < PATIENCE, "dumpcap writes nothing");
        }
        drop(dumpcap);
        path
    }
}

/// A capture that is running.
struct Dumpcap(Child);

impl Dumpcap {
    fn start(namespace: &Namespace, interface: &str, path: &str) -> Self {
        let mut command = namespace.command("dumpcap");
        let mut child = command.args(["-q", "-i", interface, "-w", path]).stderr(Stdio::piped()).spawn().unwrap();
        let said =
            BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok).find(|line| line.starts_with("File"));
        assert!(said.is_some(), "dumpcap does not start");
        Self(child)
    }
}

impl Drop for Dumpcap {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// What tshark reads, by the port that the load balancer came from.
fn by_tshark(path: &str) -> BTreeMap<u64, Told> {
    let fields =
        ["tcp.srcport", "proxy.src.ipv4", "http.x_forwarded_for", "http.request.line", "tls.handshake.extensions_server_name"];
    let mut command = Command::new("tshark");
    command.args(["-r", path, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]);
    command.args(["-Y", "proxy || http.request || tls.handshake.type == 1"]);
    let output = command.args(fields.iter().flat_map(|field| ["-e", field])).output().unwrap();
    let mut table: BTreeMap<u64, Told> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let values: Vec<_> = line.split('\t').map(|value| Some(value.to_owned()).filter(|value| !value.is_empty())).collect();
        let [Some(port), proxy, list, lines, name] = values.as_slice() else { panic!("{line}") };
        let list = list.as_ref().map(|list| list.replace('|', ", "));
        let forwarded = lines.iter().flat_map(|lines| lines.split('|')).find_map(|line| line.strip_prefix("forwarded: "));
        let forwarded = forwarded.map(|value| value.trim_end_matches("\\r\\n").to_owned());
        let of_list = list.as_ref().and_then(|list| list.split(", ").next()).map(str::to_owned);
        let of_forwarded = forwarded.as_ref().and_then(|value| value.strip_prefix("for=")?.split(';').next());
        let client = proxy.clone().or(of_list).or(of_forwarded.map(str::to_owned));
        let told = table.entry(port.parse().unwrap()).or_default();
        for (told, value) in told.iter_mut().zip([client, list.or(forwarded), name.clone()]) {
            *told = told.take().or(value);
        }
    }
    table.retain(|_, told| told.iter().any(Option::is_some));
    table
}

#[test]
fn records_name_the_client_before_the_load_balancer() {
    if let Some(why) = missing(&["haproxy", "nginx", "curl", "openssl", "dumpcap", "tshark"]) {
        println!("skipped: {why}");
        return;
    }
    let site = Site::new();
    let (_nginx, _haproxy) = (site.serve(), site.balance());
    let path = site.captured(|| {
        // The load balancer sends all of them over one connection.
        site.ask(CLIENT, &format!("http://{BALANCER}:8001/hello"), &[]);
        site.ask(CLIENT, &format!("http://{BALANCER}:8001/hello"), &["-H", "X-Forwarded-For: 192.0.2.1"]);
        site.ask(BALANCER, &format!("http://{BALANCER}:8001/hello"), &[]);
        for port in 8002..=8004 {
            site.ask(CLIENT, &format!("http://{BALANCER}:{port}/hello"), &[]);
        }
        for port in [8005, 8006] {
            let resolve = format!("shop.example:{port}:{BALANCER}");
            site.ask(CLIENT, &format!("https://shop.example:{port}/hello"), &["--resolve", &resolve]);
        }
    });
    let truth = by_tshark(&path);
    let metered = weir(&["meter", "-r", &path, "--format", "json", "--filter", &format!("client_addr = {CLIENT}")]);
    let text = |record: &Value, name: &str| record[name].as_str().map(str::to_owned);
    let records: Vec<_> = metered.records().into_iter().filter(|record| record["biflow"] == "initiator").collect();
    let found = records.iter().map(|record| {
        let told = ["client_addr", "http_forwarded_for", "tls_sni"].map(|name| text(record, name));
        (record["src_port"].as_u64().unwrap(), told)
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), truth, "{}", metered.stderr);
    assert_eq!(truth.len(), 6, "{truth:?}");
    assert!(records.iter().all(|record| record["src_addr"] == BALANCER && record["srt"].is_u64()), "{records:?}");
    let shop = |record: &&Value| record["tls_sni"] == "shop.example" && record["tls_setup"].is_u64();
    assert_eq!(records.iter().filter(shop).count(), 2, "{records:?}");
    let shared: Vec<_> = records.iter().filter(|record| record["http_count"] == 3).collect();
    assert_eq!((shared.len(), &shared[0]["http_other_clients"]), (1, &json!(2)), "{records:?}");
}
