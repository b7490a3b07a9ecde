//! Turns a template into a [`Program`]: finds for each column of the record the field that fills it, and keeps the rest for `extra`.

use weir_record::flow::{PEN_CESNET, PEN_FLOWMON};
use weir_record::registry::{DataType, Registry};
use weir_record::{Column, ColumnType, ElementId, Scope};

use super::cells::Shape;
use super::program::{Absent, Extra, FrameField, FrameKind, Plan, Program, Sampling, Step, TextForm, TimeForm};
use super::text::{data_type, describe, json_key};
use super::{PEN_NETFLOW9_SCOPE, Template, forward_of, reverse_of};

const fn ie(id: u16) -> ElementId {
    ElementId::iana(id)
}

/// Element 210, octets without meaning.
const PADDING: ElementId = ie(210);

impl Program {
    /// Makes a template ready. `raw` are the octets that announced it.
    pub(crate) fn new(template: Template, raw: &[u8], registry: &Registry) -> Self {
        let described = describe(registry, &template.fields, |place, field| {
            scope_name(&template, place, field.element).unwrap_or_else(|| registry.key(field.element))
        });
        let (forward, reverse) =
            if template.scope.is_some() { (Plan::default(), None) } else { Compiler::new(&template, registry).plans() };
        let is_known = |element: ElementId| element.pen == PEN_NETFLOW9_SCOPE || registry.get(element).is_some();
        let elements = template.fields.iter().map(|field| field.element);
        let unknown = elements.filter(|element| !is_known(*element) && !forward_of(*element).is_some_and(is_known)).collect();
        Self { shape: Shape::new(&template), raw: raw.into(), described, unknown, forward, reverse, template }
    }
}

/// Names of NetFlow v9 scope types (RFC 3954, section 6.1).
fn scope_name(template: &Template, place: usize, element: ElementId) -> Option<String> {
    if element.pen != PEN_NETFLOW9_SCOPE || place >= usize::from(template.scope?) {
        return None;
    }
    let name = match element.id {
        1 => "system",
        2 => "interface",
        3 => "lineCard",
        4 => "cache",
        5 => "template",
        other => return Some(format!("scope/{other}")),
    };
    Some(name.to_owned())
}

/// Which half of a two-way record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Initiator,
    Responder,
}

/// Works on one template.
struct Compiler<'a> {
    template: &'a Template,
    registry: &'a Registry,
    /// Whether some step uses the field.
    used: Vec<bool>,
    /// The column that first used the field, to name later occurrences of its element.
    column_of: Vec<Option<Column>>,
    /// Compiling the responder's half.
    reverse: bool,
    /// Initiator's and responder's counters stand in the record.
    initiator: bool,
    /// Elements that are known under the name of a column: ours ([`crate::private`]), or a user's.
    named: Vec<(Column, ElementId)>,
    numbers: Vec<(Column, usize)>,
    steps: Vec<Step>,
    frame: Option<FrameField>,
    uptimes: Vec<usize>,
}

impl<'a> Compiler<'a> {
    fn new(template: &'a Template, registry: &'a Registry) -> Self {
        let has = |id| template.fields.iter().any(|field| field.element == ie(id));
        Self {
            template,
            registry,
            used: vec![false; template.fields.len()],
            column_of: vec![None; template.fields.len()],
            reverse: false,
            initiator: (has(231) || has(298)) && (has(232) || has(299)),
            named: template.fields.iter().filter_map(|field| named(registry, field.element)).collect(),
            numbers: Vec::new(),
            steps: Vec::new(),
            frame: None,
            uptimes: Vec::new(),
        }
    }

    /// The plan of the record, and that of its responder's half where it has one.
    fn plans(mut self) -> (Plan, Option<Plan>) {
        let two_way = self.is_two_way();
        let (mut forward, forward_uptimes) = self.columns();
        if !two_way {
            forward.extras = self.extras(None, &forward_uptimes);
            return (forward, None);
        }
        self.reverse = true;
        let (mut reverse, reverse_uptimes) = self.columns();
        // What is left over is known once both halves have taken their fields.
        forward.extras = self.extras(Some(Half::Initiator), &forward_uptimes);
        reverse.extras = self.extras(Some(Half::Responder), &reverse_uptimes);
        (forward, Some(reverse))
    }

    /// What fills the columns of one direction, and which of its fields are uptimes.
    fn columns(&mut self) -> (Plan, Vec<usize>) {
        self.frame();
        for column in Column::ALL.iter().copied() {
            match column {
                Column::biflow => self.biflow_direction(),
                Column::src_addr | Column::dst_addr => self.address(column),
                Column::time_start | Column::time_end => self.own_time(column),
                Column::bytes | Column::packets => self.counter(column),
                Column::bytes_total if self.find(ie(1)).is_none() => {}
                Column::packets_total if self.find(ie(2)).is_none() => {}
                Column::icmp_type => self.icmp(),
                // Written together with the type.
                Column::icmp_code => {}
                Column::mpls_labels => self.mpls(),
                // The rate may be that of an interface, which depends on the direction.
                Column::sampling_rate => {}
                _ => self.plain(column),
            }
        }
        self.afterwards();
        // Columns of one type one after the other, so that the same loop serves them.
        let length = |field: usize| self.template.fields.get(field).map(|field| field.length);
        self.numbers.sort_by_key(|(column, field)| (column.info().column_type.name(), length(*field)));
        let uptimes = std::mem::take(&mut self.uptimes);
        let plan = Plan {
            numbers: std::mem::take(&mut self.numbers),
            steps: std::mem::take(&mut self.steps),
            extras: Vec::new(),
            frame: self.frame,
            has_uptime: !uptimes.is_empty(),
        };
        (plan, uptimes)
    }

    /// The first field of that element.
    fn find(&self, element: ElementId) -> Option<usize> {
        self.template.fields.iter().position(|field| field.element == element && field.length > 0)
    }

    /// The first field of that element, if its length suits a column of that type.
    fn find_for(&self, element: ElementId, column_type: ColumnType) -> Option<usize> {
        let field = self.find(element)?;
        let length = self.template.fields.get(field)?.length;
        let suits = match column_type {
            ColumnType::Text | ColumnType::List => true,
            ColumnType::Ip if data_type(self.registry, element) == DataType::Ipv4Address => length == 4,
            ColumnType::Ip => length == 16,
            ColumnType::Mac => length == 6,
            _ => length <= 8,
        };
        suits.then_some(field)
    }

    /// The field that fills a column of the direction that is compiled, and its element.
    fn resolve(&self, column: Column, elements: &[ElementId]) -> Option<(usize, ElementId)> {
        let info = column.info();
        let find = |element: &ElementId| self.find_for(*element, info.column_type).map(|field| (field, *element));
        if !self.reverse {
            return elements.iter().find_map(find);
        }
        let reversed = elements.iter().find_map(|element| {
            let field = self.find_for(reverse_of(*element)?, info.column_type)?;
            Some((field, *element))
        });
        let forward = || match info.scope {
            Scope::Direction => None,
            Scope::Key => column.mirror().info().elements.iter().find_map(find),
            Scope::Record | Scope::Connection => elements.iter().find_map(find),
        };
        reversed.or_else(forward)
    }

    fn mark(&mut self, column: Column, field: usize) {
        if let (Some(used), Some(owner)) = (self.used.get_mut(field), self.column_of.get_mut(field)) {
            *used = true;
            owner.get_or_insert(column);
        }
    }

    fn push(&mut self, column: Column, field: usize, step: Step) {
        self.mark(column, field);
        self.steps.push(step);
    }

    fn number(&mut self, column: Column, field: usize) {
        self.mark(column, field);
        self.numbers.push((column, field));
    }

    /// A column that takes a value over.
    fn plain(&mut self, column: Column) {
        let known = self.resolve(column, column.info().elements);
        let named = || {
            let (_, element) = self.named.iter().find(|(named, _)| *named == column)?;
            self.resolve(column, &[*element])
        };
        let Some((field, element)) = known.or_else(named) else {
            return;
        };
        if column == Column::tcp_syn_size && element.pen == PEN_CESNET {
            // The other element says the same in fewer bits, for collectors that know only that.
            if let Some((other, _)) = self.resolve(column, &[ElementId::enterprise(PEN_FLOWMON, 80)]) {
                self.mark(column, other);
            }
        }
        let data_type = data_type(self.registry, element);
        let is_named = known.is_none();
        let all_ones = (element.pen == PEN_FLOWMON || is_named) && data_type.is_integer();
        let step = match (column, column.info().column_type) {
            (Column::direction, _) => Step::NumberExcept { column, field, absent: Absent::Value(255) },
            (Column::flow_count, _) => Step::NumberExcept { column, field, absent: Absent::Value(1) },
            (Column::dns_rcode, _) if element == ElementId::enterprise(PEN_FLOWMON, 111) => {
                Step::NumberMasked { column, field, mask: 0x0f }
            }
            (Column::tls_ja3, _) => Step::Text { column, field, form: TextForm::Hex },
            (Column::app_id, _) => Step::Text { column, field, form: TextForm::AppId },
            (Column::sip_method, _) => Step::Text { column, field, form: TextForm::SipMethod },
            (_, ColumnType::Text) if data_type.is_integer() => Step::Text { column, field, form: TextForm::Number(all_ones) },
            (_, ColumnType::Text) => Step::Text { column, field, form: TextForm::Utf8 },
            (_, ColumnType::Ip) if data_type == DataType::Ipv4Address => Step::Address4 { column, field },
            (_, ColumnType::Ip) if is_named => Step::AddressMapped { column, field },
            (_, ColumnType::Ip) => Step::Address6 { column, field },
            (_, ColumnType::Time) => match time_form(data_type) {
                Some(form) => Step::Time { column, field, form },
                None => return,
            },
            (_, ColumnType::Enum(words)) => Step::Word { column, field, words: words.len() },
            (_, ColumnType::Bool) => Step::Word { column, field, words: 2 },
            (_, ColumnType::List) => Step::List { column, field },
            (_, ColumnType::Json) => return,
            _ if all_ones => Step::NumberExcept { column, field, absent: Absent::AllOnes },
            _ => return self.number(column, field),
        };
        self.push(column, field, step);
    }

    /// Addresses: both families may stand in one template, and a prefix serves where there is no address.
    fn address(&mut self, column: Column) {
        let source = if self.reverse { column.mirror() } else { column };
        // Two families of each kind: addresses, prefixes, Cisco's client and server.
        let find = |element: &ElementId| self.find_for(*element, ColumnType::Ip);
        let pairs = source.info().elements.chunks(2).map(|pair| (pair.first().and_then(find), pair.get(1).and_then(find)));
        let found = pairs.into_iter().find(|pair| *pair != (None, None));
        match found.unwrap_or_default() {
            (Some(v4), Some(v6)) => {
                self.mark(column, v4);
                self.mark(column, v6);
                let version = self.find_for(ie(60), ColumnType::U8);
                self.steps.push(Step::AddressEither { column, v4, v6, version });
            }
            (Some(field), None) => self.push(column, field, Step::Address4 { column, field }),
            (None, Some(field)) => self.push(column, field, Step::Address6 { column, field }),
            (None, None) => {}
        }
    }

    /// Start or end of the flow.
    fn own_time(&mut self, column: Column) {
        let Some((field, element)) = self.resolve(column, column.info().elements) else {
            return;
        };
        let form = match element.id {
            21 | 22 => {
                let boot = self.find_for(ie(160), ColumnType::U64);
                if boot.is_none() {
                    self.uptimes.push(field);
                }
                TimeForm::Uptime { boot }
            }
            158 | 159 => TimeForm::DeltaMicroseconds,
            _ => match time_form(data_type(self.registry, element)) {
                Some(form) => form,
                None => return,
            },
        };
        self.push(column, field, Step::Time { column, field, form });
    }

    /// Bytes and packets: where a record has initiator's and responder's counters, those are each half's own.
    fn counter(&mut self, column: Column) {
        let (initiator, responder) = if column == Column::bytes { (231, 232) } else { (298, 299) };
        let own = self.find_for(ie(if self.reverse { responder } else { initiator }), ColumnType::U64);
        let found = match own {
            Some(field) if self.initiator => Some(field),
            _ => self.resolve(column, column.info().elements).map(|(field, _)| field).or(if self.reverse { own } else { None }),
        };
        if let Some(field) = found {
            self.number(column, field);
        }
    }

    /// A record that is no two-way one may say which half of a connection it is.
    fn biflow_direction(&mut self) {
        if let (Some(field), false) = (self.find_for(ie(239), ColumnType::U8), self.is_two_way()) {
            self.push(Column::biflow, field, Step::BiflowDirection { field });
        }
    }

    fn is_two_way(&self) -> bool {
        self.initiator || self.template.fields.iter().any(|field| forward_of(field.element).is_some())
    }

    fn icmp(&mut self) {
        let number = |id| self.find_for(ie(id), ColumnType::U8);
        let (kind, code) = (number(176).or_else(|| number(178)), number(177).or_else(|| number(179)));
        if kind.is_some() || code.is_some() {
            for (column, field) in [(Column::icmp_type, kind), (Column::icmp_code, code)] {
                if let Some(field) = field {
                    self.number(column, field);
                }
            }
            return;
        }
        let pair = |id| self.find_for(ie(id), ColumnType::U16);
        let (v4, v6) = (pair(32), pair(139));
        if v4.is_some() || v6.is_some() {
            for field in [v4, v6].into_iter().flatten() {
                self.mark(Column::icmp_type, field);
            }
            self.steps.push(Step::IcmpTypeCode { v4, v6 });
        } else if self.find(ie(11)).is_some() && self.find(ie(4)).is_some() {
            self.steps.push(Step::IcmpOfPort);
        }
    }

    fn mpls(&mut self) {
        if self.reverse {
            return;
        }
        let fields: Vec<usize> = (70..=79)
            .filter_map(|id| self.find(ie(id)))
            .filter(|field| self.template.fields.get(*field).is_some_and(|field| field.length == 3))
            .collect();
        for field in &fields {
            self.mark(Column::mpls_labels, *field);
        }
        if !fields.is_empty() {
            self.steps.push(Step::Mpls { fields });
        }
    }

    fn sampling(&mut self) {
        let find = |id| self.find_for(ie(id), ColumnType::U32);
        let sampling = if let Some(field) = find(34).or_else(|| find(50)) {
            self.mark(Column::sampling_rate, field);
            Sampling::Interval(field)
        } else if let (Some(of), Some(space)) = (find(305), find(306)) {
            self.mark(Column::sampling_rate, of);
            self.mark(Column::sampling_rate, space);
            Sampling::Space { of, space }
        } else if let (Some(size), Some(population)) = (find(309), find(310)) {
            self.mark(Column::sampling_rate, size);
            self.mark(Column::sampling_rate, population);
            Sampling::Population { size, population }
        } else if let Some(field) = self.find_for(ie(48), ColumnType::U64).or_else(|| self.find_for(ie(302), ColumnType::U64)) {
            Sampling::Sampler(field)
        } else {
            Sampling::Session
        };
        self.steps.push(Step::Sampling(sampling));
    }

    /// Octets of a packet (RFC 5477, RFC 7133).
    fn frame(&mut self) {
        if self.reverse {
            return;
        }
        let link = self.find(ie(315)).or_else(|| self.find(ie(104)));
        let (field, kind) = match (link, self.find(ie(313))) {
            (Some(field), _) => (field, FrameKind::Link { kind: self.find_for(ie(408), ColumnType::U16) }),
            (None, Some(field)) => (field, FrameKind::Ip),
            (None, None) => return,
        };
        let size = self.find_for(ie(312), ColumnType::U64);
        self.mark(Column::record_kind, field);
        self.frame = Some(FrameField { field, kind, size });
        if let Some(size) = size {
            self.mark(Column::frame_bytes, size);
        }
    }

    /// What depends on columns that are written by now.
    fn afterwards(&mut self) {
        self.sampling();
        if !self.wrote(Column::ip_version) {
            let family = |step: &Step| match step {
                Step::Address4 { column: Column::src_addr | Column::dst_addr, .. } => Some(Step::IpVersion(4)),
                Step::Address6 { column: Column::src_addr | Column::dst_addr, .. } => Some(Step::IpVersion(6)),
                Step::AddressEither { column: Column::src_addr | Column::dst_addr, .. } => Some(Step::IpVersionOfAddress),
                _ => None,
            };
            let families: Vec<Step> = self.steps.iter().filter_map(family).collect();
            match families.as_slice() {
                [] => {}
                [one, rest @ ..] if rest.iter().all(|other| other == one) => self.steps.push(one.clone()),
                _ => self.steps.push(Step::IpVersionOfAddress),
            }
        }
        if !self.wrote(Column::time_start)
            && let Some((field, element)) = self.resolve(Column::event_time, Column::event_time.info().elements)
            && let Some(form) = time_form(data_type(self.registry, element))
        {
            // What happened at one moment began then.
            self.steps.push(Step::Time { column: Column::time_start, field, form });
        }
        if !self.wrote(Column::time_end) {
            let duration = [(161, 1_000_000), (162, 1_000)];
            let found = duration.into_iter().find_map(|(id, unit)| Some((self.find_for(ie(id), ColumnType::U64)?, unit)));
            match found {
                Some((field, unit)) => self.push(Column::time_end, field, Step::EndByDuration { field, unit }),
                None => self.steps.push(Step::EndIsStart),
            }
        }
        if !self.wrote(Column::bytes)
            && self.frame.is_none()
            && let Some((field, _)) = self.resolve(Column::frame_bytes, Column::frame_bytes.info().elements)
        {
            self.steps.push(Step::EstimateBytes { field });
        }
        let firewall = self.resolve(Column::firewall_event, Column::firewall_event.info().elements);
        let counted = self.wrote(Column::bytes) || self.wrote(Column::packets);
        if let Some((field, _)) = firewall {
            self.steps.push(Step::FirewallKind { field });
        } else if let (Some(field), false) = (self.find_for(ie(230), ColumnType::U8), counted) {
            self.steps.push(Step::NatKind { field });
        }
        let engines = [(290..=300, "mysql"), (310..=319, "postgresql"), (210..=224, "mssql")];
        for (ids, engine) in engines {
            let of_engine = |element: ElementId| element.pen == PEN_FLOWMON && ids.contains(&element.id);
            if self.template.fields.iter().any(|field| of_engine(field.element)) {
                self.steps.push(Step::SqlEngine(engine));
                break;
            }
        }
        let app = if self.find(ie(96)).is_none() { self.find(ie(95)) } else { None };
        let sampler = if self.find(ie(84)).is_none() { self.find(ie(48)).or_else(|| self.find(ie(302))) } else { None };
        self.steps.push(Step::Names { app, sampler });
    }

    /// Whether a column is filled by a number or a time.
    fn wrote(&self, wanted: Column) -> bool {
        let by_step = |step: &Step| matches!(step, Step::Time { column, .. } if *column == wanted);
        self.numbers.iter().any(|(column, _)| *column == wanted) || self.steps.iter().any(by_step)
    }

    /// The fields that no step of either direction uses. In a two-way record the reverse ones are the responder's, under the name
    /// of the forward one, and a forward one that has no reverse belongs to both halves.
    fn extras(&self, half: Option<Half>, uptimes: &[usize]) -> Vec<Extra> {
        let mut names = std::collections::HashMap::<String, usize>::new();
        let mut extras = Vec::new();
        for (place, field) in self.template.fields.iter().enumerate() {
            let uptime = uptimes.contains(&place);
            let used = self.used.get(place).copied().unwrap_or(false) && !uptime;
            if used || field.length == 0 || field.element == PADDING {
                continue;
            }
            let forward = forward_of(field.element);
            let belongs = match (half, forward) {
                (None, _) | (Some(Half::Initiator), None) | (Some(Half::Responder), Some(_)) => true,
                (Some(Half::Initiator), Some(_)) => false,
                (Some(Half::Responder), None) => reverse_of(field.element).is_none_or(|twin| self.find(twin).is_none()),
            };
            if !belongs {
                continue;
            }
            let element = forward.unwrap_or(field.element);
            let name = self.extra_name(place, element, half);
            let times = names.entry(name.clone()).or_default();
            *times += 1;
            let name = if *times == 1 { name } else { format!("{name}_{times}") };
            let data_type = data_type(self.registry, element);
            let all_ones_absent = element.pen == PEN_FLOWMON && data_type.is_integer();
            extras.push(Extra { field: place, key: json_key(&name), data_type, uptime, all_ones_absent });
        }
        extras
    }

    /// The element's name, or `inner_` and the column's where an earlier field of the same element fills a column.
    fn extra_name(&self, place: usize, element: ElementId, half: Option<Half>) -> String {
        let earlier = self.template.fields.iter().take(place).position(|field| field.element == element);
        match earlier.and_then(|earlier| self.column_of.get(earlier).copied().flatten()) {
            Some(column) if half == Some(Half::Responder) => format!("inner_{}", column.mirror().name()),
            Some(column) => format!("inner_{}", column.name()),
            None => self.registry.key(element),
        }
    }
}

/// The column under whose name an element is known, where its enterprise is none of those whose elements stand in the table of columns.
fn named(registry: &Registry, element: ElementId) -> Option<(Column, ElementId)> {
    if matches!(element.pen, 0 | ElementId::REVERSE_PEN | PEN_FLOWMON | PEN_CESNET) {
        return None;
    }
    Some((Column::by_name(&registry.get(element)?.name)?, element))
}

const fn time_form(data_type: DataType) -> Option<TimeForm> {
    match data_type {
        DataType::DateTimeSeconds => Some(TimeForm::Seconds),
        DataType::DateTimeMilliseconds => Some(TimeForm::Milliseconds),
        DataType::DateTimeMicroseconds => Some(TimeForm::NtpMicroseconds),
        DataType::DateTimeNanoseconds => Some(TimeForm::NtpNanoseconds),
        _ => None,
    }
}
