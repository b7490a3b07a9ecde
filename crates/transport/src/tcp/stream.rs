//! The stream below messages: TCP as it is, or under TLS. Nothing here waits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::ClientConnection;

use crate::tls::TlsClient;

/// Octets that wait in TLS for the kernel.
const TLS_BUFFER: usize = 256 << 10;

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

/// TLS over a socket.
#[derive(Debug)]
pub(super) struct Tls {
    connection: ClientConnection,
    socket: TcpStream,
}

impl Stream {
    /// A stream over a connected socket.
    pub(super) fn new(socket: TcpStream, tls: Option<&TlsClient>) -> io::Result<Self> {
        let Some(tls) = tls else { return Ok(Self::Plain(socket)) };
        let connection = ClientConnection::new(tls.config().clone(), tls.name().clone()).map_err(invalid)?;
        let mut tls = Tls { connection, socket };
        tls.connection.set_buffer_limit(Some(TLS_BUFFER));
        Ok(Self::Tls(Box::new(tls)))
    }

    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.socket,
        }
    }

    /// Goes on with the handshake; true when it is done.
    pub(super) fn greet(&mut self) -> io::Result<bool> {
        let Self::Tls(tls) = self else { return Ok(true) };
        tls.push()?;
        if tls.connection.is_handshaking() {
            match tls.pull() {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    // The alert that says why.
                    let _ = tls.push();
                    return Err(error);
                }
            }
            tls.push()?;
        }
        Ok(!tls.connection.is_handshaking())
    }

    /// Whether the peer has ended the stream, in order; an error where it is broken. What it says otherwise is not looked at: exporters are not spoken to (RFC 7011, section 10.4).
    pub(super) fn is_closed(&mut self) -> io::Result<bool> {
        let mut octets = [0; 256];
        loop {
            let read = match self {
                Self::Plain(socket) => socket.read(&mut octets),
                Self::Tls(tls) => tls.read(&mut octets),
            };
            match read {
                Ok(0) => return Ok(true),
                // Many end TCP without ending TLS before.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Octets taken; `WouldBlock` where none can be.
    pub(super) fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(octets),
            Self::Tls(tls) => {
                tls.push()?;
                let taken = tls.connection.writer().write(octets)?;
                tls.push()?;
                if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
            }
        }
    }

    /// Something was taken and is not with the kernel yet.
    pub(super) fn has_more(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.connection.wants_write())
    }

    /// Hands to the kernel what was taken and is not with it yet. True when nothing is left.
    pub(super) fn push(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => {
                tls.push()?;
                Ok(!tls.connection.wants_write())
            }
        }
    }

    /// Says that nothing more will come. An error where the connection is broken.
    pub(super) fn shut(&mut self) -> io::Result<()> {
        if let Self::Tls(tls) = self {
            tls.connection.send_close_notify();
            tls.push()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }
}

impl Tls {
    fn push(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what has come; 0 at the end of the stream.
    fn pull(&mut self) -> io::Result<usize> {
        let count = self.connection.read_tls(&mut self.socket)?;
        self.connection.process_new_packets().map_err(invalid)?;
        Ok(count)
    }

    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        loop {
            let pulled = self.pull();
            match self.connection.reader().read(octets) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if pulled? == 0 {
                return Ok(0);
            }
        }
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
