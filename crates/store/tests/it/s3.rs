//! Data files in an S3-compatible store: another program serves the protocol.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use weir_store::{Cancel, Place, S3Options, Snapshot, Store, StoreConfig, TableKind, check, no_summary};

use crate::fixture::{BEGIN, append, ask, compact, count, flows};
use crate::python::python;

/// Serves until its standard input ends, and keeps what it has across a pause of its listener.
const SERVE: &str = "
import sys, boto3, logging
from moto.server import ThreadedMotoServer
logging.getLogger('werkzeug').setLevel(logging.ERROR)
port = int(sys.argv[1])
def start():
    server = ThreadedMotoServer(ip_address='127.0.0.1', port=port, verbose=False)
    server.start()
    return server
server = start()
boto3.client('s3', endpoint_url=f'http://127.0.0.1:{port}', region_name='us-east-1', aws_access_key_id='k', aws_secret_access_key='s').create_bucket(Bucket='weir')
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() == 'stop':
        server.stop()
    else:
        server = start()
    print('done', flush=True)
";

struct Server {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Server {
    fn start(python: &Path) -> Self {
        let port = weir_testkit::free_address().port();
        let mut command = Command::new(python);
        command.args(["-c", SERVE, &port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, said, port };
        server.wait_for("ready");
        server
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while line.trim() != word {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the server ended");
        }
    }

    fn tell(&mut self, word: &str) {
        use std::io::Write;
        writeln!(self.child.stdin.as_mut().unwrap(), "{word}").unwrap();
        self.wait_for("done");
    }

    fn place(&self) -> Place {
        let s3 = S3Options {
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            region: Some("us-east-1".into()),
            access_key: Some("k".into()),
            secret_key: Some("s".into()),
            token: None,
        };
        Place::open("s3://weir/site/one", &s3).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open(folder: &Path, files: Place, background: bool) -> Store {
    let config = StoreConfig {
        files,
        background,
        retention: Some(Duration::from_secs(30 * 86_400)),
        series_retention: None,
        reserve: 0,
        grace: Duration::ZERO,
        ..StoreConfig::new(folder)
    };
    Store::open(config, no_summary()).unwrap()
}

#[test]
fn a_place_speaks_the_protocol() {
    let Some(python) = python(&["moto.server", "boto3"]) else { return };
    let server = Server::start(&python);
    let place = server.place();
    assert_eq!(place.list("").unwrap(), []);
    let large: Vec<u8> = (0..20_000_000_u32).map(|n| (n / 3) as u8).collect();
    place.put("flows/large", large.clone()).unwrap();
    place.put("flows/small", b"0123456789".to_vec()).unwrap();
    assert!(place.get("flows/large").unwrap() == large);
    assert_eq!(place.get_range("flows/small", 3..6).unwrap().as_ref(), b"345");
    assert!(place.get_range("flows/small", 8..12).is_err());
    assert_eq!(place.size("flows/large").unwrap(), 20_000_000);
    let names: Vec<_> = place.list("flows").unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["flows/large", "flows/small"]);
    place.delete("flows/large").unwrap();
    place.delete("flows/large").unwrap();
    assert!(place.get("flows/large").unwrap_err().is_absent());
}

#[test]
fn a_store_keeps_its_files_there() {
    let Some(python) = python(&["moto.server", "boto3"]) else { return };
    let mut server = Server::start(&python);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), server.place(), false);
    append(&store, &flows(0, 5_000));
    compact(&store);
    assert!(!folder.path().join("flows").exists(), "nothing of the files lies in the folder");
    assert!(!server.place().list("flows").unwrap().is_empty());
    let total = |to| [format!("[{}]", count(to, |_| true))];
    let question = "SELECT count(*) FROM flows";
    assert_eq!(ask(&store.snapshot(), question), total(5_000));

    // The server is away: the journal takes what comes, and answers.
    append(&store, &flows(5_000, 6_000));
    server.tell("stop");
    store.seal();
    assert!(store.maintain(BEGIN).is_err(), "files cannot be put there");
    append(&store, &flows(6_000, 6_500));
    server.tell("start");
    compact(&store);
    assert_eq!(ask(&store.snapshot(), question), total(6_500));
    assert_eq!(store.snapshot().files(TableKind::Flows).map(|file| file.rows).sum::<u64>(), count(6_500, |_| true));

    // The files of an hour become one, and those that they were made of go.
    let later = |days: i64| BEGIN + days * 86_400 * 1_000_000_000;
    assert_eq!(store.snapshot().files(TableKind::Flows).count(), 3);
    store.maintain(later(1)).unwrap();
    store.maintain(later(1)).unwrap();
    assert_eq!(store.snapshot().files(TableKind::Flows).count(), 1);
    assert_eq!(server.place().list("flows").unwrap().len(), 1);
    assert_eq!(ask(&store.snapshot(), question), total(6_500));

    // Another process, a check, and what is left after a restart.
    let outside = Snapshot::open(folder.path(), Some(server.place()), None).unwrap();
    assert_eq!(ask(&outside, question), total(6_500));
    drop(store);
    let report = check(folder.path(), Some(server.place()), &mut |_| {}, &Cancel::new()).unwrap();
    assert_eq!((report.problems, report.rows), (vec![], 6_500));
    let store = open(folder.path(), server.place(), false);
    assert_eq!(ask(&store.snapshot(), question), total(6_500));

    // Retention removes objects.
    store.maintain(later(40)).unwrap();
    assert_eq!(ask(&store.snapshot(), question), ["[0]"]);
    store.maintain(later(41)).unwrap();
    assert_eq!(server.place().list("flows").unwrap(), []);
}

#[test]
fn compaction_in_the_background_waits_for_the_server() {
    let Some(python) = python(&["moto.server", "boto3"]) else { return };
    let mut server = Server::start(&python);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), server.place(), true);
    server.tell("stop");
    append(&store, &flows(0, 1_000));
    store.seal();
    let wait_until = |what: &str, is_so: &dyn Fn() -> bool| {
        let begin = Instant::now();
        while !is_so() {
            assert!(begin.elapsed() < Duration::from_secs(120), "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait_until("the failure is counted", &|| store.status().background_failures > 0);
    assert_eq!(ask(&store.snapshot(), "SELECT count(*) FROM flows"), [format!("[{}]", count(1_000, |_| true))]);
    server.tell("start");
    wait_until("the segment becomes files", &|| store.snapshot().files(TableKind::Flows).count() > 0);
    assert_eq!(ask(&store.snapshot(), "SELECT count(*) FROM flows"), [format!("[{}]", count(1_000, |_| true))]);
}
