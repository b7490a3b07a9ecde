//! Takes in options records: shows them as rows, and learns from them what flow records refer to.

use weir_record::registry::DataType;
use weir_record::{ElementId, OptionsBatch};

use super::known::{Interface, Known, Sampler, entry, name};
use crate::fault::{Fault, Faults, Reason};
use crate::stamp::Stamp;
use crate::template::cells::{Records, number};
use crate::template::rate::{rate_of_population, rate_of_space};
use crate::template::text::{Show, milliseconds};
use crate::template::{PEN_NETFLOW9_SCOPE, Program};

/// NetFlow v9 scope type of interfaces (RFC 3954, section 6.1).
const SCOPE_INTERFACE: ElementId = ElementId::enterprise(PEN_NETFLOW9_SCOPE, 2);

/// Appends the options records of a set as rows.
pub(crate) fn write_rows(
    program: &Program,
    records: Records<'_>,
    show: Show<'_>,
    stamp: &Stamp,
    offset: usize,
    options: &mut OptionsBatch,
    faults: &mut Faults,
) {
    let scope_fields = program.template.scope.map_or(0, usize::from);
    for record in 0..records.count() {
        let row = options.rows();
        options.time_received.push(row, stamp.received);
        options.format.push(row, stamp.format);
        options.exporter.push(row, stamp.exporter);
        options.received_from.push(row, stamp.from);
        options.obs_domain.push(row, stamp.domain);
        options.template_id.push(row, program.template.id);
        let mut object = |fields: std::ops::Range<usize>, out: &mut Vec<u8>| {
            out.push(b'{');
            let start = out.len();
            for (place, field) in program.shape.filled(fields).filter_map(|place| Some((place, program.described.get(place)?))) {
                let octets = program.shape.cells(records, place).get(record);
                out.extend_from_slice(&field.key);
                if show.write_json(out, field.data_type, octets).is_err() {
                    faults.add(Fault::new(Reason::BadList, offset, octets.len() as u64));
                }
                out.push(b',');
            }
            if out.len() > start {
                out.pop();
            }
            out.push(b'}');
        };
        options.scope.push_with(row, |out| object(0..scope_fields, out));
        options.values.push_with(row, |out| object(scope_fields..program.described.len(), out));
        options.advance(1);
    }
}

/// What one options record tells.
#[derive(Default)]
struct Facts<'a> {
    interface: Option<u32>,
    interface_name: Option<String>,
    interface_alias: Option<String>,
    vrf: Option<u32>,
    vrf_name: Option<String>,
    application: Option<&'a [u8]>,
    application_name: Option<String>,
    sampler: Option<u64>,
    sampler_name: Option<String>,
    interval: Option<u64>,
    /// Elements 305 and 306.
    space: (Option<u64>, Option<u64>),
    /// Elements 309 and 310.
    population: (Option<u64>, Option<u64>),
    boot: Option<i64>,
}

/// What came of options records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Learnt {
    /// Records of which something had no room.
    pub(crate) full: usize,
    /// Something is known now that was not, or was known otherwise.
    pub(crate) changed: bool,
}

/// Learns from the options records of a set.
pub(crate) fn learn(program: &Program, records: Records<'_>, known: &mut Known, limit: usize) -> Learnt {
    let mut learnt = Learnt::default();
    for record in 0..records.count() {
        let mut facts = Facts::default();
        for place in program.shape.filled(0..program.template.fields.len()) {
            let octets = program.shape.cells(records, place).get(record);
            if let Some(field) = program.template.fields.get(place)
                && !octets.is_empty()
            {
                facts.take(field.element, program.described.get(place).map(|field| field.data_type), octets);
            }
        }
        learnt.full += usize::from(!facts.tell(known, limit, &mut learnt.changed));
    }
    known.sum_up();
    learnt
}

/// Puts a value in place of another, and says whether they differ.
fn set<T: PartialEq>(kept: &mut T, value: T, changed: &mut bool) {
    *changed |= *kept != value;
    *kept = value;
}

/// The same where a value was told; what was told before stays where none was.
fn set_told<T: PartialEq>(kept: &mut Option<T>, told: Option<T>, changed: &mut bool) {
    if told.is_some() {
        set(kept, told, changed);
    }
}

impl<'a> Facts<'a> {
    fn take(&mut self, element: ElementId, data_type: Option<DataType>, octets: &'a [u8]) {
        let value = number(octets);
        let small = u32::try_from(value).ok();
        if element == SCOPE_INTERFACE {
            self.interface = small;
        }
        if element.pen != 0 {
            return;
        }
        match element.id {
            10 | 14 | 252 | 253 => self.interface = self.interface.or(small),
            82 => self.interface_name = name(octets),
            83 => self.interface_alias = name(octets),
            234 | 235 => self.vrf = self.vrf.or(small),
            236 => self.vrf_name = name(octets),
            95 => self.application = Some(octets),
            96 => self.application_name = name(octets),
            48 | 302 => self.sampler = Some(value),
            84 | 335 => self.sampler_name = name(octets),
            34 | 50 => self.interval = Some(value),
            305 => self.space.0 = Some(value),
            306 => self.space.1 = Some(value),
            309 => self.population.0 = Some(value),
            310 => self.population.1 = Some(value),
            311 if data_type == Some(DataType::Float64) => self.interval = rate_of_probability(octets).or(self.interval),
            160 => self.boot = Some(milliseconds(value)),
            _ => {}
        }
    }

    fn rate(&self) -> Option<u32> {
        let rate = match (self.interval, self.space, self.population) {
            (Some(interval), ..) => Some(interval),
            (None, (Some(of), Some(space)), _) => rate_of_space((of, space)),
            (None, _, (Some(size), Some(population))) => rate_of_population((size, population)),
            _ => None,
        };
        rate.filter(|rate| *rate != 0).map(|rate| u32::try_from(rate).unwrap_or(u32::MAX))
    }

    /// False where a map is full.
    fn tell(self, known: &mut Known, limit: usize, changed: &mut bool) -> bool {
        let mut room = true;
        let rate = self.rate();
        set_told(&mut known.boot, self.boot, changed);
        if let Some(sampler) = self.sampler {
            match entry::<_, Sampler>(&mut known.samplers, sampler, limit) {
                Some(kept) => {
                    set_told(&mut kept.rate, rate, changed);
                    set_told(&mut kept.name, self.sampler_name, changed);
                }
                None => room = false,
            }
        } else if let (Some(rate), Some(interface)) = (rate, self.interface) {
            match entry(&mut known.interface_sampling, interface, limit) {
                Some(kept) => set(kept, rate, changed),
                None => room = false,
            }
        } else {
            set_told(&mut known.sampling, rate, changed);
        }
        if let Some(number) = self.interface
            && (self.interface_name.is_some() || self.interface_alias.is_some())
        {
            match entry::<_, Interface>(&mut known.interfaces, number, limit) {
                Some(kept) => {
                    set_told(&mut kept.name, self.interface_name, changed);
                    set_told(&mut kept.alias, self.interface_alias, changed);
                }
                None => room = false,
            }
        }
        if let (Some(vrf), Some(vrf_name)) = (self.vrf, self.vrf_name) {
            match entry(&mut known.vrfs, vrf, limit) {
                Some(kept) => set(kept, vrf_name, changed),
                None => room = false,
            }
        }
        if let (Some(application), Some(application_name)) = (self.application, self.application_name)
            && application.len() <= crate::limits::NAME_OCTETS
        {
            match entry(&mut known.applications, application.to_vec(), limit) {
                Some(kept) => set(kept, application_name, changed),
                None => room = false,
            }
        }
        room
    }
}

/// 1 in N of a probability (element 311), rounded.
fn rate_of_probability(octets: &[u8]) -> Option<u64> {
    let probability = match octets.len() {
        4 => f64::from(f32::from_bits(number(octets) as u32)),
        8 => f64::from_bits(number(octets)),
        _ => return None,
    };
    (probability > 0.0 && probability <= 1.0).then(|| (1.0 / probability).round() as u64)
}
