//! Records and datagrams sent on from one service to others, over real sockets.

mod target;

mod service;

mod changes;
mod fail_over;
mod foreign;
mod loss;
mod targets;
mod tls;

mod copies;
