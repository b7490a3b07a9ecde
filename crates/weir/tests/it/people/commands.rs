//! `weir user`, with the service running and stopped, and how the first admin comes in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::asking::service::Asked;
use crate::collect::service::Folder;
use crate::run::{File, Run, weir, weir_reading};

const PASSWORD: &[u8] = b"correct horse battery\n";

#[test]
fn the_link_of_the_log_makes_the_first_admin() {
    let asked = Asked::start();
    asked.service.wait_for("there is no user yet");
    let link = asked.service.line_with("#code=");
    let code = link.split("#code=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(link.contains(&format!("http://{}/setup#code=", asked.console)), "{link}");
    let body = json!({"code": code, "name": "ann", "password": "correct horse battery"});
    let (status, text) = asked.post_unsigned("/api/v1/setup", &body);
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()["role"].as_str()), (200, Some("admin")), "{text}");
    assert_eq!(asked.post_unsigned("/api/v1/setup", &body).0, 403);
    let listed = asked.ask(&["user", "list", "--format", "json"]).records();
    assert_eq!((listed.len(), &listed[0]["name"], &listed[0]["role"]), (1, &json!("ann"), &json!("admin")));
}

#[test]
fn a_service_that_runs_knows_at_once_what_a_command_changed() {
    let asked = Asked::start();
    let user = |words: &[&str]| weir_reading(&[&["user"], words, &["-c", &asked.config()]].concat(), PASSWORD);
    let done = |run: Run| assert_eq!(run.code, 0, "{}", run.stderr);
    done(user(&["add", "ann", "--role", "admin"]));
    done(user(&["add", "bob"]));
    assert_eq!(user(&["add", "bob"]).code, 2, "there is one already");
    let token = user(&["token", "bob", "--name", "test"]);
    done(Run { code: token.code, stdout: String::new(), stderr: token.stderr.clone() });
    let bearer = format!("Bearer {}", token.stdout.trim());
    assert!(token.stdout.starts_with("weir_") && !token.stderr.contains("weir_"), "{}", token.stderr);
    assert_eq!(asked.get_as(&bearer, "/api/v1/sources").0, 200);
    assert_eq!(asked.post_as(&bearer, "/api/v1/sql", &json!({"sql": "SELECT 1"})).0, 403);
    done(user(&["role", "bob", "analyst"]));
    assert_eq!(asked.post_as(&bearer, "/api/v1/sql", &json!({"sql": "SELECT 1"})).0, 200);
    done(user(&["limit", "bob", "--filter", "port 53", "--hide", "src_addr"]));
    assert_eq!(asked.post_as(&bearer, "/api/v1/sql", &json!({"sql": "SELECT 1"})).0, 403);
    assert_eq!(user(&["limit", "bob"]).code, 2);
    done(user(&["limit", "bob", "--none"]));
    assert_eq!(asked.post_as(&bearer, "/api/v1/sql", &json!({"sql": "SELECT 1"})).0, 200);
    // The program itself, from elsewhere and with a token.
    let url = format!("http://{}", asked.console);
    let run = weir(&["counters", "--grep", "weir_people_sessions", "--server", &url, "--token", token.stdout.trim()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = weir(&["counters", "--server", &url]);
    assert!(run.code == 3 && run.stderr.contains("--token"), "{}", run.stderr);
    let listed = asked.ask(&["user", "tokens", "--format", "json"]).records();
    done(user(&["revoke", listed[0]["id"].as_str().unwrap()]));
    assert_eq!(asked.get_as(&bearer, "/api/v1/sources").0, 401);
    done(user(&["passwd", "bob"]));
    done(user(&["remove", "bob"]));
    assert!(user(&["remove", "ann"]).stderr.contains("only admin"));
    let (_, audit) = asked.get("/api/v1/audit");
    let audit: Vec<Value> = serde_json::from_str(&audit).unwrap();
    let of_commands: Vec<&str> = audit
        .iter()
        .filter(|row| row["via"] == "command" && row["result"] == "ok")
        .filter_map(|row| row["what"].as_str())
        .collect();
    assert_eq!(of_commands.len(), 9, "{audit:?}");
    assert!(of_commands.contains(&"set limits") && of_commands.contains(&"revoke token"), "{of_commands:?}");
}

#[test]
fn a_service_that_is_stopped_knows_when_it_starts() {
    let folder = Folder::new();
    let store = folder.store();
    let config = File::new("people.toml", format!("[store]\npath = {store:?}\n[console]\nlisten = \"127.0.0.1:0\"\n").as_bytes());
    let run = weir_reading(&["user", "add", "ann", "--role", "admin", "-c", config.path()], PASSWORD);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let token = weir(&["user", "token", "ann", "-c", config.path()]).stdout;
    let people = store.join("console");
    let mode = |name: &str| fs::metadata(people.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("users.json"), mode("audit.log")), (0o700, 0o600, 0o600));
    let text = fs::read_to_string(people.join("users.json")).unwrap();
    assert!(text.contains("$argon2id$") && !text.contains("correct horse") && !text.contains(token.trim()), "{text}");
    let asked = Asked::start_in(folder);
    assert_eq!(asked.get_as(&format!("Bearer {}", token.trim()), "/api/v1/users").0, 200);
    assert_eq!(asked.service.told("there is no user yet"), 0);
    assert_eq!(mode("local.token"), 0o600);
}

#[test]
fn what_makes_no_sense_is_told() {
    let folder = Folder::new();
    let place = folder.0.to_str().unwrap();
    let told = |words: &[&str], input: &[u8]| {
        let run = weir_reading(&[&["user"], words, &["--folder", place]].concat(), input);
        assert_eq!(run.code, 2, "{}", run.stderr);
        run.stderr
    };
    for (words, input, expected) in [
        (&["add", "ann"][..], &b""[..], "a password is missing"),
        (&["add", "ann"], b"short\n", "expected 10 to 1024"),
        (&["add", "a b"], PASSWORD, "expected a name of 1 to 64"),
        (&["add", "ann", "--role", "boss"], PASSWORD, "expected viewer, analyst or admin"),
        (&["add", "ann", "--filter", "port of call"], PASSWORD, "limits.filter"),
        (&["add", "ann", "--hide", "src_adr"], PASSWORD, "there is no column `src_adr`"),
        (&["passwd", "bob"], PASSWORD, "there is no user bob"),
        (&["token", "bob"], b"", "there is no user bob"),
        (&["revoke", "0"], b"", "there is no token 0"),
    ] {
        let said = told(words, input);
        assert!(said.contains(expected), "{words:?}: {said}");
    }
}

#[test]
fn a_configuration_that_would_let_passwords_travel_is_refused() {
    let check = |console: &str| {
        let text = format!("[listen.a]\nurl = \"udp://127.0.0.1:2055\"\n[store]\npath = \"/x\"\n[console]\n{console}\n");
        let run = weir(&["check", "-c", File::new("console.toml", text.as_bytes()).path()]);
        (run.code, run.stderr)
    };
    for (console, key) in [
        ("listen = \"0.0.0.0:8080\"", "console.listen: "),
        ("listen = \"[::]:8080\"", "console.listen: "),
        ("listen = \"192.0.2.1:8080\"", "console.listen: "),
        ("certificate = \"/x.pem\"", "console.private_key: "),
        ("private_key = \"/x.pem\"", "console.certificate: "),
        ("certificate = \"self-signed\"\nprivate_key = \"/x.pem\"", "console.private_key: "),
        ("hosts = [\"http://weir.example\"]", "console.hosts: "),
        ("trusted_proxies = [\"proxy\"]", "console.trusted_proxies"),
    ] {
        let (code, told) = check(console);
        assert!(code == 2 && told.contains(key), "{console}: {told}");
    }
    for console in [
        "listen = \"0.0.0.0:8080\"\nbehind_proxy = true",
        "listen = \"[::]:443\"\ncertificate = \"self-signed\"",
        "listen = \"[::1]:8080\"",
    ] {
        assert_eq!(check(console).0, 0, "{console}: {}", check(console).1);
    }
}
