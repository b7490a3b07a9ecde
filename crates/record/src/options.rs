//! The columns of an options record: what an exporter says of itself, its interfaces, samplers and applications.

use crate::names;

#[rustfmt::skip]
columns! {
    /// The columns of an options record.
    enum OptionsColumn;
    /// Many options records (NetFlow v9, IPFIX), by column.
    struct OptionsBatch;

    time_received: Time, None, Record, [], "Received", "Arrival of the datagram.";
    format: Enum(names::FORMAT), None, Record, [], "Format", "netflow9 or ipfix.";
    exporter: Ip, None, Record, [], "Exporter", "The device that sent the record.";
    received_from: Ip, None, Record, [], "Received from", "Transport source address of the datagram.";
    obs_domain: U32, None, Record, [], "Domain", "Source id or observation domain.";
    template_id: U16, None, Record, [], "Template", "Id of the options template.";
    scope: Json, None, Record, [], "Scope", "What the values are about: element name, or scope name, to value.";
    values: Json, None, Record, [], "Values", "Element name, or pen/id, to value.";
}
