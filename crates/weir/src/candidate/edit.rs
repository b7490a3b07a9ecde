//! Changes in the text of a configuration: what is not touched stays as it is, octet by octet.
//!
//! The text is parsed for the places where things stand; a change cuts a piece out of it and puts another in. A new key comes behind the last of its section,
//! a new section behind the last of its kind. What is taken away takes along the lines of comment right above it, up to the first empty line.

use std::collections::BTreeSet;
use std::ops::Range;

use toml_edit::{Array, Document, DocumentMut, InlineTable, Item, Key, Table, Value};

use super::path::KeyPath;
use super::schema::plain;
use crate::config::nearest;

/// The text with this value at the path. The error is a sentence.
pub(super) fn set(text: &str, path: &[String], value: Value) -> Result<String, String> {
    let page = Page::new(text)?;
    match page.item(path) {
        Some(Item::Value(old)) => page.put(span_of(old.span())?, &bare(value)),
        Some(Item::Table(_) | Item::ArrayOfTables(_)) => Err("is a section: set its keys, or unset it first".into()),
        Some(Item::None) | None => page.insert(path, value),
    }
}

/// The text with this section, which may stay empty.
pub(super) fn open(text: &str, path: &[String]) -> Result<String, String> {
    let page = Page::new(text)?;
    if page.item(path).is_some() {
        return Ok(text.to_owned());
    }
    let (depth, ..) = page.nearest(path);
    page.new_section(path.get(..depth).unwrap_or_default(), path, "")
}

/// The text with these items in the list at the path, which is made where it is not there.
pub(super) fn add(text: &str, path: &[String], values: Vec<Value>) -> Result<String, String> {
    let page = Page::new(text)?;
    let old = match page.item(path) {
        None => None,
        Some(Item::Value(Value::Array(old))) => Some(old),
        Some(_) => return Err("is no list".into()),
    };
    let mut known: BTreeSet<String> = old.into_iter().flatten().map(plain).collect();
    if let Some(twice) = values.iter().find(|value| !known.insert(plain(value))) {
        return Err(format!("{} is in it already", bare(twice.clone())));
    }
    let Some(old) = old else {
        return page.insert(path, Value::Array(values.into_iter().collect()));
    };
    let mut list = page.list(path)?;
    values.into_iter().for_each(|value| push(&mut list, value));
    page.put(span_of(old.span())?, &bare(Value::Array(list)))
}

/// The text without this item in the list at the path.
pub(super) fn remove(text: &str, path: &[String], item: &str) -> Result<String, String> {
    let page = Page::new(text)?;
    let Some(Item::Value(Value::Array(old))) = page.item(path) else {
        return Err(if page.item(path).is_some() { "is no list: unset it without a value".into() } else { page.absent(path) });
    };
    let Some(place) = old.iter().position(|value| plain(value) == item) else {
        let has: Vec<String> = old.iter().map(plain).collect();
        return Err(format!(
            "\"{item}\" is not in it; it has {}",
            if has.is_empty() { "nothing".into() } else { has.join(", ") }
        ));
    };
    let mut list = page.list(path)?;
    let gone = list.remove(place);
    if place == 0
        && let (Some(first), Some(prefix)) = (list.get_mut(0), gone.decor().prefix())
    {
        first.decor_mut().set_prefix(prefix.clone());
    }
    page.put(span_of(old.span())?, &bare(Value::Array(list)))
}

/// The text without the key or the section at the path.
pub(super) fn unset(text: &str, path: &[String]) -> Result<String, String> {
    let page = Page::new(text)?;
    let Some(item) = page.item(path) else { return Err(page.absent(path)) };
    // Inside of braces a line may hold more than what goes.
    if let Some(depth) = (1..path.len()).find(|depth| page.item(&path[..*depth]).is_some_and(Item::is_inline_table)) {
        let (outer, inner) = path.split_at(depth);
        let mut table = page.inline(outer)?;
        take_out(&mut table, inner);
        table.fmt();
        let old = page.item(outer).and_then(Item::span);
        return page.put(span_of(old)?, &bare(Value::InlineTable(table)));
    }
    let mut lines = Vec::new();
    let key = page.key(path).and_then(Key::span);
    page.lines_of(key, item, &mut lines);
    Ok(page.cut(lines))
}

/// The keys that are written in the section at the path.
pub(super) fn keys_of(text: &str, path: &[String]) -> Vec<String> {
    let Ok(page) = Page::new(text) else { return Vec::new() };
    let table = page.item(path).and_then(Item::as_table_like);
    table.map(|table| table.iter().map(|(key, _)| key.to_owned()).collect()).unwrap_or_default()
}

/// A text and where things stand in it.
struct Page<'a> {
    text: &'a str,
    document: Document<&'a str>,
    /// The end of a line, as the text writes it.
    line_end: &'static str,
}

impl<'a> Page<'a> {
    fn new(text: &'a str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|error| format!("the configuration is no TOML: {}", error.message()))?;
        Ok(Self { text, document, line_end: if text.contains("\r\n") { "\r\n" } else { "\n" } })
    }

    fn item(&self, path: &[String]) -> Option<&Item> {
        path.iter().try_fold(self.document.as_item(), |item, key| item.as_table_like()?.get(key))
    }

    fn key(&self, path: &[String]) -> Option<&Key> {
        let (last, parents) = path.split_last()?;
        self.item(parents)?.as_table_like()?.get_key_value(last).map(|(key, _)| key)
    }

    /// The list at the path, with its spaces and comments.
    fn list(&self, path: &[String]) -> Result<Array, String> {
        match self.free(path)? {
            Value::Array(list) => Ok(list),
            _ => Err("is no list".into()),
        }
    }

    /// The table in braces at the path.
    fn inline(&self, path: &[String]) -> Result<InlineTable, String> {
        match self.free(path)? {
            Value::InlineTable(table) => Ok(table),
            _ => Err("is no table in braces".into()),
        }
    }

    /// A value that can be changed.
    fn free(&self, path: &[String]) -> Result<Value, String> {
        let document: DocumentMut = self.text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
        let item = path.iter().try_fold(document.as_item(), |item, key| item.as_table_like()?.get(key));
        item.and_then(Item::as_value).cloned().ok_or_else(|| self.absent(path))
    }

    /// That nothing stands at a path, and what was probably meant.
    fn absent(&self, path: &[String]) -> String {
        let (depth, item, _) = self.nearest(path);
        let keys: Vec<&str> = item.as_table_like().into_iter().flat_map(|table| table.iter()).map(|(key, _)| key).collect();
        let wrong = path.get(depth).map(String::as_str).unwrap_or_default();
        match nearest(wrong, &keys) {
            Some(nearest) => {
                format!("is not written; did you mean {}?", KeyPath::new([&path[..depth], &[nearest.to_owned()]].concat()))
            }
            None => "is not written in the configuration, so its default holds".into(),
        }
    }

    /// The text with another piece in this place.
    fn put(&self, place: Range<usize>, piece: &str) -> Result<String, String> {
        let (before, behind) = (self.text.get(..place.start), self.text.get(place.end..));
        let (Some(before), Some(behind)) = (before, behind) else { return Err(no_place()) };
        Ok(format!("{before}{piece}{behind}"))
    }

    /// The text with a key that was not there.
    fn insert(&self, path: &[String], value: Value) -> Result<String, String> {
        let (depth, item, header) = self.nearest(path);
        let rest = path.get(depth..).unwrap_or_default();
        let Some((leaf, between)) = rest.split_last() else { return Err(no_place()) };
        if let Item::Value(Value::InlineTable(_)) = item {
            let outer = path.get(..depth).unwrap_or_default();
            let mut table = self.inline(outer)?;
            put_in(&mut table, rest, value);
            table.fmt();
            return self.put(span_of(item.span())?, &bare(Value::InlineTable(table)));
        }
        let Item::Table(table) = item else {
            return Err(format!("{} is a value, there are no keys in it", KeyPath::new(path[..depth].to_vec())));
        };
        let line = |from: usize| {
            let key = KeyPath::new(path.get(from..).unwrap_or_default().to_vec());
            format!("{key} = {}", bare(value.clone()))
        };
        if table.is_dotted() {
            // As its neighbours are written: from their section on.
            return self.insert_line(Some(self.end_of(item)), &line(header));
        }
        let has_header = table.span().is_some() && !table.is_implicit();
        if between.is_empty() && has_header && depth > 0 {
            let last_own = table.iter().filter(|(_, item)| is_line(item)).map(|(_, item)| self.end_of(item)).max();
            return self.insert_line(last_own.or_else(|| table.span().map(|span| span.end)), &line(depth));
        }
        let section = &path[..path.len() - 1];
        self.new_section(path.get(..depth).unwrap_or_default(), section, &format!("{}{}", line(path.len() - 1), self.line_end))
            .map_err(|error| format!("{leaf}: {error}"))
    }

    /// The deepest thing on the way that is written, how many keys lead to it, and how many to the section whose header stands above it.
    fn nearest(&self, path: &[String]) -> (usize, &Item, usize) {
        let mut found = (0, self.document.as_item(), 0);
        for (depth, key) in (1..).zip(path) {
            let Some(item) = found.1.as_table_like().and_then(|table| table.get(key)) else { break };
            let is_dotted = item.as_table().is_some_and(Table::is_dotted);
            found = (depth, item, if is_dotted || item.is_value() { found.2 } else { depth });
        }
        found
    }

    /// The text with a line behind this place.
    fn insert_line(&self, behind: Option<usize>, line: &str) -> Result<String, String> {
        let end = self.line_end_at(behind.ok_or_else(no_place)?);
        let (before, behind) = self.text.split_at(end);
        let join = if before.ends_with('\n') || before.is_empty() { "" } else { self.line_end };
        Ok(format!("{before}{join}{line}{}{behind}", self.line_end))
    }

    /// The text with a section behind the last of those below `neighbours`.
    fn new_section(&self, neighbours: &[String], section: &[String], lines: &str) -> Result<String, String> {
        let group = self.item(neighbours).filter(|_| !neighbours.is_empty());
        let end = match group {
            Some(group) => self.behind_comments(self.line_end_at(self.end_of(group))),
            None => self.text.len(),
        };
        let (before, behind) = self.text.split_at(end);
        let mut new = before.to_owned();
        if !new.is_empty() && !new.ends_with('\n') {
            new += self.line_end;
        }
        if !new.trim().is_empty() && !new.ends_with("\n\n") && !new.ends_with("\n\r\n") {
            new += self.line_end;
        }
        new += &format!("[{}]{}{lines}", KeyPath::new(section.to_vec()), self.line_end);
        if !behind.is_empty() && !behind.starts_with(['\n', '\r']) {
            new += self.line_end;
        }
        Ok(new + behind)
    }

    /// The last octet of all that is written of an item.
    fn end_of(&self, item: &Item) -> usize {
        let own = item.span().map_or(0, |span| span.end);
        let inner = match item {
            Item::Table(table) => table.iter().map(|(_, item)| self.end_of(item)).max(),
            Item::ArrayOfTables(tables) => tables.iter().flat_map(|table| table.iter()).map(|(_, item)| self.end_of(item)).max(),
            Item::Value(_) | Item::None => None,
        };
        own.max(inner.unwrap_or_default())
    }

    /// The first octet of the next line.
    fn line_end_at(&self, place: usize) -> usize {
        self.text.get(place..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |end| place + end + 1)
    }

    fn line_start_at(&self, place: usize) -> usize {
        self.text.get(..place).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
    }

    /// Behind lines of comment that follow without a gap, unless they stand right above something else.
    fn behind_comments(&self, place: usize) -> usize {
        let mut end = place;
        loop {
            let next = self.line_end_at(end);
            match self.text.get(end..next).map(str::trim) {
                Some(line) if line.starts_with('#') && next > end => end = next,
                Some("") | None => return end,
                Some(_) => return place,
            }
        }
    }

    /// The lines that belong to an item, with the comments right above them.
    fn lines_of(&self, key: Option<Range<usize>>, item: &Item, lines: &mut Vec<Range<usize>>) {
        match item {
            Item::Value(value) => {
                if let (Some(key), Some(value)) = (key, value.span()) {
                    lines.push(self.above(self.line_start_at(key.start))..self.line_end_at(value.end));
                }
            }
            Item::Table(table) => {
                if let (Some(header), false) = (table.span(), table.is_dotted() || table.is_implicit()) {
                    lines.push(self.above(self.line_start_at(header.start))..self.line_end_at(header.start));
                }
                for (key, _) in table.iter() {
                    if let Some((key, item)) = table.get_key_value(key) {
                        self.lines_of(key.span(), item, lines);
                    }
                }
            }
            Item::ArrayOfTables(tables) => {
                tables.iter().for_each(|table| self.lines_of(None, &Item::Table(table.clone()), lines))
            }
            Item::None => {}
        }
    }

    /// The first of the lines of comment right above a line.
    fn above(&self, line: usize) -> usize {
        let mut first = line;
        while first > 0 {
            let before = self.line_start_at(first - 1);
            if !self.text.get(before..first).is_some_and(|line| line.trim_start().starts_with('#')) {
                break;
            }
            first = before;
        }
        first
    }

    /// The text without these lines; of the empty lines around them those above stay, but at the end of the file.
    fn cut(&self, mut lines: Vec<Range<usize>>) -> String {
        lines.sort_by_key(|line| line.start);
        let mut text = String::with_capacity(self.text.len());
        let mut kept = 0;
        for Range { start, end } in lines {
            text += self.text.get(kept..start).unwrap_or_default();
            kept = kept.max(end);
            let is_after_gap = text.is_empty() || text.ends_with("\n\n") || text.ends_with("\n\r\n");
            while is_after_gap
                && kept < self.text.len()
                && self.text.get(kept..self.line_end_at(kept)).is_some_and(|line| line.trim().is_empty())
            {
                kept = self.line_end_at(kept);
            }
        }
        let rest = self.text.get(kept..).unwrap_or_default();
        // At the end of the file nothing is kept apart by an empty line any more.
        while rest.is_empty() && (text.ends_with("\n\n") || text.ends_with("\n\r\n")) {
            text.truncate(text.trim_end_matches('\n').trim_end_matches('\r').trim_end_matches('\n').len());
            text += self.line_end;
        }
        text + rest
    }
}

/// A key that is a line, or several with dots, of the section itself.
fn is_line(item: &Item) -> bool {
    item.is_value() || item.as_table().is_some_and(Table::is_dotted)
}

/// Adds an item in the way in which the others are written.
fn push(list: &mut Array, value: Value) {
    let last = list.len().checked_sub(1).and_then(|last| list.get(last));
    let prefix = last.and_then(|last| last.decor().prefix()?.as_str().map(str::to_owned));
    let trailing = list.trailing().as_str().unwrap_or_default().to_owned();
    let mut value = value.decorated("", "");
    match prefix {
        Some(prefix) if prefix.contains('\n') => {
            // A comment behind the last item stays where it is.
            let indent = prefix.rsplit('\n').next().unwrap_or_default();
            let last = list.len().checked_sub(1).and_then(|last| list.get_mut(last));
            let behind = match last {
                Some(last) if !list_has_comma(&trailing) => {
                    let behind = last.decor().suffix().and_then(|suffix| suffix.as_str()).unwrap_or_default().to_owned();
                    last.decor_mut().set_suffix("");
                    behind
                }
                _ => String::new(),
            };
            let comment = format!("{behind}{trailing}");
            let comment = comment.trim_end();
            value.decor_mut().set_prefix(format!("{comment}\n{indent}"));
            list.push_formatted(value);
            list.set_trailing("\n");
        }
        Some(_) => list.push_formatted(value.decorated(" ", "")),
        None => list.push_formatted(value),
    }
}

/// True where nothing but spaces follows the last item.
fn list_has_comma(trailing: &str) -> bool {
    trailing.contains('#')
}

/// Puts a value into a table in braces, with tables on the way.
fn put_in(table: &mut InlineTable, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key, value);
        }
        [key, rest @ ..] => {
            let inner = table.get_or_insert(key, InlineTable::new());
            if let Value::InlineTable(inner) = inner {
                put_in(inner, rest, value);
            }
        }
    }
}

fn take_out(table: &mut InlineTable, path: &[String]) {
    match path {
        [] => {}
        [key] => {
            table.remove(key);
        }
        [key, rest @ ..] => {
            if let Some(Value::InlineTable(inner)) = table.get_mut(key) {
                take_out(inner, rest);
            }
        }
    }
}

/// A value as it is written, without spaces around it.
fn bare(value: Value) -> String {
    value.decorated("", "").to_string()
}

fn span_of(span: Option<Range<usize>>) -> Result<Range<usize>, String> {
    span.ok_or_else(no_place)
}

fn no_place() -> String {
    "cannot be edited in this text: write it into the file by hand".into()
}
