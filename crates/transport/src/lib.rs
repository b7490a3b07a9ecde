//! Octets to and from peers over UDP and TCP.
//!
//! [`Url`] says where a peer is, or where to listen.
//!
//! **Sending.** [`Sender`] takes whole messages there and never makes its caller wait for long: what the peer cannot take is
//! dropped and counted ([`Counters`]), and a lost connection is built up again in the background of later calls.
//!
//! ```no_run
//! use weir_transport::{Sender, SenderOptions, State, Url};
//! let url: Url = Url::parse("tcp://collector.example", 4739)?;
//! let mut sender = Sender::open(&url, SenderOptions::default())?;
//! match sender.state() {
//!     State::Began => { /* a new session: announce templates again */ }
//!     State::Ready | State::Ending | State::Waiting => {}
//! }
//! sender.send(b"one whole message");
//! sender.flush();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Receiving.** [`UdpReceiver`] takes datagrams from the kernel many at a time, [`Guard`] decides by their sender's address whether they pass, and [`Shards`]
//! hands them to workers. All three count, so that each datagram is accounted for; nothing allocates for a datagram.
//!
//! ```no_run
//! use std::time::Duration;
//! use weir_transport::{Guard, GuardOptions, ReceiverOptions, ShardOptions, Shards, UdpReceiver, Url, Verdict};
//! # let clock = || 0;
//! let url = Url::parse("udp://[::]", 2055)?;
//! let mut receiver = UdpReceiver::open(&url, ReceiverOptions::default())?;
//! let mut guard = Guard::new(&GuardOptions::default());
//! let (shards, _inboxes) = Shards::new(ShardOptions { workers: 4, ..ShardOptions::default() });
//! while receiver.wait(Duration::from_secs(1))? {
//!     let now = clock();
//!     receiver.receive(now, |datagram| {
//!         if guard.check(datagram.from, now) == Verdict::Pass {
//!             shards.push(u64::from(datagram.port), &datagram);
//!         }
//!     })?;
//!     shards.flush();
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Never: knows a protocol. By what a datagram goes to which worker, the caller says. What must be said at the beginning of a session, the caller says when [`Sender::state`] tells of one.

mod url;

mod copies;
mod counters;
mod dtls_sender;
mod peer;
mod sender;
mod tcp;
mod udp;

mod datagram;
mod guard;
mod listening;
mod shards;
mod streams;
mod udp_receiver;

pub mod dtls;
pub mod tls;

pub use copies::{CopyCounters, CopyError, CopyOptions, CopySender};
pub use counters::Counters;
pub use datagram::Datagram;
pub use dtls_sender::DtlsSender;
pub use guard::{Guard, GuardCounters, GuardOptions, Verdict};
pub use listening::ListenError;
pub use sender::{OpenError, Sender, SenderOptions, State};
pub use shards::{DatagramBatch, Filler, Inbox, ShardCounters, ShardOptions, Shards, Taken};
pub use streams::{
    Cut, StreamCounters, StreamEnd, StreamHandler, StreamLimits, StreamListener, StreamOptions, StreamRules, Streams,
};
pub use tcp::TcpSender;
pub use udp::UdpSender;
pub use udp_receiver::{ReceiveCounters, ReceiverOptions, SharedSocket, UdpReceiver};
pub use url::{Scheme, Url, UrlError};
