//! The batch on which the texts of `tests/data` are tried.

use std::net::Ipv4Addr;

use weir_record::{FlowBatch, names};

/// 2026-01-01T10:00:00Z in nanoseconds.
const TEN: i64 = 1_767_261_600_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Seven rows with gaps; `tests/data/rows.txt` tells them in words.
pub(crate) fn batch() -> FlowBatch {
    let mut batch = FlowBatch::new();
    let v4 = |a, b, c, d| Ipv4Addr::new(a, b, c, d);
    let v6 = |text: &str| text.parse::<std::net::Ipv6Addr>().expect("an IPv6 address");

    // 0: an HTTPS request, initiator's half.
    batch.ip_version.push(0, 4);
    batch.src_addr.push(0, v4(10, 0, 0, 1));
    batch.dst_addr.push(0, v4(192, 0, 2, 80));
    batch.src_port.push(0, 50_000);
    batch.dst_port.push(0, 443);
    batch.protocol.push(0, 6);
    batch.tcp_flags.push(0, 0x1b);
    batch.tos.push(0, 0xb8);
    batch.bytes.push(0, 1_500_000);
    batch.packets.push(0, 1_000);
    batch.time_start.push(0, TEN);
    batch.time_end.push(0, TEN + 10 * SECOND);
    batch.biflow.push(0, names::INITIATOR);
    batch.rtt.push(0, 51_000);
    batch.srt.push(0, 1_000);
    batch.tls_sni.push(0, "shop.example");
    batch.app.push(0, "tls");
    batch.src_as.push(0, 64_500);
    batch.dst_as.push(0, 0);
    batch.in_if.push(0, 3);
    batch.out_if.push(0, 7);
    batch.vlan_in.push(0, 10);
    batch.src_country.push(0, "CZ");
    batch.exporter.push(0, v4(192, 0, 2, 1));
    batch.format.push(0, names::IPFIX);
    batch.tls_version.push(0, 0x0304);
    batch.extra.push(0, r#"{"ingressVRFID": 7, "39499/113":"a\"b", "load":-1.5, "up":true}"#);

    // 1: its answer, responder's half.
    batch.ip_version.push(1, 4);
    batch.src_addr.push(1, v4(192, 0, 2, 80));
    batch.dst_addr.push(1, v4(10, 0, 0, 1));
    batch.src_port.push(1, 443);
    batch.dst_port.push(1, 50_000);
    batch.protocol.push(1, 6);
    batch.tcp_flags.push(1, 0x12);
    batch.tos.push(1, 0);
    batch.bytes.push(1, 999);
    batch.packets.push(1, 3);
    batch.time_start.push(1, TEN);
    batch.time_end.push(1, TEN + 10 * SECOND);
    batch.biflow.push(1, names::RESPONDER);
    batch.rtt.push(1, 51_000);
    batch.srt.push(1, 1_000);
    batch.tls_sni.push(1, "shop.example");
    batch.app.push(1, "tls");
    batch.dst_as.push(1, 64_500);
    batch.in_if.push(1, 7);
    batch.out_if.push(1, 3);
    batch.vlan_out.push(1, 10);
    batch.dst_country.push(1, "CZ");
    batch.exporter.push(1, v4(192, 0, 2, 1));
    batch.format.push(1, names::IPFIX);

    // 2: a DNS question over IPv6.
    batch.ip_version.push(2, 6);
    batch.src_addr.push(2, v6("2001:db8::5"));
    batch.dst_addr.push(2, v6("2001:db8:ffff::53"));
    batch.src_port.push(2, 53_000);
    batch.dst_port.push(2, 53);
    batch.protocol.push(2, 17);
    batch.bytes.push(2, 80);
    batch.packets.push(2, 1);
    batch.time_start.push(2, TEN + 60 * SECOND);
    batch.time_end.push(2, TEN + 60 * SECOND);
    batch.app.push(2, "dns");
    batch.dns_name.push(2, "www.shop.example");
    batch.retransmissions.push(2, 0);
    batch.src_mac.push(2, 0x001b_213c_4d5e);
    batch.next_hop.push(2, v6("fe80::1"));
    batch.bgp_next_hop.push(2, v6("::ffff:10.0.0.1"));
    batch.format.push(2, names::NETFLOW9);

    // 3: an ICMP sample without ports.
    batch.record_kind.push(3, names::SAMPLE);
    batch.ip_version.push(3, 4);
    batch.src_addr.push(3, v4(172, 16, 5, 4));
    batch.dst_addr.push(3, v4(10, 255, 255, 255));
    batch.protocol.push(3, 1);
    batch.icmp_type.push(3, 8);
    batch.icmp_code.push(3, 0);
    batch.bytes.push(3, 84);
    batch.packets.push(3, 1);
    batch.sampling_rate.push(3, 512);
    batch.mpls_labels.push(3, [(100 << 4) | 1, 200 << 4]);
    batch.as_path.push(3, [64_500, 64_501]);
    batch.format.push(3, names::SFLOW);

    // 4: an HTTP request on port 80, with a retransmission.
    batch.ip_version.push(4, 4);
    batch.src_addr.push(4, v4(10, 9, 9, 9));
    batch.dst_addr.push(4, v4(203, 0, 113, 7));
    batch.src_port.push(4, 1_024);
    batch.dst_port.push(4, 80);
    batch.protocol.push(4, 6);
    batch.tcp_flags.push(4, 0x02);
    batch.bytes.push(4, 1_000);
    batch.packets.push(4, 8);
    batch.time_start.push(4, TEN + 3_600 * SECOND);
    batch.time_end.push(4, TEN + 3_600 * SECOND + 2 * SECOND);
    batch.http_host.push(4, "a.example");
    batch.http_status.push(4, 200);
    batch.rtt.push(4, 999);
    batch.retransmissions.push(4, 2);
    batch.time_suspect.push(4, 1);
    batch.app.push(4, "http");

    // 5: a firewall event, of which only one port is known.
    batch.record_kind.push(5, names::EVENT);
    batch.firewall_event.push(5, 3);
    batch.dst_port.push(5, 22);
    batch.src_addr.push(5, v6("::5"));

    batch.advance(7);
    batch
}
