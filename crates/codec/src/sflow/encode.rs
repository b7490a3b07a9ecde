//! Rows to sFlow datagrams.
/// Stub.
#[derive(Debug)]
pub struct EncodeOptions;
/// Stub.
#[derive(Debug)]
pub struct Encoder;
