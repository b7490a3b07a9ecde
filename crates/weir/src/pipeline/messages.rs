//! From captured frames to messages of flow protocols: UDP payloads, fragments put together; IPFIX messages out of TCP streams;
//! messages of IPFIX files.
//!
//! UDP payloads are handed on whatever they hold, for the decoder to tell. TCP streams are looked at for IPFIX alone, and those that
//! are something else are nobody's fault.

use std::collections::HashMap;

use weir_capture::{Frame, LINKTYPE_IPFIX_MESSAGE};
use weir_codec::ipfix::{Framed, IpfixStream};
use weir_codec::{Datagram, Fault, Reason};
use weir_record::Address;
use weir_wire::{Depth, Fragments, Headers, Link, StreamEvent, StreamKey, Streams, Walk, protocol};

/// The TCP port that IANA assigns to IPFIX: a stream to it that cannot be read is a fault.
const IPFIX_PORT: u16 = 4739;

/// The UDP ports to which devices export by custom: NetFlow, IPFIX, sFlow, Flowmon and LoadMaster, FastNetMon Flow. What comes there is a message, however broken.
const EXPORT_PORTS: [u16; 8] = [2055, 3000, 4739, 6343, 8104, 9555, 9995, 9996];

/// Octets of unfinished messages that all streams together may hold; a stream that would go past it is given up.
const STREAMS_OCTETS: usize = 64 << 20;

/// What a frame carried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carried<'a> {
    /// A message: by its port, by its stream or by the file it was in.
    Message(Datagram<'a>),
    /// A datagram to a port that tells nothing.
    Candidate(Datagram<'a>),
    /// Something that could not be put together.
    Fault(Fault),
}

/// Takes frames apart, and keeps what is in pieces.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    walk: Walk,
    fragments: Fragments,
    streams: Streams,
    ipfix: IpfixStreams,
    /// Time of the latest frame, nanoseconds since 1970.
    now: i64,
}

/// The streams that may be IPFIX.
#[derive(Debug, Default)]
struct IpfixStreams {
    by_key: HashMap<StreamKey, Entry>,
    /// Number of the latest stream; 0 is that of IPFIX files, which follow each other as one.
    last_number: u64,
    /// Octets of unfinished messages.
    held: usize,
}

#[derive(Debug)]
struct Entry {
    stream: IpfixStream,
    number: u64,
}

impl Messages {
    /// Hands on what the frame carries or completes. False where its link type is none that is known.
    pub(crate) fn read(&mut self, frame: &Frame<'_>, mut take: impl FnMut(Carried<'_>)) -> bool {
        if frame.link_type == LINKTYPE_IPFIX_MESSAGE {
            take(Carried::Message(message_of_file(frame)));
            return true;
        }
        let Some(link) = Link::from_pcap(frame.link_type.into()) else {
            return false;
        };
        self.now = frame.time_ns;
        self.walk.read(link, frame.data, frame.original_len as usize, Depth::Outer);
        let Some(ip) = self.walk.headers.ip else {
            return true;
        };
        if !ip.is_fragment() {
            self.transport(frame.data, frame.time_ns, &mut take);
        } else if let Some(whole) = self.fragments.push(&ip, frame.data, frame.time_ns) {
            self.walk.read_reassembled(&whole, Depth::Outer);
            self.transport(&whole.payload, frame.time_ns, &mut take);
        }
        true
    }

    /// Hands on what streams still hold, and tells what stayed in pieces. A new reading may follow.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(Carried<'_>)) {
        let Self { streams, ipfix, fragments, now, .. } = self;
        streams.finish(|key, event| ipfix.take(key, event, *now, &mut take));
        let counters = fragments.counters();
        let in_pieces = fragments.in_progress() as u64
            + counters.timed_out
            + counters.over_datagrams
            + counters.over_bytes
            + counters.over_pieces
            + counters.inconsistent
            + counters.oversized;
        for _ in 0..in_pieces {
            take(Carried::Fault(Fault::new(Reason::IncompleteDatagram, 0, 0)));
        }
        *fragments = Fragments::default();
    }

    /// What the walk found to be UDP or TCP in these octets.
    fn transport(&mut self, octets: &[u8], received: i64, take: &mut impl FnMut(Carried<'_>)) {
        let Headers { ip: Some(ip), transport: Some(transport), .. } = &self.walk.headers else {
            return;
        };
        match ip.protocol {
            protocol::UDP => {
                let payload = transport.payload(octets);
                let datagram =
                    Datagram { payload, from: Address::from(ip.src), port: transport.src_port, stream: None, received };
                let told = EXPORT_PORTS.contains(&transport.dst_port);
                take(if told { Carried::Message(datagram) } else { Carried::Candidate(datagram) });
            }
            protocol::TCP => {
                let Self { streams, ipfix, walk, .. } = self;
                streams.push(&walk.headers, octets, received, |key, event| ipfix.take(key, event, received, take));
            }
            _ => {}
        }
    }
}

/// A message of an IPFIX file (RFC 5655) came over no transport; it is its own time of arrival.
fn message_of_file<'a>(frame: &Frame<'a>) -> Datagram<'a> {
    Datagram { payload: frame.data, from: Address::v4(0), port: 0, stream: Some(0), received: frame.time_ns }
}

impl IpfixStreams {
    fn take(&mut self, key: &StreamKey, event: StreamEvent<'_>, received: i64, take: &mut impl FnMut(Carried<'_>)) {
        match event {
            StreamEvent::Start { midstream } => {
                self.last_number += 1;
                let expected = key.dst_port == IPFIX_PORT;
                let entry = Entry { stream: IpfixStream::new(midstream, expected), number: self.last_number };
                if let Some(old) = self.by_key.insert(*key, entry) {
                    self.held -= old.stream.held();
                }
            }
            StreamEvent::Data(octets) => self.advance(key, received, take, |stream, tell| stream.push(octets, received, tell)),
            StreamEvent::Gap { bytes } => self.advance(key, received, take, |stream, tell| stream.skip(bytes, tell)),
            StreamEvent::End(_) => {
                self.advance(key, received, take, |stream, tell| stream.end(tell));
                if let Some(old) = self.by_key.remove(key) {
                    self.held -= old.stream.held();
                }
            }
        }
    }

    /// Lets the stream of this key do its work, and forgets it where it is not IPFIX.
    fn advance(
        &mut self,
        key: &StreamKey,
        received: i64,
        take: &mut impl FnMut(Carried<'_>),
        work: impl FnOnce(&mut IpfixStream, &mut dyn FnMut(Framed<'_>)),
    ) {
        let Some(Entry { stream, number }) = self.by_key.get_mut(key) else {
            return;
        };
        let before = stream.held();
        work(stream, &mut |framed| {
            take(match framed {
                Framed::Fault(fault) => Carried::Fault(fault),
                Framed::Message(payload) => Carried::Message(Datagram {
                    payload,
                    from: Address::from(key.src),
                    port: key.src_port,
                    stream: Some(*number),
                    received,
                }),
            });
        });
        self.held = self.held - before + stream.held();
        let too_much = self.held > STREAMS_OCTETS && stream.held() > 0;
        if stream.is_given_up() || too_much {
            if too_much {
                take(Carried::Fault(Fault::new(Reason::BadFrame, 0, stream.held() as u64)));
            }
            self.held -= stream.held();
            self.by_key.remove(key);
        }
    }
}
