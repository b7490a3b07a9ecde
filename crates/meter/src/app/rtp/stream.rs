//! The streams of one direction of RTP: what is lost by sequence numbers (RFC 3550 A.1, A.3), jitter (6.4.1, A.8).

use weir_record::Column;
use weir_wire::Reader;

use crate::facts::Facts;
use crate::packet::Direction;

/// Numbers that may be missing in a row before it counts as a new stream.
const MAX_DROPOUT: u16 = 3000;
/// Numbers that a packet may come late.
const MAX_LATE: u16 = 100;
/// Numbers that may be missing while it is not sure yet whether this is RTP.
const MAX_MISSING_UNSURE: u16 = 5;

/// Seconds by which the transit of two packets in a row may differ.
const LONGEST_DIFFERENCE: f64 = 5.0;
/// Sources of one direction that are told apart.
const MAX_SOURCES: usize = 4;

/// What is read of a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Media {
    pub(super) payload_type: u8,
    number: u16,
    timestamp: u32,
    source: u32,
}

impl Media {
    /// The header of a packet. None where it is none, or one of RTCP.
    pub(super) fn read(octets: &[u8], wire_length: usize) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let (first, second) = (reader.u8().ok()?, reader.u8().ok()?);
        let contributors = usize::from(first & 15);
        if first >> 6 != 2 || wire_length < 12 + 4 * contributors || (192..=223).contains(&second) {
            return None;
        }
        let number = reader.u16().ok()?;
        let timestamp = reader.u32().ok()?;
        Some(Self { payload_type: second & 0x7f, number, timestamp, source: reader.u32().ok()? })
    }
}

/// What is known of a source.
#[derive(Debug, Default)]
struct Stream {
    source: u32,
    payload_type: Option<u8>,
    /// Packets that followed each other.
    in_a_row: u32,
    /// The highest number, and how many there were up to it.
    highest: u16,
    expected: u64,
    received: u64,
    /// Lost before the numbers began anew.
    lost_before: u64,
    clock: Clock,
    /// Jitter, and the transit time of the packet before, in ticks of the clock.
    jitter: f64,
    transit: Option<f64>,
}

/// The ticks of timestamps.
#[derive(Clone, Copy, Debug, Default)]
enum Clock {
    #[default]
    Unknown,
    /// To be found out: time and timestamp of the first packet.
    Measured {
        time: i64,
        timestamp: u32,
    },
    Hertz(u32),
}

impl Stream {
    /// Takes a packet in. False where it does not follow those before.
    fn take(&mut self, media: &Media, time: i64) -> bool {
        let ahead = media.number.wrapping_sub(self.highest);
        let late = self.highest.wrapping_sub(media.number);
        let limit = if self.in_a_row >= super::IN_A_ROW { MAX_DROPOUT } else { MAX_MISSING_UNSURE };
        if (1..=limit).contains(&ahead) {
            self.highest = media.number;
            self.expected += u64::from(ahead);
            self.in_a_row = self.in_a_row.saturating_add(1);
        } else if late >= MAX_LATE {
            self.begin(media, time);
            return false;
        }
        self.received += 1;
        if self.payload_type == Some(media.payload_type) {
            self.measure(media, time);
        }
        true
    }

    fn begin(&mut self, media: &Media, time: i64) {
        let lost_before = self.lost();
        let clock = clock_of(media.payload_type).map_or(Clock::Measured { time, timestamp: media.timestamp }, Clock::Hertz);
        *self = Self {
            source: media.source,
            payload_type: Some(media.payload_type),
            in_a_row: 1,
            highest: media.number,
            expected: 1,
            received: 1,
            lost_before,
            clock,
            jitter: 0.0,
            transit: None,
        };
        self.measure(media, time);
    }

    /// What was no stream lost nothing.
    fn lost(&self) -> u64 {
        let lost = if self.in_a_row >= super::IN_A_ROW { self.expected.saturating_sub(self.received) } else { 0 };
        self.lost_before + lost
    }

    /// The difference of two packets' transit times, smoothed.
    fn measure(&mut self, media: &Media, time: i64) {
        if let Clock::Measured { time: first, timestamp } = self.clock {
            self.clock = measured(time - first, media.timestamp.wrapping_sub(timestamp)).map_or(self.clock, Clock::Hertz);
        }
        let Clock::Hertz(hertz) = self.clock else {
            return;
        };
        let arrival = time as f64 * 1e-9 * f64::from(hertz);
        let transit = arrival - f64::from(media.timestamp);
        if let Some(before) = self.transit.replace(transit) {
            // Timestamps wrap.
            let difference = (transit - before).abs().rem_euclid(f64::from(u32::MAX) + 1.0);
            let difference = difference.min(f64::from(u32::MAX) + 1.0 - difference);
            // A longer one is a timestamp that the sender began anew.
            if difference < LONGEST_DIFFERENCE * f64::from(hertz) {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
    }

    /// In microseconds, where the clock is known.
    fn jitter(&self) -> Option<u64> {
        let Clock::Hertz(hertz) = self.clock else {
            return None;
        };
        Some((self.jitter * 1e6 / f64::from(hertz)).round() as u64)
    }
}

/// The sources of a direction: several media may share the ports (RFC 8843).
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: Vec<Stream>,
    /// Lost of sources that are no longer told apart.
    lost_of_gone: u64,
    /// Lost when the record began; lost when it was last said.
    lost_at_start: u64,
    lost_as_said: u64,
}

impl Streams {
    /// Takes a packet in. False where it does not follow those before.
    pub(super) fn take(&mut self, media: &Media, time: i64) -> bool {
        if let Some(stream) = self.all.iter_mut().find(|stream| stream.source == media.source) {
            return stream.take(media, time);
        }
        let is_first = self.all.is_empty();
        if self.all.len() >= MAX_SOURCES {
            // Whoever speaks now is of more use than the one that said the least.
            let least = self.all.iter().enumerate().min_by_key(|(_, stream)| stream.received).map(|(place, _)| place);
            self.lost_of_gone += self.all.swap_remove(least.unwrap_or(0)).lost();
        }
        let mut stream = Stream::default();
        stream.begin(media, time);
        self.all.push(stream);
        is_first
    }

    /// The longest of them.
    fn main(&self) -> Option<&Stream> {
        self.all.iter().max_by_key(|stream| stream.received)
    }

    pub(super) fn in_a_row(&self) -> u32 {
        self.main().map_or(0, |stream| stream.in_a_row)
    }

    pub(super) fn payload_type(&self) -> Option<u8> {
        self.main()?.payload_type
    }

    /// Writes what was measured of this direction: the losses of all, the jitter of the longest.
    pub(super) fn report(&mut self, direction: Direction, facts: &mut Facts) {
        let lost = self.lost_of_gone + self.all.iter().map(Stream::lost).sum::<u64>();
        if facts.directed(direction, Column::rtp_lost).is_none() {
            // A record begins: what was lost before belongs to the one before.
            self.lost_at_start = self.lost_as_said;
        }
        self.lost_as_said = lost;
        facts.replace_directed(direction, Column::rtp_lost, lost.saturating_sub(self.lost_at_start));
        if let Some(jitter) = self.main().and_then(Stream::jitter) {
            facts.replace_directed(direction, Column::rtp_jitter, jitter);
        }
    }
}

/// Ticks a second of the payload types that are assigned for good (RFC 3551 section 6).
fn clock_of(payload_type: u8) -> Option<u32> {
    match payload_type {
        6 => Some(16_000),
        10 | 11 => Some(44_100),
        14 | 25..=34 => Some(90_000),
        16 => Some(11_025),
        17 => Some(22_050),
        0..=18 => Some(8000),
        _ => None,
    }
}

/// The customary clock that fits so many ticks in this time (nanoseconds), once there is enough of that.
fn measured(elapsed: i64, ticks: u32) -> Option<u32> {
    const CLOCKS: [u32; 8] = [8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 90_000];
    if elapsed < 500_000_000 {
        return None;
    }
    let hertz = f64::from(ticks) / (elapsed as f64 * 1e-9);
    CLOCKS.into_iter().find(|clock| (hertz / f64::from(*clock) - 1.0).abs() < 0.04)
}
