//! Rows as the meter makes them: two a connection, with performance and application columns; for tests and benchmarks of the encoders.

use weir_record::{Address, FlowBatch, names};

/// Whole seconds, as export times of tests are; nanoseconds since 1970.
pub(crate) const NOW: i64 = 1_767_225_600_000_000_000;

/// Rows of `connections` connections of many kinds. The same seed gives the same rows.
pub(crate) fn meter_rows(connections: usize, seed: u64) -> FlowBatch {
    let mut rng = weir_testkit::Rng::with_seed(seed);
    let mut flows = FlowBatch::new();
    for _ in 0..connections {
        connection(&mut flows, &mut rng);
    }
    flows.finish();
    flows
}

/// One connection: what its application says stands on both rows, the rest on each its own.
fn connection(flows: &mut FlowBatch, rng: &mut weir_testkit::Rng) {
    let kind = rng.u8(0..20);
    let client = address(rng, 0x0a00_0000);
    let server = address(rng, 0xc000_0200);
    let (client, server) = if rng.u8(0..5) == 0 { (client.1, server.1) } else { (client.0, server.0) };
    let (protocol, port) = match kind {
        0..6 => (6, 443),
        6..9 => (6, 80),
        9..14 => (17, 53),
        14 => (6, 5432),
        15 => (6, 25),
        16 => (1, 0),
        17 => (17, 443),
        _ => (6, 22),
    };
    let start = NOW - rng.i64(1_000_000_000..60_000_000_000);
    let lasts = rng.i64(0..900_000_000);
    let client_port = rng.u16(1024..);
    let answered = protocol == 6 && kind != 19 || rng.u8(0..10) > 0;
    let packets = if answered { rng.u64(2..40) } else { 1 };
    for half in [names::INITIATOR, names::RESPONDER] {
        let responder = half == names::RESPONDER;
        if responder && !answered {
            continue;
        }
        let row = flows.rows();
        let pick = |one, other| if responder { other } else { one };
        flows.format.push(row, names::PACKET);
        flows.biflow.push(row, half);
        flows.time_start.push(row, start + i64::from(responder) * 1_234_567);
        flows.time_end.push(row, start + i64::from(responder) * 1_234_567 + lasts);
        flows.ip_version.push(row, if client.is_v4() { 4 } else { 6 });
        flows.src_addr.push(row, if responder { server } else { client });
        flows.dst_addr.push(row, if responder { client } else { server });
        flows.protocol.push(row, if protocol == 1 && !client.is_v4() { 58 } else { protocol });
        if protocol == 1 {
            flows.icmp_type.push(row, pick(8, 0) as u8);
            flows.icmp_code.push(row, 0);
        } else {
            flows.src_port.push(row, pick(client_port, port));
            flows.dst_port.push(row, pick(port, client_port));
        }
        flows.tos.push(row, 0);
        flows.ttl_min.push(row, 57);
        flows.ttl_max.push(row, 64);
        flows.in_if.push(row, 2);
        flows.direction.push(row, 0);
        flows.src_mac.push(row, 0x0200_0000_0001 + u64::from(responder));
        flows.dst_mac.push(row, 0x0200_0000_0002 - u64::from(responder));
        flows.flow_id.push(row, rng.u64(1..));
        flows.end_reason.push(row, rng.u8(1..4));
        flows.bytes.push(row, packets * rng.u64(40..1500));
        flows.packets.push(row, packets);
        if packets >= 3 {
            gaps(flows, row, rng);
        }
        if protocol == 6 {
            tcp(flows, row, rng, answered);
        }
        application(flows, row, kind, rng);
        flows.advance(1);
    }
}

fn address(rng: &mut weir_testkit::Rng, prefix: u32) -> (Address, Address) {
    let host = rng.u16(..);
    (
        Address::v4(prefix | u32::from(host)),
        Address::from_halves(0x2001_0db8_0000_0000, u64::from(prefix) << 32 | u64::from(host)),
    )
}

fn gaps(flows: &mut FlowBatch, row: usize, rng: &mut weir_testkit::Rng) {
    for column in [
        &mut flows.delay_min,
        &mut flows.delay_avg,
        &mut flows.delay_max,
        &mut flows.delay_dev,
        &mut flows.jitter_min,
        &mut flows.jitter_avg,
        &mut flows.jitter_max,
        &mut flows.jitter_dev,
    ] {
        column.push(row, rng.u32(0..100_000));
    }
}

fn tcp(flows: &mut FlowBatch, row: usize, rng: &mut weir_testkit::Rng, answered: bool) {
    flows.tcp_flags.push(row, if answered { 0x1b } else { 2 });
    let midstream = rng.u8(0..8) == 0;
    let state = if midstream { names::HANDSHAKE_MIDSTREAM } else { names::HANDSHAKE_UNANSWERED };
    flows.tcp_handshake.push(row, if answered && !midstream { names::HANDSHAKE_COMPLETE } else { state });
    flows.retransmissions.push(row, rng.u32(0..3));
    flows.out_of_order.push(row, 0);
    flows.capture_duplicates.push(row, 0);
    flows.zero_windows.push(row, 0);
    flows.resets.push(row, rng.u32(0..2));
    if !midstream {
        flows.tcp_syn_size.push(row, 60);
        flows.tcp_syn_ttl.push(row, 64);
        flows.tcp_window.push(row, 64_240);
        flows.tcp_mss.push(row, 1460);
        flows.tcp_options.push(row, 0x11c);
    }
    if !midstream && answered {
        let (client, server) = (rng.u32(100..50_000), rng.u32(100..50_000));
        flows.rtt.push(row, client + server);
        flows.rtt_client.push(row, client);
        flows.rtt_server.push(row, server);
    }
    if answered && rng.u8(0..4) > 0 {
        let response = rng.u32(100..900_000);
        flows.srt.push(row, response);
        flows.srt_min.push(row, response);
        flows.srt_max.push(row, 2 * response);
        flows.srt_count.push(row, 2);
        flows.srt_sum.push(row, 3 * u64::from(response));
        flows.srt_hist.push(row, [0, 0, 1, 1]);
    }
}

/// What the content told, which is seldom all that it could.
fn application(flows: &mut FlowBatch, row: usize, kind: u8, rng: &mut weir_testkit::Rng) {
    let mut told = || rng.u8(0..6) > 0;
    let app = match kind {
        0..6 => "tls",
        6..9 => "http",
        9..14 => "dns",
        14 => "postgresql",
        15 => "smtp",
        17 => "quic",
        _ => return,
    };
    flows.app.push(row, app);
    flows.app_source.push(row, names::APP_BY_CONTENT);
    match app {
        "tls" => {
            if told() {
                flows.tls_sni.push(row, "shop.example");
            }
            if told() {
                flows.tls_alpn.push(row, "h2");
            }
            if told() {
                flows.tls_ja3.push(row, "e7d705a3286e19ea42f587b344ee6865");
            }
            flows.tls_ja4.push(row, "t13d1516h2_8daaf6152771_e5627efa2ab1");
            if told() {
                flows.tls_version.push(row, 0x0304);
            }
            if told() {
                flows.tls_cipher.push(row, 0x1301);
            }
            if told() {
                flows.tls_setup.push(row, 4321);
            }
        }
        "http" => {
            flows.http_host.push(row, "www.example");
            flows.http_method.push(row, "GET");
            flows.http_path.push(row, "/index.html");
            if told() {
                flows.http_user_agent.push(row, "curl/8.5.0");
            }
            if told() {
                flows.http_content_type.push(row, "text/html");
            }
            if told() {
                flows.http_status.push(row, 200);
            }
            flows.http_count.push(row, 3);
            if told() {
                flows.http_forwarded_for.push(row, "192.0.2.77");
            }
            if told() {
                flows.client_addr.push(row, Address::v4(0xc000_024d));
                flows.http_other_clients.push(row, 2);
            }
        }
        "dns" => {
            flows.dns_name.push(row, "www.example");
            flows.dns_type.push(row, 28);
            flows.dns_rcode.push(row, 3);
            if told() {
                flows.dns_answers.push(row, 0);
            }
            flows.srt.push(row, 1500);
        }
        "postgresql" => {
            flows.sql_engine.push(row, "postgresql");
            flows.sql_user.push(row, "alice");
            if told() {
                flows.sql_database.push(row, "orders");
            }
            if told() {
                flows.sql_error.push(row, "23505");
            }
        }
        "smtp" => {
            flows.smtp_helo.push(row, "mail.example");
            if told() {
                flows.smtp_status.push(row, 250);
            }
        }
        _ => {
            if told() {
                flows.tls_sni.push(row, "quic.example");
            }
            flows.quic_version.push(row, 1);
        }
    }
}
