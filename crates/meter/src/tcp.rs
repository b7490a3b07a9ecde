//! stub
use crate::packet::Direction;
use crate::samples::Samples;
#[derive(Debug, Default)]
pub(crate) struct Connection { x: [u64; 18] }
pub(crate) struct Heard { pub(crate) duplicate: bool, pub(crate) fresh: bool }
pub(crate) struct Syn { pub(crate) size: u16, pub(crate) ttl: u8, pub(crate) window: u16, pub(crate) mss: Option<u16>, pub(crate) options: u64 }
#[derive(Debug)]
pub(crate) struct Segment<'a> { pub(crate) time: i64, pub(crate) direction: Direction, pub(crate) tcp: &'a weir_wire::Tcp, pub(crate) frame: &'a [u8], pub(crate) payload: &'a [u8], pub(crate) length: u32, pub(crate) segments: u32, pub(crate) ip_id: u32, pub(crate) ip_length: u32, pub(crate) ttl: u8, pub(crate) checksum: u16 }
impl Connection {
    pub(crate) fn push(&mut self, _: &Segment<'_>, _: bool) -> Heard { Heard { duplicate: false, fresh: true } }
    pub(crate) fn is_closed(&self) -> bool { false }
    pub(crate) fn begins_anew(&self, _: &Segment<'_>) -> bool { false }
    pub(crate) fn first_octet(&self, _: Direction) -> Option<u32> { None }
    pub(crate) fn begin_record(&mut self) {}
    pub(crate) fn handshake(&self) -> u8 { 0 }
    pub(crate) fn rtt(&self) -> Option<(u32, u32)> { None }
    pub(crate) fn srt(&self) -> Option<&Samples> { None }
    pub(crate) fn retransmissions(&self, _: Direction) -> u32 { 0 }
    pub(crate) fn out_of_order(&self, _: Direction) -> u32 { 0 }
    pub(crate) fn duplicates(&self, _: Direction) -> u32 { 0 }
    pub(crate) fn zero_windows(&self, _: Direction) -> u32 { 0 }
    pub(crate) fn resets(&self, _: Direction) -> u32 { 0 }
    pub(crate) fn syn(&self, _: Direction) -> Option<Syn> { None }
}
