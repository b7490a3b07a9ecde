//! Extended structures of flow samples: the fields that have a column go there, the others to `extra` under the structure's name.

use weir_record::FlowBatch;
use weir_wire::{Few, Reader};

use super::schema::Structure;
use super::{bad_structure, registered, schema, xdr};
use crate::members::Members;
use crate::sampled_frame::{fill, fill_address};
use crate::{Fault, Reason};

/// Formats of the structures with columns of their own.
pub(super) mod format {
    pub(in crate::sflow) const ROUTER: u32 = 1002;
    pub(in crate::sflow) const GATEWAY: u32 = 1003;
    pub(in crate::sflow) const USER: u32 = 1004;
    pub(in crate::sflow) const URL: u32 = 1005;
    pub(in crate::sflow) const MPLS: u32 = 1006;
    pub(in crate::sflow) const NAT: u32 = 1007;
    pub(in crate::sflow) const NAT_PORT: u32 = 1020;
    pub(in crate::sflow) const HTTP_REQUEST: u32 = 2206;
}

/// Type of an AS path segment whose numbers have no order.
pub(super) const AS_SET: u32 = 1;
/// Structures of a sample that are told apart when they come again.
const SEEN_LIMIT: usize = 32;

/// Formats that a sample has had so far, of those that go to `extra`.
pub(super) type Seen = Few<u32, SEEN_LIMIT>;

/// Writes a structure to an unfinished row. Columns that the row has already stay as they are.
pub(super) fn write(
    format: u32,
    body: &mut Reader<'_>,
    flows: &mut FlowBatch,
    row: usize,
    extra: &mut Members,
    seen: &mut Seen,
) -> Result<(), Fault> {
    match format {
        format::ROUTER => router(body, flows, row),
        format::GATEWAY => gateway(body, flows, row, extra),
        format::USER => user(body, flows, row, extra),
        format::URL => url(body, flows, row, extra),
        format::MPLS => mpls(body, flows, row, extra),
        format::NAT => nat(body, flows, row),
        format::NAT_PORT => nat_port(body, flows, row),
        format::HTTP_REQUEST => http_request(body, flows, row, extra),
        _ => match schema::find(registered::FLOW_STRUCTURES, format) {
            Some(structure) => registered_structure(structure, body, extra, seen),
            None => Ok(()),
        },
    }
}

/// Writes a structure that the table describes. One that a sample has had before gets a name of its own.
pub(super) fn registered_structure(
    structure: &Structure,
    body: &mut Reader<'_>,
    extra: &mut Members,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let before = seen.iter().filter(|other| **other == structure.format).count();
    structure.write(body, before + 1, extra)?;
    seen.push(structure.format);
    Ok(())
}

fn router(body: &mut Reader<'_>, flows: &mut FlowBatch, row: usize) -> Result<(), Fault> {
    if let Some(next_hop) = xdr::address(body, bad_structure)? {
        fill_address(&mut flows.next_hop, row, next_hop);
    }
    for column in [&mut flows.src_mask, &mut flows.dst_mask] {
        if let Ok(mask) = u8::try_from(body.u32().map_err(bad_structure)?) {
            fill(column, row, mask);
        }
    }
    Ok(())
}

/// The path leads to the destination, so its last number is the destination's. The numbers of all segments are one list; how they were grouped is told only where a
/// segment is a set.
fn gateway(body: &mut Reader<'_>, flows: &mut FlowBatch, row: usize, extra: &mut Members) -> Result<(), Fault> {
    let next_hop = xdr::address(body, bad_structure)?;
    let (own_as, src_as, src_peer_as) = (number(body)?, number(body)?, number(body)?);
    let mut path = *body;
    let (numbers, has_set) = pass_segments(body)?;
    let communities = schema::list(body, 4)?;
    let local_pref = number(body)?;

    if let Some(next_hop) = next_hop {
        fill_address(&mut flows.bgp_next_hop, row, next_hop);
    }
    fill(&mut flows.src_as, row, src_as);
    if numbers > 0 && flows.as_path.get(row).is_none() {
        let mut last = 0;
        let mut groups = path;
        let segments = Segments::begin(&mut path);
        flows.as_path.push(row, segments.flat_map(|(_, octets)| numbers_of(octets)).inspect(|number| last = *number));
        fill(&mut flows.dst_as, row, last);
        if has_set {
            extra.begin_list("as_path_segments");
            for (kind, octets) in Segments::begin(&mut groups) {
                extra.begin_item();
                extra.text("type", if kind == AS_SET { b"set" } else { b"sequence" });
                extra.numbers("as", numbers_of(octets));
                extra.end_object();
            }
            extra.end_list();
        }
    }
    if !communities.is_empty() && flows.communities.get(row).is_none() {
        flows.communities.push(row, numbers_of(communities));
    }
    extra.begin_object("extended_gateway");
    extra.number("as", own_as);
    extra.number("src_peer_as", src_peer_as);
    extra.number("localpref", local_pref);
    extra.end_object();
    Ok(())
}

/// Passes over the segments of a path; gives the count of AS numbers in them, and whether one is a set.
fn pass_segments(body: &mut Reader<'_>) -> Result<(usize, bool), Fault> {
    let count_offset = body.offset();
    let count = number(body)?;
    let (mut numbers, mut has_set) = (0, false);
    for _ in 0..count {
        if body.is_empty() {
            return Err(Fault::new(Reason::BadStructure, count_offset, u64::from(count)));
        }
        has_set |= number(body)? == AS_SET;
        numbers += schema::list(body, 4)?.len() / 4;
    }
    Ok((numbers, has_set))
}

/// The segments of a path that was passed over before: type and numbers of each.
struct Segments<'r, 'a> {
    body: &'r mut Reader<'a>,
    left: u32,
}

impl<'r, 'a> Segments<'r, 'a> {
    fn begin(body: &'r mut Reader<'a>) -> Self {
        let left = body.u32().unwrap_or(0);
        Self { body, left }
    }
}

impl<'a> Iterator for Segments<'_, 'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let kind = self.body.u32().ok()?;
        schema::list(self.body, 4).ok().map(|octets| (kind, octets))
    }
}

fn user(body: &mut Reader<'_>, flows: &mut FlowBatch, row: usize, extra: &mut Members) -> Result<(), Fault> {
    let (src_charset, src_user) = (number(body)?, xdr::opaque(body)?);
    let (dst_charset, dst_user) = (number(body)?, xdr::opaque(body)?);
    let named = if src_user.is_empty() { dst_user } else { src_user };
    if !named.is_empty() && flows.user_name.get(row).is_none() {
        flows.user_name.push_lossy(row, named);
    }
    extra.begin_object("extended_user");
    extra.number("src_charset", src_charset);
    extra.text("src_user", src_user);
    extra.number("dst_charset", dst_charset);
    extra.text("dst_user", dst_user);
    extra.end_object();
    Ok(())
}

fn url(body: &mut Reader<'_>, flows: &mut FlowBatch, row: usize, extra: &mut Members) -> Result<(), Fault> {
    let (direction, url, host) = (number(body)?, xdr::opaque(body)?, xdr::opaque(body)?);
    if !host.is_empty() && flows.http_host.get(row).is_none() {
        flows.http_host.push_lossy(row, host);
    }
    extra.begin_object("extended_url");
    extra.number("direction", direction);
    extra.text("url", url);
    extra.text("host", host);
    extra.end_object();
    Ok(())
}

/// The stack as it came in fills the labels where the sampled header shows none; it is written first, so it is compared with nothing.
fn mpls(body: &mut Reader<'_>, flows: &mut FlowBatch, row: usize, extra: &mut Members) -> Result<(), Fault> {
    let next_hop = xdr::address(body, bad_structure)?;
    let (in_stack, out_stack) = (schema::list(body, 4)?, schema::list(body, 4)?);
    if !in_stack.is_empty() && flows.mpls_labels.get(row).is_none() {
        // Entries of RFC 3032 without the time to live.
        flows.mpls_labels.push(row, numbers_of(in_stack).map(|entry| entry >> 8));
    }
    extra.begin_object("extended_mpls");
    if let Some(next_hop) = next_hop {
        extra.address("nexthop", next_hop);
    }
    extra.numbers("in_stack", numbers_of(in_stack));
    extra.numbers("out_stack", numbers_of(out_stack));
    extra.end_object();
    Ok(())
}

fn nat(body: &mut Reader<'_>, flows: &mut FlowBatch, row: usize) -> Result<(), Fault> {
    for column in [&mut flows.nat_src_addr, &mut flows.nat_dst_addr] {
        if let Some(address) = xdr::address(body, bad_structure)? {
            fill_address(column, row, address);
        }
    }
    Ok(())
}

fn nat_port(body: &mut Reader<'_>, flows: &mut FlowBatch, row: usize) -> Result<(), Fault> {
    for column in [&mut flows.nat_src_port, &mut flows.nat_dst_port] {
        if let Ok(port) = u16::try_from(number(body)?) {
            fill(column, row, port);
        }
    }
    Ok(())
}

/// Names of HTTP methods by their number (sFlow HTTP Structures).
pub(super) const HTTP_METHODS: [&str; 9] = ["OTHER", "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"];

fn http_request(body: &mut Reader<'_>, flows: &mut FlowBatch, row: usize, extra: &mut Members) -> Result<(), Fault> {
    let (method, protocol) = (number(body)?, number(body)?);
    let (uri, host, referer) = (xdr::opaque(body)?, xdr::opaque(body)?, xdr::opaque(body)?);
    let (user_agent, forwarded_for) = (xdr::opaque(body)?, xdr::opaque(body)?);
    let (auth_user, mime_type) = (xdr::opaque(body)?, xdr::opaque(body)?);
    let request_bytes = body.u64().map_err(bad_structure)?;
    let response_bytes = body.u64().map_err(bad_structure)?;
    let (duration, status) = (number(body)?, number(body)?);

    let method_name = usize::try_from(method).ok().and_then(|method| HTTP_METHODS.get(method)).filter(|_| method != 0);
    for (column, text) in [
        (&mut flows.http_method, method_name.map_or(&b""[..], |name| name.as_bytes())),
        (&mut flows.http_path, uri),
        (&mut flows.http_host, host),
        (&mut flows.http_user_agent, user_agent),
        (&mut flows.http_forwarded_for, forwarded_for),
        (&mut flows.http_content_type, mime_type),
        (&mut flows.user_name, auth_user),
    ] {
        if !text.is_empty() && column.get(row).is_none() {
            column.push_lossy(row, text);
        }
    }
    if let Ok(status) = u16::try_from(status) {
        fill(&mut flows.http_status, row, status);
    }
    extra.begin_object("http_request");
    extra.number("method", method);
    extra.number("protocol", protocol);
    extra.text("referer", referer);
    extra.number("req_bytes", request_bytes);
    extra.number("resp_bytes", response_bytes);
    extra.number("duration", duration);
    extra.end_object();
    Ok(())
}

fn number(body: &mut Reader<'_>) -> Result<u32, Fault> {
    body.u32().map_err(bad_structure)
}

fn numbers_of(octets: &[u8]) -> impl Iterator<Item = u32> + '_ {
    octets.as_chunks().0.iter().map(|octets| u32::from_be_bytes(*octets))
}
