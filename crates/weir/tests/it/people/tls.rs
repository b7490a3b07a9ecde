//! TLS of the console, with certificates that are made at the first start; asked by curl and by the program itself, which believes no other.

use std::process::Command;

use crate::collect::service::{Folder, Service};
use crate::run::weir;

#[test]
fn a_certificate_is_made_and_spoken_with() {
    let folder = Folder::new();
    let console = weir_testkit::free_address();
    let service = Service::start(
        &folder,
        "",
        &format!("[console]\nlisten = \"{console}\"\ncertificate = \"self-signed\"\nhosts = [\"weir.example\"]\n"),
    );
    service.wait_for("answering over HTTP");
    let people = folder.store().join("console");
    let (certificate, url) = (people.join("certificate.pem"), format!("https://{console}/healthz"));
    let curl = |more: &[&str], url: &str| {
        let mut command = Command::new("curl");
        command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"]).args(more).arg(url);
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: no curl");
        return;
    }
    let authority = ["--cacert", certificate.to_str().unwrap()];
    assert_eq!(curl(&authority, &url), "200");
    let named = format!("https://weir.example:{}/healthz", console.port());
    let to = format!("weir.example:{}:127.0.0.1", console.port());
    assert_eq!(curl(&[authority[0], authority[1], "--resolve", &to], &named), "200");
    assert_eq!(curl(&[authority[0], authority[1], "--tls-max", "1.2"], &url), "200");
    assert_eq!(curl(&[], &url), "000", "nobody else vouches for it");
    assert_eq!(curl(&[], &format!("http://{console}/healthz")), "000", "nothing is answered in the clear");
    let config = service.config.to_str().unwrap().to_owned();
    let run = weir(&["counters", "--grep", "weir_people_sessions", "--format", "json", "-c", &config]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.records()[0]["name"], "weir_people_sessions");
    // A certificate for the same address by somebody else is not the one that the service shows.
    std::fs::write(&certificate, weir_testkit::Authority::new().issue(&["127.0.0.1"]).certificate).unwrap();
    let run = weir(&["counters", "-c", &config]);
    assert!(run.code == 3 && run.stderr.contains("another certificate than its configuration names"), "{}", run.stderr);
}
