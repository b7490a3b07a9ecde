//! The columns of a flow record: the single list from which everything that names a column is derived.
//!
//! To add a field, add a line here and fill it in the decoder that has it. The elements of a line are tried in
//! order, the first that a template has wins; where more is needed than taking a value over (times, two address
//! families, biflow halves) the doc says so and `weir-codec` does it.

use crate::names;
use crate::table::ElementId;

/// Private enterprise number of Flowmon Networks.
pub const PEN_FLOWMON: u32 = 39499;
/// Private enterprise number of CESNET.
pub const PEN_CESNET: u32 = 8057;
/// Marks NetFlow v9 field types from 32768 on, which are vendors' own: the id is the type less 32768.
pub const PEN_NETFLOW9_HIGH: u32 = 4_294_967_295;
/// Marks NetFlow v9 field types below 32768 that the IANA registry does not have.
pub const PEN_NETFLOW9: u32 = 4_294_967_294;

const fn ie(id: u16) -> ElementId {
    ElementId::iana(id)
}
const fn fm(id: u16) -> ElementId {
    ElementId::enterprise(PEN_FLOWMON, id)
}
const fn cz(id: u16) -> ElementId {
    ElementId::enterprise(PEN_CESNET, id)
}
const fn cisco(id: u16) -> ElementId {
    ElementId::enterprise(9, id)
}
const fn ntop(id: u16) -> ElementId {
    ElementId::enterprise(35632, id)
}
const fn n9(id: u16) -> ElementId {
    ElementId::enterprise(PEN_NETFLOW9_HIGH, id)
}

#[rustfmt::skip]
columns! {
    /// The columns of a flow record.
    enum Column;
    /// Many flow records, by column.
    struct FlowBatch;

    // Identity and time
    time_received: Time, None, Record, [], "Received", "Arrival of the datagram at the collector; the capture time when read from a file.";
    time_start: Time, None, Record, [ie(156), ie(154), ie(152), ie(150), ie(158), ie(22)], "Start", "First packet of the flow. Uptime values (22) are placed by the exporter's boot time; sFlow: arrival.";
    time_end: Time, None, Record, [ie(157), ie(155), ie(153), ie(151), ie(159), ie(21)], "End", "Last packet of the flow; else the start plus the duration of elements 161 or 162, else the start.";
    event_time: Time, None, Record, [ie(325), ie(324), ie(323), ie(322)], "Event time", "When an event (NAT, firewall) happened.";
    time_suspect: Bool, None, Record, [], "Time suspect", "True where the record's own times are over 24 h older or 5 min newer than its arrival.";
    record_kind: Enum(names::RECORD_KIND), None, Record, [], "Kind", "flow, sample (one sampled packet), event (firewall and NAT events), drop (packet the exporter dropped). Left out of output for flow.";
    format: Enum(names::FORMAT), None, Record, [], "Format", "The protocol that brought the record; packet for our own meter.";
    origin: Enum(names::ORIGIN), None, Record, [], "Origin", "Where a FastNetMon sender had the record from (its source field).";
    exporter: Ip, None, Record, [], "Exporter", "The device that made the record: transport source address; sFlow: agent address; FastNetMon: agent when not zero.";
    received_from: Ip, None, Record, [], "Received from", "Transport source address of the datagram.";
    received_port: U16, None, Record, [], "Received port", "Transport source port of the datagram.";
    obs_domain: U32, None, Record, [], "Domain", "NetFlow v9 source id, IPFIX observation domain, v5 engine type*256 + id, sFlow sub-agent.";
    sampling_rate: U32, Count, Record, [ie(34), ie(50), ie(305), ie(309)], "Sampling", "1 packet in N was seen: from the header, the record, or options data joined by sampler, interface or domain. Absent where unknown.";

    // Key
    ip_version: U8, None, Key, [ie(60)], "IP version", "4 or 6.";
    src_addr: Ip, None, Key, [ie(8), ie(27), ie(44), ie(170), cisco(12236), cisco(12238)], "Source", "Source address (Cisco AVC: the client's). With both families in a template: that of element 60, else the one that is not zero.";
    dst_addr: Ip, None, Key, [ie(12), ie(28), ie(45), ie(169), cisco(12237), cisco(12239)], "Destination", "Destination address (Cisco AVC: the server's).";
    src_port: U16, None, Key, [ie(7), ie(182), ie(180), cisco(12240)], "Src port", "TCP, UDP, SCTP source port. ICMP from NetFlow and IPFIX: as sent.";
    dst_port: U16, None, Key, [ie(11), ie(183), ie(181), cisco(12241)], "Dst port", "TCP, UDP, SCTP destination port. ICMP from NetFlow and IPFIX: as sent, and decoded in icmp_type.";
    protocol: U8, IpProtocol, Key, [ie(4)], "Proto", "IP protocol number (IANA).";
    tcp_flags: U16, TcpFlags, Direction, [ie(6)], "Flags", "TCP flags of the direction, OR over its packets: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.";
    tos: U8, None, Direction, [ie(5)], "TOS", "Type of service or traffic class; DSCP is its upper six bits.";
    icmp_type: U8, None, Key, [ie(176), ie(178), ie(32), ie(139)], "ICMP type", "ICMP or ICMPv6 type.";
    icmp_code: U8, None, Key, [ie(177), ie(179), ie(32), ie(139)], "ICMP code", "ICMP or ICMPv6 code.";
    ttl_min: U8, None, Direction, [ie(52), ie(192)], "TTL min", "Smallest TTL or hop limit.";
    ttl_max: U8, None, Direction, [ie(53)], "TTL max", "Largest TTL or hop limit.";
    flow_label: U32, None, Direction, [ie(31)], "Flow label", "IPv6 flow label.";
    ip_id: U32, None, Direction, [ie(54)], "IP id", "IPv4 identification, or that of the IPv6 fragment header.";
    fragment_offset: U16, None, Direction, [ie(88)], "Fragment offset", "In units of 8 octets.";
    fragment_flags: U8, None, Direction, [ie(197)], "Fragment flags", "Bits of element 197: don't fragment 64, more fragments 32.";
    in_if: U32, None, Key, [ie(10), ie(252)], "In", "SNMP index of the ingress interface.";
    out_if: U32, None, Key, [ie(14), ie(253)], "Out", "SNMP index of the egress interface.";
    in_if_kind: Enum(names::INTERFACE_KIND), None, Key, [], "In kind", "Why in_if is absent: discarded, multiple, unknown, local (sFlow).";
    out_if_kind: Enum(names::INTERFACE_KIND), None, Key, [], "Out kind", "Why out_if is absent: discarded, multiple, unknown, local (sFlow).";
    direction: U8, None, Record, [ie(61)], "Direction", "0 seen at ingress, 1 at egress.";
    biflow: Enum(names::BIFLOW), None, Record, [], "Biflow", "initiator or responder: which half of a two-way record this row is; absent for a plain one-way record.";
    vlan_in: U16, None, Key, [ie(58), ie(243)], "VLAN in", "VLAN id before the exporter.";
    vlan_out: U16, None, Key, [ie(59), ie(254)], "VLAN out", "VLAN id after the exporter.";
    src_mac: Mac, None, Key, [ie(56)], "Source MAC", "Source MAC address.";
    dst_mac: Mac, None, Key, [ie(80), ie(57)], "Destination MAC", "Destination MAC address.";
    mpls_labels: List, None, Direction, [ie(70), ie(71), ie(72), ie(73), ie(74), ie(75), ie(76), ie(77), ie(78), ie(79)], "MPLS", "Whole 24-bit label stack entries from the top (label, EXP, S).";
    src_mask: U8, None, Key, [ie(9), ie(29)], "Source mask", "Prefix length of the source's route.";
    dst_mask: U8, None, Key, [ie(13), ie(30)], "Destination mask", "Prefix length of the destination's route.";
    next_hop: Ip, None, Direction, [ie(15), ie(62)], "Next hop", "Address of the next router.";
    bgp_next_hop: Ip, None, Direction, [ie(18), ie(63)], "BGP next hop", "Address of the next router in BGP.";
    src_as: U32, None, Key, [ie(16)], "Source AS", "Autonomous system of the source, as the exporter says; where that is 0 or absent, as a database says. Without one 0 is kept.";
    dst_as: U32, None, Key, [ie(17)], "Destination AS", "Autonomous system of the destination, as the exporter says; where that is 0 or absent, as a database says. Without one 0 is kept.";
    as_path: List, None, Direction, [], "AS path", "AS path to the destination (sFlow extended gateway).";
    communities: List, None, Direction, [], "Communities", "BGP communities of the destination's route (sFlow extended gateway).";
    vrf_in: U32, None, Key, [ie(234)], "VRF in", "Routing instance of the ingress.";
    vrf_out: U32, None, Key, [ie(235)], "VRF out", "Routing instance of the egress.";
    flow_id: U64, None, Connection, [ie(148)], "Flow id", "Number by which the exporter knows the flow.";
    end_reason: U8, None, Record, [ie(136)], "End reason", "1 idle, 2 active timeout, 3 end seen, 4 forced, 5 no room (element 136).";
    forwarding_status: U8, None, Direction, [ie(89)], "Forwarding", "Forwarding status and reason code (element 89).";
    drop_reason: U16, None, Direction, [], "Drop reason", "Reason of a reported drop (sFlow drop notification).";

    // Counters
    bytes: U64, Bytes, Direction, [ie(1), ie(85), ie(231), ie(23)], "Bytes", "Layer-3 octets, IP header included. A responder's half: the reverse elements, 232. sFlow: IP total length of the sampled packet.";
    packets: U64, Packets, Direction, [ie(2), ie(86), ie(298), ie(24)], "Packets", "Packets; 1 for a sample. A responder's half: the reverse elements, 299.";
    bytes_total: U64, Bytes, Direction, [ie(85)], "Bytes total", "Octets since the flow began, where the record also has the octets since the last record.";
    packets_total: U64, Packets, Direction, [ie(86)], "Packets total", "Packets since the flow began, where the record also has the packets since the last record.";
    bytes_estimated: Bool, None, Direction, [], "Bytes estimated", "True where bytes was worked out from layer-2 octets (element 352), 18 a packet less.";
    frame_bytes: U64, Bytes, Direction, [ie(352)], "Frame bytes", "Octets on the wire including layer 2.";
    dropped_bytes: U64, Bytes, Direction, [ie(132), ie(134)], "Dropped bytes", "Octets that the exporter dropped.";
    dropped_packets: U64, Packets, Direction, [ie(133), ie(135)], "Dropped packets", "Packets that the exporter dropped.";
    flow_count: U64, Count, Record, [ie(3)], "Flows", "Flows aggregated in this record, where not 1.";

    // Network performance
    tcp_handshake: Enum(names::TCP_HANDSHAKE), None, Connection, [], "Handshake", "complete, unanswered, refused, midstream (meter).";
    rtt: U32, Microseconds, Connection, [fm(69)], "RTT", "Round-trip time from the TCP handshake: client part plus server part.";
    rtt_client: U32, Microseconds, Connection, [], "RTT client", "SYN-ACK to the client's ACK.";
    rtt_server: U32, Microseconds, Connection, [], "RTT server", "SYN to SYN-ACK.";
    srt: U32, Microseconds, Connection, [fm(70)], "SRT", "Server response time: last octet of the first request to the first octet of its answer.";
    srt_min: U32, Microseconds, Connection, [], "SRT min", "Smallest response time in the record.";
    srt_max: U32, Microseconds, Connection, [], "SRT max", "Largest response time in the record.";
    srt_count: U32, Count, Connection, [], "SRT count", "Response times measured in the record.";
    srt_sum: U64, Microseconds, Connection, [], "SRT sum", "Sum of the response times in the record.";
    srt_hist: List, Count, Connection, [], "SRT histogram", "Response times counted in log2 buckets of microseconds.";
    retransmissions: U32, Count, Direction, [fm(71)], "Retrans", "TCP packets sent again.";
    out_of_order: U32, Count, Direction, [fm(72)], "Out of order", "TCP packets that came out of order.";
    capture_duplicates: U32, Count, Direction, [], "Duplicates", "Packets seen twice by the capture.";
    jitter_min: U32, Microseconds, Direction, [fm(63)], "Jitter min", "Smallest difference of consecutive packet gaps.";
    jitter_avg: U32, Microseconds, Direction, [fm(62)], "Jitter", "Average difference of consecutive packet gaps.";
    jitter_max: U32, Microseconds, Direction, [fm(64)], "Jitter max", "Largest difference of consecutive packet gaps.";
    jitter_dev: U32, Microseconds, Direction, [fm(61)], "Jitter deviation", "Standard deviation of the differences of consecutive packet gaps.";
    delay_min: U32, Microseconds, Direction, [fm(67)], "Gap min", "Smallest gap between packets.";
    delay_avg: U32, Microseconds, Direction, [fm(66)], "Gap", "Average gap between packets.";
    delay_max: U32, Microseconds, Direction, [fm(68)], "Gap max", "Largest gap between packets.";
    delay_dev: U32, Microseconds, Direction, [fm(65)], "Gap deviation", "Standard deviation of the gaps between packets.";
    tcp_syn_size: U16, Bytes, Direction, [cz(902), fm(80)], "SYN size", "Size of the SYN packet; saturates.";
    tcp_syn_ttl: U8, None, Direction, [fm(81)], "SYN TTL", "TTL of the SYN packet.";
    tcp_window: U32, Bytes, Direction, [ie(186)], "Window", "TCP window of the SYN, or as the exporter says.";
    tcp_mss: U16, Bytes, Direction, [cz(900)], "MSS", "Maximum segment size option of the SYN.";
    tcp_options: U64, None, Direction, [ie(209)], "TCP options", "Set of option kinds seen, bit n for kind n (element 209).";
    zero_windows: U32, Count, Direction, [], "Zero windows", "Packets that closed the window.";
    resets: U32, Count, Direction, [], "Resets", "TCP resets.";

    // Application
    app: Text, None, Connection, [], "App", "Application recognised by the meter: http, tls, dns, quic and others.";
    app_source: Enum(names::APP_SOURCE), None, Connection, [], "Recognised by", "content or port.";
    app_id: Text, None, Connection, [ie(95)], "Application id", "Classification engine and selector, as engine:selector (RFC 6759).";
    app_name: Text, None, Connection, [ie(96), n9(23933), ntop(119), n9(24823)], "Application name", "Name of app_id, from the record or from options data.";
    http_host: Text, None, Connection, [fm(1), ie(460)], "HTTP host", "Host of the request.";
    http_method: Text, None, Connection, [cz(200), ie(459)], "HTTP method", "Method of the request.";
    http_path: Text, None, Connection, [fm(2), ie(461)], "HTTP path", "Target of the request.";
    http_user_agent: Text, None, Connection, [fm(20), ie(468)], "User agent", "User-Agent of the request.";
    http_content_type: Text, None, Connection, [fm(10), ie(469)], "Content type", "Content-Type of the answer.";
    http_forwarded_for: Text, None, Connection, [], "Forwarded for", "X-Forwarded-For, or Forwarded where that comes first, of the first request that has either.";
    http_status: U16, None, Connection, [fm(12), ie(457)], "HTTP status", "Status of the answer.";
    http_count: U32, Count, Connection, [], "HTTP requests", "Requests in the record.";
    http_other_clients: U32, Count, Connection, [], "Other clients", "Requests in the record that named another client than client_addr.";
    tls_sni: Text, None, Connection, [fm(338), cz(808), cz(890)], "SNI", "Server name that the client asked for in TLS or QUIC.";
    tls_alpn: Text, None, Connection, [fm(337)], "ALPN", "Application protocol agreed in TLS; where the answer is encrypted (TLS 1.3, QUIC) or was not seen, the one that the client offers first.";
    tls_ja3: Text, None, Connection, [fm(357)], "JA3", "JA3 fingerprint of the client, hexadecimal.";
    tls_ja4: Text, None, Connection, [cz(809)], "JA4", "JA4 fingerprint of the client.";
    tls_subject: Text, None, Connection, [fm(350)], "TLS subject", "Common name of the certificate's subject.";
    tls_issuer: Text, None, Connection, [fm(349)], "TLS issuer", "Common name of the certificate's issuer.";
    tls_version: U16, None, Connection, [fm(333)], "TLS version", "Version that the server chose: 0x0303 = 1.2, 0x0304 = 1.3.";
    tls_cipher: U16, None, Connection, [fm(336)], "TLS cipher", "Cipher suite that the server chose.";
    tls_setup: U32, Microseconds, Connection, [fm(332)], "TLS setup", "ClientHello to the first application data.";
    quic_version: U32, None, Connection, [cz(892)], "QUIC version", "Version of the QUIC connection.";
    dns_name: Text, None, Connection, [fm(121), cz(2)], "DNS name", "Name asked for.";
    dns_type: U16, None, Connection, [fm(122), cz(3)], "DNS type", "Type asked for: 1 A, 28 AAAA and so on.";
    dns_rcode: U8, None, Connection, [cz(1), fm(111)], "DNS rcode", "Result: 0 no error, 3 no such name and so on.";
    dns_answers: U16, Count, Connection, [fm(113), cz(14)], "DNS answers", "Answer records.";
    dns_unanswered: U32, Count, Connection, [], "DNS unanswered", "Queries in the record that got no answer.";
    dhcp_type: U8, None, Connection, [fm(202)], "DHCP type", "Message type (option 53).";
    dhcp_host: Text, None, Connection, [fm(206)], "DHCP host", "Host name of the client (option 12).";
    dhcp_mac: Mac, None, Connection, [fm(201)], "DHCP MAC", "Hardware address of the client.";
    dhcp_addr: Ip, None, Connection, [fm(200)], "DHCP address", "Address offered.";
    smtp_from: Text, None, Connection, [cz(813), fm(251)], "Mail from", "Sender of the mail.";
    smtp_to: Text, None, Connection, [cz(814)], "Mail to", "Recipient of the mail.";
    smtp_helo: Text, None, Connection, [fm(250)], "Mail HELO", "Name that the client gave.";
    smtp_status: U16, None, Connection, [], "Mail status", "Status of the answer.";
    sip_call_id: Text, None, Connection, [fm(33), cz(102)], "SIP call", "Call-ID.";
    sip_from: Text, None, Connection, [fm(34), cz(103)], "SIP from", "Calling party.";
    sip_to: Text, None, Connection, [fm(35), cz(104)], "SIP to", "Called party.";
    sip_method: Text, None, Connection, [cz(100)], "SIP method", "Request method (8057/100 holds a code).";
    sip_status: U16, None, Connection, [cz(101)], "SIP status", "Status of the answer.";
    rtp_codec: U8, None, Connection, [fm(45)], "RTP codec", "RTP payload type.";
    rtp_jitter: U32, Microseconds, Direction, [fm(46)], "RTP jitter", "Interarrival jitter by RTP time.";
    rtp_lost: U32, Count, Direction, [fm(47)], "RTP lost", "Packets lost, by RTCP or sequence numbers.";
    smb_command: U32, None, Connection, [fm(150)], "SMB command", "SMB command.";
    smb_tree: Text, None, Connection, [fm(151)], "SMB share", "Share.";
    smb_file: Text, None, Connection, [fm(152)], "SMB file", "File name.";
    sql_engine: Text, None, Connection, [], "SQL engine", "mysql, postgresql or mssql.";
    sql_user: Text, None, Connection, [fm(293), fm(313), fm(215)], "SQL user", "User who logged in.";
    sql_database: Text, None, Connection, [fm(295), fm(314), fm(214)], "SQL database", "Database.";
    sql_statement: Text, None, Connection, [fm(300), fm(317), fm(222)], "SQL statement", "Text of the statement.";
    sql_error: Text, None, Connection, [fm(298), fm(315), fm(220)], "SQL error", "Error code or SQLSTATE.";
    arp_op: U16, None, Record, [fm(191), cz(33)], "ARP operation", "1 request, 2 reply.";

    // Translation and identity
    nat_src_addr: Ip, None, Key, [ie(225), ie(281), fm(7233), n9(7233)], "NAT source", "Source address after translation.";
    nat_dst_addr: Ip, None, Key, [ie(226), ie(282), fm(7234), n9(7234)], "NAT destination", "Destination address after translation.";
    nat_src_port: U16, None, Key, [ie(227), fm(7235), n9(7235)], "NAT source port", "Source port after translation.";
    nat_dst_port: U16, None, Key, [ie(228), fm(7236), n9(7236)], "NAT destination port", "Destination port after translation.";
    nat_port_start: U16, None, Connection, [ie(361)], "NAT ports from", "First port of a block.";
    nat_port_end: U16, None, Connection, [ie(362)], "NAT ports to", "Last port of a block.";
    nat_event: U8, None, Connection, [ie(230)], "NAT event", "NAT event (RFC 8158, section 4.3).";
    firewall_event: U8, None, Connection, [ie(233), n9(7237)], "Firewall event", "1 created, 2 deleted, 3 denied, 4 alert, 5 update.";
    client_addr: Ip, None, Connection, [], "Client", "Original client told by the PROXY protocol, else by X-Forwarded-For or Forwarded: the first address there, which whoever sent the request may have made up.";
    user_name: Text, None, Connection, [ie(371), fm(7232), n9(7232), n9(23934)], "User", "User to whom the flow belongs.";
    in_if_name: Text, None, Key, [], "In name", "Name of in_if, from options data, SNMP or configuration.";
    out_if_name: Text, None, Key, [], "Out name", "Name of out_if.";
    in_if_alias: Text, None, Key, [], "In alias", "Description of in_if.";
    out_if_alias: Text, None, Key, [], "Out alias", "Description of out_if.";
    vrf_in_name: Text, None, Key, [], "VRF in name", "Name of vrf_in, from options data (236).";
    vrf_out_name: Text, None, Key, [], "VRF out name", "Name of vrf_out.";
    sampler_name: Text, None, Record, [ie(84)], "Sampler", "Name of the sampler, from the record or options data.";
    in_if_speed: U64, BitsPerSecond, Key, [], "In speed", "Speed of in_if.";
    out_if_speed: U64, BitsPerSecond, Key, [], "Out speed", "Speed of out_if.";

    // Added by enrichment
    exporter_name: Text, None, Record, [], "Exporter name", "Name of the exporter.";
    source_group: Text, None, Record, [], "Group", "Cluster to which the exporter belongs.";
    src_country: Text, None, Key, [], "Source country", "ISO 3166-1 code of the source's country.";
    dst_country: Text, None, Key, [], "Destination country", "ISO 3166-1 code of the destination's country.";
    src_as_name: Text, None, Key, [], "Source AS name", "Name of src_as.";
    dst_as_name: Text, None, Key, [], "Destination AS name", "Name of dst_as.";
    src_group: Text, None, Key, [], "Source group", "Named prefix that holds the source.";
    dst_group: Text, None, Key, [], "Destination group", "Named prefix that holds the destination.";
    src_host: Text, None, Key, [], "Source host", "Host name of the source; looked up where an answer is asked for with names, and not stored.";
    dst_host: Text, None, Key, [], "Destination host", "Host name of the destination, likewise.";
    in_boundary: Enum(names::BOUNDARY), None, Key, [], "In side", "Which side in_if faces: internal or external.";
    out_boundary: Enum(names::BOUNDARY), None, Key, [], "Out side", "Which side out_if faces: internal or external.";
    src_boundary: Enum(names::BOUNDARY), None, Key, [], "Source side", "Which side the source is on: internal where your internal prefixes hold it, else external. Absent without such prefixes.";
    dst_boundary: Enum(names::BOUNDARY), None, Key, [], "Destination side", "Which side the destination is on, likewise.";
    tunnel_type: Enum(names::TUNNEL_TYPE), None, Connection, [], "Tunnel", "Encapsulation taken off; the record describes the inner packet.";
    tunnel_id: U32, None, Connection, [], "Tunnel id", "VNI, GRE key, TEID or session.";
    tunnel_src: Ip, None, Key, [], "Tunnel source", "Source address of the outer packet.";
    tunnel_dst: Ip, None, Key, [], "Tunnel destination", "Destination address of the outer packet.";
    community_id: Text, None, Connection, [], "Community ID", "Community ID version 1; worked out on request, not stored.";

    extra: Json, None, Record, [], "Extra", "Whatever no column covers: element name, or pen/id, to value. Later occurrences of an element stand under inner_ and the column's name.";
}

/// Columns that change places when a flow is seen from the other side.
const MIRRORED: &[(Column, Column)] = &[
    (Column::src_addr, Column::dst_addr),
    (Column::src_port, Column::dst_port),
    (Column::in_if, Column::out_if),
    (Column::in_if_kind, Column::out_if_kind),
    (Column::vlan_in, Column::vlan_out),
    (Column::src_mac, Column::dst_mac),
    (Column::src_mask, Column::dst_mask),
    (Column::src_as, Column::dst_as),
    (Column::vrf_in, Column::vrf_out),
    (Column::nat_src_addr, Column::nat_dst_addr),
    (Column::nat_src_port, Column::nat_dst_port),
    (Column::in_if_name, Column::out_if_name),
    (Column::in_if_alias, Column::out_if_alias),
    (Column::vrf_in_name, Column::vrf_out_name),
    (Column::in_if_speed, Column::out_if_speed),
    (Column::src_country, Column::dst_country),
    (Column::src_as_name, Column::dst_as_name),
    (Column::src_group, Column::dst_group),
    (Column::src_host, Column::dst_host),
    (Column::in_boundary, Column::out_boundary),
    (Column::src_boundary, Column::dst_boundary),
    (Column::tunnel_src, Column::tunnel_dst),
];

impl Column {
    /// The column in which this one's value stands for the other direction: itself, or its counterpart.
    pub fn mirror(self) -> Self {
        for (one, other) in MIRRORED {
            if self == *one {
                return *other;
            }
            if self == *other {
                return *one;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
