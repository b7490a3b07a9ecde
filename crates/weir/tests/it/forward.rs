//! Records sent on from one service to another, or to other programs, over real sockets.

mod service;
