//! What people keep here: profiles, chapters and dashboards, and the data of views.
//!
//! The [`Library`] holds them in memory, checks what refers to what, and puts all of them on a [`Shelf`] as one text with every change; where the shelf is, the service knows.
//!
//! Reading order: `document` (what is spoken), `collection` (what there is, and what refers to what), `library` (changes, one after the other), `all_sources` (the profile that makes
//! itself), `routes`, `view` (a chapter becomes questions) and `view_answer` (these become one answer).

mod all_sources;
mod collection;
mod document;
mod library;
pub(crate) mod routes;
mod view;
mod view_answer;

pub use collection::{MAX_CHAPTERS, MAX_DASHBOARDS, MAX_OCTETS, MAX_PROFILES, MAX_STORED_CHANNELS};
pub use document::{ChannelRow, Envelope, Filling, Origin, Page, ProfileName, ServiceDocument, ViewDocument, ViewPart};
pub use library::{Library, Shelf};
pub use view::{AskedView, ViewFormat};
