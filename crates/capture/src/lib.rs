//! Frames from capture files and from the interfaces of Linux.
//!
//! [`CaptureFile`] reads pcap (micro- and nanoseconds, both byte orders), pcapng and IPFIX files, plain or compressed with
//! gzip or Zstandard. The kind of a file is recognised by its content, never by its name. Frames are lent from one buffer
//! that is used again and again: memory stays the same however long the file is, and no frame costs an allocation.
//! [`PcapWriter`] writes pcap.
//!
//! Lengths in a file are claims. A record that says it is longer than [`MAX_FRAME_BYTES`] ends the reading with an error
//! that names the byte; no memory is reserved for it. A file that was cut off gives all frames before the cut, and the
//! cut is noted in [`FileStats`].
//!
//! [`LiveCapture`] lends the same [`Frame`]s from an interface. [`Bpf`] is the filter that both share, [`Sampling`] chooses among frames.
//!
//! Never: looks into a frame, knows a protocol. Three things aside: the 16-octet header that separates the messages of an IPFIX file, the
//! place of a VLAN tag that the kernel took off, and programs that are run over frames without being understood: filters, and the one that
//! divides frames among workers.

mod file;

mod source;
mod window;

mod pcap;

mod clock;
mod pcapng;

mod ipfix;

mod live;

mod bpf;
mod sampling;

mod write;

mod error;

pub use bpf::{Bpf, BpfError, MAX_BPF_TEXT};
pub use error::{Error, ErrorKind};
pub use file::{CaptureFile, CutShort, FileStats, Frame, GROUP_FRAMES, Group};
pub use live::{Block, Interface, LinkKind, LiveCapture, LiveConfig, LiveError, LiveStats, interfaces};
pub use sampling::{Sampler, Sampling};
pub use write::{PcapWriter, TimeUnit};

/// Longest record that is read, in bytes, headers included: 16 MiB, sixty times the largest snap length in use.
pub const MAX_FRAME_BYTES: u32 = 16 << 20;

/// Most interfaces that one section of a pcapng file may describe.
pub const MAX_INTERFACES: usize = 65_536;

/// Most layers of compression around a capture, for files that were compressed twice.
pub const MAX_COMPRESSION_LAYERS: usize = 2;

/// Link type of a frame that is one message of an IPFIX file (RFC 5655). A number of our own: the registry of
/// link types has none for it, and assigns nothing in this range.
pub const LINKTYPE_IPFIX_MESSAGE: u16 = 65_001;
