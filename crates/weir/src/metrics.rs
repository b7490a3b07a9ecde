//! What the service counts, as metrics: the names, and from which counter of which room each is filled.
//!
//! The rooms count with plain structs of their own; here alone they get names. [`METRICS`] is the list that the manual prints.

use std::sync::atomic::Ordering;

use weir_codec::Stats;
use weir_server::{Counter, Metric, Value};
use weir_store::{Store, StoreStatus, TableKind};
use weir_transport::{Scheme, StreamEnd};

use crate::collect::{Counted, Listened};
use crate::config::ListenFormat;
use crate::export::Sent;
use crate::ha::Role;
use crate::replicate::Replicated;
use crate::service::running::Running;

weir_server::metrics! {
    /// Every metric of the service but those of its HTTP side, in the order in which they are printed.
    #[cfg(test)]
    METRICS:
    BUILD Gauge "weir_service_build_info" ["version"] "Always 1; the version of the program.";
    DATAGRAMS Counter "weir_receive_datagrams_total" ["listener"] "Datagrams that the kernel handed over; of streams and DTLS the messages in them.";
    BYTES Counter "weir_receive_bytes_total" ["listener"] "Octets of their payloads.";
    KERNEL_DROPPED Counter "weir_receive_kernel_dropped_datagrams_total" ["listener"] "Datagrams that the kernel dropped because the receive buffer was full.";
    CUT Counter "weir_receive_cut_datagrams_total" ["listener"] "Datagrams that were longer than a datagram may be, and dropped.";
    REFUSED Counter "weir_receive_refused_datagrams_total" ["listener", "reason"] "Datagrams that were not taken: not_allowed (the exporter), over_rate (of the exporter).";
    FASTNETMON Counter "weir_receive_fastnetmon_messages_total" ["transport"] "Messages at listeners for FastNetMon Flow: udp, tcp, tls.";
    CONNECTIONS Counter "weir_stream_connections_total" ["listener"] "Connections and DTLS associations that came, those that were not taken included.";
    OPEN Gauge "weir_stream_open_connections" ["listener"] "Connections that are open now.";
    ENDED Counter "weir_stream_ended_connections_total" ["listener", "reason"] "Connections that have ended, or were not taken, by the reason.";
    WAITS Counter "weir_stream_waits_total" ["listener"] "Times that a connection was not read because its worker had no room: its sender waits.";
    STRANGE Counter "weir_stream_strange_datagrams_total" ["listener"] "Datagrams at a DTLS listener that belong to no association and begin none.";
    NOT_ACCEPTED Counter "weir_stream_accept_failures_total" ["listener"] "Times that the system could give no connection, as when there are no file descriptors left.";
    QUEUED Counter "weir_receive_queued_datagrams_total" ["worker"] "Datagrams that were put into the queue of a worker.";
    QUEUE_DROPPED Counter "weir_receive_queue_dropped_datagrams_total" ["worker"] "Datagrams that were dropped because the queue of their worker was full.";
    QUEUE Gauge "weir_receive_queue_datagrams" ["worker"] "Datagrams that wait in the queue of a worker now.";
    DECODED Counter "weir_decode_datagrams_total" [] "Datagrams and messages that were decoded, faulty ones included.";
    RECORDS Counter "weir_decode_records_total" [] "Records of flows, samples, events and drops that were decoded.";
    TEMPLATES Counter "weir_decode_templates_total" [] "Template records that were decoded, repeats included.";
    OPTIONS Counter "weir_decode_options_records_total" [] "Options records that were decoded.";
    COUNTER_SAMPLES Counter "weir_decode_counter_samples_total" [] "Counter samples that were decoded.";
    CORRECTED Counter "weir_decode_corrected_total" [] "FastNetMon records with a sampling rate or a number of packets of 0, which count as 1.";
    PENDING Gauge "weir_decode_pending_sets" [] "Sets of data that wait for their template now.";
    LOST Counter "weir_decode_lost_total" [] "Records or datagrams that are missing by the exporters' sequence numbers.";
    REORDERED Counter "weir_decode_reordered_datagrams_total" [] "Datagrams that came late by their sequence numbers.";
    RESTARTS Counter "weir_decode_sequence_restarts_total" [] "Sequence numbers that began anew.";
    FAULTS Counter "weir_decode_faults_total" ["reason"] "Faults of decoding, by reason.";
    SOURCES Gauge "weir_source_known" [] "Sources that are told apart now.";
    CROWDED Counter "weir_source_crowded_datagrams_total" [] "Datagrams of sources for which there was no room in the table of sources.";
    UNSAVED Counter "weir_source_state_failures_total" [] "Times that templates and names could not be saved.";
    JOURNAL_ROWS Counter "weir_journal_rows_total" [] "Rows that were handed to the store.";
    JOURNAL_STUCK Gauge "weir_journal_stuck" [] "1 while the store takes nothing.";
    JOURNAL_TRIED Counter "weir_journal_retries_total" [] "Batches that the store did not take at once.";
    JOURNAL_GIVEN_UP Counter "weir_journal_given_up_rows_total" [] "Rows that were dropped because the store took nothing.";
    HA_ACTIVE Gauge "weir_ha_active" [] "1 where this unit is the active one, or alone; 0 while it stands by.";
    HA_CHANGES Counter "weir_ha_changes_total" [] "Times that its role has changed.";
    HA_WITHHELD Counter "weir_ha_withheld_records_total" [] "Records that were not sent because this unit stood by.";
    HA_PEER_UP Gauge "weir_ha_peer_up" [] "1 while the other unit of a pair can be spoken with.";
    HA_DIFFERING Gauge "weir_ha_settings_differing" [] "Keys in which the settings of both units differ.";
    HA_LAG Gauge "weir_ha_settings_lag_seconds" [] "For how long the settings of both units may differ; 0 while they are the same.";
    HA_REFUSED Counter "weir_ha_refused_connections_total" [] "Connections to this unit that were not of the other one.";
    EXPORT_SEEN Counter "weir_export_seen_records_total" ["export"] "Records that passed the filter of an export, offered to its sampling.";
    EXPORT_RECORDS Counter "weir_export_records_total" ["export"] "Records that were to be sent: seen, and chosen by sampling.";
    EXPORT_RESTORED Counter "weir_export_restored_records_total" ["export"] "Records that an earlier run has left on disk.";
    EXPORT_SENT Counter "weir_export_sent_records_total" ["export"] "Records that were sent, each time that they were.";
    EXPORT_RESENT Counter "weir_export_resent_records_total" ["export"] "Records that are sent again because a session was lost before the collector was known to have them.";
    EXPORT_DROPPED Counter "weir_export_dropped_records_total" ["export", "reason"] "Records that were given up: no_room (where they wait), queue_full (on their way there).";
    EXPORT_LEFT_OUT Counter "weir_export_left_out_total" ["export"] "Values and records for which the protocol has no place.";
    EXPORT_WAITING Gauge "weir_export_waiting_records" ["export"] "Records that wait to be sent now.";
    EXPORT_WAITING_BYTES Gauge "weir_export_waiting_bytes" ["export"] "Octets of the records that wait, or that may have to be sent again.";
    EXPORT_MESSAGES Counter "weir_export_messages_total" ["export", "target"] "Messages that were handed to the network.";
    EXPORT_BYTES Counter "weir_export_bytes_total" ["export", "target"] "Octets of these.";
    EXPORT_ERRORS Counter "weir_export_errors_total" ["export", "target"] "Calls that failed: refused, unreachable, reset, no address for the name, no handshake.";
    EXPORT_RECONNECTS Counter "weir_export_reconnects_total" ["export", "target"] "Sessions that were begun after the first one.";
    EXPORT_UP Gauge "weir_export_up" ["export", "target"] "1 where the target has a session and gets the records.";
    COPY_QUEUED Counter "weir_replicate_queued_datagrams_total" ["replicate"] "Datagrams that are copied to each target of the section.";
    COPY_DROPPED Counter "weir_replicate_queue_dropped_datagrams_total" ["replicate"] "Datagrams that were not copied because the queue of the section was full.";
    COPY_TEMPLATES Counter "weir_replicate_template_messages_total" ["replicate"] "Messages of templates that were said again to targets that had just come up.";
    COPY_SENT Counter "weir_replicate_datagrams_total" ["replicate", "target"] "Copies that were handed to the network.";
    COPY_BYTES Counter "weir_replicate_bytes_total" ["replicate", "target"] "Octets of these.";
    COPY_LOST Counter "weir_replicate_dropped_datagrams_total" ["replicate", "target", "reason"] "Copies that were given up: not_taken (by the network, or the target has no address), other_family (the exporter's address is of another IP version than the target's).";
    COPY_ERRORS Counter "weir_replicate_errors_total" ["replicate", "target"] "Calls that failed: refused, unreachable, no address for the name.";
    STORE_ROWS Counter "weir_store_rows_total" [] "Rows written to the journal.";
    STORE_BLOCKS Counter "weir_store_blocks_total" [] "Blocks written to the journal.";
    STORE_BYTES Counter "weir_store_bytes_total" [] "Octets written to the journal.";
    COMMITS Counter "weir_store_commits_total" [] "Times that everything written was made durable.";
    COMMIT_FAILURES Counter "weir_store_commit_failures_total" [] "Times that the disk failed to make it durable.";
    STORE_REFUSED Counter "weir_store_refused_total" [] "Batches that were refused for want of room.";
    SEGMENTS Gauge "weir_store_segments" [] "Segments in the journal.";
    SEGMENTS_WAITING Gauge "weir_store_segments_waiting" [] "Segments that wait to become files.";
    JOURNAL_BYTES Gauge "weir_store_journal_bytes" [] "Octets of the journal.";
    COMPACTIONS Counter "weir_store_compactions_total" [] "Segments that became files.";
    COMPACTED Counter "weir_store_compacted_rows_total" [] "Rows of these.";
    MERGES Counter "weir_store_merges_total" [] "Merges of small files.";
    BACKGROUND_FAILURES Counter "weir_store_background_failures_total" [] "Rounds of compaction and retention that failed; they are tried again.";
    DAMAGED Counter "weir_store_damaged_blocks_total" [] "Damaged blocks that were met.";
    DAMAGED_ROWS Counter "weir_store_damaged_rows_total" [] "Rows in damaged blocks, which are lost.";
    EXPIRED_FILES Counter "weir_store_expired_files_total" [] "Files that retention let go.";
    EXPIRED_ROWS Counter "weir_store_expired_rows_total" [] "Rows of these.";
    FILES Gauge "weir_store_files" ["table"] "Files, by table.";
    FILE_ROWS Gauge "weir_store_file_rows" ["table"] "Rows in files, by table.";
    FILE_BYTES Gauge "weir_store_file_bytes" ["table"] "Octets of files, by table.";
    FREE Gauge "weir_store_free_bytes" [] "Octets free on the file system of the journal.";
}

/// All that the service has counted, in the order of the manual.
pub(crate) fn counters(running: &Running) -> Vec<Counter> {
    let mut sheet = Sheet::default();
    sheet.put(&BUILD, &[env!("CARGO_PKG_VERSION")], 1);
    if let Some(counted) = running.counted() {
        collected(&mut sheet, &counted);
    }
    if let Some(journal) = running.journal() {
        sheet.put(&JOURNAL_ROWS, &[], journal.rows.load(Ordering::Relaxed));
        sheet.put(&JOURNAL_STUCK, &[], journal.is_stuck.load(Ordering::Relaxed).into());
        sheet.put(&JOURNAL_TRIED, &[], journal.stuck.load(Ordering::Relaxed));
        sheet.put(&JOURNAL_GIVEN_UP, &[], journal.given_up.load(Ordering::Relaxed));
    }
    let unit = running.unit().status();
    sheet.put(&HA_ACTIVE, &[], (unit.role == Role::Active).into());
    sheet.put(&HA_CHANGES, &[], unit.changes);
    sheet.put(&HA_WITHHELD, &[], unit.withheld);
    if let Some(peer) = &unit.peer {
        sheet.put(&HA_PEER_UP, &[], peer.is_up.into());
        sheet.put(&HA_DIFFERING, &[], peer.differing as u64);
        sheet.put(&HA_LAG, &[], peer.lag.unwrap_or_default());
        sheet.put(&HA_REFUSED, &[], peer.refused);
    }
    exported(&mut sheet, &running.exports().counted());
    copied(&mut sheet, &running.replications().counted());
    if let Some(store) = running.store() {
        stored(&mut sheet, store);
    }
    sheet.0
}

fn collected(sheet: &mut Sheet, counted: &Counted) {
    let mut listeners = counted.listeners.clone();
    // Those that have ended count together, so that no sum ever goes back.
    let all_ended = counted.ended.iter().copied().reduce(|mut sum, one| {
        sum += one;
        sum
    });
    listeners.extend(all_ended.map(|ended| (String::new(), ended)));
    for (metric, value) in [
        (&DATAGRAMS, (|listened| listened.received.datagrams) as fn(&Listened) -> u64),
        (&BYTES, |listened| listened.received.octets),
        (&KERNEL_DROPPED, |listened| listened.received.kernel_dropped),
        (&CUT, |listened| listened.received.truncated),
    ] {
        for (name, listened) in &listeners {
            sheet.put(metric, &[name], value(listened));
        }
    }
    for (name, listened) in &listeners {
        sheet.put(&REFUSED, &[name, "not_allowed"], listened.guard.not_allowed);
        sheet.put(&REFUSED, &[name, "over_rate"], listened.guard.over_rate);
    }
    fastnetmon(sheet, counted);
    streams(sheet, &listeners);
    for (metric, value) in [
        (&QUEUED, (|queue| queue.datagrams) as fn(&weir_transport::ShardCounters) -> u64),
        (&QUEUE_DROPPED, |queue| queue.dropped),
        (&QUEUE, |queue| queue.waiting),
    ] {
        for (worker, queue) in counted.queues.iter().enumerate() {
            sheet.put(metric, &[&worker.to_string()], value(queue));
        }
    }
    decoded(sheet, &counted.decoded);
    sheet.put(&SOURCES, &[], counted.sources);
    sheet.put(&CROWDED, &[], counted.crowded);
    sheet.put(&UNSAVED, &[], counted.unsaved);
}

fn fastnetmon(sheet: &mut Sheet, counted: &Counted) {
    let all = || counted.listeners.iter().map(|(_, listened)| listened).chain(&counted.ended);
    for scheme in [Scheme::Udp, Scheme::Tcp, Scheme::Tls] {
        let is_fastnetmon = |listened: &&Listened| listened.scheme == scheme && listened.format == ListenFormat::FastNetMon;
        let messages = all().filter(is_fastnetmon).map(|listened| listened.received.datagrams);
        sheet.put(&FASTNETMON, &[scheme.name()], messages.sum());
    }
}

fn streams(sheet: &mut Sheet, listeners: &[(String, Listened)]) {
    for (name, streams) in listeners.iter().filter_map(|(name, listened)| Some((name, listened.streams?))) {
        for (metric, value) in [
            (&CONNECTIONS, streams.connections),
            (&OPEN, streams.open),
            (&WAITS, streams.waits),
            (&STRANGE, streams.strange),
            (&NOT_ACCEPTED, streams.accept_errors),
        ] {
            sheet.put(metric, &[name], value);
        }
        for (reason, count) in StreamEnd::NAMES.iter().zip(streams.ended) {
            sheet.put(&ENDED, &[name, reason], count);
        }
    }
}

fn decoded(sheet: &mut Sheet, stats: &Stats) {
    for (metric, value) in [
        (&DECODED, stats.datagrams),
        (&RECORDS, stats.records),
        (&TEMPLATES, stats.templates),
        (&OPTIONS, stats.options_records),
        (&COUNTER_SAMPLES, stats.counter_samples),
        (&CORRECTED, stats.corrected),
        (&PENDING, stats.pending),
        (&LOST, stats.lost),
        (&REORDERED, stats.reordered),
        (&RESTARTS, stats.sequence_restarts),
    ] {
        sheet.put(metric, &[], value);
    }
    for (reason, count) in stats.faults.iter() {
        sheet.put(&FAULTS, &[reason.name()], count);
    }
}

fn exported(sheet: &mut Sheet, exports: &[Sent]) {
    for (metric, value) in [
        (&EXPORT_SEEN, (|counted| counted.chosen.seen) as fn(&crate::export::Counted) -> u64),
        (&EXPORT_RECORDS, |counted| counted.chosen.selected),
        (&EXPORT_RESTORED, |counted| counted.restored),
        (&EXPORT_SENT, |counted| counted.sent),
        (&EXPORT_RESENT, |counted| counted.resent),
        (&EXPORT_LEFT_OUT, |counted| counted.left_out + counted.chosen.left_out),
        (&EXPORT_WAITING, |counted| counted.waiting),
        (&EXPORT_WAITING_BYTES, |counted| counted.waiting_octets),
    ] {
        for Sent { name, counted } in exports {
            sheet.put(metric, &[name], value(counted));
        }
    }
    for Sent { name, counted } in exports {
        sheet.put(&EXPORT_DROPPED, &[name, "no_room"], counted.dropped);
        sheet.put(&EXPORT_DROPPED, &[name, "queue_full"], counted.queue_dropped);
    }
    for (metric, value) in [
        (&EXPORT_MESSAGES, (|target| target.counters.messages) as fn(&crate::export::TargetCounted) -> u64),
        (&EXPORT_BYTES, |target| target.counters.octets),
        (&EXPORT_ERRORS, |target| target.counters.errors),
        (&EXPORT_RECONNECTS, |target| target.counters.reconnects),
        (&EXPORT_UP, |target| target.is_up.into()),
    ] {
        for Sent { name, counted } in exports {
            for target in &counted.targets {
                sheet.put(metric, &[name, &target.url], value(target));
            }
        }
    }
}

fn copied(sheet: &mut Sheet, sections: &[Replicated]) {
    for (metric, value) in [
        (&COPY_QUEUED, (|section| section.queued) as fn(&Replicated) -> u64),
        (&COPY_DROPPED, |section| section.dropped),
        (&COPY_TEMPLATES, |section| section.templates),
    ] {
        for section in sections {
            sheet.put(metric, &[&section.name], value(section));
        }
    }
    for (section, url, counters) in
        sections.iter().flat_map(|section| section.targets.iter().map(move |(url, counters)| (&section.name, url, counters)))
    {
        let url = url.to_string();
        sheet.put(&COPY_SENT, &[section, &url], counters.datagrams);
        sheet.put(&COPY_BYTES, &[section, &url], counters.octets);
        sheet.put(&COPY_LOST, &[section, &url, "not_taken"], counters.dropped);
        sheet.put(&COPY_LOST, &[section, &url, "other_family"], counters.other_family);
        sheet.put(&COPY_ERRORS, &[section, &url], counters.errors);
    }
}

fn stored(sheet: &mut Sheet, store: &Store) {
    let status: StoreStatus = store.status();
    for (metric, value) in [
        (&STORE_ROWS, status.rows),
        (&STORE_BLOCKS, status.blocks),
        (&STORE_BYTES, status.octets),
        (&COMMITS, status.commits),
        (&COMMIT_FAILURES, status.commit_failures),
        (&STORE_REFUSED, status.refused),
        (&SEGMENTS, status.segments),
        (&SEGMENTS_WAITING, status.segments_waiting),
        (&JOURNAL_BYTES, status.journal_octets),
        (&COMPACTIONS, status.compactions),
        (&COMPACTED, status.rows_compacted),
        (&MERGES, status.merges),
        (&BACKGROUND_FAILURES, status.background_failures),
        (&DAMAGED, status.blocks_damaged),
        (&DAMAGED_ROWS, status.rows_lost),
        (&EXPIRED_FILES, status.files_expired),
        (&EXPIRED_ROWS, status.rows_expired),
    ] {
        sheet.put(metric, &[], value);
    }
    for (metric, values) in [(&FILES, status.files), (&FILE_ROWS, status.file_rows), (&FILE_BYTES, status.file_octets)] {
        for (table, value) in TableKind::ALL.iter().zip(values) {
            sheet.put(metric, &[table.name()], value);
        }
    }
    if let Some(free) = status.free_octets {
        sheet.put(&FREE, &[], free);
    }
}

/// Counters gathered.
#[derive(Default)]
struct Sheet(Vec<Counter>);

impl Sheet {
    fn put(&mut self, metric: &'static Metric, labels: &[&str], value: u64) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        self.0.push(Counter { metric, labels: labels.iter().map(ToString::to_string).collect(), value: Value::Count(value) });
    }
}

#[cfg(test)]
mod tests {
    use weir_server::Kind;

    use super::*;

    /// The page of the manual.
    fn page() -> String {
        let mut page = String::new();
        for metric in METRICS.iter().chain(weir_server::METRICS) {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            page += &format!("| `{}` | {kind} | {} | {} |\n", metric.name, labels.join(", "), metric.help);
        }
        page
    }

    #[test]
    fn the_manual_lists_every_metric() {
        const BEGIN: &str = "| --- | --- | --- | --- |\n";
        const END: &str = "<!-- end of metrics -->";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let begin = text.find(BEGIN).unwrap() + BEGIN.len();
        let end = text.find(END).unwrap();
        if std::env::var_os("WEIR_REWRITE").is_some() {
            std::fs::write(&path, format!("{}{}{}", &text[..begin], page(), &text[end..])).unwrap();
            return;
        }
        assert!(
            text[begin..end] == page(),
            "docs/metrics.md is not what the code says: run this test with WEIR_REWRITE=1 and look at the change"
        );
    }

    #[test]
    fn names_follow_the_rule() {
        for metric in METRICS.iter().chain(weir_server::METRICS) {
            let name = metric.name;
            assert!(name.starts_with("weir_") && name.matches('_').count() >= 2, "{name}");
            assert!(name.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert!(metric.help.ends_with('.'), "{name}");
        }
    }
}
