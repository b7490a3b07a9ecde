//! Texts that stand once and are named by a number.

use std::collections::HashMap;

/// Each text once; number 0 is no text.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self { texts: vec!["".into()], numbers: HashMap::default() }
    }

    /// The number of a text; an empty one is none.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let Ok(number) = u32::try_from(self.texts.len()) else {
            return 0;
        };
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    /// The text of a number, if there is one.
    pub(crate) fn get(&self, number: u32) -> Option<&str> {
        if number == 0 {
            return None;
        }
        self.texts.get(number as usize).map(|text| &**text)
    }
}
