//! Octets to and from peers over UDP and TCP.
//!
//! [`Url`] says where a peer is. [`Sender`] takes whole messages there and never makes its caller wait for long: what the peer cannot take is
//! dropped and counted ([`Counters`]), and a lost connection is built up again in the background of later calls.
//!
//! ```no_run
//! use weir_transport::{Sender, SenderOptions, State, Url};
//! let url: Url = Url::parse("tcp://collector.example", 4739)?;
//! let mut sender = Sender::open(&url, SenderOptions::default())?;
//! match sender.state() {
//!     State::Began => { /* a new session: announce templates again */ }
//!     State::Ready | State::Waiting => {}
//! }
//! sender.send(b"one whole message");
//! sender.flush();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Never: knows a protocol. What must be said at the beginning of a session, the caller says when [`Sender::state`] tells of one.

mod counters;
mod peer;
mod sender;
mod tcp;
mod udp;
mod url;

pub use counters::Counters;
pub use sender::{OpenError, Sender, SenderOptions, State};
pub use tcp::TcpSender;
pub use udp::UdpSender;
pub use url::{Scheme, Url, UrlError};
