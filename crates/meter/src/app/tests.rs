//! What tests of decoders share: a conversation is played, and what was found out is looked at.

use super::*;
use crate::config::Applications;
use crate::packet::Direction::{self, ToClient, ToServer};

/// Milliseconds between two pieces of a conversation.
const PAUSE: i64 = 10_000_000;

/// A conversation and who has which port.
pub(super) struct Talk {
    pub(super) app: App,
    pool: Pool,
    carrier: Carrier,
    ports: (u16, u16),
    settings: Applications,
    time: i64,
    /// Sequence numbers of the first octets, and whether they are known.
    first: [u32; 2],
    joined: bool,
    next: [u32; 2],
}

impl Talk {
    /// Over TCP from port 40000 to this one.
    pub(super) fn stream(server_port: u16) -> Self {
        Self::new(Carrier::Stream, 40_000, server_port)
    }

    /// Over UDP from port 40000 to this one.
    pub(super) fn datagrams(server_port: u16) -> Self {
        Self::new(Carrier::Datagram, 40_000, server_port)
    }

    pub(super) fn new(carrier: Carrier, client_port: u16, server_port: u16) -> Self {
        let settings = Applications::default();
        // Sequence numbers wrap on the way.
        let first = [u32::MAX - 5, 1000];
        let (app, pool) = (App::new(), Pool::default());
        Self { app, pool, carrier, ports: (client_port, server_port), settings, time: 0, first, joined: false, next: first }
    }

    /// The stream's start was not seen.
    pub(super) fn joined(mut self) -> Self {
        self.joined = true;
        self
    }

    /// Keeps what is off by default.
    pub(super) fn keep_all(mut self) -> Self {
        self.settings = Applications { url_queries: true, sql_text: true, mail_addresses: true };
        self
    }

    /// The client says this, in one segment or datagram.
    pub(super) fn client(self, octets: &[u8]) -> Self {
        self.say(ToServer, octets)
    }

    /// The client says this and more, up to a length that the capture cut.
    pub(super) fn client_cut(self, octets: &[u8], wire_length: usize) -> Self {
        self.say_cut(ToServer, octets, wire_length)
    }

    /// The server says this and more, up to a length that the capture cut.
    pub(super) fn server_cut(self, octets: &[u8], wire_length: usize) -> Self {
        self.say_cut(ToClient, octets, wire_length)
    }

    /// The server says this.
    pub(super) fn server(self, octets: &[u8]) -> Self {
        self.say(ToClient, octets)
    }

    /// The client says this an octet at a time.
    pub(super) fn client_slowly(self, octets: &[u8]) -> Self {
        octets.chunks(1).fold(self, |talk, octet| talk.say(ToServer, octet))
    }

    /// The server says this an octet at a time.
    pub(super) fn server_slowly(self, octets: &[u8]) -> Self {
        octets.chunks(1).fold(self, |talk, octet| talk.say(ToClient, octet))
    }

    fn say(self, direction: Direction, octets: &[u8]) -> Self {
        self.say_cut(direction, octets, octets.len())
    }

    fn say_cut(mut self, direction: Direction, octets: &[u8], wire_length: usize) -> Self {
        self.time += PAUSE;
        let context = Context {
            direction,
            time: self.time,
            client_port: self.ports.0,
            server_port: self.ports.1,
            carrier: self.carrier,
            wire_length,
            settings: &self.settings,
            histograms: false,
        };
        match self.carrier {
            Carrier::Datagram => self.app.datagram(octets, &context, &mut self.pool),
            Carrier::Stream => {
                let next = &mut self.next[direction as usize];
                let first = (!self.joined).then_some(self.first[direction as usize]);
                let segment = StreamOctets { seq: *next, first, octets, length: wire_length };
                *next = next.wrapping_add(wire_length as u32);
                self.app.segment(&segment, &context, &mut self.pool);
            }
        }
        self
    }

    pub(super) fn text(&self, column: weir_record::Column) -> Option<&str> {
        self.app.facts.text_of(column)
    }

    pub(super) fn number(&self, column: weir_record::Column) -> Option<u64> {
        self.app.facts.number_of(column)
    }
}

#[test]
fn an_unknown_stream_is_given_up_and_holds_nothing() {
    let talk = Talk::stream(4711).client(&[0xfe; 3000]).server(&[0xfe; 3000]);
    assert_eq!(talk.app.name(), None);
    assert_eq!(talk.app.held(), 0);
    assert!(!talk.app.wants(ToServer) && !talk.app.wants(ToClient));
}

#[test]
fn a_stream_joined_in_its_middle_is_tried_a_few_times() {
    let rest = [0xfe; 100];
    let talk = Talk::stream(4711).joined().client(&rest).server(&rest).client(&rest);
    assert!(talk.app.wants(ToServer) && talk.app.wants(ToClient));
    let talk = talk.client(b"GET / HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!((talk.app.name(), talk.number(weir_record::Column::http_status)), (Some("http"), Some(200)));
    let mut talk = Talk::stream(4711).joined();
    for _ in 0..4 {
        talk = talk.client(&rest).server(&rest);
    }
    assert_eq!((talk.app.name(), talk.app.held()), (None, 0));
    assert!(!talk.app.wants(ToServer) && !talk.app.wants(ToClient));
}

#[test]
fn the_rest_of_an_answer_does_not_hide_the_next() {
    let mut talk = Talk::stream(4711).joined();
    for _ in 0..40 {
        talk = talk.server(&[0xfe; 1000]);
    }
    assert!(!talk.app.wants(ToClient));
    let talk = talk.client(b"GET / HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 404 Not Found\r\n\r\n");
    assert_eq!((talk.app.name(), talk.number(weir_record::Column::http_status)), (Some("http"), Some(404)));
}

#[test]
fn an_application_is_small() {
    // A million connections may have one each.
    assert!(size_of::<App>() <= 152, "{}", size_of::<App>());
    assert!(size_of::<[Side; 2]>() <= 112, "{}", size_of::<[Side; 2]>());
}
