//! The HTTP edge: a typed API over what the service has stored and counted, and its description.
//!
//! [`serve`] answers on a listener with threads of its own. What it needs from the service is the trait [`Backend`]. Questions and answers are those of
//! `weir_query`; their JSON forms ([`Asked`], [`SourceRow`], [`Refusal`]) are this crate's, and the command line speaks them too. Who may ask is the affair of
//! `people`: no route is reached past its guard.
//!
//! Reading order: `backend` (what is needed), `question`, `document` and `error` (what is spoken), `routes` (where), `answer` (how), `objects` (what people keep, and views of it), `console` (pages), `people` (who), `queries`, `unread` and `limits` (how much),
//! `connection` and `patient` (from whom).
//!
//! Never: knows a protocol or where files lie.

mod backend;

mod account;
mod answer;
mod complete;
mod document;
mod error;
mod named;
mod question;
mod rendered;
mod source;

mod live;
pub mod metric;
pub mod moment;
mod own_metrics;

#[expect(unused_qualifications, reason = "what utoipa makes of the annotations names types in full")]
mod objects;

mod openapi;
#[expect(unused_qualifications, reason = "what utoipa makes of the annotations names types in full")]
mod routes;

mod console;

#[expect(unused_qualifications, reason = "what utoipa makes of the annotations names types in full")]
mod people;

mod connection;
mod limits;
mod patient;
mod queries;
pub mod tls;
mod unread;

pub use account::{AccountRow, AccountState, AskedAccount, MissingRow};
pub use backend::{Backend, Health, QueryError};
pub use complete::CompletionRow;
pub use connection::{Parts, Server, serve};
pub use document::{AnswerDocument, ColumnDocument, FailOverDocument, NoteDocument, SqlColumnDocument, TableColumnDocument};
pub use error::{Place, Refusal};
pub use limits::Limits;
pub use live::LiveCounters;
pub use metric::{Counter, CounterRow, Kind, Metric, Value};
pub use named::{MOST_NAMES, NamesOf, add_names};
pub use objects::{
    AskedView, ChannelRow, Envelope, Filling, Library, MAX_CHAPTERS, MAX_DASHBOARDS, MAX_OCTETS, MAX_PROFILES,
    MAX_STORED_CHANNELS, Origin, Page, ProfileName, ServiceDocument, Shelf, ViewDocument, ViewFormat, ViewPart,
};
pub use openapi::Document;
pub use own_metrics::METRICS;
pub use people::{
    AuditRow, BookError, DataLimits, Edge, Keeper, LimitsText, MAX_TOKENS, MAX_USERS, Networks, NewToken, People, PeopleError,
    Role, SessionDocument, TokenRow, UserRow, expiry, own_name,
};
pub use queries::QueryRow;
pub use question::{Asked, AskedSql, Format, SqlFormat};
pub use rendered::Rendered;
pub use routes::HealthPage;
pub use source::{SourceRow, SourceState};
