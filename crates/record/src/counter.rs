//! The columns of a counter record: what an interface, or another part of a device, has counted so far.

use crate::names;

#[rustfmt::skip]
columns! {
    /// The columns of a counter record.
    enum CounterColumn;
    /// Many counter records, by column: one row a sample of one interface or other part.
    struct CounterBatch;

    time_received: Time, None, Record, [], "Received", "Arrival of the sample.";
    exporter: Ip, None, Record, [], "Exporter", "The device that counted.";
    received_from: Ip, None, Record, [], "Received from", "Transport source address of the datagram.";
    obs_domain: U32, None, Record, [], "Domain", "sFlow sub-agent, or observation domain.";
    source: Enum(names::COUNTER_SOURCE), None, Record, [], "From", "sflow, snmp or options.";
    if_index: U32, None, Key, [], "Interface", "SNMP index of the interface.";
    if_name: Text, None, Key, [], "Name", "Name of the interface.";
    if_alias: Text, None, Key, [], "Alias", "Description of the interface.";
    if_speed: U64, BitsPerSecond, Key, [], "Speed", "Speed of the interface.";
    if_type: U32, None, Key, [], "Type", "Type of the interface (IANA ifType).";
    if_direction: U32, None, Key, [], "Duplex", "1 full duplex, 2 half duplex, 3 in, 4 out; 0 unknown.";
    if_admin_up: Bool, None, Key, [], "Admin up", "Switched on.";
    if_oper_up: Bool, None, Key, [], "Up", "Working.";
    in_octets: U64, Bytes, Direction, [], "In octets", "Octets received.";
    in_unicast: U64, Packets, Direction, [], "In unicast", "Unicast packets received.";
    in_multicast: U64, Packets, Direction, [], "In multicast", "Multicast packets received.";
    in_broadcast: U64, Packets, Direction, [], "In broadcast", "Broadcast packets received.";
    in_discards: U64, Packets, Direction, [], "In discards", "Packets received and dropped for want of room.";
    in_errors: U64, Packets, Direction, [], "In errors", "Packets received with errors.";
    in_unknown: U64, Packets, Direction, [], "In unknown", "Packets received for an unknown protocol.";
    out_octets: U64, Bytes, Direction, [], "Out octets", "Octets sent.";
    out_unicast: U64, Packets, Direction, [], "Out unicast", "Unicast packets sent.";
    out_multicast: U64, Packets, Direction, [], "Out multicast", "Multicast packets sent.";
    out_broadcast: U64, Packets, Direction, [], "Out broadcast", "Broadcast packets sent.";
    out_discards: U64, Packets, Direction, [], "Out discards", "Packets dropped instead of sent.";
    out_errors: U64, Packets, Direction, [], "Out errors", "Packets that could not be sent.";
    promiscuous: Bool, None, Key, [], "Promiscuous", "The interface takes every packet.";
    extra: Json, None, Record, [], "Extra", "Counters of other structures (Ethernet, VLAN, processor, host and so on), by structure.";
}
