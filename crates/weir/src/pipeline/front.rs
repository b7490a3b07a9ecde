//! From a frame to the meter: which frames are metered, and as what.

use weir_capture::{Bpf, BpfError, Frame, Sampler, Sampling};
use weir_meter::{Meter, Packet};
use weir_record::FlowBatch;
use weir_wire::Link;

use crate::config::{self, Sample};

/// Chooses frames, and meters them.
pub(super) struct Front {
    pub(super) meter: Meter,
    sampler: Option<Sampler>,
    /// The filter of files; live, the kernel filters.
    filter: Option<Filter>,
    /// Frames of link types that cannot be read.
    pub(super) unreadable: u64,
    /// Time of the latest frame, nanoseconds since 1970.
    pub(super) now: i64,
}

/// A filter is compiled for each link type.
struct Filter {
    text: String,
    compiled: Vec<(u16, Bpf)>,
}

impl Front {
    /// Filters frames itself where `filters` says so. `seed` is a secret of this run.
    pub(super) fn new(config: &config::Meter, filters: bool, seed: u64) -> Self {
        let sampling = match config.sample {
            Sample::Every(number) => number.try_into().ok().map(Sampling::EveryNth),
            Sample::Random(number) => number.try_into().ok().map(|n| Sampling::Random { n, seed }),
            Sample::All | Sample::Connections(_) => None,
        };
        let text = config.bpf.clone().filter(|_| filters);
        Self {
            meter: Meter::new(config.table(seed)),
            sampler: sampling.map(Sampler::new),
            filter: text.map(|text| Filter { text, compiled: Vec::new() }),
            unreadable: 0,
            now: 0,
        }
    }

    /// Meters the frame if it is one of those that are wanted. False where its link type cannot be read.
    #[inline]
    pub(super) fn push(&mut self, frame: &Frame<'_>, flows: &mut FlowBatch) -> Result<bool, BpfError> {
        self.now = self.now.max(frame.time_ns);
        if let Some(filter) = &mut self.filter
            && !filter.matches(frame)?
        {
            return Ok(true);
        }
        if let Some(sampler) = &mut self.sampler
            && !sampler.keeps_next()
        {
            return Ok(true);
        }
        let Some(link) = Link::from_pcap(frame.link_type.into()) else {
            self.unreadable += 1;
            return Ok(false);
        };
        let packet = Packet {
            time: frame.time_ns,
            link,
            data: frame.data,
            original_len: frame.original_len as usize,
            interface: frame.interface,
            segment_size: frame.segment_size,
        };
        self.meter.push(&packet, flows);
        Ok(true)
    }
}

impl Filter {
    fn matches(&mut self, frame: &Frame<'_>) -> Result<bool, BpfError> {
        let known = self.compiled.iter().position(|(link_type, _)| *link_type == frame.link_type);
        let place = match known {
            Some(place) => place,
            None => {
                self.compiled.push((frame.link_type, Bpf::compile(&self.text, frame.link_type)?));
                self.compiled.len() - 1
            }
        };
        Ok(self.compiled.get(place).is_some_and(|(_, bpf)| bpf.matches(frame.data, frame.original_len)))
    }
}
