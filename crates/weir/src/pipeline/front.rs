//! From a frame to the meter: which frames are metered, and as what.

use weir_capture::{Bpf, BpfError, Frame, GROUP_FRAMES, Sampler, Sampling};
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

    /// Meters those of these frames that are wanted. `unreadable` is told the link types that cannot be read, frame by frame.
    #[inline]
    pub(super) fn push(
        &mut self,
        frames: &[Frame<'_>],
        flows: &mut FlowBatch,
        mut unreadable: impl FnMut(u16),
    ) -> Result<(), BpfError> {
        for frames in frames.chunks(GROUP_FRAMES) {
            let mut packets = [NO_PACKET; GROUP_FRAMES];
            let mut count = 0;
            for frame in frames {
                self.now = self.now.max(frame.time_ns);
                if !self.wants(frame)? {
                    continue;
                }
                match (packet(frame), packets.get_mut(count)) {
                    (Some(packet), Some(place)) => {
                        *place = packet;
                        count += 1;
                    }
                    _ => {
                        self.unreadable += 1;
                        unreadable(frame.link_type);
                    }
                }
            }
            self.meter.push_all(packets.get(..count).unwrap_or_default(), flows);
        }
        Ok(())
    }

    /// True where the filter and the sampling choose the frame.
    #[inline]
    fn wants(&mut self, frame: &Frame<'_>) -> Result<bool, BpfError> {
        if let Some(filter) = &mut self.filter
            && !filter.matches(frame)?
        {
            return Ok(false);
        }
        Ok(self.sampler.as_mut().is_none_or(Sampler::keeps_next))
    }
}

const NO_PACKET: Packet<'_> = Packet { time: 0, link: Link::Ethernet, data: &[], original_len: 0, interface: 0, segment_size: 0 };

/// What the meter is given; none for a link type that cannot be read.
#[inline]
fn packet<'a>(frame: &Frame<'a>) -> Option<Packet<'a>> {
    Some(Packet {
        time: frame.time_ns,
        link: Link::from_pcap(frame.link_type.into())?,
        data: frame.data,
        original_len: frame.original_len as usize,
        interface: frame.interface,
        segment_size: frame.segment_size,
    })
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
