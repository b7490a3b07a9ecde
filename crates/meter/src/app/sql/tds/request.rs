//! Statements: batches, and calls of the procedures that take a statement (MS-TDS 2.2.6.6 RPC request, 2.2.6.7 SQL batch).

use weir_wire::{Reader, Short};

use super::{CALL, from_utf16};

/// Parameters looked at for the statement.
const MAX_PARAMETERS: usize = 6;

/// The statement of a request, or the name of the procedure that is called. None where it is not formed like one.
pub(super) fn statement(kind: u8, body: &[u8]) -> Option<String> {
    let body = behind_headers(body);
    let text = if kind == CALL { call(body).ok()? } else { from_utf16(body) };
    let is_text = text.chars().next().is_some_and(|first| first.is_ascii_graphic() || first.is_ascii_whitespace());
    is_text.then_some(text)
}

/// Since 7.2 a list of headers stands first, with its length, each with its own length and type.
fn behind_headers(body: &[u8]) -> &[u8] {
    let mut reader = Reader::new(body);
    let (Ok(all), Ok(first), Ok(kind)) = (reader.u32_le(), reader.u32_le(), reader.u16_le()) else {
        return body;
    };
    let has_headers = (10..=1024).contains(&all) && (6..=all - 4).contains(&first) && (1..=3).contains(&kind);
    if has_headers { body.get(all as usize..).unwrap_or_default() } else { body }
}

/// A call by number of a procedure of the system, or by name.
fn call(body: &[u8]) -> Result<String, Short> {
    let mut reader = Reader::new(body);
    let units = reader.u16_le()?;
    if units != 0xffff {
        return Ok(from_utf16(reader.bytes(2 * usize::from(units))?));
    }
    let number = reader.u16_le()?;
    reader.skip(2)?;
    // The text stands behind the text of its parameters' types where it is made ready (sp_prepare and the like).
    let (name, before) = match number {
        2 => ("sp_cursoropen", 0),
        3 => ("sp_cursorprepare", 1),
        4 => ("sp_cursorexecute", usize::MAX),
        5 => ("sp_cursorprepexec", 1),
        6 => ("sp_cursorunprepare", usize::MAX),
        7 => ("sp_cursorfetch", usize::MAX),
        8 => ("sp_cursoroption", usize::MAX),
        9 => ("sp_cursorclose", usize::MAX),
        10 => ("sp_executesql", 0),
        11 => ("sp_prepare", 1),
        12 => ("sp_execute", usize::MAX),
        13 => ("sp_prepexec", 1),
        14 => ("sp_prepexecrpc", 0),
        15 => ("sp_unprepare", usize::MAX),
        _ => ("sp_cursor", usize::MAX),
    };
    let text = if before == usize::MAX { None } else { text_parameter(reader, before) };
    Ok(text.unwrap_or_else(|| name.to_owned()))
}

/// The text among the parameters that has so many texts before it.
fn text_parameter(mut reader: Reader<'_>, mut before: usize) -> Option<String> {
    for _ in 0..MAX_PARAMETERS {
        match parameter(&mut reader).ok()?? {
            Parameter::Text(text) if before == 0 => return Some(from_utf16(text)),
            Parameter::Text(_) => before -= 1,
            Parameter::Other => {}
        }
    }
    None
}

enum Parameter<'a> {
    Text(&'a [u8]),
    Other,
}

/// The next parameter, as much of it as there is. None for a type that these procedures do not take.
fn parameter<'a>(reader: &mut Reader<'a>) -> Result<Option<Parameter<'a>>, Short> {
    let name = reader.u8()?;
    reader.skip(2 * usize::from(name) + 1)?;
    Ok(match reader.u8()? {
        // A number of up to 8 octets.
        0x26 => {
            let _most = reader.u8()?;
            let length = reader.u8()?;
            reader.skip(length.into())?;
            Some(Parameter::Other)
        }
        // nvarchar: 65535 stands for a text in parts of any length, or for none.
        0xe7 => {
            let most = reader.u16_le()?;
            reader.skip(5)?;
            let length = if most == 0xffff { part(reader)? } else { reader.u16_le()?.into() };
            let is_absent = most != 0xffff && length == 0xffff;
            let length = if is_absent { 0 } else { length };
            let text = reader.bytes(length.min(reader.left()))?;
            // Behind the parts there is one of length 0.
            if most == 0xffff && length > 0 && !reader.is_empty() {
                while let next @ 1.. = reader.u32_le()? {
                    reader.skip(next as usize)?;
                }
            }
            Some(Parameter::Text(text))
        }
        // ntext.
        0x63 => {
            reader.skip(4 + 5)?;
            let length = reader.u32_le()?;
            let length = if length == u32::MAX { 0 } else { length as usize };
            Some(Parameter::Text(reader.bytes(length.min(reader.left()))?))
        }
        _ => None,
    })
}

/// The length of the first part of a text in parts; 0 for an absent one.
fn part(reader: &mut Reader<'_>) -> Result<usize, Short> {
    let all = reader.u64_le()?;
    if all == u64::MAX { Ok(0) } else { Ok(reader.u32_le()? as usize) }
}
