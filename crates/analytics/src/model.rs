//! What people look at, as data: profiles with channels, chapters, widgets on dashboards.
//!
//! A [`Profile`] is a named cut through the traffic; each of its channels is a filter. A [`Chapter`] is a view of a profile or of some of its channels; a [`Dashboard`] places
//! chapters side by side. All are checked here, and a chapter becomes [questions](weir_query::Question) here and nowhere else ([`Chapter::questions`]).
//!
//! Reading order: [`profile`], [`chapter`], [`questions`] (what a chapter asks), [`dashboard`], [`recipe`] (a profile and its dashboard from a description), [`ready`] (those that
//! are there from the start).

pub mod profile;

pub mod chapter;
pub mod questions;

pub mod dashboard;

pub mod ready;
pub mod recipe;

mod text;

use std::fmt;

use weir_query::{FilterError, QuestionError};

pub use chapter::{Chapter, ChapterKind, Metric};
pub use dashboard::{Dashboard, DashboardTime, Widget};
pub use profile::{Channel, Keeping, PastRange, Profile, Scope, ScopeChannel, Side};
pub use questions::ViewQuestion;
pub use recipe::{Endpoint, Server, ServiceRecipe, ServiceView};

/// Characters of a name.
pub const MAX_NAME: usize = 128;
/// Characters of a description.
pub const MAX_DESCRIPTION: usize = 2048;
/// Channels of a profile.
pub const MAX_CHANNELS: usize = 64;
/// Profiles above one another.
pub const MAX_PARENTS: usize = 8;
/// Widgets of a dashboard.
pub const MAX_WIDGETS: usize = 48;
/// Servers of a service.
pub const MAX_SERVERS: usize = 62;

/// What is wrong with an object: in which field, why, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Path of the field: `name`, `channels[2].filter`.
    pub field: String,
    /// A sentence.
    pub error: String,
    /// Of a text in the query language: the place in it.
    pub place: Option<Box<FilterError>>,
}

impl Invalid {
    pub(crate) fn new(field: impl Into<String>, error: impl Into<String>) -> Self {
        Self { field: field.into(), error: error.into(), place: None }
    }

    fn of_filter(field: String, error: FilterError) -> Self {
        Self { field, error: error.message(), place: Some(Box::new(error)) }
    }

    fn of_question(field: String, error: QuestionError) -> Self {
        Self { field, error: error.error.message(), place: Some(error.error) }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.error)
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests;
