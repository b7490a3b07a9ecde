//! Templates: data that comes before them waits, and a restart keeps them.
use weir_testkit::wait_until;

use super::messages::{ipfix, netflow9};
use super::service::{Exporter, Folder, Service, Stored};

#[test]
fn data_before_its_template_waits_and_is_stored() {
    let folder = Folder::new();
    let service = Service::start(&folder, "", "");
    let exporter = Exporter::new(1);
    let messages =
        [netflow9(0, false, Some(100)), netflow9(1, false, Some(200)), netflow9(2, true, None), netflow9(3, false, Some(400))];
    exporter.send(&service, messages.iter().map(Vec::as_slice));
    let ended = service.stop();
    ended.check_identity();
    assert_eq!((ended.count("records"), ended.count("pending")), (3, 0));
    assert_eq!(Stored::read(&folder.store()).sum(|flows, row| flows.bytes.get(row)), 700);
}

#[test]
fn a_restart_keeps_templates_whatever_the_number_of_workers() {
    let folder = Folder::new();
    let exporters: Vec<_> = (1..=20).map(Exporter::new).collect();
    let runs = [(1, true, "TERM"), (3, false, "KILL"), (2, false, "TERM"), (4, false, "TERM")];
    for (run, (workers, template, end)) in runs.into_iter().enumerate() {
        let mut service = Service::start(&folder, "", &format!("[collector]\nworkers = {workers}\n"));
        for exporter in &exporters {
            let (run, bytes) = (run as u32, Some(1 << run));
            exporter.send(&service, [&netflow9(run, template, bytes)[..], &ipfix(run, template, bytes)[..]]);
        }
        match end {
            "KILL" => {
                // What was received is in the journal soon; the templates have been saved by the run before.
                wait_until("all of it is stored", || Stored::read(&folder.store()).flows.rows() == 80);
                service.kill();
            }
            _ => {
                let ended = service.stop();
                assert_eq!((ended.count("records"), ended.count("pending"), ended.count("lost")), (40, 0, 0), "run {run}");
            }
        }
    }
    let stored = Stored::read(&folder.store());
    assert_eq!((stored.flows.rows(), stored.sum(|flows, row| flows.bytes.get(row))), (160, 40 * 15));
}

#[test]
fn state_that_cannot_be_read_is_told_and_costs_only_itself() {
    let folder = Folder::new();
    let state = folder.store().join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("sessions"), "something else").unwrap();
    let service = Service::start(&folder, "", "");
    assert_eq!(service.told("saved templates cannot be read"), 1);
    Exporter::new(1).send(&service, [&netflow9(0, true, Some(5))[..]]);
    assert_eq!(service.stop().count("records"), 1);
}
