//! Which keys a type reads, and what each takes, found out by letting it read.
//!
//! A deserializer that has no data: it leads the type along a path and looks what the type asks for there. So the keys of the configuration are known
//! where they are declared and nowhere else. With a value it also says whether the type takes that.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A section with these keys.
    Section(&'static [&'static str]),
    /// Parts with names of the user's.
    Named,
    /// A list of these.
    List(Box<Node>),
    /// `true` or `false`.
    Switch,
    /// A number, in words of the type that reads it.
    Number(String),
    /// A text, in words of the type that reads it.
    Text(String),
    /// A text or a number.
    Any(String),
    /// One of these words.
    Words(&'static [&'static str]),
}

impl Node {
    /// True where other keys follow.
    pub(crate) const fn is_table(&self) -> bool {
        matches!(self, Self::Section(_) | Self::Named)
    }

    /// What is expected, in words.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Section(keys) => format!("a section with {}", keys.join(", ")),
            Self::Named => "parts with names of yours".into(),
            Self::List(of) => format!("a list, each {}", of.expected()),
            Self::Switch => "true or false".into(),
            Self::Number(expected) | Self::Text(expected) | Self::Any(expected) => expected.clone(),
            Self::Words(words) => words.join(", "),
        }
    }
}

/// Why there is nothing at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// So many keys are known; of the next these would be.
    Unknown(usize, &'static [&'static str]),
    /// So many keys are known; the next is none that this type takes, because of this.
    Refused(usize, String),
    /// So many keys lead to a value, which has no keys.
    Value(usize),
}

/// A value as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Literal<'a> {
    Number(i64),
    Text(&'a str),
}

/// What stands at the path in what `T` reads.
pub(crate) fn find<'de, T: Deserialize<'de>>(path: &[String]) -> Result<Node, Lost> {
    match probe::<T>(path, None) {
        Found::Node(node) => Ok(node),
        Found::Lost(lost) => Err(lost),
        // Only where a type reads nothing.
        Found::Nothing | Found::Taken(_) => Err(Lost::Value(path.len())),
    }
}

/// Whether `T` takes the value at the path, or as an item of the list there. The error is a sentence.
pub(crate) fn take<'de, T: Deserialize<'de>>(path: &[String], literal: Literal<'_>) -> Result<(), String> {
    match probe::<T>(path, Some(literal)) {
        Found::Taken(taken) => taken,
        _ => Err("is no value".into()),
    }
}

fn probe<'de, T: Deserialize<'de>>(path: &[String], literal: Option<Literal<'_>>) -> Found {
    let found = RefCell::new(Found::Nothing);
    let at = Probe { path, depth: 0, literal, found: &found };
    // It ends with an error always: the data is never whole.
    drop(T::deserialize(at));
    found.into_inner()
}

enum Found {
    Nothing,
    Node(Node),
    Taken(Result<(), String>),
    Lost(Lost),
}

#[derive(Clone, Copy)]
struct Probe<'a> {
    /// What is left of the path.
    path: &'a [String],
    /// Keys that were passed.
    depth: usize,
    literal: Option<Literal<'a>>,
    found: &'a RefCell<Found>,
}

/// The way ends here.
#[derive(Debug)]
struct End(String);

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for End {}

impl de::Error for End {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl<'a> Probe<'a> {
    fn end<T>(&self, found: Found) -> Result<T, End> {
        *self.found.borrow_mut() = found;
        Err(End(String::new()))
    }

    fn inner(&self, path: &'a [String]) -> Self {
        Self { path, depth: self.depth + 1, ..*self }
    }

    /// A value that is written as one.
    fn leaf<'de, V: Visitor<'de>>(self, visitor: V, node: impl FnOnce(String) -> Node) -> Result<V::Value, End> {
        if !self.path.is_empty() {
            return self.end(Found::Lost(Lost::Value(self.depth)));
        }
        let Some(literal) = self.literal else {
            let expected = (&visitor as &dyn Expected).to_string();
            return self.end(Found::Node(node(expected)));
        };
        let taken = match literal {
            Literal::Number(number) => visitor.visit_i64(number),
            Literal::Text(text) => visitor.visit_str(text),
        };
        self.taken(taken)
    }

    fn taken<T>(&self, taken: Result<T, End>) -> Result<T, End> {
        *self.found.borrow_mut() = Found::Taken(taken.as_ref().map(drop).map_err(ToString::to_string));
        taken
    }
}

macro_rules! leaves {
    ($($node:expr => $($method:ident)*;)*) => {$($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
            self.leaf(visitor, $node)
        }
    )*)*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = End;

    leaves! {
        |_| Node::Switch => deserialize_bool;
        Node::Number => deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
            deserialize_u64 deserialize_f32 deserialize_f64;
        Node::Text => deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier
            deserialize_unit deserialize_ignored_any;
        Node::Any => deserialize_any;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, End> {
        self.leaf(visitor, Node::Text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, End> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, End> {
        match self.path.split_first() {
            None => self.end(Found::Node(Node::Section(fields))),
            Some((key, rest)) if fields.contains(&key.as_str()) => {
                visitor.visit_map(One { key: Some(key), inner: self.inner(rest) })
            }
            Some(_) => self.end(Found::Lost(Lost::Unknown(self.depth, fields))),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
        match self.path.split_first() {
            None => self.end(Found::Node(Node::Named)),
            Some((key, rest)) => visitor.visit_map(One { key: Some(key), inner: self.inner(rest) }),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
        if !self.path.is_empty() {
            return self.end(Found::Lost(Lost::Value(self.depth)));
        }
        let read = visitor.visit_seq(One { key: Some(""), inner: self });
        let item = std::mem::replace(&mut *self.found.borrow_mut(), Found::Nothing);
        let found = match item {
            Found::Node(node) => Found::Node(Node::List(Box::new(node))),
            other => other,
        };
        *self.found.borrow_mut() = found;
        read
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, End> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, End> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, End> {
        if !self.path.is_empty() {
            return self.end(Found::Lost(Lost::Value(self.depth)));
        }
        match self.literal {
            None => self.end(Found::Node(Node::Words(variants))),
            Some(Literal::Text(word)) => self.taken(visitor.visit_enum(Word(word))),
            Some(_) => self.taken(Err(End(format!("expected {}", variants.join(", "))))),
        }
    }
}

/// A map or a list of one.
struct One<'a> {
    key: Option<&'a str>,
    inner: Probe<'a>,
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = End;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, End> {
        let Some(key) = self.key.take() else { return Ok(None) };
        let read: Result<_, End> = seed.deserialize(key.into_deserializer());
        if let Err(End(cause)) = &read {
            *self.inner.found.borrow_mut() = Found::Lost(Lost::Refused(self.inner.depth - 1, cause.clone()));
        }
        read.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, End> {
        seed.deserialize(self.inner)
    }
}

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = End;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, End> {
        self.key.take().map(|_| seed.deserialize(self.inner)).transpose()
    }
}

/// A word that stands for a variant.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = End;
    type Variant = Bare;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Bare), End> {
        seed.deserialize(self.0.into_deserializer()).map(|variant| (variant, Bare))
    }
}

/// A variant that has nothing in it.
struct Bare;

impl<'de> de::VariantAccess<'de> for Bare {
    type Error = End;

    fn unit_variant(self) -> Result<(), End> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, End> {
        Err(End("needs more than a word".into()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, End> {
        Err(End("needs more than a word".into()))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, End> {
        Err(End("needs more than a word".into()))
    }
}
