//! Lines of JSON between two units, under TLS.
//!
//! Whoever is not known yet has little time and little room: a handshake and a line have to be over soon, however slowly they come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Role;
use super::identity::NAME;
use super::shared::{Settings, Step};

/// How long a handshake may take, the word of somebody who is not known, and a line to be sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a unit listens before it looks after its own things.
const TICK: Duration = Duration::from_millis(250);

/// Octets of a line: all settings of a unit, whose text has 4 MiB at the most.
const LONGEST: usize = 16 << 20;

/// Octets of a line of somebody who is not known yet.
const LONGEST_OF_STRANGERS: usize = 16 << 10;

/// What units say to each other.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "lowercase")]
pub(super) enum Message {
    /// A unit wants to be the second: the secret of the token, and its certificate.
    Join { secret: String, certificate: String },
    /// It is, with this program.
    Joined { version: String },
    /// It is not.
    Refused { why: String },
    /// How a unit is. Said when something has changed, and each second.
    State(Box<State>),
    /// The second one is to make these changes in the settings of this number, all or none.
    Change { id: u64, of: u64, steps: Vec<Step> },
    /// It has, or it has not, and why.
    Changed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
}

/// How a unit is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// Its program.
    pub(super) version: String,
    /// The role that it was given.
    pub(super) role: Role,
    /// The number of its configuration, as `weir versions` has it.
    #[serde(default)]
    pub(super) configuration: u64,
    /// Counts its settings: each number stands for others.
    pub(super) number: u64,
    /// They are told where they are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settings: Option<Settings>,
    /// And what it calls its own besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) own: Vec<String>,
    /// Its values count where both units have changed a key.
    #[serde(default)]
    pub(super) settles: bool,
    /// The last change that it has made because it was asked to.
    #[serde(default)]
    pub(super) made: u64,
    /// What the first one says of the pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pair: Option<PairState>,
}

/// How alike two units are, as the first one knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PairState {
    /// Keys that differ.
    pub(super) behind: usize,
    /// Why they stay different.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<String>,
}

/// A connection to another unit, or to somebody who wants to be one.
pub(super) struct Channel {
    stream: Box<dyn Stream>,
    /// What came of a line so far, and how much of that was searched for its end.
    begun: Vec<u8>,
    searched: usize,
    longest: usize,
    /// When octets came last.
    heard: Instant,
}

/// TLS of either side.
trait Stream: Read + Write + Send {
    fn socket(&mut self) -> &mut Socket;
}

impl Stream for StreamOwned<ClientConnection, Socket> {
    fn socket(&mut self) -> &mut Socket {
        &mut self.sock
    }
}

impl Stream for StreamOwned<ServerConnection, Socket> {
    fn socket(&mut self) -> &mut Socket {
        &mut self.sock
    }
}

impl Channel {
    /// The side that connects, and the certificate that it was shown. The error says what became of the handshake.
    pub(super) fn connect(tcp: TcpStream, config: Arc<ClientConfig>) -> io::Result<(Self, Vec<u8>)> {
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut socket = Socket::new(tcp)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        let shown = tls.peer_certificates().and_then(|shown| shown.first()).map(|shown| shown.to_vec()).unwrap_or_default();
        Ok((Self::of(Box::new(StreamOwned::new(tls, socket)), LONGEST)?, shown))
    }

    /// The side that is connected to, and the certificate that it was shown; none of somebody who has none.
    pub(super) fn accept(tcp: TcpStream, config: Arc<ServerConfig>) -> io::Result<(Self, Vec<u8>)> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut socket = Socket::new(tcp)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        let shown = tls.peer_certificates().and_then(|shown| shown.first()).map(|shown| shown.to_vec()).unwrap_or_default();
        let longest = if shown.is_empty() { LONGEST_OF_STRANGERS } else { LONGEST };
        Ok((Self::of(Box::new(StreamOwned::new(tls, socket)), longest)?, shown))
    }

    fn of(mut stream: Box<dyn Stream>, longest: usize) -> io::Result<Self> {
        stream.socket().listen_for_a_tick()?;
        Ok(Self { stream, begun: Vec::new(), searched: 0, longest, heard: Instant::now() })
    }

    /// The next message; none where it has not come whole for a [`TICK`].
    pub(super) fn hear<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut octets = [0; 16 << 10];
        let until = Instant::now() + TICK;
        loop {
            let unsearched = self.begun.get(self.searched..).unwrap_or_default();
            let end = unsearched.iter().position(|octet| *octet == b'\n').map(|end| self.searched + end);
            if end.unwrap_or(self.begun.len()) > self.longest {
                return Err(io::Error::new(ErrorKind::InvalidData, format!("a message of more than {} octets", self.longest)));
            }
            if let Some(end) = end {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                self.searched = 0;
                return serde_json::from_slice(&line).map(Some).map_err(|error| io::Error::new(ErrorKind::InvalidData, error));
            }
            self.searched = self.begun.len();
            if Instant::now() > until {
                return Ok(None);
            }
            match self.stream.read(&mut octets) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.begun.extend_from_slice(octets.get(..length).unwrap_or_default());
                    self.heard = Instant::now();
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next message, which has to come soon.
    pub(super) fn wait<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(message) = self.hear()? {
                return Ok(message);
            }
        }
        Err(ErrorKind::TimedOut.into())
    }

    /// How long nothing has come.
    pub(super) fn silent(&self) -> Duration {
        self.heard.elapsed()
    }

    pub(super) fn say(&mut self, message: &Message) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.stream.write_all(&line)?;
        self.stream.flush()
    }
}

/// A connection whose handshake has to be over in time, also where octets come one by one.
struct Socket {
    tcp: TcpStream,
    until: Option<Instant>,
}

impl Socket {
    fn new(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nonblocking(false)?;
        tcp.set_nodelay(true)?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { tcp, until: Some(Instant::now() + PATIENCE) })
    }

    fn listen_for_a_tick(&mut self) -> io::Result<()> {
        self.until = None;
        self.tcp.set_read_timeout(Some(TICK))
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.tcp.set_read_timeout(Some(left))?;
        }
        self.tcp.read(into)
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.tcp.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}
