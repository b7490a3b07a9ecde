//! The service is killed in the middle of commits: the file is that of one of them, whole, and the service starts with it.

use std::fs;
use std::time::Duration;

use super::session::Session;
use crate::collect::service::{Folder, Service};

/// Times that it is killed.
const ROUNDS: u64 = 6;

#[test]
fn a_commit_that_is_killed_leaves_the_old_file_or_the_new_one() {
    let folder = Folder::new();
    // Long enough that a file which is written in place would be seen in halves.
    let sources: String =
        (0..2000).map(|number| format!("[source.s{number}]\nmatch = \"10.0.{}.{}\"\n", number / 250, number % 250)).collect();
    let mut text: Option<String> = None;
    for round in 0..ROUNDS {
        let mut service = match &text {
            None => Service::start(&folder, "", &sources),
            Some(text) => Service::restart(&folder, text),
        };
        let config = service.config.to_str().unwrap().to_owned();
        // What was on trial when it was killed has gone back by the time it can be asked.
        let session = Session::new(&service);
        let before = session.file();
        session.done(&["set", "source.s1999.name", &format!("round {round}")]);
        let commit = std::thread::spawn(move || crate::run::weir(&["commit", "-c", &config]));
        std::thread::sleep(Duration::from_millis(round * 8));
        service.kill();
        let committed = commit.join().unwrap();
        let after = fs::read_to_string(&service.config).unwrap();
        let new = format!("name = \"round {round}\"\n");
        let is_new = after.ends_with(&new) || after.trim_end().ends_with(new.trim_end());
        assert!(after == before || is_new, "round {round}: {} octets, before {}", after.len(), before.len());
        assert!(committed.code != 0 || is_new, "what was said to be committed is there");
        for version in fs::read_dir(Session::of(&service.config).versions()).into_iter().flatten() {
            let path = version.unwrap().path();
            let is_whole = path.extension().is_none_or(|end| end != "json")
                || serde_json::from_slice::<serde_json::Value>(&fs::read(&path).unwrap()).is_ok();
            assert!(is_whole, "{}", path.display());
        }
        text = Some(after);
    }
    let service = Service::restart(&folder, &text.unwrap());
    service.stop().check_identity();
}
