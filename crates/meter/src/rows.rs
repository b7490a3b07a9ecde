//! From a flow to rows of a batch: one for each direction that was seen, the initiator's first.

use weir_record::{AnyColumnMut, FlowBatch, names};
use weir_wire::{TunnelKind, protocol};

use crate::app::{self, Carrier};
use crate::config::Config;
use crate::facts::{Facts, Value};
use crate::flow::{Flow, Half, Rare};
use crate::gaps::Gaps;
use crate::key::is_icmp;
use crate::meter::EndReason;
use crate::packet::Direction;
use crate::samples::Samples;
use crate::tcp::Connection;

/// A record that ends, with all its parts.
pub(crate) struct Ended<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) tcp: Option<&'a Connection>,
    pub(crate) gaps: Option<&'a [Gaps; 2]>,
    pub(crate) reason: EndReason,
    /// The meter's time, nanoseconds since 1970.
    pub(crate) now: i64,
    pub(crate) config: &'a Config,
}

/// Appends the rows; gives their number.
pub(crate) fn write(ended: &Ended<'_>, out: &mut FlowBatch) -> u64 {
    let mut rows = 0;
    for direction in [Direction::ToServer, Direction::ToClient] {
        if ended.flow.halves[direction as usize].packets > 0 {
            write_row(ended, direction, out);
            out.advance(1);
            rows += 1;
        }
    }
    rows
}

fn write_row(ended: &Ended<'_>, direction: Direction, out: &mut FlowBatch) {
    let Ended { flow, tcp, gaps, config, .. } = ended;
    write_key(ended, direction, out);
    write_volume(ended, direction, out);
    let measured = config.performance && config.sampled_packets <= 1;
    if let Some(tcp) = tcp {
        write_syn(tcp, direction, out);
        out.tcp_handshake.push(out.rows(), tcp.handshake());
        if measured {
            write_tcp(tcp, direction, out);
        }
    }
    let facts = flow.app.as_ref().map(|app| &app.facts);
    if measured {
        if let Some(gaps) = gaps {
            write_gaps(&gaps[direction as usize], out);
        }
        let of_app = facts.and_then(|facts| facts.response_times.as_deref());
        if let Some(samples) = tcp.and_then(Connection::srt).or(of_app).filter(|samples| samples.count > 0) {
            write_response_times(samples, out);
        }
    }
    write_application(ended, out);
    if let Some(facts) = facts {
        write_facts(facts, direction, out);
    }
    if let Some(rare) = &flow.rare {
        write_rare(rare, direction, out);
    }
}

/// Who talks to whom.
fn write_key(ended: &Ended<'_>, direction: Direction, out: &mut FlowBatch) {
    let Ended { flow, config, .. } = ended;
    let half = &flow.halves[direction as usize];
    let row = out.rows();
    let [initiator, responder] = flow.ends();
    let ((src, src_port), (dst, dst_port)) = match direction {
        Direction::ToServer => (initiator, responder),
        Direction::ToClient => (responder, initiator),
    };
    out.format.push(row, names::PACKET);
    out.ip_version.push(row, if src.is_v4() { 4 } else { 6 });
    out.src_addr.push(row, src);
    out.dst_addr.push(row, dst);
    out.protocol.push(row, flow.key.protocol);
    if has_ports(flow.key.protocol) {
        out.src_port.push(row, src_port);
        out.dst_port.push(row, dst_port);
    }
    if is_icmp(flow.key.protocol) && half.has & Half::ICMP != 0 {
        let [kind, code] = half.icmp;
        out.icmp_type.push(row, kind);
        out.icmp_code.push(row, code);
    }
    let word = if direction == Direction::ToServer { names::INITIATOR } else { names::RESPONDER };
    out.biflow.push(row, word);
    if half.interface > 0 {
        out.in_if.push(row, half.interface);
    }
    if half.has & Half::VLAN != 0 {
        out.vlan_in.push(row, half.vlan);
    }
    if half.has & Half::SRC_MAC != 0 {
        out.src_mac.push(row, mac(half.src_mac));
    }
    if half.has & Half::DST_MAC != 0 {
        out.dst_mac.push(row, mac(half.dst_mac));
    }
    let rate = u64::from(config.sample_connections.max(1)) * u64::from(config.sampled_packets.max(1));
    if rate > 1 {
        out.sampling_rate.push(row, u32::try_from(rate).unwrap_or(u32::MAX));
    }
}

/// How much, when, and what the IP headers say.
fn write_volume(ended: &Ended<'_>, direction: Direction, out: &mut FlowBatch) {
    let Ended { flow, reason, now, .. } = ended;
    let half = &flow.halves[direction as usize];
    let row = out.rows();
    out.time_received.push(row, *now);
    out.time_start.push(row, half.first);
    out.time_end.push(row, half.last);
    out.bytes.push(row, half.bytes);
    out.packets.push(row, half.packets.into());
    out.end_reason.push(row, *reason as u8);
    if flow.key.protocol == protocol::TCP {
        out.tcp_flags.push(row, half.flags);
    }
    out.tos.push(row, half.tos);
    out.ttl_min.push(row, half.ttl_min);
    out.ttl_max.push(row, half.ttl_max);
    if half.flow_label > 0 {
        out.flow_label.push(row, half.flow_label);
    }
}

/// What the SYN of this side says.
fn write_syn(tcp: &Connection, direction: Direction, out: &mut FlowBatch) {
    let Some(syn) = tcp.syn(direction) else {
        return;
    };
    let row = out.rows();
    out.tcp_syn_size.push(row, syn.size);
    out.tcp_syn_ttl.push(row, syn.ttl);
    out.tcp_window.push(row, syn.window.into());
    out.tcp_mss.push_some(row, syn.mss);
    out.tcp_options.push(row, syn.options);
}

/// What sequence numbers and the handshake say.
fn write_tcp(tcp: &Connection, direction: Direction, out: &mut FlowBatch) {
    let row = out.rows();
    if let Some((client, server)) = tcp.rtt() {
        out.rtt.push(row, client.saturating_add(server).min(crate::samples::LONGEST));
        out.rtt_client.push(row, client);
        out.rtt_server.push(row, server);
    }
    out.retransmissions.push(row, tcp.retransmissions(direction));
    out.out_of_order.push(row, tcp.out_of_order(direction));
    let duplicates = tcp.duplicates(direction);
    if duplicates > 0 {
        out.capture_duplicates.push(row, duplicates);
    }
    out.zero_windows.push(row, tcp.zero_windows(direction));
    out.resets.push(row, tcp.resets(direction));
}

fn write_gaps(gaps: &Gaps, out: &mut FlowBatch) {
    let row = out.rows();
    if let Some(delay) = gaps.delay() {
        out.delay_min.push(row, delay.min);
        out.delay_avg.push(row, delay.avg);
        out.delay_max.push(row, delay.max);
        out.delay_dev.push(row, delay.dev);
    }
    if let Some(jitter) = gaps.jitter() {
        out.jitter_min.push(row, jitter.min);
        out.jitter_avg.push(row, jitter.avg);
        out.jitter_max.push(row, jitter.max);
        out.jitter_dev.push(row, jitter.dev);
    }
}

fn write_response_times(samples: &Samples, out: &mut FlowBatch) {
    let row = out.rows();
    out.srt.push(row, samples.first);
    out.srt_min.push(row, samples.min);
    out.srt_max.push(row, samples.max);
    out.srt_count.push(row, samples.count);
    out.srt_sum.push(row, samples.sum);
    if let Some(histogram) = &samples.histogram {
        let used = histogram.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        out.srt_hist.push(row, histogram.iter().copied().take(used));
    }
}

/// What the connection is called.
fn write_application(ended: &Ended<'_>, out: &mut FlowBatch) {
    let Ended { flow, config, .. } = ended;
    if config.applications.is_none() {
        return;
    }
    let carrier = match flow.key.protocol {
        protocol::TCP => Some(Carrier::Stream),
        protocol::UDP => Some(Carrier::Datagram),
        _ => None,
    };
    let [(_, client_port), (_, server_port)] = flow.ends();
    if let Some((name, source)) = app::name_of(flow.app.as_deref(), carrier, server_port, client_port) {
        let row = out.rows();
        out.app.push(row, name);
        out.app_source.push(row, source);
    }
}

/// What decoders found out.
fn write_facts(facts: &Facts, direction: Direction, out: &mut FlowBatch) {
    let row = out.rows();
    facts.each(direction, |column, value, text| match (out.column_mut(column), value) {
        (AnyColumnMut::U8(places), Value::Number(number)) => places.push(row, u8::try_from(number).unwrap_or(u8::MAX)),
        (AnyColumnMut::U16(places), Value::Number(number)) => places.push(row, u16::try_from(number).unwrap_or(u16::MAX)),
        (AnyColumnMut::U32(places), Value::Number(number)) => places.push(row, u32::try_from(number).unwrap_or(u32::MAX)),
        (AnyColumnMut::U64(places), Value::Number(number)) => places.push(row, number),
        (AnyColumnMut::Text(places), Value::Text) => places.push(row, text),
        (AnyColumnMut::Ip(places), Value::Address(address)) => places.push(row, address),
        // A decoder that gives a column what it cannot hold; a test of each decoder would show it.
        _ => debug_assert!(false, "{column:?} cannot hold {value:?}"),
    });
}

fn write_rare(rare: &Rare, direction: Direction, out: &mut FlowBatch) {
    let row = out.rows();
    let labels = &rare.mpls[direction as usize];
    if !labels.is_empty() {
        out.mpls_labels.push(row, labels.iter().copied());
    }
    if let Some(tunnel) = rare.tunnels[direction as usize] {
        out.tunnel_type.push(row, tunnel_word(tunnel.kind));
        out.tunnel_id.push_some(row, tunnel.id);
        out.tunnel_src.push(row, tunnel.src);
        out.tunnel_dst.push(row, tunnel.dst);
    }
}

const fn tunnel_word(kind: TunnelKind) -> u8 {
    match kind {
        TunnelKind::Gre => names::TUNNEL_GRE,
        TunnelKind::Vxlan => names::TUNNEL_VXLAN,
        TunnelKind::GtpU => names::TUNNEL_GTP,
        TunnelKind::IpInIp => names::TUNNEL_IPIP,
        TunnelKind::Erspan => names::TUNNEL_ERSPAN,
        TunnelKind::Geneve => names::TUNNEL_GENEVE,
        TunnelKind::Ethernet => names::TUNNEL_ETHERNET,
        TunnelKind::Mpls => names::TUNNEL_MPLS,
        TunnelKind::Pptp => names::TUNNEL_PPTP,
        TunnelKind::Nvgre => names::TUNNEL_NVGRE,
        TunnelKind::L2tp => names::TUNNEL_L2TP,
        TunnelKind::Teredo => names::TUNNEL_TEREDO,
    }
}

const fn has_ports(number: u8) -> bool {
    matches!(number, protocol::TCP | protocol::UDP | protocol::SCTP | protocol::DCCP | protocol::UDP_LITE)
}

/// The low 48 bits of the column.
const fn mac(octets: [u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = octets;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}
