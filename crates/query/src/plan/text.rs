//! What is asked of a text.

use memchr::memmem::Finder;

use crate::syntax::{Relation, Value};

#[derive(Clone, Debug)]
pub(super) enum TextTest {
    /// There is a text at all.
    Present,
    /// It is one of these, which are in order.
    OneOf(Vec<Box<[u8]>>),
    Contains(Box<Finder<'static>>),
    Begins(Box<[u8]>),
    Ends(Box<[u8]>),
}

impl TextTest {
    /// What a relation asks of texts; relations of other types ask for none of them.
    pub(super) fn new(relation: &Relation) -> Self {
        let octets = |text: &str| text.as_bytes().into();
        match relation {
            Relation::Exists => Self::Present,
            Relation::Equal(value) => Self::one_of(std::slice::from_ref(value)),
            Relation::In(values) => Self::one_of(values),
            Relation::Contains(text) => Self::Contains(Box::new(Finder::new(text).into_owned())),
            Relation::Begins(text) => Self::Begins(octets(text)),
            Relation::Ends(text) => Self::Ends(octets(text)),
            _ => Self::OneOf(Vec::new()),
        }
    }

    fn one_of(values: &[Value]) -> Self {
        let mut texts: Vec<Box<[u8]>> = values
            .iter()
            .filter_map(|value| match value {
                Value::Text(text) => Some(text.as_bytes().into()),
                _ => None,
            })
            .collect();
        texts.sort_unstable();
        texts.dedup();
        Self::OneOf(texts)
    }

    #[inline]
    pub(super) fn holds(&self, text: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::OneOf(texts) => match &**texts {
                [only] => **only == *text,
                texts => texts.binary_search_by(|known| (**known).cmp(text)).is_ok(),
            },
            Self::Contains(part) => part.find(text).is_some(),
            Self::Begins(start) => text.starts_with(start),
            Self::Ends(end) => text.ends_with(end),
        }
    }
}
