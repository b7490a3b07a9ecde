//! Why a request is refused, as JSON: what is wrong, where, and what could stand there.

use std::num::NonZeroU16;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong with a request, or with the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// A sentence.
    pub error: String,
    /// Which part of the question it is about: `filter`, `having`, `from`, `sql` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Where in that text, by place.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Box<Place>>,
    /// What could stand there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<String>,
    /// What was probably meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// Octets before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// Its line, from 1.
    pub line: usize,
    /// Its character in the line, from 1.
    pub column: usize,
}

impl Refusal {
    /// A refusal that is about no part.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), ..Self::default() }
    }

    /// A refusal of a part of the question.
    pub fn of(field: &str, error: impl Into<String>) -> Self {
        Self { error: error.into(), field: Some(field.into()), ..Self::default() }
    }
}

/// A refusal on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) refusal: Refusal,
    /// After how many seconds the client may come again, where that is known.
    wait: Option<NonZeroU16>,
}

/// When a client that was refused for want of room may come again, seconds.
const COME_AGAIN: u16 = 5;

impl Fault {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self::with(status, Refusal::new(error))
    }

    /// A refusal of a part of the request.
    pub(crate) const fn with(status: StatusCode, refusal: Refusal) -> Self {
        Self { status, refusal, wait: None }
    }

    /// The client may come again after so many seconds.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { wait: NonZeroU16::new(u16::try_from(seconds).unwrap_or(u16::MAX)), ..self }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::with(StatusCode::BAD_REQUEST, refusal)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.refusal)).into_response();
        let usual = (self.status == StatusCode::SERVICE_UNAVAILABLE).then_some(COME_AGAIN);
        if let Some(seconds) = self.wait.map(NonZeroU16::get).or(usual) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
