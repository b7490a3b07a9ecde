//! Filter text as tokens.
//!
//! A word is anything between spaces, brackets, quotes and comparison signs: `10.0.0.0/8`, `1-1023`, `http.host` and `50ms`
//! are one word each, and what a word means is decided where it stands. `#` begins a comment up to the end of the line.

use crate::FilterError;

/// A token and where it stands in the text, in octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword, a name or a literal: the text from `start` to `end`.
    Word,
    /// A text in double quotes, without them.
    Text(String),
    Symbol(Symbol),
    /// The end of the text, once.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Open,
    Close,
    ListOpen,
    ListClose,
    Comma,
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    And,
    Or,
    Not,
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: &[(&str, Symbol)] = &[
    ("==", Symbol::Equal),
    ("!=", Symbol::NotEqual),
    ("<=", Symbol::AtMost),
    (">=", Symbol::AtLeast),
    ("&&", Symbol::And),
    ("||", Symbol::Or),
    ("(", Symbol::Open),
    (")", Symbol::Close),
    ("[", Symbol::ListOpen),
    ("]", Symbol::ListClose),
    (",", Symbol::Comma),
    ("=", Symbol::Equal),
    ("<", Symbol::Less),
    (">", Symbol::Greater),
    ("!", Symbol::Not),
];

/// Splits a text into tokens, the last of which is the end.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        if next.is_whitespace() {
            at += next.len_utf8();
            continue;
        }
        if next == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (kind, length) = if next == '"' {
            let (string, length) = quoted(text, at)?;
            (TokenKind::Text(string), length)
        } else if let Some((sign, symbol)) = SYMBOLS.iter().find(|(sign, _)| rest.starts_with(*sign)) {
            (TokenKind::Symbol(*symbol), sign.len())
        } else {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if length == 0 {
                let found = if next.is_control() { format!("`{}`", next.escape_default()) } else { format!("`{next}`") };
                let expected = match next {
                    '&' => "`&&`",
                    '|' => "`||`",
                    '\'' => "text in double quotes",
                    _ => "a word, a number or text in double quotes",
                };
                let end = at + next.len_utf8();
                return Err(FilterError::new(text, at, end, found, vec![expected.to_owned()]));
            }
            (TokenKind::Word, length)
        };
        tokens.push(Token { kind, start: at, end: at + length });
        at += length;
    }
    tokens.push(Token { kind: TokenKind::End, start: text.len(), end: text.len() });
    Ok(tokens)
}

/// True for what words are made of.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_.:/+-@".contains(c)
}

/// The text in quotes that begins at `start`, and its length with the quotes.
fn quoted(text: &str, start: usize) -> Result<(String, usize), FilterError> {
    let inner = start + 1;
    let mut string = String::new();
    let mut characters = text[inner..].char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((string, at + 2)),
            '\n' => break,
            '\\' => {
                let escaped = escape(&mut characters);
                let Some(escaped) = escaped else {
                    let end = characters.next().map_or(text.len(), |(next, _)| inner + next);
                    let found = format!("`{}`", &text[inner + at..end]);
                    let expected = ["`\\\\`", "`\\\"`", "`\\n`", "`\\r`", "`\\t`", "`\\u{...}`"];
                    let expected = expected.map(str::to_owned).to_vec();
                    return Err(FilterError::new(text, inner + at, end, found, expected));
                };
                string.push(escaped);
            }
            c => string.push(c),
        }
    }
    let end = text[start..].find('\n').map_or(text.len(), |line| start + line);
    Err(FilterError::new(text, start, end, "text without its end".to_owned(), vec!["`\"`".to_owned()]))
}

/// What comes after a backslash.
fn escape(characters: &mut std::str::CharIndices<'_>) -> Option<char> {
    match characters.next()?.1 {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        c @ ('"' | '\\') => Some(c),
        'u' => {
            if characters.next()?.1 != '{' {
                return None;
            }
            let mut code = 0;
            for digits in 0.. {
                match characters.next()?.1 {
                    '}' if digits > 0 => return char::from_u32(code),
                    digit if digits < 6 => code = code << 4 | digit.to_digit(16)?,
                    _ => return None,
                }
            }
            None
        }
        _ => None,
    }
}

/// Appends a text as [`tokens`] reads it: in quotes, with what cannot be seen escaped.
pub(crate) fn write_quoted(f: &mut impl std::fmt::Write, text: &str) -> std::fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}
