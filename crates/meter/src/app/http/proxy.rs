//! What the PROXY protocol puts in front of any stream: the client is kept, and the stream is recognised behind it.

use weir_record::Column;

use super::super::protocol::{Carrier, Context, Decoder, Probe, Protocol, Step};
use crate::facts::Facts;
use crate::proxy::{self, Start};

pub(super) const PROTOCOL: Protocol =
    Protocol { name: "haproxy", carrier: Carrier::Stream, ports: &[], probe, decoder: Some(|| Box::new(ProxyHeader)) };

fn probe(octets: &[u8], _: &Context<'_>) -> Probe {
    match proxy::start(octets) {
        Start::Header { .. } => Probe::Yes,
        Start::Unfinished => Probe::More,
        Start::Other => Probe::No,
    }
}

#[derive(Debug)]
struct ProxyHeader;

impl Decoder for ProxyHeader {
    fn read(&mut self, octets: &[u8], _: &Context<'_>, facts: &mut Facts) -> Step {
        let Start::Header { client, length } = proxy::start(octets) else {
            return Step::Refuse;
        };
        // Of several the first is that of the nearest load balancer: it alone is not what somebody else may have sent.
        if let Some(client) = client {
            facts.address(Column::client_addr, client);
        }
        Step::Anew(length as u64)
    }
}
