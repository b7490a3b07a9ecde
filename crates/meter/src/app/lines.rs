//! Lines of text protocols, and the words in them.

/// The first line without its end (LF or CR LF), and its octets with the end. None where its end is not there.
pub(super) fn line(octets: &[u8]) -> Option<(&[u8], usize)> {
    let end = octets.iter().position(|octet| *octet == b'\n')?;
    let line = octets.get(..end).unwrap_or_default();
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// What stands before the first space, and what stands behind it.
pub(super) fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    (word, rest.get(1..).unwrap_or_default())
}

/// A decimal number that is all of this text.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

/// The status at the start of an answer: three digits and a space, a hyphen or the end.
pub(super) fn status(line: &[u8]) -> Option<u16> {
    let (digits, rest) = line.split_first_chunk::<3>()?;
    let ends = matches!(rest.first(), None | Some(b' ' | b'-'));
    decimal(digits).filter(|status| ends && (100..700).contains(status)).and_then(|status| u16::try_from(status).ok())
}

/// Whether octets begin with these, in capitals or not.
pub(super) fn begins(octets: &[u8], with: &[u8]) -> bool {
    octets.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// The longest line that is waited for; of longer ones this much is shown.
const LONGEST_LINE: usize = 8 << 10;

/// Takes lines off one direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The last line that was shown had no end yet.
    in_line: bool,
}

impl Lines {
    /// The line at this place, which is moved behind it, and whether it is there in whole. None where its end has not come.
    pub(super) fn next<'a>(&mut self, octets: &'a [u8], at: &mut usize) -> Option<(&'a [u8], bool)> {
        loop {
            let rest = octets.get(*at..).filter(|rest| !rest.is_empty())?;
            let (line, taken, is_whole) = match line(rest) {
                Some((line, taken)) => (line, taken, true),
                None if self.in_line || rest.len() >= LONGEST_LINE => (rest, rest.len(), false),
                None => return None,
            };
            *at += taken;
            if !std::mem::replace(&mut self.in_line, !is_whole) {
                return Some((line, is_whole));
            }
        }
    }
}
