//! The error of a response: its tokens up to the first that only a table's columns explain (MS-TDS 2.2.7).

use weir_wire::{Reader, Short};

/// The number of the first error.
pub(super) fn error(body: &[u8], is_old: bool) -> Result<Option<i32>, Short> {
    let mut reader = Reader::new(body);
    loop {
        let length = match reader.u8()? {
            // An error.
            0xaa => {
                reader.skip(2)?;
                return reader.u32_le().map(|number| Some(number.cast_signed()));
            }
            // Its columns' order, information, the login's answer, a change of environment, a capability, a control.
            0xa9 | 0xab | 0xad | 0xe2 | 0xe3 | 0xed => reader.u16_le()?.into(),
            // The state of the session.
            0xe4 => reader.u32_le()? as usize,
            // What a procedure returned.
            0x79 => 4,
            // Done, of three kinds.
            0xfd..=0xff => {
                if is_old {
                    8
                } else {
                    12
                }
            }
            _ => return Ok(None),
        };
        reader.skip(length)?;
    }
}
