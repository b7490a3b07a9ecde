//! The columns of intake health: for each minute and source what arrived and what is known to be missing.

columns! {
    /// The columns of a row of intake health.
    enum HealthColumn;
    /// Many rows of intake health, by column: one a minute and source, and one a minute of the service itself, which has no exporter. Rows of one
    /// minute and source add up.
    struct HealthBatch;

    slot: Time, None, Key, [], "Minute", "Begin of the minute, by arrival.";
    exporter: Ip, None, Key, [], "Exporter", "The source; absent for the service itself.";
    obs_domain: U32, None, Key, [], "Domain", "Observation domain.";
    up: U64, Microseconds, Record, [], "Up", "How long the service was receiving in this minute.";
    datagrams: U64, Count, Record, [], "Datagrams", "Datagrams that arrived.";
    records: U64, Count, Record, [], "Records", "Records that were decoded.";
    lost_records: U64, Count, Record, [], "Lost records", "Records missing by sequence numbers that count records (NetFlow v5, IPFIX).";
    lost_datagrams: U64, Count, Record, [], "Lost datagrams", "Datagrams missing by sequence numbers that count datagrams (NetFlow v9, sFlow).";
    reordered: U64, Count, Record, [], "Reordered", "Datagrams that came late.";
    restarts: U64, Count, Record, [], "Restarts", "Sequence numbers that began anew.";
    faults: U64, Count, Record, [], "Faults", "Faults of decoding.";
    dropped_kernel: U64, Count, Record, [], "Dropped by the kernel", "Datagrams that the kernel dropped for want of room; of the service.";
    dropped_queue: U64, Count, Record, [], "Dropped by a queue", "Datagrams dropped because the decoders were behind; of the service.";
    dropped_guard: U64, Count, Record, [], "Dropped by a guard", "Datagrams over the rate that a source is allowed, or of exporters that are not.";
    source_group: Text, None, Record, [], "Group", "Cluster to which the exporter belongs.";
    first_record: Time, None, Record, [], "First record", "Arrival of the first of the records, of an exporter in a cluster.";
    last_record: Time, None, Record, [], "Last record", "Arrival of the last of them.";
    sequence_unknown: Bool, None, Record, [], "Sequence unknown", "The source's sequence numbers make no sense, so what is missing cannot be told.";
}
