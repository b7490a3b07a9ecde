//! A capture file, whatever its format: frames one after another, and what was met on the way.

use std::fmt;
use std::io::Read;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorKind, FirstBytes, Stop};
use crate::ipfix;
use crate::pcap::Pcap;
use crate::pcapng::Pcapng;
use crate::source::Source;
use crate::window::Window;

/// One captured frame, lent until the next is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured, nanoseconds since 1970 (Unix time). 0 where the format has no time (simple packet blocks);
    /// times that do not fit are the nearest that do.
    pub time_ns: i64,
    /// What the first octets are: a LINKTYPE_ number, or [`crate::LINKTYPE_IPFIX_MESSAGE`].
    pub link_type: u16,
    /// The octets that were captured.
    pub data: &'a [u8],
    /// Length of the frame on the wire, octets; more than `data` when the capture cut it.
    pub original_len: u32,
    /// Its number in the file or live capture, from 1, as `frame.number` of tshark (which also numbers pcapng's custom and journal blocks).
    pub number: u64,
    /// The interface it was captured on, from 0. In pcapng counted over all sections of the file, so that interfaces of
    /// different sections have different numbers; always 0 in other formats. Live, the index that the system has for it.
    pub interface: u32,
    /// 0 for a frame that was one packet on the wire, and always in files. Else the frame stands for several TCP or UDP packets, which the
    /// kernel joined on arrival (GRO) or has yet to cut (TSO, GSO): each has the headers of the frame and so many octets of its payload, the
    /// last one what is left. Length fields of its IP and UDP headers may be 0 where the frame is longer than they can say.
    pub segment_size: u16,
}

/// What was read of a file so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileStats {
    /// Frames given out.
    pub frames: u64,
    /// Octets of these frames that are in the file.
    pub captured_bytes: u64,
    /// Octets that these frames had on the wire.
    pub original_bytes: u64,
    /// The file ends within a record.
    pub cut_short: Option<CutShort>,
    /// Pcapng blocks that hold no frame: names, statistics, secrets, unknown ones.
    pub skipped_blocks: u64,
    /// Pcapng packet blocks that were left out: their interface is not described, or their frame is longer than they are.
    pub bad_blocks: u64,
}

/// Where a file ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutShort {
    /// Where the incomplete record starts, bytes from the start of the (uncompressed) capture.
    pub offset: u64,
    /// Bytes of it that are there.
    pub present: u64,
    /// Bytes of it that are known to be needed.
    pub needed: u64,
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CutShort { offset, present, needed } = self;
        let end = offset + present;
        write!(f, "truncated file at byte {end}: the record at byte {offset} needs {needed} bytes, {present} are there")
    }
}

/// A capture file that is being read.
pub struct CaptureFile {
    name: String,
    window: Window,
    format: Format,
    stats: FileStats,
    position: Arc<AtomicU64>,
    size: Option<u64>,
    ended: bool,
    /// Met behind frames that were given first.
    stop: Option<Stop>,
}

/// Frames that [`Group`] holds at the most.
pub const GROUP_FRAMES: usize = 16;

/// Frames that lie in memory together, in their order; lent until the next are asked for.
#[derive(Debug)]
pub struct Group<'a> {
    pub(crate) frames: [Frame<'a>; GROUP_FRAMES],
    pub(crate) count: usize,
}

impl<'a> Deref for Group<'a> {
    type Target = [Frame<'a>];

    fn deref(&self) -> &Self::Target {
        self.frames.get(..self.count).unwrap_or_default()
    }
}

/// A record that was consumed, and where its frame lies.
#[derive(Clone, Copy, Default)]
struct Place {
    record: Record,
    from: usize,
    number: u64,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
    Ipfix,
}

/// A record that is whole in the window: where its frame lies in it, and what its header says.
#[derive(Clone, Copy, Default)]
pub(crate) struct Record {
    pub(crate) time_ns: i64,
    pub(crate) link_type: u16,
    pub(crate) interface: u32,
    pub(crate) original: u32,
    /// Length of the record, bytes.
    pub(crate) total: usize,
    /// Where the frame starts in it.
    pub(crate) data_at: usize,
    /// Length of the frame in it; `data_at + captured <= total`.
    pub(crate) captured: usize,
}

impl CaptureFile {
    /// Opens a file and reads its first header. The path `-` is the standard input.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
        match Source::open(path) {
            Ok(source) => CaptureFile::start(source, name),
            Err(kind) => Err(Error { name, kind }),
        }
    }

    /// Reads a capture from anywhere; `name` stands in errors.
    pub fn from_reader(reader: Box<dyn Read + Send>, name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        match Source::new(reader, None) {
            Ok(source) => CaptureFile::start(source, name),
            Err(kind) => Err(Error { name, kind }),
        }
    }

    fn start(source: Source, name: String) -> Result<Self, Error> {
        let Source { reader, position, size } = source;
        let mut window = Window::new(reader);
        match Format::recognise(&mut window) {
            Ok(format) => {
                Ok(CaptureFile { name, window, format, stats: FileStats::default(), position, size, ended: false, stop: None })
            }
            Err(kind) => Err(Error { name, kind }),
        }
    }

    /// The next frame; none at the end of the file, also of one that is cut short (see [`FileStats::cut_short`]).
    ///
    /// An error means that the rest of the file cannot be read. All frames before it were given; none follow.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "a frame borrows the buffer, which an Iterator cannot express")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Error> {
        if self.ended {
            return Ok(None);
        }
        match self.take_record() {
            Ok(Some(place)) => Ok(Some(self.lend(&place))),
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(stop) => self.stop(stop).map(|()| None),
        }
    }

    /// The next frames, as many as lie whole in memory and fit into a group: at least one before the end of the file, none at it.
    ///
    /// Errors are those of [`CaptureFile::next`]; all frames before one are given first.
    pub fn next_group(&mut self) -> Result<Group<'_>, Error> {
        let mut places = [Place::default(); GROUP_FRAMES];
        let mut count = 0;
        for place in &mut places {
            if self.ended {
                break;
            }
            self.window.hold(count > 0);
            match self.take_record() {
                Ok(Some(taken)) => {
                    *place = taken;
                    count += 1;
                }
                Ok(None) => self.ended = true,
                Err(Stop::Held) => break,
                Err(stop) if count > 0 => {
                    self.stop = Some(stop);
                    break;
                }
                Err(stop) => self.stop(stop)?,
            }
        }
        self.window.hold(false);
        let frames = places.map(|place| self.lend(&place));
        Ok(Group { frames, count })
    }

    /// Bytes read of the file so far, as it lies there (compressed if it is). Runs ahead of the frames by up to a buffer.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Length of the file as it lies there, bytes; none for pipes and readers.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// What was read so far.
    pub fn stats(&self) -> &FileStats {
        &self.stats
    }

    /// Consumes the next record.
    #[inline]
    fn take_record(&mut self) -> Result<Option<Place>, Stop> {
        if let Some(stop) = self.stop.take() {
            return Err(stop);
        }
        let record = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.window),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.window, &mut self.stats),
            Format::Ipfix => ipfix::next(&mut self.window),
        };
        let Some(record) = record? else {
            return Ok(None);
        };
        self.stats.frames += 1;
        self.stats.captured_bytes += record.captured as u64;
        self.stats.original_bytes += u64::from(record.original);
        let from = self.window.take(record.total, record.data_at);
        Ok(Some(Place { record, from, number: self.stats.frames }))
    }

    #[inline]
    fn lend(&self, place: &Place) -> Frame<'_> {
        let Place { record, from, number } = place;
        Frame {
            time_ns: record.time_ns,
            link_type: record.link_type,
            data: self.window.lend(*from, record.captured),
            original_len: record.original,
            number: *number,
            interface: record.interface,
            segment_size: 0,
        }
    }

    #[cold]
    fn stop(&mut self, stop: Stop) -> Result<(), Error> {
        self.ended = true;
        match stop {
            Stop::CutShort(cut) => {
                self.stats.cut_short = Some(cut);
                Ok(())
            }
            Stop::Failed(kind) => Err(Error { name: self.name.clone(), kind }),
            Stop::Held => Ok(()),
        }
    }
}

impl Format {
    /// Tells the format by the first bytes and reads the first header.
    fn recognise(window: &mut Window) -> Result<Self, ErrorKind> {
        window.fill(ipfix::RECOGNISED_BY)?;
        let start = window.bytes();
        let (format, opened) = if let Some(magic) = Pcap::recognise(start) {
            ("pcap", Pcap::open(magic, window).map(Format::Pcap))
        } else if Pcapng::recognise(start) {
            ("pcapng", Pcapng::open(window).map(Format::Pcapng))
        } else if ipfix::recognise(start) {
            ("IPFIX", window.need(ipfix::MESSAGE_HEADER).map(|_| Format::Ipfix))
        } else if start.is_empty() {
            return Err(ErrorKind::Empty);
        } else {
            return Err(ErrorKind::NotACapture { start: FirstBytes::of(start) });
        };
        opened.map_err(|stop| match stop {
            Stop::Failed(kind) => kind,
            Stop::CutShort(CutShort { present, needed, .. }) => ErrorKind::HeaderCutShort { format, needed, present },
            // Only groups of frames hold what is in memory.
            Stop::Held => ErrorKind::Empty,
        })
    }
}

impl fmt::Debug for CaptureFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureFile").field("name", &self.name).field("stats", &self.stats).finish_non_exhaustive()
    }
}
