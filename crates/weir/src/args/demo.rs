//! The words of `weir demo`.

use std::net::SocketAddr;

use clap::Args;

const ABOUT: &str = "\
Start the whole chain on this machine, on sample traffic that comes with Weir, to look at.

A service receives on a free port of the loopback interface and answers on http://127.0.0.1:8080, or on a free port where that is taken. A meter turns the \
packets of a small network into flows and exports them to it as four devices, one of them behind a line that loses datagrams: the last hour at once, then on and on as \
time goes by. Four other devices send what they have again and again. Everything lies in a temporary folder, which is gone when you press Ctrl-C.";

#[derive(Debug, Args)]
#[command(long_about = ABOUT)]
pub(crate) struct DemoArgs {
    /// Where to answer over HTTP [default: 127.0.0.1:8080, or a free port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}
