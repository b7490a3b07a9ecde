//! Flow samples and drop notifications.

use std::net::IpAddr;

use serde_json::{Map, Value};
use weir_record::{Address, FlowBatch, names};

use super::fields::{NOT_KNOWN, address, framed, hex, ip, items, mac, number, numbers, opaque, put, registered, text, u32, u64};
use super::{Encoder, RawHeader};
use crate::sflow::extended::{AS_SET, HTTP_METHODS, format as extended};
use crate::sflow::flow_sample::{Interface, LOCAL_INTERFACE};
use crate::sflow::frame_records::format as frame;
use crate::sflow::{registered as lists, sample_format};

/// Numbers from here on need the expanded form (sFlow Version 5, section 5.3); those of the compact form have 30 bits, and a data source 24.
const EXPANDED_FROM: u32 = 1 << 24;
/// Type of an AS path segment whose numbers are in order.
const AS_SEQUENCE: u32 = 2;
/// MIBenum of UTF-8.
const UTF_8: u32 = 106;
/// An extended URL that belongs to the destination.
const URL_DESTINATION: u32 = 2;
/// EtherTypes.
const IPV4: u32 = weir_wire::ETHERTYPE_IPV4 as u32;
const IPV6: u32 = weir_wire::ETHERTYPE_IPV6 as u32;

/// Writes the sample of a row to `encoder.sample`.
pub(super) fn sample(encoder: &mut Encoder, flows: &FlowBatch, row: usize, raw: Option<RawHeader<'_>>) {
    let mut out = std::mem::take(&mut encoder.sample);
    out.clear();
    let extra = flows.extra.get(row).and_then(|extra| serde_json::from_str(extra).ok()).unwrap_or_default();
    let record = Row { flows, row, extra };
    if flows.record_kind.get(row) == Some(names::DROP) {
        framed(&mut out, sample_format::DISCARDED_PACKET, |out| record.discarded(out, encoder.drops, raw));
        encoder.drops = encoder.drops.wrapping_add(1);
    } else {
        let rate = flows.sampling_rate.get(row).unwrap_or(0);
        encoder.pool = encoder.pool.wrapping_add(rate.max(1));
        let numbers = [encoder.flow_samples, encoder.pool, rate];
        encoder.flow_samples = encoder.flow_samples.wrapping_add(1);
        let [input, output] = record.interfaces();
        let is_expanded = input.value >= EXPANDED_FROM && input.value != LOCAL_INTERFACE
            || output.value >= EXPANDED_FROM && output.value != LOCAL_INTERFACE;
        let format = if is_expanded { sample_format::EXPANDED_FLOW } else { sample_format::FLOW };
        framed(&mut out, format, |out| record.sampled(out, is_expanded, numbers, raw));
    }
    encoder.sample = out;
}

/// Adds a structure of a format, whose content a function writes.
type Add<'a> = dyn FnMut(u32, &dyn Fn(&mut Vec<u8>)) + 'a;

/// A row, and its `extra` as JSON.
struct Row<'f> {
    flows: &'f FlowBatch,
    row: usize,
    extra: Map<String, Value>,
}

impl Row<'_> {
    fn sampled(&self, out: &mut Vec<u8>, is_expanded: bool, [sequence, pool, rate]: [u32; 3], raw: Option<RawHeader<'_>>) {
        let [input, output] = self.interfaces();
        let source = self.flows.in_if.get(self.row).unwrap_or(0);
        u32(out, sequence);
        if is_expanded {
            // The type of the data source is interface.
            u32(out, 0);
        }
        u32(out, if is_expanded || source < EXPANDED_FROM { source } else { 0 });
        for number in [rate, pool, 0] {
            u32(out, number);
        }
        for interface in [input, output] {
            if is_expanded {
                u32(out, interface.format);
                u32(out, interface.value);
            } else {
                u32(out, interface.format << 30 | interface.value);
            }
        }
        self.structures(out, raw);
    }

    fn discarded(&self, out: &mut Vec<u8>, sequence: u32, raw: Option<RawHeader<'_>>) {
        let [input, output] = self.interfaces();
        let reason = self.flows.drop_reason.get(self.row).map_or(0, u32::from);
        let source = self.flows.in_if.get(self.row).unwrap_or(0);
        for number in [sequence, 0, source, 0, input.value, output.value, reason] {
            u32(out, number);
        }
        self.structures(out, raw);
    }

    fn interfaces(&self) -> [Interface; 2] {
        let (flows, row) = (self.flows, self.row);
        let interface = |number: Option<u32>, kind: Option<u8>, reason: u32| match (number, kind) {
            (Some(value), _) => Interface { format: 0, value },
            (None, Some(names::IF_LOCAL)) => Interface { format: 0, value: LOCAL_INTERFACE },
            (None, Some(names::IF_DISCARDED)) => Interface { format: Interface::DISCARDED, value: reason },
            (None, Some(names::IF_MULTIPLE)) => Interface { format: Interface::MULTIPLE, value: 0 },
            _ => Interface { format: 0, value: 0 },
        };
        let reason = flows.drop_reason.get(row).map_or(0, u32::from);
        [
            interface(flows.in_if.get(row), flows.in_if_kind.get(row), 0),
            interface(flows.out_if.get(row), flows.out_if_kind.get(row), reason),
        ]
    }

    /// The structures, with their count in front.
    fn structures(&self, out: &mut Vec<u8>, raw: Option<RawHeader<'_>>) {
        let place = out.len();
        u32(out, 0);
        let mut count = 0;
        let mut add = |format: u32, content: &dyn Fn(&mut Vec<u8>)| {
            framed(out, format, content);
            count += 1;
        };
        self.packet(&mut add, raw);
        self.switch(&mut add);
        self.routing(&mut add);
        self.translation(&mut add);
        self.application(&mut add);
        count += registered(out, lists::FLOW_STRUCTURES, &self.extra);
        put(out, place, count);
    }

    /// The sampled packet: its header, or what the columns say of it.
    fn packet(&self, add: &mut Add<'_>, raw: Option<RawHeader<'_>>) {
        let (flows, row) = (self.flows, self.row);
        let octets = hex(text(self.member("header")));
        let frame_bytes = flows.frame_bytes.get(row).and_then(|length| u32::try_from(length).ok());
        let kept = (!octets.is_empty()).then(|| RawHeader {
            protocol: number(self.member("header_protocol")),
            frame_length: frame_bytes.unwrap_or(0),
            stripped: 0,
            octets: &octets,
        });
        if let Some(raw) = raw.or(kept) {
            return add(frame::RAW_HEADER, &|out| {
                u32(out, raw.protocol);
                u32(out, raw.frame_length);
                u32(out, raw.stripped);
                opaque(out, raw.octets);
            });
        }
        let (src, dst) = (flows.src_addr.get(row), flows.dst_addr.get(row));
        let mut ethertype = self.extra.get("ethertype").map(number);
        if let (Some(src), Some(dst)) = (src, dst) {
            let is_v4 = src.is_v4() && dst.is_v4();
            ethertype = ethertype.or(Some(if is_v4 { IPV4 } else { IPV6 }));
            add(if is_v4 { frame::IPV4 } else { frame::IPV6 }, &|out| self.ip(out, is_v4, src, dst));
        }
        let (src, dst) = (flows.src_mac.get(row), flows.dst_mac.get(row));
        if src.is_some() || dst.is_some() || frame_bytes.is_some() {
            add(frame::ETHERNET, &|out| {
                u32(out, frame_bytes.unwrap_or(0));
                mac(out, src.unwrap_or(0));
                mac(out, dst.unwrap_or(0));
                u32(out, ethertype.unwrap_or(0));
            });
        }
    }

    fn ip(&self, out: &mut Vec<u8>, is_v4: bool, src: Address, dst: Address) {
        let (flows, row) = (self.flows, self.row);
        u32(out, flows.bytes.get(row).map_or(0, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX)));
        u32(out, flows.protocol.get(row).map_or(0, u32::from));
        for address in [src, dst] {
            match address.to_ip() {
                IpAddr::V4(ip) if is_v4 => out.extend(ip.octets()),
                IpAddr::V4(ip) => out.extend(ip.to_ipv6_mapped().octets()),
                IpAddr::V6(ip) => out.extend(ip.octets()),
            }
        }
        for number in
            [flows.src_port.get(row), flows.dst_port.get(row), flows.tcp_flags.get(row), flows.tos.get(row).map(u16::from)]
        {
            u32(out, number.map_or(0, u32::from));
        }
    }

    fn switch(&self, add: &mut Add<'_>) {
        let vlans = [self.flows.vlan_in.get(self.row), self.flows.vlan_out.get(self.row)];
        let priorities = [self.extra.get("src_priority"), self.extra.get("dst_priority")];
        if vlans.iter().any(Option::is_some) || priorities.iter().any(Option::is_some) {
            add(frame::EXTENDED_SWITCH, &|out| {
                for (vlan, priority) in vlans.iter().zip(priorities) {
                    u32(out, vlan.map_or(NOT_KNOWN, u32::from));
                    u32(out, priority.map_or(0, number));
                }
            });
        }
    }

    fn routing(&self, add: &mut Add<'_>) {
        let (flows, row) = (self.flows, self.row);
        let (next_hop, masks) = (flows.next_hop.get(row), [flows.src_mask.get(row), flows.dst_mask.get(row)]);
        if next_hop.is_some() || masks.iter().any(Option::is_some) {
            add(extended::ROUTER, &|out| {
                address(out, next_hop);
                masks.iter().for_each(|mask| u32(out, mask.map_or(NOT_KNOWN, u32::from)));
            });
        }
        let gateway = self.member("extended_gateway");
        let communities = flows.communities.get(row);
        let path = flows.as_path.get(row);
        let has_gateway =
            flows.bgp_next_hop.get(row).is_some() || flows.src_as.get(row).is_some() || flows.dst_as.get(row).is_some();
        if has_gateway || path.is_some() || communities.is_some() || gateway.is_object() {
            add(extended::GATEWAY, &|out| {
                address(out, flows.bgp_next_hop.get(row));
                u32(out, number(&gateway["as"]));
                u32(out, flows.src_as.get(row).unwrap_or(0));
                u32(out, number(&gateway["src_peer_as"]));
                self.as_path(out);
                numbers(out, communities.unwrap_or_default().iter().copied());
                u32(out, number(&gateway["localpref"]));
            });
        }
        let mpls = self.member("extended_mpls");
        if flows.mpls_labels.get(row).is_some() || mpls.is_object() {
            add(extended::MPLS, &|out| {
                address(out, ip(&mpls["nexthop"]).map(Address::from));
                match items(&mpls["in_stack"]) {
                    [] => numbers(out, flows.mpls_labels.get(row).unwrap_or_default().iter().map(|label| label << 8)),
                    stack => numbers(out, stack.iter().map(number)),
                }
                numbers(out, items(&mpls["out_stack"]).iter().map(number));
            });
        }
    }

    /// The path in its segments where `extra` tells them, else as one sequence; a destination without a path is a path of one.
    fn as_path(&self, out: &mut Vec<u8>) {
        let segments = items(self.member("as_path_segments"));
        if !segments.is_empty() {
            u32(out, segments.len() as u32);
            for segment in segments {
                u32(out, if text(&segment["type"]) == "set" { AS_SET } else { AS_SEQUENCE });
                numbers(out, items(&segment["as"]).iter().map(number));
            }
            return;
        }
        let dst_as = self.flows.dst_as.get(self.row);
        let path = self.flows.as_path.get(self.row).unwrap_or(dst_as.as_slice());
        u32(out, u32::from(!path.is_empty()));
        if !path.is_empty() {
            u32(out, AS_SEQUENCE);
            numbers(out, path.iter().copied());
        }
    }

    fn translation(&self, add: &mut Add<'_>) {
        let (flows, row) = (self.flows, self.row);
        let addresses = [flows.nat_src_addr.get(row), flows.nat_dst_addr.get(row)];
        if addresses.iter().any(Option::is_some) {
            add(extended::NAT, &|out| addresses.iter().for_each(|value| address(out, *value)));
        }
        let ports = [flows.nat_src_port.get(row), flows.nat_dst_port.get(row)];
        if ports.iter().any(Option::is_some) {
            add(extended::NAT_PORT, &|out| ports.iter().for_each(|port| u32(out, port.map_or(NOT_KNOWN, u32::from))));
        }
    }

    /// HTTP, URL and user. A user name that an HTTP request brought goes back there.
    fn application(&self, add: &mut Add<'_>) {
        let (flows, row) = (self.flows, self.row);
        let column = |column: &'_ weir_record::column::TextColumn| column.get(row).unwrap_or_default().to_owned();
        let (user, url, http) = (self.member("extended_user"), self.member("extended_url"), self.member("http_request"));
        let texts = [&flows.http_path, &flows.http_user_agent, &flows.http_forwarded_for, &flows.http_content_type];
        let has_http = texts.iter().any(|text| text.get(row).is_some())
            || flows.http_status.get(row).is_some()
            || flows.http_method.get(row).is_some();
        let has_http = has_http || http.is_object();
        if user.is_object() || !has_http && flows.user_name.get(row).is_some() {
            add(extended::USER, &|out| {
                let name = if user.is_object() { text(&user["src_user"]).to_owned() } else { column(&flows.user_name) };
                u32(out, user["src_charset"].as_u64().map_or(UTF_8, |charset| charset as u32));
                opaque(out, name.as_bytes());
                u32(out, user["dst_charset"].as_u64().map_or(UTF_8, |charset| charset as u32));
                opaque(out, text(&user["dst_user"]).as_bytes());
            });
        }
        if url.is_object() || !has_http && flows.http_host.get(row).is_some() {
            add(extended::URL, &|out| {
                u32(out, url["direction"].as_u64().map_or(URL_DESTINATION, |direction| direction as u32));
                opaque(out, text(&url["url"]).as_bytes());
                let host = if url.is_object() { text(&url["host"]).to_owned() } else { column(&flows.http_host) };
                opaque(out, host.as_bytes());
            });
        }
        if has_http {
            add(extended::HTTP_REQUEST, &|out| {
                let method = column(&flows.http_method);
                let known = HTTP_METHODS.iter().position(|name| *name == method).unwrap_or(0) as u32;
                u32(out, http["method"].as_u64().map_or(known, |method| method as u32));
                u32(out, number(&http["protocol"]));
                opaque(out, column(&flows.http_path).as_bytes());
                opaque(out, column(&flows.http_host).as_bytes());
                opaque(out, text(&http["referer"]).as_bytes());
                opaque(out, column(&flows.http_user_agent).as_bytes());
                opaque(out, column(&flows.http_forwarded_for).as_bytes());
                opaque(out, if user.is_object() { Vec::new() } else { column(&flows.user_name).into_bytes() }.as_slice());
                opaque(out, column(&flows.http_content_type).as_bytes());
                u64(out, http["req_bytes"].as_u64().unwrap_or(0));
                u64(out, http["resp_bytes"].as_u64().unwrap_or(0));
                u32(out, number(&http["duration"]));
                u32(out, flows.http_status.get(row).map_or(NOT_KNOWN, u32::from));
            });
        }
    }

    /// A member of `extra`; null where there is none.
    fn member(&self, name: &str) -> &Value {
        self.extra.get(name).unwrap_or(&Value::Null)
    }
}
