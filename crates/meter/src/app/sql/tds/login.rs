//! Who logs in where, and whether the connection is encrypted (MS-TDS 2.2.6.4 LOGIN7, 2.2.6.5 PRELOGIN; TDS 4.2 and 5.0 login records).

use weir_record::Column;
use weir_wire::{Reader, Short};

use super::from_utf16;
use crate::facts::Facts;

/// Versions before this count rows in 4 octets.
const VERSION_7_2: u32 = 0x7209_0002;

/// Whether the client speaks a version before 7.2.
pub(super) fn is_old(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    matches!((reader.u32_le(), reader.u32_le()), (Ok(_), Ok(version)) if version < VERSION_7_2)
}

/// Places and lengths (in UTF-16 units) of the texts stand behind 36 octets of numbers; places count from the start.
pub(super) fn read(body: &[u8], facts: &mut Facts) -> Result<(), Short> {
    let mut reader = Reader::new(body);
    reader.skip(36)?;
    let mut text = |wanted: Option<Column>| -> Result<(), Short> {
        let (place, units) = (usize::from(reader.u16_le()?), usize::from(reader.u16_le()?));
        if let (Some(column), Some(octets)) = (wanted, body.get(place..place + 2 * units)) {
            facts.text(column, from_utf16(octets).as_bytes());
        }
        Ok(())
    };
    text(None)?; // host
    text(Some(Column::sql_user))?;
    // The password, the program, the server, the extension, the library, the language.
    (0..6).try_for_each(|_| text(None))?;
    text(Some(Column::sql_database))
}

/// Before 7.0, and Sybase: 30 octets of the host and their count, then the same of the user.
pub(super) fn read_old(body: &[u8], facts: &mut Facts) {
    if let (Some(user), Some(&length @ 1..=30)) = (body.get(31..61), body.get(61)) {
        facts.text(Column::sql_user, user.get(..length.into()).unwrap_or_default());
    }
}

/// The ENCRYPTION option of a pre-login message: 0 for the login alone, 1 on, 2 not supported, 3 required.
pub(super) fn encryption(body: &[u8]) -> Option<u8> {
    let mut options = body.chunks_exact(5).take_while(|option| option.first() != Some(&0xff));
    let place = options.find_map(|option| match option {
        [1, high, low, 0, 1] => Some(usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    });
    body.get(place?).copied()
}
