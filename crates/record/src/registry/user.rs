//! Elements that users add, in TOML.
//!
//! ```toml
//! [[element]]
//! pen = 64512
//! id = 1
//! name = "queueDepth"
//! type = "unsigned32"
//! ```

use serde::Deserialize;

use super::{DataType, Element, Registry};
use crate::table::ElementId;

/// Why a text of user elements was refused. Nothing of it was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserElementError {
    /// Not TOML, an unknown key, or a value of the wrong kind; the message tells the line.
    Syntax(String),
    /// The type is none of RFC 7012's.
    UnknownType {
        /// The element's name.
        element: String,
        /// What stands as its type.
        found: String,
    },
    /// The name is empty, or has characters other than letters, digits, `_`, `-` and `.`.
    BadName {
        /// What stands as its name.
        found: String,
    },
    /// The id is 0 or above 32767, which no template can carry.
    BadId {
        /// The element's name.
        element: String,
        /// What stands as its id.
        found: u16,
    },
}

impl std::fmt::Display for UserElementError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(message) => write!(f, "{}", message.trim_end()),
            Self::UnknownType { element, found } => {
                let known: Vec<_> = DataType::NAMES.iter().map(|(name, _)| *name).collect();
                write!(f, "element {element}: type \"{found}\" is unknown, expected one of {}", known.join(", "))
            }
            Self::BadName { found } => {
                write!(f, "element name \"{found}\": expected letters, digits, '_', '-' or '.', at least one")
            }
            Self::BadId { element, found } => write!(f, "element {element}: id {found} is out of range, expected 1 to 32767"),
        }
    }
}

impl std::error::Error for UserElementError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    element: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    pen: u32,
    id: u16,
    name: String,
    #[serde(rename = "type")]
    data_type: String,
}

impl Registry {
    /// Adds the elements of a TOML text, all or none; gives their number.
    ///
    /// # Errors
    /// [`UserElementError`] for a text that is not as the module says.
    pub fn add_toml(&mut self, text: &str) -> Result<usize, UserElementError> {
        let file: File = toml::from_str(text).map_err(|error| UserElementError::Syntax(error.to_string()))?;
        let elements = file.element.into_iter().map(checked).collect::<Result<Vec<_>, _>>()?;
        let count = elements.len();
        self.added.extend(elements.into_iter().map(|element| (element.id, element)));
        Ok(count)
    }
}

fn checked(line: Line) -> Result<Element, UserElementError> {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if line.name.is_empty() || !line.name.chars().all(named) {
        return Err(UserElementError::BadName { found: line.name });
    }
    if line.id == 0 || line.id > 0x7fff {
        return Err(UserElementError::BadId { element: line.name, found: line.id });
    }
    let Some(data_type) = DataType::by_name(&line.data_type) else {
        return Err(UserElementError::UnknownType { element: line.name, found: line.data_type });
    };
    Ok(Element { id: ElementId { pen: line.pen, id: line.id }, name: line.name.into(), data_type })
}
