//! Runs a [`Program`] over the records of a set: each step writes one column for all of them.

use weir_record::column::Fixed;
use weir_record::write::text::{write_hex_octets, write_number};
use weir_record::{Address, AnyColumnMut, Column, FlowBatch, names};
use weir_wire::{Link, Reader, Walk};

use super::cells::{Cells, Records, Shape, number};
use super::program::{Absent, FrameField, FrameKind, Plan, Program, Sampling, Step, TextForm, TimeForm};
use super::rate::{rate_of_population, rate_of_space};
use super::text::{SIP_METHODS, Show, TemplateLookup, milliseconds, ntp_microseconds, ntp_nanoseconds, seconds, trim_padding};
use super::values::{list_of_numbers, mapped, write_numbers, write_some};
use crate::fault::{Fault, Faults, Reason};
use crate::members::Members;
use crate::sampled_frame::{Frame, fill};
use crate::session::known::Known;

/// What records are read with, besides their template.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Export time of the message, nanoseconds since 1970.
    pub(crate) exported: i64,
    /// When the exporter started, if that is known.
    pub(crate) boot: Option<i64>,
    pub(crate) known: &'a Known,
    pub(crate) registry: &'a weir_record::registry::Registry,
    pub(crate) templates: &'a dyn TemplateLookup,
}

/// Memory that is used again for every set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runner {
    spans: Vec<(u32, u32)>,
    scratch: Scratch,
    initiators: FlowBatch,
    responders: FlowBatch,
}

/// Memory for one value or one row.
#[derive(Clone, Debug, Default)]
struct Scratch {
    text: Vec<u8>,
    members: Members,
    walk: Walk,
}

impl Runner {
    /// Decodes the body of a data set into rows; gives their number. The caller writes what all rows of a message share, and fills
    /// `record_kind` with [`fill_kinds`].
    pub(crate) fn run(
        &mut self,
        program: &Program,
        body: Reader<'_>,
        context: &Context<'_>,
        flows: &mut FlowBatch,
        faults: &mut Faults,
    ) -> usize {
        let offset = body.offset();
        let records = program.shape.split(body, &mut self.spans, faults);
        let count = records.count();
        if count == 0 {
            return 0;
        }
        let mut pass = Pass { shape: &program.shape, records, context, scratch: &mut self.scratch, faults, offset };
        let Some(reverse) = &program.reverse else {
            pass.run(&program.forward, flows);
            return count;
        };
        self.initiators.clear();
        self.responders.clear();
        pass.run(&program.forward, &mut self.initiators);
        pass.run(reverse, &mut self.responders);
        fill_kinds(&mut self.initiators, count);
        fill_kinds(&mut self.responders, count);
        // Rows of earlier sets of the message first, whose kinds may not have been told yet.
        fill_kinds(flows, flows.rows());
        self.initiators.biflow.fill(0, count, names::INITIATOR);
        self.responders.biflow.fill(0, count, names::RESPONDER);
        flows.append_alternating(&self.initiators, &self.responders);
        2 * count
    }

    /// Splits the body of a set of options records.
    pub(crate) fn split<'a>(&'a mut self, program: &Program, body: Reader<'a>, faults: &mut Faults) -> Records<'a> {
        program.shape.split(body, &mut self.spans, faults)
    }
}

/// One plan over one set.
struct Pass<'a> {
    shape: &'a Shape,
    records: Records<'a>,
    context: &'a Context<'a>,
    scratch: &'a mut Scratch,
    faults: &'a mut Faults,
    /// Offset of the set's body in the message.
    offset: usize,
}

impl Pass<'_> {
    fn run(&mut self, plan: &Plan, flows: &mut FlowBatch) {
        let (row, count) = (flows.rows(), self.records.count());
        self.numbers(plan, flows, row);
        for step in &plan.steps {
            self.step(step, flows, row, count);
        }
        self.extras(plan, flows, row, count);
        flows.advance(count);
    }

    /// The columns that take numbers over. Where every record has one length, each common pair of widths has a loop of its own.
    fn numbers(&self, plan: &Plan, flows: &mut FlowBatch, row: usize) {
        let Some(grid) = self.records.grid() else {
            for (column, field) in &plan.numbers {
                write_numbers(flows.column_mut(*column), row, self.cells(*field));
            }
            return;
        };
        for (column, field) in &plan.numbers {
            let (offset, length) = self.shape.place(*field);
            match (flows.column_mut(*column), length) {
                (AnyColumnMut::U8(out), 1) => out.extend(row, grid.cells(offset).map(|[octet]| octet)),
                (AnyColumnMut::U16(out), 2) => out.extend(row, grid.cells(offset).map(u16::from_be_bytes)),
                (AnyColumnMut::U32(out), 4) => out.extend(row, grid.cells(offset).map(u32::from_be_bytes)),
                (AnyColumnMut::U32(out), 2) => {
                    out.extend(row, grid.cells(offset).map(|octets| u16::from_be_bytes(octets).into()))
                }
                (AnyColumnMut::U64(out), 8) => out.extend(row, grid.cells(offset).map(u64::from_be_bytes)),
                (AnyColumnMut::U64(out), 4) => {
                    out.extend(row, grid.cells(offset).map(|octets| u32::from_be_bytes(octets).into()))
                }
                (column, _) => write_numbers(column, row, self.cells(*field)),
            }
        }
    }

    fn cells(&self, field: usize) -> Cells<'_> {
        self.shape.cells(self.records, field)
    }

    fn step(&mut self, step: &Step, flows: &mut FlowBatch, row: usize, count: usize) {
        match step {
            Step::NumberExcept { column, field, absent } => {
                let cells = self.cells(*field);
                // Almost always all are present, and written as plain numbers.
                if cells.iter().all(|octets| present(octets, *absent).is_some()) {
                    return write_numbers(flows.column_mut(*column), row, cells);
                }
                write_some(flows.column_mut(*column), row, cells.iter().map(|octets| present(octets, *absent)));
            }
            Step::NumberMasked { column, field, mask } => {
                write_some(flows.column_mut(*column), row, self.cells(*field).iter().map(|octets| Some(number(octets) & mask)));
            }
            Step::Address4 { column, field } => {
                if let AnyColumnMut::Ip(out) = flows.column_mut(*column) {
                    let cells = self.cells(*field);
                    match self.records.grid() {
                        Some(grid) => out.extend_v4(row, grid.cells(self.shape.place(*field).0).map(u32::from_be_bytes)),
                        None => out.extend_v4(row, cells.iter().map(|octets| number(octets) as u32)),
                    }
                }
            }
            Step::Address6 { column, field } => {
                if let AnyColumnMut::Ip(out) = flows.column_mut(*column) {
                    let cells = self.cells(*field);
                    match self.records.grid() {
                        Some(grid) => out.extend(row, grid.cells(self.shape.place(*field).0).map(Address::v6)),
                        None => out.extend(row, cells.iter().map(address6)),
                    }
                }
            }
            Step::AddressMapped { column, field } => {
                if let AnyColumnMut::Ip(out) = flows.column_mut(*column) {
                    for (index, octets) in self.cells(*field).iter().enumerate() {
                        out.push_some(row + index, mapped(octets));
                    }
                }
            }
            Step::Word { column, field, words } => {
                let word = |octets| Some(number(octets)).filter(|number| *number < *words as u64);
                write_some(flows.column_mut(*column), row, self.cells(*field).iter().map(word));
            }
            Step::List { column, field } => self.lists(flows, row, *column, *field),
            Step::BiflowDirection { field } => {
                let half = |octets| match number(octets) {
                    1 => Some(names::INITIATOR),
                    2 => Some(names::RESPONDER),
                    _ => None,
                };
                flows.biflow.extend_some(row, self.cells(*field).iter().map(half));
            }
            Step::AddressEither { column, v4, v6, version } => self.address_either(flows, row, *column, *v4, *v6, *version),
            Step::IpVersion(version) => flows.ip_version.fill(row, count, *version),
            Step::IpVersionOfAddress => {
                for place in row..row + count {
                    let address = flows.src_addr.get(place).or_else(|| flows.dst_addr.get(place));
                    flows.ip_version.push_some(place, address.map(|address| if address.is_v4() { 4 } else { 6 }));
                }
            }
            Step::Text { column, field, form } => self.texts(flows, row, *column, *field, *form),
            Step::Time { column, field, form } => self.times(flows, row, *column, *field, *form),
            Step::EndByDuration { field, unit } => {
                for (index, octets) in self.cells(*field).iter().enumerate() {
                    let duration = i64::try_from(number(octets)).unwrap_or(i64::MAX).saturating_mul(*unit);
                    let start = flows.time_start.get(row + index);
                    flows.time_end.push_some(row + index, start.map(|start| start.saturating_add(duration)));
                }
            }
            Step::EndIsStart => {
                for place in row..row + count {
                    let start = flows.time_start.get(place);
                    flows.time_end.push_some(place, start);
                }
            }
            Step::IcmpTypeCode { v4, v6 } => self.icmp(flows, row, count, *v4, *v6),
            Step::IcmpOfPort => icmp_of_port(flows, row, count),
            Step::Mpls { fields } => self.mpls(flows, row, count, fields),
            Step::EstimateBytes { field } => {
                for (index, octets) in self.cells(*field).iter().enumerate() {
                    let overhead = 18 * flows.packets.get(row + index).unwrap_or(0);
                    flows.bytes.push(row + index, number(octets).saturating_sub(overhead));
                }
                flows.bytes_estimated.fill(row, count, 1);
            }
            Step::Sampling(sampling) => self.sampling(flows, row, count, *sampling),
            Step::FirewallKind { field } => {
                for (index, octets) in self.cells(*field).iter().enumerate() {
                    // Element 233: denied and alert are events; deleted and update carry the flow's counters. Created is an event, unless
                    // it has counters of its own, as Palo Alto sends it.
                    let counted = |counter: &Fixed<u64>| counter.get(row + index).is_some_and(|count| count > 0);
                    let created = number(octets) == 1 && !counted(&flows.bytes) && !counted(&flows.packets);
                    if created || matches!(number(octets), 3 | 4) {
                        set_kind(flows, row + index, names::EVENT);
                    }
                }
            }
            Step::NatKind { field } => {
                for (index, octets) in self.cells(*field).iter().enumerate() {
                    if number(octets) != 0 {
                        set_kind(flows, row + index, names::EVENT);
                    }
                }
            }
            Step::SqlEngine(engine) => flows.sql_engine.fill(row, count, engine),
            Step::Names { app, sampler } => self.names(flows, row, count, *app, *sampler),
        }
    }

    /// The family of element 60, else the one that is not zero, else the first in the template.
    fn address_either(&self, flows: &mut FlowBatch, row: usize, column: Column, v4: usize, v6: usize, version: Option<usize>) {
        let AnyColumnMut::Ip(out) = flows.column_mut(column) else {
            return;
        };
        let (cells4, cells6) = (self.cells(v4), self.cells(v6));
        let version = version.map(|field| self.cells(field));
        for index in 0..self.records.count() {
            let (octets4, octets6) = (cells4.get(index), cells6.get(index));
            let first4 = match version.map(|cells| number(cells.get(index))) {
                Some(4) => true,
                Some(6) => false,
                _ if octets4.iter().any(|octet| *octet != 0) => true,
                _ if octets6.iter().any(|octet| *octet != 0) => false,
                _ => v4 < v6,
            };
            out.push(row + index, if first4 { Address::v4(number(octets4) as u32) } else { address6(octets6) });
        }
    }

    fn texts(&mut self, flows: &mut FlowBatch, row: usize, column: Column, field: usize, form: TextForm) {
        let AnyColumnMut::Text(out) = flows.column_mut(column) else {
            return;
        };
        let cells = self.shape.cells(self.records, field);
        let text = &mut self.scratch.text;
        for (index, octets) in cells.iter().enumerate() {
            let row = row + index;
            text.clear();
            match form {
                TextForm::Utf8 => {
                    let octets = trim_padding(octets);
                    if !octets.is_empty() {
                        out.push_lossy(row, octets);
                    }
                    continue;
                }
                TextForm::Hex if octets.iter().all(|octet| *octet == 0) => {}
                TextForm::Hex => write_hex_octets(text, octets),
                TextForm::Number(all_ones) => {
                    let absent = all_ones && present(octets, Absent::AllOnes).is_none();
                    if !absent && !octets.is_empty() {
                        write_number(text, number(octets));
                    }
                }
                TextForm::AppId => {
                    if let Some((engine, selector)) = octets.split_first() {
                        write_number(text, *engine);
                        text.push(b':');
                        write_number(text, number(selector));
                    }
                }
                TextForm::SipMethod => match SIP_METHODS.get(number(octets) as usize) {
                    Some(method) => text.extend_from_slice(method.as_bytes()),
                    None => write_number(text, number(octets)),
                },
            }
            if !text.is_empty() {
                out.push_lossy(row, text);
            }
        }
    }

    fn lists(&mut self, flows: &mut FlowBatch, row: usize, column: Column, field: usize) {
        let AnyColumnMut::List(out) = flows.column_mut(column) else {
            return;
        };
        for (index, octets) in self.shape.cells(self.records, field).iter().enumerate() {
            match list_of_numbers(Reader::new(octets)) {
                Some(numbers) if !numbers.is_empty() => out.push(row + index, numbers),
                Some(_) => {}
                None if octets.is_empty() => {}
                None => self.faults.add(Fault::new(Reason::BadList, self.offset, octets.len() as u64)),
            }
        }
    }

    fn times(&self, flows: &mut FlowBatch, row: usize, column: Column, field: usize, form: TimeForm) {
        let AnyColumnMut::Time(out) = flows.column_mut(column) else {
            return;
        };
        let cells = self.cells(field);
        match form {
            TimeForm::Seconds => self.convert(out, row, field, seconds),
            TimeForm::Milliseconds => self.convert(out, row, field, milliseconds),
            TimeForm::NtpMicroseconds => out.extend_some(row, cells.iter().map(|octets| ntp_microseconds(number(octets)))),
            TimeForm::NtpNanoseconds => out.extend_some(row, cells.iter().map(|octets| ntp_nanoseconds(number(octets)))),
            TimeForm::DeltaMicroseconds => {
                let exported = self.context.exported;
                let convert = |delta: u64| exported.saturating_sub(i64::try_from(delta).unwrap_or(i64::MAX).saturating_mul(1000));
                self.convert(out, row, field, convert);
            }
            TimeForm::Uptime { boot: Some(field) } => {
                for (index, (uptime, boot)) in cells.iter().zip(self.cells(field).iter()).enumerate() {
                    out.push(row + index, time_of_uptime(self.context.exported, milliseconds(number(boot)), number(uptime)));
                }
            }
            TimeForm::Uptime { boot: None } => {
                let Some(boot) = self.context.boot else { return };
                let exported = self.context.exported;
                self.convert(out, row, field, |uptime| time_of_uptime(exported, boot, uptime));
            }
        }
    }

    /// Times that follow from an unsigned number.
    #[inline]
    fn convert(&self, out: &mut Fixed<i64>, row: usize, field: usize, convert: impl Fn(u64) -> i64) {
        let (offset, length) = self.shape.place(field);
        match (self.records.grid(), length) {
            (Some(grid), 4) => out.extend(row, grid.cells(offset).map(|octets| convert(u32::from_be_bytes(octets).into()))),
            (Some(grid), 8) => out.extend(row, grid.cells(offset).map(|octets| convert(u64::from_be_bytes(octets)))),
            _ => out.extend(row, self.cells(field).iter().map(|octets| convert(number(octets)))),
        }
    }

    fn icmp(&self, flows: &mut FlowBatch, row: usize, count: usize, v4: Option<usize>, v6: Option<usize>) {
        let pair = |field: Option<usize>, index| field.map(|field| number(self.cells(field).get(index)) as u16);
        for index in 0..count {
            let protocol = flows.protocol.get(row + index);
            let (one, other) = if protocol == Some(PROTOCOL_ICMP6) { (v6, v4) } else { (v4, v6) };
            let first = pair(one, index).filter(|value| *value != 0).or_else(|| pair(other, index)).or_else(|| pair(one, index));
            // Many templates carry the field for every protocol; zero means something for ICMP alone.
            let is_icmp = matches!(protocol, None | Some(PROTOCOL_ICMP | PROTOCOL_ICMP6));
            if let Some(value) = first.filter(|value| is_icmp || *value != 0) {
                flows.icmp_type.push(row + index, (value >> 8) as u8);
                flows.icmp_code.push(row + index, value as u8);
            }
        }
    }

    fn mpls(&self, flows: &mut FlowBatch, row: usize, count: usize, fields: &[usize]) {
        for index in 0..count {
            let entries = fields.iter().map(|field| number(self.cells(*field).get(index)) as u32).take_while(|entry| *entry != 0);
            if entries.clone().next().is_some() {
                flows.mpls_labels.push(row + index, entries);
            }
        }
    }

    fn sampling(&self, flows: &mut FlowBatch, row: usize, count: usize, sampling: Sampling) {
        let known = self.context.known;
        let pair = |one: usize, other: usize, index| (number(self.cells(one).get(index)), number(self.cells(other).get(index)));
        let of_record = |index| match sampling {
            Sampling::Interval(field) => Some(number(self.cells(field).get(index))),
            Sampling::Space { of, space } => rate_of_space(pair(of, space, index)),
            Sampling::Population { size, population } => rate_of_population(pair(size, population, index)),
            Sampling::Sampler(field) => known.samplers.get(&number(self.cells(field).get(index)))?.rate.map(u64::from),
            Sampling::Session => None,
        };
        if sampling == Sampling::Session && known.interface_sampling.is_empty() {
            if let Some(rate) = known.default_rate() {
                flows.sampling_rate.fill(row, count, rate);
            }
            return;
        }
        for index in 0..count {
            let by_interface = || {
                let side = if flows.direction.get(row + index) == Some(1) { &flows.out_if } else { &flows.in_if };
                known.interface_sampling.get(&side.get(row + index)?).copied()
            };
            let rate = of_record(index).filter(|rate| *rate != 0).map(|rate| u32::try_from(rate).unwrap_or(u32::MAX));
            let rate = rate.or_else(by_interface).or_else(|| known.default_rate());
            flows.sampling_rate.push_some(row + index, rate);
        }
    }

    /// Names from options data, for what the record refers to.
    fn names(&self, flows: &mut FlowBatch, row: usize, count: usize, app: Option<usize>, sampler: Option<usize>) {
        let known = self.context.known;
        if !known.interfaces.is_empty() {
            for place in row..row + count {
                if let Some(interface) = flows.in_if.get(place).and_then(|number| known.interfaces.get(&number)) {
                    flows.in_if_name.push_some(place, interface.name.as_deref());
                    flows.in_if_alias.push_some(place, interface.alias.as_deref());
                }
                if let Some(interface) = flows.out_if.get(place).and_then(|number| known.interfaces.get(&number)) {
                    flows.out_if_name.push_some(place, interface.name.as_deref());
                    flows.out_if_alias.push_some(place, interface.alias.as_deref());
                }
            }
        }
        if !known.vrfs.is_empty() {
            for place in row..row + count {
                let name = |vrf: &Fixed<u32>| known.vrfs.get(&vrf.get(place)?).map(String::as_str);
                flows.vrf_in_name.push_some(place, name(&flows.vrf_in));
                flows.vrf_out_name.push_some(place, name(&flows.vrf_out));
            }
        }
        if let Some(field) = app.filter(|_| !known.applications.is_empty()) {
            for (index, octets) in self.cells(field).iter().enumerate() {
                flows.app_name.push_some(row + index, known.applications.get(octets).map(String::as_str));
            }
        }
        if let Some(field) = sampler.filter(|_| !known.samplers.is_empty()) {
            for (index, octets) in self.cells(field).iter().enumerate() {
                let sampler = known.samplers.get(&number(octets));
                flows.sampler_name.push_some(row + index, sampler.and_then(|sampler| sampler.name.as_deref()));
            }
        }
    }

    /// What no column covers, and what the head of a packet tells: a row at a time, because both end in `extra`.
    fn extras(&mut self, plan: &Plan, flows: &mut FlowBatch, row: usize, count: usize) {
        let keep_uptime = plan.has_uptime && self.context.boot.is_none();
        let kept = || plan.extras.iter().filter(|extra| keep_uptime || !extra.uptime);
        if kept().next().is_none() && plan.frame.is_none() {
            return;
        }
        let show = Show { registry: self.context.registry, templates: self.context.templates };
        for index in 0..count {
            self.scratch.text.clear();
            for extra in kept() {
                let octets = self.shape.cells(self.records, extra.field).get(index);
                if extra.all_ones_absent && present(octets, Absent::AllOnes).is_none() {
                    continue;
                }
                let text = &mut self.scratch.text;
                text.push(if text.is_empty() { b'{' } else { b',' });
                text.extend_from_slice(&extra.key);
                if show.write_json(text, extra.data_type, octets).is_err() {
                    self.faults.add(Fault::new(Reason::BadList, self.offset, octets.len() as u64));
                }
            }
            if !self.scratch.text.is_empty() {
                self.scratch.text.push(b'}');
                // Only whole UTF-8 was written.
                flows.extra.push_with(row + index, |out| out.extend_from_slice(&self.scratch.text));
            }
            if let Some(frame) = &plan.frame {
                self.frame(frame, flows, row, index);
            }
        }
    }

    /// A record that holds the head of a packet is a sample of one.
    fn frame(&mut self, frame: &FrameField, flows: &mut FlowBatch, row: usize, index: usize) {
        let header = self.shape.cells(self.records, frame.field).get(index);
        let link = match frame.kind {
            FrameKind::Ip => Some(Link::Ip),
            // Element 408: 1 is Ethernet (RFC 7133, section 4.3); others are not read.
            FrameKind::Link { kind: Some(kind) } if number(self.cells(kind).get(index)) > 1 => None,
            FrameKind::Link { .. } => Some(Link::Ethernet),
        };
        let length = frame.size.map_or(header.len() as u64, |size| number(self.cells(size).get(index)));
        let row = row + index;
        set_kind(flows, row, names::SAMPLE);
        fill(&mut flows.packets, row, 1);
        if frame.size.is_some() {
            fill(&mut flows.frame_bytes, row, length);
        }
        if let Some(link) = link {
            Frame { link, header, length }.write(flows, row, &mut self.scratch.walk, &mut self.scratch.members);
            self.scratch.members.write(&mut flows.extra, row);
        }
    }
}

/// Says what a row is; rows before it of which nothing was said are flows.
fn set_kind(flows: &mut FlowBatch, row: usize, kind: u8) {
    fill_kinds(flows, row);
    flows.record_kind.push(row, kind);
}

/// Says of rows before `end` of which nothing was said that they are flows.
pub(crate) fn fill_kinds(flows: &mut FlowBatch, end: usize) {
    let told = flows.record_kind.len();
    if told < end {
        flows.record_kind.fill(told, end - told, names::FLOW);
    }
}

const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_ICMP6: u8 = 58;

/// Without a field of its own, NetFlow carries ICMP type and code in the destination port.
fn icmp_of_port(flows: &mut FlowBatch, row: usize, count: usize) {
    let is_icmp = |protocol: &u8| matches!(*protocol, PROTOCOL_ICMP | PROTOCOL_ICMP6);
    let protocols = flows.protocol.values().get(row..).unwrap_or_default();
    if !protocols.iter().fold(false, |any, protocol| any | is_icmp(protocol)) {
        return;
    }
    for place in row..row + count {
        if let (Some(PROTOCOL_ICMP | PROTOCOL_ICMP6), Some(port)) = (flows.protocol.get(place), flows.dst_port.get(place)) {
            flows.icmp_type.push(place, (port >> 8) as u8);
            flows.icmp_code.push(place, port as u8);
        }
    }
}

/// The time at which a clock of 32 bits that counts milliseconds since boot showed `uptime`. It starts anew after 49 days, so what
/// lies between then and the export is signed.
#[inline]
fn time_of_uptime(exported: i64, boot: i64, uptime: u64) -> i64 {
    let now = exported.saturating_sub(boot) / 1_000_000;
    exported.saturating_sub(i64::from((now as u32).wrapping_sub(uptime as u32) as i32) * 1_000_000)
}

fn present(octets: &[u8], absent: Absent) -> Option<u64> {
    match absent {
        Absent::Value(value) => Some(number(octets)).filter(|number| *number != value),
        Absent::AllOnes => octets.iter().any(|octet| *octet != 0xff).then(|| number(octets)),
    }
}

fn address6(octets: &[u8]) -> Address {
    Address::v6(octets.first_chunk().copied().unwrap_or_default())
}
