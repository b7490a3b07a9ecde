//! DTLS 1.2 and 1.3 (RFC 6347, RFC 9147) over sockets that others have: IPFIX under DTLS, both ways (RFC 7011, section 10.3).
//!
//! [`DtlsClient`] and [`DtlsServer`] are made from the same files as TLS, with the same checks. A [`DtlsSession`] is one association: datagrams go in, datagrams to
//! send and messages come out, and it says when it wants to be looked after; so it fits a sender that never waits and a receiver that takes many datagrams at once.
//! [`DtlsSessions`] are those of a listener.
//!
//! The protocol is [`dimpl`]'s. It knows certificates with keys on the curves P-256 and P-384 alone, and sends and takes no more than the certificate of the host
//! itself: so the issuer of that must stand in the file of authorities.

mod config;
mod session;
mod sessions;

pub use config::{DtlsClient, DtlsServer};
pub use session::{DtlsEvent, DtlsSession};
pub use sessions::{DtlsAct, DtlsSessions};

#[cfg(test)]
mod tests;
